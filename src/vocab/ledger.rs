//! Recorded forecasts and their grades.

use super::{Mixture, Moe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Value of [`Entry::run`] for a forecast of the target.
pub const TARGET: &str = "target";

/// A recorded forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// Name of the run; `target` for a forecast of the target, which is described in `place`.
    pub run: String,
    /// Key of the validation loss.
    pub metric: String,
    /// Law used.
    pub law: String,
    /// Seconds since 1970.
    pub at: f64,
    /// Progress of the run at the forecast, 0 to 1.
    pub seen: f64,
    /// Predicted final loss, nats.
    pub value: f64,
    /// 5 % point.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
    /// Factor by which the interval's half-widths in ln loss were multiplied, from earlier grades; exactly 1 before there
    /// are enough grades.
    #[serde(default = "one")]
    pub widened: f64,
    /// Whether this forecast was displayed (the other laws' forecasts are recorded, too).
    #[serde(default)]
    pub shown: bool,
    /// Hash of the fit used, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<String>,
    /// Size, tokens and mixture of the target, for a forecast of a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<TargetPoint>,
}

fn one() -> f64 {
    1.0
}

/// Size, tokens and mixture of a target. Its forecasts are graded by the first run that matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetPoint {
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// Experts; `null` for a dense model.
    #[serde(default)]
    pub moe: Option<Moe>,
    /// Mixture weights of the domains.
    pub mixture: Mixture,
}

impl TargetPoint {
    /// Whether both are equal up to rounding: N and D within 2 %, the same experts, weights within 0.02 in total.
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

/// A graded forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// The forecast.
    #[serde(flatten)]
    pub entry: Entry,
    /// The observed final loss, nats.
    pub truth: f64,
    /// value / truth − 1.
    pub error: f64,
    /// Interval score (Gneiting & Raftery 2007, eq. 43; α = 0.1) in ln loss: width + 20 × distance of the truth from the
    /// interval. Lower is better.
    pub interval_score: f64,
    /// Whether the interval contains the observed loss.
    pub covered: bool,
}

/// Grades of a group of forecasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Grade {
    /// `true` for forecasts of the target, `false` for forecasts of runs in progress.
    pub target: bool,
    /// Key of the validation loss; `*` for all.
    pub metric: String,
    /// Law; `*` for the displayed forecasts of all laws.
    pub law: String,
    /// Range of progress of the run, each 0 to 1; `null` for the whole range.
    pub seen: Option<[f64; 2]>,
    /// Number of graded forecasts.
    pub count: usize,
    /// Number of runs.
    pub runs: usize,
    /// Mean |value / truth − 1|.
    pub mre: f64,
    /// Mean |value − truth|, nats.
    pub mae: f64,
    /// Mean interval score, ln loss.
    pub interval_score: f64,
    /// Fraction of nominal 90 % intervals that contain the observed loss.
    pub coverage: f64,
}

/// Recalibration of a law's intervals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// The law.
    pub law: String,
    /// Factor by which the half-widths in ln loss of its next intervals are multiplied.
    pub factor: f64,
}

/// Summary of the ledger, as the dashboard shows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LedgerView {
    /// Forecasts not graded yet.
    pub waiting: usize,
    /// Forecasts graded.
    pub scored: usize,
    /// Grades of the displayed forecasts over all losses, by progress of the run; the last is over the whole range.
    /// Grades of forecasts of the target are included if there are any.
    pub grades: Vec<Grade>,
    /// Recalibration of intervals, by law.
    pub calibration: Vec<Calibration>,
}
