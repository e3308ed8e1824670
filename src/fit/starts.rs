//! Restarts: many starting points, of which only the most promising are optimised to the end.
//!
//! A start is a draw of the exponents; the amplitudes, in which a law is linear, are solved for. Starts then run in
//! heats, on some of the rows: a few steps of plain least squares for those that leave least to explain, then of losses
//! that narrow towards the real one, and the distinct leaders to the end, on all rows. Which start is dropped depends on the heat's results alone, never on which thread
//! finished first, so a seed gives one answer on any machine.

use super::linalg::non_negative;
use super::objective::{Objective, Stop, Workspace};
use super::random::Random;
use super::search::{SearchEnd, newton, quasi_newton};
use crate::laws::{BLOCK, Block, Columns};
use crate::vocab::Ordered;
use rayon::prelude::*;

/// The outcome of one fit of a model to some rows.
#[derive(Debug, Clone)]
pub(super) struct Optimum {
    pub theta: Vec<f64>,
    pub starts: usize,
    pub stopped: String,
}

/// How much to spend on a search.
#[derive(Clone, Copy)]
pub(super) struct Budget<'a> {
    pub seed: u64,
    /// Fresh starts, beside warm ones.
    pub fresh: usize,
    /// Relative decrease of the objective below which a search has arrived.
    pub tolerance: f64,
    /// Whether to go on with quasi-Newton steps to the last digit.
    pub polish: bool,
    /// Whether to go to the middle of what the data do not tell apart, as every fit that is used does.
    pub settle: bool,
    pub stop: Stop<'a>,
}

/// Widths of the loss from heat to heat. At the first, every residual of a sane start is within δ, so that it is least
/// squares; at each, the last one's optimum is near, and Newton steps see the curvature of rows that will be beyond the
/// final δ.
const NARROWING: [f64; 4] = [0.1, 0.02, 5e-3, 2e-3];

/// How many distinct leaders are followed to the end.
const LEADERS: usize = 4;

/// How many starts the second heat of a search has that need not reach the last digit.
const ROUGHLY: usize = 6;

/// Rows per parameter that the first heats look at, where there are more: enough to tell a hopeless start from a good one.
const GLANCE: usize = 12;

/// What moving a parameter by half the width of its starting range may cost, of the objective.
const PULL: f64 = 3e-6;
/// The pull while heats narrow, in units of the loss: keeps starts from running off to where a term is all or nothing and
/// its exponent has no gradient.
const EARLY_PULL: f64 = 0.02;
/// The most that settling may cost, of the objective.
const DEAR: f64 = 2e-5;

/// Searches from `warm` and from fresh starts.
pub(super) fn search(objective: Objective<'_>, warm: &[Vec<f64>], budget: &Budget<'_>) -> Optimum {
    let mut last: Vec<Vec<f64>> = fresh(objective, budget);
    last.extend(warm.iter().filter(|theta| theta.len() == objective.dimensions()).map(|t| revived(&objective, t)));
    let go_on = |places: Vec<SearchEnd>, iterations: u64, tolerance: f64| -> Vec<SearchEnd> {
        places.into_par_iter().map(|p| better(newton(objective, &p.theta, iterations, tolerance), p)).collect()
    };
    let unknown = |theta| SearchEnd { theta, value: f64::MAX, evaluations: 0, converged: false };
    let mut places: Vec<SearchEnd> = last.into_iter().map(unknown).collect();
    if places.is_empty() {
        places.push(unknown(draw(&objective, &mut Random::new(budget.seed, 0)).0));
    }
    let to_the_end = [(3, 15, 1e-3), (2, 60, 1e-5), (1, 200, 1e-7), (1, 200, budget.tolerance)];
    let roughly = [(2, 15, 1e-3), (1, 60, 1e-5), (1, 200, budget.tolerance)];
    for (kept, iterations, tolerance) in if budget.polish { to_the_end.as_slice() } else { &roughly } {
        let (kept, iterations, tolerance) = (*kept, *iterations, *tolerance);
        places = leaders(go_on(places, iterations, tolerance), kept, 1e-3);
    }
    if budget.polish {
        places = places.into_par_iter().map(|place| polish(objective, place, budget.tolerance)).collect();
    }
    if budget.settle {
        places = places.into_par_iter().map(|place| settle(objective, place, budget)).collect();
    }
    let starts = budget.fresh + warm.len();
    match leaders(places, 1, 0.0).into_iter().next() {
        Some(place) => Optimum { stopped: describe(&place), theta: place.theta, starts },
        None => {
            Optimum { theta: vec![0.0; objective.dimensions()], starts, stopped: "no finite starting point".to_owned() }
        }
    }
}

