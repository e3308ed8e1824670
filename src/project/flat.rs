//! Folders in which each log is a run: `mix0.jsonl`, `mix1.jsonl`, …
//!
//! The rule: logs of one kind (by their ending; of several, where the names are alike but for their numbers) that begin at the same step and soon differ in a loss, or are of different
//! lengths (`step 10/500`, `step 900/6000`), are different runs; so are logs that name different runs, inside or by a UUID for
//! a name. Where each has several parts (`mix0_train`, `mix0_eval`, `mix1_train`, …), each name is a run. Packed logs are told by their
//! names. Logs that say the same are copies, and logs that begin elsewhere are parts: those are one run. So are logs whose
//! names differ in nothing but the part they are: of a split (`train.csv`, `eval.csv`), of a rank (`rank0.log`), of a rotation
//! (`train.log.1`), of several jobs (`slurm-4711.out`).

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Bytes of a log in which its first losses are looked for.
const LOOKED_AT: u64 = 256 << 10;
/// Logs of one folder that are looked at.
const MOST: usize = 64;

/// Records at the beginning of a log that are compared: runs that begin from the same weights have the same first loss.
const RECORDS: usize = 8;

/// Endings of logs that may each be a run.
const ENDINGS: [&str; 8] = ["jsonl", "ndjson", "csv", "tsv", "log", "out", "txt", "json"];

/// Words in a name that say that a log is a part of a run.
const PARTS: [&str; 23] = [
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "eval",
    "evals",
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
    Regex::new(r#"([A-Za-z_][\w./@-]*)["']?(?:\s*[:=]\s*\[?\s*|\s*\[\s*|\s+)["']?([-+]?\d[\d.]*(?:[eE][-+]?\d+)?)"#)
        .ok()
});
static UUID: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").ok());
/// `step 10/500`, `iteration 10/ 500`, `Epoch:[1/3](10/500)`.
static LENGTH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:\b(?:step|iteration|iter|update|batch)(?:e?s)?\W{0,12}|\]\s*[\[(]\s*)\d+\s*/\s*(\d+)").ok()
});
static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#""(?:run|run_name|run_id|experiment|experiment_name|exp_name)"\s*:\s*"([^"]+)""#).ok()
});

/// `500 train 2.5` and `s:500 trl:2.5` (llm.c, nanoGPT's kin); `Epoch:[1/3](500/900)` (minimind); `Progress on:train 500it/9.0kit`
/// (Levanter).
static BARE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?:s:)?(\d+) (trl|tel|train|val|hella)[: ]([\d.]+)|(?:\]\(|Progress on:train )([\d.]+k?)(?:it)?/[\d.]+k?(?:it|\))").ok()
});

/// What a log begins with.
#[derive(Debug, Default, PartialEq)]
struct Beginning {
    run: Option<String>,
    /// Step and losses of the first records.
    records: Vec<Record>,
    /// Steps the run is to take, where a line says them: `step 10/500`.
    total: Option<String>,
}

#[derive(Debug, Default, PartialEq)]
struct Record {
    step: Option<String>,
    losses: BTreeMap<String, String>,
}

impl Beginning {
    /// Whether two logs are of different runs.
    fn differs(&self, other: &Self) -> bool {
        let step = |of: &Self| of.records.first().and_then(|record| record.step.clone());
        let lengths = matches!((&self.total, &other.total), (Some(a), Some(b)) if a != b);
        if lengths || step(self).is_none() || step(self) != step(other) {
            return lengths;
        }
        let pairs = self.records.iter().zip(&other.records).take_while(|(a, b)| a.step == b.step);
        let differ = |(a, b): (&Record, &Record)| {
            a.losses.iter().any(|(name, value)| b.losses.get(name).is_some_and(|other| other != value))
        };
        pairs.into_iter().any(differ)
    }
}

