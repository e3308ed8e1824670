//! What is believed of the objective and its limits, mixture by mixture: between which is decided, and what a run would show.

use super::super::goal::Goal;
use super::super::limits::Limit;
use super::super::probability::distance;
use super::super::region::Region;
use super::super::swarm::Swarm;
use super::beliefs::{self, Belief};
use super::curvature::{Curvature, Wrong};
use super::ensemble::{Doubt, Ensemble, Limits, mean};
use super::misfit::agreement;
use super::plan::Choice;
use super::pool;
use crate::project::Project;
use crate::vocab::{Ordered, Scale};
use std::collections::BTreeMap;

/// Looks for the best mixtures, each around the best of those before.
const ROUNDS: u64 = 3;
/// Mixtures between which is decided, at most.
const DECISIONS: usize = 96;

/// Part of a limit by which it may be exceeded on average.
const KEPT: f64 = 1e-3;

/// Draws at a place, by metric.
type ByMetric = BTreeMap<usize, Vec<f64>>;

/// What is believed of the metrics that count.
pub(super) struct World<'a> {
    /// Of each metric that the objective or a limit needs.
    pub beliefs: BTreeMap<usize, Belief<'a>>,
    pub goal: Goal,
    pub limits: Vec<Limit>,
    /// What a part of a limit's excess costs, in parts of the objective.
    pub price: f64,
    /// The mixture that the worst loss is measured beside, in every draw by what the draw says of it; `None` where by fixed losses.
    pub beside: Option<Vec<f64>>,
    pub domains: &'a [String],
    /// What laws get wrong beyond the runs; `None` where nothing says so, or no mixture beyond them may be decided for.
    pub curvature: Option<Curvature>,
    /// The runs between which is decided; `None` where mixtures beyond them may be decided for, and where a region says all of them.
    pub between: Option<Swarm>,
}

