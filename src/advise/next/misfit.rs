//! What laws get wrong about mixtures that were not run, as a random function of the mixture.
//!
//! Resamples of the runs say how well the parameters of a law are known, and nothing of how far a mixture's loss may lie from
//! any curve of that law. Held-out errors do. The function is a Gaussian process with a squared exponential kernel, by random
//! Fourier features (Rahimi, Recht 2007), conditioned on there being runs at the explored mixtures: there less is open.

use crate::fit::linalg::{backward, cholesky, forward};
use crate::forecast::spread::{generator, median, normal_quantile, shuffled_levels, uniform};

/// Features.
const FEATURES: usize = 96;
/// Length of the kernel, in median distances between neighbouring mixtures of runs.
const LENGTH: f64 = 1.5;

/// Parts of the variance of held-out errors that may be the function's: the middles of so many equal steps from 0 to 1.
const PARTS: usize = 10;
/// Fewest mixtures whose errors tell the function from the scatter of runs; with fewer, half of each is assumed.
const FEWEST: usize = 8;
/// An error of more of these (median distances from the median) counts as one of so many: one odd run must not make a function.
const ODD: f64 = 4.0;

/// Weights of one mixture agree to this.
const SAME: f64 = 1e-6;

/// Draws of the function, as parts of the standard deviation of held-out errors.
pub(super) struct Misfit {
    features: Features,
    /// By draw, the weights of the features.
    weights: Vec<Vec<f64>>,
    /// By draw, the part of the errors' variance that is the function's; the rest is runs' scatter.
    parts: Vec<f64>,
}

/// The features, each a wave over the mixtures.
struct Features {
    frequencies: Vec<Vec<f64>>,
    phases: Vec<f64>,
}

impl Misfit {
    /// So many draws. `explored`: mixtures of runs; `held`: mixtures with their held-out errors, each mixture once.
    ///
    /// How much of the errors is a function of the mixture, and how much each run's own, they say themselves: errors of near mixtures
    /// agree only in what is a function. Of each draw the part is drawn from what they leave open (evenly from 0 to 1 before any).
    pub fn new(explored: &[Vec<f64>], held: &[(Vec<f64>, f64)], domains: usize, draws: usize, seed: u64) -> Self {
        let features = Features::new(explored, domains, seed);
        let weights = part_weights(&features, held);
        let part = |level: f64| {
            let mut left = level * weights.iter().sum::<f64>();
            let at = weights.iter().position(|weight| {
                left -= weight;
                left <= 0.0
            });
            (at.unwrap_or(PARTS / 2) as f64 + 0.5) / PARTS as f64
        };
        let parts = match weights.is_empty() {
            true => vec![0.5; draws],
            false => shuffled_levels(draws, seed ^ 0x7061_7274).into_iter().map(part).collect(),
        };
        Self::of_parts(features, explored, parts, seed)
    }

    /// The same of sizes instead of mixtures: a function that is much the same over a distance of 1, of which nothing is known but where there
    /// are runs.
    pub fn of_sizes(places: &[Vec<f64>], draws: usize, seed: u64) -> Self {
        let dimensions = places.first().map_or(2, Vec::len);
        Self::of_parts(Features::of_length(1.0, dimensions, seed), places, vec![0.5; draws], seed)
    }

    /// Draws of which each has its part, conditioned on `explored`.
    fn of_parts(features: Features, explored: &[Vec<f64>], parts: Vec<f64>, seed: u64) -> Self {
        let seen: Vec<Vec<f64>> = explored.iter().map(|mixture| features.at(mixture)).collect();
        let products = products(&seen);
        let levels: Vec<Vec<f64>> =
            (0..FEATURES).map(|f| shuffled_levels(parts.len(), seed ^ ((f as u64 + 2) << 20))).collect();
        let mut factors: Vec<(f64, Vec<f64>)> = Vec::new();
        let draw = |(s, part): (usize, &f64)| {
            if factors.iter().all(|(of, _)| of != part) {
                factors.push((*part, factor(&products, part / (1.0 - part)).unwrap_or_default()));
            }
            let mut weights: Vec<f64> = levels.iter().map(|of| part.sqrt() * normal_quantile(of[s])).collect();
            // With P = L Lᵀ, L⁻ᵀ z has the covariance P⁻¹.
            match factors.iter().find(|(of, _)| of == part) {
                Some((_, factor)) if !factor.is_empty() => backward(factor, FEATURES, &mut weights),
                _ => {}
            }
            weights
        };
        let weights = parts.iter().enumerate().map(draw).collect();
        Self { features, weights, parts }
    }

    /// Standard deviation of runs' scatter, as a part of that of held-out errors.
    pub fn scatter(&self) -> f64 {
        let part = self.parts.iter().sum::<f64>() / self.parts.len().max(1) as f64;
        (1.0 - part).max(0.0).sqrt()
    }