/// The endings of logs in a folder that are a run each, packed (`jsonl.gz`) or not.
pub fn endings(files: &[PathBuf]) -> BTreeSet<String> {
    let mut kinds: BTreeMap<&'static str, Vec<(&PathBuf, Option<&'static str>)>> = BTreeMap::new();
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let packed = ["gz", "zst"].into_iter().find(|packed| name.ends_with(&format!(".{packed}")));
        let plain = packed.map_or(name, |packed| &name[..name.len() - packed.len() - 1]);
        let ending = plain.rsplit_once('.').map(|(_, ending)| ending);
        if let Some(ending) = ENDINGS.iter().find(|known| ending == Some(**known)) {
            kinds.entry(ending).or_default().push((file, packed));
        }
    }
    let mut endings = BTreeSet::new();
    let plain: Vec<&PathBuf> =
        kinds.values().flatten().filter(|(_, packed)| packed.is_none()).map(|(file, _)| *file).collect();
    if kinds.len() > 1 && are_numbered(&plain) && are_runs(&plain) {
        return kinds.keys().map(|ending| (*ending).to_owned()).collect();
    }
    for (ending, files) in kinds {
        let plain: Vec<&PathBuf> = files.iter().filter(|(_, packed)| packed.is_none()).map(|(file, _)| *file).collect();
        let all: Vec<&PathBuf> = files.iter().map(|(file, _)| *file).collect();
        let runs = if plain.len() > 1 { are_runs(&plain) } else { all.len() > 1 && are_named_apart(&all) };
        if runs {
            let all =
                files.iter().map(|(_, packed)| packed.map_or(ending.to_owned(), |packed| format!("{ending}.{packed}")));
            endings.extend(all);
        }
    }
    endings
}

/// Whether all names are the same but for their numbers, which are different: `run0.log`, `run1.txt`.
fn are_numbered(files: &[&PathBuf]) -> bool {
    let stems: BTreeSet<&str> = files.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
    let without = |stem: &&str| stem.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    files.len() > 1 && stems.len() == files.len() && stems.iter().map(without).collect::<BTreeSet<_>>().len() == 1
}

/// Whether packed logs, which are not looked into here, are runs by their names.
fn are_named_apart(files: &[&PathBuf]) -> bool {
    let stem =
        |file: &&PathBuf| Some(file.file_stem()?.to_str()?.rsplit_once('.').map_or("", |(stem, _)| stem).to_owned());
    let stems: Vec<String> = files.iter().filter_map(stem).collect();
    let stems: Vec<&str> = stems.iter().map(String::as_str).collect();
    !are_parts(&stems) && !are_jobs(&stems) && stems.iter().all(|stem| without_part(stem).is_some())
}

/// Whether a text file's name, in lower case, says that it is a log: `log.txt`, `train_stdout.txt`, a run's UUID.
pub fn is_log_name(name: &str) -> bool {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| ["log", "logs", "stdout", "console"].contains(&word))
        || UUID.as_ref().is_some_and(|u| u.is_match(name))
}

fn are_runs(files: &[&PathBuf]) -> bool {
    let stems: Vec<&str> = files.iter().filter_map(|file| file.file_stem()?.to_str()).collect();
    if UUID.as_ref().is_some_and(|uuid| stems.iter().all(|stem| uuid.is_match(stem))) {
        return true;
    }
    let each = &one_each(files, &stems);
    let several = each.len() < files.len();
    let files = each;
    if !several && (are_parts(&stems) || are_jobs(&stems)) {
        return false;
    }
    let begun: Vec<Beginning> = files.iter().take(MOST).filter_map(|file| beginning(file)).collect();
    let names: BTreeSet<&String> = begun.iter().filter_map(|b| b.run.as_ref()).collect();
    if names.len() > 1 && begun.iter().all(|b| b.run.is_some()) {
        return true;
    }
    let Some((first, others)) = begun.split_first() else { return false };
    let different = others.iter().filter(|other| other.differs(first)).count();
    different > 0 && different * 3 >= others.len() * 2
}

/// Where every name has several parts (`mix0_train`, `mix0_eval`, `mix1_train`, …), one of each; else all.
fn one_each<'a>(files: &[&'a PathBuf], stems: &[&str]) -> Vec<&'a PathBuf> {
    let mut groups: BTreeMap<String, Vec<&'a PathBuf>> = BTreeMap::new();
    for (file, stem) in files.iter().zip(stems) {
        let Some(key) = without_part(stem) else { return files.to_vec() };
        groups.entry(key).or_default().push(file);
    }
    if groups.len() < 2 || groups.values().any(|group| group.len() < 2) {
        return files.to_vec();
    }
    let train = |file: &&&PathBuf| {
        file.file_stem().is_some_and(|stem| stem.to_string_lossy().to_ascii_lowercase().contains("train"))
    };
    groups.values().map(|group| *group.iter().find(train).unwrap_or(&group[0])).collect()
}

