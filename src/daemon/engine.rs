//! The one owner of a project's state: reads logs, keeps runs, hands out rows to fit, takes fits back, and makes the
//! snapshot. It knows no thread; [`super::service`] drives it in a daemon, and one-shot commands drive it directly.

mod one_shot;
mod shown;
mod snapshot;
mod tracked;

pub use one_shot::{Need, Progress};
pub use snapshot::Surroundings;

use super::components::files::Files;
use super::components::fits::{Fits, Taken};
use super::components::tables::WatchedTables;
use super::fitter::Fitted;
use super::health::{self, Contender, Contenders, LineGaps, Rhythm};
use super::job::Job;
use super::journaled::Journaled;
use super::kept_fits::MetricFits;
use super::metric_roles::Kinds;
use super::outlook::chosen;
use crate::forecast;
use crate::ingest::{Budget, Look, Sources};
use crate::observe::{self, Observed, RowsByRun, RunRecord};
use crate::project::Project;
use crate::store::{Opened, ReadStore, RunId, SledStore, StoreError};
use crate::vocab::{IngestProgress, Notice, RunForecast, Severity};
use rayon::prelude::*;
use shown::Shown;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tracked::Tracked;

/// The owner of a project's state.
pub struct Engine {
    project: Arc<Project>,
    /// As written, before assumptions: those are made anew as runs say more.
    written: Project,
    assumptions: Vec<Notice>,
    tables: WatchedTables,
    store: Arc<SledStore>,
    sources: Sources,
    runs: BTreeMap<RunId, Tracked>,
    /// How often a run was read from the store.
    readings: u64,
    /// Whether something that assumptions rest on has changed, other than the runs.
    assume_again: bool,
    records: Arc<Vec<RunRecord>>,
    /// The rows of each run, without those of tables.
    rows: RowsByRun,
    observed: Arc<Observed>,
    fits: Fits,
    opened: Vec<Notice>,
    progress: Option<IngestProgress>,
    journaled: Journaled,
    kinds: Kinds,
    contenders: Contenders,
    /// Whether the target was forecast anew since its forecasts were written down.
    target_is_new: bool,
    /// Runs that have gone on without a new loss since they were forecast: they wait for the next look at everything.
    postponed: BTreeSet<RunId>,
    files: Files,
    /// When each run was last written to.
    writes: HashMap<RunId, SystemTime>,
    /// Runs of which there may be news.
    due: BTreeSet<RunId>,
    rhythms: BTreeMap<RunId, Rhythm>,
    /// Runs that the store knows more of than the engine.
    stale: BTreeSet<RunId>,
    refreshed: Instant,
    /// How often runs are read from the store again while a backlog is read.
    refresh_every: Duration,
    started: Instant,
    seq: u64,
    /// The runs as they were published last.
    shown: Shown,
}

/// What one turn changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    /// Something that is shown.
    pub shown: bool,
    /// Rows that are fitted to.
    pub rows: bool,
    /// Files are left with more to read.
    pub more: bool,
}

impl Engine {
    /// An engine on a store that has been opened. Nothing is read before the first [`Engine::turn`].
    ///
    /// # Errors
    /// What the store says.
    pub fn new(project: Project, store: Arc<SledStore>, opened: &Opened) -> Result<Self, StoreError> {
        let mut engine = Self {
            sources: Sources::of(&project, &store),
            project: Arc::new(project.clone()),
            tables: WatchedTables::read(&project),
            written: project,
            assumptions: Vec::new(),
            runs: BTreeMap::new(),
            readings: 0,
            assume_again: true,
            records: Arc::default(),
            rows: RowsByRun::default(),
            observed: Arc::default(),
            fits: Fits::default(),
            opened: opened_notice(opened),
            progress: None,
            journaled: Journaled::open(&store)?,
            kinds: Kinds::default(),
            contenders: Contenders::default(),
            target_is_new: false,
            postponed: BTreeSet::new(),
            files: Files::default(),
            writes: HashMap::new(),
            due: BTreeSet::new(),
            rhythms: BTreeMap::new(),
            stale: BTreeSet::new(),
            refreshed: Instant::now(),
            refresh_every: Duration::from_secs(1),
            started: Instant::now(),
            seq: 0,
            shown: Shown::default(),
            store,
        };
        let known: BTreeSet<RunId> = engine.store.runs()?.into_iter().map(|(id, _)| id).collect();
        engine.refresh(&known)?;
        Ok(engine)
    }

