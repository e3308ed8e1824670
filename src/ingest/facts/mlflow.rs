//! The parameters of MLflow's file store: `params/KEY` beside `metrics/`, one file per parameter, its value as text.

use super::Found;
use crate::ingest::formats::python_json;
use crate::vocab::{FactName, FactValue};
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

/// How a run ended, by its status: text in a database, a number in `meta.yaml` (mlflow/mlflow, mlflow/entities/run_status.py).
#[must_use]
pub fn ended(status: &str) -> Option<&'static str> {
    match status.trim() {
        "FINISHED" | "3" => Some("finished"),
        "FAILED" | "4" => Some("failed"),
        "KILLED" | "5" => Some("killed"),
        _ => None,
    }
}

/// The same from the `meta.yaml` of a run.
#[must_use]
pub fn ended_by(meta: &Value) -> Option<Found> {
    let is_run = meta.get("run_id").or_else(|| meta.get("run_uuid")).is_some() && meta.get("artifact_uri").is_some();
    let status = meta.get("status").filter(|_| is_run)?;
    let how = ended(&status.as_str().map_or_else(|| status.to_string(), str::to_owned))?;
    Some((FactName::Ended, FactValue::Text(how.to_owned()), "status".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::facts::config;
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
    fn how_a_run_ended_is_read_from_its_status() {
        let meta = |status: Value| serde_json::json!({"run_id": "r", "artifact_uri": "a", "status": status});
        let of = |status: Value| ended_by(&meta(status)).map(|found| found.1);
        let text = |how: &str| Some(FactValue::Text(how.to_owned()));
        assert_eq!(
            [of(3.into()), of("FAILED".into()), of(5.into())],
            [text("finished"), text("failed"), text("killed")]
        );
        assert_eq!([of(1.into()), of("RUNNING".into())], [None, None]);
        assert_eq!(ended_by(&serde_json::json!({"status": 3})), None, "of something else");
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
