//! User-defined line formats from the project file, for logs in other formats.
//!
//! ```yaml
//! formats:
//!   - name: ours
//!     pattern: 'upd (?<step>\d+) .* nll=(?<nll>\S+) val=(?<val>\S+)'
//!     metrics: { nll: train/loss, val: eval/prose/loss }
//! ```

use regex::bytes::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A user-defined line format.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineFormat {
    /// Name, shown by `mixlaw check`.
    pub name: String,
    /// Regular expression (syntax of Rust's `regex`) that is searched in every line. Named groups: `step` (if absent, the
    /// n-th matching line is step n), `wall` (seconds since 1970), and either `metric` and `value`, or one group per metric,
    /// named like its key.
    pub pattern: String,
    /// Metric keys of groups that cannot be named like the key: `{ val: eval/prose/loss }`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, String>,
}

/// Error in a [`LineFormat`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFormatError {
    /// The pattern is not a valid regular expression, or it is too large.
    #[error("the pattern of line format '{name}' cannot be used: {reason}")]
    Pattern {
        /// Name of the format.
        name: String,
        /// Message of the regular expression compiler.
        reason: String,
    },
    /// The pattern has no group for a value.
    #[error(
        "the pattern of line format '{name}' has no group for a value; write one such as (?<loss>\\S+), or (?<metric>\\S+) and \
         (?<value>\\S+)"
    )]
    NoValue {
        /// Name of the format.
        name: String,
    },
    /// `metrics` names a group that the pattern does not have.
    #[error("line format '{name}' has a key for '{group}', but its pattern has no such group; its groups: {groups}")]
    NoGroup {
        /// Name of the format.
        name: String,
        /// The name that is not a group.
        group: String,
        /// The groups of the pattern.
        groups: String,
    },
    /// The pattern has only one of the groups `metric` and `value`.
    #[error("line format '{name}' has only one of the groups 'metric' and 'value'; it needs both or neither")]
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
    /// [`LineFormatError`], with a message for the user.
    pub fn compile(&self) -> Result<LinePattern, LineFormatError> {
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
            .map_err(|e| LineFormatError::Pattern { name: name.clone(), reason: last_line(&e) })?;

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
        let text = format!("{} {:?}", self.pattern, self.metrics);
        let identity = format!("{name} {:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
        Ok(LinePattern { name, identity, regex, step, wall, named, keyed })
    }
}

/// The last line of the compiler's message; the lines before it repeat the pattern.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or(&text).trim_start_matches("error: ").to_owned()
}

/// A compiled [`LineFormat`]. Groups are by index.
#[derive(Debug, Clone)]
pub struct LinePattern {
    /// Name of the format.
    pub name: String,
    /// Name and a hash of the pattern and keys: equal for formats that read the same values.
    pub identity: String,
    /// The pattern.
    pub regex: Regex,
    /// Group of the step.
    pub step: Option<usize>,
    /// Group of the time, seconds since 1970.
    pub wall: Option<usize>,
    /// Groups of a metric's key and its value.
    pub named: Option<(usize, usize)>,
    /// Groups of values, with the key of each.
    pub keyed: Vec<(usize, String)>,
}

impl PartialEq for LinePattern {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(pattern: &str, metrics: &[(&str, &str)]) -> Result<LinePattern, LineFormatError> {
        let metrics = metrics.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        LineFormat { name: "ours".to_owned(), pattern: pattern.to_owned(), metrics }.compile()
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (pattern, metrics, says) in [
            ("(", &[][..], "cannot be used"),
            ("", &[], "it is empty"),
            (r"(?<a>\w{1000}{1000})", &[], "cannot be used"),
            ("step (?<step>.)", &[], "no group for a value"),
            ("(?<loss>.)", &[("los", "x")], "its groups: 'loss'"),
            ("(?<metric>.)", &[], "needs both"),
        ] {
            let error = format(pattern, metrics).unwrap_err().to_string();
            assert!(error.contains(says), "{pattern}: {error}");
        }
        assert!(format("(?<value>.)", &[("value", "loss")]).is_ok());
    }
}