    /// The function at a mixture, by draw. Its mean over the draws is 0.
    pub fn at(&self, mixture: &[f64]) -> Vec<f64> {
        let features = self.features.at(mixture);
        let mut values: Vec<f64> =
            self.weights.iter().map(|weights| weights.iter().zip(&features).map(|(w, f)| w * f).sum()).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        values.iter_mut().for_each(|value| *value -= mean);
        values
    }
}

impl Features {
    fn new(explored: &[Vec<f64>], domains: usize, seed: u64) -> Self {
        Self::of_length((LENGTH * spacing(explored)).clamp(0.02, 2.0), domains, seed)
    }

    fn of_length(length: f64, domains: usize, seed: u64) -> Self {
        let mut random = generator(seed ^ 0x6d69_7366);
        let mut normal = move || normal_quantile(uniform(&mut random).clamp(1e-9, 1.0 - 1e-9));
        let frequencies = (0..FEATURES).map(|_| (0..domains).map(|_| normal() / length).collect()).collect();
        let phases = shuffled_levels(FEATURES, seed ^ 1).into_iter().map(|p| std::f64::consts::TAU * p).collect();
        Self { frequencies, phases }
    }

    fn at(&self, mixture: &[f64]) -> Vec<f64> {
        let scale = (2.0 / FEATURES as f64).sqrt();
        let one = |(frequency, phase): (&Vec<f64>, &f64)| {
            scale * (frequency.iter().zip(mixture).map(|(f, w)| f * w).sum::<f64>() + phase).cos()
        };
        self.frequencies.iter().zip(&self.phases).map(one).collect()
    }
}

/// How likely each of the [`PARTS`] is by held-out errors, beside the likeliest; empty where these say nothing.
///
/// Errors are e = f + s with Var f = v·part and Var s = v·(1 − part); of v nothing is known (a prior of 1/v), so that the likelihood is
/// |C|^(−½) (eᵀ C⁻¹ e)^(−n/2), with C the correlation of the errors. What all errors have in common decides nothing and is taken off.
fn part_weights(features: &Features, held: &[(Vec<f64>, f64)]) -> Vec<f64> {
    let n = held.len() as f64;
    let errors = without_odd(held.iter().map(|(_, error)| *error).collect());
    let squares: f64 = errors.iter().map(|error| error * error).sum();
    if held.len() < FEWEST || !(squares > 0.0 && squares.is_finite()) {
        return Vec::new();
    }
    let seen: Vec<Vec<f64>> = held.iter().map(|(mixture, _)| features.at(mixture)).collect();
    let products = products(&seen);
    let mut along = vec![0.0; FEATURES];
    for (features, error) in seen.iter().zip(&errors) {
        along.iter_mut().zip(features).for_each(|(sum, feature)| *sum += feature * error);
    }
    let likelihood = |step: usize| {
        let part = (step as f64 + 0.5) / PARTS as f64;
        let ratio = part / (1.0 - part);
        let factor = factor(&products, ratio)?;
        let mut whitened = along.clone();
        forward(&factor, FEATURES, &mut whitened);
        // C = (1 − part)·(1 + ratio Φ Φᵀ), by the matrix inversion and determinant lemmas.
        let misfit = squares - ratio * whitened.iter().map(|w| w * w).sum::<f64>();
        let ln_root: f64 = (0..FEATURES).map(|i| factor[i * FEATURES + i].ln()).sum();
        Some(-0.5 * n * (1.0 - part).ln() - ln_root - 0.5 * n * (misfit / (1.0 - part)).ln())
    };
    let all: Option<Vec<f64>> = (0..PARTS).map(likelihood).collect();
    let all = all.filter(|all| all.iter().all(|ln| ln.is_finite())).unwrap_or_default();
    let most = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    all.into_iter().map(|ln| (ln - most).exp()).collect()
}

/// Errors less their mean, odd ones taken for less odd.
fn without_odd(errors: Vec<f64>) -> Vec<f64> {
    let middle = median(errors.clone());
    let usual = median(errors.iter().map(|error| (error - middle).abs()).collect());
    let kept: Vec<f64> = errors.into_iter().map(|error| (error - middle).clamp(-ODD * usual, ODD * usual)).collect();
    let mean = kept.iter().sum::<f64>() / kept.len().max(1) as f64;
    kept.into_iter().map(|error| error - mean).collect()
}

/// How far the errors of two metrics are the same, from 0 to 1: their correlation over the mixtures of both, and 1 where these are few.
pub(super) fn agreement(one: &[(Vec<f64>, f64)], other: &[(Vec<f64>, f64)]) -> f64 {
    let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < SAME);
    let both = |(mixture, error): &(Vec<f64>, f64)| {
        let found = other.iter().find(|(of, _)| near(mixture, of));
        found.map(|(_, other)| (*error, *other))
    };
    let (a, b): (Vec<f64>, Vec<f64>) = one.iter().filter_map(both).unzip();
    if a.len() < FEWEST {
        return 1.0;
    }
    let (a, b) = (without_odd(a), without_odd(b));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let correlation = dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt();
    if correlation.is_finite() { correlation.clamp(0.0, 1.0) } else { 1.0 }
}

