//! Parsing and formatting of numbers: amounts as people write them (`7e9`, `7B`, `20B`), and JSON without NaN.

use super::ValueError;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// Parses a size or an amount: `7e9`, `7B`, `1.5M`, `25k`, `20_000`, `2T`.
///
/// Suffixes are decimal (`k` 10³, `M` 10⁶, `B` or `G` 10⁹, `T` 10¹²) in upper or lower case.
///
/// # Errors
/// [`ValueError::NotAnAmount`], and [`ValueError::TooLarge`] where it is beyond all numbers.
pub fn parse_amount(text: &str) -> Result<f64, ValueError> {
    let cleaned: String = text.trim().chars().filter(|c| *c != '_' && *c != ',').collect();
    let (digits, factor) = match cleaned.chars().last() {
        Some('k' | 'K') => (&cleaned[..cleaned.len() - 1], 1e3),
        Some('m' | 'M') => (&cleaned[..cleaned.len() - 1], 1e6),
        Some('b' | 'B' | 'g' | 'G') => (&cleaned[..cleaned.len() - 1], 1e9),
        Some('t' | 'T') => (&cleaned[..cleaned.len() - 1], 1e12),
        _ => (cleaned.as_str(), 1.0),
    };
    match digits.trim().parse::<f64>() {
        Ok(value) if (value * factor).is_finite() => Ok(value * factor),
        // Words such as `inf` and `nan` are read as numbers, too.
        Ok(_) if digits.contains(|c: char| c.is_ascii_digit()) => Err(ValueError::TooLarge(text.trim().to_owned())),
        _ => Err(ValueError::NotAnAmount(text.trim().to_owned())),
    }
}

/// A number by which things are sorted, in the order of [`f64::total_cmp`]: `runs.sort_by_cached_key(|run| Ordered(run.params))`.
///
/// All lists sort by the same code then, whatever they hold; each closure of `sort_by` brings 7 kB of its own.
#[derive(Debug, Clone, Copy)]
pub struct Ordered(pub f64);

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

/// Formats a probability for people: `80 %`, `> 99 %`. A resampled probability is never certain.
#[must_use]
pub fn show_probability(p: f64) -> String {
    match p {
        p if p > 0.99 => "> 99 %".to_owned(),
        p if p < 0.01 => "< 1 %".to_owned(),
        p => format!("{:.0} %", 100.0 * p),
    }
}

/// Formats a size or an amount: `7B`, `1.64M`, `333k`, `950`; small and very large ones with three significant
/// digits: `0.0003`, `2.5e-5`, `1.2e18`.
#[must_use]
pub fn show_amount(value: f64) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    if value != 0.0 && value.abs() < 0.1 {
        return without_zeros(&significant(value, 3));
    }
    // Compute has no suffix that people read at a glance.
    if value.abs() >= 1e15 {
        return without_zeros(&format!("{value:.2e}"));
    }
    let (scaled, suffix) = match value.abs() {
        v if v >= 1e12 => (value / 1e12, "T"),
        v if v >= 1e9 => (value / 1e9, "B"),
        v if v >= 1e6 => (value / 1e6, "M"),
        v if v >= 1e3 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = match scaled.abs() {
        s if s >= 100.0 => 0,
        s if s >= 10.0 => 1,
        _ => 2,
    };
    format!("{}{suffix}", without_zeros(&format!("{scaled:.digits$}")))
}

/// Removes trailing zeros of the decimals: `1.50e-5` becomes `1.5e-5`.
fn without_zeros(text: &str) -> String {
    let (digits, exponent) = text.find('e').map_or((text, ""), |at| text.split_at(at));
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    format!("{digits}{exponent}")
}

/// How many times one thing is another: `3.4`, and of thousands and more what [`show_amount`] says.
#[must_use]
pub fn show_times(times: f64) -> String {
    if times < 1000.0 { format!("{times:.1}") } else { show_amount(times) }
}

/// A part of a whole as a percentage, to a tenth where it is not whole: `35 %`, `33.3 %`.
#[must_use]
pub fn percent(part: f64) -> String {
    let text = format!("{:.1}", 100.0 * part);
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

/// Formats with `digits` significant digits, in plain notation if that is short; `–` if not finite.
#[must_use]
pub fn significant(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor();
    if !(-4.0..6.0).contains(&exponent) {
        return format!("{value:.*e}", digits.saturating_sub(1));
    }
    let decimals = (digits as f64 - 1.0 - exponent).clamp(0.0, 9.0) as usize;
    format!("{value:.decimals$}")
}

/// Parses a span of time with its unit, to seconds: `90s`, `30m`, `12h`, `1.5 d`.
///
/// # Errors
/// [`ValueError::NotASpan`].
pub fn parse_span(text: &str) -> Result<f64, ValueError> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match &text[digits.len()..] {
        "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return Err(ValueError::NotASpan(text.to_owned())),
    };
    match digits.trim().parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value * factor),
        _ => Err(ValueError::NotASpan(text.to_owned())),
    }
}

