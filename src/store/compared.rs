//! What is known of how files of runs relate, so that a comparison is made again only when a file has grown.

use super::echo::{Covers, Names, Relation};
use super::{FileId, RunId};
use std::collections::HashMap;

/// What was found, and how far the files were then: a comparison is made again only when a file has grown.
#[derive(Debug, Default)]
pub struct Known {
    /// By file and other file.
    pub pairs: HashMap<(FileId, FileId), Pair>,
    /// By run: its files with their formats' ranks and rows, and what followed from them.
    pub runs: HashMap<RunId, Compared>,
    /// Pairs of files whose points were compared.
    #[cfg(test)]
    pub compared: usize,
}

/// How two files relate.
#[derive(Debug, Clone)]
pub struct Pair {
    /// How.
    pub relation: Relation,
    /// Losses that they call by different names.
    pub names: Names,
    /// Rows of both then; `None` where it is known for good, as what the first points say does not change.
    pub at: Option<(u64, u64)>,
}

/// A run's files as they were compared.
#[derive(Debug)]
pub struct Compared {
    /// Their rows then.
    pub files: Vec<(FileId, u64)>,
    /// What of each is in another.
    pub covers: Covers,
    /// In which what goes on comes last.
    pub order: Vec<FileId>,
}
