//! Loads of experts are read ahead, so that whoever opens the view of routers does not wait.

use super::loads::RUNS;
use super::publisher::CurrentState;
use super::threads;
use crate::vocab::RunView;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked whether there is anything to read ahead, …
const LEAST: Duration = Duration::from_secs(2);
/// … and how many times as long as it took there is none.
const PART: u32 = 20;

/// Reads in a thread of its own, one at a time, and no more than a small part of the time.
#[derive(Default)]
pub struct Ahead {
    reading: Arc<Mutex<Reading>>,
}

#[derive(Default)]
struct Reading {
    /// Whether somebody reads.
    busy: bool,
    /// When the last one was done, or there was nothing to read, and how long that took.
    last: Option<(Instant, Duration)>,
    /// Points that there were when nothing was behind.
    nothing: Option<u64>,
}

impl Ahead {
    /// Begins to read what is new of loads, where there is anything and it is due.
    pub fn read(&self, current: &CurrentState) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let points = current.snapshot.daemon.points;
        let rests = |(last, took): (Instant, Duration)| last.elapsed() < LEAST.max(took * PART);
        if reading.busy || reading.last.is_some_and(rests) || reading.nothing == Some(points) {
            return;
        }
        let began = Instant::now();
        let behind = |run: &&Arc<RunView>| current.loads.is_behind(run);
        // Those that are kept: of more, the first would be gone when the last is read.
        let runs: Vec<Arc<RunView>> = current.snapshot.runs.iter().filter(behind).take(RUNS).cloned().collect();
        reading.nothing = Some(points).filter(|_| runs.is_empty());
        if runs.is_empty() {
            // To look through the metrics of a thousand runs costs more than a line.
            reading.last = Some((began, began.elapsed()));
            return;
        }
        reading.busy = true;
        drop(reading);
        let (loads, store, done) = (Arc::clone(&current.loads), Arc::clone(&current.store), Arc::clone(&self.reading));
        let work = move || {
            threads::give_way();
            let began = Instant::now();
            // Where nobody else has them, the store is to be let go.
            let stop = || Arc::strong_count(&loads) == 1;
            for run in runs {
                // Whoever asks is told what is wrong.
                let _ = loads.of(&run, &store, &stop, |_| ());
            }
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            (done.busy, done.last) = (false, Some((Instant::now(), began.elapsed())));
        };
        if std::thread::Builder::new().name("loads".to_owned()).spawn(work).is_err() {
            self.reading.lock().unwrap_or_else(PoisonError::into_inner).busy = false;
        }
    }
}
