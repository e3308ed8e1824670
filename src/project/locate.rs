//! YAML parsed to a tree with the line and column of every key and value.
//!
//! The tree is built from parser events. It rejects input that is ambiguous or too expensive: duplicate keys, a second
//! document, deep nesting, aliases that multiply.

use super::ProjectError;
use super::source::{At, Source};
use saphyr_parser::{Event, Parser, ScalarStyle, Span};
use std::collections::HashMap;

/// Deepest nesting accepted. The project file needs five.
pub const MAX_DEPTH: usize = 32;
/// Most keys and values accepted, with aliases expanded.
pub const MAX_NODES: usize = 20_000;

/// A value and its position.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its first character.
    pub at: At,
    /// Kind and content.
    pub value: Value,
}

/// Kind and content of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A scalar; `plain` if it is not quoted.
    Scalar {
        /// As read, quotes and escapes resolved.
        text: String,
        /// Without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order of the text.
    Map(Vec<(Key, Node)>),
}

/// A key and its position.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// As read.
    pub name: String,
    /// Its first character.
    pub at: At,
}

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarKind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// Anything else, or anything in quotes.
    Text,
    /// A list.
    List,
    /// A mapping.
    Map,
}

impl ScalarKind {
    /// Name with article, for "…, not a list".
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "empty",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "a mapping",
        }
    }
}

impl Node {
    /// Type of the value.
    #[must_use]
    pub fn kind(&self) -> ScalarKind {
        match &self.value {
            Value::List(_) => ScalarKind::List,
            Value::Map(_) => ScalarKind::Map,
            Value::Scalar { plain: false, .. } => ScalarKind::Text,
            Value::Scalar { text, .. } => match text.as_str() {
                "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
                "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => ScalarKind::Bool,
                _ if is_number(text) => ScalarKind::Number,
                _ => ScalarKind::Text,
            },
        }
    }

    /// The text of a scalar.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Keys and values of a mapping; none for anything else.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Items of a list; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    fn depth(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Node::depth).max().unwrap_or(0),
            Value::Map(entries) => entries.iter().map(|(_, n)| n.depth()).max().unwrap_or(0),
        }
    }

    fn nodes(&self) -> usize {
        1 + match &self.value {
            Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Node::nodes).sum(),
            Value::Map(entries) => entries.iter().map(|(_, n)| n.nodes()).sum(),
        }
    }
}

/// Whether serde_yaml reads a plain scalar as a number.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(digits, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let begins = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    begins && digits.parse::<f64>().is_ok() || digits.starts_with("0x") && i64::from_str_radix(&digits[2..], 16).is_ok()
}

/// Parses the text to a tree. `help` is the help for an empty file.
///
/// # Errors
/// [`ProjectError::Invalid`] if the text is not one YAML document within the limits.
pub fn tree(source: &Source<'_>, help: &str) -> Result<Node, ProjectError> {
    let mut builder = Builder { source, open: Vec::new(), anchors: HashMap::new(), nodes: 0, root: None };
    for event in Parser::new_from_str(source.text) {
        match event {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => {
                let at = At { line: error.marker().line().max(1), column: error.marker().col() + 1 };
                return Err(super::syntax::explain(source, at, error.info()));
            }
        }
    }
    builder
        .root
        .filter(|root| root.kind() != ScalarKind::Null)
        .ok_or_else(|| source.invalid(At::START, "this file has no content", help))
}

/// An open list or mapping.
enum Open {
    List { at: At, anchor: usize, items: Vec<Node> },
    Map { at: At, anchor: usize, entries: Vec<(Key, Node)>, key: Option<Key> },
}

struct Builder<'a> {
    source: &'a Source<'a>,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), ProjectError> {
        let at = At { line: span.start.line().max(1), column: span.start.col() + 1 };
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return Err(self.source.invalid(
                    at,
                    "a second YAML document starts here; a project file has only one",
                    "remove the line `---` and everything after it, or move that to another file",
                ));
            }
            Event::Scalar(_, _, _, Some(_)) | Event::SequenceStart(_, Some(_)) | Event::MappingStart(_, Some(_)) => {
                return Err(self.source.invalid(
                    at,
                    "YAML tags (words with `!`) are not supported",
                    "remove the word that begins with `!`, or quote the whole value",
                ));
            }
            Event::Scalar(text, style, anchor, None) => {
                let value = Value::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                self.value(Node { at, value }, anchor)?;
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(self.source.invalid(
                        at,
                        "undefined YAML alias (a word with `*`)",
                        "a pattern that begins with `*` needs quotes: path: \"*/logs\"",
                    ));
                };
                let node = Node { at, ..node.clone() };
                self.nodes += node.nodes();
                if self.open.len() + node.depth() > MAX_DEPTH {
                    return Err(self.too_deep(at));
                }
                self.value(node, 0)?;
            }
            Event::SequenceStart(anchor, None) => self.push(Open::List { at, anchor, items: Vec::new() }, at)?,
            Event::MappingStart(anchor, None) => {
                self.push(Open::Map { at, anchor, entries: Vec::new(), key: None }, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { at, anchor, items }) => self.value(Node { at, value: Value::List(items) }, anchor)?,
                Some(Open::Map { at, anchor, entries, .. }) => {
                    self.value(Node { at, value: Value::Map(entries) }, anchor)?;
                }
                None => {}
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn push(&mut self, open: Open, at: At) -> Result<(), ProjectError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.too_deep(at));
        }
        self.open.push(open);
        Ok(())
    }

    fn too_deep(&self, at: At) -> ProjectError {
        self.source.invalid(
            at,
            format!("nested more than {MAX_DEPTH} levels deep"),
            "a project file has at most five levels; look for an unclosed bracket",
        )
    }

    /// Inserts a complete value: into a list, as a key, as the value of a key, or as the root.
    fn value(&mut self, node: Node, anchor: usize) -> Result<(), ProjectError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.source.invalid(
                node.at,
                format!("more than {MAX_NODES} keys and values"),
                "select runs with a pattern (path: runs/*) instead of listing each",
            ));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => {
                    let Value::Scalar { text, .. } = node.value else {
                        return Err(self.source.invalid(
                            node.at,
                            "a key must be text, not a list or a mapping",
                            "quote a text value that begins with `{` or `[`",
                        ));
                    };
                    if let Some((first, _)) = entries.iter().find(|(k, _)| k.name == text) {
                        return Err(self.source.invalid(
                            node.at,
                            format!("duplicate key `{text}`; the first is on line {}", first.at.line),
                            "remove one of the two, or merge them",
                        ));
                    }
                    *key = Some(Key { name: text, at: node.at });
                }
            },
        }
        Ok(())
    }
}
