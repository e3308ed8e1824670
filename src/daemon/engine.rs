//! Engine: a project's components on one thread. It knows no thread itself; [`super::service`] drives it in a daemon, and
//! one-shot commands drive it directly.

mod one_shot;
mod shown;
mod snapshot;

pub use one_shot::{Need, Progress};
pub use snapshot::Surroundings;

use super::accept;
use super::component::{self, Component};
use super::components::decisions::DecisionKeeper;
use super::components::fit_keeper::FitKeeper;
use super::components::forecasts::Forecasts;
use super::components::health_check::HealthCheck;
use super::components::journal::JournalWriter;
use super::components::labels::LabelKeeper;
use super::components::ledger::LedgerKeeper;
use super::components::logs::Logs;
use super::components::notifications::Notifications;
use super::components::retention::Retention;
use super::components::run_index::RunIndex;
use super::components::tables::WatchedTables;
use super::event::Event;
use super::fitter::Fitted;
use super::job::Job;
use super::kept_fits::MetricFits;
use super::loads::Kept;
use super::shared::Shared;
use crate::advise::decisions::Refusal;
use crate::ingest::{Budget, Look, Waker};
use crate::ipc::protocol::Failure;
use crate::notifications::outbox::Outbox;
use crate::project::Project;
use crate::store::{Opened, SledStore, StoreError};
use crate::vocab::{Decision, IngestProgress, Labels, Notice, Severity, WatchedRoot};
use shown::Shown;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Owner of a project's state.
pub struct Engine {
    shared: Shared,
    components: Components,
    /// What is said of how the store was opened.
    opened: Vec<Notice>,
    started: Instant,
    seq: u64,
    /// The runs as they were published last.
    shown: Shown,
    /// Loads of experts, for whoever asks.
    loads: Arc<Kept>,
}

/// The components of a project.
struct Components {
    journal: JournalWriter,
    labels: LabelKeeper,
    ledger: LedgerKeeper,
    decisions: DecisionKeeper,
    logs: Logs,
    tables: WatchedTables,
    fits: FitKeeper,
    index: RunIndex,
    forecasts: Forecasts,
    health: HealthCheck,
    notifications: Notifications,
    retention: Retention,
}

impl Components {
    /// In the order in which they are told of an event. Those that say what the project is come before those that say what
    /// follows from it.
    fn all(&mut self) -> [&mut dyn Component; 12] {
        [
            &mut self.journal,
            &mut self.labels,
            &mut self.ledger,
            &mut self.decisions,
            &mut self.logs,
            &mut self.tables,
            &mut self.fits,
            &mut self.index,
            &mut self.forecasts,
            &mut self.health,
            &mut self.notifications,
            &mut self.retention,
        ]
    }
}

/// What an event changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Something that is shown.
    pub shown: bool,
    /// Rows that are fitted to.
    pub rows: bool,
    /// Files are left with more to read.
    pub more: bool,
    /// Alerts that were dismissed, and had not been before.
    pub dismissed: Vec<u64>,
    /// Why a decision is not possible.
    pub refused: Option<Refusal>,
}

impl Changed {
    fn hear(&mut self, event: &Event) {
        match event {
            Event::Progress(_)
            | Event::TablesRead(_)
            | Event::RunsRead(_)
            | Event::RunsForecast(_)
            | Event::Labelled
            | Event::AlertsChanged
            | Event::DecisionsChanged(_) => self.shown = true,
            Event::RowsChanged(_) => self.rows = true,
            Event::PointsRead { more, .. } => self.more = *more,
            Event::Dismissed(ids) => self.dismissed.extend(ids),
            Event::Decided(decided) => self.refused = decided.clone().err(),
            _ => {}
        }
    }
}

