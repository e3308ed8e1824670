//! Priors of `design` that need no training, from samples of the domains' text.

use super::samples;
use super::tokenizer::merges;
use crate::advise::design::entropy::{Entropies, entropies, shares};
use crate::fit::tokenizer::Encoder;
use crate::ipc::protocol::Failure;
use crate::vocab::text::printable;
use crate::vocab::{Mixture, PriorView};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `design` about priors.
#[derive(Debug, Args)]
pub struct Priors {
    /// Samples of the domains' text: a directory with a sub-directory or a file (.txt, .jsonl with `text`, .gz, .zst) for each;
    /// the shares that their entropy gives are shown (BiMix)
    #[arg(long, value_name = "DIR")]
    pub(super) samples: Option<PathBuf>,
    /// Take these shares for the natural ones
    #[arg(long, value_name = "MEASURE", requires = "samples", conflicts_with = "prior")]
    pub(super) prior_by: Option<Measure>,
    /// Tokens are those of this merges.txt or tokenizer.json (byte-level BPE) [default: words]
    #[arg(long, value_name = "FILE", requires = "samples")]
    tokenizer: Option<PathBuf>,
}

/// What is measured of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Measure {
    /// Entropy of a token given the one before; best in BiMix
    #[value(name = "conditional-entropy")]
    Conditional,
    /// Entropy of pairs of adjacent tokens
    #[value(name = "joint-entropy")]
    Joint,
    /// Entropy of tokens
    #[value(name = "shannon-entropy")]
    Shannon,
}

impl Measure {
    fn of(self, entropies: &Entropies) -> f64 {
        match self {
            Self::Conditional => entropies.conditional,
            Self::Joint => entropies.joint,
            Self::Shannon => entropies.shannon,
        }
    }

    /// Its name, as it is typed.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

impl Priors {
    /// Shares by each measure; empty without samples. `domains`: those of the project; empty to take what has samples.
    ///
    /// # Errors
    /// Samples that cannot be read; a domain without text.
    pub(super) fn read(&self, domains: &[String]) -> Result<Vec<PriorView>, Failure> {
        let Some(samples) = &self.samples else { return Ok(Vec::new()) };
        let mut encoder = match &self.tokenizer {
            Some(file) => Encoder::new(merges(file)?),
            None => Encoder::words(),
        };
        let found = samples::find(samples)?;
        let names: Vec<String> = if domains.is_empty() { found.keys().cloned().collect() } else { domains.to_vec() };
        let mut texts: Vec<Vec<Vec<u32>>> = Vec::new();
        for name in &names {
            let files = found.get(name).ok_or_else(|| missing(name, &format!("put {name}/ or {name}.txt there")))?;
            let corpus = samples::read(name, files)?;
            texts.push(corpus.documents.iter().map(|document| encoder.encode(document)).collect());
        }
        // Entropy grows with the text that it is measured on: the same of each.
        let tokens = |documents: &[Vec<u32>]| documents.iter().map(Vec::len).sum::<usize>();
        let least = texts.iter().map(|documents| tokens(documents)).min().unwrap_or(0);
        let mut measured = Vec::new();
        for (name, documents) in names.iter().zip(&mut texts) {
            cut(documents, least);
            measured
                .push(entropies(documents).ok_or_else(|| missing(name, "a sample needs text of two words or more"))?);
        }
        let views = Measure::value_variants().iter().map(|measure| {
            let values: Vec<f64> = measured.iter().map(|entropies| measure.of(entropies)).collect();
            PriorView {
                by: measure.name(),
                shares: Mixture(names.iter().cloned().zip(shares(&values)).collect()),
                entropy: names.iter().cloned().zip(values).collect(),
                tokens: least,
            }
        });
        Ok(views.collect())
    }
}

/// Leaves so many tokens, of all documents the same share.
fn cut(documents: &mut Vec<Vec<u32>>, most: usize) {
    let total: usize = documents.iter().map(Vec::len).sum();
    let (mut before, mut kept) = (0, 0);
    for document in documents {
        before += document.len();
        let wanted = usize::try_from(before as u128 * most as u128 / total.max(1) as u128).unwrap_or(most);
        document.truncate(wanted - kept);
        kept = wanted;
    }
}

fn missing(domain: &str, help: &str) -> Failure {
    Failure::usage(format!("there is no sample of '{}'", printable(domain)), help.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_corpus_is_measured_on_as_much_text() {
        let mut documents = vec![vec![1; 10], vec![2; 3], vec![], vec![3; 7]];
        cut(&mut documents, 10);
        assert_eq!(documents.iter().map(Vec::len).collect::<Vec<_>>(), [5, 1, 0, 4]);
        cut(&mut documents, 10);
        assert_eq!(documents.iter().map(Vec::len).sum::<usize>(), 10);
    }

    #[test]
    fn what_is_less_certain_gets_more() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dull.txt"), "one two ".repeat(400)).unwrap();
        let varied: Vec<String> =
            (0..800).map(|i| format!("w{}", "abcdefgh".as_bytes()[(i * i / 3) % 8] as char)).collect();
        std::fs::write(dir.path().join("varied.txt"), varied.join(" ")).unwrap();
        let priors = Priors { samples: Some(dir.path().to_owned()), prior_by: None, tokenizer: None };
        let views = priors.read(&[]).unwrap();
        assert_eq!(
            views.iter().map(|view| &view.by[..]).collect::<Vec<_>>(),
            ["conditional-entropy", "joint-entropy", "shannon-entropy"]
        );
        for view in &views {
            assert!(view.shares.weight("varied") > 0.6, "{view:?}");
            assert!((view.shares.0.values().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        let error = priors.read(&["dull".to_owned(), "web".to_owned()]).unwrap_err();
        assert_eq!(error.message, "there is no sample of 'web'");
    }
}
