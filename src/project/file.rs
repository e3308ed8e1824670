//! Serde types of the project file. The JSON Schema, the check for unknown keys and the reference are generated from
//! them. [`super::check`] interprets and validates the values.
//!
//! Every key except `runs` (or `tables`) is optional and may be empty. A `title` in the schema completes the error message
//! "`key` must be …"; new keys need such a title, too.

use super::line_format::LineFormat;
use super::notify::NotifyFile;
use crate::vocab::number::parse_amount;
use crate::vocab::{FactName, MetricUnit};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// Newest supported version of the project file.
pub const VERSION: u32 = 1;

/// A mixlaw project: the runs, their domains and losses, and the planned target.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "mixlaw project")]
pub struct ProjectFile {
    /// Version of the project file format. Default: 1.
    pub version: Option<u32>,
    /// Name of the project, shown in titles. Default: the directory's name.
    pub project: Option<String>,
    /// The training runs.
    #[schemars(title = "a list, such as `- path: runs/*`")]
    pub runs: Option<Vec<RunsFile>>,
    /// Line formats of logs that mixlaw does not recognise.
    #[schemars(title = "a list, such as `- { name: ours, pattern: 'step (?<step>\\d+) loss=(?<loss>\\S+)' }`")]
    pub formats: Option<Vec<LineFormat>>,
    /// CSV tables of finished runs, instead of or in addition to logs.
    #[schemars(title = "a list, such as `- path: runs.csv`")]
    pub tables: Option<Vec<TableFile>>,
    /// Sources of facts that mixlaw does not detect; the first source that a run has is used.
    #[serde(default)]
    #[schemars(schema_with = "facts_schema")]
    pub facts: Option<BTreeMap<FactName, FactFile>>,
    /// Domains (corpora) of the mixture, in display order. Default: the domains named in the runs.
    #[schemars(title = "a list of names, such as [prose, rust]")]
    pub domains: Option<Vec<String>>,
    /// What is measured: a domain's name for its validation loss, any other name for an evaluation that belongs to no
    /// domain. Default: keys that contain a domain's name; without any, the evaluations that the runs log.
    #[schemars(title = "a mapping from names to metric keys, such as { rust: eval/rust/loss, mmlu: eval/mmlu_bpb }")]
    pub metrics: Option<BTreeMap<String, MetricFile>>,
    /// The run you plan. Default: the largest size and token count of the runs.
    pub target: Option<TargetFile>,
    /// Compute budget of the target. If set, mixlaw also recommends size, tokens and experts. Default: the target's compute,
    /// if the runs differ in their experts.
    pub budget: Option<BudgetFile>,
    /// Current mixture, and constraints on a new one.
    pub mixture: Option<MixtureFile>,
    /// Objective and limits. Default: minimise the sum of all validation losses.
    pub objective: Option<ObjectiveFile>,
    /// Laws to fit: `auto`, or a list of names.
    pub laws: Option<LawsFile>,
    /// Settings of the fits.
    pub fit: Option<FitFile>,
    /// How mixlaw watches files: `auto` (depends on the file system), `native` (operating system events) or `poll` (periodic
    /// checks).
    pub watch: Option<WatchFile>,
    /// Where `mixlaw advice accept` writes a mixture, and the program that is asked first. Default: nothing is written outside
    /// mixlaw's own state directory.
    pub accept: Option<AcceptFile>,
    /// Weights of an online rule for a run in progress, written for its trainer to poll. Default: nothing is written.
    pub online: Option<OnlineFile>,
    /// Whom to tell of alerts and changed advice. Default: nobody; nothing leaves this machine.
    pub notify: Option<NotifyFile>,
    /// How long mixlaw keeps what it knows, in days. Default: all that logs say stays.
    pub retention: Option<RetentionFile>,
}

/// How long mixlaw keeps what it knows, in days.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { fits: 90, points: 30 }")]
pub struct RetentionFile {
    /// Past fits (`fit --history`): all for an hour, one in ten minutes for a day, one an hour for a week, then one a day. Default: 90.
    pub fits: Option<u64>,
    /// Alerts that are over, forecasts and their grades, advice that nobody acted on. Tags, notes and decisions stay.
    /// Default: 365.
    pub journal: Option<u64>,
    /// All points of a run, after its last one. Then each of its series of more than 4,000 points, the project's losses apart,
    /// is thinned out to about 2,000: the lowest, highest and last of each stretch. The logs are left alone. Default: for ever.
    pub points: Option<u64>,
    /// Runs whose logs were deleted, after their last point. Default: for ever.
    pub gone: Option<u64>,
}

