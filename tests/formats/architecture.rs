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

/// What is counted, and of which parameters.
enum Of {
    /// All of them.
    Total,
    /// Those that are no embeddings and no output matrix.
    Params,
    /// Of these, those that a token is sent through.
    Active,
    /// Those that a token is sent through, embeddings and output matrix with them.
    Used,
}

/// Numbers that authors state: of which model, what, how many, to which unit, where.
const PUBLISHED: &[(&str, Of, f64, f64, &str)] = &[
    ("Mamba-2.8B", Of::Total, 2.8e9, 1e8, "paper"),
    ("Mamba-Codestral-7B", Of::Total, 7_285_403_648.0, 1.0, "announcement"),
    ("Falcon-Mamba-7B", Of::Total, 7.27e9, 1e7, "model card"),
    ("Jamba-v0.1", Of::Total, 52e9, 1e9, "model card"),
    ("Jamba-v0.1", Of::Used, 12e9, 1e9, "model card"),
    ("Bamba-9B", Of::Total, 9.78e9, 1e7, "safetensors"),
    ("Falcon-H1-0.5B", Of::Total, 0.5e9, 1e8, "model card"),
    ("Granite-4.0-H-Tiny", Of::Total, 7e9, 1e9, "model card"),
    ("Granite-4.0-H-Tiny", Of::Used, 1e9, 1e9, "model card"),
    ("Granite-4.0-H-Micro", Of::Total, 3e9, 1e9, "model card"),
    ("Nemotron-H-8B", Of::Total, 8e9, 1e9, "model card"),
    ("Nemotron-3-Nano-30B-A3B", Of::Total, 31_577_937_344.0, 1.0, "safetensors"),
    ("Zamba2-1.2B", Of::Total, 1.2e9, 1e8, "model card"),
    ("Zamba2-2.7B", Of::Total, 2.7e9, 1e8, "model card"),
    ("LFM2-350M", Of::Total, 354_483_968.0, 1.0, "model card"),
    ("LFM2-1.2B", Of::Total, 1_170_340_608.0, 1.0, "model card"),
    ("LFM2-8B-A1B", Of::Total, 8.3e9, 1e8, "model card"),
    ("Qwen3-Next-80B-A3B", Of::Total, 80e9, 1e9, "model card"),
    ("Qwen3-Next-80B-A3B", Of::Params, 79e9, 1e9, "model card"),
    ("Qwen3-Next-80B-A3B", Of::Active, 3e9, 1e9, "model card"),
    ("MiniMax-Text-01", Of::Total, 456e9, 1e9, "model card"),
    ("MiniMax-Text-01", Of::Active, 45.9e9, 1e8, "model card"),
    ("MiniMax-M2", Of::Total, 230e9, 1e10, "model card"),
    ("MiniMax-M2", Of::Active, 10e9, 1e9, "model card"),
    ("JetMoE-8B", Of::Total, 8.52e9, 1e7, "safetensors"),
    ("DBRX", Of::Total, 132e9, 1e9, "model card"),
    ("DBRX", Of::Used, 36e9, 1e9, "model card"),
];

#[test]
fn formulas_count_what_authors_publish() {
    let cases: Vec<Value> =
        include_str!("../data/architectures.jsonl").lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    for (name, of, published, unit, source) in PUBLISHED {
        let case = cases.iter().find(|case| case["name"] == *name).expect(name);
        let (_, found) = count(&case["config"]).expect(name);
        let ours = match of {
            Of::Total => found.total,
            Of::Params => found.params,
            Of::Active => found.active,
            Of::Used => found.total - found.params + found.active,
        };
        assert_eq!((ours / unit).round(), (published / unit).round(), "{name}, {source}: {ours}");
    }
}

#[test]
fn arctic_is_a_dense_model_beside_experts() {
    // Not in transformers. Its model card: "a 10B dense transformer model with a residual 128x3.66B MoE MLP resulting in
    // 480B total and 17B active parameters".
    let config = json!({
        "model_type": "arctic", "hidden_size": 7168, "num_hidden_layers": 35, "num_attention_heads": 56,
        "num_key_value_heads": 8, "intermediate_size": 4864, "num_local_experts": 128, "num_experts_per_tok": 2,
        "moe_layer_frequency": 1, "use_residual": true, "vocab_size": 32000, "tie_word_embeddings": false
    });
    let (_, found) = count(&config).expect("counted");
    let expert = (found.params - found.active) / 126.0;
    assert_eq!((expert / 1e7).round(), 366.0);
    assert_eq!(((found.total - 128.0 * expert) / 1e9).round(), 10.0);
    assert_eq!((found.total / 1e10).round(), 48.0);
    assert_eq!(((found.total - 126.0 * expert) / 1e9).round(), 17.0);
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
        json!({"model_type": "mamba2", "hidden_size": 768, "num_hidden_layers": 24, "vocab_size": 50280}),
        json!({"model_type": "rwkv", "hidden_size": 768, "num_hidden_layers": 24, "vocab_size": 50280}),
        json!({"model_type": "nemotron_h", "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 128, "hybrid_override_pattern": "*?-", "vocab_size": 100}),
        json!({"model_type": "nemotron_h", "hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 128, "hybrid_override_pattern": "*-", "vocab_size": 100}),
        json!({"model_type": "granitemoehybrid", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "shared_intermediate_size": 64, "vocab_size": 100}),
        json!({"model_type": "jamba", "hidden_size": 1e9, "num_hidden_layers": 1e4, "num_attention_heads": 0, "vocab_size": 1, "intermediate_size": 1, "num_experts": 1, "num_experts_per_tok": 1, "attn_layer_period": 1, "attn_layer_offset": 0}),
        json!({"model_type": "mixtral", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000, "intermediate_size": 14336}),
        json!({"model_type": "llama", "hidden_size": 1e300, "num_hidden_layers": 1e300, "num_attention_heads": 1, "vocab_size": 1, "intermediate_size": 1}),
        json!({"model_type": "qwen3_moe", "hidden_size": 1, "num_hidden_layers": 1e18, "num_attention_heads": 1, "vocab_size": 1, "moe_intermediate_size": 1}),
        json!({"model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 0, "vocab_size": 1, "intermediate_size": 1}),
    ] {
        assert_eq!(count(&config), None, "{config}");
    }
}
