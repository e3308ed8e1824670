//! Facts in Levanter's configuration.
//!
//! Read in stanford-crfm/levanter: `config/llama2_nano.yaml` and its neighbours, `config/data/pile_mixture.yaml`; `src/levanter/data/text` and `data/mixture.py`
//! (`rescale_mixture_schedule_for_batch_schedule`: a schedule of weights is by steps). The size of the
//! vocabulary is the tokenizer's, so that only N without embeddings is counted, of models whose widths are all written.

use super::keys::number;
use super::{Found, architecture};
use crate::vocab::phase::check_phases;
use crate::vocab::{FactName, FactValue, Mixture, Phase, PhaseEnd};
use serde_json::{Value, json};

/// Facts, if the dictionary is such a configuration: it has `trainer.num_train_steps` and `trainer.train_batch_size`.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let at = |path: &str| path.split('.').try_fold(config, |value, key| value.get(key));
    let positive = |path: &str| at(path).and_then(number).filter(|n| *n > 0.0);
    let mut found = Vec::new();
    if at("trainer.train_batch_size").is_none() || positive("trainer.num_train_steps").is_none() {
        return found;
    }
    for (name, paths) in [
        (FactName::PlannedSteps, &["trainer.num_train_steps"][..]),
        (FactName::BatchSequences, &["trainer.train_batch_size"]),
        (FactName::SequenceLength, &["train_seq_len", "model.max_seq_len", "model.seq_len"]),
        (FactName::LearningRate, &["optimizer.learning_rate"]),
        (FactName::Seed, &["trainer.seed"]),
    ] {
        let value = paths.iter().find_map(|path| Some((positive(path)?, *path)));
        found.extend(value.map(|(value, path)| (name, FactValue::Number(value), path.to_owned())));
    }
    let stated = at("data.train_weights").and_then(|weights| match weights {
        Value::Array(stages) => scheduled(stages),
        weights => mixture(weights).map(FactValue::Mixture),
    });
    found.extend(stated.map(|value| {
        let name = if matches!(value, FactValue::Phases(_)) { FactName::Phases } else { FactName::Mixture };
        (name, value, "data.train_weights".to_owned())
    }));
    let get = |key: &str| positive(&format!("model.{key}"));
    let model = || {
        Some(json!({
            "model_type": "llama", "hidden_size": get("hidden_dim")?, "intermediate_size": get("intermediate_dim")?,
            "num_hidden_layers": get("num_layers")?, "num_attention_heads": get("num_heads")?,
            "num_key_value_heads": get("num_kv_heads").or_else(|| get("num_heads"))?, "vocab_size": 1,
        }))
    };
    let llama = matches!(at("model.type").and_then(Value::as_str), Some("llama" | "mistral"));
    let counted = llama.then(model).flatten();
    let counted = counted.iter().flat_map(architecture::facts).filter(|(name, _, _)| *name == FactName::Params);
    found.extend(counted.map(|(name, value, _)| (name, value, "model".to_owned())));
    found
}

fn mixture(weights: &Value) -> Option<Mixture> {
    let weights = weights.as_object()?.iter().map(|(name, weight)| Some((name.clone(), number(weight)?)));
    Some(Mixture(weights.collect::<Option<_>>()?).normalised().ok()?.0)
}

/// Weights by the step from which on they hold, in order, the first from step 0: `[[0, {…}], [8000, {…}]]`. Nothing where one of
/// them is not so.
fn scheduled(stages: &[Value]) -> Option<FactValue> {
    let stage = |stage: &Value| match stage.as_array()?.as_slice() {
        [step, weights] => Some((number(step)?, mixture(weights)?)),
        _ => None,
    };
    let stages: Vec<(f64, Mixture)> = stages.iter().map(stage).collect::<Option<_>>()?;
    if stages.first()?.0 != 0.0 {
        return None;
    }
    if let [(_, only)] = stages.as_slice() {
        return Some(FactValue::Mixture(only.clone()));
    }
    let until = |index: usize| stages.get(index + 1).map(|(step, _)| PhaseEnd::Steps(*step));
    let phase =
        |(index, (_, mixture)): (usize, &(f64, Mixture))| Phase { until: until(index), mixture: mixture.clone() };
    let phases: Vec<Phase> = stages.iter().enumerate().map(phase).collect();
    check_phases(&phases).ok()?;
    Some(FactValue::Phases(phases))
}

#[cfg(test)]
mod tests {
    use super::super::{config, tests::numbers};
    use super::*;

    #[test]
    fn length_batch_and_weights_are_read() {
        let config = json!({
            "data": {"train_weights": {"code": 0.3, "web": 0.7}, "tokenizer": "t"},
            "model": {"type": "llama", "hidden_dim": 64, "intermediate_dim": 256, "num_heads": 4, "num_kv_heads": 2, "num_layers": 2, "seq_len": 512},
            "trainer": {"train_batch_size": 32, "num_train_steps": 100, "seed": 1}, "optimizer": {"learning_rate": 1e-3},
        });
        let found = config::facts(&config);
        let layers = 2.0 * (64.0 * 64.0 * 2.0 + 64.0 * 32.0 * 2.0 + 3.0 * 64.0 * 256.0 + 2.0 * 64.0) + 64.0;
        for (name, value) in [
            (FactName::PlannedSteps, 100.0),
            (FactName::BatchSequences, 32.0),
            (FactName::SequenceLength, 512.0),
            (FactName::Params, layers),
        ] {
            assert_eq!(numbers(&found, name), [value], "{name:?}: {found:?}");
        }
        assert!(numbers(&found, FactName::TotalParams).is_empty(), "the vocabulary is the tokenizer's");
        assert!(found.iter().any(|(_, value, _)| matches!(value, FactValue::Mixture(m) if m.weight("code") == 0.3)));
    }

    #[test]
    fn a_schedule_of_weights_is_phases() {
        let read = |weights: Value| {
            let config = json!({
                "data": {"train_weights": weights}, "trainer": {"train_batch_size": 32, "num_train_steps": 100},
            });
            let found = config::facts(&config);
            let stated = found.into_iter().find(|(name, _, _)| matches!(name, FactName::Mixture | FactName::Phases));
            stated.map(|(_, value, _)| value)
        };
        let two = json!([[0, {"web": 3, "code": 1}], [80, {"web": 0.5, "code": 0.5}]]);
        let Some(FactValue::Phases(phases)) = read(two) else { panic!("no phases") };
        assert_eq!((phases.len(), phases[0].until, phases[1].until), (2, Some(PhaseEnd::Steps(80.0)), None));
        assert_eq!((phases[0].mixture.weight("web"), phases[1].mixture.weight("web")), (0.75, 0.5));
        let one = read(json!([[0, {"web": 1, "code": 1}]]));
        assert!(matches!(one, Some(FactValue::Mixture(m)) if m.weight("code") == 0.5));
        for wrong in [
            json!([]),
            json!([[5, {"web": 1}], [80, {"code": 1}]]),
            json!([[0, {"web": 1}], [-1, {"code": 1}]]),
            json!([[0, {"web": 1}], [80, {"code": 1}], [80, {"web": 1}]]),
            json!([[0, {"web": 1}], [80, "code"]]),
            json!([[0, {"web": 1}], {"code": 1}]),
            json!([[0, {"web": 0}], [80, {"code": 1}]]),
        ] {
            assert_eq!(read(wrong.clone()), None, "{wrong}");
        }
    }
}
