//! The complete state at one instant, as the dashboard, `--json`, `--once` and the SVG picture use it.

use super::{
    Advice, Choice, FitView, Forecast, LedgerView, Measure, Metric, Mixture, Moe, Optima, RunList, RunView, Severity,
    ShapeAdvice,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A setup note: an assumption, a warning or an error, with help.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// Severity.
    pub severity: Severity,
    /// Message.
    pub text: String,
    /// What to do or type next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// A watched directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatchedRoot {
    /// Path, as the user would type it.
    pub path: String,
    /// `native` (events from the operating system) or `poll` (periodic checks).
    pub mode: String,
    /// Why this mode is used ("ext4", "nfs: events of other hosts are not seen").
    pub why: String,
}

/// Progress of the first reading of the logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IngestProgress {
    /// Bytes read so far.
    pub bytes_done: u64,
    /// Total bytes.
    pub bytes_total: u64,
    /// Current bytes per second.
    pub bytes_per_second: f64,
}

/// The process that created the snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonView {
    /// Process id.
    pub pid: u32,
    /// Version of mixlaw.
    pub build: String,
    /// Whether it runs inside the dashboard's process.
    pub embedded: bool,
    /// Seconds since it started.
    pub uptime: f64,
    /// Watched directories.
    pub watching: Vec<WatchedRoot>,
    /// Points in the store.
    pub points: u64,
    /// Files that are followed.
    pub files: u64,
    /// Progress of the first reading of the logs, while it runs.
    #[serde(default)]
    pub ingest: Option<IngestProgress>,
    /// Seconds since the last refit; `null` before the first.
    #[serde(default)]
    pub last_refit: Option<f64>,
    /// Duration of the last refit, seconds.
    #[serde(default)]
    pub refit_seconds: Option<f64>,
    /// Whether a refit is running.
    #[serde(default)]
    pub refitting: bool,
}

/// A run's latest checkpoint on the chart of loss against ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChartPoint {
    /// Weight of the chart's domain, 0 to 1.
    pub share: f64,
    /// Loss as logged, nats.
    pub loss: f64,
    /// The loss scaled to the target's N and D by the law: fitted(target) × observed / fitted(observed).
    pub at_target: f64,
    /// N of the run.
    pub params: f64,
    /// Name of the run.
    pub run: String,
}

/// Chart of one validation loss at the target against the weight of one domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RatioChart {
    /// Key of the validation loss.
    pub metric: String,
    /// Domain whose weight is on the x axis; the other domains keep their proportions.
    pub domain: String,
    /// Weights, ascending.
    pub shares: Vec<f64>,
    /// Fitted loss at each weight.
    pub loss: Vec<f64>,
    /// 5 % points of the loss of a run at the target.
    pub low: Vec<f64>,
    /// 95 % points.
    pub high: Vec<f64>,
    /// Observed losses.
    pub points: Vec<ChartPoint>,
    /// Current weight.
    #[serde(default)]
    pub current: Option<f64>,
    /// Recommended weight.
    #[serde(default)]
    pub advised: Option<f64>,
    /// Limit on this metric, if the objective sets one: an upper one, or a lower one where higher is better.
    #[serde(default)]
    pub limit: Option<f64>,
    /// Unit of the numbers, and which are better.
    #[serde(flatten)]
    pub measure: Measure,
}

/// The target: the run that is being planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetView {
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// Experts; absent for a dense model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe: Option<Moe>,
    /// Current mixture, stated or assumed.
    pub mixture: Option<Mixture>,
    /// The objective, as a sentence ("minimise rust, while prose ≤ start + 3 %").
    pub objective: String,
}

/// The complete state at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    /// Sequence number; increases by one with each snapshot of one daemon.
    pub seq: u64,
    /// Seconds since 1970.
    pub at: f64,
    /// Name of the project.
    pub project: String,
    /// Project file or directory, as the user would type it.
    pub path: String,
    /// Domains, in the order of the project.
    pub domains: Vec<String>,
    /// Unique tokens of each domain whose supply the project states (`mixture.available_tokens`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub supply: BTreeMap<String, f64>,
    /// Key of each metric, by name: a domain's for its validation loss.
    pub metrics: BTreeMap<String, String>,
    /// What is measured, in the order of the project.
    #[serde(default)]
    pub measured: Vec<Metric>,
    /// The target; `null` if nothing is known about it.
    pub target: Option<TargetView>,
    /// The process that created the snapshot.
    pub daemon: DaemonView,
    /// Runs, newest activity first.
    #[schemars(with = "Vec<Arc<RunView>>")]
    pub runs: RunList,
    /// Fits, chosen ones first.
    pub fits: Vec<FitView>,
    /// How the law of each validation loss was chosen.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// Forecasts for the target with the current and the recommended mixture: by the chosen law, by the laws in the
    /// stack, and by the stack.
    pub forecasts: Vec<Forecast>,
    /// Charts of loss against mixture weight at the target.
    pub charts: Vec<RatioChart>,
    /// Advice on the mixture; `null` before the first fit.
    pub advice: Option<Advice>,
    /// Summary of the ledger.
    #[serde(default)]
    pub ledger: LedgerView,
    /// Advice on size and experts, if the project asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<ShapeAdvice>,
    /// Compute-optimal sizes, if the runs are grouped by compute or the project states a budget.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optima: Option<Arc<Optima>>,
    /// Setup notes, most severe first.
    pub notices: Vec<Notice>,
}

impl Snapshot {
    /// The snapshot for an answer, with the age of each run at the snapshot's time.
    #[must_use]
    pub fn aged(&self) -> Self {
        let runs = self.runs.iter().map(|run| Arc::new(run.at(self.at))).collect();
        Self { runs, ..self.clone() }
    }
}
