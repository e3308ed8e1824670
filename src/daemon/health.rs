//! Run health: the losses, log rhythm and forecasts of a run and its competitors, from which alerts are detected.

use super::metric_roles::Roles;
use super::shared_ledger::SharedLedger;
use crate::forecast::ledger::Entry;
use crate::forecast::seen;
use crate::forecast::signals::{
    Figure, HealthInputs, Rival, RouterFigures, RouterLoads, is_suspicious, ln_sd, patience,
};
use crate::observe::RunRecord;
use crate::project::Project;
use crate::store::{ReadStore, RunId, SledStore, StoreError};
use crate::vocab::{FactName, Measure, MetricView, Metrics, RunForecast};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

/// A run that has been silent for longer than this when it is first looked at is history.
const HISTORY: f64 = 86_400.0;
/// Gaps between writes that are remembered, and between lines that are looked at.
const GAPS: usize = 20;
/// Points of a start of a run, at least, over all its starts.
const LEAST_START: u64 = 4;
/// Part of a run between a forecast and the one it is held against.
const APART: f64 = 0.15;
/// ln N and ln D within which runs compete.
const SAME: f64 = 0.05;

/// How a run has been written to since it is watched.
#[derive(Debug, Default)]
pub struct Rhythm {
    last: Option<SystemTime>,
    gaps: VecDeque<f64>,
    /// Seconds between lines, usually, where the log has times.
    lines: Option<f64>,
    /// Newest step at the last look.
    pub since: Option<i64>,
    /// Whether it was looked at since it fell silent.
    pub silence_seen: bool,
}

impl Rhythm {
    /// The run was written to last at this time.
    pub fn wrote(&mut self, last: Option<SystemTime>) {
        if last == self.last {
            return;
        }
        if let (Some(before), Some(now)) = (self.last, last)
            && let Ok(gap) = now.duration_since(before)
        {
            self.gaps.push_back(gap.as_secs_f64());
            if self.gaps.len() > GAPS {
                self.gaps.pop_front();
            }
        }
        self.last = last;
        self.silence_seen = false;
    }

    /// Seconds since the last write.
    pub fn silent(&self, now: SystemTime) -> Option<f64> {
        Some(now.duration_since(self.last?).unwrap_or_default().as_secs_f64())
    }

    /// Seconds since the last write, where they are more than its rhythm explains.
    pub fn overdue(&self, now: SystemTime) -> Option<f64> {
        self.silent(now).filter(|silent| *silent > patience(self.usual()))
    }

    /// Seconds between writes, or lines, usually: the longer of the two.
    pub fn usual(&self) -> Option<f64> {
        let writes = (self.gaps.len() >= 3).then(|| middle(self.gaps.iter().copied().collect()));
        [self.lines, writes].into_iter().flatten().reduce(f64::max)
    }

    /// Whether the run was written to while it was watched.
    pub fn watched(&self) -> bool {
        !self.gaps.is_empty()
    }

    /// Takes up how far apart the lines of the log are.
    pub fn observe(&mut self, reading: &LineGaps) {
        self.lines = reading.usual;
    }
}

fn middle(values: Vec<f64>) -> f64 {
    crate::forecast::spread::median(values)
}

/// What is known of a run besides its series.
#[derive(Debug, Clone, Copy)]
pub struct RunContext<'a> {
    pub project: &'a Project,
    pub record: &'a RunRecord,
    pub metrics: &'a Metrics,
    /// Which of them is what.
    pub roles: &'a Roles,
    pub forecasts: &'a BTreeMap<String, Vec<RunForecast>>,
}

/// Part of the planned steps that are done, from 0 to 1.
pub fn progress(record: &RunRecord, last_step: Option<i64>) -> Option<f64> {
    let planned = record.facts.number(FactName::PlannedSteps).filter(|planned| *planned > 0.0)?;
    Some((last_step? as f64 / planned).clamp(0.0, 1.0))
}

