//! Facts of a run (size, tokens per step, mixture, schedule …) and their sources.

use super::{Mixture, Moe, Phase, Scale};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// End of the source of a mixture whose weights do not make a whole: what they leave is the domain `rest`, which nobody named.
pub const UNNAMED_REST: &str = ", and the rest";

/// Name of a fact that mixlaw uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactName {
    /// N: parameters, by default without embeddings; for a mixture-of-experts model, the total.
    Params,
    /// Active parameters per token; equal to [`FactName::Params`] for a dense model.
    ActiveParams,
    /// Parameters including embeddings.
    TotalParams,
    /// Mixture weights of the domains; of a run with phases, their mean by tokens.
    Mixture,
    /// The mixtures of a run that changes it, in order.
    Phases,
    /// Tokens per optimiser step.
    BatchTokens,
    /// Sequences per optimiser step.
    BatchSequences,
    /// Tokens per sequence.
    SequenceLength,
    /// Planned optimiser steps of the run.
    PlannedSteps,
    /// Planned training tokens of the run.
    PlannedTokens,
    /// E: experts per layer, excluding shared experts.
    Experts,
    /// K: experts per token.
    ExpertsPerToken,
    /// G: fine-grained experts that replace one full-size expert.
    Granularity,
    /// Experts that every token passes, in units of a routed expert's width.
    SharedExperts,
    /// In what experts differ in number or size, in words: `8–64 a layer`, `512–1536 wide`, `256 of 768 compute nothing`.
    ExpertSizes,
    /// The dense model that a mixture of experts was made of: a run or a checkpoint.
    UpcycledFrom,
    /// Tokens that this dense model had seen. The run's own tokens are counted from there.
    UpcycledTokens,
    /// Layers of the model.
    Layers,
    /// Layers with experts.
    MoeLayers,
    /// Layers without experts before the first one with experts.
    FirstDenseLayers,
    /// How many tokens an expert takes, in units of an even share; the others are dropped.
    CapacityFactor,
    /// How tokens are routed: the score and what balances the loads, in the words of the configuration.
    Router,
    /// Parameters of embeddings, learned positions and output matrix.
    EmbeddingParams,
    /// Training FLOPs per token: 6 × active parameters without embeddings (Kaplan et al. 2020, section 2.1); attention over
    /// the context is not counted.
    FlopsPerToken,
    /// Peak learning rate.
    LearningRate,
    /// Final learning rate.
    MinLearningRate,
    /// Learning rate schedule: `cosine`, `linear`, `wsd` or `constant`.
    Schedule,
    /// Warm-up steps.
    WarmupSteps,
    /// Decay steps at the end of a WSD schedule.
    DecaySteps,
    /// Random seed of the run.
    Seed,
    /// Checkpoint from which the run was initialised.
    InitFrom,
    /// How the run ended: `finished`, `failed` or `killed`; nothing where it has not, or nobody said so.
    Ended,
    /// Tokens per optimiser step, whatever it was stated by: what [`FactName::BatchTokens`] is, or sequences × length.
    TokensPerStep,
    /// Training tokens of the whole run, whatever they were stated by: planned tokens, or steps × tokens per step.
    Tokens,
    /// The metric that counts the run's steps, or what its metrics are drawn over ([`super::step_metric`]).
    StepMetric,
    /// The kind of its GPUs, such as `NVIDIA H100 80GB HBM3`.
    Gpu,
    /// GPUs that it trains on, over all machines.
    Gpus,
    /// FLOP/s of one GPU that its trainer measures MFU against.
    PeakFlops,
}

impl FactName {
    /// Whether 0 is a valid value, as for a seed, warm-up steps or a final learning rate.
    #[must_use]
    pub fn may_be_zero(self) -> bool {
        matches!(self, Self::Seed | Self::WarmupSteps | Self::DecaySteps | Self::MinLearningRate)
    }

