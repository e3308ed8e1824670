//! What the reading commands answer with `--json`. Each type is one schema under `schemas/`. The answer of `recommend`
//! is [`super::Advice`], that of `watch --once --json` a [`super::Snapshot`], and each line of `export` a
//! [`super::Point`].

use super::ledger::{Calibration, Entry, Grade, Scored};
use super::{Choice, FitView, Forecast, Notice, RunView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Answer of `runs` (and, with one run, of `show`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunsAnswer {
    /// The runs, newest activity first.
    pub runs: Vec<RunView>,
}

/// Answer of `fit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FitAnswer {
    /// The fits, the chosen ones first.
    pub fits: Vec<FitView>,
    /// How the law of each validation loss was chosen.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// What experts save, where there are dense runs and runs with experts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub speed_ups: Vec<SpeedUp>,
    /// Laws that could not be fitted, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// What was left out of the rows that were fitted, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
}

/// How much more compute dense models take to the loss of those with experts (C = 6·N_act·D, at one mixture).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeedUp {
    /// Key of the validation loss.
    pub metric: String,
    /// E, experts per layer.
    pub experts: f64,
    /// K, experts a token is routed to.
    pub experts_per_token: f64,
    /// G, granularity.
    pub granularity: f64,
    /// Compute of dense runs over that of runs with experts, the geometric mean over `losses`.
    pub factor: f64,
    /// The same at the least of `losses`.
    pub at_best: f64,
    /// The least over `losses`.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// Least and most loss that both reach, nats.
    pub losses: [f64; 2],
}

/// Answer of `predict`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PredictAnswer {
    /// One forecast per validation loss.
    pub forecasts: Vec<Forecast>,
}

/// Answer of `ack` with signals to acknowledge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AckAnswer {
    /// Numbers of the signals that were acknowledged now.
    pub acknowledged: Vec<u64>,
}

/// Answer of `ledger`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerAnswer {
    /// Forecasts kept that wait for the truth.
    pub waiting: usize,
    /// Forecasts kept that have met it.
    pub scored: usize,
    /// How they fared: by metric, law and part of the run seen.
    pub grades: Vec<Grade>,
    /// What the scores have made of each law's intervals.
    pub calibration: Vec<Calibration>,
    /// The newest of the forecasts that wait, oldest first.
    pub open: Vec<Entry>,
    /// The newest of the forecasts that were graded, oldest first.
    pub graded: Vec<Scored>,
}

/// What one file was recognised as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileView {
    /// Name of the run.
    pub run: String,
    /// Relative to the run.
    pub file: String,
    /// Its format; `null` where it was refused.
    pub format: Option<String>,
    /// Why that format, or why it was refused.
    pub why: String,
    /// Points read from it.
    pub points: u64,
}

/// Answer of `check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckAnswer {
    /// Name of the project.
    pub project: String,
    /// Its domains.
    pub domains: Vec<String>,
    /// Runs with facts, where each was found, and where sources disagree.
    pub runs: Vec<RunView>,
    /// Every file that was looked at.
    pub files: Vec<FileView>,
    /// What was assumed and what is wrong.
    pub notices: Vec<Notice>,
}

/// A fit as it was made, and from what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeptFit {
    /// When, seconds since 1970.
    pub at: f64,
    /// Version of mixlaw, and with it of the law's form.
    pub build: String,
    /// Fingerprint of the rows fitted to: the same rows have the same one.
    pub inputs: String,
    /// Parameters in the law's own coordinates.
    pub theta: Vec<f64>,
    /// Covariance of `theta` over resampled runs, row by row; empty where there were none.
    #[serde(default)]
    pub covariance: Vec<f64>,
    /// Names of the runs fitted to.
    #[serde(default)]
    pub runs: Vec<String>,
    /// What it says of the target with the current mixture.
    #[serde(default)]
    pub target: Option<Forecast>,
    /// The fit.
    pub fit: FitView,
}

/// Answer of `fit --history` and `fit --at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryAnswer {
    /// The fits, newest first.
    pub history: Vec<KeptFit>,
}
