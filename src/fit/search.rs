//! Optimization from one starting point with argmin.

use super::damped::Damped;
use super::descent::Descent;
use super::linalg::{backward, cholesky};
use super::objective::{Curvature, Objective};
use argmin::core::{CostFunction, Error, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;
use std::cell::RefCell;

/// Where a search ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SearchEnd {
    pub theta: Vec<f64>,
    /// The scaled objective there.
    pub value: f64,
    pub evaluations: u64,
    pub converged: bool,
}

/// Damped Newton steps from `start`.
pub(super) fn newton(objective: Objective<'_>, start: &[f64], iterations: u64, tolerance: f64) -> SearchEnd {
    if (objective.stop)() {
        return SearchEnd::nowhere(start);
    }
    let descent = Descent::new(objective);
    let solver = Damped::new(objective.parameters, tolerance);
    let run = Executor::new(descent, solver)
        .configure(|state| state.param(start.to_vec()).max_iters(iterations))
        .timer(false)
        .run();
    match run {
        Ok(mut result) => {
            let converged =
                result.state.get_termination_reason() == Some(&argmin::core::TerminationReason::SolverConverged);
            let kept = result.problem.take_problem().map(|d| d.kept.into_inner());
            match kept {
                Some(k) if k.best.is_finite() => {
                    SearchEnd { theta: k.theta, value: k.best, evaluations: k.evaluations, converged }
                }
                _ => SearchEnd::nowhere(start),
            }
        }
        Err(_) => SearchEnd::nowhere(start),
    }
}

impl SearchEnd {
    /// A search that did not begin.
    pub(super) fn nowhere(start: &[f64]) -> Self {
        Self { theta: start.to_vec(), value: f64::MAX, evaluations: 0, converged: false }
    }
}

/// L-BFGS in coordinates in which the curvature at the start is the identity: θ = θ₀ + R⁻¹z with RᵀR the curvature.
struct Whitened<'a, 'b> {
    descent: &'b Descent<'a>,
    origin: &'b [f64],
    factor: &'b [f64],
    cache: RefCell<(Vec<f64>, f64, Vec<f64>)>,
    /// Questions left: on a flat objective argmin's line search never returns by itself.
    left: std::cell::Cell<u64>,
}

impl Whitened<'_, '_> {
    fn evaluate(&self, z: &[f64]) -> Result<(), Error> {
        if self.descent.stopped() {
            return Err(Error::msg("stopped"));
        }
        match self.left.get().checked_sub(1) {
            Some(left) => self.left.set(left),
            None => return Err(Error::msg("evaluation limit reached")),
        }
        let mut cache = self.cache.borrow_mut();
        if cache.0 == z {
            return Ok(());
        }
        let p = z.len();
        let mut theta = z.to_vec();
        backward(self.factor, p, &mut theta);
        theta.iter_mut().zip(self.origin).for_each(|(t, o)| *t += o);
        let mut gradient = vec![0.0; p];
        let value = self.descent.gradient(&theta, &mut gradient);
        super::linalg::forward(self.factor, p, &mut gradient);
        *cache = (z.to_vec(), value, gradient);
        Ok(())
    }
}

impl CostFunction for Whitened<'_, '_> {
    type Param = Vec<f64>;
    type Output = f64;
    fn cost(&self, z: &Vec<f64>) -> Result<f64, Error> {
        self.evaluate(z)?;
        Ok(self.cache.borrow().1)
    }
}

impl Gradient for Whitened<'_, '_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;
    fn gradient(&self, z: &Vec<f64>) -> Result<Vec<f64>, Error> {
        self.evaluate(z)?;
        Ok(self.cache.borrow().2.clone())
    }
}

/// L-BFGS from `start`, in whitened coordinates.
pub(super) fn quasi_newton(objective: Objective<'_>, start: &[f64], iterations: u64) -> SearchEnd {
    if (objective.stop)() {
        return SearchEnd::nowhere(start);
    }
    let p = objective.dimensions();
    let descent = Descent::new(objective);
    let (mut gradient, mut curvature, mut factor) = (vec![0.0; p], Curvature::new(p), vec![0.0; p * p]);
    descent.curvature(start, 0.1, &mut gradient, &mut curvature);
    let mut system = curvature.matrix.clone();
    let largest = (0..p).map(|k| system[k * p + k]).fold(0.0, f64::max);
    for k in 0..p {
        system[k * p + k] += 1e-9 * system[k * p + k] + 1e-12 * largest + f64::MIN_POSITIVE;
    }
    if !cholesky(&system, p, &mut factor) {
        return SearchEnd { converged: false, ..finish(descent) };
    }
    let whitened = Whitened {
        descent: &descent,
        origin: start,
        factor: &factor,
        cache: RefCell::new((Vec::new(), 0.0, Vec::new())),
        left: std::cell::Cell::new(8 * iterations),
    };
    let run = LBFGS::new(MoreThuenteLineSearch::new(), 12)
        .with_tolerance_grad(1e-7)
        .and_then(|solver| solver.with_tolerance_cost(1e-12))
        .map(|solver| {
            Executor::new(whitened, solver)
                .configure(|state| state.param(vec![0.0; p]).max_iters(iterations))
                .timer(false)
                .run()
        });
    let converged = matches!(run, Ok(Ok(_)));
    SearchEnd { converged, ..finish(descent) }
}

fn finish(descent: Descent<'_>) -> SearchEnd {
    let kept = descent.kept.into_inner();
    SearchEnd { theta: kept.theta, value: kept.best, evaluations: kept.evaluations, converged: true }
}
