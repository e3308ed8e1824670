//! Exponents that related runs share: sought by Nelder and Mead's method with level and amplitudes eliminated run by run
//! ([`super::amplitude`]), as the most probable ones under a normal prior on their logs. Checkpoints of one run lean the same
//! way, so that [`ALIKE`] of them count as one.

use super::amplitude::{Row, solve};
use super::{CurveLaw, Exponent, Track};
use crate::forecast::spread::median;
use argmin::core::{CostFunction, Error, Executor, State};
use argmin::solver::neldermead::NelderMead;
use std::collections::BTreeMap;

/// Checkpoints of one run that say as much as one that is independent.
const ALIKE: f64 = 4.0;
/// Runs by their kind.
pub(super) fn by_kind<'t>(tracks: &[&'t Track]) -> BTreeMap<usize, Vec<&'t Track>> {
    let mut kinds: BTreeMap<usize, Vec<&Track>> = BTreeMap::new();
    for track in tracks {
        kinds.entry(track.kind).or_default().push(track);
    }
    kinds
}

/// What makes `u` a pure number: the median of S₁, or of steps, over whole runs; `None` where it is nothing.
pub(super) fn scale(law: &dyn CurveLaw, tracks: &[&Track]) -> Option<f64> {
    let of = |t: &&Track| if law.sees_schedule() { t.schedule.area(t.schedule.total()) } else { t.schedule.total() };
    Some(median(tracks.iter().map(of).collect())).filter(|s| *s > 0.0)
}

/// Shapes and ln losses of all points of runs.
pub(super) fn rows(law: &dyn CurveLaw, exponents: &[f64], scale: f64, tracks: &[&Track]) -> Vec<Row> {
    let of = |track: &&Track| {
        let steps: Vec<f64> = track.points.iter().map(|p| p.step).collect();
        let shapes = law.shapes(exponents, &track.schedule, scale, &steps);
        shapes.into_iter().zip(track.points.iter().map(|p| p.ln_loss)).collect::<Vec<Row>>()
    };
    tracks.iter().flat_map(of).collect()
}

/// How far points stand from the curves of their kinds, ln observed − ln fitted.
pub(super) fn residuals(law: &dyn CurveLaw, exponents: &[f64], scale: f64, tracks: &[&Track], sigma: f64) -> Vec<f64> {
    let of = |members: Vec<&Track>| {
        let rows = rows(law, exponents, scale, &members);
        let amplitude = solve(&rows, sigma);
        rows.into_iter().filter_map(move |(shape, y)| Some(y - amplitude?.ln_loss(shape))).collect::<Vec<f64>>()
    };
    by_kind(tracks).into_values().flat_map(of).collect()
}

/// −2 × ln of the posterior of exponents, amplitudes eliminated.
pub(super) struct Posterior<'t> {
    pub law: &'static dyn CurveLaw,
    pub tracks: &'t [&'t Track],
    pub scale: f64,
    pub sigma: f64,
}

impl CostFunction for Posterior<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, exponents: &Vec<f64>) -> Result<f64, Error> {
        let huber = |z: f64| if z.abs() <= 1.0 { z * z } else { 2.0 * z.abs() - 1.0 };
        let all = residuals(self.law, exponents, self.scale, self.tracks, self.sigma);
        let misfit: f64 = all.iter().map(|r| huber(r / self.sigma)).sum();
        let prior: f64 = exponents
            .iter()
            .zip(self.law.exponents())
            .map(|(x, Exponent { centre, spread, .. })| ((x - centre) / spread).powi(2))
            .sum();
        let cost = misfit / ALIKE + prior;
        Ok(if cost.is_finite() { cost } else { 1e12 })
    }
}

/// Sizes of the simplexes a search starts from one after another (in spreads of the prior), and the spread of the
/// objective over a simplex at which it ends.
pub(super) type Effort = (&'static [f64], f64);
/// A second simplex around the first optimum: the first may have collapsed on the way.
pub(super) const THOROUGH: Effort = (&[0.5, 0.15], 1e-4);
/// For one run among a thousand, where the prior says most.
pub(super) const QUICK: Effort = (&[0.5], 1e-2);

/// The most probable exponents, by Nelder and Mead's method; `None` where there are none.
pub(super) fn search(
    law: &'static dyn CurveLaw,
    tracks: &[&Track],
    scale: f64,
    sigma: f64,
    from: &[f64],
    (sizes, tolerance): Effort,
) -> Option<Vec<f64>> {
    let mut best = from.to_vec();
    for size in sizes {
        let mut simplex = vec![best.clone()];
        for (i, exponent) in law.exponents().iter().enumerate() {
            let mut corner = best.clone();
            corner[i] += size * exponent.spread;
            simplex.push(corner);
        }
        let problem = Posterior { law, tracks, scale, sigma };
        let solver = NelderMead::new(simplex).with_sd_tolerance(tolerance).ok()?;
        let most = 60 * law.exponents().len() as u64;
        let result = Executor::new(problem, solver).configure(|state| state.max_iters(most)).run().ok()?;
        best = result.state.get_best_param()?.clone();
    }
    best.iter().all(|x| x.is_finite()).then_some(best)
}
