//! Identifiability of parameters.

use super::model::Model;
use super::objective::{Objective, Stop};
use super::search::newton;
use crate::laws::{Columns, Coordinate, Method, Parameter};
use rayon::prelude::*;

/// A parameter counts as pinned down where moving it this far (amplitudes by ln 2, exponents by half of themselves) and
/// refitting all others costs at least [`COST`] of the objective.
const COST: f64 = 0.02;

/// One answer per parameter; for laws without a gradient, all true.
///
/// This is a profile at two points per parameter: others are free to make up for the move, so that trade-offs (E
/// against C, γ against ε) are seen, which the curvature of one parameter alone would miss.
pub(super) fn identified(model: &Model, x: &Columns, theta: &[f64], stop: Stop<'_>) -> Vec<bool> {
    let Method::Search(law) = model.law.method() else { return vec![true; model.shown(theta).len()] };
    let (shape, parameters) = (&model.shape, &model.parameters[..]);
    let objective = Objective { law, shape, parameters, x, delta: model.delta, pull: 0.0, stop };
    let mut ws = super::objective::Workspace::new(model.parameters.len());
    let best = objective.value(theta, &mut ws).max(1e-9);
    (0..theta.len())
        .into_par_iter()
        .map(|k| {
            moved(&model.parameters[k], theta[k]).into_iter().all(|to| {
                let mut fixed: Vec<Parameter> = model.parameters.clone();
                // A parameter that cannot move: its coordinate maps every number to one value.
                let value = model.parameters[k].working(to).0;
                fixed[k].coordinate = Coordinate::Between(value, value);
                let start: Vec<f64> = theta.iter().enumerate().map(|(j, t)| if j == k { 0.0 } else { *t }).collect();
                let held = Objective { parameters: &fixed, ..objective };
                newton(held, &start, 25, 1e-4).value > best * (1.0 + COST)
            })
        })
        .collect()
}

/// Where to move a search coordinate, either way.
fn moved(parameter: &Parameter, t: f64) -> [f64; 2] {
    let (value, _) = parameter.working(t);
    let by = match parameter.coordinate {
        Coordinate::Amplitude | Coordinate::LogBetween(..) | Coordinate::LogBelow(_) => std::f64::consts::LN_2,
        Coordinate::Between(low, high) => 0.25 * (high - low),
        Coordinate::Positive => 0.5 * value.abs(),
        Coordinate::Free => 0.5 * value.abs().max(0.1),
    };
    [parameter.searched(value - by), parameter.searched(value + by)]
}
