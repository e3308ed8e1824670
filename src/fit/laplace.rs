//! Intervals without resampling: the curvature at the optimum, with runs as clusters.
//!
//! The sandwich H⁻¹ (Σ over runs g gᵀ) H⁻¹ of a robust estimator: right where checkpoints of one run share an error,
//! which the plain inverse Hessian is not.

use super::linalg::{backward, cholesky, forward};
use super::model::Model;
use super::ninety::NINETY;
use super::objective::{Curvature, Objective, Workspace, never};
use crate::laws::{Columns, Method};

/// 5 % and 95 % points of every parameter as readers see it; `None` for laws without a gradient.
pub(super) fn ends(model: &Model, x: &Columns, theta: &[f64]) -> Option<(Vec<f64>, Vec<f64>)> {
    let Method::Search(law) = model.law.method() else { return None };
    let p = theta.len();
    // Within δ = 1e-3 there may be no row at all; the spread of the residuals is the scale on which curvature exists.
    let predicted = model.predict(theta, x);
    let mut sizes: Vec<f64> = predicted.iter().zip(&x.ln_loss).map(|(a, b)| (a - b).abs()).collect();
    sizes.sort_by(f64::total_cmp);
    let delta = (2.0 * super::resample::quantile(&sizes, 0.5)).max(1e-6);
    let (shape, parameters) = (&model.shape, &model.parameters[..]);
    let objective = Objective { law, shape, parameters, x, delta, pull: 0.0, stop: &never };
    let mut ws = Workspace::new(p);
    let (mut gradient, mut curvature, mut factor) = (vec![0.0; p], Curvature::new(p), vec![0.0; p * p]);
    objective.curvature(theta, 1.0, &mut gradient, &mut curvature, &mut ws);
    let mut hessian = curvature.matrix;
    let largest = (0..p).map(|k| hessian[k * p + k]).fold(0.0, f64::max);
    for k in 0..p {
        hessian[k * p + k] += 1e-8 * hessian[k * p + k] + 1e-12 * largest + f64::MIN_POSITIVE;
    }
    if !cholesky(&hessian, p, &mut factor) {
        return None;
    }
    let mut variance = vec![0.0; p];
    let mut runs: Vec<usize> = x.run.clone();
    runs.sort_unstable();
    runs.dedup();
    for run in &runs {
        let rows = x.weighted(|i| if x.run[i] == *run { x.weight[i] } else { 0.0 });
        Objective { x: &rows, ..objective }.gradient(theta, &mut gradient, &mut ws);
        forward(&factor, p, &mut gradient);
        backward(&factor, p, &mut gradient);
        variance.iter_mut().zip(&gradient).for_each(|(v, g)| *v += g * g);
    }
    let at = |sign: f64| -> Vec<f64> {
        // One parameter at a time; 12 search units are e¹², where an interval has long stopped saying anything.
        (0..p)
            .map(|k| {
                let mut moved = theta.to_vec();
                moved[k] += sign * (NINETY * variance[k].sqrt()).min(12.0);
                model.shown(&moved)[k].1
            })
            .collect()
    };
    Some((at(-1.0), at(1.0)))
}
