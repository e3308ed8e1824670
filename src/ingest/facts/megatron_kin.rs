//! Configurations of what is built on Megatron, put into the words of Megatron's arguments: NeMo's YAML, which it saves
//! as `hparams.yaml`, Megatron-Bridge's `run_config.yaml`, and GPT-NeoX's YAML.

use super::Found;
use super::megatron;
use serde_json::{Map, Value};

/// Facts, if the dictionary is a configuration of one of them.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let words = nemo(config).or_else(|| bridge(config)).or_else(|| neox(config));
    words.map(|words| megatron::facts(&Value::Object(words))).unwrap_or_default()
}

type Words = Map<String, Value>;

fn at<'a>(config: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(config, |value, key| value.get(key)).filter(|value| !value.is_null())
}

/// Arguments under the names that a part of the configuration has for them.
fn take(words: &mut Words, from: &Value, names: &[(&str, &str)]) {
    for (argument, path) in names {
        if let Some(value) = at(from, path) {
            words.entry(*argument).or_insert_with(|| value.clone());
        }
    }
}

/// What both kinds of model have, by the names of Megatron's core.
const CORE: &[(&str, &str)] = &[
    ("num_layers", "num_layers"),
    ("hidden_size", "hidden_size"),
    ("ffn_hidden_size", "ffn_hidden_size"),
    ("num_attention_heads", "num_attention_heads"),
    ("kv_channels", "kv_channels"),
    ("num_query_groups", "num_query_groups"),
    ("num_experts", "num_moe_experts"),
    ("moe_router_topk", "moe_router_topk"),
    ("moe_ffn_hidden_size", "moe_ffn_hidden_size"),
    ("moe_shared_expert_intermediate_size", "moe_shared_expert_intermediate_size"),
    ("moe_layer_freq", "moe_layer_freq"),
    ("multi_latent_attention", "multi_latent_attention"),
    ("qk_layernorm", "qk_layernorm"),
    ("add_qkv_bias", "add_qkv_bias"),
    ("normalization", "normalization"),
    ("tensor_model_parallel_size", "tensor_model_parallel_size"),
];

fn core(words: &mut Words, model: &Value) {
    take(words, model, CORE);
    if words.contains_key("num_query_groups") {
        words.insert("group_query_attention".into(), "True".into());
    }
}

fn nemo(config: &Value) -> Option<Words> {
    let model = config.get("model").or_else(|| config.get("cfg"))?;
    at(model, "encoder_seq_length").and_then(|_| at(model, "num_layers"))?;
    let mut words = Words::new();
    core(&mut words, model);
    take(
        &mut words,
        model,
        &[
            ("seq_length", "encoder_seq_length"),
            ("global_batch_size", "global_batch_size"),
            ("micro_batch_size", "micro_batch_size"),
            ("add_bias_linear", "bias"),
            ("lr", "optim.lr"),
            ("min_lr", "optim.sched.min_lr"),
            ("lr_warmup_iters", "optim.sched.warmup_steps"),
            ("seed", "seed"),
            ("pretrained_checkpoint", "restore_from_path"),
            ("data_path", "data.data_prefix.train"),
            ("data_path", "data.data_prefix"),
        ],
    );
    take(&mut words, config, &[("train_iters", "trainer.max_steps"), ("seed", "seed")]);
    let activation = at(model, "activation").and_then(Value::as_str).unwrap_or("gelu");
    if ["swiglu", "geglu", "reglu"].iter().any(|gated| activation.ends_with(gated)) {
        words.insert("swiglu".into(), "True".into());
    }
    let schedule = match at(model, "optim.sched.name").and_then(Value::as_str) {
        Some("CosineAnnealing") => Some("cosine"),
        Some("WarmupAnnealing" | "PolynomialDecayAnnealing") => Some("linear"),
        Some("WarmupHoldPolicy") => Some("constant"),
        _ => None,
    };
    words.extend(schedule.map(|schedule| ("lr_decay_style".to_owned(), Value::from(schedule))));
    Some(words)
}

