//! The linear programme of Hayase et al. 2024 (arXiv 2407.16607, section 3): shares α of the corpora for which the pair that each
//! merge chose is at least as frequent as every other pair then.
//!
//! ```text
//! minimise   Σ_t v_t + Σ_p v_p
//! subject to Σ_i α_i (c_i,m(t) − c_i,p) + v_t + v_p ≥ 0   for each merge t and each pair p,   Σ_i α_i = 1,   α, v ≥ 0
//! ```
//!
//! c_i,p is how often pair p occurs a byte of corpus i after the merges before t. The constraints are too many to write down
//! (merges times pairs): those that the last solution breaks are added, from the first merge on, until it breaks none.

use super::history::{History, Step};
use microlp::{ComparisonOp, LinearExpr, OptimizationDirection, Problem, Variable};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Frequencies are in pairs in so many bytes, so that slacks are neither tiny nor huge.
const PER_BYTES: f64 = 1e5;
/// A constraint that is broken by less than this share of the chosen pair's frequency counts as held: samples of megabytes are
/// not as sure as that.
const TOLERANCE: f64 = 2e-3;
/// A constraint that is held by more than this (in the same unit) is far from mattering.
const FAR: f64 = 1.0;
/// Rivals of one merge that are added at once.
const RIVALS: usize = 5;
/// Constraints that are added before the next solution: those of early merges move the shares most.
const AT_ONCE: usize = 150;
/// Solutions at most.
const ROUNDS: usize = 200;

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

impl Constraint {
    /// By how much more than it must a solution holds it.
    fn room(&self, (shares, of_step, of_pair): &Solution) -> f64 {
        let lead: f64 = shares.iter().zip(&self.lead).map(|(share, lead)| share * lead).sum();
        let slack = |slacks: &BTreeMap<usize, f64>, key: usize| slacks.get(&key).copied().unwrap_or(0.0);
        lead + slack(of_step, self.step) + slack(of_pair, self.pair)
    }
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
    let mut constraints: Vec<Constraint> = Vec::new();
    let mut known: BTreeSet<(usize, usize)> = BTreeSet::new();
    let mut so_far = 0.0;
    for _ in 0..ROUNDS {
        let mut fresh = broken(history, &per_byte, &solved, &known);
        if fresh.is_empty() {
            break;
        }
        known.extend(fresh.iter().map(|constraint| (constraint.step, constraint.pair)));
        constraints.append(&mut fresh);
        solved = solution(history.corpora, &constraints)?;
        // What is far from mattering is left out while the objective grows, so that this ends; it comes back if it is broken.
        let objective = solved.1.values().chain(solved.2.values()).sum();
        if objective > so_far {
            so_far = objective;
            constraints.retain(|constraint| constraint.room(&solved) < FAR);
            known = constraints.iter().map(|constraint| (constraint.step, constraint.pair)).collect();
        }
    }
    let agreement = agreement(history, &per_byte, &solved);
    Ok(Solved { shares: solved.0, agreement })
}

/// Shares, slacks of the merges and slacks of the pairs.
type Solution = (Vec<f64>, BTreeMap<usize, f64>, BTreeMap<usize, f64>);

fn solution(corpora: usize, constraints: &[Constraint]) -> Result<Solution, ProgramError> {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let shares: Vec<Variable> = (0..corpora).map(|_| problem.add_var(0.0, (0.0, 1.0))).collect();
    let mut of_step: BTreeMap<usize, Variable> = BTreeMap::new();
    let mut of_pair: BTreeMap<usize, Variable> = BTreeMap::new();
    for constraint in constraints {
        of_step.entry(constraint.step).or_insert_with(|| problem.add_var(1.0, (0.0, f64::INFINITY)));
        of_pair.entry(constraint.pair).or_insert_with(|| problem.add_var(1.0, (0.0, f64::INFINITY)));
    }
    let sum: Vec<(Variable, f64)> = shares.iter().map(|share| (*share, 1.0)).collect();
    problem.add_constraint(sum, ComparisonOp::Eq, 1.0);
    for constraint in constraints {
        let mut expression = LinearExpr::empty();
        for (share, lead) in shares.iter().zip(&constraint.lead) {
            expression.add(*share, *lead);
        }
        expression.add(of_step[&constraint.step], 1.0);
        expression.add(of_pair[&constraint.pair], 1.0);
        problem.add_constraint(expression, ComparisonOp::Ge, 0.0);
    }
    let failed = |what: String| ProgramError::Solver(what);
    let solved = problem.solve().map_err(|e| failed(e.to_string()))?;
    let solved = solved.into_solution().map_err(|_| failed("it was interrupted".to_owned()))?;
    let value = |variable: &Variable| solved.var_value(*variable).max(0.0);
    let slacks = |of: &BTreeMap<usize, Variable>| of.iter().map(|(key, variable)| (*key, value(variable))).collect();
    let mut found: Vec<f64> = shares.iter().map(value).collect();
    let sum: f64 = found.iter().sum();
    found.iter_mut().for_each(|share| *share /= sum);
    Ok((found, slacks(&of_step), slacks(&of_pair)))
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
