//! The first sweep: mixtures, sizes and tokens of runs to launch before any has been.
//!
//! | file | mixtures |
//! |---|---|
//! | `swarm` | draws from Dirichlet distributions around natural shares |
//! | `sobol` | points that cover the allowed mixtures evenly |
//! | `optimal` | those that determine a law's parameters best |
//! | `entropy` | shares that samples of text give, without any run |
//! | `vectors` | shares that vectors of samples give |
//! | `scores` | shares that scores of samples give |
//! | `polytope` | brings weights into bounds and supply |
//! | `allowed` | brings them into groups' shares, and near the mixture in use, too |

mod allowed;
pub mod entropy;
mod error;
mod optimal;
mod polytope;
pub mod scores;
mod sobol;
mod swarm;
pub mod vectors;

use super::reach::Reach;
use super::region::{Cuts, Region};
use crate::laws;
use crate::project::Project;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::{DesignAnswer, DesignMethod, DesignQuery, DesignedRun, Mixture};
use allowed::Allowed;
use polytope::Polytope;
use std::collections::{BTreeMap, BTreeSet};

pub use error::{DesignError, MOST};

/// Fewer runs are at each size of the ladder than at the one below, by this factor.
const THINNED: usize = 3;
/// Each size of the ladder is so many times the one below.
const STEP: f64 = 2.0;
/// Models of fewer parameters are none.
const SMALLEST: f64 = 1e3;
/// Less weight than this is none: a trainer would open a data set for it.
const NONE: f64 = 1e-9;
/// Shares that sum to one but for this part are rounded.
const NEAR_ONE: f64 = 0.005;
/// Tokens for each parameter where nothing says how many.
const TOKENS_PER_PARAM: f64 = 20.0;

/// Designs a sweep. The same query gives the same runs.
///
/// # Errors
/// Why there is none.
pub fn design(project: &Project, query: &DesignQuery) -> Result<DesignAnswer, DesignError> {
    let domains = &project.domains;
    if domains.len() < 2 {
        return Err(DesignError::NothingToMix(domains.len()));
    }
    let mut notes = Vec::new();
    let prior = prior(project, query, &mut notes)?;
    let mut count = query.mixtures.unwrap_or(3 * (domains.len() + 1));
    if count > MOST {
        return Err(DesignError::Many(count));
    }
    let allowed = allowed(project, query, &prior, &mut notes)?;
    let ladder = ladder(project, query, &mut count, &mut notes)?;
    let (mixtures, places) = match query.method {
        DesignMethod::Dirichlet | DesignMethod::Natural => {
            let temperature = if query.method == DesignMethod::Natural { 1.0 } else { 0.5 };
            (swarm::draw(&prior, temperature, &allowed, count, query.seed), None)
        }
        DesignMethod::Sobol => (sobol::mixtures(&allowed, count, query.seed)?, None),
        DesignMethod::DOptimal => {
            let scales: Vec<(f64, f64)> = ladder.iter().filter_map(|(n, d)| Some(((*n)?, (*d)?))).collect();
            let (mixtures, places) = optimal::choose(query, &prior, &allowed, &scales, count)?;
            if scales.len() > 1 && laws::get(&query.law).is_some_and(|law| law.sees().is_empty()) {
                notes
                    .push(format!("The {} law does not see size or tokens: no run is larger than need be.", query.law));
            }
            (mixtures, (!scales.is_empty()).then_some(places))
        }
    };
    let mut plan: Vec<(usize, usize)> = match places {
        Some(places) => places.into_iter().enumerate().collect(),
        None => (0..ladder.len())
            .flat_map(|size| (0..mixtures.len()).step_by(THINNED.pow(size as u32)).map(move |mixture| (mixture, size)))
            .collect(),
    };
    if let Some(budget) = query.budget {
        fit_in(budget, &ladder, &mut plan, &mut notes)?;
    }
    if plan.len() > MOST {
        return Err(DesignError::Many(plan.len()));
    }
    let several = plan.iter().map(|(_, size)| size).collect::<BTreeSet<_>>().len() > 1;
    let mixtures: Vec<Vec<f64>> = mixtures.into_iter().map(|weights| without_traces(project, weights)).collect();
    let runs: Vec<DesignedRun> = plan
        .into_iter()
        .map(|(mixture, size)| run(project, query, mixture, &mixtures[mixture], ladder[size], several))
        .collect();
    let flops = runs.iter().map(|run| run.flops).sum();
    Ok(DesignAnswer {
        method: query.method,
        seed: query.seed,
        prior: Mixture::from_weights(domains, &prior),
        priors: Vec::new(),
        recommended: None,
        runs,
        flops,
        notes,
    })
}

