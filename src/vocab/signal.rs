//! Alerts: what has happened to a run that a person should know of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How loud a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know: an assumption that was made, a default that was taken.
    Info,
    /// Something is missing or was refused; the rest goes on.
    Warning,
    /// The numbers on screen may be wrong or old until this is mended.
    Error,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignalKind {
    /// A loss is NaN or infinite.
    NotANumber,
    /// Training loss has climbed back most of the way it had fallen, and stays there.
    Divergence,
    /// One training loss far above its neighbours.
    Spike,
    /// A validation loss no longer moves although the learning rate is still high.
    Plateau,
    /// Nothing written for much longer than the run's own rhythm explains.
    Stalled,
    /// Tokens per second have fallen for good.
    Slower,
    /// The run started again from an earlier step.
    Restarted,
    /// The final loss now expected is outside what was expected before.
    OutsideBand,
    /// The best run cannot be reached any more: stopping saves compute.
    CannotWin,
    /// Finished below its forecast band.
    BetterThanForecast,
}

impl SignalKind {
    /// In a word or two.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NotANumber => "NaN",
            Self::Divergence => "divergence",
            Self::Spike => "spike",
            Self::Plateau => "plateau",
            Self::Stalled => "stalled",
            Self::Slower => "slower",
            Self::Restarted => "restarted",
            Self::OutsideBand => "off its forecast",
            Self::CannotWin => "unlikely to win",
            Self::BetterThanForecast => "better than forecast",
        }
    }

    /// Whether it happens at one moment, rather than lasting until it is over.
    #[must_use]
    pub fn is_momentary(self) -> bool {
        matches!(self, Self::Spike | Self::Restarted | Self::BetterThanForecast)
    }
}

/// One thing that is so of a run, or has happened to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Signal {
    /// What.
    pub kind: SignalKind,
    /// Name of the run.
    pub run: String,
    /// Key of the metric it shows in; empty where it is the run as a whole.
    pub metric: String,
    /// Step at which it shows.
    pub step: i64,
    /// How loud.
    pub severity: Severity,
    /// The numbers that say so, as a sentence.
    pub evidence: String,
    /// Which start of the run, where it was restarted; 0 otherwise.
    #[serde(default)]
    pub start: u32,
    /// FLOPs that stopping the run would save, where it cannot win.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saves: Option<f64>,
}

/// A signal as it was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Alert {
    /// Its number, by which it is acknowledged.
    pub id: u64,
    /// When it was told, seconds since 1970.
    pub at: f64,
    /// What.
    #[serde(flatten)]
    pub signal: Signal,
    /// When it was no longer so, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<f64>,
    /// When the user acknowledged it, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<f64>,
}
