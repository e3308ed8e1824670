//! What vectors of samples say of domains, without any training.
//!
//! * Von Neumann entropy: −tr ρ ln ρ of ρ = XᵀX/n, X the n vectors of a domain's samples at unit length (as in VNE, Kim et al. 2023,
//!   and the Vendi score, Friedman and Dieng 2023). BiMix (arXiv 2405.14908) names it as its fourth measure; which vectors and which ρ it
//!   takes is not known here.
//! * SMART (Renduchintala et al. 2024; github.com/kowndinya-renduchintala/SMART, `get_SMART_mixture.py`): domains are chosen one by one
//!   for the graph cut f(A) = Σ_{i, j∈A} s_ij − λ Σ_{i,j∈A} s_ij, s the cosines of their mean vectors and λ = 0.4; a domain's share is
//!   as 1 + g + g²/2 of the gain g at which it was chosen.

/// λ of the graph cut.
const REDUNDANCY: f64 = 0.4;
/// Sweeps of Jacobi's rotations; each squares what is left beside the diagonal.
const SWEEPS: usize = 30;

/// Von Neumann entropy of vectors, nats; between 0 (all alike) and ln of the lesser of their number and length. `None` without a
/// vector that has a length.
#[must_use]
pub fn von_neumann(vectors: &[Vec<f64>]) -> Option<f64> {
    let unit: Vec<Vec<f64>> = vectors.iter().filter_map(|vector| normal(vector)).collect();
    let (n, d) = (unit.len(), unit.first()?.len());
    // XᵀX and XXᵀ have the same eigenvalues but for zeros.
    let size = n.min(d);
    let entry = |i: usize, j: usize| -> f64 {
        let sum: f64 =
            if n <= d { dot(&unit[i], &unit[j]) } else { unit.iter().map(|vector| vector[i] * vector[j]).sum() };
        sum / n as f64
    };
    let matrix: Vec<f64> = (0..size * size).map(|at| entry(at / size, at % size)).collect();
    let values = eigenvalues(matrix, size);
    Some(values.into_iter().filter(|value| *value > 1e-15).map(|value| -value * value.ln()).sum())
}

/// The gain of each domain at its turn in the greedy order, by its mean vector; `None` where one has no length.
#[must_use]
pub fn gains(means: &[Vec<f64>]) -> Option<Vec<f64>> {
    let unit: Vec<Vec<f64>> = means.iter().map(|mean| normal(mean)).collect::<Option<_>>()?;
    let alike = |i: usize, j: usize| dot(&unit[i], &unit[j]);
    let cover: Vec<f64> = (0..unit.len()).map(|j| (0..unit.len()).map(|i| alike(i, j)).sum()).collect();
    let mut gains = vec![f64::NAN; unit.len()];
    let mut chosen: Vec<usize> = Vec::new();
    for _ in 0..unit.len() {
        let gain = |j: usize| {
            let known: f64 = chosen.iter().map(|k| alike(*k, j)).sum();
            cover[j] - REDUNDANCY * (2.0 * known + alike(j, j))
        };
        let left = (0..unit.len()).filter(|j| !chosen.contains(j));
        let (best, value) = left.map(|j| (j, gain(j))).max_by(|a, b| a.1.total_cmp(&b.1))?;
        gains[best] = value;
        chosen.push(best);
    }
    Some(gains)
}

