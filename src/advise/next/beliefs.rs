//! What the fits leave open: joint draws of every metric, over resamples of the runs, the laws that are still in the race, and
//! what laws get wrong.

use super::super::surface::Surface;
use super::misfit::Misfit;
use super::pool;
use super::scaling::Scaling;
use crate::fit::Fit;
use crate::fit::choose::Candidates;
use crate::forecast::spread::{normal_quantile, quantile, shuffled_levels};
use crate::vocab::{Interval, Observation, Observations, Scale};
use rayon::prelude::*;

/// Joint draws.
pub(super) const DRAWS: usize = 160;
/// From the 5 % to the 95 % point, in standard deviations of a normal.
const FIVE_TO_95: f64 = 3.29;
/// A draw that is further from the chosen law than by this factor is a failed resample.
const MOST: f64 = 3.0;
/// Where a greater part of the draws fails, what is left of them says nothing of the loss there.
const FAILED: f64 = 0.2;
/// Mixtures at a scale for each parameter of a log-linear law: fewer say too little of how mixtures differ to ask how that changes.
const ENOUGH: usize = 2;
/// Noise of a run is at least this, in ln loss: no two runs agree to more digits.
const LEAST_NOISE: f64 = 5e-4;

/// Draws of one metric.
pub(super) struct Belief<'a> {
    laws: Vec<Law<'a>>,
    misfit: Misfit,
    /// The same as a function of size and tokens, where there is nothing to mix: otherwise what a law gets wrong about the target would be
    /// what it gets wrong about any run.
    of_sizes: Option<(Misfit, Lengths)>,
    /// Standard deviation of held-out errors, in ln loss.
    errors: f64,
    /// What the law gets wrong about how mixtures differ at larger scales; `None` where it sees these.
    pub scaling: Option<Scaling>,
    /// What the law gets wrong for each factor of e beyond the largest run, by draw, in ln loss.
    drift: Vec<f64>,
    /// Standard deviation of a run around the law, in ln loss.
    pub noise: f64,
    /// Mixtures with their held-out errors.
    pub held: Vec<(Vec<f64>, f64)>,
}

/// What a belief is of.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    /// Name of the metric.
    pub name: &'a str,
    /// The project's domains.
    pub domains: &'a [String],
    /// Mixtures of runs.
    pub explored: &'a [Vec<f64>],
    /// What laws get wrong about larger runs.
    pub drift: &'a Drift,
    /// What the loss would change by as a power of size and tokens; `None` where nothing says so.
    pub change: Option<f64>,
    /// What the laws are fitted to.
    pub rows: &'a Observations,
    /// Whether mixtures are decided between.
    pub mixes: bool,
}

/// What the laws of several metrics get wrong about larger runs, and how far it is the same of all. A law that is blind to size is
/// too high for every loss: that moves all mixtures alike and decides nothing, and what each is off by alone does.
pub(super) struct Drift {
    /// Standard normal, by draw.
    together: Vec<f64>,
    /// Part of the variance that all have together, from 0 to 1.
    shared: f64,
}

impl Drift {
    /// Of the laws of metrics that count, by how far predictions of the largest runs from smaller ones were off, with their signs.
    pub fn of(fits: &[&Fit], seed: u64) -> Self {
        let off = |fit: &&Fit| {
            let tests = fit.view.scale_tests.iter().filter(|test| test.factor > 1.0);
            let rates: Vec<f64> = tests.map(|test| test.bias / test.factor.ln()).filter(|r| r.is_finite()).collect();
            (!rates.is_empty()).then(|| rates.iter().sum::<f64>() / rates.len() as f64)
        };
        let off: Vec<f64> = fits.iter().filter_map(off).collect();
        let together =
            shuffled_levels(DRAWS, seed ^ 0x746f_6765_7468).into_iter().map(normal_quantile).collect::<Vec<f64>>();
        Self { together, shared: if off.len() == fits.len() { shared(&off) } else { 0.0 } }
    }

    /// Standard normal draws of one metric.
    fn draws(&self, seed: u64) -> impl Iterator<Item = f64> {
        let own = shuffled_levels(DRAWS, seed ^ 0x6472_6966).into_iter().map(normal_quantile);
        let (both, alone) = (self.shared.sqrt(), (1.0 - self.shared).sqrt());
        self.together.iter().zip(own).map(move |(together, own)| both * together + alone * own)
    }
}

