//! What an online rule is.

/// The losses of a run at one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// The step.
    pub step: i64,
    /// Sequences (or tokens, or steps) that the run has trained on by then, in total.
    pub samples: f64,
    /// Loss by domain, nats; `None` where it was not logged.
    pub losses: Vec<Option<f64>>,
}

/// What a rule is.
#[derive(Debug)]
pub struct RuleInfo {
    /// Name in project files.
    pub name: &'static str,
    /// Title.
    pub title: &'static str,
    /// The paper.
    pub source: &'static str,
    /// What had to be assumed, as sentences.
    pub assumes: &'static [&'static str],
}

/// An online rule.
pub trait Rule: Sync {
    /// What it is.
    fn info(&self) -> &'static RuleInfo;

    /// The weights after each turn, each summing to 1. `prior`: the mixture at the start; positive for at least one domain.
    /// The weights after a turn depend on no later turn.
    fn weights(&self, prior: &[f64], turns: &[Turn]) -> Vec<Vec<f64>>;
}

/// Weights that sum to 1.
pub(super) fn normalised(mut weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    weights
}

/// exp(xᵢ) / Σ exp(xⱼ).
pub(super) fn softmax(values: &[f64]) -> Vec<f64> {
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    normalised(values.iter().map(|v| (v - most).exp()).collect())
}