/// Shares of domains with these gains: the second-order Taylor softmax, which is positive whatever the gain.
#[must_use]
pub fn shares(gains: &[f64]) -> Vec<f64> {
    let weights: Vec<f64> = gains.iter().map(|g| 1.0 + g + g * g / 2.0).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn normal(vector: &[f64]) -> Option<Vec<f64>> {
    let length = dot(vector, vector).sqrt();
    (length.is_finite() && length > 0.0).then(|| vector.iter().map(|v| v / length).collect())
}

/// Eigenvalues of a symmetric matrix, row-major, by Jacobi's rotations (Golub and Van Loan, section 8.5).
fn eigenvalues(mut a: Vec<f64>, n: usize) -> Vec<f64> {
    for _ in 0..SWEEPS {
        let beside: f64 = (0..n * n).filter(|at| at / n != at % n).map(|at| a[at] * a[at]).sum();
        if beside < 1e-26 {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                let apq = a[p * n + q];
                if apq.abs() < 1e-300 {
                    continue;
                }
                let theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let t = if theta == 0.0 { 1.0 } else { t };
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (akp, akq) = (a[k * n + p], a[k * n + q]);
                    (a[k * n + p], a[k * n + q]) = (c * akp - s * akq, s * akp + c * akq);
                }
                for k in 0..n {
                    let (apk, aqk) = (a[p * n + k], a[q * n + k]);
                    (a[p * n + k], a[q * n + k]) = (c * apk - s * aqk, s * apk + c * aqk);
                }
            }
        }
    }
    (0..n).map(|i| a[i * n + i]).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::advise::design::entropy;

    /// Vectors of three domains. What is expected of them was computed with NumPy 2.4 (`linalg.eigvalsh`, and a greedy loop
    /// over f itself).
    pub(crate) fn vectors() -> [Vec<Vec<f64>>; 3] {
        let of = |rows: [[f64; 3]; 4]| rows.map(|row| row.to_vec()).to_vec();
        [
            of([[1.0, 0.0, 0.5], [0.9, 0.1, 0.4], [1.1, -0.1, 0.6], [0.8, 0.2, 0.5]]),
            of([[0.0, 1.0, 0.0], [0.5, 1.0, -0.5], [-0.5, 1.0, 0.5], [0.2, 0.8, -0.1]]),
            of([[0.0, 0.2, 1.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [-1.0, 0.1, 1.0]]),
        ]
    }

    fn close(found: &[f64], expected: [f64; 3]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-7), "{found:?} {expected:?}");
    }

    #[test]
    fn entropies_and_gains_are_those_of_numpy() {
        let found: Vec<f64> = vectors().iter().map(|of| von_neumann(of).unwrap()).collect();
        close(&found, [0.0808192, 0.4760917, 0.79874079]);
        close(&entropy::shares(&found), [0.22050928, 0.3274097, 0.45208101]);
        let mean = |of: &Vec<Vec<f64>>| (0..3).map(|d| of.iter().map(|v| v[d]).sum::<f64>() / 4.0).collect::<Vec<_>>();
        let gains = gains(&vectors().iter().map(mean).collect::<Vec<_>>()).unwrap();
        close(&gains, [0.77203389, 0.6728468, 1.34040942]);
        close(&shares(&gains), [0.2871874, 0.26348548, 0.44932712]);
    }

    #[test]
    fn entropy_is_zero_of_equal_vectors_and_greatest_of_orthogonal_ones() {
        assert!(von_neumann(&vec![vec![1.0, 2.0]; 9]).unwrap().abs() < 1e-12);
        let axes: Vec<Vec<f64>> = (0..20).map(|i| (0..50).map(|j| f64::from(u8::from(i == j))).collect()).collect();
        assert!((von_neumann(&axes).unwrap() - 20.0_f64.ln()).abs() < 1e-12);
        // More vectors than dimensions, and the other way round, are one case.
        let wide: Vec<Vec<f64>> =
            (0..4).map(|j| (0..40).map(|i| ((i * 7 + j * 3) % 11) as f64 - 4.0).collect()).collect();
        let both = [wide[..4].to_vec(), [&wide[..], &wide[..]].concat()];
        assert!((von_neumann(&both[0]).unwrap() - von_neumann(&both[1]).unwrap()).abs() < 1e-12);
        assert_eq!((von_neumann(&[]), von_neumann(&[vec![0.0, 0.0]]), gains(&[vec![0.0]])), (None, None, None));
    }
}
