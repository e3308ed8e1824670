//! Views of runs as they were published last. A run that has not changed since is published as the same view in memory, so
//! that it costs nobody anything: not the engine, which would make it, nor the publisher, which would compare it.

use super::tracked::Tracked;
use crate::daemon::run_view::{self, Sources};
use crate::project::Project;
use crate::store::RunId;
use crate::vocab::signal::Alert;
use crate::vocab::{RunForecast, RunView};
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the [module](self).
#[derive(Default)]
pub struct Shown {
    project: Option<Arc<Project>>,
    runs: BTreeMap<RunId, Arc<RunView>>,
}

impl Shown {
    /// What was published; nothing where the project has changed since, on which every view rests.
    pub fn take(&mut self, project: &Arc<Project>) -> BTreeMap<RunId, Arc<RunView>> {
        let runs = std::mem::take(&mut self.runs);
        let same = self.project.as_ref().is_some_and(|known| Arc::ptr_eq(known, project));
        self.project = Some(Arc::clone(project));
        if same { runs } else { BTreeMap::new() }
    }

    /// Takes note of what is published.
    pub fn put(&mut self, runs: BTreeMap<RunId, Arc<RunView>>) {
        self.runs = runs;
    }
}

/// The view of a run: the known one where it still says what is so.
pub fn view(known: Option<&Arc<RunView>>, from: Sources<'_>, tracked: &Tracked, signals: Vec<Alert>) -> Arc<RunView> {
    let state = run_view::state(from);
    let stands = |view: &&Arc<RunView>| {
        // Whatever was read from the run's files came with new metrics.
        Arc::ptr_eq(&view.metrics, from.shown)
            && (view.state, view.written_at) == (state, from.written_at)
            && view.signals == signals
            && same_forecasts(&view.forecast, &tracked.forecasts)
    };
    match known.filter(stands) {
        Some(view) => Arc::clone(view),
        None => Arc::new(RunView { forecast: tracked.forecasts_shown(), signals, state, ..run_view::view(from) }),
    }
}

fn same_forecasts(shown: &BTreeMap<String, RunForecast>, all: &BTreeMap<String, Vec<RunForecast>>) -> bool {
    let mut first = all.iter().filter_map(|(metric, all)| Some((metric, all.first()?)));
    shown.iter().all(|one| first.next() == Some(one)) && first.next().is_none()
}