impl RunContext<'_> {
    /// Part of the planned steps done.
    pub fn progress(&self) -> Option<f64> {
        progress(self.record, self.newest())
    }

    /// Newest step of any metric.
    pub fn newest(&self) -> Option<i64> {
        self.metrics.last_step()
    }

    /// Whether there is nothing more to come.
    pub fn has_ended(&self) -> bool {
        let ended = |metric: &String| seen(self.record, metric) == Some(1.0);
        self.progress() == Some(1.0) || (!self.project.metrics.is_empty() && self.project.metric_keys().all(ended))
    }

    /// The one training loss that stands for the run, as far as there is one.
    fn training_key(&self) -> Option<&str> {
        self.metrics.at(self.roles.training?).map(|(key, _)| &**key)
    }

    /// Starts of the run: those of its training loss, which is logged most often, else of its validation losses. Where
    /// steps go back at every other line, several processes write to one log.
    fn starts(&self) -> u32 {
        let key = self.training_key();
        let counts = self.metrics.iter().filter(|(k, _)| match key {
            Some(key) => **k == *key,
            None => self.project.is_measured(k),
        });
        let several = |s: &MetricView| s.points < u64::from(s.segments) * LEAST_START;
        counts.filter(|(_, s)| !several(s)).map(|(_, s)| s.segments).max().unwrap_or(1)
    }

    /// FLOPs still to be spent, 6·N·D.
    fn flops_left(&self) -> Option<f64> {
        let facts = &self.record.facts;
        let params = facts.number(FactName::ActiveParams).or(facts.params())?;
        let done = facts.tokens_per_step()? * self.newest()? as f64;
        Some(6.0 * params * (facts.planned_tokens()? - done)).filter(|f| *f > 0.0)
    }

    /// Learning rate now over its peak; 1 where it is not logged.
    fn rate(&self) -> f64 {
        let Some(points) = self.record.learning_rate() else { return 1.0 };
        let peak = points.iter().map(|p| p.1).filter(|v| v.is_finite()).fold(0.0, f64::max);
        points.last().map_or(1.0, |p| p.1 / peak)
    }
}

/// Loads of the experts of one layer: how its keys begin, and each expert's number and points.
type Loads = (Box<str>, Vec<(u32, Vec<(i64, f64)>)>);

/// Series that are read for a look and not kept.
#[derive(Debug, Default)]
pub struct LineGaps {
    training: Option<(String, Vec<(i64, f64)>)>,
    /// The losses that are predicted.
    validation: Vec<(String, Vec<(i64, f64)>)>,
    throughput: Vec<(i64, f64)>,
    /// Loads of experts, of the layers whose newest are worth a look.
    routers: Vec<Loads>,
    /// Figures of routers, of the layers whose newest are worth a look.
    router_figures: Vec<RouterFigures>,
    /// Seconds between lines, usually, where the log has times.
    usual: Option<f64>,
}

impl LineGaps {
    /// Reads them.
    ///
    /// # Errors
    /// What the store says.
    pub fn of(store: &SledStore, run: RunId, of: &RunContext<'_>) -> Result<Self, StoreError> {
        let mut reading = Self { validation: validation(of), ..Self::default() };
        if let Some(key) = of.training_key() {
            let series = store.series(run, key)?;
            let walls = &series.walls[series.walls.len().saturating_sub(GAPS)..];
            let gaps: Vec<f64> = walls.windows(2).map(|w| w[1] - w[0]).filter(|gap| *gap > 0.0).collect();
            reading.usual = (gaps.len() >= 3).then(|| middle(gaps));
            reading.training = Some((key.to_owned(), of.record.at_optimiser_steps(series.latest())));
        }
        if let Some((key, _)) = of.roles.speed.and_then(|place| of.metrics.at(place)) {
            reading.throughput = of.record.at_optimiser_steps(store.series(run, key)?.latest());
        }
        reading.routers(store, run, of)?;
        Ok(reading)
    }

    /// Reads what is looked at of a run that was over before anybody watched.
    ///
    /// # Errors
    /// What the store says.
    pub fn of_history(store: &SledStore, run: RunId, of: &RunContext<'_>) -> Result<Self, StoreError> {
        let mut reading = Self::default();
        reading.routers(store, run, of)?;
        Ok(reading)
    }

    fn routers(&mut self, store: &SledStore, run: RunId, of: &RunContext<'_>) -> Result<(), StoreError> {
        for (layer, experts) in &of.roles.routers {
            // Most routers are well by what they did last; what they did before is read of the others alone.
            let newest: Vec<f64> = experts.iter().map(|(_, place)| of.metrics[*place].1.last).collect();
            if is_suspicious(&newest) {
                let points = |(number, place): &(u32, usize)| {
                    let series = store.series(run, &of.metrics[*place].0)?;
                    Ok((*number, of.record.at_optimiser_steps(series.latest())))
                };
                let experts = experts.iter().map(points).collect::<Result<_, StoreError>>()?;
                self.routers.push((layer.clone(), experts));
            }
        }
        for (layer, figures) in &of.roles.router_figures {
            let newest: Vec<(Figure, f64)> = figures.iter().map(|(f, place)| (*f, of.metrics[*place].1.last)).collect();
            if RouterFigures::is_suspicious(&newest) {
                let points = |(figure, place): &(Figure, usize)| {
                    let series = store.series(run, &of.metrics[*place].0)?;
                    Ok((*figure, of.record.at_optimiser_steps(series.latest())))
                };
                let series = figures.iter().map(points).collect::<Result<_, StoreError>>()?;
                self.router_figures.push(RouterFigures { layer: layer.to_string(), series });
            }
        }
        Ok(())
    }

