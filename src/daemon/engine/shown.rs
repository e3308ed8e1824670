//! Views of runs as they were published last. A run that has not changed since is published as the same view in memory, so
//! that it costs nobody anything: not the engine, which would make it, nor the publisher, which would compare it.

use crate::daemon::as_logged;
use crate::daemon::event::{Event, RunForecasts};
use crate::daemon::run_view::{self, Sources};
use crate::project::Project;
use crate::store::RunId;
use crate::vocab::signal::Alert;
use crate::vocab::{ByNumber, Labels, RunForecast, RunList, RunState, RunView};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often all runs are looked at for what time alone has changed.
const LOOK: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Default)]
pub struct Shown {
    project: Option<Arc<Project>>,
    pub runs: BTreeMap<RunId, ShownRun>,
    views: ByNumber<Arc<RunView>>,
    /// Runs of which something was said since.
    touched: BTreeSet<RunId>,
    /// When all of them were looked at last; `None` where something was said that concerns all.
    looked: Option<SystemTime>,
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
    /// Takes note of what an event says of runs.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::RunsRead(runs) => {
                self.touched.extend(runs.changed.iter().copied().chain(runs.read.iter().map(|run| run.record.id)));
                if !runs.gone.is_empty() {
                    self.looked = None;
                }
            }
            Event::RunsForecast(all) => self.touched.extend(all.iter().map(|(id, _)| *id)),
            Event::Written { all: false, times } => self.touched.extend(times.keys()),
            Event::Examined(runs) => self.touched.extend(runs),
            // What can go with any of many runs.
            Event::Written { all: true, .. }
            | Event::AlertsChanged
            | Event::Labelled
            | Event::Dismissed(_)
            | Event::StoreReplaced(_)
            | Event::JournalRead(_) => self.looked = None,
            _ => {}
        }
    }

    /// The runs to look at, `None` for all; afterwards they count as looked at.
    pub fn due(&mut self, project: &Arc<Project>, now: SystemTime) -> Option<BTreeSet<RunId>> {
        let touched = std::mem::take(&mut self.touched);
        if !self.project.as_ref().is_some_and(|known| Arc::ptr_eq(known, project)) {
            // Every view rests on the project.
            self.project = Some(Arc::clone(project));
            self.runs.clear();
            self.views = ByNumber::default();
            self.looked = None;
        }
        let lately = |then: SystemTime| now.duration_since(then).is_ok_and(|age| age < LOOK);
        if self.looked.is_some_and(lately) {
            return Some(touched);
        }
        self.looked = Some(now);
        None
    }

    /// Takes up views that were made anew; where `all` were looked at, those of runs that are not `there` go.
    pub fn update(&mut self, newer: Vec<(RunId, ShownRun)>, all: bool, there: impl Fn(RunId) -> bool) {
        for (id, shown) in newer {
            self.views.insert(id.0, Arc::clone(&shown.view));
            self.runs.insert(id, shown);
        }
        if all {
            self.runs.retain(|id, _| there(*id));
            let gone: Vec<u32> = self.views.iter().map(|(id, _)| id).filter(|id| !there(RunId(*id))).collect();
            gone.into_iter().for_each(|id| self.views.remove(id));
        }
    }

    /// Views of all runs, at a time in seconds since 1970.
    pub fn list(&self, now: f64) -> RunList {
        RunList::at(self.views.clone(), now)
    }
}

impl ShownRun {
    /// A run as it is now; `None` where what is known of it still says what is so.
    pub fn newer(
        known: Option<&Self>,
        from: Sources<'_>,
        forecasts: &Arc<RunForecasts>,
        signals: Vec<Alert>,
        labels: Option<&Labels>,
    ) -> Option<Self> {
        // Whatever was read from the run's files came with new metrics.
        let known = known.filter(|known| Arc::ptr_eq(&known.view.metrics, from.metrics));
        let settled = known.map_or_else(|| run_view::settled(from), |known| known.settled);
        let state = settled.unwrap_or_else(|| run_view::state_by_silence(from));
        let (tags, note) = labels.map_or((&[][..], None), |said| (said.tags.as_slice(), said.note.as_ref()));
        let stands = |known: &&Self| {
            (known.view.state, known.view.written_at) == (state, from.written_at)
                && known.view.signals == signals
                && (known.view.tags.as_slice(), known.view.note.as_ref()) == (tags, note)
                && Arc::ptr_eq(&known.forecasts, forecasts)
        };
        if known.is_some_and(|known| stands(&known)) {
            return None;
        }
        let (tags, note) = (tags.to_vec(), note.cloned());
        let forecast = first(from.project, forecasts);
        let view = RunView { forecast, signals, state, tags, note, ..run_view::view(from) };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(id: u32, written: f64) -> (RunId, ShownRun) {
        let view = RunView { name: format!("run-{id}"), written_at: Some(written), ..RunView::unknown(id) };
        (RunId(id), ShownRun { view: Arc::new(view), settled: None, forecasts: Arc::default() })
    }

    #[test]
    fn the_list_is_the_newest_first_and_the_same_run_is_the_same_in_memory() {
        let mut shown = Shown::default();
        let all = (0..5).map(|id| run(id, 1000.0 - 200.0 * f64::from(id))).collect();
        shown.update(all, true, |_| true);
        let ids = |list: &RunList| list.iter().map(|run| run.id).collect::<Vec<_>>();
        let first = shown.list(1000.0);
        assert_eq!(ids(&first), [0, 1, 2, 3, 4]);
        // A line in the same minute, one that brings the run to the front, and a run that is new.
        for (id, written, order) in
            [(1, 801.0, &[0, 1, 2, 3, 4][..]), (3, 1001.0, &[0, 3, 1, 2, 4]), (7, 1002.0, &[0, 3, 7, 1, 2, 4])]
        {
            shown.update(vec![run(id, written)], false, |_| false);
            assert_eq!(ids(&shown.list(1002.0)), order, "after {id}");
        }
        let now = shown.list(1002.0);
        assert!(Arc::ptr_eq(&first[2], now.by_number().get(2).unwrap()));
        shown.update(Vec::new(), true, |id| id.0 != 0);
        assert_eq!(ids(&shown.list(1002.0)), [3, 7, 1, 2, 4], "a run has gone");
        assert_eq!(shown.runs.len(), 5);
    }

    #[test]
    fn runs_are_looked_at_when_something_is_said_of_them_and_all_once_a_second() {
        let (mut shown, project) = (Shown::default(), Arc::new(Project::default()));
        let at = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        assert_eq!(shown.due(&project, at(5000)), None, "nothing was looked at before");
        shown.hear(&Event::Examined(BTreeSet::from([RunId(3)])));
        assert_eq!(shown.due(&project, at(5100)), Some(BTreeSet::from([RunId(3)])));
        assert_eq!(shown.due(&project, at(5200)), Some(BTreeSet::new()));
        assert_eq!(shown.due(&project, at(6000)), None, "time alone changes states");
        assert_eq!(shown.due(&project, at(4000)), None, "the clock was set back");
        shown.hear(&Event::AlertsChanged);
        assert_eq!(shown.due(&project, at(4100)), None, "of any run");
        assert_eq!(shown.due(&Arc::new(Project::default()), at(4200)), None, "another project");
    }
}
