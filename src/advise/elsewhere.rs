//! The mixture at another size and amount of data than the target's, as for a shape that is advised.

use super::drift::{drift, drifts_with};
use super::evidence::Evidence;
use super::recommend;
use crate::project::Target;
use crate::vocab::{Abstention, Advice, Mixture, Scale, ShapeMixture};

/// What the laws in use would choose at a scale, beside the mixture in use and the best one at the target's scale. `None` where
/// there is nothing to mix.
#[must_use]
pub fn mixture_at(evidence: &Evidence<'_>, scale: &Scale) -> Option<ShapeMixture> {
    let mut project = evidence.project.clone();
    let none = |reason: &str, help: &str| {
        Advice::Abstained(Abstention {
            reasons: vec![reason.to_owned()],
            would_help: vec![help.to_owned()],
            nothing_to_mix: None,
        })
    };
    if project.domains.len() < 2 {
        return None;
    }
    if drifts_with(evidence).is_none() {
        let advice = none(
            "No law in use sees size or tokens together with the mixture in these runs: the best mixture is the same at every scale.",
            "Launch runs of several sizes with different mixtures; or name a law that sees both: mixlaw laws",
        );
        return Some(ShapeMixture { scale: *scale, advice, at_target: None });
    }
    let optima = project.target.scale().map(|target| drift(evidence, &[target])).unwrap_or_default();
    let at_target = optima.into_iter().flatten().next();
    let at_target = at_target.map(|optimum| Mixture::from_weights(&project.domains, &optimum.weights));
    project.target = Target {
        params: Some(scale.params),
        tokens: Some(scale.tokens),
        active_params: scale.moe.map(|moe| moe.active_params),
        experts: scale.moe.map(|moe| moe.experts),
        experts_per_token: scale.moe.map(|moe| moe.experts_per_token),
        granularity: scale.moe.map(|moe| moe.granularity),
    };
    let advice = recommend(&Evidence { project: &project, ..*evidence });
    match advice {
        Advice::Abstained(Abstention { nothing_to_mix: Some(_), .. }) => None,
        advice => Some(ShapeMixture { scale: *scale, advice, at_target }),
    }
}
