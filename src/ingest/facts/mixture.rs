//! Mixture weights in a configuration of unknown origin, recognised by key name and value type.

use super::Found;
use super::keys::number;
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
        if speaks(key)
            && let Some(mixture) = weights(inner.as_object().into_iter().flatten())
        {
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
    for (group, entries) in groups {
        if let Some(mixture) = weights(entries.iter().map(|(name, value)| (name, *value))) {
            found.push((FactName::Mixture, FactValue::Mixture(mixture), group.to_owned()));
        }
    }
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
        ] {
            assert_eq!(found(&config), None, "{config}");
        }
    }
}
