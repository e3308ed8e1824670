//! Level and amplitudes of one run (or runs of one kind), given the shapes: a robust linear problem of three unknowns.

/// L = level·(1 + a·u − b·v).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amplitude {
    /// ln of the level.
    pub level: f64,
    /// Weight of `u`.
    pub a: f64,
    /// Weight of `v`.
    pub b: f64,
}

impl Amplitude {
    /// ln loss where the shapes are (u, v).
    #[must_use]
    pub fn ln_loss(&self, (u, v): (f64, f64)) -> f64 {
        self.level + self.relative((u, v)).ln()
    }

    pub(super) fn relative(&self, (u, v): (f64, f64)) -> f64 {
        (1.0 + self.a * u - self.b * v).max(1e-6)
    }
}

/// One point: shapes, and ln loss.
pub(super) type Row = ((f64, f64), f64);

/// The amplitudes (none negative) that minimise Σ Huber((ln L − ln L̂)/sigma), by reweighted least squares on relative
/// errors. `None` without rows.
pub(super) fn solve(rows: &[Row], sigma: f64) -> Option<Amplitude> {
    if rows.is_empty() {
        return None;
    }
    let mut weights = vec![1.0; rows.len()];
    let mut best = None;
    for _ in 0..4 {
        let found = least_squares(rows, &weights)?;
        for (w, (shape, ln_loss)) in weights.iter_mut().zip(rows) {
            let z = (ln_loss - found.ln_loss(*shape)).abs() / sigma;
            *w = 1.0 / z.max(1.0);
        }
        best = Some(found);
    }
    best
}

/// Weighted least squares of 1 = (l + A·u − B·v)/L with none negative: of the few sets of unknowns, the one that is
/// feasible and fits best.
fn least_squares(rows: &[Row], weights: &[f64]) -> Option<Amplitude> {
    let mut gram = [[0.0; 3]; 3];
    let mut rhs = [0.0; 3];
    for (((u, v), ln_loss), weight) in rows.iter().zip(weights) {
        let x = [1.0, *u, -v].map(|x| x * (-ln_loss).exp());
        for i in 0..3 {
            rhs[i] += weight * x[i];
            for j in 0..3 {
                gram[i][j] += weight * x[i] * x[j];
            }
        }
    }
    let mut best: Option<(f64, [f64; 3])> = None;
    for set in [&[0, 1, 2][..], &[0, 1], &[0, 2], &[0]] {
        let Some(solution) = subset(&gram, &rhs, set) else { continue };
        if solution[0] <= 0.0 || solution.iter().any(|x| *x < 0.0 || !x.is_finite()) {
            continue;
        }
        let gain: f64 = (0..3).map(|i| solution[i] * rhs[i]).sum();
        if best.is_none_or(|(most, _)| gain > most + 1e-12 * most.abs()) {
            best = Some((gain, solution));
        }
    }
    let (_, [level, a, b]) = best?;
    Some(Amplitude { level: level.ln(), a: a / level, b: b / level })
}

/// Solves the normal equations of some of the unknowns by elimination; the others are 0.
fn subset(gram: &[[f64; 3]; 3], rhs: &[f64; 3], set: &[usize]) -> Option<[f64; 3]> {
    let n = set.len();
    let mut m = [[0.0; 4]; 3];
    for (i, &row) in set.iter().enumerate() {
        for (j, &column) in set.iter().enumerate() {
            m[i][j] = gram[row][column];
        }
        m[i][n] = rhs[row];
    }
    for i in 0..n {
        if m[i][i] <= 1e-10 * gram[set[i]][set[i]].abs() || !m[i][i].is_finite() {
            return None;
        }
        for k in i + 1..n {
            let factor = m[k][i] / m[i][i];
            let pivot = m[i];
            for (x, p) in m[k].iter_mut().zip(pivot).skip(i) {
                *x -= factor * p;
            }
        }
    }
    let mut solution = [0.0; 3];
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|j| m[i][j] * solution[set[j]]).sum();
        solution[set[i]] = (m[i][n] - known) / m[i][i];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(truth: Amplitude) -> Vec<Row> {
        (1..=30)
            .map(|i| {
                let t = f64::from(i) / 30.0;
                let shape = (t.powf(-0.5), if t > 0.6 { t - 0.6 } else { 0.0 });
                (shape, truth.ln_loss(shape))
            })
            .collect()
    }

    #[test]
    fn planted_amplitudes_are_found_though_a_row_is_wild() {
        let truth = Amplitude { level: 1.1, a: 0.2, b: 0.1 };
        let mut rows = rows(truth);
        rows[7].1 += 0.5;
        let found = solve(&rows, 1e-3).unwrap();
        assert!(
            (found.level - 1.1).abs() < 1e-3 && (found.a - 0.2).abs() < 2e-3 && (found.b - 0.1).abs() < 4e-3,
            "{found:?}"
        );
    }

    #[test]
    fn what_cannot_be_known_is_zero_and_nothing_is_negative() {
        let flat: Vec<Row> = (0..5).map(|_| ((1.0, 0.0), 0.7)).collect();
        let found = solve(&flat, 1e-3).unwrap();
        assert!(found.a >= 0.0 && found.b == 0.0 && (found.ln_loss((1.0, 0.0)) - 0.7).abs() < 1e-6);
        let rising: Vec<Row> = (1..20).map(|i| ((1.0 / f64::from(i), 0.0), 0.01 * f64::from(i))).collect();
        assert_eq!(solve(&rising, 1e-3).unwrap().a, 0.0);
        assert_eq!(solve(&[], 1e-3), None);
    }
}
