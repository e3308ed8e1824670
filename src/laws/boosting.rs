//! Gradient-boosted regression trees: squared error, binned values, leaves split best-first, as LightGBM grows them.
//!
//! Written out rather than taken from a crate because a fit is a vector of numbers here: trees that come back as one can
//! be kept, compared, resampled and drawn from like any other law's θ.
//!
//! The numbers are in the order in which predictions read them ([`Ensemble`]): all thresholds of one feature after the other, each
//! with the leaves of its tree that lie behind it, so that a prediction is one pass over the thresholds below the row's values
//! and not a walk through a thousand trees that lie far apart in memory (QuickScorer, Lucchese et al. 2015).

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
/// Most leaves of a tree: one bit for each.
const MOST_LEAVES: usize = 32;
/// What a tree's number is multiplied by beside the mask of 32 bits in one number.
const TREE: u64 = 1 << 32;

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

/// A node of a tree under way: a split with the nodes on its sides, or a leaf with its value.
#[derive(Clone, Copy)]
enum Node {
    Split { feature: usize, threshold: f64, left: usize, right: usize },
    Leaf(f64),
}

/// Trees in the order in which predictions read them.
#[derive(Default)]
struct Ensemble {
    trees: u64,
    /// Feature, threshold, tree, and a bit for each leaf of the tree that a row may still fall into whose value is above the
    /// threshold.
    splits: Vec<(usize, f64, u64, u32)>,
    /// Where the values of each tree's leaves begin.
    starts: Vec<usize>,
    values: Vec<f64>,
}

impl Ensemble {
    /// Takes a tree whose root is its first node.
    fn push(&mut self, nodes: &[Node]) {
        self.starts.push(self.values.len());
        self.leaves(nodes, 0);
        self.trees += 1;
    }

    /// The leaves below a node, from left to right; returns a bit for each.
    fn leaves(&mut self, nodes: &[Node], node: usize) -> u32 {
        match nodes[node] {
            Node::Leaf(value) => {
                let start = self.starts.last().copied().unwrap_or(0);
                self.values.push(value);
                1 << (self.values.len() - 1 - start)
            }
            Node::Split { feature, threshold, left, right } => {
                let left = self.leaves(nodes, left);
                self.splits.push((feature, threshold, self.trees, !left));
                left | self.leaves(nodes, right)
            }
        }
    }

    /// As numbers: base, trees, features, values; how many thresholds each feature has; where each tree's leaves begin; for each
    /// threshold itself and tree and mask in one; the values.
    #[allow(clippy::cast_precision_loss)]
    fn flat(mut self, base: f64, features: usize) -> Vec<f64> {
        self.splits.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let mut flat = vec![base, self.trees as f64, features as f64];
        flat.extend((0..features).map(|f| self.splits.iter().filter(|split| split.0 == f).count() as f64));
        flat.extend(self.starts.iter().map(|start| *start as f64));
        flat.extend(self.splits.iter().flat_map(|(_, at, tree, mask)| [*at, (tree * TREE + u64::from(*mask)) as f64]));
        flat.extend(self.values);
        flat
    }
}

/// Boosts `y` over the columns of `x`; the answer is flat: see [`Ensemble::flat`].
pub(super) fn boost(x: &[Vec<f64>], y: &[f64], weight: &[f64], settings: &Settings) -> Vec<f64> {
    let n = y.len();
    let total: f64 = weight.iter().sum();
    let base = y.iter().zip(weight).map(|(y, w)| y * w).sum::<f64>() / total.max(1e-300);
    let binned = bin(x, n);
    let mut ensemble = Ensemble::default();
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
        match boosting.grow() {
            Some(nodes) => ensemble.push(&nodes),
            None => break,
        }
    }
    ensemble.flat(base, x.len())
}

