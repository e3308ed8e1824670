//! Alerts on runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Severity of an alert or setup note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Information, such as an assumption or a default.
    Info,
    /// Something is missing or was ignored; everything else works.
    Warning,
    /// Displayed numbers may be wrong or stale until this is fixed.
    Error,
}

/// Kind of alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// A loss is NaN or infinite.
    NotANumber,
    /// The training loss has risen back over most of its decrease, and stays there.
    Divergence,
    /// One training loss is far above its neighbours.
    Spike,
    /// A router sends most tokens to few of its experts, and goes on doing so.
    RouterCollapse,
    /// Experts get next to none of the tokens, and go on getting none.
    DeadExpert,
    /// A router sends one expert several times an even share, by the figure that its trainer logs, and goes on doing so.
    RouterImbalance,
    /// A router drops many of its tokens, and goes on doing so.
    DroppedTokens,
    /// The learning rate is far from what the law of the user's own runs advises.
    LearningRate,
    /// A validation loss no longer falls although the learning rate is still high.
    Plateau,
    /// No log line for much longer than the run's usual logging interval.
    Stalled,
    /// Tokens per second have dropped permanently.
    Slower,
    /// The run restarted from an earlier step.
    Restarted,
    /// The new forecast of the final loss is outside the earlier interval.
    OutsideBand,
    /// The run is unlikely to beat the best run; stopping it saves compute.
    CannotWin,
    /// The final loss is below the forecast interval.
    BetterThanForecast,
}

impl SignalKind {
    /// Short name of the alert.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotANumber => "NaN",
            Self::Divergence => "divergence",
            Self::Spike => "spike",
            Self::RouterCollapse => "router collapse",
            Self::DeadExpert => "dead expert",
            Self::RouterImbalance => "router imbalance",
            Self::DroppedTokens => "dropped tokens",
            Self::LearningRate => "learning rate",
            Self::Plateau => "plateau",
            Self::Stalled => "stalled",
            Self::Slower => "slower",
            Self::Restarted => "restarted",
            Self::OutsideBand => "off its forecast",
            Self::CannotWin => "unlikely to win",
            Self::BetterThanForecast => "better than forecast",
        }
    }

    /// Whether it is of a router of experts.
    #[must_use]
    pub fn is_of_a_router(self) -> bool {
        matches!(self, Self::RouterCollapse | Self::DeadExpert | Self::RouterImbalance | Self::DroppedTokens)
    }

    /// Whether the alert is a single event rather than a lasting condition.
    #[must_use]
    pub fn is_momentary(self) -> bool {
        matches!(self, Self::Spike | Self::Restarted | Self::BetterThanForecast)
    }
}

/// A condition or event that was detected in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// Kind.
    pub kind: SignalKind,
    /// Name of the run.
    pub run: String,
    /// Key of the metric; empty if it concerns the whole run.
    pub metric: String,
    /// Step at which it was detected.
    pub step: i64,
    /// Severity.
    pub severity: Severity,
    /// Evidence with numbers, as a sentence.
    pub evidence: String,
    /// Number of the start, for a restart (2 for the first restart); 0 for other alerts.
    #[serde(default)]
    pub start: u32,
    /// FLOPs saved by stopping the run, if it is unlikely to beat the best run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saves: Option<f64>,
}

/// An alert: a signal with its number and times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// Number, used to dismiss it.
    pub id: u64,
    /// Time of the alert, seconds since 1970.
    pub at: f64,
    /// The signal.
    #[serde(flatten)]
    pub signal: Signal,
    /// Time at which the condition ended, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<f64>,
    /// Time at which the user dismissed it, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<f64>,
}
