//! Stacking: weights of laws that minimise the held-out error, and the weighted prediction.
//!
//! Stacking (Wolpert 1992; Breiman 1996): non-negative weights that sum to one, by least squares on predictions of
//! mixtures that were held out and lie inside the range of the others, where predictions are made. All on ln L, as the
//! fits are. The error stated for a stack is of weights found without the fold they are applied to.

use super::held_out::{HeldOut, HeldRow, ScaleTest};
use super::interval::Calibration;
use super::simplex::least_squares;
use super::{Fit, assemble};
use crate::laws::Columns;
use crate::vocab::{Extrapolation, Interval, Observation};
use serde::{Deserialize, Serialize};

/// A law with less weight than this is left out: it costs a fit and changes nothing.
pub(super) const LEAST: f64 = 0.01;

/// Residuals beyond this (a factor of e² in the loss) say no more than this one: squares of 1e78 drown every other row.
const MOST: f64 = 2.0;

/// Laws weighted by their held-out predictions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stack {
    /// Names of the laws and their weights, which sum to one.
    pub weights: Vec<(String, f64)>,
    /// 1 − held-out squared error over that of the mean, of weights that had not seen the fold.
    pub skill: f64,
    /// Mean relative error on held-out mixtures, likewise.
    pub mre_heldout: f64,
    /// Mean relative error on the largest N and D, held out.
    pub mre_scale: Option<f64>,
    calibration: Calibration,
}

impl Stack {
    /// Weighs laws by their held-out rows, which are the same for all. `None` for less than two laws.
    pub(super) fn of(laws: &[(&str, &HeldOut)]) -> Option<Self> {
        let (first, rest) = laws.split_first()?;
        let rows = &first.1.rows;
        if rest.is_empty() || rest.iter().any(|(_, held)| held.rows.len() != rows.len()) {
            return None;
        }
        let residuals: Vec<Vec<f64>> = laws.iter().map(|(_, held)| clipped(&held.rows)).collect();
        // Predicting a mixture beyond all others asks for something else than predicting one among them, and its errors,
        // ten times as large, would decide alone.
        let all = rows.iter().all(|row| !row.inside);
        let counts = |i: usize| all || rows[i].inside;
        let weights = pruned(&weigh(&residuals, counts));
        let mut held = HeldOut { rows: nested(rows, &residuals, counts), ..HeldOut::default() };
        // Squares of the means' errors, from the skill that was worked out with them.
        let squares: f64 = rows.iter().map(|row| row.residual * row.residual).sum();
        held.measure(if first.1.skill < 1.0 { squares / (1.0 - first.1.skill) } else { 0.0 });
        held.size = scale_test(laws, &weights, |held| held.size.as_ref());
        held.tokens = scale_test(laws, &weights, |held| held.tokens.as_ref());
        [&mut held.size, &mut held.tokens].into_iter().flatten().for_each(ScaleTest::measure);
        Some(Self {
            weights: laws
                .iter()
                .zip(&weights)
                .filter(|(_, w)| **w > 0.0)
                .map(|((name, _), w)| ((*name).to_owned(), *w))
                .collect(),
            skill: held.skill,
            mre_heldout: held.mre,
            mre_scale: held.mre_scale(),
            calibration: Calibration {
                rows: held.rows,
                size: held.size,
                tokens: held.tokens,
                ..Calibration::default()
            },
        })
    }

    /// Its errors on held-out mixtures.
    pub(super) fn held(&self) -> HeldOut {
        HeldOut { rows: self.calibration.rows.clone(), skill: self.skill, mre: self.mre_heldout, ..HeldOut::default() }
    }

    /// Replaces what is known of its errors on held-out rows.
    pub(super) fn judge_anew(&mut self, held: HeldOut) {
        self.skill = held.skill;
        self.mre_heldout = held.mre;
        self.mre_scale = held.mre_scale();
        let calibration = &mut self.calibration;
        (calibration.rows, calibration.size, calibration.tokens) = (held.rows, held.size, held.tokens);
    }

