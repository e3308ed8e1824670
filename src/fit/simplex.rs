//! Least squares over the simplex.

use crate::fit::linalg::{backward, cholesky, forward};

/// Ridge, as a part of the mean diagonal: what the data leave open is shared out rather than divided by zero.
const RIDGE: f64 = 1e-10;

/// The weights s ≥ 0 with Σ s = 1 that minimise ½ sᵀ G s − gᵀ s. `gram`: G, row-major, positive semidefinite.
///
/// An active-set method: from the best single weight on, the weight whose gradient falls most is let in, the others are solved
/// for, and those that would turn negative go out, until no gradient falls (Lawson and Hanson 1974, chapter 23, with Σ s = 1).
pub(super) fn least_squares(gram: &[f64], rhs: &[f64]) -> Vec<f64> {
    let n = rhs.len();
    let mut weights = vec![0.0; n];
    let alone = |i: usize| 0.5 * gram[i * n + i] - rhs[i];
    let Some(first) = (0..n).min_by(|a, b| alone(*a).total_cmp(&alone(*b))) else { return weights };
    weights[first] = 1.0;
    let scale = (0..n).map(|i| gram[i * n + i]).sum::<f64>() / n as f64;
    let mut free = vec![first];
    // Each round lowers the objective, so that no set comes twice; rounding ends it early.
    for _ in 0..10 * n {
        let gradient: Vec<f64> =
            (0..n).map(|i| (0..n).map(|j| gram[i * n + j] * weights[j]).sum::<f64>() - rhs[i]).collect();
        let level = free.iter().map(|i| gradient[*i] * weights[*i]).sum::<f64>();
        let steepest = (0..n).filter(|i| !free.contains(i)).min_by(|a, b| gradient[*a].total_cmp(&gradient[*b]));
        let Some(next) = steepest.filter(|i| gradient[*i] < level - 1e-12 * scale) else { break };
        free.push(next);
        while let Some(wanted) = solve(gram, rhs, &free, RIDGE * scale) {
            let step = free
                .iter()
                .zip(&wanted)
                .filter(|(_, w)| **w < 0.0)
                .map(|(i, w)| weights[*i] / (weights[*i] - w))
                .fold(1.0, f64::min);
            for (i, w) in free.iter().zip(&wanted) {
                weights[*i] += step * (w - weights[*i]);
            }
            if step >= 1.0 {
                break;
            }
            free.retain(|i| weights[*i] > 1e-14);
            (0..n).filter(|i| !free.contains(i)).for_each(|i| weights[i] = 0.0);
        }
    }
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w.max(0.0) / sum).collect()
}

/// The minimum over the free weights, with their sum 1 and any sign.
fn solve(gram: &[f64], rhs: &[f64], free: &[usize], ridge: f64) -> Option<Vec<f64>> {
    let (n, k) = (rhs.len(), free.len());
    let mut a: Vec<f64> = free.iter().flat_map(|i| free.iter().map(|j| gram[*i * n + *j])).collect();
    (0..k).for_each(|i| a[i * k + i] += ridge);
    let mut factor = vec![0.0; k * k];
    if !cholesky(&a, k, &mut factor) {
        return None;
    }
    let of = |mut b: Vec<f64>| {
        forward(&factor, k, &mut b);
        backward(&factor, k, &mut b);
        b
    };
    let (of_rhs, of_ones) = (of(free.iter().map(|i| rhs[*i]).collect()), of(vec![1.0; k]));
    let multiplier = (of_rhs.iter().sum::<f64>() - 1.0) / of_ones.iter().sum::<f64>();
    Some(of_rhs.iter().zip(&of_ones).map(|(r, o)| r - multiplier * o).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::random::Random;

    #[test]
    fn no_other_weights_are_better() {
        let mut random = Random::new(3, 0);
        for n in 1..9 {
            for _ in 0..20 {
                let rows: Vec<Vec<f64>> =
                    (0..n + 2).map(|_| (0..n).map(|_| random.uniform(0.0, 1.0)).collect()).collect();
                let to: Vec<f64> = rows.iter().map(|_| random.uniform(0.0, 1.0)).collect();
                let mut gram = vec![0.0; n * n];
                let mut rhs = vec![0.0; n];
                for (row, to) in rows.iter().zip(&to) {
                    for i in 0..n {
                        rhs[i] += row[i] * to;
                        (0..n).for_each(|j| gram[i * n + j] += row[i] * row[j]);
                    }
                }
                let found = least_squares(&gram, &rhs);
                assert!((found.iter().sum::<f64>() - 1.0).abs() < 1e-9 && found.iter().all(|w| *w >= 0.0), "{found:?}");
                // At the optimum of a convex problem no move of weight from one to another goes down.
                let gradient: Vec<f64> =
                    (0..n).map(|i| (0..n).map(|j| gram[i * n + j] * found[j]).sum::<f64>() - rhs[i]).collect();
                for from in (0..n).filter(|i| found[*i] > 1e-9) {
                    for to in 0..n {
                        assert!(gradient[to] >= gradient[from] - 1e-6, "{n}: {gradient:?} {found:?}");
                    }
                }
            }
        }
    }
}