impl Engine {
    /// An engine on a store that has been opened. Nothing is read before the first [`Engine::turn`].
    ///
    /// # Errors
    /// What the store says.
    pub fn new(project: Project, store: Arc<SledStore>, opened: &Opened) -> Result<Self, StoreError> {
        let tables = WatchedTables::read(&project);
        let mut shared = Shared::new(project, store);
        let mut components = Components {
            journal: JournalWriter::default(),
            labels: LabelKeeper::default(),
            ledger: LedgerKeeper::default(),
            decisions: DecisionKeeper::default(),
            logs: Logs::new(&shared),
            tables,
            fits: FitKeeper::default(),
            index: RunIndex::new(&shared),
            forecasts: Forecasts::default(),
            health: HealthCheck::default(),
            notifications: Notifications::default(),
            retention: Retention::default(),
        };
        component::start(&mut components.all(), &mut shared)?;
        let (opened, started) = (opened_notice(opened), Instant::now());
        Ok(Self { shared, components, opened, started, seq: 0, shown: Shown::default(), loads: Arc::default() })
    }

    /// Handles an event with all that follows from it.
    fn handle(&mut self, event: Event) -> Result<Changed, StoreError> {
        let mut changed = Changed::default();
        let hear = &mut |event: &Event| {
            changed.hear(event);
            self.shown.hear(event);
        };
        component::dispatch(&mut self.components.all(), &mut self.shared, event, hear)?;
        Ok(changed)
    }

    /// Takes up an edited project: what was read stays read, what it means is worked out again.
    ///
    /// # Errors
    /// What the store says.
    pub fn reload(&mut self, project: Project) -> Result<(), StoreError> {
        self.handle(Event::Edited(Arc::new(project))).map(drop)
    }

    /// Goes on with another store; what the logs say is read again, or taken from there. What can be had from no log
    /// (alerts, what was dismissed, forecasts) stays.
    ///
    /// # Errors
    /// What the store says.
    pub fn move_to(&mut self, store: Arc<SledStore>, opened: &Opened) -> Result<(), StoreError> {
        self.opened.extend(opened_notice(opened));
        // Its runs have other numbers.
        self.loads = Arc::default();
        self.handle(Event::StoreReplaced(store)).map(drop)
    }

    /// The project after assumptions.
    #[must_use]
    pub fn project(&self) -> &Arc<Project> {
        &self.shared.project
    }

    /// The project as written.
    #[must_use]
    pub fn written(&self) -> &Project {
        &self.shared.written
    }

