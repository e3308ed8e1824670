//! The linear programme of Hayase et al. 2024 (arXiv 2407.16607, section 3): shares α of the corpora for which the pair that each
//! merge chose is at least as frequent as every other pair then.
//!
//! ```text
//! minimise   Σ_t v_t + Σ_p v_p
//! subject to Σ_i α_i (c_i,m(t) − c_i,p) + v_t + v_p ≥ 0   for each merge t and each pair p,   Σ_i α_i = 1,   α, v ≥ 0
//! ```
//!
//! c_i,p is how often pair p occurs a byte of corpus i after the merges before t. The constraints are too many to write down
//! (merges times pairs): those that the last solution breaks are added, until it breaks none.
//!
//! For given shares the slacks are a cover ([`cover`]), whose value is the greatest that some of the constraints, no two of one merge
//! or one pair, are broken by together. As a function of the shares each such set is a plane below the optimum, of few dimensions: the
//! shares are the lowest point of the planes so far, and the set there is the next plane (Kelley 1960; Benders 1962). Planes stay
//! below when constraints are added, so that no solution begins anew.

use super::cover::cover;
use super::history::{History, Step};
use crate::fit::gram::dot;
use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, Variable};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Frequencies are in pairs in so many bytes, so that slacks are neither tiny nor huge.
const PER_BYTES: f64 = 1e5;
/// A constraint that is broken by less than this share of the chosen pair's frequency counts as held: samples of megabytes are
/// not as sure as that.
const TOLERANCE: f64 = 2e-3;
/// Rivals of one merge that are added at once.
const RIVALS: usize = 5;
/// Constraints that are added before the next solution: those of early merges move the shares most.
const AT_ONCE: usize = 600;
/// Solutions at most.
const ROUNDS: usize = 200;
/// Planes that are added for one solution, at most.
const PLANES: usize = 2000;
/// A solution is one whose slacks are above the lowest that the planes allow by less than this part.
const GAP: f64 = 1e-9;
/// The same while many constraints are still missing.
const ROUGH: f64 = 1e-2;

/// A solution.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Solved {
    /// Shares of the bytes, one a corpus; their sum is 1.
    pub(super) shares: Vec<f64>,
    /// Mean over the merges of how frequent the chosen pair is in this mixture, divided by the most frequent pair then; pairs that
    /// the samples have too often throughout are taken for as frequent as the solution says.
    pub(super) agreement: f64,
}

/// Why there is no solution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// The solver gave up; its words.
    #[error("the linear programme has no solution: {0}")]
    Solver(String),
}

/// A pair with its frequency less its slack, greatest first.
#[derive(Clone, Copy, PartialEq)]
struct Rival(f64, usize);

impl Eq for Rival {}

impl Ord for Rival {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

impl PartialOrd for Rival {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// That pair `pair` may not be more frequent than what merge `step` chose; `lead` by how much it is not, a corpus.
struct Constraint {
    step: usize,
    pair: usize,
    lead: Vec<f64>,
}

/// Solves it. `bytes`: those of each corpus that the counts are from.
///
/// # Errors
/// [`ProgramError`].
pub(super) fn solve(history: &History, bytes: &[u64]) -> Result<Solved, ProgramError> {
    #[allow(clippy::cast_precision_loss)]
    let per_byte: Vec<f64> = bytes.iter().map(|bytes| PER_BYTES / (*bytes).max(1) as f64).collect();
    #[allow(clippy::cast_precision_loss)]
    let mut solved: Solution = (vec![1.0 / history.corpora as f64; history.corpora], BTreeMap::new(), BTreeMap::new());
    let mut known = Known::default();
    let mut planes: Vec<Vec<f64>> = Vec::new();
    let mut gap = ROUGH;
    for _ in 0..ROUNDS {
        let fresh = broken(history, &per_byte, &solved, &known.keys);
        if fresh.is_empty() && gap < ROUGH {
            break;
        }
        gap = if fresh.len() < AT_ONCE / 4 { GAP } else { ROUGH };
        known.extend(fresh);
        solved = solution(solved.0, &known, &mut planes, gap)?;
    }
    let agreement = agreement(history, &per_byte, &solved);
    Ok(Solved { shares: solved.0, agreement })
}

/// Shares, slacks of the merges and slacks of the pairs.
type Solution = (Vec<f64>, BTreeMap<usize, f64>, BTreeMap<usize, f64>);

/// The constraints so far, with the merges and pairs they are of numbered in the order they came.
#[derive(Default)]
struct Known {
    keys: BTreeSet<(usize, usize)>,
    steps: Vec<usize>,
    pairs: Vec<usize>,
    row_of: BTreeMap<usize, usize>,
    column_of: BTreeMap<usize, usize>,
    /// Of each pair the numbers of the merges, and their leads over it.
    rows: Vec<Vec<(usize, Vec<f64>)>>,
}

impl Known {
    fn extend(&mut self, fresh: Vec<Constraint>) {
        for Constraint { step, pair, lead } in fresh {
            self.keys.insert((step, pair));
            let row = *self.row_of.entry(pair).or_insert(self.pairs.len());
            if row == self.pairs.len() {
                self.pairs.push(pair);
                self.rows.push(Vec::new());
            }
            let column = *self.column_of.entry(step).or_insert(self.steps.len());
            if column == self.steps.len() {
                self.steps.push(step);
            }
            self.rows[row].push((column, lead));
        }
    }