    /// Whether the value is a text.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Schedule
                | Self::InitFrom
                | Self::Ended
                | Self::Router
                | Self::ExpertSizes
                | Self::UpcycledFrom
                | Self::StepMetric
                | Self::Gpu
        )
    }

    /// All names, in display order.
    pub const ALL: [Self; 38] = [
        Self::Params,
        Self::ActiveParams,
        Self::TotalParams,
        Self::Mixture,
        Self::Phases,
        Self::BatchTokens,
        Self::BatchSequences,
        Self::SequenceLength,
        Self::PlannedSteps,
        Self::PlannedTokens,
        Self::Experts,
        Self::ExpertsPerToken,
        Self::Granularity,
        Self::SharedExperts,
        Self::ExpertSizes,
        Self::UpcycledFrom,
        Self::UpcycledTokens,
        Self::Layers,
        Self::MoeLayers,
        Self::FirstDenseLayers,
        Self::CapacityFactor,
        Self::Router,
        Self::EmbeddingParams,
        Self::FlopsPerToken,
        Self::LearningRate,
        Self::MinLearningRate,
        Self::Schedule,
        Self::WarmupSteps,
        Self::DecaySteps,
        Self::Seed,
        Self::InitFrom,
        Self::Ended,
        Self::TokensPerStep,
        Self::Tokens,
        Self::StepMetric,
        Self::Gpu,
        Self::Gpus,
        Self::PeakFlops,
    ];

    /// The name in project files and JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Params => "params",
            Self::ActiveParams => "active_params",
            Self::TotalParams => "total_params",
            Self::Mixture => "mixture",
            Self::Phases => "phases",
            Self::BatchTokens => "batch_tokens",
            Self::BatchSequences => "batch_sequences",
            Self::SequenceLength => "sequence_length",
            Self::PlannedSteps => "planned_steps",
            Self::PlannedTokens => "planned_tokens",
            Self::Experts => "experts",
            Self::ExpertsPerToken => "experts_per_token",
            Self::Granularity => "granularity",
            Self::SharedExperts => "shared_experts",
            Self::ExpertSizes => "expert_sizes",
            Self::UpcycledFrom => "upcycled_from",
            Self::UpcycledTokens => "upcycled_tokens",
            Self::Layers => "layers",
            Self::MoeLayers => "moe_layers",
            Self::FirstDenseLayers => "first_dense_layers",
            Self::CapacityFactor => "capacity_factor",
            Self::Router => "router",
            Self::EmbeddingParams => "embedding_params",
            Self::FlopsPerToken => "flops_per_token",
            Self::LearningRate => "learning_rate",
            Self::MinLearningRate => "min_learning_rate",
            Self::Schedule => "schedule",
            Self::WarmupSteps => "warmup_steps",
            Self::DecaySteps => "decay_steps",
            Self::Seed => "seed",
            Self::InitFrom => "init_from",
            Self::Ended => "ended",
            Self::TokensPerStep => "tokens_per_step",
            Self::Tokens => "tokens",
            Self::StepMetric => "step_metric",
            Self::Gpu => "gpu",
            Self::Gpus => "gpus",
            Self::PeakFlops => "peak_flops",
        }
    }
}

/// The value of a fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FactValue {
    /// A number, such as a count, a size or a rate.
    Number(f64),
    /// A text, such as the name of a schedule.
    Text(String),
    /// Mixture weights of the domains.
    Mixture(Mixture),
    /// Mixtures one after another.
    Phases(Vec<Phase>),
}

/// A value with its source, such as `config.json#params_non_embedding`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// File, relative to the run, and position in it.
    pub source: String,
}

/// Two sources that disagree about a fact; the first one is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Conflict {
    /// Name of the fact.
    pub name: FactName,
    /// The value that is used.
    pub kept: Sourced<FactValue>,
    /// The value that is not used.
    pub other: Sourced<FactValue>,
}

/// Facts of one run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Facts {
    /// The facts that are used.
    pub known: BTreeMap<FactName, Sourced<FactValue>>,
    /// Conflicts between sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// The other settings of its configuration, by dotted key.
    #[serde(default, skip_serializing_if = "no_settings")]
    pub settings: Arc<BTreeMap<String, String>>,
}

/// Whether nothing is set.
pub(super) fn no_settings(settings: &Arc<BTreeMap<String, String>>) -> bool {
    settings.is_empty()
}

impl Facts {
    /// Adds a fact unless it is already known: offer the most trusted source first. A different value (for numbers, by
    /// more than 0.1 %) is recorded as a conflict.
    pub fn offer(&mut self, name: FactName, value: FactValue, source: impl Into<String>) {
        let offered = Sourced { value, source: source.into() };
        match self.known.get(&name) {
            None => {
                self.known.insert(name, offered);
            }
            Some(kept) if agree(&kept.value, &offered.value) => {}
            Some(kept) => {
                let conflict = Conflict { name, kept: kept.clone(), other: offered };
                if !self.conflicts.contains(&conflict) {
                    self.conflicts.push(conflict);
                }
            }
        }
    }

