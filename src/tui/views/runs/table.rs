//! Columns of the table of runs: selection by width, and their cells.

use crate::tui::filter::{Value, value_of};
use crate::tui::fmt;
use crate::tui::order::{Column, moved_domain};
use crate::tui::shared::{Loss, Shared, losses};
use crate::tui::signs;
use crate::tui::signs::state_word;
use crate::tui::theme::Theme;
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{RunView, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Span;

/// What a column shows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum ColumnKind<'a> {
    State { word: bool },
    Name,
    Progress { bar: usize },
    Params,
    Tokens,
    Mixture,
    Loss { loss: Loss<'a>, index: usize, forecast: bool },
    Spark(Loss<'a>),
    Named { index: usize, is_text: bool },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Col<'a> {
    kind: ColumnKind<'a>,
    pub(super) width: usize,
}

/// The columns that fit, the most telling first to come and last to go.
pub(super) fn columns<'a>(shared: &Shared, snapshot: &'a Snapshot, first: usize, width: usize) -> Vec<Col<'a>> {
    let losses = losses(snapshot);
    let prefix = fmt::width(&shared.runs.prefix);
    let visible = shared.runs.order.iter().skip(first).take(100).map(|i| &snapshot.runs[*i].name);
    let flagged = snapshot.runs.iter().any(|run| !run.signals.is_empty());
    let list = &shared.runs;
    let is_marked = [&list.only, &list.pinned, &list.hidden].into_iter().any(|runs| !runs.is_empty());
    let signs = if flagged { 2 } else { 0 } + if is_marked { 2 } else { 0 };
    let longest = visible.map(|n| fmt::width(n).saturating_sub(prefix) + signs).max().unwrap_or(4).clamp(4, 36);
    let mut word = false;
    let mut name = longest.min(10);
    let (mut progress, mut params, mut tokens, mut mixture, mut spark) = (None, false, false, false, 0);
    let mut forecasts = false;
    let mixed = mixture_width(snapshot);
    let mut left = width.saturating_sub(1 + 1 + name);
    let mut take = |cost: usize| {
        let fits = left >= cost;
        left -= if fits { cost } else { 0 };
        fits
    };
    let readable = longest.min(18) - name;
    let main = shared.main_chart().map(|(_, c)| c.metric.as_str());
    let main = losses.iter().position(|l| Some(l.key) == main).unwrap_or(0);
    // What the user has named before anything else, but for what is there anyway.
    let mut named = Vec::new();
    for (index, name) in shared.runs.columns.iter().enumerate() {
        if losses.iter().any(|loss| loss.label.eq_ignore_ascii_case(name)) {
            continue;
        }
        let (width, is_text) = named_width(shared, snapshot, name, first);
        if take(width + 1) {
            named.push((index, width, is_text));
        }
    }
    // Two losses before anything else; the others if everything else has found room.
    let mut shown = losses.iter().take(2).take_while(|_| take(7)).count();
    if take(5) {
        progress = Some(0);
    }
    mixture |= mixed > 0 && take(mixed + 1);
    params |= take(6);
    // The room is not left empty where every run has ended.
    forecasts |= snapshot.runs.iter().any(|r| !r.forecast.is_empty()) && shown > 0 && take(8 * shown);
    name += if take(readable) { readable } else { 0 };
    word |= take(9);
    tokens |= take(6);
    let has_course = |loss: &Loss<'_>| snapshot.runs.iter().any(|run| run.sparklines.contains_key(loss.key));
    if losses.get(main).is_some_and(has_course) && take(9) {
        spark = 8;
    }
    shown += losses.iter().skip(shown).take_while(|_| take(if forecasts { 15 } else { 7 })).count();
    if take(6) {
        progress = Some(5);
    }
    let longer = left.min(longest - name);
    name += longer;
    left -= longer;
    if spark > 0 {
        spark += left.min(24);
    }
    let mut out = vec![
        Col { kind: ColumnKind::State { word }, width: if word { 10 } else { 1 } },
        Col { kind: ColumnKind::Name, width: name },
    ];
    let mut push = |wanted: bool, kind: ColumnKind<'a>, width: usize| {
        if wanted {
            out.push(Col { kind, width });
        }
    };
    for (index, width, is_text) in named {
        push(true, ColumnKind::Named { index, is_text }, width);
    }
    push(
        progress.is_some(),
        ColumnKind::Progress { bar: progress.unwrap_or(0) },
        4 + progress.map_or(0, |b| if b > 0 { b + 1 } else { 0 }),
    );
    push(params, ColumnKind::Params, 5);
    push(tokens, ColumnKind::Tokens, 5);
    push(mixture, ColumnKind::Mixture, mixed);
    let mut kept: Vec<usize> = (0..shown).collect();
    if main >= shown
        && let Some(last) = kept.last_mut()
    {
        *last = main;
    }
    for index in kept {
        push(
            true,
            ColumnKind::Loss { loss: losses[index], index, forecast: forecasts },
            if forecasts { 14 } else { 6 },
        );
    }
    if let Some(loss) = losses.get(main) {
        push(spark > 0, ColumnKind::Spark(*loss), spark);
    }
    out
}

