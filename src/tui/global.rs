//! The actions of the dashboard as a whole, under those of the view that keys go to.

use super::Exit;
use super::action::{Action, ctrl, k, key};
use super::model::{Model, Overlay};
use super::palette::Palette;
use super::theme::Theme;
use super::update::Effect;
use super::views::Motion;
use crate::vocab::count::counted;
use crossterm::event::KeyCode;

/// An action of the whole dashboard.
pub type GlobalAction = Action<fn(&mut Model) -> Vec<Effect>>;

const fn act(
    name: &'static str,
    keys: &'static [super::action::Chord],
    does: &'static str,
    run: fn(&mut Model) -> Vec<Effect>,
) -> GlobalAction {
    Action::new(name, keys, does, run)
}

/// The table, in sections of the help.
#[rustfmt::skip]
pub const SECTIONS: &[(&str, &[GlobalAction])] = &[
    ("Move", &[
        act("view.next", &[key(KeyCode::Tab)], "next view", |model| turn(model, 1)).hint("view"),
        act("view.previous", &[key(KeyCode::BackTab)], "previous view", |model| turn(model, -1)),
        act("move.up", &[key(KeyCode::Up), k('k')], "up: run, fit or line", |model| step(model, Motion::Lines(-1))),
        act("move.down", &[key(KeyCode::Down), k('j')], "down", |model| step(model, Motion::Lines(1))),
        act("move.page-up", &[key(KeyCode::PageUp), ctrl('b')], "a page up", |model| step(model, Motion::Pages(-1))),
        act("move.page-down", &[key(KeyCode::PageDown), ctrl('f')], "a page down", |model| step(model, Motion::Pages(1))),
        act("move.start", &[key(KeyCode::Home), k('g')], "to the start", |model| step(model, Motion::Start)),
        act("move.end", &[key(KeyCode::End), k('G')], "to the end", |model| step(model, Motion::End)),
    ]),
    ("Show", &[
        act("show.help", &[k('?'), key(KeyCode::F(1))], "show or hide these keys", help).hint("help"),
        act("show.palette", &[k(':'), ctrl('p')], "find a view, an action, a run or a metric", palette).hint("find"),
        act("show.whole", &[key(KeyCode::Enter)], "close the overlay, or zoom the view", open),
        act("show.close", &[key(KeyCode::Esc)], "close; then clear the filter", close),
        act("show.zoom", &[k('z')], "toggle full screen for this view", zoom).hint("zoom"),
        act("show.freeze", &[k('f')], "freeze or unfreeze the screen", freeze).hint("freeze"),
        act("show.copy", &[k('y')], "copy: the mixture, the values or the name that is shown", |model| copy(model, false)).hint("copy"),
        act("show.copy-picture", &[k('Y')], "copy this view as text", |model| copy(model, true)),
        act("show.undo", &[k('u')], "take back: filter, order, columns, hidden and pinned runs, metric", |model| undo(model, true)),
        act("show.redo", &[k('U')], "do again what was taken back", |model| undo(model, false)),
        act("show.mouse", &[key(KeyCode::F(2))], "mouse on, or off for selecting text with it", mouse),
        act("show.theme", &[k('t')], "next theme: dark, light, 16 colours, no colours", theme).hint("theme"),
        act("show.sizes", &[k('|')], "parts of the screen as large as at first (drag an edge between two to change them)", sizes),
        act("show.redraw", &[ctrl('l')], "redraw the screen", |_| vec![Effect::Redraw]),
    ]),
    ("Leave", &[
        act("leave.detach", &[k('q'), k('d'), ctrl('c')], "quit; the daemon keeps running", |_| vec![Effect::Leave(Exit::Detached)]).hint("detach"),
        act("leave.stop", &[k('Q')], "stop the daemon and quit (asks first)", stop),
        act("leave.suspend", &[ctrl('z')], "suspend to the shell; fg resumes", |_| vec![Effect::Suspend]),
    ]),
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static GlobalAction> {
    SECTIONS.iter().flat_map(|(_, actions)| actions.iter())
}

/// Every edge back to where it was before it was dragged.
fn sizes(model: &mut Model) -> Vec<Effect> {
    model.splits.clear();
    Vec::new()
}

/// Up or down in what keys go to.
fn step(model: &mut Model, motion: Motion) -> Vec<Effect> {
    if model.overlay == Overlay::Help {
        let rows = super::layout::inside(super::chrome::help::area(model.plan().body)).height;
        model.help_scroll = model.help_scroll.saturating_add_signed(motion.lines(rows));
    } else if let Some(id) = model.active() {
        return model.with(id, |view, cx| view.step(motion, cx)).map(|(_, effects)| effects).unwrap_or_default();
    }
    Vec::new()
}

/// To the next or previous view that has something to show.
fn turn(model: &mut Model, by: isize) -> Vec<Effect> {
    model.overlay = Overlay::None;
    let stops = model.stops();
    if !stops.is_empty() {
        let at = stops.iter().position(|id| *id == model.focus).unwrap_or(0);
        model.focus_on(stops[at.wrapping_add_signed(by + stops.len() as isize) % stops.len()]);
    }
    Vec::new()
}

fn help(model: &mut Model) -> Vec<Effect> {
    model.overlay = if model.overlay == Overlay::Help { Overlay::None } else { Overlay::Help };
    model.help_scroll = 0;
    Vec::new()
}

fn palette(model: &mut Model) -> Vec<Effect> {
    model.palette = Palette::default();
    model.overlay = Overlay::Palette;
    Vec::new()
}

fn open(model: &mut Model) -> Vec<Effect> {
    if model.overlay == Overlay::None {
        return zoom(model);
    }
    model.overlay = Overlay::None;
    Vec::new()
}

fn zoom(model: &mut Model) -> Vec<Effect> {
    model.shared.zoomed = !model.shared.zoomed;
    Vec::new()
}

/// One thing at a time, the uppermost first; then what the focused view takes back, then what another does.
fn close(model: &mut Model) -> Vec<Effect> {
    if model.overlay != Overlay::None {
        model.overlay = Overlay::None;
    } else if model.shared.zoomed {
        model.shared.zoomed = false;
    } else {
        let others = model.views.iter().map(super::model::Slot::id).filter(|id| *id != model.focus);
        for id in std::iter::once(model.focus).chain(others).collect::<Vec<_>>() {
            if let Some((true, effects)) = model.with(id, |view, cx| view.back(cx)) {
                return effects;
            }
        }
    }
    Vec::new()
}

fn freeze(model: &mut Model) -> Vec<Effect> {
    let shared = &mut model.shared;
    shared.frozen = !shared.frozen;
    if !shared.frozen
        && let Some(snapshot) = shared.pending.take()
    {
        shared.show(snapshot);
    }
    Vec::new()
}

/// By the terminal's own escape sequence (OSC 52), so that it works over ssh.
fn copy(model: &mut Model, picture: bool) -> Vec<Effect> {
    let Some(text) = model.copied(picture).filter(|text| !text.trim().is_empty()) else { return Vec::new() };
    let lines = text.lines().count();
    model.said = Some(format!("Copied {}, if the terminal allows it (OSC 52).", counted(lines, "line")));
    vec![Effect::Copy(text)]
}

fn undo(model: &mut Model, back: bool) -> Vec<Effect> {
    if !super::undo::step(model, back) {
        let what = if back { "Nothing to take back." } else { "Nothing to do again." };
        model.said = Some(what.to_owned());
    }
    Vec::new()
}

fn mouse(model: &mut Model) -> Vec<Effect> {
    model.mouse = !model.mouse;
    let said = if model.mouse { "Mouse on." } else { "Mouse off: the terminal selects text. F2 turns it on." };
    model.said = Some(said.to_owned());
    vec![Effect::Mouse(model.mouse)]
}

fn theme(model: &mut Model) -> Vec<Effect> {
    let theme = model.shared.theme;
    model.shared.theme = Theme::new(theme.name.next(), theme.depth);
    model.chosen_theme = Some(theme.name.next());
    Vec::new()
}

fn stop(model: &mut Model) -> Vec<Effect> {
    // Inside the dashboard's own process there is no daemon to leave behind, so nothing to ask.
    if model.shared.snapshot.as_ref().is_some_and(|s| s.daemon.embedded) {
        return vec![Effect::Leave(Exit::Stop)];
    }
    model.overlay = Overlay::ConfirmStop;
    Vec::new()
}