    /// What is used, with the tokens and FLOPs that follow from it, each with what they follow from.
    #[must_use]
    pub fn with_tokens(&self) -> BTreeMap<FactName, Sourced<FactValue>> {
        let mut all = self.known.clone();
        let mut add = |name, value: Option<f64>, from: &[FactName]| {
            if let Some(value) = value {
                let known = from.iter().filter(|name| self.known.contains_key(name)).map(|name| name.as_str());
                let source = known.collect::<Vec<_>>().join(" × ");
                all.entry(name).or_insert(Sourced { value: FactValue::Number(value), source });
            }
        };
        let (batch, sequences, length) = (FactName::BatchTokens, FactName::BatchSequences, FactName::SequenceLength);
        let per_step: &[FactName] = if self.known.contains_key(&batch) { &[batch] } else { &[sequences, length] };
        add(FactName::TokensPerStep, self.tokens_per_step(), per_step);
        let planned: Vec<FactName> = match self.known.contains_key(&FactName::PlannedTokens) {
            true => vec![FactName::PlannedTokens],
            false => [&[FactName::PlannedSteps], per_step].concat(),
        };
        add(FactName::Tokens, self.planned_tokens(), &planned);
        let sizes = [FactName::ActiveParams, FactName::Params, FactName::TotalParams];
        let size = sizes.into_iter().find(|name| self.number(*name).is_some());
        let flops = size.and_then(|name| self.number(name)).map(|active| 6.0 * active);
        add(FactName::FlopsPerToken, flops, size.as_slice());
        all
    }

