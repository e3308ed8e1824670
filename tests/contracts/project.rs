//! Project files that must load, and files that must not, each with the message a person gets.
//!
//! `tests/project/invalid/NAME.yaml` is refused with exactly the text of `NAME.txt`. After a deliberate change of a
//! message: `MIXLAW_UPDATE=1 cargo test --test contracts project::`, then read the diff.

use mixlaw::project::{Project, load};
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn cases(kind: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/project").join(kind);
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .expect("the directory of cases")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    files
}

fn load_bytes(bytes: &[u8]) -> Result<Project, mixlaw::project::ProjectError> {
    load::from_bytes(Path::new("mixlaw.yaml"), Path::new("/p/mixlaw.yaml"), bytes)
}

#[test]
fn what_people_get_wrong_is_said_clearly() {
    let update = std::env::var_os("MIXLAW_UPDATE").is_some();
    let files = cases("invalid");
    assert!(files.len() >= 40, "{} cases", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let bytes = fs::read(&file).expect("a case");
        let said = match load_bytes(&bytes) {
            Ok(_) => "loads".to_owned(),
            Err(error) => error.report(),
        };
        let expected_file = file.with_extension("txt");
        if update {
            fs::write(&expected_file, format!("{said}\n")).expect("the expected message");
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if said != expected.trim_end() {
            wrong.push(format!("--- {}\nexpected: {expected}\nsaid:     {said}", file.display()));
        }
        if said == "loads" {
            wrong.push(format!("--- {}\nloads", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_refusal_has_a_place_and_nearly_every_one_a_help() {
    for file in cases("invalid") {
        let Err(error) = load_bytes(&fs::read(&file).expect("a case")) else { continue };
        let text = error.to_string();
        assert!(text.starts_with("mixlaw.yaml:"), "{}: {text}", file.display());
        assert!(error.help().is_some_and(|h| !h.is_empty()), "{}: no help: {text}", file.display());
        assert!(!error.report().chars().any(|c| c.is_control() && c != '\n'), "{}", file.display());
    }
}

#[test]
fn what_is_right_loads() {
    for file in cases("valid") {
        if let Err(error) = load_bytes(&fs::read(&file).expect("a case")) {
            panic!("{}: {}", file.display(), error.report());
        }
    }
}

/// Where numbers stand in the project file: text before the number and behind it, in flow style.
fn number_fields(root: &Value, schema: &Value, before: &str, behind: &str, depth: usize, found: &mut Vec<[String; 2]>) {
    let schema = match schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
        Some(pointer) => root.pointer(pointer).expect("a definition"),
        None => schema,
    };
    if depth == 0 {
        return;
    }
    let mut inside = |schema: &Value, open: &str, close: &str| {
        let (before, behind) = (format!("{before}{open}"), format!("{close}{behind}"));
        number_fields(root, schema, &before, &behind, depth - 1, found);
    };
    for form in ["anyOf", "oneOf"].iter().flat_map(|key| schema[*key].as_array().into_iter().flatten()) {
        inside(form, "", "");
    }
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        inside(value, &format!("{{ {key}: "), " }");
    }
    if schema["additionalProperties"].is_object() {
        inside(&schema["additionalProperties"], "{ prose: ", " }");
    }
    for pair in schema["prefixItems"].as_array().into_iter().flatten().take(1) {
        inside(pair, "[", ", 1]");
    }
    if schema["items"].is_object() {
        inside(&schema["items"], "[", "]");
    }
    let is = |t: &Value| t == "number" || t == "integer";
    if is(&schema["type"]) || schema["type"].as_array().is_some_and(|types| types.iter().any(is)) {
        found.push([before.to_owned(), behind.to_owned()]);
    }
}

/// The reader of YAML has words of its own about numbers that it does not take; nobody who writes a project file knows them.
#[test]
fn no_number_is_refused_in_the_words_of_the_reader() {
    let schema = schemars::schema_for!(mixlaw::project::file::ProjectFile).to_value();
    let mut fields = Vec::new();
    for (key, value) in schema["properties"].as_object().expect("keys") {
        number_fields(&schema, value, &format!("{key}: "), "", 8, &mut fields);
    }
    fields.sort();
    fields.dedup();
    assert!(fields.len() > 40, "{}", fields.len());
    let strange =
        ["1e400", "-1e400", "'1e400'", "99999999999999999999", "-99999999999999999999", "1e3", "5.0", "-1", "-0"];
    let strange = strange
        .iter()
        .chain(&["007", "0x10", ".inf", ".nan", "1_000", "0", "7e9T", "9e307T", "true", "word", "[1]", "'5'"]);
    for ([before, behind], number) in fields.iter().flat_map(|field| strange.clone().map(move |number| (field, number)))
    {
        let runs = if before.starts_with("runs:") { "" } else { "runs: [{ path: runs/* }]\n" };
        let text = format!("{runs}{before}{number}{behind}\n");
        let Err(error) = load_bytes(text.as_bytes()) else { continue };
        let said = error.report();
        for word in
            ["f64", "u64", "u32", "u128", "i64", "usize", "expected", "invalid type", "untagged", "cannot be read"]
        {
            assert!(!said.contains(word), "{word}: {said}");
        }
    }
}

proptest! {
    #[test]
    fn no_bytes_panic_the_loader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = load_bytes(&bytes);
    }

    #[test]
    fn no_text_of_yaml_signs_panics_the_loader(
        text in "([a-z]{1,4}|runs|path|mixture|current|target|[:\\-\\[\\]{}#&*!|>'\"%@`~,?]| |  |\n|\n  |[0-9.]{1,3}|é|\t){0,60}"
    ) {
        let _ = load_bytes(text.as_bytes());
    }

    /// A good file with a few bytes changed: the errors that people make are near good files.
    #[test]
    fn no_slip_panics_the_loader(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = include_bytes!("../../examples/code-cpt/mixlaw.yaml").to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Err(error) = load_bytes(&bytes) {
            let _ = error.report();
        }
    }
}
