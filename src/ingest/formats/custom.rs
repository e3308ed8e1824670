//! A line format that the project file describes, for everything that no format here knows.
//!
//! ```yaml
//! formats:
//!   - name: ours
//!     pattern: 'upd (?<step>\d+) .* nll=(?<nll>\S+) val=(?<val>\S+)'
//!     metrics: { nll: train/loss, val: eval/prose/loss }
//! ```

use super::console::may_be_console;
use super::lines::{ByLine, Line, LineParser, LineReader};
use super::saved::{self, Reader};
use super::scan::number_with_commas;
use super::{Format, Parser, Recognition, Sink};
use regex::bytes::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A line format as the project file has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineFormat {
    /// Shown by `check`.
    pub name: String,
    /// A regular expression (syntax of Rust's `regex`), searched in every line. Named groups say what is what: `step`
    /// (without it, the n-th matching line is step n), `wall` (seconds since 1970), and either `metric` and `value`, or
    /// one group per metric, whose name is its key.
    pub pattern: String,
    /// Keys of metrics whose group cannot be named like them: `{ val: eval/prose/loss }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, String>,
}

/// What is wrong with a [`LineFormat`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFormatError {
    /// The pattern is no regular expression, or too large a one.
    #[error("the pattern of line format '{name}' cannot be used: {reason}")]
    Pattern {
        /// Name of the format.
        name: String,
        /// What the regular expression compiler says.
        reason: String,
    },
    /// The pattern finds no values.
    #[error(
        "the pattern of line format '{name}' has no group for a value; write one such as (?<loss>\\S+), or (?<metric>\\S+) and \
         (?<value>\\S+)"
    )]
    NoValue {
        /// Name of the format.
        name: String,
    },
    /// `metrics` names a group that the pattern does not have.
    #[error(
        "line format '{name}' gives a key for '{group}', but its pattern has no group of that name; it has {groups}"
    )]
    NoGroup {
        /// Name of the format.
        name: String,
        /// The name that is no group.
        group: String,
        /// The groups there are.
        groups: String,
    },
    /// Of `metric` and `value`, only one is there.
    #[error("line format '{name}' has one of the groups 'metric' and 'value'; it needs both, or neither")]
    Half {
        /// Name of the format.
        name: String,
    },
}

/// Longest pattern, in bytes.
const LONGEST_PATTERN: usize = 4096;

/// Largest compiled pattern, and largest cache of its automaton, in bytes: a pattern is run on every line of every file.
const LARGEST_PROGRAM: usize = 1 << 20;

impl LineFormat {
    /// Compiles the pattern and checks its groups.
    ///
    /// # Errors
    /// [`LineFormatError`], ready to show.
    pub fn compile(&self) -> Result<CustomFormat, LineFormatError> {
        let name = self.name.clone();
        let reason = match self.pattern.len() {
            0 => Some("it is empty".to_owned()),
            n if n > LONGEST_PATTERN => Some(format!("it has {n} bytes; at most {LONGEST_PATTERN} are allowed")),
            _ => None,
        };
        if let Some(reason) = reason {
            return Err(LineFormatError::Pattern { name, reason });
        }
        let regex = RegexBuilder::new(&self.pattern)
            .size_limit(LARGEST_PROGRAM)
            .dfa_size_limit(LARGEST_PROGRAM)
            .build()
            .map_err(|e| LineFormatError::Pattern { name: name.clone(), reason: e.to_string() })?;

        let groups: Vec<(usize, &str)> =
            regex.capture_names().enumerate().filter_map(|(i, group)| group.map(|g| (i, g))).collect();
        if let Some(group) = self.metrics.keys().find(|key| !groups.iter().any(|(_, g)| g == key)) {
            let names: Vec<String> = groups.iter().map(|(_, g)| format!("'{g}'")).collect();
            let groups = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Err(LineFormatError::NoGroup { name, group: group.clone(), groups });
        }
        let index = |wanted: &str| groups.iter().find(|(_, g)| *g == wanted).map(|(i, _)| *i);
        let named = match (index("metric"), index("value")) {
            (Some(metric), Some(value)) => Some((metric, value)),
            (None, None) => None,
            // A metric may be called 'value' or 'metric' if it is given a key.
            (Some(_), None) if self.metrics.contains_key("metric") => None,
            (None, Some(_)) if self.metrics.contains_key("value") => None,
            _ => return Err(LineFormatError::Half { name }),
        };
        let keyed: Vec<(usize, String)> = groups
            .iter()
            .filter(|(i, g)| !matches!(*g, "step" | "wall") && named.is_none_or(|(m, v)| *i != m && *i != v))
            .map(|(i, g)| (*i, self.metrics.get(*g).cloned().unwrap_or_else(|| (*g).to_owned())))
            .collect();
        if keyed.is_empty() && named.is_none() {
            return Err(LineFormatError::NoValue { name });
        }
        let (step, wall) = (index("step"), index("wall"));
        Ok(CustomFormat { name, inner: Arc::new(Compiled { regex, step, wall, named, keyed }) })
    }
}

/// A compiled [`LineFormat`].
#[derive(Debug, Clone)]
pub struct CustomFormat {
    name: String,
    inner: Arc<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    regex: Regex,
    step: Option<usize>,
    wall: Option<usize>,
    named: Option<(usize, usize)>,
    keyed: Vec<(usize, String)>,
}

