//! The rows that laws are fitted to.

use serde::{Deserialize, Serialize};

/// One checkpoint of one run: where it stands, and the loss it reached.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observation {
    /// N, parameters.
    pub params: f64,
    /// Parameters used for one token.
    pub active_params: f64,
    /// D, tokens seen.
    pub tokens: f64,
    /// Weights in the order of [`Observations::domains`]; they sum to one.
    pub mixture: Vec<f64>,
    /// E, experts per layer; 1 for a dense model.
    pub experts: f64,
    /// K, experts a token is routed to; 1 for a dense model.
    pub experts_per_token: f64,
    /// G, granularity; 1 unless experts are fine-grained.
    pub granularity: f64,
    /// The validation loss, nats per token. Where an observation is only a place to predict at, NaN.
    pub loss: f64,
    /// Index into [`Observations::runs`]: the cluster that is resampled and held out as one.
    pub run: usize,
    /// How the run began, where that is known.
    pub probe: Option<Probe>,
}

/// How one validation loss of a run began: what the first steps say of a domain.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// k₁, the first loss, nats.
    pub loss: f64,
    /// k₂, nats that it falls per million tokens; 0 where it rises.
    pub decline: f64,
}

/// Everything one law is fitted to: the rows for one validation loss.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observations {
    /// Key of the validation loss.
    pub metric: String,
    /// Names of the domains, the order of every mixture.
    pub domains: Vec<String>,
    /// Index into `domains` of the domain this loss is measured on, where it is one of them.
    pub own: Option<usize>,
    /// Names of the runs.
    pub runs: Vec<String>,
    /// The rows, those of one run together and in order of tokens.
    pub rows: Vec<Observation>,
    /// Tokens there are of each domain, infinite where it is not known: what is used more than once is worth less. Empty
    /// where repetition is not counted.
    pub supply: Vec<f64>,
    /// How a short run on the target's domain began, where the project says.
    pub probe: Option<Probe>,
    /// What was left out and why, for the screen ("left out: the first 10 % of each run (72 checkpoints)").
    pub dropped: Vec<String>,
}

impl Observations {
    /// Runs that have at least one row.
    #[must_use]
    pub fn runs_present(&self) -> usize {
        let mut seen = vec![false; self.runs.len()];
        for row in &self.rows {
            seen[row.run] = true;
        }
        seen.iter().filter(|s| **s).count()
    }
}
