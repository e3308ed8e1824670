//! Conditioning of jointly normal numbers.

use crate::fit::linalg::{backward, cholesky, forward};
use std::ops::Range;

/// Numbers that are known up to noise, and how all of them vary together.
pub(crate) struct Gaussian<'a> {
    /// Deviations of the known ones from their means.
    pub known: &'a [f64],
    /// Variance of the noise of each.
    pub noise: &'a [f64],
    /// Covariance of the i-th and j-th number without noise; indices at and beyond `known.len()` are unknown ones.
    pub covariance: &'a dyn Fn(usize, usize) -> f64,
}

/// What the known numbers say of an unknown one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Given {
    /// Its expected deviation from its mean.
    pub mean: f64,
    /// What remains uncertain of it, without noise.
    pub variance: f64,
    /// K⁻¹ × the known deviations.
    pub weights: Vec<f64>,
}

impl Gaussian<'_> {
    /// Each of the unknown numbers `indices`, given the known ones and not each other; `None` where the covariance is not
    /// positive definite.
    pub fn condition(&self, indices: Range<usize>) -> Option<Vec<Given>> {
        let n = self.known.len();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let value = (self.covariance)(i, j) + if i == j { self.noise[i] } else { 0.0 };
                matrix[i * n + j] = value;
                matrix[j * n + i] = value;
            }
        }
        let mut factor = vec![0.0; n * n];
        if !cholesky(&matrix, n, &mut factor) {
            return None;
        }
        let mut weights = self.known.to_vec();
        forward(&factor, n, &mut weights);
        backward(&factor, n, &mut weights);
        let one = |index: usize| {
            let mut cross: Vec<f64> = (0..n).map(|i| (self.covariance)(i, index)).collect();
            let mean = cross.iter().zip(&weights).map(|(c, w)| c * w).sum();
            forward(&factor, n, &mut cross);
            let explained: f64 = cross.iter().map(|c| c * c).sum();
            let variance = ((self.covariance)(index, index) - explained).max(0.0);
            Given { mean, variance, weights: weights.clone() }
        };
        Some(indices.map(one).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_noisy_neighbour_says_what_regression_says() {
        let covariance = |i: usize, j: usize| if i == j { 4.0 } else { 2.0 };
        let normal = Gaussian { known: &[1.0], noise: &[1.0], covariance: &covariance };
        let given = &normal.condition(1..2).unwrap()[0];
        assert!((given.mean - 0.4).abs() < 1e-12 && (given.variance - 3.2).abs() < 1e-12, "{given:?}");
    }

    #[test]
    fn nothing_known_leaves_the_prior() {
        let normal = Gaussian { known: &[], noise: &[], covariance: &|_, _| 4.0 };
        assert_eq!(normal.condition(0..1), Some(vec![Given { mean: 0.0, variance: 4.0, weights: vec![] }]));
    }
}