/// Where accepted advice goes.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { write: train.yaml, key: data.mixture }")]
pub struct AcceptFile {
    /// YAML or JSON file with the weights, relative to this one. Only the numbers are replaced: comments, order and
    /// formatting stay.
    pub write: Option<String>,
    /// Dotted path of the weights in that file: a mapping from domains to numbers whose sum is 1 (or 100).
    pub key: Option<String>,
    /// Program that is asked first, with its arguments; it is started without a shell, in this file's directory, with the
    /// recommendation as JSON on standard input. If it fails, nothing is written and the advice is not accepted.
    #[schemars(title = "a list of a program and its arguments, such as [./check.sh, --strict]")]
    pub hook: Option<Vec<String>>,
    /// Seconds that the hook may take. Default: 60.
    pub timeout: Option<f64>,
    /// `auto`: a running daemon accepts advice by itself, each advice once, and only with `max_step`, `cooldown` and a `hook` that
    /// can refuse. Default: `manual`, by `mixlaw advice accept`.
    pub apply: Option<ApplyFile>,
    /// Maximum by which the weight of a domain may change in one automatic application: one number for all, or one a domain, and
    /// then a domain that is not named stays as it is. Advice beyond it waits for `mixlaw advice accept`.
    pub max_step: Option<StepFile>,
    /// Minimum time between two applications, with its unit: `24h`, `30m`, `7d`.
    pub cooldown: Option<SpanFile>,
}

/// Who accepts advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(title = "auto or manual")]
pub enum ApplyFile {
    /// A running daemon.
    Auto,
    /// The user, by `mixlaw advice accept`.
    Manual,
}

/// Changes of weights.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a number such as 0.1, or a mapping from domains to numbers")]
pub enum StepFile {
    /// The same for every domain.
    All(f64),
    /// By domain.
    Each(BTreeMap<String, f64>),
}

/// A span of time.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a span of time with its unit, such as 24h")]
pub enum SpanFile {
    /// A number without a unit, which is refused.
    Number(f64),
    /// A number with its unit.
    Text(String),
}

/// Weights of an online rule, for a trainer to poll.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { run: runs/live, rule: ado, write: weights.json }")]
pub struct OnlineFile {
    /// Name of the run, as `mixlaw runs` lists it, or its last part.
    pub run: Option<String>,
    /// The rule: `odm`, `ado` or `aioli`.
    pub rule: Option<String>,
    /// JSON file that the daemon writes whenever the weights change, relative to this one; replaced whole. A file that is
    /// there and that mixlaw has not written is left alone.
    pub write: Option<String>,
}

/// A set of training runs: in directories, or in a stream of other machines.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping with a path, such as `path: runs/*`")]
pub struct RunsFile {
    /// Glob pattern, relative to this file; every match is a run. `*` matches part of a name, `**` any number of
    /// directories. mixlaw recognises the log format from the content.
    pub path: Option<String>,
    /// Server of NATS and name of a stream, such as `nats://head-node:4222/sweeps`, that `mixlaw collect --to` fills on other
    /// machines; instead of `path`. Who you are comes from the environment (docs/cluster.md), never from here.
    pub stream: Option<String>,
    /// Condition on the runs that laws are fitted to, on their facts and settings, such as
    /// `learning_rate <= 1e-3 and tokenizer != gpt2`. Other runs are still watched.
    #[serde(rename = "where")]
    pub filter: Option<String>,
}

/// Key of a metric in the logs, or the same with its unit.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a metric key, or a mapping such as { key: eval/arc_acc, unit: accuracy }")]
pub enum MetricFile {
    /// The key. Its words say the unit: `bpb`, `ppl`, `accuracy`; nats per token otherwise.
    Key(String),
    /// The key with its unit.
    Spec(MetricSpecFile),
}

/// A metric with its unit.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { key: eval/arc_acc, unit: accuracy }")]
pub struct MetricSpecFile {
    /// Key in the logs, or column of a table.
    pub key: String,
    /// `nats` per token, `bits` per byte or character, `perplexity`, `accuracy` (0 to 1) or `percent`. Higher is better for
    /// the last two.
    pub unit: Option<MetricUnit>,
    /// Domain whose validation loss it is. Default: the domain of the metric's own name, if there is one.
    pub domain: Option<String>,
}

