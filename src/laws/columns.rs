//! Observations as columns: what a law's inner loop reads.

use super::repetition::effective_tokens;
use crate::vocab::{Observation, Observations, Probe};
use serde::{Deserialize, Serialize};

/// Rows evaluated at a time: a block's columns and Jacobian stay in the first-level cache.
pub const BLOCK: usize = 128;

/// The share that stands for 0 where a law takes its logarithm: less than a billionth of a corpus is a few
/// tokens, so no share that anyone sets lies below it.
pub const LEAST_SHARE: f64 = 1e-9;

/// Observations in structure-of-arrays form. All columns have one value per row; logarithms are natural.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Columns {
    /// ln N; 0 where no row knows N.
    pub ln_params: Vec<f64>,
    /// ln of the parameters used for one token.
    pub ln_active: Vec<f64>,
    /// ln D: of the fresh tokens that those seen are worth, where the supply of domains is known ([`super::repetition`]).
    pub ln_tokens: Vec<f64>,
    /// ln of the same by domain; empty where no supply is known, and nothing is repeated.
    ln_of_domain: Vec<Vec<f64>>,
    /// Weights, by domain.
    pub share: Vec<Vec<f64>>,
    /// ln of the weights, by domain; a weight of 0 is taken as [`LEAST_SHARE`].
    pub ln_share: Vec<Vec<f64>>,
    /// E.
    pub experts: Vec<f64>,
    /// ln(K/E): of the part of the experts that a token uses.
    pub ln_active_experts: Vec<f64>,
    /// ln G.
    pub ln_granularity: Vec<f64>,
    /// ln k₁, of the first loss of the run; 0 where it is not known.
    pub ln_first: Vec<f64>,
    /// k₂, nats that it fell per million tokens.
    pub decline: Vec<f64>,
    /// ln of the observed loss; NaN for places to predict at.
    pub ln_loss: Vec<f64>,
    /// How often a row counts: 1, or the times its run was drawn in a resample.
    pub weight: Vec<f64>,
    /// Index of the run of each row.
    pub run: Vec<usize>,
    /// What rows are pushed with: tokens there are of each domain, and how a row began that does not say.
    context: Context,
}

/// What is the same for every row and place.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Context {
    /// Tokens there are of each domain, infinite where it is not known; empty where repetition is not counted.
    pub supply: Vec<f64>,
    /// How the target's domain begins; what a place that does not say is taken to begin with.
    pub probe: Option<Probe>,
}

impl Columns {
    /// Rows that can be fitted to: loss and tokens positive and finite, a mixture on the simplex, and, where any row
    /// knows N, N known too. Where no row knows D and each is a run of its own, all are taken to be as long.
    #[must_use]
    pub fn of(observations: &Observations) -> Self {
        let context = Context { supply: observations.supply.clone(), probe: observations.probe };
        let mut columns = Self::empty(observations.domains.len(), context);
        Self::usable(observations).into_iter().for_each(|row| columns.push(&observations.rows[row]));
        columns
    }

    /// Indices of the rows that can be fitted to, in their order: see [`Columns::of`].
    #[must_use]
    pub fn usable(observations: &Observations) -> Vec<usize> {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let sized = observations.rows.iter().any(|row| positive(row.params));
        let timed = observations.rows.iter().any(|row| positive(row.tokens))
            || observations.rows.windows(2).any(|rows| rows[0].run == rows[1].run);
        let domains = observations.domains.len();
        let is_usable = |row: &Observation| {
            let mixture = row.mixture.len() == domains && row.mixture.iter().all(|w| w.is_finite() && *w >= 0.0);
            positive(row.loss) && (!timed || positive(row.tokens)) && mixture && (!sized || positive(row.params))
        };
        (0..observations.rows.len()).filter(|i| is_usable(&observations.rows[*i])).collect()
    }

    /// One place to predict at.
    #[must_use]
    pub fn place(at: &Observation, context: &Context) -> Self {
        Self::places(at.mixture.len(), std::slice::from_ref(at), context)
    }

    /// Several places to predict at, or the rows given, unfiltered.
    #[must_use]
    pub fn places(domains: usize, rows: &[Observation], context: &Context) -> Self {
        let mut columns = Self::empty(domains, context.clone());
        rows.iter().for_each(|row| columns.push(row));
        columns
    }

