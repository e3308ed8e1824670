//! Small dense symmetric systems, row-major.

use super::gram::dot;
use crate::laws::simd::vectorised;
use rayon::prelude::*;

/// Columns of an inverse that are solved for together: so many rows of them stay in the second-level cache.
const COLUMNS: usize = 64;

/// The lower Cholesky factor of `a` (n × n) into `factor`; false where `a` is not positive definite.
pub(crate) fn cholesky(a: &[f64], n: usize, factor: &mut [f64]) -> bool {
    vectorised(
        #[inline(always)]
        || {
            for i in 0..n {
                for j in 0..=i {
                    let sum = a[i * n + j] - dot(&factor[i * n..i * n + j], &factor[j * n..j * n + j]);
                    if i == j {
                        // A pivot lost to rounding is as good as none.
                        if sum.is_nan() || sum <= a[i * n + i].abs() * 1e-14 {
                            return false;
                        }
                        factor[i * n + i] = sum.sqrt();
                    } else {
                        factor[i * n + j] = sum / factor[j * n + j];
                    }
                }
                factor[i * n + i + 1..(i + 1) * n].fill(0.0);
            }
            true
        },
    )
}

/// Solves L y = b in place.
pub(crate) fn forward(factor: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let mut sum = b[i];
        for k in 0..i {
            sum -= factor[i * n + k] * b[k];
        }
        b[i] = sum / factor[i * n + i];
    }
}

/// Solves Lᵀ x = y in place.
pub(crate) fn backward(factor: &[f64], n: usize, y: &mut [f64]) {
    for i in (0..n).rev() {
        let mut sum = y[i];
        for k in i + 1..n {
            sum -= factor[k * n + i] * y[k];
        }
        y[i] = sum / factor[i * n + i];
    }
}

/// The inverse of L Lᵀ: what [`forward`] and [`backward`] make of each column of the identity, many columns at a time.
pub(crate) fn inverse(factor: &[f64], n: usize) -> Vec<f64> {
    let starts: Vec<usize> = (0..n).step_by(COLUMNS).collect();
    let blocks: Vec<Vec<f64>> =
        starts.par_iter().map(|from| inverse_columns(factor, n, *from, (n - from).min(COLUMNS))).collect();
    let mut all = vec![0.0; n * n];
    for (from, block) in starts.into_iter().zip(blocks) {
        let columns = (n - from).min(COLUMNS);
        for (i, row) in block.chunks_exact(columns).enumerate() {
            row.iter().enumerate().for_each(|(c, value)| all[(from + c) * n + i] = *value);
        }
    }
    all
}

/// Columns `from` on of the inverse, as the rows of a matrix of so many columns.
fn inverse_columns(factor: &[f64], n: usize, from: usize, columns: usize) -> Vec<f64> {
    let mut x = vec![0.0; n * columns];
    (0..columns).for_each(|c| x[(from + c) * columns + c] = 1.0);
    vectorised(
        #[inline(always)]
        || {
            // Above its own row a column of the identity is 0, and stays so.
            for i in from..n {
                let (before, row) = x.split_at_mut(i * columns);
                let row = &mut row[..columns];
                for k in from..i {
                    let (by, other) = (factor[i * n + k], &before[k * columns..(k + 1) * columns]);
                    row.iter_mut().zip(other).for_each(|(v, o)| *v -= by * o);
                }
                row.iter_mut().for_each(|v| *v /= factor[i * n + i]);
            }
            for i in (0..n).rev() {
                let (row, after) = x[i * columns..].split_at_mut(columns);
                for k in i + 1..n {
                    let (by, at) = (factor[k * n + i], (k - i - 1) * columns);
                    row.iter_mut().zip(&after[at..at + columns]).for_each(|(v, o)| *v -= by * o);
                }
                row.iter_mut().for_each(|v| *v /= factor[i * n + i]);
            }
        },
    );
    x
}

/// Non-negative least squares from normal equations: min ½ sᵀ G s − gᵀ s over s ≥ 0, by coordinate descent, which needs
/// no factorisation and cannot fail on a singular G.
pub(super) fn non_negative(gram: &[f64], rhs: &[f64], solution: &mut [f64]) {
    let n = rhs.len();
    for _ in 0..200 {
        let mut moved: f64 = 0.0;
        for i in 0..n {
            let diagonal = gram[i * n + i];
            if diagonal <= 0.0 || !diagonal.is_finite() {
                continue;
            }
            let residual = rhs[i] - (0..n).map(|j| gram[i * n + j] * solution[j]).sum::<f64>();
            let next = (solution[i] + residual / diagonal).max(0.0);
            moved = moved.max((next - solution[i]).abs());
            solution[i] = next;
        }
        if moved < 1e-6 {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_solves_and_a_singular_matrix_is_refused() {
        let a = [4.0, 2.0, 0.6, 2.0, 5.0, 1.0, 0.6, 1.0, 3.0];
        let mut factor = [0.0; 9];
        assert!(cholesky(&a, 3, &mut factor));
        let mut x = [1.0, 2.0, 3.0];
        forward(&factor, 3, &mut x);
        backward(&factor, 3, &mut x);
        for (i, want) in [1.0, 2.0, 3.0].iter().enumerate() {
            let got: f64 = (0..3).map(|j| a[i * 3 + j] * x[j]).sum();
            assert!((got - want).abs() < 1e-12);
        }
        let inverse = inverse(&factor, 3);
        for i in 0..3 {
            let mut column = [0.0; 3];
            column[i] = 1.0;
            forward(&factor, 3, &mut column);
            backward(&factor, 3, &mut column);
            assert_eq!(inverse[3 * i..3 * i + 3], column);
        }
        assert!(!cholesky(&[1.0, 1.0, 1.0, 1.0], 2, &mut factor));
        assert!(!cholesky(&[f64::NAN], 1, &mut factor));
    }

    #[test]
    fn what_would_be_negative_is_zero() {
        // Unconstrained: (2, -1). With s ≥ 0 the best is (1.5, 0).
        let (gram, mut s) = ([2.0, 1.0, 1.0, 1.0], [0.0; 2]);
        non_negative(&gram, &[3.0, 1.0], &mut s);
        assert!((s[0] - 1.5).abs() < 1e-5 && s[1] == 0.0, "{s:?}");
    }
}
