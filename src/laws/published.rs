//! Coefficients as papers print them: starting points where there are no runs of one's own.

use super::{Law, joint_moe};

/// A law with the coefficients of its paper.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// The law.
    pub law: &'static dyn Law,
    /// Coefficients as the law works with them (amplitudes as logarithms).
    pub phi: &'static [f64],
    /// Experts that the paper trained.
    pub experts: &'static [f64],
    /// Least and most active parameters and tokens that the paper trained.
    pub trained: [(f64, f64); 2],
    /// The part of the active parameters that is in experts.
    pub expert_share: f64,
    /// What the coefficients take for granted, as sentences.
    pub assumptions: &'static [&'static str],
}

/// Every law with published coefficients.
pub static ALL: &[Published] = &[Published {
    law: &joint_moe::JointMoe,
    phi: &joint_moe::PUBLISHED,
    experts: &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
    trained: [(1e8, 2.7e9), (1e9, 1e11)],
    expert_share: 9.0 / 13.0,
    assumptions: &[
        "The coefficients are those printed in arXiv:2502.05172; nothing was fitted to your runs.",
        "They hold for the paper's data, tokenizer and training recipe. Yours shift losses; optima shift less.",
        "N counts the parameters that a token uses, embeddings included; one expert per token, as wide as a dense MLP.",
        "Total parameters: N_tot = N·(1 + 9/13·(E − 1)), which leaves embeddings out.",
    ],
}];

/// The published coefficients of a law, by its name.
#[must_use]
pub fn get(name: &str) -> Option<&'static Published> {
    let law = super::get(name)?.info().name;
    ALL.iter().find(|published| published.law.info().name == law)
}
