//! A run as readers see it.

use super::signal::Alert;
use super::{Conflict, FactName, FactValue, Mixture, Sourced};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Found, nothing logged yet.
    Waiting,
    /// Written to lately.
    Running,
    /// Not written to for longer than its own rhythm explains, and not at its planned end.
    Stalled,
    /// At its planned end, or long silent where no end is known.
    Finished,
    /// Its loss is NaN or infinite.
    Diverged,
}

/// One metric of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricView {
    /// Points, all segments together.
    pub points: u64,
    /// Starts of the run that this metric has seen.
    pub segments: u32,
    /// Step of the newest point.
    pub last_step: i64,
    /// Value of the newest point; `null` where it is not finite, with `status` beside it.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub last: f64,
    /// `nan`, `inf` or `-inf` where `last` is not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// What a validation loss of a run will be when the run ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunForecast {
    /// Predicted final loss, nats.
    pub value: f64,
    /// 5 % point.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
    /// Law it rests on.
    pub law: String,
    /// Part of the run seen, 0 to 1.
    pub seen: f64,
    /// The fit it rests on: the fingerprint of the rows, as `fit --history` shows it, or of the finished runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<String>,
    /// What was assumed of the run's learning rate, and which fact would say it, where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<String>,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunView {
    /// Number in the store; stable while the store is.
    pub id: u32,
    /// Path relative to the project.
    pub name: String,
    /// What it is doing.
    pub state: RunState,
    /// What is known of it.
    pub facts: BTreeMap<FactName, Sourced<FactValue>>,
    /// Where its sources disagree.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// Its metrics, by key.
    pub metrics: Arc<BTreeMap<Arc<str>, MetricView>>,
    /// Its final losses as forecast, by key.
    pub forecast: BTreeMap<String, RunForecast>,
    /// Part of the planned steps done, 0 to 1, where the plan is known.
    #[serde(default)]
    pub progress: Option<f64>,
    /// Newest step of any metric.
    #[serde(default)]
    pub last_step: Option<i64>,
    /// Newest tokens per second, where logged.
    #[serde(default)]
    pub tokens_per_second: Option<f64>,
    /// Seconds since its newest line, at the time of the answer. What is published has `written_at` instead, which does
    /// not change by itself.
    #[serde(default)]
    pub silent_seconds: Option<f64>,
    /// When its newest line was written, seconds since 1970.
    #[serde(default)]
    pub written_at: Option<f64>,
    /// The course of each validation loss, at most 64 values from first to last, by key.
    #[serde(default)]
    pub sparklines: BTreeMap<String, Vec<f64>>,
    /// What was told of it, newest first: at most the newest twenty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Alert>,
}

/// Newest activity first, to the minute; ties (a finished sweep copied in one go) by name. `at` is the time now, seconds
/// since 1970.
pub fn newest_first(runs: &mut [Arc<RunView>], at: f64) {
    let age = |run: &RunView| run.silence(at).map_or(f64::INFINITY, |seconds| (seconds / 60.0).floor());
    runs.sort_by(|a, b| age(a).total_cmp(&age(b)).then_with(|| a.name.cmp(&b.name)));
}

impl RunView {
    /// A fact that is a number.
    #[must_use]
    pub fn number(&self, name: FactName) -> Option<f64> {
        match self.facts.get(&name)?.value {
            FactValue::Number(value) => Some(value),
            _ => None,
        }
    }

    /// Seconds since its newest line, at a time in seconds since 1970.
    #[must_use]
    pub fn silence(&self, at: f64) -> Option<f64> {
        self.written_at.map(|written| (at - written).max(0.0)).or(self.silent_seconds)
    }

    /// The run for an answer made at a time in seconds since 1970.
    #[must_use]
    pub fn at(&self, at: f64) -> Self {
        Self { silent_seconds: self.silence(at), ..self.clone() }
    }

    /// What was told of it and waits to be acknowledged, newest first.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &Alert> {
        self.signals.iter().filter(|e| e.acknowledged.is_none())
    }

    /// The weights over domains, where known.
    #[must_use]
    pub fn mixture(&self) -> Option<&Mixture> {
        match &self.facts.get(&FactName::Mixture)?.value {
            FactValue::Mixture(mixture) => Some(mixture),
            _ => None,
        }
    }

    /// Tokens in a step, where known.
    #[must_use]
    pub fn tokens_per_step(&self) -> Option<f64> {
        super::facts::tokens_per_step(|name| self.number(name))
    }

    /// Tokens taken at the newest step, where the size of a step is known.
    #[must_use]
    pub fn tokens_seen(&self) -> Option<f64> {
        Some(self.tokens_per_step()? * self.last_step? as f64)
    }
}
