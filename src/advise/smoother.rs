//! Linear predictors of a value of runs from their mixtures, each run from the others: straight lines and curves of several
//! stiffnesses, for many values at once.

use crate::fit::linalg::{cholesky, inverse};
use crate::laws::simd::vectorised;
use crate::vocab::Ordered;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Columns that a smoother is applied to at once: four vectors of the widest that most machines have.
pub(super) const LANES: usize = 16;

/// Where runs are: their distinct mixtures. To a predictor from the mixture, runs of one mixture are in one place.
pub(super) struct Places {
    mixtures: Vec<Vec<f64>>,
    /// Runs in each.
    counts: Vec<f64>,
    /// Of each run.
    of_run: Vec<usize>,
}

impl Places {
    pub fn of(mixtures: &[Vec<f64>]) -> Self {
        let mut known: BTreeMap<Vec<u64>, usize> = BTreeMap::new();
        let mut places = Self { mixtures: Vec::new(), counts: Vec::new(), of_run: Vec::new() };
        for mixture in mixtures {
            let next = known.len();
            let place = *known.entry(mixture.iter().map(|w| w.to_bits()).collect()).or_insert(next);
            if place == next {
                places.mixtures.push(mixture.clone());
                places.counts.push(0.0);
            }
            places.counts[place] += 1.0;
            places.of_run.push(place);
        }
        places
    }

    fn runs(&self) -> f64 {
        self.of_run.len() as f64
    }

    /// The mean over runs of a value of places.
    fn mean(&self, of: impl Fn(usize) -> f64) -> f64 {
        self.counts.iter().enumerate().map(|(place, count)| count * of(place)).sum::<f64>() / self.runs().max(1.0)
    }
}

/// A value of every run, as smoothers need it.
pub(super) struct Column {
    /// By place, the root of its runs times their mean.
    means: Vec<f64>,
    /// By place, the squares of its runs beside their mean.
    within: Vec<f64>,
    /// The squares of what the mean of the others gets wrong about each run.
    by_mean: f64,
}

impl Column {
    pub fn of(places: &Places, values: &[f64]) -> Self {
        let n = places.runs();
        let mean = values.iter().sum::<f64>() / n;
        let by_mean = values.iter().map(|v| ((v - mean) * n / (n - 1.0)).powi(2)).sum();
        let mut means = vec![0.0; places.counts.len()];
        values.iter().zip(&places.of_run).for_each(|(value, place)| means[*place] += value);
        means.iter_mut().zip(&places.counts).for_each(|(mean, count)| *mean /= count);
        let mut within = vec![0.0; places.counts.len()];
        values.iter().zip(&places.of_run).for_each(|(value, place)| within[*place] += (value - means[*place]).powi(2));
        means.iter_mut().zip(&places.counts).for_each(|(mean, count)| *mean *= count.sqrt());
        Self { means, within, by_mean }
    }
}

/// A linear predictor of every run from the others: ridge regression with a kernel and an intercept, by leave-one-out residuals
/// (y − ŷ)ᵢ/(1 − Hᵢᵢ). I − H is r·(K + r)⁻¹, which to a run's difference from the mean of its place is the identity, and to
/// those means, times the roots of their runs √c, is r·(√c K √c + r)⁻¹ with the kernel of places.
pub(super) struct Smoother {
    /// The second inverse, by place.
    inverse: Vec<f64>,
    /// The diagonal of (K + r)⁻¹, of the runs of each place.
    own: Vec<f64>,
    /// r.
    ridge: f64,
}

impl Smoother {
    fn of_kernel(places: &Places, kernel: &[f64], ridge: f64) -> Option<Self> {
        let n = places.counts.len();
        let ridge = ridge * places.mean(|place| kernel[place * n + place]) + 1e-12;
        let roots: Vec<f64> = places.counts.iter().map(|count| count.sqrt()).collect();
        let mut system: Vec<f64> = kernel.to_vec();
        for (a, row) in system.chunks_exact_mut(n).enumerate() {
            row.iter_mut().zip(&roots).for_each(|(v, root)| *v *= roots[a] * root);
            row[a] += ridge;
        }
        let mut factor = vec![0.0; n * n];
        if !cholesky(&system, n, &mut factor) {
            return None;
        }
        let inverse = inverse(&factor, n);
        let own = |(place, count): (usize, &f64)| (1.0 - 1.0 / count) / ridge + inverse[place * n + place] / count;
        let own: Vec<f64> = places.counts.iter().enumerate().map(own).collect();
        inverse.iter().chain(&own).all(|v| v.is_finite()).then_some(Self { inverse, own, ridge })
    }

    /// Part of the squares of each of several columns (at most [`LANES`]) that is predicted, each value without itself; below 0
    /// where the mean predicts better.
    pub fn explained(&self, places: &Places, columns: &[Column]) -> Vec<f64> {
        let n = places.counts.len();
        let mut means = vec![[0.0; LANES]; n];
        let mut within = vec![[0.0; LANES]; n];
        for (lane, column) in columns.iter().enumerate() {
            column.means.iter().zip(&mut means).for_each(|(value, row)| row[lane] = *value);
            column.within.iter().zip(&mut within).for_each(|(value, row)| row[lane] = *value);
        }
        let mut left = [0.0; LANES];
        vectorised(
            #[inline(always)]
            || {
                for (place, within) in within.iter().enumerate() {
                    let mut sums = [0.0; LANES];
                    for (of, values) in self.inverse[place * n..(place + 1) * n].iter().zip(&means) {
                        for lane in 0..LANES {
                            sums[lane] += of * values[lane];
                        }
                    }
                    let (scale, by) = (self.own[place].powi(-2), self.ridge.powi(-2));
                    for lane in 0..LANES {
                        left[lane] += scale * (by * within[lane] + sums[lane] * sums[lane]);
                    }
                }
            },
        );
        let part = |(column, left): (&Column, f64)| match column.by_mean > 0.0 {
            true => 1.0 - left / column.by_mean,
            false => 0.0,
        };
        columns.iter().zip(left).map(part).collect()
    }
}