/// The predictions for rows given by their features.
pub(super) fn predict(flat: &[f64], rows: Range<usize>, feature: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    let [base, trees, features, rest @ ..] = flat else { return vec![0.0; rows.len()] };
    let (trees, features) = (index(*trees), index(*features));
    let Some((counts, rest)) = rest.split_at_checked(features) else { return vec![*base; rows.len()] };
    let Some((starts, rest)) = rest.split_at_checked(trees) else { return vec![*base; rows.len()] };
    let splits = counts.iter().map(|count| index(*count)).sum::<usize>();
    let Some((splits, values)) = rest.split_at_checked(2 * splits) else { return vec![*base; rows.len()] };
    let mut leaves = vec![u32::MAX; trees];
    let of_row = |row: usize| {
        leaves.fill(u32::MAX);
        let mut from = 0;
        for (f, count) in counts.iter().enumerate() {
            let value = feature(row, f);
            let (all, _) = splits[from..from + 2 * index(*count)].as_chunks::<2>();
            for [_, packed] in all.iter().take_while(|[at, _]| *at < value) {
                let (tree, mask) = unpacked(*packed);
                if let Some(leaves) = leaves.get_mut(tree) {
                    *leaves &= mask;
                }
            }
            from += 2 * index(*count);
        }
        let of_tree = |(leaves, start): (&u32, &f64)| {
            values.get(index(*start) + leaves.trailing_zeros() as usize).copied().unwrap_or(0.0)
        };
        base + leaves.iter().zip(starts).map(of_tree).sum::<f64>()
    };
    rows.map(of_row).collect()
}

/// The tree and the mask that are in one number.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn unpacked(packed: f64) -> (usize, u32) {
    let packed = packed as i64;
    ((packed >> 32) as usize, packed as u32)
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
    /// Grows one tree, best leaf first, and takes it from the residuals; `None` where no split helps.
    fn grow(&mut self) -> Option<Vec<Node>> {
        let n = self.residual.len();
        if self.binned.split_by.is_empty() {
            return None;
        }
        self.order.copy_from_slice(&self.binned.sorted);
        let mut nodes = vec![Node::Leaf(0.0)];
        let mut leaves = vec![self.leaf(0, 0..n)];
        while leaves.len() < self.settings.leaves.min(MOST_LEAVES) {
            let gain = |l: &Leaf| l.best.map_or(0.0, |s| s.gain);
            let Some(best) = (0..leaves.len()).max_by(|a, b| gain(&leaves[*a]).total_cmp(&gain(&leaves[*b]))) else {
                break;
            };
            let Some(split) = leaves[best].best else { break };
            let parent = leaves.swap_remove(best);
            let middle = self.part(&parent.rows, &split);
            let feature = self.binned.split_by[split.feature];
            let threshold = self.binned.edges[feature][split.bin];
            let (left, right) = (nodes.len(), nodes.len() + 1);
            nodes[parent.node] = Node::Split { feature, threshold, left, right };
            nodes.extend([Node::Leaf(0.0); 2]);
            leaves.push(self.leaf(left, parent.rows.start..middle));
            leaves.push(self.leaf(right, middle..parent.rows.end));
        }
        if leaves.len() == 1 {
            return None;
        }
        for leaf in &leaves {
            let value = self.settings.rate * leaf.total.sum / leaf.total.weight.max(1e-300);
            nodes[leaf.node] = Node::Leaf(value);
            self.order[leaf.rows.clone()].iter().for_each(|row| self.residual[*row as usize] -= value);
        }
        Some(nodes)
    }

    /// Parts the rows of a leaf in two, in the order of every feature; returns where the right part begins. Where neither side
    /// can be split again, one order is enough to know its rows by.
    fn part(&mut self, rows: &Range<usize>, split: &Split) -> usize {
        let n = self.residual.len();
        let bins = &self.binned.bins[self.binned.split_by[split.feature]];
        for row in &self.order[rows.clone()] {
            self.left[*row as usize] = usize::from(bins[*row as usize]) <= split.bin;
        }
        let mut middle = rows.start;
        let mut features = self.binned.split_by.len();
        let least = 2 * self.settings.least_in_leaf.max(1);
        let on_left = self.order[rows.clone()].iter().filter(|row| self.left[**row as usize]).count();
        if on_left.max(rows.len() - on_left) < least {
            features = 1;
        }
        for feature in 0..features {
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
        for (i, got) in predict(&flat, 0..400, |i, f| columns[f][i]).into_iter().enumerate() {
            assert!((got - y[i]).abs() < 1e-3, "{i}: {got} {}", y[i]);
        }
        assert!(flat.iter().all(|v| v.is_finite()));
    }

    #[test]
    fn constants_and_too_few_rows_give_the_mean() {
        let settings = Settings { rounds: 10, rate: 0.1, leaves: 4, least_in_leaf: 5 };
        for (x, y) in [(vec![vec![1.0; 30]], vec![2.0; 30]), (vec![vec![1.0, 2.0]], vec![2.0, 2.0])] {
            let flat = boost(&x, &y, &vec![1.0; y.len()], &settings);
            assert_eq!(predict(&flat, 0..1, |_, _| 0.0), [2.0]);
        }
    }
}
