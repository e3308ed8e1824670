//! Columns and keys whose text says what a record is of: its split, its domain, its run.
//!
//! The rule, for every format of records with names (JSON lines, tables): records that differ in such a text are series of
//! their own. Under `split` and its like, a word for held-out data goes before the name (`val/loss`); rows of training keep
//! theirs. Under `domain` and its like, the text goes behind it (`val_loss/code`); under words that may also be the one data
//! set of a run (`dataset`, `source`), only where the record is held out. Under `run` and its like, the first run of the file
//! is the run that the file lies in, and each other is one of its own.

use super::Sink;
use std::collections::HashMap;

/// What a text says a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Facet {
    Split,
    Domain,
    /// A domain where the record is held out.
    Data,
    Run,
}

/// Most different records of one file; one with more has texts of another kind there.
const MOST: usize = 2_000;
/// Longest text that names anything.
const LONGEST: usize = 100;

const NOTHING: u32 = u32::MAX;

/// What text under this key says, if anything.
pub(super) fn facet(key: &str) -> Option<Facet> {
    let key = key.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    match key.as_str() {
        "split" | "phase" | "mode" | "stage" | "type" | "event" | "kind" | "set" | "partition" | "data_split" => {
            Some(Facet::Split)
        }
        "domain" | "corpus" | "subset" | "eval_dataset" | "eval_set" | "eval_name" | "eval_domain" | "val_set"
        | "validation_set" | "benchmark" | "task" | "task_name" => Some(Facet::Domain),
        "dataset" | "dataset_name" | "data" | "data_name" | "source" | "data_source" => Some(Facet::Data),
        "run" | "run_name" | "run_id" | "runid" | "experiment" | "experiment_name" | "experiment_id" | "exp"
        | "exp_name" | "trial" | "trial_id" | "trial_name" | "variant" | "job_name" => Some(Facet::Run),
        _ => None,
    }
}

/// Whether a word is for data that is not trained on.
fn is_held_out(word: &str) -> bool {
    const WORDS: [&str; 10] =
        ["val", "valid", "validation", "eval", "evaluation", "evaluate", "test", "dev", "heldout", "holdout"];
    WORDS.contains(&word)
}

fn says_held_out(name: &str) -> bool {
    name.to_ascii_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).any(is_held_out)
}

/// Names that say where in the run a record is, which is the same for every split and domain.
fn is_axis(name: &str) -> bool {
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
}

impl Facets {
    /// Notes a text of the record at hand.
    pub fn note(&mut self, facet: Facet, text: &[u8]) {
        let text = text.trim_ascii();
        if text.is_empty() || text.len() > LONGEST || !text.is_ascii() && std::str::from_utf8(text).is_err() {
            return;
        }
        if facet == Facet::Split {
            let word = text.to_ascii_lowercase();
            if !std::str::from_utf8(&word).is_ok_and(is_held_out) {
                return;
            }
        }
        let place = &mut self.record[facet as usize];
        if place.is_empty() {
            place.extend_from_slice(text);
            self.said = true;
        }
    }

    /// Gives the points of the record, from index `from` on, to the series that they are of, and forgets the record.
    pub fn settle(&mut self, from: usize, sink: &mut Sink) {
        if !std::mem::take(&mut self.said) {
            return;
        }
        self.move_points(from, sink);
        self.record.iter_mut().for_each(Vec::clear);
    }

    /// Forgets the record at hand.
    pub fn forget(&mut self) {
        if std::mem::take(&mut self.said) {
            self.record.iter_mut().for_each(Vec::clear);
        }
    }

    fn move_points(&mut self, from: usize, sink: &mut Sink) {
        let run = &mut self.record[Facet::Run as usize];
        if !run.is_empty() && self.home.get_or_insert_with(|| run.clone()) == run {
            run.clear();
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

    /// What must be known to go on: the run that the file lies in.
    pub fn home(&self) -> &[u8] {
        self.home.as_deref().unwrap_or_default()
    }

    /// Takes up what [`Facets::home`] gave.
    pub fn resume(&mut self, home: &[u8]) {
        self.home = Some(home.to_vec()).filter(|home| !home.is_empty());
    }
}

/// The name of a series of a split, a domain and a data set; each may be empty.
fn named(name: &str, split: &str, domain: &str, data: &str) -> String {
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
    fn records_that_say_nothing_stay_where_they_are_and_the_first_run_is_the_files_own() {
        let (mut facets, mut sink) = (Facets::default(), Sink::default());
        let record = |facets: &mut Facets, sink: &mut Sink, said: &[(Facet, &str)]| {
            let metric = sink.metric("loss");
            sink.point(metric, 1, 2.5, f64::NAN);
            said.iter().for_each(|(facet, text)| facets.note(*facet, text.as_bytes()));
            facets.settle(sink.points.len() - 1, sink);
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
        assert!(facets.home() == b"a" && facet("Run-Name") == Some(Facet::Run) && facet("loss").is_none());
    }
}