/// Straight lines and curves of several stiffnesses.
pub(super) fn smoothers(places: &Places) -> Vec<Smoother> {
    let mixtures = &places.mixtures;
    let n = mixtures.len();
    let domains = mixtures.first().map_or(0, Vec::len);
    let mean: Vec<f64> = (0..domains).map(|j| places.mean(|place| mixtures[place][j])).collect();
    let mut straight = vec![0.0; n * n];
    let mut apart = vec![0.0; n * n];
    for a in 0..n {
        for b in 0..n {
            let pairs = || mixtures[a].iter().zip(&mixtures[b]).zip(&mean);
            straight[a * n + b] = pairs().map(|((x, y), m)| (x - m) * (y - m)).sum();
            apart[a * n + b] = pairs().map(|((x, y), _)| (x - y).powi(2)).sum();
        }
    }
    // The median over pairs of runs in different places.
    let of_pair = |i: usize| (apart[i], places.counts[i / n] * places.counts[i % n]);
    let mut distances: Vec<(f64, f64)> = (0..n * n).map(of_pair).filter(|(d, _)| *d > 0.0).collect();
    distances.sort_by_cached_key(|pair| Ordered(pair.0));
    let mut half = (distances.iter().map(|(_, count)| count).sum::<f64>() / 2.0).floor();
    let middle = distances.iter().find(|(_, count)| {
        half -= count;
        half < 0.0
    });
    let usual = middle.map_or(1.0, |(distance, _)| *distance);
    // An intercept as a constant in the kernel, as large as the kernel is.
    let with_constant = |kernel: Vec<f64>| {
        let level = places.mean(|place| kernel[place * n + place]);
        kernel.into_iter().map(|v| v + 10.0 * level.max(1e-12)).collect::<Vec<f64>>()
    };
    let curved = |width: f64| apart.iter().map(|d| (-d / (width * usual)).exp()).collect::<Vec<f64>>();
    let straight = with_constant(straight);
    let (stiff, loose) = (with_constant(curved(4.0)), with_constant(curved(1.0)));
    let all = [(&straight, 1e-3), (&straight, 0.03), (&stiff, 1e-3), (&loose, 0.01)];
    all.into_par_iter().filter_map(|(kernel, ridge)| Smoother::of_kernel(places, kernel, ridge)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::linalg::{backward, forward};

    /// Leave-one-out residuals by fits to the runs that are left, of every run apart.
    #[test]
    fn runs_in_one_place_are_left_out_one_by_one() {
        let mixtures: Vec<Vec<f64>> =
            [0, 1, 2, 1, 3, 0, 1].map(|i| vec![0.1 * f64::from(i), 1.0 - 0.1 * f64::from(i)]).into();
        let values = [0.3, -0.2, 0.5, 0.1, 0.9, 0.2, -0.4];
        let kernel = |a: &[f64], b: &[f64]| 1.0 + (-(a[0] - b[0]).powi(2) / 0.02).exp();
        let places = Places::of(&mixtures);
        assert_eq!((places.counts.as_slice(), places.of_run[5]), ([2.0, 3.0, 1.0, 1.0].as_slice(), 0));
        let of = &places.mixtures;
        let of_places: Vec<f64> = of.iter().flat_map(|a| of.iter().map(|b| kernel(a, b))).collect();
        let smoother = Smoother::of_kernel(&places, &of_places, 0.05).unwrap();
        let explained = smoother.explained(&places, &[Column::of(&places, &values)])[0];
        let (mut left, mut by_mean) = (0.0, 0.0);
        for i in 0..7 {
            let others: Vec<usize> = (0..7).filter(|j| *j != i).collect();
            let mut system: Vec<f64> =
                others.iter().flat_map(|a| others.iter().map(|b| kernel(&mixtures[*a], &mixtures[*b]))).collect();
            (0..6).for_each(|k| system[k * 7] += smoother.ridge);
            let mut factor = vec![0.0; 36];
            assert!(cholesky(&system, 6, &mut factor));
            let mut weights: Vec<f64> = others.iter().map(|j| values[*j]).collect();
            forward(&factor, 6, &mut weights);
            backward(&factor, 6, &mut weights);
            let predicted: f64 =
                others.iter().zip(&weights).map(|(j, w)| w * kernel(&mixtures[*j], &mixtures[i])).sum();
            left += (values[i] - predicted).powi(2);
            by_mean += (values[i] - others.iter().map(|j| values[*j]).sum::<f64>() / 6.0).powi(2);
        }
        assert!((explained - (1.0 - left / by_mean)).abs() < 1e-9, "{explained} {}", 1.0 - left / by_mean);
    }
}
