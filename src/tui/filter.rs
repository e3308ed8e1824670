//! The filter of the table of runs, as it is typed: words that must all hold of a run. A word is part of the name or state;
//! `!word` must not be; `/pattern/` is a regular expression for the name; `lr>=1e-3`, `state!=diverged`, `rust<1.2` and
//! `mix.rust>=50%` compare facts, losses, any metric, and weights of the mixture; `tag:base` is a tag of the user's. `|` between words
//! stands between alternatives.

use super::losses::losses;
use super::signs::state_word;
use crate::vocab::number::parse_amount;
use crate::vocab::{FactName, FactValue, RunView, Snapshot};
use regex::{Regex, RegexBuilder};
use std::borrow::Cow;

/// Signs between a name and a value, the longer ones first.
const SIGNS: [(&str, Sign); 6] = [
    (">=", Sign::AtLeast),
    ("<=", Sign::AtMost),
    ("!=", Sign::Not),
    (">", Sign::Above),
    ("<", Sign::Below),
    ("=", Sign::Is),
];
/// Short names that people type for facts.
const SHORT: [(&str, FactName); 7] = [
    ("lr", FactName::LearningRate),
    ("n", FactName::Params),
    ("batch", FactName::BatchTokens),
    ("e", FactName::Experts),
    ("k", FactName::ExpertsPerToken),
    ("g", FactName::Granularity),
    ("steps", FactName::PlannedSteps),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    AtLeast,
    AtMost,
    Not,
    Above,
    Below,
    Is,
}

impl Sign {
    fn holds(self, a: f64, b: f64) -> bool {
        // A value is typed with fewer digits than it was logged with.
        let same = (a - b).abs() <= 1e-9 * a.abs().max(b.abs());
        match self {
            Self::AtLeast => a >= b || same,
            Self::AtMost => a <= b || same,
            Self::Not => !same,
            Self::Above => a > b && !same,
            Self::Below => a < b && !same,
            Self::Is => same,
        }
    }
}

#[derive(Debug, Clone)]
enum Term {
    Word(String),
    Without(String),
    Pattern(Regex),
    Tag { tag: String, is: bool },
    Compare { name: String, sign: Sign, value: String },
}

/// What is known of a run by a name.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// A number.
    Number(f64),
    /// A text.
    Text(Cow<'a, str>),
}

/// A filter.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Alternatives, each of terms that must all hold; none is empty.
    any: Vec<Vec<Term>>,
}

impl Filter {
    /// The filter that was typed, or as much of it as makes sense yet: a comparison without its value, and a pattern that is
    /// not closed, let every run pass; an alternative that has nothing else is none.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let alternatives = words.split(|word| *word == "|");
        let any = alternatives.map(|words| words.iter().filter_map(|word| term(word)).collect::<Vec<Term>>());
        Self { any: any.filter(|terms| !terms.is_empty()).collect() }
    }

    /// Whether every run passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.any.is_empty()
    }

    /// Names that runs are compared by.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.any.iter().flatten().filter_map(|term| match term {
            Term::Compare { name, .. } => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether a run passes; `name` is its name as it is shown.
    #[must_use]
    pub fn passes(&self, snapshot: &Snapshot, run: &RunView, name: &str) -> bool {
        let lower = name.to_lowercase();
        let has = |word: &str| lower.contains(word) || state_word(run.state).contains(word);
        let holds = |term: &Term| match term {
            Term::Word(word) => has(word),
            Term::Without(word) => !has(word),
            Term::Tag { tag, is } => run.tags.iter().any(|own| own.to_lowercase() == *tag) == *is,
            Term::Pattern(pattern) => pattern.is_match(name),
            Term::Compare { name: what, sign, value } => match value_of(snapshot, run, name, what) {
                // A run of which it is not known is other than whatever was typed.
                None => *sign == Sign::Not,
                Some(Value::Number(number)) => number_of(value).is_some_and(|asked| sign.holds(number, asked)),
                Some(Value::Text(text)) => {
                    let same = text.to_lowercase().contains(&value.to_lowercase());
                    if *sign == Sign::Not { !same } else { *sign == Sign::Is && same }
                }
            },
        };
        self.any.is_empty() || self.any.iter().any(|terms| terms.iter().all(holds))
    }
}

