//! Columns and keys whose text says what a record is of: its split, its domain, its run.
//!
//! The rule, for every format of records with names (JSON lines, tables): records that differ in such a text are series of
//! their own. Under `split` and its like, a word for held-out data goes before the name (`val/loss`); rows of training keep
//! theirs. Under `domain` and its like, the text goes behind it (`val_loss/code`); under words that may also be the one data
//! set of a run (`dataset`, `source`), only where the record is held out. Under `run` and its like, the first run of the file
//! is the run that the file lies in, and each other is one of its own; a record without a step names the run of those that
//! follow. Under `rank` and its like, copies of a point are one ([`Chorus`]).

use super::Sink;
use super::chorus::Chorus;
use super::saved::{self, Reader};
use std::collections::HashMap;

/// What a text says a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facet {
    Split,
    Domain,
    /// A domain where the record is held out.
    Data,
    Run,
    /// The process that wrote the record.
    Rank,
    /// Whether the record is held out, where `is_eval` and its like say so.
    HeldOut,
    /// Whether it is not, where `is_train` and its like say so.
    Train,
    /// The name of the record, where it is not the name of its value: of its split, or else of its run.
    Name,
}

/// Most different records of one file; one with more has texts of another kind there.
const MOST: usize = 2_000;
/// Longest text that names anything.
const LONGEST: usize = 100;

/// Longest key below: `experiment_name`.
const LONGEST_KEY: usize = 15;

const NOTHING: u32 = u32::MAX;

/// What text under this key says, if anything.
pub(super) fn facet(key: &str) -> Option<Facet> {
    let key = key.trim();
    // Most keys are names of metrics, once a file each: those are not copied to be looked at.
    if key.len() > LONGEST_KEY || key.contains('/') {
        return None;
    }
    let mut plain = [0; LONGEST_KEY];
    let plain = &mut plain[..key.len()];
    for (to, from) in plain.iter_mut().zip(key.bytes()) {
        *to = if matches!(from, b' ' | b'-') { b'_' } else { from.to_ascii_lowercase() };
    }
    match std::str::from_utf8(plain).ok()? {
        "split" | "phase" | "mode" | "stage" | "type" | "event" | "kind" | "set" | "partition" | "data_split"
        | "prefix" | "section" | "context" | "loop" | "log_type" | "record_type" | "step_type" | "event_type"
        | "split_name" => Some(Facet::Split),
        "domain" | "corpus" | "subset" | "eval_dataset" | "eval_set" | "eval_name" | "eval_domain" | "val_set"
        | "validation_set" | "benchmark" | "task" | "task_name" => Some(Facet::Domain),
        "dataset" | "dataset_name" | "data" | "data_name" | "source" | "data_source" => Some(Facet::Data),
        "run" | "run_name" | "run_id" | "runid" | "experiment" | "experiment_name" | "experiment_id" | "exp"
        | "exp_name" | "trial" | "trial_id" | "trial_name" | "variant" | "job_name" | "job" | "config"
        | "config_name" | "model" | "model_name" => Some(Facet::Run),
        "rank" | "global_rank" | "local_rank" | "rank_id" | "dp_rank" | "process_index" | "process_rank"
        | "worker_id" => Some(Facet::Rank),
        "is_eval" | "is_evaluation" | "is_val" | "is_valid" | "is_validation" | "is_test" => Some(Facet::HeldOut),
        "is_train" | "is_training" => Some(Facet::Train),
        _ => None,
    }
}

/// Whether a word is for data that is not trained on.
pub(in crate::ingest) fn is_held_out(word: &str) -> bool {
    const WORDS: [&str; 13] = [
        "val",
        "valid",
        "validation",
        "validations",
        "eval",
        "evals",
        "evaluation",
        "evaluations",
        "evaluate",
        "test",
        "dev",
        "heldout",
        "holdout",
    ];
    WORDS.contains(&word)
}

