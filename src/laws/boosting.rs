//! Gradient-boosted regression trees: squared error, binned values, leaves split best-first, as LightGBM grows them.
//!
//! Written out rather than taken from a crate because a fit is a vector of numbers here: trees that come back as one can
//! be kept, compared, resampled and drawn from like any other law's θ.

use std::ops::Range;

/// How trees are grown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Settings {
    pub rounds: usize,
    pub rate: f64,
    pub leaves: usize,
    pub least_in_leaf: usize,
}

/// Most bins per feature, and fewest rows in one, as in LightGBM.
const BINS: usize = 255;
const LEAST_IN_BIN: usize = 3;
/// Numbers per node in the flat form: feature (−1 for a leaf), threshold, left, right, value.
const NODE: usize = 5;

/// Features whose sums are made abreast: one addition need not wait for another.
const ABREAST: usize = 4;

/// Rows as bins, feature by feature, and sorted by each feature once for all trees: a leaf's rows stay sorted when it is
/// split, so that a split is found by one pass over the rows it could part, not over the bins of every feature.
struct Binned {
    bins: Vec<Vec<u8>>,
    /// The largest value of each bin but the last, by feature: a row goes left of a split when its value is at most that.
    edges: Vec<Vec<f64>>,
    /// Features of more than one bin: no other can be split by.
    split_by: Vec<usize>,
    /// Rows by bin, then by index, one feature of `split_by` after the other.
    sorted: Vec<u32>,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    sum: f64,
    weight: f64,
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    /// Index into `split_by`.
    feature: usize,
    bin: usize,
}

struct Leaf {
    node: usize,
    rows: Range<usize>,
    total: Cell,
    best: Option<Split>,
}

/// What one fit works with.
struct Boosting<'a> {
    binned: &'a Binned,
    weight: &'a [f64],
    /// Whether every row counts once: then weights need not be added up.
    even: bool,
    /// 1/n for n rows.
    inverse: Vec<f64>,
    settings: &'a Settings,
    residual: Vec<f64>,
    /// Rows of each leaf, sorted by each feature: as long as `Binned::sorted`.
    order: Vec<u32>,
    /// Whether a row is on the left of the split under way.
    left: Vec<bool>,
    spare: Vec<u32>,
}

/// Boosts `y` over the columns of `x`; the answer is flat: base, number of trees, then for each its nodes.
pub(super) fn boost(x: &[Vec<f64>], y: &[f64], weight: &[f64], settings: &Settings) -> Vec<f64> {
    let n = y.len();
    let total: f64 = weight.iter().sum();
    let base = y.iter().zip(weight).map(|(y, w)| y * w).sum::<f64>() / total.max(1e-300);
    let binned = bin(x, n);
    let mut flat = vec![base, 0.0];
    #[allow(clippy::cast_precision_loss)]
    let inverse = (0..=n).map(|n| 1.0 / (n.max(1) as f64)).collect();
    let mut boosting = Boosting {
        weight,
        even: weight.iter().all(|w| *w == 1.0),
        inverse,
        settings,
        residual: y.iter().map(|y| y - base).collect(),
        order: binned.sorted.clone(),
        left: vec![false; n],
        spare: vec![0; n],
        binned: &binned,
    };
    for _ in 0..settings.rounds {
        if !boosting.grow(&mut flat) {
            break;
        }
        flat[1] += 1.0;
    }
    flat
}

/// The prediction for one row given by its features.
pub(super) fn predict(flat: &[f64], row: impl Fn(usize) -> f64) -> f64 {
    let [base, trees, rest @ ..] = flat else { return 0.0 };
    let mut sum = *base;
    let mut at = 0;
    let mut left = *trees;
    while left >= 1.0 && at < rest.len() {
        let nodes = index(rest[at]);
        sum += walk(&rest[at + 1..at + 1 + nodes * NODE], &row);
        at += 1 + nodes * NODE;
        left -= 1.0;
    }
    sum
}

/// The value of the leaf a row falls into.
fn walk(nodes: &[f64], row: &impl Fn(usize) -> f64) -> f64 {
    let mut node = 0;
    while let [feature, threshold, left, right, value] = nodes[node * NODE..(node + 1) * NODE] {
        if feature < 0.0 {
            return value;
        }
        node = index(if row(index(feature)) <= threshold { left } else { right });
    }
    0.0
}

/// A number that was an index before it was put among numbers.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn index(v: f64) -> usize {
    v as usize
}

