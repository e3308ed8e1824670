//! What the components know in common: the newest value of what each has said by an event. Nobody writes it but
//! [`Shared::take`], so that it always says what the events so far have said.

use super::event::{Event, Grades, RunForecasts};
use super::fits::CurrentFits;
use super::tracked::Tracked;
use crate::advise::decisions::Decisions;
use crate::fit::proxies;
use crate::ingest::{Budget, Waker};
use crate::observe::tables::Tables;
use crate::observe::{Observed, Records};
use crate::project::Project;
use crate::store::{RunId, SledStore};
use crate::vocab::{IngestProgress, Notice, ProxyView};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// See the [module](self).
pub struct Shared {
    /// Time of the event that is handled.
    pub now: SystemTime,
    /// How much may be read at the next look.
    pub budget: Budget,
    /// Called by sources that have something new; what that does is said once, by who drives the engine.
    pub waker: Arc<OnceLock<Waker>>,
    /// The project as written, without assumptions.
    pub written: Arc<Project>,
    /// The project with assumptions for what it leaves open.
    pub project: Arc<Project>,
    /// These in words.
    pub assumptions: Vec<Notice>,
    /// Where points are kept.
    pub store: Arc<SledStore>,
    /// How far the first reading is, while it lasts.
    pub progress: Option<IngestProgress>,
    /// When each run was last written to.
    pub writes: HashMap<RunId, SystemTime>,
    /// Tables of finished runs.
    pub tables: Arc<Tables>,
    /// Every run.
    pub runs: BTreeMap<RunId, Arc<Tracked>>,
    /// The same, as laws see them.
    pub records: Arc<Records>,
    /// The rows that laws are fitted to.
    pub observed: Arc<Observed>,
    /// What became of rows that stand in for runs.
    pub proxies: Arc<Vec<ProxyView>>,
    /// The newest fits, and what follows from them.
    pub fits: Arc<CurrentFits>,
    /// Where runs will end.
    pub forecasts: BTreeMap<RunId, Arc<RunForecasts>>,
    /// How forecasts have fared.
    pub grades: Arc<Grades>,
    /// Which advice stands, and what was decided of it.
    pub decisions: Arc<Decisions>,
}

impl Shared {
    /// Nothing but a project and a store.
    #[must_use]
    pub fn new(project: Project, store: Arc<SledStore>) -> Self {
        let project = Arc::new(project);
        Self {
            now: SystemTime::UNIX_EPOCH,
            budget: Budget::default(),
            waker: Arc::default(),
            written: Arc::clone(&project),
            project,
            assumptions: Vec::new(),
            store,
            progress: None,
            writes: HashMap::new(),
            tables: Arc::default(),
            runs: BTreeMap::new(),
            records: Arc::default(),
            observed: Arc::default(),
            proxies: Arc::default(),
            fits: Arc::default(),
            forecasts: BTreeMap::new(),
            grades: Arc::default(),
            decisions: Arc::default(),
        }
    }

    /// Takes up what an event says.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Edited(project) => {
                self.written = Arc::clone(project);
                self.writes.clear();
                self.fits = Arc::default();
            }
            Event::StoreReplaced(store) => {
                self.store = Arc::clone(store);
                self.writes.clear();
                self.runs.clear();
                self.forecasts.clear();
            }
            Event::Written { all, times } => {
                if *all {
                    self.writes.clone_from(times);
                } else {
                    self.writes.extend(times);
                }
            }
            Event::Progress(progress) => self.progress.clone_from(progress),
            Event::TablesRead(tables) => self.tables = Arc::clone(tables),
            Event::ProjectCompleted(project, assumptions) => {
                self.project = Arc::clone(project);
                self.assumptions.clone_from(assumptions);
            }
            Event::RunsRead(runs) => {
                for id in &runs.gone {
                    self.runs.remove(id);
                    self.forecasts.remove(id);
                }
                self.runs.extend(runs.read.iter().map(|run| (run.record.id, Arc::clone(run))));
                self.records = Arc::clone(&runs.records);
            }
            Event::RowsChanged(observed) => {
                self.observed = Arc::clone(observed);
                self.proxies = Arc::new(proxies::views(&observed.fitted, self.project.fit.seed));
            }
            Event::FitsChanged(fits) => self.fits = Arc::clone(fits),
            Event::RunsForecast(all) => {
                for (id, forecasts) in all {
                    self.forecasts.insert(*id, Arc::clone(forecasts));
                }
            }
            Event::Graded(grades) => self.grades = Arc::clone(grades),
            Event::DecisionsChanged(decisions) => self.decisions = Arc::clone(decisions),
            Event::Look(_)
            | Event::Fitted(_)
            | Event::FitsRecalled(_)
            | Event::Dismiss(..)
            | Event::Label(..)
            | Event::Labelled
            | Event::Stop
            | Event::AnswerOnce
            | Event::Idle
            | Event::ForecastAgain
            | Event::ForecastMore
            | Event::PointsRead { .. }
            | Event::KeepFits
            | Event::Examined(_)
            | Event::AlertsChanged
            | Event::Dismissed(_)
            | Event::Decide(..)
            | Event::Decided(_)
            | Event::Note(_)
            | Event::Save
            | Event::JournalRead(_)
            | Event::JournalShortened(_) => {}
        }
    }

    /// A run's forecasts, where it has any.
    #[must_use]
    pub fn forecasts_of(&self, run: RunId) -> &RunForecasts {
        static NONE: RunForecasts = RunForecasts::new();
        self.forecasts.get(&run).map_or(&NONE, |forecasts| forecasts)
    }
}
