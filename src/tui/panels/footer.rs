//! The last line: the keys worth knowing here, or the filter that is being typed.

use crate::tui::keys::{Action, BINDINGS};
use crate::tui::model::{Link, Model, Overlay};
use crate::tui::{Panel, fmt};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Span;

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    if model.runs.editing {
        let room = usize::from(area.width).saturating_sub(30).max(8);
        let spans = [
            Span::styled(" / ", theme.focus),
            Span::styled(fmt::tail(&model.runs.filter, room), theme.text),
            Span::styled(" ", theme.text.add_modifier(Modifier::REVERSED)),
            Span::styled("  Enter keep  Esc clear", theme.dim),
        ];
        put(&spans, area, buf);
        return;
    }
    if let Link::Lost(why) = &model.link {
        let why = fmt::head(why, usize::from(area.width).saturating_sub(10));
        put(&[Span::styled(format!(" {why}  "), theme.bad), Span::styled("q leave", theme.dim)], area, buf);
        return;
    }
    if let Some(hints) = overlay_hints(model.overlay) {
        hints_of(model, hints.iter().copied(), area, buf);
        return;
    }
    let embedded = model.snapshot.as_ref().is_some_and(|s| s.daemon.embedded);
    let hints = BINDINGS.iter().filter_map(|binding| {
        let hint = match binding.action {
            Action::Detach if embedded => "quit",
            Action::Freeze if model.frozen => "go on",
            Action::Acknowledge if model.focus != Panel::Signals => return None,
            Action::Open if model.focus != Panel::Runs => return None,
            _ => binding.hint?,
        };
        Some((binding.action, hint))
    });
    hints_of(model, hints, area, buf);
}

/// What is worth knowing while something lies over the panels.
fn overlay_hints(overlay: Overlay) -> Option<&'static [(Action, &'static str)]> {
    match overlay {
        Overlay::None | Overlay::ConfirmStop => None,
        Overlay::Help => Some(&[(Action::Close, "close"), (Action::Up, "up"), (Action::Down, "down")]),
        Overlay::Detail => Some(&[
            (Action::Close, "close"),
            (Action::Left, "run before"),
            (Action::Right, "run after"),
            (Action::Up, "up"),
            (Action::Down, "down"),
        ]),
    }
}

/// Each action by the first of its keys, as many as fit.
fn hints_of(model: &Model, hints: impl Iterator<Item = (Action, &'static str)>, area: Rect, buf: &mut Buffer) {
    let mut x = area.x + 1;
    for (action, hint) in hints {
        let Some(binding) = BINDINGS.iter().find(|b| b.action == action) else { continue };
        let key = binding.keys[0].label();
        if usize::from(x) + fmt::width(&key) + fmt::width(hint) + 3 > usize::from(area.right()) {
            break;
        }
        (x, _) = buf.set_stringn(x, area.y, &key, 12, model.theme.accent);
        (x, _) = buf.set_stringn(x + 1, area.y, hint, 12, model.theme.dim);
        x += 2;
    }
}

fn put(spans: &[Span<'_>], area: Rect, buf: &mut Buffer) {
    let mut x = area.x;
    for span in spans {
        (x, _) = buf.set_span(x, area.y, span, area.right().saturating_sub(x));
    }
}
