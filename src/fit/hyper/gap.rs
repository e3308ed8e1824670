//! Why runs do not say which learning rate and batch are best.

/// `Display` is the sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Gap {
    /// Fewer runs than coefficients.
    #[error("{runs} runs near the best of their groups are too few: a minimum takes {needed} in all.")]
    TooFew {
        /// Runs that would be used.
        runs: usize,
        /// Coefficients.
        needed: usize,
    },
    /// The curvature is not determined.
    #[error("No group has three {0}: where the loss is lowest between them is not known.")]
    NotThree(&'static str),
    /// No minimum.
    #[error("The loss has no minimum within what was tried: it bends the wrong way, or not at all.")]
    Flat,
    /// Every minimum is outside.
    #[error("The best value lies at the edge of what was tried in every group, so that no law is fitted.")]
    AtEdges,
    /// The law is not determined.
    #[error("The groups of runs do not determine a law.")]
    Undetermined,
}
