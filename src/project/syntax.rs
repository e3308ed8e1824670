//! Help for invalid YAML: the parser's message with the likely cause and fix.

use super::ProjectError;
use super::source::{At, Source};

/// Rejects tabs in indentation, which YAML forbids and parsers report badly.
///
/// # Errors
/// [`ProjectError::Invalid`] at the first one.
pub fn refuse_tabs(source: &Source<'_>) -> Result<(), ProjectError> {
    for (index, line) in source.text.lines().enumerate() {
        let content = line.trim_start_matches([' ', '\t']);
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        if let Some(column) = line[..line.len() - content.len()].find('\t') {
            let at = At { line: index + 1, column: column + 1 };
            return Err(source.invalid(
                at,
                "this line is indented with a tab",
                "indent with spaces, two for each level",
            ));
        }
    }
    Ok(())
}

/// Converts a parser's error, with the likely cause if the text shows one.
#[must_use]
pub fn explain(source: &Source<'_>, at: At, parser_says: &str) -> ProjectError {
    // Parsers notice a missing bracket or quote only at the next line or at the end; the line before has the cause.
    let at = if at.line > source.text.lines().count() { last_line(source) } else { at };
    for line in [at.line, at.line - 1] {
        if let Some((column, message, help)) = cause(source.line(line)) {
            return source.invalid(At { line, column }, message, help);
        }
    }
    let help = match (unclosed(source.text), stray_indent(source, at.line)) {
        (Some(Unclosed::Bracket(open, line)), _) => format!("the `{open}` of line {line} is not closed"),
        (Some(Unclosed::Quote(quote, line)), _) => format!("the quote {quote} of line {line} is not closed"),
        (None, Some(indent)) => {
            format!("this line's indentation of {indent} matches no line above; align keys of the same level")
        }
        (None, None) => "write each key on its own line as `key: value`, and align keys of the same level".to_owned(),
    };
    source.invalid(at, format!("this is not YAML: {parser_says}"), help)
}

/// A common error in one line: its column, message and fix.
fn cause(line: &str) -> Option<(usize, String, String)> {
    let content = line.trim_start().trim_start_matches("- ").trim_start();
    let (key, value) = match content.split_once(": ") {
        Some((key, value)) => (Some(key), value.trim_start()),
        None => (None, content),
    };
    let column = |part: &str| line.chars().count() - part.chars().count() + 1;
    let bare = value.split(" #").next().unwrap_or(value).trim_end();
    let first = value.chars().next()?;
    if matches!(first, '*' | '%' | '@' | '`' | '!' | '&') {
        let message = format!("quote a value that begins with `{first}`");
        return Some((column(value), message, format!("write \"{bare}\"")));
    }
    if matches!(first, '{' | '[')
        && key.is_some()
        && !bare.ends_with(['}', ']', ',', '{', '['])
        && bare.contains(['}', ']'])
    {
        let message = format!("quote a text value that begins with `{first}`");
        return Some((column(value), message, format!("write \"{bare}\"")));
    }
    if key.is_some() && bare.contains(": ") && !bare.contains(['{', '"', '\'']) {
        let help = format!("write {}: \"{bare}\"", key.unwrap_or_default());
        return Some((column(value), "quote a value that contains `: `".to_owned(), help));
    }
    let (word, rest) = content.split_once(':')?;
    if key.is_none() && !rest.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
        let message = "there is no space after the colon".to_owned();
        return Some((column(rest), message, format!("write {word}: {rest}")));
    }
    None
}

/// The indentation of a line, if no key above has the same.
fn stray_indent(source: &Source<'_>, line: usize) -> Option<usize> {
    let indents = |text: &str| {
        let spaces = text.len() - text.trim_start_matches(' ').len();
        let inner = text.len() - text.trim_start_matches(' ').trim_start_matches("- ").trim_start_matches(' ').len();
        [spaces, inner]
    };
    let [own, _] = indents(source.line(line));
    let above = source.text.lines().take(line.saturating_sub(1)).filter(|l| !l.trim().is_empty());
    (!above.flat_map(indents).any(|i| i == own)).then_some(own)
}

fn last_line(source: &Source<'_>) -> At {
    let line = source.text.lines().count().max(1);
    At { line, column: source.line(line).chars().count().max(1) }
}

enum Unclosed {
    Bracket(char, usize),
    Quote(char, usize),
}

/// The innermost unclosed bracket or quote, and its line.
fn unclosed(text: &str) -> Option<Unclosed> {
    let mut brackets: Vec<(char, usize)> = Vec::new();
    let mut quote: Option<(char, usize)> = None;
    for (index, line) in text.lines().enumerate() {
        let mut before = ' ';
        for c in line.chars() {
            match (quote, c) {
                (Some((q, _)), _) if c == q => quote = None,
                (Some(_), _) => {}
                // An apostrophe inside a word is no quote, and a hash inside a word no comment.
                (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some((c, index + 1)),
                (None, '#') if before.is_whitespace() => break,
                (None, '[' | '{') => brackets.push((c, index + 1)),
                (None, ']' | '}') => drop(brackets.pop()),
                _ => {}
            }
            before = c;
        }
    }
    quote
        .map(|(q, line)| Unclosed::Quote(q, line))
        .or_else(|| brackets.pop().map(|(open, line)| Unclosed::Bracket(open, line)))
}
