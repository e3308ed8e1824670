//! A run that changes its mixture while it trains.

use super::Mixture;
use super::number::{parse_amount, show_amount};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// A part of a run with one mixture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Where it ends; nothing for the last, which ends with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<PhaseEnd>,
    /// Mixture weights by domain; their sum is 1.
    pub mixture: Mixture,
}

/// `until 80%: prose 0.900, rust 0.100`.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(end) = self.until {
            write!(f, "until {end}: ")?;
        }
        let weights: Vec<String> = self.mixture.0.iter().map(|(d, w)| format!("{d} {w:.3}")).collect();
        f.write_str(&weights.join(", "))
    }
}

/// Where a phase ends, counted from the beginning of the run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PhaseEnd {
    /// Percent of the run's tokens.
    Percent(f64),
    /// Optimiser steps.
    Steps(f64),
    /// Tokens.
    Tokens(f64),
}

/// How an end is written.
pub const PHASE_END_HELP: &str = "write until: 80%, until: 8000 steps or until: 4B tokens";

impl FromStr for PhaseEnd {
    type Err = PhaseError;

    fn from_str(text: &str) -> Result<Self, PhaseError> {
        let text = text.trim();
        let unread = || PhaseError::Unread(text.to_owned());
        let (amount, end): (&str, fn(f64) -> Self) = if let Some(percent) = text.strip_suffix('%') {
            (percent, Self::Percent)
        } else if let Some(steps) = text.strip_suffix("steps").or_else(|| text.strip_suffix("step")) {
            (steps, Self::Steps)
        } else if let Some(tokens) = text.strip_suffix("tokens") {
            (tokens, Self::Tokens)
        } else {
            return Err(unread());
        };
        let value = parse_amount(amount.trim()).map_err(|_| unread())?;
        let sound = value.is_finite() && value > 0.0;
        match end(value) {
            Self::Percent(percent) if percent >= 100.0 => Err(PhaseError::Percent(percent)),
            end if sound => Ok(end),
            _ => Err(unread()),
        }
    }
}

impl TryFrom<String> for PhaseEnd {
    type Error = PhaseError;

    fn try_from(text: String) -> Result<Self, PhaseError> {
        text.parse()
    }
}

impl From<PhaseEnd> for String {
    fn from(end: PhaseEnd) -> Self {
        match end {
            PhaseEnd::Percent(percent) => format!("{percent}%"),
            PhaseEnd::Steps(steps) => format!("{steps} steps"),
            PhaseEnd::Tokens(tokens) => format!("{tokens} tokens"),
        }
    }
}

impl fmt::Display for PhaseEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tokens(tokens) => write!(f, "{} tokens", show_amount(*tokens)),
            other => f.write_str(&String::from(*other)),
        }
    }
}

impl JsonSchema for PhaseEnd {
    fn schema_name() -> Cow<'static, str> {
        "PhaseEnd".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "a share, steps or tokens, such as 80%, 8000 steps or 4B tokens",
            "description": "Where a phase ends: `80%` of the run's tokens, `8000 steps` or `4B tokens`.",
            "type": "string"
        })
    }
}

/// What is wrong with phases.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PhaseError {
    /// The end has no unit, or no number.
    #[error("'{0}' is no end of a phase: {PHASE_END_HELP}")]
    Unread(String),
    /// A phase that ends with the run is the last.
    #[error("a phase cannot end at {0} % of the run; the last phase has no `until`")]
    Percent(f64),
    /// There is only one.
    #[error("one phase is no phases: write `mixture` instead")]
    One,
    /// A phase before the last does not say where it ends.
    #[error("phase {0} does not say where it ends")]
    NoEnd(usize),
    /// The last phase says where it ends.
    #[error("the last phase ends with the run; it has no `until`")]
    LastEnds,
    /// A phase ends before it begins.
    #[error("phase {0} does not end after the one before")]
    Order(usize),
    /// The run's length is not known in what an end is counted in.
    #[error("phase {phase} ends at {end}, and the run's {what} unknown (set facts.{fact})")]
    Length {
        /// Which phase, from 1.
        phase: usize,
        /// Where it ends.
        end: PhaseEnd,
        /// What is not known.
        what: &'static str,
        /// The fact to state.
        fact: &'static str,
    },
}

/// Whether phases say where each but the last ends, in order where they are counted alike. Gives the phase, from 0, that is
/// wrong.
///
/// # Errors
/// The first thing that is wrong.
pub fn check_phases(phases: &[Phase]) -> Result<(), (usize, PhaseError)> {
    let Some((last, others)) = phases.split_last().filter(|(_, others)| !others.is_empty()) else {
        return Err((0, PhaseError::One));
    };
    let mut before: [f64; 3] = [0.0; 3];
    for (index, phase) in others.iter().enumerate() {
        let (unit, end) = match phase.until {
            None => return Err((index, PhaseError::NoEnd(index + 1))),
            Some(PhaseEnd::Percent(end)) => (0, end),
            Some(PhaseEnd::Steps(end)) => (1, end),
            Some(PhaseEnd::Tokens(end)) => (2, end),
        };
        if end <= before[unit] {
            return Err((index, PhaseError::Order(index + 1)));
        }
        before[unit] = end;
    }
    if last.until.is_some() { Err((others.len(), PhaseError::LastEnds)) } else { Ok(()) }
}

/// The mean of weights by how much of the run each part has.
#[must_use]
pub fn mean_mixture(phases: &[Phase], ends: &[f64]) -> Mixture {
    let mut mean = Mixture::default();
    let mut before = 0.0;
    for (phase, end) in phases.iter().zip(ends) {
        for (domain, weight) in &phase.mixture.0 {
            *mean.0.entry(domain.clone()).or_insert(0.0) += (end - before) * weight;
        }
        before = *end;
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(until: Option<&str>, code: f64) -> Phase {
        let weights = [("code".to_owned(), code), ("web".to_owned(), 1.0 - code)];
        Phase { until: until.map(|end| end.parse().unwrap()), mixture: Mixture(weights.into()) }
    }

    #[test]
    fn ends_are_shares_steps_or_tokens_and_nothing_else() {
        for (text, end) in [
            ("80%", PhaseEnd::Percent(80.0)),
            ("12.5 %", PhaseEnd::Percent(12.5)),
            ("8000 steps", PhaseEnd::Steps(8000.0)),
            ("8k steps", PhaseEnd::Steps(8000.0)),
            ("4B tokens", PhaseEnd::Tokens(4e9)),
        ] {
            assert_eq!(text.parse(), Ok(end), "{text}");
            assert_eq!(String::from(end).parse(), Ok(end), "what is written is read again");
        }
        for text in ["", "0.8", "80", "100%", "0%", "-5%", "nan%", "many steps", "4B", "tokens"] {
            assert!(text.parse::<PhaseEnd>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_phases_is_said() {
        let wrong = |phases: &[Phase]| check_phases(phases).err().map(|(at, why)| (at, why.to_string()));
        assert_eq!(wrong(&[phase(Some("80%"), 0.1), phase(None, 0.2)]), None);
        for (phases, at) in [
            (vec![], 0),
            (vec![phase(None, 0.1)], 0),
            (vec![phase(None, 0.1), phase(None, 0.2)], 0),
            (vec![phase(Some("10%"), 0.1), phase(Some("20%"), 0.2)], 1),
            (vec![phase(Some("30%"), 0.1), phase(Some("20%"), 0.2), phase(None, 0.1)], 1),
        ] {
            assert_eq!(wrong(&phases).map(|(at, _)| at), Some(at), "{phases:?}");
        }
    }
}