    /// Takes up an edited project: what was read stays read, what it means is worked out again.
    ///
    /// # Errors
    /// What the store says.
    pub fn reload(&mut self, project: Project) -> Result<(), StoreError> {
        self.sources = Sources::of(&project, &self.store);
        self.writes.clear();
        self.files.look_again();
        self.tables = WatchedTables::read(&project);
        self.rows = RowsByRun::default();
        self.written = project;
        self.assume_again = true;
        self.keep_fits()?;
        self.fits = Fits::default();
        // What is known of the runs is no matter of the project; which of their series matter is found out again.
        self.refresh(&BTreeSet::new())?;
        self.forecast_runs(|_| true);
        Ok(())
    }

    /// Goes on with another store; what the logs say is read again, or taken from there. What can be had from no log
    /// (what was told of runs, acknowledgements, forecasts) stays.
    ///
    /// # Errors
    /// What the store says.
    pub fn move_to(&mut self, store: Arc<SledStore>, opened: &Opened) -> Result<(), StoreError> {
        self.sources = Sources::of(&self.written, &store);
        self.writes.clear();
        self.files.look_again();
        self.store = store;
        self.opened.extend(opened_notice(opened));
        self.journaled.reopen(&self.store)?;
        self.runs.clear();
        self.contenders = Contenders::default();
        self.postponed.clear();
        self.stale.clear();
        let known: BTreeSet<RunId> = self.store.runs()?.into_iter().map(|(id, _)| id).collect();
        self.refresh(&known)
    }

    /// The project after assumptions.
    #[must_use]
    pub fn project(&self) -> &Arc<Project> {
        &self.project
    }

    /// The project as written.
    #[must_use]
    pub fn written(&self) -> &Project {
        &self.written
    }

    /// Which logs cannot be read at present.
    #[must_use]
    pub fn unreadable(&self) -> Vec<Notice> {
        self.sources.unreadable()
    }

    /// The store, for readers.
    #[must_use]
    pub fn store(&self) -> &Arc<SledStore> {
        &self.store
    }

    /// Looks at files, reads what is new, and works out what that changes.
    ///
    /// # Errors
    /// What the store says.
    pub fn turn(&mut self, look: &Look, budget: Budget) -> Result<Changed, StoreError> {
        let turn = self.sources.turn(look, budget)?;
        match look {
            Look::Everything => self.writes = self.sources.last_writes(None),
            Look::Hints(_) => self.writes.extend(self.sources.last_writes(Some(&turn.changed))),
        }
        self.files.read(&turn.changed);
        let mut changed = Changed { more: turn.more, ..Changed::default() };
        if *look == Look::Everything {
            self.files.look_again();
            let before = Arc::clone(&self.observed);
            changed.shown = self.look_at_tables()?;
            changed.rows = changed.shown && !Arc::ptr_eq(&before, &self.observed) && *before != *self.observed;
        }
        if self.progress != turn.progress {
            self.progress = turn.progress;
            changed.shown = true;
        }
        self.stale.extend(turn.changed);
        // While a backlog is read, runs change with every turn, and reading them again each time would take longer than
        // the backlog.
        let due = !turn.more || self.refreshed.elapsed() >= self.refresh_every;
        if due && !self.stale.is_empty() {
            let before = Arc::clone(&self.observed);
            let stale = std::mem::take(&mut self.stale);
            self.refresh(&stale)?;
            self.refreshed = Instant::now();
            changed.shown = true;
            changed.rows |= !Arc::ptr_eq(&before, &self.observed) && *before != *self.observed;
        }
        if *look == Look::Everything && !turn.more {
            changed.shown |= self.forecast_postponed();
        }
        Ok(changed)
    }

    /// Reads the tables again if any has changed. Returns whether they say anything else now.
    fn look_at_tables(&mut self) -> Result<bool, StoreError> {
        if !self.tables.look(&self.written) {
            return Ok(false);
        }
        self.rows = RowsByRun::default();
        self.assume_again = true;
        self.refresh(&BTreeSet::new())?;
        Ok(true)
    }

