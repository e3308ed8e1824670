//! A law prepared for one set of observations, shared by bootstrap, cross-validation and prediction.

use super::objective::{Objective, Stop, Workspace, huber, predict};
use super::starts::{self, Budget, Optimum};
use crate::laws::{self, Columns, Law, Method, Parameter, Shape, Smooth, Solved};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Predictions that one thread makes as soon as several do.
const ALONE: usize = 1000;

/// What stands for ln of a loss that a law does not give: NaN, infinite, or beyond e^±600. It is more than any loss, so that no
/// search for the lowest takes it, no residual of it is small, and no check of what a loss can be lets it pass. A number among
/// those observed in its place would be taken for an answer.
pub(super) const NO_LOSS: f64 = 600.0;

/// ln of a loss, or [`NO_LOSS`].
pub(super) fn or_no_loss(ln_loss: f64) -> f64 {
    if ln_loss.abs() < NO_LOSS { ln_loss } else { NO_LOSS }
}

/// A law with its shape and parameters. Cheap to clone, plain values but for the law itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub(super) struct Model {
    pub law: &'static dyn Law,
    pub shape: Shape,
    pub parameters: Vec<Parameter>,
    /// Where a residual's cost turns from quadratic to linear, in searches.
    pub delta: f64,
}

/// A model in writing: the law by its name; the parameters follow from law and shape.
#[derive(Serialize, Deserialize)]
struct Written {
    law: String,
    shape: Shape,
    delta: f64,
}

/// A law that another build had.
#[derive(Debug, thiserror::Error)]
#[error("unknown law '{0}'")]
struct UnknownLaw(String);

impl From<Model> for Written {
    fn from(model: Model) -> Self {
        Self { law: model.law.info().name.to_owned(), shape: model.shape, delta: model.delta }
    }
}

impl TryFrom<Written> for Model {
    type Error = UnknownLaw;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let law = laws::get(&written.law).ok_or(UnknownLaw(written.law))?;
        Ok(Self::new(law, written.shape, written.delta))
    }
}

impl Model {
    pub(super) fn new(law: &'static dyn Law, shape: Shape, delta: f64) -> Self {
        let parameters = match law.method() {
            Method::Search(smooth) => smooth.parameters(&shape),
            Method::Solve(_) => Vec::new(),
        };
        Self { law, shape, parameters, delta }
    }

    fn objective_of<'a>(&'a self, law: &'a dyn Smooth, x: &'a Columns, stop: Stop<'a>) -> Objective<'a> {
        Objective { law, shape: &self.shape, parameters: &self.parameters, x, delta: self.delta, pull: 0.0, stop }
    }

    /// Fits to `x` from the given coordinates and from fresh starts.
    pub(super) fn fit(&self, x: &Columns, warm: &[Vec<f64>], budget: &Budget<'_>) -> Optimum {
        match self.law.method() {
            Method::Search(law) => {
                let objective = self.objective_of(law, x, budget.stop);
                starts::search(objective, warm, budget)
            }
            // A solution cannot be interrupted; one that nobody wants any more need not begin.
            Method::Solve(_) if !warm.is_empty() && (budget.stop)() => {
                Optimum { theta: warm[0].clone(), starts: 0, stopped: "stopped".to_owned() }
            }
            Method::Solve(law) => {
                let solve = |law: &dyn Solved| match budget.polish {
                    true => law.solve(&self.shape, x, budget.seed),
                    false => law.solve_roughly(&self.shape, x, budget.seed),
                };
                Optimum { theta: solve(law), starts: 1, stopped: "closed form".to_owned() }
            }
        }
    }

    /// A quick fit to a resample, from the optimum for all rows.
    pub(super) fn resample(&self, x: &Columns, from: &[f64], seed: u64, stop: Stop<'_>) -> Vec<f64> {
        match self.law.method() {
            Method::Search(law) => {
                let objective = self.objective_of(law, x, stop);
                let start = starts::revived(&objective, from);
                super::search::newton(objective, &start, 30, 1e-4).theta
            }
            Method::Solve(_) if stop() => from.to_vec(),
            Method::Solve(law) => law.solve_roughly(&self.shape, x, seed),
        }
    }

    /// How many of `wanted` resamples to make.
    pub(super) fn resamples(&self, wanted: usize) -> usize {
        match self.law.method() {
            Method::Search(_) => wanted,
            Method::Solve(law) => wanted.min(law.most_resamples()),
        }
    }

    /// ln L̂ of every row; [`NO_LOSS`] where the law gives none.
    pub(super) fn predict(&self, theta: &[f64], x: &Columns) -> Vec<f64> {
        self.predict_with(theta, x, &mut Workspace::for_predictions(self.parameters.len()))
    }

    /// The same by each of several θ: by θ, then by row. In parallel where that is worth it.
    pub(super) fn predict_each(&self, thetas: &[Vec<f64>], x: &Columns) -> Vec<Vec<f64>> {
        let some = |thetas: &[Vec<f64>]| {
            let mut ws = Workspace::for_predictions(self.parameters.len());
            thetas.iter().map(|theta| self.predict_with(theta, x, &mut ws)).collect::<Vec<_>>()
        };
        if thetas.len() * x.len() < ALONE {
            return some(thetas);
        }
        let each = thetas.len().div_ceil(2 * rayon::current_num_threads()).max(8);
        thetas.par_chunks(each).flat_map_iter(some).collect()
    }

    fn predict_with(&self, theta: &[f64], x: &Columns, ws: &mut Workspace) -> Vec<f64> {
        // A law may lose what is no number on the way, in a maximum or a clamp.
        if theta.iter().any(|t| t.is_nan()) {
            return vec![NO_LOSS; x.len()];
        }
        let mut all = match self.law.method() {
            Method::Search(law) => predict(law, &self.shape, &self.parameters, theta, x, ws),
            Method::Solve(law) => law.predict(&self.shape, theta, x),
        };
        for y in &mut all {
            *y = or_no_loss(*y);
        }
        all
    }

    /// The unscaled sum of Huber(δ = 1e-3) on log loss.
    pub(super) fn objective(&self, theta: &[f64], x: &Columns) -> f64 {
        let predicted = self.predict(theta, x);
        huber(predicted.iter().zip(&x.ln_loss).map(|(p, y)| p - y))
    }

    /// Names and values as readers see them.
    pub(super) fn shown(&self, theta: &[f64]) -> Vec<(String, f64)> {
        let finite = |v: f64| if v.is_nan() { 0.0 } else { v.clamp(-f64::MAX, f64::MAX) };
        match self.law.method() {
            Method::Search(law) => {
                let phi: Vec<f64> = self.parameters.iter().zip(theta).map(|(p, t)| p.working(*t).0).collect();
                let values = law.shown(&self.shape, &phi);
                self.parameters.iter().zip(values).map(|(p, v)| (p.name.clone(), finite(v))).collect()
            }
            Method::Solve(law) => law.shown(&self.shape, theta).into_iter().map(|(n, v)| (n, finite(v))).collect(),
        }
    }
}
