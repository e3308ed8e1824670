//! Logs in: discovery, watching, tailing, and one file per log format.
//!
//! Events from the file system are hints; looking (length, modification time, inode) is the truth. [`Ingester`] is
//! driven by its owner in turns and owns no thread, one [`Source`] of several there may be; [`Watcher`] owns notify's thread and turns its events into hints.

pub mod discover;
pub mod facts;
mod files;
pub mod filesystem;
mod follower;
pub mod formats;
mod identity;
mod ingester;
mod line_of_step;
mod listing;
mod members;
pub mod packed;
mod parallel;
pub mod replay;
mod settings;
mod source;
mod sources;
mod split;
#[cfg(feature = "nats")]
mod streamed;
#[cfg(not(feature = "nats"))]
#[path = "streamed_not.rs"]
mod streamed;
mod tail;
mod verdict;
#[cfg(feature = "daemon")]
mod watcher;
mod why;

pub use ingester::Ingester;
pub use line_of_step::line_of_step;
pub use source::Source;
pub use sources::Sources;
pub use verdict::Verdict;
#[cfg(feature = "daemon")]
pub use watcher::Watcher;
pub use why::why;

/// Called from another thread when a source has something new.
pub type Waker = std::sync::Arc<dyn Fn() + Send + Sync>;

use crate::store::RunId;
use crate::vocab::IngestProgress;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// What one turn did.
#[derive(Debug, Default)]
pub struct Turn {
    /// Runs with new points or facts.
    pub changed: BTreeSet<RunId>,
    /// Points stored.
    pub points: u64,
    /// Whether files are left with more to read: take another turn soon.
    pub more: bool,
    /// First reading, while it lasts.
    pub progress: Option<IngestProgress>,
    /// Runs, by path, whose logs had new facts; they are offered at the end of the turn.
    facts: BTreeSet<PathBuf>,
}

/// How much one turn may do, so that the screen never waits for a backlog. Of one file a turn reads about 4 MiB, or one
/// record, before the others get theirs.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Time for the whole turn.
    pub time: Duration,
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_millis(50) }
    }
}

/// What to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// These paths may have changed (files or directories).
    Hints(Vec<PathBuf>),
    /// Everything: new matches of the globs, every file's length and identity.
    Everything,
}

/// A file of a run, for `check`.
#[derive(Debug, Clone, PartialEq)]
pub struct FileReport {
    /// Name of the run.
    pub run: String,
    /// Relative to the run.
    pub file: String,
    /// Where it is.
    pub path: PathBuf,
    /// What it was recognised as.
    pub verdict: Verdict,
    /// Points read.
    pub points: u64,
}
