//! Errors of a project, with help.

use crate::vocab::text::{complaint, printable};
use std::path::PathBuf;

/// Error of a project. `Display` is the message without the help line.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ProjectError {
    /// The path does not exist.
    #[error("{path}: no such file or directory")]
    Missing {
        /// The path.
        path: PathBuf,
        /// What to type instead.
        help: String,
    },
    /// The path exists but cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Message of the operating system.
        reason: String,
        /// Help.
        help: String,
    },
    /// The text is not a valid project. Shown as `mixlaw.yaml:12:3: …`.
    #[error("{file}:{line}:{column}: {message}")]
    Invalid {
        /// The project file as the user typed it.
        file: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong.
        message: String,
        /// The source line, control characters stripped.
        source_line: String,
        /// What to type instead.
        help: Option<String>,
    },
}

impl ProjectError {
    /// The message ([`ProjectError::message`]) and the help, as shown in a terminal.
    #[must_use]
    pub fn report(&self) -> String {
        complaint(&self.message(), self.help())
    }

    /// Position, message, and the source line with a caret.
    #[must_use]
    pub fn message(&self) -> String {
        let mut text = self.to_string();
        if let Self::Invalid { line, column, source_line, .. } = self
            && !source_line.trim().is_empty()
        {
            let number = line.to_string();
            let margin = " ".repeat(number.len());
            // As it is shown, so that the mark stands under what it is about.
            let shown = |text: &str| printable(&text.replace('\t', " "));
            let before: String = source_line.chars().take(column.saturating_sub(1)).collect();
            let mark = " ".repeat(unicode_width::UnicodeWidthStr::width(shown(&before).as_str()));
            let source_line = shown(source_line);
            text.push_str(&format!("\n{margin} |\n{number} | {source_line}\n{margin} | {mark}^"));
        }
        text
    }

    /// What to type next.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        match self {
            Self::Missing { help, .. } | Self::Unreadable { help, .. } => Some(help),
            Self::Invalid { help, .. } => help.as_deref(),
        }
    }
}
