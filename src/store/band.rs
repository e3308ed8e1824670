//! Bands: blocks of neighbouring series of a file that were sealed together, with one key in the database for all of them.
//!
//! A line with thousands of numbers is sealed as thousands of blocks, and a key for each costs the database more than the blocks
//! cost in all else. In its pack each block of a band is a record of its own, with its own key and checksum, one behind the
//! other; the database has where the first begins, and how long each is. So one series is read alone.

use super::bytes::{Reader, put};
use super::open_blocks::COLUMNS;
use super::packs::PackedAt;
use super::{MetricId, StoreError};

/// Where the blocks of a band lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Band {
    pack: u32,
    /// First byte of the first record.
    offset: u64,
    /// Bytes of the record of each column; 0 where it has no block in the band.
    lengths: [u32; COLUMNS],
}

impl Band {
    /// One whose first record will be there.
    #[must_use]
    pub fn at(pack: u32, offset: u64) -> Self {
        Self { pack, offset, lengths: [0; COLUMNS] }
    }

    /// Adds the record of the next column, the one at this place of the file.
    pub fn push(&mut self, place: usize, length: usize) {
        self.lengths[place % COLUMNS] = length as u32;
    }

    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(8 + 2 * COLUMNS);
        put(&mut out, u64::from(self.pack));
        put(&mut out, self.offset);
        self.lengths.iter().for_each(|length| put(&mut out, u64::from(*length)));
        out
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader(bytes);
        let (pack, offset) = (reader.small()?, reader.number()?);
        let mut lengths = [0; COLUMNS];
        for length in &mut lengths {
            *length = reader.small()?;
        }
        let band = Self { pack, offset, lengths };
        if reader.0.is_empty() && offset.checked_add(band.bytes()).is_some() {
            Ok(band)
        } else {
            Err(StoreError::Damaged("a band of other than its blocks".to_owned()))
        }
    }

    /// Where the block of the column at this place of the file lies, where it has one here.
    #[must_use]
    pub fn of(&self, place: usize) -> Option<PackedAt> {
        let (before, rest) = self.lengths.split_at(place % COLUMNS);
        let offset = self.offset + before.iter().map(|length| u64::from(*length)).sum::<u64>();
        Some(PackedAt { pack: self.pack, offset, length: rest[0] }).filter(|at| at.length > 0)
    }

    /// The pack, and bytes in it.
    #[must_use]
    pub fn extent(&self) -> (u32, u64) {
        (self.pack, self.bytes())
    }

    /// Whether its first record is at this place.
    #[must_use]
    pub fn begins(&self, at: PackedAt) -> bool {
        (self.pack, self.offset) == (at.pack, at.offset)
    }

    fn bytes(&self) -> u64 {
        self.lengths.iter().map(|length| u64::from(*length)).sum()
    }
}

/// A block on its way into the store.
pub struct Sealed {
    /// Place of its column in the file.
    pub place: usize,
    /// What it has values of.
    pub metric: MetricId,
    /// Its number among the column's blocks.
    pub sequence: u32,
    /// As bytes.
    pub bytes: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bands_come_back(pack: u32, offset in 0..u64::MAX / 2, columns in prop::collection::btree_map(0usize..16, 1u32.., 0..16)) {
            let mut band = Band::at(pack, offset);
            let mut end = offset;
            for (column, length) in &columns {
                band.push(32 + column, *length as usize);
                prop_assert_eq!(band.of(16 + column), Some(PackedAt { pack, offset: end, length: *length }));
                end += u64::from(*length);
            }
            let bytes = band.encode();
            prop_assert_eq!(Band::decode(&bytes).unwrap(), band);
            prop_assert_eq!(band.extent(), (pack, end - offset));
            prop_assert!((0..16).all(|column| band.of(column).is_some() == columns.contains_key(&column)));
            for n in 0..bytes.len() {
                prop_assert!(Band::decode(&bytes[..n]).is_err());
            }
        }

        #[test]
        fn garbage_is_an_error_and_never_a_panic(bytes: Vec<u8>, place in 0usize..40) {
            if let Ok(band) = Band::decode(&bytes) {
                let _ = (band.of(place), band.extent());
            }
        }
    }
}