    /// Reads the named runs from the store again, and what follows from them.
    fn refresh(&mut self, changed: &BTreeSet<RunId>) -> Result<(), StoreError> {
        let names: BTreeMap<RunId, String> = self.store.runs()?.into_iter().collect();
        let mut assume = std::mem::take(&mut self.assume_again);
        // Those that no pattern matches any more the sources have forgotten.
        let before = self.runs.len();
        self.runs.retain(|id, _| names.contains_key(id));
        // There is news of those that are gone, too.
        self.due.extend(changed);
        assume |= self.runs.len() != before;
        let changed_now: Vec<(RunId, &String)> = changed.iter().filter_map(|id| Some((*id, names.get(id)?))).collect();
        for mut tracked in tracked::read(&self.store, &mut self.kinds, &self.project, &changed_now)? {
            self.readings += 1;
            tracked.reading = self.readings;
            let before = self.runs.get(&tracked.record.id);
            let same = |before: &Tracked| observe::same_assumptions(&self.written, &before.record, &tracked.record);
            assume |= !before.is_some_and(same);
            let losses = |record: &RunRecord| -> Vec<_> {
                self.project.metrics.iter().map(|metric| record.series.get(metric).cloned()).collect()
            };
            match before.filter(|before| losses(&before.record) == losses(&tracked.record)) {
                Some(before) => {
                    tracked.forecasts = Arc::clone(&before.forecasts);
                    self.postponed.insert(tracked.record.id);
                }
                None => drop(self.postponed.remove(&tracked.record.id)),
            }
            self.runs.insert(tracked.record.id, tracked);
        }
        self.records = Arc::new(self.runs.values().map(|t| t.record.clone()).collect());
        if assume {
            let project = Arc::clone(&self.project);
            self.assume()?;
            if !Arc::ptr_eq(&project, &self.project) {
                // Other losses may be the project's now.
                self.postponed.retain(|id| !changed.contains(id));
            }
        }
        let reading = |record: &RunRecord| self.runs.get(&record.id).map_or(0, |tracked| tracked.reading);
        if let Some(mut observed) = self.rows.update(&self.project, &self.records, reading) {
            self.tables.tables.append(&self.project, &mut observed);
            self.observed = Arc::new(observed);
        }
        let anew: BTreeSet<RunId> = changed.difference(&self.postponed).copied().collect();
        self.forecast_runs(|id| anew.contains(&id));
        Ok(())
    }

    /// Makes the assumptions anew.
    fn assume(&mut self) -> Result<(), StoreError> {
        let (project, assumptions) = observe::assume(&self.tables.tables.complete(&self.written), &self.records);
        self.assumptions = assumptions;
        let metrics_changed = project.metrics != self.project.metrics;
        // The same project stays the same one in memory: views of runs that rest on it stand.
        if *self.project != project {
            self.project = Arc::new(project);
        }
        if metrics_changed {
            // Which series matter is known only now.
            self.sort_out()?;
            self.records = Arc::new(self.runs.values().map(|t| t.record.clone()).collect());
        }
        Ok(())
    }

    /// Forecasts the runs anew that have gone on without a new loss: their learning rate may say more by now. Returns
    /// whether there were any.
    fn forecast_postponed(&mut self) -> bool {
        let postponed = std::mem::take(&mut self.postponed);
        self.forecast_runs(|id| postponed.contains(&id));
        !postponed.is_empty()
    }

    /// Forecasts the ends of some runs anew.
    fn forecast_runs(&mut self, which: impl Fn(RunId) -> bool) {
        let fits = chosen(&self.fits.candidates);
        let all: Vec<_> = self
            .runs
            .iter()
            .filter(|(id, _)| which(**id))
            .map(|(id, tracked)| (*id, forecast::every(&self.project, &fits, &self.fits.pool, &tracked.record)))
            .collect();
        all.into_iter().for_each(|(id, forecasts)| self.take_forecasts(id, forecasts));
    }

    /// Takes up where a run will end, with intervals as wide as the ledger asks for.
    fn take_forecasts(&mut self, id: RunId, all: BTreeMap<String, Vec<RunForecast>>) {
        let Some(tracked) = self.runs.get_mut(&id) else { return };
        let mut all = self.journaled.calibrated(all);
        for (metric, forecast) in all.iter_mut().flat_map(|(m, all)| all.iter_mut().map(move |f| (m, f))) {
            forecast.fit = forecast.fit.take().or_else(|| self.fits.inputs.get(metric).cloned());
        }
        // The same stay the same ones in memory: what is shown of the run stands.
        if *tracked.forecasts != all {
            tracked.forecasts = Arc::new(all);
        }
        self.due.insert(id);
    }