fn bridge(config: &Value) -> Option<Words> {
    let (model, train) = (config.get("model")?, config.get("train")?);
    at(model, "hidden_size").and_then(|_| at(train, "micro_batch_size"))?;
    let mut words = Words::new();
    core(&mut words, model);
    take(&mut words, model, &[("add_bias_linear", "add_bias_linear"), ("swiglu", "gated_linear_unit")]);
    take(
        &mut words,
        config,
        &[
            ("seq_length", "dataset.seq_length"),
            ("seq_length", "dataset.sequence_length"),
            ("seq_length", "model.seq_length"),
            ("global_batch_size", "train.global_batch_size"),
            ("micro_batch_size", "train.micro_batch_size"),
            ("train_iters", "train.train_iters"),
            ("lr", "optimizer.lr"),
            ("min_lr", "optimizer.min_lr"),
            ("lr_decay_style", "scheduler.lr_decay_style"),
            ("lr_warmup_iters", "scheduler.lr_warmup_iters"),
            ("lr_wsd_decay_iters", "scheduler.lr_wsd_decay_iters"),
            ("seed", "rng.seed"),
            ("pretrained_checkpoint", "checkpoint.pretrained_checkpoint"),
        ],
    );
    // `blend: [[paths], [weights]]`.
    if let Some([Value::Array(paths), Value::Array(weights)]) =
        at(config, "dataset.blend").and_then(Value::as_array).map(Vec::as_slice)
    {
        words.insert("train_data_paths".into(), paths.clone().into());
        words.insert("train_data_weights".into(), weights.clone().into());
    }
    Some(words)
}

