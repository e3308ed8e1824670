//! Optimal sizes, token counts and experts, as they are displayed and printed.

use super::{Interval, Scale};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A range, whose ends are `null` where it is open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Range {
    /// Lower end.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub low: f64,
    /// Upper end.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub high: f64,
}

impl Range {
    /// The upper end over the lower one; infinite where the range is open.
    #[must_use]
    pub fn factor(&self) -> f64 {
        if self.low.is_finite() && self.high.is_finite() && self.low > 0.0 {
            self.high / self.low
        } else {
            f64::INFINITY
        }
    }

    /// Both ends by a function.
    #[must_use]
    pub fn map(self, of: impl Fn(f64) -> f64) -> Self {
        Self { low: of(self.low), high: of(self.high) }
    }

    /// Whether a value lies in it; an open end holds everything.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (!self.low.is_finite() || value >= self.low) && (!self.high.is_finite() || value <= self.high)
    }
}

/// An estimate with a 90 % interval over resamples of whole runs; an end is `null` where it is open or unknown.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    /// Point estimate.
    pub value: f64,
    /// 90 % interval.
    #[serde(flatten)]
    pub range: Range,
}

impl From<Interval> for Estimate {
    fn from(interval: Interval) -> Self {
        Self { value: interval.value, range: Range { low: interval.low, high: interval.high } }
    }
}

/// What a recommended shape rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The optimum of the laws, where the runs reach.
    Optimum,
    /// The best shape where the runs reach; the optimum of the laws lies elsewhere.
    #[default]
    Supported,
    /// The best shape within a limit of the budget (memory, parameters, experts), where the runs reach.
    Limited,
    /// The optimum of the laws, where no run reaches: an extrapolation.
    Extrapolated,
    /// The shape of a run that reached a lower loss within the budget than the laws expect of any other.
    Measured,
    /// The target's own shape, which the runs do not tell from the best one.
    Target,
}

impl Standing {
    /// What it is, for a heading.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Optimum => "optimum",
            Self::Supported => "best supported shape",
            Self::Limited => "best shape within the limits",
            Self::Extrapolated => "extrapolated optimum",
            Self::Measured => "best measured run",
            Self::Target => "the target's shape",
        }
    }
}

/// The optimum of the laws for a budget, wherever it lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShapeOptimum {
    /// Laws, one for each loss of the objective.
    pub laws: Vec<String>,
    /// Size, tokens and experts.
    pub scale: Scale,
    /// The objective there, nats.
    pub loss: f64,
    /// 90 % interval of the active parameters over resamples of whole runs.
    pub params: Range,
    /// 90 % interval of the tokens.
    pub tokens: Range,
    /// 90 % interval of the number of experts, of those considered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Range>,
    /// Active parameters between which the objective is within 0.1 % of the optimum's, for the same budget and experts.
    pub flat_params: Range,
    /// Tokens between which it is.
    pub flat_tokens: Range,
    /// The run nearest to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<NearestRun>,
    /// Whether the runs reach there.
    pub covered: bool,
    /// In what the laws have no optimum inside the runs, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
}

/// A run and its distance from a shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NearestRun {
    /// Name of the run.
    pub run: String,
    /// Its size, tokens and experts.
    pub scale: Scale,
    /// The larger of the factors by which active parameters and tokens differ; 1 is the same.
    pub factor: f64,
}

/// A run within the budget, and what it reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasuredShape {
    /// Name of the run.
    pub run: String,
    /// Its size, tokens and experts.
    pub scale: Scale,
    /// The objective that it reached, nats.
    pub loss: f64,
}
