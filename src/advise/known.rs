//! What a project and its runs say before anything is searched: the losses as functions of the mixture, the mixtures of the runs, the one
//! in use, the limits, and what was tested beyond the runs.

use super::evidence::Evidence;
use super::goal::Goal;
use super::limits::{Limit, Setting};
use super::surface::Surface;
use super::tested::Tested;
use crate::project::{Base, Project, Wanted};
use crate::vocab::{Abstention, Metric, Observations, Scale, thousandths};
use std::collections::BTreeMap;

/// The fitted losses as functions of the mixture, by metric.
pub(super) fn surfaces<'a>(evidence: &Evidence<'a>) -> Vec<Option<Surface<'a>>> {
    let surface = |(m, metric): (usize, &Metric)| {
        let fit = evidence.fits.get(m).copied().flatten()?;
        Some(Surface::of(fit, &metric.name, &evidence.project.domains))
    };
    evidence.project.metrics.iter().enumerate().map(surface).collect()
}

/// What held-out runs say of mixtures beyond the runs; `None` where they say nothing, or the project asks for none of these.
pub(super) fn what_was_tested(
    evidence: &Evidence<'_>,
    surfaces: &[Option<Surface<'_>>],
    goal: &Goal,
    limits: &[Limit],
    scale: &Scale,
    mixtures: &[Vec<f64>],
) -> Option<Tested> {
    // Of losses in order, the best of the first is sought between the runs: a later one that was sought further away would be given what the
    // first had not been.
    let in_order = matches!(&evidence.project.objective.goal, Wanted::InOrder(stages) if stages.len() > 1);
    if evidence.between_runs() || in_order && !evidence.beyond() {
        return None;
    }
    Tested::of(evidence.fits, surfaces, goal, limits, scale, mixtures)
}

/// Indices of the metrics that are limited, by limit.
pub(super) fn limited(project: &Project) -> impl Iterator<Item = usize> {
    project.objective.subject_to.iter().filter_map(|limit| project.metric_index(&limit.metric))
}

/// Indices of the metrics that are minimised or limited.
pub(super) fn needed(project: &Project, minimize: &[f64]) -> Vec<usize> {
    let minimized = (0..minimize.len()).filter(|d| minimize[*d] > 0.0);
    let mut needed: Vec<usize> = minimized.chain(limited(project)).collect();
    needed.sort_unstable();
    needed.dedup();
    needed
}

/// Distinct mixtures (to a thousandth) of the runs that the needed laws were fitted to, in the project's order of domains.
pub(super) fn explored(evidence: &Evidence<'_>, needed: &[usize]) -> Vec<Vec<f64>> {
    let domains = &evidence.project.domains;
    let mut distinct: BTreeMap<Vec<i64>, Vec<f64>> = BTreeMap::new();
    for observations in needed.iter().filter_map(|d| evidence.observed.fitted.get(*d)) {
        let order: Vec<Option<usize>> =
            domains.iter().map(|d| observations.domains.iter().position(|o| o == d)).collect();
        for row in &observations.rows {
            let weights: Vec<f64> =
                order.iter().map(|i| i.and_then(|i| row.mixture.get(i)).copied().unwrap_or(0.0)).collect();
            let sum: f64 = weights.iter().sum();
            if sum.is_finite() && sum > 0.0 {
                let weights: Vec<f64> = weights.iter().map(|w| w / sum).collect();
                distinct.entry(thousandths(&weights)).or_insert(weights);
            }
        }
    }
    distinct.into_values().collect()
}

/// Weights in use, and whether they are only assumed: the mean of the runs' mixtures where none are stated.
pub(super) fn in_use(project: &Project, mixtures: &[Vec<f64>]) -> (Vec<f64>, bool) {
    if let Some(weights) = project.current.as_ref().map(|m| m.weights(&project.domains)) {
        let sum: f64 = weights.iter().sum();
        if sum.is_finite() && sum > 0.0 {
            return (weights.iter().map(|w| w / sum).collect(), false);
        }
    }
    let mean = |d: usize| mixtures.iter().map(|m| m[d]).sum::<f64>() / mixtures.len() as f64;
    ((0..project.domains.len()).map(mean).collect(), true)
}

pub(super) fn resolve(
    evidence: &Evidence<'_>,
    surfaces: &[Option<Surface<'_>>],
    at: &Setting<'_>,
) -> Result<Vec<Limit>, Abstention> {
    let project = evidence.project;
    let mut limits = Vec::new();
    let (mut reasons, mut unknown) = (Vec::new(), false);
    let none = Observations::default();
    for constraint in &project.objective.subject_to {
        let metric = project.metric_index(&constraint.metric);
        let Some((d, surface)) = metric.and_then(|d| Some((d, surfaces[d].as_ref()?))) else {
            reasons.push(format!(
                "The limit '{}' is on {}, which is not a metric of the project.",
                constraint.text, constraint.metric
            ));
            continue;
        };
        let unit = project.metrics[d].unit;
        if constraint.is_lower_bound() != unit.higher_is_better() {
            let (better, sign) = if unit.higher_is_better() { ("higher", ">=") } else { ("lower", "<=") };
            reasons.push(format!(
                "The limit '{}' must be written with {sign}, as {better} values of {} are better.",
                constraint.text, constraint.metric
            ));
            continue;
        }
        // How large a loss is at the target is not known of a law that only ranks mixtures there; beside the current mixture's it is.
        let unseen = (surface.unseen)(&surface.place(&at.scale, at.current));
        if constraint.base != Base::Current && !unseen.is_empty() {
            let letters: Vec<&str> = unseen.iter().map(|variable| variable.letter()).collect();
            reasons.push(format!(
                "Whether '{}' holds at the target is not known: the {} law of {} does not see {}, in which the target lies outside the runs.",
                constraint.text,
                surface.law,
                constraint.metric,
                letters.join(" and ")
            ));
            unknown = true;
            continue;
        }
        let starts = evidence.observed.starts.get(d).unwrap_or(&none);
        match Limit::new(constraint, d, surface, starts, &Setting { unit, ..*at }) {
            Ok(limit) => limits.push(limit),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    if reasons.is_empty() {
        return Ok(limits);
    }
    let of_runs = "Launch runs of other sizes (for D: of other token counts): then a law can say how large the loss is at the target.";
    let mut would_help: Vec<String> = unknown.then(|| of_runs.to_owned()).into_iter().collect();
    would_help.push(match unknown {
        true => "Or write the limit relative to the current mixture (subject_to: DOMAIN <= current + 3%).".to_owned(),
        false => {
            "Write the limit as a number, or relative to the current mixture (subject_to: DOMAIN <= current + 3%)."
                .to_owned()
        }
    });
    Err(Abstention { reasons, would_help, nothing_to_mix: None })
}
