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
    /// Whether `skill` is 0 or less: nothing that rests on this fit should be acted on.
    #[serde(default)]
    pub no_skill: bool,
    /// Mean relative error on the rows fitted to.
    pub mre: f64,
    /// Mean relative error on the largest N and the most tokens when fitted to the rest (the mean of the two where both
    /// can be held out). `null` where neither can.
    #[serde(default)]
    pub mre_scale: Option<f64>,
    /// What it gets wrong on the largest runs when fitted to the smaller ones: by N, then by tokens.
    #[serde(default)]
    #[serde(alias = "leaps")]
    pub scale_tests: Vec<ScaleTestView>,
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
    /// Other laws that there was no time to compare with it yet.
    #[serde(default)]
    pub uncompared: usize,
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

/// How a fit to the smaller part of a range predicted the rest of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScaleTestView {
    /// `N`: the largest size was held out; `D`: the upper half of the tokens.
    pub what: String,
    /// The largest held out over the largest fitted to.
    pub factor: f64,
    /// Rows held out.
    pub observations: usize,
    /// Mean relative error on them.
    pub mre: f64,
    /// Mean of predicted / observed − 1: above 0 where the larger runs did better than foretold.
    pub bias: f64,
}

/// What rows are held out by: all of one are held out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Whole mixtures.
    Mixtures,
    /// Whole runs, where all have one mixture.
    Runs,
}

impl Unit {
    /// `mixtures` or `runs`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mixtures => "mixtures",
            Self::Runs => "runs",
        }
    }
}

/// How the law of one validation loss was chosen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Choice {
    /// Key of the validation loss.
    pub metric: String,
    /// The law that forecasts and advice rest on; `null` where none could be fitted.
    pub law: Option<String>,
    /// Why, in one sentence.
    pub why: String,
    /// What was held out to compare them, where anything could be.
    #[serde(default)]
    pub held_out: Option<Unit>,
    /// Whether the chosen law predicts what was held out no better than its mean.
    pub no_skill: bool,
    /// The baseline that predicts better than every law, where one does.
    #[serde(default)]
    pub beaten_by: Option<String>,
    /// Laws, their stack, and the baselines: the least error first within each.
    pub candidates: Vec<Candidate>,
    /// Laws that ask for more than the data have; `fit --law NAME` says what.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_met: Vec<String>,
    /// Laws that there was no time to compare yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<String>,
}

/// What a candidate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CandidateKind {
    /// A law.
    Law,
    /// Laws weighted by their held-out predictions. Its errors are of weights that had not seen the fold.
    Stack,
    /// What a law must beat.
    Baseline,
}

/// One line of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Name of the law or baseline.
    pub name: String,
    /// What it is.
    pub kind: CandidateKind,
    /// Like [`FitView::skill`].
    pub skill: Option<f64>,
    /// Like [`FitView::mre_heldout`].
    pub mre_heldout: Option<f64>,
    /// Like [`FitView::mre_scale`].
    pub mre_scale: Option<f64>,
    /// Weight in the stack.
    #[serde(default)]
    pub weight: Option<f64>,
}

impl Candidate {
    /// What decides: the mean of the errors on mixtures and on the largest scale, of those that are known.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        match (self.mre_heldout, self.mre_scale) {
            (Some(mixtures), Some(scale)) => Some(0.5 * (mixtures + scale)),
            (mixtures, scale) => mixtures.or(scale),
        }
    }
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

/// What [`Forecast::law`] is where it is several laws, weighted.
pub const STACK: &str = "stack";

/// A prediction for a size, an amount of data and a mixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// Key of the validation loss.
    pub metric: String,
    /// Law it rests on; `stack` for several weighted by their held-out predictions.
    pub law: String,
    /// Whether recommendations, charts and forecasts of runs rest on this one.
    #[serde(default)]
    pub chosen: bool,
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
