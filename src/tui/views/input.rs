//! Input to a view other than its actions: motions, mouse, text.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// So many lines down.
    Lines(isize),
    /// So many pages down.
    Pages(isize),
    /// To the start.
    Start,
    /// To the end.
    End,
}

impl Motion {
    /// In lines, where so many rows are seen. Two lines of a page stay, to keep one's place.
    #[must_use]
    pub fn lines(self, rows: u16) -> isize {
        match self {
            Self::Lines(by) => by,
            Self::Pages(by) => by * isize::try_from(rows.saturating_sub(2).max(1)).unwrap_or(1),
            Self::Start => isize::MIN / 2,
            Self::End => isize::MAX / 2,
        }
    }
}

/// What the mouse did over a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MouseKind {
    /// The left button went down.
    Press,
    /// It moved while down. It may have left the view.
    Drag,
    /// The wheel was turned so many notches down.
    Wheel(isize),
}

/// The mouse over a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    /// What it did.
    pub kind: MouseKind,
    /// Column on screen.
    pub column: u16,
    /// Row on screen.
    pub row: u16,
}

/// Text for a view that is being typed into.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A key.
    Key(&'a KeyEvent),
    /// Pasted text, which is never taken for keys.
    Paste(&'a str),
}

/// What a key did to a line that is being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Typed {
    /// It is in the line, or took from it.
    Text,
    /// It was to take from a line that is empty.
    Empty,
    /// The line is to be kept.
    Enter,
    /// It is to be given up.
    Escape,
    /// It means the same here as elsewhere (arrows, Ctrl).
    Other,
}

impl Typed {
    /// Takes a key into a line.
    pub fn into_line(line: &mut String, key: &KeyEvent) -> Self {
        let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
        match key.code {
            KeyCode::Char('u') if key.modifiers == KeyModifiers::CONTROL => line.clear(),
            KeyCode::Char(c) if plain => line.push(c),
            KeyCode::Backspace if line.pop().is_none() => return Self::Empty,
            KeyCode::Backspace => {}
            KeyCode::Enter => return Self::Enter,
            KeyCode::Esc => return Self::Escape,
            _ => return Self::Other,
        }
        Self::Text
    }
}

/// A line that is being typed, shown at the foot of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What stands before it.
    pub sign: &'static str,
    /// What has been typed.
    pub text: String,
    /// What ends it.
    pub help: &'static str,
}
