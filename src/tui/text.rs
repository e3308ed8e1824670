//! Scrollable text in frames, for views and overlays.

use super::fmt;
use super::layout::inside;
use super::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};

/// The area inside a frame where text stands: one column of air on each side.
#[must_use]
pub fn text_area(inner: Rect) -> Rect {
    if inner.width < 20 {
        return inner;
    }
    Rect { x: inner.x + 1, width: inner.width - 2, ..inner }
}

/// A rounded frame; returns its inside.
pub fn frame(area: Rect, border: Style, title: Line<'_>, buf: &mut Buffer) -> Rect {
    Block::bordered().border_type(BorderType::Rounded).border_style(border).title_top(title).render(area, buf);
    inside(area)
}

/// Draws lines from `scroll` on, and says in the lower border how much there is beyond.
pub fn scrolled(theme: &Theme, lines: &[Line<'_>], scroll: usize, inner: Rect, buf: &mut Buffer) {
    let area = text_area(inner);
    let rows = usize::from(area.height);
    let scroll = scroll.min(lines.len().saturating_sub(rows));
    for (row, line) in lines.iter().skip(scroll).take(rows).enumerate() {
        buf.set_line(area.x, area.y + row as u16, line, area.width);
    }
    if lines.len() > rows {
        let above = if scroll > 0 { "▴" } else { " " };
        let below = if scroll + rows < lines.len() { "▾" } else { " " };
        let text = format!(" {above}{below} {}/{} ", (scroll + rows).min(lines.len()), lines.len());
        corner(&text, theme.dim, inner, buf);
    }
}

/// Writes into the lower border, at its right.
pub fn corner(text: &str, style: Style, inner: Rect, buf: &mut Buffer) {
    let wide = fmt::width(text) as u16;
    let row = inner.bottom();
    if wide + 2 <= inner.width && row < buf.area.bottom() {
        buf.set_string(inner.right() - wide - 1, row, text, style);
    }
}

/// Text in lines of at most `width`, the first after `mark`, the others under it.
#[must_use]
pub fn bullet(mark: &str, mark_style: Style, text: &str, style: Style, width: u16) -> Vec<Line<'static>> {
    let indent = fmt::width(mark) + 1;
    fmt::wrap(text, usize::from(width).saturating_sub(indent))
        .into_iter()
        .enumerate()
        .map(|(i, piece)| {
            let lead = if i == 0 { format!("{mark} ") } else { " ".repeat(indent) };
            Line::from(vec![Span::styled(lead, mark_style), Span::styled(piece, style)])
        })
        .collect()
}

/// Text in lines of at most `width`.
#[must_use]
pub fn prose(text: &str, style: Style, width: u16) -> Vec<Line<'static>> {
    fmt::wrap(text, width.into()).into_iter().map(|piece| Line::from(Span::styled(piece, style))).collect()
}
