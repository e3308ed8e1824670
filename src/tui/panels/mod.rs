//! One file per panel, and what panels share: the frame, the tabs, text that scrolls.

pub mod advice;
pub mod chart;
pub mod detail;
pub mod footer;
pub mod header;
pub mod help;
pub mod laws;
pub mod ledger;
pub mod notices;
pub mod runs;
mod shape;
pub mod signals;
pub mod tiny;

use super::layout::{Plan, inside};
use super::model::{Model, Overlay, Panel};
use super::{fmt, model};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Widget};

/// The area inside a panel where text stands: one column of air on each side.
#[must_use]
pub fn text_area(inner: Rect) -> Rect {
    if inner.width < 20 {
        return inner;
    }
    Rect { x: inner.x + 1, width: inner.width - 2, ..inner }
}

/// Draws a panel: its frame with title or tabs, and what is in it.
pub fn draw(model: &Model, plan: &Plan, panel: Panel, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let focused = model.focus == panel && model.overlay == Overlay::None;
    let border = if focused { theme.focus } else { theme.faint };
    let title = if plan.tabs.len() > 1 && plan.tabs.contains(&panel) {
        Line::from(tabs(model, &plan.tabs, panel).into_iter().map(|(_, span)| span).collect::<Vec<_>>())
    } else {
        let mark = if focused { "▸" } else { " " };
        let style = if focused { theme.focus } else { theme.title };
        let room = usize::from(area.width).saturating_sub(5);
        Line::from(Span::styled(format!("{mark}{} ", fmt::head(&title(model, panel), room)), style))
    };
    let inner = frame(area, border, title, buf);
    content(model, panel, inner, buf);
}

/// Draws what is in a panel.
pub fn content(model: &Model, panel: Panel, inner: Rect, buf: &mut Buffer) {
    if inner.is_empty() {
        return;
    }
    match panel {
        Panel::Chart => chart::draw(model, inner, buf),
        Panel::Runs => runs::draw(model, inner, buf),
        Panel::Advice => {
            scrolled(model, &advice::lines(model, text_area(inner).width), model.advice_scroll, inner, buf)
        }
        Panel::Laws => scrolled(model, &laws::lines(model, text_area(inner).width), model.laws_scroll, inner, buf),
        Panel::Notices => {
            scrolled(model, &notices::lines(model, text_area(inner).width), model.notices_scroll, inner, buf);
        }
        Panel::Signals => {
            scrolled(model, &signals::lines(model, text_area(inner).width), model.signals_scroll, inner, buf);
        }
        Panel::Ledger => {
            scrolled(model, &ledger::lines(model, text_area(inner).width), model.ledger_scroll, inner, buf)
        }
    }
}

/// A rounded frame; returns its inside.
pub fn frame(area: Rect, border: Style, title: Line<'_>, buf: &mut Buffer) -> Rect {
    Block::bordered().border_type(BorderType::Rounded).border_style(border).title_top(title).render(area, buf);
    inside(area)
}

/// The title of a panel that has a place of its own.
#[must_use]
pub fn title(model: &Model, panel: Panel) -> String {
    let Some(snapshot) = &model.snapshot else { return panel.title().to_owned() };
    match panel {
        Panel::Chart => chart::title(model),
        Panel::Advice => advice::title(snapshot).to_owned(),
        Panel::Runs => runs::title(model),
        Panel::Laws => "Laws".to_owned(),
        Panel::Notices => format!("Notices {}", snapshot.notices.len()),
        Panel::Signals => match signals::waiting(snapshot).0 {
            0 => "Signals".to_owned(),
            n => format!("Signals {n}"),
        },
        Panel::Ledger => "Ledger".to_owned(),
    }
}

/// The titles of panels that share a place, each with the panel it leads to.
fn tabs<'a>(model: &Model, of: &[Panel], shown: Panel) -> Vec<(Option<Panel>, Span<'a>)> {
    let theme = &model.theme;
    let mut spans = Vec::new();
    for (i, panel) in of.iter().enumerate() {
        if i > 0 {
            spans.push((None, Span::styled("│", theme.faint)));
        }
        let count = model.snapshot.as_ref().and_then(|s| match panel {
            Panel::Notices if !s.notices.is_empty() => Some(s.notices.len().to_string()),
            Panel::Signals => Some(signals::waiting(s).0).filter(|n| *n > 0).map(|n| n.to_string()),
            _ => None,
        });
        let text = match panel {
            Panel::Runs if *panel == shown => runs::title(model),
            _ => count.map_or(panel.title().to_owned(), |n| format!("{} {n}", panel.title())),
        };
        let focused = model.focus == shown && model.overlay == Overlay::None;
        let (mark, style) = match (*panel == shown, focused) {
            (true, true) => ("▸", theme.focus),
            (true, false) => (" ", theme.title),
            _ if *panel == Panel::Notices => (" ", notices::loudest(model)),
            _ if *panel == Panel::Signals => {
                let loudest = model.snapshot.as_ref().and_then(|s| signals::waiting(s).1);
                (" ", loudest.map_or(theme.dim, |severity| signals::mark(model, severity).1))
            }
            _ => (" ", theme.dim),
        };
        spans.push((Some(*panel), Span::styled(format!("{mark}{text} "), style)));
    }
    spans
}

/// The panel whose title is at that column of a shared place, counted from its left border.
#[must_use]
pub fn tab_at(model: &Model, of: &[Panel], column: u16) -> Option<Panel> {
    let shown = [model.focus, model.tab].into_iter().find(|p| of.contains(p))?;
    let mut at = 1;
    for (panel, span) in tabs(model, of, shown) {
        let next = at + span.width();
        if (at..next).contains(&usize::from(column)) {
            return panel;
        }
        at = next;
    }
    None
}

/// Lines that a panel of text has in that inside.
#[must_use]
pub fn height(model: &Model, panel: Panel, inner: Rect) -> usize {
    let width = text_area(inner).width;
    match panel {
        Panel::Advice => advice::lines(model, width).len(),
        Panel::Laws => laws::lines(model, width).len(),
        Panel::Notices => notices::lines(model, width).len(),
        Panel::Signals => signals::lines(model, width).len(),
        Panel::Ledger => ledger::lines(model, width).len(),
        Panel::Runs | Panel::Chart => 0,
    }
}

/// Draws lines from `scroll` on, and says in the lower border how much there is beyond.
pub fn scrolled(model: &Model, lines: &[Line<'_>], scroll: usize, inner: Rect, buf: &mut Buffer) {
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
        corner(&text, model.theme.dim, inner, buf);
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

/// The inside of the overlay that is open; empty where none is.
#[must_use]
pub fn overlay_inner(model: &Model, body: Rect) -> Rect {
    match model.overlay {
        Overlay::None => Rect::ZERO,
        Overlay::Help => inside(help::area(body)),
        Overlay::Detail => inside(body),
        Overlay::ConfirmStop => inside(help::confirm_area(body)),
    }
}

/// Lines that the overlay has.
#[must_use]
pub fn overlay_height(model: &Model, body: Rect) -> usize {
    let width = text_area(overlay_inner(model, body)).width;
    match model.overlay {
        Overlay::Help => help::lines(model, width).len(),
        Overlay::Detail => model.selected_run().map_or(0, |run| detail::lines(model, run, width).len()),
        Overlay::None | Overlay::ConfirmStop => 0,
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

/// What a metric is called, safe to show.
#[must_use]
pub fn label(snapshot: &crate::vocab::Snapshot, key: &str) -> String {
    crate::vocab::text::printable(model::label(snapshot, key))
}
