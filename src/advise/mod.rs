//! Which ratio to change, by how much, and why, or why not.

use crate::fit::Fit;
use crate::observe::Observed;
use crate::project::Project;
use crate::vocab::Advice;

/// What advice rests on.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The project after [`crate::observe::assume`].
    pub project: &'a Project,
    /// What the fits were fitted to, and the losses at step 0.
    pub observed: &'a Observed,
    /// The chosen fit of each domain's loss, in the order of `project.domains`; `None` where none could be made.
    pub fits: &'a [Option<&'a Fit>],
    /// Look outside what the runs have explored.
    pub extrapolate: bool,
}

/// The advised mixture at the target, or an abstention with its reasons.
#[must_use]
pub fn recommend(evidence: &Evidence<'_>) -> Advice {
    let _ = evidence;
    todo!("advice")
}
