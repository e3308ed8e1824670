//! Recommendations of a mixture, with reasons, or abstentions.
//!
//! At the target's N and D the fitted laws are functions of the mixture. [`recommend`] minimises the weighted loss over
//! the mixtures that may be advised ([`region`]: bounds, supply of tokens, and what the runs have explored) and that
//! keep the limits. A limit is kept when the best guess keeps it *and* the probability that a run would keep it, over
//! resampled laws, the scatter of runs around them and the uncertainty of the limit itself, is at least
//! [`SURE`]: at the place where only the best guess meets a limit it is broken every second time. Where no mixture
//! reaches that probability the mixture with the highest one is advised, as long as its best guess keeps the limit.
//!
//! Beyond what the runs cover, a mixture is advised where held-out runs as far from the others say that its gain is certain ([`tested`],
//! [`further`]), unless the project asks for the mixtures of the runs alone, or for any.
//!
//! Where the runs do not show that the mixture matters at all ([`matters`]), or the best mixture is not told apart from the
//! current one, nothing is advised.

mod abstain;
mod advisers;
pub mod anneals;
pub mod automatic;
mod choose;
pub mod decisions;
pub mod design;
mod drift;
mod elsewhere;
mod evidence;
mod expected;
mod far;
mod flat;
mod further;
mod goal;
mod groups;
mod growth;
mod hull;
mod known;
mod limits;
mod losses;
mod matters;
mod measured;
pub mod next;
pub mod online;
mod probability;
mod reach;
mod reasons;
mod region;
mod samples;
mod search;
mod shape;
mod smoother;
mod speed;
mod stay;
mod surface;
mod swarm;
mod tested;
mod wanted;
mod widening;

use crate::project::Project;
use crate::vocab::{Abstention, Advice, MeanOfBest, MetricUnit, Mixture, Recommendation, Scale, StandingAdvice};
use choose::Field;
use evidence::Chosen;
use known::{explored, in_use, limited, needed, resolve, surfaces, what_was_tested};
use limits::Setting;
use probability::{JointSamples, Scatter};
use region::{Cuts, Region};
use search::{BestMixture, Problem};
use surface::Surface;

pub use advisers::advisers;
pub use drift::{Optimum, drift, drifts_with};
pub use elsewhere::mixture_at;
pub use evidence::{Evidence, SURE};
pub use next::next;
pub use shape::{optimum_curves, published_front, published_optima, shape, shape_front};
pub use speed::measured_mfu;
pub use stay::question;
pub use widening::{Places, Widening};

/// A change of less weight than this, or with a smaller probability of being better than [`WORTH_PROBABILITY`], is none.
const WORTH_WEIGHT: f64 = 0.01;
/// See [`WORTH_WEIGHT`].
const WORTH_PROBABILITY: f64 = 0.6;

/// The advised mixture at the target, or an abstention with its reasons. Deterministic: the same evidence and seed give
/// the same answer.
#[must_use]
pub fn recommend(evidence: &Evidence<'_>) -> Advice {
    recommend_beside(evidence, None)
}

/// The same where other advice stands: it is given up only for a mixture that is better than it beyond the noise
/// (with a probability of [`SURE`]), or where it is no longer allowed.
#[must_use]
pub fn recommend_beside(evidence: &Evidence<'_>, standing: Option<&StandingAdvice>) -> Advice {
    let project = evidence.project;
    let surfaces = surfaces(evidence);
    match advise(evidence, &surfaces, standing) {
        // To stay is no advice: nothing says that another mixture would not be better.
        Ok(same) if same.mixture == same.current => Advice::Abstained(Abstention {
            would_help: vec![abstain::gap(
                evidence,
                &explored(evidence, &needed(project, &project.objective_weights())),
            )],
            reasons: same.reasons,
            nothing_to_mix: None,
        }),
        Ok(recommendation) => Advice::Recommendation(recommendation),
        Err(abstention) => Advice::Abstained(abstention),
    }
}

