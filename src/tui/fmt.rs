//! Formatting of numbers and names for the screen: digits, width, truncation.

use crate::vocab::date::civil;
pub use crate::vocab::number::duration;
use crate::vocab::number::show_amount;
pub use crate::vocab::number::significant;
use crate::vocab::text::printable;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes.
#[must_use]
pub fn width(text: &str) -> usize {
    text.width()
}

/// Text from a file, made safe, and cut at its end to `columns`.
#[must_use]
pub fn head(text: &str, columns: usize) -> String {
    let text = printable(text);
    if width(&text) <= columns {
        return text;
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Text from a file, made safe, and cut at its start to `columns`: runs differ at the end of their paths.
#[must_use]
pub fn tail(text: &str, columns: usize) -> String {
    let text = printable(text);
    if width(&text) <= columns {
        return text;
    }
    let mut kept = Vec::new();
    let mut used = 1;
    for c in text.chars().rev() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(c);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept.into_iter().rev().collect()
}

/// Fills up with spaces on the right.
#[must_use]
pub fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Columns of the widest text, at least so many.
#[must_use]
pub fn widest(least: usize, texts: impl Iterator<Item = String>) -> usize {
    texts.map(|text| width(&text)).fold(least, usize::max)
}

/// Fills up with spaces on the left.
#[must_use]
pub fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Breaks text from a file, made safe, into lines of at most `columns`, between words where it can.
#[must_use]
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in printable(text).split_whitespace() {
        let wide = width(word);
        if used > 0 && used + 1 + wide > columns {
            lines.push(String::new());
            used = 0;
        }
        let last = lines.len() - 1;
        if used > 0 {
            lines[last].push(' ');
            used += 1;
        }
        for c in word.chars() {
            let w = c.width().unwrap_or(0);
            if used > 0 && used + w > columns {
                lines.push(String::new());
                used = 0;
            }
            let last = lines.len() - 1;
            lines[last].push(c);
            used += w;
        }
    }
    lines
}

/// A loss in nats: three decimals, `–` where there is none, the word where it is not finite.
#[must_use]
pub fn loss(value: f64) -> String {
    match value {
        v if v.is_nan() => "nan".to_owned(),
        v if v.is_infinite() => if v > 0.0 { "inf" } else { "-inf" }.to_owned(),
        v if v.abs() < 100.0 => format!("{v:.3}"),
        v => significant(v, 4),
    }
}

/// A loss or a dash.
#[must_use]
pub fn loss_or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), loss)
}

/// A part of one as a percentage with one decimal: `74.0%`.
#[must_use]
pub fn percent(part: f64) -> String {
    if part.is_finite() { format!("{:.1}%", 100.0 * part) } else { "–".to_owned() }
}

/// The same for sentences: without a decimal that says nothing (`74%`, but `2.5%`).
#[must_use]
pub fn percent_short(part: f64) -> String {
    percent(part).replace(".0%", "%")
}

/// A time in seconds since 1970, as `11-29 07:15` (UTC).
#[must_use]
pub fn date(seconds: f64) -> String {
    let minutes = (seconds / 60.0).floor() as i64;
    let (days, minute) = (minutes.div_euclid(1440), minutes.rem_euclid(1440));
    let (_, month, day) = civil(days);
    format!("{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
}

/// How long ago: whole seconds, because a number that changes faster than it can be read is noise.
#[must_use]
pub fn ago(seconds: f64) -> String {
    if seconds < 1.0 {
        "just now".to_owned()
    } else {
        format!("{} ago", duration(seconds.floor().max(1.0)).replace(".0 s", " s"))
    }
}

/// A number as people write it: whole ones without a point, large ones as amounts, no zeros at the end.
#[must_use]
pub fn plain(number: f64) -> String {
    match number {
        n if n.fract() == 0.0 && n.abs() < 1e4 => format!("{n:.0}"),
        n if n.abs() >= 1e4 => crate::vocab::number::show_amount(n),
        n => {
            let text = significant(n, 4);
            match text.contains('.') && !text.contains('e') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
                false => text,
            }
        }
    }
}

