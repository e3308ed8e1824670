//! Which runs to launch next: those from which the decision is expected to gain most for what they cost.
//!
//! What the fits leave open is a set of joint draws ([`beliefs`]): resamples of the runs, the laws that have a weight, and what
//! laws get wrong about mixtures that were not run ([`misfit`]) and sizes beyond the runs. In
//! every draw some mixture is best for the target, and the mixture that is best on average has a *regret*: how much higher its
//! objective is. A run that could be launched would be seen with the noise that runs have; what it is expected to take from
//! the regret is worked out from the draws' covariances ([`ensemble`]), and divided by what the run costs. Runs are chosen one
//! after another, each for what those before it leave open, so that a batch does not ask the same thing twice.
//!
//! What may be decided for is between the runs, or as far beyond them as held-out errors carry. Where the laws put the best mixture further
//! away, a run of it is among the choices: it may be decided for once it has been launched, and its gain counts that. Runs of one size say
//! nothing of whether mixtures differ as much at the target's ([`scaling`]); where there are enough of them to ask, the next larger size is
//! among the choices, too.
//!
//! Where there is nothing to mix, runs are chosen that say more exactly what the target will reach: by the variance that they
//! take from its forecast, what laws get wrong being a function of size and tokens. With a budget, plans that count the cost of a run by
//! three powers are compared by what they leave open in the end.
//!
//! Limits enter the objective as a price: each part by which a limit would be exceeded costs five parts of the objective, or as many more as
//! it takes for what is decided for to keep them.

mod beliefs;
mod cost;
mod curvature;
mod ensemble;
mod misfit;
mod plan;
mod pool;
mod scaling;
mod slope;
mod world;

use super::evidence::Evidence;
use super::goal::Goal;
use super::limits::Setting;
use super::region::{Cuts, Region};
use super::surface::Surface;
use super::swarm::Swarm;
use super::{abstain, explored, further, hull, in_use, needed, resolve, wanted, what_was_tested};
use crate::fit::choose::Candidates;
use crate::project::{Base, Wanted};
use crate::vocab::{
    Abstention, Advice, CandidateRun, Metric, MetricUnit, Mixture, NextAnswer, NextQuery, Purpose, Scale,
};
use beliefs::{About, Belief, Drift};
use curvature::Curvature;
use plan::{Choice, Planner};
use std::collections::BTreeMap;
use world::{Decision, World};

