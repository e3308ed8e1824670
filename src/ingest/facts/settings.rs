//! Settings that are no fact for laws, by their dotted keys: what tells runs apart that do not belong together.

use serde_json::Value;
use std::collections::BTreeMap;

/// Settings of one file, at most.
const MOST: usize = 120;
/// Levels of dictionaries, at most.
const DEEPEST: usize = 6;
/// Longer keys and values are no settings that a condition compares with.
const LONGEST: usize = 120;

/// Numbers, words and truth values of a configuration, by dotted key. Lists, secrets and long texts are left out.
#[must_use]
pub fn settings(config: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    read(config, "", 0, &mut all);
    all
}

/// What W&B's `wandb-metadata.json` says of where and with which code a run was trained.
#[must_use]
pub fn of_wandb(metadata: &Value) -> BTreeMap<String, String> {
    let mut all = settings(metadata);
    all.retain(|key, _| {
        matches!(
            key.as_str(),
            "host" | "os" | "python" | "gpu" | "gpu_count" | "cpu_count" | "git.commit" | "git.remote"
        )
    });
    all
}

fn read(value: &Value, path: &str, depth: usize, all: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Object(map) if depth < DEEPEST => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                read(value, &path, depth + 1, all);
            }
            return;
        }
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return,
    };
    let fits = !path.is_empty() && path.len() <= LONGEST && !text.is_empty() && text.len() <= LONGEST;
    if fits && !text.contains(char::is_control) && !is_secret(path) && all.len() < MOST {
        all.insert(path.to_owned(), text);
    }
}

/// Whether a key says that its value is nobody's business: it is not even stored.
fn is_secret(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path).to_ascii_lowercase();
    let words: Vec<&str> = last.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    let is =
        |word: &&str| matches!(*word, "secret" | "password" | "passwd" | "apikey" | "key" | "credentials" | "auth");
    words.iter().any(is) || (words.last() == Some(&"token") && words.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn settings_are_words_numbers_and_truth_values_and_no_secrets() {
        let config = json!({
            "tokenizer": "gpt2", "lr": 1e-3, "model": {"norm": {"eps": 1e-5}, "tied": true}, "layers": [1, 2], "none": null,
            "hf_token": "x", "wandb": {"api_key": "y"}, "long": "z".repeat(500), "max_new_tokens": 7
        });
        let all = settings(&config);
        let said: Vec<(&str, &str)> = all.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(
            said,
            [
                ("lr", "0.001"),
                ("max_new_tokens", "7"),
                ("model.norm.eps", "0.00001"),
                ("model.tied", "true"),
                ("tokenizer", "gpt2")
            ]
        );
        let of_wandb = of_wandb(&json!({"host": "n1", "git": {"commit": "abc"}, "email": "me", "args": ["a"]}));
        assert_eq!(of_wandb.into_keys().collect::<Vec<_>>(), ["git.commit", "host"]);
    }
}
