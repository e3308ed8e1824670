//! Gradient-boosted regression trees: squared error, histograms, leaves split best-first, as LightGBM grows them.
//!
//! Written out rather than taken from a crate because a fit is a vector of numbers here: trees that come back as one can
//! be kept, compared, resampled and drawn from like any other law's θ.

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

/// Rows as bins, feature by feature.
struct Binned {
    bins: Vec<Vec<u8>>,
    /// The largest value of each bin but the last, by feature: a row goes left of a split when its value is at most that.
    edges: Vec<Vec<f64>>,
    /// Where each feature's bins start among all features', and where the last's end.
    starts: Vec<usize>,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    sum: f64,
    weight: f64,
    count: f64,
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    feature: usize,
    bin: usize,
}

struct Leaf {
    node: usize,
    rows: std::ops::Range<usize>,
    histogram: Vec<Cell>,
    total: Cell,
    best: Option<Split>,
}

/// Boosts `y` over the columns of `x`; the answer is flat: base, number of trees, then for each its nodes.
pub(super) fn boost(x: &[Vec<f64>], y: &[f64], weight: &[f64], settings: &Settings) -> Vec<f64> {
    let n = y.len();
    let total: f64 = weight.iter().sum();
    let base = y.iter().zip(weight).map(|(y, w)| y * w).sum::<f64>() / total.max(1e-300);
    let binned = bin(x);
    let mut flat = vec![base, 0.0];
    let mut residual: Vec<f64> = y.iter().map(|y| y - base).collect();
    let mut order: Vec<u32> = (0..u32::try_from(n).unwrap_or(0)).collect();
    for _ in 0..settings.rounds {
        let grown = grow(&binned, &mut residual, weight, &mut order, settings, &mut flat);
        if !grown {
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
fn bin(x: &[Vec<f64>]) -> Binned {
    let mut all = Binned { bins: Vec::new(), edges: Vec::new(), starts: vec![0] };
    for column in x {
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
        all.bins
            .push(column.iter().map(|v| u8::try_from(edges.partition_point(|e| e < v)).unwrap_or(u8::MAX)).collect());
        all.starts.push(all.starts[all.starts.len() - 1] + edges.len() + 1);
        all.edges.push(edges);
    }
    all
}

/// Grows one tree, best leaf first, appends it to `flat` and takes it from the residuals; false where no split helps.
fn grow(
    binned: &Binned,
    residual: &mut [f64],
    weight: &[f64],
    order: &mut [u32],
    settings: &Settings,
    flat: &mut Vec<f64>,
) -> bool {
    let start = flat.len();
    flat.push(1.0);
    flat.extend([-1.0, 0.0, 0.0, 0.0, 0.0]);
    let histogram = histogram(binned, residual, weight, order);
    let all = total(residual, weight, order);
    let mut leaves = vec![leaf(binned, 0, 0..order.len(), histogram, all, settings)];
    let mut nodes = 1;
    while leaves.len() < settings.leaves {
        let gain = |l: &Leaf| l.best.map_or(0.0, |s| s.gain);
        let Some(best) = (0..leaves.len()).max_by(|a, b| gain(&leaves[*a]).total_cmp(&gain(&leaves[*b]))) else {
            break;
        };
        let Some(split) = leaves[best].best else { break };
        let parent = leaves.swap_remove(best);
        let rows = &mut order[parent.rows.clone()];
        let bins = &binned.bins[split.feature];
        // Stable, so that the order of additions, and with it every digit, is the same everywhere.
        rows.sort_by_key(|r| usize::from(bins[*r as usize]) > split.bin);
        let on_left = rows.partition_point(|r| usize::from(bins[*r as usize]) <= split.bin);
        let middle = parent.rows.start + on_left;
        let at = start + 1 + parent.node * NODE;
        #[allow(clippy::cast_precision_loss)]
        flat[at..at + 4].copy_from_slice(&[
            split.feature as f64,
            binned.edges[split.feature][split.bin],
            nodes as f64,
            (nodes + 1) as f64,
        ]);
        flat.extend([-1.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0]);
        let (left, right) = (parent.rows.start..middle, middle..parent.rows.end);
        let left_is_small = left.len() <= right.len();
        let small = if left_is_small { left.clone() } else { right.clone() };
        // Leaves too small to be split again need no histogram; the other child's is the parent's less the small one's.
        let splittable = |rows: &std::ops::Range<usize>| rows.len() >= 2 * settings.least_in_leaf;
        let large = if left_is_small { &right } else { &left };
        let (mut of_large, mut of_small) = (Vec::new(), Vec::new());
        if splittable(large) {
            of_small = self::histogram(binned, residual, weight, &order[small.clone()]);
            of_large = parent.histogram;
            of_large.iter_mut().zip(&of_small).for_each(|(p, s)| *p = p.minus(s));
        }
        if !splittable(&small) {
            of_small.clear();
        }
        let (of_left, of_right) = if left_is_small { (of_small, of_large) } else { (of_large, of_small) };
        for (node, rows, histogram) in [(nodes, left, of_left), (nodes + 1, right, of_right)] {
            let total = total(residual, weight, &order[rows.clone()]);
            leaves.push(leaf(binned, node, rows, histogram, total, settings));
        }
        nodes += 2;
    }
    for leaf in &leaves {
        let value = settings.rate * leaf.total.sum / leaf.total.weight.max(1e-300);
        flat[start + 1 + leaf.node * NODE + 4] = value;
        if nodes > 1 {
            order[leaf.rows.clone()].iter().for_each(|row| residual[*row as usize] -= value);
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

impl Cell {
    fn minus(&self, other: &Self) -> Self {
        Self { sum: self.sum - other.sum, weight: self.weight - other.weight, count: self.count - other.count }
    }

    fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.weight += other.weight;
        self.count += other.count;
    }

    fn score(&self) -> f64 {
        self.sum * self.sum / self.weight.max(1e-300)
    }
}

/// Sums by feature and bin.
fn histogram(binned: &Binned, residual: &[f64], weight: &[f64], rows: &[u32]) -> Vec<Cell> {
    let mut cells = vec![Cell::default(); binned.starts[binned.bins.len()]];
    for (bins, range) in binned.bins.iter().zip(binned.starts.windows(2)) {
        let cells = &mut cells[range[0]..range[1]];
        for row in rows {
            let row = *row as usize;
            let w = weight[row];
            cells[usize::from(bins[row])].add(&Cell { sum: w * residual[row], weight: w, count: 1.0 });
        }
    }
    cells
}

/// Sums over rows.
fn total(residual: &[f64], weight: &[f64], rows: &[u32]) -> Cell {
    let mut total = Cell::default();
    for row in rows.iter().map(|r| *r as usize) {
        total.add(&Cell { sum: weight[row] * residual[row], weight: weight[row], count: 1.0 });
    }
    total
}

fn leaf(
    binned: &Binned,
    node: usize,
    rows: std::ops::Range<usize>,
    histogram: Vec<Cell>,
    total: Cell,
    settings: &Settings,
) -> Leaf {
    let best = if histogram.is_empty() { None } else { best_split(binned, &histogram, &total, settings) };
    Leaf { node, rows, histogram, total, best }
}

fn best_split(binned: &Binned, histogram: &[Cell], total: &Cell, settings: &Settings) -> Option<Split> {
    #[allow(clippy::cast_precision_loss)]
    let least = settings.least_in_leaf as f64;
    let whole = total.score();
    let mut best: Option<Split> = None;
    let mut most = 1e-15;
    for (feature, range) in binned.starts.windows(2).enumerate() {
        let mut left = Cell::default();
        for (bin, cell) in histogram[range[0]..range[1]].iter().enumerate() {
            if cell.count == 0.0 {
                continue;
            }
            left.add(cell);
            let right = total.minus(&left);
            if right.count < least {
                break;
            }
            if left.count < least {
                continue;
            }
            let gain = left.score() + right.score() - whole;
            if gain > most {
                most = gain;
                best = Some(Split { gain, feature, bin });
            }
        }
    }
    best
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
