//! Settings under common names in a user-written `config.json`, at its top and in its usual sections.
//!
//! A batch of more than [`MOST_SEQUENCES`] is counted in tokens, whatever its key: nobody trains on so many sequences a step,
//! and nanochat, OLMo-core and others count so. A plain `batch_size` is of one device and one step of accumulation, where the
//! settings say how many there are, and else the batch.

use super::keys::number;
use super::{Found, hf_args};
use crate::vocab::number::parse_amount;
use crate::vocab::phase::check_phases;
use crate::vocab::{FactName, FactValue, Mixture, Phase};
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
    (FactName::Gpu, &["gpu", "gpu_name", "gpu_type", "device_name"]),
    (FactName::Gpus, &["gpus", "num_gpus", "n_gpus", "world_size", "ddp_world_size", "num_devices"]),
    (FactName::PeakFlops, &["peak_flops", "gpu_peak_flops", "peak_flops_per_gpu"]),
];

/// Keys that mean the same where no surer one stands.
const LOOSE: &[(FactName, &[&str])] = &[
    (
        FactName::Params,
        &[
            "num_parameters",
            "n_parameters",
            "number_of_parameters",
            "parameter_count",
            "param_count",
            "model_params",
            "parameters",
            "model_size",
        ],
    ),
    (FactName::TotalParams, &["total_parameters", "num_params_total"]),
    (
        FactName::BatchTokens,
        &["batch_size_tokens", "batch_size_in_tokens", "tokens_per_iter", "tokens_per_iteration", "tokens_per_update"],
    ),
    (
        FactName::SequenceLength,
        &["max_seq_len", "max_seq_length", "max_sequence_length", "context_len", "ctx_len", "n_ctx", "seqlen"],
    ),
    (
        FactName::PlannedSteps,
        &[
            "num_iterations",
            "n_iterations",
            "iterations",
            "max_iters",
            "num_iters",
            "n_iters",
            "max_iterations",
            "total_iters",
            "training_steps",
            "num_train_steps",
            "num_training_steps",
            "n_steps",
            "steps",
        ],
    ),
    (
        FactName::PlannedTokens,
        &["total_tokens", "target_tokens", "training_tokens", "token_budget", "num_tokens", "n_tokens", "max_tokens"],
    ),
    (FactName::WarmupSteps, &["warmup_iters", "warmup"]),
];

/// Sections that settings of training are in.
const SECTIONS: [&str; 11] =
    ["model", "train", "training", "trainer", "data", "optim", "optimizer", "args", "config", "hparams", "run"];

/// Keys of a batch that may be of one device.
const BATCHES: [&str; 3] = ["total_batch_size", "train_batch_size", "batch_size"];

/// Sequences in the largest batch that anybody trains with.
const MOST_SEQUENCES: f64 = 32_768.0;

/// What is found where no surer source says it; `known`: what others have found.
#[must_use]
pub fn loose(config: &Value, known: &[Found]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let sections = SECTIONS.iter().filter_map(|name| Some((format!("{name}."), config.get(name)?)));
    let places: Vec<(String, &Value)> = std::iter::once((String::new(), config)).chain(sections).collect();
    let has = |found: &[Found], name| known.iter().chain(found).any(|(other, _, _)| *other == name);
    for (path, section) in &places {
        let names = NAMES.iter().filter(|_| !path.is_empty()).chain(LOOSE);
        for (name, keys) in names {
            // Schedules and seeds of a section may be of anything.
            let text = matches!(name, FactName::Schedule | FactName::InitFrom | FactName::Seed | FactName::Gpu);
            if text || has(&found, *name) || is_batch(*name) && has_batch(known.iter().chain(&found)) {
                continue;
            }
            let value = keys
                .iter()
                .find_map(|key| Some((*key, value(*name, section.get(key)?).filter(|v| makes_sense(*name, key, v))?)));
            if let Some((key, value)) = value {
                found.push(counted(*name, value, format!("{path}{key}")));
            }
        }
    }
    if !has_batch(known.iter().chain(&found)) {
        found.extend(places.iter().find_map(|(path, section)| batch(config, path, section)));
    }
    found
}

