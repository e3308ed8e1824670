//! N by formula against what Hugging Face transformers builds (`tests/data/architectures.py`).

use mixlaw::ingest::facts::architecture::{count, facts};
use mixlaw::vocab::{FactName, FactValue};
use serde_json::{Value, json};

#[test]
fn formulas_count_what_the_reference_code_builds() {
    let mut wrong = Vec::new();
    for line in include_str!("../data/architectures.jsonl").lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let Some((_, found)) = count(&case["config"]) else {
            wrong.push(format!("{}: not counted", case["name"]));
            continue;
        };
        for (what, ours) in [("total", found.total), ("params", found.params), ("active", found.active)] {
            if case[what].as_f64() != Some(ours) {
                wrong.push(format!("{}: {what} is {ours}, not {}", case["name"], case[what]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn number(found: &[(FactName, FactValue, String)], name: FactName) -> Option<f64> {
    found.iter().find(|(n, _, _)| *n == name).and_then(|(_, value, _)| match value {
        FactValue::Number(value) => Some(*value),
        _ => None,
    })
}

#[test]
fn the_shape_of_experts_is_a_fact() {
    let olmoe = json!({
        "model_type": "olmoe", "hidden_size": 2048, "num_hidden_layers": 16, "num_attention_heads": 16,
        "intermediate_size": 1024, "vocab_size": 50304, "num_experts": 64, "num_experts_per_tok": 8
    });
    let found = facts(&olmoe);
    assert_eq!(number(&found, FactName::Experts), Some(64.0));
    assert_eq!(number(&found, FactName::ExpertsPerToken), Some(8.0));
    assert_eq!(number(&found, FactName::Granularity), Some(8.0));
    assert!(number(&found, FactName::ActiveParams) < number(&found, FactName::Params));
}

#[test]
fn nanogpt_has_a_family_without_a_name() {
    let config =
        json!({"n_layer": 12, "n_head": 12, "n_embd": 768, "block_size": 1024, "vocab_size": 50304, "bias": false});
    let (family, found) = count(&config).expect("counted");
    // 123.59 M are printed by nanoGPT itself for this configuration, without position embeddings.
    assert_eq!((family, found.total - 1024.0 * 768.0), ("nanogpt", 123_587_328.0));
}

#[test]
fn what_is_not_known_is_not_guessed() {
    for config in [
        json!({}),
        json!({"model_type": "t5", "d_model": 512, "num_layers": 6, "num_heads": 8, "d_ff": 2048, "vocab_size": 32128, "is_encoder_decoder": true}),
        json!({"model_type": "mamba", "hidden_size": 768, "num_hidden_layers": 24, "vocab_size": 50280}),
        json!({"model_type": "mixtral", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000, "intermediate_size": 14336}),
        json!({"model_type": "llama", "hidden_size": 1e300, "num_hidden_layers": 1e300, "num_attention_heads": 1, "vocab_size": 1, "intermediate_size": 1}),
        json!({"model_type": "qwen3_moe", "hidden_size": 1, "num_hidden_layers": 1e18, "num_attention_heads": 1, "vocab_size": 1, "moe_intermediate_size": 1}),
        json!({"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 0, "vocab_size": 1, "intermediate_size": 1}),
    ] {
        assert_eq!(count(&config), None, "{config}");
    }
}
