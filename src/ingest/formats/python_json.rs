//! JSON as Python writes it: `NaN`, `Infinity` and `-Infinity` are numbers, which JSON proper does not know.
//!
//! A reader that hands out one event after another, allocates only for strings with escapes, and does not recurse.
//! Numbers are read exactly (the nearest f64).

use serde_json::{Map, Value};
use std::borrow::Cow;

/// What comes next in the text.
#[derive(Debug, Clone, PartialEq)]
pub enum Token<'a> {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `}` or `]`
    End,
    /// The key of what follows.
    Key(Cow<'a, str>),
    /// A number; may be NaN or infinite.
    Number(f64),
    /// A string that is not a key.
    Text(Cow<'a, str>),
    /// `true` or `false`.
    Bool(bool),
    /// `null`
    Null,
}

/// The text is not JSON, or it is cut short: then the byte is where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not JSON, or cut short, at byte {0}")]
pub struct Broken(pub usize);

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Expect {
    Value,
    /// A value, or the end of an array that has just begun.
    FirstElement,
    Key,
    /// A key, or the end of an object that has just begun.
    FirstKey,
    /// A comma or the end of what is open; the end of the text where nothing is.
    Rest,
}

/// Reads one JSON value.
pub struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// What is open, outermost first: whether it is an object.
    open: Vec<bool>,
    expect: Expect,
}

