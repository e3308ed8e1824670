//! Observations at a run's checkpoints: their steps, tokens and mixture.

use super::{RunRecord, facts_of_runs};
use crate::project::Project;
use crate::vocab::{
    FactName, FactValue, FactsOfRun, Metric, Mixture, Observation, Observations, Probe, Recipe, ValueError,
};
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

/// Part of the planned tokens from which on a loss is that of the whole schedule.
const ENDS: f64 = 0.97;

/// Most of a run's mixture that may lie on domains the project does not list before its rows are refused.
const UNLISTED: f64 = 5e-3;

/// The rows of one run: one entry per metric of the project.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct RunRows {
    pub metrics: Vec<MetricRows>,
    /// Why none of the run is used.
    pub refused: Option<Unusable>,
    /// What is known of it beside what laws see.
    pub facts: FactsOfRun,
}

/// Why no row of a run is used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Unusable {
    /// `where` leaves it out.
    #[error("it does not meet `where`")]
    LeftOut,
    /// It states no mixture, and none is assumed.
    #[error("mixture unknown (set facts.mixture)")]
    MixtureUnknown,
    /// What it states is no mixture.
    #[error(transparent)]
    NoMixture(#[from] ValueError),
    /// Too much of its mixture is on domains that the project does not list.
    #[error("{percent:.0} % of its mixture is on unlisted domains ({domains})")]
    Unlisted {
        /// How much of it, percent.
        percent: f64,
        /// Those domains.
        domains: String,
    },
}

/// The rows of one run for one metric. The number of the run in them is 0.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct MetricRows {
    pub fitted: Vec<Observation>,
    /// Those at step 0.
    pub starts: Vec<Observation>,
    /// Checkpoints left out as too early.
    pub early: usize,
    /// Checkpoints left out as their loss is not a positive number.
    pub not_finite: usize,
    /// Whether checkpoints were left out as it is not known how many tokens they had seen.
    pub without_tokens: bool,
}

impl RunRows {
    /// `same`: the mixture of every run, where none states its own.
    pub fn of(project: &Project, record: &RunRecord, same: Option<&[f64]>) -> Self {
        let (facts, left_out) = facts_of_runs::of_run(project, record);
        if left_out {
            return Self { refused: Some(Unusable::LeftOut), metrics: Vec::new(), facts };
        }
        let mixture = match (record.facts.mixture(), same) {
            (Some(mixture), _) => listed(project, mixture),
            (None, Some(same)) => Ok(same.to_vec()),
            (None, None) => Err(Unusable::MixtureUnknown),
        };
        let mixture = match mixture {
            Ok(mixture) => mixture,
            Err(why) => return Self { refused: Some(why), metrics: Vec::new(), facts },
        };
        let of = |metric: &Metric| {
            let losses = record.series.get(&metric.key);
            losses.map_or_else(MetricRows::default, |losses| one_loss(project, record, &mixture, losses))
        };
        Self { refused: None, metrics: project.metrics.iter().map(of).collect(), facts }
    }
}

/// A set of rows without any.
pub(super) fn empty(project: &Project, index: usize, runs: &[String]) -> Observations {
    let domain = project.metrics.get(index).and_then(|metric| metric.domain.as_deref()).unwrap_or_default();
    Observations {
        metric: project.metrics.get(index).map(|metric| metric.key.clone()).unwrap_or_default(),
        domains: project.domains.clone(),
        own: project.domain_of(index),
        runs: runs.to_vec(),
        supply: supply(project),
        probe: project.probes.get(domain).copied(),
        ..Observations::default()
    }
}

/// Tokens there are of each domain; empty where the project knows of none, or wants repetition left alone.
fn supply(project: &Project) -> Vec<f64> {
    if !project.fit.repetition || project.available_tokens.is_empty() {
        return Vec::new();
    }
    let of = |domain: &String| project.available_tokens.get(domain).copied().unwrap_or(f64::INFINITY);
    project.domains.iter().map(of).collect()
}

/// How a run began: its first loss, and how fast that fell until the last of the first steps, for which `tokens` gives
/// the tokens seen; `None` where less than two were logged.
fn probe(losses: &[(i64, f64)], tokens: impl Fn(i64) -> Option<f64>) -> Option<Probe> {
    let sound = losses.iter().filter(|(_, loss)| loss.is_finite() && *loss > 0.0);
    let mut first = sound.filter_map(|(step, loss)| Some((tokens(*step)?, *loss)));
    let (from, loss) = first.next()?;
    let (to, last) = first.last().filter(|(to, _)| *to > from)?;
    Some(Probe { loss, decline: (1e6 * (loss - last) / (to - from)).max(0.0) })
}

/// Peak learning rate and batch of a run: as stated, else the highest learning rate that is logged.
pub(super) fn recipe(record: &RunRecord) -> Recipe {
    let logged = record.learning_rate();
    let peak = logged.map(|points| points.iter().map(|p| p.1).filter(|v| v.is_finite()).fold(0.0, f64::max));
    let positive = |value: &f64| value.is_finite() && *value > 0.0;
    Recipe {
        learning_rate: record.facts.number(FactName::LearningRate).or(peak).filter(positive),
        batch_tokens: record.facts.tokens_per_step().filter(positive),
    }
}

