//! What laws get wrong beyond the runs' mixtures: in every draw a curvature that they miss, as large as held-out errors do not speak against
//! ([`Tested`]).
//!
//! In coordinates x in which the runs' mixtures have the mean 0 and the covariance 1, an error of ln L is c·xᵀQx, with standard normal
//! elements of Q: its standard deviation is c·d², and near mixtures have nearly the same. A run beyond the runs therefore says much of
//! mixtures about it, and less of those on another side.

use super::super::tested::Tested;
use crate::forecast::spread::{normal_quantile, shuffled_levels};

/// Draws of the errors.
pub(super) struct Curvature {
    tested: Tested,
    /// Of the objective, then of each limited metric: by element of Q, by draw.
    elements: Vec<Vec<Vec<f64>>>,
}

/// Errors at a mixture beyond the runs.
#[derive(Debug, Clone)]
pub(super) struct Wrong {
    /// Of ln of the objective, then of each limited metric's ln L: by draw. Their means are 0.
    pub errors: Vec<Vec<f64>>,
    /// What the mixture must be better by to be decided for, as a part of the objective.
    pub price: f64,
}

impl Curvature {
    /// So many draws for an objective of so many corpora and limits.
    pub fn new(tested: Tested, corpora: usize, limits: usize, draws: usize, seed: u64) -> Self {
        let side = corpora.saturating_sub(1);
        let normal = |salt: u64| shuffled_levels(draws, seed ^ salt).into_iter().map(normal_quantile).collect();
        let of = |which: usize| {
            let salt = |element: usize| 0x6375_7276 ^ ((which as u64) << 48) ^ ((element as u64 + 1) << 32);
            (0..side * side).map(|element| normal(salt(element))).collect()
        };
        Self { tested, elements: (0..=limits).map(of).collect() }
    }

    /// The errors at a mixture; `None` where it is not beyond the runs.
    pub fn at(&self, weights: &[f64]) -> Option<Wrong> {
        let sizes = self.tested.each_grown(weights)?;
        let x = self.tested.near.spread.standard(weights);
        let square: f64 = x.iter().map(|x| x * x).sum();
        let one = |(elements, size): (&Vec<Vec<f64>>, f64)| {
            let draws = elements.first().map_or(0, Vec::len);
            let mut errors = vec![0.0; draws];
            for (i, of_draw) in elements.iter().enumerate() {
                let part = size * x[i / x.len()] * x[i % x.len()] / square;
                errors.iter_mut().zip(of_draw).for_each(|(sum, q)| *sum += part * q);
            }
            errors
        };
        Some(Wrong { errors: self.elements.iter().zip(sizes).map(one).collect(), price: self.tested.price(weights) })
    }
}
