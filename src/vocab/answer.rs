//! Outputs of the reading commands with `--json`. Each type has one schema under `schemas/`. `recommend` prints a
//! [`super::RecommendAnswer`], `watch --once --json` a [`super::Snapshot`], and `export` one [`super::Point`] per line.

use super::ledger::{Calibration, Entry, Grade, Scored};
use super::{Choice, DaemonView, Figures, FitView, Forecast, Notice, Outsiders, ProxyView, RunView};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Output of `runs`, and of `show` with one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunsAnswer {
    /// The runs, newest activity first.
    pub runs: Vec<RunView>,
}

/// Output of `fit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FitAnswer {
    /// The fits, chosen ones first.
    pub fits: Vec<FitView>,
    /// How the law of each validation loss was chosen.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// Compute that mixture-of-experts models save, if there are dense and mixture-of-experts runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub speed_ups: Vec<SpeedUp>,
    /// Laws that could not be fitted, with the reason, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<String>,
    /// Rows that were excluded from the fits, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// Rows that stand in for runs: whether the fits use them, and why not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proxies: Vec<ProxyView>,
    /// Runs that may not belong, with the condition that leaves them out. They are fitted to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outsiders: Vec<Outsiders>,
}

/// Compute of dense models relative to mixture-of-experts models of equal loss (C = 6·N_act·D, at one mixture).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SpeedUp {
    /// Key of the validation loss.
    pub metric: String,
    /// E, experts per layer.
    pub experts: f64,
    /// K, experts per token.
    pub experts_per_token: f64,
    /// G, granularity.
    pub granularity: f64,
    /// Dense compute divided by mixture-of-experts compute: geometric mean over the range `losses`.
    pub factor: f64,
    /// The same ratio at the lowest of `losses`.
    pub at_best: f64,
    /// Smallest ratio over `losses`.
    pub least: f64,
    /// Largest ratio over `losses`.
    pub most: f64,
    /// Lowest and highest loss that both kinds of model reach, nats.
    pub losses: [f64; 2],
}

/// Output of `predict`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PredictAnswer {
    /// One forecast per validation loss.
    pub forecasts: Vec<Forecast>,
}

/// Output of `alerts dismiss`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AckAnswer {
    /// Numbers of the alerts that this command dismissed.
    pub acknowledged: Vec<u64>,
}

/// Output of `ledger`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerAnswer {
    /// Forecasts not graded yet.
    pub waiting: usize,
    /// Forecasts graded.
    pub scored: usize,
    /// Errors and coverage of forecasts, by metric, law and progress of the run.
    pub grades: Vec<Grade>,
    /// Factor by which each law's intervals are widened.
    pub calibration: Vec<Calibration>,
    /// The newest forecasts that are not graded yet, oldest first.
    pub open: Vec<Entry>,
    /// The newest graded forecasts, oldest first.
    pub graded: Vec<Scored>,
    /// Advice that was accepted or dismissed, newest first, with the runs that followed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<super::AdviceView>,
}

/// The recognised format of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileView {
    /// Name of the run.
    pub run: String,
    /// Path relative to the run's directory.
    pub file: String,
    /// Its format; `null` if the file is ignored.
    pub format: Option<String>,
    /// Why this format was chosen, or why the file is ignored.
    pub why: String,
    /// Points read from the file.
    pub points: u64,
}

/// Output of `check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckAnswer {
    /// Name of the project.
    pub project: String,
    /// Domains of the project.
    pub domains: Vec<String>,
    /// Runs with their facts, the source of each fact, and conflicts between sources.
    pub runs: Vec<RunView>,
    /// Every file that was examined.
    pub files: Vec<FileView>,
    /// Setup notes: assumptions, warnings and errors.
    pub notices: Vec<Notice>,
}

/// A saved fit with its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KeptFit {
    /// Time of the fit, seconds since 1970.
    pub at: f64,
    /// Version of mixlaw, which determines the law's formula.
    pub build: String,
    /// Hash of the fitted rows; equal rows have equal hashes.
    pub inputs: String,
    /// Parameters in the optimizer's coordinates.
    pub theta: Vec<f64>,
    /// Covariance of `theta` over bootstrap resamples, row by row; empty without resamples.
    #[serde(default)]
    pub covariance: Vec<f64>,
    /// Names of the fitted runs.
    #[serde(default)]
    pub runs: Vec<String>,
    /// Its forecast for the target with the current mixture.
    #[serde(default)]
    pub target: Option<Forecast>,
    /// The fit.
    pub fit: FitView,
}

/// Output of `fit --history` and `fit --at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryAnswer {
    /// The fits, newest first.
    pub history: Vec<KeptFit>,
}

/// Output of `alerts test`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertsTestAnswer {
    /// How each channel of the project did.
    pub channels: Vec<ChannelTest>,
}

/// How one channel did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelTest {
    /// The channel, such as `webhook SLACK_URL`.
    pub channel: String,
    /// Whether the message was taken.
    pub delivered: bool,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What to know although it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

/// Output of `doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DoctorAnswer {
    /// The project, as it was given.
    pub project: String,
    /// Whether nothing has to be done: no check found a warning or an error.
    pub healthy: bool,
    /// Every check, in the order in which they were made.
    pub checks: Vec<Checkup>,
}

/// One check of `doctor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Checkup {
    /// Name of the check.
    pub name: String,
    /// What was found; empty if all is well.
    pub findings: Vec<Notice>,
}

/// Output of `daemon status`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct DaemonStatus {
    /// Whether a daemon runs for the project.
    pub running: bool,
    /// Its process id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// Runs that it knows; absent while it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<usize>,
    /// What it watches and has read; absent while it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daemon: Option<DaemonView>,
    /// Setup notes that are errors; absent while it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<Vec<Notice>>,
    /// Its own figures; absent while it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}
