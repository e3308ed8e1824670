//! The rows that laws are fitted to.

use super::Recipe;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One checkpoint of one run: its size, tokens, mixture and loss.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observation {
    /// N, parameters.
    pub params: f64,
    /// Active parameters per token.
    pub active_params: f64,
    /// D, tokens trained on.
    pub tokens: f64,
    /// Weights in the order of [`Observations::domains`]; they sum to one. Of a run with phases, the mean of what it has
    /// seen so far, by tokens.
    pub mixture: Vec<f64>,
    /// What a run with phases has seen of each that it has begun, in order; `None` for one mixture throughout.
    pub phases: Option<Arc<[Exposure]>>,
    /// E, experts per layer; 1 for a dense model.
    pub experts: f64,
    /// K, experts per token; 1 for a dense model.
    pub experts_per_token: f64,
    /// G, granularity; 1 unless experts are fine-grained.
    pub granularity: f64,
    /// The validation loss, nats per token; NaN if the loss is to be predicted.
    pub loss: f64,
    /// Index into [`Observations::runs`]. A run is resampled and held out as a whole.
    pub run: usize,
    /// The beginning of the run's loss curve, if known.
    pub probe: Option<Probe>,
    /// Peak learning rate and batch of the run, where they are known and the run is at its end.
    pub recipe: Recipe,
}

/// What a run has seen in one phase.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposure {
    /// Tokens of the phase up to the checkpoint.
    pub tokens: f64,
    /// Weights in the order of [`Observations::domains`]; they sum to one.
    pub mixture: Vec<f64>,
}

/// The beginning of a loss curve, which characterises a domain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// k₁, the first loss, nats.
    pub loss: f64,
    /// k₂, initial decrease in nats per million tokens; 0 if the loss rises.
    pub decline: f64,
}

/// The rows for one validation loss, to which laws are fitted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observations {
    /// Key of the validation loss.
    pub metric: String,
    /// Names of the domains, in the order of every mixture.
    pub domains: Vec<String>,
    /// Index into `domains` of the loss's own domain, if it has one.
    pub own: Option<usize>,
    /// Names of the runs.
    pub runs: Vec<String>,
    /// The rows, grouped by run and sorted by tokens.
    pub rows: Vec<Observation>,
    /// Unique tokens available in each domain, infinite if unknown; repeated tokens are discounted. Empty if repetition is
    /// ignored.
    pub supply: Vec<f64>,
    /// The beginning of a short run on the target's domain, if the project states it.
    pub probe: Option<Probe>,
    /// Excluded rows with the reason, as sentences ("left out: the first 10 % of each run (72 checkpoints)").
    pub dropped: Vec<String>,
    /// Rows that are no runs of this project. Fits see them calibrated on the rows ([`crate::fit::proxies`]); nothing else
    /// counts them.
    pub proxies: Vec<Proxies>,
}

/// Losses that stand in for runs of this project: of merged models, or of an earlier project's runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Proxies {
    /// What they are of.
    pub kind: ProxyKind,
    /// The table, as the project names it.
    pub named: String,
    /// The rows, over [`Observations::domains`]; N and D are 0 where the table does not say. `run` is an index of their own.
    pub rows: Vec<Observation>,
}

/// What a proxy's losses are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProxyKind {
    /// Models that are weighted means of models trained on one corpus each; the weights are the mixture.
    Merged,
    /// Runs of an earlier project: another size, tokenizer or swarm.
    Earlier,
}

impl Observations {
    /// Number of runs with at least one row.
    #[must_use]
    pub fn runs_present(&self) -> usize {
        let mut seen = vec![false; self.runs.len()];
        for row in &self.rows {
            seen[row.run] = true;
        }
        seen.iter().filter(|s| **s).count()
    }
}
