//! Shares by the entropy of samples of text.

use super::measure::{Measure, missing};
use crate::advise::design::entropy::{entropies, shares};
use crate::cli::samples;
use crate::fit::tokenizer::Encoder;
use crate::ipc::protocol::Failure;
use crate::vocab::{Mixture, PriorView};
use std::path::Path;

/// The domains that have samples.
///
/// # Errors
/// Samples that cannot be read.
pub(super) fn domains(samples: &Path) -> Result<Vec<String>, Failure> {
    Ok(samples::find(samples)?.keys().cloned().collect())
}

/// Shares by each measure of text.
///
/// # Errors
/// Samples that cannot be read; a domain without text.
pub(super) fn read(samples: &Path, names: &[String], mut encoder: Encoder) -> Result<Vec<PriorView>, Failure> {
    let found = samples::find(samples)?;
    let mut texts: Vec<Vec<Vec<u32>>> = Vec::new();
    for name in names {
        let files =
            found.get(name).ok_or_else(|| missing("sample", name, &format!("put {name}/ or {name}.txt there")))?;
        let corpus = samples::read(name, files)?;
        texts.push(corpus.documents.iter().map(|document| encoder.encode(document)).collect());
    }
    // Entropy grows with the text that it is measured on: the same of each.
    let tokens = |documents: &[Vec<u32>]| documents.iter().map(Vec::len).sum::<usize>();
    let least = texts.iter().map(|documents| tokens(documents)).min().unwrap_or(0);
    let mut measured = Vec::new();
    for (name, documents) in names.iter().zip(&mut texts) {
        cut(documents, least);
        let entropies = entropies(documents);
        measured.push(entropies.ok_or_else(|| missing("sample", name, "a sample needs text of two words or more"))?);
    }
    let views = [Measure::Conditional, Measure::Joint, Measure::Shannon].into_iter().map(|measure| {
        let of = |entropies: &crate::advise::design::entropy::Entropies| match measure {
            Measure::Joint => entropies.joint,
            Measure::Shannon => entropies.shannon,
            _ => entropies.conditional,
        };
        let values: Vec<f64> = measured.iter().map(of).collect();
        PriorView {
            by: measure.name(),
            shares: Mixture(names.iter().cloned().zip(shares(&values)).collect()),
            measured: names.iter().cloned().zip(values).collect(),
            unit: "nats a token".to_owned(),
            of: least,
        }
    });
    Ok(views.collect())
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
}
