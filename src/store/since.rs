//! The points of many series of a run from one of its rows on: what was logged of eight thousand experts since it was asked last.

use super::read::AxisCache;
use super::{FileId, MetricId, RunId, SledStore, StoreError};
use std::collections::HashMap;

/// A stretch of the rows of a run's only file. What is logged meanwhile is not in it.
pub struct Since {
    file: FileId,
    from: u64,
    /// Rows before this one are sealed.
    sealed: u64,
    /// Rows before this one are in it.
    until: u64,
    /// What is not sealed, by metric.
    tail: HashMap<MetricId, Vec<(i64, f64)>>,
    axes: AxisCache,
}

impl Since {
    /// The file, and the row after the last.
    #[must_use]
    pub fn until(&self) -> (FileId, u64) {
        (self.file, self.until)
    }
}

impl SledStore {
    /// The rows of a run from a row of a file on. `None` where only whole series tell: the run has other files, or one of these
    /// metrics has gone back.
    ///
    /// # Errors
    /// What the disk says.
    pub fn since<'a>(
        &self,
        run: RunId,
        metrics: impl Iterator<Item = &'a str>,
        from: (FileId, u64),
    ) -> Result<Option<Since>, StoreError> {
        let state = self.state();
        let Some([id]) = state.runs.get(&run).map(|run| run.files.as_slice()) else { return Ok(None) };
        let Some(file) = state.files.get(id) else { return Ok(None) };
        for metric in metrics {
            let column = state.metric_ids.get(metric).and_then(|metric| file.find(*metric));
            if column.is_some_and(|column| column.backs > 0) {
                return Ok(None);
            }
        }
        let from = if from.0 == *id { from.1 } else { 0 };
        let (mut sealed, mut tail) = (file.record.rows, HashMap::<MetricId, Vec<(i64, f64)>>::new());
        for point in self.tail(*id, file)? {
            sealed = sealed.min(point.row);
            if point.row >= from {
                tail.entry(point.metric).or_default().push((point.step, point.value));
            }
        }
        Ok(Some(Since { file: *id, from, sealed, until: file.record.rows, tail, axes: AxisCache::default() }))
    }

    /// The points of one series on these rows, in order. `None` where the file is gone.
    ///
    /// # Errors
    /// What the disk says.
    pub fn points_since(&self, since: &mut Since, metric: &str) -> Result<Option<Vec<(i64, f64)>>, StoreError> {
        let state = self.state();
        let Some(file) = state.files.get(&since.file) else { return Ok(None) };
        let Some(metric) = state.metric_ids.get(metric) else { return Ok(Some(Vec::new())) };
        let mut stretches: Vec<Vec<(i64, f64)>> = Vec::new();
        if let Some(column) = file.find(*metric).filter(|_| since.from < since.sealed) {
            // Newest first, as far back as it takes.
            for sequence in (0..column.sealed()).rev() {
                let (axis, values) = self.block_on(file, since.file, column, sequence, &mut since.axes)?;
                let begin = axis.rows.partition_point(|row| (*row as u64) < since.from);
                let end = axis.rows.partition_point(|row| (*row as u64) < since.sealed);
                let of = |at: usize| (axis.steps[at], values[at]);
                stretches.push((begin..end.max(begin)).map(of).collect());
                if begin > 0 {
                    break;
                }
            }
        }
        stretches.reverse();
        let mut points = stretches.concat();
        points.extend(since.tail.get(metric).into_iter().flatten());
        Ok(Some(points))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Commit, Cursor, ReadStore, Target};
    use crate::vocab::RawPoint;

    /// Adds rows of three metrics to a file; the second has a value at every other step only.
    fn add(store: &SledStore, run: RunId, file: Option<FileId>, steps: std::ops::Range<i64>) -> FileId {
        let target = Target::New { run, format: "jsonl", began: f64::NAN, replaces: &[] };
        let point =
            |metric, step| RawPoint { metric, step, value: (step * 3) as f64 + f64::from(metric), wall: f64::NAN };
        let of_step = |step| (0..3).filter(move |metric| *metric != 1 || step % 2 == 0).map(move |m| point(m, step));
        let points: Vec<RawPoint> = steps.flat_map(of_step).collect();
        let commit = Commit {
            target: file.map_or(target, Target::Known),
            path: "log.jsonl",
            names: &["a".to_owned(), "b".to_owned(), "c".to_owned()],
            points: &points,
            restarts: &[],
            facts: None,
            cursor: Cursor::default(),
        };
        store.commit(&commit).unwrap()
    }

    #[test]
    fn what_comes_since_is_what_whole_series_end_with() {
        let store = SledStore::temporary().unwrap();
        let run = store.run("a").unwrap();
        let names = ["a", "b", "c"];
        let (mut file, mut from, mut known) = (None, (FileId(u32::MAX), 0), [0; 3]);
        // In pieces that are sealed or not, asked after some of them.
        for n in 0..120i64 {
            let at = n * 40;
            let id = add(&store, run, file, at..at + if n % 9 == 4 { 40 } else { 1 + n % 5 });
            file = Some(id);
            if n % 3 == 1 {
                continue;
            }
            let mut since = store.since(run, names.into_iter(), from).unwrap().expect("one file, no restart");
            // What is logged, and sealed, while somebody reads.
            let whole: Vec<_> = names.iter().map(|name| store.series(run, name).unwrap()).collect();
            add(&store, run, file, at + 40 - 2..at + 40);
            for (place, name) in names.iter().enumerate() {
                let new = store.points_since(&mut since, name).unwrap().unwrap();
                let series = &whole[place];
                let all: Vec<(i64, f64)> = series.steps.iter().copied().zip(series.values.iter().copied()).collect();
                if n % 9 != 4 {
                    assert_eq!(new, all[known[place]..], "{name} after {} of {}", known[place], all.len());
                }
                known[place] = all.len();
            }
            from = since.until();
        }
        assert!(store.since(run, names.into_iter(), from).unwrap().is_some());
        assert!(store.since(RunId(99), names.into_iter(), from).unwrap().is_none());
        // A step that goes back, and another file.
        add(&store, run, file, 0..3);
        assert!(store.since(run, names.into_iter(), from).unwrap().is_none());
        assert!(store.since(run, ["other"].into_iter(), from).unwrap().is_some());
        add(&store, run, None, 0..3);
        assert!(store.since(run, ["other"].into_iter(), from).unwrap().is_none());
    }
}
