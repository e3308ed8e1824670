//! Thinning out: of each stretch of a long series the lowest, the highest and the last point stay, so that a chart of it
//! looks the same and a run of a million steps costs what one of two thousand does. The cursors stay, so that nothing is
//! read twice; the logs still have every point.

use super::changes::Changes;
use super::open_blocks::COLUMNS;
use super::state::FileState;
use super::stretch::Rows;
use super::{FileId, RunId, SledStore, StoreError, keys};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Arc, PoisonError};

/// Points of a series up to which it is left alone.
pub const LONG: u64 = 4_000;
/// About so many points are left of a longer one.
const LEFT: usize = 2_000;
/// Points that stay of a stretch.
const OF_EACH: usize = 3;

/// A point on its way from old blocks to new ones.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    row: u64,
    step: i64,
    time: Option<i64>,
    value: f64,
}

impl SledStore {
    /// Thins out the series of a run that have more than [`LONG`] points; those that `stays` names are left alone. Returns
    /// how many points are gone. Nothing happens while somebody walks through the points of a run, and to a run whose files
    /// repeat each other: what of one is in another could not be told any more.
    ///
    /// # Errors
    /// What the disk says. What was thinned out before stays so; every series is whole, before or after.
    pub fn thin_points(&self, run: RunId, stays: &dyn Fn(&str) -> bool) -> Result<u64, StoreError> {
        let Ok(_nobody) = self.walks.try_write() else { return Ok(0) };
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let files = {
            let state = self.state();
            let Some(of) = state.runs.get(&run) else { return Ok(0) };
            let (covers, _) = self.covers(&state, of)?;
            if covers.is_empty() { of.files.clone() } else { Vec::new() }
        };
        let mut gone = 0;
        for id in files {
            gone += self.thin_file(id, stays)?;
        }
        Ok(gone)
    }

    /// How many points of a run are gone because it was thinned out.
    #[must_use]
    pub fn points_gone(&self, run: RunId) -> u64 {
        self.state().runs.get(&run).map_or(0, |run| run.thinned)
    }

    fn thin_file(&self, id: FileId, stays: &dyn Fn(&str) -> bool) -> Result<u64, StoreError> {
        let (columns, first_new, long) = {
            let state = self.state();
            let Some(file) = state.files.get(&id) else { return Ok(0) };
            let name = |place: usize| state.metrics.get(file.columns[place].metric.0 as usize).map(Arc::clone);
            let long: BTreeSet<usize> = (0..file.columns.len())
                .filter(|place| file.columns[*place].points > LONG)
                .filter(|place| name(*place).is_some_and(|name| !stays(&name)))
                .collect();
            (file.columns.len(), file.record.axes, long)
        };
        if long.is_empty() {
            return Ok(0);
        }
        let parts = (0..columns).step_by(COLUMNS).map(|first| first..(first + COLUMNS).min(columns));
        // Those with a long series last, so that all is done again where this is cut short.
        let (with, without): (Vec<_>, Vec<_>) = parts.partition(|part| long.range(part.clone()).next().is_some());
        let (mut gone, mut left) = (0, columns.div_ceil(COLUMNS));
        for part in without.into_iter().chain(with) {
            left -= 1;
            // Behind the last, every block is on a new axis.
            let old = if left == 0 { 0..first_new } else { 0..0 };
            gone += self.rewrite_columns(id, part, &long, old)?;
        }
        Ok(gone)
    }