/// A mixture without weights that come of rounding; their sum goes to the largest that may have it.
fn without_traces(project: &Project, mut weights: Vec<f64>) -> Vec<f64> {
    let traces: f64 = weights.iter().filter(|weight| **weight < NONE).sum();
    let most = |i: usize| project.bounds.get(&project.domains[i]).map_or(1.0, |[_, most]| *most);
    let may = (0..weights.len()).filter(|i| weights[*i] >= NONE && weights[*i] + traces <= most(*i));
    if let Some(to) = may.max_by(|a, b| weights[*a].total_cmp(&weights[*b])) {
        weights[to] += traces;
        weights.iter_mut().filter(|weight| **weight < NONE).for_each(|weight| *weight = 0.0);
    }
    weights
}

/// The mixtures that the project allows: those of the target, or of the longest run where there is no target.
fn allowed(
    project: &Project,
    query: &DesignQuery,
    prior: &[f64],
    notes: &mut Vec<String>,
) -> Result<Allowed, DesignError> {
    let tokens = project.target.tokens.or(query.tokens).unwrap_or(0.0);
    let (none, no_groups) = (BTreeMap::new(), BTreeMap::new());
    let cuts = Cuts { near: None, ..Cuts::of(project, tokens.max(1.0), None) };
    let cuts = if query.wide { Cuts { groups: &no_groups, ..cuts } } else { cuts };
    let cuts = if tokens > 0.0 { cuts } else { Cuts { available: &none, ..cuts } };
    let region = Region::new(&cuts).map_err(|reasons| DesignError::NoMixture(reasons.join(" ")))?;
    let limits = (project.max_change, project.max_divergence);
    let reach = project.current.as_ref().filter(|_| !query.wide && limits != (None, None)).map(|current| {
        let from = current.weights(&project.domains);
        Reach { change: limits.0, divergence: limits.1, centre: from.clone(), shares: Vec::new(), from }
    });
    if reach.is_some() {
        notes.push("Near the current mixture, as max_change and max_divergence say (--wide: anywhere).".to_owned());
    }
    if region.groups.iter().any(|group| group.held.is_none()) {
        notes.push("Groups have their shares in every run (--wide: any share).".to_owned());
    }
    if let Some(what) = region.groups.iter().find_map(|group| group.held) {
        notes.push(format!("`hold: {what}` keeps its shares in every run (--wide: any share)."));
    }
    Allowed::new(Polytope::of(&region), region.groups, reach, prior).ok_or_else(|| {
        let all = "bounds, supply, groups and the distance from the current mixture leave none between them";
        DesignError::NoMixture(all.to_owned())
    })
}

/// Natural shares in the order of the domains.
fn prior(project: &Project, query: &DesignQuery, notes: &mut Vec<String>) -> Result<Vec<f64>, DesignError> {
    let domains = &project.domains;
    if let Some(stated) = &query.prior
        && let Some(stranger) = stated.0.keys().find(|name| !domains.contains(name))
    {
        return Err(DesignError::Stranger(stranger.clone()));
    }
    if let Some(stated) = &query.prior {
        // Amounts of tokens are shares, too; what looks like shares must be all of them.
        let sum: f64 = stated.0.values().sum();
        let are_shares = stated.0.values().all(|share| *share <= 1.0);
        if are_shares && sum > 0.0 && (sum - 1.0).abs() > NEAR_ONE {
            let typed = |(name, share): (&String, &f64)| format!("{name}={}", significant(share / sum, 3));
            let instead = stated.0.iter().map(typed).collect::<Vec<_>>().join(",");
            return Err(DesignError::PriorSum { sum: significant(sum, 3), instead });
        }
        let left: Vec<&str> = domains.iter().filter(|d| !stated.0.contains_key(*d)).map(String::as_str).collect();
        if !left.is_empty() {
            notes.push(format!(
                "The prior gives no share to {}: add them to --prior if runs are to have some.",
                left.join(", ")
            ));
        }
    }
    let supply = || {
        let known = domains.iter().all(|domain| project.available_tokens.contains_key(domain));
        known.then(|| Mixture(project.available_tokens.clone()))
    };
    let (shares, from) = match (&query.prior, supply(), &project.current) {
        (Some(stated), _, _) => (stated.weights(domains), None),
        (None, Some(supply), _) => (supply.weights(domains), Some("the tokens available in each domain")),
        (None, None, Some(current)) => (current.weights(domains), Some("the mixture in use")),
        (None, None, None) => (vec![1.0; domains.len()], Some("equal shares, as nothing else is known (--prior)")),
    };
    notes.extend(from.map(|from| format!("Natural shares: {from}.")));
    let sum: f64 = shares.iter().sum();
    if !(sum.is_finite() && sum > 0.0) {
        return Err(DesignError::Prior(domains.join(", ")));
    }
    Ok(shares.into_iter().map(|share| share / sum).collect())
}