    /// The rows for which `weight` is positive, with that weight.
    #[must_use]
    pub fn weighted(&self, weight: impl Fn(usize) -> f64) -> Self {
        let kept: Vec<usize> = (0..self.len()).filter(|i| weight(*i) > 0.0).collect();
        let take = |column: &[f64]| kept.iter().map(|i| column[*i]).collect::<Vec<f64>>();
        Self {
            ln_params: take(&self.ln_params),
            ln_active: take(&self.ln_active),
            ln_tokens: take(&self.ln_tokens),
            ln_of_domain: self.ln_of_domain.iter().map(|c| take(c)).collect(),
            share: self.share.iter().map(|c| take(c)).collect(),
            ln_share: self.ln_share.iter().map(|c| take(c)).collect(),
            experts: take(&self.experts),
            ln_active_experts: take(&self.ln_active_experts),
            ln_granularity: take(&self.ln_granularity),
            ln_first: take(&self.ln_first),
            decline: take(&self.decline),
            ln_loss: take(&self.ln_loss),
            weight: kept.iter().map(|i| weight(*i)).collect(),
            run: kept.iter().map(|i| self.run[*i]).collect(),
            context: self.context.clone(),
        }
    }

    /// Adds a row that counts `weight` times as much as another.
    pub fn add(&mut self, row: &Observation, weight: f64) {
        self.push(row);
        if let Some(last) = self.weight.last_mut() {
            *last = weight;
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ln_loss.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ln_loss.is_empty()
    }

    /// Weights of row `i` in the order of the domains.
    #[must_use]
    pub fn mixture(&self, i: usize) -> Vec<f64> {
        self.share.iter().map(|column| column[i]).collect()
    }

    /// ln of the tokens of domain `k` that row `i` has seen, or of the fresh ones they are worth.
    #[must_use]
    pub fn ln_tokens_of(&self, k: usize, i: usize) -> f64 {
        match self.ln_of_domain.get(k) {
            Some(column) => column[i],
            None => self.ln_tokens[i] + self.ln_share[k][i],
        }
    }

    /// What rows were pushed with.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    fn empty(domains: usize, context: Context) -> Self {
        let each = || vec![Vec::new(); domains];
        let ln_of_domain = if context.supply.is_empty() { Vec::new() } else { each() };
        Self { share: each(), ln_share: each(), ln_of_domain, context, ..Self::default() }
    }

    fn push(&mut self, row: &Observation) {
        let ln = |v: f64| if v.is_finite() && v > 0.0 { v.ln() } else { 0.0 };
        self.ln_params.push(ln(row.params));
        self.ln_active.push(if row.active_params > 0.0 { ln(row.active_params) } else { ln(row.params) });
        for (k, (share, ln_share)) in self.share.iter_mut().zip(&mut self.ln_share).enumerate() {
            let weight = row.mixture.get(k).copied().unwrap_or(0.0);
            share.push(weight);
            ln_share.push(weight.max(LEAST_SHARE).ln());
        }
        self.push_tokens(row);
        let probe = row.probe.or(self.context.probe).filter(|p| p.loss > 0.0 && p.decline >= 0.0);
        self.ln_first.push(probe.map_or(0.0, |p| ln(p.loss)));
        self.decline.push(probe.map_or(0.0, |p| p.decline.min(f64::MAX)));
        let at_least_one = |v: f64| if v.is_finite() { v.max(1.0) } else { 1.0 };
        let experts = at_least_one(row.experts);
        self.experts.push(experts);
        self.ln_active_experts.push((at_least_one(row.experts_per_token) / experts).min(1.0).ln());
        self.ln_granularity.push(at_least_one(row.granularity).ln());
        self.ln_loss.push(row.loss.ln());
        self.weight.push(1.0);
        self.run.push(row.run);
    }

    fn push_tokens(&mut self, row: &Observation) {
        let ln = |v: f64| if v.is_finite() && v > 0.0 { v.ln() } else { 0.0 };
        let mut worth = 0.0;
        for (k, column) in self.ln_of_domain.iter_mut().enumerate() {
            let seen = row.tokens * row.mixture.get(k).copied().unwrap_or(0.0);
            let fresh = effective_tokens(seen, self.context.supply.get(k).copied().unwrap_or(f64::INFINITY));
            worth += fresh;
            column.push(fresh.max(LEAST_SHARE * row.tokens).max(f64::MIN_POSITIVE).ln());
        }
        self.ln_tokens.push(ln(if self.ln_of_domain.is_empty() { row.tokens } else { worth }));
    }
}
