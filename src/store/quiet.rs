//! Which tails have not grown for a while.

use super::ids::FileId;
use super::state::State;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often tails are looked at.
pub(super) const OFTEN: Duration = Duration::from_secs(10);
/// A tail is quiet when it has not grown for so long and has [`ROWS`] points for each of its series …
pub(super) const QUIET: Duration = Duration::from_secs(60);
/// … or so long. Sooner, a slow log would be sealed line by line, each time with the open blocks of all its series.
const LONG: Duration = Duration::from_secs(1_800);
/// See [`QUIET`].
const ROWS: u32 = 16;
/// Points in quiet tails that are worth the work.
const ENOUGH: u32 = 50_000;

/// What was seen of tails.
#[derive(Default)]
pub(super) struct Quiet(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    looked: Option<Instant>,
    /// Groups that a file has ever had in its tail, and since when it has been so many.
    files: HashMap<FileId, (u32, Instant)>,
}

impl Quiet {
    /// The files whose tails have not grown since they were last looked at.
    pub fn still(&self, now: Instant) -> HashSet<FileId> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let still = seen.files.iter().filter(|(_, (_, since))| now.saturating_duration_since(*since) >= OFTEN);
        still.map(|(id, _)| *id).collect()
    }

    /// The files whose tails are quiet, where they are worth the work.
    pub fn due(&self, state: &State, now: Instant) -> Vec<FileId> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.looked.is_some_and(|then| now.saturating_duration_since(then) < OFTEN) {
            return Vec::new();
        }
        seen.looked = Some(now);
        let with_tail = || state.files.iter().filter(|(_, file)| file.tail_points > 0);
        seen.files.retain(|id, _| state.files.get(id).is_some_and(|file| file.tail_points > 0));
        let (mut due, mut points) = (Vec::new(), 0u32);
        for (id, file) in with_tail() {
            let groups = file.record.tails;
            let since = seen.files.entry(*id).or_insert((groups, now));
            if since.0 != groups {
                *since = (groups, now);
            }
            let long = now.saturating_duration_since(since.1);
            let rows = file.tail_points / (file.columns.len() as u32).max(1);
            if long >= LONG || long >= QUIET && rows >= ROWS {
                due.push(*id);
                points = points.saturating_add(file.tail_points);
            }
        }
        if points < ENOUGH { Vec::new() } else { due }
    }
}
