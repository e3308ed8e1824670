//! Project files that must load, and files that must not, each with the message a person gets.
//!
//! `tests/project/invalid/NAME.yaml` is refused with exactly the text of `NAME.txt`. After a deliberate change of a
//! message: `MIXLAW_UPDATE=1 cargo test --test contracts project::`, then read the diff.

use mixlaw::project::{Project, load};
use proptest::prelude::*;
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
