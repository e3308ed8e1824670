//! Facts in Meta Lingua's configuration, which it saves as `config.yaml` beside its `metrics.jsonl`.
//!
//! Read in facebookresearch/lingua: `apps/main/train.py` (`TrainArgs`, the batch), `lingua/data.py` (`sources`), and
//! `lingua/transformer.py` (the width of the feed-forward layers).

use super::keys::number;
use super::{Found, architecture};
use crate::vocab::{FactName, FactValue, Mixture};
use serde_json::{Value, json};

/// Facts, if the dictionary is such a configuration: it has `data.sources` beside `steps` and a model of so many layers.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let at = |path: &str| path.split('.').try_fold(config, |value, key| value.get(key));
    let positive = |path: &str| at(path).and_then(number).filter(|n| *n > 0.0);
    let (Some(sources), Some(steps), Some(_)) =
        (at("data.sources").and_then(Value::as_object), positive("steps"), positive("model.n_layers"))
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut add = |name: FactName, value: Option<f64>, place: &str| {
        found.extend(value.map(|value| (name, FactValue::Number(value), place.to_owned())));
    };
    add(FactName::PlannedSteps, Some(steps), "steps");
    add(FactName::SequenceLength, positive("data.seq_len"), "data.seq_len");
    let or_one = |path: &str| positive(path).unwrap_or(1.0);
    // Each group of devices that shares a copy of the model reads batches of its own.
    let copies = or_one("distributed.dp_shard") * or_one("distributed.dp_replicate") * or_one("grad_acc_steps");
    add(FactName::BatchSequences, positive("data.batch_size").map(|batch| batch * copies), "data.batch_size");
    add(FactName::LearningRate, positive("optim.lr"), "optim.lr");
    add(FactName::WarmupSteps, positive("optim.warmup"), "optim.warmup");
    add(FactName::Seed, at("seed").and_then(number), "seed");
    let weights = sources.iter().map(|(name, weight)| Some((name.clone(), number(weight)?)));
    if let Some((mixture, _)) = weights.collect::<Option<_>>().and_then(|weights| Mixture(weights).normalised().ok()) {
        found.push((FactName::Mixture, FactValue::Mixture(mixture), "data.sources".to_owned()));
    }
    let model = at("model").and_then(as_transformers);
    let counted = model.iter().flat_map(architecture::facts).map(|(name, value, _)| (name, value, "model".to_owned()));
    found.extend(counted);
    found
}

/// The model in the words of Hugging Face transformers.
fn as_transformers(model: &Value) -> Option<Value> {
    let get = |key: &str| model.get(key).and_then(number).filter(|n| *n > 0.0);
    let width = get("dim")?;
    let heads = get("n_heads").or_else(|| Some(width / get("head_dim")?))?;
    let inner = (2.0 * 4.0 * width / 3.0).floor();
    let inner = get("ffn_dim_multiplier").map_or(inner, |multiplier| (multiplier * inner).floor());
    let multiple = get("multiple_of").unwrap_or(256.0);
    let tied = model.get("weight_tying").and_then(Value::as_bool).unwrap_or(false);
    Some(json!({
        "model_type": "llama", "hidden_size": width, "intermediate_size": (inner / multiple).ceil() * multiple,
        "num_hidden_layers": get("n_layers")?, "num_attention_heads": heads,
        "num_key_value_heads": get("n_kv_heads").unwrap_or(heads), "vocab_size": get("vocab_size")?,
        "tie_word_embeddings": tied,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_steps_mixture_and_size_are_found() {
        let config = json!({
            "steps": 300, "optim": {"lr": 3e-4, "warmup": 100}, "distributed": {"dp_shard": 8, "dp_replicate": 2},
            "model": {"dim": 768, "n_layers": 12, "n_heads": 12, "vocab_size": 32000},
            "data": {"sources": {"code": 45.0, "web": 55.0}, "batch_size": 4, "seq_len": 1024},
        });
        let found = facts(&config);
        let number = |name| {
            found.iter().find(|f| f.0 == name).and_then(|f| if let FactValue::Number(n) = f.1 { Some(n) } else { None })
        };
        assert_eq!(number(FactName::BatchSequences), Some(64.0));
        assert_eq!((number(FactName::SequenceLength), number(FactName::PlannedSteps)), (Some(1024.0), Some(300.0)));
        // 12 layers of 4 d² and three d × 2048 matrices, and their norms.
        let layers = 12.0 * (4.0 * 768.0 * 768.0 + 3.0 * 768.0 * 2048.0 + 2.0 * 768.0) + 768.0;
        assert_eq!(number(FactName::Params), Some(layers));
        let Some(FactValue::Mixture(mixture)) = found.iter().find(|f| f.0 == FactName::Mixture).map(|f| &f.1) else {
            panic!("{found:?}")
        };
        assert!((mixture.weight("code") - 0.45).abs() < 1e-9);
        assert_eq!(facts(&json!({"steps": 3, "data": {"sources": {"a": 1}}})), []);
        let all = super::super::config::facts(&config);
        let batches: Vec<&Found> = all.iter().filter(|f| f.0 == FactName::BatchSequences).collect();
        assert_eq!(batches.len(), 1, "{batches:?}");
    }
}
