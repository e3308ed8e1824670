//! How far a loss can be from what it is at the largest runs: what it has changed by with size and tokens so far.

use crate::fit::linalg::{backward, cholesky, forward};
use crate::vocab::{Observations, Scale};

/// Rows beyond the coefficients, at least: fewer say nothing of how sure these are.
const LEAST: usize = 4;
/// A part of the diagonal that is added to it: sizes and tokens often grow together, and what each does alone is then not asked.
const RIDGE: f64 = 1e-9;
/// Standard deviations that are added.
const SURELY: f64 = 2.0;

/// By how much ln L would change from the largest N and D of the rows on to a place if it went on as a power of these, mixture by
/// mixture, with what that is uncertain by; `None` where the rows are too few, or vary in neither. A law that takes losses to stay as they
/// are, or to fall twice as fast, is wrong by so much: losses fall ever more slowly as runs grow.
pub(super) fn change(rows: &Observations, to: &Scale) -> Option<f64> {
    let usable = rows.rows.iter().filter(|row| {
        let known = [row.params, row.tokens, row.loss].iter().all(|x| x.is_finite() && *x > 0.0);
        known && row.mixture.iter().all(|weight| weight.is_finite())
    });
    let domains = rows.domains.len().max(1);
    let line = |row: &crate::vocab::Observation| {
        let mut line = vec![row.params.ln(), row.tokens.ln(), 1.0];
        line.extend(row.mixture.iter().take(domains - 1));
        (line, row.loss.ln())
    };
    let lines: Vec<(Vec<f64>, f64)> = usable.map(line).collect();
    let size = lines.first()?.0.len();
    let most = |i: usize| lines.iter().map(|(line, _)| line[i]).fold(f64::NEG_INFINITY, f64::max);
    let least = |i: usize| lines.iter().map(|(line, _)| line[i]).fold(f64::INFINITY, f64::min);
    if lines.len() < size + LEAST || (0..2).all(|i| most(i) - least(i) < 0.1) {
        return None;
    }
    let middle: Vec<f64> = (0..2).map(|i| 0.5 * (most(i) + least(i))).collect();
    let centred = |line: &[f64], i: usize| if i < 2 { line[i] - middle[i] } else { line[i] };
    let mut products = vec![0.0; size * size];
    let mut right = vec![0.0; size];
    for (line, loss) in &lines {
        for i in 0..size {
            right[i] += centred(line, i) * loss;
            (0..size).for_each(|j| products[i * size + j] += centred(line, i) * centred(line, j));
        }
    }
    let scale = (0..size).map(|i| products[i * size + i]).fold(0.0, f64::max);
    (0..size).for_each(|i| products[i * size + i] += RIDGE * scale);
    let mut factor = vec![0.0; size * size];
    if !cholesky(&products, size, &mut factor) {
        return None;
    }
    forward(&factor, size, &mut right);
    backward(&factor, size, &mut right);
    let squares: f64 = lines
        .iter()
        .map(|(line, loss)| (loss - (0..size).map(|i| right[i] * centred(line, i)).sum::<f64>()).powi(2))
        .sum();
    let variance = squares / (lines.len() - size) as f64;
    let mut along = vec![0.0; size];
    along[0] = (to.params.ln() - most(0)).max(0.0);
    along[1] = (to.tokens.ln() - most(1)).max(0.0);
    let change: f64 = along.iter().zip(&right).map(|(to, slope)| to * slope).sum();
    forward(&factor, size, &mut along);
    let error = (variance * along.iter().map(|part| part * part).sum::<f64>()).sqrt();
    Some(change.abs() + SURELY * error).filter(|most| most.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Observation;

    /// Runs at sizes with twenty times as many tokens, and two mixtures at each.
    fn rows(sizes: &[f64], loss: impl Fn(f64, f64) -> f64) -> Observations {
        let mut rows = Observations { domains: vec!["a".to_owned(), "b".to_owned()], ..Observations::default() };
        for (i, params) in sizes.iter().enumerate() {
            for share in [0.2, 0.5, 0.8] {
                let wobble = 1.0 + 1e-4 * (10.0 * share + i as f64).sin();
                let at = Scale::dense(*params, 20.0 * params).at(vec![share, 1.0 - share]);
                rows.rows.push(Observation { loss: loss(*params, share) * wobble, run: rows.rows.len(), ..at });
            }
        }
        rows
    }

    #[test]
    fn a_loss_is_taken_to_change_no_more_than_it_has_so_far_and_at_least_as_a_power_does() {
        let power = rows(&[1e7, 3e7, 9e7], |n, share| 3.0 * (n / 1e7).powf(-0.05) * (0.1 * share).exp());
        let further = change(&power, &Scale::dense(9e8, 1.8e10)).unwrap();
        assert!((further - 0.05 * 10_f64.ln()).abs() < 2e-3, "{further}");
        assert_eq!(change(&power, &Scale::dense(9e7, 1.8e9)), Some(0.0), "nothing where runs are");
        let floor = rows(&[1e7, 3e7, 9e7], |n, share| 2.0 + (n / 1e7).powf(-0.3) + 0.1 * share);
        let of = |n: f64| 2.0 + (n / 1e7).powf(-0.3) + 0.05;
        assert!(change(&floor, &Scale::dense(9e8, 1.8e10)).unwrap() > (of(9e7) / of(9e8)).ln());
        assert_eq!(change(&rows(&[1e7, 1e7, 1e7], |_, _| 2.0), &Scale::dense(1e9, 1e10)), None, "sizes do not vary");
        assert_eq!(change(&rows(&[1e7, 3e7], |_, _| 2.0), &Scale::dense(1e9, 1e10)), None, "too few rows");
    }
}
