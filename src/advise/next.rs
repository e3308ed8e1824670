//! Which runs to launch next: those from which the decision is expected to gain most for what they cost.
//!
//! What the fits leave open is a set of joint draws ([`beliefs`]): resamples of the runs, the laws that have a weight, and what
//! laws get wrong about mixtures that were not run ([`misfit`]) and sizes beyond the runs. In
//! every draw some mixture is best for the target, and the mixture that is best on average has a *regret*: how much higher its
//! objective is. A run that could be launched would be seen with the noise that runs have; what it is expected to take from
//! the regret is worked out from the draws' covariances ([`ensemble`]), and divided by what the run costs. Runs are chosen one
//! after another, each for what those before it leave open, so that a batch does not ask the same thing twice.
//!
//! Where there is nothing to mix, runs are chosen that say more exactly what the target will reach: by the variance that they
//! take from its forecast.
//!
//! Limits enter the objective as a price: each part by which a limit would be exceeded costs five parts of the objective.

mod beliefs;
mod cost;
mod ensemble;
mod misfit;
mod plan;
mod pool;

use super::evidence::Evidence;
use super::goal::Goal;
use super::limits::{Limit, Setting};
use super::region::{Cuts, Region};
use super::surface::Surface;
use super::{abstain, explored, in_use, needed, resolve, wanted};
use crate::fit::choose::Candidates;
use crate::vocab::{
    Abstention, Advice, CandidateRun, Metric, MetricUnit, Mixture, NextAnswer, NextQuery, Purpose, Scale,
};
use beliefs::{About, Belief};
use ensemble::{Ensemble, PRICE, mean, priced};
use plan::{Choice, Planner};
use std::collections::BTreeMap;

/// Looks for the best mixtures, each around the best of those before.
const ROUNDS: u64 = 3;
/// Mixtures between which is decided, at most.
const DECISIONS: usize = 96;

/// Runs to launch next, or why none can be proposed. `candidates` are the fits of each metric, in the order of
/// `evidence.project.metrics`. Deterministic: the same evidence and seed give the same plan.
#[must_use]
pub fn next(evidence: &Evidence<'_>, candidates: &[Candidates], query: &NextQuery) -> NextAnswer {
    match propose(evidence, candidates, query) {
        Ok(plan) => NextAnswer::Plan(plan),
        Err(abstention) => NextAnswer::Abstained(abstention),
    }
}