/// Source of one fact.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a source (config.json#key), a value, or a list of sources")]
pub enum FactFile {
    /// One source or value.
    One(FactPlace),
    /// Several sources; the first that a run has is used.
    FirstOf(Vec<FactPlace>),
}

/// `file#dotted.key` in the run's directory, or a value for all runs.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a source (config.json#key) or a value")]
pub enum FactPlace {
    /// A number for all runs.
    Number(f64),
    /// A source such as `config.json#params_non_embedding`, or a text for all runs.
    Text(String),
}

/// The run you plan.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { params: 7B, tokens: 20B }")]
pub struct TargetFile {
    /// N: parameters, counted in the same way as those of the runs.
    pub params: Option<Amount>,
    /// D: training tokens.
    pub tokens: Option<Amount>,
    /// Active parameters per token of a mixture-of-experts model. Default: in the same proportion as in the runs.
    pub active_params: Option<Amount>,
    /// E: experts per layer; 1 for a dense model. Default: the largest run's.
    pub experts: Option<Amount>,
    /// K: experts per token. Default: the largest mixture-of-experts run's.
    pub experts_per_token: Option<Amount>,
    /// G: granularity, fine-grained experts that replace one full-size expert. Default: the largest mixture-of-experts
    /// run's.
    pub granularity: Option<Amount>,
    /// First steps of a short run on the target's domain, by domain; required by the cross-domain law (`dcpt-cross`).
    #[schemars(title = "a mapping from domains to first steps, such as { rust: { loss: 3.1, decline: 0.05 } }")]
    pub probe: Option<BTreeMap<String, ProbeFile>>,
}

/// First steps of a short run.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { loss: 3.1, decline: 0.05 }")]
pub struct ProbeFile {
    /// First validation loss, nats.
    pub loss: f64,
    /// Initial decrease of the loss, nats per million tokens; 0 if it rises.
    pub decline: f64,
}

/// Compute budget of the target.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { compute: 1e21 }")]
pub struct BudgetFile {
    /// FLOPs: 6 per training token and active parameter. Default: the target's.
    pub compute: Option<Amount>,
    /// Tokens to serve, at 2 FLOPs per token and active parameter from the same budget. Default: 0.
    pub inference_tokens: Option<Amount>,
    /// Upper limit on total parameters (memory).
    pub max_params: Option<Amount>,
    /// Expert counts to consider; 1 is a dense model. Default: those of the runs.
    #[schemars(title = "a list of numbers, such as [1, 8, 64]")]
    pub experts: Option<Vec<Amount>>,
    /// GPU-hours for training; FLOPs = GPU-hours × 3600 × `peak_flops` × `mfu`. Of several limits, the smallest binds.
    pub gpu_hours: Option<Amount>,
    /// Money for training; GPU-hours = `cost` / `price`.
    pub cost: Option<Amount>,
    /// Wall time for training, hours; GPU-hours = `hours` × `gpus`.
    pub hours: Option<Amount>,
    /// GPUs.
    pub gpus: Option<Amount>,
    /// FLOP/s that one GPU is sold with, such as 989T. Default: that of the runs' GPUs, where they say it.
    pub peak_flops: Option<Amount>,
    /// The part of `peak_flops` that training uses, 0 to 1. Default: what the runs measure (their MFU, or tokens a second).
    pub mfu: Option<Amount>,
    /// Money for one GPU-hour, in the unit of `cost`.
    pub price: Option<Amount>,
    /// Bytes for serving: total parameters × `serve_bytes`, and the KV cache if `context` is stated.
    pub serve_memory: Option<Amount>,
    /// Bytes per parameter while serving. Default: 2 (bf16).
    pub serve_bytes: Option<Amount>,
    /// Tokens of context of each sequence that is served at once.
    pub context: Option<Amount>,
    /// Sequences that are served at once. Default: 1.
    pub batch: Option<Amount>,
    /// Bytes for training, over all devices: total parameters × `train_bytes`, and activations if `micro_batch` is stated.
    pub train_memory: Option<Amount>,
    /// Bytes per parameter in training. Default: 16 (bf16 weights and gradients, fp32 master weights and Adam moments).
    pub train_bytes: Option<Amount>,
    /// Tokens in flight in one micro-batch, over all devices.
    pub micro_batch: Option<Amount>,
}

