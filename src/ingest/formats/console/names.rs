//! Names under which the values of a line are kept: those it prints, with what it says of their split and domain.

use super::stdout::{MetricLine, is_held_out};
use crate::ingest::formats::Sink;
use crate::ingest::formats::scan::point;

/// Adds a value of a line, under its name with what the line says of it.
pub(super) fn give(found: &MetricLine<'_>, name: &[u8], step: i64, value: f64, sink: &mut Sink) {
    match found.held_out.filter(|_| !says_split(name)) {
        Some(word) if found.domain.is_some() => {
            let domain = found.domain.unwrap_or_default();
            point(&[word, b"/", domain, b"/", name].concat(), step, value, sink);
        }
        Some(word) => point(&[word, b" ", name].concat(), step, value, sink),
        None => point(name, step, value, sink),
    }
}

pub(super) fn says_held_out(name: &[u8]) -> bool {
    name.split(|b| !b.is_ascii_alphanumeric()).any(is_held_out)
}

/// Whether a name itself says that it is of held-out data, or of training.
fn says_split(name: &[u8]) -> bool {
    let mut words = name.split(|b| !b.is_ascii_alphanumeric());
    words.any(|word| is_held_out(word) || word.eq_ignore_ascii_case(b"train"))
}