/// What a text under `split` says: a word for data that is not trained on, and the domain that follows it (`val_code`).
fn held_out(text: &str) -> Option<(String, String)> {
    const GENERIC: [&str; 14] = [
        "step", "steps", "epoch", "end", "metrics", "results", "result", "log", "loss", "set", "data", "dataset",
        "split", "phase",
    ];
    let text = text.to_ascii_lowercase();
    let mut words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let word = words.next().filter(|word| is_held_out(word))?;
    let rest: Vec<&str> = words.filter(|word| !GENERIC.contains(word)).collect();
    Some((word.to_owned(), rest.join("_")))
}

/// Whether the name of a record can be that of a run (`mix0`, `code-heavy`), as it is where tables of several runs are joined:
/// `epoch_end` or `train metrics` says what kind of record it is, `trainer.main` who wrote it, and a sentence is neither.
fn names_run(name: &str) -> bool {
    const OF_RECORDS: [&str; 40] = [
        "train",
        "training",
        "trainer",
        "main",
        "root",
        "step",
        "steps",
        "epoch",
        "batch",
        "iter",
        "iteration",
        "update",
        "metric",
        "metrics",
        "log",
        "logs",
        "logger",
        "loss",
        "losses",
        "progress",
        "checkpoint",
        "ckpt",
        "save",
        "saved",
        "start",
        "begin",
        "end",
        "summary",
        "final",
        "result",
        "results",
        "report",
        "status",
        "info",
        "debug",
        "system",
        "memory",
        "throughput",
        "optimizer",
        "perf",
    ];
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let plain = |word: &str| word.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let first = words.next().map(plain);
    first.is_some_and(|first| !first.is_empty() && !OF_RECORDS.contains(&first.as_str()))
        && !words.any(|word| word == "metrics" || word == "end")
        && !name.contains([' ', '\t', ':'])
        && !name.starts_with("__")
}

/// Whether a name is of a loss or another measure of a model: a metric of a history, the values of a table without a name.
pub(super) fn is_measured(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["loss", "acc", "ppl", "perplexity", "bpb", "bpc", "nll", "score"].iter().any(|word| name.contains(word))
}

fn says_held_out(name: &str) -> bool {
    name.to_ascii_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).any(is_held_out)
}

/// Names that say where in the run a record is, which is the same for every split and domain.
pub(in crate::ingest) fn is_axis(name: &str) -> bool {
    let last = name.rsplit(['/', '.']).next().unwrap_or(name).to_ascii_lowercase();
    matches!(
        last.as_str(),
        "step" | "global_step" | "_step" | "iteration" | "iter" | "epoch" | "epochs" | "time" | "timestamp"
    ) || last.contains("tokens")
        || last.contains("samples")
        || last.ends_with("_time")
}

/// Says which series the points of each record are of.
#[derive(Debug, Default)]
pub(super) struct Facets {
    /// What the record at hand says, one text behind the other.
    record: [Vec<u8>; 4],
    said: bool,
    /// The records seen, and where the points of each go: by metric, the other metric.
    known: HashMap<[Vec<u8>; 4], usize>,
    to: Vec<Vec<u32>>,
    /// The run that the file lies in, once one is named.
    home: Option<Vec<u8>>,
    /// The run that a record without a step has named, of those that follow; empty where it is the file's own.
    current: Vec<u8>,
    rank: Option<u32>,
    chorus: Chorus,
}

impl Facets {
    /// Notes a text of the record at hand.
    pub fn note(&mut self, facet: Facet, text: &[u8]) {
        let text = text.trim_ascii();
        if text.is_empty() || text.len() > LONGEST || !text.is_ascii() && std::str::from_utf8(text).is_err() {
            return;
        }
        if matches!(facet, Facet::Split | Facet::Name) {
            let said = std::str::from_utf8(text).ok().and_then(held_out);
            if let Some((word, domain)) = &said {
                self.set(Facet::Split, word.as_bytes());
                self.set(Facet::Domain, domain.as_bytes());
            }
            if facet == Facet::Split || said.is_some() {
                return;
            }
        }
        match facet {
            Facet::Rank | Facet::HeldOut | Facet::Train => self.flag(facet, text),
            Facet::Name if std::str::from_utf8(text).is_ok_and(names_run) => self.set(Facet::Run, text),
            _ => self.set(facet, text),
        }
    }

