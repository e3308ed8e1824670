//! Settings under common names in a user-written `config.json`.

use super::keys::number;
use super::{Found, hf_args};
use crate::vocab::number::parse_amount;
use crate::vocab::{FactName, FactValue, Mixture};
use serde_json::Value;

/// Keys that say what they mean, the surest of each fact first.
const NAMES: &[(FactName, &[&str])] = &[
    (FactName::Params, &["params_non_embedding", "non_embedding_params", "params", "n_params", "num_params"]),
    (FactName::ActiveParams, &["active_params_non_embedding", "active_params", "n_active_params"]),
    (FactName::TotalParams, &["total_params", "params_with_embedding"]),
    (FactName::BatchTokens, &["batch_tokens", "tokens_per_batch", "tokens_per_step", "global_batch_tokens"]),
    (FactName::BatchSequences, &["batch_sequences", "global_batch_size"]),
    (FactName::SequenceLength, &["sequence_length", "seq_length", "seq_len", "block_size", "context_length"]),
    (FactName::PlannedSteps, &["planned_steps", "max_steps", "total_steps", "train_steps", "num_steps", "train_iters"]),
    (FactName::PlannedTokens, &["planned_tokens", "train_tokens"]),
    (FactName::Experts, &["num_experts", "experts", "n_experts"]),
    (
        FactName::ExpertsPerToken,
        &["experts_per_token", "num_experts_per_tok", "num_experts_per_token", "moe_router_topk"],
    ),
    (FactName::Granularity, &["granularity", "expert_granularity"]),
    (FactName::LearningRate, &["learning_rate", "max_lr", "peak_lr", "lr"]),
    (FactName::MinLearningRate, &["min_learning_rate", "min_lr"]),
    (FactName::Schedule, &["lr_schedule", "schedule", "lr_scheduler_type", "lr_scheduler"]),
    (FactName::WarmupSteps, &["warmup_steps"]),
    (FactName::DecaySteps, &["decay_steps"]),
    (FactName::Seed, &["seed"]),
    (FactName::InitFrom, &["init_from", "pretrained", "resume_from"]),
];

/// Facts of a dictionary of settings. A number that makes no sense for its fact (a negative size, `-1` for "no limit")
/// is none.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    if let Some(mixture) = config.get("mixture").and_then(mixture) {
        found.push((FactName::Mixture, FactValue::Mixture(mixture), "mixture".to_owned()));
    }
    for (name, keys) in NAMES {
        let value = keys.iter().find_map(|key| Some((*key, value(*name, config.get(key)?)?)));
        if let Some((key, value)) = value {
            found.push((*name, value, key.to_owned()));
        }
    }
    found
}

/// The value of one fact, if it can be one.
#[must_use]
pub fn value(name: FactName, value: &Value) -> Option<FactValue> {
    match name {
        FactName::Mixture => mixture(value).map(FactValue::Mixture),
        FactName::Schedule | FactName::InitFrom => {
            let text = value.as_str().filter(|t| !t.is_empty())?;
            let word = hf_args::schedule(text).filter(|_| name == FactName::Schedule);
            Some(FactValue::Text(word.unwrap_or(text).to_owned()))
        }
        _ => {
            let number = number(value).or_else(|| parse_amount(value.as_str()?).ok())?;
            (number > 0.0 || number == 0.0 && name.may_be_zero()).then_some(FactValue::Number(number))
        }
    }
}

/// Weights by domain; one domain alone is a mixture, too.
fn mixture(value: &Value) -> Option<Mixture> {
    let weights = value.as_object()?.iter().map(|(domain, weight)| Some((domain.clone(), number(weight)?)));
    Mixture(weights.collect::<Option<_>>()?).normalised().ok().map(|(mixture, _)| mixture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn plain_names_are_facts_and_nonsense_is_not() {
        let found = facts(&json!({
            "params_non_embedding": 24896, "params": 1, "active_params_non_embedding": 24896, "batch_tokens": 4096,
            "sequence_length": 128, "max_steps": -1, "lr_schedule": "constant", "learning_rate": 0.001,
            "mixture": {"prose": 2.0}, "seed": 0, "init_from": "base.pt", "num_experts": 0
        }));
        let by_name = |name| found.iter().find(|f| f.0 == name).map(|f| (f.1.clone(), f.2.as_str()));
        assert_eq!(by_name(FactName::Params), Some((FactValue::Number(24896.0), "params_non_embedding")));
        assert_eq!(by_name(FactName::Seed), Some((FactValue::Number(0.0), "seed")));
        assert_eq!(by_name(FactName::Schedule), Some((FactValue::Text("constant".into()), "lr_schedule")));
        assert_eq!(by_name(FactName::PlannedSteps), None, "-1 is no plan");
        assert_eq!(by_name(FactName::Experts), None, "a dense model has no experts");
        let Some((FactValue::Mixture(mixture), _)) = by_name(FactName::Mixture) else { panic!("{found:?}") };
        assert_eq!(mixture.weight("prose"), 1.0);
        assert_eq!(facts(&json!([1])), vec![]);
    }
}