fn term(word: &str) -> Option<Term> {
    if let Some(pattern) = word.strip_prefix('/') {
        let pattern = RegexBuilder::new(pattern.strip_suffix('/')?).case_insensitive(true).size_limit(1 << 20).build();
        return pattern.ok().map(Term::Pattern);
    }
    let (bare, is) = word.strip_prefix('!').map_or((word, true), |bare| (bare, false));
    if let Some(tag) = bare.strip_prefix("tag:") {
        return (!tag.is_empty()).then(|| Term::Tag { tag: tag.to_lowercase(), is });
    }
    let first = SIGNS.iter().filter_map(|(text, sign)| Some((word.find(text)?, text.len(), *sign)));
    // The earliest sign, the longer one where two begin at the same place.
    if let Some((at, length, sign)) = first.min_by_key(|(at, length, _)| (*at, usize::MAX - length))
        && at > 0
    {
        let (name, value) = (word[..at].to_lowercase(), word[at + length..].to_owned());
        return (!value.is_empty()).then_some(Term::Compare { name, sign, value });
    }
    match word.strip_prefix('!') {
        Some("") => None,
        Some(word) => Some(Term::Without(word.to_lowercase())),
        None => Some(Term::Word(word.to_lowercase())),
    }
}

/// A number as typed: `1e-3`, `7B`, `50%`.
fn number_of(text: &str) -> Option<f64> {
    if let Some(percent) = text.strip_suffix('%') {
        return percent.parse::<f64>().ok().map(|value| value / 100.0);
    }
    text.parse().ok().or_else(|| parse_amount(text).ok())
}

/// What is known of a run by a name in lower case: a fact, a loss, a metric, `mix.DOMAIN`, `tags`, `note`, a setting; `shown` is the
/// run's name as it is shown.
#[must_use]
pub fn value_of<'a>(snapshot: &Snapshot, run: &'a RunView, shown: &'a str, name: &str) -> Option<Value<'a>> {
    let text = |text: &'a str| Value::Text(Cow::Borrowed(text));
    if let Some(domain) = name.strip_prefix("mix.") {
        let weights = &run.mixture()?.0;
        return weights.iter().find(|(key, _)| key.to_lowercase() == domain).map(|(_, weight)| Value::Number(*weight));
    }
    match name {
        "state" => return Some(Value::Text(Cow::Borrowed(state_word(run.state)))),
        "name" => return Some(text(shown)),
        "tags" | "tag" => return (!run.tags.is_empty()).then(|| Value::Text(Cow::Owned(run.tags.join(" ")))),
        "note" => return run.note.as_deref().map(text),
        "progress" | "done" => return run.progress.map(Value::Number),
        "step" => return run.last_step.map(|step| Value::Number(step as f64)),
        "d" | "tokens" => return run.tokens_seen().map(Value::Number),
        _ => {}
    }
    let short = SHORT.iter().find(|(short, _)| *short == name).map(|(_, fact)| *fact);
    let fact = short.or_else(|| FactName::ALL.into_iter().find(|fact| fact.as_str() == name));
    if let Some(fact) = fact.and_then(|fact| run.facts.get(&fact)) {
        return match &fact.value {
            FactValue::Number(number) => Some(Value::Number(*number)),
            FactValue::Text(found) => Some(text(found)),
            FactValue::Mixture(_) | FactValue::Phases(_) => None,
        };
    }
    let loss = losses(snapshot).into_iter().find(|loss| loss.label.to_lowercase() == name).map(|loss| loss.key);
    let metric = match loss {
        Some(key) => run.metrics.get(key),
        None => run.metrics.iter().find(|(key, _)| key.to_lowercase() == name).map(|(_, metric)| metric),
    };
    let metric = metric.map(|metric| Value::Number(metric.last));
    metric.filter(|value| !matches!(value, Value::Number(v) if v.is_nan())).or_else(|| setting(run, name))
}

