//! Facts in Levanter's configuration.
//!
//! Read in stanford-crfm/levanter: `config/llama2_nano.yaml` and its neighbours, `config/data/pile_mixture.yaml`. The size of the
//! vocabulary is the tokenizer's, so that only N without embeddings is counted, of models whose widths are all written.

use super::keys::number;
use super::{Found, architecture};
use crate::vocab::{FactName, FactValue, Mixture};
use serde_json::{Value, json};

/// Facts, if the dictionary is such a configuration: it has `trainer.num_train_steps` and `trainer.train_batch_size`.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let at = |path: &str| path.split('.').try_fold(config, |value, key| value.get(key));
    let positive = |path: &str| at(path).and_then(number).filter(|n| *n > 0.0);
    let mut found = Vec::new();
    if at("trainer.train_batch_size").is_none() || positive("trainer.num_train_steps").is_none() {
        return found;
    }
    for (name, paths) in [
        (FactName::PlannedSteps, &["trainer.num_train_steps"][..]),
        (FactName::BatchSequences, &["trainer.train_batch_size"]),
        (FactName::SequenceLength, &["train_seq_len", "model.max_seq_len", "model.seq_len"]),
        (FactName::LearningRate, &["optimizer.learning_rate"]),
        (FactName::Seed, &["trainer.seed"]),
    ] {
        let value = paths.iter().find_map(|path| Some((positive(path)?, *path)));
        found.extend(value.map(|(value, path)| (name, FactValue::Number(value), path.to_owned())));
    }
    let weights = at("data.train_weights").and_then(Value::as_object);
    let weights = weights.map(|all| all.iter().map(|(name, weight)| Some((name.clone(), number(weight)?))).collect());
    if let Some((mixture, _)) = weights.flatten().and_then(|weights| Mixture(weights).normalised().ok()) {
        found.push((FactName::Mixture, FactValue::Mixture(mixture), "data.train_weights".to_owned()));
    }
    let get = |key: &str| positive(&format!("model.{key}"));
    let model = || {
        Some(json!({
            "model_type": "llama", "hidden_size": get("hidden_dim")?, "intermediate_size": get("intermediate_dim")?,
            "num_hidden_layers": get("num_layers")?, "num_attention_heads": get("num_heads")?,
            "num_key_value_heads": get("num_kv_heads").or_else(|| get("num_heads"))?, "vocab_size": 1,
        }))
    };
    let llama = matches!(at("model.type").and_then(Value::as_str), Some("llama" | "mistral"));
    let counted = llama.then(model).flatten();
    let counted = counted.iter().flat_map(architecture::facts).filter(|(name, _, _)| *name == FactName::Params);
    found.extend(counted.map(|(name, value, _)| (name, value, "model".to_owned())));
    found
}

#[cfg(test)]
mod tests {
    use super::super::{config, tests::numbers};
    use super::*;

    #[test]
    fn length_batch_and_weights_are_read() {
        let config = json!({
            "data": {"train_weights": {"code": 0.3, "web": 0.7}, "tokenizer": "t"},
            "model": {"type": "llama", "hidden_dim": 64, "intermediate_dim": 256, "num_heads": 4, "num_kv_heads": 2, "num_layers": 2, "seq_len": 512},
            "trainer": {"train_batch_size": 32, "num_train_steps": 100, "seed": 1}, "optimizer": {"learning_rate": 1e-3},
        });
        let found = config::facts(&config);
        let layers = 2.0 * (64.0 * 64.0 * 2.0 + 64.0 * 32.0 * 2.0 + 3.0 * 64.0 * 256.0 + 2.0 * 64.0) + 64.0;
        for (name, value) in [
            (FactName::PlannedSteps, 100.0),
            (FactName::BatchSequences, 32.0),
            (FactName::SequenceLength, 512.0),
            (FactName::Params, layers),
        ] {
            assert_eq!(numbers(&found, name), [value], "{name:?}: {found:?}");
        }
        assert!(numbers(&found, FactName::TotalParams).is_empty(), "the vocabulary is the tokenizer's");
        assert!(found.iter().any(|(_, value, _)| matches!(value, FactValue::Mixture(m) if m.weight("code") == 0.3)));
    }
}
