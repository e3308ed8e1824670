//! The cheapest cover of weights: a value for each row and each column such that the two of each weight come to at least that weight,
//! with the smallest sum. By duality that sum is the greatest that weights of different rows and columns have together (Kőnig and
//! Egerváry), and both are found by shortest augmenting paths, a row after another (Jonker and Volgenant 1987, for few weights).

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A cover and what proves that none is cheaper.
#[derive(Debug, Default)]
pub(super) struct Cover {
    /// Value of each row, 0 or more.
    pub(super) rows: Vec<f64>,
    /// Value of each column, 0 or more.
    pub(super) columns: Vec<f64>,
    /// Column that each row is matched with. The weights of these sum to the values.
    pub(super) matched: Vec<Option<usize>>,
}

/// How far a column is from the row that a path begins with.
#[derive(Clone, Copy, PartialEq)]
struct Far(f64, usize);

impl Eq for Far {}

impl Ord for Far {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

impl PartialOrd for Far {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The search for the path of one row; what it has seen is forgotten before the next.
struct Paths {
    /// How far each column is; infinite where it has not been reached.
    far: Vec<f64>,
    /// Row from which it was reached.
    from: Vec<usize>,
    is_done: Vec<bool>,
    reached: Vec<usize>,
    heap: BinaryHeap<Reverse<Far>>,
}

/// Covers weights: of each row its columns (each at most once) with their weights; those of 0 or less need no cover.
pub(super) fn cover(weights: &[Vec<(usize, f64)>], columns: usize) -> Cover {
    let mut cover =
        Cover { rows: vec![0.0; weights.len()], columns: vec![0.0; columns], matched: vec![None; weights.len()] };
    let mut owner: Vec<Option<usize>> = vec![None; columns];
    let mut paths = Paths {
        far: vec![f64::INFINITY; columns],
        from: vec![0; columns],
        is_done: vec![false; columns],
        reached: Vec::new(),
        heap: BinaryHeap::new(),
    };
    for row in 0..weights.len() {
        add(row, weights, &mut cover, &mut owner, &mut paths);
    }
    cover
}

/// Adds a row: it takes a column, whose row takes another one, and so on to a column without a row, or to a row that goes without.
fn add(first: usize, weights: &[Vec<(usize, f64)>], cover: &mut Cover, owner: &mut [Option<usize>], paths: &mut Paths) {
    let needed = weights[first].iter().map(|(column, weight)| weight - cover.columns[*column]);
    cover.rows[first] = needed.fold(0.0, f64::max);
    let (mut row, mut at) = (first, 0.0);
    // How far the nearest end of a row that goes without is, and which row that is.
    let mut without = (f64::INFINITY, first);
    let mut done: Vec<usize> = Vec::new();
    let (end, length) = loop {
        if at + cover.rows[row] < without.0 {
            without = (at + cover.rows[row], row);
        }
        for (column, weight) in &weights[row] {
            let far = at + (cover.rows[row] + cover.columns[*column] - weight).max(0.0);
            if *weight > 0.0 && !paths.is_done[*column] && far < paths.far[*column] {
                if paths.far[*column].is_infinite() {
                    paths.reached.push(*column);
                }
                (paths.far[*column], paths.from[*column]) = (far, row);
                paths.heap.push(Reverse(Far(far, *column)));
            }
        }
        let next = loop {
            match paths.heap.pop() {
                Some(Reverse(Far(_, column))) if paths.is_done[column] => {}
                other => break other.map(|Reverse(far)| far).filter(|far| far.0 < without.0),
            }
        };
        let Some(Far(far, column)) = next else { break (None, without.0) };
        let Some(its) = owner[column] else { break (Some(column), far) };
        paths.is_done[column] = true;
        done.push(column);
        (row, at) = (its, far);
    };
    cover.rows[first] = (cover.rows[first] - length).max(0.0);
    for column in done {
        let by = length - paths.far[column];
        cover.columns[column] += by;
        if let Some(row) = owner[column] {
            cover.rows[row] = (cover.rows[row] - by).max(0.0);
        }
    }
    let mut open = match end {
        Some(column) => Some(column),
        None => std::mem::take(&mut cover.matched[without.1]),
    };
    while let Some(column) = open {
        let row = paths.from[column];
        open = cover.matched[row].replace(column);
        owner[column] = Some(row);
        if row == first {
            break;
        }
    }
    for column in paths.reached.drain(..) {
        paths.far[column] = f64::INFINITY;
        paths.is_done[column] = false;
    }
    paths.heap.clear();
}

#[cfg(test)]
mod tests {
    use super::super::super::random::Random;
    use super::*;

    /// The greatest sum of weights of different rows and columns, by trying all.
    fn greatest(weights: &[Vec<(usize, f64)>], taken: &mut Vec<usize>) -> f64 {
        let Some((first, rest)) = weights.split_first() else { return 0.0 };
        let mut best = greatest(rest, taken);
        for (column, weight) in first {
            if !taken.contains(column) {
                taken.push(*column);
                best = best.max(weight + greatest(rest, taken));
                taken.pop();
            }
        }
        best
    }

    #[test]
    fn a_cover_covers_and_what_it_matches_proves_that_none_is_cheaper() {
        let mut random = Random::new(3, 5);
        for _ in 0..400 {
            let (rows, columns) = (1 + random.below(6), 1 + random.below(6));
            let density = random.uniform(0.1, 1.0);
            let weights: Vec<Vec<(usize, f64)>> = (0..rows)
                .map(|_| {
                    let all: Vec<(usize, f64)> = (0..columns).map(|c| (c, random.uniform(-1.0, 4.0).round())).collect();
                    all.into_iter().filter(|_| random.uniform(0.0, 1.0) < density).collect()
                })
                .collect();
            let found = cover(&weights, columns);
            let mut taken = Vec::new();
            let mut sum = 0.0;
            for (row, of_row) in weights.iter().enumerate() {
                for (column, weight) in of_row {
                    assert!(found.rows[row] + found.columns[*column] >= weight - 1e-12, "{weights:?} {found:?}");
                }
                if let Some(column) = found.matched[row] {
                    assert!(!taken.contains(&column), "{weights:?} {found:?}");
                    taken.push(column);
                    sum += of_row.iter().find(|(c, _)| *c == column).unwrap().1;
                }
            }
            let values = found.rows.iter().chain(&found.columns);
            assert!(values.clone().all(|value| *value >= 0.0), "{found:?}");
            assert!((values.sum::<f64>() - sum).abs() < 1e-9, "{weights:?} {found:?}");
            assert!((greatest(&weights, &mut Vec::new()) - sum).abs() < 1e-9, "{weights:?} {found:?}");
        }
    }
}
