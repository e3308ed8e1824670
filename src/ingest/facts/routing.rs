//! How tokens find their experts: shared experts, in what experts differ, capacity, the router's kind and dense layers at the beginning, from the
//! dictionary that says how many experts there are, wherever in a configuration it stands.
//!
//! The names are those of DeepSeek's, Qwen's, ERNIE's and Hunyuan's configurations in Hugging Face transformers, of Megatron-LM and
//! Megatron-DeepSpeed (`moe_…`), MaxText, torchtitan and OLMo.

use super::Found;
use super::families::EXPERTS;
use super::keys::Keys;
use super::uneven;
use crate::vocab::{FactName, FactValue};
use serde_json::Value;

/// Names of a number of shared experts.
const SHARED: &[&str] =
    &["n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts", "shared_experts"];
/// Names of the width of all shared experts together.
const SHARED_WIDTH: &[&str] =
    &["shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "shared_intermediate_size"];
/// Names of the width of one routed expert.
const WIDTH: &[&str] = &["moe_intermediate_size", "moe_ffn_hidden_size", "intermediate_size", "ffn_hidden_size"];
const CAPACITY: &[&str] =
    &["moe_expert_capacity_factor", "moe_train_capacity_factor", "moe_capacity_factor", "capacity_factor"];
/// Names of what scores are made by, and of what balances the loads.
const SCORES: &[&str] = &["scoring_func", "moe_router_score_function", "score_func"];
const BALANCE: &[&str] = &["topk_method", "moe_router_load_balancing_type"];
const FIRST_DENSE: &[&str] = &["first_k_dense_replace", "first_num_dense_layers", "n_dense_layers"];
/// Other names of a number of experts, beside those of the families.
const COUNTS: &[&str] = &["num_moe_experts", "n_experts", "experts"];
/// How deep a dictionary may stand.
const DEPTH: usize = 3;

/// What a configuration says of its router and its experts.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    of_level(config, "", 0).unwrap_or_default()
}

/// What a dictionary that is known to be of a model with experts says of them.
#[must_use]
pub fn of_experts(settings: &Value) -> Vec<Found> {
    of(&Keys(settings), "")
}

/// The first dictionary that speaks of experts, the outer ones first.
fn of_level(config: &Value, path: &str, depth: usize) -> Option<Vec<Found>> {
    let keys = Keys(config);
    let listed = || EXPERTS.iter().flat_map(|name| keys.list(name)).reduce(f64::max);
    let experts = keys.number(EXPERTS).or_else(|| keys.number(COUNTS)).or_else(listed);
    if experts.is_some_and(|experts| experts > 1.0) {
        return Some(of(&keys, path));
    }
    if depth == DEPTH {
        return None;
    }
    let inside = config.as_object().into_iter().flatten().filter(|(_, value)| value.is_object());
    inside.into_iter().find_map(|(key, value)| of_level(value, &format!("{path}{key}."), depth + 1))
}

fn of(keys: &Keys<'_>, path: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut add = |name, value: Option<(FactValue, &str)>| {
        found.extend(value.map(|(value, key)| (name, value, format!("{path}{key}"))));
    };
    let positive = |names: &[&'static str]| {
        names.iter().find_map(|name| Some((keys.number(&[name]).filter(|value| *value > 0.0)?, *name)))
    };
    let number = |(value, key)| (FactValue::Number(value), key);
    let by_width = || {
        let ((all, key), (one, _)) = (positive(SHARED_WIDTH)?, positive(WIDTH)?);
        Some((all / one, key))
    };
    add(FactName::ExpertSizes, uneven::sizes(keys).map(|(text, key)| (FactValue::Text(text), key)));
    add(FactName::SharedExperts, positive(SHARED).or_else(by_width).map(number));
    add(FactName::CapacityFactor, positive(CAPACITY).map(number));
    add(FactName::FirstDenseLayers, positive(FIRST_DENSE).or_else(|| zeros_first(keys)).map(number));
    let word = |names: &[&'static str]| names.iter().find_map(|name| Some((keys.text(name)?, *name)));
    let words: Vec<(&str, &str)> = [word(SCORES), word(BALANCE)].into_iter().flatten().collect();
    if let Some((_, key)) = words.first() {
        let said = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        add(FactName::Router, Some((FactValue::Text(said), key)));
    }
    found
}

