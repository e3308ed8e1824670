//! Fits, comparisons of laws, and forecasts, as they are displayed and printed.

use super::{BeyondRuns, Measure, Mixture, Moe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A point estimate with a nominal 90 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval {
    /// Point estimate.
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
    /// 5 % point over bootstrap resamples of runs.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub low: f64,
    /// 95 % point over bootstrap resamples of runs.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub high: f64,
    /// Whether the parameter is identifiable from the runs. If not, use only the law's predictions.
    pub identified: bool,
}

/// One law fitted to one validation loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FitView {
    /// Key of the validation loss.
    pub metric: String,
    /// Name of the law.
    pub law: String,
    /// Whether forecasts use this fit, and advice, unless another fit `advises`.
    pub chosen: bool,
    /// Objective: sum of Huber losses (δ = 1e-3) of the log-loss residuals.
    pub objective: f64,
    /// Parameters in the order of the formula.
    pub parameters: Vec<ParameterView>,
    /// Which rows it was fitted to and which not, and what it does not see of them, as a sentence.
    #[serde(default)]
    pub rows: String,
    /// Number of fitted rows.
    pub observations: usize,
    /// Number of runs with fitted rows.
    pub runs: usize,
    /// Held-out R²: 1 − squared error on held-out rows / squared error of predicting the mean. 1 is perfect, 0 or less is
    /// no skill. `null` until the law is cross-validated, or if it cannot be.
    pub skill: Option<f64>,
    /// Mean relative error on held-out mixtures; `null` under the same conditions as `skill`.
    pub mre_heldout: Option<f64>,
    /// Whether `skill` is 0 or less. If so, do not act on this fit.
    #[serde(default)]
    pub no_skill: bool,
    /// Mean relative error on the fitted rows.
    pub mre: f64,
    /// Mean relative error of the scale tests: predictions for the largest N and the largest D by fits to the rest (mean
    /// of both tests). `null` if neither can be held out.
    #[serde(default)]
    pub mre_scale: Option<f64>,
    /// Scale tests: errors on the largest runs of fits to the smaller ones, by N and by D.
    #[serde(default, alias = "leaps")]
    pub scale_tests: Vec<ScaleTestView>,
    /// Method of cross-validation ("leave one ratio out, 9 folds").
    #[serde(default)]
    pub held_out: String,
    /// Each fold of the cross-validation.
    #[serde(default)]
    pub folds: Vec<FoldView>,
    /// Optimizer restarts.
    pub starts: usize,
    /// Random seed of restarts and resamples.
    pub seed: u64,
    /// Duration of the fit, seconds.
    pub seconds: f64,
    /// Why the optimizer stopped.
    pub stopped: String,
    /// Warnings about the fit, as sentences.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// Number of laws not compared yet: the daemon goes on comparing.
    #[serde(default)]
    pub uncompared: usize,
    /// The baseline with the smallest held-out error ("a straight line", "the nearest run", "the mean"), of the law in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rival: Option<String>,
    /// Skill against `rival`: 1 − mean relative error on held-out mixtures and in the scale tests / the rival's. 0 or less: the
    /// law is no better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill_rival: Option<f64>,
    /// Why advice compares mixtures by this law, where another is in use; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advises: Option<Box<BetterPicks>>,
    /// Whether the law was chosen with the rows that its held-out errors are of, so that they are too small: see
    /// [`Choice::provisional`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
}

/// One held-out group of a cross-validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FoldView {
    /// The held-out group ("rust = 0.33").
    pub held_out: String,
    /// Number of held-out rows.
    pub observations: usize,
    /// Mean relative error on the held-out rows.
    pub mre: f64,
    /// Mean relative error on the held-out rows of predicting the mean of the other rows.
    pub mre_baseline: f64,
}

/// Scale test: the error on the largest runs of a fit to the smaller ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScaleTestView {
    /// `N`: the largest size was held out; `D`: the upper half of the tokens.
    pub what: String,
    /// Largest held-out value divided by the largest fitted value.
    pub factor: f64,
    /// Number of held-out rows.
    pub observations: usize,
    /// Mean relative error on the held-out rows.
    pub mre: f64,
    /// Mean of predicted / observed − 1; positive if the larger runs reached a lower loss than predicted.
    pub bias: f64,
}

/// Grouping of held-out rows: all rows of one group are held out together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// By mixture.
    Mixtures,
    /// By run, if all runs have the same mixture.
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
    /// The law used for forecasts, and for advice, unless there is an `adviser`; `null` if none could be fitted.
    pub law: Option<String>,
    /// The law that advice compares mixtures by, where it is not `law`: its picks among held-out runs cost less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adviser: Option<BetterPicks>,
    /// The reason, as a sentence.
    pub why: String,
    /// Grouping of held-out rows in the comparison; `null` if nothing could be held out.
    #[serde(default)]
    pub held_out: Option<Unit>,
    /// Whether the chosen law predicts held-out rows no better than their mean.
    pub no_skill: bool,
    /// Name of the baseline that predicts better than every law, if there is one.
    #[serde(default)]
    pub beaten_by: Option<String>,
    /// Laws, the stack, and baselines; within each kind, lowest error first.
    pub candidates: Vec<Candidate>,
    /// Laws whose required data the runs lack; `fit --law NAME` gives the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_met: Vec<String>,
    /// Laws not compared yet: the daemon goes on comparing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<String>,
    /// Whether the errors of the automatic choice are still those of a choice that has seen the held-out rows, and so too
    /// small. The daemon repeats the choice without them when it is idle; `fit --nested` does it at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
    /// Whether the target lies within the sizes and token counts of the runs, so that the error on held-out mixtures alone
    /// decides.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub within: bool,
    /// Whether places within the sizes and token counts of the runs (the target, what is predicted) are forecast by the stack,
    /// because its error on held-out mixtures is lower than that of the choice. The law still explains; advice compares mixtures by
    /// one law.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stacked: bool,
}

