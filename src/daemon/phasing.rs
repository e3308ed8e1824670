//! Answers about runs that change their mixture.

use super::place::{metric_key, mixture};
use super::publisher::CurrentState;
use super::threads;
use crate::advise::anneals::{Baseline, TailRun, anneals};
use crate::fit::Stop;
use crate::fit::phases::{Phased, Question, phases};
use crate::ipc::protocol::Failure;
use crate::project::Project;
use crate::project::suggest::{closest, listed};
use crate::vocab::{AnnealsAnswer, FactName, Mixture, Observation, PhaseMove, PhasesAnswer, PhasesQuery};
use std::collections::BTreeMap;

/// Part of the last phase that is moved where nobody says.
const SHARE: f64 = 0.25;

/// What moving a share of the last phase would do.
///
/// # Errors
/// A message for the user.
pub fn moves(query: &PhasesQuery, current: &CurrentState, stop: Stop<'_>) -> Result<PhasesAnswer, Failure> {
    let project = &current.project;
    let to = query.to.as_deref().map(|name| domain(project, "--to", name)).transpose()?;
    let from = query.from.as_deref().map(|name| domain(project, "--from", name)).transpose()?;
    let base = mixture(query.mixture.as_ref(), project)?.weights(&project.domains);
    let share = query.share.unwrap_or(SHARE);
    if let Some(from) = from {
        if to == Some(from) {
            return Err(Failure::usage("--to and --from are one corpus".to_owned(), "name two".to_owned()));
        }
        if share > base[from] + 1e-9 {
            let message = format!(
                "{:.0} % of the last phase cannot be moved from {}, which has {:.0} %",
                100.0 * share,
                project.domains[from],
                100.0 * base[from]
            );
            return Err(Failure::usage(message, format!("--move {:.0}%, or less", 100.0 * base[from])));
        }
    }
    let targets: Vec<usize> = match to {
        Some(to) => vec![to],
        None => (0..project.domains.len()).filter(|d| Some(*d) != from).collect(),
    };
    let moved = |to: &usize| -> Vec<f64> {
        let mut weights = base.clone();
        match from {
            Some(from) => weights[from] -= share,
            None => weights.iter_mut().for_each(|w| *w *= 1.0 - share),
        }
        weights[*to] += share;
        weights
    };
    let question = Question { base: base.clone(), last: query.last, moves: targets.iter().map(moved).collect() };
    let wanted = query.metric.as_deref().map(|name| metric_key(current, name)).transpose()?;
    let mut answer =
        PhasesAnswer { share, mixture: Mixture::from_weights(&project.domains, &base), ..PhasesAnswer::default() };
    let named = |index: usize, said: PhaseMove| PhaseMove {
        to: project.domains[targets[index]].clone(),
        from: from.map(|from| project.domains[from].clone()),
        mixture: Mixture::from_weights(&project.domains, &question.moves[index]),
        ..said
    };
    let weights = project.objective_weights();
    let mut of_objective: Vec<(f64, Phased)> = Vec::new();
    for (index, rows) in current.observed.fitted.iter().enumerate() {
        if wanted.as_ref().is_some_and(|key| *key != rows.metric) {
            continue;
        }
        if stop() {
            return Err(threads::given_up());
        }
        let mut found = phases(rows, &question, project.fit.seed);
        answer.last = found.last.unwrap_or(answer.last);
        let said = std::mem::take(&mut found.view.moves);
        found.view.moves = said.into_iter().enumerate().map(|(index, said)| named(index, said)).collect();
        answer.losses.push(found.view.clone());
        if let Some(weight) = weights.get(index).filter(|weight| **weight > 0.0) {
            of_objective.push((*weight, found));
        }
    }
    if wanted.is_none() && of_objective.len() > 1 && of_objective.iter().all(|(_, found)| !found.change.is_empty()) {
        for index in 0..targets.len() {
            let change = of_objective.iter().map(|(weight, found)| Some(weight * found.change[index]?)).sum();
            // Resamples are of the same schedules for every loss of the same runs.
            let count = of_objective.iter().map(|(_, found)| found.draws[index].len()).min().unwrap_or(0);
            let draw = |at: usize| of_objective.iter().map(|(weight, found)| weight * found.draws[index][at]).sum();
            let draws: Vec<f64> = (0..count).map(draw).collect();
            let whys = of_objective.iter().find_map(|(_, found)| found.view.moves[index].why_not.clone());
            answer.objective.push(PhaseMove { why_not: whys, ..named(index, PhaseMove::of(change, &draws)) });
        }
    }
    if project.target.params.is_some() && answer.losses.iter().any(|loss| !loss.moves.is_empty()) {
        answer
            .notes
            .push("This is said at the size and length of the runs; of a larger target it is a guess.".to_owned());
    }
    Ok(answer)
}

