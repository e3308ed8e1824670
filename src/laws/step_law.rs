//! The Step Law: the learning rate and batch that suit a size and an amount of data.
//!
//! Li et al., "Predictable Scale: Part I, Step Law", arXiv:2503.04715, eq. 1: lr = 1.79·N^−.713·D^.307 and
//! B = .58·D^.571 tokens. N is without embeddings. A rule with published constants, not a law that is fitted.

use super::LawInfo;
use crate::vocab::Recipe;

/// What it is, for people.
pub static CARD: LawInfo = LawInfo {
    name: "step-law",
    title: "Step Law",
    form: "lr = 1.79·N^−.713·D^.307, batch = .58·D^.571 tokens",
    needs: "N, D; these are the published constants",
    gives: "the peak learning rate and the tokens per step",
    source: "Li et al. 2025, arXiv:2503.04715",
    caveats: &[
        "valid for AdamW with a cosine or WSD schedule that ends at a small learning rate",
        "`mixlaw hyper` fits the same form to your own runs, where they vary in learning rate or batch",
    ],
};

/// The peak learning rate for N parameters (without embeddings) and D tokens.
#[must_use]
pub fn learning_rate(params: f64, tokens: f64) -> f64 {
    1.79 * params.powf(-0.713) * tokens.powf(0.307)
}

/// Tokens per step for D tokens.
#[must_use]
pub fn batch_tokens(tokens: f64) -> f64 {
    0.58 * tokens.powf(0.571)
}

/// Both.
#[must_use]
pub fn recipe(params: f64, tokens: f64) -> Recipe {
    Recipe { learning_rate: Some(learning_rate(params, tokens)), batch_tokens: Some(batch_tokens(tokens)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_billion_on_1_4_trillion_tokens() {
        assert!((learning_rate(7e9, 1.4e12) / 9.2e-4 - 1.0).abs() < 0.01, "{}", learning_rate(7e9, 1.4e12));
        assert!((batch_tokens(1.4e12) / 5.0e6 - 1.0).abs() < 0.02, "{}", batch_tokens(1.4e12));
    }
}
