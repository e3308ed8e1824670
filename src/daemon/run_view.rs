//! Published view of a run, built from the store.

use super::health::progress;
use super::metric_roles::Roles;
use crate::forecast::signals::goes_on;
use crate::observe::RunRecord;
use crate::project::Project;
use crate::store::Summary;
use crate::vocab::number::NotFinite;
use crate::vocab::{FactName, MetricUnit, MetricView, Metrics, RunForecast, RunState, RunView, StepSeries};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A run of unknown length that has been silent for this long is taken as finished.
const LONG_SILENT: Duration = Duration::from_secs(3600);
/// Values in a sparkline.
const SPARKLINE: usize = 64;

/// What the view is made from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The project after assumptions.
    pub project: &'a Project,
    /// Facts and the series that matter.
    pub record: &'a RunRecord,
    /// Its metrics.
    pub metrics: &'a Arc<Metrics>,
    /// Newest step of any of them.
    pub last_step: Option<i64>,
    /// Which of them is what.
    pub roles: &'a Roles,
    /// Points that are gone because the run was thinned out.
    pub points_gone: u64,
    /// When the newest line was written, seconds since 1970, where known.
    pub written_at: Option<f64>,
    /// Time since then.
    pub silent: Option<Duration>,
    /// Seconds of silence that the run's own rhythm explains.
    pub patience: f64,
    /// Whether it was written to while it was watched.
    pub watched: bool,
}

/// Makes the view, without forecasts and signals.
#[must_use]
pub fn view(from: Sources<'_>) -> RunView {
    let sparklines = from
        .project
        .metric_keys()
        .filter_map(|key| Some((key.clone(), sparkline(from.project.unit_of(key), from.record.series.get(key)?))))
        .filter(|(_, values)| !values.is_empty())
        .collect();
    RunView {
        id: from.record.id.0,
        name: from.record.name.to_string(),
        state: state(from),
        facts: from.record.facts.with_tokens(),
        settings: Arc::clone(&from.record.facts.settings),
        conflicts: from.record.facts.conflicts.clone(),
        metrics: Arc::clone(from.metrics),
        forecast: BTreeMap::<String, RunForecast>::new(),
        main_loss: main_loss(from),
        progress: progress(from.record, from.last_step),
        last_step: from.last_step,
        tokens_per_second: from
            .roles
            .speed
            .and_then(|place| from.metrics.at(place))
            .map(|(_, metric)| metric.last)
            .filter(|v| v.is_finite()),
        silent_seconds: None,
        written_at: from.written_at,
        sparklines,
        signals: Vec::new(),
        tags: Vec::new(),
        note: None,
        points_gone: from.points_gone,
    }
}

/// The loss that stands for the run where the project names none: its training loss, or else an evaluation.
fn main_loss(from: Sources<'_>) -> Option<Arc<str>> {
    let place = from.roles.beside().next().filter(|_| from.project.metrics.is_empty())?;
    from.metrics.at(place).map(|(key, _)| Arc::clone(key))
}

/// A metric as readers see it.
#[must_use]
pub fn metric(summary: Summary) -> MetricView {
    MetricView {
        points: summary.points,
        segments: summary.segments,
        last_step: summary.last_step,
        last: summary.last,
        status: NotFinite::of(summary.last),
    }
}

/// The state alone.
#[must_use]
pub fn state(from: Sources<'_>) -> RunState {
    settled(from).unwrap_or_else(|| state_by_silence(from))
}

/// The state, where it is the same for as long as nothing is logged.
#[must_use]
pub fn settled(from: Sources<'_>) -> Option<RunState> {
    let ended = match from.record.facts.text(FactName::Ended) {
        Some("failed" | "killed") => Some(RunState::Failed),
        Some("finished") => Some(RunState::Finished),
        _ => None,
    };
    if from.metrics.is_empty() {
        return ended.or(Some(RunState::Waiting));
    }
    let broken = |key: &String| {
        from.record.series.get(key).and_then(|series| series.last()).is_some_and(|(_, value)| !value.is_finite())
    };
    if from.project.metric_keys().any(broken) {
        return Some(RunState::Diverged);
    }
    ended.or_else(|| (progress(from.record, from.last_step) == Some(1.0)).then_some(RunState::Finished))
}

/// The state of a run that could go on, by how long it has been silent.
#[must_use]
pub fn state_by_silence(from: Sources<'_>) -> RunState {
    match from.silent {
        Some(silent) if silent.as_secs_f64() <= from.patience => RunState::Running,
        Some(silent) if goes_on(progress(from.record, from.last_step), from.watched && silent < LONG_SILENT) => {
            RunState::Stalled
        }
        _ => RunState::Finished,
    }
}

/// At most [`SPARKLINE`] values, first and last among them, each the mean of its stretch.
fn sparkline(unit: MetricUnit, series: &StepSeries) -> Vec<f64> {
    let finite: Vec<f64> = series.iter().map(|(_, v)| unit.logged(v)).filter(|v| v.is_finite()).collect();
    if finite.len() <= SPARKLINE {
        return finite;
    }
    (0..SPARKLINE)
        .map(|i| {
            let stretch = &finite[i * finite.len() / SPARKLINE..(i + 1) * finite.len() / SPARKLINE];
            stretch.iter().sum::<f64>() / stretch.len() as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_keeps_short_courses_and_averages_long_ones() {
        let short: StepSeries = (0..10).map(|i| (i, i as f64)).collect();
        assert_eq!(sparkline(MetricUnit::Nats, &short).len(), 10);
        let long: StepSeries = (0..1000).map(|i| (i, if i == 500 { f64::NAN } else { 2.0 })).collect();
        assert_eq!(sparkline(MetricUnit::Nats, &long), vec![2.0; SPARKLINE]);
    }
}
