//! The mixture that a byte-level BPE tokenizer was trained on, from its merges and samples of the corpora (Data Mixture Inference,
//! Hayase et al. 2024, arXiv 2407.16607): each merge chose the pair that was the most frequent then.

mod cover;
mod encode;
mod history;
mod merges;
mod program;
mod split;
mod trials;
mod words;

pub use encode::Encoder;
pub use merges::{Merges, MergesError, parse};
pub use program::ProgramError;
pub use split::Split;
pub use words::Samples;

#[cfg(test)]
mod tests;

use super::random::Random;
use crate::vocab::{CorpusShare, TokenizerAudit};
use history::History;
use program::solve;
use rayon::prelude::*;
use trials::{Trial, trial};

/// A range of a share that is wider says nothing of it alone.
const WIDE: f64 = 0.2;
/// What the range of a sum must be of those of its parts for the parts to be told apart only together.
const NARROWER: f64 = 1.0 / 3.0;
/// Half of a range is at least this: nothing is known so well from samples.
const LEAST: f64 = 1e-3;
/// Disagreement that is less than this is taken for this: it would be chance.
const FINEST: f64 = 0.01;
/// A tokenizer that is so many times as far from agreeing with the samples as those of trials gets no ranges.
const UNLIKE: f64 = 2.0;
/// The 95th percentile of Student's t with four degrees of freedom. Trials are many, and what they differ in is few: halves of a sample
/// are made of some four quarters.
const STUDENT: f64 = 2.13;
/// Agreement below which the samples do not cover what the tokenizer was trained on. With samples of the same corpora it is .95 to .97,
/// of other packages of them .88 to .93, and without a fifth of the text .80 (`examples/tokenizer/known.py`).
const AGREES: f64 = 0.85;

/// Settings of [`infer`].
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Merges at most, from the first on.
    pub merges: usize,
    /// Trials that the ranges are made of; 0 for none.
    pub trials: usize,
    /// Seed of the trials.
    pub seed: u64,
}

/// Why nothing is inferred.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferError {
    /// Fewer than two corpora.
    #[error("a mixture needs samples of two corpora or more; there {}", match .0 { 0 => "are none".to_owned(), n => format!("is {n}") })]
    TooFew(usize),
    /// A corpus without text.
    #[error("the samples of '{0}' have no text")]
    NoText(String),
    /// The samples have none of the merges.
    #[error("none of the merges occurs in the samples")]
    NoTrace,
    /// The solver gave up.
    #[error(transparent)]
    Program(#[from] ProgramError),
}

