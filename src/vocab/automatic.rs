//! Advice that is applied without anybody asking.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Advice that is applied without anybody asking (`apply: auto`), and why that which stands is not.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AutoView {
    /// Shortest time between two applications, seconds.
    pub cooldown: f64,
    /// When advice was applied last, automatically or by hand, seconds since 1970; absent if never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<f64>,
    /// Why the advice that stands is not applied now, as a sentence; absent if it is about to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// When the cooldown ends, seconds since 1970, where it is all that holds the advice back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<f64>,
}
