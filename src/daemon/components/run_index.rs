//! Index of runs: what the store says of each run, the assumptions about what the project leaves open, and the rows that
//! follow from both. A run that has not changed is neither read nor observed again.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::{Event, RunsRead};
use crate::daemon::metric_roles::Kinds;
use crate::daemon::shared::Shared;
use crate::daemon::speeds::ReadSpeeds;
use crate::daemon::tracked::{self, Tracked};
use crate::observe::{self, Observed, Records, RowsByRun, RunRecord};
use crate::project::{Budget, Project};
use crate::store::{ReadStore, RunId, SledStore, StoreError};
use crate::vocab::{ByNumber, Notice};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// See the [module](self).
pub struct RunIndex {
    /// The project after assumptions.
    project: Arc<Project>,
    assumptions: Vec<Notice>,
    /// Whether something that assumptions rest on has changed, other than the runs.
    assume_again: bool,
    runs: BTreeMap<RunId, Arc<Tracked>>,
    /// Their records.
    records: ByNumber<RunRecord>,
    kinds: Kinds,
    /// How often a run was read from the store.
    readings: u64,
    /// The rows of each run, without those of tables.
    rows: RowsByRun,
    /// Whether rows are to be made anew of every run.
    observe_all: bool,
    speeds: ReadSpeeds,
    observed: Arc<Observed>,
    /// Runs that the store knows more of.
    stale: BTreeSet<RunId>,
    refreshed: Instant,
    /// How often runs are read from the store again while a backlog is read: they change with every turn, and reading them
    /// each time would take longer than the backlog.
    refresh_every: Duration,
    started: bool,
}

impl RunIndex {
    /// An index that knows no run yet.
    pub fn new(shared: &Shared) -> Self {
        Self {
            project: Arc::clone(&shared.project),
            assumptions: Vec::new(),
            assume_again: true,
            runs: BTreeMap::new(),
            records: ByNumber::default(),
            kinds: Kinds::default(),
            readings: 0,
            rows: RowsByRun::default(),
            observe_all: true,
            speeds: ReadSpeeds::default(),
            observed: Arc::default(),
            stale: BTreeSet::new(),
            refreshed: Instant::now(),
            refresh_every: Duration::from_secs(1),
            started: false,
        }
    }

    fn refresh_all(&mut self, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        let known: BTreeSet<RunId> = shared.store.runs()?.into_iter().map(|(id, _)| id).collect();
        self.refresh(known, shared, out)
    }

    /// Reads the named runs from the store again, and what follows from them.
    fn refresh(&mut self, changed: BTreeSet<RunId>, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        let mut assume = std::mem::take(&mut self.assume_again);
        // Where anything below fails, what was read so far has no rows yet.
        let observe_all = std::mem::replace(&mut self.observe_all, true);
        let names: Vec<(RunId, Option<String>)> = changed.iter().map(|id| (*id, shared.store.run_name(*id))).collect();
        // Those that no source has any more were deleted.
        let gone: BTreeSet<RunId> =
            names.iter().filter(|(id, name)| name.is_none() && self.runs.contains_key(id)).map(|(id, _)| *id).collect();
        for id in &gone {
            self.runs.remove(id);
            self.records.remove(id.0);
        }
        assume |= !gone.is_empty();
        // Whether rows of other runs are sure to be what they were.
        let mut alone = gone.is_empty() && !observe_all;
        let changed_now: Vec<(RunId, &String)> =
            names.iter().filter_map(|(id, name)| Some((*id, name.as_ref()?))).collect();
        let mut same_losses = BTreeSet::new();
        for mut tracked in tracked::read(&shared.store, &self.runs, &mut self.kinds, &self.project, &changed_now)? {
            self.readings += 1;
            tracked.reading = self.readings;
            let id = tracked.record.id;
            let before = self.runs.get(&id);
            let same = |before: &Tracked| observe::same_assumptions(&shared.written, &before.record, &tracked.record);
            assume |= !before.is_some_and(|before| same(before));
            let called = |before: &Tracked| {
                before.record.name == tracked.record.name && before.record.facts == tracked.record.facts
            };
            alone &= before.is_some_and(|before| called(before));
            let losses = |record: &RunRecord| -> Vec<_> {
                self.project.metric_keys().map(|metric| record.series.get(metric).cloned()).collect()
            };
            if before.is_some_and(|before| losses(&before.record) == losses(&tracked.record)) {
                same_losses.insert(id);
            }
            self.records.insert(id.0, tracked.record.clone());
            self.runs.insert(id, Arc::new(tracked));
        }
        let mut read: Vec<RunId> = changed_now.iter().map(|(id, _)| *id).collect();
        if assume {
            let records = self.records();
            let before = Arc::clone(&self.project);
            self.assume(shared, &records)?;
            if before.metrics != self.project.metrics {
                read = self.runs.keys().copied().collect();
            }
            if !Arc::ptr_eq(&before, &self.project) {
                // Other losses may be the project's now.
                same_losses.clear();
            }
            out.send(Event::ProjectCompleted(Arc::clone(&self.project), self.assumptions.clone()));
        }
        let reading = |record: &RunRecord| self.runs.get(&record.id).map_or(0, |tracked| tracked.reading);
        let records = self.records();
        let rows = if alone && !assume {
            let some = read.iter().filter_map(|id| self.runs.get(id)).map(|tracked| &tracked.record);
            self.rows.update_some(&self.project, some, reading)
        } else {
            self.rows.update(&self.project, &records, reading)
        };
        self.observe_all = false;
        let read = read.iter().filter_map(|id| self.runs.get(id).cloned()).collect();
        out.send(Event::RunsRead(RunsRead { changed, read, gone, same_losses, records: Arc::clone(&records) }));
        if let Some(mut observed) = rows {
            shared.tables.append(&self.project, &mut observed);
            if self.project.budget.as_ref().is_some_and(Budget::is_in_gpu_hours) {
                observed.speeds = Arc::new(self.speeds.of_runs(&shared.store, &records, reading)?);
            }
            if observed != *self.observed {
                self.observed = Arc::new(observed);
                out.send(Event::RowsChanged(Arc::clone(&self.observed)));
            }
        }
        Ok(())
    }