/// Current mixture, and constraints on a new one.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping with current, bounds, groups, max_change, available_tokens or max_epochs")]
pub struct MixtureFile {
    /// Current weights; their sum is 1.
    #[schemars(title = "a mapping from domains to weights, such as { prose: 0.8, rust: 0.2 }")]
    pub current: Option<BTreeMap<String, f64>>,
    /// Minimum and maximum weight of a domain. Default: [0, 1].
    #[schemars(title = "a mapping from domains to pairs, such as { rust: [0.05, 0.95] }")]
    pub bounds: Option<BTreeMap<String, Bounds>>,
    /// Unique tokens available in a domain, for the runs and the target. Default: no limit. Tokens are repeated at most
    /// `max_epochs` times, and repeated tokens are discounted (`fit.repetition`).
    #[schemars(title = "a mapping from domains to amounts, such as { rust: 4B }")]
    pub available_tokens: Option<BTreeMap<String, Amount>>,
    /// Maximum epochs over a domain. Default: 4.
    pub max_epochs: Option<f64>,
    /// Groups of domains whose weights have a sum in a range, or one sum.
    #[schemars(
        title = "a mapping from names to groups, such as { code: { domains: [python, rust], share: [0.1, 0.3] } }"
    )]
    pub groups: Option<BTreeMap<String, GroupFile>>,
    /// What of the current mixture stays, where domains are named `CORPUS@LENGTH` (`web@4k`, `web@32k`): `corpora` for the share of
    /// each corpus, so that only lengths move, or `lengths` for the share of each length.
    pub hold: Option<HoldFile>,
    /// Maximum weight that moves from the current mixture, from 0 to 1: half the sum of all changes. Default: no limit.
    pub max_change: Option<f64>,
    /// Maximum Kullback–Leibler divergence from the current mixture, in nats. Default: no limit.
    pub max_divergence: Option<f64>,
    /// Whether mixtures beyond those that the runs cover may be advised and accepted: `true` for all of them, as with `recommend
    /// --extrapolate`, `false` for none. Default: those whose predicted gain exceeds the errors on held-out runs that are as far
    /// from the others (three corpora or more, twenty mixtures or more).
    pub beyond_runs: Option<bool>,
}

/// What stays of the current mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(title = "corpora or lengths")]
pub enum HoldFile {
    /// The share of each corpus.
    Corpora,
    /// The share of each length.
    Lengths,
}

/// Domains that share a part of the mixture.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { domains: [python, rust], share: 0.3 }")]
pub struct GroupFile {
    /// Names of the domains.
    pub domains: Vec<String>,
    /// Sum of their weights, or its minimum and maximum.
    pub share: ShareFile,
}

/// A share, or a range of shares.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a share, or its minimum and maximum, such as [0.1, 0.3]")]
pub enum ShareFile {
    /// Exactly this.
    Fixed(f64),
    /// At least and at most.
    Range(Bounds),
}

/// Minimum and maximum weight.
pub type Bounds = Pair;

/// Two numbers.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[schemars(title = "a pair of minimum and maximum weight, such as [0.05, 0.95]")]
pub struct Pair(pub f64, pub f64);

/// Objective and limits.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as `minimize: rust`")]
pub struct ObjectiveFile {
    /// Domain whose validation loss is minimised, or a weighting of several domains.
    pub minimize: Option<MinimizeFile>,
    /// Instead of `minimize`: losses of which the largest is minimised.
    #[schemars(title = "a list of metrics, such as [prose, rust]")]
    pub worst: Option<Vec<String>>,
    /// What each loss of `worst` is divided by before they are compared: its value with the `current` mixture, or at the
    /// `start` of training. Default: nothing, losses are compared in nats.
    pub relative_to: Option<RelativeFile>,
    /// Instead of `minimize`: losses in order. The first is minimised, then the second with the first within its tolerance, and
    /// so on; the last has no tolerance.
    #[schemars(title = "a list of metrics with tolerances, such as [rust + 1%, prose]")]
    pub in_order: Option<Vec<String>>,
    /// Upper limits on validation losses: `prose <= start + 3%`. `start` is the loss before training, `current` the expected
    /// loss with the current mixture; numbers are in nats.
    #[schemars(title = "a list of limits, such as `- prose <= start + 3%`")]
    pub subject_to: Option<Vec<LimitFile>>,
}

/// What losses are compared beside.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(title = "current or start")]
pub enum RelativeFile {
    /// The expected loss with the current mixture.
    Current,
    /// The loss before training.
    Start,
}

