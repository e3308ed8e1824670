//! Where accepted advice goes: `accept:` of the project file.

use super::edit::Format;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where accepted advice goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Accept {
    /// The file with the weights, and where they are in it.
    pub write: Option<Write>,
    /// The program that is asked first, with its arguments; empty if there is none.
    pub hook: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// Under which conditions advice is accepted without anybody asking; `None` if it is not.
    pub auto: Option<Auto>,
}

/// Conditions for accepting advice without anybody asking.
#[derive(Debug, Clone, PartialEq)]
pub struct Auto {
    /// Most by which the weight of a corpus may change at a time, by corpus.
    pub steps: BTreeMap<String, f64>,
    /// The same for a corpus that is not in `steps`.
    pub step: f64,
    /// Shortest time between two applications.
    pub cooldown: Duration,
}

impl Auto {
    /// Most by which the weight of a corpus may change at a time.
    #[must_use]
    pub fn step(&self, corpus: &str) -> f64 {
        self.steps.get(corpus).copied().unwrap_or(self.step)
    }
}

/// Weights in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The file, relative to the project's root.
    pub file: String,
    /// Dotted path of the weights.
    pub key: String,
    /// How the file is written.
    pub format: Format,
}

/// Where the weights of an online rule go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnlineWrite {
    /// Name of the run.
    pub run: String,
    /// Name of the rule.
    pub rule: String,
    /// The file, relative to the project's root.
    pub write: String,
}