    /// What is looked at of a run that was over before anybody watched; `None` where there is nothing to look at.
    pub fn inputs_of_history<'a>(&'a self, of: &RunContext<'a>) -> Option<HealthInputs<'a>> {
        let any = !self.routers.is_empty() || !self.router_figures.is_empty();
        any.then(|| HealthInputs {
            run: &of.record.name,
            routers: self.routers.iter().map(router).collect(),
            router_figures: self.router_figures.clone(),
            history: true,
            ..HealthInputs::default()
        })
    }

    /// All that is looked at.
    pub fn inputs<'a>(
        &'a self,
        of: RunContext<'a>,
        rhythm: &Rhythm,
        ledger: &SharedLedger,
        rival: Option<(&'a str, RunForecast, Rival)>,
        now: SystemTime,
    ) -> HealthInputs<'a> {
        let record = of.record;
        let mut inputs = HealthInputs {
            run: &record.name,
            training: self.training.iter().map(|(key, series)| (key.as_str(), series.as_slice())).collect(),
            validation: self.validation.iter().map(|(key, series)| (key.as_str(), series.as_slice())).collect(),
            routers: self.routers.iter().map(router).collect(),
            router_figures: self.router_figures.clone(),
            throughput: &self.throughput,
            since: rhythm.since,
            rate: of.rate(),
            progress: if of.has_ended() { Some(1.0) } else { of.progress() },
            silence: rhythm.overdue(now),
            watched: rhythm.watched(),
            segments: of.starts(),
            rivals: rival.into_iter().collect(),
            flops_left: of.flops_left(),
            ..HealthInputs::default()
        };
        let ledger = ledger.read();
        for metric in of.project.metric_keys() {
            // Nobody is woken by intervals that had not been tried when they were made.
            let leaned_on = |e: &&Entry| e.shown && e.seen >= 0.1 && e.widened != 1.0;
            let mut kept = ledger.waiting(&record.name, metric).iter().filter(leaned_on);
            if let Some(now) = of.forecasts.get(metric).and_then(|all| all.first()) {
                let earlier = kept.rfind(|e| e.seen <= now.seen - APART);
                inputs.forecasts.extend(earlier.map(|e| (metric.as_str(), forecast(e), now)));
            } else if let Some((_, truth)) = record.series.get(metric).and_then(|s| s.last()).filter(|_| of.has_ended())
            {
                let halfway = kept.min_by(|a, b| (a.seen - 0.5).abs().total_cmp(&(b.seen - 0.5).abs()));
                inputs.finished.extend(halfway.map(|e| (metric.as_str(), forecast(e), truth)));
            }
        }
        inputs
    }
}

fn router((layer, experts): &Loads) -> RouterLoads<'_> {
    let experts = experts.iter().map(|(number, points)| (*number, points.as_slice()));
    RouterLoads { layer, experts: experts.collect() }
}

/// The losses that are predicted.
fn validation(of: &RunContext<'_>) -> Vec<(String, Vec<(i64, f64)>)> {
    let one = |key: &String| Some((key.clone(), of.record.series.get(key)?.to_vec()));
    of.project.metric_keys().filter_map(one).collect()
}

fn forecast(entry: &Entry) -> RunForecast {
    RunForecast {
        value: entry.value,
        low: entry.low,
        high: entry.high,
        law: entry.law.clone(),
        seen: entry.seen,
        fit: entry.fit.clone(),
        assumed: None,
        path: Vec::new(),
        measure: Measure::default(),
    }
}

/// Whether a run that is looked at for the first time is history: nobody needs to be woken for how it went.
pub fn is_history(of: &RunContext<'_>, rhythm: &Rhythm, now: SystemTime) -> bool {
    rhythm.since.is_none() && (of.has_ended() || rhythm.silent(now).is_none_or(|s| s > HISTORY))
}

/// Starts of a run; see [`crate::forecast::signals::Watch::starts_are_known`].
pub fn starts(of: &RunContext<'_>) -> u32 {
    of.starts()
}