/// Columns that a named column takes, by what is on screen, and whether that is text.
fn named_width(shared: &Shared, snapshot: &Snapshot, name: &str, first: usize) -> (usize, bool) {
    let lower = name.to_lowercase();
    let seen = shared.runs.order.iter().skip(first).take(100).map(|i| &snapshot.runs[*i]);
    let mut wide = fmt::width(&fmt::head(name, 16)) + 1;
    let mut is_text = false;
    for value in seen.filter_map(|run| value_of(snapshot, run, shared.runs.short(&run.name), &lower)) {
        is_text |= matches!(value, Value::Text(_));
        wide = wide.max(fmt::width(&said(&value)));
    }
    (wide.clamp(5, 20), is_text)
}

fn said(value: &Value<'_>) -> String {
    match value {
        Value::Text(text) => printable(text),
        Value::Number(number) => fmt::plain(*number),
    }
}

/// What a heading sorts by; nothing where it has none.
fn sorts(kind: ColumnKind<'_>) -> Option<Column> {
    Some(match kind {
        ColumnKind::State { .. } => Column::State,
        ColumnKind::Name => Column::Name,
        ColumnKind::Progress { .. } => Column::Progress,
        ColumnKind::Params => Column::Params,
        ColumnKind::Tokens => Column::Tokens,
        ColumnKind::Mixture => Column::Mixture,
        ColumnKind::Loss { index, .. } => Column::Loss(index),
        ColumnKind::Named { index, .. } => Column::Named(index),
        ColumnKind::Spark(_) => return None,
    })
}

/// What the heading at a column of the screen sorts by.
pub(super) fn sorts_by(shared: &Shared, snapshot: &Snapshot, first: usize, area: Rect, at: u16) -> Option<Column> {
    let mut x = area.x;
    for column in columns(shared, snapshot, first, area.width.into()) {
        let end = x.saturating_add(column.width as u16 + 1);
        if (x..end).contains(&at) {
            return sorts(column.kind);
        }
        x = end;
    }
    None
}

fn mixture_width(snapshot: &Snapshot) -> usize {
    match snapshot.domains.len() {
        // Of one corpus, every run has the same.
        0 | 1 => 0,
        // "100/0" to "33/33/34", under a heading of the first letters of the domains.
        n @ 2..=3 => (3 * n).max(5),
        _ => 7,
    }
}

