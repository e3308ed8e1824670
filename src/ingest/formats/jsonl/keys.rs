//! Meaning of the keys of a JSON line.

use crate::ingest::formats::Sink;
use crate::ingest::formats::facets::{Facet, facet};
use crate::vocab::{FactName, FactValue};

/// Keys whose value is the optimiser step, the surest first.
pub const STEP_KEYS: [&str; 17] = [
    "step",
    "global_step",
    "_step",
    "trainer/global_step",
    "train/global_step",
    "global_step/max_steps",
    "iteration",
    "iter",
    "current_steps",
    "num_updates",
    "training_step",
    "train_step",
    "train/step",
    "global_steps",
    "iter_num",
    "update",
    "steps",
];

/// Keys whose value, where it is a number that can be one, is the time the line was written.
const TIME_KEYS: [&str; 5] = ["_timestamp", "timestamp", "time", "wall_time", "ts"];

/// Keys of what else may be the axis of a log that has no steps: tokens and samples so far, the surest first.
pub const COUNTS: [&str; 33] = [
    "tokens_seen",
    "consumed_tokens",
    "total_tokens",
    "num_tokens_seen",
    "seen_tokens",
    "tokens_processed",
    "train_tokens",
    "consumed_train_tokens",
    "tokens",
    "num_tokens",
    "n_tokens",
    "samples_seen",
    "consumed_samples",
    "consumed_train_samples",
    "total_samples",
    "samples",
    "num_samples",
    "examples",
    "examples_seen",
    "sequences_seen",
    "seen_samples",
    "samples_processed",
    "consumed_sequences",
    "num_examples",
    "num_seen_tokens",
    "cumulative_tokens",
    "cum_tokens",
    "global_tokens",
    "tokens_trained",
    "trained_tokens",
    "token_count",
    "total_tokens_seen",
    "sequences",
];

/// Keys of the step within the epoch that the same record says.
pub const BATCHES: [&str; 5] = ["batch", "batch_idx", "batch_index", "step_in_epoch", "iter_in_epoch"];

/// What a key is besides a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Metric,
    Step(u8),
    /// Counts something else than steps, which may be the axis.
    Count(u8),
    Epoch,
    /// The step within the epoch.
    Batch,
    /// Says by its text what the line is of.
    Facet(Facet),
    Time,
    /// Steps the run is planned to take.
    Planned,
    /// Names the metric whose value stands under [`Role::Value`].
    Name,
    /// What loggers write beside the name of the logger.
    Logger,
    /// The value of a metric that the line names.
    Value,
    /// The whole history again, on the last line of ms-swift.
    History,
    /// `"…: 25805.9339M Params (…)"`, of ms-swift.
    ModelInfo,
}

pub(super) fn role(path: &str, within: u32) -> Role {
    let written = path.to_ascii_lowercase().replace([' ', '-'], "_");
    let place = |names: &[&str]| names.iter().position(|k| *k == path || *k == written);
    if let Some(rank) = place(&STEP_KEYS) {
        return Role::Step(rank as u8);
    }
    // `train/tokens_seen`, but in an object of its own it may be that of the evaluation.
    let last = written.rsplit('/').next().unwrap_or(&written);
    let count = COUNTS.iter().position(|k| *k == written).or_else(|| COUNTS.iter().position(|k| *k == last));
    match path {
        _ if within != 0 && is_inner_step(path) => Role::Step(STEP_KEYS.len() as u8),
        _ if within != 0 => Role::Metric,
        "name" | "key" | "metric" | "metric_name" | "tag" => Role::Name,
        "value" => Role::Value,
        "level" | "levelname" | "severity" | "logger" | "message" | "msg" => Role::Logger,
        _ if TIME_KEYS.contains(&path) => Role::Time,
        "total_steps" | "max_steps" => Role::Planned,
        "epoch" | "Epoch" => Role::Epoch,
        _ if BATCHES.contains(&written.as_str()) => Role::Batch,
        _ if count.is_some() => Role::Count(count.unwrap_or(0) as u8),
        "log_history" => Role::History,
        "model_parameter_info" => Role::ModelInfo,
        _ => facet(path).map_or(Role::Metric, Role::Facet),
    }
}

/// A step among the metrics it is the step of, in a line that keeps them apart from what kind of line it is
/// (`{"event": "train", "data": {"step": 10, "loss": 2.5}}`). Elsewhere a `step` may be how long one takes.
fn is_inner_step(path: &str) -> bool {
    const AROUND: [&str; 15] = [
        "data",
        "metrics",
        "payload",
        "log",
        "logs",
        "record",
        "fields",
        "state",
        "trainer",
        "progress",
        "meta",
        "info",
        "position",
        "train_state",
        "context",
    ];
    let parts = path.split_once('/');
    parts.is_some_and(|(outer, name)| AROUND.contains(&outer) && STEP_KEYS[..2].contains(&name))
}

/// Whether a key is of a metric of training, which some callbacks write as text (`"loss": "2.31"`, as newer Trainers print
/// it). Text under any other key that looks like a number is a name, a version, an identifier.
pub(super) fn of_training(path: &str) -> bool {
    const PARTS: [&str; 9] = [
        "loss",
        "perplexity",
        "accuracy",
        "learning_rate",
        "grad_norm",
        "reward",
        "entropy",
        "tokens_per_second",
        "throughput",
    ];
    const WORDS: [&str; 10] = ["lr", "ppl", "nll", "bpb", "acc", "mfu", "epoch", "gnorm", "kl", "token_acc"];
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let word = |word: &&str| {
        let (before, after) = (name.strip_suffix(word), name.strip_prefix(word));
        before.is_some_and(|b| b.is_empty() || b.ends_with('_')) || after.is_some_and(|a| a.starts_with('_'))
    };
    PARTS.iter().any(|part| name.contains(part)) || WORDS.iter().any(word)
}

pub(super) fn planned(known: &mut i64, steps: i64, record: u64, sink: &mut Sink) {
    if steps > 0 && *known != steps {
        *known = steps;
        sink.fact(FactName::PlannedSteps, FactValue::Number(steps as f64), format!("record {}", record + 1));
    }
}

/// `"Gemma4ForConditionalGeneration: 25805.9339M Params (…"`.
pub(super) fn model_info(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let (before, _) = text.split_once(" Params")?;
    crate::vocab::number::parse_amount(before.rsplit(' ').next()?).ok()
}
