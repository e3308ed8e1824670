//! Event: something happened. Everything that the parts of the daemon tell each other is one of these.
//!
//! | event | sent by | handled by |
//! |---|---|---|
//! | `Look` | watcher, service | logs, tables |
//! | `Fitted` | fitter (another thread), one-shot commands | fits, ledger, then forecasts by `FitsChanged` |
//! | `FitsRecalled` | one-shot commands | fits |
//! | `Dismiss` | server, dashboard | health |
//! | `Decide` | server, one-shot commands | decisions |
//! | `Label` | server, dashboard | labels |
//! | `Stop` | signals, server | service, which stops every component |
//! | `AnswerOnce`, `Edited`, `StoreReplaced`, `Idle`, `ForecastAgain`, `ForecastMore` | engine | whoever it concerns |
//! | `PointsRead`, `Written`, `Progress` | logs, retention | index |
//! | `TablesRead` | tables | index |
//! | `ProjectCompleted`, `RunsRead`, `RowsChanged` | index | forecasts, health; the fitter by the service |
//! | `FitsChanged`, `KeepFits` | fits | forecasts, fits |
//! | `RunsForecast` | forecasts | health |
//! | `Examined`, `AlertsChanged`, `Dismissed` | health | ledger |
//! | `Graded` | ledger | forecasts, by what is shared |
//! | `Decided`, `DecisionsChanged` | decisions | engine; the fitter by what is shared |
//! | `Labelled` | labels | the engine, which publishes the runs |
//! | `Note`, `Save` | health, ledger, labels, decisions | journal |
//! | `JournalRead` | journal | health, ledger, labels, decisions |
//! | `JournalShortened` | journal | health, ledger |
//!
//! What follows from an event is handled before the next event, and each event is first taken into
//! [`super::shared::Shared`], so that a component sees what it is told of.

use super::fits::CurrentFits;
use super::fitter::Fitted;
use super::journal_line::JournalLine;
use super::shared_ledger::SharedLedger;
use super::tracked::Tracked;
use crate::advise::decisions::{Decisions, Refusal};
use crate::ingest::Look;
use crate::ipc::protocol::Failure;
use crate::observe::tables::Tables;
use crate::observe::{Observed, Records};
use crate::project::Project;
use crate::store::{RunId, SledStore};
use crate::vocab::{Decision, IngestProgress, Labels, LedgerView, Notice, RunForecast};
use crossbeam_channel::Sender;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

/// Where the numbers of the alerts that were dismissed go once that is saved, or what is in the way.
pub type Reply = Sender<Result<Vec<u64>, Failure>>;

/// Where it goes that a decision is saved, or what is in the way.
pub type Settled = Sender<Result<(), Failure>>;

/// Forecasts of one run, by metric key: by every law, the one to show first.
pub type RunForecasts = BTreeMap<String, Vec<RunForecast>>;

/// Something happened; see the [module](self) for who tells whom.
pub enum Event {
    /// Files may have changed.
    Look(Look),
    /// Laws were fitted: these are the newest fits, to be kept.
    Fitted(Box<Fitted>),
    /// Fits of older rows serve for forecasts, and are kept already.
    FitsRecalled(Box<Fitted>),
    /// The user has seen the alerts of these numbers.
    Dismiss(Vec<u64>, Option<Reply>),
    /// A step of acting on advice. Whoever begins one holds the lock `accepting` (see [`super::state_dir`]).
    Decide(Box<Decision>, Option<Settled>),
    /// The user gives a run tags or a note.
    Label(Labels, Option<Reply>),
    /// Stop, after everything is saved.
    Stop,

    /// A command answers once: files are as complete as they are, and nobody looks before the end.
    AnswerOnce,
    /// The project file was edited: this is what it says now.
    Edited(Arc<Project>),
    /// Points are kept in another store from now on.
    StoreReplaced(Arc<SledStore>),
    /// No file is left with more to read. (While a backlog is read, what a file says further on is no future.)
    Idle,
    /// Everything was looked at: runs whose forecast was put off are forecast.
    ForecastAgain,
    /// There is time to forecast some of the runs that wait for it.
    ForecastMore,

