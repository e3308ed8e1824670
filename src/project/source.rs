//! The text of a project file, and errors with a position in it.

use super::ProjectError;
use crate::vocab::text::printable;
use std::path::Path;

/// A position in the text, from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl At {
    /// The first character.
    pub const START: Self = Self { line: 1, column: 1 };

    /// The position `characters` further on the same line.
    #[must_use]
    pub fn plus(self, characters: usize) -> Self {
        Self { line: self.line, column: self.column + characters }
    }
}

/// A project file's text.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file as the user typed it.
    pub file: &'a Path,
    /// Its text, without a byte order mark.
    pub text: &'a str,
}

/// Text in which the rest of every web address is asterisks: that of a webhook is a secret, wherever it was written by
/// mistake, and errors repeat what was written. That of a stream is one if it has a user or a password in it.
fn masked(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, address) = rest.split_at(at + 3);
        out.push_str(before);
        let stream = before.ends_with("nats://") || before.ends_with("tls://");
        let ends: &[char] = if stream { &[' ', '\'', '"', '}'] } else { &[' ', '\'', '"', ',', '}', ']'] };
        let end = address.find(ends).unwrap_or(address.len());
        if stream && !address[..end].contains('@') {
            out.push_str(&address[..end]);
            rest = &address[end..];
            continue;
        }
        out.extend(std::iter::repeat_n('*', address[..end].chars().count()));
        rest = &address[end..];
    }
    out.push_str(rest);
    out
}

impl Source<'_> {
    /// An error at a position. All text from the file is made printable here.
    #[must_use]
    pub fn invalid(&self, at: At, message: impl AsRef<str>, help: impl AsRef<str>) -> ProjectError {
        let help = help.as_ref();
        ProjectError::Invalid {
            file: self.file.to_path_buf(),
            line: at.line,
            column: at.column,
            message: masked(&printable(message.as_ref())),
            source_line: shorten(&masked(&printable(&self.line(at.line).replace('\t', " ")))),
            help: (!help.is_empty())
                .then(|| help.lines().map(|line| masked(&printable(line))).collect::<Vec<_>>().join("\n")),
        }
    }

    /// A line, from 1; empty if it does not exist.
    #[must_use]
    pub fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number.saturating_sub(1)).unwrap_or("")
    }
}

/// Shortens a very long line.
fn shorten(line: &str) -> String {
    const MOST: usize = 160;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// The last part of an absolute path, for titles.
#[must_use]
pub fn directory_name(root: &Path) -> String {
    let name = root.file_name().map(|n| n.to_string_lossy().into_owned());
    crate::vocab::text::printable(&name.unwrap_or_else(|| "project".to_owned()))
}
