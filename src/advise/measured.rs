//! Runs that were measured near the target: no advice is given that is worse than one of them.

use super::Evidence;
use super::goal::Goal;
use super::limits::Limit;
use super::region::Region;
use super::surface::Surface;
use crate::forecast::measured::is_near;
use crate::project::Project;
use crate::vocab::{Measured, Mixture, Observation, Scale};
use std::collections::BTreeMap;

/// A run near the target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trial {
    pub run: String,
    pub params: f64,
    pub tokens: f64,
    /// In the project's order of domains.
    pub weights: Vec<f64>,
    /// By metric, as laws are fitted to it; `None` where it was not measured.
    pub losses: Vec<Option<f64>>,
    /// The same at the target: by as much higher or lower as the law in use says of its size and tokens beside the run's.
    pub at_target: Vec<Option<f64>>,
}

impl Trial {
    /// The objective at the target, where all that is minimised was measured.
    pub fn objective(&self, goal: &Goal) -> Option<f64> {
        let known = goal.counted().all(|(metric, _)| self.at_target.get(metric).copied().flatten().is_some());
        known.then(|| goal.of(|metric| self.at_target[metric].unwrap_or(f64::NAN)))
    }

    /// Whether it kept every limit, as far as it was measured.
    fn keeps(&self, limits: &[Limit]) -> bool {
        limits.iter().all(|limit| self.at_target[limit.domain].is_some_and(|loss| loss <= limit.value))
    }

    /// For readers.
    pub fn view(&self, project: &Project) -> Measured {
        let known = project.metrics.iter().zip(&self.losses);
        Measured {
            run: self.run.clone(),
            params: self.params,
            tokens: self.tokens,
            mixture: Mixture::from_weights(&project.domains, &self.weights),
            losses: known.filter_map(|(metric, loss)| Some((metric.key.clone(), (*loss)?))).collect(),
        }
    }
}

/// The runs near the target's size, tokens and experts, each with its row nearest in tokens.
pub(super) fn near(evidence: &Evidence<'_>, surfaces: &[Option<Surface<'_>>], scale: &Scale) -> Vec<Trial> {
    let domains = &evidence.project.domains;
    let metrics = evidence.project.metrics.len();
    let mut trials: BTreeMap<(String, Vec<i64>), Trial> = BTreeMap::new();
    for (metric, rows) in evidence.observed.fitted.iter().enumerate().take(metrics) {
        let order: Vec<Option<usize>> = domains.iter().map(|d| rows.domains.iter().position(|o| o == d)).collect();
        let mut nearest: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
        for (i, row) in rows.rows.iter().enumerate() {
            if row.loss.is_finite() && is_near(row, scale) {
                let apart = (row.tokens / scale.tokens).ln().abs();
                let best = nearest.entry(row.run).or_insert((apart, i));
                if apart < best.0 {
                    *best = (apart, i);
                }
            }
        }
        for (_, i) in nearest.into_values() {
            let row = &rows.rows[i];
            let Some(run) = rows.runs.get(row.run) else { continue };
            let weights: Vec<f64> =
                order.iter().map(|d| d.and_then(|d| row.mixture.get(d)).copied().unwrap_or(0.0)).collect();
            #[allow(clippy::cast_possible_truncation)]
            let key = (run.clone(), weights.iter().map(|w| (w * 1e6).round() as i64).collect());
            let trial = trials.entry(key).or_insert_with(|| Trial {
                run: run.clone(),
                params: row.params,
                tokens: row.tokens,
                weights,
                losses: vec![None; metrics],
                at_target: vec![None; metrics],
            });
            trial.losses[metric] = Some(row.loss);
            let surface = surfaces.get(metric).and_then(Option::as_ref);
            let change = surface.map_or(1.0, |surface| change(surface, row, scale, &trial.weights));
            trial.at_target[metric] = Some(change * row.loss);
        }
    }
    trials.into_values().collect()
}

/// What a law says of a mixture at the target beside the size and tokens of a run: near as they are, a few percent of tokens
/// may weigh as much as what mixtures differ in.
fn change(surface: &Surface<'_>, row: &Observation, scale: &Scale, weights: &[f64]) -> f64 {
    let target = surface.place(scale, weights);
    if !(surface.unseen)(&target).is_empty() {
        return 1.0;
    }
    let of_run = Observation { mixture: target.mixture.clone(), ..row.clone() };
    let change = surface.best(&target) / surface.best(&of_run);
    if change.is_finite() && change > 0.0 { change } else { 1.0 }
}

/// The run with the lowest objective, of those whose mixture may be advised and that kept the limits.
pub(super) fn best<'t>(
    trials: &'t [Trial],
    goal: &Goal,
    limits: &[Limit],
    region: &Region,
) -> Option<(f64, &'t Trial)> {
    let may_be = |t: &&Trial| region.outside(&t.weights) <= 0.0 && t.keeps(limits);
    let known = trials.iter().filter(may_be).filter_map(|t| Some((t.objective(goal)?, t)));
    known.min_by(|a, b| a.0.total_cmp(&b.0))
}

/// The run with about this mixture.
pub(super) fn with_mixture<'t>(trials: &'t [Trial], weights: &[f64], least: f64) -> Option<&'t Trial> {
    let apart = |t: &Trial| super::probability::distance(&t.weights, weights);
    trials.iter().filter(|t| apart(t) < least).min_by(|a, b| apart(a).total_cmp(&apart(b)))
}