/// The leaders of the fresh starts, each near an optimum.
fn fresh(objective: Objective<'_>, budget: &Budget) -> Vec<Vec<f64>> {
    if budget.fresh == 0 {
        return Vec::new();
    }
    let sample = subsample(objective.x, objective.dimensions());
    let quick = Objective { x: sample.as_ref().unwrap_or(objective.x), ..objective };
    let drawn: Vec<SearchEnd> = (0..budget.fresh)
        .into_par_iter()
        .map(|index| {
            if (budget.stop)() {
                return SearchEnd::nowhere(&[]);
            }
            let (theta, value) = draw(&quick, &mut Random::new(budget.seed, index as u64));
            SearchEnd { theta, value, evaluations: 1, converged: false }
        })
        .collect();
    if (budget.stop)() {
        return Vec::new();
    }
    let heat = |places: Vec<SearchEnd>, iterations: u64, widths: &[f64]| -> Vec<SearchEnd> {
        let narrowed = |place: SearchEnd| {
            widths.iter().fold(place, |place, delta| {
                newton(Objective { delta: *delta, pull: EARLY_PULL, ..quick }, &place.theta, iterations, 1e-3)
            })
        };
        places.into_par_iter().map(narrowed).collect()
    };
    let [widest, narrower @ ..] = &NARROWING;
    let p = objective.dimensions();
    let first = leaders(drawn, budget.fresh.div_ceil(8).max(4 * p).max(32), 0.0);
    let first = heat(first, 12, &[*widest]);
    let second =
        leaders(first, if budget.polish { budget.fresh.div_ceil(16).max(2 * p).max(24) } else { ROUGHLY }, 1e-6);
    let second = heat(second, 8, narrower);
    let third = heat(leaders(second, LEADERS, 1e-4), 20, &[quick.delta]);
    third.into_iter().map(|place| place.theta).collect()
}

/// Quasi-Newton steps see the curvature that Gauss–Newton leaves out (that of rows beyond δ); alternating the two ends
/// when neither finds anything.
fn polish(objective: Objective<'_>, mut place: SearchEnd, tolerance: f64) -> SearchEnd {
    for _ in 0..6 {
        let before = place.value;
        let bfgs = quasi_newton(objective, &place.theta, 200);
        place = better(place, bfgs);
        let next = newton(objective, &place.theta, 60, tolerance);
        place = better(place, next);
        if before - place.value <= 1e-7 * before {
            place.converged = true;
            break;
        }
    }
    place
}

/// Along directions that the data say nothing about, goes to the middle of the range that starts are drawn from: two sizes
/// do not tell a floor from a slow exponent, and where along that valley a search happens to stop decides what is
/// predicted for a third. Costs the objective no more than [`DEAR`].
fn settle(objective: Objective<'_>, place: SearchEnd, budget: &Budget<'_>) -> SearchEnd {
    let pulled = Objective { pull: PULL * place.value, ..objective };
    let settled = newton(pulled, &place.theta, 60, if budget.polish { 1e-9 } else { 1e-7 });
    let value = objective.value(&settled.theta, &mut Workspace::new(objective.dimensions()));
    if value <= place.value * (1.0 + DEAR) { SearchEnd { theta: settled.theta, value, ..place } } else { place }
}

fn better(a: SearchEnd, b: SearchEnd) -> SearchEnd {
    let evaluations = a.evaluations + b.evaluations;
    let converged = a.converged || b.converged;
    let best = if b.value < a.value { b } else { a };
    SearchEnd { evaluations, converged, ..best }
}

fn describe(place: &SearchEnd) -> String {
    if place.converged { "converged".to_owned() } else { "step limit reached; best point kept".to_owned() }
}

/// The best `count` places, lowest first; of places whose values agree to `same` of their value, one.
fn leaders(mut places: Vec<SearchEnd>, count: usize, same: f64) -> Vec<SearchEnd> {
    places.sort_by_cached_key(|place| Ordered(place.value));
    let mut kept: Vec<SearchEnd> = Vec::with_capacity(count);
    for place in places {
        if kept.len() == count {
            break;
        }
        if kept.last().is_none_or(|last| place.value - last.value > same * last.value) {
            kept.push(place);
        }
    }
    kept
}

