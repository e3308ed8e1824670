//! The objective as the share of one corpus changes and the others keep their proportions, corpus by corpus.

use super::series::numbers;
use crate::vocab::{Measure, Mixture};
use serde::{Deserialize, Serialize};

/// Shares of a corpus that may be asked for.
pub const MOST_SHARES: u32 = 201;

/// How many shares of each corpus; size and tokens are the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlicesQuery {
    /// 2 to [`MOST_SHARES`].
    pub shares: u32,
}

/// The slices.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SlicesAnswer {
    /// The mixture that all slices go through: the advised one, else the current one, else the mean of the runs.
    pub around: Mixture,
    /// What is predicted at `around`.
    pub value: f64,
    /// One for each domain, in the order of the project.
    pub slices: Vec<Slice>,
    /// Keys of the losses that count, with their shares of the objective.
    pub objective: Vec<(String, f64)>,
    /// Unit of the numbers, and which are better.
    #[serde(flatten)]
    pub measure: Measure,
}

/// One corpus. All columns have the same length.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Slice {
    /// The corpus.
    pub domain: String,
    /// Its shares, ascending.
    pub shares: Vec<f64>,
    /// Predicted objective at each share.
    #[serde(with = "numbers")]
    pub value: Vec<f64>,
    /// 5 % points of the objective of a run there, were all its losses off in the same direction.
    #[serde(with = "numbers")]
    pub low: Vec<f64>,
    /// 95 % points.
    #[serde(with = "numbers")]
    pub high: Vec<f64>,
    /// Whether each is within the weights of the runs, for every corpus.
    pub explored: Vec<bool>,
}
