//! Facts in the configurations of OLMo (YAML) and OLMo-core (the `config.json` it saves).

use super::keys::{Keys, number};
use super::{Found, architecture, blend, llm_foundry};
use crate::vocab::{FactName, FactValue};
use serde_json::{Value, json};

/// Facts, if the dictionary is a configuration of either.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    if config.get("global_train_batch_size").is_some()
        && !llm_foundry::is_one(config)
        && config.get("model").is_some_and(|m| m.get("d_model").is_some())
    {
        return olmo(config);
    }
    if config.get("data_loader").is_some() && config.get("train_module").or_else(|| config.get("trainer")).is_some() {
        return core(config);
    }
    Vec::new()
}

fn at<'a>(config: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(config, |value, key| value.get(key))
}

fn positive(config: &Value, path: &str) -> Option<f64> {
    at(config, path).and_then(number).filter(|n| *n > 0.0)
}

struct Facts<'a> {
    config: &'a Value,
    found: Vec<Found>,
}

impl Facts<'_> {
    fn add(&mut self, name: FactName, value: Option<f64>, place: &str) {
        self.found.extend(value.map(|value| (name, FactValue::Number(value), place.to_owned())));
    }

    fn take(&mut self, name: FactName, place: &str) {
        self.add(name, positive(self.config, place), place);
    }

    /// What can be counted of the model, once it is put into the words of Hugging Face transformers.
    fn model(&mut self, as_transformers: fn(&Value) -> Option<Value>) {
        let model = self.config.get("model").and_then(as_transformers);
        let counted = model.iter().flat_map(architecture::facts);
        self.found.extend(counted.map(|(name, value, _)| (name, value, "model".to_owned())));
    }

    fn word(&mut self, name: FactName, value: Option<&str>, place: &str) {
        let value = value.filter(|word| !word.is_empty());
        self.found.extend(value.map(|word| (name, FactValue::Text(word.to_owned()), place.to_owned())));
    }
}

fn olmo(config: &Value) -> Vec<Found> {
    let mut facts = Facts { config, found: Vec::new() };
    facts.take(FactName::BatchSequences, "global_train_batch_size");
    facts.take(FactName::SequenceLength, "model.max_sequence_length");
    // 739328 steps, or '2e12T' tokens; '1ep' is neither.
    let duration = at(config, "max_duration");
    let tokens = duration.and_then(|d| d.as_str()?.strip_suffix('T')?.trim().parse().ok());
    facts.add(FactName::PlannedTokens, tokens, "max_duration");
    facts.add(FactName::PlannedSteps, duration.and_then(number).filter(|n| *n > 0.0), "max_duration");
    facts.take(FactName::LearningRate, "optimizer.learning_rate");
    let least = positive(config, "optimizer.learning_rate").zip(at(config, "scheduler.alpha_f").and_then(number));
    facts.add(FactName::MinLearningRate, least.map(|(rate, part)| rate * part), "scheduler.alpha_f");
    let kind = at(config, "scheduler.name").and_then(Value::as_str).and_then(|name| name.split('_').next());
    facts.word(FactName::Schedule, kind, "scheduler.name");
    let warmup = positive(config, "scheduler.t_warmup");
    let per_step = if at(config, "scheduler.units").and_then(Value::as_str) == Some("tokens") {
        positive(config, "global_train_batch_size")
            .zip(positive(config, "model.max_sequence_length"))
            .map(|(b, l)| b * l)
    } else {
        Some(1.0)
    };
    facts.add(FactName::WarmupSteps, warmup.zip(per_step).map(|(w, per)| (w / per).round()), "scheduler.t_warmup");
    facts.add(FactName::Seed, at(config, "seed").and_then(number), "seed");
    facts.word(FactName::InitFrom, at(config, "load_path").and_then(Value::as_str), "load_path");
    facts.model(as_transformers);
    facts.found
}

