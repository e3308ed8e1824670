//! A run with what the store says of its metrics.

use crate::daemon::health::RunContext;
use crate::daemon::metric_roles::{Kinds, Roles, is_placeholder};
use crate::daemon::run_view;
use crate::observe::{self, OptimiserSteps, RecordFields, RunRecord, SeriesByKey};
use crate::project::Project;
use crate::store::{FileId, ReadStore, RunId, SledStore, StoreError};
use crate::vocab::{FactName, Facts, Metrics, RunForecast};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// So few runs are read sooner than another thread is awake.
const TOGETHER: usize = 8;

/// A run and what the store says of its metrics.
#[derive(Debug, Clone)]
pub struct Tracked {
    /// The run as laws see it.
    pub record: RunRecord,
    /// Another number whenever the run was read anew.
    pub reading: u64,
    /// Steps are the optimiser's.
    pub metrics: Arc<Metrics>,
    /// The files its points come from.
    pub files: Vec<FileId>,
    /// Newest step of any metric.
    pub last_step: Option<i64>,
    /// Which of the metrics is what.
    pub roles: Roles,
    /// Whether any series of the record is of another unit than the log's.
    pub converted: bool,
}

impl Tracked {
    /// For a look at it.
    pub fn context<'a>(
        &'a self,
        project: &'a Project,
        forecasts: &'a BTreeMap<String, Vec<RunForecast>>,
    ) -> RunContext<'a> {
        RunContext { project, record: &self.record, metrics: &self.metrics, roles: &self.roles, forecasts }
    }

    /// Those of its series that need not be read again: they have no other points by now, or a few more at later steps.
    /// Points are only ever added to a file that has not been replaced.
    fn kept(&self, store: &SledStore, metrics: &Metrics) -> Result<SeriesByKey, StoreError> {
        let points = |all: &Metrics, key: &str| all.get(key).map(|metric| metric.points);
        let mut kept = SeriesByKey::new();
        for (key, series) in self.record.series.iter() {
            let (Some(before), Some(now)) = (points(&self.metrics, key), points(metrics, key)) else { continue };
            if before == now {
                kept.insert(key.clone(), series.clone());
            } else if !self.converted && self.record.steps.is_none() {
                let new = store.points_after(self.record.id, key, before)?;
                if let Some(grown) = new.and_then(|new| series.grown(&new)) {
                    kept.insert(key.clone(), grown);
                }
            }
        }
        Ok(kept)
    }

    /// Takes up which series matter now, and reads those that did not before.
    pub fn sort_out(&mut self, store: &SledStore, project: &Project) -> Result<(), StoreError> {
        let record: &mut RecordFields = &mut self.record;
        let known = std::mem::take(&mut record.series);
        let mut series = BTreeMap::new();
        let mut converted = false;
        let mut others = Vec::with_capacity(self.metrics.len());
        let mut matter = self.roles.matter.iter().peekable();
        for (place, (key, metric)) in self.metrics.iter().enumerate() {
            if matter.next_if_eq(&&place).is_none() {
                if !is_placeholder(key, metric) {
                    others.push(Arc::clone(key));
                }
                continue;
            }
            let unit = project.unit_of(key);
            let points = match known.get(&**key) {
                Some(points) if unit.is_as_logged() && !self.converted => points.clone(),
                _ => {
                    let mut points = record.at_optimiser_steps(store.series(record.id, key)?.latest());
                    converted |= !unit.is_as_logged();
                    points.iter_mut().for_each(|(_, value)| *value = unit.fitted(*value));
                    points.into()
                }
            };
            series.insert(key.to_string(), points);
        }
        self.converted = converted;
        record.series = Arc::new(series);
        record.others = others.into();
        Ok(())
    }
}

/// Reads runs from the store, several at once.
pub fn read(
    store: &SledStore,
    known: &BTreeMap<RunId, Arc<Tracked>>,
    kinds: &mut Kinds,
    project: &Project,
    runs: &[(RunId, &String)],
) -> Result<Vec<Tracked>, StoreError> {
    let found: Vec<_> = runs
        .par_iter()
        .with_min_len(TOGETHER)
        .map(|(id, _)| {
            let metrics = store.metrics(*id)?.into_iter().map(|(key, summary)| (key, run_view::metric(summary)));
            let (mut metrics, facts) = (metrics.collect::<Metrics>(), store.facts(*id)?);
            let steps = optimiser_steps(store, *id, &facts, &mut metrics)?;
            Ok((metrics, steps, facts))
        })
        .collect::<Result<_, StoreError>>()?;
    let roles: Vec<Roles> = found.iter().map(|(metrics, ..)| kinds.roles(project, metrics)).collect();
    let parts = runs.par_iter().zip(found).zip(roles);
    parts
        .with_min_len(TOGETHER)
        .map(|(((id, name), (metrics, steps, facts)), roles)| {
            let name = name.as_str().into();
            let files = store.file_ids(*id);
            let before = known.get(id).filter(|before| before.record.steps == steps && before.files == files);
            let series = before.map(|before| before.kept(store, &metrics)).transpose()?.unwrap_or_default();
            let others = Arc::default();
            let record = RecordFields { id: *id, name, facts, series: Arc::new(series), steps, others }.into();
            let last_step = metrics.last_step();
            let converted = before.is_some_and(|before| before.converted);
            let mut tracked =
                Tracked { record, reading: 0, metrics: Arc::new(metrics), files, last_step, roles, converted };
            tracked.sort_out(store, project)?;
            observe::derive_tokens_per_step(&mut tracked.record);
            Ok(tracked)
        })
        .collect()
}

/// The optimiser's steps, where the log counts others; the summaries are told them.
fn optimiser_steps(
    store: &SledStore,
    run: RunId,
    facts: &Facts,
    metrics: &mut Metrics,
) -> Result<Option<Arc<OptimiserSteps>>, StoreError> {
    let Some(counter) = observe::step_counter(metrics, facts.text(FactName::StepMetric)) else { return Ok(None) };
    let key = &metrics[counter].0;
    let steps = OptimiserSteps::of(key, &store.series(run, key)?.latest());
    if let Some(steps) = &steps {
        metrics.values_mut().for_each(|metric| metric.last_step = steps.at(metric.last_step));
    }
    Ok(steps.map(Arc::new))
}
