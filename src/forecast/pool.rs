//! Pool of finished runs, from which forecasts of running ones are made.

use super::curves::family::Family;
use super::curves::{Track, get};
use super::made::{Made, ahead};
use super::pooled::{self, Course};
use super::schedule::{Known, Schedule};
use crate::observe::RunRecord;
use crate::project::Project;
use crate::vocab::{FactName, StepSeries};
use std::collections::BTreeMap;

/// Runs whose learning rates, as parts of the peak, differ by less than this everywhere are comparable.
const SAME_RATE: f64 = 0.1;
/// So are only runs whose lengths differ by less than this factor.
const SAME_LENGTH: f64 = 1.25;
/// Parts of a run at which learning rates are compared.
const LOOKS: usize = 12;

/// Finished runs, by validation loss.
#[derive(Debug, Clone, Default)]
pub struct Pool {
    key: u64,
    kinds: Vec<SeedGroup>,
    metrics: BTreeMap<String, Metric>,
}

/// What makes two runs the same run but for the seed: N, E and mixture, rounded.
type SeedGroup = Vec<i64>;

#[derive(Debug, Clone, Default)]
struct Metric {
    finished: Vec<(Course, Option<Rate>)>,
    family: Option<Family>,
}

/// Learning rate at [`LOOKS`] parts of the run, over its peak.
type Rate = [f64; LOOKS];

/// One validation loss of one run, read for forecasting.
struct Reading {
    course: Course,
    rate: Option<Rate>,
    track: Option<Track>,
    seen: f64,
}

impl Pool {
    /// Learns from the finished among `records`. Where those are the same as in `previous`, it is returned as it is:
    /// running runs teach nothing here.
    #[must_use]
    pub fn learn(project: &Project, records: &[RunRecord], previous: Option<&Self>) -> Self {
        let mut pool = Self { key: key(project, records), ..Self::default() };
        if let Some(previous) = previous.filter(|p| p.key == pool.key) {
            return previous.clone();
        }
        for (index, metric) in project.metric_keys().enumerate() {
            let mut finished = Vec::new();
            let mut tracks = Vec::new();
            for record in records {
                let kind = pool.kind(record);
                let Some(reading) = read(project, record, index, metric, kind).filter(|r| r.seen >= 1.0) else {
                    continue;
                };
                tracks.extend(reading.track);
                finished.push((reading.course, reading.rate));
            }
            let law = if tracks.iter().any(is_lowered) { "multi-power" } else { "tissue" };
            let family =
                (tracks.len() >= 2).then(|| Family::learn(get(law)?, &tracks.iter().collect::<Vec<_>>())).flatten();
            pool.metrics.insert(metric.clone(), Metric { finished, family });
        }
        pool
    }

    /// Every way to the final value of one loss of a running run that there is, by the name of its law.
    pub(super) fn forecasts(&self, project: &Project, record: &RunRecord, index: usize, metric: &str) -> Vec<Made> {
        let kind = kind_of(record);
        let number = self.kinds.iter().position(|k| *k == kind).unwrap_or(usize::MAX);
        let Some(reading) = read(project, record, index, metric, number).filter(|r| r.seen < 1.0) else {
            return Vec::new();
        };
        let mut all: Vec<Made> = Vec::new();
        let assumed = reading.track.as_ref().and_then(|track| match &track.schedule.known {
            Known::Planned => None,
            Known::Assumed(what) => Some(what.clone()),
        });
        let made = |law: &str, path, learned: bool| {
            let fit = learned.then(|| format!("{:016x}", self.key));
            Some(Made { fit, assumed: assumed.clone(), ..Made::of_path(law, path)? })
        };
        let ahead = ahead(reading.seen);
        let steps: Vec<f64> = ahead.iter().map(|part| part * reading.course.total).collect();
        let known = self.metrics.get(metric);
        if let Some(known) = known {
            let alike: Vec<&Course> = known
                .finished
                .iter()
                .filter(|(course, rate)| comparable(course, rate.as_ref(), &reading))
                .map(|(course, _)| course)
                .collect();
            let pooled = pooled::forecast(&alike, &reading.course, &ahead);
            all.extend(pooled.and_then(|path| made(pooled::NAME, path, true)));
        }
        if let Some(track) = &reading.track {
            let learned = known.and_then(|k| k.family.as_ref()).filter(|f| {
                // Where nothing in the family lowered its learning rate, it does not know what that gains.
                f.law.name() != "tissue" || !is_lowered(track)
            });
            let forecast = match learned {
                Some(family) => family.forecast_each(track, &steps).map(|path| (family.law.name(), path)),
                // Beside Tissue's law its gain from a falling learning rate comes when the rate falls, not a fixed time later.
                None => {
                    let law = if is_lowered(track) { "multi-power" } else { "tissue" };
                    get(law).and_then(|law| Some((law.name(), Family::forecast_alone_each(law, track, &steps)?)))
                }
            };
            all.extend(forecast.and_then(|(law, path)| made(law, path, learned.is_some())));
        }
        all
    }

