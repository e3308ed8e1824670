//! Parallel parsing of several files, with sequential storing.
//!
//! Reading and parsing is most of the work and needs nothing but the file. Storing gives out numbers of files and
//! metrics, so it stays with one thread and in the order of the queue: the store is the same whatever the number of
//! threads.

use super::formats::custom::CustomFormat;
use super::tail::{Parsed, Reading, Scratch, Staged, Tail, With};
use crate::store::{Group, RunId, SledStore, StoreError};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::SystemTime;

/// Most files that are read at once. Storing is a third of the work, so that more would wait for it.
const MOST: usize = 3;
/// Fewer bytes than this are read sooner than threads are started.
const WORTH: u64 = 2 << 20;

/// Most files that are stored together …
const FILES: usize = 32;
/// … unless they have this many bytes, packed, before.
const BYTES: usize = 1 << 20;

/// A file to read a stretch of.
pub struct Job<'a> {
    /// The file.
    pub tail: &'a mut Tail,
    /// Whose it is.
    pub run: RunId,
    /// Line formats of the project's own.
    pub own: &'a [CustomFormat],
}

/// Threads to read with, and the room they need.
pub struct ParsePool {
    threads: usize,
    /// Fewer bytes than this are read by the caller's thread.
    worth: u64,
    /// Room that no reading has at present. Kept by every file, it would be a megabyte for each.
    idle: Vec<Scratch>,
}

/// How to take files.
#[derive(Clone, Copy)]
pub struct Terms {
    /// Now.
    pub now: SystemTime,
    /// Whether files are complete as they are.
    pub complete: bool,
}

impl Default for ParsePool {
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from).min(MOST), WORTH)
    }
}

impl ParsePool {
    /// As many threads as given, for `worth` bytes or more; with one, files are read by the caller's.
    #[must_use]
    pub fn new(threads: usize, worth: u64) -> Self {
        Self { threads, worth, idle: Vec::new() }
    }

    /// Reads one stretch of each file, and stores it, in order, as long as `go` says so before each but the first.
    /// Returns what came of each file that had its turn.
    pub fn read(
        &mut self,
        jobs: Vec<Job<'_>>,
        store: &SledStore,
        terms: Terms,
        mut go: impl FnMut() -> bool,
    ) -> Vec<Result<Reading, StoreError>> {
        let bytes: u64 = jobs.iter().map(|job| job.tail.backlog()).sum();
        let mut storing = Storing::of(store);
        if self.threads > 1 && jobs.len() > 1 && bytes >= self.worth {
            self.read_at_once(jobs, &mut storing, terms, go);
        } else {
            for (place, job) in jobs.into_iter().enumerate() {
                if place > 0 && !go() {
                    break;
                }
                let read = Read::of(job, self.idle.pop().unwrap_or_default(), terms);
                self.idle.push(storing.take(read));
            }
        }
        storing.end()
    }

    fn read_at_once<'j>(
        &mut self,
        jobs: Vec<Job<'j>>,
        storing: &mut Storing<'_, 'j>,
        terms: Terms,
        mut go: impl FnMut() -> bool,
    ) {
        std::thread::scope(|scope| {
            // Files are dealt to the threads in turn and come back in turn, which keeps them in order.
            let threads: Vec<(Sender<_>, Receiver<Read<'j>>)> = (0..self.threads.min(jobs.len()))
                .map(|_| {
                    let (hand, handed) = channel::<(Job<'j>, Scratch)>();
                    let (give, given) = channel();
                    scope.spawn(move || {
                        for (job, scratch) in handed {
                            if give.send(Read::of(job, scratch, terms)).is_err() {
                                break;
                            }
                        }
                    });
                    (hand, given)
                })
                .collect();
            let n = threads.len();
            let mut jobs = jobs.into_iter();
            let (mut handed, mut taken) = (0, 0);
            loop {
                // One more than are being read, so that no thread waits while another's file is stored.
                while handed <= taken + n && (handed == 0 || go()) {
                    let Some(job) = jobs.next() else { break };
                    // A thread that is gone has panicked; the scope says so at its end.
                    if threads[handed % n].0.send((job, self.idle.pop().unwrap_or_default())).is_err() {
                        return;
                    }
                    handed += 1;
                }
                if taken == handed {
                    return;
                }
                let Ok(read) = threads[taken % n].1.recv() else { return };
                self.idle.push(storing.take(read));
                taken += 1;
            }
        });
    }
}

/// Files on their way into the store, a few at a time.
struct Storing<'s, 'j> {
    store: &'s SledStore,
    /// What is to be stored together, and the files it is of.
    group: Option<Group<'s>>,
    staged: Vec<(Job<'j>, Staged)>,
    done: Vec<Result<Reading, StoreError>>,
}

impl<'s, 'j> Storing<'s, 'j> {
    fn of(store: &'s SledStore) -> Self {
        Self { store, group: None, staged: Vec::new(), done: Vec::new() }
    }

    /// Takes what was read of a file; gives the room back that it took.
    fn take(&mut self, read: Read<'j>) -> Scratch {
        let Read { job, parsed, mut scratch } = read;
        let group = self.group.get_or_insert_with(|| self.store.group());
        match job.tail.stage(group, job.run, parsed, &mut scratch) {
            Ok(staged) => {
                self.staged.push((job, staged));
                if self.staged.len() >= FILES || group.bytes() >= BYTES {
                    self.write();
                }
            }
            Err(error) => {
                self.group = None;
                self.settle(&Err(error.clone()));
                self.done.push(Err(error));
            }
        }
        scratch
    }

    fn write(&mut self) {
        if let Some(group) = self.group.take() {
            let outcome = group.write();
            self.settle(&outcome);
        }
    }

    fn settle(&mut self, outcome: &Result<(), StoreError>) {
        let settled = self.staged.drain(..).map(|(job, staged)| job.tail.settle(self.store, staged, outcome.clone()));
        self.done.extend(settled);
    }

    /// What came of each file, in the order in which they were taken.
    fn end(mut self) -> Vec<Result<Reading, StoreError>> {
        self.write();
        self.done
    }
}

/// A file that has been read and not been stored.
struct Read<'a> {
    job: Job<'a>,
    parsed: Parsed,
    scratch: Scratch,
}

impl<'a> Read<'a> {
    fn of(job: Job<'a>, mut scratch: Scratch, Terms { now, complete }: Terms) -> Self {
        let parsed = job.tail.read(With { own: job.own, scratch: &mut scratch, now, complete });
        Self { job, parsed, scratch }
    }
}