/// N and D of runs; `None` where they are left open.
type Size = (Option<f64>, Option<f64>);

/// Sizes and tokens, the cheapest first.
fn ladder(
    project: &Project,
    query: &DesignQuery,
    count: &mut usize,
    notes: &mut Vec<String>,
) -> Result<Vec<Size>, DesignError> {
    let target = &project.target;
    let of_target = target.params.zip(target.tokens).map(|(params, tokens)| tokens / params);
    let ratio = query.tokens_per_param.or(of_target).unwrap_or(TOKENS_PER_PARAM);
    let mut sizes = query.params.clone();
    sizes.sort_by(f64::total_cmp);
    if let (true, Some(budget)) = (sizes.is_empty(), query.budget) {
        // n runs at N, a third of them at 2N, …, at `ratio` tokens for each parameter: 6·ratio·N²·Σ⌈n/3ᵏ⌉·4ᵏ FLOPs.
        let steps = 0..query.sizes.max(1) as i32;
        let runs = |k: i32| (*count).div_ceil(THINNED.pow(k as u32)) as f64;
        let smallest = match query.tokens {
            None => {
                let cost: f64 = steps.clone().map(|k| runs(k) * STEP.powi(2 * k)).sum();
                (budget / (6.0 * ratio * cost)).sqrt()
            }
            Some(tokens) => {
                let cost: f64 = steps.clone().map(|k| runs(k) * STEP.powi(k)).sum();
                budget / (6.0 * tokens * cost)
            }
        };
        if smallest < SMALLEST {
            let budget = significant(budget, 3);
            return Err(DesignError::Small { budget, count: *count, params: significant(smallest, 2) });
        }
        sizes = steps.map(|k| smallest * STEP.powi(k)).collect();
        notes.push(format!("Sizes are the largest that {} FLOPs allow for {count} mixtures.", significant(budget, 3)));
    }
    if query.params.is_empty() && query.budget.is_none() {
        return Ok(vec![(None, query.tokens)]);
    }
    if query.tokens.is_none() {
        notes.push(format!("{} tokens for each parameter.", significant(ratio, 3)));
    }
    Ok(sizes.into_iter().map(|params| (Some(params), Some(query.tokens.unwrap_or(ratio * params)))).collect())
}

/// Leaves out what the budget does not pay for: the last mixtures, at all sizes.
fn fit_in(
    budget: f64,
    ladder: &[Size],
    plan: &mut Vec<(usize, usize)>,
    notes: &mut Vec<String>,
) -> Result<(), DesignError> {
    let cost = |size: usize| ladder[size].0.zip(ladder[size].1).map_or(0.0, |(n, d)| 6.0 * n * d);
    let total = |plan: &[(usize, usize)]| plan.iter().map(|(_, size)| cost(*size)).sum::<f64>();
    let wanted = plan.len();
    while total(plan) > budget * (1.0 + 1e-9) {
        let Some(last) = plan.iter().map(|(mixture, _)| *mixture).max().filter(|last| *last > 0) else {
            let least = significant(total(plan), 3);
            return Err(DesignError::Budget { budget: significant(budget, 3), least });
        };
        plan.retain(|(mixture, _)| *mixture < last);
    }
    if plan.len() < wanted {
        notes.push(format!("The budget pays for {} of {wanted} runs.", plan.len()));
    }
    Ok(())
}

fn run(
    project: &Project,
    query: &DesignQuery,
    number: usize,
    weights: &[f64],
    (params, tokens): Size,
    several: bool,
) -> DesignedRun {
    let size = params.filter(|_| several).map(|n| format!("-{}", show_amount(n))).unwrap_or_default();
    let mut unique_tokens = BTreeMap::new();
    let mut epochs = BTreeMap::new();
    if let (Some(of_target), Some(tokens)) = (project.target.tokens, tokens) {
        for (domain, weight) in project.domains.iter().zip(weights) {
            if let Some(supply) = project.available_tokens.get(domain) {
                // The target sees h·D tokens out of U: the run sees h·d, so that it needs U·d/D to repeat them as often.
                unique_tokens.insert(domain.clone(), supply * tokens / of_target);
                epochs.insert(domain.clone(), weight * of_target / supply);
            }
        }
    }
    DesignedRun {
        id: format!("d{number:03}{size}"),
        mixture: Mixture::from_weights(&project.domains, weights),
        params,
        tokens,
        seed: query.seed.wrapping_add(number as u64),
        flops: params.zip(tokens).map(|(n, d)| 6.0 * n * d),
        unique_tokens,
        epochs,
    }
}

#[cfg(test)]
mod tests;
