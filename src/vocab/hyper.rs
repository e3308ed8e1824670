//! Learning rate and batch: what runs were trained with, and what suits a size and an amount of data.

use super::{Estimate, Recipe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to find a learning rate and a batch for. What is left open is the target's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HyperQuery {
    /// N.
    pub params: Option<f64>,
    /// D.
    pub tokens: Option<f64>,
    /// Only this loss, named by key or by domain.
    #[serde(default)]
    pub metric: Option<String>,
}

/// Output of `hyper`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HyperAnswer {
    /// N that is asked for; `null` if neither the question nor the project says one.
    pub params: Option<f64>,
    /// D that is asked for.
    pub tokens: Option<f64>,
    /// By the published law; absent without N and D.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Recipe>,
    /// By the runs, for each loss.
    pub losses: Vec<HyperFit>,
    /// What was left out or assumed, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What the runs say of learning rate and batch, for one loss.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HyperFit {
    /// Key of the loss.
    pub metric: String,
    /// Learning rate and batch for N and D by the law refitted to the runs; absent where the runs cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advised: Option<HyperAdvice>,
    /// The refitted law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<HyperLaw>,
    /// Groups of runs of equal N and D that vary in learning rate or batch.
    pub cells: Vec<HyperCell>,
    /// Regret of the published law over the cells, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_regret: Option<Regret>,
    /// Regret of the law refitted without each cell, over the cells, percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_regret: Option<Regret>,
    /// How many held-out cells have their learning rate within the law's 90 % interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_held: Option<Held>,
    /// The same for the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_held: Option<Held>,
    /// What the runs cannot tell, and why, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why_not: Vec<String>,
}

/// Advised values with 90 % intervals.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HyperAdvice {
    /// Peak learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<Estimate>,
    /// Tokens per step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_tokens: Option<Estimate>,
}

/// lr = c·N^a·D^b and batch = d·N^e·D^f.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HyperLaw {
    /// Of the learning rate: factor, exponent of N, exponent of D.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<[f64; 3]>,
    /// Of the batch in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_tokens: Option<[f64; 3]>,
    /// Cells that it was fitted to.
    pub cells: usize,
    /// Exponents that the runs cannot tell and that are the published ones, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub borrowed: Option<String>,
    /// Factor by which the learning rate may be off, up or down, for 0.1 % more loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_slack: Option<f64>,
    /// The same for the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_slack: Option<f64>,
}

/// Runs of equal N and D.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HyperCell {
    /// N.
    pub params: f64,
    /// D.
    pub tokens: f64,
    /// Runs.
    pub runs: usize,
    /// The run with the lowest loss.
    pub best: HyperRun,
    /// Learning rate at the minimum of a quadratic through the runs near the best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<Optimum>,
    /// The same for the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_tokens: Option<Optimum>,
    /// What the published law says, and what it would have cost.
    pub published: HyperTrial,
    /// What the law refitted without this cell says, and what it would have cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<HyperTrial>,
    /// 90 % intervals of the law refitted without this cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_range: Option<HyperAdvice>,
}

/// A measured run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HyperRun {
    /// Its name.
    pub run: String,
    /// Its learning rate and batch.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// Its final loss, nats.
    pub loss: f64,
}

/// The best value in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Optimum {
    /// The value with a 90 % interval over resamples of runs; an end is `null` where it lies outside what was tried.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Whether it is an optimum, or the end of what was tried.
    pub kind: OptimumKind,
}

/// What is known of an optimum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OptimumKind {
    /// It lies within what was tried.
    Inside,
    /// It is at least the highest value that was tried.
    AtLeast,
    /// It is at most the lowest value that was tried.
    AtMost,
}

/// A learning rate and batch, and their regret.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HyperTrial {
    /// Learning rate and batch.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// Loss of the nearest measured run over the best one's, percent more; absent where no run is within a factor of 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regret: Option<f64>,
}

/// Regret over cells, percent of the best loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Regret {
    /// Mean.
    pub mean: f64,
    /// Largest.
    pub most: f64,
    /// Cells with a run near what was advised.
    pub cells: usize,
}

/// How often intervals hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// Intervals that hold.
    pub held: usize,
    /// Intervals.
    pub of: usize,
}
