//! Views of runs as they were published last. A run that has not changed since is published as the same view in memory, so
//! that it costs nobody anything: not the engine, which would make it, nor the publisher, which would compare it.

use crate::daemon::as_logged;
use crate::daemon::event::{Event, RunForecasts};
use crate::daemon::run_view::{self, Sources};
use crate::project::Project;
use crate::store::RunId;
use crate::vocab::signal::Alert;
use crate::vocab::{Labels, RunForecast, RunState, RunView, minutes_silent, newest_first};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often all runs are looked at for what time alone has changed.
const LOOK: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Default)]
pub struct Shown {
    project: Option<Arc<Project>>,
    pub runs: BTreeMap<RunId, ShownRun>,
    /// Their views, the newest first.
    order: Vec<Arc<RunView>>,
    places: HashMap<RunId, usize>,
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
            self.looked = None;
        }
        let lately = |then: SystemTime| now.duration_since(then).is_ok_and(|age| age < LOOK);
        if self.looked.is_some_and(lately) {
            return Some(touched);
        }
        self.looked = Some(now);
        None
    }

    /// Views of all runs, the newest first, after those of some have been made anew (`None`: of any).
    pub fn views(&mut self, newer: Option<&[RunId]>, now: f64) -> Vec<Arc<RunView>> {
        let in_place = newer.is_some_and(|newer| {
            newer.iter().all(|id| {
                let Some(shown) = self.runs.get(id) else { return true };
                let Some(place) = self.places.get(id) else { return false };
                let before = std::mem::replace(&mut self.order[*place], Arc::clone(&shown.view));
                before.name == shown.view.name && minutes_silent(&before, now) == minutes_silent(&shown.view, now)
            })
        });
        if !in_place {
            self.order = self.runs.values().map(|shown| Arc::clone(&shown.view)).collect();
            newest_first(&mut self.order, now);
            self.places = self.order.iter().enumerate().map(|(place, run)| (RunId(run.id), place)).collect();
        }
        self.order.clone()
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
    fn views_brought_up_to_date_are_those_made_from_nothing() {
        let mut shown = Shown::default();
        shown.runs.extend((0..5).map(|id| run(id, 1000.0 - 200.0 * f64::from(id))));
        let ids = |views: &[Arc<RunView>]| views.iter().map(|run| run.id).collect::<Vec<_>>();
        assert_eq!(ids(&shown.views(None, 1000.0)), [0, 1, 2, 3, 4]);
        // A line in the same minute, one that brings the run to the front, and a run that is new.
        for (id, written) in [(1, 801.0), (3, 1001.0), (7, 1002.0)] {
            shown.runs.extend([run(id, written)]);
            let some = shown.views(Some(&[RunId(id)]), 1002.0);
            assert!(some.iter().any(|view| view.id == id && view.written_at == Some(written)));
            let mut whole: Vec<Arc<RunView>> = shown.runs.values().map(|run| Arc::clone(&run.view)).collect();
            newest_first(&mut whole, 1002.0);
            assert_eq!(some, whole, "after {id}");
        }
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
