//! Facts in LitGPT's settings (`hyperparameters.yaml` beside each checkpoint, what it prints and logs).
//!
//! Read in Lightning-AI/litgpt: `litgpt/pretrain.py`, `litgpt/args.py`, `config_hub/pretrain/*.yaml`. It logs and prints by
//! iteration, one batch of every device, and an optimizer's step takes several: `train.global_batch_size` is no batch of its axis.

use super::Found;
use super::keys::number;
use crate::vocab::{FactName, FactValue};
use serde_json::Value;

fn positive(config: &Value, path: &str) -> Option<f64> {
    path.split('.').try_fold(config, |value, key| value.get(key)).and_then(number).filter(|n| *n > 0.0)
}

fn is_one(config: &Value) -> bool {
    ["global_batch_size", "micro_batch_size"].iter().all(|key| positive(config, &format!("train.{key}")).is_some())
}

/// Facts, if the dictionary has `train.global_batch_size` and `train.micro_batch_size`.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    if !is_one(config) {
        return Vec::new();
    }
    let devices = positive(config, "devices").map(|each| each * positive(config, "num_nodes").unwrap_or(1.0));
    let batch = positive(config, "train.micro_batch_size").zip(devices).map(|(micro, devices)| micro * devices);
    let length = positive(config, "train.max_seq_length");
    let length = length.map(|n| (n, "train.max_seq_length"));
    let length = length.or_else(|| positive(config, "model_config.block_size").map(|n| (n, "model_config.block_size")));
    let length = length.or_else(|| positive(config, "model.block_size").map(|n| (n, "model.block_size")));
    [
        batch.map(|n| (FactName::BatchSequences, n, "train.micro_batch_size × devices")),
        length.map(|(n, place)| (FactName::SequenceLength, n, place)),
        positive(config, "train.max_tokens").map(|n| (FactName::PlannedTokens, n, "train.max_tokens")),
        positive(config, "train.min_lr").map(|n| (FactName::MinLearningRate, n, "train.min_lr")),
    ]
    .into_iter()
    .flatten()
    .map(|(name, value, place)| (name, FactValue::Number(value), place.to_owned()))
    .collect()
}

/// Whether something found is a batch that takes LitGPT several iterations, or what is counted in such.
#[must_use]
pub fn is_of_several_iterations(config: &Value, (name, _, place): &Found) -> bool {
    let batch = matches!(name, FactName::BatchSequences | FactName::BatchTokens);
    let steps = matches!(name, FactName::WarmupSteps | FactName::PlannedSteps);
    (batch || steps) && place.starts_with("train.") && is_one(config)
}

#[cfg(test)]
mod tests {
    use super::super::{config, tests::numbers};
    use super::*;
    use serde_json::json;

    #[test]
    fn a_batch_is_that_of_an_iteration_where_it_is_known() {
        let mut config = json!({
            "model_name": "pythia-14m", "data": "TinyLlama", "devices": "auto", "seed": 42,
            "train": {"global_batch_size": 512, "micro_batch_size": 4, "lr_warmup_steps": 2000, "epochs": null, "max_tokens": 3_000_000_000u64,
                      "max_steps": null, "max_seq_length": 2048, "min_lr": 4e-5},
        });
        let found = config::facts(&config);
        assert!(numbers(&found, FactName::BatchSequences).is_empty());
        assert_eq!(numbers(&found, FactName::SequenceLength).first(), Some(&2048.0));
        assert_eq!(numbers(&found, FactName::PlannedTokens).first(), Some(&3e9));
        config["devices"] = json!(8);
        assert_eq!(numbers(&config::facts(&config), FactName::BatchSequences), [32.0]);
    }
}
