//! The keys, from the table that dispatches them; and the one question the dashboard asks.

use super::{frame, prose, scrolled};
use crate::tui::keys::{BINDINGS, Group};
use crate::tui::{Model, fmt};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

/// The lines of the help.
#[must_use]
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let mut lines = Vec::new();
    for group in Group::ALL {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::from(Span::styled(group.title(), theme.title)));
        for binding in BINDINGS.iter().filter(|b| b.group == group) {
            let keys = binding.keys.iter().map(|c| c.label()).collect::<Vec<_>>().join(" ");
            let mut rest = fmt::wrap(binding.does, usize::from(width).saturating_sub(22)).into_iter();
            lines.push(Line::from(vec![
                Span::styled(fmt::left(&format!("  {keys}"), 22), theme.accent),
                Span::styled(rest.next().unwrap_or_default(), theme.text),
            ]));
            lines.extend(rest.map(|piece| Line::from(Span::styled(format!("{}{piece}", " ".repeat(22)), theme.text))));
        }
    }
    lines.push(Line::default());
    lines.push(Line::from(Span::styled("Signs", theme.title)));
    for (sign, meaning) in SIGNS {
        for (i, piece) in fmt::wrap(meaning, usize::from(width).saturating_sub(22)).into_iter().enumerate() {
            let lead = if i == 0 { format!("  {sign}") } else { String::new() };
            lines.push(Line::from(vec![
                Span::styled(fmt::left(&lead, 22), theme.accent),
                Span::styled(piece, theme.text),
            ]));
        }
    }
    lines
}

const SIGNS: [(&str, &str); 6] = [
    ("▸ ✓ ! ✗ ·", "run: running, finished, stalled, diverged, waiting"),
    ("1.724 → 1.486", "loss now → forecast at the end of the run, or with the advised mixture"),
    ("∘ ○ ◎ ●", "a run's newest loss moved along the law to the target's size; larger runs are fuller"),
    ("◇ ◆", "mixture in use, mixture advised"),
    ("skill", "1: held-out mixtures are predicted perfectly; 0: no better than guessing their mean"),
    ("not identified", "the runs do not pin this parameter down; only predictions mean something"),
];

/// Where the help lies.
#[must_use]
pub fn area(body: Rect) -> Rect {
    let width = body.width.min(84);
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
