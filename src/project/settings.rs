//! A validated project.

use super::TableSource;
use super::conditions::Condition;
use super::destination::{Accept, OnlineWrite};
use super::line_format::LinePattern;
use super::notify::Notify;
use crate::vocab::{FactName, Metric, MetricUnit, Mixture, Moe, Probe, Scale};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A validated project: defaults filled in, paths absolute.
///
/// After loading, `domains` may be empty (a bare directory, or a file without domains), and so may `metrics`;
/// [`crate::observe::assume`] then infers them from the runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Name, shown in titles.
    pub name: String,
    /// The project file; `None` for a bare directory.
    pub file: Option<PathBuf>,
    /// The project file or bare directory as the user typed it, for messages.
    pub named: PathBuf,
    /// Hash of the file's content, with which [`super::reload`] detects a change; 0 for a bare directory.
    pub hash: u64,
    /// Base directory of relative paths.
    pub root: PathBuf,
    /// Glob patterns relative to `root`; every match is a run.
    pub runs: Vec<RunSource>,
    /// Streams that runs come over.
    pub streams: Vec<StreamSource>,
    /// Tables of finished runs.
    pub tables: Vec<TableSource>,
    /// Sources of facts from the project file: `config.json#params_non_embedding`, or a plain value.
    pub facts: BTreeMap<FactName, Vec<FactSource>>,
    /// Domains, in order.
    pub domains: Vec<String>,
    /// Whether the project file lists the domains. If so, runs on other domains are ignored instead of adding domains.
    pub domains_stated: bool,
    /// What is measured: the validation losses of the domains, and evaluations that belong to none. Rows, fits and forecasts
    /// are in this order.
    pub metrics: Vec<Metric>,
    /// The run the user plans.
    pub target: Target,
    /// First steps of a short run on the target's domain, by domain of the validation loss.
    pub probes: BTreeMap<String, Probe>,
    /// User-defined line formats.
    pub formats: Vec<Arc<LinePattern>>,
    /// Compute budget of the target, if size and experts are to be recommended.
    pub budget: Option<Budget>,
    /// Current weights; inferred if not stated.
    pub current: Option<Mixture>,
    /// Minimum and maximum weight by domain; [0, 1] for domains that are not listed.
    pub bounds: BTreeMap<String, [f64; 2]>,
    /// Groups of domains, with the least and most sum of their weights.
    pub groups: BTreeMap<String, Group>,
    /// Most weight that may move from the current mixture: Σ|new − now| / 2, in (0, 1]. Only where `current` is stated.
    pub max_change: Option<f64>,
    /// Most Kullback–Leibler divergence of a new mixture from the current one, nats. Only where `current` is stated.
    pub max_divergence: Option<f64>,
    /// Whether mixtures beyond those of the runs may be advised: all or none; `None` for those whose gain held-out runs assure.
    pub beyond_runs: Option<bool>,
    /// Unique tokens available, by domain.
    pub available_tokens: BTreeMap<String, f64>,
    /// Maximum epochs over a domain.
    pub max_epochs: f64,
    /// Objective and limits.
    pub objective: Objective,
    /// Laws to fit; empty means automatic.
    pub laws: Vec<String>,
    /// Settings of the fits.
    pub fit: FitSettings,
    /// How files are watched.
    pub watch: WatchMode,
    /// Whom to tell of alerts and changed advice.
    pub notify: Notify,
    /// Where accepted advice goes; `None` if nothing may be written outside the state directory.
    pub accept: Option<Accept>,
    /// Where the weights of an online rule go; `None` if they are not written.
    pub online: Option<OnlineWrite>,
    /// How long what is known is kept.
    pub retention: Retention,
}

/// How long what is known is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Past fits.
    pub fits: Duration,
    /// Entries of the journal that may go.
    pub journal: Duration,
    /// All points of a run, after its last one; `None` for ever.
    pub points: Option<Duration>,
    /// Runs without logs, after their last point; `None` for ever.
    pub gone: Option<Duration>,
}

impl Retention {
    /// As long as so many days.
    #[must_use]
    pub const fn days(days: u64) -> Duration {
        Duration::from_secs(86_400 * days)
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { fits: Self::days(90), journal: Self::days(365), points: None, gone: None }
    }
}

/// Domains that share a part of the mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Names of the domains, at least one, each once.
    pub domains: Vec<String>,
    /// Least and most sum of their weights, 0 to 1.
    pub share: [f64; 2],
    /// What `mixture.hold` says, where that made the group and nobody defined it.
    pub held: Option<&'static str>,
}

/// A glob pattern; every match is a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSource {
    /// The pattern, relative to the project's root.
    pub path: String,
    /// Line and column of the pattern in the project file, from 1, for the message "matches nothing".
    pub at: Option<(usize, usize)>,
    /// Conditions that a run must meet for laws to be fitted to it.
    pub filter: Vec<Condition>,
}

