//! The newest fits of each validation loss, saved so that the same rows are not fitted again.
//!
//! They lie in a tree of their own, by the key of the metric: an entry is some hundred kilobytes, and sled writes the
//! neighbours of a key again with it. An entry is an answer that can be made again at any time; what cannot be read
//! counts as not there.

use super::{SledStore, StoreError};

const TREE: &str = "fits";

impl SledStore {
    /// Keeps `value` as the newest fits of a metric, in place of those before.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn keep_fits(&self, metric: &str, value: &[u8]) -> Result<(), StoreError> {
        self.db.insert_in(TREE, metric, value).map_err(|e| self.failed(&e))
    }

    /// The newest fits of a metric, as they were kept; `None` where there are none.
    ///
    /// # Errors
    /// [`StoreError::Io`], and [`StoreError::Damaged`] where the entry is not what was written.
    pub fn kept_fits(&self, metric: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let value = self.db.get_in(TREE, metric).map_err(|e| self.failed(&e))?;
        Ok(value.map(|bytes| bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_fits_of_a_metric_take_the_place_of_those_before() {
        let store = SledStore::temporary().unwrap();
        assert_eq!(store.kept_fits("loss").unwrap(), None);
        for value in ["old", "new"] {
            store.keep_fits("loss", value.as_bytes()).unwrap();
        }
        store.keep_fits("loss/rust", b"other").unwrap();
        assert_eq!(store.kept_fits("loss").unwrap().as_deref(), Some(&b"new"[..]));
        assert_eq!(store.kept_fits("loss/rust").unwrap().as_deref(), Some(&b"other"[..]));
    }
}
