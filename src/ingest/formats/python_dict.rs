//! Dictionaries as Python prints them: `{'loss': 2.8713, 'epoch': '0.04', 'mem': np.float64(1.5), 'x': [1, {}]}`.

use super::scan::number;

/// The entries of a dictionary that are numbers (also quoted, as newer Trainers print them, or wrapped as
/// `np.float64(…)` and `tensor(…)`), and the quoted texts that are none.
#[derive(Debug, Default)]
pub(super) struct Dict<'a> {
    pub numbers: Vec<(&'a [u8], f64)>,
    pub texts: Vec<(&'a [u8], &'a [u8])>,
    /// Values of other kinds: lists, `None`, `True`.
    pub others: usize,
    /// Bytes of it.
    pub length: usize,
}

impl<'a> Dict<'a> {
    /// The number under `key`.
    pub fn number(&self, key: &[u8]) -> Option<f64> {
        self.numbers.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }

    /// The text under `key`.
    pub fn text(&self, key: &[u8]) -> Option<&'a [u8]> {
        self.texts.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }
}

/// The dictionary at the very front of `text`; `None` where it is none, or not whole.
pub(super) fn dict(text: &[u8]) -> Option<Dict<'_>> {
    let mut rest = text.strip_prefix(b"{")?;
    let mut found = Dict::default();
    loop {
        rest = rest.trim_ascii_start();
        if let Some(after) = rest.strip_prefix(b"}") {
            found.length = text.len() - after.len();
            return Some(found);
        }
        let (key, after) = quoted(rest)?;
        rest = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let length = value_length(rest)?;
        let value = rest[..length].trim_ascii_end();
        match quoted(value) {
            Some((inner, b"")) => match whole(inner) {
                Some(value) => found.numbers.push((key, value)),
                None => found.texts.push((key, inner)),
            },
            _ => match whole(unwrapped(value)) {
                Some(value) => found.numbers.push((key, value)),
                None => found.others += 1,
            },
        }
        rest = &rest[length..];
        rest = rest.strip_prefix(b",").unwrap_or(rest);
    }
}

fn whole(text: &[u8]) -> Option<f64> {
    number(text).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
}

/// What is between quotes at the front, and what follows.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let quote = *text.first().filter(|b| matches!(b, b'\'' | b'"'))?;
    let mut at = 1;
    loop {
        match *text.get(at)? {
            b'\\' => at += 2,
            b if b == quote => return Some((&text[1..at], &text[at + 1..])),
            _ => at += 1,
        }
    }
}

/// `np.float64(2.5)`, `tensor(2.5, device='cuda:0')`: what is inside.
fn unwrapped(value: &[u8]) -> &[u8] {
    let wrapped = value.starts_with(b"np.") || value.starts_with(b"tensor(");
    match memchr::memchr(b'(', value).filter(|_| wrapped) {
        Some(open) => value[open + 1..].split(|b| matches!(b, b')' | b',')).next().unwrap_or(value),
        None => value,
    }
}

/// Bytes up to the comma or brace that ends a value, brackets and quotes inside it skipped.
fn value_length(text: &[u8]) -> Option<usize> {
    let (mut at, mut depth) = (0, 0usize);
    loop {
        match *text.get(at)? {
            b',' | b'}' if depth == 0 => return Some(at),
            b'[' | b'(' | b'{' => depth += 1,
            b']' | b')' | b'}' => depth = depth.checked_sub(1)?,
            b'\'' | b'"' => at += text.len() - at - quoted(&text[at..])?.1.len() - 1,
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_in_every_dress() {
        let text = b"{'loss': 2.8713, 'grad_norm': nan, \"lr\": '1e-05', 'a': np.float64(0.5), 'b': tensor(1.5, device='cuda:0'), \
                     'name': 'x, {y', 'list': [1, {'k': ')'}], 'none': None, 'step/max': '12/99', 'last': -inf} tail";
        let found = dict(text).unwrap();
        let keys: Vec<&[u8]> = found.numbers.iter().map(|(k, _)| *k).collect();
        assert_eq!(keys, [&b"loss"[..], b"grad_norm", b"lr", b"a", b"b", b"last"]);
        assert_eq!((found.number(b"lr"), found.number(b"b"), found.others), (Some(1e-5), Some(1.5), 2));
        assert_eq!((found.text(b"step/max"), found.text(b"name")), (Some(&b"12/99"[..]), Some(&b"x, {y"[..])));
        assert!(dict(b"{}").is_some_and(|d| d.numbers.is_empty()));
        for broken in [&b"{"[..], b"{'a'", b"{'a': ", b"{'a': 1", b"{'a': [1}", b"{'a': 'x}", b"{1: 2}", b"{'a\\"] {
            assert!(dict(broken).is_none(), "{}", String::from_utf8_lossy(broken));
        }
    }
}
