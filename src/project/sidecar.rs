//! `mixlaw.run.yaml`: user-stated facts about one run, in the run's directory.
//!
//! ```yaml
//! params: 590k
//! mixture: { prose: 0.8, rust: 0.2 }
//! batch_tokens: 4096
//! ```
//!
//! A run that changes its mixture states `phases` instead:
//!
//! ```yaml
//! phases:
//!   - until: 80%
//!     mixture: { prose: 0.9, rust: 0.1 }
//!   - mixture: { prose: 0.5, rust: 0.5 }
//! ```

use super::file::{Amount, VERSION};
use super::grammar::Grammar;
use super::locate::Node;
use super::source::{At, Source};
use super::{ProjectError, load, parse};
use crate::vocab::number::parse_amount;
use crate::vocab::phase::check_phases;
use crate::vocab::{FactName, FactValue, Mixture, PHASE_END_HELP, Phase, PhaseEnd, PhaseError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

/// Name of the file in a run's directory.
pub const FILE_NAME: &str = "mixlaw.run.yaml";

/// Content of the file: facts by name.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct RunFile(BTreeMap<String, Stated>);

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Stated {
    Number(f64),
    Text(String),
    Mixture(BTreeMap<String, f64>),
    Phases(Vec<StatedPhase>),
}

#[derive(Debug, Clone, Deserialize)]
struct StatedPhase {
    until: Option<String>,
    mixture: BTreeMap<String, f64>,
}

impl JsonSchema for RunFile {
    fn schema_name() -> Cow<'static, str> {
        "RunFile".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        // Unlike a target's, an amount here may be zero: no warm-up, a learning rate that ends at nothing.
        let mut amount = Amount::json_schema(generator).to_value();
        amount["anyOf"][0] = serde_json::json!({ "type": "number", "minimum": 0 });
        let mut keys: Map<String, Value> = FactName::ALL
            .iter()
            .map(|name| {
                let schema = match name {
                    FactName::Mixture => weights_schema(),
                    FactName::Phases => phases_schema(),
                    FactName::Ended => serde_json::json!({ "enum": ["finished", "failed", "killed"] }),
                    name if name.is_text() => serde_json::json!({ "type": "string" }),
                    FactName::Seed => serde_json::json!({ "type": "integer", "minimum": 0 }),
                    _ => amount.clone(),
                };
                (name.as_str().to_owned(), schema)
            })
            .collect();
        keys.insert(
            "version".to_owned(),
            serde_json::json!({ "type": "integer", "minimum": 1, "description": "Version of the file format. Default: 1." }),
        );
        json_schema!({
            "title": "facts about one run",
            "description": "Facts about a training run. They take precedence over facts from its logs.",
            "type": "object",
            "properties": keys,
            "additionalProperties": false
        })
    }
}

fn weights_schema() -> Value {
    serde_json::json!({
        "title": "a mapping from domains to weights, such as { prose: 0.8, rust: 0.2 }",
        "description": "Mixture weights by domain; their sum is 1.",
        "type": "object",
        "additionalProperties": { "type": "number", "minimum": 0 }
    })
}

fn phases_schema() -> Value {
    serde_json::json!({
        "title": "a list of phases, such as [{ until: 80%, mixture: { prose: 1 } }, { mixture: { rust: 1 } }]",
        "description": "The mixtures of a run that changes it, in order; the last ends with the run.",
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "until": {
                    "title": "a share, steps or tokens, such as 80%, 8000 steps or 4B tokens",
                    "description": "Where the phase ends: `80%` of the run's tokens, `8000 steps` or `4B tokens`.",
                    "type": "string"
                },
                "mixture": weights_schema(),
            },
            "required": ["mixture"],
            "additionalProperties": false
        }
    })
}

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(Grammar::of::<RunFile>);

