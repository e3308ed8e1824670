//! What is minimised: a weighted mean of losses, the worst of them, or one after the other.

use super::Evidence;
use super::hull::random_shares;
use super::limits::{self, Limit, Setting};
use super::region::Region;
use super::search::{BestMixture, Problem};
use super::surface::Surface;
use crate::forecast::spread::generator;
use crate::project::{Base, Constraint, Project, Slack, Stage, Wanted};
use crate::vocab::{Abstention, Observations};

/// One number from losses by metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Goal {
    /// Share of each metric; those without one do not count. Together one.
    pub minimize: Vec<f64>,
    /// The largest loss counts, each divided by its number here; `None` for the mean.
    worst: Option<Vec<f64>>,
    /// What the largest is multiplied by, so that it is a loss again: the mean of what losses are divided by.
    unit: f64,
}

impl Goal {
    /// The weighted mean.
    pub fn mean(minimize: Vec<f64>) -> Self {
        Self { minimize, worst: None, unit: 1.0 }
    }

    /// The largest loss of those that count, each beside its reference.
    pub fn worst(minimize: Vec<f64>, references: Vec<f64>) -> Self {
        let counted = minimize.iter().zip(&references).filter(|(share, _)| **share > 0.0);
        let unit = counted.map(|(share, reference)| share * reference).sum();
        Self { minimize, worst: Some(references), unit }
    }

    fn only(metric: usize, metrics: usize) -> Self {
        Self::mean((0..metrics).map(|m| f64::from(u8::from(m == metric))).collect())
    }

    /// Metrics that count.
    pub fn counted(&self) -> impl Iterator<Item = (usize, f64)> {
        self.minimize.iter().copied().enumerate().filter(|(_, share)| *share > 0.0)
    }

    /// The objective, of the losses by metric.
    pub fn of(&self, loss: impl Fn(usize) -> f64) -> f64 {
        let Some(by) = &self.worst else { return self.counted().map(|(m, share)| share * loss(m)).sum() };
        let part = |(m, _): (usize, f64)| loss(m) / by[m];
        self.unit * self.counted().map(part).fold(f64::NEG_INFINITY, limits::worse)
    }

    /// The same with a corner that is rounded over `width`, a part of the objective: T ln Σ exp(x/T), which lies above the
    /// largest by at most T ln n. `None` where there is no corner.
    pub fn rounded(&self, loss: impl Fn(usize) -> f64, width: f64) -> Option<f64> {
        let by = self.worst.as_ref()?;
        let parts: Vec<f64> = self.counted().map(|(m, _)| loss(m) / by[m]).collect();
        let most = parts.iter().copied().fold(f64::NEG_INFINITY, limits::worse);
        let sum: f64 = parts.iter().map(|part| ((part - most) / (width * most.abs())).exp()).sum();
        Some(self.unit * (most + width * most.abs() * sum.ln()))
    }
}

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
            let reference = |m: usize| -> Result<f64, Abstention> {
                if minimize[m] <= 0.0 {
                    return Ok(1.0);
                }
                let constraint = constraint(project, m, *base, Slack::Nats(0.0), "the worst loss".to_owned());
                limit(evidence, surfaces, &constraint, m, at).map(|limit| limit.value)
            };
            let references = (0..minimize.len()).map(reference).collect::<Result<_, _>>()?;
            Ok(Goal::worst(minimize, references))
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
        let objective = |w: &[f64]| (surface.best)(&surface.place(&at.scale, w));
        let excess = |w: &[f64]| limits::excess(surfaces, &at.scale, limits, w);
        let problem = Problem { region, objective: &objective, excess: &excess, rounded: None, seed: at.seed };
        let Some(lowest) = problem.solve() else {
            return Err(abstention(format!("The fitted law of {} gives no finite loss at the target.", stage.metric)));
        };
        let text = format!("{} within {} of its best", stage.metric, stage.text);
        let constraint = constraint(project, m, Base::Current, stage.slack, text);
        let mut limit = limit(evidence, surfaces, &constraint, m, &Setting { current: &lowest.weights, ..*at })?;
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
) -> Result<Limit, Abstention> {
    let none = Observations::default();
    let starts = evidence.observed.starts.get(metric).unwrap_or(&none);
    let unit = evidence.project.metrics[metric].unit;
    let Some(surface) = surfaces[metric].as_ref() else {
        return Err(abstention(format!("No law could be fitted to {}.", constraint.metric)));
    };
    Limit::new(constraint, metric, surface, starts, &Setting { unit, ..*at }).map_err(|e| abstention(e.to_string()))
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
    let mut found: Vec<(f64, Vec<f64>)> = Vec::new();
    for _ in 0..DRAWN {
        let (_, weights) = region.place(random_shares(region.corners.len(), &mut random));
        if region.outside(&weights) <= 0.0 && (problem.excess)(&weights) <= 0.0 {
            let objective = (problem.objective)(&weights);
            if objective.is_finite() {
                found.push((objective, weights));
            }
        }
    }
    let allowed = found.len();
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found.truncate(count.max(1));
    let domains = region.ranges.len();
    let n = found.len() as f64;
    let mean = (0..domains).map(|d| found.iter().map(|(_, w)| w[d]).sum::<f64>() / n).collect();
    (allowed > 0).then_some((mean, allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_the_largest_beside_its_reference_and_rounding_lies_just_above() {
        let losses = [2.0, 3.0, 9.0];
        let shares = vec![0.5, 0.5, 0.0];
        assert_eq!(Goal::mean(shares.clone()).of(|m| losses[m]), 2.5);
        assert_eq!(Goal::worst(shares.clone(), vec![1.0; 3]).of(|m| losses[m]), 3.0);
        // 2/1 is more than 3/2; the mean reference is 1.5.
        let relative = Goal::worst(shares, vec![1.0, 2.0, 1.0]);
        assert_eq!(relative.of(|m| losses[m]), 3.0);
        let rounded = relative.rounded(|m| losses[m], 1e-2).unwrap();
        assert!(rounded >= 3.0 && rounded < 3.0 * (1.0 + 1e-2 * 2.0_f64.ln() + 1e-12), "{rounded}");
        assert!(Goal::worst(vec![0.5, 0.5], vec![1.0; 2]).of(|_| f64::NAN).is_infinite(), "no number is no optimum");
    }
}
