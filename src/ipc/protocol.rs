//! Messages of the socket protocol.

use super::change::Change;
use super::fitted::FittedQuery;
use super::log::LogQuery;
use super::router::RouterQuery;
use super::series::SeriesQuery;
use super::slices::SlicesQuery;
use super::surface::SurfaceQuery;
use super::topic::Subscription;
use crate::project::Budget;
use crate::vocab::{DaemonView, Decision, Figures, FrontCost, HyperQuery, Mixture, NextQuery, Notice, PhasesQuery};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// Grows whenever an old client or daemon would misunderstand a new one.
pub const PROTOCOL: u32 = 2;

/// The first frame of each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the speaker.
    pub protocol: u32,
    /// Version of mixlaw.
    pub build: String,
    /// Process id.
    pub pid: u32,
}

impl Hello {
    /// This process's.
    #[must_use]
    pub fn own() -> Self {
        Self { protocol: PROTOCOL, build: env!("CARGO_PKG_VERSION").to_owned(), pid: std::process::id() }
    }
}

/// A client's wish.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Request {
    /// An answer computed from what is published; nothing changes by asking.
    Query(Query),
    /// Something to be done; the answer means that it is done and written down.
    Command(Command),
    /// From now on this connection carries [`Response::Change`]s.
    Subscribe(Subscription),
    /// Every point, as a stream of [`Response::Chunk`]s.
    Export(ExportQuery),
}

/// What can be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Dismisses alerts. The answer is an [`crate::vocab::AckAnswer`].
    Dismiss(Which),
    /// Takes a step of acting on advice. Whoever begins to accept or dismisses holds the lock `accepting`. The answer is `null`.
    Decide(Box<Decision>),
    /// Gives a run tags or a note. The answer is [`crate::vocab::Labels`], as they are then.
    Label(LabelCommand),
    /// Stops the daemon, after everything is written out. It is answered before, with [`Response::Stopping`], as nobody
    /// is there to answer afterwards.
    Stop,
}

/// The daemon's answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Response {
    /// What is new to a subscriber.
    Change(Box<Change>),
    /// An answer; its shape is the schema of the command.
    Answer(Box<RawValue>),
    /// A stretch of an export.
    Chunk(String),
    /// The end of an export.
    End,
    /// What was asked cannot be answered.
    Failed(Failure),
    /// The daemon will stop.
    Stopping,
}

/// Reads what a [`Response::Answer`] says.
///
/// # Errors
/// Where it is not of this shape.
pub fn read<T: DeserializeOwned>(answer: &str) -> Result<T, Failure> {
    // As bytes, like frames: `from_str` would be the code of each type once more.
    serde_json::from_slice(answer.as_bytes())
        .map_err(|e| Failure::new(format!("the daemon sent an answer that cannot be read: {e}"), None))
}

/// A message for the user, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What went wrong, and where.
    pub message: String,
    /// What to type next.
    pub help: Option<String>,
    /// Exit status: 1 failed, 2 used wrongly.
    pub status: u8,
}

impl Failure {
    /// Something did not work out.
    #[must_use]
    pub fn new(message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        Self { message: message.into(), help: help.into(), status: 1 }
    }

    /// Something was asked for wrongly.
    #[must_use]
    pub fn usage(message: impl Into<String>, help: impl Into<Option<String>>) -> Self {
        Self { status: 2, ..Self::new(message, help) }
    }
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// All runs with facts, metrics and forecasts.
    Runs,
    /// One run.
    Show {
        /// Its name, or a part that only it has.
        run: String,
    },
    /// What every file was recognised as, where each fact came from, and what is wrong.
    Check,
    /// Fits as they were made.
    History(HistoryQuery),
    /// The laws, fitted.
    Fit(FitQuery),
    /// Forecasts kept, and how they fared.
    Ledger(LedgerQuery),
    /// Everything that a reader can show, as one snapshot.
    Snapshot,
    /// The daemon, and how many runs it watches.
    Status,
    /// Curves at the width of a screen.
    Series(SeriesQuery),
    /// Losses at places.
    Predict(Vec<PredictQuery>),
    /// Compute-optimal sizes, and the best shape for a budget.
    Shape(Box<ShapeQuery>),
    /// Learning rate and batch.
    Hyper(HyperQuery),
    /// What to change.
    Recommend {
        /// Look outside what the runs have explored, whatever held-out runs say.
        extrapolate: bool,
        /// Also the mean of so many of the best mixtures of a random draw.
        #[serde(default)]
        top: Option<usize>,
    },
    /// The advice, and what was decided of it.
    Advice,
    /// What moving a share of the last phase would do.
    Phases(Box<PhasesQuery>),
    /// Tails of one model against a baseline tail.
    Anneals {
        /// A run of the baseline, or a part of its name that only it has.
        baseline: Option<String>,
    },
    /// Declared against realised mixtures.
    Audit,
    /// Weights that online rules give.
    Online {
        /// The run's name, or a part that only it has.
        run: String,
    },
    /// Which runs to launch.
    Next(NextQuery),
    /// Lines of a run's log.
    Log(LogQuery),
    /// How routers share out tokens.
    Router(RouterQuery),
    /// When fits were made.
    Moments,
    /// Losses of many mixtures at the target.
    Surface(SurfaceQuery),
    /// The objective along the share of each corpus.
    Slices(SlicesQuery),
    /// The best mixture at several sizes, or amounts of data.
    Drift,
    /// What the law in use says of each run beside what was measured.
    Fitted(FittedQuery),
}

