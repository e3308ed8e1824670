//! A change worth making, or why none is advised.

use super::{Mixture, Scale};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a reason ends that says how far the target lies beyond the data.
pub const EXTRAPOLATES: &str = "the laws extrapolate.";

/// What following the advice would do to one validation loss at the target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// Loss with the advised mixture, nats.
    pub value: f64,
    /// 5 % point.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
    /// Loss with the current mixture, nats; the best guess of the same law.
    pub now: f64,
    /// The most this loss may be, where the objective bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
}

/// A change of mixture and what it is expected to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Names this recommendation to `accept` and `dismiss`; the same advice from the same data has the same id.
    pub id: String,
    /// Advised weights.
    pub mixture: Mixture,
    /// Weights it would replace.
    pub current: Mixture,
    /// By validation loss.
    pub expected: BTreeMap<String, Expected>,
    /// Probability that the objective is better than with the current mixture.
    pub p_better: f64,
    /// Probability that every stated limit holds.
    #[serde(default)]
    pub p_within_limits: f64,
    /// How much lower the objective is expected to be, nats.
    pub gain: f64,
    /// Why, in sentences.
    pub reasons: Vec<String>,
}

/// Why nothing is advised, and what would change that.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Abstention {
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// Runs or facts that would supply what is missing, in sentences.
    pub would_help: Vec<String>,
}

/// The answer to "which ratio should I change?"
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// A change is advised.
    Recommendation(Recommendation),
    /// There is not enough to go on.
    Abstained(Abstention),
}

/// A shape for the compute there is, or why none is advised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShapeAdvice {
    /// Size, tokens and experts.
    Recommendation(ShapeRecommendation),
    /// Not enough evidence.
    Abstained(Abstention),
}

/// Size, tokens and experts for the compute there is, and what they are expected to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShapeRecommendation {
    /// What is advised.
    pub advised: Scale,
    /// The target as it is.
    pub current: Scale,
    /// FLOPs of training (and of serving, where tokens to be served are stated).
    pub compute: f64,
    /// By validation loss.
    pub expected: BTreeMap<String, Expected>,
    /// Probability that the objective is better than with the target as it is.
    pub p_better: f64,
    /// How much lower the objective is expected to be, nats.
    pub gain: f64,
    /// Why, and what to beware of, in sentences.
    pub reasons: Vec<String>,
}

/// Answer of `recommend`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecommendAnswer {
    /// The mixture.
    #[serde(flatten)]
    pub mixture: Advice,
    /// Size and experts, where a budget is stated or the runs differ in their experts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<ShapeAdvice>,
}
