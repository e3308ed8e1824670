//! Declared against realised mixtures.

use super::Mixture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What one domain was declared to be, and what was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DomainAudit {
    /// Declared weight; absent if the run declares no mixture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<f64>,
    /// Share of the counted tokens.
    pub realised: f64,
    /// The same in each quarter of the run, in order.
    pub quarters: Vec<f64>,
    /// Counted tokens.
    pub tokens: f64,
    /// Times that each token of the domain was used; absent if its supply is not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    /// Metric that the count is from.
    pub counter: String,
}

/// Share of one domain as the run's losses tell it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EstimatedShare {
    /// Declared weight; absent if the run declares no mixture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<f64>,
    /// Estimated share of the tokens.
    pub share: f64,
    /// Lower end of its 90 % range.
    pub low: f64,
    /// Upper end of its 90 % range.
    pub high: f64,
    /// Whether the declared weight lies clearly outside: by as much again as the range reaches, and two points or more.
    pub differs: bool,
    /// The domain's training loss.
    pub loss: String,
}

/// Shares of a run whose tokens are not counted, from its training loss and those of the domains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EstimatedShares {
    /// The training loss that is taken for the mean of the domains' over the tokens of each batch.
    pub total: String,
    /// Steps with these losses.
    pub steps: usize,
    /// The shares; empty where the losses do not tell them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub domains: BTreeMap<String, EstimatedShare>,
    /// Why they cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunAudit {
    /// Name of the run.
    pub run: String,
    /// Domains with a counter; empty if nothing is counted in the run's logs.
    pub domains: BTreeMap<String, DomainAudit>,
    /// Shares by losses; absent where tokens are counted, or no training losses by domain are logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated: Option<EstimatedShares>,
    /// Declared mixture; absent if the run declares none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Mixture>,
    /// Weight that would have to move from the realised to the declared mixture; absent if either is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<f64>,
    /// The largest change of a domain's share from the first to the last quarter, in weight; absent if nothing is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<f64>,
}

/// Output of `audit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AuditAnswer {
    /// The runs, those that are furthest from their declaration first; then those where nothing is counted.
    pub runs: Vec<RunAudit>,
}

/// Share of one corpus in what a tokenizer was trained on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CorpusShare {
    /// Name of the corpus.
    pub corpus: String,
    /// Its share of the bytes.
    pub share: f64,
    /// Lower end of the 90 % range, by trials; absent without trials, and where the samples allow none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of the same range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Bytes of text in its samples.
    pub bytes: u64,
}

/// Output of `audit --tokenizer`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TokenizerAudit {
    /// The corpora, greatest share first.
    pub shares: Vec<CorpusShare>,
    /// Merges that were used, from the first on.
    pub merges: usize,
    /// Merges of the tokenizer.
    pub merges_of: usize,
    /// Used merges that occur in the samples.
    pub traced: usize,
    /// Mean over these of the merged pair's frequency in the inferred mixture, divided by that of the most frequent pair then.
    /// 1: the mixture would have chosen every merge.
    pub agreement: f64,
    /// Whether the agreement is high enough for the samples to cover what the tokenizer was trained on.
    pub covered: bool,
    /// Groups of corpora whose samples are too much alike: only the sum of their shares is known.
    pub alike: Vec<Vec<String>>,
    /// Trials that the ranges are made of: tokenizers trained on a half of the samples, whose shares were inferred from the other half.
    pub trials: usize,
    /// What of the tokenizer's file could not be followed.
    pub notes: Vec<String>,
}
