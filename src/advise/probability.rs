//! Probabilities, counted over joint samples: resamples of the laws, the scatter of runs around them, and the uncertainty
//! of limits.

use super::goal::Goal;
use super::limits::{self, Limit, Tie, worse};
use super::losses::losses;
use super::samples::{SAMPLES, draw_of};
use super::surface::{Mixtures, Places, Surface};
use super::tested::Tested;
use crate::fit::ninety::NINETY;
use crate::forecast::spread::{median, normal_quantile, quantile, shuffled_levels};
use crate::vocab::{Observations, Ordered, Scale};
use std::collections::BTreeMap;

/// How far runs of one domain's loss scatter around its law, in ln loss.
#[derive(Clone)]
pub(super) struct Scatter {
    /// Of one run, for each sample: held-out residuals, shuffled.
    run: Vec<f64>,
    /// Standard normal numbers, one for each sample, that go with `run`.
    levels: Vec<f64>,
    /// Of the difference of two runs of one size and length at different mixtures, for each sample.
    pair: Vec<f64>,
}

impl Scatter {
    /// The two kinds of scatter.
    ///
    /// What all runs of one size have in common (an error of the law in N, the evaluation set, the order of the data)
    /// moves both sides of a comparison at that size and cancels. What is left is estimated from the residuals of the
    /// runs' last rows after taking the mean of each size away, widened by how much larger held-out residuals are than
    /// those of the fit; √2 of it for a difference.
    pub fn new(surface: &Surface<'_>, fitted: &Observations, seed: u64) -> Self {
        let held_out = surface.residuals;
        let levels = |salt: u64| shuffled_levels(SAMPLES, seed ^ salt);
        let at = levels(0x52_55_4e);
        let run = at.iter().map(|p| if held_out.is_empty() { 0.0 } else { quantile(held_out, *p) }).collect();
        let by_law = (surface.ln_best)(&Places::new(fitted.rows.clone()));
        let residual = |i: usize| fitted.rows[i].loss.ln() - by_law[i];
        let is_last = |i: usize| fitted.rows.get(i + 1).is_none_or(|next| next.run != fitted.rows[i].run);
        let mut last: Vec<(f64, f64)> =
            (0..fitted.rows.len()).filter(|i| is_last(*i)).map(|i| (fitted.rows[i].params, residual(i))).collect();
        last.retain(|(params, r)| params.is_finite() && r.is_finite());
        last.sort_by_cached_key(|pair| Ordered(pair.0));
        let (mut squares, mut freedom) = (0.0, 0);
        for size in last.chunk_by(|a, b| (b.0 / a.0).ln() < 0.02) {
            let mean = size.iter().map(|(_, r)| r).sum::<f64>() / size.len() as f64;
            squares += size.iter().map(|(_, r)| (r - mean).powi(2)).sum::<f64>();
            freedom += size.len() - 1;
        }
        let of_fit = median((0..fitted.rows.len()).map(|i| residual(i).abs()).filter(|r| r.is_finite()).collect());
        let of_held_out = median(held_out.iter().map(|r| r.abs()).collect());
        let widen = if of_fit > 0.0 && of_held_out.is_finite() { (of_held_out / of_fit).clamp(1.0, 5.0) } else { 1.0 };
        let sigma = if freedom > 0 { (squares / freedom as f64).sqrt() * widen } else { 0.0 };
        let pair =
            levels(0x50_41_49_52).into_iter().map(|p| std::f64::consts::SQRT_2 * sigma * normal_quantile(p)).collect();
        Self { run, levels: at.into_iter().map(normal_quantile).collect(), pair }
    }
}

/// What probabilities are counted over: the laws at the target, with joint samples of all that is uncertain.
pub(super) struct JointSamples<'q, 'f> {
    /// The target's size and amount of data.
    pub scale: Scale,
    /// By domain; `None` where there is no fit.
    pub surfaces: &'q [Option<Surface<'f>>],
    /// Parallel to `surfaces`.
    pub scatter: Vec<Option<Scatter>>,
    /// What is minimised.
    pub goal: &'q Goal,
    pub limits: &'q [Limit],
    /// Weights in use.
    pub current: &'q [f64],
    /// Typical distance between neighbouring mixtures of the runs.
    pub spacing: f64,
    /// How errors grow beyond the runs; `None` where nothing says so.
    pub tested: Option<&'q Tested>,
}

impl JointSamples<'_, '_> {
    /// The objective by the best guess, nats.
    pub fn objective(&self, weights: &[f64]) -> f64 {
        self.objectives(&[weights.to_vec()])[0]
    }

    /// The same of several mixtures.
    pub fn objectives(&self, mixtures: &[Vec<f64>]) -> Vec<f64> {
        self.goal.of_each(&losses(self.surfaces, self.goal, &self.scale, mixtures))
    }

    /// The same with corners rounded over a part of it.
    pub fn rounded(&self, mixtures: &[Vec<f64>], width: f64) -> Vec<f64> {
        let losses = losses(self.surfaces, self.goal, &self.scale, mixtures);
        let one = |i: usize| {
            let of = |m: usize| losses[m].get(i).copied().unwrap_or(0.0);
            self.goal.rounded(of, width).unwrap_or_else(|| self.goal.of(of))
        };
        (0..mixtures.len()).map(one).collect()
    }

