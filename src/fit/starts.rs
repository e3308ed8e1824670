//! Many starts, few of them followed to the end.
//!
//! A start is a draw of the exponents; the amplitudes, in which a law is linear, are solved for. Starts then run in
//! heats: a few steps of plain least squares for all, a few of the real objective for the better half, and the
//! distinct leaders to the end. Which start is dropped depends on the heat's results alone, never on which thread
//! finished first, so a seed gives one answer on any machine.

use super::linalg::non_negative;
use super::model::Optimum;
use super::objective::Objective;
use super::random::Random;
use super::search::{Place, newton, quasi_newton};
use crate::laws::{BLOCK, Block, Columns};
use rayon::prelude::*;

/// How much to spend on a search.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub seed: u64,
    /// Fresh starts, beside warm ones.
    pub fresh: usize,
    /// Relative decrease of the objective below which a search has arrived.
    pub tolerance: f64,
    /// Whether to go on with quasi-Newton steps to the last digit.
    pub polish: bool,
}

/// Width of the loss in the first heat: every residual of a sane start is within it, so that this is least squares.
const WIDE: f64 = 0.1;

/// How many distinct leaders are followed to the end.
const LEADERS: usize = 6;

/// Rows the first heats look at, where there are more: enough to tell a hopeless start from a good one.
const GLANCE: usize = 2048;

/// Searches from `warm` and from fresh starts.
pub(super) fn search(objective: Objective<'_>, warm: &[Vec<f64>], budget: &Budget) -> Optimum {
    let glance = glance(objective.x);
    let quick = Objective { x: glance.as_ref().unwrap_or(objective.x), ..objective };
    let fresh: Vec<Place> = (0..budget.fresh)
        .into_par_iter()
        .map(|index| {
            let start = draw(&quick, &mut Random::new(budget.seed, index as u64));
            let near = newton(Objective { delta: WIDE, ..quick }, &start, 12, 1e-3);
            newton(quick, &near.theta, 2, 1e-3)
        })
        .collect();
    let second: Vec<Place> = leaders(fresh, budget.fresh.div_ceil(2), 1e-9)
        .into_par_iter()
        .map(|place| newton(quick, &place.theta, 15, 1e-4))
        .collect();
    let mut last: Vec<Vec<f64>> = leaders(second, LEADERS, 1e-5).into_iter().map(|place| place.theta).collect();
    last.extend(warm.iter().filter(|theta| theta.len() == objective.dimensions()).map(|t| revived(&objective, t)));
    let finals: Vec<Place> =
        last.into_par_iter().map(|theta| newton(objective, &theta, 200, budget.tolerance)).collect();
    let mut finals = leaders(finals, 2, 1e-7);
    if finals.is_empty() {
        finals.push(newton(objective, &draw(&objective, &mut Random::new(budget.seed, 0)), 200, budget.tolerance));
    }
    if budget.polish {
        finals = finals.into_par_iter().map(|place| polish(objective, place, budget.tolerance)).collect();
    }
    let starts = budget.fresh + warm.len();
    match leaders(finals, 1, 0.0).into_iter().next() {
        Some(place) => Optimum { stopped: describe(&place), theta: place.theta, starts },
        None => Optimum { theta: vec![0.0; objective.dimensions()], starts, stopped: "nowhere to start".to_owned() },
    }
}

/// Quasi-Newton steps see the curvature that Gauss–Newton leaves out (that of rows beyond δ); alternating the two ends
/// when neither finds anything.
fn polish(objective: Objective<'_>, mut place: Place, tolerance: f64) -> Place {
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

fn better(a: Place, b: Place) -> Place {
    let evaluations = a.evaluations + b.evaluations;
    let converged = a.converged || b.converged;
    let best = if b.value < a.value { b } else { a };
    Place { evaluations, converged, ..best }
}

fn describe(place: &Place) -> String {
    if place.converged { "converged".to_owned() } else { "step limit; the best place seen is kept".to_owned() }
}

/// The best `count` places, lowest first; of places whose values agree to `same` of their value, one.
fn leaders(mut places: Vec<Place>, count: usize, same: f64) -> Vec<Place> {
    places.sort_by(|a, b| a.value.total_cmp(&b.value));
    let mut kept: Vec<Place> = Vec::with_capacity(count);
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
fn glance(x: &Columns) -> Option<Columns> {
    let stride = x.len() / GLANCE;
    (stride > 1).then(|| x.weighted(|i| if i % stride == 0 { x.weight[i] } else { 0.0 }))
}

/// A random start in search coordinates, its amplitudes solved for by non-negative least squares on relative errors.
fn draw(objective: &Objective<'_>, random: &mut Random) -> Vec<f64> {
    let mut phi: Vec<f64> = objective.parameters.iter().map(|p| random.uniform(p.start.0, p.start.1)).collect();
    amplitudes(objective, &mut phi);
    objective.parameters.iter().zip(&phi).map(|(p, v)| p.searched(*v)).collect()
}

/// Replaces the linear parameters of `phi` by their best values given the others. With L̂ = Σ e^φₖ gₖ, the derivative of
/// ln L̂ by φₖ is the share of term k, so shares × L̂/L are the columns of a least-squares problem for factors s ≥ 0 with
/// right-hand side 1.
fn amplitudes(objective: &Objective<'_>, phi: &mut [f64]) {
    let linear = objective.law.linear(objective.shape);
    let (k, x) = (linear.len(), objective.x);
    if k == 0 || x.is_empty() {
        return;
    }
    // Each term starts at the size of the loss itself, so that the system is balanced and nothing overflows.
    let mut block = Block::new(phi.len());
    balance(objective, phi, &mut block);
    let (mut gram, mut rhs) = (vec![0.0; k * k], vec![0.0; k]);
    let mut from = 0;
    while from < x.len() {
        let to = x.len().min(from + BLOCK);
        objective.law.evaluate(objective.shape, phi, x, from..to, &mut block);
        for i in 0..to - from {
            let ratio = (block.ln_loss[i] - x.ln_loss[from + i]).clamp(-50.0, 50.0).exp();
            let weight = x.weight[from + i];
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
    for (phi, factor) in phi[linear].iter_mut().zip(&factors) {
        // A term that is not wanted here may be wanted after the exponents have moved: it keeps a little.
        *phi += factor.max(1e-3).ln();
    }
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
