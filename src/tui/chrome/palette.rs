//! The palette: the line that is typed, and what was found.

use crate::tui::text::{corner, frame};
use crate::tui::{Model, fmt, palette};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

/// Where it lies.
#[must_use]
pub fn area(body: Rect) -> Rect {
    let (width, height) = (body.width.min(84), body.height.min(18));
    Rect { x: body.x + (body.width - width) / 2, width, height, ..body }
}

/// The first entry that is seen, where so many rows are.
fn first(at: usize, rows: usize) -> usize {
    (at + 1).saturating_sub(rows)
}

/// The entry at a row of the screen.
#[must_use]
pub fn entry_at(model: &Model, body: Rect, column: u16, row: u16) -> Option<usize> {
    let inner = crate::tui::layout::inside(area(body));
    let rows = usize::from(inner.height.saturating_sub(1));
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    list.contains((column, row).into()).then(|| first(model.palette.at, rows) + usize::from(row - list.y))
}

/// Draws it.
pub fn draw(model: &Model, body: Rect, buf: &mut Buffer) {
    let theme = &model.shared.theme;
    let area = area(body);
    Clear.render(area, buf);
    let inner = frame(area, theme.focus, Line::from(Span::styled("▸Find and do ", theme.focus)), buf);
    if inner.is_empty() {
        return;
    }
    let room = usize::from(inner.width).saturating_sub(4);
    let typed = [
        Span::styled(" : ", theme.focus),
        Span::styled(fmt::tail(&model.palette.text, room), theme.text),
        Span::styled(" ", theme.text.add_modifier(Modifier::REVERSED)),
    ];
    buf.set_line(inner.x, inner.y, &Line::from(typed.to_vec()), inner.width);
    let found = palette::found(model);
    let rows = usize::from(inner.height.saturating_sub(1));
    let first = first(model.palette.at, rows);
    for (place, entry) in found.iter().enumerate().skip(first).take(rows) {
        let y = inner.y + 1 + (place - first) as u16;
        let chosen = place == model.palette.at;
        let style = if chosen { theme.selected } else { theme.text };
        let words = usize::from(inner.width).saturating_sub(12);
        let line = Line::from(vec![
            Span::styled(if chosen { " ▸ " } else { "   " }, theme.focus),
            Span::styled(fmt::left(&fmt::head(&entry.words, words), words), style),
            Span::styled(format!(" {:>7}", fmt::head(&entry.key, 7)), theme.dim),
        ]);
        buf.set_line(inner.x, y, &line, inner.width);
    }
    if found.is_empty() && rows > 0 {
        let text = Span::styled("Nothing has these letters.", theme.dim);
        buf.set_span(inner.x + 3, inner.y + 1, &text, inner.width.saturating_sub(3));
    }
    corner(" Enter do it  ↑ ↓ choose  Esc close ", theme.dim, inner, buf);
}
