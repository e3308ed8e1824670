//! Conversion of points and facts to the observations that laws are fitted to.
//!
//! A row is one checkpoint of one run: every step at which the validation loss was logged, with D from the run's own
//! token count at that step. Pure: the caller reads the store.

mod alike;
mod assume;
pub mod audit;
mod by_run;
mod counts;
mod facts_of_runs;
mod hardware;
mod keys;
pub mod live;
mod phases;
mod record;
mod records;
mod rows;
pub mod speed;
mod steps;
pub mod tables;
pub(crate) mod target;
#[cfg(test)]
pub(crate) mod tests;

pub use assume::{assume, same_assumptions};
pub use by_run::RowsByRun;
pub use phases::mixture_so_far;
pub use record::{Observed, RecordFields, RunRecord, SeriesByKey};
pub use records::Records;
pub use steps::{OptimiserSteps, step_counter};

use crate::project::Project;
use crate::vocab::Recipe;

/// Builds the rows.
#[must_use]
pub fn observe(project: &Project, runs: &[RunRecord]) -> Observed {
    by_run::whole(project, runs)
}

/// How well a metric suits as the training loss of a run, less being better; `None` where it is something else.
#[must_use]
pub fn training_loss(key: &str) -> Option<usize> {
    keys::training_loss(key)
}

/// Whether a metric is an evaluation: a loss that says it is held out, or a score.
#[must_use]
pub fn is_evaluation(key: &str) -> bool {
    keys::evaluation(key).is_some()
}

/// Whether a metric is a learning rate: `lr`, `train/learning_rate`, `optim/learning-rate-group0`.
#[must_use]
pub fn is_learning_rate(key: &str) -> bool {
    keys::is_learning_rate(key)
}

/// Peak learning rate and batch of a run: as stated, else the highest learning rate that is logged.
#[must_use]
pub fn recipe(record: &RunRecord) -> Recipe {
    rows::recipe(record)
}

/// Takes the tokens a step from what a run logs of the tokens it has seen, where nothing states them and every step takes as
/// many.
pub fn derive_tokens_per_step(record: &mut RunRecord) {
    counts::derive_tokens_per_step(record);
}

/// Whether a metric counts the tokens a run has seen, or the sequences; what a law takes D from.
#[must_use]
pub fn counts_tokens(key: &str) -> bool {
    counts::counts_tokens(key)
}
