//! Inputs and results of the search for a mixture.

use super::search::BestMixture;
use crate::fit::Fit;
use crate::observe::Observed;
use crate::project::Project;

/// What advice rests on.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The project after [`crate::observe::assume`].
    pub project: &'a Project,
    /// What the fits were fitted to, and the losses at step 0.
    pub observed: &'a Observed,
    /// A fit of each loss, in the order of `project.metrics`; `None` where none could be made. For advice on the mixture those of
    /// [`advisers`](super::advisers), otherwise those of the laws in use.
    pub fits: &'a [Option<&'a Fit>],
    /// Look outside what the runs have explored.
    pub extrapolate: bool,
}

impl Evidence<'_> {
    /// Whether all mixtures that no run covers may be advised, whatever was tested.
    pub(super) fn beyond(&self) -> bool {
        self.extrapolate || self.project.beyond_runs == Some(true)
    }

    /// Whether none of them may.
    pub(super) fn between_runs(&self) -> bool {
        !self.extrapolate && self.project.beyond_runs == Some(false)
    }
}

/// Probability with which an advised mixture must keep the limits.
pub const SURE: f64 = 0.8;

/// The advised mixture, and the one that the best guess alone would advise.
pub(super) struct Chosen {
    pub best: BestMixture,
    /// The optimum when only the best guess has to keep the limits.
    pub guess: BestMixture,
    /// Whether `best` keeps the limits with the probability [`SURE`].
    pub sure: bool,
}
