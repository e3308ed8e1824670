//! Forecasts: where every run will end, by the newest fits, with intervals as wide as the grades so far ask for.
//!
//! A forecast takes milliseconds, and new fits, an edited project or a look at everything ask for those of all runs at once.
//! In a daemon they are made some at a time, so that a line that is logged meanwhile does not wait for a thousand of them.

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
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs that are forecast at once, before it is looked at the time.
const AT_ONCE: usize = 8;

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
    /// Runs that are to be forecast, in the order in which that was asked for.
    due: VecDeque<RunId>,
    /// How long forecasts may be made at a time; all that are due at once where it is not said.
    slice: Option<Duration>,
}

impl Forecasts {
    /// Makes forecasts for so long at a time from now on; whoever says so sends [`Event::ForecastMore`] while some are due.
    pub fn in_slices(&mut self, slice: Duration) {
        self.slice = Some(slice);
    }

    /// Whether runs wait to be forecast.
    pub fn is_behind(&self) -> bool {
        !self.due.is_empty()
    }
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
                    self.ask(shared.runs.keys().copied());
                } else {
                    let anew: Vec<RunId> = runs.changed.difference(&self.postponed).copied().collect();
                    self.ask(anew);
                }
                self.forecast(shared, out)?;
            }
            Event::ForecastAgain => {
                let postponed = std::mem::take(&mut self.postponed);
                self.ask(postponed);
                self.forecast(shared, out)?;
            }
            Event::ForecastMore => self.forecast(shared, out)?,
            Event::Edited(_) => self.all_again = true,
            Event::StoreReplaced(_) => {
                self.postponed.clear();
                self.beside.clear();
                self.due.clear();
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
                self.ask(shared.runs.keys().copied().filter(|id| !is_current(*id)));
                self.forecast(shared, out)?;
            }
            _ => {}
        }
        Ok(())
    }
}

impl Forecasts {
    /// Has runs forecast; one that waits already does not wait for longer.
    fn ask(&mut self, runs: impl IntoIterator<Item = RunId>) {
        let waiting: BTreeSet<RunId> = self.due.iter().copied().collect();
        self.due.extend(runs.into_iter().filter(|id| !waiting.contains(id)));
    }

    /// Forecasts the ends of runs that are due: of all, or of as many as there is time for.
    fn forecast(&mut self, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        if self.due.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        self.beside.retain(|id, _| shared.runs.contains_key(id));
        let fits = chosen(&shared.fits.candidates);
        let mut all = Vec::new();
        while !self.due.is_empty() {
            let count = self.slice.map_or(self.due.len(), |_| AT_ONCE.min(self.due.len()));
            let some = self.due.drain(..count);
            let runs: Vec<(RunId, &Arc<Tracked>)> = some.filter_map(|id| Some((id, shared.runs.get(&id)?))).collect();
            let made = runs.par_iter().map(|(id, run)| {
                let named = forecast::every(&shared.project, &fits, &shared.fits.pool, &run.record);
                Ok((*id, beside(shared, run)?, calibrated(shared, named)))
            });
            for (id, beside, named) in made.collect::<Result<Vec<_>, StoreError>>()? {
                self.beside.insert(id, beside);
                all.push((id, self.with_others(id, named)));
            }
            if self.slice.is_some_and(|slice| began.elapsed() >= slice) {
                break;
            }
        }
        send(all, shared, out);
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
    for (key, _) in run.roles.beside().filter_map(|place| run.metrics.at(place)) {
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

#[cfg(test)]
mod tests {
    use crate::daemon::engine::{Engine, Surroundings};
    use crate::ingest::{Budget, Look};
    use crate::project::Project;
    use crate::store::{Opened, SledStore};
    use std::time::{Duration, SystemTime};

    #[test]
    fn forecasts_that_are_made_some_at_a_time_are_those_that_are_made_at_once() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("mixlaw.yaml"), "runs:\n  - path: runs/*\n").unwrap();
        for run in 0..20 {
            let folder = place.path().join(format!("runs/r{run:02}"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("config.json"), "{\"max_steps\": 200, \"batch_tokens\": 4096}").unwrap();
            let loss = |step: i32| 2.0 + f64::from(run) / 10.0 + 3.0 / f64::from(step).sqrt();
            let line = |step: i32| format!("{{\"step\": {step}, \"train/loss\": {:.4}}}\n", loss(step));
            std::fs::write(folder.join("metrics.jsonl"), (1..60).map(line).collect::<String>()).unwrap();
        }
        let forecast = |slice: Option<Duration>| {
            let project = Project::load(place.path()).unwrap();
            let mut engine = Engine::new(project, SledStore::temporary().unwrap(), &Opened::New).unwrap();
            slice.into_iter().for_each(|slice| engine.forecast_in_slices(slice));
            let mut look = Look::Everything;
            while engine.turn(&look, Budget { time: Duration::from_secs(60) }).unwrap().more {
                look = Look::Hints(Vec::new());
            }
            let mut times = 0;
            while engine.owes_forecasts() {
                engine.forecast_more().unwrap();
                times += 1;
            }
            let runs = engine.current(SystemTime::now(), &Surroundings::default()).snapshot.runs.clone();
            let all: Vec<_> = runs.iter().map(|run| (run.name.clone(), run.forecast.clone())).collect();
            (all, times)
        };
        let (whole, none) = forecast(None);
        let (pieces, times) = forecast(Some(Duration::ZERO));
        assert_eq!((whole.len(), none), (20, 0));
        assert!(times >= 1, "some are left for later");
        assert!(whole.iter().all(|(_, forecast)| !forecast.is_empty()), "{whole:?}");
        assert!(pieces == whole);
    }
}
