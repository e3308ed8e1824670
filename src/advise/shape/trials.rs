//! Runs that were measured and answer the question: no shape is advised that is worse than one of them.

use super::asked::Asked;
use crate::advise::limits::Setting;
use crate::advise::probability::distance;
use crate::advise::{Evidence, resolve, surfaces};
use crate::vocab::{MeasuredShape, MetricUnit, Ordered, Scale};
use std::collections::BTreeMap;

/// Half the sum of absolute differences of weights up to which a mixture is the one in use.
const SAME_MIXTURE: f64 = 0.02;

/// The run with the lowest objective of those that answer the question.
pub(super) fn best(evidence: &Evidence<'_>, asked: &Asked<'_>) -> Option<MeasuredShape> {
    ranked(evidence, asked).into_iter().find(|run| keeps(evidence, asked, run))
}

/// The runs of those that answer the question than which no other has both a lower objective and a lower cost, best first.
pub(super) fn front(evidence: &Evidence<'_>, asked: &Asked<'_>, cost: &dyn Fn(&Scale) -> f64) -> Vec<MeasuredShape> {
    let mut least = f64::INFINITY;
    let mut on = |run: &MeasuredShape| {
        let cheaper = cost(&run.scale) < least && keeps(evidence, asked, run);
        if cheaper {
            least = cost(&run.scale);
        }
        cheaper
    };
    ranked(evidence, asked).into_iter().filter(|run| on(run)).collect()
}

/// Runs that answer the question as far as their shape, their mixture and what was measured go, best first: of a kind of experts
/// that is considered, within the budget, the memory and the total parameters, with about the mixture in use, and with every
/// loss of the objective.
fn ranked(evidence: &Evidence<'_>, asked: &Asked<'_>) -> Vec<MeasuredShape> {
    let domains = &evidence.project.domains;
    let question = &asked.question;
    // By run and tokens: the scale, the objective so far, and how many losses it is of.
    let mut trials: BTreeMap<(&str, u64), (Scale, f64, usize)> = BTreeMap::new();
    for (part, metric) in question.parts.iter().zip(&asked.needed) {
        let Some(rows) = evidence.observed.fitted.get(*metric) else { continue };
        let order: Vec<Option<usize>> = domains.iter().map(|d| rows.domains.iter().position(|o| o == d)).collect();
        for row in &rows.rows {
            let scale = Scale::of(row);
            let weights: Vec<f64> =
                order.iter().map(|d| d.and_then(|d| row.mixture.get(d)).copied().unwrap_or(0.0)).collect();
            let same = distance(&weights, &question.weights) <= SAME_MIXTURE;
            if !same || !row.loss.is_finite() || !asked.admits(&scale) {
                continue;
            }
            let Some(name) = rows.runs.get(row.run) else { continue };
            let trial = trials.entry((name, row.tokens.to_bits())).or_insert((scale, 0.0, 0));
            trial.1 += part.share * row.loss;
            trial.2 += 1;
        }
    }
    let whole = trials.into_iter().filter(|(_, (_, _, count))| *count == question.parts.len());
    let mut all: Vec<MeasuredShape> =
        whole.map(|((run, _), (scale, loss, _))| MeasuredShape { run: run.to_owned(), scale, loss }).collect();
    all.sort_by_cached_key(|each| Ordered(each.loss));
    all
}

/// Whether a run kept every limit of the project, as it is at the run's own size and tokens. A metric that was not measured there
/// keeps none.
fn keeps(evidence: &Evidence<'_>, asked: &Asked<'_>, run: &MeasuredShape) -> bool {
    let project = evidence.project;
    if project.objective.subject_to.is_empty() {
        return true;
    }
    let surfaces = surfaces(evidence);
    let current = &asked.question.weights;
    let at = Setting { scale: run.scale, current, seed: project.fit.seed, unit: MetricUnit::Nats };
    let Ok(limits) = resolve(evidence, &surfaces, &at) else { return false };
    limits.iter().all(|limit| measured(evidence, limit.domain, run).is_some_and(|loss| loss <= limit.value))
}

/// What a run reached in a metric, as laws are fitted to it, at the tokens that it is compared at.
fn measured(evidence: &Evidence<'_>, metric: usize, run: &MeasuredShape) -> Option<f64> {
    let rows = evidence.observed.fitted.get(metric)?;
    let is_it = |name: &String| *name == run.run;
    let there = rows
        .rows
        .iter()
        .find(|row| rows.runs.get(row.run).is_some_and(is_it) && row.tokens.to_bits() == run.scale.tokens.to_bits());
    there.map(|row| row.loss).filter(|loss| loss.is_finite())
}
