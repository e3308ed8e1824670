//! Facts in MaxText's configuration.
//!
//! Read in AI-Hypercomputer/maxtext, `MaxText/configs/base.yml`. The batch is that of one device (`per_device_batch_size`), and
//! how many there are is not said: its log has the tokens of a step.

use super::keys::{Keys, number};
use super::{Found, architecture};
use crate::vocab::{FactName, FactValue};
use serde_json::{Value, json};

/// Facts, if the dictionary is such a configuration: it has `base_emb_dim` and `max_target_length`.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    let get = |key: &str| config.get(key).and_then(number).filter(|n| *n > 0.0);
    let (Some(_), Some(length)) = (get("base_emb_dim"), get("max_target_length")) else { return found };
    let mut add = |name: FactName, value: Option<f64>, place: &str| {
        found.extend(value.map(|value| (name, FactValue::Number(value), place.to_owned())));
    };
    add(FactName::SequenceLength, Some(length), "max_target_length");
    let schedule = get("learning_rate_schedule_steps");
    let steps = get("steps").or(schedule);
    add(FactName::PlannedSteps, steps, "steps");
    let rate = get("learning_rate");
    add(FactName::LearningRate, rate, "learning_rate");
    let part = get("learning_rate_final_fraction").or_else(|| get("cosine_learning_rate_final_fraction"));
    add(FactName::MinLearningRate, rate.zip(part).map(|(rate, part)| rate * part), "learning_rate_final_fraction");
    let warmup = schedule.or(steps).zip(get("warmup_steps_fraction")).map(|(steps, part)| (part * steps).round());
    add(FactName::WarmupSteps, warmup, "warmup_steps_fraction");
    let model = as_transformers(config);
    let counted =
        model.iter().flat_map(architecture::facts).map(|(name, value, _)| (name, value, "base_emb_dim".to_owned()));
    found.extend(counted);
    found
}

/// A dense model of LLaMA's kind in the words of Hugging Face transformers; `None` for others.
fn as_transformers(config: &Value) -> Option<Value> {
    let keys = Keys(config);
    let get = |key: &str| keys.number(&[key]);
    let llama = matches!(keys.text("decoder_block"), Some("llama2" | "llama" | "mistral"));
    let whole = get("global_parameter_scale").unwrap_or(1.0) == 1.0 && get("num_experts").unwrap_or(1.0) <= 1.0;
    let gated = config.get("mlp_activations").and_then(Value::as_array).is_some_and(|all| all.len() == 2);
    (llama && whole && gated).then(|| {
        Some(json!({
            "model_type": "llama", "hidden_size": get("base_emb_dim")?, "intermediate_size": get("base_mlp_dim")?,
            "num_hidden_layers": get("base_num_decoder_layers")?, "num_attention_heads": get("base_num_query_heads")?,
            "num_key_value_heads": get("base_num_kv_heads")?, "head_dim": get("head_dim")?, "vocab_size": get("vocab_size")?,
            "tie_word_embeddings": keys.flag("logits_via_embedding", false),
        }))
    })?
}

#[cfg(test)]
mod tests {
    use super::super::{config, tests::numbers};
    use super::*;

    #[test]
    fn a_dense_model_and_its_length_are_read() {
        let mut config = json!({
            "decoder_block": "llama2", "global_parameter_scale": 1, "base_emb_dim": 512, "base_num_query_heads": 8,
            "base_num_kv_heads": 4, "base_mlp_dim": 2048, "base_num_decoder_layers": 6, "head_dim": 64, "num_experts": 1,
            "mlp_activations": ["silu", "linear"], "vocab_size": 32_000, "per_device_batch_size": 12.0, "steps": 1000,
            "learning_rate": 3e-4, "warmup_steps_fraction": 0.1, "learning_rate_schedule_steps": -1, "max_target_length": 1024,
            "cosine_learning_rate_final_fraction": 0.1, "logits_via_embedding": false,
        });
        let found = config::facts(&config);
        let layers = 6.0 * (512.0 * 512.0 * 2.0 + 512.0 * 256.0 * 2.0 + 3.0 * 512.0 * 2048.0 + 2.0 * 512.0) + 512.0;
        for (name, value) in [
            (FactName::SequenceLength, 1024.0),
            (FactName::PlannedSteps, 1000.0),
            (FactName::WarmupSteps, 100.0),
            (FactName::Params, layers),
        ] {
            assert_eq!(numbers(&found, name).first(), Some(&value), "{name:?}: {found:?}");
        }
        assert!(numbers(&found, FactName::BatchSequences).is_empty(), "that of all devices is not known");
        config["global_parameter_scale"] = json!(2);
        assert!(numbers(&config::facts(&config), FactName::Params).is_empty(), "another size than it says");
    }
}
