//! A weight in the text of a file.

use super::super::source::At;
use std::ops::Range;

/// A weight in a file: its domain, where its digits are, and what they say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weight {
    /// Name of the domain.
    pub domain: String,
    /// Bytes of the number.
    pub digits: Range<usize>,
    /// The number.
    pub value: f64,
}

/// The position of a byte.
pub(super) fn at(text: &str, byte: usize) -> At {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |n| n + 1);
    At { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}
