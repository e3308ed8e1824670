//! Runs that were measured within the budget: no shape is advised that is worse than one of them.

use super::line::Limits;
use super::question::Question;
use crate::advise::Evidence;
use crate::advise::probability::distance;
use crate::vocab::{MeasuredShape, Scale};
use std::collections::BTreeMap;

/// How much more than the budget a run may have taken: rounding of sizes and steps.
const ROUNDING: f64 = 1.02;
/// Half the sum of absolute differences of weights up to which a mixture is the one in use.
const SAME_MIXTURE: f64 = 0.02;

/// The run with the lowest objective of those within the budget, with about the mixture in use and all losses measured.
pub(super) fn best(
    evidence: &Evidence<'_>,
    needed: &[usize],
    question: &Question<'_>,
    limits: &Limits,
) -> Option<MeasuredShape> {
    let domains = &evidence.project.domains;
    // By run and tokens: the scale, the objective so far, and how many losses it is of.
    let mut trials: BTreeMap<(&str, u64), (Scale, f64, usize)> = BTreeMap::new();
    for (part, metric) in question.parts.iter().zip(needed) {
        let Some(rows) = evidence.observed.fitted.get(*metric) else { continue };
        let order: Vec<Option<usize>> = domains.iter().map(|d| rows.domains.iter().position(|o| o == d)).collect();
        for row in &rows.rows {
            let scale = Scale::of(row);
            let weights: Vec<f64> =
                order.iter().map(|d| d.and_then(|d| row.mixture.get(d)).copied().unwrap_or(0.0)).collect();
            let within = limits.cost(&scale) <= ROUNDING * limits.compute
                && limits.memory.taken(scale.params, scale.active_params()) <= 1.0;
            if !within || !row.loss.is_finite() || distance(&weights, &question.weights) > SAME_MIXTURE {
                continue;
            }
            let Some(name) = rows.runs.get(row.run) else { continue };
            let trial = trials.entry((name, row.tokens.to_bits())).or_insert((scale, 0.0, 0));
            trial.1 += part.share * row.loss;
            trial.2 += 1;
        }
    }
    let whole = trials.into_iter().filter(|(_, (_, _, count))| *count == question.parts.len());
    let best = whole.min_by(|a, b| a.1.1.total_cmp(&b.1.1));
    best.map(|((run, _), (scale, loss, _))| MeasuredShape { run: run.to_owned(), scale, loss })
}
