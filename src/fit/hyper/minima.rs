//! Minima of the cells: quadratics of one curvature, each cell with a height and a slope of its own.

use super::cells::{Cell, End};
use super::gap::Gap;
use super::place::Place;
use crate::fit::linalg::{backward, cholesky, forward};

/// Rounds of reweighting.
const ROUNDS: usize = 15;
/// Huber's constant: 95 % efficient where noise is normal.
pub(super) const HUBER: f64 = 1.345;

/// The minimum of every cell, and the curvature that they share.
#[derive(Debug, Clone)]
pub(super) struct Minima {
    /// (ln lr, ln batch) of each cell's minimum; NaN where one does not vary, `None` where the runs drawn do not tell.
    pub at: Vec<Option<Place>>,
    /// Second derivatives of ln loss in ln lr and ln batch.
    pub bend: [[f64; 2]; 2],
}

/// The cells' minima; `times`: how often a run of a cell counts.
///
/// # Errors
/// Why the runs have no minimum.
pub(super) fn minima(cells: &[&Cell], times: &dyn Fn(usize, usize) -> f64) -> Result<Minima, Gap> {
    let dims: Vec<usize> = (0..2).filter(|d| cells.iter().all(|cell| cell.varies[*d])).collect();
    let (own, shared) = (dims.len() + 1, dims.len() * (dims.len() + 1) / 2);
    let used = |c: usize| cells[c].near.iter().enumerate().filter(move |(i, _)| times(c, *i) > 0.0);
    let rows: usize = (0..cells.len()).map(|c| used(c).count()).sum();
    if rows < own * cells.len() + shared {
        return Err(Gap::TooFew { runs: rows, needed: own * cells.len() + shared });
    }
    let mut weights: Vec<Vec<f64>> =
        cells.iter().enumerate().map(|(c, cell)| (0..cell.near.len()).map(|i| times(c, i)).collect()).collect();
    let data: Vec<Vec<Row>> =
        cells.iter().map(|cell| cell.near.iter().map(|run| Row::of(cell, run, &dims)).collect()).collect();
    let mut solved = solve(&data, &dims, &weights)?;
    for _ in 0..ROUNDS {
        let residuals: Vec<Vec<f64>> = data.iter().enumerate().map(|(c, rows)| solved.residuals(c, rows)).collect();
        let of_used = (0..cells.len()).flat_map(|c| used(c).map(|(i, _)| residuals[c][i].abs()).collect::<Vec<_>>());
        let scale = 1.4826 * middle(of_used.collect()) + 1e-9;
        for (c, of_cell) in residuals.iter().enumerate() {
            for (i, residual) in of_cell.iter().enumerate() {
                weights[c][i] = times(c, i) * (HUBER * scale / residual.abs().max(1e-12)).min(1.0);
            }
        }
        solved = solve(&data, &dims, &weights)?;
    }
    solved.minima(cells, &dims)
}

/// A run as least squares sees it: 1 and its offsets from the cell's best run, their squares, and ln of its loss over the best.
struct Row {
    own: [f64; 3],
    squares: [f64; 3],
    over: f64,
}

/// Coefficients of the quadratics.
struct Solved {
    /// Second derivatives: lr, or lr, lr × batch, batch.
    shared: Vec<f64>,
    /// Height and slopes at the cell's best run.
    own: Vec<Option<Vec<f64>>>,
}

impl Row {
    fn of(cell: &Cell, run: &End, dims: &[usize]) -> Self {
        let offset = |d: &usize| run.at[*d] - cell.best().at[*d];
        let (own, squares) = match dims {
            [d] => ([1.0, offset(d), 0.0], [0.5 * offset(d).powi(2), 0.0, 0.0]),
            _ => {
                let (x, y) = (offset(&0), offset(&1));
                ([1.0, x, y], [0.5 * x * x, x * y, 0.5 * y * y])
            }
        };
        Self { own, squares, over: run.ln_loss - cell.best().ln_loss }
    }
}

