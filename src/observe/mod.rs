//! From points and facts to the rows a law is fitted to.
//!
//! A row is one checkpoint of one run: every step at which the validation loss was logged, with D from the run's own
//! token count at that step. Pure: the caller reads the store.

mod assume;
mod keys;
mod rows;
mod steps;
pub mod tables;
pub(crate) mod target;
#[cfg(test)]
pub(crate) mod tests;

pub use assume::assume;
pub use steps::{OptimiserSteps, step_counter};

use crate::project::Project;
use crate::store::RunId;
use crate::vocab::{Facts, Observations};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A run as far as laws are concerned: its facts, and the series that matter, in the view where the newest segment
/// wins (see [`crate::vocab::Series::latest`]).
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord {
    /// Number in the store.
    pub id: RunId,
    /// Name.
    pub name: String,
    /// What is known of it.
    pub facts: Facts,
    /// (step, value), ascending, by metric key; shared, as they are long and records are handed around.
    pub series: BTreeMap<String, Arc<Vec<(i64, f64)>>>,
    /// The optimiser's steps, where the log counts others; what is in `series` has them already.
    pub steps: Option<Arc<OptimiserSteps>>,
    /// Keys of the other metrics it logs; there may be a hundred thousand of them in all runs together.
    pub others: Arc<[Arc<str>]>,
}

impl RunRecord {
    /// Points of the run's log at the optimiser's steps.
    #[must_use]
    pub fn at_optimiser_steps(&self, points: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
        match &self.steps {
            Some(steps) => steps.apply(&points),
            None => points,
        }
    }
}

/// The rows for every validation loss of the project, in the order of `project.domains`; and the rows at step 0 (the
/// loss before training began), which are never fitted to and which limits like `start + 3%` need.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// One entry per domain.
    pub fitted: Vec<Observations>,
    /// One entry per domain: rows with `tokens == 0`.
    pub starts: Vec<Observations>,
}

/// Builds the rows.
#[must_use]
pub fn observe(project: &Project, runs: &[RunRecord]) -> Observed {
    rows::rows(project, runs)
}

/// How well a metric suits as the training loss of a run, less being better; `None` where it is something else.
#[must_use]
pub fn training_loss(key: &str) -> Option<usize> {
    keys::training_loss(key)
}

/// Whether a metric counts the tokens a run has seen, or the sequences; what a law takes D from.
#[must_use]
pub fn counts_tokens(key: &str) -> bool {
    rows::counts_tokens(key)
}
