//! Intervals from resamples and held-out residuals.
//!
//! Two things keep a prediction from the truth: the curve is not quite where it was fitted, and runs do not lie on the
//! curve. Resamples of runs show the first. Held-out residuals show both at once *where there are data*, so there the
//! curve's own spread must not be added again: only what it exceeds its usual spread at the data by is.
//!
//! Which residuals speak for a place: those of mixtures near it, and, inside the explored region, only those of folds
//! that interpolated. (Leaving out the mixture with none of the own domain asks for an extrapolation that predicting
//! inside the data is not; it says much about places outside, nothing about places inside.)
//!
//! Beyond the largest N, D or compute two things show what a law may get wrong: what fits to the smaller part of the range got wrong
//! about the rest (with its sign, so that what all larger runs show widens the interval), in proportion to the distance in ln, and how
//! far laws that fared alike part there ([`super::rivals`]). Both are of the same error, so that the larger is added, not their sum.

use super::held_out::{HeldRow, ScaleTest};
use super::ninety::NINETY;
use super::resample::{quantile, weighted_quantile};
use super::rivals::Rivals;
use crate::vocab::{Interval, Ordered};
use serde::{Deserialize, Serialize};

/// Distance between mixtures at which a residual's say has fallen to e^−½.
const NEAR: f64 = 0.15;
/// The say of residuals far away: few neighbours must not make an interval out of two rows.
const FAR: f64 = 0.03;
/// Leaps further than this many times the tested one are not made wider still: the number would be as empty as the
/// promise.
const MOST_TEST_DISTANCES: f64 = 4.0;
/// The least half-width of the interval of a run's loss, in ln L: runs that differ in nothing but the seed differ by more.
const LEAST: f64 = 1e-4;
/// Mixtures from which on what is known of errors is not widened for being little.
const ENOUGH: usize = 100;
/// A place this much beyond the largest N, D or compute is not beyond it.
const WITHIN: f64 = 1.05;

/// What intervals are made of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Calibration {
    pub rows: Vec<HeldRow>,
    pub size: Option<ScaleTest>,
    pub tokens: Option<ScaleTest>,
    /// The laws that fared alike.
    pub rivals: Rivals,
    /// Median over rows of the standard deviation of ln L̂ over draws.
    pub usual_spread: f64,
}

/// Where a prediction stands relative to the data.
#[derive(Debug, Clone, Default)]
pub(super) struct Position {
    pub mixture: Vec<f64>,
    pub inside: bool,
    /// ln(N / largest N), 0 inside; see [`Position::beyond`].
    pub beyond_size: f64,
    /// ln(D / largest D), 0 inside; likewise.
    pub beyond_tokens: f64,
}

impl Position {
    /// How far a place lies beyond the largest N, D and N·D, each in ln and 0 where it does not. Budgets of sizes and tokens that
    /// trade off hold no run with the largest of both: what the compute of a place lies beyond by, and neither its size nor its
    /// tokens do, is shared between the two.
    pub(super) fn beyond(mixture: Vec<f64>, inside: bool, [size, tokens, compute]: [f64; 3]) -> Self {
        let rest = 0.5 * (compute - size - tokens).max(0.0);
        Self { mixture, inside, beyond_size: size + rest, beyond_tokens: tokens + rest }
    }

    /// Whether it lies beyond the runs.
    pub(super) fn is_beyond(&self) -> bool {
        self.beyond_size + self.beyond_tokens > WITHIN.ln()
    }
}

/// The interval of the curve: quantiles of the draws about the best guess, all as ln L.
pub(super) fn of_curve(value: f64, draws: &[f64]) -> (f64, f64) {
    let mut sorted = draws.to_vec();
    sorted.sort_by(f64::total_cmp);
    if sorted.is_empty() {
        return (0.0, 0.0);
    }
    ((value - quantile(&sorted, 0.05)).max(0.0), (quantile(&sorted, 0.95) - value).max(0.0))
}

impl Calibration {
    /// The interval for a new run at a place: ln L̂ there, its draws, and the standard deviation of laws that fared alike about it,
    /// which counts beyond the runs.
    pub(super) fn forecast(&self, value: f64, draws: &[f64], apart: f64, at: &Position) -> Interval {
        let size = scale_test(self.size.as_ref(), at.beyond_size);
        let tokens = scale_test(self.tokens.as_ref(), at.beyond_tokens);
        let apart = if at.is_beyond() { NINETY * apart } else { 0.0 };
        let beyond = (size * size + tokens * tokens).max(apart * apart);
        let (mut below, mut above) = self.residuals(at);
        let (curve_below, curve_above) = of_curve(value, draws);
        let usual = NINETY * self.usual_spread;
        for (side, curve) in [(&mut below, curve_below), (&mut above, curve_above)] {
            let excess = (curve * curve - usual * usual).max(0.0);
            *side = (*side * *side + excess + beyond).sqrt();
        }
        interval(value, below.max(LEAST), above.max(LEAST))
    }

