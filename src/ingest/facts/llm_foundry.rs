//! Facts in the configuration of LLM Foundry (Composer).
//!
//! Read in mosaicml/llm-foundry: `scripts/train/yamls/pretrain/*.yaml`. Values may point elsewhere, `${max_seq_len}` and
//! `${variables.max_seq_len}`; lengths are in batches or tokens, `4800ba`, `2.5e9tok`. The mixture (`streams`, each with a
//! `proportion`) is found as anybody's.

use super::keys::number;
use super::{Found, architecture, hf_args};
use crate::vocab::{FactName, FactValue};
use serde_json::{Value, json};

/// Whether a dictionary is such a configuration.
#[must_use]
pub fn is_one(config: &Value) -> bool {
    ["max_duration", "train_loader", "model"].iter().all(|key| config.get(key).is_some())
}

/// Facts, if it is.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    if !is_one(config) {
        return found;
    }
    let mut add = |name: FactName, value: Option<f64>, place: &str| {
        let value = value.filter(|value| *value > 0.0 || name.may_be_zero());
        found.extend(value.map(|value| (name, FactValue::Number(value), place.to_owned())));
    };
    let amount = |path: &str| at(config, path).and_then(number);
    add(FactName::BatchSequences, amount("global_train_batch_size"), "global_train_batch_size");
    let lengths = ["max_seq_len", "model.max_seq_len", "train_loader.dataset.max_seq_len"];
    if let Some(path) = lengths.into_iter().find(|path| amount(path).is_some()) {
        add(FactName::SequenceLength, amount(path), path);
    }
    let time = |path: &str, unit: &str| at(config, path)?.as_str()?.strip_suffix(unit)?.replace('_', "").parse().ok();
    add(FactName::PlannedSteps, time("max_duration", "ba"), "max_duration");
    add(FactName::PlannedTokens, time("max_duration", "tok"), "max_duration");
    let rate = amount("optimizer.lr");
    add(FactName::LearningRate, rate, "optimizer.lr");
    let least = rate.zip(amount("scheduler.alpha_f")).map(|(rate, part)| rate * part);
    add(FactName::MinLearningRate, least, "scheduler.alpha_f");
    add(FactName::WarmupSteps, time("scheduler.t_warmup", "ba"), "scheduler.t_warmup");
    add(FactName::Seed, amount("seed").or_else(|| amount("global_seed")), "seed");
    let name = at(config, "scheduler.name").and_then(Value::as_str);
    let kind = name.and_then(|name| hf_args::schedule(name.split('_').next().unwrap_or(name)));
    found.extend(kind.map(|kind| (FactName::Schedule, FactValue::Text(kind.to_owned()), "scheduler.name".to_owned())));
    let from = at(config, "load_path").and_then(Value::as_str).filter(|path| !path.is_empty());
    found.extend(from.map(|from| (FactName::InitFrom, FactValue::Text(from.to_owned()), "load_path".to_owned())));
    let model = as_transformers(config);
    let counted = model.iter().flat_map(architecture::facts).filter(|(name, _, _)| *name == FactName::Params);
    found.extend(counted.map(|(name, value, _)| (name, value, "model".to_owned())));
    found
}

/// What stands at a path, or where that points.
fn at<'a>(config: &'a Value, path: &str) -> Option<&'a Value> {
    let look = |path: &str| path.split('.').try_fold(config, |value, key| value.get(key));
    let mut value = look(path)?;
    // What points in a circle leads nowhere.
    for _ in 0..4 {
        let Some(elsewhere) = value.as_str().and_then(|text| text.strip_prefix("${")?.strip_suffix('}')) else {
            return Some(value);
        };
        value = look(elsewhere)?;
    }
    None
}

/// MPT, in the words of Hugging Face transformers, without its biases: less than a thousandth.
fn as_transformers(config: &Value) -> Option<Value> {
    let get = |key: &str| at(config, &format!("model.{key}")).and_then(number);
    if at(config, "model.name")?.as_str()? != "mpt_causal_lm" || at(config, "model.ffn_config").is_some() {
        return None;
    }
    Some(json!({
        "model_type": "mpt", "d_model": get("d_model")?, "n_heads": get("n_heads")?, "n_layers": get("n_layers")?,
        "expansion_ratio": get("expansion_ratio").unwrap_or(4.0), "vocab_size": get("vocab_size")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::super::{config, tests::numbers};
    use super::*;

    #[test]
    fn lengths_pointers_and_streams_are_read() {
        let config = json!({
            "variables": {"global_seed": 3, "max_seq_len": 1024}, "max_seq_len": "${variables.max_seq_len}",
            "model": {"name": "mpt_causal_lm", "d_model": 512, "n_heads": 8, "n_layers": 4, "expansion_ratio": 4,
                      "max_seq_len": "${max_seq_len}", "vocab_size": 50_368},
            "train_loader": {"name": "text", "dataset": {"streams": {"code": {"local": "/a", "proportion": 0.3}, "web": {"local": "/b", "proportion": 0.7}}}},
            "scheduler": {"name": "cosine_with_warmup", "t_warmup": "100ba", "alpha_f": 0.1},
            "optimizer": {"name": "decoupled_adamw", "lr": 6e-4}, "max_duration": "4800ba",
            "global_train_batch_size": 256, "seed": "${variables.global_seed}", "device_train_microbatch_size": 16,
        });
        let found = config::facts(&config);
        for (name, value) in [
            (FactName::SequenceLength, 1024.0),
            (FactName::BatchSequences, 256.0),
            (FactName::PlannedSteps, 4800.0),
            (FactName::WarmupSteps, 100.0),
            (FactName::LearningRate, 6e-4),
            (FactName::Seed, 3.0),
            (FactName::Params, 4.0 * (12.0 * 512.0 * 512.0 + 2.0 * 512.0) + 512.0),
        ] {
            assert_eq!(numbers(&found, name), [value], "{name:?}: {found:?}");
        }
        assert!(found.iter().any(|(_, value, _)| matches!(value, FactValue::Mixture(m) if m.weight("code") == 0.3)));
        let circle = json!({"max_duration": "1e9tok", "train_loader": {}, "model": {}, "seed": "${seed}"});
        assert_eq!(numbers(&facts(&circle), FactName::PlannedTokens), [1e9]);
    }
}
