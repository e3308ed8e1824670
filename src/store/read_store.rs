//! Trait of a readable store.

use super::{FileId, RunId, StoreError};
use crate::vocab::{Facts, Series};
use std::sync::Arc;

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

/// What readers need of a store. The writing side belongs to [`crate::ingest`] alone.
pub trait ReadStore: Send + Sync {
    /// Runs known, with their names, in order of id.
    fn runs(&self) -> Result<Vec<(RunId, String)>, StoreError>;
    /// Metrics of a run with their keys and summaries, sorted by key.
    fn metrics(&self, run: RunId) -> Result<Vec<(Arc<str>, Summary)>, StoreError>;
    /// All points of one metric of one run, in the order written. Empty where there are none.
    fn series(&self, run: RunId, metric: &str) -> Result<Series, StoreError>;
    /// What is known of a run besides metrics.
    fn facts(&self, run: RunId) -> Result<Arc<Facts>, StoreError>;
    /// Names of the files of a run by id, relative to the run.
    fn files(&self, run: RunId) -> Result<Vec<(FileId, String)>, StoreError>;
    /// Points in the store.
    fn points(&self) -> u64;
}
