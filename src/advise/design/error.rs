//! Why there is no design.

/// Most runs of a sweep.
pub const MOST: usize = 10_000;

/// Why there is no design.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DesignError {
    /// Fewer than two domains.
    #[error("a sweep over mixtures needs two domains or more; this project has {0}")]
    NothingToMix(usize),
    /// No mixture is allowed.
    #[error("no mixture is allowed: {0}")]
    NoMixture(String),
    /// The prior names something else, or gives nothing.
    #[error("the prior has no weight for any of the domains {0}")]
    Prior(String),
    /// The prior's shares are not all of a mixture.
    #[error("the shares of the prior sum to {sum}, not to 1")]
    PriorSum {
        /// What they sum to.
        sum: String,
        /// The same proportions.
        instead: String,
    },
    /// The budget gives models that are none.
    #[error("{budget} FLOPs for {count} mixtures are models of {params} parameters, which are none")]
    Small {
        /// As it was stated.
        budget: String,
        /// Mixtures.
        count: usize,
        /// What each would have.
        params: String,
    },
    /// The prior names a stranger.
    #[error("the prior names '{0}', which is no domain of the project")]
    Stranger(String),
    /// Sobol points have no more dimensions.
    #[error("Sobol points are for at most {most} domains; this project has {have}")]
    Dimensions {
        /// How many there may be.
        most: usize,
        /// How many there are.
        have: usize,
    },
    /// The law cannot be designed for.
    #[error("no design for the law '{law}': {why}")]
    Law {
        /// Its name.
        law: String,
        /// Why.
        why: String,
    },
    /// The budget is too small.
    #[error("{budget} FLOPs are not enough for a run: the smallest takes {least}")]
    Budget {
        /// As it was stated.
        budget: String,
        /// What one run takes.
        least: String,
    },
    /// More runs than are designed at once.
    #[error("{0} runs; the maximum is {MOST}")]
    Many(usize),
}
