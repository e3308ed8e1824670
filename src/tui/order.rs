//! Filter and order of the table of runs.

use super::filter::{Filter, Value, value_of};
use super::losses::losses;
use crate::vocab::{RunState, RunView, Snapshot};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// What the runs are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Column {
    /// The order of the snapshot: newest activity first.
    #[default]
    Activity,
    /// What the run is doing.
    State,
    /// Name, with numbers in it compared as numbers.
    Name,
    /// Part of the plan done.
    Progress,
    /// N.
    Params,
    /// Tokens seen.
    Tokens,
    /// Weight of the domain that is moved on the chart.
    Mixture,
    /// Newest value of a validation loss, by its index in [`losses`].
    Loss(usize),
    /// What the user has named, by its index in [`super::shared::RunList::columns`].
    Named(usize),
}

/// A column and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sort {
    /// What by.
    pub column: Column,
    /// Largest first.
    pub descending: bool,
}

impl Sort {
    /// The next column, going through all that there are with so many losses and so many that the user has named.
    #[must_use]
    pub fn next(self, losses: usize, named: usize) -> Self {
        use Column::*;
        let column = match self.column {
            Activity => State,
            State => Name,
            Name => Progress,
            Progress => Params,
            Params => Tokens,
            Tokens => Mixture,
            Mixture if losses > 0 => Loss(0),
            Loss(i) if i + 1 < losses => Loss(i + 1),
            Mixture | Loss(_) if named > 0 => Named(0),
            Named(i) if i + 1 < named => Named(i + 1),
            Mixture | Loss(_) | Named(_) => Activity,
        };
        Self { column, descending: false }
    }
}

/// The domain whose weight stands for the mixture: that of the charts, or the last one.
#[must_use]
pub fn moved_domain(snapshot: &Snapshot) -> Option<&str> {
    snapshot.charts.first().map(|c| &c.domain).or(snapshot.domains.last()).map(String::as_str)
}

