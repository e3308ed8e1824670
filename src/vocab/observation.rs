//! The rows that laws are fitted to.

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
    /// What was left out and why, for the screen ("first 10 % of each run: 72 checkpoints").
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
