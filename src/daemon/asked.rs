//! When to ask again what the runs of a folder without a project file are.
//!
//! Whether its logs are one run or many shows when each has a few records, and a folder may be watched from its first line on.

use crate::project::Project;
use std::time::{Duration, Instant};

/// How soon it is asked again, at the soonest.
const AGAIN: Duration = Duration::from_secs(1);
/// The same as a multiple of what it took the last time: it takes a walk, and a look at the beginnings of some logs.
const TIMES: u32 = 200;

/// When it was asked last.
pub(super) struct Asked {
    at: Instant,
    took: Duration,
}

impl Asked {
    /// It has just been asked, from `began` on.
    pub(super) fn since(began: Instant) -> Self {
        Self { at: Instant::now(), took: began.elapsed() }
    }

    /// Whether to ask again because something was written.
    pub(super) fn is_due(&self, project: &Project) -> bool {
        project.file.is_none() && self.at.elapsed() >= AGAIN.max(TIMES * self.took)
    }
}
