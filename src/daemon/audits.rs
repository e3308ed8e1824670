//! The answer to [`Query::Audit`](crate::ipc::protocol::Query::Audit).

use super::publisher::CurrentState;
use crate::fit::shares::{NotTold, ShareRange, shares};
use crate::ipc::protocol::Failure;
use crate::observe::audit::{Points, audit, counters};
use crate::observe::live::{by_step, training_losses};
use crate::observe::{RunRecord, mixture_so_far};
use crate::store::{ReadStore, StoreError};
use crate::vocab::{AuditAnswer, EstimatedShare, EstimatedShares, Mixture, RunAudit};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// A declared weight is clearly outside an estimate's range where it is so many times as far away as the range reaches, and this
/// far at least.
const CLEAR: f64 = 2.0;
const LEAST_APART: f64 = 0.02;
/// A domain without a loss, of which a run declares more, takes its share from the others.
const LEFT_OUT: f64 = 5e-3;

/// Every run, those that are furthest from their declaration first.
///
/// # Errors
/// What the store says.
pub fn audits(current: &CurrentState) -> Result<AuditAnswer, Failure> {
    let mut runs =
        current.records.par_iter().map(|record| one(current, record)).collect::<Result<Vec<_>, StoreError>>()?;
    let rank = |run: &RunAudit| (run.domains.is_empty(), -run.apart.unwrap_or(0.0));
    runs.sort_by(|a, b| {
        let (a_rank, b_rank) = (rank(a), rank(b));
        a_rank.0.cmp(&b_rank.0).then(a_rank.1.total_cmp(&b_rank.1)).then_with(|| a.run.cmp(&b.run))
    });
    Ok(AuditAnswer { runs })
}

fn one(current: &CurrentState, record: &RunRecord) -> Result<RunAudit, StoreError> {
    let project = &current.project;
    let metrics = current.store.metrics(record.id)?;
    let found = counters(&project.domains, metrics.iter().map(|(key, _)| &**key));
    let read = |(domain, key): (String, String)| {
        let points: Points = current.store.series(record.id, &key)?.latest();
        Ok((domain, (key, points)))
    };
    let counted = found.into_iter().map(read).collect::<Result<BTreeMap<_, _>, StoreError>>()?;
    let declared = mixture_so_far(project, record);
    let mut answer = audit(&record.name, declared.as_ref(), &project.available_tokens, &counted);
    let keys: Vec<&str> = metrics.iter().map(|(key, _)| &**key).collect();
    if answer.domains.is_empty()
        && let Some((total, losses)) = training_losses(&project.domains, &keys)
    {
        answer.estimated = Some(estimated(current, record, declared.as_ref(), total, &losses)?);
    }
    Ok(answer)
}

/// Shares by the training losses of a run.
fn estimated(
    current: &CurrentState,
    record: &RunRecord,
    declared: Option<&Mixture>,
    total: String,
    losses: &BTreeMap<String, String>,
) -> Result<EstimatedShares, StoreError> {
    let keys = std::iter::once(&total).chain(losses.values());
    let series = keys.map(|key| Ok(current.store.series(record.id, key)?.latest())).collect::<Result<Vec<_>, _>>()?;
    let row = |(_, losses): (i64, Vec<Option<f64>>)| Some(((*losses.first()?)?, losses[1..].to_vec()));
    let rows: Vec<(f64, Vec<Option<f64>>)> = by_step(&series).into_iter().filter_map(row).collect();
    let steps = rows.iter().filter(|(_, losses)| losses.iter().any(Option::is_some)).count();
    let mut answer = EstimatedShares { total, steps, domains: BTreeMap::new(), why_not: None };
    let left = declared.and_then(|declared| {
        let without = declared.0.iter().filter(|(domain, weight)| !losses.contains_key(*domain) && **weight > LEFT_OUT);
        without.max_by(|a, b| a.1.total_cmp(b.1))
    });
    answer.why_not = if record.facts.phases().is_some() {
        Some("it changes its mixture, and losses tell the shares of one".to_owned())
    } else if let Some((domain, weight)) = left {
        Some(format!("no training loss of {domain} is logged, of which it declares {:.0} %", 100.0 * weight))
    } else {
        match shares(&rows, current.project.fit.seed) {
            Ok(found) => {
                let of = |((domain, key), range): ((&String, &String), ShareRange)| {
                    let declared = declared.map(|mixture| mixture.weight(domain));
                    let ShareRange { share, low, high } = range;
                    let reach = (CLEAR * (high - share).max(share - low)).max(LEAST_APART);
                    let differs = declared.is_some_and(|declared| (declared - share).abs() > reach);
                    (domain.clone(), EstimatedShare { declared, share, low, high, differs, loss: key.clone() })
                };
                answer.domains = losses.iter().zip(found).map(of).collect();
                None
            }
            Err(NotTold::Alike { domain, low, high }) => {
                let name = losses.keys().nth(domain).map_or("a share", String::as_str);
                Some(format!("the losses are too much alike: {name} may be {low:.0} to {high:.0} %"))
            }
            Err(why) => Some(why.to_string()),
        }
    };
    Ok(answer)
}