/// Upper limit on a validation loss.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(title = "a limit, such as prose <= start + 3%")]
pub struct LimitFile(pub String);

/// Losses to minimise.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a metric, or a weighting such as { rust: 0.7, prose: 0.3 }")]
pub enum MinimizeFile {
    /// One metric, by its name: a domain's for its validation loss.
    Metric(String),
    /// A weighting of several metrics; the sum of the weights is 1.
    Weights(BTreeMap<String, f64>),
}

/// Laws to fit.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "auto, or a list of laws such as [dcpt]")]
pub enum LawsFile {
    /// `auto`: all laws whose required data the runs have.
    Auto(Auto),
    /// Names of laws.
    List(Vec<String>),
}

/// The word `auto`.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auto {
    /// mixlaw chooses the laws.
    Auto,
}

/// Settings of the fits.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping with seed, starts, bootstraps, skip or repetition")]
pub struct FitFile {
    /// Random seed of restarts and resamples; the same seed gives the same fit. Default: 0.
    pub seed: Option<u64>,
    /// Optimizer restarts. Default: depends on the law.
    pub starts: Option<u64>,
    /// Bootstrap resamples of runs for intervals. Default: 200.
    pub bootstraps: Option<u64>,
    /// Fraction of each run's tokens that is excluded at the beginning, where the loss is still transient: 0 to 1. Default:
    /// 0.1.
    pub skip: Option<f64>,
    /// Whether to discount repeated tokens, if `mixture.available_tokens` is set. Not valid if some runs use a smaller sample
    /// of a domain than the target. Default: true.
    pub repetition: Option<bool>,
}

/// How mixlaw watches files.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchFile {
    /// Depends on the file system.
    Auto,
    /// Operating system events.
    Native,
    /// Periodic checks.
    Poll,
}

/// CSV table of finished runs: one observation per row.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping with a path, such as `path: runs.csv`")]
pub struct TableFile {
    /// The file, relative to this one.
    pub path: String,
    /// Second table; its columns are added to the rows with the same key.
    pub join: Option<JoinFile>,
    /// N: a column, or an amount for all rows.
    pub params: Option<Column>,
    /// Active parameters per token: a column, or an amount. Default: N.
    pub active_params: Option<Column>,
    /// D: a column, or an amount.
    pub tokens: Option<Column>,
    /// Training compute C instead of `tokens` (D = C / 6N): a column, or an amount.
    pub flops: Option<Column>,
    /// E, experts per layer: a column, or a number. Default: 1.
    pub experts: Option<Column>,
    /// K, experts per token: a column, or a number. Default: 1.
    pub experts_per_token: Option<Column>,
    /// G, granularity: a column, or a number. Default: 1.
    pub granularity: Option<Column>,
    /// Peak learning rate: a column, or a number.
    pub learning_rate: Option<Column>,
    /// Tokens per optimiser step: a column, or an amount.
    pub batch_tokens: Option<Column>,
    /// Sequences per optimiser step, instead of `batch_tokens` and with `sequence_length`: a column, or a number.
    pub batch_sequences: Option<Column>,
    /// Tokens per sequence: a column, or a number.
    pub sequence_length: Option<Column>,
    /// First validation loss of the run, for the cross-domain law: `{ column: k1 }`, or one column per domain as in
    /// `metrics`.
    #[schemars(title = "a mapping, such as { column: k1 } or { suffix: _first }")]
    pub first_loss: Option<BTreeMap<String, String>>,
    /// Initial decrease of that loss, nats per million tokens; same form as `first_loss`.
    #[schemars(title = "a mapping, such as { column: k2 } or { suffix: _decline }")]
    pub decline: Option<BTreeMap<String, String>>,
    /// Weights: `{ prefix: weight_ }` and/or `suffix`, or one column per domain, or `{ column: ratio, separator: "-" }` if
    /// one column contains all weights in the order of `domains`. Each row is normalised to sum 1.
    #[schemars(title = "a mapping, such as { prefix: weight_ } or { prose: col_a, rust: col_b }")]
    pub mixture: Option<BTreeMap<String, String>>,
    /// Runs that change their mixture, one row a run: for each phase, in order, columns of its weights and where it ends.
    /// Instead of `mixture`.
    #[schemars(
        title = "a list of phases, such as [{ until: 80%, mixture: { prefix: p1_ } }, { mixture: { prefix: p2_ } }]"
    )]
    pub phases: Option<Vec<PhaseColumnsFile>>,
    /// Runs that change their mixture, several rows a run: the column that numbers or names the phase of a row; `mixture` is the
    /// mixture of that phase. Needs `run`.
    pub phase: Option<String>,
    /// With `phase`: the column that says where a row's phase ends (`80%`, `8000 steps`, `4B tokens`, or a plain number of
    /// tokens). Default: each phase ends at the tokens of its last row.
    pub until: Option<String>,
    /// Losses, nats: `{ suffix: _loss }` and/or `prefix`, or one column per domain, or, if each row contains one
    /// loss, `{ column: valid_domain, value: loss }`; add `domain: value` for a domain that has another name in the column.
    #[schemars(title = "a mapping, such as { suffix: _loss } or { rust: rust_loss }")]
    pub metrics: Option<BTreeMap<String, String>>,
    /// Columns that together identify the run of a row (a run is resampled as a whole). `weight_*` stands for all columns
    /// with that prefix. Default: every row is a separate run.
    #[schemars(title = "a column, or a list of columns")]
    pub run: Option<OneOrMany>,
    /// Condition on the rows to use, such as `model_size < 1e9 and kind == dense`.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// Number of rows with the highest losses to exclude. Default: 0.
    pub drop_worst: Option<u64>,
    /// The rows are no runs of this project: `merged` for models merged with the weights of `mixture`, `earlier` for runs of an
    /// earlier project. They are calibrated on the runs, count less than runs in fits, and never count as held out; they are
    /// left out where they cannot predict the runs.
    pub proxy: Option<ProxyFile>,
}

