//! Skipping of JSON values.

use memchr::memchr2;

/// The line is not an object; the reason for people.
pub(super) struct Broken(pub &'static str);

#[inline]
pub(super) fn space(line: &[u8], mut at: usize) -> usize {
    while matches!(line.get(at), Some(b' ' | b'\t' | b'\r')) {
        at += 1;
    }
    at
}

/// From the opening quote of a string to behind its closing one.
#[inline]
pub(super) fn string(line: &[u8], at: usize) -> Result<usize, Broken> {
    if line.get(at) != Some(&b'"') {
        return Err(Broken("a key without quotes"));
    }
    let mut at = at + 1;
    loop {
        match memchr2(b'"', b'\\', &line[at.min(line.len())..]) {
            Some(n) if line[at + n] == b'"' => return Ok(at + n + 1),
            Some(n) => at += n + 2,
            None => return Err(Broken("an unterminated string")),
        }
    }
}

/// From the bracket that opens an array or object to behind the one that closes it.
pub(super) fn skip(line: &[u8], mut at: usize) -> Result<usize, Broken> {
    let mut depth = 0usize;
    while let Some(byte) = line.get(at) {
        match byte {
            b'"' => {
                at = string(line, at)?;
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return Ok(at);
        }
    }
    Err(Broken("an unclosed bracket"))
}

/// The beginning of an object, up to its last whole member, as a line that ends. `None` where there is none.
pub(super) fn closed(head: &[u8]) -> Option<Vec<u8>> {
    let (mut open, mut at, mut last) = (Vec::new(), 0, None);
    while let Some(byte) = head.get(at) {
        match byte {
            b'"' => match string(head, at) {
                Ok(behind) => {
                    at = behind;
                    continue;
                }
                Err(_) => break,
            },
            b'{' => open.push(b'}'),
            b'[' => open.push(b']'),
            b'}' | b']' => drop(open.pop()),
            b',' => last = Some((at, open.clone())),
            _ => {}
        }
        at += 1;
    }
    let (end, open) = last?;
    Some(head[..end].iter().copied().chain(open.into_iter().rev()).chain([b'\n']).collect())
}

pub(super) fn unescape(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    if !text.contains('\\') {
        return text.into_owned();
    }
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.into_owned())
}
