//! Screen for very small terminals: the recommendation, or the required size.

use crate::tui::layout::LEAST;
use crate::tui::model::Model;
use crate::tui::shared::Link;
use crate::tui::{STOPPED, fmt};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = &model.shared.theme;
    let width = usize::from(area.width);
    let essential = match (&model.shared.link, model.headline()) {
        (Link::Lost(why), _) if why.starts_with(STOPPED) => ("daemon stopped".to_owned(), theme.bad),
        (Link::Lost(_), _) => ("connection lost".to_owned(), theme.bad),
        (_, None) => ("waiting for data".to_owned(), theme.dim),
        (_, Some(headline)) => (headline, theme.title),
    };
    let sentence = format!(
        "mixlaw needs {} columns and {} rows; this terminal has {} and {}.",
        LEAST.0, LEAST.1, area.width, area.height
    );
    let mut lines: Vec<_> = fmt::wrap(&essential.0, width).into_iter().map(|l| (l, essential.1)).collect();
    if lines.len() > usize::from(area.height) {
        // Not even the answer: what fits of it is at least its start.
        lines.truncate(usize::from(area.height));
    }
    lines.extend(fmt::wrap(&sentence, width).into_iter().map(|l| (l, theme.dim)));
    for (row, (line, style)) in lines.into_iter().take(usize::from(area.height)).enumerate() {
        buf.set_stringn(area.x, area.y + row as u16, &line, width, style);
    }
}
