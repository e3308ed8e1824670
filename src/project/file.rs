//! The project file as it is written: serde types, from which the JSON Schema, the check for unknown keys and the
//! reference for editors are generated. What the words mean is decided in [`super::check`].
//!
//! Every key but `runs` (or `tables`) may be left out, or left empty. A `title` in the schema completes the sentence
//! "`key` must be …"; keep it so when adding a key.

use super::line_format::LineFormat;
use crate::vocab::FactName;
use crate::vocab::number::parse_amount;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// The newest version of the project file that this mixlaw reads.
pub const VERSION: u32 = 1;

/// A mixlaw project: which runs to read, what they are trained on, and what is being planned.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "mixlaw project")]
pub struct ProjectFile {
    /// Version of this format; 1 where it is left out.
    pub version: Option<u32>,
    /// Name of the project, shown in titles. Default: the name of the directory.
    pub project: Option<String>,
    /// Where the training runs are.
    #[schemars(title = "a list, such as `- path: runs/*`")]
    pub runs: Option<Vec<RunsFile>>,
    /// How to read the lines of logs that mixlaw does not know.
    #[schemars(title = "a list, such as `- { name: ours, pattern: 'step (?<step>\\d+) loss=(?<loss>\\S+)' }`")]
    pub formats: Option<Vec<LineFormat>>,
    /// Tables of finished runs, alone or beside logs.
    #[schemars(title = "a list, such as `- path: runs.csv`")]
    pub tables: Option<Vec<TableFile>>,
    /// Where facts about runs are found, only where recognition is not enough; the first hit wins.
    #[serde(default)]
    #[schemars(schema_with = "facts_schema")]
    pub facts: Option<BTreeMap<FactName, FactFile>>,
    /// The corpora that runs are trained on, in the order in which they are shown. Default: those the runs name.
    #[schemars(title = "a list of names, such as [prose, rust]")]
    pub domains: Option<Vec<String>>,
    /// The validation loss of each domain, by the key it is logged under. Default: keys that name a domain.
    #[schemars(title = "a mapping from domains to metric keys, such as { rust: eval/rust/loss }")]
    pub metrics: Option<BTreeMap<String, String>>,
    /// The run being planned. Default: the largest size and the most tokens seen.
    pub target: Option<TargetFile>,
    /// What the target may cost; size, tokens and experts are then advised, too. Default: the compute of the target, where
    /// the runs differ in their experts.
    pub budget: Option<BudgetFile>,
    /// The mixture in use, and what a new one may be.
    pub mixture: Option<MixtureFile>,
    /// What to minimise, and subject to what. Default: the sum of all validation losses.
    pub objective: Option<ObjectiveFile>,
    /// The laws to fit: `auto`, or a list of names.
    pub laws: Option<LawsFile>,
    /// How to fit.
    pub fit: Option<FitFile>,
    /// How files are watched: `auto` (by file system), `native` (the kernel tells) or `poll` (mixlaw looks).
    pub watch: Option<WatchFile>,
}

/// Where training runs are.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping with a path, such as `path: runs/*`")]
pub struct RunsFile {
    /// A pattern, relative to this file; every match is a run. `*` stands for a part of a name, `**` for any number of
    /// directories. The format of the logs is recognised from their content.
    pub path: String,
}

/// Where one fact is found.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a place (config.json#key), a value, or a list of places")]
pub enum FactFile {
    /// One place or value.
    One(FactPlace),
    /// Several; the first that a run has is taken.
    FirstOf(Vec<FactPlace>),
}

/// `file#dotted.key` inside the run's directory, or a value that is the same for every run.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a place (config.json#key) or a value")]
pub enum FactPlace {
    /// A number that is the same for every run.
    Number(f64),
    /// A place, such as `config.json#params_non_embedding`, or a word.
    Text(String),
}