/// Weighted least squares, each cell's own coefficients eliminated.
fn solve(data: &[Vec<Row>], dims: &[usize], weights: &[Vec<f64>]) -> Result<Solved, Gap> {
    let (n, q) = (dims.len() + 1, dims.len() * (dims.len() + 1) / 2);
    let (mut left, mut right) = (vec![0.0; q * q], vec![0.0; q]);
    // Of each cell the factor of its own normal equations, and what they say of the squares (n × q) and of the loss.
    let mut kept: Vec<Option<[Vec<f64>; 3]>> = Vec::new();
    for (rows, weights) in data.iter().zip(weights) {
        let (mut gram, mut cross, mut rhs) = (vec![0.0; n * n], vec![0.0; n * q], vec![0.0; n]);
        let (mut square, mut of_square) = (vec![0.0; q * q], vec![0.0; q]);
        for (Row { own, squares, over }, w) in rows.iter().zip(weights).filter(|(_, w)| **w > 0.0) {
            for i in 0..n {
                (0..n).for_each(|j| gram[i * n + j] += w * own[i] * own[j]);
                (0..q).for_each(|j| cross[i * q + j] += w * own[i] * squares[j]);
                rhs[i] += w * own[i] * over;
            }
            for i in 0..q {
                (0..q).for_each(|j| square[i * q + j] += w * squares[i] * squares[j]);
                of_square[i] += w * squares[i] * over;
            }
        }
        let mut factor = vec![0.0; n * n];
        if !cholesky(&gram, n, &mut factor) || (0..n).any(|i| factor[i * n + i] < 1e-6) {
            kept.push(None);
            continue;
        }
        for j in 0..q {
            let mut column: Vec<f64> = (0..n).map(|i| cross[i * q + j]).collect();
            forward(&factor, n, &mut column);
            backward(&factor, n, &mut column);
            for i in 0..q {
                let through: f64 = (0..n).map(|k| cross[k * q + i] * column[k]).sum();
                left[i * q + j] += square[i * q + j] - through;
            }
            let through: f64 = (0..n).map(|k| column[k] * rhs[k]).sum();
            right[j] += of_square[j] - through;
        }
        kept.push(Some([factor, cross, rhs]));
    }
    let mut factor = vec![0.0; q * q];
    if !cholesky(&left, q, &mut factor) || (0..q).any(|i| factor[i * q + i] < 1e-6) {
        let what = if dims.len() == 2 { "learning rates and three batches, crossed" } else { "values" };
        return Err(Gap::NotThree(what));
    }
    forward(&factor, q, &mut right);
    backward(&factor, q, &mut right);
    let own = kept.into_iter().map(|kept| {
        let [factor, cross, mut rhs] = kept?;
        (0..n).for_each(|i| rhs[i] -= (0..q).map(|j| cross[i * q + j] * right[j]).sum::<f64>());
        forward(&factor, n, &mut rhs);
        backward(&factor, n, &mut rhs);
        Some(rhs)
    });
    Ok(Solved { own: own.collect(), shared: right })
}

impl Solved {
    fn residuals(&self, index: usize, rows: &[Row]) -> Vec<f64> {
        let Some(own) = &self.own[index] else { return vec![0.0; rows.len()] };
        let fitted = |row: &Row| {
            let through = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            through(&row.own, own) + through(&row.squares, &self.shared)
        };
        rows.iter().map(|row| row.over - fitted(row)).collect()
    }

    fn minima(&self, cells: &[&Cell], dims: &[usize]) -> Result<Minima, Gap> {
        let mut bend = [[0.0; 2]; 2];
        match (dims, self.shared.as_slice()) {
            ([d], [a]) => bend[*d][*d] = *a,
            (_, [a, b, c]) => bend = [[*a, *b], [*b, *c]],
            _ => {}
        }
        let flat = dims.iter().any(|d| bend[*d][*d] <= 0.0) || dims.len() == 2 && determinant(&bend) <= 0.0;
        if flat {
            return Err(Gap::Flat);
        }
        let minimum = |(cell, own): (&&Cell, &Option<Vec<f64>>)| {
            let slope = &own.as_ref()?[1..];
            let from = cell.best().at;
            let mut at = [f64::NAN; 2];
            match dims {
                [d] => at[*d] = from[*d] - slope[0] / bend[*d][*d],
                _ => {
                    let det = determinant(&bend);
                    at[0] = from[0] - (bend[1][1] * slope[0] - bend[0][1] * slope[1]) / det;
                    at[1] = from[1] - (bend[0][0] * slope[1] - bend[0][1] * slope[0]) / det;
                }
            }
            Some(at)
        };
        Ok(Minima { at: cells.iter().zip(&self.own).map(minimum).collect(), bend })
    }
}

fn determinant(of: &[[f64; 2]; 2]) -> f64 {
    of[0][0] * of[1][1] - of[0][1] * of[1][0]
}

/// The median; 0 for none.
pub(super) fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