fn propose(
    evidence: &Evidence<'_>,
    candidates: &[Candidates],
    query: &NextQuery,
) -> Result<crate::vocab::Plan, Abstention> {
    let project = evidence.project;
    let seed = project.fit.seed;
    let minimize = project.objective_weights();
    let needed = needed(project, &minimize);
    let Some(target) = project.target.scale() else {
        return Err(no(
            "The target's size or token count is unknown.",
            "Write it: target: { params: 7B, tokens: 20B }",
        ));
    };
    let (of_a_flop, taken) =
        cost::of_a_flop(query.unit, project.budget.as_ref(), &evidence.observed.speeds, target.moe.is_some())?;
    let mixtures = explored(evidence, &needed);
    let mut beliefs: BTreeMap<usize, Belief<'_>> = BTreeMap::new();
    for &metric in &needed {
        let name = &project.metrics[metric].name;
        let (Some(fit), Some(fits)) = (evidence.fits.get(metric).copied().flatten(), candidates.get(metric)) else {
            return Err(no(
                &format!("No law could be fitted to {name}, so nothing says what a run would show."),
                "Launch a few runs that differ in mixture, size or tokens first; `mixlaw fit` says what each law needs.",
            ));
        };
        let salt = seed ^ ((metric as u64 + 1) << 16);
        beliefs.insert(
            metric,
            Belief::of(fits, fit, &About { name, domains: &project.domains, explored: &mixtures }, &target, salt),
        );
    }
    if beliefs.is_empty() {
        return Err(no(
            "The objective gives no metric a weight.",
            "Name what to minimize: objective: { minimize: NAME }",
        ));
    }
    let (current, _) = in_use(project, &mixtures);
    let surface = |(m, metric): (usize, &Metric)| {
        let fit = evidence.fits.get(m).copied().flatten()?;
        Some(Surface::of(fit, &metric.name, &project.domains))
    };
    let surfaces: Vec<Option<Surface<'_>>> = project.metrics.iter().enumerate().map(surface).collect();
    let at = Setting { scale: target, current: &current, seed, unit: MetricUnit::Nats };
    let mut limits = resolve(evidence, &surfaces, &at)?;
    let mixes = project.domains.len() > 1 && mixtures.len() > 1;
    let scales = pool::scales(needed.iter().filter_map(|d| evidence.observed.fitted.get(*d)));
    let region = |supply: bool, inside: bool| {
        let (none, no_groups) = (BTreeMap::new(), BTreeMap::new());
        let cuts = Cuts::of(project, target.tokens, inside.then_some(mixtures.as_slice()));
        // What is launched to learn from may be further away than what is decided for.
        let cuts = match supply {
            true => cuts,
            false => Cuts { available: &none, groups: &no_groups, near: None, ..cuts },
        };
        Region::new(&cuts).map_err(|reasons| Abstention { reasons, ..Abstention::default() })
    };
    let regions = if mixes { Some((region(true, !evidence.beyond())?, region(false, false)?)) } else { None };
    let goal = match &regions {
        Some((decided, _)) => wanted::resolve(evidence, &surfaces, &at, decided, &mut limits)?,
        None => Goal::mean(minimize),
    };
    let world = World { beliefs, goal, limits, domains: &project.domains };
    let (decisions, mut choices) = if let Some((decided, launched)) = regions {
        // The search begins where the recommended mixture is, if there is one.
        let advised = match super::recommend(evidence) {
            Advice::Recommendation(advised) => Some(advised.mixture.weights(&project.domains)),
            Advice::Abstained(_) => None,
        };
        let decisions = world.decisions(&target, &decided, &mixtures, advised, seed);
        let best = decisions.first().map_or_else(|| current.clone(), |best| best.weights.clone());
        let (places, repeats) = pool::mixtures(&launched, &mixtures, &best, seed);
        let own = || {
            let at = |(i, weights): (usize, &Vec<f64>)| {
                scales.iter().map(move |scale| Choice::new(weights.clone(), *scale, i < repeats)).collect::<Vec<_>>()
            };
            places.iter().enumerate().flat_map(at).collect()
        };
        (decisions, given(query, &project.domains, &current, &scales, of_a_flop)?.unwrap_or_else(own))
    } else {
        let mixture = mixtures.first().cloned().unwrap_or_else(|| current.clone());
        let smallest = scales.iter().map(|s| s.params).fold(f64::INFINITY, f64::min);
        let own = || {
            let new =
                pool::ladder(smallest, &target).into_iter().map(|scale| Choice::new(mixture.clone(), scale, false));
            scales.iter().map(|scale| Choice::new(mixture.clone(), *scale, true)).chain(new).collect()
        };
        (
            world.weigh(&target, vec![mixture.clone()]),
            given(query, &project.domains, &mixture, &scales, of_a_flop)?.unwrap_or_else(own),
        )
    };
    if query.candidates.is_empty() {
        choices.iter_mut().for_each(|choice| choice.cost *= of_a_flop);
    }
    if choices.is_empty() {
        return Err(no(
            "No run has a known size and token count, so nothing says what a run would cost.",
            "State them: `mixlaw check` lists what is missing.",
        ));
    }
    let (ensemble, choices) = world.ensemble(&decisions, choices);
    let decisions: Vec<Vec<f64>> = decisions.into_iter().map(|decision| decision.weights).collect();
    let purpose = if mixes { Purpose::Mixture } else { Purpose::Forecast };
    let planner = Planner { purpose, domains: &project.domains, decisions: &decisions, query, seed };
    let mut plan = planner.plan(ensemble, choices);
    plan.reasons.extend(taken);
    if mixes && !evidence.beyond() {
        plan.reasons.push(
            "The regret is against mixtures within the range that the runs cover; beyond it, the laws are not asked."
                .to_owned(),
        );
    }
    if !world.limits.is_empty() {
        plan.reasons.push(format!(
            "Each percent by which a limit would be exceeded counts as {PRICE:.0} % of the objective; the mixture that is best on \
             average therefore keeps further inside the limits than the recommended one."
        ));
    }
    if let Some(help) = (mixtures.len() < 3 && mixes).then(|| abstain::gap(evidence, &mixtures)) {
        plan.reasons.push(format!("The runs have {} mixtures, which say little. {help}", mixtures.len()));
    }
    Ok(plan)
}

