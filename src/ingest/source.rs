//! Source of points: one place that runs come from. Files are one ([`super::ingester`]), streams of other machines another
//! (`super::streamed`); a third would be a file of its own and one line in [`super::sources`]. A source is driven in turns by its owner and writes to the store what is
//! new; nobody behind the store knows where a run came from.

use super::{Budget, FileReport, Look, Turn};
use crate::store::{RunId, StoreError};
use crate::vocab::{Notice, WatchedRoot};
use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

/// A place that runs come from.
pub trait Source: Send {
    /// Looks for what is new and stores it, within the budget. A source that gets [`Look::Hints`] of paths that are not its
    /// own has nothing to do but to go on with what it left.
    ///
    /// # Errors
    /// What the store says; what is wrong with the source itself is in [`Source::notices`].
    fn turn(&mut self, look: &Look, budget: Budget) -> Result<Turn, StoreError>;

    /// Whether a run of this name comes from here, as far as the last [`Look::Everything`] could tell. Points of runs that
    /// no source has are deleted: they were read for another version of the project.
    fn has(&self, run: &str) -> bool;

    /// Whether to take what is there as complete (a command that answers once), or to wait for the rest of an unfinished
    /// line (a daemon; the default).
    fn set_complete(&mut self, _complete: bool) {}

    /// What is wrong with it at present.
    fn notices(&self) -> Vec<Notice> {
        Vec::new()
    }

    /// What of it cannot be read at present: a command that answers once goes on without and says so.
    fn unreadable(&self) -> Vec<Notice> {
        Vec::new()
    }

    /// What it follows, and how well, where that is no directory.
    fn watching(&self) -> Vec<WatchedRoot> {
        Vec::new()
    }

    /// Its files and what each was recognised as: those of some runs, or of all (`None`).
    fn files(&self, _of: Option<&BTreeSet<RunId>>) -> Vec<FileReport> {
        Vec::new()
    }

    /// When runs were last written to: some runs, or all (`None`).
    fn last_writes(&self, of: Option<&BTreeSet<RunId>>) -> HashMap<RunId, SystemTime>;
}
