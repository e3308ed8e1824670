//! Mixture weights in a configuration of unknown origin, recognised by key name and value type.

use super::keys::number;
use super::{Found, blend};
use crate::vocab::facts::UNNAMED_REST;
use crate::vocab::{FactName, FactValue, Mixture};
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Keys that speak of a mixture.
static SPEAKS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(mix|blend|(data|domain|source|sampling|train|corpus)\w*(ratio|weight|prob|proportion))").ok()
});
/// Keys that speak of weights of something else.
static ELSEWHERE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(mixed|mixer|mixup|cutmix|mixin|precision|loss|class|label|decay|reward|augment|init|layer|expert)",
    )
    .ok()
});

/// Keys that hold weights where what is around them is data.
const WEIGHTS: [&str; 9] =
    ["weights", "ratios", "proportions", "probs", "probabilities", "sources", "domains", "corpora", "sampling"];
/// Keys under which each corpus says its own weight.
const OWN: [&str; 7] = ["weight", "proportion", "ratio", "sampling_weight", "sample_weight", "probability", "prob"];
/// Keys under which a corpus in a list says its name.
const NAMED: [&str; 6] = ["name", "domain", "id", "path", "dataset", "source"];

/// How deep dictionaries are searched.
const DEEPEST: usize = 6;

/// The first dictionary of at least two names with weights under a key that speaks of a mixture; also one that was
/// flattened into `mixture.prose`, `mixture/code`.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    search(config, "", 0, &mut found);
    if found.is_empty() {
        flattened(config, &mut found);
    }
    found.truncate(1);
    found
}

fn search(value: &Value, path: &str, depth: usize, found: &mut Vec<Found>) {
    let Some(map) = value.as_object().filter(|_| depth < DEEPEST) else { return };
    for (key, inner) in map {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let data = WEIGHTS.contains(&key.as_str()) && path.split('.').rev().nth(1).is_some_and(is_data);
        let mixture = if speaks(key) || data { weights(inner.as_object().into_iter().flatten()) } else { None };
        let mixture = mixture.or_else(|| if is_data(key) || data { own_weights(inner) } else { None });
        if let Some(mixture) = mixture {
            found.push((FactName::Mixture, FactValue::Mixture(mixture), path.clone()));
        }
        search(inner, &path, depth + 1, found);
    }
}

fn flattened(config: &Value, found: &mut Vec<Found>) {
    let mut groups: BTreeMap<&str, Vec<(String, &Value)>> = BTreeMap::new();
    for (key, value) in config.as_object().into_iter().flatten() {
        if let Some((group, name)) = key.rsplit_once(['.', '/'])
            && speaks(group.rsplit(['.', '/']).next().unwrap_or(group))
        {
            groups.entry(group).or_default().push((name.to_owned(), value));
        }
    }
    if groups.is_empty() {
        found.extend(prefixed(config));
    }
    for (group, entries) in groups {
        if let Some(mixture) = weights(entries.iter().map(|(name, value)| (name, *value))) {
            found.push((FactName::Mixture, FactValue::Mixture(mixture), group.to_owned()));
        }
    }
}

/// Whether a key is of training data.
fn is_data(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let held_out = ["eval", "val", "test", "dev"].iter().any(|word| key.contains(word));
    let words = ["data", "corpus", "corpora", "mixture", "streams", "domains", "sources", "components"];
    !held_out && words.iter().any(|word| key.contains(word))
}

/// Weights that each corpus states beside what else it says of itself: LLM Foundry's `streams: {a: {proportion: 0.5}}`, and
/// lists of corpora with a name or path.
fn own_weights(value: &Value) -> Option<Mixture> {
    let own = |corpus: &Value| OWN.iter().find_map(|key| number(corpus.get(key)?));
    match value {
        Value::Object(map) if map.len() > 1 => {
            let weights = map.iter().map(|(name, corpus)| Some((name.clone(), own(corpus)?)));
            Some(Mixture(weights.collect::<Option<_>>()?).normalised().ok()?.0)
        }
        Value::Array(list) if list.len() > 1 => {
            let name = |corpus: &'_ Value| NAMED.iter().find_map(|key| corpus.get(key)?.as_str().map(str::to_owned));
            let named: Vec<(String, f64)> =
                list.iter().map(|corpus| Some((name(corpus)?, own(corpus)?))).collect::<Option<_>>()?;
            let (paths, weights): (Vec<&str>, Vec<f64>) =
                named.iter().map(|(name, weight)| (name.as_str(), *weight)).unzip();
            blend::mixture(&weights, &paths)
        }
        _ => None,
    }
}