/// Sums of products of features over places, row by row.
fn products(seen: &[Vec<f64>]) -> Vec<f64> {
    let mut products = vec![0.0; FEATURES * FEATURES];
    for features in seen {
        for (row, a) in products.chunks_mut(FEATURES).zip(features) {
            row.iter_mut().zip(features).for_each(|(sum, b)| *sum += a * b);
        }
    }
    products
}

/// Lower Cholesky factor of 1 + `ratio` · `products`.
fn factor(products: &[f64], ratio: f64) -> Option<Vec<f64>> {
    let mut precision: Vec<f64> = products.iter().map(|product| ratio * product).collect();
    (0..FEATURES).for_each(|i| precision[i * FEATURES + i] += 1.0);
    let mut factor = vec![0.0; FEATURES * FEATURES];
    cholesky(&precision, FEATURES, &mut factor).then_some(factor)
}

/// Median Euclidean distance from each mixture to its nearest neighbour.
fn spacing(mixtures: &[Vec<f64>]) -> f64 {
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let nearest = |i: usize| {
        let others = (0..mixtures.len()).filter(|j| *j != i);
        others.map(|j| distance(&mixtures[i], &mixtures[j])).fold(f64::INFINITY, f64::min)
    };
    let all = (0..mixtures.len()).map(nearest).filter(|d| d.is_finite()).collect();
    let median = median(all);
    if median.is_finite() { median } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> f64 {
        (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
    }

    /// Draws with this part of the variance.
    fn drawn(explored: &[Vec<f64>], part: f64) -> Misfit {
        Misfit::of_parts(Features::new(explored, 2, 3), explored, vec![part; 400], 3)
    }

    #[test]
    fn less_is_open_where_there_are_runs() {
        let explored: Vec<Vec<f64>> = [0.0, 0.1, 0.2, 0.3].map(|w| vec![1.0 - w, w]).to_vec();
        let misfit = drawn(&explored, 0.5);
        let root = 0.5_f64.sqrt();
        let (near, far) = (spread(&misfit.at(&[0.8, 0.2])) / root, spread(&misfit.at(&[0.1, 0.9])) / root);
        assert!(near < 0.75, "{near}");
        assert!((0.7..1.3).contains(&far), "{far}");
        assert!((0.7..1.3).contains(&(spread(&drawn(&[], 0.5).at(&[0.8, 0.2])) / root)));
        assert!((misfit.scatter() - root).abs() < 1e-12);
    }

    #[test]
    fn what_is_wrong_about_sizes_is_known_where_there_are_runs_and_open_far_from_them() {
        let places: Vec<Vec<f64>> = (0..12).map(|i| vec![8.0 + 0.02 * f64::from(i), 9.0]).collect();
        let misfit = Misfit::of_sizes(&places, 400, 3);
        let (near, far) = (spread(&misfit.at(&[8.1, 9.0])), spread(&misfit.at(&[10.0, 11.0])));
        assert!(near < 0.5 * far && (0.6..0.8).contains(&far), "{near} {far}");
    }

    #[test]
    fn near_mixtures_have_nearly_the_same_and_far_ones_nothing_in_common() {
        let explored: Vec<Vec<f64>> = [0.0, 0.1].map(|w| vec![1.0 - w, w]).to_vec();
        let misfit = drawn(&explored, 1e-6);
        let (a, b, c) = (misfit.at(&[0.5, 0.5]), misfit.at(&[0.49, 0.51]), misfit.at(&[0.05, 0.95]));
        let correlation = |a: &[f64], b: &[f64]| {
            a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (a.len() as f64 * spread(a) * spread(b))
        };
        assert!(correlation(&a, &b) > 0.98, "{}", correlation(&a, &b));
        assert!(correlation(&a, &c).abs() < 0.35, "{}", correlation(&a, &c));
    }

    #[test]
    fn errors_say_how_much_of_them_is_a_function_of_the_mixture() {
        let explored: Vec<Vec<f64>> = (0..60).map(|i| f64::from(i) / 60.0).map(|w| vec![1.0 - w, w]).collect();
        let function = drawn(&explored, 1e-6);
        let mut random = generator(5);
        for part in [0.05, 0.5, 0.95_f64] {
            let mut found = 0.0;
            for s in 0..20 {
                let held: Vec<(Vec<f64>, f64)> = explored
                    .iter()
                    .map(|mixture| {
                        let scatter = normal_quantile(uniform(&mut random).clamp(1e-9, 1.0 - 1e-9));
                        let own = function.at(mixture)[s] / 1e-3;
                        (mixture.clone(), 0.01 * (part.sqrt() * own + (1.0 - part).sqrt() * scatter) + 0.3)
                    })
                    .collect();
                found += 0.05 * (1.0 - Misfit::new(&explored, &held, 2, 100, s as u64).scatter().powi(2));
            }
            assert!((found - part).abs() < 0.15, "{part}: {found}");
        }
        // Nothing is known of few errors.
        assert!((Misfit::new(&explored, &[], 2, 100, 1).scatter().powi(2) - 0.5).abs() < 1e-12);
    }
}
