//! Days of the calendar, in UTC.

/// Year, month (1 to 12) and day (1 to 31) of a day counted from 1970-01-01.
///
/// H. Hinnant, chrono-compatible low-level date algorithms: years begin in March, in eras of 400 years.
#[must_use]
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (year + 400 * era + i64::from(month <= 2), month, day)
}

/// The day of a time in seconds since 1970: `2026-11-29`.
#[must_use]
pub fn day(at: f64) -> String {
    let (year, month, day) = civil((at / 86_400.0).floor() as i64);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let days =
            [(0.0, "1970-01-01"), (951_782_400.0, "2000-02-29"), (1_795_832_768.3, "2026-11-28"), (-1.0, "1969-12-31")];
        assert!(days.iter().all(|(at, text)| day(*at) == *text), "{:?}", days.map(|(at, _)| day(at)));
    }
}
