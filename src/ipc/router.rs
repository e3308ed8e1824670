//! How the routers of a run share out tokens among experts, at the width of a screen.

use super::series::numbers;
use serde::{Deserialize, Serialize};

/// Columns that may be asked for.
pub const MOST_COLUMNS: u32 = 1_000;

/// Which run, and how wide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterQuery {
    /// The run, by number in the store.
    pub run: u32,
    /// The most columns.
    pub columns: u32,
    /// The layer whose experts are wanted one by one, as its keys begin; `None` for the one with the least entropy now.
    #[serde(default)]
    pub layer: Option<String>,
}

/// The routers of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RouterAnswer {
    /// Every layer that logs loads, in order.
    pub layers: Vec<RouterLayer>,
    /// Which of them the loads are of.
    pub layer: usize,
    /// The experts of that layer, by number.
    pub experts: Vec<u32>,
    /// Last step of each column.
    pub steps: Vec<i64>,
    /// Loads of the experts over an even one, column by column, each as long as `experts`; NaN where none was logged.
    #[serde(with = "numbers")]
    pub loads: Vec<f64>,
}

/// One router.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RouterLayer {
    /// The layer, as its keys begin.
    pub layer: String,
    /// How many experts log their loads.
    pub experts: usize,
    /// Entropy of the loads over the most there can be, in each column of its own steps; NaN where none is known.
    #[serde(with = "numbers")]
    pub entropy: Vec<f64>,
    /// Largest load over an even one, minus 1, in the newest column.
    #[serde(with = "crate::vocab::number::any")]
    pub violation: f64,
    /// Standard deviation of the loads over their mean, in the newest column.
    #[serde(with = "crate::vocab::number::any")]
    pub variation: f64,
    /// Experts that together carry 99 % of the tokens, in the newest column.
    pub carry: usize,
    /// Experts with next to no tokens in the newest column, by number.
    pub dead: Vec<u32>,
}
