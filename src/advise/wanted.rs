//! What the project wants: its objective as a [`Goal`], losses that come before others as limits, and the mean of the best
//! mixtures.

use super::evidence::Evidence;
use super::goal::Goal;
use super::hull::random_shares;
use super::limits::{self, Limit, LimitError, Setting};
use super::region::Region;
use super::search::{BestMixture, Problem};
use super::surface::{Mixtures, Surface};
use crate::forecast::spread::generator;
use crate::project::{Base, Constraint, Project, Slack, Stage, Wanted};
use crate::vocab::{Abstention, Observations, Ordered};

/// What the project wants, at the target. Of losses in order, each but the last becomes one of the limits: within its tolerance
/// of the lowest that the limits before it allow.
///
/// # Errors
/// Why nothing can be minimised.
pub(super) fn resolve(
    evidence: &Evidence<'_>,
    surfaces: &[Option<Surface<'_>>],
    at: &Setting<'_>,
    region: &Region,
    limits: &mut Vec<Limit>,
) -> Result<Goal, Abstention> {
    let project = evidence.project;
    let minimize = project.objective_weights();
    match &project.objective.goal {
        Wanted::Mean => Ok(Goal::mean(minimize)),
        Wanted::Worst(None) => {
            let ones = vec![1.0; minimize.len()];
            Ok(Goal::worst(minimize, ones))
        }
        Wanted::Worst(Some(base)) => {
            let mut references = vec![1.0; minimize.len()];
            let mut not_logged = Vec::new();
            for m in (0..minimize.len()).filter(|m| minimize[*m] > 0.0) {
                let constraint = constraint(project, m, *base, Slack::Nats(0.0), "the worst loss".to_owned());
                match limit(evidence, surfaces, &constraint, m, at) {
                    Ok(limit) => references[m] = limit.value,
                    Err(Unresolved::Limit(LimitError::NoStart { domain, .. })) => not_logged.push(domain),
                    Err(error) => return Err(abstention(error.to_string())),
                }
            }
            if not_logged.is_empty() { Ok(Goal::worst(minimize, references)) } else { Err(without_start(&not_logged)) }
        }
        Wanted::InOrder(stages) => in_order(evidence, surfaces, at, region, limits, stages),
    }
}

fn in_order(
    evidence: &Evidence<'_>,
    surfaces: &[Option<Surface<'_>>],
    at: &Setting<'_>,
    region: &Region,
    limits: &mut Vec<Limit>,
    stages: &[Stage],
) -> Result<Goal, Abstention> {
    let project = evidence.project;
    let metrics = project.metrics.len();
    let index = |stage: &Stage| {
        let unknown = || abstention(format!("{} is not a metric of the project.", stage.metric));
        project.metric_index(&stage.metric).ok_or_else(unknown)
    };
    let Some((last, before)) = stages.split_last() else { return Ok(Goal::mean(project.objective_weights())) };
    for stage in before {
        let m = index(stage)?;
        let Some(surface) = surfaces[m].as_ref() else { continue };
        let objective = |mixtures: &[Vec<f64>]| {
            (surface.ln_best)(Mixtures::new(&at.scale, mixtures).of(surface))
                .into_iter()
                .map(f64::exp)
                .collect::<Vec<f64>>()
        };
        let excess = |mixtures: &[Vec<f64>]| limits::excess(surfaces, &at.scale, limits, mixtures);
        let problem = Problem { region, objective: &objective, excess: &excess, rounded: None, seed: at.seed };
        let Some(lowest) = problem.solve() else {
            return Err(abstention(format!("The fitted law of {} gives no finite loss at the target.", stage.metric)));
        };
        let text = format!("{} within {} of its best", stage.metric, stage.text);
        let constraint = constraint(project, m, Base::Current, stage.slack, text);
        let at_best = Setting { current: &lowest.weights, ..*at };
        let mut limit =
            limit(evidence, surfaces, &constraint, m, &at_best).map_err(|error| abstention(error.to_string()))?;
        limit.how = Some(best(project, m, &lowest));
        limits.push(limit);
    }
    Ok(Goal::only(index(last)?, metrics))
}

fn best(project: &Project, metric: usize, lowest: &BestMixture) -> String {
    let metric = &project.metrics[metric];
    let named = project.domains.iter().zip(&lowest.weights).map(|(d, w)| format!("{d} {w:.3}")).collect::<Vec<_>>();
    format!("The best {} by the laws is {}, at {}.", metric.name, metric.unit.show(lowest.objective), named.join(", "))
}

fn constraint(project: &Project, metric: usize, base: Base, slack: Slack, text: String) -> Constraint {
    Constraint { metric: project.metrics[metric].name.clone(), base, slack, text }
}

fn limit(
    evidence: &Evidence<'_>,
    surfaces: &[Option<Surface<'_>>],
    constraint: &Constraint,
    metric: usize,
    at: &Setting<'_>,
) -> Result<Limit, Unresolved> {
    let none = Observations::default();
    let starts = evidence.observed.starts.get(metric).unwrap_or(&none);
    let unit = evidence.project.metrics[metric].unit;
    let Some(surface) = surfaces[metric].as_ref() else {
        return Err(Unresolved::NoLaw(constraint.metric.clone()));
    };
    Ok(Limit::new(constraint, metric, surface, starts, &Setting { unit, ..*at })?)
}

/// Why what a loss is compared with is not known. `Display` is a sentence.
#[derive(Debug, thiserror::Error)]
enum Unresolved {
    #[error("No law could be fitted to {0}.")]
    NoLaw(String),
    #[error(transparent)]
    Limit(#[from] LimitError),
}

/// That losses are to be compared with what nobody has logged.
fn without_start(losses: &[String]) -> Abstention {
    let losses = losses.join(" and ");
    Abstention {
        reasons: vec![format!(
            "`relative_to: start` compares each loss with the one before training, and no run logs {losses} at step 0."
        )],
        would_help: vec![
            "Write relative_to: current in the project file, which needs none.".to_owned(),
            format!("Evaluate {losses} before the first step, and log it as step 0."),
        ],
        nothing_to_mix: None,
    }
}

fn abstention(reason: String) -> Abstention {
    Abstention { reasons: vec![reason], ..Abstention::default() }
}

/// Mixtures that are drawn for the mean of the best.
const DRAWN: usize = 8192;

/// The mean of the `count` best of mixtures drawn at random from the region, of those within the limits (RegMix takes the mean of
/// the best 100, which is steadier than the best one); with how many were allowed. `None` where none is.
pub(super) fn mean_of_best(problem: &Problem<'_>, count: usize) -> Option<(Vec<f64>, usize)> {
    let region = problem.region;
    let mut random = generator(problem.seed ^ 0x746f_706b);
    let drawn = (0..DRAWN).map(|_| region.place(random_shares(region.corners.len(), &mut random)).1);
    let inside: Vec<Vec<f64>> = drawn.filter(|weights| region.outside(weights) <= 0.0).collect();
    let values = (problem.objective)(&inside).into_iter().zip((problem.excess)(&inside));
    let mut found: Vec<(f64, Vec<f64>)> = values
        .zip(inside)
        .filter(|((objective, excess), _)| *excess <= 0.0 && objective.is_finite())
        .map(|((objective, _), weights)| (objective, weights))
        .collect();
    let allowed = found.len();
    found.sort_by_cached_key(|pair| Ordered(pair.0));
    found.truncate(count.max(1));
    let domains = region.ranges.len();
    let n = found.len() as f64;
    let mean = (0..domains).map(|d| found.iter().map(|(_, w)| w[d]).sum::<f64>() / n).collect();
    (allowed > 0).then_some((mean, allowed))
}
