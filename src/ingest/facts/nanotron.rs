//! Facts in nanotron's configuration.
//!
//! Read in huggingface/nanotron, `src/nanotron/config/config.py`: `TokensArgs`, `DatasetStageArgs`, `NanosetDatasetsArgs`,
//! `PretrainDatasetsArgs`, `LRSchedulerArgs`. N is counted from `model.model_config` like any model.

use super::keys::number;
use super::{Found, blend};
use crate::vocab::phase::check_phases;
use crate::vocab::{FactName, FactValue, Mixture, Phase, PhaseEnd};
use serde_json::Value;

/// Facts, if the dictionary is such a configuration: it has `tokens.micro_batch_size` and `tokens.train_steps`.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let at = |path: &str| path.split('.').try_fold(config, |value, key| value.get(key));
    let positive = |path: &str| at(path).and_then(number).filter(|n| *n > 0.0);
    let (Some(micro), Some(steps)) = (positive("tokens.micro_batch_size"), positive("tokens.train_steps")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut add = |name: FactName, value: Option<f64>, place: &str| {
        found.extend(value.map(|value| (name, FactValue::Number(value), place.to_owned())));
    };
    add(FactName::PlannedSteps, Some(steps), "tokens.train_steps");
    add(FactName::SequenceLength, positive("tokens.sequence_length"), "tokens.sequence_length");
    let parts =
        positive("parallelism.dp").unwrap_or(1.0) * positive("tokens.batch_accumulation_per_replica").unwrap_or(1.0);
    add(FactName::BatchSequences, Some(micro * parts), "tokens.micro_batch_size");
    let schedule = "optimizer.learning_rate_scheduler";
    for (name, key) in [
        (FactName::LearningRate, "learning_rate"),
        (FactName::MinLearningRate, "min_decay_lr"),
        (FactName::WarmupSteps, "lr_warmup_steps"),
    ] {
        let place = format!("{schedule}.{key}");
        add(name, positive(&place), &place);
    }
    add(FactName::Seed, at("general.seed").and_then(number), "general.seed");
    found.extend(at("data_stages").and_then(Value::as_array).and_then(|stages| stated(stages)));
    found
}

/// The mixture of the only stage, or the phases of several; nothing where one of them states no weights.
fn stated(stages: &[Value]) -> Option<Found> {
    let dataset = |stage: &Value| mixture(stage.get("data")?.get("dataset")?);
    if let [only] = stages {
        return Some((FactName::Mixture, FactValue::Mixture(dataset(only)?), "data_stages.0.data.dataset".to_owned()));
    }
    let start = |stage: &Value| number(stage.get("start_training_step")?);
    let mut phases = Vec::with_capacity(stages.len());
    for (index, stage) in stages.iter().enumerate() {
        // Steps are counted from 1.
        let until = match stages.get(index + 1) {
            Some(next) => Some(PhaseEnd::Steps(start(next)? - 1.0)),
            None => None,
        };
        phases.push(Phase { until, mixture: dataset(stage)? });
    }
    check_phases(&phases).ok()?;
    Some((FactName::Phases, FactValue::Phases(phases), "data_stages".to_owned()))
}

fn mixture(dataset: &Value) -> Option<Mixture> {
    if let Some(Value::Object(named)) = dataset.get("hf_dataset_or_datasets") {
        let weights = named.iter().map(|(name, weight)| Some((name.clone(), number(weight)?)));
        return Some(Mixture(weights.collect::<Option<_>>()?).normalised().ok()?.0);
    }
    let folders = match dataset.get("dataset_folder")? {
        Value::String(folder) => return blend::mixture(&[1.0], &[folder]),
        Value::Array(folders) => folders.iter().map(Value::as_str).collect::<Option<Vec<&str>>>()?,
        // An older form: weights by folder.
        Value::Object(folders) => {
            let (folders, weights): (Vec<&str>, Vec<Option<f64>>) =
                folders.iter().map(|(folder, weight)| (folder.as_str(), number(weight))).unzip();
            return blend::mixture(&weights.into_iter().collect::<Option<Vec<f64>>>()?, &folders);
        }
        _ => return None,
    };
    let weights = dataset.get("dataset_weights")?.as_array()?.iter().map(number).collect::<Option<Vec<f64>>>()?;
    blend::mixture(&weights, &folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn batch_steps_and_mixture_are_found() {
        let mut config = json!({
            "data_stages": [{"data": {"dataset": {"dataset_folder": ["/corpus/code", "/data/web"], "dataset_weights": [0.35, 0.65]}}}],
            "parallelism": {"dp": 8}, "optimizer": {"learning_rate_scheduler": {"learning_rate": 3e-4}},
            "tokens": {"batch_accumulation_per_replica": 2, "micro_batch_size": 4, "sequence_length": 1024, "train_steps": 300},
        });
        let number = |found: &[Found], name| {
            found.iter().find(|f| f.0 == name).and_then(|f| if let FactValue::Number(n) = f.1 { Some(n) } else { None })
        };
        let weight = |found: &[Found], domain: &str| {
            found.iter().find_map(|f| if let FactValue::Mixture(m) = &f.1 { Some(m.weight(domain)) } else { None })
        };
        let found = facts(&config);
        for (name, value) in [
            (FactName::BatchSequences, 64.0),
            (FactName::SequenceLength, 1024.0),
            (FactName::PlannedSteps, 300.0),
            (FactName::LearningRate, 3e-4),
        ] {
            assert_eq!(number(&found, name), Some(value), "{name:?}");
        }
        assert_eq!(weight(&found, "code"), Some(0.35));
        for dataset in [
            json!({"dataset_folder": {"/d/code": 7, "/d/web": 13}}),
            json!({"hf_dataset_or_datasets": {"code": 7, "web": 13}}),
        ] {
            config["data_stages"][0]["data"]["dataset"] = dataset;
            assert_eq!(weight(&facts(&config), "code"), Some(0.35));
        }
        assert_eq!(facts(&json!({"tokens": {"train_steps": 5}})), []);
    }

    #[test]
    fn several_stages_are_phases_and_never_the_first_of_them() {
        let stage = |start: u32, code: f64| {
            json!({"name": "s", "start_training_step": start,
                   "data": {"dataset": {"hf_dataset_or_datasets": {"code": code, "web": 1.0 - code}}}})
        };
        let config =
            |stages: Value| json!({"tokens": {"micro_batch_size": 4, "train_steps": 1000}, "data_stages": stages});
        let found = facts(&config(json!([stage(1, 0.1), stage(801, 0.5)])));
        let phases = found.iter().find_map(|f| if let FactValue::Phases(p) = &f.1 { Some(p) } else { None }).unwrap();
        assert_eq!(phases[0].until, Some(PhaseEnd::Steps(800.0)));
        assert_eq!(phases.iter().map(|p| p.mixture.weight("code")).collect::<Vec<_>>(), [0.1, 0.5]);
        assert!(found.iter().all(|f| f.0 != FactName::Mixture));
        let partly = facts(&config(json!([stage(1, 0.1), {"start_training_step": 801, "data": {}}])));
        assert!(partly.iter().all(|f| !matches!(f.0, FactName::Mixture | FactName::Phases)), "{partly:?}");
    }
}