/// Parts of the objective that a part of a limit's excess costs: the first, each next one as many times as much, and the last.
const PRICES: (f64, f64, f64) = (5.0, 4.0, 400.0);
/// Parts of the way to the best mixture beyond the runs, of which the first that is possible is launched.
const LEADS: [f64; 3] = [1.0, 0.5, 0.25];

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
    let mixes = project.domains.len() > 1 && mixtures.len() > 1;
    let all_rows = || needed.iter().filter_map(|d| evidence.observed.fitted.get(*d));
    if project.domains.len() > 1 && !mixes && pool::scales(all_rows()).len() < 2 {
        return Err(no(
            "All runs have one mixture and one size, so nothing is known of other mixtures, nor of how a loss falls with the size.",
            "Launch runs of other mixtures: `mixlaw design` proposes them, also with a budget.",
        ));
    }
    let minimized = needed.iter().filter(|metric| minimize[**metric] > 0.0);
    let drift =
        Drift::of(&minimized.filter_map(|metric| evidence.fits.get(*metric).copied()?).collect::<Vec<_>>(), seed);
    let mut beliefs: BTreeMap<usize, Belief<'_>> = BTreeMap::new();
    for &metric in &needed {
        let name = &project.metrics[metric].name;
        let fitted = (evidence.fits.get(metric).copied().flatten(), candidates.get(metric));
        let ((Some(fit), Some(fits)), Some(rows)) = (fitted, evidence.observed.fitted.get(metric)) else {
            return Err(no(
                &format!("No law could be fitted to {name}, so nothing says what a run would show."),
                "Launch a few runs that differ in mixture, size or tokens first; `mixlaw fit` says what each law needs.",
            ));
        };
        let salt = seed ^ ((metric as u64 + 1) << 16);
        let change = slope::change(rows, &target);
        let about = About { name, domains: &project.domains, explored: &mixtures, drift: &drift, change, rows, mixes };
        beliefs.insert(metric, Belief::of(fits, fit, &about, &target, salt));
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
    let mut scales = pool::scales(all_rows());
    let scaling = beliefs.values().find_map(|belief| belief.scaling.as_ref()).filter(|_| mixes);
    let of_one_size = scaling.is_some();
    scales.extend(scaling.and_then(|scaling| pool::rung(&scaling.from, &scales, &target)));
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
        Some((between, _)) => wanted::resolve(evidence, &surfaces, &at, between, &mut limits)?,
        None => Goal::mean(minimize),
    };
    // As for advice: beyond the runs, as far as held-out errors carry, unless any mixture may be decided for anyway.
    let open = (mixes && !evidence.beyond()).then(|| region(true, false).ok()).flatten();
    let further = open.and_then(|open| {
        let tested = what_was_tested(evidence, &surfaces, &goal, &limits, &target, &mixtures)?;
        Some((further::region(&open, &tested), tested))
    });
    let (further, tested) = further.unzip();
    let curvature =
        tested.map(|tested| Curvature::new(tested, project.domains.len(), limits.len(), beliefs::DRAWS, seed));
    let carries = curvature.is_some();
    let between = if carries || evidence.beyond() { None } else { Swarm::of(&mixtures) };
    let is_relative = matches!(project.objective.goal, Wanted::Worst(Some(Base::Current)));
    let beside = is_relative.then(|| current.clone());
    let domains = &project.domains;
    let mut world = World { beliefs, goal, limits, price: PRICES.0, beside, domains, curvature, between };
    let mut beyond: Vec<Decision> = Vec::new();
    let (mut decisions, mut choices) = if let Some((between, launched)) = regions {
        // The search begins where the recommended mixture is, if there is one.
        let advised = match super::recommend(evidence) {
            Advice::Recommendation(advised) => Some(advised.mixture.weights(&project.domains)),
            Advice::Abstained(_) => None,
        };
        // Within groups, what may be decided for is between the corners that have their shares.
        let explored = if between.groups.is_empty() { &mixtures } else { &between.corners };
        let decided = further.as_ref().unwrap_or(&between);
        let mut decisions = world.decisions(&target, decided, explored, advised.clone(), seed);
        while world.price < PRICES.2 && decisions.first().is_some_and(|best| world.exceeds(best)) {
            world.price *= PRICES.1;
            decisions = world.decisions(&target, decided, explored, advised.clone(), seed);
        }
        let world = &world;
        let best = decisions.first().map_or_else(|| current.clone(), |best| best.weights.clone());
        let (places, repeats) = pool::mixtures(&launched, &mixtures, &best, seed);
        let mut own = || {
            let at = |(i, weights): (usize, &Vec<f64>)| {
                let fed = scales.iter().filter(|scale| pool::is_supplied(project, weights, scale));
                fed.map(move |scale| Choice::new(weights.clone(), *scale, i < repeats)).collect::<Vec<_>>()
            };
            let mut all: Vec<Choice> = places.iter().enumerate().flat_map(at).collect();
            // Where the laws put the best mixture beyond what may be decided for: a run there says whether they are right, and may
            // be decided for itself. As far on the way there as they give a smallest run a possible loss.
            let possible =
                |lead: &Vec<f64>| scales.first().is_none_or(|at| !world.weigh(at, vec![lead.clone()]).is_empty());
            let is_lead =
                |lead: &Vec<f64>| launched.outside(lead) <= 0.0 && !world.may_take(decided, lead) && possible(lead);
            let lead = optimum_beyond(evidence)
                .and_then(|far| LEADS.iter().map(|part| hull::toward(&best, &far, *part)).find(is_lead));
            beyond = world.weigh(&target, lead.into_iter().collect());
            for (i, lead) in beyond.iter().enumerate() {
                let opened = |scale: &Scale| Choice {
                    opens: Some(decisions.len() + i),
                    ..Choice::new(lead.weights.clone(), *scale, false)
                };
                all.extend(scales.iter().filter(|scale| pool::is_supplied(project, &lead.weights, scale)).map(opened));
            }
            all
        };
        let choices = given(query, &project.domains, &current, &scales, of_a_flop)?.unwrap_or_else(&mut own);
        (decisions, choices)
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
    if decisions.is_empty() {
        let middle = pool::centre(&mixtures, project.domains.len());
        return Err(no(
            &world.impossible(project, &target, &middle, mixes),
            "Launch runs nearer to the target in size and tokens, or let `mixlaw fit` compare other laws.",
        ));
    }
    let offered = choices.len();
    let closed = beyond.len();
    decisions.append(&mut beyond);
    let (ensemble, choices) = world.ensemble(&decisions, choices);
    let ensemble = ensemble.with_closed(closed);
    let left_out = offered - choices.len();
    if choices.is_empty() {
        return Err(no(
            "The laws predict no possible loss for any run that could be launched.",
            "`mixlaw fit` compares other laws; runs nearer to those that were made are better predicted.",
        ));
    }
    let decisions: Vec<Vec<f64>> = decisions.into_iter().map(|decision| decision.weights).collect();
    let purpose = if mixes { Purpose::Mixture } else { Purpose::Forecast };
    let planner = Planner { purpose, domains: &project.domains, decisions: &decisions, query, seed };
    let mut plan = planner.plan(ensemble, choices);
    plan.reasons.extend(taken);
    if left_out > 0 && !query.candidates.is_empty() {
        plan.reasons.push(format!(
            "Of {offered} candidates {left_out} {} left out: the laws predict no possible loss for {}.",
            if left_out == 1 { "is" } else { "are" },
            if left_out == 1 { "it" } else { "them" }
        ));
    }
    if carries {
        plan.reasons.push(
            "The regret is also against mixtures beyond the runs, as far as held-out runs are from the others; one of these is taken \
             only where its gain exceeds what the laws may be wrong by there, as in `mixlaw recommend`."
                .to_owned(),
        );
    } else if mixes && !evidence.beyond() {
        plan.reasons.push(
            "The regret is against mixtures within the range that the runs cover; beyond it, the laws are not asked."
                .to_owned(),
        );
    }
    if of_one_size && query.candidates.is_empty() {
        plan.reasons.push(
            "That mixtures differ as much at the target as at the size of most runs is assumed, with a doubt that grows with the size; a few \
             larger runs say how far it holds."
                .to_owned(),
        );
    }
    if !world.limits.is_empty() {
        plan.reasons.push(format!(
            "Each percent by which a limit would be exceeded counts as {:.0} % of the objective; the mixture that is best on \
             average therefore keeps further inside the limits than the recommended one.",
            world.price
        ));
    }
    if project.domains.len() > 1 && !mixes {
        plan.reasons.push(
            "All runs have one mixture, so nothing says which is best; `mixlaw design` proposes runs of others."
                .to_owned(),
        );
    }
    if let Some(help) = (mixtures.len() < 3 && mixes).then(|| abstain::gap(evidence, &mixtures)) {
        plan.reasons.push(format!("The runs have {} mixtures, which say little. {help}", mixtures.len()));
    }
    Ok(plan)
}

/// Where the laws put the best mixture if the runs did not restrict it; `None` where they restrict nothing.
fn optimum_beyond(evidence: &Evidence<'_>) -> Option<Vec<f64>> {
    if evidence.beyond() {
        return None;
    }
    match super::recommend(&Evidence { extrapolate: true, ..*evidence }) {
        Advice::Recommendation(advised) => Some(advised.mixture.weights(&evidence.project.domains)),
        Advice::Abstained(_) => None,
    }
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

#[cfg(test)]
mod tests;