/// The part of the mean square of some numbers that is their common mean's (an analysis of variance with one group): 1 for one number,
/// which has nothing to differ from.
fn shared(of: &[f64]) -> f64 {
    let n = of.len() as f64;
    if of.len() < 2 {
        return 1.0;
    }
    let mean = of.iter().sum::<f64>() / n;
    let alone = of.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let together = (mean * mean - alone / n).max(0.0);
    if together > 0.0 { together / (together + alone) } else { 0.0 }
}

/// A law that is still in the race; the chosen one is the first.
struct Law<'a> {
    fit: &'a Fit,
    surface: Surface<'a>,
    /// Draws that are its own.
    draws: Vec<usize>,
    /// The resample that each of them stands on: the same for every metric and place.
    resamples: Vec<usize>,
    /// What resamples differ from the best guess by counts so many times: see [`width`].
    width: f64,
}

impl<'a> Belief<'a> {
    /// The draws of a metric's chosen law and of those that have a weight beside it, as often as they weigh; of those that see
    /// what the target is beyond the runs in.
    pub fn of(candidates: &'a Candidates, chosen: &'a Fit, about: &About<'_>, scale: &Scale, seed: u64) -> Self {
        let About { name, domains, explored, drift, change, rows, mixes } = *about;
        let surface = |fit: &'a Fit| Surface::of(fit, name, domains);
        let middle = pool::centre(&[], domains.len());
        let sees = |surface: &Surface<'_>| (surface.unseen)(&surface.place(scale, &middle)).is_empty();
        let weights = candidates.stack.as_ref().map(|stack| stack.weights.as_slice()).unwrap_or_default();
        let of_law = |law: &str| weights.iter().find(|(name, _)| name == law).map_or(0.0, |(_, weight)| *weight);
        let others = candidates.fits.iter().filter(|fit| fit.view.law != chosen.view.law);
        let mut laws = vec![(chosen, surface(chosen))];
        // The chosen law has half of the draws: it is what advice rests on.
        let mut share = vec![1.0];
        for fit in others {
            let other = surface(fit);
            if of_law(&fit.view.law) > 0.0 && sees(&other) {
                laws.push((fit, other));
                share.push(of_law(&fit.view.law));
            }
        }
        let sum: f64 = share.iter().sum();
        let law = |level: f64| {
            let mut left = level * sum;
            share
                .iter()
                .position(|share| {
                    left -= share;
                    left <= 0.0
                })
                .unwrap_or(0)
        };
        let of_residuals = of_residuals(chosen);
        // Held-out errors are of runs that scatter and of a law that is not theirs.
        let held: Vec<(Vec<f64>, f64)> =
            chosen.held_mixtures().into_iter().map(|(own, error)| (laws[0].1.in_project(&own), error)).collect();
        let misfit = Misfit::new(explored, &held, domains.len(), DRAWS, seed);
        let noise = (of_residuals * misfit.scatter()).max(LEAST_NOISE);
        let of_sizes = if mixes { None } else { of_sizes(rows, scale, seed) };
        let centre = pool::centre(explored, domains.len());
        let at = laws[0].1.place(scale, &centre);
        let beyond = beyond(chosen, &at);
        // What fits to the smaller runs got wrong about the larger says little where these have one size or length alone: the loss itself
        // says how wrong a law can be.
        let unexplained = unexplained(chosen, &at, of_residuals).min(change.unwrap_or(f64::INFINITY));
        let rate = if beyond > 0.0 { unexplained / beyond } else { 0.0 };
        let drift = drift.draws(seed).map(|z| rate * z).collect();
        let scaling = scaling(rows, &laws[0], explored, scale, noise, seed);
        let law_of: Vec<usize> = shuffled_levels(DRAWS, seed).into_iter().map(law).collect();
        let own = |(l, (fit, surface)): (usize, (&'a Fit, Surface<'a>))| {
            let draws: Vec<usize> = (0..DRAWS).filter(|s| law_of[*s] == l).collect();
            let resamples = draws.iter().filter(|_| !fit.draws.is_empty()).map(|s| s % fit.draws.len()).collect();
            Law { fit, surface, draws, resamples, width: width(fit) }
        };
        Self {
            laws: laws.into_iter().enumerate().map(own).collect(),
            misfit,
            of_sizes,
            errors: of_residuals,
            scaling,
            drift,
            noise,
            held,
        }
    }

