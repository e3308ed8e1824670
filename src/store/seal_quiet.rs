//! Sealing the tails of files that nobody writes to any more. A tail waits for more points, to be sealed with them; that of an
//! ended run would wait for ever, and takes ten times the room in sled that its points take in a pack.

use super::changes::Changes;
use super::state::FileState;
use super::stretch::Stretch;
use super::{FileId, SledStore, StoreError, keys};
use std::sync::PoisonError;
use std::time::Instant;

impl SledStore {
    /// Seals the tails that have not grown for a while, where there are enough of them.
    pub(super) fn seal_quiet(&self, now: Instant) -> Result<(), StoreError> {
        let due = self.quiet.due(&self.state(), now);
        if !due.is_empty() {
            self.db.look_again();
        }
        for id in due {
            let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(mut file) = self.state().files.get(&id).cloned() else { continue };
            self.seal_tail(id, &mut file)?;
        }
        Ok(())
    }

    /// Seals the tail of a file. Whoever calls is the writer.
    pub(super) fn seal_tail(&self, id: FileId, file: &mut FileState) -> Result<(), StoreError> {
        if file.tail_points == 0 {
            return Ok(());
        }
        let mut changes = Changes::new(self);
        self.seal(id, file, Stretch::default(), &mut changes)?;
        changes.insert(&keys::one(b'f', id.0), file.record.encode());
        let change = changes.write()?;
        let mut state = self.state_mut();
        self.apply(change)?;
        state.install(id, file.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::quiet::QUIET;
    use crate::store::{Commit, Cursor, ReadStore, RunId, Target};
    use crate::vocab::{RawPoint, Series};
    use std::ops::Range;
    use std::sync::atomic::Ordering;

    const RUNS: u32 = 40;
    const METRICS: u32 = 50;

    fn write(store: &SledStore, target: Target<'_>, lines: Range<u32>, names: &[String]) -> FileId {
        let point = |step: u32, metric: u32| {
            let value = f64::from(step * 31 + metric);
            RawPoint { metric, step: i64::from(step), value, wall: f64::from(step) }
        };
        let points: Vec<RawPoint> =
            lines.clone().flat_map(|step| (0..METRICS).map(move |metric| point(step, metric))).collect();
        let cursor = Cursor { offset: u64::from(lines.end), ..Cursor::default() };
        let commit = Commit { target, path: "log", names, points: &points, restarts: &[], facts: None, cursor };
        store.commit(&commit).unwrap()
    }

    #[test]
    fn tails_of_files_that_nobody_writes_to_are_sealed_and_no_point_changes() {
        let dir = tempfile::tempdir().unwrap();
        let store = SledStore::open(dir.path()).unwrap().0;
        let names: Vec<String> = (0..METRICS).map(|metric| format!("metric/{metric}")).collect();
        let mut files = Vec::new();
        for run in 0..RUNS {
            let run = store.run(&format!("run-{run}")).unwrap();
            let target = Target::New { run, format: "jsonl", began: 0.0, replaces: &[] };
            files.push(write(&store, target, 0..30, &names));
        }
        let tails = |store: &SledStore| store.db.keys(b"t").unwrap().len();
        let all = |store: &SledStore| -> Vec<Series> {
            let of_run = |run| names.iter().map(move |name| store.series(RunId(run), name).unwrap());
            (0..RUNS).flat_map(of_run).collect()
        };
        let (before, points) = (tails(&store), all(&store));
        let now = Instant::now();
        store.seal_quiet(now).unwrap();
        assert!(before >= files.len() && tails(&store) == before, "nobody knows yet since when they are quiet");
        // One goes on.
        write(&store, Target::Known(files[7]), 30..31, &names);
        store.seal_quiet(now + QUIET / 2).unwrap();
        assert!(tails(&store) > before, "none is quiet yet");
        store.db.checked().store(1 << 30, Ordering::Relaxed);
        store.seal_quiet(now + QUIET).unwrap();
        let left = tails(&store);
        assert!((1..10).contains(&left), "that of the file that went on: {left} of {before}");
        let mut series = all(&store);
        let of_file = 7 * METRICS as usize..8 * METRICS as usize;
        assert!(series[of_file.clone()].iter().all(|series| series.len() == 31));
        let mut expected = points.clone();
        expected.drain(of_file.clone());
        series.drain(of_file);
        assert!(series == expected, "what was written before");
        // A quiet file that goes on after all is read as it was written.
        write(&store, Target::Known(files[3]), 30..99, &names);
        let longer = store.series(RunId(3), &names[4]).unwrap();
        assert_eq!((longer.len(), &longer.values[..30]), (99, &points[3 * METRICS as usize + 4].values[..]));
        let checked = store.db.checked().load(Ordering::Relaxed);
        assert_eq!(checked, 0, "what the tails took counts no more, and nothing more may be written");
        drop(store);
        let again = SledStore::open(dir.path()).unwrap().0;
        assert!(again.series(RunId(3), &names[4]).unwrap() == longer);
        assert!(again.series(RunId(5), &names[0]).unwrap() == points[5 * METRICS as usize]);
    }
}
