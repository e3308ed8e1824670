//! The learning curve of a run that has no family: exponents from its own course, held by what is usual elsewhere, and a doubt of
//! the law by what the run's own beginnings would have forecast.

use super::exponents::{Posterior, QUICK, residuals, search};
use super::family::{ALONE_A, ALONE_B, CurveForecast, Family, OWN};
use super::{CurveLaw, Mean, Track, thin};
use crate::fit::ninety::student;
use argmin::core::CostFunction;
use std::collections::BTreeMap;

/// Parts of a lone run from which its newest loss is forecast, to see how far off that is.
const BEGINNINGS: [f64; 2] = [0.5, 0.7];
/// Points that such a beginning needs.
const LEAST_EARLY: usize = 2;
/// How far a lone run leaves its law, in ln loss per unit of progress, and how many misses of its own say as much: with few
/// evaluations there is none, and the law's own error would be that of the few points it went through.
const DRIFT: f64 = 0.02;
const DRIFT_WEIGHT: f64 = 0.3;
/// Scatter of a lone run's points about its law, in ln loss, and how many points beyond the law's parameters say as much: a law
/// goes through as many points as it has parameters, however they scatter.
const SCATTER: f64 = 0.02;
const SCATTER_WEIGHT: f64 = 3.0;
/// Level and amplitude, which every law has beside its exponents.
const AMPLITUDES: usize = 2;
/// A miss is carried on to at most so many times the distance it was seen over.
const FURTHEST: f64 = 3.0;

impl Family {
    /// For a run that has no family: exponents from its own course so far, held by what is usual elsewhere.
    #[must_use]
    pub fn alone(law: &'static dyn CurveLaw, track: &Track) -> Option<Self> {
        if track.points.is_empty() {
            return None;
        }
        let scale =
            if law.sees_schedule() { track.schedule.area(track.schedule.total()) } else { track.schedule.total() };
        let thinned = Track { points: thin(&track.points, OWN, &track.schedule), ..track.clone() };
        let centre: Vec<f64> = law.exponents().iter().map(|e| e.centre).collect();
        let exponents =
            if thinned.points.len() >= 4 { search(law, &[&thinned], scale, 3e-3, &centre, QUICK)? } else { centre };
        let all = residuals(law, &exponents, scale, &[&thinned], 3e-3);
        Some(Self {
            law,
            exponents,
            scale,
            kinds: BTreeMap::new(),
            a: ALONE_A,
            b: ALONE_B,
            scatter: scatter_alone(law, &all),
            wide: 1.0,
            early: 1.0,
        })
    }

    /// Final loss of a run that has no family.
    ///
    /// Nothing but the run itself says how well the law suits it. So its newest loss is forecast from its own beginnings,
    /// with usual exponents; what that was off by per unit of progress, together with what is usual ([`DRIFT`]), is added to the
    /// variance for as far as there is left to go, and half of the mean miss to the forecast: small models from scratch fall in
    /// steps that no power law has.
    #[must_use]
    pub fn forecast_alone(law: &'static dyn CurveLaw, track: &Track) -> Option<CurveForecast> {
        Self::forecast_alone_each(law, track, &[track.schedule.total()])?.pop()
    }

    /// The same at each of several steps, ascending, the last being the end.
    #[must_use]
    pub fn forecast_alone_each(law: &'static dyn CurveLaw, track: &Track, ends: &[f64]) -> Option<Vec<CurveForecast>> {
        let family = Self::alone(law, track)?;
        let all = family.forecast_each(track, ends)?;
        let own = *all.last()?;
        let now = track.points.last()?;
        let (here, end) = (family.progress(track, now.step), family.progress(track, track.schedule.total()));
        let usual = Self { exponents: law.exponents().iter().map(|e| e.centre).collect(), ..family.clone() };
        let missed = |part: &f64| {
            let points: Vec<Mean> = track.points.iter().copied().filter(|p| p.step <= part * now.step).collect();
            let early = Track { points, ..track.clone() };
            let then = (early.points.len() >= LEAST_EARLY).then(|| family.progress(track, early.last_step()))?;
            let forecast = usual.forecast_at(&early, now.step)?;
            Some((now.ln_loss - forecast.ln_loss, (here - then).max(1e-6)))
        };
        let missed: Vec<(f64, f64)> = BEGINNINGS.iter().filter_map(missed).collect();
        let over_exponents = family.over_exponents(track, &own);
        let n = missed.len() as f64;
        let squares: f64 = missed.iter().map(|(miss, over)| (miss / over).powi(2)).sum();
        let drift = ((DRIFT_WEIGHT * DRIFT * DRIFT + squares) / (DRIFT_WEIGHT + n)).sqrt()
            * student(missed.len().max(2) as f64);
        let one = |(own, step): (CurveForecast, &f64)| {
            let left = family.progress(track, *step) - here;
            // How far exponents move the loss grows from nothing at the newest point to what it is at the end.
            let part = if *step < ends[ends.len() - 1] { (left / (end - here).max(1e-6)).clamp(0.0, 1.0) } else { 1.0 };
            let sd = own.sd.hypot(part * over_exponents).hypot(drift * left);
            let carried: f64 = missed.iter().map(|(miss, over)| miss * (left / over).clamp(0.0, FURTHEST)).sum();
            CurveForecast { ln_loss: own.ln_loss + 0.5 * carried / n.max(1.0), sd }
        };
        Some(all.into_iter().zip(ends).map(one).collect())
    }

    /// How far the end moves, in ln loss, when the exponents do as far as the run's own course does not hold them: early on
    /// they are what is usual, give or take as much as usual.
    fn over_exponents(&self, track: &Track, own: &CurveForecast) -> f64 {
        let thinned = Track { points: thin(&track.points, OWN, &track.schedule), ..track.clone() };
        let tracks = [&thinned];
        let problem = Posterior { law: self.law, tracks: &tracks, scale: self.scale, sigma: 3e-3 };
        let cost = |exponents: &Vec<f64>| problem.cost(exponents).unwrap_or(f64::INFINITY);
        let least = cost(&self.exponents);
        let mut variance = 0.0;
        for (k, exponent) in self.law.exponents().iter().enumerate() {
            for side in [-1.0, 1.0] {
                let mut exponents = self.exponents.clone();
                exponents[k] += side * exponent.spread;
                let weight = (-0.5 * (cost(&exponents) - least)).exp().min(1.0);
                let moved = Self { exponents, ..self.clone() }.forecast(track);
                variance += moved.map_or(0.0, |moved| 0.5 * weight * (moved.ln_loss - own.ln_loss).powi(2));
            }
        }
        variance.sqrt()
    }
}

/// Standard deviation of a lone run's residuals, by those of its points that the law's parameters leave free and what is usual.
fn scatter_alone(law: &dyn CurveLaw, residuals: &[f64]) -> f64 {
    let free = residuals.len().saturating_sub(AMPLITUDES + law.exponents().len()) as f64;
    let squares: f64 = residuals.iter().map(|r| r * r).sum();
    ((SCATTER_WEIGHT * SCATTER * SCATTER + squares) / (SCATTER_WEIGHT + free)).sqrt().max(3e-3)
}