/// A stream that runs come over.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSource {
    /// Its server and name, as written: `nats://host:port/stream`; without secrets.
    pub address: String,
    /// Line and column in the project file, from 1.
    pub at: Option<(usize, usize)>,
}

/// One source of a fact.
#[derive(Debug, Clone, PartialEq)]
pub enum FactSource {
    /// `file#dotted.key` inside the run's directory (JSON or YAML by extension).
    Key {
        /// File, relative to the run.
        file: String,
        /// Dotted path in it.
        key: String,
    },
    /// A number for all runs.
    Number(f64),
    /// A text for all runs.
    Text(String),
}

/// Compute budget, for recommendations of size and experts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// FLOPs; `None` for the target's.
    pub compute: Option<f64>,
    /// Tokens to serve; their FLOPs come from the same budget.
    pub inference_tokens: Option<f64>,
    /// Upper limit on total parameters.
    pub max_params: Option<f64>,
    /// Expert counts to consider; empty for those of the runs.
    pub experts: Vec<f64>,
    /// GPU-hours for training.
    pub gpu_hours: Option<f64>,
    /// Money for training, in the unit of `price`.
    pub cost: Option<f64>,
    /// Wall time for training, hours.
    pub hours: Option<f64>,
    /// GPUs.
    pub gpus: Option<f64>,
    /// FLOP/s that one GPU is sold with.
    pub peak_flops: Option<f64>,
    /// The part of them that training uses, 0 to 1 (MFU).
    pub mfu: Option<f64>,
    /// Money for one GPU-hour.
    pub price: Option<f64>,
    /// Bytes that the model may take while it is served.
    pub serve_memory: Option<f64>,
    /// Bytes of one parameter while it is served. Default: 2.
    pub serve_bytes: Option<f64>,
    /// Tokens of context of each sequence served at once; without, no KV cache is counted.
    pub context: Option<f64>,
    /// Sequences served at once. Default: 1.
    pub batch: Option<f64>,
    /// Bytes that training may take, over all devices.
    pub train_memory: Option<f64>,
    /// Bytes of one parameter in training: weights, gradients and optimiser. Default: 16.
    pub train_bytes: Option<f64>,
    /// Tokens of a micro-batch, over all devices, whose activations are kept; without, none are counted.
    pub micro_batch: Option<f64>,
}

impl Budget {
    /// Whether any part of it is in GPU-hours, wall time or money, so that it takes the speed of a GPU to tell the FLOPs.
    #[must_use]
    pub fn is_in_gpu_hours(&self) -> bool {
        self.gpu_hours.is_some() || self.cost.is_some() || self.hours.is_some()
    }

    /// This budget, and what it leaves open from another one.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            compute: self.compute.or(other.compute),
            inference_tokens: self.inference_tokens.or(other.inference_tokens),
            max_params: self.max_params.or(other.max_params),
            experts: if self.experts.is_empty() { other.experts.clone() } else { self.experts },
            gpu_hours: self.gpu_hours.or(other.gpu_hours),
            cost: self.cost.or(other.cost),
            hours: self.hours.or(other.hours),
            gpus: self.gpus.or(other.gpus),
            peak_flops: self.peak_flops.or(other.peak_flops),
            mfu: self.mfu.or(other.mfu),
            price: self.price.or(other.price),
            serve_memory: self.serve_memory.or(other.serve_memory),
            serve_bytes: self.serve_bytes.or(other.serve_bytes),
            context: self.context.or(other.context),
            batch: self.batch.or(other.batch),
            train_memory: self.train_memory.or(other.train_memory),
            train_bytes: self.train_bytes.or(other.train_bytes),
            micro_batch: self.micro_batch.or(other.micro_batch),
        }
    }
}

/// The run the user plans. Missing values default to the largest run's, with a setup note.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Target {
    /// N.
    pub params: Option<f64>,
    /// D.
    pub tokens: Option<f64>,
    /// Active parameters per token; by default in the same proportion as in the mixture-of-experts runs.
    pub active_params: Option<f64>,
    /// E, experts per layer. `None` for a dense model: not stated, and no run has experts.
    pub experts: Option<f64>,
    /// K, experts per token. Default: 1.
    pub experts_per_token: Option<f64>,
    /// G, granularity. Default: 1.
    pub granularity: Option<f64>,
}

impl Target {
    /// Size, tokens and experts, if N and D are known.
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

/// Objective and limits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Objective {
    /// Weight of each metric, by its name; empty means that all count the same (see [`Project::objective_weights`]).
    pub minimize: BTreeMap<String, f64>,
    /// What is made of the losses that count.
    pub goal: Wanted,
    /// Limits on losses.
    pub subject_to: Vec<Constraint>,
}

