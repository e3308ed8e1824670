//! Replaces the weights in somebody else's YAML or JSON file, and nothing else: comments, order, quotes and line ends stay,
//! because only the digits of the weights are written anew.
//!
//! What cannot be edited so that it is certain what it will say (anchors, tags, a key that is there twice) is refused, with
//! its place.

mod json;
mod weight;
mod yaml;

use super::ProjectError;
use super::source::{At, Source};
use crate::vocab::{Mixture, Ordered};
use std::path::Path;
use weight::{Weight, at};

/// Largest file, bytes.
pub const MAX_BYTES: u64 = 4 << 20;
/// Weights are written in units of 1e-6 of the whole.
const UNITS: f64 = 1e6;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

impl Format {
    /// By the ending of a path; `None` for any other.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        match ending.as_deref() {
            Some("yaml" | "yml") => Some(Self::Yaml),
            Some("json") => Some(Self::Json),
            _ => None,
        }
    }
}

/// A file with other weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Edited {
    /// The whole text.
    pub text: String,
    /// The weights that it says now, with sum 1.
    pub mixture: Mixture,
    /// Lines that differ: number from 1, before, after.
    pub lines: Vec<(usize, String, String)>,
}

/// The weights that a file says, with sum 1.
///
/// # Errors
/// [`ProjectError::Invalid`]: it has none there, or they cannot be read.
pub fn read(named: &Path, text: &str, format: Format, key: &str) -> Result<Mixture, ProjectError> {
    let (source, _) = without_mark(named, text);
    let weights = find(&source, format, key)?;
    let whole = whole(&source, &weights, key)?;
    Ok(Mixture(weights.into_iter().map(|w| (w.domain, w.value / whole)).collect()))
}

/// The file with the weights of `mixture` in place of those that it has.
///
/// # Errors
/// [`ProjectError::Invalid`]: what cannot be edited, with its place.
pub fn write(named: &Path, text: &str, format: Format, key: &str, mixture: &Mixture) -> Result<Edited, ProjectError> {
    let (source, mark) = without_mark(named, text);
    let weights = find(&source, format, key)?;
    let whole = whole(&source, &weights, key)?;
    for weight in &weights {
        if !mixture.0.contains_key(&weight.domain) && weight.value != 0.0 {
            let message = format!("`{key}` has `{}`, which is no domain of the advice", weight.domain);
            let help = "set its weight to 0 or remove it, so that the others can sum to the whole";
            return Err(source.invalid(at(source.text, weight.digits.start), message, help));
        }
    }
    let missing = mixture
        .0
        .iter()
        .find(|(domain, share)| **share > 0.5 / UNITS && !weights.iter().any(|weight| weight.domain == **domain));
    if let (Some((domain, _)), Some(first)) = (missing, weights.first()) {
        let message = format!("`{key}` has no `{domain}`, which the advice gives a weight");
        let help = format!("add it once with the weight it has now: {domain}: 0");
        return Err(source.invalid(at(source.text, first.digits.start), message, help));
    }
    let shares: Vec<f64> = weights.iter().map(|weight| mixture.weight(&weight.domain)).collect();
    let units = rounded(&shares);
    let mut new = source.text.to_owned();
    for (weight, units) in weights.iter().zip(&units).rev() {
        let value = *units as f64 / UNITS * whole;
        // What says the same already stays as it is written.
        if (weight.value - value).abs() > 1e-9 * whole {
            new.replace_range(weight.digits.clone(), &digits(*units, whole));
        }
    }
    let written = Source { file: named, text: &new };
    let check = find(&written, format, key)?;
    let same = check.len() == weights.len()
        && check.iter().zip(&weights).zip(&units).all(|((new, old), units)| {
            new.domain == old.domain && (new.value - *units as f64 / UNITS * whole).abs() <= 1e-9 * whole
        });
    if !same {
        let message = "the file would not say what was written to it";
        return Err(source.invalid(At::START, message, "please report this, with the file"));
    }
    let lines = source.text.lines().zip(new.lines()).enumerate().filter(|(_, (a, b))| a != b);
    let lines = lines.map(|(i, (a, b))| (i + 1, a.to_owned(), b.to_owned())).collect();
    let mixture = weights.iter().zip(&units).map(|(w, units)| (w.domain.clone(), *units as f64 / UNITS)).collect();
    Ok(Edited { text: format!("{mark}{new}"), mixture: Mixture(mixture), lines })
}

/// The text behind a byte order mark, and the mark.
fn without_mark<'a>(named: &'a Path, text: &'a str) -> (Source<'a>, &'static str) {
    match text.strip_prefix('\u{feff}') {
        Some(text) => (Source { file: named, text }, "\u{feff}"),
        None => (Source { file: named, text }, ""),
    }
}

fn find(source: &Source<'_>, format: Format, key: &str) -> Result<Vec<Weight>, ProjectError> {
    let path: Vec<&str> = key.split('.').map(str::trim).collect();
    let weights = match format {
        Format::Yaml => yaml::weights(source, &path)?,
        Format::Json => json::weights(source, &path)?,
    };
    if weights.is_empty() {
        let help = "write the weights that are in use, such as { prose: 0.8, rust: 0.2 }";
        return Err(source.invalid(At::START, format!("`{key}` has no weights"), help));
    }
    for (i, weight) in weights.iter().enumerate() {
        let place = at(source.text, weight.digits.start);
        if !(weight.value.is_finite() && weight.value >= 0.0) {
            let message = format!("the weight of `{}` is {}", weight.domain, weight.value);
            return Err(source.invalid(place, message, "weights are numbers from 0"));
        }
        if weights[..i].iter().any(|before| before.domain == weight.domain) {
            let message = format!("`{}` is there twice", weight.domain);
            return Err(source.invalid(place, message, "remove one of the two"));
        }
    }
    Ok(weights)
}

/// What the weights sum to: 1, or 100 for percent.
fn whole(source: &Source<'_>, weights: &[Weight], key: &str) -> Result<f64, ProjectError> {
    let sum: f64 = weights.iter().map(|weight| weight.value).sum();
    let near = |whole: f64| (sum / whole - 1.0).abs() <= Mixture::SUM_TOLERANCE;
    match [1.0, 100.0].into_iter().find(|whole| near(*whole)) {
        Some(whole) => Ok(whole),
        None => {
            let place = weights.first().map_or(At::START, |first| at(source.text, first.digits.start));
            let message =
                format!("the weights of `{key}` sum to {}, neither to 1 nor to 100", (1e4 * sum).round() / 1e4);
            Err(source.invalid(place, message, "write weights that sum to 1"))
        }
    }
}

/// Shares in units, whose sum is exactly [`UNITS`]: what rounding leaves goes to those that it took most from.
fn rounded(shares: &[f64]) -> Vec<u64> {
    let sum: f64 = shares.iter().sum();
    let exact: Vec<f64> = shares.iter().map(|share| share / sum * UNITS).collect();
    let mut units: Vec<u64> = exact.iter().map(|units| units.floor() as u64).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by_cached_key(|i| std::cmp::Reverse(Ordered(exact[*i].fract())));
    let left = (UNITS as u64).saturating_sub(units.iter().sum());
    order.into_iter().take(left as usize).for_each(|place| units[place] += 1);
    units
}

/// A number of units as a decimal number, with a point so that every reader takes it for one.
fn digits(units: u64, whole: f64) -> String {
    let text = if whole > 1.0 {
        format!("{}.{:04}", units / 10_000, units % 10_000)
    } else {
        format!("{}.{:06}", units / 1_000_000, units % 1_000_000)
    };
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}

#[cfg(test)]
mod tests;