impl World<'_> {
    /// Draws of each metric that counts, by place, nats; none at a place where one of them has no possible loss.
    fn losses(&self, places: &[(Scale, Vec<f64>)]) -> Vec<Option<ByMetric>> {
        let mut all = vec![Some(ByMetric::new()); places.len()];
        for (metric, belief) in &self.beliefs {
            for (of_place, losses) in all.iter_mut().zip(belief.losses(places)) {
                match (of_place.as_mut(), losses) {
                    (Some(of_place), Some(losses)) => drop(of_place.insert(*metric, losses)),
                    _ => *of_place = None,
                }
            }
        }
        all
    }

    /// That no mixture has possible losses at the target, with the metrics that have none at this one.
    pub fn impossible(&self, project: &Project, target: &Scale, weights: &[f64], mixes: bool) -> String {
        let place = [(*target, weights.to_vec())];
        let fails = |belief: &Belief<'_>| belief.losses(&place).iter().any(Option::is_none);
        let of = |(metric, belief): (&usize, &Belief<'_>)| {
            format!("that of {} by the {} law", project.metrics[*metric].name, belief.law())
        };
        let named: Vec<String> = self.beliefs.iter().filter(|(_, belief)| fails(belief)).map(of).collect();
        let named = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
        format!(
            "The laws predict a loss that cannot be for the target{}{named}, or more than a fifth of the resamples do, so nothing says \
             what a run would decide.",
            if mixes { ", whatever the mixture" } else { "" }
        )
    }

    /// Losses of the mixture that others are measured beside, at a scale.
    fn losses_beside(&self, scale: &Scale) -> Option<ByMetric> {
        self.losses(&[(*scale, self.beside.clone()?)]).pop().flatten()
    }

    /// The objective by draw, nats; limits not counted.
    fn objective(&self, losses: &ByMetric, beside: Option<&ByMetric>) -> Vec<f64> {
        let of = |metric: usize, s: usize| losses.get(&metric).map_or(0.0, |losses| losses[s]);
        let one = |s: usize| match beside {
            Some(by) => self.goal.beside(|metric| of(metric, s), |metric| by.get(&metric).map_or(1.0, |by| by[s])),
            None => self.goal.of(|metric| of(metric, s)),
        };
        (0..beliefs::DRAWS).map(one).collect()
    }

    /// What mixtures come to at the target, without those that have no possible loss there.
    pub fn weigh(&self, target: &Scale, mixtures: Vec<Vec<f64>>) -> Vec<Decision> {
        let places: Vec<(Scale, Vec<f64>)> = mixtures.into_iter().map(|weights| (*target, weights)).collect();
        let limits = self.priced_limits();
        let beside = self.losses_beside(target);
        let one = |(losses, (_, weights)): (Option<ByMetric>, (Scale, Vec<f64>))| {
            let losses = losses?;
            let wrong = self.curvature.as_ref().and_then(|curvature| curvature.at(&weights));
            let columns = self.columns(&losses, beside.as_ref(), wrong.as_ref());
            let doubt = wrong.map(|wrong| {
                let level = mean(&columns[0]);
                (wrong.errors[0].iter().map(|error| level * error).collect(), wrong.price * level.abs())
            });
            let value = |s: usize| limits.priced(columns[0][s], columns[1..].iter().map(|of| of[s]));
            Some(Decision { values: (0..beliefs::DRAWS).map(value).collect(), weights, columns, doubt })
        };
        self.losses(&places).into_iter().zip(places).filter_map(one).collect()
    }

    /// The objective and each limited metric by draw, with what laws get wrong beyond the runs.
    fn columns(&self, losses: &ByMetric, beside: Option<&ByMetric>, wrong: Option<&Wrong>) -> Vec<Vec<f64>> {
        let mut columns = vec![self.objective(losses, beside)];
        columns.extend(self.limits.iter().filter_map(|limit| losses.get(&limit.domain).cloned()));
        for (column, errors) in columns.iter_mut().zip(wrong.iter().flat_map(|wrong| &wrong.errors)) {
            column.iter_mut().zip(errors).for_each(|(value, error)| *value *= error.exp());
        }
        columns
    }

    fn priced_limits(&self) -> Limits {
        Limits { greatest: self.limits.iter().map(|limit| limit.value).collect(), price: self.price }
    }

    /// Whether a limited metric of a decision is, on average, above its limit.
    pub fn exceeds(&self, decision: &Decision) -> bool {
        let exceeds = |(column, limit): (&Vec<f64>, &Limit)| mean(column) > limit.value * (1.0 + KEPT);
        decision.columns[1..].iter().zip(&self.limits).any(exceeds)
    }

    /// Mixtures between which is decided, with their objectives by draw: the best of every draw, and those that are best on
    /// average; the best on average first. Empty where no mixture has possible losses.
    pub fn decisions(
        &self,
        target: &Scale,
        region: &Region,
        explored: &[Vec<f64>],
        start: Option<Vec<f64>>,
        seed: u64,
    ) -> Vec<Decision> {
        let centre = region.pulled(&pool::centre(explored, self.domains.len()));
        let mut all: Vec<Decision> = Vec::new();
        let mut around = start.unwrap_or_else(|| centre.clone());
        for round in 0..ROUNDS {
            all.extend(self.contenders(target, region, explored, &around, seed ^ round));
            match all.iter().min_by(|a, b| a.priced().total_cmp(&b.priced())) {
                Some(best) => around.clone_from(&best.weights),
                None => return self.weigh(target, vec![centre]),
            }
        }
        all.sort_by_cached_key(|each| Ordered(each.priced()));
        all.dedup_by(|a, b| distance(&a.weights, &b.weights) < 1e-6);
        // The best on average, then those that are best in most draws.
        let mut wins = vec![0_u32; all.len()];
        for s in 0..beliefs::DRAWS {
            let lowest = (0..all.len()).min_by(|a, b| all[*a].values[s].total_cmp(&all[*b].values[s]));
            lowest.into_iter().for_each(|i| wins[i] += 1);
        }
        let mut order: Vec<usize> = (1..all.len()).collect();
        order.sort_by_cached_key(|i| std::cmp::Reverse(wins[*i]));
        std::iter::once(0).chain(order).take(DECISIONS).filter_map(|i| all.get(i).cloned()).collect()
    }

    fn contenders(
        &self,
        target: &Scale,
        region: &Region,
        explored: &[Vec<f64>],
        around: &[f64],
        seed: u64,
    ) -> Vec<Decision> {
        let (mut places, _) = pool::mixtures(region, explored, around, seed);
        places.retain(|weights| self.may_take(region, weights));
        self.weigh(target, places)
    }

    /// Whether a mixture of the region may be decided for.
    pub fn may_take(&self, region: &Region, weights: &[f64]) -> bool {
        let beyond = self.between.as_ref().is_some_and(|runs| runs.beyond(weights).is_some());
        region.outside(weights) <= 0.0 && !beyond
    }

    /// Standard deviation of a run's objective, as a part of it. What runs of one mixture are off by is in part the same for all
    /// metrics, as far as their held-out errors agree, and in part averages out.
    fn noise(&self) -> f64 {
        let all: Vec<(f64, &Belief<'_>)> =
            self.beliefs.iter().map(|(m, belief)| (self.goal.minimize[*m] * belief.noise, belief)).collect();
        let together = |(one, a): &(f64, &Belief<'_>)| {
            all.iter().map(|(other, b)| one * other * agreement(&a.held, &b.held)).sum::<f64>()
        };
        all.iter().map(together).sum::<f64>().sqrt()
    }

    /// A column for each decision, then for each choice what its run would show: the objective, and each limited metric. Choices of
    /// which the laws predict no possible loss are left out.
    pub fn ensemble(&self, decisions: &[Decision], choices: Vec<Choice>) -> (Ensemble, Vec<Choice>) {
        let mut columns: Vec<Vec<f64>> = decisions.iter().flat_map(|decision| decision.columns.clone()).collect();
        let limited: Vec<usize> = self.limits.iter().map(|limit| limit.domain).collect();
        let places: Vec<(Scale, Vec<f64>)> =
            choices.iter().map(|choice| (choice.scale, choice.weights.clone())).collect();
        let shown = self.losses(&places);
        let noise = self.noise();
        let shown = choices.into_iter().zip(shown).filter_map(|(choice, losses)| Some((choice, losses?)));
        let mut kept: Vec<Choice> = Vec::new();
        // Choices of a mixture, at several scales, follow each other.
        let mut last: Option<(Vec<f64>, Option<Wrong>)> = None;
        let mut beside: Vec<(Scale, Option<ByMetric>)> = Vec::new();
        for (id, (mut choice, losses)) in shown.enumerate() {
            choice.id = id;
            if last.as_ref().is_none_or(|(weights, _)| *weights != choice.weights) {
                let wrong = self.curvature.as_ref().and_then(|curvature| curvature.at(&choice.weights));
                last = Some((choice.weights.clone(), wrong));
            }
            let wrong = last.as_ref().and_then(|(_, wrong)| wrong.as_ref());
            if beside.iter().all(|(scale, _)| *scale != choice.scale) {
                beside.push((choice.scale, self.losses_beside(&choice.scale)));
            }
            let by = beside.iter().find(|(scale, _)| *scale == choice.scale).and_then(|(_, by)| by.as_ref());
            let of_metric = limited.iter().filter_map(|metric| self.beliefs.get(metric)).map(|belief| belief.noise);
            for (column, noise) in
                self.columns(&losses, by, wrong).into_iter().zip(std::iter::once(noise).chain(of_metric))
            {
                choice.columns.push(columns.len());
                choice.noise.push(noise * mean(&column));
                columns.push(column);
            }
            kept.push(choice);
        }
        let doubt = |decision: &Decision| {
            let (open, price) = decision.doubt.clone()?;
            columns.push(open);
            Some(Doubt::new(columns.len() - 1, price))
        };
        let doubts = decisions.iter().map(doubt).collect();
        (Ensemble::new(decisions.len(), self.priced_limits(), columns, doubts), kept)
    }
}

/// A mixture that may be decided for.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub weights: Vec<f64>,
    /// Its objective and limited metrics at the target by draw, nats.
    columns: Vec<Vec<f64>>,
    /// The objective by draw with the price of what exceeds limits.
    values: Vec<f64>,
    /// Beyond the runs: what laws get wrong about the objective, by draw, and what it must be better by, nats.
    doubt: Option<(Vec<f64>, f64)>,
}

impl Decision {
    /// The mean objective with what it must be better by.
    fn priced(&self) -> f64 {
        mean(&self.values) + self.doubt.as_ref().map_or(0.0, |(_, price)| *price)
    }
}
