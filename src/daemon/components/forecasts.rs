//! Forecasts: where every run will end, by the newest fits, with intervals as wide as the grades so far ask for.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::{Event, RunForecasts};
use crate::daemon::health::progress;
use crate::daemon::outlook::chosen;
use crate::daemon::shared::Shared;
use crate::daemon::tracked::Tracked;
use crate::forecast::{self, ledger::widened};
use crate::store::{ReadStore, RunId, StoreError};
use crate::vocab::{PathPoint, RunForecast};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// See the [module](self).
#[derive(Default)]
pub struct Forecasts {
    /// Runs that have gone on without a new loss since they were forecast: their learning rate may say more by now, and
    /// they wait for the next look at everything.
    postponed: BTreeSet<RunId>,
    /// Whether all are to be forecast with the next runs that are read.
    all_again: bool,
    /// Forecasts of losses that the project does not name, from their own learning curves.
    beside: BTreeMap<RunId, RunForecasts>,
}

impl Component for Forecasts {
    fn name(&self) -> &'static str {
        "forecasts"
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::RunsRead(runs) => {
                for id in runs.read.iter().map(|run| run.record.id).chain(runs.changed.iter().copied()) {
                    if runs.same_losses.contains(&id) {
                        self.postponed.insert(id);
                    } else {
                        self.postponed.remove(&id);
                    }
                }
                if std::mem::take(&mut self.all_again) {
                    self.postponed.clear();
                    self.forecast(shared, out, |_| true)?;
                } else {
                    let anew: BTreeSet<RunId> = runs.changed.difference(&self.postponed).copied().collect();
                    self.forecast(shared, out, |id| anew.contains(&id))?;
                }
            }
            Event::ForecastAgain => {
                let postponed = std::mem::take(&mut self.postponed);
                self.forecast(shared, out, |id| postponed.contains(&id))?;
            }
            Event::Edited(_) => self.all_again = true,
            Event::StoreReplaced(_) => {
                self.postponed.clear();
                self.beside.clear();
            }
            Event::FitsChanged(fits) => {
                // Runs that were read again since the fits were made are forecast here.
                let is_current = |id: RunId| {
                    let outlook = fits.outlook.runs.get(&id);
                    shared.runs.get(&id).is_some_and(|run| outlook.is_some_and(|of| of.reading == run.reading))
                };
                let made = fits.outlook.runs.iter().filter(|(id, _)| is_current(**id));
                let made = made.map(|(id, of)| (*id, self.with_others(*id, calibrated(shared, of.forecasts.clone()))));
                send(made.collect(), shared, out);
                self.forecast(shared, out, |id| !is_current(id))?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Forecasts {
    /// Forecasts the ends of some runs.
    fn forecast(&mut self, shared: &Shared, out: &mut Outbox, which: impl Fn(RunId) -> bool) -> Result<(), StoreError> {
        self.beside.retain(|id, _| shared.runs.contains_key(id));
        let runs: Vec<(&RunId, &Arc<Tracked>)> = shared.runs.iter().filter(|(id, _)| which(**id)).collect();
        let beside = runs.par_iter().map(|(id, run)| Ok((**id, beside(shared, run)?)));
        self.beside.extend(beside.collect::<Result<Vec<_>, StoreError>>()?);
        let fits = chosen(&shared.fits.candidates);
        let one = |record| forecast::every(&shared.project, &fits, &shared.fits.pool, record);
        let all = runs.iter().map(|(id, run)| (**id, self.with_others(**id, calibrated(shared, one(&run.record)))));
        send(all.collect(), shared, out);
        Ok(())
    }

    fn with_others(&self, id: RunId, mut named: RunForecasts) -> RunForecasts {
        for (key, forecasts) in self.beside.get(&id).into_iter().flatten() {
            named.entry(key.clone()).or_insert_with(|| forecasts.clone());
        }
        named
    }
}

/// Forecasts of the losses that the project does not name. A run that is done, or whose end is unknown, costs no look at its
/// log.
fn beside(shared: &Shared, run: &Tracked) -> Result<RunForecasts, StoreError> {
    let mut all = RunForecasts::new();
    if forecast::planned_steps(&run.record).is_none() || progress(&run.record, run.last_step) == Some(1.0) {
        return Ok(all);
    }
    for (key, _) in run.roles.beside().filter_map(|place| run.metrics.get(place)) {
        let points = run.record.at_optimiser_steps(shared.store.series(run.record.id, key)?.latest());
        let unit = shared.project.unit_of(key);
        all.extend(forecast::own(&run.record, key, unit, &points).map(|forecast| (key.to_string(), vec![forecast])));
    }
    Ok(all)
}

/// Sends forecasts; the same stay the same ones in memory, so that what is shown of a run stands.
fn send(all: Vec<(RunId, RunForecasts)>, shared: &Shared, out: &mut Outbox) {
    if all.is_empty() {
        return;
    }
    let one = |(id, forecasts): (RunId, RunForecasts)| {
        let same = shared.forecasts.get(&id).filter(|before| ***before == forecasts).cloned();
        (id, same.unwrap_or_else(|| Arc::new(forecasts)))
    };
    out.send(Event::RunsForecast(all.into_iter().map(one).collect()));
}

/// Forecasts with intervals as wide as the grades so far ask for, and what they were made from.
fn calibrated(shared: &Shared, mut all: RunForecasts) -> RunForecasts {
    for (metric, forecasts) in &mut all {
        for forecast in forecasts {
            let factor = shared.grades.factor(&forecast.law);
            let (low, high) = widened(forecast.value, forecast.low, forecast.high, factor);
            let fit = forecast.fit.take().or_else(|| shared.fits.inputs.get(metric).cloned());
            let wide = |point: &PathPoint| {
                let (low, high) = widened(point.value, point.low, point.high, factor);
                PathPoint { low, high, ..*point }
            };
            let path = forecast.path.iter().map(wide).collect();
            *forecast = RunForecast { low, high, fit, path, ..forecast.clone() };
        }
    }
    all
}
