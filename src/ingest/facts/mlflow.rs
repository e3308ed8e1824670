//! The parameters of MLflow's file store: `params/KEY` beside `metrics/`, one file per parameter, its value as text.

use crate::ingest::formats::python_json;
use serde_json::Value;

/// Ends of names that logs and settings of other tools have, and parameters do not.
const OTHERS: [&str; 8] = ["jsonl", "json", "csv", "tsv", "log", "txt", "yaml", "yml"];

/// The directory and the name of the parameter, if a file (relative to its run) holds one.
#[must_use]
pub fn parameter(relative: &str) -> Option<(&str, &str)> {
    let start = match relative.strip_prefix("params/") {
        Some(_) => 0,
        None => relative.find("/params/")? + 1,
    };
    let (directory, key) = relative.split_at(start + "params".len());
    let key = &key[1..];
    let foreign = key.rsplit_once('.').is_some_and(|(_, extension)| OTHERS.contains(&extension));
    (!key.is_empty() && !foreign).then_some((directory, key))
}

/// What a parameter's text means: dictionaries are written as Python prints them, everything else stays text.
#[must_use]
pub fn value(text: &str) -> Value {
    let text = text.trim();
    let dictionary = text.starts_with('{').then(|| python_json::value(text.replace('\'', "\"").as_bytes())).flatten();
    dictionary.unwrap_or_else(|| Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::facts::config;
    use crate::vocab::{FactName, FactValue};
    use serde_json::Map;

    #[test]
    fn parameters_are_told_by_their_directory() {
        assert_eq!(parameter("params/model/lr"), Some(("params", "model/lr")));
        assert_eq!(parameter("0/abc/params/lr"), Some(("0/abc/params", "lr")));
        for other in ["metrics/loss", "params", "params/", "hparams/lr", "params/metrics.jsonl", "params.json"] {
            assert_eq!(parameter(other), None, "{other}");
        }
    }

    #[test]
    fn together_they_are_a_configuration() {
        let texts =
            [("n_layer", "12"), ("n_head", "12"), ("n_embd", "768"), ("vocab_size", "50257"), ("model_type", "gpt2")];
        let mut known: Map<String, Value> = texts.iter().map(|(k, text)| ((*k).to_owned(), value(text))).collect();
        known.insert("data_mixture".into(), value("{'code': 0.25, 'prose': 0.75}\n"));
        let found = config::facts(&Value::Object(known));
        assert!(found.iter().any(|f| (f.0, &f.1) == (FactName::Params, &FactValue::Number(85_056_000.0))), "{found:?}");
        assert!(found.iter().any(|f| f.0 == FactName::Mixture), "{found:?}");
    }
}