    /// How far below and above the curve nine runs in ten are, in ln L.
    fn residuals(&self, at: &Position) -> (f64, f64) {
        let speaks = |row: &&HeldRow| row.inside == at.inside;
        let mut rows: Vec<&HeldRow> = self.rows.iter().filter(speaks).collect();
        if rows.is_empty() {
            rows = self.rows.iter().collect();
        }
        let mut weighted: Vec<(f64, f64)> = rows
            .iter()
            .map(|row| {
                let distance = row.mixture.iter().zip(&at.mixture).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                (row.residual, (-0.5 * (distance / NEAR).powi(2)).exp() + FAR)
            })
            .collect();
        if weighted.is_empty() {
            return (0.0, 0.0);
        }
        let wide = by_few(&rows, &weighted);
        weighted.sort_by_cached_key(|pair| Ordered(pair.0));
        let (below, above) = (-weighted_quantile(&weighted, 0.05), weighted_quantile(&weighted, 0.95));
        (wide * below.max(0.0), wide * above.max(0.0))
    }
}

/// By what an interval is wider that rests on few mixtures: Student's 95 % point over the normal one (Cornish and Fisher), for as
/// many as have a say; `weighted` parallel to `rows`. Rows of one mixture share what the curve gets wrong there.
fn by_few(rows: &[&HeldRow], weighted: &[(f64, f64)]) -> f64 {
    let mut sums: Vec<(&[f64], f64)> = Vec::new();
    for (row, (_, weight)) in rows.iter().zip(weighted) {
        match sums.iter_mut().find(|(mixture, _)| *mixture == row.mixture.as_slice()) {
            Some((_, sum)) => *sum += weight,
            None => sums.push((&row.mixture, *weight)),
        }
        // So many say as much as all.
        if sums.len() > ENOUGH {
            return 1.0;
        }
    }
    let total: f64 = sums.iter().map(|(_, w)| w).sum();
    let squares: f64 = sums.iter().map(|(_, w)| w * w).sum();
    if sums.len() < 2 {
        return 1.0;
    }
    let freedom = (total * total / squares - 1.0).max(1.0);
    1.0 + 0.926 / freedom + 0.863 / (freedom * freedom)
}

fn scale_test(tested: Option<&ScaleTest>, beyond: f64) -> f64 {
    match tested {
        Some(test) if beyond > 0.0 => NINETY * test.error * (beyond / test.distance).min(MOST_TEST_DISTANCES),
        _ => 0.0,
    }
}

/// exp of a value and of its ends, finite.
pub(super) fn interval(value: f64, below: f64, above: f64) -> Interval {
    let exp = |v: f64| v.clamp(-700.0, 700.0).exp();
    Interval { value: exp(value), low: exp(value - below), high: exp(value + above) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calibration(error: f64) -> Calibration {
        let row = |residual| HeldRow { index: 0, fold: 0, mixture: vec![1.0], residual, inside: true };
        let rows = (-50..=50).map(|i| row(1e-4 * f64::from(i))).collect();
        let size = ScaleTest { what: "N".into(), distance: 1.0, residuals: vec![error; 3], error, fair: true };
        Calibration { rows, size: Some(size), ..Calibration::default() }
    }

    fn half(calibration: &Calibration, apart: f64, beyond: [f64; 3]) -> f64 {
        let interval = calibration.forecast(0.0, &[], apart, &Position::beyond(vec![1.0], true, beyond));
        0.5 * (interval.high.ln() - interval.low.ln())
    }

    #[test]
    fn beyond_the_runs_the_larger_of_what_tests_and_other_laws_say_counts_and_within_neither() {
        let tested = calibration(0.02);
        let within = half(&tested, 0.0, [0.0; 3]);
        assert_eq!(within, half(&tested, 0.5, [0.0; 3]));
        let with = |beyond: f64| (within * within + (NINETY * beyond).powi(2)).sqrt();
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(near(half(&tested, 0.01, [1.0, 0.0, 1.0]), with(0.02)));
        assert!(near(half(&tested, 0.03, [1.0, 0.0, 1.0]), with(0.03)));
        assert!(near(half(&tested, 0.03, [2.0, 0.0, 2.0]), with(0.04)), "twice as far, twice the error of the test");
    }

    #[test]
    fn compute_beyond_the_runs_is_beyond_whatever_size_and_tokens_it_is_made_of() {
        let at = |beyond| Position::beyond(Vec::new(), true, beyond);
        let traded = at([0.0, 0.0, 2.0]);
        assert!(traded.is_beyond() && traded.beyond_size == 1.0 && traded.beyond_tokens == 1.0);
        // The size alone says where it lies: nothing is left for the tokens.
        let larger = at([2.0, 0.0, 2.0]);
        assert!(larger.beyond_size == 2.0 && larger.beyond_tokens == 0.0);
        assert!(!at([0.0, 0.0, 0.04]).is_beyond() && at([0.0, 0.1, 0.0]).is_beyond());
    }
}