    /// Whether the objective has corners where laws have none.
    pub fn has_corners(&self) -> bool {
        self.goal.rounded(|_| 1.0, 0.1).is_some()
    }

    /// Probability that the objective is lower than with the current mixture; a tie counts half. Never 0 or 1: so many samples
    /// do not say that much.
    pub fn better(&self, weights: &[f64]) -> f64 {
        self.better_than(weights, self.current)
    }

    /// The same without the errors that grow beyond the runs.
    pub fn better_if_laws_hold(&self, weights: &[f64]) -> f64 {
        self.better_by(weights, self.current, 0.0)
    }

    /// The same beside another mixture.
    pub fn better_than(&self, weights: &[f64], other: &[f64]) -> f64 {
        let far = self.tested.map_or(0.0, |tested| tested.error(weights).hypot(tested.error(other)));
        self.better_by(weights, other, self.near(weights, other) * far)
    }

    /// The same where laws may be wrong about the difference by so much, in ln L.
    fn better_by(&self, weights: &[f64], other: &[f64], error: f64) -> f64 {
        let losses: BTreeMap<usize, [Vec<f64>; 3]> = self
            .minimised()
            .map(|(d, surface)| {
                (d, [self.samples(surface, weights), self.samples(surface, other), self.pair_of(d, weights, other)])
            })
            .collect();
        let of = |which: usize, s: usize| {
            self.goal.of(|d| match losses.get(&d) {
                Some([here, _, noise]) if which == 0 => here[s] * noise[s].exp(),
                Some([_, now, _]) => now[s],
                None => 0.0,
            })
        };
        let wrong = self.beyond(error);
        let difference: Vec<f64> = (0..SAMPLES).map(|s| of(0, s) * wrong[s].exp() - of(1, s)).collect();
        let counted: f64 = difference
            .iter()
            .map(|d| match d.partial_cmp(&0.0) {
                Some(std::cmp::Ordering::Less) => 1.0,
                Some(std::cmp::Ordering::Equal) => 0.5,
                _ => 0.0,
            })
            .sum();
        (counted + 0.5) / (SAMPLES + 1) as f64
    }

    /// The same for the losses by metric that a run with these weights measured near the target, beside those of a run with the
    /// current mixture, or what the laws say of that.
    pub fn better_than_now(&self, weights: &[f64], here: &[Option<f64>], now: Option<&[Option<f64>]>) -> f64 {
        let mut losses: BTreeMap<usize, (f64, Vec<f64>, Vec<f64>)> = BTreeMap::new();
        for (d, surface) in self.minimised() {
            let Some(loss) = here[d] else { return 0.5 };
            let by_law = self.samples(surface, self.current);
            let now = now.and_then(|now| now[d]).map_or(by_law, |measured| vec![measured; SAMPLES]);
            losses.insert(d, (loss, self.pair(d, weights), now));
        }
        let one = |s: usize| {
            let here = self.goal.of(|d| losses.get(&d).map_or(0.0, |(loss, noise, _)| loss * noise[s].exp()));
            here - self.goal.of(|d| losses.get(&d).map_or(0.0, |(_, _, now)| now[s]))
        };
        let difference: Vec<f64> = (0..SAMPLES).map(one).collect();
        let lower = difference.iter().filter(|d| **d < 0.0).count() as f64;
        (lower + 0.5) / (SAMPLES + 1) as f64
    }

    /// The worst ln(loss / limit) by the best guess; −∞ where there are no limits.
    pub fn excess(&self, weights: &[f64]) -> f64 {
        self.excesses(&[weights.to_vec()])[0]
    }

    /// The same of several mixtures.
    pub fn excesses(&self, mixtures: &[Vec<f64>]) -> Vec<f64> {
        limits::excess(self.surfaces, &self.scale, self.limits, mixtures)
    }

    /// The worst ln(loss / limit) that is not exceeded with a probability of `sure`; −∞ where there are no limits.
    pub fn excess_at(&self, weights: &[f64], sure: f64) -> f64 {
        self.excesses_at(&[weights.to_vec()], sure)[0]
    }

    /// The same of several mixtures.
    pub fn excesses_at(&self, mixtures: &[Vec<f64>], sure: f64) -> Vec<f64> {
        if self.limits.is_empty() {
            return vec![f64::NEG_INFINITY; mixtures.len()];
        }
        let at = ((sure * SAMPLES as f64).ceil() as usize).clamp(1, SAMPLES) - 1;
        let quantile = |mut samples: Vec<f64>| *samples.select_nth_unstable_by(at, f64::total_cmp).1;
        self.sampled(mixtures).into_iter().map(quantile).collect()
    }

