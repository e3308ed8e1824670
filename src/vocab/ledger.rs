//! Forecasts as they were made, and what came of them.

use super::{Mixture, Moe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What [`Entry::run`] says where the forecast is of the target.
pub const TARGET: &str = "target";

/// A forecast as it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Name of the run; `target` for the target, which then has a `place`.
    pub run: String,
    /// Key of the validation loss.
    pub metric: String,
    /// Law it rests on.
    pub law: String,
    /// Seconds since 1970.
    pub at: f64,
    /// Part of the run seen, 0 to 1.
    pub seen: f64,
    /// Predicted final loss, nats.
    pub value: f64,
    /// 5 % point.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
    /// What the ln half-widths of the interval had been multiplied by, as earlier scores asked for; exactly 1 before there
    /// were enough of them.
    #[serde(default = "one")]
    pub widened: f64,
    /// Whether this was the forecast on screen, rather than that of another law.
    #[serde(default)]
    pub shown: bool,
    /// Fit it rests on, where it rests on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<String>,
    /// Which target, where it is of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<TargetPoint>,
}

fn one() -> f64 {
    1.0
}

/// A target: a run of this size, data and mixture settles its forecasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetPoint {
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// Its experts; `null` for a dense model.
    #[serde(default)]
    pub moe: Option<Moe>,
    /// Weights over domains.
    pub mixture: Mixture,
}

impl TargetPoint {
    /// Whether both are the same but for rounding: sizes within 2 %, the same experts, weights within .02 in all.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let near = |a: f64, b: f64| (a / b).ln().abs() < 0.02;
        let domains = self.mixture.0.keys().chain(other.mixture.0.keys().filter(|d| !self.mixture.0.contains_key(*d)));
        let apart: f64 = domains.map(|d| (self.mixture.weight(d) - other.mixture.weight(d)).abs()).sum();
        let experts = |p: &Self| p.moe.map(|m| (m.experts, m.experts_per_token, m.granularity));
        let same_shape = experts(self) == experts(other);
        near(self.params, other.params) && near(self.tokens, other.tokens) && same_shape && apart < 0.02
    }
}

/// A forecast and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// The forecast.
    #[serde(flatten)]
    pub entry: Entry,
    /// The final loss, nats.
    pub truth: f64,
    /// value / truth − 1.
    pub error: f64,
    /// Interval score (Gneiting & Raftery 2007, eq. 43; α = .1) in ln loss: width plus 20 × what the truth is outside by.
    pub interval_score: f64,
    /// Whether the truth was inside the interval.
    pub covered: bool,
}

/// How a group of forecasts fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grade {
    /// Whether these are forecasts of the target, rather than of runs in progress.
    pub target: bool,
    /// Key of the validation loss; `*` for all.
    pub metric: String,
    /// Law; `*` for the forecasts that were on screen, whatever law they rested on.
    pub law: String,
    /// Part of the run seen, from and to; `null` for all parts.
    pub seen: Option<[f64; 2]>,
    /// Forecasts graded.
    pub count: usize,
    /// Runs they were of.
    pub runs: usize,
    /// Mean |value / truth − 1|.
    pub mre: f64,
    /// Mean |value − truth|, nats.
    pub mae: f64,
    /// Mean interval score, ln loss.
    pub interval_score: f64,
    /// Part of the truths that were inside their nominal 90 % interval.
    pub coverage: f64,
}

/// What scores have made of a law's intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// The law.
    pub law: String,
    /// Its next intervals have their ln half-widths multiplied by this.
    pub factor: f64,
}

/// The score so far, as the dashboard shows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LedgerView {
    /// Forecasts that wait for the truth.
    pub waiting: usize,
    /// Forecasts that have met it.
    pub scored: usize,
    /// Grades of what was on screen, over all losses, by part of the run seen, the last over all parts; of the target
    /// too, where there are any.
    pub grades: Vec<Grade>,
    /// Laws whose intervals have been recalibrated.
    pub calibration: Vec<Calibration>,
}
