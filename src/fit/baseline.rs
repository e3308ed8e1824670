//! Baselines that a law must beat: mean, nearest run, straight line; all on ln L.

use super::held_out::mean;
use super::model::or_no_loss;
use crate::laws::{self, Columns, Method, Shape};

/// More comparisons than this per fold and the nearest run is looked up for a part of the rows only.
const MOST_COMPARISONS: usize = 20_000_000;

/// The law that is a baseline, too.
pub(super) const LINE: &str = "straight-line";

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

/// The law of that form, fitted.
pub(super) fn of_line(train: &Columns, test: &Columns) -> Vec<f64> {
    let Some(Method::Solve(line)) = laws::get(LINE).map(|law| law.method()) else { return of_mean(train, test) };
    let shape = Shape::of(None, train);
    let theta = line.solve(&shape, train, 0);
    line.predict(&shape, &theta, test).into_iter().map(or_no_loss).collect()
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
