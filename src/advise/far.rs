//! How far mixtures are from those of the runs: beside how widely these are spread, and by how much they would have to be moved
//! apart to reach them.

use crate::fit::linalg::{cholesky, forward};

/// Weight by which mixtures differ that are not told apart: a corpus of which all runs have the same share is spread so widely.
const APART: f64 = 1e-3;

/// Mean and covariance of the runs' mixtures.
///
/// The distance d² = (w − m)ᵀ S⁻¹ (w − m) (Mahalanobis 1936) is what the variance of a linear prediction grows with (leverage). Its mean over
/// the runs is the number of corpora less one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spread {
    mean: Vec<f64>,
    /// Lower Cholesky factor of the covariance, of all weights but the last, which follows from the others.
    factor: Vec<f64>,
    count: f64,
}

impl Spread {
    /// Of mixtures of two corpora or more; `None` where there are too few.
    pub fn of(mixtures: &[Vec<f64>]) -> Option<Self> {
        let mean = centre(mixtures);
        let n = mean.len().checked_sub(1).filter(|n| *n > 0 && mixtures.len() > 2)?;
        let count = mixtures.len() as f64;
        let mut covariance = vec![0.0; n * n];
        for weights in mixtures {
            for i in 0..n {
                for j in 0..n {
                    covariance[i * n + j] += (weights[i] - mean[i]) * (weights[j] - mean[j]) / count;
                }
            }
        }
        (0..n).for_each(|i| covariance[i * n + i] += APART * APART);
        let mut factor = vec![0.0; n * n];
        cholesky(&covariance, n, &mut factor).then_some(Self { mean, factor, count })
    }

    /// d² of a mixture.
    pub fn distance(&self, weights: &[f64]) -> f64 {
        self.standard(weights).iter().map(|part| part * part).sum()
    }

    /// A mixture in coordinates in which those of the runs have the mean 0 and the covariance 1, one fewer than there are corpora.
    pub fn standard(&self, weights: &[f64]) -> Vec<f64> {
        let n = self.mean.len() - 1;
        let mut from_mean: Vec<f64> = weights.iter().zip(&self.mean).map(|(w, m)| w - m).take(n).collect();
        forward(&self.factor, n, &mut from_mean);
        from_mean
    }

    /// d² of one of the mixtures from the mean and covariance of the others (by the Sherman–Morrison formula).
    pub fn among_others(&self, weights: &[f64]) -> f64 {
        let distance = self.distance(weights);
        self.count * distance / (self.count - 1.0 - distance).max(1e-9)
    }
}

/// The mixtures that are no further than held-out runs were.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Near {
    pub spread: Spread,
    /// Greatest d².
    pub most: f64,
}

impl Near {
    /// How far beyond the greatest distance a mixture is, as a part of it; 0 where it is not.
    pub fn excess(&self, weights: &[f64]) -> f64 {
        (self.spread.distance(weights) / self.most - 1.0).max(0.0)
    }
}

/// The mean of mixtures.
fn centre(mixtures: &[Vec<f64>]) -> Vec<f64> {
    let mut mean = vec![0.0; mixtures.first().map_or(0, Vec::len)];
    for weights in mixtures {
        mean.iter_mut().zip(weights).for_each(|(sum, w)| *sum += w / mixtures.len() as f64);
    }
    mean
}

/// By how much mixtures must be moved away from their mean for their hull to reach these weights; at most 1 inside it, and infinite where
/// it never does.
pub(super) fn further(mixtures: &[Vec<f64>], weights: &[f64]) -> f64 {
    let mean = centre(mixtures);
    // The last weight follows from the others.
    let from_mean =
        |weights: &[f64]| -> Vec<f64> { weights.iter().zip(&mean).map(|(w, m)| w - m).take(mean.len() - 1).collect() };
    let columns: Vec<Vec<f64>> = mixtures.iter().map(|weights| from_mean(weights)).collect();
    least_sum(&columns, &from_mean(weights))
}

