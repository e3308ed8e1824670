//! What runs make of their GPUs, measured from their logs.

use super::Range;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// FLOP/s of one GPU of a run in its steady state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunSpeed {
    /// Name of the run.
    pub run: String,
    /// Whether it is a mixture-of-experts model.
    pub routed: bool,
    /// The kind of its GPUs, as it was logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// FLOP/s that one of them is sold with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<f64>,
    /// FLOP/s that one of them achieved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops: Option<f64>,
    /// MFU as it was logged, a part of 1, where nothing says of which peak it is a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfu: Option<f64>,
    /// What it was measured from, such as `throughput/device/MFU`, or `tok/sec × 6·N_act / 8 GPUs`.
    pub from: String,
    /// Points of the steady state.
    pub points: usize,
    /// What was taken for granted, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<String>,
}

impl RunSpeed {
    /// MFU, where the planned GPU has so many FLOP/s.
    #[must_use]
    pub fn mfu_at(&self, peak: f64) -> Option<f64> {
        self.flops.map(|flops| flops / peak).or(self.mfu)
    }
}

/// Speeds of runs, and runs that log a speed that says nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Speeds {
    /// Those measured.
    pub runs: Vec<RunSpeed>,
    /// A run, and why its speed says nothing.
    pub useless: Vec<(String, String)>,
}

/// The part of the GPUs' FLOP/s that the user's runs used (MFU).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeasuredMfu {
    /// Median over the runs, a part of 1.
    pub value: f64,
    /// The lowest and the highest run.
    pub range: Range,
    /// FLOP/s of one GPU that it is a part of.
    pub peak: f64,
    /// Whether the budget uses it: what is stated wins.
    pub used: bool,
    /// The runs that it stands on.
    pub runs: Vec<RunSpeed>,
}

/// Middle of the values, or the mean of the two in the middle; NaN where there are none.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}
