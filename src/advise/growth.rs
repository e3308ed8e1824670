//! How errors of a law grow with the distance from the runs' mixtures, by held-out runs.
//!
//! With many corpora nearly every run lies outside the convex hull of the others: held-out errors are of mixtures beyond the runs, at
//! distances that are known ([`super::far::Spread`]). Their variance is taken as v·(1 + g·d⁴), as of a law that misses a curvature, with the
//! largest g that the errors do not speak against ([`SPOKEN_AGAINST`]).

use crate::fit::ninety::NINETY;
use crate::vocab::Ordered;
use std::sync::OnceLock;

/// Fewest mixtures with held-out errors that say how these grow.
pub(super) const FEWEST: usize = 20;
/// So many held-out mixtures must be as far from the others as one that is advised.
const AS_FAR: usize = 3;
/// By how much the logarithm of the likelihood falls to what errors speak against: a bound from above that holds with 95 %.
const SPOKEN_AGAINST: f64 = 1.353;

/// How the errors of a law grow with the distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth {
    /// v, of ln L.
    variance: f64,
    /// g.
    per: f64,
}

impl Growth {
    /// The steepest growth that errors do not speak against; `held`: d² and the error of each. `None` without errors.
    pub fn steepest(held: &[(f64, f64)]) -> Option<Self> {
        /// From a growth that no distance shows to one that shows at every distance, in equal steps of the logarithm.
        const STEPS: i32 = 80;
        let count = held.len() as f64;
        let of = |per: f64| {
            let parts = held.iter().map(|(far, error)| (1.0 + per * far * far, error * error));
            let (variance, widths) =
                parts.fold((0.0, 0.0), |(v, w), (grown, square)| (v + square / grown, w + grown.ln()));
            let variance = (variance / count).max(1e-12);
            (Self { variance, per }, -0.5 * widths - 0.5 * count * variance.ln())
        };
        let steps = (0..=STEPS).map(|i| 10_f64.powf(-5.0 + 8.0 * f64::from(i) / f64::from(STEPS)));
        let all: Vec<(Self, f64)> = std::iter::once(0.0).chain(steps).map(of).collect();
        let most = all.iter().map(|(_, ln)| *ln).fold(f64::NEG_INFINITY, f64::max);
        let mut steepest_first = all.into_iter().rev();
        let kept = steepest_first.find(|(_, ln)| *ln >= most - SPOKEN_AGAINST);
        kept.map(|(growth, _)| growth).filter(|growth| count > 0.0 && growth.variance.is_finite())
    }

    /// Standard deviation of ln L at a distance d².
    pub fn error(self, far: f64) -> f64 {
        (self.variance * (1.0 + self.per * far * far)).sqrt()
    }

    /// That of it which is not there near the runs.
    pub fn grown(self, far: f64) -> f64 {
        far * (self.variance * self.per).sqrt()
    }
}

/// Held-out errors with the distances of their mixtures from the others.
#[derive(Debug)]
pub(super) struct HeldErrors {
    /// d² and error of ln L, the nearest first.
    held: Vec<(f64, f64)>,
    growth: OnceLock<Option<Growth>>,
}

impl HeldErrors {
    /// `None` where these are too few.
    pub fn of(mut held: Vec<(f64, f64)>) -> Option<Self> {
        held.retain(|(far, error)| far.is_finite() && error.is_finite());
        held.sort_by_cached_key(|(far, _)| Ordered(*far));
        (held.len() >= FEWEST).then(|| Self { held, growth: OnceLock::new() })
    }

    /// The greatest d² that was tested often enough.
    pub fn most(&self) -> f64 {
        self.held[self.held.len() - AS_FAR].0
    }

    /// How they grow.
    pub fn growth(&self) -> Option<Growth> {
        let most = self.most();
        // What is still further counts as this far: one run alone must not say that errors do not grow.
        let steepest =
            || Growth::steepest(&self.held.iter().map(|(far, error)| (far.min(most), *error)).collect::<Vec<_>>());
        *self.growth.get_or_init(steepest)
    }

    /// Errors of mixtures at least so far from the others.
    pub fn beyond(&self, far: f64) -> impl Iterator<Item = f64> {
        self.held.iter().filter(move |held| held.0 >= far * (1.0 - 1e-3)).map(|held| held.1)
    }
}

/// The ends of an interval to which errors are added of this standard deviation of ln L.
pub(super) fn wider(value: f64, [low, high]: [f64; 2], grown: f64) -> [f64; 2] {
    let half = |end: f64| (end / value).ln().hypot(NINETY * grown);
    if grown > 0.0 { [value * (-half(low)).exp(), value * half(high).exp()] } else { [low, high] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::spread::{generator, normal_quantile, uniform};

    /// d² and errors of so many mixtures, with variances 1e-6 (1 + per · d⁴).
    fn errors(count: usize, per: f64) -> Vec<(f64, f64)> {
        let mut random = generator(3);
        let mut normal = move || normal_quantile(uniform(&mut random).clamp(1e-9, 1.0 - 1e-9));
        let far = |i: usize| 1.0 + 30.0 * (i as f64 / count as f64).powi(3);
        (0..count).map(|i| (far(i), 1e-3 * (1.0 + per * far(i).powi(2)).sqrt() * normal())).collect()
    }

    #[test]
    fn growth_is_bounded_from_above_and_the_bound_nears_the_truth_with_more_runs() {
        for per in [0.0, 1e-3, 1e-1] {
            let truth = 1e-3 * (1.0 + per * 20.0_f64.powi(2)).sqrt();
            let by = [60, 2000].map(|count| Growth::steepest(&errors(count, per)).unwrap().error(20.0) / truth);
            assert!(by[0] > 0.9 && by[0] < 4.0, "{per}: {by:?}");
            assert!(by[1] > 0.95 && by[1] < 1.5 && by[1] <= by[0] + 0.1, "{per}: {by:?}");
        }
        assert_eq!(Growth::steepest(&[]), None);
        // Errors of nothing at all are none of numbers that are too small.
        assert!(Growth::steepest(&[(1.0, 0.0); 30]).unwrap().error(9.0) < 1e-4);
    }

    #[test]
    fn an_interval_is_wider_by_what_is_added_and_not_narrower_than_that() {
        let [low, high] = wider(3.0, [3.0, 3.0 * 0.01_f64.exp()], 0.02);
        assert!(((3.0 / low).ln() - NINETY * 0.02).abs() < 1e-12, "{low}");
        assert!(((high / 3.0).ln() - 0.01_f64.hypot(NINETY * 0.02)).abs() < 1e-12, "{high}");
        assert_eq!(wider(3.0, [2.9, 3.1], 0.0), [2.9, 3.1]);
    }
}
