//! Errors of the store.

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
