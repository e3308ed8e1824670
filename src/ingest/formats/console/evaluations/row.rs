//! Rows beneath a heading: a name and a number, and the cells of tables.

use crate::ingest::formats::scan::number_with_commas;
use regex::Regex;
use std::sync::LazyLock;

/// A name, and what stands behind it.
static ROW: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^\s*(?:[-*•|│┃]\s*)?([A-Za-z_][^:=|│┃]*?)\s*(?:[:=|│┃]\s*|\s{2,})(\S.*?)\s*[|│┃]?\s*$").ok()
});
/// The same with one space between them.
static PAIR: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*(?:[-*•]\s*)?([A-Za-z_][A-Za-z0-9_./@-]*) ([-+]?[0-9.][^\s]*)\s*$").ok());

/// A row of a name and a text.
pub(super) fn pair(line: &str) -> Option<(&str, &str)> {
    let found = ROW.as_ref()?.captures(line).or_else(|| PAIR.as_ref()?.captures(line))?;
    let (name, text) = (found.get(1)?.as_str(), found.get(2)?.as_str());
    (name.len() <= 80 && name.split_whitespace().count() <= 5).then_some((name, text))
}

/// The number that a text is, perhaps with a unit or an error behind it.
pub(super) fn number(text: &str) -> Option<f64> {
    let text = text.trim().trim_matches(['\'', '"', '*']);
    let (value, length) = number_with_commas(text.as_bytes())?;
    let rest = text.get(length..)?.trim_start();
    let is_unit = rest.len() <= 8 && rest.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '%' | '/'));
    (rest.is_empty()
        || rest.starts_with(['±', '('])
        || rest.starts_with("+/-")
        || is_unit && text.as_bytes().get(length) != Some(&b':'))
    .then_some(value)
}

/// Cells between bars, or two spaces apart; `None` where a line is no row of a table.
pub(super) fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim();
    let is_bar = |c: char| matches!(c, '|' | '│' | '┃');
    if inner.starts_with(is_bar) && inner.ends_with(is_bar) {
        let inner = inner.strip_prefix(is_bar)?.strip_suffix(is_bar)?;
        return Some(inner.split(is_bar).map(str::trim).collect());
    }
    if inner.contains(is_bar) {
        return None;
    }
    let cells: Vec<&str> = inner.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    (cells.len() >= 2).then_some(cells)
}

/// Whether a line is empty, or drawn: `|---|---:|`, `─────`.
pub(super) fn is_ruler(line: &str) -> bool {
    line.chars()
        .all(|c| c.is_whitespace() || matches!(c, '-' | '=' | '|' | '+' | ':' | '*' | '_' | '\u{2500}'..='\u{257f}'))
}
