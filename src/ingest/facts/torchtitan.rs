//! Facts in torchtitan's job configuration, and a reader for the part of TOML that such files use.

use super::Found;
use super::keys::number;
use crate::vocab::{FactName, FactValue};
use serde_json::{Map, Value};

/// Facts, if the dictionary is a job configuration: it has `training.steps` beside a model.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let at = |path: &str| path.split('.').try_fold(config, |value, key| value.get(key));
    let positive = |path: &str| at(path).and_then(number).filter(|n| *n > 0.0);
    let (Some(steps), true) = (positive("training.steps"), config.get("model").is_some()) else { return Vec::new() };
    let mut found = Vec::new();
    let mut add = |name: FactName, value: Option<f64>, place: &str| {
        found.extend(value.map(|value| (name, FactValue::Number(value), place.to_owned())));
    };
    add(FactName::PlannedSteps, Some(steps), "training.steps");
    add(FactName::SequenceLength, positive("training.seq_len"), "training.seq_len");
    // -1 stands for what the devices make of the local batch.
    add(FactName::BatchSequences, positive("training.global_batch_size"), "training.global_batch_size");
    let rate = positive("optimizer.lr");
    add(FactName::LearningRate, rate, "optimizer.lr");
    for place in ["lr_scheduler.min_lr_factor", "lr_scheduler.lr_min"] {
        add(FactName::MinLearningRate, rate.zip(at(place).and_then(number)).map(|(rate, part)| rate * part), place);
    }
    for place in ["lr_scheduler.warmup_steps", "training.warmup_steps"] {
        add(FactName::WarmupSteps, positive(place), place);
    }
    let decay = positive("lr_scheduler.decay_ratio");
    add(FactName::DecaySteps, decay.map(|part| (part * steps).round()), "lr_scheduler.decay_ratio");
    for place in ["training.seed", "debug.seed"] {
        add(FactName::Seed, at(place).and_then(number), place);
    }
    let shape = at("lr_scheduler.decay_type").and_then(Value::as_str).unwrap_or("linear");
    if config.get("lr_scheduler").is_some() {
        // With a ratio, the rate is held until the last part of the run.
        let shape = if decay.is_some_and(|part| part < 1.0) { "wsd" } else { shape };
        found.push((FactName::Schedule, FactValue::Text(shape.to_owned()), "lr_scheduler".to_owned()));
    }
    if let Some(path) = at("checkpoint.initial_load_path").and_then(Value::as_str).filter(|path| !path.is_empty()) {
        found.push((FactName::InitFrom, FactValue::Text(path.to_owned()), "checkpoint.initial_load_path".to_owned()));
    }
    found
}

/// Tables, and keys with numbers, strings, switches and lists of them on one line. Lines of anything else are passed over:
/// what is looked for is not among them.
#[must_use]
pub fn toml(text: &str) -> Value {
    let mut root = Map::new();
    let mut table: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = uncommented(line).trim();
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            // An array of tables is none of ours, and neither is what stands in it.
            let ours = !name.starts_with('[');
            table = if ours {
                name.split('.').map(|part| unquoted(part.trim()).to_owned()).collect()
            } else {
                vec![name.to_owned()]
            };
        } else if let Some((key, value)) = line.split_once('=')
            && let Some(value) = scalar(value.trim())
        {
            let path = table.iter().map(String::as_str).chain(key.trim().split('.').map(|part| unquoted(part.trim())));
            insert(&mut root, &path.collect::<Vec<_>>(), value);
        }
    }
    Value::Object(root)
}

fn insert(map: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [key] => drop(map.insert((*key).to_owned(), value)),
        [key, rest @ ..] => {
            let inner = map.entry(*key).or_insert_with(|| Value::Object(Map::new()));
            if let (Value::Object(inner), true) = (inner, rest.len() < 16) {
                insert(inner, rest, value);
            }
        }
    }
}

fn scalar(text: &str) -> Option<Value> {
    let first = text.chars().next()?;
    if matches!(first, '"' | '\'') {
        return text[1..].strip_suffix(first).map(Value::from);
    }
    if let Some(list) = text.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
        let items = list.split(',').map(str::trim).filter(|item| !item.is_empty());
        return items.map(scalar).collect::<Option<Vec<Value>>>().map(Value::Array);
    }
    match text {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => text.replace('_', "").parse::<f64>().ok().filter(|n| n.is_finite()).map(Value::from),
    }
}

fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// A line up to its comment; a `#` in quotes begins none.
fn uncommented(line: &str) -> &str {
    let mut quote = None;
    for (i, c) in line.char_indices() {
        match (c, quote) {
            ('#', None) => return &line[..i],
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_file_tells_its_plan() {
        let config = toml(
            "[job]\ndescription = \"Llama # 3\"\n\n[model]\nname = 'llama3'\nflavor = \"8B\"\n\n[optimizer]\nlr = 3e-4\n\
             [lr_scheduler]\nwarmup_steps = 200  # of it\ndecay_ratio = 0.8\nmin_lr_factor = 0.1\n\
             [training]\nseq_len = 8_192\nglobal_batch_size = -1\nsteps = 1000\nseed = 7\n[a.b]\nlist = [1, \"x\"]\nbroken = [1,\n[[t]]\nsteps = 1\n",
        );
        assert_eq!(config["job"]["description"], "Llama # 3");
        assert_eq!(config["a"]["b"]["list"], serde_json::json!([1.0, "x"]));
        let found = facts(&config);
        let names: Vec<FactName> = found.iter().map(|f| f.0).collect();
        assert_eq!(
            names,
            [
                FactName::PlannedSteps,
                FactName::SequenceLength,
                FactName::LearningRate,
                FactName::MinLearningRate,
                FactName::WarmupSteps,
                FactName::DecaySteps,
                FactName::Seed,
                FactName::Schedule,
            ]
        );
        assert_eq!(found[5].1, FactValue::Number(800.0));
        assert_eq!(found[7].1, FactValue::Text("wsd".to_owned()));
        assert_eq!(facts(&toml("[project]\nname = \"x\"\n[training]\nsteps = 5\n")), []);
    }
}
