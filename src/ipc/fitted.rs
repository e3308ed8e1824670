//! What the law in use says of each run at its newest point, beside what was measured there.

use crate::vocab::Measure;
use serde::{Deserialize, Serialize};

/// Which validation loss.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedQuery {
    /// Its key, or the name of its domain.
    pub metric: String,
}

/// The runs that the law was fitted to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FittedAnswer {
    /// Key of the validation loss.
    pub metric: String,
    /// The law in use.
    pub law: String,
    /// In the order of the rows; runs without a finite value on both sides are left out.
    pub runs: Vec<FittedRun>,
    /// Unit of the numbers, and which are better.
    #[serde(flatten)]
    pub measure: Measure,
}

/// One run at its newest fitted point.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FittedRun {
    /// Its name.
    pub run: String,
    /// Tokens at that point; 0 where they are unknown.
    pub tokens: f64,
    /// Measured value, in the unit of the log.
    pub measured: f64,
    /// The law's value, in the unit of the log. The law has seen the measured one.
    pub fitted: f64,
}
