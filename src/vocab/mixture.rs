//! Weights over domains.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Weights over named domains: each in `[0, 1]`, together one. A domain that is not named has weight 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Mixture(pub BTreeMap<String, f64>);

impl Mixture {
    /// How far the sum of weights may be from one and still be taken as one (hand-written thirds: `0.33, 0.33, 0.34`
    /// are exact, `0.333, 0.333, 0.333` are not but are meant to be).
    pub const SUM_TOLERANCE: f64 = 5e-3;

    /// The weight of `domain`, 0 where it is not named.
    #[must_use]
    pub fn weight(&self, domain: &str) -> f64 {
        self.0.get(domain).copied().unwrap_or(0.0)
    }

    /// The weights in the order of `domains`.
    #[must_use]
    pub fn weights(&self, domains: &[String]) -> Vec<f64> {
        domains.iter().map(|d| self.weight(d)).collect()
    }

    /// From weights in the order of `domains`.
    #[must_use]
    pub fn from_weights(domains: &[String], weights: &[f64]) -> Self {
        Self(domains.iter().cloned().zip(weights.iter().copied()).collect())
    }

    /// The same proportions with a sum of exactly one, and the sum they had.
    ///
    /// # Errors
    /// A sentence, if a weight is negative or not finite, or all are zero.
    pub fn normalised(&self) -> Result<(Self, f64), String> {
        for (domain, weight) in &self.0 {
            if !weight.is_finite() || *weight < 0.0 {
                return Err(format!("the weight of '{domain}' is {weight}; weights are numbers from 0 to 1"));
            }
        }
        let sum: f64 = self.0.values().sum();
        if sum <= 0.0 {
            return Err("all weights are zero".to_owned());
        }
        Ok((Self(self.0.iter().map(|(d, w)| (d.clone(), w / sum)).collect()), sum))
    }
}
