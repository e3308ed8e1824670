//! The x axes: in which order, what they are called, and what is missing where one has nothing to show.

use super::{choice, typed};
use crate::ipc::series::Axis;
use crate::tui::fmt;
use crate::tui::lines::Numbers;
use crate::tui::shared::{Shared, label};
use crate::vocab::text::printable;
use crate::vocab::{FactName, FactValue, RunView, Snapshot, step_metric};

/// The next axis, and why one was passed over, if one was. Epochs of a corpus are offered where its unique tokens are stated.
pub(super) fn next(now: &Axis, shared: &Shared) -> (Axis, Option<&'static str>) {
    const WHY: &str = "epochs of a corpus need its unique tokens: mixture.available_tokens in the project file";
    let epochs = |from: u16| {
        let snapshot = shared.snapshot.as_deref()?;
        let known = |corpus: &u16| snapshot.supply.contains_key(&snapshot.domains[usize::from(*corpus)]);
        (from..snapshot.domains.len() as u16).find(known).map(Axis::Epochs)
    };
    match now {
        Axis::Step => (Axis::Tokens, None),
        Axis::Tokens => (Axis::Compute, None),
        Axis::Compute => (Axis::Plan, None),
        Axis::Plan => epochs(0).map_or((Axis::Elapsed, Some(WHY)), |axis| (axis, None)),
        Axis::Epochs(corpus) => (epochs(*corpus + 1).unwrap_or(Axis::Elapsed), None),
        Axis::Elapsed => (Axis::Time, None),
        Axis::Time | Axis::Metric(_) => (Axis::Step, None),
    }
}

/// What all of some runs say that a metric is drawn over: one that they log, and that counts no steps, which are the first axis.
pub(super) fn stated(runs: &[&RunView], key: &str) -> Option<Axis> {
    let of = |run: &&RunView| match &run.facts.get(&FactName::StepMetric)?.value {
        FactValue::Text(text) => step_metric::of(text, key)
            .filter(|over| !step_metric::counts_steps(over) && run.metrics.contains_key(over))
            .map(str::to_owned),
        _ => None,
    };
    let mut all = runs.iter().filter(|run| run.metrics.contains_key(key)).map(of);
    let first = all.next().flatten()?;
    all.all(|other| other.as_ref() == Some(&first)).then_some(Axis::Metric(first))
}

/// The corpus of an axis of epochs.
fn corpus(snapshot: Option<&Snapshot>, corpus: u16) -> String {
    let name = snapshot.and_then(|snapshot| snapshot.domains.get(usize::from(corpus)));
    name.map_or_else(|| "a corpus".to_owned(), |name| fmt::head(&printable(name), 20))
}

/// A metric, as the project calls it.
fn named(shared: &Shared, key: &str) -> String {
    shared.snapshot.as_ref().map_or_else(|| key.to_owned(), |snapshot| label(snapshot, key))
}

/// The axis of a name: one of those that every project has, or the first metric whose name has all words.
pub(super) fn of(words: &str, shared: &Shared) -> Option<Axis> {
    let words = words.trim().to_lowercase();
    let known = [
        (&["step", "steps"] as &[&str], Axis::Step),
        (&["tokens"], Axis::Tokens),
        (&["compute", "flops"], Axis::Compute),
        (&["plan", "the plan", "part of the plan"], Axis::Plan),
        (&["elapsed", "time since the start"], Axis::Elapsed),
        (&["time"], Axis::Time),
    ];
    if let Some((_, axis)) = known.into_iter().find(|(names, _)| names.contains(&words.as_str())) {
        return Some(axis);
    }
    let all = choice::keys(shared);
    let exact = all.iter().find(|key| key.to_lowercase() == words);
    let key = exact.or_else(|| all.iter().find(|key| typed::has(shared, key, &words)))?;
    Some(Axis::Metric((*key).to_owned()))
}

/// What is on it, after "over".
pub(super) fn name(axis: &Axis, shared: &Shared) -> String {
    match axis {
        Axis::Step => "steps".to_owned(),
        Axis::Tokens => "tokens".to_owned(),
        Axis::Compute => "compute".to_owned(),
        Axis::Plan => "the plan".to_owned(),
        Axis::Epochs(of) => format!("epochs of {}", corpus(shared.snapshot.as_deref(), *of)),
        Axis::Elapsed => "time since the start".to_owned(),
        Axis::Time => "time (UTC)".to_owned(),
        Axis::Metric(key) => fmt::tail(&printable(&named(shared, key)), 24),
    }
}

/// What its numbers are.
pub(super) fn numbers(axis: &Axis) -> Numbers {
    match axis {
        Axis::Step => Numbers::Counts,
        Axis::Tokens | Axis::Compute | Axis::Epochs(_) | Axis::Metric(_) => Numbers::Amounts,
        Axis::Plan => Numbers::Parts,
        Axis::Elapsed => Numbers::Seconds,
        Axis::Time => Numbers::Times,
    }
}

/// What is not known of the runs where nothing can be drawn over it, with its verb.
pub(super) fn missing(axis: &Axis, shared: &Shared) -> String {
    match axis {
        Axis::Step | Axis::Tokens => "tokens per step are".to_owned(),
        Axis::Compute => "size and tokens per step are".to_owned(),
        Axis::Plan => "planned steps are".to_owned(),
        Axis::Epochs(of) => {
            format!("tokens per step and constant share of {} are", corpus(shared.snapshot.as_deref(), *of))
        }
        Axis::Elapsed | Axis::Time => "times are".to_owned(),
        Axis::Metric(key) => format!("values of {} at the same steps are", printable(&named(shared, key))),
    }
}