    /// Writes some columns of a file anew, those of `long` thinned out, and deletes the axes `old`.
    fn rewrite_columns(
        &self,
        id: FileId,
        places: Range<usize>,
        long: &BTreeSet<usize>,
        old: Range<u32>,
    ) -> Result<u64, StoreError> {
        let Some(mut file) = self.state().files.get(&id).cloned() else { return Ok(0) };
        self.seal_tail(id, &mut file)?;
        let mut changes = Changes::new(self);
        self.remove_blocks(id, &file, places.clone(), &mut changes)?;
        let mut points: Vec<(usize, Point)> = Vec::new();
        let mut gone = 0;
        for place in places {
            let mut of = self.points_of(id, &file, place)?;
            if long.contains(&place) {
                let before = of.len();
                of = thinned(&of, &|row| file.record.restarts_until(row));
                gone += (before - of.len()) as u64;
            }
            let column = &mut file.columns[place];
            (column.points, column.blocks, column.open, column.open_axis) = (of.len() as u64, 0, 0, 0);
            points.extend(of.into_iter().map(|point| (place, point)));
        }
        points.sort_by_key(|(_, point)| point.row);
        let mut stretch = Rows::with_capacity(points.len());
        let mut row = None;
        for (place, point) in points {
            if row != Some(point.row) {
                stretch.row(point.row, point.step, point.time);
                row = Some(point.row);
            }
            stretch.point(place as u32, point.value);
        }
        let stretch = stretch.done();
        if !stretch.is_empty() {
            self.seal(id, &mut file, stretch, &mut changes)?;
        }
        for axis in old {
            changes.remove_packed(&keys::of_file(b'a', id, axis))?;
        }
        changes.insert(&keys::one(b'f', id.0), file.record.encode());
        let run = file.record.run;
        let thinned = self.state().runs.get(&run).map_or(0, |run| run.thinned) + gone;
        changes.insert(&keys::one(b'T', run.0), thinned.to_be_bytes().to_vec());
        let change = changes.write()?;
        let mut state = self.state_mut();
        self.apply(change)?;
        state.install(id, file);
        if let Some(run) = state.runs.get_mut(&run) {
            run.thinned = thinned;
        }
        Ok(gone)
    }

    /// The sealed points of a column, in the order of the file.
    fn points_of(&self, id: FileId, file: &FileState, place: usize) -> Result<Vec<Point>, StoreError> {
        let column = &file.columns[place];
        let mut points = Vec::with_capacity(column.points as usize);
        for sequence in 0..column.sealed() {
            let (axis, values) = self.block(file, id, column, sequence)?;
            for (i, value) in values.into_iter().enumerate() {
                points.push(Point { row: axis.rows[i] as u64, step: axis.steps[i], time: axis.times[i], value });
            }
        }
        Ok(points)
    }
}

