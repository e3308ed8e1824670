//! Answers about runs that change their mixture: what moving a share of the last phase would do, and tails against a
//! baseline.

use super::{Estimate, Mixture};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A question about the last phase.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PhasesQuery {
    /// The corpus to move to; each in turn where it is left open.
    pub to: Option<String>,
    /// The corpus to move from; all others in proportion where it is left open.
    pub from: Option<String>,
    /// What is moved, as a part of the last phase; a quarter where it is left open.
    pub share: Option<f64>,
    /// Length of the last phase, as a part of the run; the usual one of the runs where it is left open.
    pub last: Option<f64>,
    /// The mixture of the whole run otherwise; the current one where it is left open.
    pub mixture: Option<Mixture>,
    /// Only this loss: its name or key.
    pub metric: Option<String>,
}

/// What runs with phases say of the last phase.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PhasesAnswer {
    /// Length of the last phase, as a part of the run's tokens.
    pub last: f64,
    /// Part of the last phase that is moved.
    pub share: f64,
    /// The mixture of the run otherwise.
    pub mixture: Mixture,
    /// What is known, by loss.
    pub losses: Vec<PhaseFit>,
    /// The same moves for the objective, where every loss in it has an answer.
    pub objective: Vec<PhaseMove>,
    /// What else is worth knowing, as sentences.
    pub notes: Vec<String>,
}

/// A surrogate in what a run has seen of each corpus before its last phase and in it, for one loss.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PhaseFit {
    /// Key of the loss.
    pub metric: String,
    /// Runs at their end.
    pub runs: usize,
    /// Different schedules among them; runs of one schedule are held out together.
    pub schedules: usize,
    /// Of these runs, those that change their mixture.
    pub phased: usize,
    /// The form in use: `both phases`, `later counts more`, `total` or `last phase`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// Held-out R² of the whole procedure, choice of form included; 0 is the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<f64>,
    /// Mean relative error on held-out schedules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// Each form on the same held-out schedules, its own settings chosen without them.
    pub forms: Vec<PhaseForm>,
    /// Why nothing is said, as sentences; empty where something is.
    pub why_not: Vec<String>,
    /// What moves would do.
    pub moves: Vec<PhaseMove>,
}

/// One form, held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseForm {
    /// Its name.
    pub name: String,
    /// Held-out R²; 0 is the mean.
    pub skill: f64,
    /// Mean relative error on held-out schedules.
    pub error: f64,
}

/// What moving a share of the last phase to one corpus does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PhaseMove {
    /// The corpus that gets more.
    pub to: String,
    /// The corpus that gets less; absent where all others do, in proportion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Mixture of the last phase then.
    pub mixture: Mixture,
    /// Change of the loss in nats, with a 90 % interval; less is better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<Estimate>,
    /// Probability that the loss falls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_better: Option<f64>,
    /// Why nothing is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
}

/// Tails of one model, against a baseline tail.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AnnealsAnswer {
    /// Mixture of the baseline tail.
    pub baseline: Mixture,
    /// Runs of it.
    pub baseline_runs: Vec<String>,
    /// The score: the objective's losses, each with its weight.
    pub score: BTreeMap<String, f64>,
    /// Standard deviation of the score between repeats, nats, and the degrees of freedom it has; absent without repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
    /// Degrees of freedom of `noise`.
    pub freedom: usize,
    /// The tails, the best first.
    pub tails: Vec<Tail>,
    /// What was left out and what is not known, as sentences.
    pub notes: Vec<String>,
}

/// Runs of one tail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tail {
    /// Corpora that have more than in the baseline, with what they gain.
    pub more: BTreeMap<String, f64>,
    /// Its mixture.
    pub mixture: Mixture,
    /// Its runs.
    pub runs: Vec<String>,
    /// Difference of the score from the baseline's, nats; less is better. The interval is open without repeats.
    pub delta: Estimate,
    /// Difference of each loss, nats.
    pub losses: BTreeMap<String, Estimate>,
}
