//! Tokens that a run has seen by a step: as it logs them, or as its batch says.

use super::RunRecord;
use crate::vocab::{FactName, FactValue, StepSeries};
use std::sync::Arc;

/// Names under which trainers log the tokens seen so far, the most common first; a key matches whole, or after a `/`
/// (`throughput/total_tokens`).
const TOKEN_KEYS: [&str; 9] = [
    "tokens",
    "n_tokens_seen",
    "total_tokens",
    "consumed_tokens",
    "consumed tokens",
    "num_input_tokens_seen",
    "tokens_seen",
    "train_tokens",
    "num_tokens",
];

/// Names under which trainers log the sequences seen so far (Megatron, NeMo): with the length of one, they count tokens, also
/// while the batch grows.
const SAMPLE_KEYS: [&str; 2] = ["consumed samples", "consumed_samples"];

/// Whether a metric counts what a run has seen.
pub(super) fn counts_tokens(key: &str) -> bool {
    TOKEN_KEYS.iter().chain(&SAMPLE_KEYS).any(|name| is_called(key, name))
}

/// What is counted while measuring on held-out data is not what was trained on.
fn is_called(key: &str, name: &str) -> bool {
    key == name || key.rsplit_once('/').is_some_and(|(of, last)| last == name && !super::keys::says_held_out(of))
}

/// Tokens a run has seen by its newest step, where it can be known.
pub(super) fn latest_tokens(record: &RunRecord) -> Option<f64> {
    let last = record.series.values().filter_map(|s| s.last()).map(|(step, _)| step).max()?;
    TokenCount::of(record).at(last).filter(|t| last > 0 && t.is_finite() && *t > 0.0)
}

/// See [`super::derive_tokens_per_step`].
pub(super) fn derive_tokens_per_step(record: &mut RunRecord) {
    if record.facts.tokens_per_step().is_some() {
        return;
    }
    let Some((tokens, key)) = logged_tokens_per_step(record) else { return };
    let source = format!("log#{key}");
    Arc::make_mut(&mut record.facts).offer(FactName::TokensPerStep, FactValue::Number(tokens), source);
}

/// Tokens a step by what a run logs of the tokens it has seen, and the key of that, where every step takes as many.
fn logged_tokens_per_step(record: &RunRecord) -> Option<(f64, &str)> {
    let series = |name: &&str| record.series.iter().find(|(key, _)| is_called(key, name));
    let (key, points) = TOKEN_KEYS.iter().find_map(series)?;
    #[allow(clippy::cast_precision_loss)]
    let rate = |(step, tokens): (i64, f64)| (step > 0 && tokens > 0.0).then(|| tokens / step as f64);
    let mut rates = points.iter().filter_map(rate);
    let first = rates.next().filter(|rate| rate.is_finite())?;
    rates.next_back().is_some_and(|last| (last / first - 1.0).abs() < 1e-3).then_some((first, key))
}

/// Where a run's token counts come from.
pub(super) struct TokenCount<'a> {
    logged: Option<&'a StepSeries>,
    /// Tokens that one of what is logged stands for.
    each: f64,
    per_step: Option<f64>,
}

impl<'a> TokenCount<'a> {
    pub(super) fn of(record: &'a RunRecord) -> Self {
        let series = |name: &&str| {
            let counts = |k: &str, s: &StepSeries| is_called(k, name) && s.iter().any(|(_, v)| v > 0.0);
            record.series.iter().find(|(key, series)| counts(key, series)).map(|(_, series)| series)
        };
        let length = record.facts.number(FactName::SequenceLength).filter(|length| *length > 0.0);
        let tokens = TOKEN_KEYS.iter().find_map(series).map(|tokens| (tokens, 1.0));
        let logged = tokens.or_else(|| SAMPLE_KEYS.iter().find_map(series).zip(length));
        Self {
            logged: logged.map(|(series, _)| series),
            each: logged.map_or(1.0, |(_, each)| each),
            per_step: record.facts.tokens_per_step().filter(|b| *b > 0.0),
        }
    }

    /// Tokens seen by the checkpoint of `step` (which is > 0).
    ///
    /// Trainers count differently: a step that is evaluated and then trained logs two counts one batch apart, and of
    /// those a series keeps the later. Where the batch is known and the count agrees with `step × batch` to within one
    /// batch, the product is the exact count of what the evaluated weights have seen.
    pub(super) fn at(&self, step: i64) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)]
        let product = self.per_step.map(|batch| step as f64 * batch);
        let logged = self.logged.and_then(|series| interpolate(series, step)).map(|count| count * self.each);
        match (logged, product) {
            (Some(count), Some(product)) if (count - product).abs() <= self.per_step.unwrap_or(0.0) * 1.001 => {
                Some(product)
            }
            (Some(count), _) => Some(count),
            (None, product) => product,
        }
    }
}

/// The value at `step`, on the line between its neighbours; `None` outside what was logged by more than the distance
/// of two neighbours, where a line would be a guess.
fn interpolate(series: &StepSeries, step: i64) -> Option<f64> {
    let after = series.place_of(step);
    if let Some((s, value)) = series.get(after)
        && s == step
    {
        return Some(value).filter(|v| v.is_finite());
    }
    let pair = after.min(series.len().checked_sub(1)?).saturating_sub(1);
    let ((s0, v0), (s1, v1)) = (series.get(pair)?, series.get(pair + 1)?);
    #[allow(clippy::cast_precision_loss)]
    let part = (step - s0) as f64 / (s1 - s0) as f64;
    Some(v0 + part * (v1 - v0)).filter(|v| v.is_finite() && *v > 0.0 && (-1.0..=2.0).contains(&part))
}
