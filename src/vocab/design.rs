//! The first sweep of a project: which runs to launch before any has been.

use super::Mixture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How mixtures are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DesignMethod {
    /// Draws from Dirichlet distributions around the square roots of the natural shares, from spread out to narrow (RegMix).
    #[default]
    Dirichlet,
    /// The same around the natural shares themselves (Olmix).
    Natural,
    /// Sobol points: the allowed mixtures, covered evenly.
    Sobol,
    /// Mixtures and sizes that determine the parameters of a law best (D-optimal).
    DOptimal,
}

/// What is asked of `design`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DesignQuery {
    /// How mixtures are chosen.
    pub method: DesignMethod,
    /// The law of a D-optimal design.
    pub law: String,
    /// Mixtures; `None` for three for each parameter of a log-linear law, 3(m + 1).
    pub mixtures: Option<usize>,
    /// Natural shares; `None` for the supply of tokens, the mixture in use, or equal shares.
    pub prior: Option<Mixture>,
    /// Sizes, ascending; empty to leave them open, or for sizes that `budget` allows.
    pub params: Vec<f64>,
    /// Sizes of the ladder where `params` is empty.
    pub sizes: usize,
    /// Tokens of every run; `None` for `tokens_per_param`.
    pub tokens: Option<f64>,
    /// Tokens for each parameter; `None` for the target's.
    pub tokens_per_param: Option<f64>,
    /// FLOPs of all runs together.
    pub budget: Option<f64>,
    /// Whether bounds and supply alone hold; groups and the distance from the current mixture do not.
    pub wide: bool,
    /// Seed of the draws, and of the runs.
    pub seed: u64,
}

/// A run of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DesignedRun {
    /// Name: `d000`, or `d000-10M` where there are several sizes.
    pub id: String,
    /// Weights.
    pub mixture: Mixture,
    /// N; absent where it is left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<f64>,
    /// D; absent where it is left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
    /// Random seed of the run.
    pub seed: u64,
    /// 6·N·D; absent where N or D is left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops: Option<f64>,
    /// Unique tokens to draw each domain's data from, so that it is repeated as often as the target would repeat it. Only of
    /// domains whose supply is stated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unique_tokens: BTreeMap<String, f64>,
    /// Times that the target would use each token with these weights; the run does so, too, with `unique_tokens`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub epochs: BTreeMap<String, f64>,
}

/// Shares that samples give without any training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PriorView {
    /// What they are by: `conditional-entropy`, `joint-entropy` or `shannon-entropy` of text, `von-neumann-entropy` or `smart` of
    /// vectors, or `samplemix` of scores.
    pub by: String,
    /// The shares.
    pub shares: Mixture,
    /// What was measured of each domain's samples.
    pub measured: BTreeMap<String, f64>,
    /// The unit of that.
    pub unit: String,
    /// What it was measured on: tokens or vectors of each domain, or scored samples of all.
    pub of: usize,
}

/// Output of `design`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DesignAnswer {
    /// How mixtures were chosen.
    pub method: DesignMethod,
    /// Seed of the draws.
    pub seed: u64,
    /// Natural shares.
    pub prior: Mixture,
    /// Shares that samples, vectors or scores give (`--samples`, `--embeddings`, `--scores`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub priors: Vec<PriorView>,
    /// The mixture that the fitted laws recommend, beside them; absent where none is recommended, or no prior was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommended: Option<Mixture>,
    /// The runs, in the order in which to launch them.
    pub runs: Vec<DesignedRun>,
    /// FLOPs of all runs; absent where sizes or tokens are left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flops: Option<f64>,
    /// What was assumed or left out, as sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
