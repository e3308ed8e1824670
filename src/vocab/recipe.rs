//! What a run was trained with.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Peak learning rate and batch of a run, where they are known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Recipe {
    /// Peak learning rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    /// Tokens per optimiser step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_tokens: Option<f64>,
}