/// The answer to [`Query::Status`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusAnswer {
    /// The daemon.
    pub daemon: DaemonView,
    /// Runs that it knows.
    pub runs: usize,
    /// When that was so, seconds since 1970.
    pub at: f64,
    /// Setup notes that are errors.
    pub faults: Vec<Notice>,
    /// Its own figures; earlier versions say none.
    #[serde(default)]
    pub figures: Option<Figures>,
}

/// Which budgets. Where all is left open, the project's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ShapeQuery {
    /// Training FLOPs to find optima for; advice is for the first.
    pub flops: Vec<f64>,
    /// The budget; what it leaves open is the project's.
    #[serde(default)]
    pub budget: Budget,
    /// Groups of runs to compare at equal loss, each a pattern of names: the group, and the one that it is compared with.
    /// `None` for models with experts beside dense ones.
    #[serde(default)]
    pub worth: Option<(String, String)>,
    /// The Pareto front of the loss against this, and nothing else.
    #[serde(default)]
    pub pareto: Option<FrontCost>,
}

/// How to fit. Where all is left open the daemon's own fits are the answer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FitQuery {
    /// Laws; empty for the project's.
    pub laws: Vec<String>,
    /// Validation loss, by key or domain; `None` for all.
    pub metric: Option<String>,
    /// Searches from different starting points.
    pub starts: Option<usize>,
    /// Seed of starts and resamples.
    pub seed: Option<u64>,
    /// Threads; `None` for all cores.
    pub threads: Option<usize>,
    /// Whether the errors of an automatic choice are to be those of the whole procedure.
    #[serde(default)]
    pub nested: bool,
}

impl FitQuery {
    /// Whether it asks for the project's own fits, be it of one validation loss, rather than for others.
    #[must_use]
    pub fn is_of_the_projects_fits(&self) -> bool {
        *self == Self { metric: self.metric.clone(), nested: self.nested, ..Self::default() }
    }
}

/// Which fits of the past.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryQuery {
    /// Made up to then, seconds since 1970; `None` for now.
    pub until: Option<f64>,
    /// Only this validation loss, named by key or by domain.
    pub metric: Option<String>,
    /// Only the newest of each law and loss.
    pub standing: bool,
}

/// Which forecasts of those kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LedgerQuery {
    /// Only of this validation loss, named by key or by domain.
    pub metric: Option<String>,
    /// Only by this law.
    pub law: Option<String>,
}

/// Tags and a note for a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LabelCommand {
    /// Name of the run, or a part that only it has.
    pub run: String,
    /// Tags it is to have beside its own.
    #[serde(default)]
    pub add: Vec<String>,
    /// Tags it is to lose.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Whether it is to lose all others.
    #[serde(default)]
    pub alone: bool,
    /// The note it is to have, empty for none; `None` for the one it has.
    #[serde(default)]
    pub note: Option<String>,
}

/// Which signals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    /// These, by number.
    Ids(Vec<u64>),
    /// Those of a run, by its name or a part that only it has.
    Run(String),
    /// All.
    All,
}

/// Where to predict. What is left open is the target's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PredictQuery {
    /// N.
    pub params: Option<f64>,
    /// D.
    pub tokens: Option<f64>,
    /// Parameters used for one token.
    pub active_params: Option<f64>,
    /// E.
    pub experts: Option<f64>,
    /// K.
    pub experts_per_token: Option<f64>,
    /// G.
    pub granularity: Option<f64>,
    /// Weights; domains that are not named share what these leave to one as they do now.
    pub mixture: Option<Mixture>,
}

/// What to export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportQuery {
    /// `jsonl` or `csv`.
    pub format: ExportFormat,
    /// Only this run, by name.
    pub run: Option<String>,
    /// Only this metric, by key.
    pub metric: Option<String>,
}

/// How the points of an export travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportFormat {
    /// One JSON object a line.
    Jsonl,
    /// A header and one row a line.
    Csv,
}

/// The answer to [`Query::Moments`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MomentsAnswer {
    /// Seconds since 1970, ascending, each once.
    pub moments: Vec<f64>,
}
