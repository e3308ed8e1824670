//! The x axes: in which order, what they are called, and what is missing where one has nothing to show.

use crate::ipc::series::Axis;
use crate::tui::fmt;
use crate::tui::lines::Numbers;
use crate::tui::shared::Shared;
use crate::vocab::Snapshot;
use crate::vocab::text::printable;

/// The next axis, and why one was passed over, if one was. Epochs of a corpus are offered where its unique tokens are stated.
pub(super) fn next(now: Axis, shared: &Shared) -> (Axis, Option<&'static str>) {
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
        Axis::Epochs(corpus) => (epochs(corpus + 1).unwrap_or(Axis::Elapsed), None),
        Axis::Elapsed => (Axis::Time, None),
        Axis::Time => (Axis::Step, None),
    }
}

/// The corpus of an axis of epochs.
fn corpus(snapshot: Option<&Snapshot>, corpus: u16) -> String {
    let name = snapshot.and_then(|snapshot| snapshot.domains.get(usize::from(corpus)));
    name.map_or_else(|| "a corpus".to_owned(), |name| fmt::head(&printable(name), 20))
}

/// What is on it, after "over".
pub(super) fn name(axis: Axis, shared: &Shared) -> String {
    match axis {
        Axis::Step => "steps".to_owned(),
        Axis::Tokens => "tokens".to_owned(),
        Axis::Compute => "compute".to_owned(),
        Axis::Plan => "the plan".to_owned(),
        Axis::Epochs(of) => format!("epochs of {}", corpus(shared.snapshot.as_deref(), of)),
        Axis::Elapsed => "time since the start".to_owned(),
        Axis::Time => "time (UTC)".to_owned(),
    }
}

/// What its numbers are.
pub(super) fn numbers(axis: Axis) -> Numbers {
    match axis {
        Axis::Step => Numbers::Counts,
        Axis::Tokens | Axis::Compute | Axis::Epochs(_) => Numbers::Amounts,
        Axis::Plan => Numbers::Parts,
        Axis::Elapsed => Numbers::Seconds,
        Axis::Time => Numbers::Times,
    }
}

/// What is not known of the runs where nothing can be drawn over it, with its verb.
pub(super) fn missing(axis: Axis, shared: &Shared) -> String {
    match axis {
        Axis::Step | Axis::Tokens => "tokens per step are".to_owned(),
        Axis::Compute => "size and tokens per step are".to_owned(),
        Axis::Plan => "planned steps are".to_owned(),
        Axis::Epochs(of) => {
            format!("tokens per step and constant share of {} are", corpus(shared.snapshot.as_deref(), of))
        }
        Axis::Elapsed | Axis::Time => "times are".to_owned(),
    }
}