    /// The value of a numeric fact.
    #[must_use]
    pub fn number(&self, name: FactName) -> Option<f64> {
        match self.known.get(&name)?.value {
            FactValue::Number(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a text fact.
    #[must_use]
    pub fn text(&self, name: FactName) -> Option<&str> {
        match &self.known.get(&name)?.value {
            FactValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The mixture; its weights sum to one.
    #[must_use]
    pub fn mixture(&self) -> Option<&Mixture> {
        match &self.known.get(&FactName::Mixture)?.value {
            FactValue::Mixture(mixture) => Some(mixture),
            _ => None,
        }
    }

    /// N, without embeddings if that number is known.
    #[must_use]
    pub fn params(&self) -> Option<f64> {
        self.number(FactName::Params).or(self.number(FactName::TotalParams))
    }

    /// The shape of a mixture-of-experts model; `None` for a dense model or if N is unknown.
    #[must_use]
    pub fn moe(&self) -> Option<Moe> {
        Some(self.shape(self.params()?)).filter(|moe| moe.experts > 1.0)
    }

    /// The run's size with the given number of tokens; N is NaN if unknown.
    #[must_use]
    pub fn scale(&self, tokens: f64) -> Scale {
        let params = self.params().unwrap_or(f64::NAN);
        let shape = self.shape(params);
        // A dense run may still say that a token uses only some of its parameters.
        let some = self.number(FactName::ActiveParams).is_some_and(|active| active != params);
        let plain = shape.experts <= 1.0 && shape.experts_per_token <= 1.0 && shape.granularity <= 1.0 && !some;
        Scale { params, tokens, moe: (!plain).then_some(shape) }
    }

    fn shape(&self, params: f64) -> Moe {
        let count = |name| self.number(name).unwrap_or(1.0).max(1.0);
        Moe {
            active_params: self.number(FactName::ActiveParams).unwrap_or(params),
            experts: count(FactName::Experts),
            experts_per_token: count(FactName::ExpertsPerToken),
            granularity: count(FactName::Granularity),
        }
    }

    /// Planned training tokens, given directly or as steps × tokens per step.
    #[must_use]
    pub fn planned_tokens(&self) -> Option<f64> {
        self.number(FactName::PlannedTokens)
            .or_else(|| self.number(FactName::Tokens))
            .or_else(|| Some(self.number(FactName::PlannedSteps)? * self.tokens_per_step()?))
    }

    /// Tokens per step, given directly or as sequences × tokens per sequence.
    #[must_use]
    pub fn tokens_per_step(&self) -> Option<f64> {
        tokens_per_step(|name| self.number(name))
    }
}

/// Tokens per step from numeric facts, given directly or as sequences × tokens per sequence.
pub(super) fn tokens_per_step(number: impl Fn(FactName) -> Option<f64>) -> Option<f64> {
    number(FactName::BatchTokens)
        .or_else(|| number(FactName::TokensPerStep))
        .or_else(|| Some(number(FactName::BatchSequences)? * number(FactName::SequenceLength)?))
}

fn agree(a: &FactValue, b: &FactValue) -> bool {
    let close = |x: f64, y: f64| (x - y).abs() <= 1e-3 * x.abs().max(y.abs());
    match (a, b) {
        (FactValue::Number(x), FactValue::Number(y)) => close(*x, *y),
        (FactValue::Mixture(x), FactValue::Mixture(y)) => {
            x.0.keys().chain(y.0.keys()).all(|d| (x.weight(d) - y.weight(d)).abs() <= 1e-3)
        }
        (FactValue::Phases(x), FactValue::Phases(y)) if x.len() == y.len() => x.iter().zip(y).all(|(x, y)| {
            let mixture = |phase: &Phase| FactValue::Mixture(phase.mixture.clone());
            x.until == y.until && agree(&mixture(x), &mixture(y))
        }),
        (x, y) => x == y,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_offer_wins_and_a_disagreement_is_kept() {
        let mut facts = Facts::default();
        facts.offer(FactName::Params, FactValue::Number(1e9), "config.json#params");
        facts.offer(FactName::Params, FactValue::Number(1.0005e9), "train.log:12");
        assert!(facts.conflicts.is_empty(), "half a part in a thousand is rounding");
        for _ in 0..2 {
            facts.offer(FactName::Params, FactValue::Number(2e9), "args.json#n");
        }
        assert_eq!(facts.number(FactName::Params), Some(1e9));
        assert_eq!(facts.conflicts.len(), 1, "the same disagreement is recorded once");
    }

    #[test]
    fn tokens_follow_from_what_they_are_made_of() {
        let mut facts = Facts::default();
        for (name, value) in
            [(FactName::BatchSequences, 64.0), (FactName::SequenceLength, 1024.0), (FactName::PlannedSteps, 300.0)]
        {
            facts.offer(name, FactValue::Number(value), "config.json");
        }
        let all = facts.with_tokens();
        let said = |name| all.get(&name).map(|fact| (fact.value.clone(), fact.source.as_str()));
        assert_eq!(
            said(FactName::TokensPerStep),
            Some((FactValue::Number(65_536.0), "batch_sequences × sequence_length"))
        );
        let steps = "planned_steps × batch_sequences × sequence_length";
        assert_eq!(said(FactName::Tokens), Some((FactValue::Number(19_660_800.0), steps)));
        assert!(Facts::default().with_tokens().is_empty());
        facts.offer(FactName::Params, FactValue::Number(2e9), "config.json");
        facts.offer(FactName::ActiveParams, FactValue::Number(5e8), "config.json");
        let flops = facts.with_tokens()[&FactName::FlopsPerToken].clone();
        assert_eq!((flops.value, flops.source.as_str()), (FactValue::Number(3e9), "active_params"));
    }

    #[test]
    fn names_are_the_same_in_rust_and_in_json() {
        for name in FactName::ALL {
            assert_eq!(serde_json::to_value(name).ok(), Some(name.as_str().into()));
        }
    }

    #[test]
    fn a_scale_has_the_shape_that_is_stated_and_none_where_all_is_plain() {
        let facts = |known: &[(FactName, f64)]| {
            let mut facts = Facts::default();
            known.iter().for_each(|(name, value)| facts.offer(*name, FactValue::Number(*value), "test"));
            facts
        };
        let dense = facts(&[(FactName::Params, 1e9), (FactName::ActiveParams, 1e9)]);
        assert_eq!((dense.moe(), dense.scale(5.0)), (None, Scale::dense(1e9, 5.0)));
        // Parameters that no token uses are no experts, but a law in active parameters must not count them.
        let partly = facts(&[(FactName::Params, 1e9), (FactName::ActiveParams, 4e8)]);
        assert_eq!((partly.moe(), partly.scale(5.0).active_params()), (None, 4e8));
        let moe = facts(&[(FactName::Params, 1e9), (FactName::Experts, 8.0)]);
        assert_eq!(moe.scale(5.0).moe, moe.moe());
        assert!(moe.moe().is_some_and(|m| m.experts == 8.0 && m.experts_per_token == 1.0));
        assert!(facts(&[]).scale(5.0).params.is_nan());
    }
}