/// Every k-th row, where there are far more than the first heats need.
fn subsample(x: &Columns, parameters: usize) -> Option<Columns> {
    let stride = x.len() / (GLANCE * parameters).next_multiple_of(BLOCK).max(4 * BLOCK);
    (stride > 1).then(|| x.weighted(|i| if i % stride == 0 { x.weight[i] } else { 0.0 }))
}

/// A random start in search coordinates, its amplitudes solved for by non-negative least squares on relative errors, and
/// what is left of the squares.
fn draw(objective: &Objective<'_>, random: &mut Random) -> (Vec<f64>, f64) {
    let mut phi: Vec<f64> = objective.parameters.iter().map(|p| random.uniform(p.start.0, p.start.1)).collect();
    let left = amplitudes(objective, &mut phi);
    (objective.parameters.iter().zip(&phi).map(|(p, v)| p.searched(*v)).collect(), left)
}

/// Replaces the linear parameters of `phi` by their best values given the others. With L̂ = Σ e^φₖ gₖ, the derivative of
/// ln L̂ by φₖ is the share of term k, so shares × L̂/L are the columns of a least-squares problem for factors s ≥ 0 with
/// right-hand side 1. Returns the squares left over.
fn amplitudes(objective: &Objective<'_>, phi: &mut [f64]) -> f64 {
    let linear = objective.law.linear(objective.shape);
    let (k, x) = (linear.len(), objective.x);
    if x.is_empty() {
        return 0.0;
    }
    // Each term starts at the size of the loss itself, so that the system is balanced and nothing overflows.
    let mut block = Block::new(phi.len());
    balance(objective, phi, &mut block);
    let (mut gram, mut rhs) = (vec![0.0; k * k], vec![0.0; k]);
    let (mut left, mut from) = (0.0, 0);
    while from < x.len() {
        let to = x.len().min(from + BLOCK);
        objective.law.evaluate(objective.shape, phi, x, from..to, &mut block);
        for i in 0..to - from {
            let ratio = (block.ln_loss[i] - x.ln_loss[from + i]).clamp(-50.0, 50.0).exp();
            let weight = x.weight[from + i];
            left += if k == 0 { weight * (ratio - 1.0) * (ratio - 1.0) } else { weight };
            for a in 0..k {
                let va = block.column(linear.start + a, to - from)[i] * ratio;
                rhs[a] += weight * va;
                for b in 0..k {
                    gram[a * k + b] += weight * va * block.column(linear.start + b, to - from)[i] * ratio;
                }
            }
        }
        from = to;
    }
    let mut factors = vec![0.0; k];
    non_negative(&gram, &rhs, &mut factors);
    for a in 0..k {
        let fitted: f64 = (0..k).map(|b| gram[a * k + b] * factors[b]).sum();
        left += factors[a] * (fitted - 2.0 * rhs[a]);
    }
    for (phi, factor) in phi[linear].iter_mut().zip(&factors) {
        // A term that is not wanted here may be wanted after the exponents have moved: it keeps a little.
        *phi += factor.max(1e-3).ln();
    }
    if left.is_nan() { f64::MAX } else { left }
}

/// `theta` with every vanished term brought back to a little: an amplitude at e^−40 has no gradient left, and other
/// data may want it.
pub(super) fn revived(objective: &Objective<'_>, theta: &[f64]) -> Vec<f64> {
    const LITTLE: f64 = 1e-3;
    let mut theta = theta.to_vec();
    if objective.x.is_empty() {
        return theta;
    }
    let phi: Vec<f64> = objective.parameters.iter().zip(&theta).map(|(p, t)| p.working(*t).0).collect();
    let mut block = Block::new(phi.len());
    let rows = objective.x.len().min(BLOCK);
    objective.law.evaluate(objective.shape, &phi, objective.x, 0..rows, &mut block);
    for k in objective.law.linear(objective.shape) {
        let share = block.column(k, rows).iter().copied().fold(0.0, f64::max);
        if share < LITTLE {
            theta[k] = objective.parameters[k].searched(phi[k] + (LITTLE / share.max(1e-200)).ln());
        }
    }
    theta
}

/// Moves every linear parameter so that its term equals the loss at the middle row.
fn balance(objective: &Objective<'_>, phi: &mut [f64], block: &mut Block) {
    let linear = objective.law.linear(objective.shape);
    let middle = objective.x.len() / 2;
    let target = objective.x.ln_loss[middle];
    for _ in 0..3 {
        objective.law.evaluate(objective.shape, phi, objective.x, middle..middle + 1, block);
        for k in linear.clone() {
            let share = block.column(k, 1)[0].max(1e-200);
            phi[k] += target - (block.ln_loss[0] + share.ln());
        }
    }
}
