//! Size, tokens and experts of a run: the inputs of a law besides the mixture.

use super::Observation;
use super::number::show_amount;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The shape of a mixture-of-experts model.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Moe {
    /// Active parameters per token.
    pub active_params: f64,
    /// E, experts per layer.
    pub experts: f64,
    /// K, experts per token.
    pub experts_per_token: f64,
    /// G, granularity; 1 unless experts are fine-grained.
    pub granularity: f64,
}

impl fmt::Display for Moe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (experts, chosen) = (show_amount(self.experts), show_amount(self.experts_per_token));
        write!(f, "{experts} experts, {chosen} per token, {} active", show_amount(self.active_params))?;
        if self.granularity > 1.0 { write!(f, ", granularity {}", show_amount(self.granularity)) } else { Ok(()) }
    }
}

/// Size, tokens and experts of one run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scale {
    /// N, total parameters.
    pub params: f64,
    /// D, tokens.
    pub tokens: f64,
    /// Experts; `None` for a dense model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moe: Option<Moe>,
}

impl Scale {
    /// A dense model.
    #[must_use]
    pub fn dense(params: f64, tokens: f64) -> Self {
        Self { params, tokens, moe: None }
    }

    /// The scale of an observation.
    #[must_use]
    pub fn of(row: &Observation) -> Self {
        let moe = Moe {
            active_params: row.active_params,
            experts: row.experts,
            experts_per_token: row.experts_per_token,
            granularity: row.granularity,
        };
        Self {
            params: row.params,
            tokens: row.tokens,
            moe: (row.experts > 1.0 || row.active_params != row.params).then_some(moe),
        }
    }

    /// Active parameters per token.
    #[must_use]
    pub fn active_params(&self) -> f64 {
        self.moe.map_or(self.params, |moe| moe.active_params)
    }

    /// Training FLOPs: 6·N·D with active N.
    #[must_use]
    pub fn compute(&self) -> f64 {
        6.0 * self.active_params() * self.tokens
    }

    /// The same shape with `params` parameters; active parameters stay in proportion.
    #[must_use]
    pub fn with_params(self, params: f64) -> Self {
        let moe = self.moe.map(|moe| Moe { active_params: moe.active_params * params / self.params, ..moe });
        Self { params, moe, ..self }
    }

    /// An observation without a loss, for prediction; `mixture` is in the law's order of domains.
    #[must_use]
    pub fn at(&self, mixture: Vec<f64>) -> Observation {
        let shape = |of: fn(&Moe) -> f64| self.moe.as_ref().map_or(1.0, of);
        Observation {
            params: self.params,
            active_params: self.active_params(),
            tokens: self.tokens,
            mixture,
            phases: None,
            experts: shape(|moe| moe.experts),
            experts_per_token: shape(|moe| moe.experts_per_token),
            granularity: shape(|moe| moe.granularity),
            loss: f64::NAN,
            run: 0,
            probe: None,
            recipe: super::Recipe::default(),
        }
    }
}