/// What is made of several losses.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Wanted {
    /// Their weighted mean is minimised.
    #[default]
    Mean,
    /// The largest is, each divided by its loss before training or with the current mixture, where one is stated.
    Worst(Option<Base>),
    /// The first is, then the next with the first within its tolerance, and so on.
    InOrder(Vec<Stage>),
}

/// A loss in its turn.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Name of the metric.
    pub metric: String,
    /// How far it may be from its best for those that follow.
    pub slack: Slack,
    /// The tolerance as written: `1%`.
    pub text: String,
}

/// `metric <= base + slack`, or `metric >= base - slack` where higher is better; in the unit of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// Name of the limited metric.
    pub metric: String,
    /// Base of the limit.
    pub base: Base,
    /// Slack added to the base.
    pub slack: Slack,
    /// The text as written, for display.
    pub text: String,
}

impl Constraint {
    /// Whether it is written with `>=`.
    #[must_use]
    pub fn is_lower_bound(&self) -> bool {
        self.text.contains(['>', '≥'])
    }
}

/// Base of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Base {
    /// The loss before training (at a run's step 0).
    Start,
    /// The expected loss with the current mixture.
    Current,
    /// A number, in the unit of the log: nats, bits, an accuracy …
    Nats(f64),
}

/// Slack that is added to the base of a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slack {
    /// Fraction of the base: 0.03 for `+ 3%`.
    Relative(f64),
    /// A number, in the unit of the log.
    Nats(f64),
}

/// Settings of the fits.
#[derive(Debug, Clone, PartialEq)]
pub struct FitSettings {
    /// Random seed of restarts and resamples.
    pub seed: u64,
    /// Optimizer restarts; `None` for the law's default.
    pub starts: Option<usize>,
    /// Bootstrap resamples.
    pub bootstraps: usize,
    /// Fraction of each run's planned (or seen) tokens that is excluded at the beginning.
    pub skip: f64,
    /// Whether to discount repeated tokens, if the number of available tokens is known.
    pub repetition: bool,
}

/// How files are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WatchMode {
    /// Depends on the file system.
    #[default]
    Auto,
    /// Operating system events.
    Native,
    /// Periodic checks.
    Poll,
}

impl FitSettings {
    /// Maximum of restarts. More than 320 rarely find a better optimum; each takes time and memory.
    pub const MOST_STARTS: usize = 20_000;
    /// Maximum of bootstrap resamples; each is a fit that is kept in memory.
    pub const MOST_BOOTSTRAPS: usize = 20_000;
}

impl Default for FitSettings {
    fn default() -> Self {
        Self { seed: 0, starts: None, bootstraps: 200, skip: 0.1, repetition: true }
    }
}

impl Default for Project {
    /// The settings of an empty file: no runs, everything else inferred.
    fn default() -> Self {
        Self {
            name: String::new(),
            file: None,
            named: PathBuf::new(),
            hash: 0,
            root: PathBuf::new(),
            runs: Vec::new(),
            streams: Vec::new(),
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
            groups: BTreeMap::new(),
            beyond_runs: None,
            max_change: None,
            max_divergence: None,
            available_tokens: BTreeMap::new(),
            max_epochs: 4.0,
            objective: Objective::default(),
            laws: Vec::new(),
            fit: FitSettings::default(),
            watch: WatchMode::Auto,
            notify: Notify::default(),
            accept: None,
            online: None,
            retention: Retention::default(),
        }
    }
}

impl Project {
    /// Index of the domain that "the ratio" refers to: the first domain in the objective.
    #[must_use]
    pub fn lead(&self) -> usize {
        let named = |d: &String| self.objective.minimize.get(d).is_some_and(|w| *w > 0.0);
        self.domains.iter().position(named).unwrap_or(0)
    }

    /// The key of the metric of this name (a domain's name is that of its validation loss), if known.
    #[must_use]
    pub fn metric_of(&self, name: &str) -> Option<&str> {
        self.metrics.iter().find(|m| m.name == name).map(|m| m.key.as_str()).filter(|key| !key.is_empty())
    }

    /// The index of the metric of this name.
    #[must_use]
    pub fn metric_index(&self, name: &str) -> Option<usize> {
        self.metrics.iter().position(|metric| metric.name == name)
    }

    /// Says of each metric which domain it belongs to, and puts those of domains first, in their order.
    pub fn sort_metrics(&mut self) {
        for metric in &mut self.metrics {
            if metric.domain.is_none() && self.domains.contains(&metric.name) {
                metric.domain = Some(metric.name.clone());
            }
        }
        let place = |metric: &Metric| {
            let own = self.domains.iter().position(|d| Some(d) == metric.domain.as_ref());
            own.unwrap_or(self.domains.len())
        };
        self.metrics.sort_by_cached_key(place);
    }

