//! JSON Schemas of everything that people write and scripts read, generated from the types: the files under `schemas/`.

use crate::project::file::ProjectFile;
use crate::project::sidecar::RunFile;
use crate::vocab::{
    AckAnswer, AdviceAnswer, AlertsTestAnswer, AnnealsAnswer, AuditAnswer, CheckAnswer, CollectAnswer, DaemonStatus,
    DecidedAnswer, DesignAnswer, DoctorAnswer, FitAnswer, HistoryAnswer, HyperAnswer, Labels, LedgerAnswer, NextAnswer,
    OnlineAnswer, PhasesAnswer, Point, PredictAnswer, RecommendAnswer, RunsAnswer, ShapeAnswer, Snapshot,
    TokenizerAudit,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};

/// A schema: its name, what it describes, and how it is made.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Name of the schema: `schemas/NAME.schema.json`.
    pub name: &'static str,
    /// What it describes, for a list.
    pub what: &'static str,
    make: fn() -> Schema,
}

impl Entry {
    /// Name of the file under `schemas/`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{}.schema.json", self.name)
    }

    /// The schema as the file has it: indented JSON with a last line break.
    #[must_use]
    pub fn json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&(self.make)()).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Every schema, in the order in which they are listed.
pub const ALL: [Entry; 28] = [
    Entry { name: "project", what: "the project file, mixlaw.yaml", make: read::<ProjectFile> },
    Entry { name: "run", what: "facts stated about one run, mixlaw.run.yaml", make: read::<RunFile> },
    Entry { name: "snapshot", what: "watch --once --json", make: written::<Snapshot> },
    Entry { name: "runs", what: "runs --json, show --json", make: written::<RunsAnswer> },
    Entry { name: "fit", what: "fit --json", make: written::<FitAnswer> },
    Entry { name: "history", what: "fit --history --json, fit --at TIME --json", make: written::<HistoryAnswer> },
    Entry { name: "predict", what: "predict --json", make: written::<PredictAnswer> },
    Entry { name: "ledger", what: "ledger --json", make: written::<LedgerAnswer> },
    Entry { name: "recommend", what: "recommend --json", make: written::<RecommendAnswer> },
    Entry { name: "advice", what: "advice --json", make: written::<AdviceAnswer> },
    Entry { name: "decided", what: "advice accept --json, advice dismiss --json", make: written::<DecidedAnswer> },
    Entry { name: "shape", what: "shape --json", make: written::<ShapeAnswer> },
    Entry { name: "hyper", what: "hyper --json", make: written::<HyperAnswer> },
    Entry { name: "phases", what: "phases --json", make: written::<PhasesAnswer> },
    Entry { name: "anneals", what: "anneals --json", make: written::<AnnealsAnswer> },
    Entry { name: "audit", what: "audit --json", make: written::<AuditAnswer> },
    Entry { name: "tokenizer-audit", what: "audit --tokenizer --json", make: written::<TokenizerAudit> },
    Entry { name: "online", what: "online --json", make: written::<OnlineAnswer> },
    Entry { name: "design", what: "design --json", make: written::<DesignAnswer> },
    Entry { name: "next", what: "next --json", make: written::<NextAnswer> },
    Entry { name: "ack", what: "ack --json", make: written::<AckAnswer> },
    Entry { name: "alerts-test", what: "alerts test --json", make: written::<AlertsTestAnswer> },
    Entry { name: "tag", what: "tag --json", make: written::<Labels> },
    Entry { name: "check", what: "check --json", make: written::<CheckAnswer> },
    Entry { name: "doctor", what: "doctor --json", make: written::<DoctorAnswer> },
    Entry { name: "status", what: "daemon status --json", make: written::<DaemonStatus> },
    Entry { name: "collect", what: "collect --status --json", make: written::<CollectAnswer> },
    Entry { name: "point", what: "each line of export --points --format jsonl", make: written::<Point> },
];

/// Names and texts of all schemas.
#[must_use]
pub fn all() -> Vec<(&'static str, String)> {
    ALL.iter().map(|entry| (entry.name, entry.json())).collect()
}

/// The schema of what mixlaw reads: a key that may be left out is optional.
fn read<T: JsonSchema>() -> Schema {
    generator(SchemaSettings::draft2020_12().for_deserialize()).into_root_schema_for::<T>()
}

/// The schema of what mixlaw writes: a key that is always there is required.
fn written<T: JsonSchema>() -> Schema {
    generator(SchemaSettings::draft2020_12().for_serialize()).into_root_schema_for::<T>()
}

fn generator(settings: SchemaSettings) -> SchemaGenerator {
    settings.into_generator()
}