    /// Loss at each place (size and tokens, weights) by draw, nats. None at a place where nothing is believed: where the chosen
    /// law's own loss is none that it could have ([`Fit::is_plausible`]), or more than [`FAILED`] of the draws fail.
    pub fn losses(&self, places: &[(Scale, Vec<f64>)]) -> Vec<Option<Vec<f64>>> {
        let mut all = vec![vec![f64::NAN; DRAWS]; places.len()];
        for law in &self.laws {
            let at: Vec<Observation> =
                places.iter().map(|(scale, weights)| law.surface.place(scale, weights)).collect();
            // All places of a draw at once: what a law works out of its parameters is worked out once.
            let of_draw = |i: usize| law.fit.predict_all(law.resamples.get(i).copied(), &at);
            let mut by_draw: Vec<Vec<f64>> = (0..law.draws.len()).into_par_iter().map(of_draw).collect();
            if law.width < 1.0 {
                let best = law.fit.predict_all(None, &at);
                let narrower = |(value, best): (&mut f64, &f64)| *value = best * (*value / best).powf(law.width);
                by_draw.iter_mut().for_each(|values| values.iter_mut().zip(&best).for_each(narrower));
            }
            for (s, values) in law.draws.iter().zip(by_draw) {
                all.iter_mut().zip(values).for_each(|(of_place, value)| of_place[*s] = value);
            }
        }
        places.par_iter().zip(all).map(|((scale, weights), losses)| self.believed(scale, weights, losses)).collect()
    }

    /// Draws at a place, with those that fail replaced and what laws get wrong added; none where nothing is believed.
    fn believed(&self, scale: &Scale, weights: &[f64], mut losses: Vec<f64>) -> Option<Vec<f64>> {
        let chosen = &self.laws[0];
        let at = chosen.surface.place(scale, weights);
        let best = chosen.fit.predict(&at);
        // An interval only widens what is plausible, and costs more than all else here.
        let narrow = Interval { value: best, low: best, high: best };
        if !chosen.fit.is_plausible(&at, &narrow) && !(chosen.surface.is_plausible)(&at) {
            return None;
        }
        let is_sane = |value: f64| value.is_finite() && value > best / MOST && value < best * MOST;
        let failed = losses.iter().filter(|value| !is_sane(**value)).count();
        if failed as f64 > FAILED * DRAWS as f64 {
            return None;
        }
        losses.iter_mut().filter(|value| !is_sane(**value)).for_each(|value| *value = best);
        let far = beyond(chosen.fit, &at);
        let misfit = match &self.of_sizes {
            Some((misfit, lengths)) => misfit.at(&lengths.place(scale)),
            None => self.misfit.at(weights),
        };
        for ((value, misfit), drift) in losses.iter_mut().zip(misfit).zip(&self.drift) {
            *value *= (self.errors * misfit + far * drift).exp();
        }
        if let Some(errors) = self.scaling.as_ref().and_then(|scaling| scaling.at(scale, weights)) {
            losses.iter_mut().zip(errors).for_each(|(value, error)| *value *= error.exp());
        }
        Some(losses)
    }

    /// The law that advice rests on.
    pub fn law(&self) -> &str {
        &self.laws[0].fit.view.law
    }
}

/// Factors of e of N and D over which what a law gets wrong is much the same.
struct Lengths([f64; 2]);

impl Lengths {
    /// Half of the way from the smallest run to the target.
    fn new(ends: &[Scale], target: &Scale) -> Self {
        let half = |of: fn(&Scale) -> f64| {
            let least = ends.iter().map(of).fold(f64::INFINITY, f64::min);
            (0.5 * (of(target) / least).ln()).max(0.5)
        };
        Self([half(|scale| scale.params), half(|scale| scale.tokens)])
    }

    fn place(&self, scale: &Scale) -> Vec<f64> {
        vec![scale.params.ln() / self.0[0], scale.tokens.ln() / self.0[1]]
    }
}

/// What laws get wrong as a function of size and tokens; `None` where those of no run are known.
fn of_sizes(rows: &Observations, target: &Scale, seed: u64) -> Option<(Misfit, Lengths)> {
    let ends: Vec<Scale> = pool::ends(rows).map(Scale::of).collect();
    if ends.is_empty() {
        return None;
    }
    let lengths = Lengths::new(&ends, target);
    let places: Vec<Vec<f64>> = ends.iter().map(|scale| lengths.place(scale)).collect();
    Some((Misfit::of_sizes(&places, DRAWS, seed), lengths))
}