/// Whether logs are parts of runs by their names: two names are the same without the words that say which part, or one says
/// that it is held out, whatever the others are called.
fn are_parts(stems: &[&str]) -> bool {
    const HELD_OUT: [&str; 8] = ["val", "valid", "validation", "eval", "evals", "evaluation", "test", "dev"];
    let mut seen = BTreeSet::new();
    for stem in stems {
        let lower = stem.to_ascii_lowercase();
        let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).collect();
        let plain = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
        let says = words.iter().any(|word| PARTS.contains(&plain(word).as_str()));
        let job = |word: &str| word.len() >= 5 && word.chars().all(|c| c.is_ascii_digit());
        let rest: Vec<&str> =
            words.iter().copied().filter(|w| !PARTS.contains(&plain(w).as_str()) && !job(w)).collect();
        let held_out = words.iter().any(|word| HELD_OUT.contains(&plain(word).as_str()));
        // A name that is nothing but a part is one of whatever lies beside it.
        let again = !seen.insert((rest.join(" "), says));
        if says && (held_out || rest.is_empty() || again) {
            return true;
        }
    }
    seen.iter().any(|(rest, says)| *says && seen.contains(&(rest.clone(), false)))
}

/// Whether logs end so.
#[must_use]
pub fn is_ending(ending: &str) -> bool {
    ENDINGS.contains(&ending)
}

/// A name without the words that say which part of a run it is; `None` where nothing is left.
#[must_use]
pub fn without_part(stem: &str) -> Option<String> {
    let plain = |word: &str| word.to_ascii_lowercase().trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let is_part = |word: &str| PARTS.contains(&plain(word).as_str());
    let mut rest = stem;
    loop {
        let sign = |c: char| matches!(c, '_' | '-' | '.' | ' ');
        if let Some((before, _)) = rest.rsplit_once(sign).filter(|(_, word)| is_part(word)) {
            rest = before;
        } else if let Some((_, after)) = rest.split_once(sign).filter(|(word, _)| is_part(word)) {
            rest = after;
        } else {
            return (!rest.is_empty() && !is_part(rest)).then(|| rest.to_owned());
        }
    }
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
        let rows: Vec<Vec<String>> = lines.clone().take(RECORDS).map(cells).collect();
        let number = |cell: &String| cell.parse::<f64>().is_ok();
        // A command line or a sentence may have commas, too.
        let is_table = |row: &Vec<String>| row.len() == names.len() && row.iter().any(number);
        if !names.iter().any(number) && !rows.is_empty() && rows.iter().all(is_table) {
            let mut found = Beginning::default();
            for row in rows {
                let (run, record) = of_pairs(names.iter().cloned().zip(row));
                found.run = found.run.or(run);
                found.records.push(record);
            }
            return Some(found);
        }
    }
    let mut found = Beginning { run: RUN.as_ref()?.captures(&text).map(|c| c[1].to_owned()), ..Beginning::default() };
    // Some print the step on a line of its own before the losses.
    let mut step = None;
    for line in std::iter::once(first).chain(lines).take(2_000) {
        let pairs = PAIRS.as_ref()?.captures_iter(line).map(|c| (c[1].to_owned(), c[2].to_owned()));
        let bare = BARE.as_ref()?.captures(line);
        let named = bare.iter().flat_map(|c| {
            [("step", c.get(1).or(c.get(4))), (c.get(2).map_or("", |m| m.as_str()), c.get(3))]
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?.as_str().to_owned())))
        });
        let (run, mut record) = of_pairs(named.chain(pairs));
        step = record.step.take().or(step);
        record.step.clone_from(&step);
        if !record.losses.is_empty() && record.step.is_some() {
            if found.records.is_empty() {
                found.run = found.run.or(run);
                found.total = LENGTH.as_ref()?.captures(line).map(|c| c[1].to_owned());
            }
            found.records.push(record);
            if found.records.len() == RECORDS {
                break;
            }
        }
    }
    (found.run.is_some() || !found.records.is_empty()).then_some(found)
}

