//! What the laws in use say of many mixtures at one size and token count.

use super::series::numbers;
use crate::vocab::Measure;
use serde::{Deserialize, Serialize};

/// Mixtures that may be asked for.
pub const MOST_MIXTURES: u32 = 2_000;

/// How many mixtures; the size and the tokens are the target's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurfaceQuery {
    /// The most mixtures: those of a grid where there are two or three domains, else drawn evenly from all there are.
    pub mixtures: u32,
}

/// The losses of mixtures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SurfaceAnswer {
    /// The domains, in the order of weights.
    pub domains: Vec<String>,
    /// Weights of each mixture.
    pub mixtures: Vec<Vec<f64>>,
    /// Whether each is within the weights of the runs.
    pub explored: Vec<bool>,
    /// What is predicted, metric by metric.
    pub losses: Vec<SurfaceLoss>,
}

/// One metric on the mixtures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SurfaceLoss {
    /// Its key.
    pub metric: String,
    /// The law in use.
    pub law: String,
    /// Predicted values, in the unit of the log, one for each mixture.
    #[serde(with = "numbers")]
    pub values: Vec<f64>,
    /// Unit of the numbers, and which are better.
    #[serde(flatten)]
    pub measure: Measure,
}