/// Parses the file. `named` is its path as the user would type it. Each fact is returned with its line.
///
/// # Errors
/// [`ProjectError::Invalid`] at the first error.
pub fn facts(named: &Path, bytes: &[u8]) -> Result<Vec<(FactName, FactValue, usize)>, ProjectError> {
    let text = load::text(named, bytes)?;
    let source = Source { file: named, text };
    let help = "write facts, such as mixture: { prose: 0.8, rust: 0.2 }";
    let (file, tree): (RunFile, _) = parse::typed(&source, &GRAMMAR, "a file of facts", help)?;
    let mut facts = Vec::new();
    for (key, node) in tree.entries() {
        let Some(stated) = file.0.get(&key.name) else { continue };
        if key.name == "version" {
            if !matches!(stated, Stated::Number(v) if *v == f64::from(VERSION)) {
                return Err(source.invalid(
                    node.at,
                    "this version is not supported",
                    format!("write version: {VERSION}"),
                ));
            }
            continue;
        }
        let Some(name) = FactName::ALL.into_iter().find(|n| n.as_str() == key.name) else { continue };
        let value = match stated {
            Stated::Phases(stated) => FactValue::Phases(phases(&source, node, stated)?),
            stated => fact(&source, node.at, name, stated)?,
        };
        facts.push((name, value, key.at.line));
    }
    let at = |name: FactName| tree.entries().iter().find(|(key, _)| key.name == name.as_str()).map(|(key, _)| key.at);
    if let (Some(at), Some(_)) = (at(FactName::Mixture), at(FactName::Phases)) {
        let help = "remove mixture: that of the run is the mean of its phases";
        return Err(source.invalid(at, "`mixture` and `phases` are both given", help));
    }
    Ok(facts)
}

fn fact(source: &Source<'_>, at: At, name: FactName, stated: &Stated) -> Result<FactValue, ProjectError> {
    let key = name.as_str();
    match stated {
        // Those are read where their places are known.
        Stated::Phases(_) => Err(source.invalid(at, format!("`{key}` is no list"), "")),
        Stated::Mixture(weights) => mixture(source, at, weights).map(FactValue::Mixture),
        Stated::Text(text) if name.is_text() => Ok(FactValue::Text(text.trim().to_owned())),
        Stated::Text(text) => {
            let value = parse_amount(text);
            let value = value
                .map_err(|e| source.invalid(at, e.to_string(), format!("write {key}: 1.5M, or another amount")))?;
            number(source, at, name, value)
        }
        Stated::Number(value) => number(source, at, name, *value),
    }
}

/// Weights that sum to one.
fn mixture(source: &Source<'_>, at: At, weights: &BTreeMap<String, f64>) -> Result<Mixture, ProjectError> {
    let (mixture, sum) = Mixture(weights.clone())
        .normalised()
        .map_err(|e| source.invalid(at, e.to_string(), "write mixture: { prose: 0.8, rust: 0.2 }"))?;
    if (sum - 1.0).abs() > Mixture::SUM_TOLERANCE {
        let order: Vec<(String, f64)> = mixture.0.iter().map(|(d, w)| (d.clone(), *w)).collect();
        let help = format!("to keep their proportions, write mixture: {}", super::weights::as_line(&order));
        let message = format!("the weights sum to {}, not to 1", super::weights::tidy(sum));
        return Err(source.invalid(at, message, help));
    }
    Ok(mixture)
}

/// Phases, each of which is known by its place.
fn phases(source: &Source<'_>, list: &Node, stated: &[StatedPhase]) -> Result<Vec<Phase>, ProjectError> {
    let mut phases = Vec::with_capacity(stated.len());
    for (node, phase) in list.items().iter().zip(stated) {
        let at = |key: &str| node.entries().iter().find(|(k, _)| k.name == key).map_or(node.at, |(_, node)| node.at);
        let until = phase.until.as_deref().map(str::parse::<PhaseEnd>).transpose();
        let until = until.map_err(|why| {
            let why = why.to_string();
            let (message, help) = why.split_once(": write ").unwrap_or((&why, ""));
            let help = if help.is_empty() { String::new() } else { format!("write {help}") };
            source.invalid(at("until"), message, help)
        })?;
        phases.push(Phase { until, mixture: mixture(source, at("mixture"), &phase.mixture)? });
    }
    check_phases(&phases).map_err(|(wrong, why)| {
        let help = match why {
            PhaseError::One => "write mixture: { prose: 0.8, rust: 0.2 }",
            PhaseError::LastEnds => "remove its until, or add the phase after it",
            PhaseError::Order(_) => "order the phases by where they end",
            _ => PHASE_END_HELP,
        };
        source.invalid(list.items().get(wrong).map_or(list.at, |node| node.at), why.to_string(), help)
    })?;
    Ok(phases)
}

