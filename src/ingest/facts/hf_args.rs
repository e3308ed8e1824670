//! Facts in the arguments of Hugging Face's trainer and the tools built on it (TRL, LLaMA-Factory, ms-swift, axolotl).

use super::Found;
use super::keys::Keys;
use crate::vocab::{FactName, FactValue};
use serde_json::Value;

/// Learning rate, schedule, batch, length, seed and planned steps.
///
/// The batch over all devices is known only where the number of devices is: the trainer does not write it down, but
/// the tools on top of it often do.
#[must_use]
pub fn facts(args: &Value) -> Vec<Found> {
    let keys = Keys(args);
    let mut found = Vec::new();
    let mut number = |name: FactName, value: Option<f64>, place: &str| {
        if let Some(value) = value {
            found.push((name, FactValue::Number(value), place.to_owned()));
        }
    };
    let positive = |name: &str| keys.number(&[name]).filter(|value| *value > 0.0);
    let per_device = positive("per_device_train_batch_size");
    // Only with the batch beside it is a dictionary one of training arguments: `learning_rate` alone may be anyone's.
    let rate = positive("learning_rate");
    number(FactName::LearningRate, rate, "learning_rate");
    let steps = positive("max_steps");
    number(FactName::PlannedSteps, steps, "max_steps");
    number(FactName::Seed, keys.number(&["seed"]), "seed");
    for name in
        ["cutoff_len", "max_seq_length", "max_seq_len", "seq_length", "sequence_len", "block_size", "max_length"]
    {
        // `max_length` is 20 in every dictionary that a model's generation settings went into.
        if let Some(length) = positive(name).filter(|length| *length > 32.0) {
            number(FactName::SequenceLength, Some(length), name);
            break;
        }
    }
    if let Some(per_device) = per_device {
        let accumulated = positive("gradient_accumulation_steps").unwrap_or(1.0);
        let devices = ["global_world_size", "world_size", "num_gpus", "n_gpus"].into_iter().find_map(positive);
        number(
            FactName::BatchSequences,
            devices.map(|devices| per_device * accumulated * devices),
            "per_device_train_batch_size × gradient_accumulation_steps × devices",
        );
        // A fraction is a part of all steps; older versions have a key of its own for that.
        let warmup = match positive("warmup_steps") {
            Some(count) if count >= 1.0 => Some((count, "warmup_steps")),
            Some(part) => steps.map(|steps| ((part * steps).ceil(), "warmup_steps × max_steps")),
            None => positive("warmup_ratio")
                .zip(steps)
                .map(|(part, steps)| ((part * steps).ceil(), "warmup_ratio × max_steps")),
        };
        if let Some((steps, place)) = warmup {
            number(FactName::WarmupSteps, Some(steps), place);
        }
    }
    if let Some(extra) = args.get("lr_scheduler_kwargs").filter(|extra| extra.is_object()) {
        let extra = Keys(extra);
        let least = extra.number(&["min_lr"]).or_else(|| Some(rate? * extra.number(&["min_lr_rate", "min_lr_ratio"])?));
        number(FactName::MinLearningRate, least, "lr_scheduler_kwargs.min_lr");
        number(FactName::DecaySteps, extra.number(&["num_decay_steps"]), "lr_scheduler_kwargs.num_decay_steps");
    }
    if let Some(kind) = keys.text("lr_scheduler_type").and_then(schedule) {
        found.push((FactName::Schedule, FactValue::Text(kind.to_owned()), "lr_scheduler_type".to_owned()));
    }
    if let Some(from) = keys.text("resume_from_checkpoint").filter(|from| !matches!(*from, "True" | "true" | "auto")) {
        found.push((FactName::InitFrom, FactValue::Text(from.to_owned()), "resume_from_checkpoint".to_owned()));
    }
    found
}

/// The project's word for a scheduler; `None` for one it has none for.
pub(super) fn schedule(kind: &str) -> Option<&'static str> {
    // Older versions print the enumeration: `SchedulerType.COSINE`.
    let kind = kind.strip_prefix("SchedulerType.").unwrap_or(kind).to_ascii_lowercase();
    Some(match kind.as_str() {
        "cosine" | "cosine_with_min_lr" | "cosine_warmup_with_min_lr" => "cosine",
        "linear" => "linear",
        "constant" | "constant_with_warmup" => "constant",
        "warmup_stable_decay" | "wsd" => "wsd",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn known(args: &Value) -> Vec<(FactName, FactValue)> {
        facts(args).into_iter().map(|(name, value, _)| (name, value)).collect()
    }

    #[test]
    fn arguments_of_the_trainer_are_read() {
        let args = json!({
            "per_device_train_batch_size": 4, "gradient_accumulation_steps": 8, "world_size": 2, "learning_rate": 1e-4,
            "max_steps": 1000, "warmup_ratio": 0.05, "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr_rate": 0.1}, "seed": 42, "max_length": 20, "cutoff_len": 2048,
            "resume_from_checkpoint": null
        });
        let number = |name, value| (name, FactValue::Number(value));
        let mut expected = vec![
            number(FactName::LearningRate, 1e-4),
            number(FactName::PlannedSteps, 1000.0),
            number(FactName::Seed, 42.0),
            number(FactName::SequenceLength, 2048.0),
            number(FactName::BatchSequences, 64.0),
            number(FactName::WarmupSteps, 50.0),
            number(FactName::MinLearningRate, 1e-5),
        ];
        expected.push((FactName::Schedule, FactValue::Text("cosine".into())));
        assert_eq!(known(&args), expected);
    }

    #[test]
    fn what_the_trainer_leaves_open_stays_open() {
        let args = json!({"per_device_train_batch_size": 4, "max_steps": -1, "warmup_steps": 0, "warmup_ratio": 0.1});
        assert_eq!(known(&args), [], "no devices, no steps, no learning rate");
    }
}
