//! What the engine keeps of each run, and how it gets it from the store.

use crate::daemon::kinds::{Kinds, Roles};
use crate::daemon::run_view;
use crate::daemon::vitals::Of;
use crate::observe::{self, OptimiserSteps, RunRecord};
use crate::project::Project;
use crate::store::{ReadStore, RunId, SledStore, StoreError, Summary};
use crate::vocab::{MetricView, RunForecast};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A run and what the store says of its metrics.
pub struct Tracked {
    pub record: RunRecord,
    /// Steps are the optimiser's.
    pub metrics: Vec<(Arc<str>, Summary)>,
    /// The same, as readers see it: made once, as most runs are the same in one snapshot after another.
    pub shown: Arc<BTreeMap<Arc<str>, MetricView>>,
    /// Which of the metrics is what.
    pub roles: Roles,
    /// Where the log counts other steps than the optimiser's.
    pub steps: Option<OptimiserSteps>,
    /// By metric key, the one to show first.
    pub forecasts: BTreeMap<String, Vec<RunForecast>>,
}

impl Tracked {
    /// Everything but the series.
    pub fn of<'a>(&'a self, project: &'a Project) -> Of<'a> {
        let Self { record, metrics, roles, steps, forecasts, .. } = self;
        Of { project, record, metrics, roles, steps: steps.as_ref(), forecasts }
    }

    /// The forecasts to show.
    pub fn forecasts_shown(&self) -> BTreeMap<String, RunForecast> {
        self.forecasts.iter().filter_map(|(metric, all)| Some((metric.clone(), all.first()?.clone()))).collect()
    }

    /// Takes up which series matter now, and reads those that did not before.
    pub fn sort_out(&mut self, store: &SledStore) -> Result<(), StoreError> {
        let known = std::mem::take(&mut self.record.series);
        (self.record.series, self.record.others) =
            apart(store, self.record.id, &self.metrics, &self.roles, self.steps.as_ref(), known)?;
        Ok(())
    }
}

/// Reads runs from the store, several at once.
pub fn read(
    store: &SledStore,
    kinds: &mut Kinds,
    project: &Project,
    runs: &[(RunId, &String)],
) -> Result<Vec<Tracked>, StoreError> {
    let found: Vec<_> = runs
        .par_iter()
        .map(|(id, _)| {
            let mut metrics = store.metrics(*id)?;
            let steps = optimiser_steps(store, *id, &mut metrics)?;
            Ok((metrics, steps))
        })
        .collect::<Result<_, StoreError>>()?;
    let roles: Vec<Roles> = found.iter().map(|(metrics, _)| kinds.roles(project, metrics)).collect();
    let parts = runs.par_iter().zip(found).zip(roles);
    parts
        .map(|(((id, name), (metrics, steps)), roles)| {
            let (series, others) = apart(store, *id, &metrics, &roles, steps.as_ref(), BTreeMap::new())?;
            let (name, facts) = ((*name).clone(), store.facts(*id)?);
            let counter = steps.as_ref().map(|steps| Arc::clone(steps.counter()));
            let record = RunRecord { id: *id, name, facts, series, counter, others };
            let shown = run_view::metrics(&metrics);
            Ok(Tracked { record, shown, metrics, roles, steps, forecasts: BTreeMap::new() })
        })
        .collect()
}

/// The optimiser's steps, where the log counts others; the summaries are told them.
fn optimiser_steps(
    store: &SledStore,
    run: RunId,
    metrics: &mut [(Arc<str>, Summary)],
) -> Result<Option<OptimiserSteps>, StoreError> {
    let Some(counter) = observe::step_counter(metrics) else { return Ok(None) };
    let key = &metrics[counter].0;
    let steps = OptimiserSteps::of(key, &store.series(run, key)?.latest());
    if let Some(steps) = &steps {
        metrics.iter_mut().for_each(|(_, summary)| summary.last_step = steps.at(summary.last_step));
    }
    Ok(steps)
}

/// See [`RunRecord::series`].
type SeriesByKey = BTreeMap<String, Arc<Vec<(i64, f64)>>>;

/// The series of a run that matter, and the keys of the others.
type Apart = (SeriesByKey, Arc<[Arc<str>]>);

/// Points of the series of a run that matter, as they are `known` or else from the store, and the keys of the others.
fn apart(
    store: &SledStore,
    id: RunId,
    metrics: &[(Arc<str>, Summary)],
    roles: &Roles,
    steps: Option<&OptimiserSteps>,
    mut known: SeriesByKey,
) -> Result<Apart, StoreError> {
    let mut series = BTreeMap::new();
    let mut others = Vec::with_capacity(metrics.len());
    let mut matter = roles.matter.iter().peekable();
    for (place, (key, _)) in metrics.iter().enumerate() {
        if matter.next_if_eq(&&place).is_none() {
            others.push(Arc::clone(key));
            continue;
        }
        let points = match known.remove(&**key) {
            Some(points) => points,
            None => Arc::new(observe::at_optimiser_steps(store.series(id, key)?.latest(), steps)),
        };
        series.insert(key.to_string(), points);
    }
    Ok((series, others.into()))
}