    /// The way that is left where nothing says what the learning rate is: it is taken to be constant.
    pub(super) fn at_constant_rate(record: &RunRecord, metric: &str) -> Option<Made> {
        let series = record.series.get(metric)?;
        let total = planned_steps(record)?;
        let schedule = Schedule::constant(total)?;
        let track = Track::new(&series.to_vec(), schedule, usize::MAX);
        let law = get("tissue").filter(|_| !track.points.is_empty())?;
        let steps: Vec<f64> = ahead(seen(record, metric)?).iter().map(|part| part * total).collect();
        let path = Family::forecast_alone_each(law, &track, &steps)?;
        let assumed =
            "the learning rate stays constant, as none is logged; set schedule and learning_rate if it will fall";
        Some(Made { assumed: Some(assumed.to_owned()), ..Made::of_path(law.name(), path)? })
    }

    fn kind(&mut self, record: &RunRecord) -> usize {
        let kind = kind_of(record);
        if let Some(known) = self.kinds.iter().position(|k| *k == kind) {
            return known;
        }
        self.kinds.push(kind);
        self.kinds.len() - 1
    }
}

/// Whether the learning rate of a run ends below its peak.
fn is_lowered(track: &Track) -> bool {
    track.schedule.lr(track.schedule.total()) < 0.9 * track.schedule.peak()
}

/// Part of a run that the newest value of a metric stands at; `None` where the plan is unknown. A run counts as done
/// where no further evaluation fits before its planned end.
#[must_use]
pub fn seen(record: &RunRecord, metric: &str) -> Option<f64> {
    let series = record.series.get(metric)?;
    let last = series.last()?.0;
    let planned = planned_steps(record)?;
    let interval = series.len().checked_sub(2).and_then(|i| series.get(i)).map_or(0, |(step, _)| last - step);
    let next = last as f64 + 0.99 * interval as f64;
    Some(if last > 0 && next >= planned { 1.0 } else { (last as f64 / planned).clamp(0.0, 0.999) })
}

/// Steps a run is planned to take, where that is known: told, or tokens over tokens a step.
#[must_use]
pub fn planned_steps(record: &RunRecord) -> Option<f64> {
    let steps = record.facts.number(FactName::PlannedSteps);
    steps.or_else(|| Some(record.facts.planned_tokens()? / record.facts.tokens_per_step()?)).filter(|s| *s >= 1.0)
}

fn read(project: &Project, record: &RunRecord, index: usize, metric: &str, kind: usize) -> Option<Reading> {
    let series = record.series.get(metric)?;
    let seen = seen(record, metric)?;
    let planned = planned_steps(record)?;
    let total = if seen >= 1.0 { series.last()?.0 as f64 } else { planned };
    let points: Vec<(f64, f64)> = series
        .iter()
        .filter(|(step, loss)| *step > 0 && loss.is_finite() && *loss > 0.0)
        .map(|(step, loss)| (step as f64, loss.ln()))
        .collect();
    points.last()?;
    let number = |name| record.facts.number(name);
    let params = number(FactName::Params).or(number(FactName::TotalParams)).unwrap_or(1.0).max(1.0);
    let domain = || project.metrics.get(index)?.domain.as_ref();
    let own = record.facts.mixture().and_then(|m| Some(m.weight(domain()?))).unwrap_or(1.0);
    let traits = vec![own, own * own, params.ln(), number(FactName::Experts).unwrap_or(1.0).max(1.0).ln()];
    let rates = record.learning_rate().map(StepSeries::to_vec).unwrap_or_default();
    let schedule = Schedule::of(&rates, &record.facts, total);
    let rate = schedule.as_ref().map(|s| {
        let at = |i: usize| s.lr(total * (i as f64 + 0.5) / LOOKS as f64) / s.peak();
        std::array::from_fn(at)
    });
    let track = schedule.map(|s| Track::new(&series.to_vec(), s, kind)).filter(|t| !t.points.is_empty());
    Some(Reading { course: Course { points, total, traits }, rate, track, seen })
}

fn comparable(course: &Course, rate: Option<&Rate>, reading: &Reading) -> bool {
    let length = (course.total / reading.course.total).ln().abs() < SAME_LENGTH.ln();
    let same_rate = match (rate, &reading.rate) {
        (Some(a), Some(b)) => a.iter().zip(b).all(|(a, b)| (a - b).abs() < SAME_RATE),
        (None, None) => true,
        _ => false,
    };
    length && same_rate
}

fn kind_of(record: &RunRecord) -> SeedGroup {
    let number = |name| record.facts.number(name).unwrap_or(0.0);
    let mut kind = vec![(number(FactName::Params).max(1.0).ln() * 1e3) as i64, number(FactName::Experts) as i64];
    kind.push((number(FactName::LearningRate) * 1e9) as i64);
    if let Some(mixture) = record.facts.mixture() {
        kind.extend(mixture.0.values().map(|w| (w * 1e3).round() as i64));
        kind.extend(mixture.0.keys().map(|d| xxhash_rust::xxh3::xxh3_64(d.as_bytes()) as i64));
    }
    kind
}

/// Changes when a run finishes, or what is read of the finished changes.
fn key(project: &Project, records: &[RunRecord]) -> u64 {
    let mut text = format!("{:?}{:?}", project.domains, project.metrics);
    for record in records {
        for metric in project.metric_keys().filter(|m| seen(record, m) == Some(1.0)) {
            let Some(last) = record.series.get(metric).and_then(|s| Some((s.len(), s.last()?))) else { continue };
            text.push_str(&format!("|{}:{}:{metric}:{last:?}:{:?}", record.name, record.id.0, kind_of(record)));
        }
    }
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}
