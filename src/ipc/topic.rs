//! Topics that a client can subscribe to.

use super::series::SeriesQuery;
use crate::vocab::RunView;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The topics that a client wants. It gets all of them once, and then what changes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Subscription {
    /// The project, its target and the daemon.
    pub overview: bool,
    /// All runs.
    pub runs: Option<RunsTopic>,
    /// One run with all its metrics, by its number in the store.
    pub run: Option<u32>,
    /// Fits, and how laws were chosen.
    pub fits: bool,
    /// Forecasts of the target, charts, advice.
    pub advice: bool,
    /// What was told of runs.
    pub alerts: bool,
    /// How forecasts have fared.
    pub ledger: bool,
    /// What the user should know of the project's setup.
    pub setup: bool,
    /// Curves.
    pub series: Option<SeriesQuery>,
    /// The least time between two changes, milliseconds; what happens meanwhile arrives as one change.
    pub every_ms: u32,
}

/// What is wanted of every run, beside its name, state, progress, course and forecasts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunsTopic {
    /// Metrics by key; `None` for all.
    pub metrics: Option<Vec<String>>,
    /// Beside them the validation losses of the project, whichever they are at the time, and the loss that stands for a run and what is forecast of it.
    #[serde(default)]
    pub losses: bool,
    /// Beside them those of these names, whatever the case of their letters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<String>,
}

impl Subscription {
    /// The least time between two changes to a dashboard: a new frame then shows each.
    pub const DASHBOARD_MS: u32 = 40;

    /// All topics, with these metrics of every run (`None` for all), without curves.
    #[must_use]
    pub fn everything(metrics: Option<Vec<String>>) -> Self {
        Self {
            overview: true,
            runs: Some(RunsTopic { metrics, ..RunsTopic::default() }),
            run: None,
            fits: true,
            advice: true,
            alerts: true,
            ledger: true,
            setup: true,
            series: None,
            every_ms: Self::DASHBOARD_MS,
        }
    }

    /// All topics, with the validation losses of every run and the metrics of these names: the columns of a dashboard. A run that is looked at closely is
    /// subscribed to beside this one ([`Subscription::one_run`]), so that to look at another one costs no more than it.
    #[must_use]
    pub fn dashboard(named: Vec<String>) -> Self {
        let runs = Some(RunsTopic { metrics: Some(Vec::new()), losses: true, named });
        Self { runs, ..Self::everything(None) }
    }

    /// One run with all its metrics, by its number in the store.
    #[must_use]
    pub fn one_run(id: u32) -> Self {
        Self { run: Some(id), every_ms: Self::DASHBOARD_MS, ..Self::default() }
    }

    /// Whether anything of any run is wanted.
    #[must_use]
    pub fn wants_runs(&self) -> bool {
        self.runs.is_some() || self.run.is_some() || self.alerts
    }

    /// Whether the validation losses of the project are wanted by that name.
    #[must_use]
    pub fn wants_losses(&self) -> bool {
        self.runs.as_ref().is_some_and(|topic| topic.losses)
    }

    /// Whether a metric of a run is wanted. `losses`: validation losses by domain; where a project names none, the loss that
    /// stands for a run counts as one. What is forecast is a loss in any case.
    #[must_use]
    pub fn wants_metric(&self, run: &RunView, key: &str, losses: &BTreeMap<String, String>) -> bool {
        let is_loss =
            || losses.values().any(|loss| loss == key) || run.forecast.contains_key(key) || run.is_main_loss(key);
        let of_all = |topic: &RunsTopic| {
            topic.metrics.as_ref().is_none_or(|keys| keys.iter().any(|k| k == key))
                || topic.losses && is_loss()
                || topic.named.iter().any(|name| name.eq_ignore_ascii_case(key))
        };
        self.run == Some(run.id) || self.runs.as_ref().is_some_and(of_all)
    }
}
