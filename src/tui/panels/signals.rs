//! What was told of runs: what waits to be acknowledged first, then what was seen.

use super::bullet;
use crate::tui::{Model, fmt};
use crate::vocab::signal::Event;
use crate::vocab::{RunView, Severity, Snapshot};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// All there is, what waits first, newest first.
#[must_use]
pub fn all(snapshot: &Snapshot) -> Vec<&Event> {
    let mut events: Vec<&Event> = snapshot.runs.iter().flat_map(|run| &run.signals).collect();
    events.sort_by(|a, b| {
        let seen = |e: &Event| e.acknowledged.is_some();
        seen(a).cmp(&seen(b)).then(b.at.total_cmp(&a.at)).then(b.id.cmp(&a.id))
    });
    events
}

/// How many wait that are more than good to know, and the loudest of them.
#[must_use]
pub fn waiting(snapshot: &Snapshot) -> (usize, Option<Severity>) {
    let open = || snapshot.runs.iter().filter_map(|run| loudest(run));
    (snapshot.runs.iter().flat_map(|run| trouble(run)).count(), open().max())
}

/// What waits of a run that is more than good to know.
fn trouble(run: &RunView) -> impl Iterator<Item = &Event> {
    run.unacknowledged().filter(|e| e.signal.severity > Severity::Info)
}

/// The loudest of what waits of a run and is more than good to know.
#[must_use]
pub fn loudest(run: &RunView) -> Option<Severity> {
    trouble(run).map(|e| e.signal.severity).max()
}

/// The sign of a severity, and how it looks.
#[must_use]
pub fn mark(model: &Model, severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Error => ("✗", model.theme.bad),
        Severity::Warning => ("!", model.theme.warn),
        Severity::Info => ("·", model.theme.dim),
    }
}

/// The lines of the panel.
#[must_use]
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let Some(snapshot) = &model.snapshot else { return Vec::new() };
    let events = all(snapshot);
    if events.is_empty() {
        return vec![Line::from(Span::styled("Nothing to tell of any run.", model.theme.dim))];
    }
    events.into_iter().flat_map(|event| one(model, snapshot, event, true, width)).collect()
}

/// One of them.
pub(super) fn one(model: &Model, snapshot: &Snapshot, event: &Event, with_run: bool, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let (sign, style) = mark(model, event.signal.severity);
    let seen = event.acknowledged.is_some();
    let run = event.signal.run.strip_prefix(model.runs.prefix.as_str()).unwrap_or(&event.signal.run);
    let ago = fmt::ago((snapshot.at - event.at).max(0.0) + model.age);
    let over = if event.over.is_some() { ", over" } else { "" };
    let noted = if seen { ", seen" } else { "" };
    let run = if with_run { format!("{} · ", fmt::tail(run, 36)) } else { String::new() };
    let text = format!("{run}{}: {} ({ago}{over}{noted})", event.signal.kind.word(), event.signal.evidence);
    let id = format!("{sign} {:>2}", event.id);
    let (style, body) = if seen { (theme.dim, theme.dim) } else { (style, theme.text) };
    bullet(&id, style, &crate::vocab::text::printable(&text), body, width)
}
