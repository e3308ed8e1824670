//! The best mixture at several sizes, or amounts of data.

use serde::{Deserialize, Serialize};

/// What scales differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Along {
    /// N; D is the target's.
    Params,
    /// D; N is the target's.
    Tokens,
}

/// The drift of the best mixture.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DriftAnswer {
    /// Domains, the order of all weights.
    pub domains: Vec<String>,
    /// What the scales differ in; `None` where no law in use sees N or D.
    pub along: Option<Along>,
    /// The scales, ascending; the target's is the last.
    pub steps: Vec<DriftStep>,
}

/// The best mixture at one scale.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct DriftStep {
    /// N or D.
    pub at: f64,
    /// Its weights; empty where no allowed mixture keeps the limits.
    pub weights: Vec<f64>,
    /// By what part the objective is lower there with it than with the target's best mixture.
    pub gain: f64,
}
