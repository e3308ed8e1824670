//! The published view of a run.

use super::signal::Alert;
use super::{Conflict, FactName, FactValue, Measure, Metrics, Mixture, Sourced};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// State of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// No values logged yet.
    Waiting,
    /// Logging.
    Running,
    /// Silent for much longer than its usual logging interval, before its planned end.
    Stalled,
    /// At its planned end, or silent for a long time if no end is known.
    Finished,
    /// The loss is NaN or infinite.
    Diverged,
    /// Its process failed or was killed, by what its tracker says.
    Failed,
}

/// Forecast of a run's final validation loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunForecast {
    /// Predicted final value, in the unit of the log.
    pub value: f64,
    /// 5 % point.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
    /// Law used.
    pub law: String,
    /// Progress of the run, 0 to 1.
    pub seen: f64,
    /// Hash of the fit used (as in `fit --history`), or of the finished runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<String>,
    /// The assumption about the learning rate schedule, if it is unknown, and the fact that would replace it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<String>,
    /// Predicted values on the way there, ascending in `part`; the last is the end. Empty where only the end is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub path: Vec<PathPoint>,
    /// Unit of the numbers, and which are better.
    #[serde(flatten)]
    pub measure: Measure,
}

/// A predicted value of a run before its end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PathPoint {
    /// Part of the planned run, above `seen` to 1.
    pub part: f64,
    /// Predicted value, in the unit of the log.
    pub value: f64,
    /// 5 % point.
    pub low: f64,
    /// 95 % point.
    pub high: f64,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunView {
    /// Number in the store; stable as long as the store exists.
    pub id: u32,
    /// Name: path relative to the project.
    pub name: String,
    /// State.
    pub state: RunState,
    /// Facts, by name.
    pub facts: BTreeMap<FactName, Sourced<FactValue>>,
    /// The other settings of its configuration, by dotted key.
    #[serde(default, skip_serializing_if = "super::facts::no_settings")]
    pub settings: Arc<BTreeMap<String, String>>,
    /// Conflicts between sources of facts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// Metrics, by key.
    pub metrics: Arc<Metrics>,
    /// Forecasts of the final losses, by key.
    pub forecast: BTreeMap<String, RunForecast>,
    /// Key of the loss that stands for the run, where the project names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main_loss: Option<Arc<str>>,
    /// Progress: fraction of the planned steps, 0 to 1, if the plan is known.
    #[serde(default)]
    pub progress: Option<f64>,
    /// Newest step of any metric.
    #[serde(default)]
    pub last_step: Option<i64>,
    /// Latest tokens per second, if logged.
    #[serde(default)]
    pub tokens_per_second: Option<f64>,
    /// Seconds since its newest log line, at the time of the answer. Published state has `written_at` instead.
    #[serde(default)]
    pub silent_seconds: Option<f64>,
    /// Time of its newest log line, seconds since 1970.
    #[serde(default)]
    pub written_at: Option<f64>,
    /// Learning curve of each validation loss, at most 64 values in order, by key.
    #[serde(default)]
    pub sparklines: BTreeMap<String, Vec<f64>>,
    /// Its alerts, newest first, at most twenty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Alert>,
    /// Tags that the user gave it, in alphabetical order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The user's note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Points that are gone because it is old (`retention: points`).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub points_gone: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Sorts runs by activity, newest minute first, then by name. `at` is the current time, seconds since 1970.
pub fn newest_first(runs: &mut [Arc<RunView>], at: f64) {
    runs.sort_by(|a, b| {
        let age = |run: &RunView| minutes_silent(run, at);
        age(a).total_cmp(&age(b)).then_with(|| a.name.cmp(&b.name))
    });
}

/// Whole minutes since a run's newest log line, at time `at` in seconds since 1970; infinite where unknown.
#[must_use]
pub fn minutes_silent(run: &RunView, at: f64) -> f64 {
    run.silence(at).map_or(f64::INFINITY, |seconds| (seconds / 60.0).floor())
}

impl RunView {
    /// Whether this is the loss that stands for the run, where the project names none.
    #[must_use]
    pub fn is_main_loss(&self, key: &str) -> bool {
        self.main_loss.as_deref() == Some(key)
    }

    /// A run of which nothing is known yet.
    #[must_use]
    pub fn unknown(id: u32) -> Self {
        Self {
            id,
            name: String::new(),
            state: RunState::Waiting,
            facts: BTreeMap::new(),
            settings: Arc::default(),
            conflicts: Vec::new(),
            metrics: Arc::default(),
            forecast: BTreeMap::new(),
            main_loss: None,
            progress: None,
            last_step: None,
            tokens_per_second: None,
            silent_seconds: None,
            written_at: None,
            sparklines: BTreeMap::new(),
            signals: Vec::new(),
            tags: Vec::new(),
            note: None,
            points_gone: 0,
        }
    }

    /// The value of a numeric fact.
    #[must_use]
    pub fn number(&self, name: FactName) -> Option<f64> {
        match self.facts.get(&name)?.value {
            FactValue::Number(value) => Some(value),
            _ => None,
        }
    }

    /// Seconds since its newest log line, at time `at` in seconds since 1970.
    #[must_use]
    pub fn silence(&self, at: f64) -> Option<f64> {
        self.written_at.map(|written| (at - written).max(0.0)).or(self.silent_seconds)
    }

    /// The run for an answer at time `at` in seconds since 1970.
    #[must_use]
    pub fn at(&self, at: f64) -> Self {
        Self { silent_seconds: self.silence(at), ..self.clone() }
    }

    /// Alerts that are not dismissed, newest first.
    pub fn unacknowledged(&self) -> impl Iterator<Item = &Alert> {
        self.signals.iter().filter(|e| e.acknowledged.is_none())
    }

    /// The mixture, if known.
    #[must_use]
    pub fn mixture(&self) -> Option<&Mixture> {
        match &self.facts.get(&FactName::Mixture)?.value {
            FactValue::Mixture(mixture) => Some(mixture),
            _ => None,
        }
    }

    /// N, without embeddings if that number is known.
    #[must_use]
    pub fn params(&self) -> Option<f64> {
        self.number(FactName::Params).or_else(|| self.number(FactName::TotalParams))
    }

    /// Tokens per step, if known.
    #[must_use]
    pub fn tokens_per_step(&self) -> Option<f64> {
        super::facts::tokens_per_step(|name| self.number(name))
    }

    /// Tokens trained on up to the newest step, if the tokens per step are known.
    #[must_use]
    pub fn tokens_seen(&self) -> Option<f64> {
        Some(self.tokens_per_step()? * self.last_step? as f64)
    }
}
