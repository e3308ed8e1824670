//! The keys: one table that dispatches them, writes the help and the hints at the foot of the screen.

use super::model::Panel;
use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// Everything a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// One up: a run, a fit, a line.
    Up,
    /// One down.
    Down,
    /// The reading line of the chart to the left; in a run's details, the run before.
    Left,
    /// The reading line to the right; in a run's details, the run after.
    Right,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the start.
    First,
    /// To the end.
    Last,
    /// Focus on the next panel.
    NextPanel,
    /// Focus on the panel before.
    PreviousPanel,
    /// Focus on this panel.
    Focus(Panel),
    /// Opens the selected run, or gives the panel the whole screen.
    Open,
    /// Closes what is open.
    Close,
    /// The panel takes or gives back the whole screen.
    Zoom,
    /// The chart of the next validation loss.
    NextChart,
    /// Loss axis over the whole curve or the part worth reading.
    WholeRange,
    /// Sorts by the next column.
    Sort,
    /// Turns the order round.
    Reverse,
    /// Types a filter.
    Filter,
    /// Takes the signals of the selected run, or in their panel all of them, as seen.
    Acknowledge,
    /// Holds or releases the screen.
    Freeze,
    /// The next theme.
    Theme,
    /// Shows or hides the keys.
    Help,
    /// Draws everything again.
    Redraw,
    /// Leaves; the daemon goes on.
    Detach,
    /// Asks whether to stop the daemon and leave.
    Stop,
    /// Back to the shell for a while.
    Suspend,
}

/// Sections of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Getting around.
    Move,
    /// What is shown and how.
    Show,
    /// The table of runs.
    Runs,
    /// Leaving.
    Leave,
}

impl Group {
    /// In the order of the help.
    pub const ALL: [Self; 4] = [Self::Move, Self::Show, Self::Runs, Self::Leave];

    /// The heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Move => "Move",
            Self::Show => "Show",
            Self::Runs => "Runs",
            Self::Leave => "Leave",
        }
    }
}

/// A key, with or without Ctrl. Shift is part of the character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chord {
    /// The key.
    pub code: KeyCode,
    /// Whether Ctrl is held.
    pub ctrl: bool,
}

impl Chord {
    /// How the key is written.
    #[must_use]
    pub fn label(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "Space".to_owned(),
            KeyCode::Char(c) => c.to_string(),
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::BackTab => "Shift-Tab".to_owned(),
            KeyCode::F(n) => format!("F{n}"),
            other => format!("{other:?}"),
        };
        if self.ctrl { format!("Ctrl-{name}") } else { name }
    }

    fn matches(self, key: &KeyEvent) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let foreign = key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META);
        self.code == key.code && self.ctrl == ctrl && !foreign
    }
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Keys that do it.
    pub keys: &'static [Chord],
    /// What it does, for the help.
    pub does: &'static str,
    /// One word for the foot of the screen, for the keys worth a place there.
    pub hint: Option<&'static str>,
    /// Section of the help.
    pub group: Group,
    /// What it does, for [`super::update()`].
    pub action: Action,
}

const fn k(c: char) -> Chord {
    Chord { code: KeyCode::Char(c), ctrl: false }
}

const fn ctrl(c: char) -> Chord {
    Chord { code: KeyCode::Char(c), ctrl: true }
}

const fn key(code: KeyCode) -> Chord {
    Chord { code, ctrl: false }
}

const fn bind(
    keys: &'static [Chord],
    group: Group,
    action: Action,
    hint: Option<&'static str>,
    does: &'static str,
) -> Binding {
    Binding { keys, does, hint, group, action }
}