/// Indices of the runs that pass the [filter](Filter), by their names after `prefix`, sorted; ties stay in the order
/// of the snapshot.
#[must_use]
pub fn order(snapshot: &Snapshot, prefix: &str, filter: &str, sort: Sort, columns: &[String]) -> Vec<usize> {
    let filter = Filter::of(filter);
    let shown = |run: &'_ usize| {
        let name = snapshot.runs[*run].name.as_str();
        name.strip_prefix(prefix).unwrap_or(name)
    };
    // What is not seen is not matched.
    let passes = |run: &RunView| filter.passes(snapshot, run, run.name.strip_prefix(prefix).unwrap_or(&run.name));
    let mut kept: Vec<usize> =
        (0..snapshot.runs.len()).filter(|i| filter.is_empty() || passes(&snapshot.runs[*i])).collect();
    match sort.column {
        Column::Activity => {
            if sort.descending {
                kept.reverse();
            }
        }
        Column::Named(named) => {
            let name = columns.get(named).map(|name| name.to_lowercase()).unwrap_or_default();
            let value = |i: &usize| value_of(snapshot, &snapshot.runs[*i], shown(i), &name);
            let mut keyed: Vec<(Option<Value<'_>>, usize)> = kept.iter().map(|i| (value(i), *i)).collect();
            keyed.sort_by(|(a, _), (b, _)| match (a, b) {
                (Some(a), Some(b)) => directed(compared(a, b), sort.descending),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
            kept = keyed.into_iter().map(|(_, i)| i).collect();
        }
        Column::Name => {
            kept.sort_by(|a, b| directed(natural(&snapshot.runs[*a].name, &snapshot.runs[*b].name), sort.descending))
        }
        column => {
            let losses = losses(snapshot);
            let domain = moved_domain(snapshot);
            let key = |run: &RunView| -> Option<f64> {
                match column {
                    Column::State => Some(f64::from(state_rank(run.state))),
                    Column::Progress => run.progress,
                    Column::Params => run.params(),
                    Column::Tokens => run.tokens_seen(),
                    Column::Mixture => Some(run.mixture()?.weight(domain?)),
                    Column::Loss(i) => Some(run.metrics.get(losses.get(i)?.key)?.last),
                    Column::Activity | Column::Name | Column::Named(_) => None,
                }
                .filter(|v| v.is_finite())
            };
            let mut keyed: Vec<(Option<f64>, usize)> = kept.iter().map(|i| (key(&snapshot.runs[*i]), *i)).collect();
            // Runs without the number come last, whichever way the others are sorted.
            keyed.sort_by(|(a, _), (b, _)| match (a, b) {
                (Some(a), Some(b)) => directed(a.total_cmp(b), sort.descending),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
            kept = keyed.into_iter().map(|(_, i)| i).collect();
        }
    }
    kept
}

/// Numbers before texts.
fn compared(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => natural(a, b),
        (Value::Number(_), Value::Text(_)) => Ordering::Less,
        (Value::Text(_), Value::Number(_)) => Ordering::Greater,
    }
}

fn directed(ordering: Ordering, descending: bool) -> Ordering {
    if descending { ordering.reverse() } else { ordering }
}

/// The folders, up to and with the last `/`, that the names of all runs start with.
#[must_use]
pub fn common_folders(snapshot: &Snapshot) -> String {
    let mut names = snapshot.runs.iter().map(|r| r.name.as_str());
    let Some(first) = names.next() else { return String::new() };
    let mut common = first.rfind('/').map_or("", |at| &first[..=at]);
    for name in names {
        while !name.starts_with(common) {
            let shorter = common[..common.len() - 1].rfind('/').map_or(0, |at| at + 1);
            common = &common[..shorter];
        }
    }
    common.to_owned()
}

/// What wants attention first.
fn state_rank(state: RunState) -> u8 {
    match state {
        RunState::Diverged | RunState::Failed => 0,
        RunState::Stalled => 1,
        RunState::Running => 2,
        RunState::Waiting => 3,
        RunState::Finished => 4,
    }
}

/// Compares names so that `n99k` comes before `n333k`.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (a.first(), b.first()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let digits = |s: &[u8]| s.iter().take_while(|c| c.is_ascii_digit()).count();
                let (na, nb) = (digits(a), digits(b));
                let number = |s: &[u8]| s.iter().skip_while(|c| **c == b'0').copied().collect::<Vec<u8>>();
                let (va, vb) = (number(&a[..na]), number(&b[..nb]));
                let by_value = va.len().cmp(&vb.len()).then(va.cmp(&vb)).then(na.cmp(&nb));
                if by_value != Ordering::Equal {
                    return by_value;
                }
                (a, b) = (&a[na..], &b[nb..]);
            }
            (Some(x), Some(y)) if x == y => (a, b) = (&a[1..], &b[1..]),
            (x, y) => return x.cmp(&y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;
    use std::sync::Arc;

    #[test]
    fn numbers_in_names_are_numbers() {
        let mut names = ["n333k-r010", "n99k-r100", "n99k-r020", "n25k-r1", "a", "n25k-r01"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "n25k-r1", "n25k-r01", "n99k-r020", "n99k-r100", "n333k-r010"]);
    }

    #[test]
    fn folders_that_all_names_share_are_known() {
        assert_eq!(common_folders(&fixture::sweep()), "runs/");
        let mut snapshot = fixture::sweep();
        for (run, name) in snapshot.runs.iter_mut().zip(["a/b/c", "a/b/d", "a/bc"]) {
            Arc::make_mut(run).name = name.to_owned();
        }
        snapshot.runs.truncate(3);
        assert_eq!(common_folders(&snapshot), "a/");
        snapshot.runs.truncate(2);
        assert_eq!(common_folders(&snapshot), "a/b/");
        Arc::make_mut(&mut snapshot.runs[1]).name = "x".to_owned();
        assert_eq!(common_folders(&snapshot), "");
    }

    #[test]
    fn every_word_of_the_filter_must_occur() {
        let snapshot = fixture::sweep();
        let count = |filter: &str| order(&snapshot, "runs/", filter, Sort::default(), &[]).len();
        assert_eq!(count(""), 36);
        assert_eq!(count("N590K"), 9);
        assert_eq!(count("n590k running"), 2);
        assert_eq!(count("nothing like it"), 0);
        assert_eq!(count("run"), 2, "running, and not the folder that all are in");
    }

    #[test]
    fn runs_without_the_number_come_last_either_way() {
        let snapshot = fixture::sweep();
        for descending in [false, true] {
            let sorted = order(&snapshot, "", "", Sort { column: Column::Loss(1), descending }, &[]);
            let last = |i: usize| snapshot.runs[i].metrics.get("eval/rust/loss").map(|m| m.last);
            let values: Vec<f64> = sorted.iter().filter_map(|i| last(*i)).filter(|v| v.is_finite()).collect();
            assert!(values.is_sorted_by(|a, b| if descending { a >= b } else { a <= b }));
            assert!(last(sorted[35]).is_none_or(f64::is_nan), "waiting and diverged runs are at the end");
        }
    }

    #[test]
    fn sorting_goes_through_every_column_and_back() {
        let mut sort = Sort::default();
        let mut seen = Vec::new();
        loop {
            seen.push(sort.column);
            sort = sort.next(2, 3);
            if sort.column == Column::Activity {
                break;
            }
        }
        assert_eq!(seen.len(), 12);
    }

    #[test]
    fn what_is_named_is_sorted_by_numbers_or_words() {
        let mut snapshot = fixture::sweep();
        for (i, run) in snapshot.runs.iter_mut().map(Arc::make_mut).enumerate().skip(1) {
            run.tags = vec![format!("v{i}")];
        }
        let columns = ["LR", "tags", "grad_norm", "no such"].map(str::to_owned);
        let by =
            |column, descending| order(&snapshot, "", "", Sort { column: Column::Named(column), descending }, &columns);
        assert_eq!(by(0, false).len(), 36);
        let tags = by(1, true);
        assert_eq!((tags[0], tags[34], tags[35]), (35, 1, 0), "in numbers, and the one without last");
        assert_eq!(by(1, false)[35], 0);
        assert_eq!((by(3, true), by(9, false)), ((0..36).collect(), (0..36).collect()), "nothing to sort by");
    }
}