pub(super) fn head(shared: &Shared, snapshot: &Snapshot, columns: &[Col<'_>], area: Rect, buf: &mut Buffer) {
    let theme = &shared.theme;
    let sort = shared.runs.sort;
    let mut x = area.x;
    for column in columns {
        let (text, numeric) = match column.kind {
            ColumnKind::State { word } => (if word { "state" } else { "" }.to_owned(), false),
            ColumnKind::Name => ("run".to_owned(), false),
            ColumnKind::Progress { .. } => ("done".to_owned(), true),
            ColumnKind::Params => ("N".to_owned(), true),
            ColumnKind::Tokens => ("D".to_owned(), true),
            ColumnKind::Mixture => (mixture_heading(snapshot), true),
            ColumnKind::Loss { loss, .. } => (loss.label.to_owned(), false),
            ColumnKind::Named { index, is_text } => (shared.runs.columns[index].clone(), !is_text),
            ColumnKind::Spark(loss) => {
                let long = format!("{} curve", loss.label);
                // Cut short, it would be called as the column of the loss is.
                let text = if fmt::width(&long) <= column.width { long } else { "curve".to_owned() };
                (text, false)
            }
        };
        let by_this = sorts(column.kind) == Some(sort.column);
        let mark = if !by_this {
            ""
        } else if sort.descending {
            "▾"
        } else {
            "▴"
        };
        let text = fmt::head(&text, column.width.saturating_sub(fmt::width(mark)));
        let text = format!("{text}{mark}");
        let text = if numeric { fmt::right(&text, column.width) } else { text };
        let style = if by_this { theme.accent.add_modifier(Modifier::BOLD) } else { theme.dim };
        if x < area.right() {
            buf.set_stringn(x, area.y, &text, usize::from(area.right() - x), style);
        }
        x = x.saturating_add(column.width as u16 + 1);
    }
}

/// `pr/ru`: as many first letters of each domain as fit over its numbers.
fn mixture_heading(snapshot: &Snapshot) -> String {
    match snapshot.domains.len() {
        n @ 1..=3 => {
            let letters = (mixture_width(snapshot) + 1) / n - 1;
            let first = |d: &String| d.chars().filter(|c| !c.is_control()).take(letters).collect::<String>();
            snapshot.domains.iter().map(first).collect::<Vec<_>>().join("/")
        }
        _ => moved_domain(snapshot).unwrap_or("mix").to_owned(),
    }
}

pub(super) fn cell(shared: &Shared, snapshot: &Snapshot, run: &RunView, column: &Col<'_>) -> Vec<Span<'static>> {
    let (theme, width) = (&shared.theme, column.width);
    let amount = |v: Option<f64>| fmt::right(&v.map_or("–".to_owned(), show_amount), width);
    match column.kind {
        ColumnKind::State { word } => {
            let (sign, style) = signs::state(theme, run.state);
            let text = if word { format!("{sign} {}", state_word(run.state)) } else { sign.to_owned() };
            vec![Span::styled(text, style)]
        }
        ColumnKind::Name => {
            let name = shared.runs.short(&run.name);
            let marked = match (shared.runs.pinned.contains(&run.id), shared.runs.leaves_out(run.id)) {
                (true, _) => format!("• {name}"),
                (false, true) => format!("- {name}"),
                (false, false) => name.to_owned(),
            };
            let name = marked.as_str();
            match signs::loudest_alert(run) {
                None => vec![Span::styled(fmt::tail(name, width), theme.text)],
                Some(severity) => {
                    let name = fmt::tail(name, width.saturating_sub(2));
                    let flag = signs::severity(theme, severity).1;
                    vec![Span::styled(name, theme.text), Span::styled(" ⚑", flag)]
                }
            }
        }
        ColumnKind::Progress { bar } => {
            let text = run.progress.map_or("–".to_owned(), |p| format!("{:.0}%", (100.0 * p).floor()));
            let mut spans = Vec::new();
            if bar > 0 {
                let (full, empty) = fmt::bar(run.progress.unwrap_or(0.0), bar);
                spans.push(Span::styled(full, signs::state(theme, run.state).1));
                spans.push(Span::styled(format!("{empty} "), theme.faint));
            }
            spans.push(Span::styled(format!("{text:>4}"), theme.text));
            spans
        }
        ColumnKind::Params => vec![Span::styled(amount(run.params()), theme.text)],
        ColumnKind::Tokens => vec![Span::styled(amount(run.tokens_seen()), theme.text)],
        ColumnKind::Mixture => vec![Span::styled(fmt::right(&mixture(snapshot, run), width), theme.text)],
        ColumnKind::Named { index, is_text } => {
            let name = shared.runs.columns[index].to_lowercase();
            let value = value_of(snapshot, run, shared.runs.short(&run.name), &name);
            let text = value.as_ref().map_or_else(|| "–".to_owned(), said);
            let text = fmt::head(&text, width);
            vec![Span::styled(if is_text { text } else { fmt::right(&text, width) }, theme.text)]
        }
        ColumnKind::Loss { loss, forecast, .. } => loss_cell(theme, run, loss, forecast),
        ColumnKind::Spark(loss) => {
            let values = run.sparklines.get(loss.key).map_or(&[][..], Vec::as_slice);
            vec![Span::styled(fmt::sparkline(values, width), theme.band)]
        }
    }
}

/// Weights as whole per cents in the order of the domains; of many domains, the one that is moved.
fn mixture(snapshot: &Snapshot, run: &RunView) -> String {
    let Some(mixture) = run.mixture() else { return "–".to_owned() };
    if snapshot.domains.len() > 3 {
        return moved_domain(snapshot).map_or("–".to_owned(), |d| fmt::percent(mixture.weight(d)));
    }
    let parts = snapshot.domains.iter().map(|d| format!("{:.0}", 100.0 * mixture.weight(d)));
    parts.collect::<Vec<_>>().join("/")
}

fn loss_cell(theme: &Theme, run: &RunView, loss: Loss<'_>, forecast: bool) -> Vec<Span<'static>> {
    let last = run.metrics.get(loss.key).map(|m| m.last);
    let style = match last {
        Some(v) if !v.is_finite() => theme.bad,
        Some(_) => theme.text,
        None => theme.dim,
    };
    let mut spans = vec![Span::styled(fmt::loss_or_dash(last), style)];
    if let Some(f) = run.forecast.get(loss.key).filter(|_| forecast) {
        spans.push(Span::styled(" → ", theme.dim));
        spans.push(Span::styled(fmt::loss(f.value), theme.accent));
    }
    spans
}
