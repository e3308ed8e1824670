//! What the fits leave open: joint draws of every metric, over resamples of the runs and over the laws that are still in the
//! race.

use super::super::surface::Surface;
use crate::fit::Fit;
use crate::fit::choose::Candidates;
use crate::forecast::spread::{quantile, shuffled_levels};
use crate::vocab::Scale;

/// Joint draws.
pub(super) const DRAWS: usize = 160;
/// From the 5 % to the 95 % point, in standard deviations of a normal.
const FIVE_TO_95: f64 = 3.29;
/// A draw that is further from the chosen law than by this factor is a failed resample.
const MOST: f64 = 3.0;
/// Noise of a run is at least this, in ln loss: no two runs agree to more digits.
const LEAST_NOISE: f64 = 5e-4;

/// Draws of one metric.
pub(super) struct Belief<'a> {
    laws: Vec<Law<'a>>,
    /// Standard deviation of a run around the law, in ln loss.
    pub noise: f64,
}

/// A law that is still in the race; the chosen one is the first.
struct Law<'a> {
    fit: &'a Fit,
    surface: Surface<'a>,
    /// Draws that are its own.
    draws: Vec<usize>,
    /// The resample that each of them stands on: the same for every metric and place.
    resamples: Vec<usize>,
}

impl<'a> Belief<'a> {
    /// The draws of a metric's chosen law and of those that have a weight beside it, as often as they weigh; of those that see
    /// what the target is beyond the runs in.
    pub fn of(
        candidates: &'a Candidates,
        chosen: &'a Fit,
        name: &str,
        domains: &[String],
        scale: &Scale,
        seed: u64,
    ) -> Self {
        let surface = |fit: &'a Fit| Surface::of(fit, name, domains);
        let middle = vec![1.0 / domains.len().max(1) as f64; domains.len()];
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
        let residuals = &chosen.residuals;
        let noise = if residuals.is_empty() {
            0.0
        } else {
            (quantile(residuals, 0.95) - quantile(residuals, 0.05)) / FIVE_TO_95
        };
        let law_of: Vec<usize> = shuffled_levels(DRAWS, seed).into_iter().map(law).collect();
        let own = |(l, (fit, surface)): (usize, (&'a Fit, Surface<'a>))| {
            let draws: Vec<usize> = (0..DRAWS).filter(|s| law_of[*s] == l).collect();
            let resamples = draws.iter().filter(|_| !fit.draws.is_empty()).map(|s| s % fit.draws.len()).collect();
            Law { fit, surface, draws, resamples }
        };
        Self { laws: laws.into_iter().enumerate().map(own).collect(), noise: noise.max(LEAST_NOISE) }
    }

    /// Loss at a place by draw, nats.
    pub fn losses(&self, scale: &Scale, weights: &[f64]) -> Vec<f64> {
        let mut all = vec![f64::NAN; DRAWS];
        for law in &self.laws {
            let place = law.surface.place(scale, weights);
            let best = law.fit.predict(&place);
            let values = law.fit.predict_some_draws(&place, &law.resamples);
            for (i, s) in law.draws.iter().enumerate() {
                all[*s] = values.get(i).copied().unwrap_or(best);
            }
        }
        let chosen = &self.laws[0];
        let best = chosen.fit.predict(&chosen.surface.place(scale, weights));
        let is_sane = |value: f64| value.is_finite() && value > best / MOST && value < best * MOST;
        all.iter_mut().filter(|value| !is_sane(**value)).for_each(|value| *value = best);
        all
    }
}
