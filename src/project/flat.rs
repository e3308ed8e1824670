//! Folders in which each log is a run: `mix0.jsonl`, `mix1.jsonl`, …
//!
//! The rule: logs of one kind (by their ending) that begin with the same loss at the same step, with different values, are
//! different runs; so are logs that name different runs. Logs that say the same are copies, and logs that begin elsewhere are
//! parts: those are one run. So are logs whose names say that they are parts: of a split (`train.csv`, `eval.csv`), of a rank
//! (`rank0.log`), of a rotation (`train.log.1`), of several jobs (`slurm-4711.out`).

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Bytes of a log in which its first losses are looked for.
const LOOKED_AT: u64 = 64 << 10;
/// Logs of one folder that are looked at.
const MOST: usize = 64;

/// Endings of logs that may each be a run.
const ENDINGS: [&str; 8] = ["jsonl", "ndjson", "csv", "tsv", "log", "out", "txt", "json"];

/// Words in a name that say that a log is a part of a run.
const PARTS: [&str; 22] = [
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "eval",
    "evaluation",
    "test",
    "dev",
    "rank",
    "node",
    "worker",
    "gpu",
    "process",
    "stdout",
    "stderr",
    "out",
    "err",
    "part",
    "shard",
    "slurm",
    "nohup",
];

static PAIRS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"([A-Za-z_][\w./@-]*)"?(?:\s*[:=]\s*|\s*\[\s*|\s+)"?([-+]?\d[\d.]*(?:[eE][-+]?\d+)?)"#).ok()
});
static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#""(?:run|run_name|run_id|experiment|experiment_name|exp_name)"\s*:\s*"([^"]+)""#).ok()
});

/// What a log begins with.
#[derive(Debug, Default, PartialEq)]
struct Beginning {
    run: Option<String>,
    step: Option<String>,
    losses: BTreeMap<String, String>,
}

/// The endings of logs in a folder that are a run each.
pub fn endings(files: &[PathBuf]) -> BTreeSet<&'static str> {
    let mut kinds: BTreeMap<&'static str, Vec<&PathBuf>> = BTreeMap::new();
    for file in files {
        let ending = file.extension().and_then(|e| e.to_str());
        if let Some(ending) = ENDINGS.iter().find(|known| ending == Some(**known)) {
            kinds.entry(ending).or_default().push(file);
        }
    }
    kinds.retain(|_, files| files.len() > 1 && are_runs(files));
    kinds.into_keys().collect()
}

fn are_runs(files: &[&PathBuf]) -> bool {
    let stems: Vec<&str> = files.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
    if stems.iter().any(|stem| is_part(stem)) || are_jobs(&stems) {
        return false;
    }
    let begun: Vec<Beginning> = files.iter().take(MOST).filter_map(|file| beginning(file)).collect();
    let names: BTreeSet<&String> = begun.iter().filter_map(|b| b.run.as_ref()).collect();
    if names.len() > 1 && begun.iter().all(|b| b.run.is_some()) {
        return true;
    }
    let Some((first, others)) = begun.split_first() else { return false };
    let other = |b: &&Beginning| {
        let same: Vec<bool> =
            b.losses.iter().filter_map(|(name, value)| Some(first.losses.get(name)? == value)).collect();
        b.step == first.step && b.step.is_some() && !same.is_empty() && same.contains(&false)
    };
    let different = others.iter().filter(other).count();
    different > 0 && different * 3 >= others.len() * 2
}

/// Whether a word of the name says that a log is a part of a run.
fn is_part(stem: &str) -> bool {
    let lower = stem.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words.map(|word| word.trim_end_matches(|c: char| c.is_ascii_digit())).any(|word| PARTS.contains(&word))
}

/// Whether names differ in nothing but the number of a job, or the time it began.
fn are_jobs(stems: &[&str]) -> bool {
    let long = |stem: &&str| stem.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() >= 5);
    let without = |stem: &str| stem.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    stems.iter().all(long) && stems.iter().map(|stem| without(stem)).collect::<BTreeSet<_>>().len() == 1
}

