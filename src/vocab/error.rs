//! Why text and numbers are no value.

/// A value that cannot be used. `Display` says what was given and what would be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ValueError {
    /// A size or an amount cannot be read.
    #[error("'{0}' is not a number; write it like 7e9, 7B, 1.5M or 25k")]
    NotAnAmount(String),
    /// A size or an amount is beyond all numbers.
    #[error("'{0}' is too large; write a number below 1e308")]
    TooLarge(String),
    /// A span of time cannot be read.
    #[error("'{0}' is not a span of time; write it like 90s, 30m, 12h or 7d")]
    NotASpan(String),
    /// A part of a mixture has no `=`.
    #[error("'{0}' is not domain=weight, like rust=0.3")]
    NotAWeight(String),
    /// A weight cannot be read.
    #[error("the weight of '{domain}' is '{text}', not a number")]
    WeightUnread {
        /// The domain.
        domain: String,
        /// What was given as its weight.
        text: String,
        /// What the reader of numbers says.
        source: std::num::ParseFloatError,
    },
    /// A weight is negative or not finite.
    #[error("the weight of '{domain}' is {weight}; weights are numbers from 0 to 1")]
    WeightOutOfRange {
        /// The domain.
        domain: String,
        /// Its weight.
        weight: f64,
    },
    /// A domain has two weights.
    #[error("'{0}' is given twice")]
    Twice(String),
    /// A mixture names no domain.
    #[error("no weights; write them like prose=0.7,rust=0.3")]
    NoWeights,
    /// A mixture has nothing in it.
    #[error("all weights are zero")]
    AllZero,
}