/// The run being planned.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { params: 7B, tokens: 20B }")]
pub struct TargetFile {
    /// N: parameters, counted as those of the runs are.
    pub params: Option<Amount>,
    /// D: training tokens.
    pub tokens: Option<Amount>,
    /// Parameters used for one token, for a mixture-of-experts model. Default: in the proportion that the runs have.
    pub active_params: Option<Amount>,
    /// E: experts per layer; 1 for a dense model. Default: that of the largest run.
    pub experts: Option<Amount>,
    /// K: experts a token is routed to. Default: that of the largest run with experts.
    pub experts_per_token: Option<Amount>,
    /// G: granularity, how many fine-grained experts replace one. Default: that of the largest run with experts.
    pub granularity: Option<Amount>,
    /// How a short run on the target's domain begins, by validation loss: for the cross-domain law (`dcpt-cross`).
    #[schemars(title = "a mapping from domains to first steps, such as { rust: { loss: 3.1, decline: 0.05 } }")]
    pub probe: Option<BTreeMap<String, ProbeFile>>,
}

/// How a validation loss of a short run begins.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { loss: 3.1, decline: 0.05 }")]
pub struct ProbeFile {
    /// The first validation loss, nats.
    pub loss: f64,
    /// Nats that it falls per million tokens over the first steps; 0 where it rises.
    pub decline: f64,
}

/// What the target may cost.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { compute: 1e21 }")]
pub struct BudgetFile {
    /// FLOPs: 6 for each token trained on and parameter used for it. Default: those of the target.
    pub compute: Option<Amount>,
    /// Tokens that will be served: 2 FLOPs for each and parameter used for it, out of the same budget. Default: 0.
    pub inference_tokens: Option<Amount>,
    /// All parameters, at most: what memory holds.
    pub max_params: Option<Amount>,
    /// Numbers of experts to choose among; 1 stands for a dense model. Default: those of the runs.
    #[schemars(title = "a list of numbers, such as [1, 8, 64]")]
    pub experts: Option<Vec<Amount>>,
}

/// The mixture in use, and what a new one may be.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping with current, bounds, available_tokens or max_epochs")]
pub struct MixtureFile {
    /// The weights in use; they sum to one.
    #[schemars(title = "a mapping from domains to weights, such as { prose: 0.8, rust: 0.2 }")]
    pub current: Option<BTreeMap<String, f64>>,
    /// Least and most weight of a domain. Default: [0, 1].
    #[schemars(title = "a mapping from domains to pairs, such as { rust: [0.05, 0.95] }")]
    pub bounds: Option<BTreeMap<String, Bounds>>,
    /// Tokens there are of a domain, for the runs and the target alike; no limit where left out. Repetition is capped at
    /// `max_epochs`, and repeated tokens are counted as the fresh ones they are worth (`fit.repetition`).
    #[schemars(title = "a mapping from domains to amounts, such as { rust: 4B }")]
    pub available_tokens: Option<BTreeMap<String, Amount>>,
    /// How often a token may be repeated. Default: 4.
    pub max_epochs: Option<f64>,
}

/// Least and most weight.
pub type Bounds = Pair;

/// Two numbers.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[schemars(title = "a pair of least and most weight, such as [0.05, 0.95]")]
pub struct Pair(pub f64, pub f64);

/// What to minimise, and subject to what.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as `minimize: rust`")]
pub struct ObjectiveFile {
    /// The domain whose validation loss is minimised, or a weighting of several.
    pub minimize: Option<MinimizeFile>,
    /// Limits on validation losses: `prose <= start + 3%`. `start` is the loss before training began, `current` the
    /// loss expected with the mixture in use; a number is in nats.
    #[schemars(title = "a list of limits, such as `- prose <= start + 3%`")]
    pub subject_to: Option<Vec<LimitFile>>,
}

/// A limit on a validation loss.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(title = "a limit, such as prose <= start + 3%")]
pub struct LimitFile(pub String);

/// What to minimise.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a domain, or a weighting such as { rust: 0.7, prose: 0.3 }")]
pub enum MinimizeFile {
    /// One domain's loss.
    Domain(String),
    /// Several, weighted; the weights sum to one.
    Weights(BTreeMap<String, f64>),
}

/// The laws to fit.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "auto, or a list of laws such as [dcpt]")]
pub enum LawsFile {
    /// `auto`: those that the data can tell apart.
    Auto(Auto),
    /// These.
    List(Vec<String>),
}

/// The word `auto`.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Auto {
    /// mixlaw chooses.
    Auto,
}

