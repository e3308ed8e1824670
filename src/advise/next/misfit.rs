//! What laws get wrong about mixtures that were not run, as a random function of the mixture.
//!
//! Resamples of the runs say how well the parameters of a law are known, and nothing of how far a mixture's loss may lie from
//! any curve of that law. Held-out errors do. The function is a Gaussian process with a squared exponential kernel, by random
//! Fourier features (Rahimi, Recht 2007), conditioned on there being runs at the explored mixtures: there less is open.

use crate::fit::linalg::{backward, cholesky};
use crate::forecast::spread::{generator, normal_quantile, shuffled_levels, uniform};

/// Features.
const FEATURES: usize = 96;
/// Length of the kernel, in median distances between neighbouring mixtures of runs.
const LENGTH: f64 = 1.5;

/// Draws of the function; its standard deviation is 1 far from all runs.
pub(super) struct Misfit {
    frequencies: Vec<Vec<f64>>,
    phases: Vec<f64>,
    /// By draw, the weights of the features.
    weights: Vec<Vec<f64>>,
}

impl Misfit {
    /// So many draws, conditioned on `explored` with noise of this size beside the function's 1.
    pub fn new(explored: &[Vec<f64>], domains: usize, draws: usize, noise: f64, seed: u64) -> Self {
        let mut random = generator(seed ^ 0x6d69_7366);
        let mut normal = move || normal_quantile(uniform(&mut random).clamp(1e-9, 1.0 - 1e-9));
        let length = (LENGTH * spacing(explored)).clamp(0.02, 2.0);
        let frequencies = (0..FEATURES).map(|_| (0..domains).map(|_| normal() / length).collect()).collect();
        let phases = shuffled_levels(FEATURES, seed ^ 1).into_iter().map(|p| std::f64::consts::TAU * p).collect();
        let mut misfit = Self { frequencies, phases, weights: Vec::new() };
        // Precision of the weights once the explored mixtures were seen, row by row.
        let mut precision = vec![0.0; FEATURES * FEATURES];
        for features in explored.iter().map(|mixture| misfit.features(mixture)) {
            for (row, a) in precision.chunks_mut(FEATURES).zip(&features) {
                row.iter_mut().zip(&features).for_each(|(sum, b)| *sum += a * b / (noise * noise));
            }
        }
        (0..FEATURES).for_each(|i| precision[i * FEATURES + i] += 1.0);
        let mut factor = vec![0.0; FEATURES * FEATURES];
        let is_definite = cholesky(&precision, FEATURES, &mut factor);
        let levels: Vec<Vec<f64>> =
            (0..FEATURES).map(|f| shuffled_levels(draws, seed ^ ((f as u64 + 2) << 20))).collect();
        let draw = |s: usize| {
            let mut weights: Vec<f64> = levels.iter().map(|of| normal_quantile(of[s])).collect();
            // With P = L Lᵀ, L⁻ᵀ z has the covariance P⁻¹.
            if is_definite {
                backward(&factor, FEATURES, &mut weights);
            }
            weights
        };
        misfit.weights = (0..draws).map(draw).collect();
        misfit
    }

    /// The function at a mixture, by draw. Its mean over the draws is 0.
    pub fn at(&self, mixture: &[f64]) -> Vec<f64> {
        let features = self.features(mixture);
        let mut values: Vec<f64> =
            self.weights.iter().map(|weights| weights.iter().zip(&features).map(|(w, f)| w * f).sum()).collect();
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        values.iter_mut().for_each(|value| *value -= mean);
        values
    }

    fn features(&self, mixture: &[f64]) -> Vec<f64> {
        let scale = (2.0 / FEATURES as f64).sqrt();
        let one = |(frequency, phase): (&Vec<f64>, &f64)| {
            scale * (frequency.iter().zip(mixture).map(|(f, w)| f * w).sum::<f64>() + phase).cos()
        };
        self.frequencies.iter().zip(&self.phases).map(one).collect()
    }
}

/// Median Euclidean distance from each mixture to its nearest neighbour.
fn spacing(mixtures: &[Vec<f64>]) -> f64 {
    let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
    let nearest = |i: usize| {
        let others = (0..mixtures.len()).filter(|j| *j != i);
        others.map(|j| distance(&mixtures[i], &mixtures[j])).fold(f64::INFINITY, f64::min)
    };
    let all = (0..mixtures.len()).map(nearest).filter(|d| d.is_finite()).collect();
    let median = crate::forecast::spread::median(all);
    if median.is_finite() { median } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> f64 {
        (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt()
    }

    #[test]
    fn less_is_open_where_there_are_runs() {
        let explored: Vec<Vec<f64>> = [0.0, 0.1, 0.2, 0.3].map(|w| vec![1.0 - w, w]).to_vec();
        let misfit = Misfit::new(&explored, 2, 400, 1.0, 3);
        let (near, far) = (spread(&misfit.at(&[0.8, 0.2])), spread(&misfit.at(&[0.1, 0.9])));
        assert!(near < 0.75, "{near}");
        assert!((0.7..1.3).contains(&far), "{far}");
        let none = Misfit::new(&[], 2, 400, 1.0, 3);
        assert!((0.7..1.3).contains(&spread(&none.at(&[0.8, 0.2]))));
    }

    #[test]
    fn near_mixtures_have_nearly_the_same_and_far_ones_nothing_in_common() {
        let explored: Vec<Vec<f64>> = [0.0, 0.1].map(|w| vec![1.0 - w, w]).to_vec();
        let misfit = Misfit::new(&explored, 2, 400, 1e3, 3);
        let (a, b, c) = (misfit.at(&[0.5, 0.5]), misfit.at(&[0.49, 0.51]), misfit.at(&[0.05, 0.95]));
        let correlation = |a: &[f64], b: &[f64]| {
            a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / (a.len() as f64 * spread(a) * spread(b))
        };
        assert!(correlation(&a, &b) > 0.98, "{}", correlation(&a, &b));
        assert!(correlation(&a, &c).abs() < 0.35, "{}", correlation(&a, &c));
    }
}