/// A span of time: `0.41 s`, `43 s`, `5 min`, `2 h 13 min`, `3 d 4 h`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "–".to_owned();
    }
    let s = seconds.max(0.0);
    match s {
        s if s < 0.995 => format!("{s:.2} s"),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 60.0 => format!("{:.0} s", s.floor()),
        s if s < 3600.0 => format!("{:.0} min", (s / 60.0).floor()),
        s if s < 86_400.0 => format!("{:.0} h {:.0} min", (s / 3600.0).floor(), (s % 3600.0 / 60.0).floor()),
        s => format!("{:.0} d {:.0} h", (s / 86_400.0).floor(), (s % 86_400.0 / 3600.0).floor()),
    }
}

/// Serialization for `#[serde(with = "number::nullable")]`: a value that is not finite is written as `null` and read
/// back as NaN, because JSON has no NaN.
pub mod nullable {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a finite number, or `null`.
    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { to.serialize_f64(*value) } else { to.serialize_none() }
    }

    /// Reads a number, or `null` as NaN.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(from)?.unwrap_or(f64::NAN))
    }
}

/// Why a number is not finite: the word that stands for it, or beside it, in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotFinite {
    /// It is NaN.
    #[serde(rename = "nan")]
    Nan,
    /// It is above all numbers.
    #[serde(rename = "inf")]
    Inf,
    /// It is below all numbers.
    #[serde(rename = "-inf")]
    MinusInf,
}

impl NotFinite {
    /// What a value is; `None` if it is finite.
    #[must_use]
    pub fn of(value: f64) -> Option<Self> {
        match value {
            v if v.is_finite() => None,
            v if v.is_nan() => Some(Self::Nan),
            v if v > 0.0 => Some(Self::Inf),
            _ => Some(Self::MinusInf),
        }
    }

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nan => "nan",
            Self::Inf => "inf",
            Self::MinusInf => "-inf",
        }
    }

    /// The value.
    #[must_use]
    pub fn value(self) -> f64 {
        match self {
            Self::Nan => f64::NAN,
            Self::Inf => f64::INFINITY,
            Self::MinusInf => f64::NEG_INFINITY,
        }
    }
}

/// Serialization of a number that may be NaN or infinite; JSON gets a string for those.
pub mod any {
    use super::NotFinite;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Any {
        Number(f64),
        Word(NotFinite),
    }

    /// Writes a number or a string.
    ///
    /// # Errors
    /// Errors of the serializer.
    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        match NotFinite::of(*value) {
            None => to.serialize_f64(*value),
            Some(word) => word.serialize(to),
        }
    }

    /// Reads a number or a string.
    ///
    /// # Errors
    /// If the value is neither.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(match Any::deserialize(from)? {
            Any::Number(value) => value,
            Any::Word(word) => word.value(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stay_short() {
        assert_eq!([3.44, 999.0, 12_300.0, 5e21].map(show_times), ["3.4", "999.0", "12.3k", "5e21"]);
    }

    #[test]
    fn spans_of_time_need_a_unit() {
        for (text, value) in [
            ("90s", 90.0),
            ("30m", 1800.0),
            (" 12h ", 43_200.0),
            ("1.5 d", 129_600.0),
            ("0s", 0.0),
            ("2 hours", 7200.0),
        ] {
            assert_eq!(parse_span(text), Ok(value), "{text}");
        }
        for text in ["", "h", "24", "-1h", "1e999d", "12 weeks", "h12", "1h30m", "NaN s", "é"] {
            assert!(parse_span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_are_read_as_people_type_them() {
        for (text, value) in
            [("7e9", 7e9), ("7B", 7e9), ("1.5M", 1.5e6), ("25k", 25e3), ("20_000", 2e4), ("2T", 2e12), (" 12 ", 12.0)]
        {
            assert_eq!(parse_amount(text), Ok(value), "{text}");
        }
        for text in ["", "B", "seven", "nan", "1e999", "1..2"] {
            assert!(parse_amount(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_amount_beyond_all_numbers_is_too_large_and_words_are_none() {
        for text in ["1e400", "9e307T", "-1e999"] {
            assert_eq!(parse_amount(text), Err(ValueError::TooLarge(text.to_owned())));
        }
        for text in ["inf", "-infinity", "nan"] {
            assert_eq!(parse_amount(text), Err(ValueError::NotAnAmount(text.to_owned())));
        }
    }

    #[test]
    fn amounts_are_shown_as_people_say_them() {
        for (value, text) in
            [(7e9, "7B"), (1_638_400.0, "1.64M"), (333_000.0, "333k"), (950.0, "950"), (0.0, "0"), (f64::NAN, "?")]
                .into_iter()
                .chain([(3e-4, "0.0003"), (2.5e-5, "2.5e-5"), (0.05, "0.05"), (-0.012_34, "-0.0123"), (0.5, "0.5")])
                .chain([(2e12, "2T"), (9.99e14, "999T"), (1.2e18, "1.2e18"), (3.574e17, "3.57e17")])
        {
            assert_eq!(show_amount(value), text);
        }
    }
}
