//! Parsing and printing of times in the local time zone.

use super::ArgumentError;
use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp, Zoned};

/// Parses a time to seconds since 1970: `14:00` (the most recent), `2026-11-24 14:00`, `2026-11-24T14:00:00Z`,
/// `2h ago`, `30m`.
///
/// # Errors
/// [`ArgumentError::NotATime`].
pub fn parse(text: &str) -> Result<f64, ArgumentError> {
    read(text.trim(), &Zoned::now()).ok_or_else(|| ArgumentError::NotATime(text.to_owned()))
}

fn read(text: &str, now: &Zoned) -> Option<f64> {
    let seconds = |timestamp: Timestamp| timestamp.as_millisecond() as f64 / 1e3;
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(seconds(timestamp));
    }
    // Before a time alone, which would take a date in front of it and forget it.
    if let Ok(civil) = text.parse::<DateTime>() {
        return Some(seconds(civil.to_zoned(now.time_zone().clone()).ok()?.timestamp()));
    }
    if let Ok(time) = text.parse::<Time>() {
        let today = now.date().to_datetime(time).to_zoned(now.time_zone().clone()).ok()?;
        let last = if today > *now { today.yesterday().ok()?.with().time(time).build().ok()? } else { today };
        return Some(seconds(last.timestamp()));
    }
    let ago = text.strip_suffix("ago").unwrap_or(text).trim();
    let span = ago.parse::<SignedDuration>().ok()?;
    Some(seconds(now.timestamp().checked_sub(span.abs()).ok()?))
}

/// Formats seconds since 1970 as a local date and time.
#[must_use]
pub fn show(seconds: f64) -> String {
    match Timestamp::from_millisecond((seconds * 1e3) as i64) {
        Ok(timestamp) => timestamp.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_type_them() {
        let now: Zoned = "2026-11-24T15:30:00+01:00[+01:00]".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second() as f64;
        for (typed, meant) in [
            ("14:00", "2026-11-24T13:00:00Z"),
            ("16:00", "2026-11-23T15:00:00Z"),
            ("2026-11-20 08:15", "2026-11-20T07:15:00Z"),
            ("2026-11-20T08:15:00Z", "2026-11-20T08:15:00Z"),
            ("2h ago", "2026-11-24T12:30:00Z"),
            ("30m", "2026-11-24T14:00:00Z"),
        ] {
            assert_eq!(read(typed, &now), Some(at(meant)), "{typed}");
        }
        for wrong in ["", "noon", "25:00", "2026-13-01 00:00"] {
            assert_eq!(read(wrong, &now), None, "{wrong}");
        }
    }
}
