//! Variables of a law besides the mixture.

use crate::vocab::Observation;

/// What a loss may depend on besides the mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// N, the parameters, or those that are active.
    Params,
    /// D, the tokens.
    Tokens,
    /// E, the experts.
    Experts,
    /// K, the experts per token.
    ExpertsPerToken,
    /// G, the granularity of the experts.
    Granularity,
}

impl Variable {
    /// Every variable.
    pub const ALL: [Self; 5] = [Self::Params, Self::Tokens, Self::Experts, Self::ExpertsPerToken, Self::Granularity];

    /// Its letter in formulas.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::Params => "N",
            Self::Tokens => "D",
            Self::Experts => "E",
            Self::ExpertsPerToken => "K",
            Self::Granularity => "G",
        }
    }

    /// Its value at a place; 1 for experts of a dense model, and for what is not known.
    #[must_use]
    pub fn of(self, at: &Observation) -> f64 {
        let value = match self {
            Self::Params => at.params,
            Self::Tokens => at.tokens,
            Self::Experts => at.experts,
            Self::ExpertsPerToken => at.experts_per_token,
            Self::Granularity => at.granularity,
        };
        if value.is_finite() && value > 0.0 { value } else { 1.0 }
    }
}
