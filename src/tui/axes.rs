//! The two axes of a plot, with their numbers.

use super::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the axes left of and below `plot`, within `area`. `rows`: the rows of the screen that have a number, and the number;
/// `columns`: the same along the lower axis, from left to right; a number without room between its neighbours is left out.
pub fn draw(
    theme: &Theme,
    (area, plot): (Rect, Rect),
    rows: impl Iterator<Item = (u16, String)>,
    columns: impl Iterator<Item = (u16, String)>,
    buf: &mut Buffer,
) {
    let axis = plot.x - 1;
    for y in plot.y..plot.bottom() {
        buf.set_string(axis, y, "│", theme.faint);
    }
    buf.set_string(axis, plot.bottom(), "╰", theme.faint);
    for x in plot.x..plot.right() {
        buf.set_string(x, plot.bottom(), "─", theme.faint);
    }
    for (y, text) in rows {
        buf.set_string(axis.saturating_sub(text.len() as u16).max(area.x), y, &text, theme.dim);
        buf.set_string(axis, y, "┤", theme.faint);
    }
    let mut free = area.x;
    for (x, text) in columns {
        buf.set_string(x, plot.bottom(), "┬", theme.faint);
        let wide = text.len() as u16;
        let at = x.saturating_sub((wide - 1) / 2).min(area.right().saturating_sub(wide));
        if at >= free && plot.bottom() + 1 < area.bottom() {
            buf.set_string(at, plot.bottom() + 1, &text, theme.dim);
            free = at + wide + 1;
        }
    }
}