    /// Notes a number of the record at hand.
    pub fn note_number(&mut self, facet: Facet, key: &str, value: f64) {
        if value.fract() != 0.0 || !(0.0..9e15).contains(&value) {
            return;
        }
        match facet {
            Facet::Run if key != "exp" => self.set(facet, format!("{value}").as_bytes()),
            Facet::Rank | Facet::HeldOut | Facet::Train => self.flag(facet, format!("{value}").as_bytes()),
            _ => {}
        }
    }

    fn flag(&mut self, facet: Facet, text: &[u8]) {
        if facet == Facet::Rank {
            self.rank = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            return;
        }
        let yes = text.eq_ignore_ascii_case(b"true") || text == b"1";
        let no = text.eq_ignore_ascii_case(b"false") || text == b"0";
        if yes && facet == Facet::HeldOut || no && facet == Facet::Train {
            self.set(Facet::Split, b"eval");
        }
    }

    fn set(&mut self, facet: Facet, text: &[u8]) {
        if let Some(place) = self.record.get_mut(facet as usize)
            && place.is_empty()
            && !text.is_empty()
        {
            place.extend_from_slice(text);
            self.said = true;
        }
    }

    /// Gives the points of the record, from index `from` on, to the series that they are of, and forgets the record. `stepped`:
    /// whether it has a step of its own.
    pub fn settle(&mut self, from: usize, stepped: bool, sink: &mut Sink) {
        if std::mem::take(&mut self.said) || !self.current.is_empty() {
            self.move_points(from, stepped, sink);
            self.record.iter_mut().for_each(Vec::clear);
        }
        let rank = self.rank.take();
        if stepped {
            self.chorus.hear(rank, from, sink);
        }
    }

    /// Forgets the record at hand.
    pub fn forget(&mut self) {
        self.rank = None;
        if std::mem::take(&mut self.said) {
            self.record.iter_mut().for_each(Vec::clear);
        }
    }

    fn move_points(&mut self, from: usize, stepped: bool, sink: &mut Sink) {
        let run = &mut self.record[Facet::Run as usize];
        let says = !run.is_empty();
        if says && self.home.get_or_insert_with(|| run.clone()) == run {
            run.clear();
        }
        if says && !stepped {
            self.current.clone_from(run);
        } else if !says {
            run.clone_from(&self.current);
        }
        if self.record.iter().all(Vec::is_empty) {
            return;
        }
        let kind = match self.known.get(&self.record) {
            Some(kind) => *kind,
            None if self.to.len() >= MOST => return,
            None => {
                self.to.push(Vec::new());
                self.known.insert(self.record.clone(), self.to.len() - 1);
                self.to.len() - 1
            }
        };
        let [split, domain, data, run] = &self.record;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for at in from..sink.points.len() {
            let metric = sink.points[at].metric as usize;
            let to = &mut self.to[kind];
            if to.len() <= metric {
                to.resize(metric + 1, NOTHING);
            }
            if to[metric] == NOTHING {
                let name = named(&sink.metrics()[metric], &text(split), &text(domain), &text(data));
                let part = sink.part(&text(run));
                sink.go_to_part(part);
                to[metric] = sink.metric(&name);
                sink.go_to_part(0);
            }
            sink.points[at].metric = to[metric];
        }
    }

    /// The sink is another one: what was known of its metrics is not true of this one.
    pub fn another_sink(&mut self) {
        self.to.iter_mut().for_each(Vec::clear);
    }

    /// Writes what must be known to go on.
    pub fn save(&self, to: &mut Vec<u8>) {
        saved::bytes(to, self.home.as_deref().unwrap_or_default());
        saved::bytes(to, &self.current);
        self.chorus.save(to);
    }

    /// Takes up what [`Facets::save`] wrote.
    pub fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.home = Some(from.bytes()?.to_vec()).filter(|home| !home.is_empty());
        self.current = from.bytes()?.to_vec();
        self.chorus = Chorus::resume(from)?;
        Some(())
    }
}