    /// The metrics' keys in the logs, in their order; empty where one is not known.
    pub fn metric_keys(&self) -> impl Iterator<Item = &String> {
        self.metrics.iter().map(|metric| &metric.key)
    }

    /// The unit of a key; the one that its words say for one that is no metric.
    #[must_use]
    pub fn unit_of(&self, key: &str) -> MetricUnit {
        let named = self.metrics.iter().find(|metric| metric.key == key).map(|metric| metric.unit);
        named.unwrap_or_else(|| MetricUnit::of_key(key))
    }

    /// Whether `key` is one of the metrics.
    #[must_use]
    pub fn is_measured(&self, key: &str) -> bool {
        self.metrics.iter().any(|metric| metric.key == key)
    }

    /// The domain of a metric, as an index, where it belongs to one.
    #[must_use]
    pub fn domain_of(&self, metric: usize) -> Option<usize> {
        let domain = self.metrics.get(metric)?.domain.as_ref()?;
        self.domains.iter().position(|d| d == domain)
    }

    /// Share of each metric in the objective; together one, or all zero where nothing sensible is stated. Where nothing is
    /// stated, the validation losses of the domains count the same; without any, all metrics of the first one's unit do.
    #[must_use]
    pub fn objective_weights(&self) -> Vec<f64> {
        let stated = &self.objective.minimize;
        let of_corpora = self.metrics.iter().any(|m| m.domain.is_some() && !m.key.is_empty());
        let unit = self.metrics.iter().find(|m| !m.key.is_empty()).map(|m| m.unit);
        let counts = |m: &Metric| match (stated.is_empty(), of_corpora) {
            (false, _) => stated.get(&m.name).copied().unwrap_or(0.0),
            (true, true) => f64::from(u8::from(m.domain.is_some())),
            (true, false) => f64::from(u8::from(Some(m.unit) == unit)),
        };
        let mut shares: Vec<f64> = self.metrics.iter().map(|m| counts(m).max(0.0)).collect();
        let sum: f64 = shares.iter().sum();
        if sum.is_finite() && sum > 0.0 {
            shares.iter_mut().for_each(|share| *share /= sum);
        } else {
            shares.fill(0.0);
        }
        shares
    }

    /// What is done to the objective as a log would say its metrics.
    fn direction(&self) -> &'static str {
        let weights = self.objective_weights();
        let counted = self.metrics.iter().zip(&weights).filter(|(_, weight)| **weight > 0.0);
        let higher: Vec<bool> = counted.map(|(metric, _)| metric.unit.higher_is_better()).collect();
        match (higher.contains(&true), higher.contains(&false)) {
            (true, false) => "maximise",
            (true, true) => "improve",
            _ => "minimise",
        }
    }

    /// The objective as text for titles: `minimise rust, while prose <= start + 3%`.
    #[must_use]
    pub fn objective_text(&self) -> String {
        let what: Vec<String> = match self.objective.minimize.len() {
            0 => {
                let weights = self.objective_weights();
                let counts = self.metrics.iter().zip(weights).filter(|(_, weight)| *weight > 0.0);
                counts.map(|(metric, _)| metric.name.clone()).collect()
            }
            1 => self.objective.minimize.keys().cloned().collect(),
            _ => self.objective.minimize.iter().map(|(d, w)| format!("{w} {d}")).collect(),
        };
        if what.is_empty() && self.objective.subject_to.is_empty() {
            return String::new();
        }
        let what = match &self.objective.goal {
            Wanted::Mean => what.join(" + "),
            Wanted::Worst(base) => {
                let beside = match base {
                    None => "",
                    Some(Base::Start) => ", each beside its loss at the start",
                    Some(_) => ", each beside its loss with the current mixture",
                };
                let names: Vec<&str> = self.objective.minimize.keys().map(String::as_str).collect();
                format!("the worst of {}{beside}", names.join(", "))
            }
            Wanted::InOrder(stages) => {
                let last = stages.len().saturating_sub(1);
                let one = |(i, stage): (usize, &Stage)| match i == last {
                    true => stage.metric.clone(),
                    false => format!("{} (within {})", stage.metric, stage.text),
                };
                stages.iter().enumerate().map(one).collect::<Vec<_>>().join(", then ")
            }
        };
        let mut text = format!("{} {what}", self.direction());
        let limits: Vec<&str> = self.objective.subject_to.iter().map(|c| c.text.as_str()).collect();
        if !limits.is_empty() {
            text.push_str(", while ");
            text.push_str(&limits.join(" and "));
        }
        text
    }
}
