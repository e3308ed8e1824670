//! What is kept between starts. The logs are the truth and the database is a rebuildable cache of them.

mod block;
mod bytes;
mod changes;
mod column;
mod compact;
#[cfg(test)]
mod conformance;
mod file;
mod group;
pub mod history;
pub mod journal;
mod keys;
mod open;
mod open_blocks;
mod packed;
mod packs;
mod read;
mod rollup;
mod seal;
mod state;
mod stats;
mod tail;
mod write;

pub use file::{Cursor, FileRecord, Identity};
pub use group::Group;
pub use journal::Journal;
pub use read::ExportedPoint;
pub use rollup::Rollup;
pub use state::FoundFact;
pub use write::{Commit, Target};

use crate::vocab::{Facts, Series};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Number of a run in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u32);

/// Number of a metric key in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId(pub u32);

/// Number of a file (one generation of it) in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// What is known of a series without reading it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Points, all segments together.
    pub points: u64,
    /// Starts of the run seen in it.
    pub segments: u32,
    /// Step of the newest point.
    pub last_step: i64,
    /// Value of the newest point.
    pub last: f64,
    /// Time of the newest point, seconds since 1970, NaN where unknown.
    pub last_wall: f64,
}

/// What went wrong in the store, by what the caller should do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process has it: ask that one instead.
    #[error("the store at {path} is in use by another mixlaw")]
    Busy {
        /// Where.
        path: std::path::PathBuf,
    },
    /// The disk says no: stop ingesting, tell the user, try again later.
    #[error("cannot use the store at {path}: {reason}")]
    Io {
        /// Where.
        path: std::path::PathBuf,
        /// The system's words.
        reason: String,
    },
    /// What was read is not what was written: move aside and rebuild.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// What readers need of a store. The writing side belongs to [`crate::ingest`] alone.
pub trait ReadStore: Send + Sync {
    /// Runs known, with their names, in order of id.
    fn runs(&self) -> Result<Vec<(RunId, String)>, StoreError>;
    /// Metrics of a run with their keys and summaries, sorted by key.
    fn metrics(&self, run: RunId) -> Result<Vec<(Arc<str>, Summary)>, StoreError>;
    /// All points of one metric of one run, in the order written. Empty where there are none.
    fn series(&self, run: RunId, metric: &str) -> Result<Series, StoreError>;
    /// What is known of a run besides metrics.
    fn facts(&self, run: RunId) -> Result<Facts, StoreError>;
    /// Names of the files of a run by id, relative to the run.
    fn files(&self, run: RunId) -> Result<Vec<(FileId, String)>, StoreError>;
    /// Points in the store.
    fn points(&self) -> u64;
}

/// The store: sled, and packs of sealed points beside it. Nothing outside this room names sled.
///
/// Writes are made by one thread at a time. Readers see either all or nothing of a commit.
pub struct SledStore {
    db: sled::Db,
    packs: packs::Packs,
    path: PathBuf,
    state: RwLock<state::State>,
    writer: Mutex<()>,
}

/// How a store was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There was none.
    New,
    /// As it was left.
    Existing,
    /// What was there would not open; it lies at the path now, and this one is empty.
    MovedAside(PathBuf),
}

impl SledStore {
    /// Writes everything out.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn flush(&self) -> Result<(), StoreError> {
        {
            // What was committed must not come to be known on disk before it is there.
            let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            let synced = self.packs.sync()?;
            for (pack, extent) in &synced {
                self.db.insert(keys::one(b'p', *pack), extent.encode()).map_err(|e| self.failed(&e))?;
            }
            self.packs.settle(&synced);
        }
        self.db.flush().map(|_| ()).map_err(|e| self.failed(&e))
    }

    /// The journal beside the database; `None` where nothing is kept.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn journal(&self) -> Result<Option<Journal>, StoreError> {
        self.path.parent().filter(|p| p.is_dir()).map(Journal::open).transpose()
    }

    /// Bytes on disk.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        let packs: u64 = self.packs.extents().iter().map(|(_, extent)| extent.end).sum();
        Ok(packs + self.db.size_on_disk().map_err(|e| self.failed(&e))?)
    }

    fn state(&self) -> RwLockReadGuard<'_, state::State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, state::State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn must_get(&self, key: &[u8]) -> Result<sled::IVec, StoreError> {
        self.db
            .get(key)
            .map_err(|e| self.failed(&e))?
            .ok_or_else(|| StoreError::Damaged(format!("nothing under {key:?}")))
    }

    fn failed(&self, error: &sled::Error) -> StoreError {
        StoreError::from_sled(error, &self.path)
    }
}

impl std::fmt::Debug for SledStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl StoreError {
    fn from_sled(error: &sled::Error, path: &Path) -> Self {
        match error {
            sled::Error::Io(e) => Self::Io { path: path.to_path_buf(), reason: e.to_string() },
            other => Self::Damaged(other.to_string()),
        }
    }
}