/// OLMo's `model`, in the words of Hugging Face transformers. `None` for shapes that have no words there.
fn as_transformers(model: &Value) -> Option<Value> {
    let keys = Keys(model);
    let width = keys.number(&["d_model"])?;
    // With a gate, half of what goes in comes out: the width that others call intermediate is half of OLMo's.
    let gated = matches!(keys.text("activation_type"), None | Some("swiglu"));
    if !gated || keys.flag("include_bias", false) || keys.flag("multi_query_attention", false) {
        return None;
    }
    let inner = keys.number(&["mlp_hidden_size"]).or_else(|| Some(width * keys.number(&["mlp_ratio"])?))? / 2.0;
    let experts = keys.number(&["moe_num_experts"]).filter(|_| keys.text("block_type") == Some("moe"));
    let family = match experts {
        Some(_) => "olmoe",
        None if keys.flag("norm_after", false) => "olmo2",
        None => "olmo",
    };
    let heads = keys.number(&["n_heads"])?;
    Some(json!({
        "model_type": family, "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": keys.number(&["n_layers"])?,
        "num_attention_heads": heads, "num_key_value_heads": keys.number(&["n_kv_heads"]).unwrap_or(heads),
        "vocab_size": keys.number(&["embedding_size", "vocab_size"])?, "tie_word_embeddings": keys.flag("weight_tying", true),
        "num_experts": experts, "num_experts_per_tok": keys.number(&["moe_top_k"]),
    }))
}

/// OLMo-core's `model`, in the words of Hugging Face transformers: blocks with or without norms of queries and keys, with
/// one kind of attention throughout, and experts that are not shared. `None` for all else.
fn core_as_transformers(model: &Value) -> Option<Value> {
    let block = model.get("block")?;
    let attention = block.get("attention").or_else(|| block.get("sequence_mixer"))?;
    let some = |value: &Value, key: &str| value.get(key).is_some_and(|v| !v.is_null() && *v != Value::Bool(false));
    let usual = matches!(block.get("name")?.as_str()?, "default" | "reordered_norm" | "moe" | "moe_reordered_norm");
    let special = some(model, "block_overrides") || some(attention, "bias") || some(attention, "use_head_qk_norm");
    if !usual || special {
        return None;
    }
    let (keys, heads) = (Keys(model), Keys(attention));
    let moe = block.get("feed_forward_moe").filter(|moe| !moe.is_null());
    let feed = moe.or_else(|| block.get("feed_forward"))?;
    if some(feed, "bias") || some(feed, "shared_mlp") {
        return None;
    }
    let family = match (moe.is_some(), some(attention, "qk_norm")) {
        (true, true) => "olmoe",
        (false, true) => "olmo2",
        (false, false) => "llama",
        (true, false) => "mixtral",
    };
    let count = heads.number(&["n_heads"])?;
    Some(json!({
        "model_type": family, "hidden_size": keys.number(&["d_model"])?, "num_hidden_layers": keys.number(&["n_layers"])?,
        "vocab_size": keys.number(&["vocab_size"])?, "num_attention_heads": count,
        "num_key_value_heads": heads.number(&["n_kv_heads"]).unwrap_or(count), "head_dim": heads.number(&["head_dim"]),
        "intermediate_size": Keys(feed).number(&["hidden_size"])?, "num_experts": Keys(feed).number(&["num_experts"]),
        "num_experts_per_tok": feed.get("router").and_then(|router| Keys(router).number(&["top_k"])),
        "tie_word_embeddings": false,
    }))
}

fn core(config: &Value) -> Vec<Found> {
    let mut facts = Facts { config, found: Vec::new() };
    // In tokens, not sequences.
    facts.take(FactName::BatchTokens, "data_loader.global_batch_size");
    for path in ["dataset.sequence_length", "train_module.max_sequence_length", "sequence_length"] {
        if positive(config, path).is_some() {
            facts.take(FactName::SequenceLength, path);
            break;
        }
    }
    let planned = match at(config, "trainer.max_duration.unit").and_then(Value::as_str) {
        Some("steps") => Some(FactName::PlannedSteps),
        Some("tokens") => Some(FactName::PlannedTokens),
        _ => None,
    };
    if let Some(name) = planned {
        facts.take(name, "trainer.max_duration.value");
    }
    for module in ["train_module", "trainer"] {
        let path = |key: &str| format!("{module}.{key}");
        if positive(config, &path("optim.lr")).is_some() {
            facts.take(FactName::LearningRate, &path("optim.lr"));
            facts.take(FactName::WarmupSteps, &path("scheduler.warmup_steps"));
            facts.take(FactName::WarmupSteps, &path("scheduler.warmup"));
            let class = at(config, &path("scheduler._CLASS_")).and_then(Value::as_str).unwrap_or_default();
            let kind = [
                ("CosWithWarmup", "cosine"),
                ("LinearWithWarmup", "linear"),
                ("WSD", "wsd"),
                ("ConstantLR", "constant"),
            ];
            let kind = kind.iter().find(|(name, _)| class.rsplit('.').next().is_some_and(|c| c.starts_with(name)));
            facts.word(FactName::Schedule, kind.map(|(_, kind)| *kind), &path("scheduler"));
            break;
        }
    }
    facts.add(FactName::Seed, at(config, "init_seed").and_then(number), "init_seed");
    facts.model(core_as_transformers);
    if let Some((place, weights, names)) = sources(config, "", 0) {
        let mixture = blend::mixture(&weights, &names);
        facts.found.extend(mixture.map(|m| (FactName::Mixture, FactValue::Mixture(m), place.to_owned())));
    }
    facts.found
}