/// The least Σ s over s ≥ 0 with Σ s_j · columns_j = `wanted`; infinite where there are none. The revised simplex method with the inverse of
/// the basis, from a basis of unit vectors that cost more than any column (Dantzig): rows are few, and it is asked for each of hundreds of
/// mixtures. The crate for linear programmes takes .4 ms for 200 mixtures of 7 corpora and 9 ms for 512 of 17, this .01 and .7 ms.
fn least_sum(columns: &[Vec<f64>], wanted: &[f64]) -> f64 {
    const UNIT: f64 = 1e4;
    const STEPS: usize = 500;
    let n = wanted.len();
    let sign = |i: usize| if wanted[i] < 0.0 { -1.0 } else { 1.0 };
    let mut inverse: Vec<Vec<f64>> =
        (0..n).map(|i| (0..n).map(|j| if i == j { sign(i) } else { 0.0 }).collect()).collect();
    let mut amounts: Vec<f64> = wanted.iter().map(|w| w.abs()).collect();
    let mut costs = vec![UNIT; n];
    for _ in 0..STEPS {
        let prices: Vec<f64> = (0..n).map(|j| (0..n).map(|i| costs[i] * inverse[i][j]).sum()).collect();
        let worth = |column: &Vec<f64>| column.iter().zip(&prices).map(|(c, p)| c * p).sum::<f64>() - 1.0;
        let best = columns.iter().map(|column| (worth(column), column)).max_by(|a, b| a.0.total_cmp(&b.0));
        let Some((_, entering)) = best.filter(|(worth, _)| *worth > 1e-9) else { break };
        let along: Vec<f64> = inverse.iter().map(|row| row.iter().zip(entering).map(|(a, b)| a * b).sum()).collect();
        let leaving = (0..n).filter(|i| along[*i] > 1e-12).map(|i| (amounts[i] / along[i], i));
        let Some((step, leaving)) = leaving.min_by(|a, b| a.0.total_cmp(&b.0)) else { break };
        let pivot: Vec<f64> = inverse[leaving].iter().map(|v| v / along[leaving]).collect();
        for i in (0..n).filter(|i| *i != leaving) {
            amounts[i] = (amounts[i] - step * along[i]).max(0.0);
            inverse[i].iter_mut().zip(&pivot).for_each(|(v, p)| *v -= along[i] * p);
        }
        (inverse[leaving], amounts[leaving], costs[leaving]) = (pivot, step, 1.0);
    }
    let left: f64 = amounts.iter().zip(&costs).filter(|(_, cost)| **cost > 1.0).map(|(amount, _)| amount).sum();
    if left > 1e-9 { f64::INFINITY } else { amounts.iter().sum() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::spread::{generator, uniform};

    /// So many mixtures of so many corpora, anywhere.
    pub(in super::super) fn drawn(count: usize, corpora: usize) -> Vec<Vec<f64>> {
        let mut random = generator(11);
        let one = |_| {
            let parts: Vec<f64> = (0..corpora).map(|_| -(1.0 - uniform(&mut random)).ln()).collect();
            let sum: f64 = parts.iter().sum();
            parts.into_iter().map(|part| part / sum).collect()
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn how_far_a_point_is_beyond_a_square_is_known() {
        let square: Vec<Vec<f64>> = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]].map(|c| c.to_vec()).to_vec();
        for (point, factor) in [([2.0, 0.3], 2.0), ([0.5, -0.25], 0.5), ([-0.7, 3.0], 3.0), ([0.0, 0.0], 0.0)] {
            assert!((least_sum(&square, &point) - factor).abs() < 1e-9, "{point:?}");
        }
        let line = [vec![1.0, 1.0], vec![-1.0, -1.0]];
        assert_eq!(least_sum(&line, &[1.0, 0.0]), f64::INFINITY);
        assert!((least_sum(&line, &[-3.0, -3.0]) - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_mixture_is_as_far_from_the_others_as_when_it_is_left_out() {
        let mixtures = drawn(40, 4);
        let spread = Spread::of(&mixtures).unwrap();
        let mean = mixtures.iter().map(|weights| spread.distance(weights)).sum::<f64>() / 40.0;
        assert!((mean - 3.0).abs() < 1e-3, "{mean}");
        for i in [0, 7, 39] {
            let others: Vec<Vec<f64>> = mixtures.iter().filter(|m| **m != mixtures[i]).cloned().collect();
            let left_out = Spread::of(&others).unwrap().distance(&mixtures[i]);
            let by_formula = spread.among_others(&mixtures[i]);
            assert!((by_formula / left_out - 1.0).abs() < 1e-2, "{by_formula} {left_out}");
        }
    }

    #[test]
    fn where_runs_do_not_differ_every_step_is_far() {
        let mut mixtures = drawn(30, 3);
        mixtures.iter_mut().for_each(|weights| {
            weights.iter_mut().for_each(|w| *w *= 0.9);
            weights.push(0.1);
        });
        let spread = Spread::of(&mixtures).unwrap();
        let moved = [0.3, 0.3, 0.35, 0.05];
        assert!(spread.distance(&moved) > 100.0 && further(&mixtures, &moved).is_infinite());
    }
}
