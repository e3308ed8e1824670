//! The curves of one subscriber: what is new of them, no oftener than a share of a core allows.

use super::curves::curves;
use super::publisher::Publisher;
use crate::ipc::series::{Axis, Curves, Envelope, SeriesQuery};
use crate::ipc::state::Published;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A subscriber's curves rest this many times as long as they took to make: a tenth of a core at most.
const REST: u32 = 9;

/// One subscriber's curves.
pub struct SubscribedCurves {
    query: SeriesQuery,
    known: Vec<Envelope>,
    /// Points of each series when the curves were made.
    points: Option<BTreeMap<(u32, String), u64>>,
    /// Whether they have grown since.
    pub behind: bool,
    /// When they may be made again.
    next: Instant,
}

impl SubscribedCurves {
    /// Curves of which nothing was told.
    #[must_use]
    pub fn new(query: SeriesQuery) -> Self {
        Self { query, known: Vec::new(), points: None, behind: false, next: Instant::now() }
    }

    /// What is new of them; `None` where nothing is, or it is too early to look.
    pub fn news(&mut self, publisher: &Publisher, published: &Published) -> Option<Curves> {
        let now = Instant::now();
        let points = Some(self.count(published));
        self.behind = points != self.points;
        if now < self.next || !self.behind {
            return None;
        }
        // Held for no longer than it is read.
        let current = publisher.latest()?;
        let fresh = match curves(&self.query, &current) {
            Ok(fresh) => fresh,
            Err(failure) => return Some(Curves { failed: Some(failure.message), ..Curves::default() }),
        };
        drop(current);
        (self.points, self.behind) = (points, false);
        self.next = now + (now.elapsed() * REST).min(Duration::from_secs(5));
        let change = difference(&self.known, &fresh);
        self.known = fresh;
        (change != Curves::default()).then_some(change)
    }

    fn count(&self, published: &Published) -> BTreeMap<(u32, String), u64> {
        let mut counted = BTreeMap::new();
        for run in self.query.runs.iter().filter_map(|id| published.runs.get(*id)) {
            // The axis is a metric, too, where it is one.
            let axis = if let Axis::Metric(key) = &self.query.x { Some(key) } else { None };
            for key in self.query.metrics.iter().chain(axis) {
                if let Some(metric) = run.value.metrics.get(key.as_str()) {
                    counted.insert((run.value.id, key.clone()), metric.points);
                }
            }
        }
        counted
    }
}

/// What leads from some curves to others.
fn difference(before: &[Envelope], now: &[Envelope]) -> Curves {
    let mut change = Curves::default();
    let find =
        |all: &'_ [Envelope], one: &Envelope| all.iter().position(|c| (c.run, &c.metric) == (one.run, &one.metric));
    for curve in now {
        match find(before, curve).and_then(|at| curve.since(&before[at])) {
            Some(tail) if tail.at.is_empty() => {}
            Some(tail) => change.grown.push(tail),
            None => change.whole.push(curve.clone()),
        }
    }
    let gone = before.iter().filter(|old| find(now, old).is_none());
    change.none = gone.map(|old| (old.run, old.metric.clone())).collect();
    change
}
