//! What the name of a file says of the data that its records were measured on.
//!
//! The rule, for every format whose records name their own metrics: what a file or a folder within a run holds whose name begins or
//! ends with a word for held-out data (`eval.jsonl`, `valid.csv`, `eval_code.log`, `validation/events.out.tfevents.…`) is measured on
//! such data. The word goes before names that do not say so themselves, and what else the name says is the domain: `eval/loss`,
//! `eval/code/loss`. `test` and `dev` may mean that a run is a trial, and count only where another file of the run says that
//! it is of training.

use super::discover::RunPlace;
use super::formats::facets::{is_axis, is_held_out, named};
use super::packed::unpacked_name;
use crate::project::flat;
use crate::store::rotation;

/// Data that a file's records were measured on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// `eval` of `eval_code.jsonl`.
    word: String,
    /// `code` of `eval_code.jsonl`; empty where no domain is named.
    domain: String,
}

/// Formats that name metrics by the path of a file, which is thereby said already.
const NAMED_BY_PATH: [&str; 2] = ["mlflow", "dvclive"];

/// Words of names that are no domain.
const GENERIC: [&str; 49] = [
    "final",
    "best",
    "last",
    "latest",
    "mean",
    "overall",
    "log",
    "logs",
    "logging",
    "metrics",
    "metric",
    "results",
    "result",
    "history",
    "loss",
    "losses",
    "scalars",
    "scores",
    "stats",
    "curve",
    "curves",
    "progress",
    "output",
    "stdout",
    "stderr",
    "out",
    "console",
    "run",
    "runs",
    "set",
    "split",
    "data",
    "dataset",
    "step",
    "steps",
    "epoch",
    "version",
    "rank",
    "node",
    "events",
    "tb",
    "tensorboard",
    "trainer",
    "state",
    "job",
    "main",
    "model",
    "nohup",
    "slurm",
];

impl Split {
    /// What the path of a file, relative to its run, says; `trains` where a file of the run says that it is of training.
    #[must_use]
    pub fn of(run: &RunPlace, relative: &str, format: &str, trains: bool) -> Option<Self> {
        if NAMED_BY_PATH.contains(&format) {
            return None;
        }
        let mut parts: Vec<&str> = relative.split('/').filter(|part| !matches!(*part, "" | "." | "..")).collect();
        let file = rotation(unpacked_name(parts.pop()?)).0;
        let mut stem = stem(file);
        if run.file {
            // What the files of a run have in common is its name.
            let name = run.name.rsplit('/').next().unwrap_or(&run.name);
            stem = without(stem, self::stem(name));
        }
        // TensorBoard's and W&B's files are called after a time and a host, or an identity.
        let opaque = file.contains("tfevents") || file.ends_with(".wandb");
        let own = (!opaque).then(|| Self::of_name(stem, trains)).flatten();
        if own.is_some() {
            return own;
        }
        let (at, mut split) =
            parts.iter().enumerate().rev().find_map(|(at, part)| Some((at, Self::of_name(part, trains)?)))?;
        let inner = parts[at + 1..].iter().copied().chain((!opaque).then_some(stem));
        if split.domain.is_empty()
            && let Some(domain) = inner
                .filter(|name| name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_'))
                .map(|name| rest(&words(name)))
                .find(|domain| !domain.is_empty())
        {
            split.domain = domain;
        }
        Some(split)
    }

    /// What one name says.
    fn of_name(name: &str, trains: bool) -> Option<Self> {
        let words = words(name);
        let said: Vec<&String> = words.iter().filter(|word| is_meaning(word)).collect();
        let counts = |word: &str| is_held_out(word) && (trains || !matches!(word, "test" | "dev"));
        if words.iter().any(|word| is_training(word)) {
            return None;
        }
        let word = [said.first(), said.last()].into_iter().flatten().find(|word| counts(word))?;
        let at = words.iter().position(|other| other == *word)?;
        let others: Vec<String> = words[..at].iter().chain(&words[at + 1..]).cloned().collect();
        Some(Self { word: (**word).clone(), domain: rest(&others) })
    }

    /// The name under which a metric of the file is kept.
    #[must_use]
    pub fn name(&self, metric: &str) -> String {
        // Where training stands is what its own file says.
        if is_axis(metric) { format!("{}/{metric}", self.word) } else { named(metric, &self.word, &self.domain, "") }
    }

    /// Writes it, for the store to remember.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}/{}", self.word, self.domain)
    }

    /// Reads what [`Split::text`] wrote.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (word, domain) = text.split_once('/')?;
        Some(Self { word: word.to_owned(), domain: domain.to_owned() })
    }
}

/// Whether the path of a log says that it is of training.
#[must_use]
pub fn trains(relative: &str) -> bool {
    let file = rotation(unpacked_name(relative)).0;
    let log = file.rsplit_once('.').is_some_and(|(_, ending)| flat::is_ending(ending)) || file.contains("tfevents");
    log && words(file).iter().any(|word| is_training(word))
}

/// Whether the name of a folder is that of a part of a run: `Some(true)` of its training, `Some(false)` of held-out data.
#[must_use]
pub fn of_folder(name: &str) -> Option<bool> {
    let name = name.to_ascii_lowercase();
    if is_training(&name) { Some(true) } else { is_held_out(&name).then_some(false) }
}

