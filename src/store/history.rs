//! History of fits, by time.
//!
//! These can be made again from the logs only as they stand now, not as they stood then; but they are answers, not
//! facts: losing them with the database loses nothing that was measured.

use super::{SledStore, StoreError, keys};
use std::collections::HashSet;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Of what is older (ms), one is kept of each stretch (ms), with the place of its time in [`keys::THINNED`].
const TIERS: [(u64, u64, usize); 3] = [(HOUR, 10 * MINUTE, 2), (DAY, HOUR, 0), (7 * DAY, DAY, 1)];
/// Entries that are looked at in one go: a store of an earlier version may have many.
const MOST_AT_ONCE: usize = 5000;

/// One entry of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Milliseconds since 1970.
    pub at: u64,
    /// What was kept, as JSON.
    pub value: Vec<u8>,
}

impl SledStore {
    /// Keeps `value` under the time it was made.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn keep(&self, at: u64, value: &[u8]) -> Result<(), StoreError> {
        // Two in one millisecond: the later one moves on to the first free number.
        let mut sequence = 0;
        while self.db.contains_key(keys::of_moment(at, sequence)).map_err(|e| self.failed(&e))? {
            sequence += 1;
        }
        self.db.insert(keys::of_moment(at, sequence), value).map_err(|e| self.failed(&e))
    }

    /// Thins the history out: whole for an hour, the last of each ten minutes for a day, the last of each hour for a week, the last
    /// of each day for `longest` (ms), by kind, and nothing older. `now` is in milliseconds since 1970; where it goes back, nothing happens. Each entry is looked
    /// at once for each of these, so that it may be called often. Returns how many were deleted.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn thin(&self, now: u64, longest: u64, kind: impl Fn(&[u8]) -> Option<String>) -> Result<usize, StoreError> {
        let mut until = self.thinned()?;
        let mut deleted = 0;
        for (age, bucket, tier) in TIERS {
            // Whole stretches alone, so that the last of one is the last.
            let end = now.saturating_sub(age) / bucket * bucket;
            if end <= until[tier] {
                continue;
            }
            let range = keys::of_moment(until[tier], 0)..keys::of_moment(end, 0);
            let mut entries = Vec::new();
            for (key, value) in self.db.first(range, MOST_AT_ONCE).map_err(|e| self.failed(&e))? {
                entries.push((keys::moment(&key) / bucket, kind(&value), key));
            }
            // Where not all were looked at, the last stretch may go on.
            let whole = entries.len() < MOST_AT_ONCE;
            let begun = if whole { u64::MAX } else { entries.last().map_or(u64::MAX, |last| last.0) };
            let all_one = entries.first().is_some_and(|first| first.0 == begun);
            let mut later = HashSet::new();
            for (stretch, kind, key) in entries.into_iter().rev().filter(|entry| entry.0 != begun || all_one) {
                // Of what cannot be read, none is the last of anything.
                if kind.is_none() || !later.insert((stretch, kind)) {
                    self.db.remove(key).map_err(|e| self.failed(&e))?;
                    deleted += 1;
                }
            }
            until[tier] = if whole { end } else { (begun + u64::from(all_one)) * bucket };
        }
        let old = keys::of_moment(0, 0)..keys::of_moment(now.saturating_sub(longest), 0);
        for (key, _) in self.db.first(old, MOST_AT_ONCE).map_err(|e| self.failed(&e))? {
            self.db.remove(key).map_err(|e| self.failed(&e))?;
            deleted += 1;
        }
        let value: Vec<u8> = until.iter().flat_map(|until| until.to_be_bytes()).collect();
        self.db.insert(keys::THINNED, value).map_err(|e| self.failed(&e))?;
        Ok(deleted)
    }

    /// Until when the history has one entry an hour, one a day, and one in ten minutes, ms. The last is not there in a store of
    /// an earlier version.
    fn thinned(&self) -> Result<[u64; 3], StoreError> {
        let known = self.db.get(keys::THINNED).map_err(|e| self.failed(&e))?;
        let number =
            |place: usize| Some(u64::from_be_bytes(known.as_ref()?.get(8 * place..8 * place + 8)?.try_into().ok()?));
        Ok([number(0).unwrap_or(0), number(1).unwrap_or(0), number(2).unwrap_or(0)])
    }

    /// Everything kept up to and including a time, newest first, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn kept(&self, until: u64, most: usize) -> Result<Vec<Kept>, StoreError> {
        let first = keys::of_moment(0, 0);
        let last = keys::of_moment(until, u32::MAX);
        let found = self.db.last(first..=last, most).map_err(|e| self.failed(&e))?;
        Ok(found.iter().map(|(key, value)| Kept { at: keys::moment(key), value: value.to_vec() }).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_read_backwards_from_any_moment() {
        let store = SledStore::temporary().unwrap();
        for (at, value) in [(10, "a"), (20, "b"), (20, "c"), (30, "d")] {
            store.keep(at, value.as_bytes()).unwrap();
        }
        let until = |t, most| -> Vec<String> {
            store.kept(t, most).unwrap().into_iter().map(|k| String::from_utf8(k.value).unwrap()).collect()
        };
        assert_eq!(until(u64::MAX, 10), ["d", "c", "b", "a"]);
        assert_eq!(until(20, 2), ["c", "b"]);
        assert_eq!(until(9, 10), Vec::<String>::new());
    }

    #[test]
    fn what_is_old_is_kept_by_the_hour_and_by_the_day_and_then_no_longer() {
        let store = SledStore::temporary().unwrap();
        let (minute, day) = (MINUTE, DAY);
        let start = 20_000 * day;
        // Two kinds, each every ten minutes for ten days; looked at along the way, or at the end.
        for n in 0..10 * 144 {
            for kind in ["a", "b"] {
                store.keep(start + n * 10 * minute, format!("{kind}{n}").as_bytes()).unwrap();
            }
            if n < 700 && n % 50 == 0 {
                store.thin(start + n * 10 * minute, 90 * day, |v| v.first().map(|c| c.to_string())).unwrap();
            }
        }
        let now = start + 10 * day;
        // And each second for the last two hours.
        for n in 1..7200 {
            store.keep(now - n * 1000, b"c").unwrap();
        }
        let thin = |now, longest| store.thin(now, longest, |v| v.first().map(|c| c.to_string())).unwrap();
        while thin(now, 90 * day) > 0 {}
        assert_eq!(thin(now, 90 * day), 0, "once is enough");
        assert_eq!(thin(now - 5 * day, 90 * day), 0, "a clock that goes back");
        let mut kept = store.kept(u64::MAX, 100_000).unwrap();
        let seconds = kept.iter().filter(|k| k.value == b"c").count();
        assert_eq!(seconds, 3600 + 6, "of the hour before the last, the last of each ten minutes");
        kept.retain(|k| k.value != b"c");
        let of = |from: u64, to: u64| kept.iter().filter(|k| (from..to).contains(&(k.at - start))).count();
        assert_eq!((of(0, 3 * day), of(3 * day, 9 * day), of(9 * day, 10 * day)), (2 * 3, 2 * 6 * 24, 2 * 144));
        assert!(kept.iter().any(|k| k.value == b"a143"), "the last of the first day");
        assert!(thin(now + 20 * day, 21 * day) > 0);
        let kept = store.kept(u64::MAX, 100_000).unwrap();
        assert!(kept.iter().all(|k| k.at >= now - day), "nothing older than that");
    }

    #[test]
    fn a_long_history_is_thinned_out_in_pieces() {
        let store = SledStore::temporary().unwrap();
        let count = MOST_AT_ONCE as u64 * 2 + 7;
        for n in 0..count {
            store.keep(n * HOUR / 100, b"a").unwrap();
        }
        let end = count * HOUR / 100;
        for _ in 0..6 {
            store.thin(end + 2 * DAY, 1000 * DAY, |_| Some(String::new())).unwrap();
        }
        assert_eq!(store.kept(u64::MAX, 100_000).unwrap().len() as u64, end.div_ceil(HOUR));
    }
}
