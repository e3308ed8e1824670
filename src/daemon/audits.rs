//! The answer to [`Query::Audit`](crate::ipc::protocol::Query::Audit).

use super::publisher::CurrentState;
use crate::ipc::protocol::Failure;
use crate::observe::audit::{Points, audit, counters};
use crate::observe::{RunRecord, mixture_so_far};
use crate::store::{ReadStore, StoreError};
use crate::vocab::{AuditAnswer, RunAudit};
use rayon::prelude::*;
use std::collections::BTreeMap;

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
    Ok(audit(&record.name, declared.as_ref(), &project.available_tokens, &counted))
}
