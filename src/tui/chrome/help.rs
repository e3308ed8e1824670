//! Help overlay, generated from the tables of actions, and the prompt before the daemon is stopped.

use crate::tui::action::Info;
use crate::tui::layout::inside;
use crate::tui::text::{frame, prose, scrolled, text_area};
use crate::tui::{Model, fmt, global};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

/// From so many columns on there are two.
const TWO_COLUMNS: u16 = 110;
/// Columns of the keys.
const KEYS: usize = 20;

/// A section of the help.
struct Section {
    title: &'static str,
    /// Keys or signs, and what they do or mean.
    entries: Vec<(String, &'static str)>,
}

/// The keys of an action; a dash where the user has taken them away.
fn labels(model: &Model, info: &Info) -> String {
    let labels: Vec<String> = model.keymap.keys(info).iter().map(|chord| chord.label()).collect();
    if labels.is_empty() { "–".to_owned() } else { labels.join(" ") }
}

/// All sections: those of the dashboard, then one for each view that has keys, the focused one's first.
fn sections(model: &Model) -> Vec<Section> {
    let keys = |info: &Info| (labels(model, info), info.does);
    let global = global::SECTIONS
        .iter()
        .map(|(title, actions)| Section { title, entries: actions.iter().map(|action| keys(&action.info)).collect() });
    let digits = model.digits().map(|(digit, slot)| (digit.to_string(), slot.view.spec().about)).collect();
    let views = Section { title: "Views", entries: digits };
    let mut slots: Vec<_> = model.views.iter().filter(|slot| !slot.view.actions().is_empty()).collect();
    slots.sort_by_cached_key(|slot| slot.id() != model.focus);
    let own = slots.into_iter().map(|slot| Section {
        title: slot.view.spec().name,
        entries: slot.view.actions().into_iter().map(keys).collect(),
    });
    let signs = model.views.iter().flat_map(|slot| slot.view.spec().signs);
    let signs =
        Section { title: "Signs", entries: signs.map(|(sign, meaning)| ((*sign).to_owned(), *meaning)).collect() };
    global.chain([views]).chain(own).chain([signs]).collect()
}

/// The lines of the help: in two columns where they fit.
#[must_use]
fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let sections = sections(model);
    if width < TWO_COLUMNS {
        return written(model, &sections, width);
    }
    let half = width / 2 - 1;
    // What comes after the views' digits is theirs.
    let (left, right) = sections.split_at(global::SECTIONS.len() + 1);
    let mut left = written(model, left, half).into_iter();
    let mut right = written(model, right, half).into_iter();
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

fn written(model: &Model, sections: &[Section], width: u16) -> Vec<Line<'static>> {
    let each = sections.iter().map(|section| {
        let mut lines = vec![Line::from(Span::styled(section.title, model.shared.theme.title))];
        lines.extend(section.entries.iter().flat_map(|(what, meaning)| entry(model, what, meaning, width)));
        lines
    });
    each.collect::<Vec<_>>().join(&Line::default())
}

/// Lines that the help has in that body.
#[must_use]
pub fn height(model: &Model, body: Rect) -> usize {
    lines(model, text_area(inside(area(body))).width).len()
}

fn entry(model: &Model, what: &str, meaning: &str, width: u16) -> Vec<Line<'static>> {
    let theme = &model.shared.theme;
    let pieces = fmt::wrap(meaning, usize::from(width).saturating_sub(KEYS)).into_iter().enumerate();
    let lead = |i: usize| if i == 0 { format!("  {what}") } else { String::new() };
    pieces
        .map(|(i, piece)| {
            let lead = fmt::left(&lead(i), KEYS);
            Line::from(vec![Span::styled(lead, theme.accent), Span::styled(piece, theme.text)])
        })
        .collect()
}

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
    let inner =
        frame(area, model.shared.theme.focus, Line::from(Span::styled("▸Keys ", model.shared.theme.focus)), buf);
    scrolled(&model.shared.theme, &lines(model, text_area(inner).width), model.help_scroll, inner, buf);
}

/// Where the question lies.
#[must_use]
pub fn confirm_area(body: Rect) -> Rect {
    let (width, height) = (body.width.min(56), body.height.min(7));
    Rect { x: body.x + (body.width - width) / 2, y: body.y + (body.height - height) / 2, width, height }
}

/// Asks whether to stop the daemon.
pub fn confirm(model: &Model, body: Rect, buf: &mut Buffer) {
    let theme = &model.shared.theme;
    let area = confirm_area(body);
    Clear.render(area, buf);
    let inner = frame(area, theme.warn, Line::from(Span::styled(" Stop the daemon? ", theme.warn)), buf);
    let text = text_area(inner);
    let mut lines = prose(
        "mixlaw then no longer reads the logs. No data is lost: the next start continues from the same position.",
        theme.text,
        text.width,
    );
    lines.push(Line::default());
    lines.push(Line::from(vec![
        Span::styled("y", theme.accent),
        Span::styled(" stop and quit    ", theme.dim),
        Span::styled("any other key", theme.accent),
        Span::styled(" stay", theme.dim),
    ]));
    scrolled(&model.shared.theme, &lines, 0, inner, buf);
}
