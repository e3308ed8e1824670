//! Sweep arguments: `1B:8B:1B`, `1B,2B,4B`, `rust=0:1:0.05`.

use super::ArgumentError;
use crate::vocab::number::parse_amount;
use crate::vocab::{Mixture, ValueError};

/// Most values in one sweep.
pub(super) const MOST: usize = 10_000;

/// Amounts in the order given, at least one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Amounts(pub Vec<f64>);

/// Mixtures in the order given, at least one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mixtures(pub Vec<Mixture>);

/// Parses one amount, a list (`1B,2B,4B`), or an inclusive range (`1B:8B:1B`).
///
/// # Errors
/// [`ArgumentError`].
pub(super) fn amounts(text: &str) -> Result<Amounts, ArgumentError> {
    let parts =
        text.split(',').map(|part| range(part, |text| Ok(parse_amount(text)?))).collect::<Result<Vec<_>, _>>()?;
    Ok(Amounts(parts.concat()))
}

/// Parses weights (`prose=0.7,rust=0.3`). Each may be a range (`rust=0:1:0.05`); several ranges give every combination.
///
/// # Errors
/// [`ArgumentError`].
pub(super) fn mixtures(text: &str) -> Result<Mixtures, ArgumentError> {
    let mut all = vec![Mixture::default()];
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (domain, weights) = part.split_once('=').ok_or_else(|| ValueError::NotAWeight(part.to_owned()))?;
        let domain = domain.trim();
        if all[0].0.contains_key(domain) {
            return Err(ValueError::Twice(domain.to_owned()).into());
        }
        let weight = |text: &str| {
            let value = text.trim().parse::<f64>().ok().filter(|w| (0.0..=1.0).contains(w));
            let (domain, text) = (domain.to_owned(), text.trim().to_owned());
            value.ok_or(ArgumentError::NotAWeight { domain, text })
        };
        let weights = range(weights, weight)?;
        if all.len() * weights.len() > MOST {
            return Err(ArgumentError::TooMany(all.len() * weights.len()));
        }
        let with = |w: f64| {
            let domain = domain.to_owned();
            all.iter().cloned().map(move |mut mixture: Mixture| {
                mixture.0.insert(domain.clone(), w);
                mixture
            })
        };
        all = weights.into_iter().flat_map(with).collect();
    }
    if all[0].0.is_empty() {
        return Err(ArgumentError::NoWeights);
    }
    Ok(Mixtures(all))
}

/// Parses one value, or an inclusive range `from:to:step`.
fn range(text: &str, read: impl Fn(&str) -> Result<f64, ArgumentError>) -> Result<Vec<f64>, ArgumentError> {
    let parts: Vec<&str> = text.split(':').collect();
    let (from, to, step) = match parts.as_slice() {
        [one] => return Ok(vec![read(one)?]),
        [from, to, step] => (read(from)?, read(to)?, read(step)?),
        _ => return Err(ArgumentError::NotARange(text.trim().to_owned())),
    };
    if step <= 0.0 || to < from {
        return Err(ArgumentError::EmptyRange(text.trim().to_owned()));
    }
    // The end belongs to it though the steps do not meet it to the last digit.
    let steps = ((to - from) / step + 1e-9).floor();
    if steps >= MOST as f64 {
        return Err(ArgumentError::TooMany(steps as usize + 1));
    }
    Ok((0..=steps as usize).map(|i| round(from + i as f64 * step)).collect())
}

/// Removes the rounding error of repeated addition: 0.15000000000000002 becomes 0.15.
fn round(value: f64) -> f64 {
    format!("{value:.12e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_both_ends_and_no_dust() {
        assert_eq!(amounts("1B:4B:1B"), Ok(Amounts(vec![1e9, 2e9, 3e9, 4e9])));
        assert_eq!(amounts("7B"), Ok(Amounts(vec![7e9])));
        assert_eq!(amounts("1B,2B:3B:500M"), Ok(Amounts(vec![1e9, 2e9, 2.5e9, 3e9])));
        let Mixtures(all) = mixtures("rust=0:1:0.05").unwrap();
        assert_eq!(all.len(), 21);
        assert_eq!((all[3].weight("rust"), all[20].weight("rust")), (0.15, 1.0));
        let Mixtures(all) = mixtures("rust=0:1:0.5, web=0.1:0.2:0.1, prose=0.1").unwrap();
        assert_eq!(all.len(), 6);
        assert!(all.iter().all(|m| m.weight("prose") == 0.1));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_what_was_typed() {
        for wrong in ["", "1B:8B", "8B:1B:1B", "1B:8B:0", "1:1e9:1", "many", "1B:2B:3B:4B"] {
            assert!(amounts(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "rust", "rust=a lot", "rust=0.5,rust=0.5", "rust=0:2:0.5", "rust=0:1", "rust=-1"] {
            assert!(mixtures(wrong).is_err(), "{wrong}");
        }
    }
}
