//! Keys that the user has given to actions, in place of those of the tables.

use super::action::{Chord, Info};
use super::{global, views};
use crossterm::event::KeyCode;
use std::collections::BTreeMap;

/// The user's keys by the name of the action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keymap {
    own: BTreeMap<&'static str, Vec<Chord>>,
}

/// What is wrong with the user's keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// No action is called so.
    #[error("'{0}' is no action")]
    NoAction(String),
    /// Text that names no key.
    #[error(
        "'{1}' is no key, for {0}: a character, ctrl-x, F1 to F12, up, down, left, right, pgup, pgdn, home, end, tab, shift-tab, enter, esc, space, backspace, delete"
    )]
    NoKey(String, String),
    /// One key for two actions that are reached from the same place.
    #[error("{0} is given to {1} and to {2}")]
    Twice(String, String, String),
    /// A digit, which leads to a view.
    #[error("{0} leads to a view; give another key to {1}")]
    Digit(String, String),
}

/// Names of keys that are no characters.
const NAMES: [(&str, KeyCode); 15] = [
    ("space", KeyCode::Char(' ')),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
];

/// The key of a name; `None` where there is none of that name.
#[must_use]
pub fn chord(name: &str) -> Option<Chord> {
    let lower = name.to_lowercase();
    let (rest, ctrl) = match lower.strip_prefix("ctrl-").filter(|rest| !rest.is_empty()) {
        Some(_) => (&name["ctrl-".len()..], true),
        None => (name, false),
    };
    let mut letters = rest.chars();
    let code = match (letters.next(), letters.next()) {
        (Some(only), None) => KeyCode::Char(if ctrl { only.to_ascii_lowercase() } else { only }),
        _ => {
            let lower = rest.to_lowercase();
            let number = lower.strip_prefix('f').and_then(|digits| digits.parse().ok());
            let named = NAMES.iter().find(|(name, _)| *name == lower).map(|(_, code)| *code);
            named.or(number.filter(|n| (1..=12).contains(n)).map(KeyCode::F))?
        }
    };
    Some(Chord { code, ctrl })
}

/// The name of a key, as [`chord`] reads it.
#[must_use]
pub fn name(chord: Chord) -> String {
    let named = NAMES.iter().find(|(_, code)| *code == chord.code).map(|(name, _)| (*name).to_owned());
    let name = named.unwrap_or_else(|| Chord { ctrl: false, ..chord }.label());
    if chord.ctrl { format!("ctrl-{name}") } else { name }
}

/// Every action, with the name of the view that has it.
fn actions() -> Vec<(Option<&'static str>, &'static Info)> {
    let of_views = views::all().into_iter().flat_map(|view| {
        let name = view.spec().name;
        view.actions().into_iter().map(move |info| (Some(name), info)).collect::<Vec<_>>()
    });
    global::all().map(|action| (None, &action.info)).chain(of_views).collect()
}

impl Keymap {
    /// The keymap of names of actions with names of keys; an action without keys has none.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn of(wanted: &BTreeMap<String, Vec<String>>) -> Result<Self, KeymapError> {
        let known = actions();
        let mut own: BTreeMap<&'static str, Vec<Chord>> = BTreeMap::new();
        for (action, keys) in wanted {
            let found = known.iter().find(|(_, info)| info.name == action);
            let (_, info) = found.ok_or_else(|| KeymapError::NoAction(action.clone()))?;
            let mut chords = Vec::new();
            for key in keys {
                let chord = chord(key).ok_or_else(|| KeymapError::NoKey(action.clone(), key.clone()))?;
                if matches!(chord.code, KeyCode::Char('1'..='9')) && !chord.ctrl {
                    return Err(KeymapError::Digit(key.clone(), action.clone()));
                }
                // Two views may have one key, as only one of them has the keys at a time.
                let place = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
                let other = own.iter().find(|(name, chords)| place(name) == place(action) && chords.contains(&chord));
                if let Some((other, _)) = other {
                    return Err(KeymapError::Twice(key.clone(), (*other).to_owned(), action.clone()));
                }
                chords.push(chord);
            }
            own.insert(info.name, chords);
        }
        Ok(Self { own })
    }

    /// The keys of an action.
    #[must_use]
    pub fn keys<'a>(&'a self, info: &'a Info) -> &'a [Chord] {
        self.own.get(info.name).map_or(info.keys, Vec::as_slice)
    }

    /// Whether the user has given it keys: these come before the others.
    #[must_use]
    pub fn is_own(&self, info: &Info) -> bool {
        self.own.contains_key(info.name)
    }
}

/// Names of all actions.
pub fn names() -> impl Iterator<Item = &'static str> {
    actions().into_iter().map(|(_, info)| info.name)
}

/// Every action with its keys and what it does, as a file that [`Keymap::of`] reads.
#[must_use]
pub fn written() -> String {
    let mut out = String::from(
        "# Keys of the dashboard. Change what you like, and leave out the rest; [] takes the keys away.\n",
    );
    for (view, info) in actions() {
        let keys: Vec<String> = info.keys.iter().map(|key| format!("'{}'", name(*key).replace('\'', "''"))).collect();
        let does = view.map_or_else(|| info.does.to_owned(), |view| format!("{view}: {}", info.does));
        out.push_str(&format!("{:<40} # {does}\n", format!("{}: [{}]", info.name, keys.join(", "))));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keymap(pairs: &[(&str, &[&str])]) -> Result<Keymap, KeymapError> {
        let text = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        Keymap::of(&pairs.iter().map(|(action, keys)| ((*action).to_owned(), text(keys))).collect())
    }

    #[test]
    fn every_key_has_a_name_that_is_read_back() {
        for (_, info) in actions() {
            for key in info.keys {
                assert_eq!(chord(&name(*key)), Some(*key), "{}", name(*key));
            }
        }
        assert_eq!(chord("Ctrl-Y"), chord("ctrl-y"));
        assert_eq!((chord("G").map(name), chord("g").map(name)), (Some("G".to_owned()), Some("g".to_owned())));
        for bad in ["", "ctrl-", "F13", "hyper-x", "ab"] {
            assert_eq!(chord(bad), None, "{bad}");
        }
        assert!(written().lines().count() > 60);
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        assert!(matches!(keymap(&[("no.such", &["a"])]), Err(KeymapError::NoAction(_))));
        assert!(matches!(keymap(&[("runs.sort", &["hyper"])]), Err(KeymapError::NoKey(..))));
        assert!(matches!(keymap(&[("runs.sort", &["3"])]), Err(KeymapError::Digit(..))));
        assert!(matches!(keymap(&[("runs.sort", &["b"]), ("runs.pin", &["b"])]), Err(KeymapError::Twice(..))));
        let own = keymap(&[("runs.sort", &["b", "F5"]), ("leave.stop", &[])]).unwrap();
        assert!(own.own["leave.stop"].is_empty() && own.own["runs.sort"].len() == 2);
    }
}