    /// Takes the usual spread of the draws from the fits of the weighted laws.
    pub(super) fn calibrate(&mut self, fits: &[Fit], x: &Columns) {
        let some = assemble::some(x);
        let lines: Vec<Vec<f64>> = (0..self.draws(fits))
            .map(|d| {
                let mut line = vec![0.0; some.len()];
                for (weight, fit) in self.members(fits) {
                    let theta = if fit.draws.is_empty() { &fit.theta } else { &fit.draws[d % fit.draws.len()] };
                    let of_law = fit.model.predict(theta, &some);
                    line.iter_mut().zip(of_law).for_each(|(sum, v)| *sum += weight * v);
                }
                line
            })
            .collect();
        self.calibration.usual_spread = assemble::usual_spread(&lines);
    }

    /// Where a new run's loss would be, nominal 90 %, like [`Fit::forecast`]; `None` where a law of the stack is not
    /// among `fits`.
    #[must_use]
    pub fn forecast(&self, fits: &[Fit], at: &Observation) -> Option<Interval> {
        let members: Vec<(f64, &Fit)> = self.members(fits).collect();
        if members.len() != self.weights.len() {
            return None;
        }
        let (_, first) = *members.first()?;
        let members = plausible(members, at);
        let place = Columns::place(at, &first.model.shape.context);
        let value = members.iter().map(|(w, fit)| w * fit.ln(&place)).sum();
        let of_laws: Vec<(f64, Vec<f64>)> = members.iter().map(|(w, fit)| (*w, fit.ln_draws(&place))).collect();
        let one = |w: f64, draws: &[f64], fit: &Fit, d: usize| {
            w * if draws.is_empty() { fit.ln(&place) } else { draws[d % draws.len()] }
        };
        // Resamples are drawn alike for every law: draw d is of the same runs.
        let draws: Vec<f64> = (0..self.draws(fits))
            .map(|d| of_laws.iter().zip(&members).map(|((w, draws), (_, fit))| one(*w, draws, fit, d)).sum())
            .collect();
        let position = first.position(at);
        // The laws that fared alike are the same for all.
        let beside = fits.iter().find(|fit| fit.view.chosen).unwrap_or(first);
        let apart = if position.is_beyond() { beside.apart(value, &place, at) } else { 0.0 };
        Some(self.calibration.forecast(value, &draws, apart, &position))
    }

    /// How far outside the data a place is.
    #[must_use]
    pub fn extrapolation(&self, fits: &[Fit], at: &Observation) -> Option<Extrapolation> {
        self.members(fits).next().map(|(_, fit)| fit.extrapolation(at))
    }

    fn members<'a>(&'a self, fits: &'a [Fit]) -> impl Iterator<Item = (f64, &'a Fit)> {
        self.weights.iter().filter_map(|(law, w)| Some((*w, fits.iter().find(|fit| fit.view.law == *law)?)))
    }

    fn draws(&self, fits: &[Fit]) -> usize {
        self.members(fits).map(|(_, fit)| fit.draws.len()).max().unwrap_or(0)
    }
}

/// The laws that see what is asked at a place and predict a loss that can be, with weights that sum to one; all where none does.
fn plausible<'a>(members: Vec<(f64, &'a Fit)>, at: &Observation) -> Vec<(f64, &'a Fit)> {
    let kept: Vec<(f64, &Fit)> = members
        .iter()
        .copied()
        .filter(|(_, fit)| fit.unseen(at).is_empty() && fit.is_plausible(at, &fit.forecast(at)))
        .collect();
    let sum: f64 = kept.iter().map(|(w, _)| w).sum();
    if kept.len() == members.len() || sum <= 0.0 {
        return members;
    }
    kept.into_iter().map(|(w, fit)| (w / sum, fit)).collect()
}

