//! The best mixture at other sizes, or amounts of data, than the target's: how far an optimum of small runs carries.

use super::evidence::Evidence;
use super::{by_best_guess, explored, needed, surfaces};
use crate::laws::Variable;
use crate::vocab::Scale;

/// The best mixture at one scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Optimum {
    /// Weights, in the order of the project's domains.
    pub weights: Vec<f64>,
    /// By what part the objective is lower with them than with the best mixture of the last scale; 0 where it is not.
    pub gain: f64,
}

/// The variable, N before D, that a law of a loss that counts sees and that the runs vary in; `None` where the best mixture is the
/// same at every scale because no law sees any.
#[must_use]
pub fn drifts_with(evidence: &Evidence<'_>) -> Option<Variable> {
    let project = evidence.project;
    let of = |m: &usize| evidence.fits.get(*m).copied().flatten();
    let sees = |variable: &Variable| {
        let needed = needed(project, &project.objective_weights());
        needed.iter().filter_map(of).any(|fit| fit.sees(*variable))
    };
    [Variable::Params, Variable::Tokens].into_iter().find(sees)
}

/// The best mixture by the best guess of the laws, at each scale: within the bounds, what the runs have explored, the supply of
/// tokens at that scale, and the limits there. `None` for a scale where no mixture keeps them.
#[must_use]
pub fn drift(evidence: &Evidence<'_>, scales: &[Scale]) -> Vec<Option<Optimum>> {
    let project = evidence.project;
    let surfaces = surfaces(evidence);
    let minimize = project.objective_weights();
    let needed = needed(project, &minimize);
    if needed.is_empty() || needed.iter().any(|m| surfaces[*m].is_none()) {
        return vec![None; scales.len()];
    }
    let mixtures = explored(evidence, &needed);
    let best = |scale: &Scale, other: Option<&[f64]>| {
        by_best_guess(evidence, &surfaces, &mixtures, *scale, |problem, further| {
            let found = problem.solve()?;
            let found = further(&found).unwrap_or(found);
            let gain = other.map_or(0.0, |other| 1.0 - found.objective / (problem.objective)(&[other.to_vec()])[0]);
            let gain = if gain.is_finite() { gain.max(0.0) } else { 0.0 };
            (found.breach <= 0.0).then_some(Optimum { weights: found.weights, gain })
        })
    };
    let Some(target) = scales.last() else { return Vec::new() };
    let of_target = best(target, None);
    let weights = of_target.as_ref().map(|optimum| optimum.weights.as_slice());
    let before = scales[..scales.len() - 1].iter().map(|scale| best(scale, weights));
    before.chain([of_target.clone()]).collect()
}
