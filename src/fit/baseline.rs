//! Baselines that a law must beat: mean, nearest run, straight line; all on ln L.

use super::held_out::mean;
use super::linalg::{backward, cholesky, forward};
use crate::laws::Columns;

/// More comparisons than this per fold and the nearest run is looked up for a part of the rows only.
const MOST_COMPARISONS: usize = 20_000_000;

/// A little of the diagonal, so that what does not vary gets a slope of about 0.
const RIDGE: f64 = 1e-8;

/// From rows fitted to and rows to predict at: ln of their losses.
type Predict = fn(&Columns, &Columns) -> Vec<f64>;

/// Name and prediction of every baseline.
pub(super) const ALL: [(&str, Predict); 3] = [("mean", of_mean), ("nearest run", of_nearest), ("linear", of_line)];

/// The mean of the rows fitted to.
fn of_mean(train: &Columns, test: &Columns) -> Vec<f64> {
    vec![mean(train.ln_loss.iter().copied()); test.len()]
}

/// The loss of the row that is nearest in mixture, ln N and ln D: half the sum of absolute differences of weights (0 for
/// the same mixture, 1 for none in common) plus those of the logarithms. Of many rows, some stand for those beside them.
fn of_nearest(train: &Columns, test: &Columns) -> Vec<f64> {
    let stride = (train.len() * test.len()).div_ceil(MOST_COMPARISONS).max(1);
    let nearest = |i: usize| {
        let distance = |j: usize| {
            let shares: f64 = test.share.iter().zip(&train.share).map(|(a, b)| (a[i] - b[j]).abs()).sum();
            let of = |a: &[f64], b: &[f64]| (a[i] - b[j]).abs();
            0.5 * shares + of(&test.ln_params, &train.ln_params) + of(&test.ln_tokens, &train.ln_tokens)
        };
        let all = (0..train.len()).map(|j| (distance(j), train.ln_loss[j]));
        all.fold((f64::INFINITY, 0.0), |best, next| if next.0 < best.0 { next } else { best }).1
    };
    let mut last = 0.0;
    (0..test.len())
        .map(|i| {
            if i % stride == 0 {
                last = nearest(i);
            }
            last
        })
        .collect()
}

/// ln L = a·ln N + b·ln D + Σⱼ wⱼ·hⱼ by least squares (weights sum to one, so there is no intercept).
fn of_line(train: &Columns, test: &Columns) -> Vec<f64> {
    // Centred, so that the little that is added to the diagonal is little for every column.
    let (n, d) = (mean(train.ln_params.iter().copied()), mean(train.ln_tokens.iter().copied()));
    let row = |x: &Columns, i: usize| -> Vec<f64> {
        [x.ln_params[i] - n, x.ln_tokens[i] - d].into_iter().chain(x.share.iter().map(|c| c[i])).collect()
    };
    let k = 2 + train.share.len();
    let (mut gram, mut slopes) = (vec![0.0; k * k], vec![0.0; k]);
    for i in 0..train.len() {
        let values = row(train, i);
        for a in 0..k {
            slopes[a] += train.weight[i] * values[a] * train.ln_loss[i];
            for b in 0..k {
                gram[a * k + b] += train.weight[i] * values[a] * values[b];
            }
        }
    }
    let level = (0..k).map(|a| gram[a * k + a]).sum::<f64>() / k as f64;
    (0..k).for_each(|a| gram[a * k + a] += RIDGE * level + f64::MIN_POSITIVE);
    let mut factor = vec![0.0; k * k];
    if !cholesky(&gram, k, &mut factor) {
        return of_mean(train, test);
    }
    forward(&factor, k, &mut slopes);
    backward(&factor, k, &mut slopes);
    let predict = |i: usize| row(test, i).iter().zip(&slopes).map(|(v, s)| v * s).sum::<f64>();
    (0..test.len()).map(|i| Some(predict(i)).filter(|v| v.is_finite()).unwrap_or(0.0).clamp(-600.0, 600.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Observation;

    fn rows() -> Columns {
        let row = |n: f64, d: f64, h: f64| Observation {
            params: n,
            tokens: d,
            mixture: vec![h, 1.0 - h],
            loss: (3.0 - 0.1 * n.ln() - 0.05 * d.ln() + 0.7 * h).exp(),
            ..Observation::default()
        };
        let sizes = [1e6, 3e6, 9e6];
        let all = sizes.into_iter().flat_map(|n| [0.0, 0.5, 0.9].map(|h| [1e8, 2e8].map(|d| row(n, d, h))));
        Columns::places(2, &all.flatten().collect::<Vec<_>>(), &crate::laws::Context::default())
    }

    #[test]
    fn a_line_is_found_and_the_nearest_run_is_the_nearest() {
        let x = rows();
        let train = x.weighted(|i| if i == 3 { 0.0 } else { 1.0 });
        let test = x.weighted(|i| if i == 3 { 1.0 } else { 0.0 });
        assert!((of_line(&train, &test)[0] - x.ln_loss[3]).abs() < 1e-5);
        // Row 3 is (1M, half, 200M). The same mixture at 100M tokens is ln 2 away, the next mixture at 200M .4.
        assert_eq!(of_nearest(&train, &test)[0], x.ln_loss[5]);
        assert_eq!(of_nearest(&x, &x), x.ln_loss);
    }
}
