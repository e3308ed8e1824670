//! Lines of a run's log, as they are in the file.

use serde::{Deserialize, Serialize};

/// Lines that may be asked for.
pub const MOST_LINES: u32 = 2_000;

/// Which lines of which log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogQuery {
    /// The run, by number in the store.
    pub run: u32,
    /// Which of its files, counted from 0; beyond the last one, the last one.
    pub file: usize,
    /// Lines around this byte of the file; `None` for the last ones.
    #[serde(default)]
    pub around: Option<u64>,
    /// Lines around the first at which the run came to this step, where no byte is named.
    #[serde(default)]
    pub step: Option<i64>,
    /// Only lines with this text. Letters of either case are alike unless the text has capitals.
    #[serde(default)]
    pub find: Option<String>,
    /// The most lines.
    pub lines: u32,
}

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogLine {
    /// Where it begins in the file, bytes.
    pub at: u64,
    /// The text, without escape sequences that colour it, and with spaces for tabs; at most a few thousand characters.
    pub text: String,
}

/// Lines of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogAnswer {
    /// The files of the run, relative to it: text before others.
    pub files: Vec<String>,
    /// Which of them this is.
    pub file: usize,
    /// Its length, bytes.
    pub size: u64,
    /// Lines, in the order of the file.
    pub lines: Vec<LogLine>,
    /// Whether there is nothing before them.
    pub is_first: bool,
    /// Whether there is nothing behind them.
    pub is_last: bool,
    /// Where the line of the step that was asked for begins, bytes.
    #[serde(default)]
    pub found: Option<u64>,
    /// Why there are none, as a sentence.
    #[serde(default)]
    pub note: Option<String>,
}