/// Whether a folder is called after one of the processes or starts of a run: `rank_0`, `node1`, `worker-3`, torchrun's `attempt_0`.
#[must_use]
pub fn is_of_rank(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let word = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let words = ["rank", "node", "worker", "gpu", "process", "proc", "local_rank", "global_rank", "host", "attempt"];
    word.len() < name.len() && words.contains(&word.trim_end_matches(['_', '-']))
}

fn is_training(word: &str) -> bool {
    matches!(word, "train" | "training" | "pretrain" | "pretraining" | "finetune" | "finetuning")
}

/// Words of a name in lower case: letters, or digits.
fn words(name: &str) -> Vec<String> {
    let lower = name.to_ascii_lowercase();
    lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether a word of a name says anything: not a number, not `metrics`.
fn is_meaning(word: &str) -> bool {
    let plain = word.trim_end_matches(|c: char| c.is_ascii_digit());
    !plain.is_empty() && !GENERIC.contains(&plain)
}

/// The domain that words name, empty where they name none.
fn rest(words: &[String]) -> String {
    let said: Vec<&str> = words.iter().map(String::as_str).filter(|word| is_meaning(word)).collect();
    said.join("_")
}

/// The name of a file without its endings: `mix0.eval` of `mix0.eval.jsonl`.
fn stem(file: &str) -> &str {
    let mut stem = file;
    while let Some((before, ending)) = stem.rsplit_once('.')
        && !before.is_empty()
        && flat::is_ending(ending)
    {
        stem = before;
    }
    stem
}

/// A name without another that it begins or ends with.
fn without<'a>(name: &'a str, other: &str) -> &'a str {
    name.strip_prefix(other).or_else(|| name.strip_suffix(other)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn run(name: &str, file: bool) -> RunPlace {
        RunPlace { path: PathBuf::from(name), name: name.to_owned(), file, more: Vec::new() }
    }

    #[test]
    fn names_say_what_was_measured_on() {
        let folder = run("runs/eval-lr", false);
        for (path, trains, expected) in [
            ("eval.jsonl", false, Some("eval/loss")),
            ("valid.csv", false, Some("valid/loss")),
            ("metrics_eval.csv", false, Some("eval/loss")),
            ("eval_metrics.jsonl.gz", false, Some("eval/loss")),
            ("eval_code.log.1", false, Some("eval/code/loss")),
            ("code_val.log", false, Some("val/code/loss")),
            ("validation/events.out.tfevents.1664.host.1360.1.v2", false, Some("validation/loss")),
            ("tb/loss_val/events.out.tfevents.1664.val", false, Some("val/loss")),
            ("eval/metrics.csv", false, Some("eval/loss")),
            ("eval/code/metrics.csv", false, Some("eval/code/loss")),
            ("eval/code.csv", false, Some("eval/code/loss")),
            ("eval/version_0/metrics.csv", false, Some("eval/loss")),
            ("eval/2025-01-02/log.txt", false, Some("eval/loss")),
            ("slurm-eval-4711.out", false, Some("eval/loss")),
            ("evals.csv", false, Some("evals/loss")),
            ("seed_0/final_val_loss.txt", false, Some("val/loss")),
            ("validation.code.jsonl", false, Some("validation/code/loss")),
            ("test.log", false, None),
            ("test.log", true, Some("test/loss")),
            ("dev/metrics.csv", true, Some("dev/loss")),
            ("train.jsonl", true, None),
            ("train_eval.log", true, None),
            ("train/metrics.csv", true, None),
            ("lr3e-4_eval_every_500.log", true, None),
            ("metrics.jsonl", true, None),
            ("retrieval.log", true, None),
        ] {
            let split = Split::of(&folder, path, "csv", trains);
            assert_eq!(split.map(|split| split.name("loss")).as_deref(), expected, "{path}");
        }
        let split = Split::of(&folder, "eval.jsonl", "jsonl", false).unwrap();
        assert_eq!(
            ["val_loss", "step", "eval/ppl"].map(|name| split.name(name)),
            ["val_loss", "eval/step", "eval/ppl"]
        );
        assert_eq!(Split::of(&folder, "plots/metrics/eval/loss.tsv", "dvclive", true), None, "the name is the path");
    }

    #[test]
    fn a_run_that_is_one_file_is_not_judged_by_its_name() {
        for (name, relative, expected) in [
            ("eval.jsonl", "eval.jsonl", None),
            ("mix_eval.jsonl", "mix_eval.jsonl", None),
            ("mix0", "mix0_eval.jsonl", Some("eval/loss")),
            ("mix0", "eval-mix0.jsonl", Some("eval/loss")),
            ("mix0", "mix0_eval_code.jsonl", Some("eval/code/loss")),
            ("mix0", "mix0.eval.jsonl", Some("eval/loss")),
            ("mix0", "mix0.jsonl", None),
        ] {
            let split = Split::of(&run(name, true), relative, "jsonl", true);
            assert_eq!(split.map(|split| split.name("loss")).as_deref(), expected, "{relative}");
        }
    }

    #[test]
    fn folders_of_processes_are_known_by_their_names() {
        assert!(["rank_0", "rank1", "attempt_1", "node-12", "Worker_3", "global_rank0"].into_iter().all(is_of_rank));
        assert!(!["rank", "franks0", "seed0", "run_1", "0", "mix-rank-0b"].into_iter().any(is_of_rank));
    }

    #[test]
    fn a_file_of_training_is_known_by_its_path() {
        assert!(trains("train.jsonl") && trains("tb/train/events.out.tfevents.1") && trains("log-pretrain.txt"));
        assert!(!trains("metrics.jsonl") && !trains("trainer_state.json") && !trains("train.py"));
    }
}