    /// Points or facts of these runs are in the store.
    PointsRead {
        /// Which.
        runs: BTreeSet<RunId>,
        /// Whether files are left with more to read.
        more: bool,
    },
    /// When runs were last written to.
    Written {
        /// Whether these are all runs.
        all: bool,
        /// The times.
        times: HashMap<RunId, SystemTime>,
    },
    /// How far the first reading is.
    Progress(Option<IngestProgress>),
    /// The project's tables say something else.
    TablesRead(Arc<Tables>),
    /// The project with assumptions for what it leaves open, and these in words.
    ProjectCompleted(Arc<Project>, Vec<Notice>),
    /// Runs were read from the store again.
    RunsRead(RunsRead),
    /// There are other rows to fit to.
    RowsChanged(Arc<Observed>),
    /// These are the newest fits.
    FitsChanged(Arc<CurrentFits>),
    /// The newest fits are to be kept.
    KeepFits,
    /// These runs were forecast again; a run without forecasts has none.
    RunsForecast(Vec<(RunId, Arc<RunForecasts>)>),
    /// These runs were looked at: their forecasts are to be noted, or graded.
    Examined(BTreeSet<RunId>),
    /// There is a new alert, or one has ended.
    AlertsChanged,
    /// These alerts were not dismissed before.
    Dismissed(Vec<u64>),
    /// A run has other tags or another note.
    Labelled,
    /// Forecasts were graded.
    Graded(Arc<Grades>),
    /// A step was taken and saved, or is not possible.
    Decided(Result<(), Refusal>),
    /// Other advice stands, or something was decided of it.
    DecisionsChanged(Arc<Decisions>),
    /// To be written to the journal.
    Note(JournalLine),
    /// What was noted is to be on disk.
    Save,
    /// What the journal says, in place of what is known.
    JournalRead(Vec<JournalLine>),
    /// Old entries went: these are left.
    JournalShortened(Vec<JournalLine>),
}

/// Runs that were read from the store again.
#[derive(Default)]
pub struct RunsRead {
    /// Those of which there may be news, whether they could be read or are gone.
    pub changed: BTreeSet<RunId>,
    /// The runs as they are now, at least those that have changed.
    pub read: Vec<Arc<Tracked>>,
    /// Those that are there no more.
    pub gone: BTreeSet<RunId>,
    /// Those of `read` that have no new validation loss.
    pub same_losses: BTreeSet<RunId>,
    /// All runs, as laws see them.
    pub records: Arc<Records>,
}

/// How forecasts have fared.
#[derive(Debug, Default)]
pub struct Grades {
    /// Every forecast with its grade.
    pub ledger: SharedLedger,
    /// By law: what its intervals are to be widened by.
    pub factors: BTreeMap<String, f64>,
    /// The score, for the screen, without the number of those that wait.
    pub view: LedgerView,
}

impl Grades {
    /// What intervals of a law are to be widened by; 1 where nothing was graded.
    #[must_use]
    pub fn factor(&self, law: &str) -> f64 {
        self.factors.get(law).copied().unwrap_or(1.0)
    }

    /// The score, for the screen.
    #[must_use]
    pub fn shown(&self) -> LedgerView {
        LedgerView { waiting: self.ledger.read().waiting_in_all(), ..self.view.clone() }
    }
}

impl Event {
    /// Its name, for the log.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Look(_) => "look",
            Self::Fitted(_) => "fitted",
            Self::FitsRecalled(_) => "fits recalled",
            Self::Dismiss(..) => "dismiss",
            Self::Decide(..) => "decide",
            Self::Label(..) => "label",
            Self::Stop => "stop",
            Self::AnswerOnce => "answer once",
            Self::Edited(_) => "project edited",
            Self::StoreReplaced(_) => "store replaced",
            Self::Idle => "idle",
            Self::ForecastAgain => "forecast again",
            Self::ForecastMore => "forecast more",
            Self::PointsRead { .. } => "points read",
            Self::Written { .. } => "written",
            Self::Progress(_) => "progress",
            Self::TablesRead(_) => "tables read",
            Self::ProjectCompleted(..) => "project completed",
            Self::RunsRead(_) => "runs read",
            Self::RowsChanged(_) => "rows changed",
            Self::FitsChanged(_) => "fits changed",
            Self::KeepFits => "keep fits",
            Self::RunsForecast(_) => "runs forecast",
            Self::Examined(_) => "examined",
            Self::AlertsChanged => "alerts changed",
            Self::Dismissed(_) => "dismissed",
            Self::Labelled => "labelled",
            Self::Graded(_) => "graded",
            Self::Decided(_) => "decided",
            Self::DecisionsChanged(_) => "decisions changed",
            Self::Note(_) => "note",
            Self::Save => "save",
            Self::JournalRead(_) => "journal read",
            Self::JournalShortened(_) => "journal shortened",
        }
    }
}
