//! Files that real training stacks wrote, against what reference readers found in them (`../shared/logs/truth.json`).

use crate::support::{Read, format, logs, whole};
use mixlaw::ingest::formats::recognise;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Folder of the logs, and the format its files must be recognised as.
const FORMATS: &[(&str, &str)] = &[
    ("tfevents", "tfevents"),
    ("wandb", "wandb"),
    ("hf_trainer_state", "trainer_state"),
    ("mlflow", "mlflow"),
    ("generated_by_real_writers", "mlflow"),
    ("dvclive", "dvclive"),
    ("lightning_csv", "csv"),
    ("csv_generic", "csv"),
    ("jsonl_generic", "jsonl"),
    ("jsonl_msswift", "jsonl"),
    ("llamafactory", "jsonl"),
];

#[derive(Default)]
struct Series {
    steps: Vec<i64>,
    values: Vec<f64>,
}

fn series(read: &Read) -> BTreeMap<&str, Series> {
    let mut all: BTreeMap<&str, Series> = BTreeMap::new();
    for (key, step, value, _) in &read.points {
        let one = all.entry(key).or_default();
        one.steps.push(*step);
        one.values.push(f64::from_bits(*value));
    }
    all
}

/// What differs, as sentences; empty where the file was read as the reference reads it.
fn differences(read: &Read, truth: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let ours = series(read);
    let theirs = truth["series"].as_object().expect("truth has series");
    if truth["n_points"].as_u64() != Some(read.points.len() as u64) {
        wrong.push(format!("{} points, not {}", read.points.len(), truth["n_points"]));
    }
    let known: BTreeSet<&str> = theirs.keys().map(String::as_str).collect();
    for key in ours.keys().filter(|key| !known.contains(*key)) {
        wrong.push(format!("'{key}' is not in the truth"));
    }
    for (key, expected) in theirs {
        let Some(one) = ours.get(key.as_str()) else {
            wrong.push(format!("'{key}' is missing"));
            continue;
        };
        let finite: Vec<f64> = one.values.iter().copied().filter(|v| v.is_finite()).collect();
        let unique: BTreeSet<i64> = one.steps.iter().copied().collect();
        let mut count = |name: &str, value: Option<i64>| {
            let expected = &expected[name];
            if !expected.is_null() && expected.as_i64() != value {
                wrong.push(format!("'{key}': {name} is {value:?}, not {expected}"));
            }
        };
        count("n", Some(one.values.len() as i64));
        count("n_finite", Some(finite.len() as i64));
        count("first_step", one.steps.first().copied());
        count("last_step", one.steps.last().copied());
        count("min_step", unique.first().copied());
        count("max_step", unique.last().copied());
        if expected["n_unique_steps"] != 0 {
            count("n_unique_steps", Some(unique.len() as i64));
        }
        let mut number = |name: &str, value: f64| {
            let Some(expected) = expected[name].as_f64() else { return };
            if (value - expected).abs() > 1e-12 * expected.abs().max(value.abs()) {
                wrong.push(format!("'{key}': {name} is {value}, not {expected}"));
            }
        };
        number("first", one.values[0]);
        number("last", one.values[one.values.len() - 1]);
        number("min", finite.iter().copied().fold(f64::INFINITY, f64::min));
        number("max", finite.iter().copied().fold(f64::NEG_INFINITY, f64::max));
        // In the order of the file, as the reference adds: sums of many values of different sizes depend on it.
        number("sum_finite", finite.iter().sum());
    }
    wrong
}

/// MLflow and dvclive name a metric by its path below the metrics directory; the reference took the file's name.
fn by_file_name(mut read: Read) -> Read {
    for point in &mut read.points {
        point.0 = point.0.rsplit('/').next().unwrap_or_default().to_owned();
    }
    read
}

#[test]
fn every_real_file_is_read_as_the_reference_reads_it() {
    let Some(logs) = logs() else { return };
    let truth: BTreeMap<String, Value> =
        serde_json::from_slice(&std::fs::read(logs.join("truth.json")).expect("readable")).expect("JSON");
    let (mut files, mut points, mut wrong) = (0, 0, Vec::new());
    for (path, truth) in &truth {
        let Some((folder, rest)) = path.split_once('/') else { continue };
        let Some((_, name)) = FORMATS.iter().find(|(f, _)| *f == folder) else { continue };
        let bytes = std::fs::read(logs.join(path)).expect("readable");
        let head = &bytes[..bytes.len().min(64 << 10)];
        let outcome = match recognise(rest, head) {
            Ok((f, _)) if f.name() == *name => {
                let read = whole(format(name), rest, &bytes);
                points += read.points.len();
                let read = if matches!(*name, "mlflow" | "dvclive") { by_file_name(read) } else { read };
                differences(&read, truth)
            }
            Ok((f, why)) => vec![format!("taken for {}: {}", f.name(), why.why)],
            Err(_) if truth["n_points"] == 0 => Vec::new(),
            Err(reason) => vec![format!("refused: {reason}")],
        };
        files += 1;
        wrong.extend(outcome.into_iter().map(|w| format!("{path}: {w}")));
    }
    eprintln!("{files} files, {points} points");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_companion_is_recognised_or_refused_with_a_reason() {
    let Some(logs) = logs() else { return };
    for entry in walkdir::WalkDir::new(&logs).into_iter().flatten().filter(|e| e.file_type().is_file()) {
        let path = entry.path().strip_prefix(&logs).expect("below").to_string_lossy().into_owned();
        let bytes = std::fs::read(entry.path()).expect("readable");
        match recognise(&path, &bytes[..bytes.len().min(64 << 10)]) {
            Ok((format, why)) => println!("{path}\n    {} ({}): {}", format.name(), why.confidence, why.why),
            Err(reason) => {
                println!("{path}\n    refused: {reason}");
                assert!(reason.to_string().len() > 10, "{path}: '{reason}' is no reason");
            }
        }
    }
}
