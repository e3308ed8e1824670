//! Observations at a run's checkpoints: their steps, tokens and mixture.

use super::counts::TokenCount;
use super::phases::{Mixtures, Unusable, listed};
use super::{RunRecord, facts_of_runs};
use crate::project::Project;
use crate::vocab::{FactName, FactsOfRun, Metric, Observation, Observations, Probe, Recipe, StepSeries};

/// Part of the planned tokens from which on a loss is that of the whole schedule.
const ENDS: f64 = 0.97;

/// The rows of one run: one entry per metric of the project.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct RunRows {
    pub metrics: Vec<MetricRows>,
    /// Why none of the run is used.
    pub refused: Option<Unusable>,
    /// What is known of it beside what laws see.
    pub facts: FactsOfRun,
    /// Whether it changes its mixture.
    pub phased: bool,
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
            return Self { refused: Some(Unusable::LeftOut), facts, ..Self::default() };
        }
        let mixtures = match (record.facts.phases(), record.facts.mixture(), same) {
            (Some(phases), _, _) => Mixtures::of_phases(project, record, phases),
            (None, Some(mixture), _) => listed(project, mixture).map(Mixtures::One),
            (None, None, Some(same)) => Ok(Mixtures::One(same.to_vec())),
            (None, None, None) => Err(Unusable::MixtureUnknown),
        };
        let mixtures = match mixtures {
            Ok(mixtures) => mixtures,
            Err(why) => return Self { refused: Some(why), facts, ..Self::default() },
        };
        let of = |metric: &Metric| {
            let losses = record.series.get(&metric.key);
            losses.map_or_else(MetricRows::default, |losses| one_loss(project, record, &mixtures, losses))
        };
        let phased = matches!(mixtures, Mixtures::Phases(_));
        Self { refused: None, metrics: project.metrics.iter().map(of).collect(), facts, phased }
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
fn probe(losses: &StepSeries, tokens: impl Fn(i64) -> Option<f64>) -> Option<Probe> {
    let sound = losses.iter().filter(|(_, loss)| loss.is_finite() && *loss > 0.0);
    let mut first = sound.filter_map(|(step, loss)| Some((tokens(step)?, loss)));
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
fn one_loss(project: &Project, record: &RunRecord, mixtures: &Mixtures, losses: &StepSeries) -> MetricRows {
    let counts = TokenCount::of(record);
    let at_step = |step: i64| if step <= 0 { Some(0.0) } else { counts.at(step) };
    let steps_seen = record.series.values().filter_map(|s| s.last()).map(|last| last.0).max().unwrap_or(0);
    let planned = record.facts.planned_tokens().or_else(|| counts.at(steps_seen)).unwrap_or(f64::INFINITY);
    let probe = probe(losses, |step| at_step(step).filter(|d| *d < project.fit.skip * planned));
    let (mut rows, recipe) = (MetricRows::default(), recipe(record));
    for (step, loss) in losses.iter() {
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
        let (mixture, phases) = mixtures.at(tokens);
        let row = Observation { loss, probe, recipe, phases, ..record.facts.scale(tokens).at(mixture) };
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

/// The mixture that every run is taken to have, where none states its own.
pub(super) fn same_mixture(project: &Project, runs: &[RunRecord]) -> Option<Vec<f64>> {
    let nobody_says =
        !runs.is_empty() && runs.iter().all(|run| run.facts.mixture().is_none() && run.facts.phases().is_none());
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
