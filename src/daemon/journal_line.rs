//! Lines of the store's journal: what no log can say again. Lines of other kinds are left alone.

use crate::forecast::ledger::{Entry, TargetPoint};
use crate::vocab::signal::Alert;
use crate::vocab::{Decision, Labels};
use serde::{Deserialize, Serialize};

/// A line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalLine {
    /// A forecast was made.
    Forecast(Entry),
    /// A run ended, and what it reached; its forecasts of that metric are graded.
    Ended(Ended),
    /// An alert began.
    Signal(Alert),
    /// An alert ended.
    Over {
        /// Number of the alert.
        id: u64,
        /// Seconds since 1970.
        at: f64,
    },
    /// The user gave a run tags or a note.
    Labelled(Labels),
    /// Alerts were dismissed.
    Acknowledged {
        /// Their numbers.
        ids: Vec<u64>,
        /// Seconds since 1970.
        at: f64,
    },
    /// Advice began to stand, or something was decided of it.
    Decision(Box<Decision>),
}

impl JournalLine {
    /// When it was written, seconds since 1970.
    #[must_use]
    pub fn at(&self) -> f64 {
        match self {
            Self::Forecast(entry) => entry.at,
            Self::Ended(ended) => ended.at,
            Self::Signal(alert) => alert.at,
            Self::Labelled(labels) => labels.at,
            Self::Over { at, .. } | Self::Acknowledged { at, .. } => *at,
            Self::Decision(decision) => decision.at(),
        }
    }
}

/// The end of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ended {
    /// Name of the run.
    pub run: String,
    /// Key of the metric.
    pub metric: String,
    /// Final loss, nats.
    pub truth: f64,
    /// Seconds since 1970.
    pub at: f64,
    /// Where it ended as a target would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<TargetPoint>,
}
