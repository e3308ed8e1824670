//! Fast, exact parsing of numbers and words from bytes.

use super::Sink;

/// Declares texts to search for in every line: building a searcher each time costs more than the search.
macro_rules! needles {
    ($($name:ident = $text:literal;)*) => {
        $(static $name: std::sync::LazyLock<memchr::memmem::Finder<'static>> =
            std::sync::LazyLock::new(|| memchr::memmem::Finder::new($text));)*
    };
}
pub(super) use needles;

/// Powers of ten that are exact as `f64`.
const TEN: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// The number at the very front of `text`, and its length: what Python, C and C++ print (`-1.5e-05`, `.5`, `nan`, `inf`,
/// `-Infinity`). The value is the nearest `f64`, as any other reader would have it.
#[must_use]
pub fn number(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let start = usize::from(negative || text.first() == Some(&b'+'));
    let mut at = start;
    let (mut mantissa, mut digits, mut scale) = (0u64, 0usize, 0i32);
    while let Some(d) = digit(text, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(d);
        digits += 1;
        at += 1;
    }
    if text.get(at) == Some(&b'.') && (digits > 0 || digit(text, at + 1).is_some()) {
        at += 1;
        // Python prints up to 17 digits.
        while let Some(eight) = eight_digits(text, at) {
            mantissa = mantissa.wrapping_mul(100_000_000).wrapping_add(eight);
            digits += 8;
            scale -= 8;
            at += 8;
        }
        while let Some(d) = digit(text, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(d);
            digits += 1;
            scale -= 1;
            at += 1;
        }
    }
    if digits == 0 {
        return word_number(&text[start..]).map(|(v, length)| (if negative { -v } else { v }, start + length));
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'-' | b'+')));
        let mut end = at + 1 + sign;
        let mut exponent = 0i32;
        while let Some(d) = digit(text, end) {
            exponent = exponent.saturating_mul(10).saturating_add(d as i32);
            end += 1;
        }
        if end > at + 1 + sign {
            scale = scale.saturating_add(if text[at + 1] == b'-' { -exponent } else { exponent });
            at = end;
        }
    }
    // One rounding only, and that of the division or product itself (Clinger 1990): both factors are exact.
    if digits <= 19 && mantissa < 1 << 53 && scale.unsigned_abs() <= 22 {
        let power = TEN[scale.unsigned_abs() as usize];
        let value = if scale < 0 { mantissa as f64 / power } else { mantissa as f64 * power };
        return Some((if negative { -value } else { value }, at));
    }
    let value: f64 = std::str::from_utf8(&text[..at]).ok()?.parse().ok()?;
    Some((value, at))
}

/// The number that eight digits in a row make, all at once: each step joins neighbours (Lemire, "Quickly parsing eight
/// digits", 2018).
#[inline]
fn eight_digits(text: &[u8], at: usize) -> Option<u64> {
    let bytes = u64::from_le_bytes(*text.get(at..)?.first_chunk()?);
    // A byte below '0' borrows, and one above '9' carries, into its highest bit.
    let not_digits = bytes.wrapping_sub(0x3030_3030_3030_3030) | bytes.wrapping_add(0x4646_4646_4646_4646);
    if not_digits & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = (bytes & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16;
    Some((fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 << 32 | 1) >> 32)
}

fn digit(text: &[u8], at: usize) -> Option<u64> {
    text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10).map(u64::from)
}

fn word_number(text: &[u8]) -> Option<(f64, usize)> {
    for (word, value) in [(&b"nan"[..], f64::NAN), (b"infinity", f64::INFINITY), (b"inf", f64::INFINITY)] {
        if text.len() >= word.len()
            && text[..word.len()].eq_ignore_ascii_case(word)
            && !text.get(word.len()).is_some_and(u8::is_ascii_alphanumeric)
        {
            return Some((value, word.len()));
        }
    }
    None
}

/// Like [`number`], with commas between thousands as Python's `{:,}` writes them: `1,049.5`.
#[must_use]
pub fn number_with_commas(text: &[u8]) -> Option<(f64, usize)> {
    let (value, length) = number(text)?;
    if text.get(length) != Some(&b',') || text[..length].contains(&b'.') {
        return Some((value, length));
    }
    let mut plain: Vec<u8> = text[..length].to_vec();
    let mut at = length;
    while text.get(at) == Some(&b',') && (1..=3).all(|i| digit(text, at + i).is_some()) && digit(text, at + 4).is_none()
    {
        plain.extend_from_slice(&text[at + 1..at + 4]);
        at += 4;
    }
    if at == length {
        return Some((value, length));
    }
    let fraction = text[at..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    if text.get(at) == Some(&b'.') {
        plain.extend_from_slice(&text[at..at + fraction]);
        at += fraction;
    }
    Some((number(&plain)?.0, at))
}

/// The least number that is no step any more: from about 2^53 on, numbers of logs cannot be told apart.
pub(super) const LONGEST_STEP: f64 = 9e15;

/// What is said of a record whose step is none.
pub(super) const ODD_STEP: &str = "a step that is no whole number below 2^53";

/// Whether a whole number is small enough to be a step.
pub(super) fn is_step(step: i64) -> bool {
    step.unsigned_abs() < LONGEST_STEP as u64
}

/// A number as a step; `None` where it is no whole number below 2^53.
pub(super) fn whole_step(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < LONGEST_STEP).then_some(value as i64)
}

/// `text`, whole and trimmed, as a number.
#[must_use]
pub fn whole_number(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    number(text).filter(|(_, length)| *length == text.len()).map(|(value, _)| value)
}