fn no(reason: &str, help: &str) -> Abstention {
    Abstention { reasons: vec![reason.to_owned()], would_help: vec![help.to_owned()], nothing_to_mix: None }
}

/// The user's candidates, with their own costs, or those of their FLOPs; `None` where there are none.
fn given(
    query: &NextQuery,
    domains: &[String],
    current: &[f64],
    scales: &[Scale],
    of_a_flop: f64,
) -> Result<Option<Vec<Choice>>, Abstention> {
    if query.candidates.is_empty() {
        return Ok(None);
    }
    let usual = scales.get(scales.len() / 2).copied();
    let one = |run: &CandidateRun| {
        let unknown = |what: &str, key: &str| {
            no(&format!("The {what} of candidate '{}' is unknown.", run.name), &format!("Add a column '{key}'."))
        };
        let params = run.params.or(usual.map(|s| s.params)).ok_or_else(|| unknown("size", "params"))?;
        let tokens = run.tokens.or(usual.map(|s| s.tokens)).ok_or_else(|| unknown("token count", "tokens"))?;
        let shape = usual.unwrap_or_else(|| Scale::dense(params, tokens)).with_params(params);
        let weights =
            run.mixture.as_ref().map_or_else(|| current.to_vec(), |mixture: &Mixture| mixture.weights(domains));
        let mut choice = Choice::new(weights, Scale { tokens, ..shape }, false);
        choice.name = Some(run.name.clone());
        choice.cost = run.cost.unwrap_or(of_a_flop * choice.cost);
        Ok(choice)
    };
    query.candidates.iter().map(one).collect::<Result<Vec<_>, _>>().map(Some)
}

/// What is believed of the metrics that count.
struct World<'a> {
    beliefs: BTreeMap<usize, Belief<'a>>,
    goal: Goal,
    limits: Vec<Limit>,
    domains: &'a [String],
}

