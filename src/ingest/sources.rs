//! All sources of a project, as one.

use super::source::Source;
use super::streamed::Streamed;
use super::{Budget, FileReport, Ingester, Look, Turn, Waker};
use crate::project::Project;
use crate::store::{RunId, SledStore, StoreError};
use crate::vocab::{Notice, WatchedRoot};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// All sources of a project.
pub struct Sources {
    store: Arc<SledStore>,
    all: Vec<Box<dyn Source>>,
}

impl Sources {
    /// The sources of a project; nothing is read before the first [`Sources::turn`].
    #[must_use]
    pub fn of(project: &Project, store: &Arc<SledStore>, waker: &Waker) -> Self {
        let mut all: Vec<Box<dyn Source>> = vec![Box::new(Ingester::new(project, Arc::clone(store)))];
        for stream in &project.streams {
            all.push(Box::new(Streamed::new(stream, Arc::clone(store), Arc::clone(waker))));
        }
        Self::new(store, all)
    }

    /// The files of a project alone, whatever streams it has.
    #[must_use]
    pub fn of_files(project: &Project, store: &Arc<SledStore>) -> Self {
        Self::new(store, vec![Box::new(Ingester::new(project, Arc::clone(store)))])
    }

    fn new(store: &Arc<SledStore>, all: Vec<Box<dyn Source>>) -> Self {
        Self { store: Arc::clone(store), all }
    }

    /// A turn of each source, within one budget; then runs that no source has any more are deleted.
    ///
    /// # Errors
    /// What the store says.
    pub fn turn(&mut self, look: &Look, budget: Budget) -> Result<Turn, StoreError> {
        let (began, mut turn) = (Instant::now(), Turn::default());
        for source in &mut self.all {
            // Each gets its turn even where those before it have used the time up: a source reads a little at least.
            let left = Budget { time: budget.time.saturating_sub(began.elapsed()) };
            let its = source.turn(look, left)?;
            turn.changed.extend(its.changed);
            turn.points += its.points;
            turn.more |= its.more;
            turn.progress = turn.progress.or(its.progress);
        }
        if *look == Look::Everything {
            turn.changed.extend(delete_others(&self.store, |run| self.all.iter().any(|source| source.has(run)))?);
        }
        Ok(turn)
    }

    /// See [`Source::set_complete`].
    pub fn set_complete(&mut self, complete: bool) {
        self.all.iter_mut().for_each(|source| source.set_complete(complete));
    }

    /// See [`Source::notices`].
    #[must_use]
    pub fn notices(&self) -> Vec<Notice> {
        self.all.iter().flat_map(|source| source.notices()).collect()
    }

    /// See [`Source::unreadable`].
    #[must_use]
    pub fn unreadable(&self) -> Vec<Notice> {
        self.all.iter().flat_map(|source| source.unreadable()).collect()
    }

    /// See [`Source::watching`].
    #[must_use]
    pub fn watching(&self) -> Vec<WatchedRoot> {
        self.all.iter().flat_map(|source| source.watching()).collect()
    }

    /// See [`Source::files`].
    #[must_use]
    pub fn files(&self, of: Option<&BTreeSet<RunId>>) -> Vec<FileReport> {
        self.all.iter().flat_map(|source| source.files(of)).collect()
    }

    /// See [`Source::last_writes`].
    #[must_use]
    pub fn last_writes(&self, of: Option<&BTreeSet<RunId>>) -> HashMap<RunId, SystemTime> {
        self.all.iter().flat_map(|source| source.last_writes(of)).collect()
    }
}

/// Deletes the runs that no source has; returns their numbers.
pub(super) fn delete_others(store: &SledStore, has: impl Fn(&str) -> bool) -> Result<BTreeSet<RunId>, StoreError> {
    let others = store.all_runs().into_iter().filter(|(_, name)| !has(name)).map(|(id, _)| id);
    others.map(|id| store.forget(id).map(|()| id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::RunSource;
    use crate::store::{Commit, Cursor, ReadStore, Target};
    use crate::vocab::RawPoint;
    use std::time::Duration;

    const ALL: Budget = Budget { time: Duration::from_secs(60) };

    /// Points that come over a line: no file, no path.
    struct Stream {
        store: Arc<SledStore>,
        inbox: crossbeam_channel::Receiver<(String, i64, f64)>,
    }

    impl Source for Stream {
        fn turn(&mut self, _: &Look, _: Budget) -> Result<Turn, StoreError> {
            let mut turn = Turn::default();
            for (name, step, value) in self.inbox.try_iter() {
                let run = self.store.run(&name)?;
                let file = self.store.records(run).into_iter().next().map(|(id, _)| id);
                let new = Target::New { run, format: "stream", began: f64::NAN, replaces: &[] };
                self.store.commit(&Commit {
                    target: file.map_or(new, Target::Known),
                    path: "",
                    names: &["loss".to_owned()],
                    points: &[RawPoint { metric: 0, step, value, wall: f64::NAN }],
                    restarts: &[],
                    facts: None,
                    cursor: Cursor::default(),
                })?;
                turn.changed.insert(run);
                turn.points += 1;
            }
            Ok(turn)
        }

        fn has(&self, run: &str) -> bool {
            run.starts_with("stream:")
        }

        fn last_writes(&self, _: Option<&BTreeSet<RunId>>) -> HashMap<RunId, SystemTime> {
            HashMap::new()
        }
    }

    #[test]
    fn a_stream_stands_beside_files_and_only_runs_of_no_source_are_deleted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/log.jsonl"), "{\"step\": 1, \"loss\": 2.5}\n").unwrap();
        let of = |pattern: &str| Project {
            root: dir.path().to_owned(),
            runs: vec![RunSource { path: pattern.to_owned(), at: None, filter: Vec::new() }],
            ..Project::default()
        };
        let store = SledStore::temporary().unwrap();
        let (send, inbox) = crossbeam_channel::unbounded();
        let sources = |pattern: &str| {
            let stream = Stream { store: Arc::clone(&store), inbox: inbox.clone() };
            let files = Ingester::new(&of(pattern), Arc::clone(&store));
            Sources::new(&store, vec![Box::new(files), Box::new(stream)])
        };
        let names = || store.runs().unwrap().into_iter().map(|(_, name)| name).collect::<Vec<_>>();

        let mut both = sources("a");
        send.send(("stream:1".to_owned(), 1, 3.0)).unwrap();
        let turn = both.turn(&Look::Everything, ALL).unwrap();
        assert_eq!((turn.changed.len(), turn.more), (2, false));
        assert_eq!(names(), ["a", "stream:1"]);
        send.send(("stream:1".to_owned(), 2, 2.9)).unwrap();
        let turn = both.turn(&Look::Hints(Vec::new()), ALL).unwrap();
        let run = store.find_run("stream:1").unwrap();
        assert_eq!((turn.points, turn.changed), (1, BTreeSet::from([run])));
        assert_eq!(store.series(run, "loss").unwrap().latest(), [(1, 3.0), (2, 2.9)]);

        // Another version of the project, whose patterns match nothing of what was read.
        let turn = sources("b").turn(&Look::Everything, ALL).unwrap();
        assert_eq!((turn.changed.len(), names()), (1, vec!["stream:1".to_owned()]));
    }
}
