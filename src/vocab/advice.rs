//! Recommendations, or the reasons why there is none.

use super::{AutoView, BetterPicks, Measure, Measured, MeasuredShape, Mixture, Scale, ShapeOptimum, Standing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// End of the sentence that says how far the target lies outside the data.
pub const EXTRAPOLATES: &str = "the laws extrapolate.";

/// Expected effect of a recommendation on one validation loss at the target.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expected {
    /// Value with the recommended mixture, in the unit of the log.
    pub value: f64,
    /// 5 % point.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
    /// Value with the current mixture: the point estimate of the same law.
    pub now: f64,
    /// Limit on this metric, if the objective sets one: an upper one, or a lower one where higher is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Unit of the numbers, and which are better.
    #[serde(flatten)]
    pub measure: Measure,
}

/// A recommended mixture and its expected losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Recommendation {
    /// Identifier of the recommendation; the same advice from the same data has the same id.
    pub id: String,
    /// Recommended weights.
    pub mixture: Mixture,
    /// Current weights.
    pub current: Mixture,
    /// Expected losses at the target, by validation loss.
    pub expected: BTreeMap<String, Expected>,
    /// Probability that the objective is better than with the current mixture.
    pub p_better: f64,
    /// Probability that every stated limit holds.
    #[serde(default)]
    pub p_within_limits: f64,
    /// Expected decrease of the objective, nats.
    pub gain: f64,
    /// Reasons, as sentences.
    pub reasons: Vec<String>,
    /// Laws that mixtures are compared by, of losses of which another law is in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub better_picks: Vec<BetterPicks>,
    /// How flat the optimum is: by domain, the least and most weight, the others in proportion, at which the objective is within
    /// 0.1 % of the recommended mixture's. Empty where the current mixture is kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flat: BTreeMap<String, [f64; 2]>,
    /// The best run that was measured near the target's size and tokens, within the limits; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Box<Measured>>,
    /// Whether the recommended mixture is that of the measured run: the laws predict no lower loss elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_measured: bool,
    /// Since when this has been advised, seconds since 1970; absent in advice that is not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<f64>,
    /// What was decided of it; absent if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<AdviceState>,
    /// Whether a running daemon applies it without being asked (`apply: auto`), and why not now; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto: Option<Box<AutoView>>,
}

/// State of a piece of advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdviceState {
    /// Neither accepted nor dismissed.
    Open,
    /// Accepted.
    Accepted,
    /// Dismissed.
    Dismissed,
}

impl AdviceState {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Dismissed => "dismissed",
        }
    }
}

/// Why there is no recommendation, and which runs or facts would allow one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Abstention {
    /// Reasons, as sentences.
    pub reasons: Vec<String>,
    /// Runs to launch or facts to add, as sentences.
    pub would_help: Vec<String>,
    /// What a mixture takes that this project does not have, as a sentence: two corpora, or runs of several mixtures. Such a
    /// project is one for forecasts, and `reasons` repeats the sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nothing_to_mix: Option<String>,
}

/// Advice on the mixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// A recommended change.
    Recommendation(Recommendation),
    /// No recommendation: the runs don't support one yet.
    Abstained(Abstention),
}

/// Advice on size, tokens and experts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShapeAdvice {
    /// A recommended change.
    Recommendation(ShapeRecommendation),
    /// No recommendation: the runs don't support one yet.
    Abstained(Abstention),
}

/// Recommended size, tokens and experts for the available compute, and their expected losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShapeRecommendation {
    /// What the recommended shape is: an optimum, the best that the runs support, …
    #[serde(default)]
    pub standing: Standing,
    /// Recommended size, tokens and experts.
    pub advised: Scale,
    /// Size, tokens and experts of the current target.
    pub current: Scale,
    /// FLOPs of training, plus those of inference if the project states the tokens to serve.
    pub compute: f64,
    /// Expected losses at the target, by validation loss.
    pub expected: BTreeMap<String, Expected>,
    /// Probability that the objective is better than with the current target.
    pub p_better: f64,
    /// Expected decrease of the objective, nats.
    pub gain: f64,
    /// Reasons and caveats, as sentences.
    pub reasons: Vec<String>,
    /// The optimum of the laws for this budget, wherever it lies; absent where they have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimum: Option<Box<ShapeOptimum>>,
    /// The best run that was measured within this budget, with about the mixture in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Box<MeasuredShape>>,
}

/// Output of `recommend`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecommendAnswer {
    /// Advice on the mixture.
    #[serde(flatten)]
    pub mixture: Advice,
    /// Advice on size and experts, if the project states a budget or the runs differ in their experts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<ShapeAdvice>,
    /// RegMix's choice, with `--top`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<MeanOfBest>,
}

/// The mean of the best of mixtures that were drawn at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeanOfBest {
    /// How many the mean is of.
    pub count: usize,
    /// How many were drawn and may be advised.
    pub drawn: usize,
    /// The mean.
    pub mixture: Mixture,
    /// The objective there, by the best guess.
    pub objective: f64,
    /// Its unit, in words.
    pub unit: String,
}