/// Infers the mixture, as shares of the bytes that the tokenizer was trained on.
///
/// # Errors
/// [`InferError`].
pub fn infer(merges: &Merges, samples: &Samples, settings: Settings) -> Result<TokenizerAudit, InferError> {
    let corpora = &samples.corpora;
    if corpora.len() < 2 {
        return Err(InferError::TooFew(corpora.len()));
    }
    if let Some(empty) = corpora.iter().find(|corpus| corpus.parts.is_empty()) {
        return Err(InferError::NoText(empty.name.clone()));
    }
    let used = &merges.pairs[..merges.pairs.len().min(settings.merges)];
    let once: Vec<Vec<u32>> = corpora.iter().map(|corpus| vec![1; corpus.parts.len()]).collect();
    let (counts, bytes) = samples.counted(&once);
    let history = History::new(&samples.words, &counts, corpora.len(), used);
    let traced = history.steps.iter().filter(|step| step.pair.is_some()).count();
    if traced == 0 {
        return Err(InferError::NoTrace);
    }
    let best = solve(&history, &bytes)?;
    drop(history);
    let mut notes = merges.notes.clone();
    // Shares have one sum: what is not known of one corpus is not known of the others.
    let vain = corpora.iter().filter(|_| settings.trials > 0).filter_map(|corpus| Some((corpus, corpus.repeats()?)));
    let vain: Vec<String> = vain.map(|(corpus, why)| format!("the samples of {} {why}", corpus.name)).collect();
    if !vain.is_empty() {
        notes.push(format!("No ranges: {}.", vain.join(", ")));
    }
    let covered = best.agreement >= AGREES;
    if vain.is_empty() && settings.trials > 0 && !covered {
        notes.push(
            "No ranges: nothing says how far shares are off of a tokenizer that the samples do not explain.".to_owned(),
        );
    }
    let trials = if vain.is_empty() && covered { settings.trials } else { 0 };
    let one = |index: usize| trial(samples, &best.shares, used.len(), &mut Random::new(settings.seed, index as u64));
    let found: Vec<Trial> = (0..trials).into_par_iter().map(one).collect::<Result<_, _>>()?;
    let (errors, unlike) = scaled(&found, best.agreement);
    if unlike > UNLIKE {
        notes.push(format!(
            "No ranges: the tokenizer agrees with these samples by {:.1} %, tokenizers trained on one half of them with the other by {:.1} %. \
             What it was trained on differs more from the samples than these do among themselves, so that they do not say how far the \
             shares may be off.",
            100.0 * best.agreement,
            100.0 * found.iter().map(|trial| trial.agreement).sum::<f64>() / found.len() as f64
        ));
    }
    let shares = corpora.iter().enumerate().map(|(i, corpus)| {
        let (share, half) =
            (best.shares[i], half_width(&errors, &[i]).filter(|_| unlike <= UNLIKE).map(|half| half.max(LEAST)));
        CorpusShare {
            corpus: corpus.name.clone(),
            share,
            low: half.map(|half| (share - half).max(0.0)),
            high: half.map(|half| (share + half).min(1.0)),
            bytes: corpus.bytes(),
        }
    });
    let mut shares: Vec<CorpusShare> = shares.collect();
    let alike = alike(&errors).into_iter().map(|group| group.iter().map(|i| corpora[*i].name.clone()).collect());
    let alike = alike.collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.corpus.cmp(&b.corpus)));
    Ok(TokenizerAudit {
        shares,
        merges: used.len(),
        merges_of: merges.pairs.len(),
        traced,
        agreement: best.agreement,
        covered,
        alike,
        trials,
        notes,
    })
}

/// Errors of trials, a row each, and how many times as far this tokenizer is from agreeing with the samples as those of the trials were.
/// The further, the more its text differs from the samples, and the further shares are off: errors are scaled by it, and never down.
fn scaled(trials: &[Trial], agreement: f64) -> (Vec<Vec<f64>>, f64) {
    if trials.is_empty() {
        return (Vec::new(), 1.0);
    }
    let usual = trials.iter().map(|trial| 1.0 - trial.agreement).sum::<f64>() / trials.len() as f64;
    let unlike = ((1.0 - agreement) / usual.max(FINEST)).max(1.0);
    (trials.iter().map(|trial| trial.errors.iter().map(|error| unlike * error).collect()).collect(), unlike)
}

/// Half the width of the 90 % range of the sum of some corpora's shares, by how far it was off in the trials (as a root mean square: what
/// they have in common is a part of the error); none without trials.
#[allow(clippy::cast_precision_loss)]
fn half_width(errors: &[Vec<f64>], of: &[usize]) -> Option<f64> {
    let sum = |errors: &Vec<f64>| of.iter().map(|i| errors[*i]).sum::<f64>();
    let squares: f64 = errors.iter().map(|errors| sum(errors).powi(2)).sum();
    (!errors.is_empty()).then(|| STUDENT * (squares / errors.len() as f64).sqrt())
}

/// Groups of corpora of which only the sum is known: each alone has a wide range, and two together a narrow one.
fn alike(errors: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let corpora = errors.first().map_or(0, Vec::len);
    let width = |of: &[usize]| half_width(errors, of).map_or(0.0, |half| 2.0 * half);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for i in 0..corpora {
        for j in i + 1..corpora {
            let (one, other) = (width(&[i]), width(&[j]));
            if one.min(other) > WIDE && width(&[i, j]) < NARROWER * one.min(other) {
                let (mut joined, others): (Vec<_>, Vec<_>) =
                    groups.into_iter().partition(|group: &Vec<usize>| group.contains(&i) || group.contains(&j));
                joined.push(vec![i, j]);
                let mut group = joined.concat();
                group.sort_unstable();
                group.dedup();
                groups = others;
                groups.push(group);
            }
        }
    }
    groups
}
