//! Validation of `accept.apply: auto`: nothing is accepted without anybody asking unless its bounds, its pace and a program
//! that can refuse are stated.

use super::ProjectError;
use super::check::Checker;
use super::destination::Auto;
use super::file::{AcceptFile, ApplyFile, SpanFile, StepFile};
use super::suggest::listed;
use crate::vocab::number::parse_span;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest cooldown: ten years, in seconds.
const LONGEST: f64 = 3650.0 * 86_400.0;
const EXAMPLE: &str = "write accept: { hook: [./check.sh], apply: auto, max_step: 0.1, cooldown: 24h }";

impl Checker<'_> {
    /// Validates `accept.apply` with what it needs. What is stated is checked, also where nothing is applied automatically.
    pub(super) fn automatic(&self, file: &AcceptFile, hook: &[String]) -> Result<Option<Auto>, ProjectError> {
        let place = self.root().key("accept");
        let step = file.max_step.as_ref().map(|step| self.steps(step)).transpose()?;
        let cooldown = file.cooldown.as_ref().map(|span| self.cooldown(span)).transpose()?;
        if file.apply != Some(ApplyFile::Auto) {
            return Ok(None);
        }
        let stated = [("max_step", step.is_some()), ("cooldown", cooldown.is_some()), ("hook", !hook.is_empty())];
        let missing: Vec<String> =
            stated.iter().filter(|(_, stated)| !stated).map(|(key, _)| format!("`accept.{key}`")).collect();
        match (step, cooldown) {
            (Some((step, steps)), Some(cooldown)) if missing.is_empty() => Ok(Some(Auto { steps, step, cooldown })),
            _ => {
                let missing = listed(missing.iter().map(String::as_str));
                let message = format!("`apply: auto` writes without anybody asking, and needs {missing} beside it");
                let help = format!(
                    "{EXAMPLE}: most that a weight may change, time between two changes, and a program that can refuse"
                );
                Err(self.source.invalid(place.key("apply").value, message, help))
            }
        }
    }

    /// `max_step`: for all domains, and by domain.
    fn steps(&self, file: &StepFile) -> Result<(f64, BTreeMap<String, f64>), ProjectError> {
        let place = self.root().key("accept").key("max_step");
        let checked = |at, name: &str, value: f64| match value > 0.0 && value <= 1.0 {
            true => Ok(value),
            false => {
                let message =
                    format!("`{name}` is {value}; the most that a weight may change is more than 0 and at most 1");
                Err(self.source.invalid(at, message, "write a share of the mixture, such as max_step: 0.1"))
            }
        };
        match file {
            StepFile::All(value) => Ok((checked(place.value, "accept.max_step", *value)?, BTreeMap::new())),
            StepFile::Each(by) => {
                if by.is_empty() {
                    let message = "`accept.max_step` names no domain";
                    return Err(self.source.invalid(
                        place.key,
                        message,
                        "write one number for all, such as max_step: 0.1",
                    ));
                }
                self.known_domains(by.keys(), place)?;
                for (domain, value) in by {
                    checked(place.key(domain).value, &format!("accept.max_step.{domain}"), *value)?;
                }
                Ok((0.0, by.clone()))
            }
        }
    }

    fn cooldown(&self, file: &SpanFile) -> Result<Duration, ProjectError> {
        let at = self.root().key("accept").key("cooldown").value;
        let help = "write a number with its unit, such as cooldown: 24h";
        let seconds = match file {
            SpanFile::Number(value) => {
                let message = format!("`accept.cooldown` is {value} without a unit");
                return Err(self.source.invalid(at, message, help));
            }
            SpanFile::Text(text) => parse_span(text)
                .map_err(|error| self.source.invalid(at, format!("`accept.cooldown`: {error}"), help))?,
        };
        if !(seconds > 0.0 && seconds <= LONGEST) {
            let message = "`accept.cooldown` must be more than 0 and at most ten years".to_owned();
            return Err(self.source.invalid(at, message, help));
        }
        Ok(Duration::from_secs_f64(seconds))
    }
}
