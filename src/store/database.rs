//! sled, behind a door that is closed for the moments in which its file is written anew.
//!
//! sled gives nothing back: its file stays as long as it once was, and most of it is log that nobody reads again. See
//! [`super::rewrite`].

use super::directory::reopen;
use super::rewrite::{self, Rewriter};
use sled::{Batch, Db, IVec};
use std::io;
use std::ops::RangeBounds;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock};

/// Shorter files are left as they are.
pub(super) const SHORT: u64 = 4 << 20;
/// A file is written anew where it is so many times as long as what counts in it; fresh, it is two to three times as long.
const TIMES: u64 = 4;
/// What is looked at again only when the file has grown by one part in so many.
const GROWN: u64 = 4;
/// Keys in a batch from which on sled does not keep up with what it leaves.
const MANY: usize = 1_000;

type Pairs = Vec<(IVec, IVec)>;

/// The open database.
pub(super) struct Database {
    /// Its directory; `None` where it is gone with the process.
    path: Option<PathBuf>,
    /// Closed only while its file is exchanged, or where it could not be opened again.
    db: RwLock<Option<Db>>,
    /// Bytes of the file when it was last looked through.
    checked: AtomicU64,
    /// Who writes the file anew; this process where nobody is named.
    rewriter: OnceLock<Rewriter>,
}

impl Database {
    pub fn new(db: Db, path: Option<PathBuf>) -> Self {
        Self { path, db: RwLock::new(Some(db)), checked: AtomicU64::new(0), rewriter: OnceLock::new() }
    }

    /// Does something while the file stays what it is. What is done must not come back here.
    fn with<T>(&self, work: impl FnOnce(&Db) -> sled::Result<T>) -> sled::Result<T> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        work(db.as_ref().ok_or_else(closed)?)
    }

    pub fn get(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<IVec>> {
        self.with(|db| db.get(key.as_ref()))
    }

    pub fn contains_key(&self, key: impl AsRef<[u8]>) -> sled::Result<bool> {
        self.with(|db| db.contains_key(key.as_ref()))
    }

    pub fn insert(&self, key: impl AsRef<[u8]>, value: impl Into<IVec>) -> sled::Result<()> {
        self.with(|db| db.insert(key.as_ref(), value.into()).map(drop))
    }

    pub fn remove(&self, key: impl AsRef<[u8]>) -> sled::Result<()> {
        self.with(|db| db.remove(key.as_ref()).map(drop))
    }

    pub fn apply_batch(&self, batch: Batch) -> sled::Result<()> {
        self.with(|db| db.apply_batch(batch))
    }

    /// Gives back what a batch of so many keys has left. sled frees old pages a few at a time when somebody comes, and not while
    /// a batch is written: after batches of thousands of keys and nothing else, hundreds of megabytes were waiting.
    pub fn tidy(&self, keys: usize) -> sled::Result<()> {
        if keys < MANY {
            return Ok(());
        }
        (0..keys).try_for_each(|_| self.get([]).map(drop))
    }

    pub fn flush(&self) -> sled::Result<()> {
        self.with(|db| db.flush().map(drop))
    }

    pub fn size_on_disk(&self) -> sled::Result<u64> {
        self.with(|db| db.size_on_disk())
    }

    /// The first pairs of a range of keys, in their order.
    pub fn first(&self, range: impl RangeBounds<[u8; 13]>, most: usize) -> sled::Result<Pairs> {
        self.with(|db| db.range(range).take(most).collect())
    }

    /// The last pairs of a range of keys, the last one first.
    pub fn last(&self, range: impl RangeBounds<[u8; 13]>, most: usize) -> sled::Result<Pairs> {
        self.with(|db| db.range(range).rev().take(most).collect())
    }

    /// The keys that begin so.
    pub fn keys(&self, prefix: impl AsRef<[u8]>) -> sled::Result<Vec<IVec>> {
        self.with(|db| db.scan_prefix(prefix.as_ref()).keys().collect())
    }

    /// The pairs whose keys begin so.
    pub fn under(&self, prefix: impl AsRef<[u8]>) -> sled::Result<Pairs> {
        self.with(|db| db.scan_prefix(prefix.as_ref()).collect())
    }

    /// What is under a key of a tree of its own.
    pub fn get_in(&self, tree: &str, key: &str) -> sled::Result<Option<IVec>> {
        self.with(|db| db.open_tree(tree)?.get(key))
    }

    /// Sets a key of a tree of its own.
    pub fn insert_in(&self, tree: &str, key: &str, value: &[u8]) -> sled::Result<()> {
        self.with(|db| db.open_tree(tree)?.insert(key, value).map(drop))
    }

    /// sled itself.
    #[cfg(test)]
    pub fn raw(&self) -> Db {
        self.with(|db| Ok(db.clone())).unwrap()
    }

    /// Whether the file is much longer than what counts in it. Looks through it only where it has grown.
    pub fn is_wasteful(&self) -> sled::Result<bool> {
        self.with(|db| {
            let size = db.size_on_disk()?;
            let checked = self.checked.load(Ordering::Relaxed);
            if self.path.is_none() || size < SHORT || size < checked.saturating_add(checked / GROWN) {
                return Ok(false);
            }
            self.checked.store(size, Ordering::Relaxed);
            let mut live = 0;
            for name in db.tree_names() {
                for pair in &db.open_tree(name)? {
                    let (key, value) = pair?;
                    live += (key.len() + value.len()) as u64;
                }
            }
            Ok(size > TIMES * live.max(SHORT / TIMES))
        })
    }

    #[cfg(test)]
    pub fn checked(&self) -> &AtomicU64 {
        &self.checked
    }

    /// Forgets how long the file was when it was last looked through: what counted in it counts no more, and it may not grow again.
    pub fn look_again(&self) {
        self.checked.store(0, Ordering::Relaxed);
    }

    /// Names who writes the file anew from now on. Once only.
    pub fn rewritten_by(&self, rewriter: Rewriter) {
        let _ = self.rewriter.set(rewriter);
    }

    /// Writes the file anew. Whoever else reads or writes waits; no pack may be made or deleted meanwhile.
    ///
    /// # Errors
    /// What the disk says; the old file is in use then, or, where it cannot be opened any more either, none.
    pub fn renew(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let mut door = self.db.write().unwrap_or_else(PoisonError::into_inner);
        if door.is_none() {
            return Err(io::Error::other(closed()));
        }
        rewrite::discard(path).and_then(|()| rewrite::link_packs(path))?;
        // What it still writes when it closes must be behind it.
        *door = None;
        let written = match self.rewriter.get() {
            Some(write) => write(path),
            None => rewrite::write(path),
        };
        let opened = written.and_then(|()| rewrite::exchange(path)).and_then(|()| match reopen(path) {
            Ok(db) => Ok(db),
            Err(error) => {
                rewrite::exchange(path)?;
                Err(error)
            }
        });
        let failed = match opened {
            Ok(db) => {
                self.checked.store(db.size_on_disk().unwrap_or(0), Ordering::Relaxed);
                *door = Some(db);
                None
            }
            Err(error) => {
                *door = Some(reopen(path)?);
                Some(error)
            }
        };
        let _ = rewrite::discard(path);
        failed.map_or(Ok(()), Err)
    }
}

fn closed() -> sled::Error {
    sled::Error::Io(io::Error::other("the database was closed and could not be opened again"))
}