/// The mean of the `count` best of mixtures drawn at random from those that may be advised, by the best guess of the laws:
/// RegMix's choice. `None` where nothing can be advised at all.
#[must_use]
pub fn mean_of_best(evidence: &Evidence<'_>, count: usize) -> Option<MeanOfBest> {
    let project = evidence.project;
    let surfaces = surfaces(evidence);
    let minimize = project.objective_weights();
    let needed = needed(project, &minimize);
    let mixtures = explored(evidence, &needed);
    let scale = project.target.scale()?;
    if mixtures.is_empty() || needed.iter().any(|metric| surfaces.get(*metric).is_none_or(Option::is_none)) {
        return None;
    }
    by_best_guess(evidence, &surfaces, &mixtures, scale, |problem, _| {
        let (weights, allowed) = wanted::mean_of_best(problem, count)?;
        Some(MeanOfBest {
            count: count.min(allowed),
            drawn: allowed,
            objective: (problem.objective)(std::slice::from_ref(&weights))[0],
            unit: project.objective_unit().to_owned(),
            mixture: Mixture::from_weights(&project.domains, &weights),
        })
    })
}

/// What `solve` makes of the search for the best mixture at a scale, by the best guess of the laws: within the bounds, what the
/// runs have `explored`, the supply of tokens at that scale, and the limits there. `None` where these leave nothing. It can ask what
/// is better than the best of these beyond the runs, where that may be advised.
fn by_best_guess<T>(
    evidence: &Evidence<'_>,
    surfaces: &[Option<Surface<'_>>],
    explored: &[Vec<f64>],
    scale: Scale,
    solve: impl FnOnce(&Problem<'_>, &dyn Fn(&BestMixture) -> Option<BestMixture>) -> Option<T>,
) -> Option<T> {
    let project = evidence.project;
    let (current, _) = in_use(project, explored);
    let at = Setting { scale, current: &current, seed: project.fit.seed, unit: MetricUnit::Nats };
    let mut limits = resolve(evidence, surfaces, &at).ok()?;
    let inside = if evidence.beyond() { None } else { Some(explored) };
    let region = Region::new(&Cuts::of(project, scale.tokens, inside)).ok()?;
    let goal = wanted::resolve(evidence, surfaces, &at, &region, &mut limits).ok()?;
    let objective = |mixtures: &[Vec<f64>]| goal.of_each(&losses::losses(surfaces, &goal, &scale, mixtures));
    let excess = |mixtures: &[Vec<f64>]| limits::excess(surfaces, &scale, &limits, mixtures);
    let further = |best: &BestMixture| {
        let tested = what_was_tested(evidence, surfaces, &goal, &limits, &scale, explored)?;
        let open = Region::new(&Cuts::of(project, scale.tokens, None)).ok()?;
        let joint = JointSamples {
            scale,
            surfaces,
            scatter: Vec::new(),
            goal: &goal,
            limits: &limits,
            current: &current,
            spacing: 0.0,
            tested: Some(&tested),
        };
        further::by_best_guess(&joint, &open, &tested, at.seed, best)
    };
    let problem = Problem { region: &region, objective: &objective, excess: &excess, rounded: None, seed: at.seed };
    solve(&problem, &further)
}

fn advise(
    evidence: &Evidence<'_>,
    surfaces: &[Option<Surface<'_>>],
    standing: Option<&StandingAdvice>,
) -> Result<Recommendation, Abstention> {
    let project = evidence.project;
    let minimize = project.objective_weights();
    let needed = needed(project, &minimize);
    let mixtures = explored(evidence, &needed);
    let mut obstacles = abstain::obstacles(evidence, surfaces, &needed, &mixtures);
    let counts = evidence.observed.fitted.iter().zip(&minimize).filter(|(_, share)| **share > 0.0);
    let minimized: Vec<_> = counts.map(|(rows, _)| rows).collect();
    let verdict = if obstacles.reasons.is_empty() { matters::test(&minimized, project.fit.seed) } else { None };
    if let Some(verdict) = verdict.filter(|v| !v.matters()) {
        abstain::without_effect(&mut obstacles, &verdict, abstain::gap(evidence, &mixtures));
    }
    let Some(scale) = project.target.scale() else { return Err(obstacles) };
    // All that the project file allows, whatever the runs show.
    let allowed = Region::new(&Cuts::of(project, scale.tokens, None)).map_err(|mut reasons| {
        reasons
            .insert(0, "What the project file asks of the mixture cannot be met, whatever the runs show.".to_owned());
        let would_help =
            vec!["Widen the bounds, the groups, the supply or max_change in the project file (mixture: …).".to_owned()];
        Abstention { reasons, would_help, nothing_to_mix: None }
    })?;
    if !obstacles.reasons.is_empty() {
        return Err(obstacles);
    }

    let (current, assumed) = in_use(project, &mixtures);
    let seed = project.fit.seed;
    let at = Setting { scale, current: &current, seed, unit: MetricUnit::Nats };
    let mut limits = resolve(evidence, surfaces, &at)?;
    let cuts = |explored| Cuts::of(project, scale.tokens, explored);
    let inside = if evidence.beyond() { None } else { Some(mixtures.as_slice()) };
    let region = Region::new(&cuts(inside)).map_err(|reasons| Abstention {
        reasons,
        would_help: vec![
            // Where the mixture in use is far from all runs, a run of it is what is missing.
            match (project.max_change, project.max_divergence) {
                (None, None) => abstain::gap(evidence, &mixtures),
                _ => "Launch a run with the current mixture.".to_owned(),
            },
            "Widen the bounds, the groups, the supply or max_change in the project file (mixture: …).".to_owned(),
        ],
        nothing_to_mix: None,
    })?;
    let goal = wanted::resolve(evidence, surfaces, &at, &region, &mut limits)?;
    let scatter = |(d, s): (usize, &Option<Surface<'_>>)| {
        Some(Scatter::new(s.as_ref()?, evidence.observed.fitted.get(d)?, seed ^ ((d as u64 + 1) << 32)))
    };
    let tested = what_was_tested(evidence, surfaces, &goal, &limits, &scale, &mixtures);
    let joint = JointSamples {
        scale,
        surfaces,
        scatter: surfaces.iter().enumerate().map(scatter).collect(),
        goal: &goal,
        limits: &limits,
        current: &current,
        spacing: probability::spacing(&mixtures),
        tested: tested.as_ref(),
    };
    let field = Field { region: &region, priced: None, seed };
    let guess = choose::guess(&joint, field).map_err(|reason| Abstention {
        reasons: reason.into_iter().chain(limits.iter().filter_map(|l| l.how.clone())).collect(),
        would_help: vec![
            "Loosen the limit in the project file (objective: subject_to).".to_owned(),
            abstain::gap(evidence, &mixtures),
        ],
        nothing_to_mix: None,
    })?;
    let chosen = choose::careful(&joint, field, guess);
    let open = Some(&allowed).filter(|open| !evidence.beyond() && **open != region);
    let anywhere = open.map(|region| Field { region, priced: None, seed });
    let lowest = anywhere.and_then(|field| choose::guess(&joint, field).ok());
    let further = match (open, &lowest, &tested) {
        (Some(open), Some((_, lowest)), Some(tested)) => further::search(&joint, open, tested, seed, &chosen, lowest),
        _ => None,
    };
    let can_be = |weights: &[f64]| abstain::impossible(evidence, surfaces, &needed, &scale, weights).is_empty();
    let further = further.filter(|further| can_be(&further.chosen.best.weights));

    let trials = measured::near(evidence, surfaces, &scale);
    let best_trial = measured::best(&trials, &goal, &limits, &region);
    // What was measured is not given up for what is predicted to be no better.
    let bound = further.as_ref().map_or(chosen.best.objective, |further| further.bound);
    let trial = best_trial.filter(|(loss, _)| *loss <= bound);
    let (region, chosen) = match further.filter(|_| trial.is_none()) {
        Some(further) => (further.region, further.chosen),
        None => (region, chosen),
    };
    let stays =
        standing.filter(|_| trial.is_none()).and_then(|s| stay::stays(s, project, &joint, &region, &chosen.best));
    let predicted = chosen.best.clone();
    let chosen = match trial {
        Some((objective, trial)) => {
            let best = search::BestMixture { weights: trial.weights.clone(), breach: 0.0, objective };
            Chosen { guess: best.clone(), best, sure: true }
        }
        None => match &stays {
            Some(stays) => Chosen { best: stays.best.clone(), ..chosen },
            None => chosen,
        },
    };
    if trial.is_none() {
        let cannot_be = abstain::impossible(evidence, surfaces, &needed, &scale, &chosen.best.weights);
        if !cannot_be.is_empty() {
            let would_help = vec![abstain::gap(evidence, &mixtures)];
            return Err(Abstention { reasons: cannot_be, would_help, nothing_to_mix: None });
        }
    }
    let beyond = anywhere
        .zip(lowest)
        // What is more careful is no lower.
        .filter(|(_, (_, lowest))| reasons::is_worth_saying(&chosen.best, lowest))
        .map(|(field, lowest)| choose::careful(&joint, field, lowest));
    let advised = &chosen.best.weights;
    let within = joint.within(advised);
    let (p_better, gain) = match trial {
        Some((objective, trial)) => {
            let now = measured::with_mixture(&trials, &current, WORTH_WEIGHT);
            let loss_now = now.and_then(|now| now.objective(&goal)).unwrap_or_else(|| joint.objective(&current));
            let losses_now = now.map(|now| now.at_target.as_slice());
            (joint.better_than_now(&trial.weights, &trial.at_target, losses_now), loss_now - objective)
        }
        None => (joint.better(advised), joint.objective(&current) - joint.objective(advised)),
    };
    // What was asked for whatever was tested is not withheld for what was not.
    let told_apart = if evidence.beyond() && trial.is_none() { joint.better_if_laws_hold(advised) } else { p_better };
    // That no run was there does not make the mixture in use one to leave.
    let kept = (allowed.outside(&current) <= 0.0 || region.outside(&current) <= 0.0)
        && joint.excess(&current) <= 0.0
        && joint.within(&current) >= within.min(SURE);
    let keep = kept
        && !assumed
        && (told_apart < WORTH_PROBABILITY || probability::distance(advised, &current) < WORTH_WEIGHT || gain <= 0.0);
    let explanation = reasons::Explanation {
        project,
        joint: &joint,
        region: &region,
        chosen: &chosen,
        beyond: beyond.as_ref(),
        mixtures: &mixtures,
        further: tested.as_ref().filter(|_| !keep).and_then(|tested| tested.beyond(advised)),
        asked: evidence.beyond(),
        gains: !evidence.beyond() && stays.is_none(),
        assumed,
        keep,
        p_better,
        gain,
    };
    let mut reasons = reasons::explain(&explanation);
    if let Some((loss, trial)) = best_trial {
        reasons.insert(0, explanation.beside(trial, loss, &predicted));
    }
    reasons.extend(stays.filter(|_| !keep).map(|stays| stays.why));
    reasons.extend(surfaces.iter().flatten().filter_map(|surface| expected::ranks_only(surface, &joint, advised)));
    reasons.extend(verdict.map(|verdict| {
        let p = if verdict.p <= 0.01 { "at most 1 %".to_owned() } else { format!("{:.0} %", 100.0 * verdict.p) };
        format!(
            "The mixture matters: with the mixtures shuffled between the runs, {p} of tables are predicted as well."
        )
    }));
    let flat = if keep { Vec::new() } else { flat::ranges(&joint, &region, advised) };
    let (weights, p_better, gain) = if keep { (&current, 0.5, 0.0) } else { (advised, p_better, gain) };
    let mixture = Mixture::from_weights(&project.domains, weights);
    let current = Mixture::from_weights(&project.domains, &current);
    Ok(Recommendation {
        id: name(project, &mixture, &current),
        expected: expected::expected(&joint, weights, trial.filter(|_| !keep).map(|(_, trial)| trial)),
        measured: best_trial.map(|(_, trial)| Box::new(trial.view(project))),
        is_measured: trial.is_some() && !keep,
        since: None,
        decided: None,
        auto: None,
        p_better,
        p_within_limits: joint.within(weights),
        gain,
        flat: project.domains.iter().cloned().zip(flat).collect(),
        mixture,
        current,
        reasons,
        better_picks: advisers::better_picks(project, surfaces),
    })
}

/// A name that stays the same while the question and the answer (to a percent) do, so that what the user dismissed
/// stays dismissed when another checkpoint moves the fit by a hair.
fn name(project: &Project, mixture: &Mixture, current: &Mixture) -> String {
    let mut text = format!("{}|{:?}|{}", project.name, project.target, project.objective_text());
    for mixture in [mixture, current] {
        for (domain, weight) in &mixture.0 {
            text.push_str(&format!("|{domain}={:.2}", weight + 0.0));
        }
    }
    format!("{:08x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()) as u32)
}

#[cfg(test)]
mod forecasts;
#[cfg(test)]
pub(crate) mod tests;
