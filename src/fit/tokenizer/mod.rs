//! The mixture that a byte-level BPE tokenizer was trained on, from its merges and samples of the corpora (Data Mixture Inference,
//! Hayase et al. 2024, arXiv 2407.16607): each merge chose the pair that was the most frequent then.

mod cover;
mod encode;
mod history;
mod merges;
mod program;
mod split;
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

/// A range of a share that is wider says nothing of it alone.
const WIDE: f64 = 0.2;
/// What the range of a sum must be of those of its parts for the parts to be told apart only together.
const NARROWER: f64 = 1.0 / 3.0;
/// Half of a range that is narrower is not shown: nothing is known so well from samples.
const RESOLVED: f64 = 5e-4;
/// Agreement below which the samples do not cover what the tokenizer was trained on. With samples of the same corpora it is .95 to .97,
/// of other packages of them .88 to .93, and without a fifth of the text .80 (`examples/tokenizer/known.py`).
const AGREES: f64 = 0.85;

/// Settings of [`infer`].
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Merges at most, from the first on.
    pub merges: usize,
    /// Times that the parts of the samples are drawn anew for the ranges; fewer than two give none.
    pub resamples: usize,
    /// Seed of the draws.
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
    let (counts, bytes) = counted(samples, &once);
    let history = History::new(&samples.words, &counts, corpora.len(), used);
    let traced = history.steps.iter().filter(|step| step.pair.is_some()).count();
    if traced == 0 {
        return Err(InferError::NoTrace);
    }
    let best = solve(&history, &bytes)?;
    drop(history);
    let again = |index: usize| {
        let mut random = Random::new(settings.seed, index as u64);
        let times: Vec<Vec<u32>> = corpora.iter().map(|corpus| drawn(corpus.parts.len(), &mut random)).collect();
        let (counts, bytes) = counted(samples, &times);
        solve(&History::new(&samples.words, &counts, corpora.len(), used), &bytes).map(|solved| solved.shares)
    };
    let resampled: Vec<Vec<f64>> = (0..settings.resamples).into_par_iter().map(again).collect::<Result<_, _>>()?;
    let mut notes = merges.notes.clone();
    // Shares have one sum: what is not known of one corpus is not known of the others.
    let vain = corpora.iter().filter(|_| resampled.len() > 1).filter_map(|corpus| Some((corpus, corpus.repeats()?)));
    let vain: Vec<String> = vain.map(|(corpus, why)| format!("the samples of {} {why}", corpus.name)).collect();
    if !vain.is_empty() {
        notes.push(format!("No ranges: {}.", vain.join(", ")));
    }
    let half = |i: usize| half_width(&resampled, &[i]).filter(|_| vain.is_empty());
    let still = |i: &usize| half(*i).is_some_and(|half| half < RESOLVED);
    let still: Vec<&str> = (0..corpora.len()).filter(still).map(|i| &*corpora[i].name).collect();
    if !still.is_empty() {
        notes.push(format!(
            "No range for {}: the draws agree to {:.1} %, which says that these samples are alike, not that the share is so sure.",
            still.join(", "),
            200.0 * RESOLVED
        ));
    }
    let shares = corpora.iter().enumerate().map(|(i, corpus)| {
        let (share, half) = (best.shares[i], half(i).filter(|half| *half >= RESOLVED));
        CorpusShare {
            corpus: corpus.name.clone(),
            share,
            low: half.map(|half| (share - half).max(0.0)),
            high: half.map(|half| (share + half).min(1.0)),
            bytes: corpus.bytes(),
        }
    });
    let mut shares: Vec<CorpusShare> = shares.collect();
    let alike = alike(&resampled).into_iter().map(|group| group.iter().map(|i| corpora[*i].name.clone()).collect());
    let alike = alike.collect();
    shares.sort_by(|a, b| b.share.total_cmp(&a.share).then_with(|| a.corpus.cmp(&b.corpus)));
    Ok(TokenizerAudit {
        shares,
        merges: used.len(),
        merges_of: merges.pairs.len(),
        traced,
        agreement: best.agreement,
        covered: best.agreement >= AGREES,
        alike,
        resamples: settings.resamples,
        notes,
    })
}

/// How often each part is drawn if as many are drawn as there are.
fn drawn(parts: usize, random: &mut Random) -> Vec<u32> {
    let mut times = vec![0; parts];
    (0..parts).for_each(|_| times[random.below(parts)] += 1);
    times
}

/// Counts of the words, a row of corpora a word, and bytes of the corpora, with each part taken so many times.
fn counted(samples: &Samples, times: &[Vec<u32>]) -> (Vec<u32>, Vec<u64>) {
    let corpora = samples.corpora.len();
    let mut counts = vec![0_u32; samples.words.len() * corpora];
    let mut bytes = vec![0; corpora];
    for (i, (corpus, times)) in samples.corpora.iter().zip(times).enumerate() {
        for (part, times) in corpus.parts.iter().zip(times) {
            bytes[i] += part.bytes * u64::from(*times);
            for (word, count) in &part.counts {
                counts[*word as usize * corpora + i] += count * times;
            }
        }
    }
    (counts, bytes)
}

/// Half the width of the 90 % range of the sum of some corpora's shares, by its spread over the resamples (Student's t); none with
/// fewer than two.
#[allow(clippy::cast_precision_loss)]
fn half_width(resampled: &[Vec<f64>], of: &[usize]) -> Option<f64> {
    let sums: Vec<f64> = resampled.iter().map(|shares| of.iter().map(|i| shares[*i]).sum()).collect();
    let freedom = (sums.len() as f64) - 1.0;
    if freedom < 1.0 {
        return None;
    }
    let mean = sums.iter().sum::<f64>() / sums.len() as f64;
    let spread = (sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / freedom).sqrt();
    // The 95th percentile of Student's t, to .02 from four degrees of freedom on.
    Some(spread * (1.645 + 1.52 / freedom + 1.42 / freedom.powi(2) + 1.73 / freedom.powi(3)))
}

/// Groups of corpora of which only the sum is known: each alone has a wide range, and two together a narrow one.
fn alike(resampled: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let corpora = resampled.first().map_or(0, Vec::len);
    let width = |of: &[usize]| half_width(resampled, of).map_or(0.0, |half| 2.0 * half);
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
