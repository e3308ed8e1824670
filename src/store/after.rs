//! What a series has beyond what is known of it.

use super::{RunId, SledStore, StoreError, keys, tail};

impl SledStore {
    /// The points of a series after the first `known`, in the order written, without reading those before: a line is added
    /// to thousands. `None` where only the whole series tells, as more than one file of the run has points of it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn points_after(&self, run: RunId, metric: &str, known: u64) -> Result<Option<Vec<(i64, f64)>>, StoreError> {
        let state = self.state();
        let (Some(of), Some(metric)) = (state.runs.get(&run), state.metric_ids.get(metric)) else { return Ok(None) };
        let [id] = of.files.as_slice() else { return Ok(None) };
        let Some((file, column)) = state.files.get(id).and_then(|f| Some((f, f.find(*metric)?))) else {
            return Ok(None);
        };
        let Some(new) = column.points.checked_sub(known).filter(|new| *new <= u64::from(column.tail)) else {
            return Ok(None);
        };
        let mut points: Vec<(i64, f64)> = Vec::new();
        let mut group = Vec::new();
        // Newest first.
        for sequence in (file.first_tail..file.record.tails).rev() {
            if points.len() as u64 >= new {
                break;
            }
            group.clear();
            tail::decode(&self.must_get(&keys::of_file(b't', *id, sequence))?, &mut group)?;
            points.extend(group.iter().rev().filter(|p| p.metric == *metric).map(|p| (p.step, p.value)));
        }
        points.truncate(usize::try_from(new).unwrap_or(usize::MAX));
        points.reverse();
        Ok(Some(points))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Commit, Cursor, FileId, ReadStore, Target};
    use crate::vocab::RawPoint;

    /// Adds lines of two metrics; the first has a value at every other step only.
    fn add(store: &SledStore, run: RunId, file: Option<FileId>, steps: std::ops::Range<i64>) -> FileId {
        let new = Target::New { run, format: "jsonl", began: f64::NAN, replaces: &[] };
        let point = |metric, step| RawPoint { metric, step, value: step as f64 / 7.0, wall: f64::NAN };
        let points: Vec<RawPoint> =
            steps.flat_map(|step| [Some(point(1, step)), (step % 2 == 0).then(|| point(0, step))]).flatten().collect();
        let commit = Commit {
            target: file.map_or(new, Target::Known),
            path: "log.jsonl",
            names: &["val/loss".to_owned(), "loss".to_owned()],
            points: &points,
            restarts: &[],
            facts: None,
            cursor: Cursor::default(),
        };
        store.commit(&commit).unwrap()
    }

    #[test]
    fn what_is_told_is_what_the_whole_series_ends_with() {
        let store = SledStore::temporary().unwrap();
        let run = store.run("a").unwrap();
        let (mut file, mut told) = (None, 0);
        // Every so often the tail is sealed.
        for n in 0..400 {
            let before = store.series(run, "val/loss").unwrap().len() as u64;
            file = Some(add(&store, run, file, n * 3..n * 3 + 3));
            let whole = store.series(run, "val/loss").unwrap();
            for known in [before, 0, whole.len() as u64, whole.len() as u64 + 1] {
                let Some(new) = store.points_after(run, "val/loss", known).unwrap() else { continue };
                let all: Vec<(i64, f64)> = whole.steps.iter().copied().zip(whole.values.iter().copied()).collect();
                assert_eq!(new, all[known as usize..], "after {known} of {}", all.len());
                told += usize::from(known == before && before > 0);
            }
        }
        assert!(told > 300, "most lines do not seal a tail: {told} of 400");
        assert_eq!(store.points_after(run, "other", 0).unwrap(), None);
        // Which file of two comes first is a matter of both.
        add(&store, run, None, 0..3);
        assert_eq!(store.points_after(run, "val/loss", 1).unwrap(), None);
    }
}