/// The unsigned integer at the very front of `text`, and its length; `None` too where it does not fit a step.
#[must_use]
pub fn integer(text: &[u8]) -> Option<(i64, usize)> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if length == 0 || length > 18 {
        return None;
    }
    let value = text[..length].iter().fold(0, |v: i64, b| v * 10 + i64::from(b - b'0'));
    Some((value, length))
}

/// The integer at the front of `text` after spaces, and what follows it.
#[must_use]
pub fn integer_after_spaces(text: &[u8]) -> Option<(i64, &[u8])> {
    let text = text.trim_ascii_start();
    let (value, length) = integer(text)?;
    Some((value, &text[length..]))
}

/// What follows `prefix`, if `text` begins with it.
#[must_use]
pub fn after<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    text.strip_prefix(prefix)
}

/// What follows the first `needle` in `text`.
#[must_use]
pub fn after_first<'a>(text: &'a [u8], needle: &[u8]) -> Option<&'a [u8]> {
    memchr::memmem::find(text, needle).map(|at| &text[at + needle.len()..])
}

/// What stands between occurrences of `separator`.
pub fn parts<'a>(text: &'a [u8], separator: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = memchr::memmem::find(text, separator);
        rest = end.map(|end| &text[end + separator.len()..]);
        Some(&text[..end.unwrap_or(text.len())])
    })
}

/// A line without what launchers and log collectors put in front of each: `2024-08-04T16:36:01.977946652Z `, `0: `,
/// `[rank0]:`, `[default0]:`.
#[must_use]
pub fn unlabelled(line: &[u8]) -> &[u8] {
    let mut line = line;
    for _ in 0..3 {
        line = match label(line) {
            Some(length) => &line[length..],
            None => return line,
        };
    }
    line
}

fn label(line: &[u8]) -> Option<usize> {
    match line.first()? {
        b'0'..=b'9' => {
            let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
            if line[digits..].starts_with(b": ") && digits <= 6 {
                return Some(digits + 2);
            }
            let stamp = digits == 4 && line.get(4) == Some(&b'-') && line.get(10) == Some(&b'T');
            let end = line.iter().take(40).position(|b| *b == b' ').filter(|_| stamp)?;
            line[..end].ends_with(b"Z").then_some(end + 1)
        }
        b' ' => {
            // srun aligns its task numbers to the right.
            let spaces = line.iter().take(6).take_while(|b| **b == b' ').count();
            let digits = line[spaces..].iter().take_while(|b| b.is_ascii_digit()).count();
            (digits > 0 && line[spaces + digits..].starts_with(b": ")).then_some(spaces + digits + 2)
        }
        b'[' => {
            let end = line.iter().take(24).position(|b| *b == b']')?;
            let word = &line[1..end];
            let ours = word.starts_with(b"rank") || word.starts_with(b"default");
            (ours && line.get(end + 1) == Some(&b':')).then_some(end + 2)
        }
        _ => None,
    }
}

/// Bytes as text, with U+FFFD where they are not UTF-8.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Adds a point of a log that has no times.
pub fn point(key: &[u8], step: i64, value: f64, sink: &mut Sink) {
    let index = sink.metric_bytes(key);
    sink.point(index, step, value, f64::NAN);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_as_they_are_printed() {
        for (text, value, length) in [
            ("3.314711 x", 3.314711, 8),
            ("-1.5e-05|", -1.5e-5, 8),
            ("1.203115E+01 ", 12.03115, 12),
            (".5", 0.5, 2),
            ("7.", 7.0, 2),
            ("12e", 12.0, 2),
            ("1e-400", 0.0, 6),
            ("123456789012345678901234567890", 1.234_567_890_123_456_8e29, 30),
            ("0.1", 0.1, 3),
            ("inf,", f64::INFINITY, 3),
            ("-Infinity", f64::NEG_INFINITY, 9),
        ] {
            assert_eq!(number(text.as_bytes()), Some((value, length)), "{text}");
        }
        assert!(number(b"nan ").is_some_and(|(v, n)| v.is_nan() && n == 3));
        for text in ["", "-", ".", "nano", "info", "e5", "x1"] {
            assert_eq!(number(text.as_bytes()), None, "{text}");
        }
        for (text, value, length) in [
            ("1,049  t", 1049.0, 5),
            ("12,345.67", 12345.67, 9),
            ("1,04", 1.0, 1),
            ("1,0495", 1.0, 1),
            ("1.5,200", 1.5, 3),
        ] {
            assert_eq!(number_with_commas(text.as_bytes()), Some((value, length)), "{text}");
        }
        assert_eq!(integer(b"99999999999999999999"), None, "no step is that large");
    }

    #[test]
    fn labels_of_launchers_are_taken_off() {
        for (line, rest) in [
            ("2024-08-04T16:36:01.977946652Z     x=1", "    x=1"),
            ("0: step", "step"),
            (" 12:   x", "  x"),
            ("[rank0]:[rank0]:  x", "  x"),
            ("[default7]:x", "x"),
            ("190 train 6.8", "190 train 6.8"),
            ("2024-08-04 16:36 x", "2024-08-04 16:36 x"),
            ("[10/20]: x", "[10/20]: x"),
            ("", ""),
        ] {
            assert_eq!(unlabelled(line.as_bytes()), rest.as_bytes(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn every_finite_number_is_read_to_the_last_bit(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{value}"), format!("{value:e}"), format!("{:.6}", value % 1e9)] {
                let expected: f64 = text.parse().unwrap();
                prop_assert_eq!(number(text.as_bytes()).map(|(v, n)| (v.to_bits(), n)), Some((expected.to_bits(), text.len())));
            }
        }
    }
}
