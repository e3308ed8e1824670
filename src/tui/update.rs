//! What happens: every change of the [`Model`], pure.

use super::act;
use super::keys;
use super::layout::{inside, plan};
use super::model::{Link, Model, Overlay, Panel};
use super::panels;
use super::{Exit, Incoming};
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A key.
    Key(KeyEvent),
    /// A click or a turn of the wheel.
    Mouse(MouseEvent),
    /// Pasted text, which is never taken for keys.
    Paste(String),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// From the daemon.
    Incoming(Incoming),
    /// So many seconds have passed since the snapshot on screen arrived.
    Age(f64),
    /// The process was asked to end.
    Terminate,
}

/// What is to be done about it, elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The screen is out of date.
    Render,
    /// The screen may hold what is not ours: clear it and draw all of it.
    Redraw,
    /// Take the signals of these numbers as seen.
    Acknowledge(Vec<u64>),
    /// Leave.
    Leave(Exit),
    /// Give the terminal back until the shell continues us.
    Suspend,
}

/// Changes the model by one event.
pub fn update(model: &mut Model, event: Event) -> Vec<Effect> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        Event::Key(key) => on_key(model, &key),
        Event::Mouse(mouse) => on_mouse(model, mouse),
        Event::Paste(text) => {
            if !model.runs.editing {
                return Vec::new();
            }
            model.runs.filter.push_str(&crate::vocab::text::printable(&text));
            model.reorder();
            act::settle(model);
            vec![Effect::Render]
        }
        Event::Resize(columns, rows) => {
            model.size = (columns, rows);
            act::settle(model);
            vec![Effect::Redraw]
        }
        Event::Incoming(incoming) => on_incoming(model, incoming),
        Event::Age(seconds) => {
            model.age = seconds;
            vec![Effect::Render]
        }
        Event::Terminate => vec![Effect::Leave(Exit::Detached)],
    }
}

fn on_incoming(model: &mut Model, incoming: Incoming) -> Vec<Effect> {
    match incoming {
        Incoming::Snapshot(snapshot) => {
            model.link = Link::Live;
            if model.frozen && model.snapshot.is_some() {
                model.pending = Some(snapshot);
            } else {
                model.show(snapshot);
                act::settle(model);
            }
        }
        Incoming::Lost(why) => model.link = Link::Lost(why),
        Incoming::Back => model.link = if model.snapshot.is_some() { Link::Live } else { Link::Waiting },
    }
    vec![Effect::Render]
}

fn on_key(model: &mut Model, key: &KeyEvent) -> Vec<Effect> {
    if model.overlay == Overlay::ConfirmStop {
        model.overlay = Overlay::None;
        let yes =
            matches!(key.code, KeyCode::Char('y' | 'Y')) && key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        return vec![if yes { Effect::Leave(Exit::Stop) } else { Effect::Render }];
    }
    if model.runs.editing && edit_filter(model, key) {
        return vec![Effect::Render];
    }
    match keys::dispatch(key) {
        Some(action) => act::act(model, action),
        None => Vec::new(),
    }
}

/// Takes a key into the filter; `false` for keys that mean the same there as elsewhere (arrows, Ctrl).
fn edit_filter(model: &mut Model, key: &KeyEvent) -> bool {
    let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
    match key.code {
        KeyCode::Char('u') if key.modifiers == KeyModifiers::CONTROL => model.runs.filter.clear(),
        KeyCode::Char(c) if plain => model.runs.filter.push(c),
        KeyCode::Backspace => {
            if model.runs.filter.pop().is_none() {
                model.runs.editing = false;
            }
        }
        KeyCode::Enter => model.runs.editing = false,
        KeyCode::Esc => {
            model.runs.filter.clear();
            model.runs.editing = false;
        }
        _ => return false,
    }
    model.reorder();
    act::settle(model);
    true
}

fn on_mouse(model: &mut Model, mouse: MouseEvent) -> Vec<Effect> {
    if model.overlay == Overlay::ConfirmStop {
        return Vec::new();
    }
    let action = match mouse.kind {
        MouseEventKind::ScrollUp => keys::Action::Up,
        MouseEventKind::ScrollDown => keys::Action::Down,
        MouseEventKind::Down(MouseButton::Left) if model.overlay == Overlay::None => {
            return on_click(model, mouse.column, mouse.row);
        }
        _ => return Vec::new(),
    };
    if model.overlay == Overlay::None {
        let plan = plan(model, Rect::new(0, 0, model.size.0, model.size.1));
        match plan.at(mouse.column, mouse.row) {
            // A fit or a reading is chosen on purpose, not by scrolling past.
            Some(Panel::Laws | Panel::Chart) | None => return Vec::new(),
            Some(panel) => act::focus(model, panel),
        }
    }
    for _ in 0..3 {
        act::act(model, action);
    }
    vec![Effect::Render]
}

fn on_click(model: &mut Model, column: u16, row: u16) -> Vec<Effect> {
    let plan = plan(model, Rect::new(0, 0, model.size.0, model.size.1));
    let Some(panel) = plan.at(column, row) else { return Vec::new() };
    let Some(area) = plan.area(panel) else { return Vec::new() };
    let tab = (row == area.y && plan.tabs.contains(&panel))
        .then(|| panels::tab_at(model, &plan.tabs, column.saturating_sub(area.x)))
        .flatten();
    act::focus(model, tab.unwrap_or(panel));
    if panel == Panel::Runs && tab.is_none() {
        let inner = inside(area);
        let line = usize::from(row.saturating_sub(inner.y));
        if row > inner.y
            && let Some(snapshot) = model.snapshot.clone()
            && let Some(index) = model.runs.order.get(model.runs.offset + line - 1)
        {
            model.runs.selected = Some(snapshot.runs[*index].id);
        }
    }
    act::settle(model);
    vec![Effect::Render]
}