    /// Looks at the runs of which there may be news, and writes down what is to be told, what has been forecast, and what
    /// has come of it since the last time. Returns whether there was something to tell. Not to be called while a backlog
    /// is being read: what a file says further on is no future.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write_down(&mut self, now: SystemTime) -> Result<bool, StoreError> {
        let at = seconds(now);
        for (id, rhythm) in &self.rhythms {
            // Silence is the one thing that happens without a line.
            if !rhythm.silence_seen && rhythm.overdue(now).is_some() {
                self.due.insert(*id);
            }
        }
        let due = std::mem::take(&mut self.due);
        if due.is_empty() {
            return Ok(false);
        }
        let (runs, project) = (&self.runs, &self.project);
        self.contenders.update(project, runs.keys(), &due, |id| Contender::of(&runs.get(&id)?.context(project)));
        let mut news = false;
        for id in due {
            let Some(tracked) = self.runs.get(&id) else { continue };
            let of = tracked.context(&self.project);
            let rhythm = self.rhythms.entry(id).or_default();
            rhythm.wrote(self.writes.get(&id).copied());
            if health::is_history(&of, rhythm, now) {
                self.journaled.starts_are_known(&tracked.record.name, health::starts(&of));
            } else {
                let reading = LineGaps::of(&self.store, id, &of)?;
                rhythm.observe(&reading);
                let rival = self.contenders.rival(id, &self.project);
                let inputs = reading.inputs(of, rhythm, &self.journaled, rival, now);
                rhythm.silence_seen |= inputs.silence.is_some();
                news |= self.journaled.look(&inputs, at);
            }
            rhythm.since = of.newest().or(rhythm.since);
            self.journaled.note_run(&self.project, &tracked.record, &tracked.forecasts, at);
        }
        if std::mem::take(&mut self.target_is_new) {
            let fit = |metric: &str| self.fits.inputs.get(metric).cloned();
            self.journaled.note_target(&self.fits.outlook.target, &self.records, fit, at);
        }
        self.journaled.write()?;
        Ok(news)
    }

    /// Takes what was told as seen by the user; returns the numbers of what was not yet.
    ///
    /// # Errors
    /// What the disk says.
    pub fn acknowledge(&mut self, ids: &[u64], now: SystemTime) -> Result<Vec<u64>, StoreError> {
        let done = self.journaled.acknowledge(ids, seconds(now));
        self.journaled.write()?;
        Ok(done)
    }

    /// Finds out again which series of the runs matter, and reads those that did not before.
    fn sort_out(&mut self) -> Result<(), StoreError> {
        let (store, kinds, project) = (&self.store, &mut self.kinds, &self.project);
        for tracked in self.runs.values_mut() {
            self.readings += 1;
            (tracked.reading, tracked.roles) = (self.readings, kinds.roles(project, &tracked.metrics));
        }
        self.runs.par_iter_mut().try_for_each(|(_, tracked)| tracked.sort_out(store))
    }

    /// What is to be fitted now.
    #[must_use]
    pub fn job(&self) -> Job {
        Job {
            project: Arc::clone(&self.project),
            observed: Arc::clone(&self.observed),
            records: Arc::clone(&self.records),
            readings: self.runs.iter().map(|(id, tracked)| (*id, tracked.reading)).collect(),
        }
    }

    /// Takes fits with what follows from them, and keeps them.
    ///
    /// # Errors
    /// What the store says.
    pub fn accept(&mut self, fitted: Fitted, now: SystemTime) -> Result<(), StoreError> {
        let taken = self.take(fitted);
        self.fits.write(&self.store, &taken, now)
    }

    /// Takes fits as the newest, and what follows from them. Runs that were read anew meanwhile are forecast anew.
    fn take(&mut self, fitted: Fitted) -> Taken {
        let mut taken = self.fits.take(fitted);
        self.target_is_new = true;
        let mut read_since = BTreeSet::new();
        for id in self.runs.keys().copied().collect::<Vec<_>>() {
            match taken.runs.remove(&id) {
                Some(outlook) if outlook.reading == self.runs[&id].reading => {
                    self.take_forecasts(id, outlook.forecasts)
                }
                _ => {
                    read_since.insert(id);
                }
            }
        }
        self.forecast_runs(|id| read_since.contains(&id));
        taken
    }

    /// The newest fits that the store has of the project's losses.
    #[must_use]
    pub fn kept_fits(&self) -> Vec<MetricFits> {
        self.project.metrics.iter().filter_map(|metric| MetricFits::read(&self.store, metric)).collect()
    }

    /// Gives the store the fits that it does not have.
    ///
    /// # Errors
    /// What the store says.
    pub fn keep_fits(&mut self) -> Result<(), StoreError> {
        self.fits.keep(&self.store)
    }

    /// Reads everything there is, and takes files as complete as they are.
    ///
    /// # Errors
    /// What the store says.
    pub fn read_all(&mut self, mut tell: impl FnMut(&IngestProgress)) -> Result<(), StoreError> {
        self.sources.set_complete(true);
        // Nobody looks before the end.
        self.refresh_every = Duration::MAX;
        let budget = Budget { time: Duration::from_millis(500) };
        let mut look = Look::Everything;
        while self.turn(&look, budget)?.more {
            look = Look::Hints(Vec::new());
            self.progress.iter().for_each(&mut tell);
        }
        self.forecast_postponed();
        Ok(())
    }
}

/// Seconds since 1970.
pub fn seconds(now: SystemTime) -> f64 {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn opened_notice(opened: &Opened) -> Vec<Notice> {
    match opened {
        Opened::MovedAside(path) => vec![Notice {
            severity: Severity::Warning,
            text: format!(
                "the store could not be opened and was rebuilt from the logs; the old store is at {}",
                path.display()
            ),
            help: Some("delete the old store when you no longer need it".to_owned()),
        }],
        Opened::New | Opened::Existing => Vec::new(),
    }
}