fn domain(project: &Project, flag: &str, name: &str) -> Result<usize, Failure> {
    project.domains.iter().position(|domain| domain == name).ok_or_else(|| {
        let names = || project.domains.iter().map(String::as_str);
        let help = match closest(name, names()) {
            Some(meant) => format!("did you mean {flag} {meant}?"),
            None => format!("the corpora are {}", listed(names())),
        };
        Failure::usage(format!("{flag} {name}: no corpus of this project"), help)
    })
}

/// Tails of one model against a baseline tail.
///
/// # Errors
/// A message for the user.
pub fn tails(baseline: Option<&str>, current: &CurrentState) -> Result<AnnealsAnswer, Failure> {
    let project = &current.project;
    let names = project.metrics.iter().map(|metric| metric.name.clone());
    let score: BTreeMap<String, f64> = names.zip(project.objective_weights()).collect();
    let mut last: BTreeMap<usize, (Observation, BTreeMap<String, f64>)> = BTreeMap::new();
    for (rows, metric) in current.observed.fitted.iter().zip(&project.metrics) {
        for row in &rows.rows {
            let run = last.entry(row.run).or_insert_with(|| (row.clone(), BTreeMap::new()));
            if row.tokens >= run.0.tokens {
                run.0 = row.clone();
                run.1.insert(metric.name.clone(), row.loss);
            }
        }
    }
    let tail = |(index, (row, losses)): (usize, (Observation, BTreeMap<String, f64>))| {
        let name = current.observed.fitted.first()?.runs.get(index)?.clone();
        let record = current.records.iter().find(|record| *record.name == *name);
        let from = record.and_then(|record| record.facts.text(FactName::InitFrom)).unwrap_or_default();
        let phases = row.phases.as_ref().filter(|phases| phases.len() > 1);
        let before = phases.and_then(|phases| {
            Some(Mixture::from_weights(&project.domains, &phases[..phases.len() - 1].last()?.mixture))
        });
        let of_tail = phases.and_then(|phases| phases.last());
        let mixture = Mixture::from_weights(&project.domains, of_tail.map_or(&row.mixture, |phase| &phase.mixture));
        // Equal to a thousandth: sizes and tokens are rounded where they are said.
        let rounded = |value: f64| format!("{:.3e}", value);
        let seen: Vec<String> = phases
            .iter()
            .flat_map(|phases| &phases[..phases.len() - 1])
            .map(|phase| {
                let weights: Vec<String> = phase.mixture.iter().map(|w| format!("{w:.3}")).collect();
                format!("{} of {}", rounded(phase.tokens), weights.join(" "))
            })
            .collect();
        let of = [from.to_owned(), rounded(row.params), rounded(row.tokens), seen.join(", ")].join("; ");
        Some(TailRun { name, of, before, mixture, losses })
    };
    let runs: Vec<TailRun> = last.into_iter().filter_map(tail).collect();
    let baseline = match baseline {
        Some(name) => Baseline::Run(name.to_owned()),
        None => Baseline::Usual(project.current.clone()),
    };
    anneals(&runs, &baseline, &score).map_err(|why| Failure::new(why.to_string(), Some(why.help().to_owned())))
}
