//! Mixture weights of the domains.

use super::ValueError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Mixture weights by domain: each in `[0, 1]`, with sum 1. A domain that is not listed has weight 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Mixture(pub BTreeMap<String, f64>);

impl Mixture {
    /// Tolerated difference of the sum of weights from 1, for rounded input such as `0.333, 0.333, 0.333`.
    pub const SUM_TOLERANCE: f64 = 5e-3;

    /// The weight of `domain`; 0 if it is not listed.
    #[must_use]
    pub fn weight(&self, domain: &str) -> f64 {
        self.0.get(domain).copied().unwrap_or(0.0)
    }

    /// The weights in the order of `domains`.
    #[must_use]
    pub fn weights(&self, domains: &[String]) -> Vec<f64> {
        domains.iter().map(|d| self.weight(d)).collect()
    }

    /// Creates a mixture from weights in the order of `domains`.
    #[must_use]
    pub fn from_weights(domains: &[String], weights: &[f64]) -> Self {
        Self(domains.iter().cloned().zip(weights.iter().copied()).collect())
    }

    /// Completes a partial mixture: the `domains` that are not listed share the rest up to 1 in the proportions of `like`
    /// (equally if those are all zero). `None` if there is no rest or every domain is listed.
    #[must_use]
    pub fn filled(&self, domains: &[String], like: &Self) -> Option<Self> {
        let left = 1.0 - self.0.values().sum::<f64>();
        let others: Vec<&String> = domains.iter().filter(|d| !self.0.contains_key(*d)).collect();
        if left <= Self::SUM_TOLERANCE || others.is_empty() {
            return None;
        }
        let sum: f64 = others.iter().map(|d| like.weight(d)).sum();
        let share = |d: &str| if sum > 0.0 { like.weight(d) / sum } else { 1.0 / others.len() as f64 };
        let mut all = self.0.clone();
        all.extend(others.iter().map(|d| ((*d).clone(), left * share(d))));
        Some(Self(all))
    }

    /// The mixture scaled to a sum of exactly 1, and the original sum.
    ///
    /// # Errors
    /// [`ValueError`], if a weight is negative or not finite, or all are zero.
    pub fn normalised(&self) -> Result<(Self, f64), ValueError> {
        for (domain, weight) in &self.0 {
            if !weight.is_finite() || *weight < 0.0 {
                return Err(ValueError::WeightOutOfRange { domain: domain.clone(), weight: *weight });
            }
        }
        let sum: f64 = self.0.values().sum();
        if sum <= 0.0 {
            return Err(ValueError::AllZero);
        }
        Ok((Self(self.0.iter().map(|(d, w)| (d.clone(), w / sum)).collect()), sum))
    }
}

/// What tells mixtures apart: weights to a thousandth, as parts of their sum. Weights of 0 at the end do not count, as some lists of
/// domains end before others.
#[must_use]
#[allow(clippy::cast_possible_truncation)]
pub fn thousandths(weights: &[f64]) -> Vec<i64> {
    let sum: f64 = weights.iter().sum();
    let mut parts: Vec<i64> = weights.iter().map(|weight| (weight / sum * 1e3).round() as i64).collect();
    while parts.last() == Some(&0) {
        parts.pop();
    }
    parts
}

/// Parses `prose=0.7,rust=0.3`. The weights are not normalised: see [`Mixture::normalised`].
impl std::str::FromStr for Mixture {
    type Err = ValueError;

    /// # Errors
    /// [`ValueError`] for the first part that cannot be read.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut mixture = Self::default();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (domain, text) = part.split_once('=').ok_or_else(|| ValueError::NotAWeight(part.to_owned()))?;
            let unread = |source| ValueError::WeightUnread { domain: domain.to_owned(), text: text.to_owned(), source };
            let weight: f64 = text.trim().parse().map_err(unread)?;
            if mixture.0.insert(domain.trim().to_owned(), weight).is_some() {
                return Err(ValueError::Twice(domain.trim().to_owned()));
            }
        }
        if mixture.0.is_empty() { Err(ValueError::NoWeights) } else { Ok(mixture) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_that_are_not_named_share_what_is_left_in_proportion() {
        let domains = ["prose", "rust", "web"].map(str::to_owned);
        let current = Mixture::from_weights(&domains, &[0.6, 0.2, 0.2]);
        let of = |weights: &[(&str, f64)]| Mixture(weights.iter().map(|(d, w)| ((*d).to_owned(), *w)).collect());
        let filled = of(&[("rust", 0.4)]).filled(&domains, &current).unwrap();
        assert!((filled.weight("prose") - 0.45).abs() < 1e-12 && (filled.weight("web") - 0.15).abs() < 1e-12);
        assert_eq!(of(&[("rust", 1.0)]).filled(&domains, &current), None);
        assert_eq!(of(&[("rust", 0.4), ("web", 0.1), ("prose", 0.1)]).filled(&domains, &current), None);
        let none = of(&[("prose", 0.5)]).filled(&domains, &of(&[("prose", 1.0)])).unwrap();
        assert_eq!(none.weights(&domains), [0.5, 0.25, 0.25]);
    }

    #[test]
    fn mixtures_that_differ_by_less_than_a_thousandth_or_by_domains_of_no_weight_are_one() {
        assert_eq!(thousandths(&[0.3, 0.7]), [300, 700]);
        assert_eq!(thousandths(&[0.3002, 0.6998, 0.0]), thousandths(&[0.3, 0.7]));
        assert_eq!(thousandths(&[0.6, 1.4]), thousandths(&[0.3, 0.7]));
        assert_ne!(thousandths(&[0.302, 0.698]), thousandths(&[0.3, 0.7]));
        assert_ne!(thousandths(&[0.0, 0.3, 0.7]), thousandths(&[0.3, 0.7]));
    }
}
