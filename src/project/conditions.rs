//! The grammar of `where`: conditions on columns of a table or facts of a run, joined by `and`.
//!
//! `model_size < 1e9 and kind == dense`. Names and values that contain ` and `, a comparison sign or quotes are quoted:
//! `tokenizer != "bpe and bytes"`.

use crate::vocab::number::parse_amount;
use std::fmt;

/// A condition on one column or fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The column or fact.
    pub column: String,
    /// Comparison operator.
    pub comparison: Comparison,
    /// Right-hand side, as written, without its quotes.
    pub text: String,
    /// Right-hand side, if it is a number or an amount.
    pub number: Option<f64>,
}

/// Comparison operator; ordering requires numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Different,
}

/// Signs in the order in which they are looked for at one place: `<=` is not read as `<`.
const SIGNS: [(&str, Comparison); 7] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("!=", Comparison::Different),
    ("==", Comparison::Equal),
    ("<", Comparison::Less),
    (">", Comparison::More),
    ("=", Comparison::Equal),
];

/// What joins conditions.
const AND: &str = " and ";

const HELP: &str = "write it like `model_size < 1e9 and kind == dense`; compare with <, <=, >, >=, == or !=";

impl Condition {
    /// A condition on a value as a table or a log states it.
    #[must_use]
    pub fn new(column: &str, comparison: Comparison, value: &str) -> Self {
        Self {
            column: column.to_owned(),
            comparison,
            text: value.to_owned(),
            number: parse_amount(value).ok().or_else(|| value.parse().ok()),
        }
    }

    /// Whether a cell meets the condition. A cell that is not a number meets no ordering.
    #[must_use]
    pub fn holds(&self, cell: &str) -> bool {
        let cell = cell.trim();
        let order = match (number(cell), self.number) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ => None,
        };
        let equal = order.map_or(cell == self.text, |o| o.is_eq());
        match self.comparison {
            Comparison::Equal => equal,
            Comparison::Different => !equal,
            Comparison::Less => order.is_some_and(|o| o.is_lt()),
            Comparison::AtMost => order.is_some_and(|o| o.is_le()),
            Comparison::More => order.is_some_and(|o| o.is_gt()),
            Comparison::AtLeast => order.is_some_and(|o| o.is_ge()),
        }
    }
}

/// The number in a cell: plain, or an amount such as 1B.
#[must_use]
pub fn number(cell: &str) -> Option<f64> {
    cell.parse::<f64>().ok().or_else(|| parse_amount(cell).ok())
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().find(|(_, comparison)| *comparison == self.comparison).map_or("==", |(sign, _)| *sign);
        write!(f, "{} {sign} {}", quoted(&self.column), quoted(&self.text))
    }
}

/// Conditions as they are written.
#[must_use]
pub fn written(conditions: &[Condition]) -> String {
    conditions.iter().map(ToString::to_string).collect::<Vec<_>>().join(AND)
}

/// `where:` with a condition, as a line of YAML.
#[must_use]
pub fn line(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' ']);
    if plain { format!("where: {text}") } else { format!("where: '{}'", text.replace('\'', "''")) }
}

/// A name or value with quotes where it would be read as something else without.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text.trim() == text
        && !text.contains(['<', '>', '=', '!', '"', '\''])
        && !format!(" {text} ").contains(AND);
    match plain {
        true => text.to_owned(),
        false if text.contains('"') => format!("'{text}'"),
        false => format!("\"{text}\""),
    }
}

/// An error in `where`: the key, what is wrong, and what to write.
type Wrong = (&'static str, String, String);

/// Reads conditions; none where there is no text.
///
/// # Errors
/// The key, the message, and what to write instead.
pub fn optional(text: Option<&str>) -> Result<Vec<Condition>, Wrong> {
    text.map_or(Ok(Vec::new()), conditions)
}

/// Reads `a < 1e9 and b == dense`.
///
/// # Errors
/// The key, the message, and what to write instead.
pub fn conditions(text: &str) -> Result<Vec<Condition>, Wrong> {
    let fail = |message: String| Err(("where", message, HELP.to_owned()));
    let mut read = Vec::new();
    for part in parts(text) {
        let Some((column, comparison, value)) = split(part) else {
            return fail(format!("'{}' is not a condition: it has no comparison", part.trim()));
        };
        if column.is_empty() || value.is_empty() {
            return fail(format!("'{}' is not a condition: one side is empty", part.trim()));
        }
        let number = number(value);
        if number.is_none() && !matches!(comparison, Comparison::Equal | Comparison::Different) {
            return fail(format!("'{value}' is not a number: compare it with == or !="));
        }
        read.push(Condition { column: bare(column).to_owned(), comparison, text: bare(value).to_owned(), number });
    }
    Ok(read)
}

/// Byte positions outside quotes. A quote is only one where a side begins: an apostrophe within a word is a letter.
fn outside(text: &str) -> impl Iterator<Item = usize> {
    let (mut open, mut begins): (Option<char>, bool) = (None, true);
    text.char_indices().filter_map(move |(at, c)| {
        let before = open;
        match open {
            Some(quote) if c == quote => open = None,
            None if begins && matches!(c, '"' | '\'') && text[at + 1..].contains(c) => open = Some(c),
            _ => {}
        }
        begins = matches!(c, '<' | '>' | '=') || (begins && c == ' ') || text[..at].ends_with(" and");
        (before.is_none() && open.is_none()).then_some(at)
    })
}

/// What is between the `and`s.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut from = 0;
    for at in outside(text) {
        if at >= from && text[at..].starts_with(AND) {
            parts.push(&text[from..at]);
            from = at + AND.len();
        }
    }
    parts.push(&text[from..]);
    parts
}

/// Column, comparison and value of one condition: the first sign outside quotes.
fn split(part: &str) -> Option<(&str, Comparison, &str)> {
    outside(part).find_map(|at| {
        let (sign, comparison) = SIGNS.iter().find(|(sign, _)| part[at..].starts_with(sign))?;
        Some((part[..at].trim(), *comparison, part[at + sign.len()..].trim()))
    })
}

/// A text without the quotes around it.
fn bare(text: &str) -> &str {
    ['"', '\''].iter().find_map(|q| text.strip_prefix(*q)?.strip_suffix(*q)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_compare_numbers_as_numbers_and_words_as_words() {
        let read = conditions("model_size < 1B and kind == dense").expect("two conditions");
        assert!(read[0].holds("9.99e8") && !read[0].holds("1e9") && !read[0].holds(""));
        assert!(read[1].holds(" dense ") && !read[1].holds("moe"));
        assert!(conditions("k = 1").expect("one")[0].holds("1.0"), "1 and 1.0 are the same number");
        for wrong in ["", "size", "size <", "< 3", "size < big", "a and b == 1"] {
            assert!(conditions(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whatever_is_written_is_read_back() {
        for text in
            ["gpt2", "a and b", "x<=y", "it's", "say \"no\"", "a = b and c", "1e-3", "", " b ", "!", "and", "a:b #c"]
        {
            for column in ["kind", "model size", "a=b", "x and y", "it's", "model.tokenizer"] {
                let one = vec![
                    Condition::new(column, Comparison::Different, text),
                    Condition::new("lr", Comparison::AtMost, "0.001"),
                ];
                let said = written(&one);
                assert_eq!(conditions(&said).as_ref(), Ok(&one), "{said}");
                let yaml: std::collections::BTreeMap<String, String> =
                    serde_yaml::from_str(&line(&said)).unwrap_or_else(|e| panic!("{}: {e}", line(&said)));
                assert_eq!(yaml["where"], said);
            }
        }
    }
}
