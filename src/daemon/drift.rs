//! The best mixture at the sizes of the runs and at the target's.

use super::place::scale;
use super::publisher::CurrentState;
use crate::advise::{self, Evidence};
use crate::ipc::drift::{Along, DriftAnswer, DriftStep};
use crate::ipc::protocol::{Failure, PredictQuery};
use crate::laws::Variable;
use crate::vocab::{Moe, Scale};

/// Scales at most, beside the target's.
const MOST: usize = 5;
/// Scales that differ by less than this factor are one.
const SAME: f64 = 1.1;

/// What the laws say that mixtures are compared by.
///
/// # Errors
/// Where the project has no target.
pub fn answer(current: &CurrentState) -> Result<DriftAnswer, Failure> {
    let target = scale(&PredictQuery::default(), current)?;
    let fits = advise::advisers(&current.project, &current.fits);
    let evidence = Evidence { project: &current.project, observed: &current.observed, fits: &fits, extrapolate: false };
    let domains = current.project.domains.clone();
    let along = match advise::drifts_with(&evidence) {
        Some(Variable::Params) => Along::Params,
        Some(Variable::Tokens) => Along::Tokens,
        _ => return Ok(DriftAnswer { domains, ..DriftAnswer::default() }),
    };
    let of = |scale: &Scale| if along == Along::Params { scale.params } else { scale.tokens };
    let rows = current.observed.fitted.iter().flat_map(|rows| &rows.rows);
    let seen = rows.map(|row| if along == Along::Params { row.params } else { row.tokens }).collect();
    let scales: Vec<Scale> = ladder(seen, of(&target))
        .into_iter()
        .map(|at| match along {
            Along::Params => Scale { params: at, moe: target.moe.map(|moe| larger(moe, at / target.params)), ..target },
            Along::Tokens => Scale { tokens: at, ..target },
        })
        .collect();
    let found = advise::drift(&evidence, &scales);
    let step = |(scale, found): (&Scale, Option<advise::Optimum>)| {
        let (weights, gain) = found.map_or_else(Default::default, |one| (one.weights, one.gain));
        DriftStep { at: of(scale), weights, gain }
    };
    Ok(DriftAnswer { domains, along: Some(along), steps: scales.iter().zip(found).map(step).collect() })
}

/// The same experts with so many times the active parameters.
fn larger(moe: Moe, times: f64) -> Moe {
    Moe { active_params: times * moe.active_params, ..moe }
}

/// The least and the greatest of what the runs have, some in between, and the target's, ascending; the target's is the last.
fn ladder(mut seen: Vec<f64>, target: f64) -> Vec<f64> {
    seen.retain(|at| at.is_finite() && *at > 0.0 && *at < target / SAME);
    seen.sort_by(f64::total_cmp);
    let mut apart: Vec<f64> = Vec::new();
    for at in seen {
        if apart.last().is_none_or(|last| at > last * SAME) {
            apart.push(at);
        }
    }
    if apart.len() > MOST {
        let every = (apart.len() - 1) as f64 / (MOST - 1) as f64;
        apart = (0..MOST).map(|i| apart[(i as f64 * every).round() as usize]).collect();
    }
    apart.push(target);
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_goes_from_the_smallest_run_to_the_target() {
        assert_eq!(ladder(vec![3e6, 1e6, 1.01e6, f64::NAN, 0.0, 3e6], 1e9), [1e6, 3e6, 1e9]);
        let many: Vec<f64> = (1..=40).map(|i| 1e6 * f64::from(i)).collect();
        let some = ladder(many, 1e8);
        assert_eq!((some.len(), some[0], some[MOST]), (MOST + 1, 1e6, 1e8));
        assert!(some.is_sorted());
        assert_eq!(ladder(vec![2e9, 1e9], 1e9), [1e9], "what is larger is no way to the target");
    }
}
