//! Hysteresis: advice that stands is given up only for what is better beyond the noise.

use super::evidence::SURE;
use super::probability::{JointSamples, distance};
use super::region::Region;
use super::search::BestMixture;
use crate::project::Project;
use crate::vocab::StandingAdvice;
use crate::vocab::number::show_probability;

/// Advice that goes on standing beside a new optimum.
pub(super) struct Stays {
    /// Its mixture, with the objective by the newest fits.
    pub best: BestMixture,
    /// Why it stays, as a sentence.
    pub why: String,
}

/// Whether advice stays beside a new optimum: it answers the same question, is still allowed, and the optimum is not better
/// than it with a probability of [`SURE`]. `None` where it does not, and where both are the same mixture.
pub(super) fn stays(
    standing: &StandingAdvice,
    project: &Project,
    joint: &JointSamples<'_, '_>,
    region: &Region,
    new: &BestMixture,
) -> Option<Stays> {
    let known = standing.mixture.0.keys().all(|domain| project.domains.contains(domain));
    let weights = standing.mixture.weights(&project.domains);
    let moved = distance(&weights, &new.weights);
    if !known || moved < 1e-9 || standing.question != question(project) || region.outside(&weights) > 0.0 {
        return None;
    }
    let kept = joint.excess(&weights) <= 0.0 && joint.within(&weights) >= joint.within(&new.weights).min(SURE);
    let p = joint.better_than(&new.weights, &weights);
    if !kept || p >= SURE {
        return None;
    }
    let objective = joint.objective(&weights);
    let why = format!(
        "This advice stands: the newest optimum differs from it by {:.1} % of weight, and is better with a probability of \
         only {}.",
        100.0 * moved,
        show_probability(p)
    );
    objective.is_finite().then_some(Stays { best: BestMixture { weights, breach: 0.0, objective }, why })
}

/// Hash of what is asked: target, objective, bounds, groups, supply, and how far the mixture may move. Advice on another question says nothing about this one. The
/// weights in use are no part of it: they move when advice is accepted.
#[must_use]
pub fn question(project: &Project) -> String {
    let mut text = format!(
        "{}|{:?}|{}|{:?}|{:?}|{}|{:?}",
        project.name,
        project.target,
        project.objective_text(),
        project.bounds,
        project.available_tokens,
        project.max_epochs,
        project.domains
    );
    if let Some(beyond) = project.beyond_runs {
        text.push_str(&format!("|{beyond}"));
    }
    // Not where there are none, so that advice of before still stands.
    if !project.groups.is_empty() || project.max_change.is_some() || project.max_divergence.is_some() {
        text.push_str(&format!("|{:?}|{:?}|{:?}", project.groups, project.max_change, project.max_divergence));
    }
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}
