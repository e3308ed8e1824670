//! What differs between the listed runs: facts and settings that are not the same in all, every loss, and how far each run is from the
//! best.

use super::{Actions, Presence, Role, Spec, View, ViewId};
use crate::tui::fmt;
use crate::tui::shared::{Shared, losses};
use crate::tui::signs;
use crate::tui::text::prose;
use crate::vocab::count::counted;
use crate::vocab::text::printable;
use crate::vocab::{FactName, FactValue, Ordered, RunView, Snapshot};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use std::collections::{BTreeMap, BTreeSet};

static SPEC: Spec = Spec {
    id: ViewId("compare"),
    name: "Compare",
    about: "what differs between the listed runs",
    roles: &[Role::Detail],
    signs: &[],
};

/// Rows at most: the filter of the list says which.
const MOST: usize = 200;
/// Columns of a fact at most.
const WIDEST: usize = 16;

/// The comparison.
#[derive(Debug, Clone, Default)]
pub struct Compare;

impl Actions for Compare {}

/// A column: its heading, and its text for each run.
struct Column {
    head: String,
    cells: Vec<String>,
    numbers: bool,
    /// As wide as the widest of its texts, measured once.
    width: usize,
}

impl Column {
    fn new(head: String, cells: Vec<String>, numbers: bool) -> Self {
        let longest = cells.iter().map(|cell| fmt::width(cell)).max().unwrap_or(0);
        let width = longest.max(fmt::width(&head)).min(WIDEST);
        Self { head, cells, numbers, width }
    }

    fn text(&self, text: &str) -> String {
        let text = fmt::head(text, WIDEST);
        if self.numbers { fmt::right(&text, self.width) } else { fmt::left(&text, self.width) }
    }
}

fn show(value: &FactValue) -> String {
    match value {
        FactValue::Number(number) => fmt::plain(*number),
        FactValue::Text(text) => printable(text),
        FactValue::Mixture(mixture) => {
            let shares = mixture.0.values().map(|weight| format!("{:.0}", 100.0 * weight));
            shares.collect::<Vec<_>>().join("/")
        }
        FactValue::Phases(phases) => format!("{} phases", phases.len()),
    }
}

/// The runs that are compared, the best of the first loss first.
fn runs<'a>(shared: &Shared, snapshot: &'a Snapshot) -> Vec<&'a RunView> {
    let mut runs: Vec<&RunView> = shared.runs.order.iter().map(|index| &*snapshot.runs[*index]).collect();
    if let Some((key, more)) = first_loss(snapshot) {
        let rank = |run: &RunView| match run.metrics.get(key).map(|metric| metric.last).filter(|v| v.is_finite()) {
            Some(value) => {
                if more {
                    -value
                } else {
                    value
                }
            }
            None => f64::INFINITY,
        };
        runs.sort_by_cached_key(|run| Ordered(rank(run)));
    }
    runs.truncate(MOST);
    runs
}

/// Key of the loss that runs are sorted by, and whether more of it is better.
fn first_loss(snapshot: &Snapshot) -> Option<(&str, bool)> {
    let first = losses(snapshot).into_iter().next()?;
    Some((first.key, more_is_better(snapshot, first.key)))
}

fn more_is_better(snapshot: &Snapshot, key: &str) -> bool {
    snapshot.measured.iter().any(|metric| metric.key == key && metric.unit.higher_is_better())
}

/// Facts that differ, as columns; and what is the same in all, in words.
fn facts(runs: &[&RunView]) -> (Vec<Column>, Vec<String>) {
    let (mut differ, mut same) = (Vec::new(), Vec::new());
    for name in FactName::ALL {
        let texts: Vec<Option<String>> = runs.iter().map(|run| Some(show(&run.facts.get(&name)?.value))).collect();
        match texts.first() {
            Some(Some(first)) if texts.iter().all(|text| text.as_ref() == Some(first)) => {
                same.push(format!("{} {first}", name.as_str()));
            }
            _ if texts.iter().all(Option::is_none) => {}
            _ => {
                let numbers = runs
                    .iter()
                    .any(|run| run.facts.get(&name).is_some_and(|fact| matches!(fact.value, FactValue::Number(_))));
                let cells = texts.into_iter().map(|text| text.unwrap_or_else(|| "–".to_owned())).collect();
                differ.push(Column::new(name.as_str().replace('_', " "), cells, numbers));
            }
        }
    }
    (differ, same)
}

