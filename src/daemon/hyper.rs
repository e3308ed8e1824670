//! The answer to [`Query::Hyper`](crate::ipc::protocol::Query::Hyper).

use super::place::metric_key;
use super::publisher::CurrentState;
use super::threads;
use crate::fit::Stop;
use crate::fit::hyper::hyper;
use crate::ipc::protocol::Failure;
use crate::laws::step_law;
use crate::vocab::{HyperAnswer, HyperQuery};

/// Learning rate and batch for the target, or for what is asked.
///
/// # Errors
/// A message for the user.
pub fn answer(query: &HyperQuery, current: &CurrentState, stop: Stop<'_>) -> Result<HyperAnswer, Failure> {
    let target = &current.project.target;
    for (flag, value) in [("--params", query.params), ("--tokens", query.tokens)] {
        if let Some(value) = value.filter(|v| !(v.is_finite() && *v > 0.0)) {
            return Err(Failure::usage(format!("{flag} is {value}"), "a number above zero, like 7e9 or 7B".to_owned()));
        }
    }
    let wanted = query.metric.as_deref().map(|name| metric_key(current, name)).transpose()?;
    let (params, tokens) = (query.params.or(target.params), query.tokens.or(target.tokens));
    let at = params.zip(tokens);
    let mut answer = HyperAnswer {
        params,
        tokens,
        published: at.map(|(params, tokens)| step_law::recipe(params, tokens)),
        ..HyperAnswer::default()
    };
    for rows in current.observed.fitted.iter().filter(|rows| wanted.as_ref().is_none_or(|key| *key == rows.metric)) {
        if stop() {
            return Err(threads::given_up());
        }
        answer.losses.push(hyper(rows, at, current.project.fit.seed));
    }
    if at.is_none() {
        answer.notes.push("No size and token count are known to advise for: --params 7B --tokens 1.4T.".to_owned());
    }
    let routed = current.observed.fitted.iter().any(|rows| rows.rows.iter().any(|row| row.experts > 1.0));
    if routed || target.experts.is_some_and(|experts| experts > 1.0) {
        answer.notes.push("The published law was fitted to dense models; yours have experts.".to_owned());
    }
    Ok(answer)
}
