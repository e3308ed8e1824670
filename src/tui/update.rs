//! Every change of the [`Model`]; pure.

use super::action::Info;
use super::layout::Placed;
use super::model::{Model, Overlay};
use super::shared::Link;
use super::undo;
use super::views::{Input, Mouse, MouseKind, ViewId};
use super::{Exit, Incoming, chrome, palette};
use crate::ipc::protocol::LabelCommand;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A key.
    Key(KeyEvent),
    /// A click, a drag or a turn of the wheel.
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
    /// Dismiss the alerts of these numbers.
    Dismiss(Vec<u64>),
    /// Give a run tags or a note.
    Label(LabelCommand),
    /// Hand text to the clipboard.
    Copy(String),
    /// Take the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Leave.
    Leave(Exit),
    /// Give the terminal back until the shell continues us.
    Suspend,
}

/// Changes the model by one event.
pub fn update(model: &mut Model, event: Event) -> Vec<Effect> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => Vec::new(),
        Event::Key(key) => noted(model, |model| on_key(model, &key)),
        Event::Mouse(mouse) => noted(model, |model| on_mouse(model, mouse)),
        Event::Paste(text) if model.overlay == Overlay::Palette => {
            palette::type_in(model, Input::Paste(&text)).unwrap_or_default()
        }
        Event::Paste(text) => type_in(model, Input::Paste(&text)).unwrap_or_default(),
        Event::Resize(columns, rows) => {
            model.shared.size = (columns, rows);
            model.settle();
            vec![Effect::Redraw]
        }
        Event::Incoming(incoming) => on_incoming(model, incoming),
        Event::Age(seconds) => {
            model.shared.age = seconds;
            vec![Effect::Render]
        }
        Event::Terminate => vec![Effect::Leave(Exit::Detached)],
    }
}

/// Does something of which a trace is left, to be taken back.
fn noted(model: &mut Model, work: impl FnOnce(&mut Model) -> Vec<Effect>) -> Vec<Effect> {
    undo::look(model);
    let effects = work(model);
    undo::note(model);
    effects
}

fn on_incoming(model: &mut Model, incoming: Incoming) -> Vec<Effect> {
    let shared = &mut model.shared;
    match incoming {
        Incoming::Snapshot(snapshot) => {
            shared.link = Link::Live;
            if shared.frozen && shared.snapshot.is_some() {
                shared.pending = Some(snapshot);
            } else {
                shared.show(snapshot);
                model.settle();
            }
        }
        Incoming::Curves(_) if shared.frozen => {}
        Incoming::Curves(curves) => shared.curves = Some(curves),
        Incoming::Answers(_) if shared.frozen => {}
        Incoming::Answers(answers) => {
            shared.answers = answers;
            model.settle();
        }
        Incoming::Prediction(prediction) => shared.prediction = Some(prediction),
        Incoming::Lost(why) => shared.link = Link::Lost(why),
        Incoming::Back => shared.link = if shared.snapshot.is_some() { Link::Live } else { Link::Waiting },
    }
    vec![Effect::Render]
}

fn on_key(model: &mut Model, key: &KeyEvent) -> Vec<Effect> {
    model.said = None;
    if model.overlay == Overlay::ConfirmStop {
        model.overlay = Overlay::None;
        let yes =
            matches!(key.code, KeyCode::Char('y' | 'Y')) && key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        return vec![if yes { Effect::Leave(Exit::Stop) } else { Effect::Render }];
    }
    if model.overlay == Overlay::Palette
        && let Some(effects) = palette::type_in(model, Input::Key(key))
    {
        return effects;
    }
    if let Some(effects) = type_in(model, Input::Key(key)) {
        return effects;
    }
    // Keys that the user has chosen come before those of the tables.
    let by = |own: bool| {
        let mut reachable = model.reachable().into_iter();
        let has = |info: &Info| model.keymap.keys(info).iter().any(|chord| chord.matches(key));
        reachable.find(|(_, info)| model.keymap.is_own(info) == own && has(info))
    };
    if let Some((_, info)) = by(true).or_else(|| by(false)) {
        return model.perform(info.name).unwrap_or_default();
    }
    let digit = |(digit, _): &(char, _)| super::action::k(*digit).matches(key);
    let id = model.digits().find(digit).map(|(_, slot)| slot.id());
    match id {
        Some(id) => model.go(id),
        None => Vec::new(),
    }
}

/// Hands text to the view that is being typed into; `None` where there is none, or where it leaves the key to others.
fn type_in(model: &mut Model, input: Input<'_>) -> Option<Vec<Effect>> {
    let id = model.typing()?.id();
    let (taken, effects) = model.with(id, |view, cx| view.type_in(input, cx))?;
    taken.then(|| model.changed(effects))
}