/// The rows of one run for one validation loss.
fn one_loss(project: &Project, record: &RunRecord, mixture: &[f64], losses: &[(i64, f64)]) -> MetricRows {
    let counts = TokenCount::of(record);
    let at_step = |step: i64| if step <= 0 { Some(0.0) } else { counts.at(step) };
    let steps_seen = record.series.values().filter_map(|s| s.last()).map(|last| last.0).max().unwrap_or(0);
    let planned = record.facts.planned_tokens().or_else(|| counts.at(steps_seen)).unwrap_or(f64::INFINITY);
    let probe = probe(losses, |step| at_step(step).filter(|d| *d < project.fit.skip * planned));
    let (mut rows, recipe) = (MetricRows::default(), recipe(record));
    for &(step, loss) in losses {
        if !(loss.is_finite() && loss > 0.0) {
            rows.not_finite += 1;
            continue;
        }
        let Some(tokens) = at_step(step) else {
            rows.without_tokens = true;
            continue;
        };
        // Losses before a schedule ends say little of its peak.
        let recipe = if tokens >= ENDS * planned { recipe } else { Recipe::default() };
        let row = Observation { loss, probe, recipe, ..record.facts.scale(tokens).at(mixture.to_vec()) };
        if tokens <= 0.0 {
            rows.starts.push(row);
        } else if tokens < project.fit.skip * planned {
            rows.early += 1;
        } else {
            rows.fitted.push(row);
        }
    }
    rows
}

/// Tokens a run has seen by its newest step, where it can be known.
pub(super) fn latest_tokens(record: &RunRecord) -> Option<f64> {
    let last = record.series.values().filter_map(|s| s.last()).map(|(step, _)| *step).max()?;
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
    let rate = |(step, tokens): &(i64, f64)| (*step > 0 && *tokens > 0.0).then(|| tokens / *step as f64);
    let mut rates = points.iter().filter_map(rate);
    let first = rates.next().filter(|rate| rate.is_finite())?;
    rates.next_back().is_some_and(|last| (last / first - 1.0).abs() < 1e-3).then_some((first, key))
}

/// Where a run's token counts come from.
struct TokenCount<'a> {
    logged: Option<&'a [(i64, f64)]>,
    /// Tokens that one of what is logged stands for.
    each: f64,
    per_step: Option<f64>,
}

impl<'a> TokenCount<'a> {
    fn of(record: &'a RunRecord) -> Self {
        let series = |name: &&str| {
            let counts = |k: &str, s: &[(i64, f64)]| is_called(k, name) && s.iter().any(|(_, v)| *v > 0.0);
            record.series.iter().find(|(key, series)| counts(key, series)).map(|(_, series)| series.as_slice())
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
    fn at(&self, step: i64) -> Option<f64> {
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
fn interpolate(series: &[(i64, f64)], step: i64) -> Option<f64> {
    let after = series.partition_point(|(s, _)| *s < step);
    if let Some((s, value)) = series.get(after)
        && *s == step
    {
        return Some(*value).filter(|v| v.is_finite());
    }
    let pair = after.min(series.len().checked_sub(1)?).saturating_sub(1);
    let ((s0, v0), (s1, v1)) = (series.get(pair)?, series.get(pair + 1)?);
    #[allow(clippy::cast_precision_loss)]
    let part = (step - s0) as f64 / (s1 - s0) as f64;
    Some(v0 + part * (v1 - v0)).filter(|v| v.is_finite() && *v > 0.0 && (-1.0..=2.0).contains(&part))
}

/// The mixture that every run is taken to have, where none states its own.
pub(super) fn same_mixture(project: &Project, runs: &[RunRecord]) -> Option<Vec<f64>> {
    let nobody_says = !runs.is_empty() && runs.iter().all(|run| run.facts.mixture().is_none());
    nobody_says.then(|| assumed_mixture(project)).flatten()
}

fn assumed_mixture(project: &Project) -> Option<Vec<f64>> {
    if project.domains.is_empty() {
        return None;
    }
    let stated = project.current.as_ref().and_then(|m| listed(project, m).ok());
    #[allow(clippy::cast_precision_loss)]
    let equal = 1.0 / project.domains.len() as f64;
    Some(stated.unwrap_or_else(|| vec![equal; project.domains.len()]))
}

/// Weights over the project's domains, summing to one.
fn listed(project: &Project, mixture: &Mixture) -> Result<Vec<f64>, Unusable> {
    let (mixture, _) = mixture.normalised()?;
    let mut weights = mixture.weights(&project.domains);
    let sum: f64 = weights.iter().sum();
    if sum < 1.0 - UNLISTED {
        let others: Vec<&str> = mixture
            .0
            .iter()
            .filter(|(d, w)| **w > 0.0 && !project.domains.contains(d))
            .map(|(d, _)| d.as_str())
            .collect();
        return Err(Unusable::Unlisted { percent: 100.0 * (1.0 - sum), domains: others.join(", ") });
    }
    weights.iter_mut().for_each(|w| *w /= sum);
    Ok(weights)
}
