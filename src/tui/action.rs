//! Actions: small named units, each with its keys and a sentence. One table of them per view and one for the whole
//! dashboard ([`super::global`]) dispatch keys and write the help and the hints at the foot of the screen.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

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

    /// Whether a key that was pressed is this one.
    #[must_use]
    pub fn matches(self, key: &KeyEvent) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let foreign = key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SUPER | KeyModifiers::META);
        key.kind != KeyEventKind::Release && self.code == key.code && self.ctrl == ctrl && !foreign
    }
}

/// The key of a character.
#[must_use]
pub const fn k(c: char) -> Chord {
    Chord { code: KeyCode::Char(c), ctrl: false }
}

/// The key of a character while Ctrl is held.
#[must_use]
pub const fn ctrl(c: char) -> Chord {
    Chord { code: KeyCode::Char(c), ctrl: true }
}

/// A key that is no character.
#[must_use]
pub const fn key(code: KeyCode) -> Chord {
    Chord { code, ctrl: false }
}

/// From where the keys of an action reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// From the view that has it, while keys go to it. No key of the global layer may be among its keys.
    #[default]
    Here,
    /// The same, and its keys mean this there instead of what they mean in the global layer.
    Instead,
    /// From every view that does not use the key itself.
    Everywhere,
}

/// What is said of an action, and the keys that do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// Its name, `view.verb`. Unique; by it whoever has no key in hand (a palette, a mouse) does the action.
    pub name: &'static str,
    /// Keys that do it. The first is the one that hints show.
    pub keys: &'static [Chord],
    /// What it does, for the help: lower case, no full stop.
    pub does: &'static str,
    /// One or two words for the foot of the screen, for the keys worth a place there.
    pub hint: Option<&'static str>,
    /// From where its keys reach it.
    pub reach: Reach,
}

/// An action: what is said of it and what it runs.
#[derive(Debug, Clone, Copy)]
pub struct Action<F> {
    /// Name, keys and words.
    pub info: Info,
    /// What it runs.
    pub run: F,
}

impl<F: Copy> Action<F> {
    /// An action that is reached from where it is, and has no hint.
    #[must_use]
    pub const fn new(name: &'static str, keys: &'static [Chord], does: &'static str, run: F) -> Self {
        Self { info: Info { name, keys, does, hint: None, reach: Reach::Here }, run }
    }

    /// The same with a hint at the foot of the screen.
    #[must_use]
    pub const fn hint(self, hint: &'static str) -> Self {
        Self { info: Info { hint: Some(hint), ..self.info }, run: self.run }
    }

    /// The same, reached from elsewhere too, or in place of a global key.
    #[must_use]
    pub const fn reach(self, reach: Reach) -> Self {
        Self { info: Info { reach, ..self.info }, run: self.run }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifted_letters_and_foreign_modifiers() {
        assert!(k('G').matches(&KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT)));
        assert!(!k('q').matches(&KeyEvent::new(KeyCode::Char('q'), KeyModifiers::ALT)));
        assert!(!k('c').matches(&KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
    }
}
