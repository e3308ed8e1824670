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
mod ensemble;
mod misfit;
mod plan;
mod pool;

use super::evidence::Evidence;
use super::limits::{Limit, Setting};
use super::region::{Cuts, Region};
use super::surface::Surface;
use super::{abstain, explored, in_use, needed, resolve};
use crate::fit::choose::Candidates;
use crate::vocab::{Abstention, CandidateRun, Metric, MetricUnit, Mixture, NextAnswer, NextQuery, Purpose, Scale};
use beliefs::{About, Belief};
use ensemble::{Ensemble, priced};
use plan::{Choice, Planner};
use rayon::prelude::*;
use std::collections::BTreeMap;

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
    let limits =
        resolve(evidence, &surfaces, &Setting { scale: target, current: &current, seed, unit: MetricUnit::Nats })?;
    let world = World { beliefs, minimize, limits, domains: &project.domains };

    let mixes = project.domains.len() > 1 && mixtures.len() > 1;
    let scales = pool::scales(needed.iter().filter_map(|d| evidence.observed.fitted.get(*d)));
    let region = |supply: bool, inside: bool| {
        let none = BTreeMap::new();
        Region::new(&Cuts {
            domains: &project.domains,
            bounds: &project.bounds,
            available: if supply { &project.available_tokens } else { &none },
            max_epochs: project.max_epochs,
            tokens: target.tokens,
            explored: inside.then_some(mixtures.as_slice()),
        })
        .map_err(|reasons| Abstention { reasons, ..Abstention::default() })
    };
    let (decisions, choices) = if mixes {
        let (decided, launched) = (region(true, !evidence.extrapolate)?, region(false, false)?);
        let decisions = world.decisions(&target, &decided, &mixtures, seed);
        let best = decisions.first().map_or_else(|| current.clone(), |best| best.weights.clone());
        let (places, repeats) = pool::mixtures(&launched, &mixtures, &best, seed);
        let own = || {
            let at = |(i, weights): (usize, &Vec<f64>)| {
                scales.iter().map(move |scale| Choice::new(weights.clone(), *scale, i < repeats)).collect::<Vec<_>>()
            };
            places.iter().enumerate().flat_map(at).collect()
        };
        (decisions, given(query, &project.domains, &current, &scales)?.unwrap_or_else(own))
    } else {
        let mixture = mixtures.first().cloned().unwrap_or_else(|| current.clone());
        let smallest = scales.iter().map(|s| s.params).fold(f64::INFINITY, f64::min);
        let own = || {
            let new =
                pool::ladder(smallest, &target).into_iter().map(|scale| Choice::new(mixture.clone(), scale, false));
            scales.iter().map(|scale| Choice::new(mixture.clone(), *scale, true)).chain(new).collect()
        };
        (
            vec![world.decision(&target, mixture.clone())],
            given(query, &project.domains, &mixture, &scales)?.unwrap_or_else(own),
        )
    };
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
    if let Some(help) = (mixtures.len() < 3 && mixes).then(|| abstain::gap(evidence, &mixtures)) {
        plan.reasons.push(format!("The runs have {} mixtures, which say little. {help}", mixtures.len()));
    }
    Ok(plan)
}

fn no(reason: &str, help: &str) -> Abstention {
    Abstention { reasons: vec![reason.to_owned()], would_help: vec![help.to_owned()], nothing_to_mix: None }
}

/// The user's candidates; `None` where there are none.
fn given(
    query: &NextQuery,
    domains: &[String],
    current: &[f64],
    scales: &[Scale],
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
        choice.cost = run.cost.unwrap_or(choice.cost);
        Ok(choice)
    };
    query.candidates.iter().map(one).collect::<Result<Vec<_>, _>>().map(Some)
}

/// What is believed of the metrics that count.
struct World<'a> {
    beliefs: BTreeMap<usize, Belief<'a>>,
    minimize: Vec<f64>,
    limits: Vec<Limit>,
    domains: &'a [String],
}

