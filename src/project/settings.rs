//! A project as everything else uses it.

use super::TableSource;
use super::line_format::LinePattern;
use crate::vocab::{FactName, Mixture, Moe, Probe, Scale};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A project as everything else uses it: validated, defaults filled in, paths absolute.
///
/// `domains` may be empty after loading (a bare directory, or a file that leaves them out), and a metric may be the
/// empty string; they are then inferred from the first runs that say something, see [`crate::observe::assume`].
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Shown in titles.
    pub name: String,
    /// The project file; `None` for a bare directory.
    pub file: Option<PathBuf>,
    /// The project file, or the bare directory, as the user named it: for messages.
    pub named: PathBuf,
    /// Fingerprint of the file's content, by which [`super::reload`] knows a change; 0 for a bare directory.
    pub hash: u64,
    /// Directory that relative paths start from.
    pub root: PathBuf,
    /// Globs whose every match is a run, relative to `root`.
    pub runs: Vec<RunSource>,
    /// Tables of finished runs.
    pub tables: Vec<TableSource>,
    /// Where facts are found, beyond what is recognised: `config.json#params_non_embedding`, or a plain value.
    pub facts: BTreeMap<FactName, Vec<FactSource>>,
    /// Domains, in order.
    pub domains: Vec<String>,
    /// Whether the file lists the domains: then runs that train on others are left out, not taken as new domains.
    pub domains_stated: bool,
    /// Key of the validation loss of each domain, parallel to `domains`; empty where none is known.
    pub metrics: Vec<String>,
    /// The run being planned.
    pub target: Target,
    /// How a short run on the target's domain begins, by domain of the validation loss.
    pub probes: BTreeMap<String, Probe>,
    /// Line formats of the user's own.
    pub formats: Vec<Arc<LinePattern>>,
    /// What the target may cost, where size and experts are to be advised.
    pub budget: Option<Budget>,
    /// Weights in use; inferred where left out.
    pub current: Option<Mixture>,
    /// Least and most weight of the domains that have any; [0, 1] for the others.
    pub bounds: BTreeMap<String, [f64; 2]>,
    /// Tokens there are of a domain.
    pub available_tokens: BTreeMap<String, f64>,
    /// How often a token may be repeated.
    pub max_epochs: f64,
    /// What to minimise, and subject to what.
    pub objective: Objective,
    /// Laws to fit; empty means automatic.
    pub laws: Vec<String>,
    /// How to fit.
    pub fit: FitSettings,
    /// How to watch.
    pub watch: WatchMode,
}

/// A glob whose every match is a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSource {
    /// The pattern, relative to the project's root.
    pub path: String,
    /// Place of the pattern in the project file, for "matches nothing" (line, column; from 1).
    pub at: Option<(usize, usize)>,
}

/// One place a fact may come from.
#[derive(Debug, Clone, PartialEq)]
pub enum FactSource {
    /// `file#dotted.key` inside the run's directory (JSON or YAML by extension).
    Key {
        /// File, relative to the run.
        file: String,
        /// Dotted path in it.
        key: String,
    },
    /// The same number for every run.
    Number(f64),
    /// The same word for every run.
    Text(String),
}

/// What a run may cost, where size and experts are to be advised.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Budget {
    /// FLOPs; those of the target where it is not stated.
    pub compute: Option<f64>,
    /// Tokens that will be served; their FLOPs come out of the same budget.
    pub inference_tokens: Option<f64>,
    /// All parameters, at most.
    pub max_params: Option<f64>,
    /// Numbers of experts to choose among; those of the runs where empty.
    pub experts: Vec<f64>,
}

/// The run being planned. Where a part is unknown, the largest seen is used and a notice says so.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Target {
    /// N.
    pub params: Option<f64>,
    /// D.
    pub tokens: Option<f64>,
    /// Parameters used for one token; those of the runs with experts tell where it is not stated.
    pub active_params: Option<f64>,
    /// E, experts per layer. `None` where it is not stated and no run has experts: a dense model.
    pub experts: Option<f64>,
    /// K, experts a token is routed to; 1 where it is not stated.
    pub experts_per_token: Option<f64>,
    /// G, granularity; 1 where it is not stated.
    pub granularity: Option<f64>,
}

impl Target {
    /// Size, amount of data and shape, where N and D are known.
    #[must_use]
    pub fn scale(&self) -> Option<Scale> {
        let (params, tokens) = (self.params?, self.tokens?);
        let moe = self.experts.filter(|experts| *experts > 1.0).map(|experts| Moe {
            active_params: self.active_params.unwrap_or(params).min(params),
            experts,
            experts_per_token: self.experts_per_token.unwrap_or(1.0),
            granularity: self.granularity.unwrap_or(1.0),
        });
        Some(Scale { params, tokens, moe })
    }
}

