//! The mixture in ms-swift's `args.json`.

use super::Found;
use super::blend;
use super::keys::Keys;
use crate::vocab::{FactName, FactValue, Mixture};
use serde_json::Value;

/// `dataset: ["AI-ModelScope/alpaca#20000", "swift/code#10000"]`: the number behind `#` is how many samples are taken,
/// and where all data sets have one, they are the weights (by sample, which is what ms-swift draws). With
/// `interleave_prob`, the probabilities are.
#[must_use]
pub fn facts(args: &Value) -> Vec<Found> {
    let Some((mixture, place)) = mixture(args) else { return Vec::new() };
    vec![(FactName::Mixture, FactValue::Mixture(mixture), place.to_owned())]
}

fn mixture(args: &Value) -> Option<(Mixture, &'static str)> {
    let sets: Vec<&str> = args.get("dataset")?.as_array()?.iter().map(Value::as_str).collect::<Option<_>>()?;
    let split = |set: &'_ str| match set.rsplit_once('#') {
        Some((name, count)) => (name.to_owned(), count.parse::<f64>().ok()),
        None => (set.to_owned(), None),
    };
    let (names, counts): (Vec<String>, Vec<Option<f64>>) = sets.into_iter().map(split).unzip();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let probabilities = Keys(args).list("interleave_prob");
    if probabilities.len() == names.len() {
        return Some((blend::mixture(&probabilities, &names)?, "interleave_prob"));
    }
    let counts: Vec<f64> = counts.into_iter().collect::<Option<_>>()?;
    Some((blend::mixture(&counts, &names)?, "dataset"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_of_samples_and_probabilities_are_weights() {
        let args = json!({"dataset": ["AI/alpaca#30000", "swift/code:all#10000"], "interleave_prob": null});
        let (found, place) = mixture(&args).expect("a mixture");
        assert_eq!((found.0.values().copied().collect::<Vec<_>>(), place), (vec![0.75, 0.25], "dataset"));
        let args = json!({"dataset": ["a.jsonl", "b.jsonl"], "interleave_prob": [0.9, 0.1]});
        let (found, place) = mixture(&args).expect("a mixture");
        assert_eq!((found.weight("a"), found.weight("b"), place), (0.9, 0.1, "interleave_prob"));
    }

    #[test]
    fn a_data_set_without_a_count_leaves_the_mixture_open() {
        for args in
            [json!({"dataset": ["a#10", "b"]}), json!({"dataset": []}), json!({"dataset": "a#1,b#2"}), json!({})]
        {
            assert_eq!(facts(&args), [], "{args}");
        }
    }
}
