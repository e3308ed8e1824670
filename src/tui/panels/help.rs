//! The keys, from the table that dispatches them; and the one question the dashboard asks.

use super::{frame, prose, scrolled};
use crate::tui::keys::{BINDINGS, Group};
use crate::tui::{Model, fmt};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

/// The lines of the help: in two columns where they fit.
#[must_use]
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let sections = |groups: &[Group], width: u16| -> Vec<Line<'static>> {
        let each = groups.iter().map(|g| keys(model, *g, width));
        each.collect::<Vec<_>>().join(&Line::default())
    };
    if width < TWO_COLUMNS {
        let mut lines = sections(&Group::ALL, width);
        lines.push(Line::default());
        lines.extend(signs(model, width));
        return lines;
    }
    let half = width / 2 - 1;
    let mut right = sections(&[Group::Show, Group::Runs], half);
    right.push(Line::default());
    right.extend(signs(model, half));
    let mut left = sections(&[Group::Move, Group::Leave], half).into_iter();
    let mut right = right.into_iter();
    let mut lines = Vec::new();
    loop {
        let (l, r) = (left.next(), right.next());
        if l.is_none() && r.is_none() {
            return lines;
        }
        let mut line = l.unwrap_or_default();
        let gap = usize::from(half + 2).saturating_sub(line.width());
        line.spans.push(Span::raw(" ".repeat(gap)));
        line.spans.extend(r.unwrap_or_default().spans);
        lines.push(line);
    }
}

/// From so many columns on.
const TWO_COLUMNS: u16 = 110;
/// Columns of the keys.
const KEYS: usize = 20;

fn keys(model: &Model, group: Group, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let mut lines = vec![Line::from(Span::styled(group.title(), theme.title))];
    for binding in BINDINGS.iter().filter(|b| b.group == group) {
        let keys = binding.keys.iter().map(|c| c.label()).collect::<Vec<_>>().join(" ");
        lines.extend(entry(model, &keys, binding.does, width));
    }
    lines
}

fn signs(model: &Model, width: u16) -> Vec<Line<'static>> {
    let mut lines = vec![Line::from(Span::styled("Signs", model.theme.title))];
    lines.extend(SIGNS.iter().flat_map(|(sign, meaning)| entry(model, sign, meaning, width)));
    lines
}

fn entry(model: &Model, what: &str, meaning: &str, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let pieces = fmt::wrap(meaning, usize::from(width).saturating_sub(KEYS)).into_iter().enumerate();
    let lead = |i: usize| if i == 0 { format!("  {what}") } else { String::new() };
    pieces
        .map(|(i, piece)| {
            let lead = fmt::left(&lead(i), KEYS);
            Line::from(vec![Span::styled(lead, theme.accent), Span::styled(piece, theme.text)])
        })
        .collect()
}

const SIGNS: [(&str, &str); 7] = [
    ("▸ ✓ ! ✗ ·", "run: running, finished, stalled, diverged, waiting"),
    ("1.724 → 1.486", "loss now → forecast at the end of the run, or with the advised mixture"),
    ("∘ ○ ◎ ●", "a run's newest loss moved along the law to the target's size; larger runs are fuller"),
    ("━ ╍ ┄", "part of the mixture that stays, is added, goes"),
    ("◇ ◆", "mixture in use, mixture advised"),
    ("skill", "1: held-out mixtures are predicted perfectly; 0: no better than guessing their mean"),
    ("not identified", "the runs do not pin this parameter down; only predictions mean something"),
];

/// Where the help lies.
#[must_use]
pub fn area(body: Rect) -> Rect {
    let most = if body.width >= TWO_COLUMNS + 4 { 128 } else { 84 };
    let width = body.width.min(most);
    Rect { x: body.x + (body.width - width) / 2, width, ..body }
}

/// Draws the help.
pub fn draw(model: &Model, body: Rect, buf: &mut Buffer) {
    let area = area(body);
    Clear.render(area, buf);
    let inner = frame(area, model.theme.focus, Line::from(Span::styled("▸Keys ", model.theme.focus)), buf);
    scrolled(model, &lines(model, super::text_area(inner).width), model.overlay_scroll, inner, buf);
}

/// Where the question lies.
#[must_use]
pub fn confirm_area(body: Rect) -> Rect {
    let (width, height) = (body.width.min(56), body.height.min(7));
    Rect { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 2, width, height }
}

/// Asks whether to stop the daemon.
pub fn confirm(model: &Model, body: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let area = confirm_area(body);
    Clear.render(area, buf);
    let inner = frame(area, theme.warn, Line::from(Span::styled(" Stop the daemon? ", theme.warn)), buf);
    let text = super::text_area(inner);
    let mut lines = prose(
        "Runs are then no longer watched. Nothing is lost: the next start reads on where this one stopped.",
        theme.text,
        text.width,
    );
    lines.push(Line::default());
    lines.push(Line::from(vec![
        Span::styled("y", theme.accent),
        Span::styled(" stop and leave   ", theme.dim),
        Span::styled("any other key", theme.accent),
        Span::styled(" stay", theme.dim),
    ]));
    scrolled(model, &lines, 0, inner, buf);
}