impl World<'_> {
    /// Draws of each metric that counts at a place, nats.
    fn losses(&self, scale: &Scale, weights: &[f64]) -> BTreeMap<usize, Vec<f64>> {
        self.beliefs.iter().map(|(metric, belief)| (*metric, belief.losses(scale, weights))).collect()
    }

    /// The objective by draw, nats; limits not counted.
    fn objective(&self, losses: &BTreeMap<usize, Vec<f64>>) -> Vec<f64> {
        let mut sum = vec![0.0; beliefs::DRAWS];
        for (metric, losses) in losses {
            let share = self.minimize[*metric];
            sum.iter_mut().zip(losses).for_each(|(sum, loss)| *sum += share * loss);
        }
        sum
    }

    /// What a mixture comes to at the target.
    fn decision(&self, target: &Scale, weights: Vec<f64>) -> Decision {
        let losses = self.losses(target, &weights);
        let limited = |limit: &Limit| losses.get(&limit.domain).cloned();
        let mut columns = vec![self.objective(&losses)];
        columns.extend(self.limits.iter().filter_map(limited));
        let limits = self.greatest();
        let value = |s: usize| priced(columns[0][s], columns[1..].iter().map(|of| of[s]), &limits);
        Decision { values: (0..beliefs::DRAWS).map(value).collect(), weights, columns }
    }

    fn greatest(&self) -> Vec<f64> {
        self.limits.iter().map(|limit| limit.value).collect()
    }

    /// Mixtures between which is decided, with their objectives by draw: the best of every draw, and those that are best on
    /// average; the best on average first.
    fn decisions(&self, target: &Scale, region: &Region, explored: &[Vec<f64>], seed: u64) -> Vec<Decision> {
        let centre: Vec<f64> = (0..self.domains.len())
            .map(|d| explored.iter().map(|m| m[d]).sum::<f64>() / explored.len().max(1) as f64)
            .collect();
        let first = self.contenders(target, region, explored, &centre, seed);
        let Some(best) = first.first().map(|best| best.weights.clone()) else {
            return vec![self.decision(target, centre)];
        };
        // Once more around the best.
        let mut all = self.contenders(target, region, explored, &best, seed ^ 1);
        all.extend(first);
        all.sort_by(|a, b| mean(&a.values).total_cmp(&mean(&b.values)));
        all.dedup_by(|a, b| super::probability::distance(&a.weights, &b.weights) < 1e-6);
        all.truncate(DECISIONS);
        all
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
        let decision = |weights: Vec<f64>| self.decision(target, weights);
        let mut all: Vec<Decision> = places.into_par_iter().map(decision).collect();
        all.sort_by(|a, b| mean(&a.values).total_cmp(&mean(&b.values)));
        let lowest = |s: usize| (0..all.len()).min_by(|a, b| all[*a].values[s].total_cmp(&all[*b].values[s]));
        let mut keep: Vec<usize> =
            (0..beliefs::DRAWS).filter_map(lowest).chain(0..all.len().min(DECISIONS / 4)).collect();
        keep.sort_unstable();
        keep.dedup();
        keep.into_iter().map(|i| all[i].clone()).collect()
    }

    /// A column for each decision, then for each choice what its run would show: the objective, and each limited metric.
    fn ensemble(&self, decisions: &[Decision], mut choices: Vec<Choice>) -> (Ensemble, Vec<Choice>) {
        let mut columns: Vec<Vec<f64>> = decisions.iter().flat_map(|decision| decision.columns.clone()).collect();
        let limited: Vec<usize> = self.limits.iter().map(|limit| limit.domain).collect();
        let shown: Vec<BTreeMap<usize, Vec<f64>>> =
            choices.par_iter().map(|choice| self.losses(&choice.scale, &choice.weights)).collect();
        let noise: f64 = self.beliefs.iter().map(|(metric, belief)| self.minimize[*metric] * belief.noise).sum();
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

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

#[cfg(test)]
mod tests;
