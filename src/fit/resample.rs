//! Bootstrap intervals. Whole runs are resampled, because checkpoints of one run are not independent.

use super::model::Model;
use super::objective::Stop;
use super::proxies::Stands;
use super::random::Random;
use crate::laws::Columns;
use rayon::prelude::*;

/// θ of `count` resamples of runs, each fitted from the optimum for all rows. Empty where there is one run only.
pub(super) fn bootstrap(
    model: &Model,
    x: &Columns,
    stands: &Stands,
    theta: &[f64],
    seed: u64,
    count: usize,
    stop: Stop<'_>,
) -> Vec<Vec<f64>> {
    let mut runs: Vec<usize> = x.run.clone();
    runs.sort_unstable();
    runs.dedup();
    if runs.len() < 2 {
        return Vec::new();
    }
    let most = runs.last().map_or(0, |r| r + 1);
    (0..model.resamples(count))
        .into_par_iter()
        .map(|index| {
            // Starts use the small indices of the same seed.
            let mut random = Random::new(seed, (1 << 32) + index as u64);
            let mut times = vec![0.0; most];
            for _ in 0..runs.len() {
                times[runs[random.below(runs.len())]] += 1.0;
            }
            let drawn = x.weighted(|i| x.weight[i] * times[x.run[i]]);
            let drawn = stands.redraw(&drawn, &mut random);
            model.resample(&drawn, theta, seed.wrapping_add(index as u64), stop)
        })
        .collect()
}

/// The value below which a part `q` of `sorted` lies, on the line between neighbours; NaN for none.
pub(super) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = q * last as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (place - below as f64) * (sorted[above] - sorted[below])
}

/// The same for values with weights; `sorted` by value.
pub(super) fn weighted_quantile(sorted: &[(f64, f64)], q: f64) -> f64 {
    let total: f64 = sorted.iter().map(|(_, w)| w).sum();
    let mut below = 0.0;
    for (value, weight) in sorted {
        below += weight;
        if below >= q * total {
            return *value;
        }
    }
    sorted.last().map_or(f64::NAN, |(value, _)| *value)
}