/// Settings of the configurations that differ, as columns, those of most runs first; how many are the same in all. Settings
/// that facts were read from are those facts.
fn settings(runs: &[&RunView]) -> (Vec<Column>, usize) {
    let mut values: BTreeMap<&str, Vec<Option<&str>>> = BTreeMap::new();
    for (at, run) in runs.iter().enumerate() {
        for (key, value) in run.settings.iter() {
            values.entry(key).or_insert_with(|| vec![None; runs.len()])[at] = Some(value);
        }
    }
    let sources = runs.iter().flat_map(|run| run.facts.values()).filter_map(|fact| fact.source.split_once('#'));
    let stated: BTreeSet<&str> = sources.map(|(_, place)| place).collect();
    values.retain(|key, _| !stated.contains(key));
    let all = values.len();
    values.retain(|_, values| values.iter().any(|value| *value != values[0]));
    let same = all - values.len();
    let column = |(key, values): (&str, Vec<Option<&str>>)| {
        let numbers = values.iter().flatten().all(|value| value.parse::<f64>().is_ok());
        let known = values.iter().flatten().count();
        let cells = values.into_iter().map(|value| value.map_or_else(|| "–".to_owned(), printable)).collect();
        (known, Column::new(printable(key), cells, numbers))
    };
    let mut columns: Vec<(usize, Column)> = values.into_iter().map(column).collect();
    columns.sort_by_cached_key(|(known, _)| std::cmp::Reverse(*known));
    (columns.into_iter().map(|(_, column)| column).collect(), same)
}

/// A loss, and how far each run is from the best of them.
fn loss(snapshot: &Snapshot, runs: &[&RunView], label: &str, key: &str) -> [Column; 2] {
    let values: Vec<f64> = runs.iter().map(|run| run.metrics.get(key).map_or(f64::NAN, |metric| metric.last)).collect();
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let best = if more_is_better(snapshot, key) {
        finite.fold(f64::NEG_INFINITY, f64::max)
    } else {
        finite.fold(f64::INFINITY, f64::min)
    };
    let apart = |value: &f64| match *value - best {
        d if !d.is_finite() => "–".to_owned(),
        0.0 => "best".to_owned(),
        d => format!("{}{}", if d > 0.0 { "+" } else { "−" }, fmt::significant(d.abs(), 2)),
    };
    let cells = values.iter().map(|value| fmt::loss(*value)).collect();
    let delta = values.iter().map(apart).collect();
    [Column::new(printable(label), cells, true), Column::new("Δ best".to_owned(), delta, true)]
}

impl View for Compare {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn presence(&self, shared: &Shared) -> Presence {
        let several = shared.snapshot.as_ref().is_some_and(|snapshot| snapshot.runs.len() > 1);
        if several { Presence::There } else { Presence::Quiet }
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        let Some(snapshot) = &shared.snapshot else { return Vec::new() };
        let theme = &shared.theme;
        let runs = runs(shared, snapshot);
        if runs.len() < 2 {
            return prose("Two runs or more can be compared.", theme.dim, width);
        }
        let (mut facts, mut same) = facts(&runs);
        let (settings, as_set) = settings(&runs);
        facts.extend(settings);
        if as_set > 0 {
            same.push(counted(as_set, "setting"));
        }
        let losses = losses(snapshot).into_iter().flat_map(|l| loss(snapshot, &runs, l.label, l.key));
        let names: Vec<String> = runs.iter().map(|run| printable(shared.runs.short(&run.name))).collect();
        let name = names.iter().map(|name| fmt::width(name)).max().unwrap_or(4).clamp(4, 28);
        let mut left = usize::from(width).saturating_sub(name + 2);
        // Losses before facts: what came out is what is compared.
        let mut fit = |column: &Column| {
            let fits = left >= column.width + 2;
            left = if fits { left - column.width - 2 } else { 0 };
            fits
        };
        let losses: Vec<Column> = losses.take_while(&mut fit).collect();
        let all = facts.len();
        let facts: Vec<Column> = facts.into_iter().take_while(&mut fit).collect();
        let hidden = all - facts.len();
        let columns: Vec<Column> = losses.into_iter().chain(facts).collect();
        let mut head = vec![Span::styled(" ".repeat(name + 2), theme.dim)];
        head.extend(columns.iter().map(|column| Span::styled(format!("  {}", column.text(&column.head)), theme.dim)));
        let mut out = vec![Line::from(head)];
        for (row, run) in runs.iter().enumerate() {
            let (sign, style) = signs::series(theme, run.id);
            let chosen = shared.runs.selected == Some(run.id);
            let bold = |style: Style| if chosen { style.add_modifier(Modifier::BOLD) } else { style };
            let text = fmt::left(&fmt::head(&names[row], name), name);
            let mut spans = vec![Span::styled(format!("{sign} "), style), Span::styled(text, bold(theme.text))];
            for column in &columns {
                let cell = &column.cells[row];
                let style = if cell == "best" { theme.good } else { bold(theme.text) };
                spans.push(Span::styled(format!("  {}", column.text(cell)), style));
            }
            out.push(Line::from(spans));
        }
        if hidden > 0 {
            let what = if hidden == 1 { "1 more differs".to_owned() } else { format!("{hidden} more differ") };
            out.extend(prose(&format!("{what}: zoom (z) or widen the terminal."), theme.dim, width));
        }
        if !same.is_empty() {
            out.extend(prose(&format!("The same in all: {}.", same.join(", ")), theme.dim, width));
        }
        out
    }
}
