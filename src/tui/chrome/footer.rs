//! Footer: the most important keys, or the text being typed.

use crate::tui::action::{Info, Reach};
use crate::tui::model::{Model, Overlay};
use crate::tui::shared::Link;
use crate::tui::{fmt, global};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::Span;

/// Hints of the dashboard that come before those of the view.
const FIRST: [&str; 3] = ["show.help", "leave.detach", "view.next"];

/// Draws it.
pub fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let theme = &model.shared.theme;
    if let Some(prompt) = model.typing().and_then(|slot| slot.view.prompt(&model.shared)) {
        let room = usize::from(area.width).saturating_sub(30).max(8);
        let spans = [
            Span::styled(format!(" {} ", prompt.sign), theme.focus),
            Span::styled(fmt::tail(&prompt.text, room), theme.text),
            Span::styled(" ", theme.text.add_modifier(Modifier::REVERSED)),
            Span::styled(format!("  {}", prompt.help), theme.dim),
        ];
        put(&spans, area, buf);
        return;
    }
    if let Some(said) = &model.said {
        put(&[Span::styled(format!(" {said}"), theme.text)], area, buf);
        return;
    }
    if let Link::Lost(why) = &model.shared.link {
        let why = fmt::head(why, usize::from(area.width).saturating_sub(10));
        put(&[Span::styled(format!(" {why}  "), theme.bad), Span::styled("q quit", theme.dim)], area, buf);
        return;
    }
    let mut x = area.x + 1;
    let mut hints = hints(model);
    // A key that the view has taken means what it means there.
    let mut seen = Vec::new();
    hints.retain(|(key, _)| {
        let is_new = !seen.contains(key);
        seen.push(key.clone());
        is_new
    });
    for (key, hint) in hints {
        if usize::from(x) + fmt::width(&key) + fmt::width(hint) + 3 > usize::from(area.right()) {
            break;
        }
        (x, _) = buf.set_stringn(x, area.y, &key, 12, theme.accent);
        (x, _) = buf.set_stringn(x + 1, area.y, hint, 12, theme.dim);
        x += 2;
    }
}

/// Each action by the first of its keys: the way to help and out, what the view has, what other views have from
/// everywhere, the rest. Under something that lies over the views: how to close it and what it has.
fn hints(model: &Model) -> Vec<(String, &'static str)> {
    let hint = |info: &Info| Some((model.keymap.keys(info).first()?.label(), worded(model, info)?));
    let global = |name: &&str| global::all().find(|action| action.info.name == *name).map(|action| action.info);
    let named = |name: &str, word| Some((model.keymap.keys(&global(&name)?).first()?.label(), word));
    let reachable = model.reachable();
    let own = reachable.iter().filter(|(id, _)| id.is_some() && *id == model.active()).filter_map(|(_, i)| hint(i));
    match model.overlay {
        Overlay::Help | Overlay::Palette | Overlay::View(_) => {
            let close = named("show.close", "close").into_iter();
            close.chain(own).chain(named("move.up", "up")).chain(named("move.down", "down")).collect()
        }
        Overlay::None | Overlay::ConfirmStop => {
            let first = FIRST.iter().filter_map(global).filter_map(|info| hint(&info));
            let others = reachable
                .iter()
                .filter(|(id, info)| id.is_some() && *id != model.active() && info.reach == Reach::Everywhere);
            let others = others.filter_map(|(_, info)| hint(info));
            let rest = global::all().map(|action| &action.info).filter(|info| !FIRST.contains(&info.name));
            first.chain(own).chain(others).chain(rest.filter_map(hint)).collect()
        }
    }
}

/// The hint of an action as things are.
fn worded(model: &Model, info: &Info) -> Option<&'static str> {
    let embedded = model.shared.snapshot.as_ref().is_some_and(|s| s.daemon.embedded);
    match info.name {
        "leave.detach" if embedded => Some("quit"),
        "show.freeze" if model.shared.frozen => Some("continue"),
        _ => info.hint,
    }
}

fn put(spans: &[Span<'_>], area: Rect, buf: &mut Buffer) {
    let mut x = area.x;
    for span in spans {
        (x, _) = buf.set_span(x, area.y, span, area.right().saturating_sub(x));
    }
}