impl<'a> Reader<'a> {
    /// At the beginning of `text`.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, open: Vec::new(), expect: Expect::Value }
    }

    /// How many objects and arrays are open.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// The next event; `None` after the value has ended, with nothing but blanks behind it.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn event(&mut self) -> Result<Option<Token<'a>>, Broken> {
        loop {
            self.blanks();
            let Some(byte) = self.text.get(self.at).copied() else {
                let ended = self.open.is_empty() && self.expect == Expect::Rest;
                return if ended { Ok(None) } else { Err(self.broken()) };
            };
            match (byte, self.expect, self.open.last()) {
                (b',', Expect::Rest, Some(object)) => {
                    self.at += 1;
                    self.expect = if *object { Expect::Key } else { Expect::Value };
                }
                (b'}', Expect::Rest | Expect::FirstKey, Some(true))
                | (b']', Expect::Rest | Expect::FirstElement, Some(false)) => {
                    self.at += 1;
                    self.open.pop();
                    self.expect = Expect::Rest;
                    return Ok(Some(Token::End));
                }
                (b'"', Expect::Key | Expect::FirstKey, _) => {
                    let key = self.string()?;
                    self.blanks();
                    if self.text.get(self.at) != Some(&b':') {
                        return Err(self.broken());
                    }
                    self.at += 1;
                    self.expect = Expect::Value;
                    return Ok(Some(Token::Key(key)));
                }
                (_, Expect::Value | Expect::FirstElement, _) => return self.value(byte).map(Some),
                _ => return Err(self.broken()),
            }
        }
    }

    /// Passes over the value that comes next.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn skip(&mut self) -> Result<(), Broken> {
        match self.event()? {
            Some(Token::Object | Token::Array) => self.leave(),
            _ => Ok(()),
        }
    }

    /// Passes over the rest of the object or array that has just begun, its end included.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn leave(&mut self) -> Result<(), Broken> {
        let outside = self.depth().saturating_sub(1);
        while self.depth() > outside {
            self.event()?;
        }
        Ok(())
    }

    fn value(&mut self, byte: u8) -> Result<Token<'a>, Broken> {
        self.expect = Expect::Rest;
        Ok(match byte {
            b'{' => {
                self.at += 1;
                self.open.push(true);
                self.expect = Expect::FirstKey;
                Token::Object
            }
            b'[' => {
                self.at += 1;
                self.open.push(false);
                self.expect = Expect::FirstElement;
                Token::Array
            }
            b'"' => Token::Text(self.string()?),
            _ => {
                let rest = &self.text[self.at..];
                let end = rest.iter().position(|b| matches!(b, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t'));
                let word = &rest[..end.unwrap_or(rest.len())];
                let event = match word {
                    b"true" => Token::Bool(true),
                    b"false" => Token::Bool(false),
                    b"null" => Token::Null,
                    _ => {
                        let cut_short = Broken(self.text.len());
                        Token::Number(number(word).ok_or(if end.is_some() { self.broken() } else { cut_short })?)
                    }
                };
                self.at += word.len();
                event
            }
        })
    }

    /// A string; its opening quote comes next.
    fn string(&mut self) -> Result<Cow<'a, str>, Broken> {
        let start = self.at + 1;
        let mut at = start;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let found = memchr::memchr2(b'"', b'\\', rest).ok_or(Broken(self.text.len()))?;
            at += found;
            if self.text[at] == b'"' {
                break;
            }
            at += 2;
        }
        let raw = &self.text[start..at];
        let text = if memchr::memchr(b'\\', raw).is_none() {
            String::from_utf8_lossy(raw)
        } else {
            Cow::Owned(serde_json::from_slice(&self.text[start - 1..=at]).map_err(|_| self.broken())?)
        };
        self.at = at + 1;
        Ok(text)
    }

    fn blanks(&mut self) {
        while matches!(self.text.get(self.at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn broken(&self) -> Broken {
        Broken(self.at)
    }
}

/// A number, Python's three words among them.
#[must_use]
pub fn number(word: &[u8]) -> Option<f64> {
    match word {
        b"NaN" => Some(f64::NAN),
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        [b'-' | b'0'..=b'9', ..] => std::str::from_utf8(word).ok()?.parse().ok(),
        _ => None,
    }
}

/// A number, or a string that stands for one that JSON cannot write.
#[must_use]
pub fn number_or_quoted(json: &[u8]) -> Option<f64> {
    match json.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
        Some(word @ (b"NaN" | b"Infinity" | b"-Infinity")) => number(word),
        Some(_) => None,
        None => number(json.trim_ascii()),
    }
}

/// A whole value. Numbers that are not finite become the strings `NaN`, `Infinity` and `-Infinity`; of a key that is
/// repeated the last one stands.
#[must_use]
pub fn value(text: &[u8]) -> Option<Value> {
    let mut reader = Reader::new(text);
    // What is open, with the key it will stand under.
    let mut open: Vec<(String, Value)> = Vec::new();
    let mut key = String::new();
    let mut whole = None;
    while let Some(event) = reader.event().ok()? {
        let done = match event {
            Token::Object => {
                open.push((std::mem::take(&mut key), Value::Object(Map::new())));
                continue;
            }
            Token::Array => {
                open.push((std::mem::take(&mut key), Value::Array(Vec::new())));
                continue;
            }
            Token::Key(name) => {
                key = name.into_owned();
                continue;
            }
            Token::End => {
                let (name, value) = open.pop()?;
                key = name;
                value
            }
            Token::Number(number) => finite(number),
            Token::Text(text) => Value::String(text.into_owned()),
            Token::Bool(bit) => Value::Bool(bit),
            Token::Null => Value::Null,
        };
        match open.last_mut() {
            Some((_, Value::Object(map))) => {
                map.insert(std::mem::take(&mut key), done);
            }
            Some((_, Value::Array(list))) => list.push(done),
            _ => whole = Some(done),
        }
    }
    whole
}

fn finite(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        return Value::from(number as i64);
    }
    serde_json::Number::from_f64(number).map_or_else(
        || {
            Value::from(if number.is_nan() {
                "NaN"
            } else if number > 0.0 {
                "Infinity"
            } else {
                "-Infinity"
            })
        },
        Value::Number,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_python_writes_is_read() {
        let text = br#" {"a": [1, -2.5e-3, NaN, -Infinity], "b\n": {"c": "x\"y", "d": null}, "e": true, "f": []} "#;
        let expected = serde_json::json!({
            "a": [1, -2.5e-3, "NaN", "-Infinity"], "b\n": {"c": "x\"y", "d": null}, "e": true, "f": []
        });
        assert_eq!(value(text), Some(expected));
    }

    #[test]
    fn what_is_cut_short_or_is_not_json_is_broken() {
        let whole = br#"{"a": [1, {"b": "c\\"}], "d": 0.5}"#;
        assert!(value(whole).is_some());
        for cut in 0..whole.len() {
            assert_eq!(value(&whole[..cut]), None, "{}", String::from_utf8_lossy(&whole[..cut]));
        }
        for text in ["{\"a\" 1}", "[1 2]", "{1: 2}", "[,]", "{\"a\": nan}", "[1,]", "1 2", "]", "{]", "[}", "\"\\x\""] {
            assert_eq!(value(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_value_is_passed_over_whole() {
        let mut reader = Reader::new(br#"{"a": {"b": [1, {}]}, "c": 2}"#);
        assert_eq!(reader.event(), Ok(Some(Token::Object)));
        assert_eq!(reader.event(), Ok(Some(Token::Key("a".into()))));
        assert_eq!(reader.skip(), Ok(()));
        assert_eq!(reader.event(), Ok(Some(Token::Key("c".into()))));
        assert_eq!(reader.skip(), Ok(()));
        assert_eq!(reader.event(), Ok(Some(Token::End)));
        assert_eq!(reader.event(), Ok(None));
    }

    /// Equal but for the last bit of numbers, which serde_json does not promise.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
            }
            _ => match (a.as_f64(), b.as_f64()) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-15 * a.abs(),
                _ => a == b,
            },
        }
    }

    proptest! {
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}",:0-9eE.+\-a\\ ]{0,24}"#) {
            if let Ok(theirs) = serde_json::from_str::<Value>(&text) {
                let ours = value(text.as_bytes());
                prop_assert!(ours.is_some_and(|ours| same(&ours, &theirs)), "{text}");
            }
        }

        #[test]
        fn numbers_are_exact(value: f64) {
            let text = format!("{value:?}").replace("inf", "Infinity");
            let read = number(text.as_bytes());
            prop_assert!(read.is_some_and(|r| r.to_bits() == value.to_bits() || r.is_nan() && value.is_nan()));
        }
    }
}
