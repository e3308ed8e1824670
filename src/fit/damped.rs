//! A damped Newton step for sums of Huber losses, as a solver that argmin drives.
//!
//! Rows within δ of the curve have curvature, rows beyond it have none: the exact (first-order) Hessian is that of the
//! few rows within. Far from the optimum there may be none, and the quadratic that touches the objective from above
//! (weights δ/|r|) is used instead; λ moves between the two, as in Levenberg and Marquardt's method.

use super::descent::Descent;
use super::linalg::{backward, cholesky, forward};
use super::objective::Curvature;
use crate::laws::Parameter;
use argmin::core::{Error, IterState, KV, Problem, Solver, State, TerminationReason};

/// argmin's state: parameters and cost; derivatives stay in the solver's own buffers.
pub(super) type Position = IterState<Vec<f64>, (), (), (), (), f64>;

/// The most one step may move a search coordinate: the width of the range that starts are drawn from, and never more than
/// this. Beyond it a quadratic says nothing about a sum of exponentials.
const LONGEST: f64 = 3.0;

/// See the [module](self).
pub(super) struct Damped {
    lambda: f64,
    tolerance: f64,
    reach: Vec<f64>,
    small_steps: u32,
    gradient: Vec<f64>,
    trial_gradient: Vec<f64>,
    curvature: Curvature,
    trial_curvature: Curvature,
    system: Vec<f64>,
    factor: Vec<f64>,
    step: Vec<f64>,
}

impl Damped {
    /// For a law with these parameters; stops after two steps that lower the objective by less than `tolerance` of it.
    pub(super) fn new(parameters: &[Parameter], tolerance: f64) -> Self {
        let p = parameters.len();
        let width = |q: &Parameter| (q.searched(q.start.1) - q.searched(q.start.0)).clamp(0.5, LONGEST);
        Self {
            reach: parameters.iter().map(width).collect(),
            lambda: FIRST,
            tolerance,
            small_steps: 0,
            gradient: vec![0.0; p],
            trial_gradient: vec![0.0; p],
            curvature: Curvature::new(p),
            trial_curvature: Curvature::new(p),
            system: vec![0.0; p * p],
            factor: vec![0.0; p * p],
            step: vec![0.0; p],
        }
    }

    /// Solves for the step at the present damping; false where the system is hopeless.
    fn solve(&mut self) -> bool {
        let p = self.gradient.len();
        let (matrix, touching) = (&self.curvature.matrix, &self.curvature.touching);
        let scale = 1.0 + self.lambda;
        self.system.iter_mut().zip(matrix).for_each(|(s, m)| *s = scale * m);
        let largest = touching.iter().copied().fold(0.0, f64::max);
        for (k, d) in touching.iter().enumerate() {
            // A parameter that nothing depends on (a vanished amplitude) gets a step of zero, not a division by it.
            self.system[k * p + k] += (0.01 * self.lambda + 1e-11) * d + 1e-14 * largest + f64::MIN_POSITIVE;
        }
        if !cholesky(&self.system, p, &mut self.factor) {
            return false;
        }
        for (s, g) in self.step.iter_mut().zip(&self.gradient) {
            *s = -g;
        }
        forward(&self.factor, p, &mut self.step);
        backward(&self.factor, p, &mut self.step);
        let excess = self.step.iter().zip(&self.reach).fold(0.0, |m: f64, (s, reach)| m.max(s.abs() / reach));
        if !excess.is_finite() {
            return false;
        }
        if excess > 1.0 {
            self.step.iter_mut().for_each(|s| *s /= excess);
        }
        true
    }
}

/// λ at the start.
const FIRST: f64 = 0.1;
/// λ is not lowered further: a little of the rows beyond δ keeps steps in proportion along directions that the rows within
/// say nothing about.
const LEAST: f64 = 1e-3;

/// How much rows beyond δ count at a damping: λ/(1+λ), so that (1+λ) times the matrix is the exact one plus λ times the one
/// that touches from above.
fn beyond(lambda: f64) -> f64 {
    lambda / (1.0 + lambda)
}

impl Solver<Descent<'_>, Position> for Damped {
    fn name(&self) -> &'static str {
        "damped Newton"
    }

    fn init(&mut self, problem: &mut Problem<Descent<'_>>, state: Position) -> Result<(Position, Option<KV>), Error> {
        let descent = problem.problem.as_ref().ok_or_else(|| Error::msg("no problem"))?;
        let theta = state.get_param().ok_or_else(|| Error::msg("no start"))?;
        let cost = descent.curvature(theta, beyond(self.lambda), &mut self.gradient, &mut self.curvature);
        Ok((state.cost(cost), None))
    }

    fn next_iter(
        &mut self,
        problem: &mut Problem<Descent<'_>>,
        mut state: Position,
    ) -> Result<(Position, Option<KV>), Error> {
        let descent = problem.problem.as_ref().ok_or_else(|| Error::msg("no problem"))?;
        let theta = state.take_param().ok_or_else(|| Error::msg("no position"))?;
        let cost = state.get_cost();
        if descent.stopped() {
            return Ok((state.param(theta).cost(cost).terminate_with(TerminationReason::Interrupt), None));
        }
        let mut trial = theta.clone();
        while self.lambda < 1e10 {
            if self.solve() {
                for ((t, x), s) in trial.iter_mut().zip(&theta).zip(&self.step) {
                    *t = x + s;
                }
                let relaxed = (self.lambda * 0.2).max(LEAST);
                let next =
                    descent.curvature(&trial, beyond(relaxed), &mut self.trial_gradient, &mut self.trial_curvature);
                if next < cost {
                    std::mem::swap(&mut self.gradient, &mut self.trial_gradient);
                    std::mem::swap(&mut self.curvature, &mut self.trial_curvature);
                    self.lambda = relaxed;
                    let small = cost - next < self.tolerance * next;
                    self.small_steps = if small { self.small_steps + 1 } else { 0 };
                    let state = state.param(trial).cost(next);
                    let done = self.small_steps >= 2;
                    return Ok((
                        if done { state.terminate_with(TerminationReason::SolverConverged) } else { state },
                        None,
                    ));
                }
            }
            self.lambda *= 6.0;
        }
        // No step of any length lowers it: as low as this method gets from here.
        Ok((state.param(theta).cost(cost).terminate_with(TerminationReason::SolverConverged), None))
    }
}