/// Bins by rank: as many rows in each as ties allow, edges halfway between the values on either side.
fn bin(x: &[Vec<f64>], rows: usize) -> Binned {
    let mut all = Binned { bins: Vec::new(), edges: Vec::new(), split_by: Vec::new(), sorted: Vec::new() };
    for (feature, column) in x.iter().enumerate() {
        let mut sorted = column.clone();
        sorted.sort_by(f64::total_cmp);
        let least = LEAST_IN_BIN.max(sorted.len().div_ceil(BINS));
        let mut edges = Vec::new();
        let mut inside = 0;
        for pair in sorted.windows(2) {
            inside += 1;
            if inside >= least && pair[0] < pair[1] {
                edges.push(0.5 * (pair[0] + pair[1]));
                inside = 0;
            }
        }
        edges.truncate(BINS - 1);
        let bins: Vec<u8> =
            column.iter().map(|v| u8::try_from(edges.partition_point(|e| e < v)).unwrap_or(u8::MAX)).collect();
        if !edges.is_empty() {
            let mut by_bin: Vec<u32> = (0..u32::try_from(rows).unwrap_or(0)).collect();
            by_bin.sort_by_key(|row| bins[*row as usize]);
            all.split_by.push(feature);
            all.sorted.extend(by_bin);
        }
        all.bins.push(bins);
        all.edges.push(edges);
    }
    all
}