/// The name of a series of a split, a domain and a data set; each may be empty.
pub(in crate::ingest) fn named(name: &str, split: &str, domain: &str, data: &str) -> String {
    if is_axis(name) {
        return name.to_owned();
    }
    let held_out = !split.is_empty() || says_held_out(name);
    let domain = if domain.is_empty() && held_out { data } else { domain };
    match (split, domain) {
        ("", "") => name.to_owned(),
        (_, "") if says_held_out(name) => name.to_owned(),
        ("", domain) => format!("{name}/{domain}"),
        (_, domain) if says_held_out(name) => format!("{name}/{domain}"),
        (split, "") => format!("{}/{name}", split.to_ascii_lowercase()),
        (split, domain) => format!("{}/{domain}/{name}", split.to_ascii_lowercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_are_named_after_what_their_records_are_of() {
        for (name, split, domain, data, expected) in [
            ("loss", "val", "", "", "val/loss"),
            ("val_loss", "val", "", "", "val_loss"),
            ("val_loss", "", "code", "", "val_loss/code"),
            ("loss", "Eval", "code", "", "eval/code/loss"),
            ("loss", "", "code", "", "loss/code"),
            ("loss", "", "", "c4", "loss"),
            ("loss", "test", "", "c4", "test/c4/loss"),
            ("step", "val", "code", "", "step"),
            ("tokens", "val", "", "", "tokens"),
        ] {
            assert_eq!(named(name, split, domain, data), expected);
        }
    }

    #[test]
    fn a_name_is_of_a_run_unless_it_says_what_kind_of_record_it_is() {
        for run in ["mix0", "code-heavy", "m1_web", "lr3e-4", "Run-7", "baseline"] {
            assert!(names_run(run), "{run}");
        }
        for kind in
            ["train", "epoch_end", "Step 10", "train_metrics", "gpu metrics", "__main__", "trainer.main", "", "12"]
        {
            assert!(!names_run(kind), "{kind}");
        }
    }

    #[test]
    fn records_that_say_nothing_stay_where_they_are_and_the_first_run_is_the_files_own() {
        let (mut facets, mut sink) = (Facets::default(), Sink::default());
        let record = |facets: &mut Facets, sink: &mut Sink, said: &[(Facet, &str)]| {
            let metric = sink.metric("loss");
            sink.point(metric, sink.points.len() as i64, 2.5, f64::NAN);
            said.iter().for_each(|(facet, text)| facets.note(*facet, text.as_bytes()));
            facets.settle(sink.points.len() - 1, true, sink);
            let metric = sink.points.last().unwrap().metric as usize;
            let part = sink.parts().nth(sink.part_of()[metric] as usize).unwrap().to_owned();
            (part, sink.metrics()[metric].clone())
        };
        let expect = |part: &str, name: &str| (part.to_owned(), name.to_owned());
        assert_eq!(record(&mut facets, &mut sink, &[]), expect("", "loss"));
        assert_eq!(record(&mut facets, &mut sink, &[(Facet::Split, "train")]), expect("", "loss"));
        assert_eq!(record(&mut facets, &mut sink, &[(Facet::Split, "VAL")]), expect("", "val/loss"));
        assert_eq!(record(&mut facets, &mut sink, &[(Facet::Run, "a")]), expect("", "loss"));
        assert_eq!(record(&mut facets, &mut sink, &[(Facet::Run, "b")]), expect("b", "loss"));
        assert_eq!(
            record(&mut facets, &mut sink, &[(Facet::Run, "b"), (Facet::Split, "val")]),
            expect("b", "val/loss")
        );
        assert_eq!(record(&mut facets, &mut sink, &[(Facet::Run, "a")]), expect("", "loss"));
        assert_eq!(record(&mut facets, &mut sink, &[(Facet::Run, "../b")]), expect("", "loss"), "no name of a run");
        assert!(
            facets.home.as_deref() == Some(b"a") && facet("Run-Name") == Some(Facet::Run) && facet("loss").is_none()
        );
    }
}