/// Where a run stands among those of its size and data, by the objective.
#[derive(Debug, Clone)]
pub struct Contender {
    run: RunId,
    name: String,
    ln_params: f64,
    ln_tokens: f64,
    experts: f64,
    /// What the objective is to end at, or has ended at.
    forecast: RunForecast,
    ended: bool,
    /// Whether the forecast rests on finished runs; a run that is forecast alone is not compared.
    learned: bool,
}

impl Contender {
    /// `None` where its size, data, or the end of a loss that counts is not known.
    pub fn of(of: &RunContext<'_>) -> Option<Self> {
        let facts = &of.record.facts;
        let mut sum = RunForecast {
            value: 0.0,
            low: 0.0,
            high: 0.0,
            law: String::new(),
            seen: 1.0,
            fit: None,
            assumed: None,
            path: Vec::new(),
            measure: Measure::default(),
        };
        let (mut ended, mut learned) = (true, true);
        for (metric, weight) in objective(of.project) {
            let forecast = of.forecasts.get(metric).and_then(|all| all.first());
            match forecast {
                Some(f) => {
                    ended = false;
                    learned &= f.fit.is_some();
                    sum.seen = sum.seen.min(f.seen);
                    (sum.value, sum.low, sum.high) =
                        (sum.value + weight * f.value, sum.low + weight * f.low, sum.high + weight * f.high);
                }
                None if seen(of.record, metric) == Some(1.0) => {
                    let last = of.record.series.get(metric)?.last()?.1;
                    (sum.value, sum.low, sum.high) =
                        (sum.value + weight * last, sum.low + weight * last, sum.high + weight * last);
                }
                None => return None,
            }
        }
        (sum.value.is_finite() && sum.low > 0.0 && sum.high.is_finite()).then_some(())?;
        Some(Self {
            run: of.record.id,
            name: of.record.name.to_string(),
            ln_params: facts.params()?.ln(),
            ln_tokens: facts.planned_tokens()?.ln(),
            experts: facts.number(FactName::Experts).unwrap_or(1.0),
            forecast: sum,
            ended,
            learned,
        })
    }

    /// The best of the others that compete, with what is compared.
    pub fn rival<'a, 'b>(
        &self,
        all: impl Iterator<Item = &'b Self>,
        project: &'a Project,
    ) -> Option<(&'a str, RunForecast, Rival)> {
        if self.ended || !self.learned {
            return None;
        }
        let competes = |other: &&Self| {
            other.run != self.run
                && other.learned
                && (other.ln_params - self.ln_params).abs() < SAME
                && (other.ln_tokens - self.ln_tokens).abs() < SAME
                && other.experts == self.experts
        };
        let best = all.filter(competes).min_by(|a, b| a.forecast.value.total_cmp(&b.forecast.value))?;
        let sd = if best.ended { 0.0 } else { ln_sd(&best.forecast) };
        let of = objective(project);
        let key = if let [(metric, _)] = of.as_slice() { metric } else { "" };
        Some((key, self.forecast.clone(), Rival { run: best.name.clone(), value: best.forecast.value, sd }))
    }
}

/// Where all runs stand, worked out again for those of which there is news.
#[derive(Debug, Default)]
pub struct Contenders {
    /// What everything rests on besides the runs.
    project: Option<Arc<Project>>,
    all: BTreeMap<RunId, Contender>,
}

impl Contenders {
    /// Brings them up to date. `news`: the runs that may have changed, or are gone; all are worked out where the project
    /// has changed.
    pub fn update<'a>(
        &mut self,
        project: &Arc<Project>,
        runs: impl Iterator<Item = &'a RunId>,
        news: &BTreeSet<RunId>,
        of: impl Fn(RunId) -> Option<Contender>,
    ) {
        if self.project.as_ref().is_some_and(|known| Arc::ptr_eq(known, project)) {
            for id in news {
                self.all.remove(id);
                self.all.extend(of(*id).map(|contender| (*id, contender)));
            }
        } else {
            self.project = Some(Arc::clone(project));
            self.all = runs.filter_map(|id| Some((*id, of(*id)?))).collect();
        }
    }

    /// The best of those that a run competes with.
    pub fn rival<'a>(&self, run: RunId, project: &'a Project) -> Option<(&'a str, RunForecast, Rival)> {
        self.all.get(&run)?.rival(self.all.values(), project)
    }
}

/// The losses that the objective minimises, with their weights.
fn objective(project: &Project) -> Vec<(&str, f64)> {
    let all = project.metric_keys().map(String::as_str).zip(project.objective_weights());
    all.filter(|(metric, weight)| *weight > 0.0 && !metric.is_empty()).collect()
}