    /// Probability that every limit holds.
    pub fn within(&self, weights: &[f64]) -> f64 {
        if self.limits.is_empty() {
            return 1.0;
        }
        let samples = self.sampled(&[weights.to_vec()]);
        let wrong = self.beyond(self.tested.map_or(0.0, |tested| tested.error_of_limits(weights)));
        let kept = samples[0].iter().zip(wrong).filter(|(excess, wrong)| **excess + wrong <= 0.0);
        kept.count() as f64 / SAMPLES as f64
    }

    /// The worst ln(loss / limit) of each mixture in each joint sample.
    fn sampled(&self, mixtures: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let mut worst = vec![vec![f64::NEG_INFINITY; SAMPLES]; mixtures.len()];
        let mut places = Mixtures::new(&self.scale, mixtures);
        for limit in self.limits {
            let Some(surface) = &self.surfaces[limit.domain] else {
                return vec![vec![f64::INFINITY; SAMPLES]; mixtures.len()];
            };
            if limit.tie == Tie::Nothing {
                for (worst, weights) in worst.iter_mut().zip(mixtures) {
                    let ln_loss = self.forecast(limit.domain, surface, weights);
                    (0..SAMPLES).for_each(|s| worst[s] = worse(worst[s], ln_loss[s] - limit.samples[s]));
                }
                continue;
            }
            let places = places.of(surface);
            let draws = (surface.ln_draws)(places);
            let best = if draws.is_empty() { (surface.ln_best)(places) } else { Vec::new() };
            for (i, (worst, weights)) in worst.iter_mut().zip(mixtures).enumerate() {
                let noise = match limit.tie {
                    Tie::Run => self.pair(limit.domain, weights),
                    _ => self.run(limit.domain),
                };
                for s in 0..SAMPLES {
                    let ln_loss = draws.get(s % draws.len().max(1)).map_or_else(|| best[i], |draw| draw[i]);
                    worst[s] = worse(worst[s], ln_loss + noise[s] - limit.samples[s]);
                }
            }
        }
        worst
    }

    fn minimised(&self) -> impl Iterator<Item = (usize, &Surface<'_>)> {
        self.goal.counted().filter_map(|(d, _)| Some((d, self.surfaces.get(d)?.as_ref()?)))
    }

    fn samples(&self, surface: &Surface<'_>, weights: &[f64]) -> Vec<f64> {
        let place = surface.place(&self.scale, weights);
        let best = surface.best(&place);
        let draws = surface.draws(&place);
        (0..SAMPLES).map(|s| draw_of(&draws, s, best)).collect()
    }

    /// ln losses that have the law's own forecast interval, taken as normal on either side.
    fn forecast(&self, domain: usize, surface: &Surface<'_>, weights: &[f64]) -> Vec<f64> {
        let interval = (surface.forecast)(&surface.place(&self.scale, weights));
        let value = interval.value.ln();
        let (below, above) = ((value - interval.low.ln()) / NINETY, (interval.high.ln() - value) / NINETY);
        let levels = self.scatter[domain].as_ref().map_or(&[][..], |s| s.levels.as_slice());
        let ln_loss = |z: f64| value + z * if z < 0.0 { below } else { above };
        (0..SAMPLES).map(|s| levels.get(s).map_or(value, |z| ln_loss(*z))).collect()
    }

    fn run(&self, domain: usize) -> Vec<f64> {
        self.scatter[domain].as_ref().map_or_else(|| vec![0.0; SAMPLES], |s| s.run.clone())
    }

    /// What laws get wrong beyond the runs, in ln L, for each sample.
    fn beyond(&self, error: f64) -> Vec<f64> {
        const SALT: u64 = 0x46_41_52;
        match error > 0.0 {
            true => shuffled_levels(SAMPLES, SALT).into_iter().map(|p| error * normal_quantile(p)).collect(),
            false => vec![0.0; SAMPLES],
        }
    }

    /// Distance between two mixtures as a part of that between neighbouring runs, at most 1.
    fn near(&self, weights: &[f64], other: &[f64]) -> f64 {
        (distance(weights, other) / self.spacing.max(1e-6)).min(1.0)
    }

    /// Two mixtures closer than neighbouring runs share part of what sets neighbours apart; at no distance they are
    /// the same run.
    fn pair(&self, domain: usize, weights: &[f64]) -> Vec<f64> {
        self.pair_of(domain, weights, self.current)
    }

    fn pair_of(&self, domain: usize, weights: &[f64], other: &[f64]) -> Vec<f64> {
        let near = self.near(weights, other);
        self.scatter[domain].as_ref().map_or_else(|| vec![0.0; SAMPLES], |s| s.pair.iter().map(|e| near * e).collect())
    }
}

/// Weight that has to move to get from one mixture to another.
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0
}

/// Median distance from each mixture to its nearest neighbour.
pub(super) fn spacing(mixtures: &[Vec<f64>]) -> f64 {
    let nearest = |i: usize| {
        let others = (0..mixtures.len()).filter(|j| *j != i);
        others.map(|j| distance(&mixtures[i], &mixtures[j])).fold(f64::INFINITY, f64::min)
    };
    median((0..mixtures.len()).map(nearest).filter(|d| d.is_finite()).collect())
}