/// One phase of a table's runs.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { until: 80%, mixture: { prefix: p1_ } }")]
pub struct PhaseColumnsFile {
    /// Where it ends: `80%`, `8000 steps`, `4B tokens`, or a column whose cells say so (a plain number is tokens). Not for the
    /// last phase, which ends with the run.
    pub until: Option<String>,
    /// Its weights, in the same form as `mixture`.
    #[schemars(title = "a mapping, such as { prefix: p1_ } or { prose: a1, rust: b1 }")]
    pub mixture: BTreeMap<String, String>,
}

/// What a table's rows are of, where they are no runs of this project.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(title = "merged or earlier")]
pub enum ProxyFile {
    /// Merged models.
    Merged,
    /// Runs of an earlier project.
    Earlier,
}

/// Second table of a join.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { path: losses.csv, on: index }")]
pub struct JoinFile {
    /// The file, relative to this one.
    pub path: String,
    /// The column that both tables have.
    pub on: String,
}

/// One text or several.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// A column of a table, or an amount for all rows.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a column, or an amount such as 1B")]
pub enum Column {
    /// An amount for all rows.
    Number(f64),
    /// A column, or an amount with its suffix.
    Text(String),
}

/// A size or an amount.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Amount(pub f64);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct AmountVisitor;
        impl Visitor<'_> for AmountVisitor {
            type Value = Amount;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount such as 7e9, 7B or 1.5M")
            }
            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Amount, E> {
                Ok(Amount(value))
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Amount, E> {
                Ok(Amount(value as f64))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Amount, E> {
                Ok(Amount(value as f64))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Amount, E> {
                parse_amount(text).map(Amount).map_err(E::custom)
            }
        }
        from.deserialize_any(AmountVisitor)
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "an amount, such as 7B or 7e9",
            "description": "A size or an amount: 7e9, 7B, 1.5M, 25k, 20_000, 2T.",
            "anyOf": [
                { "type": "number", "exclusiveMinimum": 0 },
                { "type": "string", "pattern": "^ *[0-9][0-9_,]*(\\.[0-9]+)?([eE][+]?[0-9]+)? *[kKmMbBgGtT]? *$" }
            ]
        })
    }
}

/// One key per fact that mixlaw knows, so that editors complete them.
fn facts_schema(generator: &mut SchemaGenerator) -> Schema {
    let value = generator.subschema_for::<FactFile>().to_value();
    let keys: Map<String, Value> = FactName::ALL.iter().map(|n| (n.as_str().to_owned(), value.clone())).collect();
    json_schema!({
        "title": "a mapping from facts to sources, such as { params: config.json#params }",
        "type": ["object", "null"],
        "properties": keys,
        "additionalProperties": false
    })
}
