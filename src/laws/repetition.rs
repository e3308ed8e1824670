//! Discount of repeated tokens.
//!
//! U unique tokens seen over and over count as U + U·R*·(1 − e^(−R/R*)) tokens, R the repetitions after the first pass.
//! Muennighoff et al., "Scaling Data-Constrained Language Models", arXiv:2305.16264, eq. 5; R* = 15.4 there. Proxies must
//! match the target's repetition, or their losses answer another question.
//!
//! It is counted in every law that takes D (the sum of what the domains' tokens are worth) or D of a domain, for fitted
//! rows and places alike ([`super::Columns`]), where the project says how many tokens of a domain there are
//! (`mixture.available_tokens`), for all runs and the target. Weights stay what was sampled. It does not apply where runs
//! draw from smaller samples of a domain, so as to repeat as often as the target will (`fit: { repetition: false }`), and
//! has no effect on laws that ignore D.

use super::LawInfo;

/// R*: repetitions after which a token has lost 1 − 1/e of its worth.
pub const WORN_OUT: f64 = 15.4;

/// What it is, for people.
pub static CARD: LawInfo = LawInfo {
    name: "repetition",
    title: "Repeated tokens",
    form: "D' = U + U·R*·(1 − e^(−R/R*)), R = D/U − 1",
    needs: "tokens trained on D and unique tokens U of a domain (mixture.available_tokens); R* is the published value",
    gives: "the effective number of fresh tokens D', which replaces D in every law (fit.repetition)",
    source: "Muennighoff et al. 2023, arXiv:2305.16264",
    caveats: &[
        "R* was fitted on C4 with models up to 9B",
        "all runs and the target share U: not valid if some runs use a smaller sample of a domain",
        "no effect on laws that ignore D",
    ],
};

/// The fresh tokens that `seen` tokens of a domain with `unique` ones are worth. `seen` itself until they repeat.
#[must_use]
pub fn effective_tokens(seen: f64, unique: f64) -> f64 {
    if unique <= 0.0 || unique.is_nan() || seen <= unique {
        return seen;
    }
    let repetitions = seen / unique - 1.0;
    unique * (1.0 - WORN_OUT * (-repetitions / WORN_OUT).exp_m1())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_passes_are_nearly_four_times_the_tokens_and_forty_are_not_forty() {
        assert_eq!(effective_tokens(1e9, 2e9), 1e9);
        assert!((effective_tokens(4e9, 1e9) / 3.73e9 - 1.0).abs() < 0.01, "{}", effective_tokens(4e9, 1e9));
        assert!(effective_tokens(40e9, 1e9) < 15.5e9);
        assert!(effective_tokens(1e15, 1e9) <= 16.5e9);
    }
}
