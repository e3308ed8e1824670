//! Facts in nanochat's arguments, as W&B and `meta_*.json` keep them.
//!
//! Read in karpathy/nanochat, `scripts/base_train.py`: the width follows from the depth, -1 stands for what is worked out, and the
//! batch is in tokens, however small.

use super::Found;
use super::keys::number;
use crate::vocab::{FactName, FactValue};
use serde_json::Value;

/// Facts, if the dictionary has its arguments (`depth`, `aspect_ratio`, `device_batch_size`, `max_seq_len`), or has them inside
/// (`user_config`).
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let inside = config.get("user_config");
    let arguments = inside.unwrap_or(config);
    let get = |key: &str| arguments.get(key).and_then(number).filter(|n| *n > 0.0);
    let (Some(depth), Some(aspect), Some(_), Some(length)) =
        (get("depth"), get("aspect_ratio"), get("device_batch_size"), get("max_seq_len"))
    else {
        return Vec::new();
    };
    let head = get("head_dim").unwrap_or(128.0);
    let width = (depth * aspect / head).ceil() * head;
    // Four matrices of attention and two of four times the width; norms have no parameters.
    let mut found = vec![
        (FactName::Params, FactValue::Number(12.0 * depth * width * width), "depth × aspect_ratio".to_owned()),
        (FactName::SequenceLength, FactValue::Number(length), "max_seq_len".to_owned()),
    ];
    // What was worked out stands beside the arguments.
    let batch =
        inside.and_then(|_| config.get("total_batch_size").and_then(number)).or_else(|| get("total_batch_size"));
    for (name, value, place) in [
        (FactName::BatchTokens, batch, "total_batch_size"),
        (FactName::PlannedSteps, get("num_iterations"), "num_iterations"),
        (FactName::WarmupSteps, get("warmup_steps"), "warmup_steps"),
    ] {
        found.extend(value.map(|value| (name, FactValue::Number(value), place.to_owned())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::{config, tests::numbers};
    use super::*;
    use serde_json::json;

    #[test]
    fn the_width_follows_from_the_depth_and_batches_are_in_tokens() {
        let arguments = json!({
            "run": "d6", "depth": 6, "aspect_ratio": 64, "head_dim": 128, "max_seq_len": 512, "num_iterations": -1,
            "target_param_data_ratio": 12.0, "device_batch_size": 4, "total_batch_size": 8192, "warmup_steps": 40,
        });
        let found = config::facts(&arguments);
        for (name, value) in [
            (FactName::Params, 12.0 * 6.0 * 384.0 * 384.0),
            (FactName::SequenceLength, 512.0),
            (FactName::BatchTokens, 8192.0),
        ] {
            assert_eq!(numbers(&found, name).first(), Some(&value), "{name:?}: {found:?}");
        }
        assert!(numbers(&found, FactName::BatchSequences).is_empty());
        assert!(numbers(&found, FactName::PlannedSteps).is_empty(), "-1 is worked out");
        let mut kept = arguments.clone();
        kept["total_batch_size"] = json!(-1);
        let meta = json!({"step": 10, "user_config": kept, "total_batch_size": 16_384, "max_seq_len": 512});
        assert_eq!(numbers(&config::facts(&meta), FactName::BatchTokens), [16_384.0]);
    }
}
