//! The points and the cursor of one reading of a file, to be stored.

use super::file::Cursor;
use super::state::FoundFact;
use super::{FileId, RunId};
use crate::vocab::RawPoint;

/// Which file a commit is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// One that is known.
    Known(FileId),
    /// One that is not.
    New {
        /// Whose it is.
        run: RunId,
        /// Name of its format.
        format: &'a str,
        /// When its first record was written, as far as can be told, seconds since 1970.
        began: f64,
        /// Earlier generations of the file, whose points these ones replace.
        replaces: &'a [FileId],
    },
    /// A part, not known yet, of a file: a run of its own, whose points the cursor of the whole accounts for.
    Part {
        /// The run it is.
        run: RunId,
        /// Name of its format.
        format: &'a str,
        /// When its first record was written, as far as can be told, seconds since 1970.
        began: f64,
        /// The file; it is stored with the part, or was before.
        of: FileId,
    },
}

/// What one reading of a file brought.
#[derive(Debug, Clone)]
pub struct Commit<'a> {
    /// Which file.
    pub target: Target<'a>,
    /// Its path now, relative to its run.
    pub path: &'a str,
    /// Metric keys that points refer to.
    pub names: &'a [String],
    /// Points in file order.
    pub points: &'a [RawPoint],
    /// Indices into `points` before which the log says that training started again.
    pub restarts: &'a [usize],
    /// All facts found in the content so far, if there are new ones.
    pub facts: Option<&'a [FoundFact]>,
    /// How far the file has been read with these points.
    pub cursor: Cursor,
}