/// A list of sources with a share and a name each, wherever it is, and the key it is under: `source_name` and
/// `target_ratio` of mixture datasets, `label` (also of the source itself) and `ratio` of mixed sources, `label` and
/// `max_tokens` of sources that are sampled from. Of a single source, what it is made of goes first. Lists of paths
/// (`data.paths`, `dataset.paths`, `dataset.mix`) state no sizes, so no shares.
fn sources<'a>(value: &'a Value, key: &'a str, depth: usize) -> Option<(&'a str, Vec<f64>, Vec<&'a str>)> {
    if let Value::Array(list) = value {
        let source = |s: &'a Value| {
            let share = ["target_ratio", "ratio", "max_tokens"].iter().find_map(|key| number(s.get(*key)?))?;
            let label = || s.get("label").filter(|label| label.is_string()).or_else(|| s.get("source")?.get("label"));
            Some((share, s.get("source_name").or_else(label)?.as_str()?))
        };
        let all: Option<Vec<(f64, &str)>> = list.iter().map(source).collect();
        let stated = |all: Vec<(f64, &'a str)>| {
            let (shares, names) = all.into_iter().unzip();
            (key, shares, names)
        };
        return match all {
            Some(all) if all.len() > 1 => Some(stated(all)),
            _ if depth >= 12 => None,
            all => list
                .iter()
                .find_map(|inner| sources(inner, key, depth + 1))
                .or_else(|| all.filter(|all| !all.is_empty()).map(stated)),
        };
    }
    let inside = value.as_object().filter(|_| depth < 12)?;
    inside.iter().find_map(|(key, inner)| sources(inner, key, depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(found: &[Found], name: FactName) -> Option<&FactValue> {
        found.iter().find(|(n, _, _)| *n == name).map(|(_, value, _)| value)
    }

    #[test]
    fn the_yaml_of_olmo_7b() {
        // The published configuration's shape; its model has 6,888,095,744 parameters, 6,682,050,560 of them in layers.
        let config = json!({
            "seed": 6198, "global_train_batch_size": 2160, "max_duration": "2e12T", "load_path": null,
            "model": {"d_model": 4096, "n_heads": 32, "n_layers": 32, "mlp_hidden_size": 22016, "activation_type": "swiglu",
                      "weight_tying": false, "vocab_size": 50280, "embedding_size": 50304, "max_sequence_length": 2048},
            "optimizer": {"learning_rate": 3e-4}, "scheduler": {"name": "linear_with_warmup", "t_warmup": 5000, "alpha_f": 0.1},
        });
        let found = facts(&config);
        let number = |n: f64| FactValue::Number(n);
        for (name, value) in [
            (FactName::BatchSequences, number(2160.0)),
            (FactName::PlannedTokens, number(2e12)),
            (FactName::WarmupSteps, number(5000.0)),
            (FactName::Schedule, FactValue::Text("linear".to_owned())),
            (FactName::MinLearningRate, number(3e-4 * 0.1)),
            (FactName::TotalParams, number(6_888_095_744.0)),
            (FactName::Params, number(6_476_005_376.0)),
        ] {
            assert_eq!(find(&found, name), Some(&value), "{name:?}");
        }
        assert_eq!(find(&found, FactName::PlannedSteps), None);
        assert_eq!(find(&found, FactName::InitFrom), None);
    }

    #[test]
    fn the_configuration_that_olmo_core_saves() {
        let config = json!({
            "data_loader": {"global_batch_size": 4_194_304}, "init_seed": 12536,
            "dataset": {"sequence_length": 4096, "source_mixture_config": {"source_list": {"sources": [
                {"source_name": "web", "target_ratio": 0.75, "paths": ["s3://x"]}, {"source_name": "code", "target_ratio": 0.25},
            ]}}},
            "train_module": {"optim": {"lr": 4e-4}, "scheduler": {"_CLASS_": "olmo_core.optim.scheduler.CosWithWarmup", "warmup_steps": 2000}},
            "trainer": {"max_duration": {"value": 10_000, "unit": "steps"}},
            // OLMo 2 7B, which has 7,298,617,344 parameters with two 100352 × 4096 embeddings.
            "model": {"d_model": 4096, "n_layers": 32, "vocab_size": 100_352, "block": {
                "name": "reordered_norm", "attention": {"n_heads": 32, "n_kv_heads": null, "bias": false, "qk_norm": {"name": "rms"}},
                "feed_forward": {"hidden_size": 11_008, "bias": false}, "feed_forward_moe": null,
            }, "block_overrides": null},
        });
        let found = facts(&config);
        assert_eq!(find(&found, FactName::TotalParams), Some(&FactValue::Number(7_298_617_344.0)));
        let Some(FactValue::Mixture(mixture)) = find(&found, FactName::Mixture) else { panic!("{found:?}") };
        assert_eq!(mixture.weight("web"), 0.75);
        assert_eq!(find(&found, FactName::BatchTokens), Some(&FactValue::Number(4_194_304.0)));
        assert_eq!(find(&found, FactName::PlannedSteps), Some(&FactValue::Number(10_000.0)));
        assert_eq!(find(&found, FactName::Schedule), Some(&FactValue::Text("cosine".to_owned())));
        assert_eq!(facts(&json!({"model": {"d_model": 8}, "lr": 1})), []);
    }

    #[test]
    fn shares_are_those_that_are_stated() {
        let mixture = |config: Value| match find(&facts(&config), FactName::Mixture) {
            Some(FactValue::Mixture(mixture)) => Some(mixture.0.clone().into_iter().collect::<Vec<_>>()),
            _ => None,
        };
        let core = |dataset: Value| json!({"data_loader": {}, "trainer": {}, "dataset": dataset});
        // OLMo-core, data/composable/mixing_instance_source.py.
        let specs = core(json!({"sources": {"source_specs": [
            {"ratio": 3.0, "label": "web", "source": {"label": "a"}, "size_adjustment_factor": 1.0},
            {"ratio": 1.0, "label": null, "source": {"label": "code"}},
        ]}}));
        assert_eq!(mixture(specs), Some(vec![("code".to_owned(), 0.25), ("web".to_owned(), 0.75)]));
        // data/composable/sampling_instance_source.py.
        let sampled = json!([{"max_tokens": 3e9, "label": "web", "sources": []}, {"max_tokens": 1e9, "label": "code"}]);
        let shares = Some(vec![("code".to_owned(), 0.25), ("web".to_owned(), 0.75)]);
        assert_eq!(mixture(core(json!({"instance_sources": sampled}))), shares);
        assert_eq!(
            mixture(core(json!([{"max_tokens": 4e9, "label": "all", "sources": [{"source_specs": sampled}]}]))),
            shares
        );
        let alone = core(json!({"source_specs": [{"ratio": 1.0, "label": "web", "source": {"paths": []}}]}));
        assert_eq!(mixture(alone), Some(vec![("web".to_owned(), 1.0)]));
        assert_eq!(mixture(core(json!({"source_specs": [{"ratio": 3.0, "label": "web"}, {"ratio": 1.0}]}))), None);
        assert_eq!(
            mixture(core(json!({"mix": "OLMoE-mix-0824", "paths": ["s3://web/a.npy", "s3://web/a.npy"]}))),
            None
        );
        let olmo = json!({
            "global_train_batch_size": 8, "model": {"d_model": 8},
            "data": {"paths": ["s3://web/0.npy", "s3://web/1.npy", "s3://code/0.npy"]},
        });
        assert_eq!(mixture(olmo), None, "files are of any size");
    }
}