    /// The best slacks for these shares, and the plane that they lie on.
    fn slacks(&self, shares: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let by = |lead: &[f64]| -dot(shares, lead);
        let weights: Vec<Vec<(usize, f64)>> =
            self.rows.iter().map(|row| row.iter().map(|(column, lead)| (*column, by(lead))).collect()).collect();
        let cover = cover(&weights, self.steps.len());
        let mut plane = vec![0.0; shares.len()];
        for (row, column) in self.rows.iter().zip(&cover.matched) {
            let lead = row.iter().find(|(own, _)| Some(*own) == *column);
            lead.into_iter().for_each(|(_, lead)| plane.iter_mut().zip(lead).for_each(|(sum, lead)| *sum -= lead));
        }
        (cover.rows, cover.columns, plane)
    }
}

/// The shares with the least slacks under the known constraints; `planes` are below the slacks, and those that are found on the way are
/// added.
fn solution(
    mut shares: Vec<f64>,
    known: &Known,
    planes: &mut Vec<Vec<f64>>,
    gap: f64,
) -> Result<Solution, ProgramError> {
    let mut least = 0.0;
    let mut slacks = known.slacks(&shares);
    for _ in 0..PLANES {
        let value = dot(&shares, &slacks.2);
        if value - least <= gap * value {
            break;
        }
        planes.push(slacks.2);
        (shares, least) = lowest(shares.len(), planes)?;
        slacks = known.slacks(&shares);
    }
    let (rows, columns, _) = slacks;
    let of = |keys: &[usize], values: Vec<f64>| keys.iter().copied().zip(values).collect();
    Ok((shares, of(&known.steps, columns), of(&known.pairs, rows)))
}

/// The shares at which the highest of some planes is lowest, and how high it is there.
fn lowest(corpora: usize, planes: &[Vec<f64>]) -> Result<(Vec<f64>, f64), ProgramError> {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let shares: Vec<Variable> = (0..corpora).map(|_| problem.add_var(0.0, (0.0, 1.0))).collect();
    let height = problem.add_var(1.0, (0.0, f64::INFINITY));
    let sum: Vec<(Variable, f64)> = shares.iter().map(|share| (*share, 1.0)).collect();
    problem.add_constraint(sum, ComparisonOp::Eq, 1.0);
    for plane in planes {
        let mut expression = LinearExpr::empty();
        expression.add(height, 1.0);
        shares.iter().zip(plane).for_each(|(share, by)| expression.add(*share, -by));
        problem.add_constraint(expression, ComparisonOp::Ge, 0.0);
    }
    let failed = |what: String| ProgramError::Solver(what);
    let solved = problem.solve().map_err(|e| failed(e.to_string()))?;
    let solved = solved.into_solution().map_err(|_| failed("it was interrupted".to_owned()))?;
    let mut found: Vec<f64> = shares.iter().map(|share| solved.var_value(*share).max(0.0)).collect();
    let sum: f64 = found.iter().sum();
    found.iter_mut().for_each(|share| *share /= sum);
    Ok((found, solved.var_value(height)))
}

/// The merges gone through in order, with the frequency of every pair before each.
struct Sweep<'h> {
    history: &'h History,
    /// Shares times frequency of one occurrence, a corpus.
    weights: Vec<f64>,
    slacks: &'h BTreeMap<usize, f64>,
    counts: Vec<i64>,
    /// Frequency less slack of each pair.
    now: Vec<f64>,
    /// The same, greatest first; those that are not in `now` any more are stale.
    heap: BinaryHeap<Rival>,
}

impl<'h> Sweep<'h> {
    fn new(history: &'h History, weights: Vec<f64>, slacks: &'h BTreeMap<usize, f64>) -> Self {
        let mut counts = history.first.clone();
        counts.resize(history.pairs * history.corpora, 0);
        let mut sweep =
            Self { history, weights, slacks, now: vec![0.0; history.pairs], counts, heap: BinaryHeap::new() };
        for pair in 0..history.pairs {
            sweep.now[pair] = sweep.frequency(pair) - sweep.slack(pair);
        }
        sweep.heap = sweep.now.iter().enumerate().map(|(pair, now)| Rival(*now, pair)).collect();
        sweep
    }

