//! Errors of the store.

use std::path::Path;
use std::sync::Arc;

/// What went wrong in the store, by what the caller should do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process has it: ask that one instead.
    #[error("the store at {path} is in use by another mixlaw process")]
    Busy {
        /// Where.
        path: std::path::PathBuf,
    },
    /// The disk says no: stop ingesting, tell the user, try again later.
    #[error("cannot use the store at {path}: {source}")]
    Io {
        /// Where.
        path: std::path::PathBuf,
        /// What the system says; shared, as a failure is told to everybody who waits.
        source: Arc<std::io::Error>,
    },
    /// What was read is not what was written: move aside and rebuild.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// What was to be written could not be sent on, and nothing has changed: try again later.
    #[error("{0}")]
    Unsent(String),
}

impl StoreError {
    /// What the system said about a path.
    #[must_use]
    pub fn io(path: &Path, error: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source: Arc::new(error) }
    }
}
