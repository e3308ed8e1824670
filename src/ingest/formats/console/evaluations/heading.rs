//! Lines that say what stands beneath them: `***** eval metrics *****`, `Validation loss by domain:`, `--- step 100 ---`.

use super::super::stdout;
use crate::ingest::formats::facets::is_held_out;

/// What a heading says.
#[derive(Debug, PartialEq)]
pub(super) struct Heading {
    /// The word for held-out data, in lower case.
    pub word: Option<String>,
    /// What is measured, where it says so: `loss`.
    pub measure: Option<String>,
    /// The corpus it is measured on: `evaluation on code`.
    pub domain: Option<String>,
    pub step: Option<i64>,
}

/// Words that headings are made of.
const WORDS: [&str; 54] = [
    "results",
    "result",
    "metrics",
    "metric",
    "loss",
    "losses",
    "perplexity",
    "ppl",
    "accuracy",
    "bpb",
    "nll",
    "score",
    "scores",
    "per",
    "by",
    "domain",
    "domains",
    "corpus",
    "corpora",
    "dataset",
    "datasets",
    "task",
    "tasks",
    "at",
    "after",
    "step",
    "steps",
    "iter",
    "iteration",
    "iters",
    "update",
    "global",
    "global_step",
    "epoch",
    "of",
    "on",
    "for",
    "the",
    "set",
    "sets",
    "data",
    "split",
    "summary",
    "running",
    "final",
    "initial",
    "start",
    "starting",
    "begin",
    "info",
    "model",
    "checkpoint",
    "full",
    "downstream",
];

/// Longer lines are no headings.
const LONGEST: usize = 120;

/// Reads a line as a heading of an evaluation, or of a step.
pub(super) fn heading(line: &str) -> Option<Heading> {
    if line.len() > LONGEST || line.contains("...") {
        return None;
    }
    let mut found = Heading { word: None, measure: None, domain: None, step: None };
    let (mut names_step, mut unknown, mut before) = (false, 0, "");
    let lower = line.to_ascii_lowercase();
    let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | ',');
    for word in lower.split(|c: char| !is_inside(c)).map(|word| word.trim_matches(['.', ','])) {
        if word.is_empty() {
            continue;
        }
        if word.as_bytes()[0].is_ascii_digit() {
            let number: String = word.chars().filter(|c| *c != ',').collect();
            let number = number.parse().ok()?;
            if names_step && found.step.is_none() {
                found.step = Some(number);
            } else if before != "epoch" && before != "of" && found.step.is_none_or(|step| number < step) {
                // What a step is out of is no less than it; any other number says something that is not known.
                return None;
            }
        } else if is_held_out(word) {
            found.word.get_or_insert_with(|| word.to_owned());
        } else if WORDS.contains(&word) {
            if matches!(word, "loss" | "losses") {
                found.measure = Some("loss".to_owned());
            } else if stdout::is_measured(word.as_bytes())
                && word != "metric"
                && word != "metrics"
                && !word.starts_with("score")
            {
                found.measure = Some(word.to_owned());
            }
            names_step |=
                word.starts_with("step") || word.starts_with("iter") || word == "update" || word == "global_step";
        } else if matches!(before, "on" | "for") {
            found.domain = Some(word.to_owned());
        } else {
            unknown += 1;
        }
        before = word;
    }
    let says = found.word.is_some() || found.step.is_some();
    (unknown == 0 && says).then_some(found)
}

/// A line without what loggers put before what is said: times, levels, places in the source, ranks.
pub(super) fn said(line: &str) -> &str {
    let mut line = line;
    loop {
        let rest = line.trim_start();
        let shorter = if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']').filter(|end| *end < 60);
            end.filter(|end| is_label(&inner[..*end])).map(|end| inner[end + 1..].trim_start_matches([':', ' ', '-']))
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(0);
            let behind = |end: usize| rest[end..].trim_start().trim_start_matches("- ").trim_start_matches("| ");
            (end > 0 && is_label(&rest[..end])).then(|| behind(end))
        };
        match shorter {
            Some(shorter) => line = shorter,
            None => return line,
        }
    }
}

/// Whether a word is a time, a date, a level, a rank or a place in the source.
fn is_label(word: &str) -> bool {
    let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let level = ["INFO", "WARNING", "WARN", "DEBUG", "NOTICE"];
    let first = bare.split([':', ' ', '|', ',']).next().unwrap_or(bare);
    let stamp = bare.contains(':')
        || bare.matches(['-', '/']).count() == 2
        || bare.matches('/').count() == 1 && bare.len() == 5;
    level.contains(&first.to_ascii_uppercase().as_str())
        || stamp
            && bare.len() >= 5
            && bare
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, ':' | '-' | '/' | '.' | ',' | 'T' | 'Z' | '+' | ' '))
        || bare
            .strip_prefix("rank")
            .or(bare.strip_prefix("default"))
            .is_some_and(|n| n.trim().bytes().all(|b| b.is_ascii_digit()))
        || bare.contains(".py:")
        || bare.starts_with("__main__")
}
