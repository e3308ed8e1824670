//! Parts of rotated logs, by their names.

use std::borrow::Cow;
use std::collections::HashSet;

/// What ends in the name of a log, before the number that a rotation gives to its parts.
const LOGS: [&str; 11] = ["log", "out", "err", "txt", "jsonl", "ndjson", "json", "csv", "tsv", "stdout", "stderr"];

/// The log that a file is a part of, and where in it the part comes: the oldest first. `train.log.2` is older than
/// `train.log.1`, which is older than `train.log`, as logrotate and Python's handlers name them; parts that are named after
/// dates (`train.log-20250102`, `train.log.2025-01-02`) come in their order, before the one without. Any of them may be packed.
#[must_use]
pub fn rotation(path: &str) -> (&str, i64) {
    let plain = [".gz", ".zst"].iter().find_map(|packed| path.strip_suffix(packed)).unwrap_or(path);
    let is_log = |log: &str| log.rsplit_once('.').is_some_and(|(_, end)| LOGS.contains(&end));
    if let Some((log, number)) = plain.rsplit_once(['.', '-'])
        && is_log(log)
        && number.bytes().all(|b| b.is_ascii_digit())
        && let Ok(age) = number.parse::<i64>()
    {
        match number.len() {
            1..=4 => return (log, -age),
            8 => return (log, i64::MIN / 2 + age),
            _ => {}
        }
    }
    let is_date = |date: &[u8]| {
        date.iter().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { *b == b'-' } else { b.is_ascii_digit() })
    };
    if let Some(at) = plain.len().checked_sub(11)
        && plain.is_char_boundary(at)
        && matches!(plain.as_bytes()[at], b'.' | b'-')
        && is_date(&plain.as_bytes()[at + 1..])
        && is_log(&plain[..at])
    {
        let digits: String = plain[at + 1..].chars().filter(char::is_ascii_digit).collect();
        return (&plain[..at], i64::MIN / 2 + digits.parse().unwrap_or(0));
    }
    (plain, 0)
}

/// Like [`rotation`], and where the number stands before the ending: `train.2.log`, `train.1.log`, `train.log`. Without the last of
/// these among the `others`, such numbers count upwards, and the files are logs of their own.
#[must_use]
pub fn rotation_among<'a>(path: &'a str, others: &HashSet<&str>) -> (Cow<'a, str>, i64) {
    let (log, age) = rotation(path);
    if age == 0
        && let Some((stem, ending)) = log.rsplit_once('.').filter(|(_, ending)| LOGS.contains(ending))
        && let Some((name, number)) = stem.rsplit_once('.')
        && (1..=4).contains(&number.len())
        && let Ok(age) = number.parse::<u16>()
    {
        let whole = format!("{name}.{ending}");
        if others.contains(whole.as_str()) {
            return (Cow::Owned(whole), -i64::from(age));
        }
    }
    (Cow::Borrowed(log), age)
}

#[cfg(test)]
mod tests {
    use super::{HashSet, rotation, rotation_among};

    #[test]
    fn parts_of_a_rotated_log_are_in_their_order() {
        let parts = [
            "a/train.log.2025-01-02",
            "a/train.log-20250103.gz",
            "a/train.log.11.zst",
            "a/train.log.2.gz",
            "a/train.log.1",
            "a/train.log",
        ];
        assert!(parts.iter().all(|part| rotation(part).0 == "a/train.log"));
        assert!(parts.is_sorted_by_key(|part| rotation(part).1));
        for other in ["part.1", "part-9", "events.out.tfevents.1", "train.log", "logs/1", "run-20250103"] {
            assert_eq!(rotation(other), (other, 0));
        }
    }

    #[test]
    fn a_number_before_the_ending_is_of_a_rotation_only_beside_its_log() {
        let with = HashSet::from(["train.1.log", "train.2.log.gz", "train.log"]);
        assert!(rotation_among("train.2.log.gz", &with).1 < rotation_among("train.1.log", &with).1);
        assert_eq!(rotation_among("train.1.log", &with).0, "train.log");
        let without = HashSet::from(["train.1.log", "train.2.log"]);
        assert_eq!(rotation_among("train.1.log", &without), ("train.1.log".into(), 0));
    }
}
