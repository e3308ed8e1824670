//! Persistent storage. The database is a cache of the logs and can be rebuilt from them.

mod after;
pub mod backup;
mod band;
mod bands;
mod block;
pub(crate) mod bytes;
mod changes;
pub(crate) mod column;
mod columns;
mod commit;
mod compact;
mod compared;
#[cfg(test)]
mod conformance;
mod covers;
mod database;
mod directory;
mod echo;
mod error;
mod file;
mod fits;
mod group;
pub mod history;
mod ids;
pub mod journal;
mod keys;
mod open;
mod open_blocks;
pub mod outlet;
mod packed;
mod packs;
mod portions;
mod quiet;
mod read;
mod read_store;
mod rewrite;
mod rollup;
mod rotation;
mod seal;
mod seal_quiet;
mod sending;
mod since;
mod state;
mod stats;
mod stretch;
mod tail;
#[cfg(test)]
mod tests;
mod thin;
mod write;

pub use commit::{Commit, Target};
pub use error::StoreError;
pub use file::{Cursor, FileRecord, Identity, MEASURED_ON, Origin};
pub use group::Group;
pub use ids::{FileId, MetricId, RunId};
pub use journal::Journal;
pub use read::ExportedPoint;
pub use read_store::{ReadStore, Summary};
pub use rewrite::Rewriter;
pub use rollup::Rollup;
pub use rotation::rotation;
pub use since::Since;
pub use state::FoundFact;
pub use stretch::Gathered;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The store: sled, and packs of sealed points beside it. Nothing outside this room names sled.
///
/// Writes are made by one thread at a time. Readers see either all or nothing of a commit.
pub struct SledStore {
    db: database::Database,
    packs: packs::Packs,
    path: PathBuf,
    state: RwLock<state::State>,
    writer: Mutex<()>,
    /// Held for reading by whoever walks through the points of a run, a stretch at a time.
    walks: RwLock<()>,
    /// What is known of how files of a run relate to each other.
    relations: Mutex<compared::Known>,
    /// Which tails have not grown for a while.
    quiet: quiet::Quiet,
    /// Whether something was read that is not what was written.
    damaged: AtomicBool,
    /// Where what is written goes instead of being kept here, on a node that only collects.
    outlet: OnceLock<Box<dyn outlet::Outlet>>,
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
        self.db.flush().map_err(|e| self.failed(&e))
    }

    /// The journal beside the database; `None` where nothing is kept.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn journal(&self) -> Result<Option<Journal>, StoreError> {
        self.path.parent().filter(|p| p.is_dir()).map(Journal::open).transpose()
    }

    /// How many entries had been written to the journal when it was written to last, so that it is missed where it is
    /// gone; 0 where that is not known.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn journal_entries(&self) -> Result<u64, StoreError> {
        let known = self.db.get(keys::JOURNAL).map_err(|e| self.failed(&e))?;
        Ok(known.and_then(|raw| raw.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes))
    }

    /// Keeps how many entries have been written to the journal.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn keep_journal_entries(&self, entries: u64) -> Result<(), StoreError> {
        self.db.insert(keys::JOURNAL, &entries.to_be_bytes()).map_err(|e| self.failed(&e))
    }

    /// Bytes of the journal beside the database; 0 where there is none.
    #[must_use]
    pub fn journal_bytes(&self) -> u64 {
        self.path.parent().and_then(|parent| std::fs::metadata(parent.join(journal::FILE)).ok()).map_or(0, |m| m.len())
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
        let stored = self.db.get(key).map_err(|e| self.failed(&e));
        let found = stored.and_then(|found| found.ok_or_else(|| StoreError::Damaged(format!("no value for {key:?}"))));
        self.noted(found)
    }

    /// Whether something was read that is not what was written: no answer from here is to be had any more, and the store
    /// is to be moved aside ([`SledStore::move_aside`]) and read again from the logs.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Takes note of damage in what was read, also for whoever opens the store next: that one looks at all of it.
    fn noted<T>(&self, read: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(read, Err(StoreError::Damaged(_))) && !self.damaged.swap(true, Ordering::Relaxed) {
            let _ = self.db.remove(keys::BOOT);
        }
        read
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
            sled::Error::Io(e) => Self::io(path, std::io::Error::new(e.kind(), e.to_string())),
            other => Self::Damaged(other.to_string()),
        }
    }
}