/// How to fit.
#[derive(Debug, Clone, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping with seed, starts, bootstraps, skip or repetition")]
pub struct FitFile {
    /// Seed of starts and resamples; the same seed gives the same fit. Default: 0.
    pub seed: Option<u64>,
    /// Searches from different starting points. Default: left to each law.
    pub starts: Option<u64>,
    /// Resamples of runs for intervals. Default: 200.
    pub bootstraps: Option<u64>,
    /// Part of each run's tokens left out at its beginning, where the loss has not settled: 0 up to 1. Default: 0.1.
    pub skip: Option<f64>,
    /// Whether tokens that are used more than once count as the fresh ones they are worth, where
    /// `mixture.available_tokens` says how many there are. Not for runs that each draw from a smaller sample of a domain
    /// than the target does. Default: true.
    pub repetition: Option<bool>,
}

/// How files are watched.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchFile {
    /// By file system type.
    Auto,
    /// The kernel tells.
    Native,
    /// mixlaw looks.
    Poll,
}

/// A CSV table of finished runs: one row per observation.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping with a path, such as `path: runs.csv`")]
pub struct TableFile {
    /// The file, relative to this one.
    pub path: String,
    /// A second table whose columns are added to the rows with the same key.
    pub join: Option<JoinFile>,
    /// N: a column, or an amount that holds for all rows.
    pub params: Option<Column>,
    /// N used for one token, where it differs: a column, or an amount.
    pub active_params: Option<Column>,
    /// D: a column, or an amount.
    pub tokens: Option<Column>,
    /// Training compute C, in place of `tokens`: D = C / 6N. A column, or an amount.
    pub flops: Option<Column>,
    /// E, experts per layer: a column, or a number. Default: 1.
    pub experts: Option<Column>,
    /// K, experts a token is routed to: a column, or a number. Default: 1.
    pub experts_per_token: Option<Column>,
    /// G, granularity: a column, or a number. Default: 1.
    pub granularity: Option<Column>,
    /// The first validation loss of a row's run, for the cross-domain law: `{ column: k1 }`, or a column for each domain
    /// as in `metrics`.
    #[schemars(title = "a mapping, such as { column: k1 } or { suffix: _first }")]
    pub first_loss: Option<BTreeMap<String, String>>,
    /// Nats that this loss fell per million tokens over the first steps: as `first_loss`.
    #[schemars(title = "a mapping, such as { column: k2 } or { suffix: _decline }")]
    pub decline: Option<BTreeMap<String, String>>,
    /// The weights: `{ prefix: weight_ }` and/or `suffix`, a column for each domain, or, where one column holds them
    /// all, `{ column: ratio, separator: "-" }` in the order of `domains`. Rows are renormalised.
    #[schemars(title = "a mapping, such as { prefix: weight_ } or { prose: col_a, rust: col_b }")]
    pub mixture: Option<BTreeMap<String, String>>,
    /// The losses, in nats: `{ suffix: _loss }` and/or `prefix`, a column for each domain, or, where each row holds one
    /// loss, `{ column: valid_domain, value: loss }`, and beside them what the column says for a domain that it calls
    /// by another name.
    #[schemars(title = "a mapping, such as { suffix: _loss } or { rust: rust_loss }")]
    pub metrics: Option<BTreeMap<String, String>>,
    /// Columns whose values together name the run a row belongs to (rows of one run are resampled together). Default:
    /// every row is a run of its own. `weight_*` stands for all columns that begin so.
    #[schemars(title = "a column, or a list of columns")]
    pub run: Option<OneOrMany>,
    /// Which rows to take, such as `model_size < 1e9 and kind == dense`.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// How many rows with the highest losses to leave out. Default: 0.
    pub drop_worst: Option<u64>,
}

/// A second table.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "a mapping, such as { path: losses.csv, on: index }")]
pub struct JoinFile {
    /// The file, relative to this one.
    pub path: String,
    /// The column that both tables have.
    pub on: String,
}

/// A word or several.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// A column of a table, or an amount that holds for all rows.
#[derive(Debug, Clone, serde::Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "a column, or an amount such as 1B")]
pub enum Column {
    /// The same for all rows.
    Number(f64),
    /// A column, or an amount with its suffix.
    Text(String),
}

/// A size or an amount, as people write it.
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
        "title": "a mapping from facts to places, such as { params: config.json#params }",
        "type": ["object", "null"],
        "properties": keys,
        "additionalProperties": false
    })
}