fn on_mouse(model: &mut Model, mouse: MouseEvent) -> Vec<Effect> {
    let kind = match mouse.kind {
        MouseEventKind::ScrollUp => MouseKind::Wheel(-1),
        MouseEventKind::ScrollDown => MouseKind::Wheel(1),
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Press,
        MouseEventKind::Drag(MouseButton::Left) => MouseKind::Drag,
        MouseEventKind::Up(MouseButton::Left) => {
            (model.held, model.dragged) = (None, None);
            return Vec::new();
        }
        _ => return Vec::new(),
    };
    let mouse = Mouse { kind, column: mouse.column, row: mouse.row };
    match model.overlay {
        Overlay::ConfirmStop => Vec::new(),
        Overlay::Palette => in_palette(model, mouse),
        Overlay::Help => match kind {
            MouseKind::Wheel(by) => {
                model.help_scroll = model.help_scroll.saturating_add_signed(3 * by);
                model.changed(Vec::new())
            }
            MouseKind::Press | MouseKind::Drag => Vec::new(),
        },
        Overlay::View(id) => hand(model, id, mouse).unwrap_or_default(),
        Overlay::None => match kind {
            MouseKind::Press => press(model, mouse),
            MouseKind::Drag if model.dragged.is_some() => drag(model, mouse),
            MouseKind::Drag => model.held.and_then(|id| hand(model, id, mouse)).unwrap_or_default(),
            MouseKind::Wheel(_) => {
                let Some(id) = model.plan().at(mouse.column, mouse.row).map(|place| place.shown) else {
                    return Vec::new();
                };
                let Some(effects) = hand(model, id, mouse) else { return Vec::new() };
                model.focus_on(id);
                effects
            }
        },
    }
}

/// A press on an entry does it; one beside the palette closes it; the wheel goes through the entries.
fn in_palette(model: &mut Model, mouse: Mouse) -> Vec<Effect> {
    let body = model.plan().body;
    match mouse.kind {
        MouseKind::Drag => return Vec::new(),
        MouseKind::Wheel(by) => {
            let last = palette::found(model).len().saturating_sub(1);
            model.palette.at = model.palette.at.saturating_add_signed(by).min(last);
        }
        MouseKind::Press if !chrome::palette::area(body).contains((mouse.column, mouse.row).into()) => {
            model.overlay = Overlay::None;
        }
        MouseKind::Press => {
            let Some(at) = chrome::palette::entry_at(model, body, mouse.column, mouse.row) else { return Vec::new() };
            if at < palette::found(model).len() {
                model.palette.at = at;
                return palette::choose(model);
            }
        }
    }
    model.changed(Vec::new())
}

/// Hands the mouse to a view; `None` where the view does nothing with it.
fn hand(model: &mut Model, id: ViewId, mouse: Mouse) -> Option<Vec<Effect>> {
    let (taken, effects) = model.with(id, |view, cx| view.mouse(mouse, cx))?;
    taken.then(|| model.changed(effects))
}

/// Moves the edge that is held to the mouse.
fn drag(model: &mut Model, mouse: Mouse) -> Vec<Effect> {
    let Some(edge) = &model.dragged else { return Vec::new() };
    if let Some(part) = edge.dragged(mouse.column, mouse.row) {
        model.splits.insert(edge.name.clone(), part);
    }
    model.changed(Vec::new())
}

/// A press on a tab goes to its view; one on an edge between views holds the edge; one inside a view goes to it and into it.
fn press(model: &mut Model, mouse: Mouse) -> Vec<Effect> {
    let plan = model.plan();
    model.dragged = super::splits::edge_at(&plan, mouse.column, mouse.row);
    if model.dragged.is_some() {
        model.held = None;
        return Vec::new();
    }
    let Some(Placed { area, shown, tabs }) = plan.at(mouse.column, mouse.row) else { return Vec::new() };
    let tab = (mouse.row == area.y && tabs.len() > 1)
        .then(|| chrome::frame::tab_at(model, tabs, *shown, area.width, mouse.column.saturating_sub(area.x)))
        .flatten();
    model.focus_on(tab.unwrap_or(*shown));
    model.held = None;
    if tab.is_none() && super::layout::inside(*area).contains((mouse.column, mouse.row).into()) {
        model.held = Some(*shown);
        if let Some(effects) = hand(model, *shown, mouse) {
            return effects;
        }
    }
    model.changed(Vec::new())
}