    fn records(&self) -> Arc<Records> {
        Arc::new(self.records.clone().into())
    }

    /// Makes the assumptions anew.
    fn assume(&mut self, shared: &Shared, records: &[RunRecord]) -> Result<(), StoreError> {
        let (project, assumptions) = observe::assume(&shared.tables.complete(&shared.written), records);
        self.assumptions = assumptions;
        let metrics_changed = project.metrics != self.project.metrics;
        // The same project stays the same one in memory: views of runs that rest on it stand.
        if *self.project != project {
            self.project = Arc::new(project);
        }
        if metrics_changed {
            // Which series matter is known only now.
            self.sort_out(&shared.store)?;
        }
        Ok(())
    }

    /// Finds out again which series of the runs matter, and reads those that did not before.
    fn sort_out(&mut self, store: &SledStore) -> Result<(), StoreError> {
        let (kinds, project) = (&mut self.kinds, Arc::clone(&self.project));
        for tracked in self.runs.values_mut() {
            self.readings += 1;
            let tracked = Arc::make_mut(tracked);
            (tracked.reading, tracked.roles) = (self.readings, kinds.roles(&project, &tracked.metrics));
        }
        self.runs.par_iter_mut().try_for_each(|(_, tracked)| Arc::make_mut(tracked).sort_out(store, &project))?;
        self.records = self.runs.iter().map(|(id, tracked)| (id.0, tracked.record.clone())).collect();
        Ok(())
    }
}

impl Component for RunIndex {
    fn name(&self) -> &'static str {
        "index of runs"
    }

    fn start(&mut self, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        self.started = true;
        self.refresh_all(shared, out)
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::PointsRead { runs, more } => {
                self.stale.extend(runs);
                let due = !more || self.refreshed.elapsed() >= self.refresh_every;
                if due && !self.stale.is_empty() {
                    let stale = std::mem::take(&mut self.stale);
                    self.refresh(stale, shared, out)?;
                    self.refreshed = Instant::now();
                }
            }
            Event::TablesRead(_) => {
                self.rows = RowsByRun::default();
                (self.assume_again, self.observe_all) = (true, true);
                if self.started {
                    self.refresh(BTreeSet::new(), shared, out)?;
                }
            }
            Event::StoreReplaced(_) => {
                self.runs.clear();
                self.records = ByNumber::default();
                self.observe_all = true;
                self.stale.clear();
                self.refresh_all(shared, out)?;
            }
            // Nobody looks before the end.
            Event::AnswerOnce => self.refresh_every = Duration::MAX,
            _ => {}
        }
        Ok(())
    }
}
