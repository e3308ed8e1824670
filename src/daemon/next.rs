//! The answer to [`Query::Next`](crate::ipc::protocol::Query::Next).

use super::place::mixture;
use super::publisher::CurrentState;
use super::speeds;
use crate::advise::{self, Evidence};
use crate::ipc::protocol::Failure;
use crate::vocab::{CandidateRun, CostUnit, NextAnswer, NextQuery};
use std::sync::Arc;

/// Runs to launch next, from the current fits.
///
/// # Errors
/// Where a candidate's mixture names a domain that the project does not have.
pub fn next(query: &NextQuery, current: &CurrentState) -> Result<NextAnswer, Failure> {
    let complete = |run: &CandidateRun| {
        let weights = run.mixture.as_ref().map(|asked| mixture(Some(asked), &current.project)).transpose();
        let named =
            |failure: Failure| Failure { message: format!("candidate '{}': {}", run.name, failure.message), ..failure };
        Ok(CandidateRun { mixture: weights.map_err(named)?, ..run.clone() })
    };
    let candidates = query.candidates.iter().map(complete).collect::<Result<Vec<_>, Failure>>()?;
    let query = NextQuery { candidates, ..query.clone() };
    let fits = advise::advisers(&current.project, &current.fits);
    let observed = match query.unit {
        CostUnit::Flops => Arc::clone(&current.observed),
        _ => speeds::beside(&current.observed, &current.store, &current.records)?,
    };
    let evidence = Evidence { project: &current.project, observed: &observed, fits: &fits, extrapolate: false };
    Ok(advise::next(&evidence, &current.fits, &query))
}