fn number(source: &Source<'_>, at: At, name: FactName, value: f64) -> Result<FactValue, ProjectError> {
    if value.is_finite() && (value > 0.0 || value == 0.0 && name.may_be_zero()) {
        return Ok(FactValue::Number(value));
    }
    let key = name.as_str();
    let least = if name.may_be_zero() { "0 or more" } else { "more than 0" };
    Err(source.invalid(
        at,
        format!("`{key}` is {value}; it must be {least}"),
        format!("write {key}: 1.5M, or another amount"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(FactName, FactValue, usize)>, ProjectError> {
        facts(Path::new(FILE_NAME), text.as_bytes())
    }

    #[test]
    fn facts_are_read_with_their_lines() {
        let facts = read("version: 1\nparams: 590k\nmixture: { prose: 3e-1, rust: 0.7 }\nschedule: wsd\nseed: 0\n");
        let mixture = Mixture(BTreeMap::from([("prose".to_owned(), 0.3), ("rust".to_owned(), 0.7)]));
        assert_eq!(
            facts,
            Ok(vec![
                (FactName::Params, FactValue::Number(590e3), 2),
                (FactName::Mixture, FactValue::Mixture(mixture), 3),
                (FactName::Schedule, FactValue::Text("wsd".to_owned()), 4),
                (FactName::Seed, FactValue::Number(0.0), 5),
            ])
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, says) in [
            ("", "1:1: this file has no content"),
            ("- a", "1:1: a file of facts must be a mapping"),
            ("param: 1B", "1:1: unknown key `param`\n"),
            ("params: many", "'many' is not a number"),
            ("params: -1", "it must be more than 0"),
            ("params: 0", "it must be more than 0"),
            ("warmup_steps: -1", "it must be 0 or more"),
            ("params:", "1:1: `params` is empty"),
            ("mixture: 0.5", "must be a mapping from domains"),
            ("mixture: { a: 80, b: 20 }", "write mixture: { a: 0.8, b: 0.2 }"),
            ("schedule: 3", "use quotes"),
            ("phases: 80%", "1:9: `phases` must be a list of phases"),
            ("phases: []", "1:9: one phase is no phases: write `mixture` instead"),
            ("phases:\n  - mixture: { a: 1 }", "2:5: one phase is no phases"),
            ("phases:\n  - mixture: { a: 1 }\n  - mixture: { b: 1 }", "2:5: phase 1 does not say where it ends"),
            ("phases:\n  - until: 80%\n  - mixture: { b: 1 }", "2:5: "),
            ("phases:\n  - { until: 0.8, mixture: { a: 1 } }\n  - mixture: { b: 1 }", "2:14: "),
            ("phases:\n  - { until: 80, mixture: { a: 1 } }\n  - mixture: { b: 1 }", "2:14: "),
            (
                "phases:\n  - { until: half, mixture: { a: 1 } }\n  - mixture: { b: 1 }",
                "2:14: 'half' is no end of a phase\n",
            ),
            (
                "phases:\n  - { until: 100%, mixture: { a: 1 } }\n  - mixture: { b: 1 }",
                "2:14: a phase cannot end at 100 %",
            ),
            (
                "phases:\n  - { until: 80%, mixture: { a: 8, b: 2 } }\n  - mixture: { b: 1 }",
                "write mixture: { a: 0.8, b: 0.2 }",
            ),
            (
                "phases:\n  - { until: 80%, mixture: { a: 1 } }\n  - { until: 90%, mixture: { b: 1 } }",
                "3:5: the last phase ends with the run",
            ),
            (
                "phases:\n  - { until: 80%, mixture: { a: 1 } }\n  - { until: 9%, mixture: { b: 1 } }\n  - mixture: { a: 1 }",
                "3:5: phase 2 does not end after the one before",
            ),
            (
                "phases:\n  - { until: 80%, mixture: { a: 1 } }\n  - mixture: { b: 1 }\nmixture: { a: 1 }",
                "4:1: `mixture` and `phases` are both given",
            ),
            ("phases:\n  - { till: 80%, mixture: { a: 1 } }\n  - mixture: { b: 1 }", "unknown key `till`"),
            ("version: 9\nnew: 1", "this file is of version 9"),
        ] {
            let said = read(text).expect_err(text).report();
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