impl Compiled {
    /// The values a line holds: whether there are any, and if so calls `each` with key and value.
    fn values<'t>(&'t self, found: &regex::bytes::Captures<'t>, mut each: impl FnMut(&[u8], f64)) -> bool {
        let value =
            |group: usize| found.get(group).and_then(|m| Some(number_with_commas(m.as_bytes().trim_ascii())?.0));
        let mut any = false;
        if let Some((metric, group)) = self.named
            && let (Some(key), Some(value)) = (found.get(metric), value(group))
        {
            each(key.as_bytes(), value);
            any = true;
        }
        for (group, key) in &self.keyed {
            if let Some(value) = value(*group) {
                each(key.as_bytes(), value);
                any = true;
            }
        }
        any
    }
}

impl Format for CustomFormat {
    fn name(&self) -> &str {
        &self.name
    }

    /// What the user describes goes before everything that recognises itself.
    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        if !may_be_console(path, head) {
            return None;
        }
        let (mut matches, mut first) = (0u32, 0);
        LineReader::default().read(head, true, &mut Sink::default(), |line, _| {
            if self.inner.regex.captures(line.text).is_some_and(|found| self.inner.values(&found, |_, _| {})) {
                matches += 1;
                first = if matches == 1 { line.number } else { first };
            }
        });
        (matches > 0).then(|| Recognition {
            confidence: 100,
            why: format!(
                "{matches} lines of its beginning match the line format '{}' of the project file, the first is line {first}",
                self.name
            ),
        })
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        let parser = CustomParser { compiled: Arc::clone(&self.inner), matched: 0 };
        Box::new(ByLine::after(0, parser))
    }
}

#[derive(Debug)]
struct CustomParser {
    compiled: Arc<Compiled>,
    matched: i64,
}

impl LineParser for CustomParser {
    fn tag(&self) -> u8 {
        b'c'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let compiled = Arc::clone(&self.compiled);
        let Some(found) = compiled.regex.captures(line.text) else { return };
        let number = |group: Option<usize>| {
            let text = found.get(group?)?.as_bytes().trim_ascii();
            number_with_commas(text).map(|(value, _)| value)
        };
        let step = match compiled.step {
            None => self.matched + 1,
            // A step that is no whole number is no step.
            Some(group) => match number(Some(group)) {
                Some(step) if step.fract() == 0.0 && step.abs() < 9e15 => step as i64,
                _ => return,
            },
        };
        let wall = number(compiled.wall).unwrap_or(f64::NAN);
        let any = compiled.values(&found, |key, value| {
            let index = sink.metric_bytes(key);
            sink.point(index, step, value, wall);
        });
        self.matched += i64::from(any);
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::signed(to, self.matched);
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.matched = from.signed()?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(pattern: &str, metrics: &[(&str, &str)]) -> Result<CustomFormat, LineFormatError> {
        let metrics = metrics.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        LineFormat { name: "ours".to_owned(), pattern: pattern.to_owned(), metrics }.compile()
    }

    fn points(format: &CustomFormat, text: &str) -> Vec<(String, i64, f64)> {
        let mut sink = Sink::default();
        format.parser("x.log").feed(text.as_bytes(), true, &mut sink).unwrap();
        sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect()
    }

    #[test]
    fn groups_name_metrics_and_the_step() {
        let ours =
            format(r"upd (?<step>[\d,]+) nll=(?<nll>\S+)(?: val=(?<val>\S+))?", &[("val", "eval/prose/loss")]).unwrap();
        let text = "start\nupd 10 nll=3.5\nupd 1,020 nll=nan val=2.5\nupd 1.5 nll=1\nupd 30 nll=none\n";
        let read = points(&ours, text);
        assert_eq!(read.len(), 3, "{read:?}");
        assert_eq!(read[0], ("nll".to_owned(), 10, 3.5));
        assert!(read[1].2.is_nan());
        assert_eq!(read[2], ("eval/prose/loss".to_owned(), 1020, 2.5));
        let why = ours.recognise("a/train.log", text.as_bytes()).unwrap();
        assert_eq!((why.confidence, why.why.contains("line 2")), (100, true), "{why:?}");
        assert_eq!(ours.recognise("a/train.py", text.as_bytes()), None);
    }

    #[test]
    fn metric_and_value_may_be_groups_and_lines_may_be_counted() {
        let ours = format(r"^(?<metric>[a-z/]+)\s*:\s*(?<value>\S+)$", &[]).unwrap();
        let read = points(&ours, "val/loss: 3\nval/loss: x\nval/loss: 2\n");
        assert_eq!(read, [("val/loss".to_owned(), 1, 3.0), ("val/loss".to_owned(), 2, 2.0)]);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (pattern, metrics, says) in [
            ("(", &[][..], "cannot be used"),
            ("", &[], "it is empty"),
            (r"(?<a>\w{1000}{1000})", &[], "cannot be used"),
            ("step (?<step>.)", &[], "no group for a value"),
            ("(?<loss>.)", &[("los", "x")], "it has 'loss'"),
            ("(?<metric>.)", &[], "needs both"),
        ] {
            let error = format(pattern, metrics).unwrap_err().to_string();
            assert!(error.contains(says), "{pattern}: {error}");
        }
        assert!(format("(?<value>.)", &[("value", "loss")]).is_ok());
    }
}
