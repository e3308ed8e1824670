//! The runs that use a budget up: one for each kind of experts and each number of active parameters.

use super::budget::Memory;
use super::kind::{ExpertShape, moe};
use crate::observe::target::ExpertShare;
use crate::vocab::Scale;

/// What may be spent, and on what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// FLOPs for training, and for serving where that is stated.
    pub compute: f64,
    /// Tokens to serve from the same FLOPs.
    pub inference_tokens: f64,
    /// Most bytes and parameters.
    pub memory: Memory,
    /// What of a model is in experts.
    pub share: ExpertShare,
}

/// The sizes of one kind of experts, as ln N_act, at which every limit is kept; an end that nothing bounds is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    pub kind: ExpertShape,
    pub low: f64,
    pub high: f64,
}

impl Span {
    /// Whether a size keeps the limits.
    pub fn holds(&self, ln_active: f64) -> bool {
        (self.low - 1e-9..=self.high + 1e-9).contains(&ln_active)
    }
}

impl Limits {
    /// The run of this kind and ln N_act that uses the budget up: C = 6·N_act·D + 2·N_act·served. `None` where serving alone
    /// takes more.
    pub fn scale(&self, kind: ExpertShape, ln_active: f64) -> Option<Scale> {
        let active = ln_active.exp();
        let tokens = (self.compute / active - 2.0 * self.inference_tokens) / 6.0;
        let params = active * self.total_over_active(kind);
        let moe = (kind.0 > 1.0).then(|| moe(kind, active));
        (tokens > 0.0 && tokens.is_finite()).then_some(Scale { params, tokens, moe })
    }

    /// All parameters over those used for one token.
    pub fn total_over_active(&self, kind: ExpertShape) -> f64 {
        self.share.total_over_active(kind.0 / kind.1)
    }

    /// ln of the most active parameters of this kind that the limits allow.
    pub fn most(&self, kind: ExpertShape) -> f64 {
        self.memory.most(self.total_over_active(kind))
    }

    /// FLOPs that a run takes, with what it serves.
    pub fn cost(&self, scale: &Scale) -> f64 {
        scale.compute() + 2.0 * scale.active_params() * self.inference_tokens
    }
}
