//! Views of runs as they were published last. A run that has not changed since is published as the same view in memory, so
//! that it costs nobody anything: not the engine, which would make it, nor the publisher, which would compare it.

use crate::daemon::as_logged;
use crate::daemon::event::RunForecasts;
use crate::daemon::run_view::{self, Sources};
use crate::project::Project;
use crate::store::RunId;
use crate::vocab::signal::Alert;
use crate::vocab::{RunForecast, RunState, RunView};
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the [module](self).
#[derive(Default)]
pub struct Shown {
    project: Option<Arc<Project>>,
    pub runs: BTreeMap<RunId, ShownRun>,
}

/// A run as it was published.
#[derive(Clone)]
pub struct ShownRun {
    pub view: Arc<RunView>,
    /// Its state, where that is not a matter of time.
    settled: Option<RunState>,
    forecasts: Arc<RunForecasts>,
}

impl Shown {
    /// What was published; nothing where the project has changed since, on which every view rests.
    pub fn take(&mut self, project: &Arc<Project>) -> BTreeMap<RunId, ShownRun> {
        let runs = std::mem::take(&mut self.runs);
        let same = self.project.as_ref().is_some_and(|known| Arc::ptr_eq(known, project));
        self.project = Some(Arc::clone(project));
        if same { runs } else { BTreeMap::new() }
    }
}

impl ShownRun {
    /// A run as it is now; `None` where what is known of it still says what is so.
    pub fn newer(
        known: Option<&Self>,
        from: Sources<'_>,
        forecasts: &Arc<RunForecasts>,
        signals: Vec<Alert>,
    ) -> Option<Self> {
        // Whatever was read from the run's files came with new metrics.
        let known = known.filter(|known| Arc::ptr_eq(&known.view.metrics, from.shown));
        let settled = known.map_or_else(|| run_view::settled(from), |known| known.settled);
        let state = settled.unwrap_or_else(|| run_view::state_by_silence(from));
        let stands = |known: &&Self| {
            (known.view.state, known.view.written_at) == (state, from.written_at)
                && known.view.signals == signals
                && Arc::ptr_eq(&known.forecasts, forecasts)
        };
        if known.is_some_and(|known| stands(&known)) {
            return None;
        }
        let view = RunView { forecast: first(from.project, forecasts), signals, state, ..run_view::view(from) };
        Some(Self { view: Arc::new(view), settled, forecasts: Arc::clone(forecasts) })
    }

    /// Whether time alone has changed its state.
    pub fn has_aged(&self, from: Sources<'_>) -> bool {
        self.settled.is_none() && run_view::state_by_silence(from) != self.view.state
    }
}

/// The forecasts to show.
fn first(project: &Project, forecasts: &RunForecasts) -> BTreeMap<String, RunForecast> {
    let one = |all: &[RunForecast], metric| Some(as_logged::run(project.unit_of(metric), all.first()?));
    forecasts.iter().filter_map(|(metric, all)| Some((metric.clone(), one(all, metric)?))).collect()
}
