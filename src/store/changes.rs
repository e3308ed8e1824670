//! One atomic change of the store: keys in sled, and values in packs.

use super::band::{Band, Sealed};
use super::bytes::Reader;
use super::packs::{Extent, PackedAt, put_record};
use super::{FileId, SledStore, StoreError, keys};
use sled::{Batch, IVec};
use std::collections::BTreeMap;

/// Values up to this length stay in sled: a place in a pack and what surrounds a record there cost as much.
const SHORT: usize = 32;
const HERE: u8 = 0;
const PACKED: u8 = 1;

/// A change in the making. Dropped, it has changed nothing.
pub struct Changes<'a> {
    store: &'a SledStore,
    batch: Batch,
    /// Keys in it.
    keys: usize,
    /// Records to write, and where.
    records: Vec<u8>,
    pack: u32,
    offset: u64,
    /// Bytes of records that nothing leads to any more, by pack.
    dead: BTreeMap<u32, u64>,
}

/// A change whose values are in their pack and of which sled does not know yet.
pub struct Written {
    batch: Batch,
    keys: usize,
    extents: BTreeMap<u32, Extent>,
}

impl<'a> Changes<'a> {
    /// Nothing yet. Only one change may be in the making at a time.
    pub fn new(store: &'a SledStore) -> Self {
        Self::outside(store, None)
    }

    /// One that writes nothing to a pack that is about to be given up.
    pub fn outside(store: &'a SledStore, not: Option<u32>) -> Self {
        let (pack, offset) = store.packs.next(not);
        Self { store, batch: Batch::default(), keys: 0, records: Vec::new(), pack, offset, dead: BTreeMap::new() }
    }

    /// Sets a key of sled.
    pub fn insert(&mut self, key: &[u8], value: impl Into<IVec>) {
        self.keys += 1;
        self.batch.insert(key, value);
    }

    /// Removes a key of sled.
    pub fn remove(&mut self, key: impl Into<IVec>) {
        self.keys += 1;
        self.batch.remove(key);
    }

    /// Sets a key that was not there to a value that may be long.
    pub fn insert_packed(&mut self, key: &[u8], value: &[u8]) {
        let mut stored = Vec::with_capacity(SHORT + 2);
        if value.len() <= SHORT {
            stored.push(HERE);
            stored.extend_from_slice(value);
        } else {
            let at = self.records.len();
            put_record(&mut self.records, key, value);
            let (offset, length) = (self.offset + at as u64, (self.records.len() - at) as u32);
            stored.push(PACKED);
            PackedAt { pack: self.pack, offset, length }.put(&mut stored);
        }
        self.keys += 1;
        self.batch.insert(key, stored);
    }

    /// Sets a key that may have been there to a value that may be long.
    ///
    /// # Errors
    /// What the disk says.
    pub fn replace_packed(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.forget(key)?;
        self.insert_packed(key, value);
        Ok(())
    }

    /// Removes a key of a value that may be long.
    ///
    /// # Errors
    /// What the disk says.
    pub fn remove_packed(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.forget(key)?;
        self.batch.remove(key);
        Ok(())
    }

    /// Sets the key of a band that was not there, and writes its blocks: of one chunk of a file's columns, in their order.
    pub fn insert_band(&mut self, file: FileId, blocks: &[Sealed]) {
        let Some(Sealed { place, sequence, .. }) = blocks.first() else { return };
        let mut band = Band::at(self.pack, self.offset + self.records.len() as u64);
        for block in blocks {
            let at = self.records.len();
            put_record(&mut self.records, &keys::of_member(file, block.place, block.sequence), &block.bytes);
            band.push(block.place, self.records.len() - at);
        }
        self.insert(&keys::of_band(file, *place, *sequence), band.encode());
    }

    /// Removes a band with its blocks.
    pub fn remove_band(&mut self, key: &[u8], band: &Band) {
        let (pack, bytes) = band.extent();
        *self.dead.entry(pack).or_default() += bytes;
        self.remove(key);
    }

    /// Bytes of records to write.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    fn forget(&mut self, key: &[u8]) -> Result<(), StoreError> {
        if let Some(stored) = self.store.db.get(key).map_err(|e| self.store.failed(&e))?
            && let Some(place) = place(&stored)?
        {
            *self.dead.entry(place.pack).or_default() += u64::from(place.length);
        }
        Ok(())
    }

    /// Writes the values; what leads to them is for [`SledStore::apply`].
    ///
    /// # Errors
    /// What the disk says; nothing has changed then.
    pub fn write(mut self) -> Result<Written, StoreError> {
        if !self.records.is_empty() {
            self.store.packs.write(self.pack, self.offset, &self.records)?;
        }
        let mut extents = BTreeMap::new();
        for (number, before) in self.store.packs.extents() {
            let mut extent = before;
            extent.dead += self.dead.get(&number).copied().unwrap_or_default();
            if number == self.pack && !self.records.is_empty() {
                extent.end = self.offset + self.records.len() as u64;
            }
            if extent != before {
                self.batch.insert(&keys::one(b'p', number), extent.encode());
                extents.insert(number, extent);
            }
        }
        Ok(Written { batch: self.batch, keys: self.keys, extents })
    }
}

impl SledStore {
    /// Makes a change, all of it or nothing.
    ///
    /// # Errors
    /// What the disk says; nothing has changed then.
    pub(super) fn apply(&self, change: Written) -> Result<(), StoreError> {
        self.db.apply_batch(change.batch).and_then(|()| self.db.tidy(change.keys)).map_err(|e| self.failed(&e))?;
        self.packs.settle(&change.extents);
        Ok(())
    }

    /// What is under a key whose value may be long.
    pub(super) fn must_get_packed(&self, key: &[u8]) -> Result<Vec<u8>, StoreError> {
        let stored = self.must_get(key)?;
        let Some(place) = place(&stored)? else { return Ok(stored[1..].to_vec()) };
        self.noted(self.packs.read(key, place))
    }
}

/// Where a value lies; `None` where it is in sled itself.
pub fn place(stored: &[u8]) -> Result<Option<PackedAt>, StoreError> {
    let mut reader = Reader(stored);
    match reader.take(1)?[0] {
        HERE => Ok(None),
        PACKED => PackedAt::read(&mut reader).map(Some),
        other => Err(StoreError::Damaged(format!("a value with unknown encoding {other}"))),
    }
}