/// Of each start of the run its first and its last point, and of each stretch between the lowest, the highest, the last, and
/// the first that is no number. `starts` says how many starts the log had spoken of up to a row.
fn thinned(points: &[Point], starts: &dyn Fn(u64) -> u32) -> Vec<Point> {
    let size = (points.len() * OF_EACH).div_ceil(LEFT).max(OF_EACH);
    let mut left = Vec::with_capacity(LEFT + LEFT / 8);
    for start in points.chunk_by(|a, b| b.step >= a.step && starts(a.row) == starts(b.row)) {
        let mut keep = BTreeSet::from([0, start.len() - 1]);
        for from in (0..start.len()).step_by(size) {
            let stretch = from..(from + size).min(start.len());
            let finite = || stretch.clone().filter(|i| start[*i].value.is_finite());
            keep.extend(finite().min_by(|a, b| start[*a].value.total_cmp(&start[*b].value)));
            keep.extend(finite().max_by(|a, b| start[*a].value.total_cmp(&start[*b].value)));
            keep.extend(stretch.clone().find(|i| !start[*i].value.is_finite()));
            keep.insert(stretch.end - 1);
        }
        left.extend(keep.into_iter().map(|i| start[i]));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Commit, Cursor, ReadStore, Target};
    use crate::vocab::RawPoint;

    /// A store with a run of one file: of 40 metrics, those before `long` have `points` points, the others ten.
    fn store(directory: &std::path::Path, points: i64, long: u32) -> (Arc<SledStore>, RunId, FileId) {
        let store = SledStore::open(directory).unwrap().0;
        let run = store.run("a").unwrap();
        let names: Vec<String> = (0..40).map(|i| format!("m{i}")).collect();
        let mut file = None;
        for part in 0..10 {
            let steps = part * points / 10..(part + 1) * points / 10;
            let all: Vec<RawPoint> = steps
                .flat_map(|step| {
                    (0..40).filter(move |m| *m < long || step % (points / 10) == 0).map(move |m| (step, m))
                })
                // The run begins again at its middle.
                .map(|(step, metric)| RawPoint {
                    metric,
                    step: step % (points / 2),
                    value: value(step, metric),
                    wall: 1e9,
                })
                .collect();
            let target = match file {
                None => Target::New { run, format: "jsonl", began: 0.0, replaces: &[] },
                Some(file) => Target::Known(file),
            };
            let cursor = Cursor { offset: part as u64 + 1, ..Cursor::default() };
            let commit = Commit { target, path: "m", names: &names, points: &all, restarts: &[], facts: None, cursor };
            file = Some(store.commit(&commit).unwrap());
        }
        (store, run, file.unwrap())
    }

    fn value(step: i64, metric: u32) -> f64 {
        match step {
            7_777 => 1e9,
            3_333 => f64::NAN,
            _ => f64::from(metric) + (step as f64 * 0.001).sin(),
        }
    }

    fn all(store: &SledStore, run: RunId) -> Vec<(String, i64, u64, u32)> {
        let mut points = Vec::new();
        let each = |_: &str, p: &crate::store::ExportedPoint| {
            points.push((p.metric.to_string(), p.step, p.value.to_bits(), p.segment));
            true
        };
        store.export(run, None, each).unwrap();
        points
    }

    #[test]
    fn what_is_left_was_logged_and_the_picture_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let (store, run, file) = store(dir.path(), 20_000, 20);
        let before = all(&store, run);
        let summaries = store.metrics(run).unwrap();
        let live = |store: &SledStore| store.packs.extents().iter().map(|(_, e)| e.end - e.dead).sum::<u64>();
        let bytes = live(&store);
        let gone = store.thin_points(run, &|name| name == "m3").unwrap();
        assert_eq!((store.points_gone(run), store.points()), (gone, before.len() as u64 - gone));
        assert_eq!(store.thin_points(run, &|name| name == "m3").unwrap(), 0, "once is enough");
        let after = all(&store, run);
        assert_eq!(after.len() as u64, before.len() as u64 - gone);
        let set: std::collections::BTreeSet<_> = before.iter().collect();
        assert!(after.iter().all(|point| set.contains(point)), "nothing is invented");
        let (mut short, mut long) = (0, 0);
        for (name, summary) in store.metrics(run).unwrap() {
            let then = summaries.iter().find(|(other, _)| *other == name).unwrap().1;
            assert_eq!((summary.segments, summary.last_step, summary.last), (then.segments, then.last_step, then.last));
            assert_eq!(summary.segments, 2);
            let series = store.series(run, &name).unwrap();
            assert_eq!(series.steps.len() as u64, summary.points);
            if then.points == 20_000 && &*name != "m3" {
                long += 1;
                assert!((1_300..2_800).contains(&summary.points), "{name}: {}", summary.points);
                let (rare, odd) = (series.values.contains(&1e9), series.values.iter().any(|v| v.is_nan()));
                assert!(rare && odd, "a spike of one step, and a loss that was no number");
            } else {
                short += 1;
                assert_eq!(summary.points, then.points);
            }
        }
        assert_eq!((short, long), (21, 19));
        // Opened again, compacted, and written to again.
        store.compact().unwrap();
        drop(store);
        let store = SledStore::open(dir.path()).unwrap().0;
        assert_eq!((all(&store, run), store.points_gone(run)), (after.clone(), gone));
        assert!(live(&store) < bytes / 4, "{} of {bytes}", live(&store));
        let names = ["m0".to_owned()];
        let points: Vec<RawPoint> =
            (0..3_000).map(|i| RawPoint { metric: 0, step: 10_000 + i, value: 2.0, wall: 1e9 }).collect();
        let cursor = Cursor { offset: 99, ..Cursor::default() };
        let target = Target::Known(file);
        let commit = Commit { target, path: "m", names: &names, points: &points, restarts: &[], facts: None, cursor };
        store.commit(&commit).unwrap();
        assert_eq!(all(&store, run).len(), after.len() + 3_000);
        assert_eq!(store.record(file).unwrap().cursor.offset, 99);
        store.forget(run).unwrap();
        assert_eq!((store.points(), store.points_gone(run)), (0, 0));
    }

    #[test]
    fn nobody_who_walks_through_a_run_sees_it_change() {
        let dir = tempfile::tempdir().unwrap();
        let (store, run, _) = store(dir.path(), 20_000, 2);
        let mut count = 0;
        let each = |_: &str, _: &crate::store::ExportedPoint| {
            if count == 100 {
                assert_eq!(store.thin_points(run, &|_| false).unwrap(), 0);
            }
            count += 1;
            true
        };
        store.export(run, None, each).unwrap();
        assert_eq!(count, 40_000 + 38 * 10);
        assert!(store.thin_points(run, &|_| false).unwrap() > 30_000);
    }
}
