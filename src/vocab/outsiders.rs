//! Runs that do not belong: what is known of runs beside what laws see, and groups of runs whose losses it explains.

use super::count::counted;
use super::{Notice, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of each run beside what laws see, in the order of [`super::Observations::runs`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunFacts {
    /// The places of the project file that runs come from: an entry of `runs:` or `tables:`.
    pub places: Vec<FactsPlace>,
    /// One a run.
    pub runs: Vec<FactsOfRun>,
}

/// An entry of `runs:` or `tables:`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FactsPlace {
    /// Its path, as the project file has it.
    pub named: String,
    /// Its `where:`; empty where it has none.
    pub filter: String,
    /// Line of the path in the project file, from 1; `None` where no project file has it.
    pub line: Option<usize>,
}

/// Facts of one run, as texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FactsOfRun {
    /// Index into [`RunFacts::places`].
    pub place: usize,
    /// By fact, or by column of a table.
    pub values: BTreeMap<Arc<str>, Arc<str>>,
}

/// Runs that do not belong: they share a fact, and the law in use misses their losses on one side, more than chance explains.
/// They are still fitted to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outsiders {
    /// What they share, such as `tokenizer == gpt2`.
    pub fact: String,
    /// Other facts that the same runs share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// The table or pattern of runs they come from.
    pub place: String,
    /// The condition that leaves them out, for `where:` of that place; it contains the conditions that are there, and
    /// those of other groups from the same place.
    #[serde(rename = "where")]
    pub condition: String,
    /// `where:` with the condition, as a line of the project file.
    pub line: String,
    /// Their names, at most twenty.
    pub runs: Vec<String>,
    /// How many they are.
    pub count: usize,
    /// Runs of that place that were compared.
    pub of: usize,
    /// Key of the loss that tells them apart best; absent if it is the mean over all losses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// Median of their observed loss over the predicted one, relative to the other runs': 0.03 is 3 % higher.
    pub shift: f64,
    /// Probability of such a group by chance, over all facts that were tried (family-wise).
    pub p: f64,
    /// Facts that were tried.
    pub tried: usize,
}

impl Outsiders {
    /// What they are, as a sentence.
    #[must_use]
    pub fn describe(&self) -> String {
        let side = if self.shift < 0.0 { "below" } else { "above" };
        let by = 100.0 * self.shift.abs();
        let by = if by < 1.0 { format!("{by:.2} %") } else { format!("{by:.1} %") };
        let loss = self.metric.as_ref().map_or_else(|| "losses are".to_owned(), |metric| format!("{metric} is"));
        let also = match self.also.as_slice() {
            [] => String::new(),
            [one] => format!(" (the same runs: {one})"),
            [one, more @ ..] => format!(" (the same runs: {one}, and {} more)", counted(more.len(), "fact")),
        };
        format!(
            "{} of {} in {} may not belong: with {}{also}, {loss} {by} {side} what the law in use predicts, relative to the \
             others (probability by chance {}). They are still fitted to.",
            self.count,
            counted(self.of, "run"),
            self.place,
            self.fact,
            if self.p < 1e-3 { "below 0.1 %".to_owned() } else { format!("{:.1} %", 100.0 * self.p) },
        )
    }

    /// What to type to leave them out.
    #[must_use]
    pub fn help(&self) -> String {
        format!("if they are not comparable, leave them out: under `path: {}`, write\n{}", self.place, self.line)
    }

    /// As a setup note.
    #[must_use]
    pub fn notice(&self) -> Notice {
        Notice { severity: Severity::Warning, text: self.describe(), help: Some(self.help()) }
    }
}