/// Weights each under a key of its own, as trackers of plain parameters have them: `ratio_code: 0.2`. Where they do not make a
/// whole, the rest is of domains that nobody names.
fn prefixed(config: &Value) -> Option<Found> {
    const BEFORE: [&str; 7] = ["ratio_", "mix_", "mixture_", "proportion_", "fraction_", "frac_", "share_"];
    const NONE: [&str; 9] = ["train", "val", "valid", "test", "eval", "dev", "warmup", "dropout", "holdout"];
    let map = config.as_object()?;
    BEFORE.iter().find_map(|before| {
        let named = map.iter().filter_map(|(key, value)| {
            let name = key.strip_prefix(before)?;
            let other = NONE.contains(&name) || ELSEWHERE.as_ref().is_some_and(|other| other.is_match(name));
            let weight = number(value).filter(|weight| (0.0..=1.0).contains(weight))?;
            (!name.is_empty() && !other).then(|| (name.to_owned(), weight))
        });
        let mut weights: BTreeMap<String, f64> = named.collect();
        let sum: f64 = weights.values().sum();
        if weights.is_empty() || !(0.0..=1.001).contains(&sum) || sum == 0.0 {
            return None;
        }
        let partial = sum < 0.999;
        if partial {
            weights.insert("rest".to_owned(), 1.0 - sum);
        }
        let mixture = Mixture(weights).normalised().ok()?.0;
        let source = format!("{before}…{}", if partial { UNNAMED_REST } else { "" });
        Some((FactName::Mixture, FactValue::Mixture(mixture), source))
    })
}

fn speaks(key: &str) -> bool {
    let matches = |pattern: &LazyLock<Option<Regex>>| pattern.as_ref().is_some_and(|pattern| pattern.is_match(key));
    matches(&SPEAKS) && !matches(&ELSEWHERE)
}

/// At least two names, every value a weight.
fn weights<'a>(entries: impl Iterator<Item = (&'a String, &'a Value)>) -> Option<Mixture> {
    let weights: BTreeMap<String, f64> =
        entries.map(|(name, value)| number(value).map(|w| (name.clone(), w))).collect::<Option<_>>()?;
    if weights.len() < 2 {
        return None;
    }
    Some(Mixture(weights).normalised().ok()?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(config: &Value) -> Option<(String, Vec<f64>)> {
        facts(config).pop().map(|(_, value, place)| match value {
            FactValue::Mixture(mixture) => (place, mixture.0.into_values().collect()),
            _ => unreachable!(),
        })
    }

    #[test]
    fn mixtures_are_found_wherever_they_stand() {
        let weights = json!({"code": 0.25, "prose": 0.75});
        for (config, place) in [
            (json!({"mixture": weights}), "mixture"),
            (json!({"data": {"domain_weights": weights}}), "data.domain_weights"),
            (json!({"sampling_ratios": {"code": "1", "prose": "3"}}), "sampling_ratios"),
            (json!({"train/data_mix.code": 1, "train/data_mix.prose": 3}), "train/data_mix"),
            (json!({"data": {"weights": weights}}), "data.weights"),
            (json!({"ratio_code": "0.25", "ratio_prose": "0.75"}), "ratio_…"),
            (json!({"ratio_code": "0.25"}), "ratio_…, and the rest"),
            (
                json!({"train_loader": {"dataset": {"streams": {"code": {"proportion": 1}, "prose": {"proportion": 3}}}}}),
                "train_loader.dataset.streams",
            ),
            (json!({"datasets": [{"path": "/d/code", "weight": 1}, {"path": "/d/prose", "weight": 3}]}), "datasets"),
        ] {
            assert_eq!(found(&config), Some((place.to_owned(), vec![0.25, 0.75])), "{config}");
        }
    }

    #[test]
    fn weights_of_something_else_are_left_alone() {
        for config in [
            json!({"weight_decay": 0.1, "mixed_precision": {"a": 1, "b": 2}}),
            json!({"class_weights": {"a": 1, "b": 2}, "loss_mixture": {"a": 1, "b": 1}}),
            json!({"mixture": {"a": 0.5}}),
            json!({"mixture": {"a": 0.5, "b": "web"}}),
            json!({"mixture": {"a": -1, "b": 2}}),
            json!({"mixture": 0.3}),
            json!({"ratio_warmup": 0.3, "ratio_train": 0.9, "mix_precision": 1}),
            json!({"model": {"weights": {"a": 1, "b": 2}}, "eval_data": {"weights": {"a": 1, "b": 2}}}),
            json!({"datasets": {"a": {"path": "x"}, "b": {"path": "y"}}}),
        ] {
            assert_eq!(found(&config), None, "{config}");
        }
    }
}
