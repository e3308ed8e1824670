//! What every file was recognised as, brought up to date for the runs that have changed: a thousand runs have thousands of
//! files, and a line is added to one of them.

use crate::ingest::FileReport;
use crate::store::RunId;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

/// The files as they were looked at last.
#[derive(Debug, Default)]
pub struct Files {
    all: Arc<Vec<Arc<FileReport>>>,
    places: HashMap<PathBuf, usize>,
    /// Whether all are to be looked at again.
    again: bool,
    /// Runs of which something was read since.
    changed: BTreeSet<RunId>,
    /// How many are followed.
    followed: u64,
}

impl Files {
    /// Something was read of these runs; where nothing was though something has happened, it may be any file.
    pub fn read(&mut self, runs: &BTreeSet<RunId>) {
        self.again |= runs.is_empty();
        self.changed.extend(runs);
    }

    /// Any file may be another one.
    pub fn look_again(&mut self) {
        self.again = true;
    }

    /// The files as they are, and how many of them are followed. `whole` gives the reports of all, `of` of some runs.
    pub fn update(
        &mut self,
        whole: impl FnOnce() -> Vec<FileReport>,
        of: impl FnOnce(&BTreeSet<RunId>) -> Vec<FileReport>,
    ) -> (Arc<Vec<Arc<FileReport>>>, u64) {
        let changed = std::mem::take(&mut self.changed);
        if !self.again && !changed.is_empty() {
            let all = Arc::make_mut(&mut self.all);
            for report in of(&changed) {
                match self.places.get(&report.path) {
                    // One that is recognised now, or no more, is counted anew with the others.
                    Some(place) if all[*place].verdict == report.verdict => all[*place] = Arc::new(report),
                    _ => self.again = true,
                }
            }
        }
        if std::mem::take(&mut self.again) {
            let all: Vec<Arc<FileReport>> = whole().into_iter().map(Arc::new).collect();
            self.places = all.iter().enumerate().map(|(place, report)| (report.path.clone(), place)).collect();
            self.followed = all.iter().filter(|report| report.verdict.format().is_some()).count() as u64;
            self.all = Arc::new(all);
        }
        (Arc::clone(&self.all), self.followed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Verdict;

    fn report(file: &str, points: u64) -> FileReport {
        let read = Verdict::Read { format: "jsonl".to_owned(), why: String::new() };
        let verdict = if file == "bad" { Verdict::Refused("why".to_owned()) } else { read };
        FileReport { run: file.to_owned(), file: file.to_owned(), path: file.into(), verdict, points }
    }

    fn points(files: &mut Files, all: &[(&str, u64)], of: &[(&str, u64)]) -> (Vec<u64>, u64) {
        let made = |some: &[(&str, u64)]| some.iter().map(|(file, points)| report(file, *points)).collect();
        let (all, followed) = files.update(|| made(all), |_| made(of));
        (all.iter().map(|report| report.points).collect(), followed)
    }

    #[test]
    fn files_of_runs_that_have_changed_are_looked_at_and_all_where_that_is_not_enough() {
        let mut files = Files::default();
        files.look_again();
        assert_eq!(points(&mut files, &[("a", 1), ("bad", 0), ("b", 1)], &[]), (vec![1, 0, 1], 2));
        assert_eq!(points(&mut files, &[], &[]), (vec![1, 0, 1], 2), "nothing was read");
        files.read(&BTreeSet::from([RunId(1)]));
        assert_eq!(points(&mut files, &[], &[("b", 2)]), (vec![1, 0, 2], 2), "one was");
        files.read(&BTreeSet::from([RunId(2)]));
        assert_eq!(points(&mut files, &[("c", 5)], &[("c", 5)]), (vec![5], 1), "one that is new");
        files.read(&BTreeSet::new());
        assert_eq!(points(&mut files, &[("c", 6)], &[]), (vec![6], 1), "one of which nothing was read");
    }
}