impl Boosting<'_> {
    /// Grows one tree, best leaf first, appends it to `flat` and takes it from the residuals; false where no split helps.
    fn grow(&mut self, flat: &mut Vec<f64>) -> bool {
        let n = self.residual.len();
        let start = flat.len();
        if self.binned.split_by.is_empty() {
            return false;
        }
        flat.push(1.0);
        flat.extend([-1.0, 0.0, 0.0, 0.0, 0.0]);
        self.order.copy_from_slice(&self.binned.sorted);
        let mut leaves = vec![self.leaf(0, 0..n)];
        let mut nodes = 1;
        while leaves.len() < self.settings.leaves {
            let gain = |l: &Leaf| l.best.map_or(0.0, |s| s.gain);
            let Some(best) = (0..leaves.len()).max_by(|a, b| gain(&leaves[*a]).total_cmp(&gain(&leaves[*b]))) else {
                break;
            };
            let Some(split) = leaves[best].best else { break };
            let parent = leaves.swap_remove(best);
            let middle = self.part(&parent.rows, &split);
            let feature = self.binned.split_by[split.feature];
            let at = start + 1 + parent.node * NODE;
            #[allow(clippy::cast_precision_loss)]
            flat[at..at + 4].copy_from_slice(&[
                feature as f64,
                self.binned.edges[feature][split.bin],
                nodes as f64,
                (nodes + 1) as f64,
            ]);
            flat.extend([-1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0]);
            leaves.push(self.leaf(nodes, parent.rows.start..middle));
            leaves.push(self.leaf(nodes + 1, middle..parent.rows.end));
            nodes += 2;
        }
        for leaf in &leaves {
            let value = self.settings.rate * leaf.total.sum / leaf.total.weight.max(1e-300);
            flat[start + 1 + leaf.node * NODE + 4] = value;
            if nodes > 1 {
                self.order[leaf.rows.clone()].iter().for_each(|row| self.residual[*row as usize] -= value);
            }
        }
        #[allow(clippy::cast_precision_loss)]
        {
            flat[start] = nodes as f64;
        }
        if nodes == 1 {
            flat.truncate(start);
        }
        nodes > 1
    }

    /// Parts the rows of a leaf in two, in the order of every feature; returns where the right part begins.
    fn part(&mut self, rows: &Range<usize>, split: &Split) -> usize {
        let n = self.residual.len();
        let bins = &self.binned.bins[self.binned.split_by[split.feature]];
        for row in &self.order[rows.clone()] {
            self.left[*row as usize] = usize::from(bins[*row as usize]) <= split.bin;
        }
        let mut middle = rows.start;
        for feature in 0..self.binned.split_by.len() {
            let order = &mut self.order[feature * n + rows.start..feature * n + rows.end];
            let (mut kept, mut others) = (0, 0);
            for i in 0..order.len() {
                let row = order[i];
                // Both are written and one counts: which side a row is on cannot be foretold.
                order[kept] = row;
                self.spare[others] = row;
                let left = usize::from(self.left[row as usize]);
                kept += left;
                others += 1 - left;
            }
            order[kept..].copy_from_slice(&self.spare[..others]);
            middle = rows.start + kept;
        }
        middle
    }

    fn leaf(&self, node: usize, rows: Range<usize>) -> Leaf {
        let mut total = Cell::default();
        for row in self.order[rows.clone()].iter().map(|r| *r as usize) {
            total.sum += self.weight[row] * self.residual[row];
            total.weight += self.weight[row];
        }
        let best =
            if self.even { self.best_split::<true>(&rows, &total) } else { self.best_split::<false>(&rows, &total) };
        Leaf { node, rows, total, best }
    }

    /// The split that lowers the squared error most and leaves enough rows on either side.
    fn best_split<const EVEN: bool>(&self, rows: &Range<usize>, total: &Cell) -> Option<Split> {
        let (n, count, least) = (self.residual.len(), rows.len(), self.settings.least_in_leaf.max(1));
        if count < 2 * least {
            return None;
        }
        let whole = total.sum * total.sum / total.weight.max(1e-300);
        let mut best: Option<Split> = None;
        let mut most = whole + 1e-15;
        let features = self.binned.split_by.len();
        for first in (0..features).step_by(ABREAST) {
            // The last of them stands in for those that there are not.
            let feature: [usize; ABREAST] = std::array::from_fn(|l| (first + l).min(features - 1));
            let order = feature.map(|f| &self.order[f * n + rows.start..f * n + rows.end]);
            let (mut left, mut weight) = ([0.0; ABREAST], [0.0; ABREAST]);
            let take = |i: usize, left: &mut [f64; ABREAST], weight: &mut [f64; ABREAST]| {
                for l in 0..ABREAST {
                    let row = order[l][i] as usize;
                    if EVEN {
                        left[l] += self.residual[row];
                    } else {
                        left[l] += self.weight[row] * self.residual[row];
                        weight[l] += self.weight[row];
                    }
                }
            };
            (0..least - 1).for_each(|i| take(i, &mut left, &mut weight));
            for i in least - 1..count - least {
                take(i, &mut left, &mut weight);
                for l in 0..ABREAST {
                    let right = total.sum - left[l];
                    let score = if EVEN {
                        left[l] * left[l] * self.inverse[i + 1] + right * right * self.inverse[count - i - 1]
                    } else {
                        left[l] * left[l] / weight[l].max(1e-300)
                            + right * right / (total.weight - weight[l]).max(1e-300)
                    };
                    if score > most {
                        let bins = &self.binned.bins[self.binned.split_by[feature[l]]];
                        let bin = bins[order[l][i] as usize];
                        // Rows of one bin stay together.
                        if bin != bins[order[l][i + 1] as usize] {
                            most = score;
                            best = Some(Split { gain: score - whole, feature: feature[l], bin: usize::from(bin) });
                        }
                    }
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_staircase_is_learned_and_the_flat_form_predicts_it() {
        let x: Vec<f64> = (0..400).map(|i| f64::from(i) / 400.0).collect();
        let noise: Vec<f64> = (0..400).map(|i| f64::from(i * 7919 % 400)).collect();
        // Steps after 120 and 240 rows: between bins, which hold three rows each.
        let y: Vec<f64> = (0..400)
            .map(|i| {
                if i < 120 {
                    1.0
                } else if i < 240 {
                    2.0
                } else {
                    3.0
                }
            })
            .collect();
        let settings = Settings { rounds: 300, rate: 0.1, leaves: 4, least_in_leaf: 5 };
        let columns = [noise.clone(), x.clone()];
        let flat = boost(&columns, &y, &vec![1.0; 400], &settings);
        for i in 0..400 {
            let got = predict(&flat, |f| columns[f][i]);
            assert!((got - y[i]).abs() < 1e-3, "{i}: {got} {}", y[i]);
        }
        assert!(flat.iter().all(|v| v.is_finite()));
    }

    #[test]
    fn constants_and_too_few_rows_give_the_mean() {
        let settings = Settings { rounds: 10, rate: 0.1, leaves: 4, least_in_leaf: 5 };
        for (x, y) in [(vec![vec![1.0; 30]], vec![2.0; 30]), (vec![vec![1.0, 2.0]], vec![2.0, 2.0])] {
            let flat = boost(&x, &y, &vec![1.0; y.len()], &settings);
            assert_eq!(predict(&flat, |_| 0.0), 2.0);
        }
    }
}
