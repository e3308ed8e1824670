//! Which runs to launch next, and what they would decide.

use super::{Abstention, Mixture, Scale};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked of `next`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct NextQuery {
    /// Most runs to propose; `None` where a budget or a probability says how many.
    pub runs: Option<usize>,
    /// What the runs may cost together, in `unit`.
    pub budget: Option<f64>,
    /// What costs are in; candidates' own are taken to be in it, too.
    #[serde(default)]
    pub unit: CostUnit,
    /// Runs are proposed until [`Knowledge::probability`] reaches this.
    pub until: Option<f64>,
    /// What counts as decided, as a part of the objective: see [`Knowledge::probability`].
    pub tolerance: f64,
    /// The runs to choose from; empty for mixtures among and a little beyond those of the runs, at the runs' sizes and the
    /// next larger one where these say little of the target's.
    pub candidates: Vec<CandidateRun>,
}

/// What costs of runs are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CostUnit {
    /// Floating-point operations: 6 per training token and active parameter.
    #[default]
    Flops,
    /// Hours of one GPU, by the project's `budget.peak_flops` and `budget.mfu`.
    GpuHours,
    /// Money, by its `budget.price` for a GPU-hour.
    Money,
}

impl CostUnit {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Flops, Self::GpuHours, Self::Money];

    /// As it is typed and written.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Flops => "flops",
            Self::GpuHours => "gpu-hours",
            Self::Money => "money",
        }
    }

    /// As it is read, behind a number.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flops => "FLOPs",
            Self::GpuHours => "GPU-hours",
            Self::Money => "money",
        }
    }
}

/// A run that could be launched.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CandidateRun {
    /// What it is called.
    pub name: String,
    /// Weights, which sum to one; `None` for the current ones.
    pub mixture: Option<Mixture>,
    /// N; `None` for the size that most runs have.
    pub params: Option<f64>,
    /// D; `None` for the tokens that most runs have.
    pub tokens: Option<f64>,
    /// What it costs, in the unit asked for or one of the user's; `None` for what its FLOPs cost, 6 per token and active parameter.
    pub cost: Option<f64>,
}

/// Output of `next`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NextAnswer {
    /// Runs to launch.
    Plan(Plan),
    /// No run can be proposed: why, and what would help.
    Abstained(Abstention),
}

/// Runs to launch, the most useful for its cost first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// What the runs are for.
    pub purpose: Purpose,
    /// What is known now.
    pub now: Knowledge,
    /// The runs, in the order in which to launch them; each is chosen for what those before it leave open.
    pub runs: Vec<ProposedRun>,
    /// Probability asked for, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<f64>,
    /// What counts as decided, as a part of the objective.
    pub tolerance: f64,
    /// What costs are in, where candidates do not say their own.
    #[serde(default)]
    pub unit: CostUnit,
    /// What the plan rests on, as sentences.
    pub reasons: Vec<String>,
}

/// What runs are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To decide which mixture the target gets.
    Mixture,
    /// To say more exactly what the target will reach.
    Forecast,
}

/// What is known, before a run or after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Knowledge {
    /// The mixture that the laws say is best for the target, on average over what is uncertain; absent where there is nothing
    /// to mix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixture: Option<Mixture>,
    /// For a mixture: how much higher its objective is expected to be than that of the best one (regret). For a forecast: its
    /// standard deviation. Both as a part of the objective.
    pub uncertainty: f64,
    /// Probability that the regret, or the error of the forecast, is at most the tolerance.
    pub probability: f64,
}

/// A run to launch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProposedRun {
    /// Its name among the candidates, where those were given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its mixture.
    pub mixture: Mixture,
    /// Its size and tokens.
    #[serde(flatten)]
    pub scale: Scale,
    /// What it costs, in the plan's unit, or that of the candidates' own costs.
    pub cost: f64,
    /// Whether it repeats a run that there is, with another seed.
    pub repeats: bool,
    /// What is expected to be known after it, and those before it.
    pub after: Knowledge,
    /// What it would decide, as a sentence.
    pub decides: String,
}
