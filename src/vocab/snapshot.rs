//! Everything a reader can show, at one instant. The dashboard, `--json`, `--once`, the picture and the wire all read
//! this and nothing else.

use super::{Advice, Choice, FitView, Forecast, LedgerView, Mixture, Moe, RunView, Severity, ShapeAdvice};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something the user should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Notice {
    /// How loud.
    pub severity: Severity,
    /// What happened, and where.
    pub text: String,
    /// What to do or type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

/// A directory that is watched, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatchedRoot {
    /// Path as the user would type it.
    pub path: String,
    /// `native` (the kernel tells) or `poll` (mixlaw looks).
    pub mode: String,
    /// Why that mode ("ext4", "nfs: events of other hosts are not seen").
    pub why: String,
}

/// First reading of a backlog.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IngestProgress {
    /// Bytes read so far.
    pub bytes_done: u64,
    /// Bytes known to be there.
    pub bytes_total: u64,
    /// Bytes per second, lately.
    pub bytes_per_second: f64,
}

/// The process that made the snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DaemonView {
    /// Process id.
    pub pid: u32,
    /// Version of mixlaw.
    pub build: String,
    /// Whether it lives inside the dashboard's own process.
    pub embedded: bool,
    /// Seconds since it started.
    pub uptime: f64,
    /// What is watched, and how.
    pub watching: Vec<WatchedRoot>,
    /// Points in the store.
    pub points: u64,
    /// Files being followed.
    pub files: u64,
    /// First reading, while it lasts.
    #[serde(default)]
    pub ingest: Option<IngestProgress>,
    /// Seconds since the last refit; `null` before the first.
    #[serde(default)]
    pub last_refit: Option<f64>,
    /// Seconds the last refit took.
    #[serde(default)]
    pub refit_seconds: Option<f64>,
    /// Whether a refit is under way.
    #[serde(default)]
    pub refitting: bool,
}

/// A run's latest checkpoint on the chart of loss against ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChartPoint {
    /// Weight of the chart's domain.
    pub share: f64,
    /// Loss as logged, nats.
    pub loss: f64,
    /// The same loss moved along the law to the target's N and D: fitted(target) × observed / fitted(observed).
    pub at_target: f64,
    /// N of the run.
    pub params: f64,
    /// Name of the run.
    pub run: String,
}

/// One validation loss at the target, against the weight of one domain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RatioChart {
    /// Key of the validation loss.
    pub metric: String,
    /// Domain whose weight is on the x axis; the others keep their proportions among themselves.
    pub domain: String,
    /// Weights, ascending.
    pub shares: Vec<f64>,
    /// Fitted loss at each weight.
    pub loss: Vec<f64>,
    /// 5 % points of what a run at the target would reach.
    pub low: Vec<f64>,
    /// 95 % points.
    pub high: Vec<f64>,
    /// What was observed.
    pub points: Vec<ChartPoint>,
    /// Weight in use.
    #[serde(default)]
    pub current: Option<f64>,
    /// Weight advised.
    #[serde(default)]
    pub advised: Option<f64>,
    /// The most this loss may be, where the objective bounds it.
    #[serde(default)]
    pub limit: Option<f64>,
}

/// The run being planned, as the dashboard titles it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetView {
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// Experts, where it is a mixture-of-experts model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe: Option<Moe>,
    /// Weights in use, where stated or assumed.
    pub mixture: Option<Mixture>,
    /// The objective as a sentence ("minimise rust, while prose ≤ start + 3 %").
    pub objective: String,
}

/// Everything a reader can show, at one instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Snapshot {
    /// Grows by one with each snapshot of one daemon.
    pub seq: u64,
    /// Seconds since 1970.
    pub at: f64,
    /// Name of the project.
    pub project: String,
    /// Its file or directory, as the user would type it.
    pub path: String,
    /// Domains, in the order of the project.
    pub domains: Vec<String>,
    /// Validation loss of each domain, by domain.
    pub metrics: BTreeMap<String, String>,
    /// What is being planned; `null` where nothing is known of it.
    pub target: Option<TargetView>,
    /// The process that made this.
    pub daemon: DaemonView,
    /// Runs, newest activity first.
    pub runs: Vec<Arc<RunView>>,
    /// Fits, the chosen ones first.
    pub fits: Vec<FitView>,
    /// How the law of each validation loss was chosen.
    #[serde(default)]
    pub choices: Vec<Choice>,
    /// Forecasts for the target with the current and the advised mixture: the chosen law's, those of the laws in the
    /// stack, and the stack's.
    pub forecasts: Vec<Forecast>,
    /// Loss against ratio at the target.
    pub charts: Vec<RatioChart>,
    /// What to change; `null` before the first fit.
    pub advice: Option<Advice>,
    /// How forecasts have fared so far.
    #[serde(default)]
    pub ledger: LedgerView,
    /// Which size and how many experts, where that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<ShapeAdvice>,
    /// What the user should know, the loudest first.
    pub notices: Vec<Notice>,
}

impl Snapshot {
    /// The snapshot for an answer: the ages of its runs are those at its time.
    #[must_use]
    pub fn aged(&self) -> Self {
        let runs = self.runs.iter().map(|run| Arc::new(run.at(self.at))).collect();
        Self { runs, ..self.clone() }
    }
}