/// The table. Hints are shown in its order.
#[rustfmt::skip]
pub const BINDINGS: &[Binding] = &[
    bind(&[k('?'), key(KeyCode::F(1))], Group::Show, Action::Help, Some("help"), "show or hide these keys"),
    bind(&[k('q'), k('d'), ctrl('c')], Group::Leave, Action::Detach, Some("detach"), "leave; a daemon goes on watching"),
    bind(&[key(KeyCode::Tab)], Group::Move, Action::NextPanel, Some("panel"), "next panel"),
    bind(&[key(KeyCode::BackTab)], Group::Move, Action::PreviousPanel, None, "panel before"),
    bind(&[k('1')], Group::Move, Action::Focus(Panel::Runs), None, "runs"),
    bind(&[k('2')], Group::Move, Action::Focus(Panel::Chart), None, "chart"),
    bind(&[k('3')], Group::Move, Action::Focus(Panel::Advice), None, "advice"),
    bind(&[k('4')], Group::Move, Action::Focus(Panel::Laws), None, "laws"),
    bind(&[k('5')], Group::Move, Action::Focus(Panel::Notices), None, "notices"),
    bind(&[k('6')], Group::Move, Action::Focus(Panel::Signals), None, "signals of runs"),
    bind(&[k('7')], Group::Move, Action::Focus(Panel::Ledger), None, "ledger of forecasts"),
    bind(&[key(KeyCode::Up), k('k')], Group::Move, Action::Up, None, "up: a run, a fit, a line"),
    bind(&[key(KeyCode::Down), k('j')], Group::Move, Action::Down, None, "down"),
    bind(&[key(KeyCode::Left), k('h')], Group::Move, Action::Left, None, "read the chart further left; in details, the run before"),
    bind(&[key(KeyCode::Right), k('l')], Group::Move, Action::Right, None, "read the chart further right; in details, the run after"),
    bind(&[key(KeyCode::PageUp), ctrl('b')], Group::Move, Action::PageUp, None, "a page up"),
    bind(&[key(KeyCode::PageDown), ctrl('f'), k(' ')], Group::Move, Action::PageDown, None, "a page down"),
    bind(&[key(KeyCode::Home), k('g')], Group::Move, Action::First, None, "to the start"),
    bind(&[key(KeyCode::End), k('G')], Group::Move, Action::Last, None, "to the end"),
    bind(&[key(KeyCode::Enter)], Group::Show, Action::Open, Some("open"), "open the selected run; in other panels, the whole screen"),
    bind(&[key(KeyCode::Esc)], Group::Show, Action::Close, None, "close; then clear the filter"),
    bind(&[k('z')], Group::Show, Action::Zoom, Some("zoom"), "this panel on the whole screen, and back"),
    bind(&[k('/')], Group::Runs, Action::Filter, Some("filter"), "filter by words in name or state"),
    bind(&[k('s')], Group::Runs, Action::Sort, Some("sort"), "sort by the next column"),
    bind(&[k('S')], Group::Runs, Action::Reverse, None, "turn the order round"),
    bind(&[k('a')], Group::Runs, Action::Acknowledge, Some("seen"), "take the run's signals as seen; in their panel, all"),
    bind(&[k('c')], Group::Show, Action::NextChart, Some("chart"), "chart and law of the next validation loss"),
    bind(&[k('y')], Group::Show, Action::WholeRange, None, "chart: whole curve, or the part worth reading"),
    bind(&[k('f')], Group::Show, Action::Freeze, Some("freeze"), "hold the screen still, and release it"),
    bind(&[k('t')], Group::Show, Action::Theme, Some("theme"), "next theme: dark, light, 16 colours, no colours"),
    bind(&[ctrl('l')], Group::Show, Action::Redraw, None, "draw everything again"),
    bind(&[k('Q')], Group::Leave, Action::Stop, None, "stop the daemon and leave; asks first"),
    bind(&[ctrl('z')], Group::Leave, Action::Suspend, None, "back to the shell; fg returns"),
];

/// What a key does, if anything.
#[must_use]
pub fn dispatch(key: &KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    BINDINGS.iter().find(|b| b.keys.iter().any(|c| c.matches(key))).map(|b| b.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things() {
        let all: Vec<Chord> = BINDINGS.iter().flat_map(|b| b.keys.iter().copied()).collect();
        for (i, chord) in all.iter().enumerate() {
            assert!(!all[..i].contains(chord), "{} is bound twice", chord.label());
        }
    }

    #[test]
    fn every_key_of_the_table_is_dispatched_to_its_action() {
        for binding in BINDINGS {
            for chord in binding.keys {
                let modifiers = if chord.ctrl { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
                assert_eq!(dispatch(&KeyEvent::new(chord.code, modifiers)), Some(binding.action));
            }
        }
    }

    #[test]
    fn shifted_letters_and_foreign_modifiers() {
        assert_eq!(dispatch(&KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT)), Some(Action::Last));
        assert_eq!(dispatch(&KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT)), None);
    }
}
