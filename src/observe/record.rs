//! A run's record, and the observations made from records.

use super::{OptimiserSteps, keys};
use crate::store::RunId;
use crate::vocab::{Facts, Observations, RunFacts, Speeds, StepSeries};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Values by step, by metric key.
pub type SeriesByKey = BTreeMap<String, StepSeries>;

/// A run as far as laws are concerned: its facts, and the series that matter, in the view where the newest segment
/// wins (see [`crate::vocab::Series::latest`]). Shared: the list of a thousand runs is made anew with every line, and a
/// record is copied only when it is changed while others have it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRecord(Arc<RecordFields>);

/// What a [`RunRecord`] says.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordFields {
    /// Number in the store.
    pub id: RunId,
    /// Name.
    pub name: Arc<str>,
    /// What is known of it.
    pub facts: Arc<Facts>,
    /// Values by step, by metric key.
    pub series: Arc<SeriesByKey>,
    /// The optimiser's steps, where the log counts others; what is in `series` has them already.
    pub steps: Option<Arc<OptimiserSteps>>,
    /// Keys of the other metrics it logs; there may be a hundred thousand of them in all runs together.
    pub others: Arc<[Arc<str>]>,
}

impl From<RecordFields> for RunRecord {
    fn from(fields: RecordFields) -> Self {
        Self(Arc::new(fields))
    }
}

impl std::ops::Deref for RunRecord {
    type Target = RecordFields;

    fn deref(&self) -> &RecordFields {
        &self.0
    }
}

impl std::ops::DerefMut for RunRecord {
    fn deref_mut(&mut self) -> &mut RecordFields {
        Arc::make_mut(&mut self.0)
    }
}

impl RecordFields {
    /// The learning rate as it is logged; `None` where it is not. Of several groups of parameters, the one with the shortest
    /// name is the main one.
    #[must_use]
    pub fn learning_rate(&self) -> Option<&StepSeries> {
        let rates = self.series.iter().filter(|(key, points)| keys::is_learning_rate(key) && !points.is_empty());
        rates.min_by_key(|(key, _)| key.len()).map(|(_, points)| points)
    }

    /// Points of the run's log at the optimiser's steps.
    #[must_use]
    pub fn at_optimiser_steps(&self, points: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
        match &self.steps {
            Some(steps) => steps.apply(&points),
            None => points,
        }
    }
}

/// The rows for every metric of the project, in the order of `project.metrics`; and the rows at step 0 (the
/// loss before training began), which are never fitted to and which limits like `start + 3%` need.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// One entry per metric.
    pub fitted: Vec<Observations>,
    /// One entry per metric: rows with `tokens == 0`.
    pub starts: Vec<Observations>,
    /// What is known of the runs beside what laws see.
    pub facts: Arc<RunFacts>,
    /// How fast the runs trained; only where a budget asks.
    pub speeds: Arc<Speeds>,
}
