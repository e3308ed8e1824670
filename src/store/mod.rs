//! What is kept between starts. The logs are the truth and the database is a rebuildable cache of them.

use crate::vocab::{Facts, Series};

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
#[derive(Debug, thiserror::Error)]
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
    fn metrics(&self, run: RunId) -> Result<Vec<(String, Summary)>, StoreError>;
    /// All points of one metric of one run, in the order written. Empty where there are none.
    fn series(&self, run: RunId, metric: &str) -> Result<Series, StoreError>;
    /// What is known of a run besides metrics.
    fn facts(&self, run: RunId) -> Result<Facts, StoreError>;
    /// Names of the files of a run by id, relative to the run.
    fn files(&self, run: RunId) -> Result<Vec<(FileId, String)>, StoreError>;
    /// Points in the store.
    fn points(&self) -> u64;
}

/// The store on sled. The only type that names sled.
#[derive(Debug)]
pub struct SledStore {}

/// How a store was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There was none.
    New,
    /// As it was left.
    Existing,
    /// What was there would not open; it lies at the path now, and this one is empty.
    MovedAside(std::path::PathBuf),
}

impl SledStore {
    /// Opens or creates the store in a directory (made 0700).
    ///
    /// # Errors
    /// [`StoreError::Busy`] where another process has it, [`StoreError::Io`] where the disk says no. Damage is no
    /// error: what will not open is moved aside.
    pub fn open(directory: &std::path::Path) -> Result<(std::sync::Arc<Self>, Opened), StoreError> {
        let _ = directory;
        todo!("store")
    }

    /// A store that is gone with the process, for one-shot commands where none can be kept.
    ///
    /// # Errors
    /// Like [`SledStore::open`].
    pub fn temporary() -> Result<std::sync::Arc<Self>, StoreError> {
        todo!("store")
    }

    /// Writes everything out.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn flush(&self) -> Result<(), StoreError> {
        todo!("store")
    }
}
