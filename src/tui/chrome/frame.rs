//! Frames: a border with the title of a view, or with the tabs of the views that share a place.

use crate::tui::fmt;
use crate::tui::layout::Placed;
use crate::tui::model::{Model, Overlay, Slot};
use crate::tui::signs;
use crate::tui::text::frame;
use crate::tui::views::{Pane, ViewId};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws a place: its frame with title or tabs, and the view that is seen.
pub fn draw(model: &Model, place: &Placed, buf: &mut Buffer) {
    let Some(slot) = model.slot(place.shown) else { return };
    let focused = model.focus == place.shown && model.overlay == Overlay::None;
    if place.tabs.len() < 2 {
        alone(model, slot, focused, place.area, buf);
        return;
    }
    let theme = &model.shared.theme;
    let border = if focused { theme.focus } else { theme.faint };
    let tabs = tabs(model, &place.tabs, place.shown, place.area.width).into_iter().map(|(_, span)| span);
    let inner = frame(place.area, border, Line::from(tabs.collect::<Vec<_>>()), buf);
    content(model, slot, inner, buf);
}

/// Draws a view in a frame of its own.
pub fn alone(model: &Model, slot: &Slot, focused: bool, area: Rect, buf: &mut Buffer) {
    let theme = &model.shared.theme;
    let mark = if focused { "▸" } else { " " };
    let (border, style) = if focused { (theme.focus, theme.focus) } else { (theme.faint, theme.title) };
    let digit = digit(model, slot.id()).map(|digit| format!("{digit} ")).unwrap_or_default();
    let room = usize::from(area.width).saturating_sub(5 + digit.len());
    let title = fmt::head(&slot.view.title(&model.shared, room), room);
    let mut spans =
        vec![Span::styled(mark, style), Span::styled(digit, theme.dim), Span::styled(format!("{title} "), style)];
    spans.extend(slot.view.state(&model.shared).map(|(text, style)| Span::styled(format!("{text} "), style)));
    let inner = frame(area, border, Line::from(spans), buf);
    content(model, slot, inner, buf);
}

/// The digit that leads to a view.
fn digit(model: &Model, id: ViewId) -> Option<char> {
    model.digits().find(|(_, slot)| slot.id() == id).map(|(digit, _)| digit)
}

/// Draws what is in a view.
fn content(model: &Model, slot: &Slot, inner: Rect, buf: &mut Buffer) {
    if !inner.is_empty() {
        slot.view.draw(&model.shared, &Pane { inner, scroll: slot.scroll }, buf);
    }
}

/// The titles of views that share a place, each with the view it leads to. Where there is no room for all, the last ones
/// that nothing waits in are left out; keys and the palette lead to them.
fn tabs<'a>(model: &Model, of: &[ViewId], shown: ViewId, width: u16) -> Vec<(Option<ViewId>, Span<'a>)> {
    let mut of = of.to_vec();
    loop {
        let all = titles(model, &of, shown);
        let wide: usize = all.iter().map(|(_, span)| span.width()).sum();
        let calls = |id: &ViewId| model.slot(*id).is_some_and(|slot| slot.view.badge(&model.shared).is_some());
        match of.iter().rposition(|id| *id != shown && !calls(id)) {
            Some(last) if wide + 2 > usize::from(width) => drop(of.remove(last)),
            _ => return all,
        }
    }
}

fn titles<'a>(model: &Model, of: &[ViewId], shown: ViewId) -> Vec<(Option<ViewId>, Span<'a>)> {
    let theme = &model.shared.theme;
    let focused = model.focus == shown && model.overlay == Overlay::None;
    let mut spans = Vec::new();
    for slot in of.iter().filter_map(|id| model.slot(*id)) {
        if !spans.is_empty() {
            spans.push((None, Span::styled("│", theme.faint)));
        }
        let is_shown = slot.id() == shown;
        let badge = slot.view.badge(&model.shared);
        let (mark, style) = match (is_shown, focused) {
            (true, true) => ("▸", theme.focus),
            (true, false) => (" ", theme.title),
            _ => (" ", badge.map_or(theme.dim, |badge| signs::severity(theme, badge.severity).1)),
        };
        let text = slot.view.tab(&model.shared, is_shown);
        let id = Some(slot.id());
        spans.push((id, Span::styled(mark, style)));
        spans.extend(digit(model, slot.id()).map(|digit| (id, Span::styled(format!("{digit} "), theme.dim))));
        spans.push((id, Span::styled(format!("{text} "), style)));
    }
    spans
}

/// The view whose tab is at that column of a shared place, counted from its left border.
#[must_use]
pub fn tab_at(model: &Model, of: &[ViewId], shown: ViewId, width: u16, column: u16) -> Option<ViewId> {
    let mut at = 1;
    for (id, span) in tabs(model, of, shown, width) {
        let next = at + span.width();
        if (at..next).contains(&usize::from(column)) {
            return id;
        }
        at = next;
    }
    None
}
