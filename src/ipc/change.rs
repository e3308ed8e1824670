//! Changes sent to a subscriber since the last message.

use super::series::Curves;
use super::state::{Fits, Outlook, Overview, Work};
use crate::vocab::number::NotFinite;
use crate::vocab::signal::Alert;
use crate::vocab::{Conflict, FactName, FactValue, LedgerView, MetricView, Notice, RunForecast, RunState, Sourced};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What has changed, or everything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Change {
    /// The daemon that says so.
    pub instance: u64,
    /// The generation that it applies to; `None` where this is everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The generation that it leads to.
    pub to: u64,
    /// When that was published, seconds since 1970.
    pub at: f64,
    /// Keys of metrics that were not named before on this connection. From now on each is a number: its place in the
    /// list of all keys named so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// The project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overview: Option<Overview>,
    /// The daemon at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// Runs that are new or have changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunChange>,
    /// Runs that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<u32>,
    /// Fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fits: Option<Fits>,
    /// Advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advice: Option<Outlook>,
    /// The ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger: Option<LedgerView>,
    /// Setup notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<Vec<Notice>>,
    /// Curves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<Curves>,
}

impl Change {
    /// Whether it says nothing but the time.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let nothing = Self { instance: self.instance, from: self.from, to: self.to, at: self.at, ..Self::default() };
        *self == nothing
    }
}

/// What has changed of a run. What is not there is as it was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RunChange {
    /// Number of the run in the store.
    pub id: u32,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What every line moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pulse: Option<Pulse>,
    /// Metrics that have changed or are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metrics: Vec<MetricChange>,
    /// Metrics that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<u32>,
    /// What is known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<BTreeMap<FactName, Sourced<FactValue>>>,
    /// The other settings of its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Arc<BTreeMap<String, String>>>,
    /// Where its sources disagree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflicts: Option<Vec<Conflict>>,
    /// Forecasts by metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<BTreeMap<String, RunForecast>>,
    /// Key of the loss that stands for it, empty for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_loss: Option<Arc<str>>,
    /// Courses that have changed: how many values stay from the front, and those after them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub courses: BTreeMap<String, (usize, Vec<f64>)>,
    /// Courses that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub courses_gone: Vec<String>,
    /// What was told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signals: Option<Vec<Alert>>,
    /// Its tags and its note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<(Vec<String>, Option<String>)>,
}

/// State, progress, newest step, tokens per second, and when the newest line was written: a short array on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pulse(pub RunState, pub Option<f64>, pub Option<i64>, pub Option<f64>, pub Option<f64>);

/// Number of the key, points, starts, newest step, newest value: a short array on the wire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricChange(pub u32, pub u64, pub u32, pub i64, #[serde(with = "crate::vocab::number::any")] pub f64);

impl MetricChange {
    /// Of a metric whose key has this number.
    #[must_use]
    pub fn of(key: u32, metric: &MetricView) -> Self {
        // What came through JSON has its infinities in words.
        let last = metric.status.map_or(metric.last, NotFinite::value);
        Self(key, metric.points, metric.segments, metric.last_step, last)
    }

    /// The metric.
    #[must_use]
    pub fn view(&self) -> MetricView {
        let status = NotFinite::of(self.4);
        MetricView { points: self.1, segments: self.2, last_step: self.3, last: self.4, status }
    }
}