impl World<'_> {
    /// Draws of each metric that counts, by place, nats.
    fn losses(&self, places: &[(Scale, Vec<f64>)]) -> Vec<BTreeMap<usize, Vec<f64>>> {
        let mut all = vec![BTreeMap::new(); places.len()];
        for (metric, belief) in &self.beliefs {
            for (of_place, losses) in all.iter_mut().zip(belief.losses(places)) {
                of_place.insert(*metric, losses);
            }
        }
        all
    }

    /// The objective by draw, nats; limits not counted.
    fn objective(&self, losses: &BTreeMap<usize, Vec<f64>>) -> Vec<f64> {
        let columns: Vec<Option<&[f64]>> =
            (0..self.goal.minimize.len()).map(|metric| losses.get(&metric).map(Vec::as_slice)).collect();
        let of = |s: usize| self.goal.of(|metric| columns[metric].map_or(0.0, |losses| losses[s]));
        (0..beliefs::DRAWS).map(of).collect()
    }

    /// What mixtures come to at the target.
    fn weigh(&self, target: &Scale, mixtures: Vec<Vec<f64>>) -> Vec<Decision> {
        let places: Vec<(Scale, Vec<f64>)> = mixtures.into_iter().map(|weights| (*target, weights)).collect();
        let limits = self.greatest();
        let one = |(losses, (_, weights)): (BTreeMap<usize, Vec<f64>>, (Scale, Vec<f64>))| {
            let mut columns = vec![self.objective(&losses)];
            columns.extend(self.limits.iter().filter_map(|limit| losses.get(&limit.domain).cloned()));
            let value = |s: usize| priced(columns[0][s], columns[1..].iter().map(|of| of[s]), &limits);
            Decision { values: (0..beliefs::DRAWS).map(value).collect(), weights, columns }
        };
        self.losses(&places).into_iter().zip(places).map(one).collect()
    }

    fn greatest(&self) -> Vec<f64> {
        self.limits.iter().map(|limit| limit.value).collect()
    }

    /// Mixtures between which is decided, with their objectives by draw: the best of every draw, and those that are best on
    /// average; the best on average first.
    fn decisions(
        &self,
        target: &Scale,
        region: &Region,
        explored: &[Vec<f64>],
        start: Option<Vec<f64>>,
        seed: u64,
    ) -> Vec<Decision> {
        // Within groups, what may be decided for is between the corners that have their shares.
        let explored = if region.groups.is_empty() { explored } else { region.corners.as_slice() };
        let centre = region.pulled(&pool::centre(explored, self.domains.len()));
        let mut all: Vec<Decision> = Vec::new();
        let mut around = start.unwrap_or_else(|| centre.clone());
        for round in 0..ROUNDS {
            all.extend(self.contenders(target, region, explored, &around, seed ^ round));
            match all.iter().min_by(|a, b| mean(&a.values).total_cmp(&mean(&b.values))) {
                Some(best) => around.clone_from(&best.weights),
                None => return self.weigh(target, vec![centre]),
            }
        }
        all.sort_by(|a, b| mean(&a.values).total_cmp(&mean(&b.values)));
        all.dedup_by(|a, b| super::probability::distance(&a.weights, &b.weights) < 1e-6);
        // The best on average, then those that are best in most draws.
        let mut wins = vec![0_u32; all.len()];
        for s in 0..beliefs::DRAWS {
            let lowest = (0..all.len()).min_by(|a, b| all[*a].values[s].total_cmp(&all[*b].values[s]));
            lowest.into_iter().for_each(|i| wins[i] += 1);
        }
        let mut order: Vec<usize> = (1..all.len()).collect();
        order.sort_by_key(|i| std::cmp::Reverse(wins[*i]));
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
        places.retain(|weights| region.outside(weights) <= 0.0);
        self.weigh(target, places)
    }

    /// A column for each decision, then for each choice what its run would show: the objective, and each limited metric.
    fn ensemble(&self, decisions: &[Decision], mut choices: Vec<Choice>) -> (Ensemble, Vec<Choice>) {
        let mut columns: Vec<Vec<f64>> = decisions.iter().flat_map(|decision| decision.columns.clone()).collect();
        let limited: Vec<usize> = self.limits.iter().map(|limit| limit.domain).collect();
        let places: Vec<(Scale, Vec<f64>)> =
            choices.iter().map(|choice| (choice.scale, choice.weights.clone())).collect();
        let shown = self.losses(&places);
        let noise: f64 = self.beliefs.iter().map(|(metric, belief)| self.goal.minimize[*metric] * belief.noise).sum();
        for (id, (choice, losses)) in choices.iter_mut().zip(shown).enumerate() {
            choice.id = id;
            let objective = self.objective(&losses);
            choice.columns.push(columns.len());
            choice.noise.push(noise * mean(&objective));
            columns.push(objective);
            for metric in &limited {
                let Some((belief, of_metric)) = self.beliefs.get(metric).zip(losses.get(metric)) else { continue };
                choice.columns.push(columns.len());
                choice.noise.push(belief.noise * mean(of_metric));
                columns.push(of_metric.clone());
            }
        }
        (Ensemble::new(decisions.len(), self.greatest(), columns), choices)
    }
}

/// A mixture that may be decided for.
#[derive(Debug, Clone)]
struct Decision {
    weights: Vec<f64>,
    /// Its objective and limited metrics at the target by draw, nats.
    columns: Vec<Vec<f64>>,
    /// The objective by draw with the price of what exceeds limits.
    values: Vec<f64>,
}

#[cfg(test)]
mod tests;