fn is_batch(name: FactName) -> bool {
    matches!(name, FactName::BatchTokens | FactName::BatchSequences)
}

fn has_batch<'a>(found: impl Iterator<Item = &'a Found>) -> bool {
    found.into_iter().any(|(name, _, _)| is_batch(*name))
}

/// Sizes and amounts that could also be widths and lengths count from where they cannot.
fn makes_sense(name: FactName, key: &str, value: &FactValue) -> bool {
    let FactValue::Number(number) = value else { return true };
    match name {
        FactName::Params | FactName::TotalParams => *number >= 1e4 && (key != "model_size" || *number >= 1e6),
        FactName::PlannedTokens => *number >= 1e6,
        FactName::WarmupSteps | FactName::PlannedSteps => number.fract() == 0.0,
        _ => true,
    }
}

/// A batch under the fact that it is, by how large it is.
fn counted(name: FactName, value: FactValue, place: String) -> Found {
    match value {
        FactValue::Number(number) if name == FactName::BatchSequences && number > MOST_SEQUENCES => {
            (FactName::BatchTokens, value, place)
        }
        value => (name, value, place),
    }
}

/// The batch of a section, times the devices and steps of accumulation that the settings speak of.
fn batch(config: &Value, path: &str, section: &Value) -> Option<Found> {
    let (key, size) = BATCHES.iter().find_map(|key| Some((*key, number(section.get(key)?).filter(|n| *n > 0.0)?)))?;
    let place = format!("{path}{key}");
    let factor = |keys: &[&str]| {
        let inside =
            [Some(section), Some(config), config.get("train"), config.get("training"), config.get("distributed")];
        let found = inside.into_iter().flatten().find_map(|at| keys.iter().find_map(|key| number(at.get(key)?)));
        found.filter(|n| *n >= 1.0).unwrap_or(1.0)
    };
    let whole = key == "total_batch_size" || size > MOST_SEQUENCES;
    let parts = if whole {
        1.0
    } else {
        factor(&[
            "gradient_accumulation_steps",
            "grad_accum_steps",
            "grad_acc_steps",
            "accumulation_steps",
            "grad_accum",
            "accumulate_grad_batches",
        ]) * factor(&["world_size", "num_gpus", "n_gpus", "num_devices", "dp_size", "data_parallel_size"])
    };
    Some(counted(FactName::BatchSequences, FactValue::Number(size * parts), place))
}

/// Facts of a dictionary of settings. A number that makes no sense for its fact (a negative size, `-1` for "no limit")
/// is none.
#[must_use]
pub fn facts(config: &Value) -> Vec<Found> {
    let mut found = Vec::new();
    if let Some(mixture) = config.get("mixture").and_then(mixture) {
        found.push((FactName::Mixture, FactValue::Mixture(mixture), "mixture".to_owned()));
    }
    if let Some(phases) = config.get("phases").and_then(phases) {
        found.push((FactName::Phases, FactValue::Phases(phases), "phases".to_owned()));
    }
    for (name, keys) in NAMES {
        let value = keys.iter().find_map(|key| Some((*key, value(*name, config.get(key)?)?)));
        if let Some((key, value)) = value {
            found.push(counted(*name, value, key.to_owned()));
        }
    }
    found
}

