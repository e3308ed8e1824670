//! Answers about compute-optimal sizes, and the best shape for a budget.

use super::outlook::chosen;
use super::publisher::CurrentState;
use super::{as_logged, optima, speeds, threads};
use crate::advise::{self, Evidence};
use crate::fit::Stop;
use crate::fit::upcycled::upcycled;
use crate::fit::worth::worth;
use crate::ipc::protocol::{Failure, ShapeQuery};
use crate::project::{Budget, Project};
use crate::vocab::{FrontAnswer, Observation, ShapeAdvice, ShapeAnswer, ShapeMixture, Worth};
use std::sync::Arc;

/// Budgets that one question may have.
const MOST_BUDGETS: usize = 100;

/// The answer to a [`ShapeQuery`].
///
/// # Errors
/// A message for the user.
pub fn answer(query: &ShapeQuery, current: &CurrentState, stop: Stop<'_>) -> Result<ShapeAnswer, Failure> {
    if let Some(wrong) = query.flops.iter().find(|c| !(c.is_finite() && **c > 0.0)) {
        return Err(Failure::usage(format!("--flops is {wrong}"), "a number above zero, like 1e21".to_owned()));
    }
    if query.flops.len() > MOST_BUDGETS {
        return Err(Failure::usage(
            format!("{} budgets are too many", query.flops.len()),
            format!("at most {MOST_BUDGETS}"),
        ));
    }
    let project = with_budget(&current.project, query);
    let fits = chosen(&current.fits);
    let budget = project.budget.as_ref().filter(|budget| budget.is_in_gpu_hours());
    let observed = match budget {
        Some(_) => speeds::beside(&current.observed, &current.store, &current.records)?,
        None => Arc::clone(&current.observed),
    };
    let evidence = Evidence { project: &project, observed: &observed, fits: &fits, extrapolate: false };
    if let Some(cost) = query.pareto {
        let front = match advise::shape_front(&evidence, cost) {
            Ok(front) => FrontAnswer::Front(front),
            Err(why) => FrontAnswer::Abstained(why),
        };
        return Ok(ShapeAnswer { front: Some(front), ..ShapeAnswer::default() });
    }
    let advice = if project.budget == current.project.budget {
        current.snapshot.shape.clone()
    } else {
        as_logged::shape(&project, advise::shape(&evidence).as_ref())
    };
    let routed = project.target.scale().is_some_and(|target| target.moe.is_some());
    let mfu = budget.and_then(|budget| advise::measured_mfu(budget, &observed.speeds, routed));
    let advisers = advise::advisers(&project, &current.fits);
    let mixture = mixture(&Evidence { fits: &advisers, ..evidence }, advice.as_ref());
    let mut answer = ShapeAnswer { advice, mixture, mfu, ..ShapeAnswer::default() };
    for (metric, rows) in current.observed.fitted.iter().enumerate() {
        if stop() {
            return Err(threads::given_up());
        }
        let of_metric = current.fits.iter().filter(|candidates| candidates.metric == rows.metric);
        let mut fits: Vec<_> = of_metric.flat_map(|candidates| &candidates.fits).collect();
        fits.sort_by_cached_key(|fit| !fit.view.chosen);
        let (found, notes) = optima::of_metric(&evidence, metric, &fits, &query.flops, true);
        answer.curves.extend(found.curves);
        answer.isoflops.extend(found.isoflops);
        answer.notes.extend(notes);
    }
    worths(query, current, &mut answer)?;
    let of = |rows| upcycled(rows, &current.observed.facts, current.project.fit.seed);
    answer.upcycled = current.observed.fitted.iter().filter_map(of).collect();
    if !answer.upcycled.is_empty() {
        answer.notes.push(
            "Laws are fitted to upcycled runs as if they had been trained from scratch. To leave them out, write beside the pattern or \
             table: where: upcycled_from == \"\""
                .to_owned(),
        );
    }
    if answer.isoflops.is_empty() && answer.notes.is_empty() && answer.curves.is_empty() {
        answer.notes.push("No run has a size, a token count and a loss.".to_owned());
    }
    Ok(answer)
}

/// The mixture at the shape that is recommended, where that is not the target's.
fn mixture(evidence: &Evidence<'_>, advice: Option<&ShapeAdvice>) -> Option<ShapeMixture> {
    let Some(ShapeAdvice::Recommendation(shape)) = advice else { return None };
    let other = Some(shape).filter(|shape| shape.advised != shape.current)?;
    let mut there = advise::mixture_at(evidence, &other.advised)?;
    there.advice = as_logged::advice(evidence.project, Some(&there.advice))?;
    Some(there)
}

/// What one group of runs is worth beside another: those asked for, or models with experts beside dense ones.
fn worths(query: &ShapeQuery, current: &CurrentState, answer: &mut ShapeAnswer) -> Result<(), Failure> {
    let seed = current.project.fit.seed;
    let matcher = |pattern: &str| {
        let glob = globset::GlobBuilder::new(pattern).literal_separator(false).build();
        glob.map(|glob| glob.compile_matcher()).map_err(|e| {
            Failure::usage(format!("'{pattern}' is no pattern of run names: {e}"), "write it like 'moe-*'".to_owned())
        })
    };
    for rows in &current.observed.fitted {
        let found = match &query.worth {
            None => {
                let routed = |_: &str, row: &Observation| row.experts > 1.0;
                worth(rows, &routed, &|_, row| row.experts <= 1.0, seed).map(|found| Worth {
                    of: "models with experts".to_owned(),
                    over: "dense models".to_owned(),
                    ..found
                })
            }
            Some((of, over)) => {
                let (is_of, is_over) = (matcher(of)?, matcher(over)?);
                let found = worth(rows, &|name, _| is_of.is_match(name), &|name, _| is_over.is_match(name), seed);
                if found.is_none() {
                    answer.notes.push(format!(
                        "{}: no comparison. '{of}' must name at least one run, and '{over}' two of different losses: mixlaw runs",
                        rows.metric
                    ));
                }
                found.map(|found| Worth { of: of.clone(), over: over.clone(), ..found })
            }
        };
        answer.worth.extend(found);
    }
    Ok(())
}

/// The project with the budget that is asked for.
fn with_budget(project: &Project, query: &ShapeQuery) -> Project {
    let mut project = project.clone();
    let asked = Budget { compute: query.flops.first().copied(), ..query.budget.clone() };
    if asked != Budget::default() {
        project.budget = Some(asked.or(&project.budget.unwrap_or_default()));
    }
    project
}
