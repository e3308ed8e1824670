//! Outlet: where a node that only collects sends what it would store, before the cursor of a file moves on here.
//!
//! A store with an outlet keeps files, their cursors and facts, and no points. Every write is handed to the outlet as a
//! [`Change`] first, and made here only when the outlet says that it is safe; so a crash in between leaves the store behind the
//! outlet by what the outlet can give back ([`super::SledStore::adopt`]), and never ahead.

use super::commit::{Commit, Target};
use super::file::{Cursor, FileRecord};
use super::state::FoundFact;
use super::{FileId, StoreError};
use crate::vocab::{Facts, RawPoint};

/// Where changes go. They are numbered from 1 on, without gaps.
pub trait Outlet: Send + Sync {
    /// Sends changes that belong together, and returns when they are safe: with a receipt, a number that is kept with them.
    ///
    /// # Errors
    /// [`StoreError::Unsent`]: whether they arrived is not known.
    fn send(&self, number: u64, changes: &[Change]) -> Result<u64, StoreError>;
}

/// A write to the store, so that it can be made elsewhere.
#[derive(Debug, Clone)]
pub enum Change {
    /// Points of a file, and how far it was read with them.
    Points(Box<FileChange>),
    /// All facts of a run.
    Facts {
        /// Its name.
        run: String,
        /// What is known.
        facts: Facts,
    },
    /// A file is forgotten, and its parts.
    ForgetFile(u32),
    /// A run is forgotten.
    ForgetRun(String),
}

/// Points of a file, and how far it was read with them.
#[derive(Debug, Clone)]
pub struct FileChange {
    /// Number of the file, never used for another.
    pub file: u32,
    /// Name of its run.
    pub run: String,
    /// Relative to the run.
    pub path: String,
    /// Name of its format, and the data that it was measured on.
    pub format: String,
    /// When its first record was written, seconds since 1970.
    pub began: f64,
    /// The file it is a part of, where it is a run of its own.
    pub part_of: Option<u32>,
    /// Files whose points these ones replace.
    pub replaces: Vec<u32>,
    /// Bytes read before.
    pub start: u64,
    /// How far it is read now.
    pub cursor: Cursor,
    /// Metric keys that points refer to.
    pub names: Vec<String>,
    /// Points in file order.
    pub points: Vec<RawPoint>,
    /// Indices into `points` before which training started again.
    pub restarts: Vec<usize>,
    /// All facts found in the content so far, if there are new ones.
    pub facts: Option<Vec<FoundFact>>,
}

impl FileChange {
    /// What a commit of a file changes.
    pub(super) fn of(file: FileId, run: &str, record: &FileRecord, commit: &Commit<'_>) -> Self {
        let replaces = if let Target::New { replaces, .. } = commit.target { replaces } else { &[] };
        Self {
            file: file.0,
            run: run.to_owned(),
            path: commit.path.to_owned(),
            format: record.format.clone(),
            began: record.began,
            part_of: record.part_of.map(|whole| whole.0),
            replaces: replaces.iter().map(|id| id.0).collect(),
            start: record.cursor.offset,
            cursor: commit.cursor.clone(),
            names: commit.names.to_vec(),
            points: commit.points.to_vec(),
            restarts: commit.restarts.to_vec(),
            facts: commit.facts.map(<[FoundFact]>::to_vec),
        }
    }
}