/// The first losses of a log, and the step they are at.
fn beginning(path: &Path) -> Option<Beginning> {
    let bytes = crate::open::beginning(path, LOOKED_AT).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next()?;
    let comma = [',', '\t', ';'].into_iter().find(|d| first.contains(*d) && !first.contains(['{', ':', '=']));
    if let Some(delimiter) = comma {
        let clean = |cell: &str| cell.trim().trim_matches('"').to_owned();
        let cells = |line: &str| line.split(delimiter).map(clean).collect::<Vec<_>>();
        let names = cells(first);
        let values = cells(lines.next()?);
        return Some(of_pairs(names.into_iter().zip(values)));
    }
    let mut found = Beginning { run: RUN.as_ref()?.captures(&text).map(|c| c[1].to_owned()), ..Beginning::default() };
    for line in std::iter::once(first).chain(lines).take(2_000) {
        let pairs = PAIRS.as_ref()?.captures_iter(line).map(|c| (c[1].to_owned(), c[2].to_owned()));
        let said = of_pairs(pairs);
        if !said.losses.is_empty() && said.step.is_some() {
            found = Beginning { run: found.run, ..said };
            break;
        }
    }
    (found.run.is_some() || found.step.is_some()).then_some(found)
}

fn of_pairs(pairs: impl Iterator<Item = (String, String)>) -> Beginning {
    const STEPS: [&str; 12] = [
        "step",
        "global_step",
        "_step",
        "iter",
        "iteration",
        "update",
        "steps",
        "tokens",
        "tokens_seen",
        "epoch",
        "current_steps",
        "batch",
    ];
    let mut found = Beginning::default();
    for (name, value) in pairs {
        let name = name.to_ascii_lowercase();
        if matches!(name.as_str(), "run" | "run_name" | "run_id" | "experiment") {
            found.run = Some(value);
        } else if STEPS.contains(&name.as_str()) {
            found.step.get_or_insert(value);
        } else if ["loss", "ppl", "perplexity", "bpb", "nll"].iter().any(|word| name.contains(word))
            && value.parse::<f64>().is_ok()
        {
            found.losses.entry(name).or_insert(value);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(files: &[(&str, &str)]) -> Vec<&'static str> {
        let dir = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = files
            .iter()
            .map(|(name, text)| {
                std::fs::write(dir.path().join(name), text).unwrap();
                dir.path().join(name)
            })
            .collect();
        endings(&paths).into_iter().collect()
    }

    #[test]
    fn logs_of_different_runs_are_told_from_parts_of_one() {
        let jsonl = |loss: f64, step: i64| {
            format!("{{\"step\": {step}, \"train_loss\": {loss}}}\n{{\"step\": 20, \"train_loss\": 1}}\n")
        };
        let console = |loss: f64, step: i64| format!("loading\n12:00:01 step {step}/100 | loss {loss} | lr 1e-4\n");
        let csv = |loss: f64, step: i64| format!("step,lr,loss\n{step},0.1,{loss}\n");
        for (name, write) in [("jsonl", &jsonl as &dyn Fn(f64, i64) -> String), ("log", &console), ("csv", &csv)] {
            let file = |stem: &str| format!("{stem}.{name}");
            let two = |a: &str, b: &str, second: String| judged(&[(&file(a), &write(7.5, 10)), (&file(b), &second)]);
            assert_eq!(two("mix0", "mix1", write(7.25, 10)), [name]);
            assert_eq!(two("a", "b-lr3e-4", write(7.25, 10)), [name]);
            assert!(two("mix0", "mix1", write(7.5, 10)).is_empty(), "copies");
            assert!(two("mix0", "mix1", write(7.25, 500)).is_empty(), "the second goes on");
            for (a, b) in [
                ("train", "eval"),
                ("rank0", "rank1"),
                ("slurm-47110", "slurm-47111"),
                ("2025-01-02_101112", "2025-01-03_111213"),
            ] {
                assert!(two(a, b, write(7.25, 10)).is_empty(), "{a} {b}");
            }
        }
        let named = |run: &str| format!("{{\"run_name\": \"{run}\", \"note\": \"x\"}}\n");
        assert_eq!(judged(&[("x.jsonl", &named("a")), ("y.jsonl", &named("b"))]), ["jsonl"]);
        assert!(judged(&[("x.jsonl", &named("a")), ("y.jsonl", &named("a"))]).is_empty());
        assert!(judged(&[("x.jsonl", &jsonl(7.5, 10)), ("y.csv", &csv(7.25, 10))]).is_empty());
    }
}