    fn row(&self, pair: usize) -> &[i64] {
        &self.counts[pair * self.history.corpora..(pair + 1) * self.history.corpora]
    }

    #[allow(clippy::cast_precision_loss)]
    fn frequency(&self, pair: usize) -> f64 {
        self.row(pair).iter().zip(&self.weights).map(|(count, weight)| *count as f64 * weight).sum()
    }

    fn slack(&self, pair: usize) -> f64 {
        self.slacks.get(&pair).copied().unwrap_or(0.0)
    }

    /// What the merge chose; none if the samples have no trace of it, so that it says nothing of them.
    fn chosen(&self, step: Step) -> Option<usize> {
        step.pair.map(|pair| pair as usize).filter(|pair| self.row(*pair).iter().any(|count| *count > 0))
    }

    /// Pairs above a frequency (less slack), greatest first, at most `most`.
    fn above(&mut self, least: f64, most: usize) -> Vec<Rival> {
        let mut found: Vec<Rival> = Vec::new();
        while let Some(rival) = self.heap.pop() {
            #[allow(clippy::float_cmp)]
            let stale = rival.0 != self.now[rival.1] || found.last() == Some(&rival);
            if stale {
                continue;
            }
            if rival.0 <= least || found.len() == most {
                self.heap.push(rival);
                break;
            }
            found.push(rival);
        }
        self.heap.extend(found.iter().copied());
        found
    }

    /// Applies a merge.
    fn apply(&mut self, step: Step) {
        let corpora = self.history.corpora;
        for (pair, by) in self.history.changes(step) {
            let row = &mut self.counts[pair * corpora..(pair + 1) * corpora];
            row.iter_mut().zip(by).for_each(|(count, by)| *count += i64::from(*by));
            self.now[pair] = self.frequency(pair) - self.slack(pair);
            self.heap.push(Rival(self.now[pair], pair));
        }
    }
}

/// Constraints that a solution breaks and that are not known yet, from the first merge on, at most [`AT_ONCE`] and a few.
fn broken(
    history: &History,
    per_byte: &[f64],
    (shares, of_step, of_pair): &Solution,
    known: &BTreeSet<(usize, usize)>,
) -> Vec<Constraint> {
    let mut fresh = Vec::new();
    let mut sweep = Sweep::new(history, weights(shares, per_byte), of_pair);
    for (at, step) in history.steps.iter().enumerate() {
        if let Some(chosen) = sweep.chosen(*step) {
            let least = (1.0 + TOLERANCE) * sweep.frequency(chosen) + of_step.get(&at).copied().unwrap_or(0.0);
            for Rival(_, pair) in sweep.above(least, RIVALS) {
                if pair != chosen && !known.contains(&(at, pair)) {
                    let rows = sweep.row(chosen).iter().zip(sweep.row(pair)).zip(per_byte);
                    #[allow(clippy::cast_precision_loss)]
                    let lead = rows.map(|((chosen, rival), rate)| (chosen - rival) as f64 * rate).collect();
                    fresh.push(Constraint { step: at, pair, lead });
                }
            }
        }
        if fresh.len() >= AT_ONCE {
            break;
        }
        sweep.apply(*step);
    }
    fresh
}

/// Mean over the merges of the chosen pair's frequency divided by the greatest one then, of those less their slacks.
fn agreement(history: &History, per_byte: &[f64], (shares, _, of_pair): &Solution) -> f64 {
    let mut sweep = Sweep::new(history, weights(shares, per_byte), of_pair);
    let (mut sum, mut merges) = (0.0, 0.0);
    for step in &history.steps {
        if let Some(chosen) = sweep.chosen(*step) {
            let greatest = sweep.above(0.0, 1).first().map_or(0.0, |rival| rival.0);
            sum += (sweep.frequency(chosen) / greatest.max(f64::MIN_POSITIVE)).min(1.0);
            merges += 1.0;
        }
        sweep.apply(*step);
    }
    if merges > 0.0 { sum / merges } else { 0.0 }
}

fn weights(shares: &[f64], per_byte: &[f64]) -> Vec<f64> {
    shares.iter().zip(per_byte).map(|(share, rate)| share * rate).collect()
}