impl Choice {
    /// The error of a candidate that decides.
    #[must_use]
    pub fn error(&self, of: &Candidate) -> Option<f64> {
        if self.within { of.mre_heldout.or(of.mre_scale) } else { of.error() }
    }
}

/// A law that picks mixtures better than the one in use, which forecasts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BetterPicks {
    /// Key of the validation loss.
    pub metric: String,
    /// The law that advice compares mixtures by.
    pub law: String,
    /// What its picks cost; see [`Candidate::picks`].
    pub cost: f64,
    /// The law in use.
    pub in_use: String,
    /// What the picks of the law in use cost.
    pub cost_in_use: f64,
}

impl BetterPicks {
    /// Both costs: `picks among held-out runs cost 0.10 % with mixing, 2.20 % with regmix-trees`.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { law, in_use, .. } = self;
        let [cost, cost_in_use] = [self.cost, self.cost_in_use].map(|part| 100.0 * part);
        format!("picks among held-out runs cost {cost:.2} % with {law}, {cost_in_use:.2} % with {in_use}")
    }
}

/// Kind of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CandidateKind {
    /// A law.
    Law,
    /// The automatic choice itself: each row is predicted by the law that was chosen without it.
    Procedure,
    /// Weighted mean of laws (stacking). Its errors are on rows that were held out from the weights, too.
    Stack,
    /// A simple predictor that a law must beat.
    Baseline,
}

/// One candidate in the comparison of laws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Candidate {
    /// Name of the law or baseline.
    pub name: String,
    /// Kind of candidate.
    pub kind: CandidateKind,
    /// See [`FitView::skill`].
    pub skill: Option<f64>,
    /// See [`FitView::mre_heldout`].
    pub mre_heldout: Option<f64>,
    /// See [`FitView::mre_scale`].
    pub mre_scale: Option<f64>,
    /// What its picks cost: of a random half of the held-out mixtures, run at one size and token count, by what part the measured loss
    /// of the one predicted to be lowest is above the lowest of the half, on average. Absent with fewer than four mixtures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picks: Option<f64>,
    /// Weight in the stack.
    #[serde(default)]
    pub weight: Option<f64>,
    /// Number of folds after which the law was given up because it was clearly worse; its errors are of these folds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_after: Option<usize>,
}

impl Candidate {
    /// The error that decides: mean of the errors on held-out mixtures and in the scale tests, of those that are known.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        match (self.mre_heldout, self.mre_scale) {
            (Some(mixtures), Some(scale)) => Some(0.5 * (mixtures + scale)),
            (mixtures, scale) => mixtures.or(scale),
        }
    }
}

/// Distance of a prediction from the data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Extrapolation {
    /// N divided by the largest N of the runs.
    pub params: f64,
    /// D divided by the largest D of the runs.
    pub tokens: f64,
    /// Whether every weight is within the range of the runs.
    pub mixture_inside: bool,
}

/// Name of the candidate that is the automatic choice itself.
pub const AUTO: &str = "auto";

/// Value of [`Forecast::law`] for a weighted mean of laws.
pub const STACK: &str = "stack";

/// Predicted loss for a size, a token count and a mixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Forecast {
    /// Key of the validation loss.
    pub metric: String,
    /// Law used; `stack` for a weighted mean of laws.
    pub law: String,
    /// Whether recommendations, charts and forecasts of runs use this law.
    #[serde(default)]
    pub chosen: bool,
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// Experts; absent for a dense model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe: Option<Moe>,
    /// Mixture weights of the domains.
    pub mixture: Mixture,
    /// Predicted value, in the unit of the log.
    #[serde(flatten)]
    pub interval: Interval,
    /// Unit of the numbers, and which are better.
    #[serde(flatten)]
    pub measure: Measure,
    /// Distance from the data.
    pub extrapolation: Extrapolation,
    /// Variables (`N`, `D`, `E`, `K`, `G`) in which the place lies outside the runs and which the law does not see. If there
    /// are any, the number ranks mixtures only; it is no loss to expect, and its interval says nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
    /// The run that was measured at or near this place, if there is one. Where the law's interval does not hold what was
    /// measured, the prediction is moved onto it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// That the mixture lies beyond those of the runs, and by what the interval is wider for it; absent where it does not, and with fewer
    /// than three domains, where weights that are not `mixture_inside` say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beyond_runs: Option<BeyondRuns>,
}

/// A run that was measured at or near a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    /// Name of the run.
    pub run: String,
    /// Its N.
    pub params: f64,
    /// Its D at the measurement.
    pub tokens: f64,
    /// Its mixture.
    pub mixture: Mixture,
    /// What it measured, by metric key.
    pub losses: BTreeMap<String, f64>,
}