/// The run that a record names, and its step and losses.
fn of_pairs(pairs: impl Iterator<Item = (String, String)>) -> (Option<String>, Record) {
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
    let (mut run, mut found) = (None, Record::default());
    for (name, value) in pairs {
        let name = name.to_ascii_lowercase();
        if matches!(name.as_str(), "run" | "run_name" | "run_id" | "experiment") {
            run = Some(value);
        } else if STEPS.contains(&name.as_str()) {
            found.step.get_or_insert(value);
        } else if (["loss", "ppl", "perplexity", "bpb", "nll"].iter().any(|word| name.contains(word))
            || ["trl", "tel", "train", "val"].contains(&name.as_str()))
            && value.parse::<f64>().is_ok()
        {
            found.losses.entry(name).or_insert(value);
        }
    }
    (run, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(files: &[(&str, &str)]) -> Vec<String> {
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
        // From the same weights: the first loss is the same.
        let same_start = |next: f64| format!("step:0/100 val_loss:10.8\nstep:50/100 val_loss:{next}\n");
        assert_eq!(judged(&[("a.log", &same_start(6.1)), ("b.log", &same_start(6.2))]), ["log"]);
        assert!(judged(&[("a.log", &same_start(6.1)), ("b.log", &same_start(6.1))]).is_empty(), "copies");
        let long = |step: i64, total: i64| format!("step {step}/{total} | loss 2.5\n");
        assert_eq!(judged(&[("a.log", &long(10, 500)), ("b.log", &long(900, 6000))]), ["log"], "other lengths");
        assert!(judged(&[("a.log", &long(10, 500)), ("b.log", &long(300, 500))]).is_empty(), "it goes on");
        let minimind = |step: i64, total: i64, loss: &str| format!("Epoch:[1/1]({step}/{total}), {loss}: 2.5\n");
        let (pretraining, reinforced) = (minimind(10, 39_695, "loss"), minimind(1, 500, "Actor Loss"));
        assert_eq!(judged(&[("pretrain.log", &pretraining), ("r1_main.log", &reinforced)]), ["log"], "other lengths");
        let (one, two) = ("278c1540-3b42-4ab0-94ed-273830bdfa11.txt", "e5a48f93-373e-4ff2-903b-5303bf912330.txt");
        assert_eq!(judged(&[(one, "no loss yet"), (two, "none")]), ["txt"], "each is named after a run's identity");
        let command = |loss: f64| format!("train.py --split 949,50,1\nstep 200/900 | loss {loss}\n");
        assert_eq!(judged(&[("a.out", &command(9.3)), ("b.out", &command(9.2))]), ["out"], "no table");
        // One word of a part in a name that is of its own otherwise.
        assert_eq!(judged(&[("alibi-gpu1.log", &console(7.5, 10)), ("adam-fp32.log", &console(7.25, 10))]), ["log"]);
        let pair = |name: &str, loss| {
            [(format!("{name}_train.log"), console(loss, 10)), (format!("{name}_eval.log"), console(loss, 10))]
        };
        let pairs = [pair("mix0", 7.5), pair("mix1", 7.25)].concat();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(judged(&pairs), ["log"], "two parts each");
        assert_eq!(judged(&[("a.jsonl.gz", "packed"), ("b.jsonl.gz", "too")]), ["jsonl.gz"]);
        let dictionary = |loss: f64| format!("{{'loss': {loss}, 'epoch': 0.1}}\n{{'loss': 2.5, 'epoch': 0.2}}\n");
        assert_eq!(judged(&[("a.out", &dictionary(7.5)), ("b.out", &dictionary(7.25))]), ["out"]);
        assert!(judged(&[("a-rank0.log", &console(7.5, 10)), ("a-rank1.log", &console(7.25, 10))]).is_empty());
        let named = |run: &str| format!("{{\"run_name\": \"{run}\", \"note\": \"x\"}}\n");
        assert_eq!(judged(&[("x.jsonl", &named("a")), ("y.jsonl", &named("b"))]), ["jsonl"]);
        assert!(judged(&[("x.jsonl", &named("a")), ("y.jsonl", &named("a"))]).is_empty());
        assert!(judged(&[("x.jsonl", &jsonl(7.5, 10)), ("y.csv", &csv(7.25, 10))]).is_empty());
        let (one, two) = (console(7.5, 10), console(7.25, 10));
        assert_eq!(
            judged(&[("run0.log", &one), ("run1.txt", &two), ("run2.out", &console(7.0, 10))]),
            ["log", "out", "txt"]
        );
        assert_eq!(
            judged(&[("run0.jsonl", &jsonl(7.5, 10)), ("run1.csv", &csv(7.25, 10))]).len(),
            0,
            "other names of a loss"
        );
        assert!(judged(&[("run.log", &one), ("run.txt", &two)]).is_empty(), "one name");
        assert!(judged(&[("rank0.log", &one), ("rank1.out", &two)]).is_empty(), "parts");
        assert!(judged(&[("slurm-47110.out", &one), ("slurm-47111.log", &two)]).is_empty(), "jobs");
    }
}
