//! History of fits, by time.
//!
//! These can be made again from the logs only as they stand now, not as they stood then; but they are answers, not
//! facts: losing them with the database loses nothing that was measured.

use super::{SledStore, StoreError, keys};

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
        self.db.insert(keys::of_moment(at, sequence), value).map(|_| ()).map_err(|e| self.failed(&e))
    }

    /// Everything kept up to and including a time, newest first, at most `most`.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn kept(&self, until: u64, most: usize) -> Result<Vec<Kept>, StoreError> {
        let first = keys::of_moment(0, 0);
        let last = keys::of_moment(until, u32::MAX);
        self.db
            .range(first..=last)
            .rev()
            .take(most)
            .map(|entry| {
                let (key, value) = entry.map_err(|e| self.failed(&e))?;
                Ok(Kept { at: keys::moment(&key), value: value.to_vec() })
            })
            .collect()
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
}