fn clipped(rows: &[HeldRow]) -> Vec<f64> {
    rows.iter().map(|row| row.residual.clamp(-MOST, MOST)).collect()
}

/// The residuals of the stack whose weights had not seen the fold.
fn nested(rows: &[HeldRow], residuals: &[Vec<f64>], counts: impl Fn(usize) -> bool) -> Vec<HeldRow> {
    let folds = rows.iter().map(|row| row.fold).max().map_or(0, |f| f + 1);
    let by_fold: Vec<Vec<f64>> =
        (0..folds).map(|fold| weigh(residuals, |i| rows[i].fold != fold && counts(i))).collect();
    let of = |(i, row): (usize, &HeldRow)| {
        let residual = by_fold[row.fold].iter().zip(residuals).map(|(w, r)| w * r[i]).sum();
        HeldRow { residual, ..row.clone() }
    };
    rows.iter().enumerate().map(of).collect()
}

fn scale_test<'a>(
    laws: &[(&str, &'a HeldOut)],
    weights: &[f64],
    of: impl Fn(&'a HeldOut) -> Option<&'a ScaleTest>,
) -> Option<ScaleTest> {
    let first = of(laws.first()?.1)?;
    let mut sum = vec![0.0; first.residuals.len()];
    for ((_, held), weight) in laws.iter().zip(weights).filter(|(_, w)| **w > 0.0) {
        sum.iter_mut().zip(&of(held)?.residuals).for_each(|(s, r)| *s += weight * r);
    }
    Some(ScaleTest { residuals: sum, ..first.clone() })
}

/// Weights on the simplex that minimise the squared weighted residuals of the rows that `counts` counts.
fn weigh(residuals: &[Vec<f64>], counts: impl Fn(usize) -> bool) -> Vec<f64> {
    let k = residuals.len();
    let rows: Vec<usize> = (0..residuals[0].len()).filter(|i| counts(*i)).collect();
    let dot = |a: usize, b: usize| rows.iter().map(|i| residuals[a][*i] * residuals[b][*i]).sum::<f64>();
    let gram: Vec<f64> = (0..k * k).map(|at| dot(at / k, at % k)).collect();
    least_squares(&gram, &vec![0.0; k])
}

/// Weights below [`LEAST`] to zero, the others to a sum of one.
fn pruned(weights: &[f64]) -> Vec<f64> {
    let kept: Vec<f64> = weights.iter().map(|w| if *w < LEAST { 0.0 } else { *w }).collect();
    let sum: f64 = kept.iter().sum();
    kept.iter().map(|w| w / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_those_that_lower_the_error_most_and_sum_to_one() {
        // Errors that cancel at 1 : 3, and a third law that is worse in the same direction as the first.
        let residuals = [vec![0.3, -0.3, 0.3], vec![-0.1, 0.1, -0.1], vec![0.9, -0.9, 0.9]];
        let weights = weigh(&residuals, |_| true);
        assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let left: f64 = weights.iter().zip(&residuals).map(|(w, r)| w * r[0]).sum();
        assert!(left.abs() < 1e-6, "{weights:?}");
        // Errors of one sign: all the weight to the least.
        assert_eq!(weigh(&[vec![0.2, 0.1], vec![0.4, 0.2]], |_| true), [1.0, 0.0]);
    }

    #[test]
    fn a_fold_is_predicted_by_weights_that_have_not_seen_it() {
        let row = |fold| HeldRow { index: fold, fold, mixture: Vec::new(), residual: 0.0, inside: true };
        let rows = [row(0), row(1)];
        // Each law is perfect on one fold: weights found on the other fold pick the wrong one.
        let residuals = [vec![0.0, 0.5], vec![0.7, 0.0]];
        let nested: Vec<f64> = nested(&rows, &residuals, |_| true).iter().map(|r| r.residual).collect();
        assert_eq!(nested, [0.7, 0.5]);
    }
}
