//! Objective of one optimizer run, which remembers the best point evaluated.

use super::objective::{Curvature, Objective, Workspace};
use std::cell::RefCell;

/// An objective as argmin sees it. Whatever a line search says, the best place evaluated is kept here: argmin's end in
/// errors near an optimum, where the last digits of the cost are noise.
pub(super) struct Descent<'a> {
    pub(super) objective: Objective<'a>,
    pub(super) kept: RefCell<Kept>,
}

pub(super) struct Kept {
    ws: Workspace,
    pub best: f64,
    pub theta: Vec<f64>,
    pub evaluations: u64,
}

impl<'a> Descent<'a> {
    pub(super) fn new(objective: Objective<'a>) -> Self {
        let p = objective.dimensions();
        let kept = Kept { ws: Workspace::new(p), best: f64::INFINITY, theta: vec![0.0; p], evaluations: 0 };
        Self { objective, kept: RefCell::new(kept) }
    }

    /// The objective with its derivatives; see [`Objective::curvature`].
    pub(super) fn curvature(&self, theta: &[f64], beyond: f64, gradient: &mut [f64], curvature: &mut Curvature) -> f64 {
        let mut kept = self.kept.borrow_mut();
        let value = self.objective.curvature(theta, beyond, gradient, curvature, &mut kept.ws);
        kept.note(theta, value);
        value
    }

    /// Whether whoever asked for the fit has lost interest.
    pub(super) fn stopped(&self) -> bool {
        (self.objective.stop)()
    }

    pub(super) fn gradient(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let mut kept = self.kept.borrow_mut();
        let value = self.objective.gradient(theta, gradient, &mut kept.ws);
        kept.note(theta, value);
        value
    }
}

impl Kept {
    fn note(&mut self, theta: &[f64], value: f64) {
        self.evaluations += 1;
        if value < self.best {
            self.best = value;
            self.theta.copy_from_slice(theta);
        }
    }
}