/// The value of one fact, if it can be one.
#[must_use]
pub fn value(name: FactName, value: &Value) -> Option<FactValue> {
    match name {
        FactName::Mixture => mixture(value).map(FactValue::Mixture),
        FactName::Phases => phases(value).map(FactValue::Phases),
        // Which device a process takes is no kind of device.
        FactName::Gpu if !value.as_str().is_some_and(is_gpu) => None,
        name if name.is_text() => {
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

/// Whether a text may be the name of a GPU: `NVIDIA A100`, `h100`; not `cuda:0`, `0,1` or `true`.
fn is_gpu(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let device = ["cuda", "cpu", "mps", "gpu", "auto", "xla"].iter().any(|word| text.starts_with(word));
    !device && text.contains(|c: char| c.is_ascii_digit()) && text.contains(|c: char| c.is_ascii_alphabetic())
}

/// Weights by domain; one domain alone is a mixture, too.
fn mixture(value: &Value) -> Option<Mixture> {
    let weights = value.as_object()?.iter().map(|(domain, weight)| Some((domain.clone(), number(weight)?)));
    Mixture(weights.collect::<Option<_>>()?).normalised().ok().map(|(mixture, _)| mixture)
}

/// Mixtures one after another, as in [`Phase`].
fn phases(value: &Value) -> Option<Vec<Phase>> {
    let mut phases: Vec<Phase> = serde_json::from_value(value.clone()).ok()?;
    check_phases(&phases).ok()?;
    for phase in &mut phases {
        phase.mixture = phase.mixture.normalised().ok()?.0;
    }
    Some(phases)
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

    #[test]
    fn gpus_are_named_and_counted_and_a_device_is_no_kind() {
        let found = facts(&json!({"gpu": "NVIDIA H100 80GB HBM3", "world_size": 64, "peak_flops": "989T"}));
        let expected = [
            (FactName::Gpu, FactValue::Text("NVIDIA H100 80GB HBM3".to_owned()), "gpu".to_owned()),
            (FactName::Gpus, FactValue::Number(64.0), "world_size".to_owned()),
            (FactName::PeakFlops, FactValue::Number(989e12), "peak_flops".to_owned()),
        ];
        assert_eq!(found, expected);
        for gpu in [json!(0), json!("0,1"), json!("cuda:0"), json!(true), json!("gpu0"), json!("auto")] {
            assert_eq!(facts(&json!({"gpu": gpu, "gpus": -1})), [], "{gpu}");
        }
    }

    #[test]
    fn what_no_surer_source_says_is_found_in_the_usual_places() {
        let said = |config: &Value| -> Vec<(FactName, f64, String)> {
            let known = facts(config);
            let loose = loose(config, &known);
            let number = |f: Found| match f.1 {
                FactValue::Number(n) => Some((f.0, n, f.2)),
                _ => None,
            };
            known.into_iter().chain(loose).filter_map(number).collect()
        };
        for (config, name, value, place) in [
            (json!({"num_parameters": 30_000_000}), FactName::Params, 3e7, "num_parameters"),
            (json!({"model_size": "30M"}), FactName::Params, 3e7, "model_size"),
            (json!({"model": {"num_params": 62_000_000}}), FactName::Params, 6.2e7, "model.num_params"),
            (json!({"total_batch_size": 524_288}), FactName::BatchTokens, 524_288.0, "total_batch_size"),
            (json!({"total_batch_size": 128}), FactName::BatchSequences, 128.0, "total_batch_size"),
            (json!({"global_batch_size": 262_144}), FactName::BatchTokens, 262_144.0, "global_batch_size"),
            (json!({"batch_size": 64, "seq_len": 1024}), FactName::BatchSequences, 64.0, "batch_size"),
            (
                json!({"data": {"batch_size": 8}, "world_size": 4, "gradient_accumulation_steps": 2}),
                FactName::BatchSequences,
                64.0,
                "data.batch_size",
            ),
            (json!({"training": {"num_iterations": 300}}), FactName::PlannedSteps, 300.0, "training.num_iterations"),
            (json!({"max_steps": 200, "steps": 300}), FactName::PlannedSteps, 200.0, "max_steps"),
            (json!({"train": {"max_tokens": 90_000_000}}), FactName::PlannedTokens, 9e7, "train.max_tokens"),
        ] {
            assert!(said(&config).contains(&(name, value, place.to_owned())), "{config}: {:?}", said(&config));
        }
        assert_eq!(said(&json!({"max_tokens": 512, "model_size": 768, "eval": {"max_steps": 3}})), []);
        let both = said(&json!({"batch_tokens": 4096, "batch_size": 4}));
        assert_eq!(both, [(FactName::BatchTokens, 4096.0, "batch_tokens".to_owned())]);
    }
}