/// What a law gets wrong about how mixtures differ at the target, from what runs of one scale say they differ by; `None` where no scale has
/// runs enough to say so or the target is none beyond it, and where the law sees size and tokens and several scales have enough.
fn scaling(
    rows: &Observations,
    (fit, surface): &(&Fit, Surface<'_>),
    explored: &[Vec<f64>],
    target: &Scale,
    noise: f64,
    seed: u64,
) -> Option<Scaling> {
    let ends: Vec<(Vec<f64>, Scale)> =
        pool::ends(rows).map(|row| (surface.in_project(&row.mixture), Scale::of(row))).collect();
    let swarms = pool::swarm_scales(&ends, ENOUGH * (explored.first()?.len() + 1));
    let from = *swarms.last()?;
    let middle = pool::centre(explored, surface.order.len());
    if swarms.len() > 1 && (surface.unseen)(&surface.place(target, &middle)).is_empty() {
        return None;
    }
    let logs: Vec<f64> = explored.iter().map(|weights| fit.predict(&surface.place(&from, weights)).ln()).collect();
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let differ = (logs.iter().map(|ln| (ln - mean).powi(2)).sum::<f64>() / logs.len() as f64).sqrt();
    let is_larger = |scale: &Scale| scale.params > from.params || scale.tokens > from.tokens;
    let seen: Vec<(Vec<f64>, Scale)> = ends.into_iter().filter(|(_, scale)| is_larger(scale)).collect();
    let usable = differ.is_finite() && is_larger(target);
    if usable { Scaling::new(explored, from, differ, &seen, noise, DRAWS, seed) } else { None }
}

/// Standard deviation of held-out errors, in ln loss; 0 where none are known.
fn of_residuals(fit: &Fit) -> f64 {
    match fit.residuals.as_slice() {
        [] => 0.0,
        residuals => (quantile(residuals, 0.95) - quantile(residuals, 0.05)) / FIVE_TO_95,
    }
}

/// By what the resamples' differences from the best guess are to be multiplied, so that they spread no further where runs are than
/// held-out errors do, which have the runs' scatter besides. Few runs for many parameters leave resamples of two thirds of them, which
/// miss what the others say and spread several times as far.
fn width(fit: &Fit) -> f64 {
    let (errors, spread) = (of_residuals(fit), fit.usual_spread());
    if errors > 0.0 && spread > errors { errors / spread } else { 1.0 }
}

/// How far a place lies beyond the largest run in size or tokens, in factors of e.
fn beyond(fit: &Fit, at: &Observation) -> f64 {
    let outside = fit.extrapolation(at);
    let ratio = outside.params.max(outside.tokens);
    if ratio.is_finite() && ratio > 1.0 { ratio.ln() } else { 0.0 }
}

/// Standard deviation of the law's own forecast, in ln loss, that resamples and held-out errors do not explain: what fits to
/// smaller runs got wrong about larger ones.
fn unexplained(fit: &Fit, at: &Observation, of_residuals: f64) -> f64 {
    let interval = fit.forecast(at);
    let whole = (interval.high / interval.low).ln() / FIVE_TO_95;
    let draws: Vec<f64> = fit.predict_draws(at).into_iter().map(f64::ln).collect();
    let mean = draws.iter().sum::<f64>() / draws.len().max(1) as f64;
    let of_draws = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len().max(1) as f64;
    let rest = whole * whole - of_draws - of_residuals * of_residuals;
    if rest.is_finite() { rest.max(0.0).sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_laws_get_wrong_alike_is_shared_and_what_each_does_alone_is_not() {
        assert!(shared(&[0.10, 0.11, 0.09, 0.10]) > 0.95);
        assert!(shared(&[0.10, -0.11, 0.09, -0.10]) < 0.05);
        assert_eq!(shared(&[0.1]), 1.0);
        assert_eq!(shared(&[0.0, 0.0]), 0.0);
        let correlation = |shared: f64| {
            let drift = Drift { together: Drift::of(&[], 3).together, shared };
            let (a, b): (Vec<f64>, Vec<f64>) = (drift.draws(1).collect(), drift.draws(2).collect());
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
        };
        assert!(correlation(1.0) > 0.999 && correlation(0.0).abs() < 0.25, "{} {}", correlation(1.0), correlation(0.0));
    }
}
