//! What was decided of advice: accepted, dismissed, and the runs that followed it.

use super::{AdviceState, AutoView, Expected, Mixture};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One step of acting on advice, as it is journaled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// This advice stands from now on, in place of any other.
    Stands(StandingAdvice),
    /// Advice is about to be accepted: nothing outside the state directory has been touched yet.
    Intended(Intention),
    /// The hook agreed; the file is written next.
    Agreed {
        /// Id of the advice.
        advice: String,
        /// Seconds since 1970.
        at: f64,
    },
    /// Advice that was about to be accepted is not.
    Withdrawn {
        /// Id of the advice.
        advice: String,
        /// Seconds since 1970.
        at: f64,
        /// Why, as a sentence.
        why: String,
        /// Whether it was interrupted after its hook was begun, which may have taken effect.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        interrupted: bool,
    },
    /// Advice was accepted: what the intention named is done.
    Accepted {
        /// Id of the advice.
        advice: String,
        /// Seconds since 1970.
        at: f64,
        /// Runs with this mixture that were there before; they did not follow the advice.
        #[serde(default)]
        earlier: Vec<String>,
    },
    /// The user does not want this advice.
    Dismissed {
        /// Id of the advice.
        advice: String,
        /// Seconds since 1970.
        at: f64,
        /// The user's reason; may be empty.
        why: String,
    },
    /// A run with the accepted mixture, begun after it was accepted, has ended.
    Followed {
        /// Id of the advice.
        advice: String,
        /// The run and what it reached.
        run: Follower,
    },
}

impl Decision {
    /// When it was made, seconds since 1970.
    #[must_use]
    pub fn at(&self) -> f64 {
        match self {
            Self::Stands(advice) => advice.at,
            Self::Intended(intention) => intention.at,
            Self::Followed { run, .. } => run.at,
            Self::Agreed { at, .. }
            | Self::Withdrawn { at, .. }
            | Self::Accepted { at, .. }
            | Self::Dismissed { at, .. } => *at,
        }
    }

    /// Id of the advice.
    #[must_use]
    pub fn advice(&self) -> &str {
        match self {
            Self::Stands(advice) => &advice.id,
            Self::Intended(intention) => &intention.advice,
            Self::Agreed { advice, .. }
            | Self::Withdrawn { advice, .. }
            | Self::Accepted { advice, .. }
            | Self::Dismissed { advice, .. }
            | Self::Followed { advice, .. } => advice,
        }
    }
}

/// Advice as it was when it began to stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StandingAdvice {
    /// Id of the advice.
    pub id: String,
    /// Seconds since 1970.
    pub at: f64,
    /// Hash of what was asked: target, objective, bounds and supply. Advice on another question is compared with nothing.
    pub question: String,
    /// Recommended weights.
    pub mixture: Mixture,
    /// Weights in use then.
    pub current: Mixture,
    /// N of the target.
    pub params: f64,
    /// D of the target.
    pub tokens: f64,
    /// Expected losses at the target, by metric key, in the unit of the log.
    pub expected: BTreeMap<String, Expected>,
    /// Probability that the objective is better than with the weights in use.
    pub p_better: f64,
    /// Expected decrease of the objective.
    pub gain: f64,
}

/// What accepting advice is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intention {
    /// Id of the advice.
    pub advice: String,
    /// Seconds since 1970.
    pub at: f64,
    /// Weights that are to be written.
    pub mixture: Mixture,
    /// The file to write, as the project file names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Dotted path of the weights in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whether a hook is asked first.
    #[serde(default)]
    pub hook: bool,
    /// Whether the user asked to accept advice again that was accepted before.
    #[serde(default)]
    pub again: bool,
    /// Whether nobody was asked: the project file says `apply: auto`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto: bool,
}

/// A run that followed accepted advice, at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Follower {
    /// Name of the run.
    pub run: String,
    /// When its end was seen, seconds since 1970.
    pub at: f64,
    /// N of the run; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<f64>,
    /// D of the run; absent if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<f64>,
    /// Whether its size and tokens are those of the advice's target (within 2 %), so that its losses grade the advice.
    pub at_target: bool,
    /// Final values by metric key, in the unit of the log.
    pub losses: BTreeMap<String, FollowerLoss>,
}

/// Final value of one metric of a run that followed advice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FollowerLoss {
    /// Final value.
    pub value: f64,
    /// What the advice expected at the target; absent if the run is of another size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// Whether the advice's 90 % interval contains the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covered: Option<bool>,
}

/// A piece of advice, and what was decided of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AdviceView {
    /// Id of the advice.
    pub id: String,
    /// Whether it is what mixlaw advises now.
    pub stands: bool,
    /// Since when it has been advised, seconds since 1970.
    pub since: f64,
    /// What was decided of it.
    pub state: AdviceState,
    /// When that was decided, seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<f64>,
    /// Whether it was accepted without anybody asking (`apply: auto`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub automatic: bool,
    /// The user's reason for dismissing it, or why the last attempt to accept it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Recommended weights.
    pub mixture: Mixture,
    /// Weights in use when it was made.
    pub current: Mixture,
    /// Probability that the objective is better than with the weights in use.
    pub p_better: f64,
    /// Expected decrease of the objective.
    pub gain: f64,
    /// Runs with the accepted mixture, begun after it was accepted, that have ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub followed: Vec<Follower>,
}

/// Where accepted advice goes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AcceptView {
    /// The file that is written, as the project file names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<String>,
    /// Dotted path of the weights in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The program that is asked first, with its arguments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hook: Vec<String>,
}

/// Output of `advice`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct AdviceAnswer {
    /// The advice, newest first.
    pub advice: Vec<AdviceView>,
    /// Id of advice that is being accepted by another process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepting: Option<String>,
    /// Where accepted advice goes; absent if the project does not say, so that nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<AcceptView>,
    /// Whether a running daemon applies advice without being asked; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto: Option<AutoView>,
}

/// Output of `advice accept` and `advice dismiss`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecidedAnswer {
    /// Id of the advice.
    pub id: String,
    /// What was decided.
    pub state: AdviceState,
    /// The accepted weights, as they were written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixture: Option<Mixture>,
    /// The file that was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
}