/// A setting of the run's configuration, by its dotted key, or by the last part of it where only one ends so.
fn setting<'a>(run: &'a RunView, name: &str) -> Option<Value<'a>> {
    let ends = |key: &str| key.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case(name));
    let whole = run.settings.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let (_, text) = whole.or_else(|| {
        let mut found = run.settings.iter().filter(|(key, _)| ends(key));
        found.next().filter(|_| found.next().is_none())
    })?;
    // `nan` and `inf` are words here.
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    Some(number.map_or(Value::Text(Cow::Borrowed(text)), Value::Number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;
    use std::sync::Arc;

    fn count(filter: &str) -> usize {
        let (snapshot, filter) = (fixture::sweep(), Filter::of(filter));
        let short = |name: &str| name.strip_prefix("runs/").unwrap_or(name).to_owned();
        snapshot.runs.iter().filter(|run| filter.passes(&snapshot, run, &short(&run.name))).count()
    }

    #[test]
    fn words_negations_and_patterns() {
        assert_eq!((count(""), count("n590k"), count("n590k running")), (36, 9, 2));
        assert_eq!(count("!n590k"), 27);
        assert_eq!(count("/^n(25|99)k/"), 18);
        assert_eq!((count("/^n(25"), count("/("), count("!")), (36, 36, 36), "not finished: nothing is left out");
        assert_eq!(count("/(/"), 36, "no pattern at all");
        assert_eq!((count("n590k | n25k"), count("n590k running | n25k"), count("n590k | n590k")), (18, 11, 9));
        assert_eq!((count("n590k |"), count("| n590k"), count("n590k | lr>"), count("|")), (9, 9, 9, 36));
    }

    #[test]
    fn tags_are_the_users() {
        let mut snapshot = fixture::sweep();
        let run = std::sync::Arc::make_mut(&mut snapshot.runs[3]);
        (run.tags, run.note) = (vec!["base".to_owned(), "v2".to_owned()], Some("rerun".to_owned()));
        let count = |filter: &str| {
            let filter = Filter::of(filter);
            snapshot.runs.iter().filter(|run| filter.passes(&snapshot, run, &run.name)).count()
        };
        assert_eq!((count("tag:BASE"), count("!tag:base"), count("tag:b"), count("tag:")), (1, 35, 0, 36));
        assert_eq!((count("tags=v2"), count("note=rerun"), count("note!=rerun")), (1, 1, 35));
    }

    #[test]
    fn settings_are_known_by_their_key_or_the_last_part_of_it() {
        assert_eq!((count("data.tokenizer=gpt2"), count("tokenizer=gpt2"), count("tokenizer!=gpt2")), (18, 18, 18));
        assert_eq!((count("beta2>0.96"), count("optim.beta2<=0.95"), count("compile=true")), (27, 9, 36));
        let mut run = RunView::unknown(1);
        let mut settings = |key: &str, value: &str| {
            Arc::make_mut(&mut run.settings).insert(key.to_owned(), value.to_owned());
        };
        settings("a.seed", "1");
        settings("b.seed", "nan");
        let (snapshot, known) = (fixture::sweep(), |name: &str| value_of(&fixture::empty(), &run, "", name));
        assert_eq!(known("a.seed"), Some(Value::Number(1.0)));
        assert_eq!(known("b.seed"), Some(Value::Text(Cow::Borrowed("nan"))));
        // Two end so: neither is meant.
        assert_eq!(value_of(&snapshot, &run, "", "seed"), None);
    }

    #[test]
    fn numbers_and_words_are_compared() {
        let (all, finished) = (36, count("state=finished"));
        assert_eq!(count("state!=finished"), all - finished);
        assert!(finished > 20);
        assert_eq!(count("n>=590k") + count("n<590k"), all);
        assert_eq!(count("N>500k N<1M"), count("n590k"));
        assert_eq!(count("mix.rust>=50%") + count("mix.rust<50%"), all);
        assert_eq!(count("progress=100%"), finished);
        let known = count("rust>0");
        assert_eq!(count("rust>1.7") + count("rust<=1.7"), known);
        assert!(count("eval/rust/loss<=1.7") == count("rust<=1.7") && known < all, "by its key or its name");
        assert_eq!((count("rust>"), count("no.such>1"), count("no.such!=1")), (all, 0, all));
    }
}
