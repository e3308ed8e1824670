//! The schemas under `schemas/` are those of the types, and what mixlaw reads and writes conforms to them.

use mixlaw::schema;
use mixlaw::vocab::{Advice, FactName, Mixture, Point};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn schema_of(name: &str) -> Value {
    let (_, text) = schema::all().into_iter().find(|(n, _)| *n == name).expect("a schema");
    serde_json::from_str(&text).expect("JSON")
}

/// What of `value` does not conform.
fn complaints(name: &str, value: &Value) -> Vec<String> {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource("schema.json", schema_of(name)).expect("a schema");
    let schema = compiler.compile("schema.json", &mut schemas).expect("a valid schema");
    schemas.validate(value, schema).err().map(|e| e.to_string()).into_iter().collect()
}

#[test]
fn the_files_are_those_of_the_types() {
    let mut stale = Vec::new();
    for entry in schema::ALL {
        let file = here("schemas").join(entry.file_name());
        if fs::read_to_string(&file).unwrap_or_default() != entry.json() {
            stale.push(entry.file_name());
        }
    }
    assert!(stale.is_empty(), "stale: {}; type: cargo run -- schema --write schemas", stale.join(", "));
    let files = fs::read_dir(here("schemas")).expect("schemas").count();
    assert_eq!(files, schema::ALL.len(), "a file under schemas/ belongs to no type: remove it");
}

#[test]
fn the_reference_is_that_of_the_tables() {
    let stale = fs::read_to_string(here("docs/reference.md")).unwrap_or_default() != mixlaw::cli::reference::text();
    assert!(!stale, "docs/reference.md is stale; type: cargo run -- schema --reference docs/reference.md");
}

#[test]
fn project_files_that_load_conform() {
    let mut files = vec![here("examples/code-cpt/mixlaw.yaml")];
    let valid = fs::read_dir(here("tests/project/valid")).expect("cases").map(|e| e.expect("an entry").path());
    files.extend(valid.filter(|p| p.extension().is_some_and(|e| e == "yaml")));
    for file in files {
        let text = fs::read_to_string(&file).expect("a project file");
        let value = mixlaw::project::parse::value("mixlaw.yaml", text.trim_start_matches('\u{feff}')).expect("YAML");
        let wrong = complaints("project", &value);
        assert!(wrong.is_empty(), "{}: {}", file.display(), wrong.join("\n"));
    }
}

#[test]
fn the_project_schema_refuses_what_the_loader_refuses_for_its_shape() {
    for value in [
        json!({ "runs": "runs/*" }),
        json!({ "runs": [{ "path": "runs/*" }], "metircs": {} }),
        json!({ "runs": [{ "path": "runs/*" }], "facts": { "parameters": 1 } }),
        json!({ "runs": [{ "path": "runs/*" }], "target": { "params": -7e9 } }),
        json!({ "runs": [{ "path": "runs/*" }], "target": { "params": "many" } }),
        json!({ "runs": [{ "path": "runs/*" }], "watch": "polling" }),
        json!({ "runs": [{ "path": "runs/*" }], "mixture": { "bounds": { "rust": [0, 0.5, 1] } } }),
    ] {
        assert!(!complaints("project", &value).is_empty(), "{value}");
    }
}

#[test]
fn every_fact_can_be_written_in_both_files() {
    let (project, run) = (schema_of("project"), schema_of("run"));
    for name in FactName::ALL {
        assert!(project["properties"]["facts"]["properties"].get(name.as_str()).is_some(), "{}", name.as_str());
        assert!(run["properties"].get(name.as_str()).is_some(), "{}", name.as_str());
    }
    let sidecar = json!({ "params": "590k", "warmup_steps": 0, "mixture": { "prose": 0.8, "rust": 0.2 } });
    assert_eq!(complaints("run", &sidecar), Vec::<String>::new());
}

#[test]
fn answers_have_the_shape_that_scripts_rely_on() {
    let abstained = serde_json::to_value(Advice::Abstained(Default::default())).expect("JSON");
    assert_eq!(abstained, json!({ "abstained": { "reasons": [], "would_help": [] } }));
    assert_eq!(complaints("recommend", &abstained), Vec::<String>::new());
    assert!(!complaints("recommend", &json!({ "recommendation": { "id": "x" } })).is_empty());

    let point = Point {
        run: "a".into(),
        metric: "eval/loss".into(),
        step: 1,
        value: f64::NAN,
        status: Some(mixlaw::vocab::number::NotFinite::Nan),
        segment: 0,
        file: "metrics.jsonl".into(),
    };
    let line = serde_json::to_value(point).expect("JSON");
    assert_eq!(line["value"], Value::Null, "a value that is not finite is null");
    assert_eq!(complaints("point", &line), Vec::<String>::new());

    let mixture = serde_json::to_value(Mixture([("a".to_owned(), 1.0)].into())).expect("JSON");
    let forecast = json!({ "forecasts": [{
        "metric": "eval/a/loss", "law": "dcpt", "chosen": true, "params": 7e9, "tokens": 2e10, "mixture": mixture,
        "unit": "nats", "better": "lower", "value": 2.0, "low": 1.9, "high": 2.1,
        "extrapolation": { "params": 10.0, "tokens": 1.0, "mixture_inside": true }
    }] });
    assert_eq!(complaints("predict", &forecast), Vec::<String>::new());
}