/// A count: `34,128` while that can be read, `12.3M` after.
#[must_use]
pub fn count(n: u64) -> String {
    if n >= 10_000_000 {
        return show_amount(n as f64);
    }
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// An amount of data: `1.2 GB`.
#[must_use]
pub fn bytes(n: f64) -> String {
    let (scaled, unit) = match n {
        n if n >= 1e12 => (n / 1e12, "TB"),
        n if n >= 1e9 => (n / 1e9, "GB"),
        n if n >= 1e6 => (n / 1e6, "MB"),
        n if n >= 1e3 => (n / 1e3, "kB"),
        n => return format!("{:.0} B", n.max(0.0)),
    };
    if scaled >= 100.0 { format!("{scaled:.0} {unit}") } else { format!("{scaled:.1} {unit}") }
}

/// A bar of `columns`, filled by `part` (0 to 1) to half a column: the filled and the empty piece.
#[must_use]
pub fn bar(part: f64, columns: usize) -> (String, String) {
    let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
    let halves = (part * columns as f64 * 2.0).round() as usize;
    let mut full = "━".repeat(halves / 2);
    full.push_str(if halves % 2 == 1 { "╸" } else { "" });
    let empty = "─".repeat(columns.saturating_sub(width(&full)));
    (full, empty)
}

/// Values as eighth blocks, the newest at the right, `·` where a value is not finite. Scaled to the range of what comes
/// after the first eighth: the fall at the start of a run would leave no height for anything that follows. The tallest
/// block is not the full one, so that rows do not run together.
#[must_use]
pub fn sparkline(values: &[f64], columns: usize) -> String {
    const LEVELS: [char; 7] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇'];
    if values.is_empty() || columns == 0 {
        return String::new();
    }
    let n = columns.min(values.len());
    let sampled: Vec<f64> =
        (0..n).map(|i| values[if n == 1 { values.len() - 1 } else { i * (values.len() - 1) / (n - 1) }]).collect();
    let finite = || sampled[n / 8..].iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    sampled
        .iter()
        .map(|v| match (v - low) / (high - low) {
            _ if !v.is_finite() => '·',
            t if t.is_finite() => LEVELS[(t.clamp(0.0, 1.0) * 6.0).round() as usize],
            _ => LEVELS[0],
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_to_columns_not_bytes() {
        assert_eq!(head("runs/n333k-r033", 8), "runs/n3…");
        assert_eq!(tail("runs/n333k-r033", 8), "…3k-r033");
        assert_eq!(head("混合比率", 5), "混合…");
        assert_eq!(tail("混合比率", 5), "…比率");
        assert_eq!(head("abc", 0), "");
        assert_eq!(head("a\u{1b}[31mb", 10), "a[31mb");
    }

    #[test]
    fn text_is_wrapped_between_words_and_inside_long_ones() {
        assert_eq!(wrap("the law for rust has no skill", 12), ["the law for", "rust has no", "skill"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn plain_numbers_have_no_digits_that_say_nothing() {
        let said = [1.0, 0.0, 2e-4, 0.95, 15_000.0, 1.2345678, -3.0].map(plain);
        assert_eq!(said, ["1", "0", "0.0002", "0.95", "15k", "1.235", "-3"]);
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(loss(1.48612), "1.486");
        assert_eq!(loss(f64::NAN), "nan");
        assert_eq!(percent_short(0.74), "74%");
        assert_eq!(percent_short(0.025), "2.5%");
        assert_eq!(significant(0.034_255_03, 4), "0.03426");
        assert_eq!(significant(1.234e-7, 3), "1.23e-7");
        assert_eq!(significant(30.0919, 4), "30.09");
        for (s, text) in [(0.413, "0.41 s"), (2.0, "2.0 s"), (43.4, "43 s"), (300.0, "5 min"), (7980.0, "2 h 13 min")] {
            assert_eq!(duration(s), text);
        }
        assert_eq!(ago(2.3), "2 s ago");
        assert_eq!(count(34_128), "34,128");
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(bytes(1.24e9), "1.2 GB");
    }

    #[test]
    fn a_bar_is_as_long_as_its_part() {
        assert_eq!(bar(0.5, 8), ("━━━━".to_owned(), "────".to_owned()));
        assert_eq!(bar(0.55, 8), ("━━━━╸".to_owned(), "───".to_owned()));
        assert_eq!(bar(7.0, 2), ("━━".to_owned(), String::new()));
        assert_eq!(bar(f64::NAN, 2), (String::new(), "──".to_owned()));
    }

    #[test]
    fn a_fall_at_the_start_leaves_height_for_the_rest() {
        let mut values = vec![9.0, 2.0];
        values.extend((1..8).map(|i| 2.0 - 0.1 * f64::from(i)));
        assert_eq!(sparkline(&values, 9), "▇▇▆▅▄▄▃▂▁");
    }

    #[test]
    fn a_sparkline_spans_its_own_range() {
        assert_eq!(sparkline(&[1.0, 2.0, f64::NAN, 3.0], 4), "▁▄·▇");
        assert_eq!(sparkline(&[2.0, 2.0], 4), "▁▁");
        assert_eq!(sparkline(&[3.0, 9.0, 1.0], 2), "▇▁");
    }
}
