//! Curves from the store's blocks, at the width of a screen.

use super::board::{Board, World};
use crate::ipc::protocol::Failure;
use crate::ipc::series::{Axis, Curves, Envelope, SeriesQuery, envelope, pixels};
use crate::ipc::state::Published;
use crate::store::{ReadStore, RunId, StoreError};
use crate::vocab::RunView;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A subscriber's curves rest this many times as long as they took to make: a tenth of a core at most.
const REST: u32 = 9;

/// The curves that were asked for and are there.
///
/// # Errors
/// Where the question makes no sense, or what the store says.
pub fn curves(query: &SeriesQuery, world: &World) -> Result<Vec<Envelope>, Failure> {
    query.check().map_err(|(what, instead)| Failure::usage(what, instead))?;
    let runs: Vec<&RunView> = query
        .runs
        .iter()
        .filter_map(|id| world.snapshot.runs.iter().find(|run| run.id == *id).map(AsRef::as_ref))
        .collect();
    let mut wanted: Vec<(&RunView, &String)> = Vec::new();
    for run in runs {
        wanted.extend(query.metrics.iter().filter(|key| run.metrics.contains_key(key.as_str())).map(|key| (run, key)));
    }
    let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
    if query.from.is_none() || query.to.is_none() {
        // One curve at a time is in memory, twice: curves of a million points do not add up.
        for (run, key) in &wanted {
            for (x, _) in points(query.x, run, key, world)? {
                (lo, hi) = (lo.min(x), hi.max(x));
            }
        }
    }
    let (lo, hi) = (query.from.unwrap_or(lo), query.to.unwrap_or(hi));
    if lo > hi || !lo.is_finite() || !hi.is_finite() {
        return Ok(Vec::new());
    }
    let least = if query.x == Axis::Step { 1.0 } else { 0.0 };
    let across = pixels(lo, hi, query.pixels, least);
    let mut made = Vec::new();
    for (run, key) in &wanted {
        let curve = envelope(points(query.x, run, key, world)?.into_iter(), across, hi, query.smoothing);
        if !curve.at.is_empty() {
            made.push(Envelope { run: run.id, metric: (*key).clone(), ..curve });
        }
    }
    Ok(made)
}

/// Points in order of x: what a restart repeats or abandons is left out.
fn points(x: Axis, run: &RunView, key: &str, world: &World) -> Result<Vec<(f64, f64)>, StoreError> {
    let series = world.store.series(RunId(run.id), key)?;
    if x == Axis::Time {
        let mut points: Vec<(f64, f64)> = series
            .walls
            .iter()
            .copied()
            .zip(series.values.iter().copied())
            .filter(|(wall, _)| wall.is_finite())
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        return Ok(points);
    }
    let latest = series.latest();
    let record = world.records.iter().find(|record| record.id.0 == run.id);
    let steps = match record {
        Some(record) => record.at_optimiser_steps(latest),
        None => latest,
    };
    let scale = match x {
        Axis::Tokens => run.tokens_per_step(),
        Axis::Step | Axis::Time => Some(1.0),
    };
    let Some(scale) = scale else { return Ok(Vec::new()) };
    Ok(steps.into_iter().map(|(step, value)| (step as f64 * scale, value)).collect())
}

/// One subscriber's curves.
pub struct Curved {
    query: SeriesQuery,
    known: Vec<Envelope>,
    /// Points of each series when the curves were made.
    points: Option<BTreeMap<(u32, String), u64>>,
    /// Whether they have grown since.
    pub behind: bool,
    /// When they may be made again.
    next: Instant,
}

impl Curved {
    /// Curves of which nothing was told.
    #[must_use]
    pub fn new(query: SeriesQuery) -> Self {
        Self { query, known: Vec::new(), points: None, behind: false, next: Instant::now() }
    }

    /// What is new of them; `None` where nothing is, or it is too early to look.
    pub fn news(&mut self, board: &Board, published: &Published) -> Option<Curves> {
        let now = Instant::now();
        let points = Some(self.count(published));
        self.behind = points != self.points;
        if now < self.next || !self.behind {
            return None;
        }
        // Held for no longer than it is read.
        let world = board.latest()?;
        let fresh = match curves(&self.query, &world) {
            Ok(fresh) => fresh,
            Err(failure) => return Some(Curves { failed: Some(failure.message), ..Curves::default() }),
        };
        drop(world);
        (self.points, self.behind) = (points, false);
        self.next = now + (now.elapsed() * REST).min(Duration::from_secs(5));
        let change = difference(&self.known, &fresh);
        self.known = fresh;
        (change != Curves::default()).then_some(change)
    }

    fn count(&self, published: &Published) -> BTreeMap<(u32, String), u64> {
        let mut counted = BTreeMap::new();
        for run in self.query.runs.iter().filter_map(|id| published.runs.get(id)) {
            for key in &self.query.metrics {
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
