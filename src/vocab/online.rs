//! Weights that online rules give during a run.

use super::Mixture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Weights at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OnlineStep {
    /// Step of the run.
    pub step: i64,
    /// Weights in the order of the domains; they sum to 1.
    pub weights: Vec<f64>,
}

/// What one rule gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OnlineRule {
    /// Name, as in `online: { rule: … }`.
    pub rule: String,
    /// Title.
    pub title: String,
    /// Paper.
    pub source: String,
    /// What had to be assumed, as sentences.
    pub assumes: Vec<String>,
    /// Weights after the newest step.
    pub weights: Mixture,
    /// Weights over time: at most 200 steps, evenly, with the newest.
    pub path: Vec<OnlineStep>,
}

/// Output of `online`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OnlineAnswer {
    /// Name of the run.
    pub run: String,
    /// Domains, the order of `path`.
    pub domains: Vec<String>,
    /// Key of the loss of each domain that the rules see.
    pub losses: Vec<String>,
    /// Steps with losses.
    pub turns: usize,
    /// Newest step with a loss; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<i64>,
    /// The run's own mixture, with which the rules begin.
    pub prior: Mixture,
    /// The advised mixture for the target (`recommend`); absent if there is no advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline: Option<Mixture>,
    /// The rules.
    pub rules: Vec<OnlineRule>,
    /// What the user should know, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