/// What to minimise, and subject to what.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Objective {
    /// Weight of each domain's loss; empty means all equal.
    pub minimize: BTreeMap<String, f64>,
    /// Limits on losses.
    pub subject_to: Vec<Constraint>,
}

/// `domain <= base + slack`.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// Whose validation loss.
    pub domain: String,
    /// What the limit is relative to.
    pub base: Base,
    /// Added to the base.
    pub slack: Slack,
    /// The text as written, for the screen.
    pub text: String,
}

/// What a limit is relative to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Base {
    /// The loss before training began (that of a run's step 0).
    Start,
    /// The loss expected with the current mixture.
    Current,
    /// A number of nats.
    Nats(f64),
}

/// What is added to the base of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slack {
    /// A part of the base: 0.03 for `+ 3%`.
    Relative(f64),
    /// Nats.
    Nats(f64),
}

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct FitSettings {
    /// Seed of starts and resamples.
    pub seed: u64,
    /// Searches from different starting points; `None` leaves it to the law.
    pub starts: Option<usize>,
    /// Resamples of the bootstrap.
    pub bootstraps: usize,
    /// Part of each run's planned (or seen) tokens dropped from its beginning, where loss has not settled.
    pub skip: f64,
    /// Whether repeated tokens count as the fresh ones they are worth, where it is known how many there are.
    pub repetition: bool,
}

/// How files are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WatchMode {
    /// By file system type.
    #[default]
    Auto,
    /// The kernel tells.
    Native,
    /// mixlaw looks.
    Poll,
}

impl FitSettings {
    /// The most searches that may be asked for. The best of 320 is rarely beaten by more; a search of so many takes
    /// minutes, and its results take memory.
    pub const MOST_STARTS: usize = 20_000;
    /// The most resamples that may be asked for; each is a fit, and is kept.
    pub const MOST_BOOTSTRAPS: usize = 20_000;
}

impl Default for FitSettings {
    fn default() -> Self {
        Self { seed: 0, starts: None, bootstraps: 200, skip: 0.1, repetition: true }
    }
}

impl Default for Project {
    /// What a file that says nothing means: no runs, everything else inferred.
    fn default() -> Self {
        Self {
            name: String::new(),
            file: None,
            named: PathBuf::new(),
            hash: 0,
            root: PathBuf::new(),
            runs: Vec::new(),
            tables: Vec::new(),
            facts: BTreeMap::new(),
            domains: Vec::new(),
            domains_stated: false,
            metrics: Vec::new(),
            formats: Vec::new(),
            budget: None,
            target: Target::default(),
            probes: BTreeMap::new(),
            current: None,
            bounds: BTreeMap::new(),
            available_tokens: BTreeMap::new(),
            max_epochs: 4.0,
            objective: Objective::default(),
            laws: Vec::new(),
            fit: FitSettings::default(),
            watch: WatchMode::Auto,
        }
    }
}

impl Project {
    /// Index of the domain that a sentence about "the ratio" is about: the first that the objective minimises.
    #[must_use]
    pub fn lead(&self) -> usize {
        let named = |d: &String| self.objective.minimize.get(d).is_some_and(|w| *w > 0.0);
        self.domains.iter().position(named).unwrap_or(0)
    }

    /// The key of the validation loss of `domain`, where one is known.
    #[must_use]
    pub fn metric_of(&self, domain: &str) -> Option<&str> {
        let index = self.domains.iter().position(|d| d == domain)?;
        self.metrics.get(index).map(String::as_str).filter(|key| !key.is_empty())
    }

    /// Whether a key is the validation loss of a domain.
    #[must_use]
    pub fn is_validation_loss(&self, key: &str) -> bool {
        self.metrics.iter().any(|metric| metric == key)
    }

    /// Sentence for titles: `minimise rust, while prose <= start + 3%`.
    #[must_use]
    pub fn objective_text(&self) -> String {
        let what: Vec<String> = match self.objective.minimize.len() {
            0 => self.domains.clone(),
            1 => self.objective.minimize.keys().cloned().collect(),
            _ => self.objective.minimize.iter().map(|(d, w)| format!("{w} {d}")).collect(),
        };
        let mut text = format!("minimise {}", what.join(" + "));
        let limits: Vec<&str> = self.objective.subject_to.iter().map(|c| c.text.as_str()).collect();
        if !limits.is_empty() {
            text.push_str(", while ");
            text.push_str(&limits.join(" and "));
        }
        text
    }
}
