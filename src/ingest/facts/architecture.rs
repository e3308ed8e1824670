//! N from a model's configuration: how many parameters the tensors of an architecture have.
//!
//! Counted without embeddings, without learned positions and without the output matrix (Kaplan et al. 2020, section
//! 2.1, leaves out both ends), and in total. For mixtures of experts N is all experts and active N those a token is
//! routed to, shared experts in both (Clark et al. 2022; Dai et al. 2024). The formulas follow the reference code of
//! each family in Hugging Face transformers, biases and norms included; the tests compare with what that code builds.

use super::Found;
use super::families::{Experts, plan};
use super::hybrids;
use super::keys::Keys;
use super::uneven;
use crate::vocab::{FactName, FactValue};
use serde_json::Value;

/// Parameters of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Count {
    /// N without embeddings and output matrix, all experts.
    pub params: f64,
    /// The same with only the experts a token is routed to.
    pub active: f64,
    /// Everything, embeddings once where input and output share them.
    pub total: f64,
    /// What is known of the experts.
    pub moe: Option<Experts>,
    /// Layers.
    pub layers: f64,
    /// Those with experts.
    pub moe_layers: f64,
}

/// N, active N, total N and the shape of the experts from a model's configuration.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let (config, whole) = match config.get("text_config") {
        // Of a model that also sees, the part that is trained on text; what is around it is not counted.
        Some(text) if text.is_object() => (text, false),
        _ => (config, true),
    };
    let Some((family, count)) = count(config) else { return Vec::new() };
    let place = format!("{family} formula");
    let mut found = vec![(FactName::Params, count.params)];
    found.push((FactName::Layers, count.layers));
    if whole {
        found.push((FactName::TotalParams, count.total));
        found.push((FactName::EmbeddingParams, count.total - count.params));
    }
    if let Some(moe) = count.moe {
        found.push((FactName::ActiveParams, count.active));
        found.push((FactName::Experts, moe.experts));
        found.push((FactName::ExpertsPerToken, moe.per_token));
        found.push((FactName::Granularity, moe.granularity));
        found.push((FactName::MoeLayers, count.moe_layers));
    }
    found.into_iter().map(|(name, value)| (name, FactValue::Number(value), place.clone())).collect()
}

/// The family and the count, if the configuration is of a family that is known.
#[must_use]
pub fn count(config: &Value) -> Option<(&str, Count)> {
    let keys = Keys(config);
    if keys.flag("is_encoder_decoder", false) {
        return None;
    }
    let d = keys.number(&["hidden_size", "n_embd", "d_model", "n_embed"])?;
    let layers = keys.number(&["num_hidden_layers", "n_layer", "n_layers", "num_layers"])?;
    let vocab = keys.number(&["vocab_size", "padded_vocab_size"])?;
    let family = match keys.text("model_type") {
        Some(family) => family,
        // nanoGPT and its children have no model_type.
        None if config.get("n_embd").is_some() && config.get("n_layer").is_some() => "nanogpt",
        // Whoever uses the names of Hugging Face and says no more means what most mean.
        None if config.get("num_hidden_layers").is_some() && config.get("intermediate_size").is_some() => "llama",
        None => return None,
    };
    let sane = |x: f64| (1.0..=1e9).contains(&x);
    if !(sane(d) && sane(layers) && sane(vocab)) || layers > 10_000.0 {
        return None;
    }
    let plan = match family {
        _ if hybrids::FAMILIES.contains(&family) => hybrids::plan,
        _ if uneven::FAMILIES.contains(&family) => uneven::plan,
        _ => plan,
    }(family, &keys, d, layers, vocab)?;
    let everywhere = layers * plan.each_layer + plan.ends;
    let (routed, idle, with_experts) = match &plan.moe {
        Some(moe) => {
            let Experts { experts, per_token, .. } = moe.experts;
            let all = moe.layers * (moe.around + experts * moe.expert);
            (all, moe.layers * (experts - per_token) * moe.expert, moe.layers)
        }
        None => (0.0, 0.0, 0.0),
    };
    let params = everywhere + (layers - with_experts) * plan.dense + routed;
    let total = params + plan.embedding + plan.head;
    let count = Count {
        params,
        active: params - idle,
        total,
        moe: plan.moe.map(|moe| moe.experts),
        layers,
        moe_layers: with_experts,
    };
    (params.is_finite() && count.active > 0.0).then_some((family, count))
}