fn neox(config: &Value) -> Option<Words> {
    let mut words: Words = config.as_object()?.iter().map(|(k, v)| (k.replace('-', "_"), v.clone())).collect();
    let has = |words: &Words, name: &str| words.get(name).is_some_and(|value| !value.is_null());
    let parallel = ["pipe_parallel_size", "model_parallel_size"].iter().any(|name| has(&words, name));
    let batch = ["train_micro_batch_size_per_gpu", "train_batch_size"].iter().any(|name| has(&words, name));
    if !(has(&words, "num_layers") && has(&words, "hidden_size") && parallel && batch) {
        return None;
    }
    let whole = Value::Object(words.clone());
    take(
        &mut words,
        &whole,
        &[
            ("lr", "optimizer.params.lr"),
            ("lr_warmup_fraction", "warmup"),
            ("tensor_model_parallel_size", "model_parallel_size"),
            ("tensor_model_parallel_size", "pipe_parallel_size"),
        ],
    );
    let word = |name: &str, usual: &str| at(&whole, name).and_then(Value::as_str).is_none_or(|word| word == usual);
    if !(word("activation", "gelu") && word("norm", "layernorm")) {
        // Layers of another shape than those that are counted: all else is as it says.
        words.remove("num_attention_heads");
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::{FactName, FactValue};
    use serde_json::json;

    fn number(found: &[Found], name: FactName) -> Option<f64> {
        found.iter().find(|f| f.0 == name).and_then(|f| if let FactValue::Number(n) = f.1 { Some(n) } else { None })
    }

    fn weight(found: &[Found], domain: &str) -> Option<f64> {
        found.iter().find_map(|f| if let FactValue::Mixture(m) = &f.1 { Some(m.weight(domain)) } else { None })
    }

    /// Llama 2 7B: 6,738,415,616 parameters with two 32000 × 4096 embeddings.
    const LLAMA: f64 = 6_738_415_616.0 - 2.0 * 32_000.0 * 4096.0;

    #[test]
    fn nemo_saves_its_configuration() {
        let mut config = json!({
            "trainer": {"max_steps": 1000},
            "cfg": {
                "micro_batch_size": 1, "global_batch_size": 128, "encoder_seq_length": 4096, "num_layers": 32,
                "hidden_size": 4096, "ffn_hidden_size": 11008, "num_attention_heads": 32, "num_query_groups": null,
                "kv_channels": null, "normalization": "rmsnorm", "bias": false, "activation": "fast-swiglu", "seed": 1234,
                "optim": {"lr": 3e-4, "sched": {"name": "CosineAnnealing", "warmup_steps": 50, "min_lr": 3e-5}},
                "data": {"data_prefix": [0.25, "/d/code_text_document", 0.75, "/d/web_text_document"]},
            }
        });
        let found = facts(&config);
        for (name, value) in [
            (FactName::Params, LLAMA),
            (FactName::PlannedSteps, 1000.0),
            (FactName::BatchSequences, 128.0),
            (FactName::SequenceLength, 4096.0),
            (FactName::LearningRate, 3e-4),
            (FactName::MinLearningRate, 3e-5),
            (FactName::WarmupSteps, 50.0),
            (FactName::Seed, 1234.0),
        ] {
            assert_eq!(number(&found, name), Some(value), "{name:?}");
        }
        assert_eq!(weight(&found, "code"), Some(0.25));
        assert!(found.iter().any(|f| f.1 == FactValue::Text("cosine".into())), "{found:?}");
        config["cfg"]["data"]["data_prefix"] =
            json!({"train": ["1", "/d/code", "3", "/d/web"], "validation": ["/d/v"]});
        assert_eq!(weight(&facts(&config), "code"), Some(0.25));
    }

    #[test]
    fn megatron_bridge_saves_its_container() {
        let config = json!({
            "model": {"num_layers": 32, "hidden_size": 4096, "ffn_hidden_size": 11008, "num_attention_heads": 32, "vocab_size": 32000,
                      "num_query_groups": 32, "normalization": "RMSNorm", "add_bias_linear": false, "gated_linear_unit": true},
            "train": {"train_iters": 500, "global_batch_size": 256, "micro_batch_size": 2},
            "dataset": {"sequence_length": 8192, "blend": [["/d/code", "/d/web"], [1.0, 3.0]]},
            "optimizer": {"lr": 3e-4, "min_lr": 3e-5},
            "scheduler": {"lr_decay_style": "cosine", "lr_warmup_iters": 20},
            "rng": {"seed": 7},
        });
        let found = facts(&config);
        assert_eq!(number(&found, FactName::Params), Some(LLAMA));
        assert_eq!(number(&found, FactName::SequenceLength), Some(8192.0));
        assert_eq!(number(&found, FactName::WarmupSteps), Some(20.0));
        assert_eq!(weight(&found, "web"), Some(0.75));
        let all = super::super::config::facts(&config);
        assert_eq!(all.iter().filter(|f| f.0 == FactName::Params).count(), 1, "counted once: {all:?}");
    }

    #[test]
    fn gpt_neox_writes_with_dashes_or_without() {
        let config = json!({
            "pipe-parallel-size": 1, "model-parallel-size": 1, "num-layers": 12, "hidden-size": 768, "num-attention-heads": 12,
            "seq-length": 2048, "train_micro_batch_size_per_gpu": 4, "train-iters": 320000, "lr-decay-style": "cosine", "warmup": 0.01,
            "optimizer": {"type": "Adam", "params": {"lr": 0.0006}}, "min_lr": 6e-5,
            "train-data-paths": ["/d/code", "/d/web"], "train-data-weights": [1.0, 3.0],
        });
        let found = facts(&config);
        assert_eq!(number(&found, FactName::Params), Some(85_056_000.0));
        assert_eq!(number(&found, FactName::LearningRate), Some(6e-4));
        assert_eq!(number(&found, FactName::WarmupSteps), Some(3200.0));
        assert_eq!(weight(&found, "code"), Some(0.25));
        let mut other = config;
        other["activation"] = json!("swiglu");
        assert_eq!(number(&facts(&other), FactName::Params), None);
        assert_eq!(facts(&json!({"num_layers": 2, "hidden_size": 8})), []);
    }
}