/// Leading zeros of Megatron's list of layers with experts (`moe_layer_freq`: `[0, 1, 1]` or `([0]*1+[1]*15)`).
fn zeros_first(keys: &Keys<'_>) -> Option<(f64, &'static str)> {
    const NAME: &str = "moe_layer_freq";
    let list = keys.list(NAME);
    let zeros = match keys.text(NAME) {
        Some(text) => leading_zeros(text)?,
        None => list.iter().take_while(|layer| **layer == 0.0).count() as f64,
    };
    (zeros > 0.0).then_some((zeros, NAME))
}

/// Of Python's way of writing a list: sums of lists, each perhaps times a number.
fn leading_zeros(text: &str) -> Option<f64> {
    let text: String = text.chars().filter(|c| !c.is_whitespace() && !"()".contains(*c)).collect();
    let mut zeros = 0.0;
    for part in text.split('+') {
        let (list, times) = part.split_once('*').unwrap_or((part, "1"));
        let times: f64 = times.parse().ok().filter(|times| (1.0..1e4).contains(times))?;
        let layers: Vec<&str> = list.strip_prefix('[')?.strip_suffix(']')?.split(',').collect();
        let first = layers.iter().take_while(|layer| **layer == "0").count();
        if first < layers.len() {
            return Some(zeros + first as f64);
        }
        zeros += times * first as f64;
    }
    Some(zeros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(config: &Value) -> Vec<(&'static str, String, String)> {
        let text = |value: FactValue| match value {
            FactValue::Number(number) => number.to_string(),
            FactValue::Text(text) => text,
            other => format!("{other:?}"),
        };
        facts(config).into_iter().map(|(name, value, place)| (name.as_str(), text(value), place)).collect()
    }

    fn fact(name: &'static str, value: &str, place: &str) -> (&'static str, String, String) {
        (name, value.to_owned(), place.to_owned())
    }

    #[test]
    fn each_family_says_it_in_its_own_words() {
        let deepseek = json!({"model_type": "deepseek_v3", "n_routed_experts": 256, "n_shared_experts": 1,
            "first_k_dense_replace": 3, "scoring_func": "sigmoid", "topk_method": "noaux_tc"});
        assert_eq!(
            said(&deepseek),
            [
                fact("shared_experts", "1", "n_shared_experts"),
                fact("first_dense_layers", "3", "first_k_dense_replace"),
                fact("router", "sigmoid, noaux_tc", "scoring_func"),
            ]
        );
        let qwen = json!({"model": {"config": {"num_experts": 60, "moe_intermediate_size": 1408,
            "shared_expert_intermediate_size": 5632}}});
        assert_eq!(said(&qwen), [fact("shared_experts", "4", "model.config.shared_expert_intermediate_size")]);
        let megatron = json!({"num_experts": 64, "moe_expert_capacity_factor": 1.25,
            "moe_router_load_balancing_type": "aux_loss", "moe_layer_freq": "([0]*2+[1]*14)"});
        assert_eq!(
            said(&megatron),
            [
                fact("capacity_factor", "1.25", "moe_expert_capacity_factor"),
                fact("first_dense_layers", "2", "moe_layer_freq"),
                fact("router", "aux_loss", "moe_router_load_balancing_type"),
            ]
        );
        let ernie =
            json!({"model_type": "ernie4_5_moe_vl", "moe_num_experts": [64, 64], "moe_intermediate_size": [1536, 512]});
        assert_eq!(said(&ernie), [fact("expert_sizes", "512–1536 wide", "moe_intermediate_size")]);
        // Without experts there is nothing to say, and what drops nothing has no capacity.
        assert!(said(&json!({"n_shared_experts": 1, "num_experts": 1})).is_empty());
        assert!(said(&json!({"num_experts": 8, "capacity_factor": -1, "moe_layer_freq": 1})).is_empty());
    }

    #[test]
    fn lists_of_layers_are_read_as_python_reads_them() {
        for (text, zeros) in
            [("[0,1,1]", Some(1.0)), ("[0]*3+[1]*5", Some(3.0)), ("([0, 0, 1])", Some(2.0)), ("[1]*4", Some(0.0))]
        {
            assert_eq!(leading_zeros(text), zeros, "{text}");
        }
        for text in ["", "1", "[0]*x", "[0]*-1", "[0]*99999999", "import os"] {
            assert_eq!(leading_zeros(text), None, "{text}");
        }
    }
}
