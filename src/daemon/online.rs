//! The answer to [`Query::Online`](crate::ipc::protocol::Query::Online).

use super::publisher::CurrentState;
use crate::advise::online::{ALL, Rule, Turn};
use crate::ipc::protocol::Failure;
use crate::observe::RunRecord;
use crate::observe::live::{by_step, losses_by_domain};
use crate::project::Project;
use crate::store::{ReadStore, RunId, StoreError};
use crate::vocab::{Advice, FactName, Mixture, OnlineAnswer, OnlineRule, OnlineStep};

/// Steps of a path that are answered, at most.
const MOST_STEPS: usize = 200;

/// What online rules see of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The domains that have losses.
    pub domains: Vec<String>,
    /// Keys of their losses.
    pub losses: Vec<String>,
    /// The mixture at the start.
    pub prior: Vec<f64>,
    /// The losses.
    pub turns: Vec<Turn>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Reads what online rules see of a run.
///
/// # Errors
/// What the store says.
pub fn seen(project: &Project, store: &dyn ReadStore, record: &RunRecord) -> Result<Seen, StoreError> {
    let metrics = store.metrics(record.id)?;
    let keys: Vec<&str> = metrics.iter().map(|(key, _)| &**key).collect();
    let found = losses_by_domain(&project.domains, &keys);
    let mut notes = Vec::new();
    let domains: Vec<String> = project.domains.iter().filter(|domain| found.contains_key(*domain)).cloned().collect();
    let without: Vec<&str> = project.domains.iter().filter(|d| !found.contains_key(*d)).map(String::as_str).collect();
    if !domains.is_empty() && !without.is_empty() {
        notes.push(format!("no loss is logged of {}: the rules leave it out", without.join(", ")));
    }
    let losses: Vec<String> = domains.iter().map(|domain| found[domain].clone()).collect();
    let series: Vec<Vec<(i64, f64)>> =
        losses.iter().map(|key| Ok(store.series(record.id, key)?.latest())).collect::<Result<_, StoreError>>()?;
    let facts = &record.facts;
    let each = facts.number(FactName::BatchSequences).or_else(|| facts.tokens_per_step()).filter(|n| *n > 0.0);
    let each = each.unwrap_or_else(|| {
        notes.push("tokens a step are unknown: ADO counts steps".to_owned());
        1.0
    });
    let turn = |(step, losses)| Turn { step, samples: step as f64 * each, losses };
    let turns = by_step(&series).into_iter().map(turn).collect();
    let stated = facts.mixture().map(|mixture| mixture.weights(&domains)).filter(|w| w.iter().sum::<f64>() > 0.0);
    let prior = stated.unwrap_or_else(|| {
        notes.push("the run's mixture is unknown: the rules begin with equal weights (set facts.mixture)".to_owned());
        vec![1.0; domains.len()]
    });
    let sum: f64 = prior.iter().sum();
    Ok(Seen { prior: prior.iter().map(|w| w / sum).collect(), domains, losses, turns, notes })
}

/// Weights of a rule after the newest turn; the prior where there is none.
#[must_use]
pub fn newest(rule: &dyn Rule, seen: &Seen) -> Vec<f64> {
    rule.weights(&seen.prior, &seen.turns).pop().unwrap_or_else(|| seen.prior.clone())
}

/// Weights as a mixture.
#[must_use]
pub fn mixture(domains: &[String], weights: &[f64]) -> Mixture {
    Mixture(domains.iter().cloned().zip(weights.iter().copied()).collect())
}

/// Every rule's weights for a run.
///
/// # Errors
/// Where the run logs no losses by domain, or what the store says.
pub fn answer(run: RunId, current: &CurrentState) -> Result<OnlineAnswer, Failure> {
    let record = current.records.iter().find(|record| record.id == run);
    let record = record.ok_or_else(|| Failure::new("the run is not there any more", None))?;
    let seen = seen(&current.project, &*current.store, record)?;
    if seen.domains.is_empty() || seen.turns.is_empty() {
        let names = current.project.domains.iter().take(2).map(|d| format!("train/{d}/loss")).collect::<Vec<_>>();
        let help = match names.as_slice() {
            [] => "list the domains in the project file: domains: [web, code]".to_owned(),
            names => format!("have the trainer log the training loss of each domain, such as {}", names.join(" and ")),
        };
        return Err(Failure::new(format!("{} logs no losses by domain", record.name), help));
    }
    let offline = match current.snapshot.advice.as_ref() {
        Some(Advice::Recommendation(advised)) => Some(advised.mixture.clone()),
        _ => None,
    };
    let rule = |rule: &&dyn Rule| {
        let weights = rule.weights(&seen.prior, &seen.turns);
        let stride = weights.len().div_ceil(MOST_STEPS).max(1);
        let mut at: Vec<usize> = (0..weights.len()).rev().step_by(stride).collect();
        at.reverse();
        let step = |i: usize| OnlineStep { step: seen.turns[i].step, weights: weights[i].clone() };
        let info = rule.info();
        OnlineRule {
            rule: info.name.to_owned(),
            title: info.title.to_owned(),
            source: info.source.to_owned(),
            assumes: info.assumes.iter().map(|text| (*text).to_owned()).collect(),
            weights: mixture(&seen.domains, weights.last().unwrap_or(&seen.prior)),
            path: at.into_iter().map(step).collect(),
        }
    };
    Ok(OnlineAnswer {
        run: record.name.to_string(),
        turns: seen.turns.len(),
        step: seen.turns.last().map(|turn| turn.step),
        prior: mixture(&seen.domains, &seen.prior),
        offline,
        rules: ALL.iter().map(rule).collect(),
        domains: seen.domains,
        losses: seen.losses,
        notes: seen.notes,
    })
}
