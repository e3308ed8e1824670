//! What a fit and a forecast look like to everyone who only reads them.

use super::{Mixture, Moe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A value with a range that is meant to hold the truth nine times in ten.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Best guess.
    pub value: f64,
    /// 5 % point.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
}

/// One parameter of a fitted law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParameterView {
    /// Name as in the law's formula.
    pub name: String,
    /// Fitted value.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub value: f64,
    /// 5 % point over resampled runs.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub low: f64,
    /// 95 % point over resampled runs.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub high: f64,
    /// Whether the data pin the parameter down. Where they do not, only predictions mean something.
    pub identified: bool,
}

/// One law fitted to one validation loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FitView {
    /// Key of the validation loss.
    pub metric: String,
    /// Name of the law.
    pub law: String,
    /// Whether forecasts use this fit.
    pub chosen: bool,
    /// Sum of Huber(δ = 1e-3) on log loss, unscaled.
    pub objective: f64,
    /// The parameters in the order of the formula.
    pub parameters: Vec<ParameterView>,
    /// Rows fitted to.
    pub observations: usize,
    /// Runs they come from.
    pub runs: usize,
    /// 1 − held-out squared error over that of predicting the mean; 1 is perfect, 0 or less is no skill. `null`
    /// until cross-validated or where it cannot be.
    pub skill: Option<f64>,
    /// Mean relative error of predictions for held-out mixtures. `null` like `skill`.
    pub mre_heldout: Option<f64>,
    /// Mean relative error on the rows fitted to.
    pub mre: f64,
    /// How it was held out ("leave one ratio out, 9 folds").
    #[serde(default)]
    pub held_out: String,
    /// Each fold of the cross-validation.
    #[serde(default)]
    pub folds: Vec<FoldView>,
    /// Searches from different starting points.
    pub starts: usize,
    /// Seed of starts and resamples.
    pub seed: u64,
    /// Time the search took.
    pub seconds: f64,
    /// Why the search ended.
    pub stopped: String,
    /// What a reader should know before trusting it.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One held-out group of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoldView {
    /// What was held out ("rust = 0.33").
    pub held_out: String,
    /// Rows held out.
    pub observations: usize,
    /// Mean relative error on them.
    pub mre: f64,
    /// Mean relative error there of predicting the mean of the other rows.
    pub mre_baseline: f64,
}

/// How far outside the data a prediction is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Extrapolation {
    /// N over the largest N seen.
    pub params: f64,
    /// D over the largest D seen.
    pub tokens: f64,
    /// Whether every weight is within the range seen.
    pub mixture_inside: bool,
}

/// A prediction for a size, an amount of data and a mixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// Key of the validation loss.
    pub metric: String,
    /// Law it rests on.
    pub law: String,
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// Experts, where the prediction is for a mixture-of-experts model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe: Option<Moe>,
    /// Weights over domains.
    pub mixture: Mixture,
    /// Predicted loss, nats.
    #[serde(flatten)]
    pub interval: Interval,
    /// How far outside the data this is.
    pub extrapolation: Extrapolation,
}