    /// Which logs cannot be read at present.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Notice> {
        self.components.logs.unreadable()
    }

    /// The store, for readers.
    #[must_use]
    pub fn store(&self) -> &Arc<SledStore> {
        &self.shared.store
    }

    /// Looks at files, reads what is new, and works out what that changes.
    ///
    /// # Errors
    /// What the store says.
    pub fn turn(&mut self, look: &Look, budget: Budget) -> Result<Changed, StoreError> {
        self.shared.budget = budget;
        self.handle(Event::Look(look.clone()))
    }

    /// Looks at the runs of which there may be news, and writes down alerts, what has been forecast, and what has come of it
    /// since the last time. Returns whether there are other alerts. Not to be called while a backlog is being read: what a
    /// file says further on is no future.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write_down(&mut self, now: SystemTime) -> Result<bool, StoreError> {
        self.shared.now = now;
        Ok(self.handle(Event::Idle)?.shown)
    }

    /// Makes forecasts for so long at a time from now on; [`Engine::forecast_more`] makes those that are left.
    pub fn forecast_in_slices(&mut self, slice: Duration) {
        self.components.forecasts.in_slices(slice);
    }

    /// Whether runs wait to be forecast.
    #[must_use]
    pub fn owes_forecasts(&self) -> bool {
        self.components.forecasts.is_behind()
    }

    /// Forecasts some of the runs that wait for it. Returns whether there is something else to show.
    ///
    /// # Errors
    /// What the store says.
    pub fn forecast_more(&mut self) -> Result<bool, StoreError> {
        Ok(self.handle(Event::ForecastMore)?.shown)
    }

    /// Dismisses alerts; returns the numbers of those that were not dismissed before. That is on disk then.
    ///
    /// # Errors
    /// What the disk says.
    pub fn dismiss(&mut self, ids: &[u64], now: SystemTime) -> Result<Vec<u64>, StoreError> {
        self.shared.now = now;
        Ok(self.handle(Event::Dismiss(ids.to_vec(), None))?.dismissed)
    }

    /// Tells people of alerts and changed advice from now on, by way of an outbox.
    pub fn tell_through(&mut self, outbox: Arc<Outbox>) {
        self.components.notifications.tell_through(outbox, &self.shared);
    }

    /// What sources call from now on when they have something new.
    pub fn wake_by(&mut self, waker: Waker) {
        let _ = self.shared.waker.set(waker);
    }

    /// What is followed besides directories, and how well.
    #[must_use]
    pub fn watching(&self) -> Vec<WatchedRoot> {
        self.components.logs.watching()
    }

    /// Takes a step of acting on advice; it is on disk then. Whoever begins to accept holds the lock `accepting`.
    ///
    /// # Errors
    /// What the disk says; then, why the step is not possible, for the user.
    pub fn decide(&mut self, decision: Decision, now: SystemTime) -> Result<Result<(), Failure>, StoreError> {
        if !self.components.journal.is_kept() {
            let help = "run: mixlaw daemon logs, or set MIXLAW_STATE to a directory on a local disk".to_owned();
            return Ok(Err(Failure::new("nothing can be kept at present, so nothing is decided", help)));
        }
        self.shared.now = now;
        let refused = self.handle(Event::Decide(Box::new(decision), None))?.refused;
        Ok(refused.map_or(Ok(()), |refusal| Err(accept::refused(&refusal))))
    }

    /// Gives a run tags and a note, in place of those before. That is on disk then.
    ///
    /// # Errors
    /// What the disk says.
    pub fn label(&mut self, labels: Labels, now: SystemTime) -> Result<(), StoreError> {
        self.shared.now = now;
        self.handle(Event::Label(labels, None)).map(drop)
    }

    /// What is to be fitted now.
    #[must_use]
    pub fn job(&self) -> Job {
        let shared = &self.shared;
        Job {
            project: Arc::clone(&shared.project),
            observed: Arc::clone(&shared.observed),
            records: Arc::clone(&shared.records),
            readings: shared.runs.iter().map(|(id, run)| (*id, run.reading)).collect(),
            standing: shared.decisions.holds().cloned(),
        }
    }

    /// Takes fits with what follows from them, and keeps them.
    ///
    /// # Errors
    /// What the store says.
    pub fn accept(&mut self, fitted: Fitted, now: SystemTime) -> Result<(), StoreError> {
        self.shared.now = now;
        self.handle(Event::Fitted(Box::new(fitted))).map(drop)
    }

    /// The newest fits that the store has of the project's losses.
    #[must_use]
    pub fn kept_fits(&self) -> Vec<MetricFits> {
        let store = &self.shared.store;
        self.shared.project.metric_keys().filter_map(|metric| MetricFits::read(store, metric)).collect()
    }

    /// Saves everything.
    ///
    /// # Errors
    /// What the store says.
    pub fn stop(&mut self) -> Result<(), StoreError> {
        component::stop(&mut self.components.all(), &self.shared)?;
        self.shared.store.flush()
    }

    /// Reads everything there is, and takes files as complete as they are.
    ///
    /// # Errors
    /// What the store says.
    pub fn read_all(&mut self, mut tell: impl FnMut(&IngestProgress)) -> Result<(), StoreError> {
        self.handle(Event::AnswerOnce)?;
        let budget = Budget { time: Duration::from_millis(500) };
        let mut look = Look::Everything;
        while self.turn(&look, budget)?.more {
            look = Look::Hints(Vec::new());
            self.shared.progress.iter().for_each(&mut tell);
        }
        self.handle(Event::ForecastAgain).map(drop)
    }
}

fn opened_notice(opened: &Opened) -> Vec<Notice> {
    match opened {
        Opened::MovedAside(path) => vec![Notice {
            severity: Severity::Warning,
            text: format!(
                "the store could not be opened and was rebuilt from the logs; the old store is at {}",
                path.display()
            ),
            help: Some("delete the old store when you no longer need it; the two newest are kept".to_owned()),
        }],
        Opened::New | Opened::Existing => Vec::new(),
    }
}
