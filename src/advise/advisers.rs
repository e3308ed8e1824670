//! Which law of each loss mixtures are compared by.

use super::surface::Surface;
use super::{limited, needed};
use crate::fit::Fit;
use crate::fit::choose::Candidates;
use crate::project::Project;
use crate::vocab::BetterPicks;

/// The fit of each loss that advice on the mixture rests on, in the order of the project's metrics: of a loss that is minimised that of
/// the law whose picks cost least. A limit asks how large a loss is, not where it is lowest: a limited one is that of the law in use.
#[must_use]
pub fn advisers<'a>(project: &Project, candidates: &'a [Candidates]) -> Vec<Option<&'a Fit>> {
    let weights = project.objective_weights();
    let is_limited = |metric: usize| limited(project).any(|limited| limited == metric);
    let one = |(metric, loss): (usize, &'a Candidates)| {
        let is_minimized = weights.get(metric).is_some_and(|weight| *weight > 0.0);
        if is_minimized && !is_limited(metric) { loss.adviser() } else { loss.chosen() }
    };
    candidates.iter().enumerate().map(one).collect()
}

/// Of the losses that advice depends on, those of which mixtures are compared by another law than the one in use.
pub(super) fn better_picks(project: &Project, surfaces: &[Option<Surface<'_>>]) -> Vec<BetterPicks> {
    let needed = needed(project, &project.objective_weights());
    let of = |metric: usize| surfaces.get(metric)?.as_ref()?.better_picks.clone();
    needed.into_iter().filter_map(of).collect()
}
