//! The mixture in LLaMA-Factory's arguments.

use super::Found;
use super::keys::number;
use crate::vocab::{FactName, FactValue, Mixture};
use serde_json::Value;
use std::collections::BTreeMap;

/// `dataset: a,b` with `interleave_probs: 0.7,0.3`. The probabilities are in force only where the strategy interleaves;
/// with `concat`, LLaMA-Factory's default, the mixture is that of the sizes of the datasets, which the file does not
/// hold.
#[must_use]
pub fn facts(args: &Value) -> Vec<Found> {
    mixture(args)
        .map(|mixture| (FactName::Mixture, FactValue::Mixture(mixture), "interleave_probs".to_owned()))
        .into_iter()
        .collect()
}

fn mixture(args: &Value) -> Option<Mixture> {
    let strategy = args.get("mix_strategy").and_then(Value::as_str).unwrap_or("concat");
    if !strategy.starts_with("interleave") {
        return None;
    }
    let names: Vec<String> =
        parts(args.get("dataset")?)?.iter().map(|name| name.as_str().unwrap_or_default().into()).collect();
    let weights: Vec<f64> = parts(args.get("interleave_probs")?)?.iter().filter_map(number).collect();
    if names.len() != weights.len() || names.iter().any(String::is_empty) {
        return None;
    }
    let mut sum: BTreeMap<String, f64> = BTreeMap::new();
    for (name, weight) in names.into_iter().zip(weights) {
        *sum.entry(name).or_default() += weight;
    }
    Some(Mixture(sum).normalised().ok()?.0)
}

/// A list, or a string with commas.
fn parts(value: &Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(list) => Some(list.clone()),
        Value::String(text) => Some(text.split(',').map(|part| Value::from(part.trim())).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn probabilities_count_only_where_datasets_are_interleaved() {
        let mut args =
            json!({"dataset": "prose, code", "interleave_probs": "0.7,0.3", "mix_strategy": "interleave_under"});
        let expected = Mixture(BTreeMap::from([("code".to_owned(), 0.3), ("prose".to_owned(), 0.7)]));
        assert_eq!(mixture(&args), Some(expected.clone()));
        args["dataset"] = json!(["prose", "code"]);
        args["interleave_probs"] = json!([0.7, 0.3]);
        assert_eq!(mixture(&args), Some(expected));
        args["interleave_probs"] = json!([0.7, 0.2, 0.1]);
        assert_eq!(mixture(&args), None, "not as many weights as datasets");
        assert_eq!(mixture(&json!({"dataset": "a,b", "interleave_probs": "0.5,0.5"})), None, "concat");
    }
}
