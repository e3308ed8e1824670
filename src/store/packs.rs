//! Packs: append-only files with compressed points next to sled's files; sled has the index (after WiscKey: Lu et
//! al., FAST 2016). sled writes what it is given nearly twice, holds pages of it in memory, and does not give space
//! back; what is written once, read whole and hardly ever changed is better kept out of it.
//!
//! A pack is a row of records: length, checksum, key, value. One pack is written to at a time. How far each counts is in
//! sled, in the same batch as the keys that lead into it: what lies beyond was never committed, and is written over.

use super::StoreError;
use super::bytes::{Reader, put};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use xxhash_rust::xxh3::xxh3_64;

/// A pack that has this many bytes gets no more.
const FULL: u64 = 32 << 20;
/// Bytes read at a time where a whole pack is read.
const AT_ONCE: u64 = 1 << 20;

/// Where a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedAt {
    /// Number of the pack.
    pub pack: u32,
    /// First byte of the record.
    pub offset: u64,
    /// Bytes of the record.
    pub length: u32,
}

impl PackedAt {
    /// Appends it.
    pub fn put(&self, out: &mut Vec<u8>) {
        put(out, u64::from(self.pack));
        put(out, self.offset);
        put(out, u64::from(self.length));
    }

    /// Reads it.
    pub fn read(reader: &mut Reader) -> Result<Self, StoreError> {
        Ok(Self { pack: reader.small()?, offset: reader.number()?, length: reader.small()? })
    }
}

/// What sled keeps of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Bytes committed.
    pub end: u64,
    /// Bytes of these in records that nothing leads to any more.
    pub dead: u64,
    /// Bytes of these that are on disk whatever happens to the machine.
    pub synced: u64,
}

impl Extent {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(12);
        [self.end, self.dead, self.synced].iter().for_each(|bytes| put(&mut out, *bytes));
        out
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader(bytes);
        Ok(Self { end: reader.number()?, dead: reader.number()?, synced: reader.number()? })
    }
}

/// How much of what is on disk is to be believed unread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// All of it: the machine has been up since it was written.
    All,
    /// What was synced.
    Synced,
    /// None of it.
    Nothing,
}

/// One file.
#[derive(Debug, Clone)]
struct Pack {
    file: Arc<File>,
    extent: Extent,
}

/// All packs of a store. One thread writes, any number read.
#[derive(Debug)]
pub struct Packs {
    directory: PathBuf,
    packs: RwLock<BTreeMap<u32, Pack>>,
}

impl Packs {
    /// Opens the packs that sled knows of; files it does not know of were never committed, or are left over from a
    /// compaction, and are deleted.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Damaged`] where a pack is missing, too short, or not what was written.
    pub fn open(directory: PathBuf, known: BTreeMap<u32, Extent>, trust: Trust) -> Result<Self, StoreError> {
        let failed = |e: std::io::Error| io(&directory, e);
        std::fs::create_dir_all(&directory).map_err(&failed)?;
        let mut packs = BTreeMap::new();
        for (number, extent) in known {
            let file = match OpenOptions::new().read(true).write(true).open(path(&directory, number)) {
                Ok(file) => Arc::new(file),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    return Err(StoreError::Damaged(format!("pack {number} is missing")));
                }
                Err(e) => return Err(failed(e)),
            };
            let length = file.metadata().map_err(&failed)?.len();
            if length < extent.end {
                return Err(StoreError::Damaged(format!("pack {number} is truncated")));
            }
            packs.insert(number, Pack { file, extent });
        }
        for entry in std::fs::read_dir(&directory).map_err(&failed)?.flatten() {
            let number = entry.file_name().to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse().ok());
            if number.is_some_and(|number: u32| !packs.contains_key(&number)) {
                std::fs::remove_file(entry.path()).map_err(&failed)?;
            }
        }
        let all = Self { directory, packs: RwLock::new(packs) };
        for (number, extent) in all.extents() {
            let from = match trust {
                Trust::All => extent.end,
                Trust::Synced => extent.synced,
                Trust::Nothing => 0,
            };
            all.each(number, from, |_, _, _| Ok(true))?;
        }
        Ok(all)
    }

    /// What is known of each pack.
    pub fn extents(&self) -> Vec<(u32, Extent)> {
        self.packs().iter().map(|(number, pack)| (*number, pack.extent)).collect()
    }

    /// Where the next record goes, if not to a pack that is given up: the pack and the offset in it.
    pub fn next(&self, not: Option<u32>) -> (u32, u64) {
        match self.packs().last_key_value() {
            Some((number, pack)) if pack.extent.end < FULL && Some(*number) != not => (*number, pack.extent.end),
            Some((number, _)) => (number + 1, 0),
            None => (1, 0),
        }
    }

    /// Writes records where [`Packs::next`] said; they count when [`Packs::settle`] says so.
    pub fn write(&self, number: u32, offset: u64, records: &[u8]) -> Result<(), StoreError> {
        let file = match self.packs().get(&number) {
            Some(pack) => Arc::clone(&pack.file),
            None => {
                let mut options = OpenOptions::new();
                options.read(true).write(true).create(true).truncate(true).mode(0o600);
                Arc::new(options.open(path(&self.directory, number)).map_err(|e| self.failed(e))?)
            }
        };
        file.write_all_at(records, offset).map_err(|e| self.failed(e))?;
        self.packs_mut().entry(number).or_insert(Pack { file, extent: Extent::default() });
        Ok(())
    }

    /// Takes over what has been committed to sled.
    pub fn settle(&self, changed: &BTreeMap<u32, Extent>) {
        let mut packs = self.packs_mut();
        for (number, extent) in changed {
            if let Some(pack) = packs.get_mut(number) {
                pack.extent = *extent;
            }
        }
    }

    /// The value of a key, at its place.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Damaged`] where it is not what was written: also where it is a whole record, but that of
    /// another key.
    pub fn read(&self, key: &[u8], place: PackedAt) -> Result<Vec<u8>, StoreError> {
        let (file, end) = self.file(place.pack)?;
        // Before memory is asked for it.
        if place.offset.checked_add(u64::from(place.length)).is_none_or(|needed| needed > end) {
            return Err(damaged(place.pack, place.offset));
        }
        let mut record = vec![0; place.length as usize];
        file.read_exact_at(&mut record, place.offset).map_err(|e| self.failed(e))?;
        let mut reader = Reader(&record);
        let value = match open(&mut reader) {
            Some((found, value)) if found == key && reader.0.is_empty() => record.len() - value.len(),
            _ => return Err(damaged(place.pack, place.offset)),
        };
        record.drain(..value);
        Ok(record)
    }

    /// Walks through the records of a pack from an offset on, which must be the beginning of one. `each` gets where a
    /// record lies, its key and its value, and returns whether to go on.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Damaged`] where they are not what was written; those of `each`.
    pub fn each(
        &self,
        number: u32,
        from: u64,
        mut each: impl FnMut(PackedAt, &[u8], &[u8]) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let (file, end) = self.file(number)?;
        let (mut offset, mut wanted) = (from, AT_ONCE);
        while offset < end {
            let mut bytes = vec![0; wanted.min(end - offset) as usize];
            file.read_exact_at(&mut bytes, offset).map_err(|e| self.failed(e))?;
            let mut reader = Reader(&bytes);
            let begun = offset;
            loop {
                let before = reader.0.len();
                let Some((key, value)) = open(&mut reader) else { break };
                let length = (before - reader.0.len()) as u32;
                if !each(PackedAt { pack: number, offset, length }, key, value)? {
                    return Ok(());
                }
                offset += u64::from(length);
            }
            if offset > begun {
                wanted = AT_ONCE;
            } else if bytes.len() as u64 == end - offset || wanted >= FULL {
                return Err(damaged(number, offset));
            } else {
                // A record longer than what was read.
                wanted *= 4;
            }
        }
        Ok(())
    }

    /// Sees to it that everything committed is on disk. Returns what is new about the packs, for sled.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn sync(&self) -> Result<BTreeMap<u32, Extent>, StoreError> {
        let due: Vec<(u32, Pack)> = {
            let packs = self.packs();
            packs.iter().filter(|(_, p)| p.extent.synced < p.extent.end).map(|(n, p)| (*n, p.clone())).collect()
        };
        due.into_iter()
            .map(|(number, Pack { file, extent })| {
                file.sync_data().map_err(|e| self.failed(e))?;
                Ok((number, Extent { synced: extent.end, ..extent }))
            })
            .collect()
    }

    /// Leaves a pack out that nothing leads to any more. Its file stays until [`Packs::delete`].
    pub fn forget(&self, number: u32) {
        self.packs_mut().remove(&number);
    }

    /// Deletes the file of a pack of which sled does not know any more, whatever happens to the machine.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn delete(&self, number: u32) -> Result<(), StoreError> {
        std::fs::remove_file(path(&self.directory, number)).map_err(|e| self.failed(e))
    }

    /// The file of a pack, and how far it counts.
    fn file(&self, number: u32) -> Result<(Arc<File>, u64), StoreError> {
        let file = self.packs().get(&number).map(|pack| (Arc::clone(&pack.file), pack.extent.end));
        file.ok_or_else(|| StoreError::Damaged(format!("pack {number} is missing")))
    }

    fn packs(&self) -> RwLockReadGuard<'_, BTreeMap<u32, Pack>> {
        self.packs.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn packs_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<u32, Pack>> {
        self.packs.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: std::io::Error) -> StoreError {
        io(&self.directory, error)
    }
}

/// Appends a record.
pub fn put_record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let body = 1 + key.len() + value.len();
    put(out, body as u64);
    let check = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(key.len() as u8);
    out.extend_from_slice(key);
    out.extend_from_slice(value);
    let sum = checksum(&out[check + 4..]);
    out[check..check + 4].copy_from_slice(&sum);
}

/// The key and the value of the next record; `None`, with nothing read, where there is no whole one.
fn open<'a>(reader: &mut Reader<'a>) -> Option<(&'a [u8], &'a [u8])> {
    let mut ahead = *reader;
    let body = usize::try_from(ahead.number().ok()?).ok()?;
    let sum = ahead.take(4).ok()?;
    let body = ahead.take(body).ok()?;
    if checksum(body) != sum {
        return None;
    }
    *reader = ahead;
    let (length, rest) = body.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    (xxh3_64(bytes) as u32).to_le_bytes()
}

/// How names of packs end.
const SUFFIX: &str = ".pack";

fn path(directory: &Path, number: u32) -> PathBuf {
    directory.join(format!("{number:06}{SUFFIX}"))
}

fn damaged(number: u32, offset: u64) -> StoreError {
    StoreError::Damaged(format!("pack {number} at byte {offset}"))
}

fn io(path: &Path, error: std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => StoreError::Damaged(format!("a pack in {} is truncated", path.display())),
        _ => StoreError::io(path, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(packs: &Packs) -> BTreeMap<u32, Extent> {
        packs.extents().into_iter().collect()
    }

    /// Appends records of these lengths and says where they lie.
    fn fill(packs: &Packs, lengths: &[usize]) -> Vec<PackedAt> {
        let (pack, offset) = packs.next(None);
        let (mut records, mut places) = (Vec::new(), Vec::new());
        for (n, length) in lengths.iter().enumerate() {
            let at = records.len();
            put_record(&mut records, &[n as u8], &vec![n as u8; *length]);
            places.push(PackedAt { pack, offset: offset + at as u64, length: (records.len() - at) as u32 });
        }
        packs.write(pack, offset, &records).unwrap();
        let before = known(packs).get(&pack).copied().unwrap_or_default();
        packs.settle(&[(pack, Extent { end: offset + records.len() as u64, ..before })].into());
        places
    }

    #[test]
    fn what_is_written_is_read_by_place_and_one_after_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let packs = Packs::open(dir.path().join("packs"), BTreeMap::new(), Trust::All).unwrap();
        // One record is longer than what is read at a time, and one is empty.
        let lengths = [3, 0, 5 << 20, 100];
        let places = fill(&packs, &lengths);
        for (n, (place, length)) in places.iter().zip(lengths).enumerate() {
            assert_eq!(packs.read(&[n as u8], *place).unwrap(), vec![n as u8; length]);
            let refused = |key: &[u8], place| matches!(packs.read(key, place), Err(StoreError::Damaged(_)));
            assert!(refused(&[n as u8 + 1], *place), "the record of another key");
            assert!(refused(&[n as u8], PackedAt { length: u32::MAX, ..*place }));
            assert!(refused(&[n as u8], PackedAt { offset: u64::MAX, ..*place }));
        }
        let mut seen = Vec::new();
        packs
            .each(1, 0, |place, key, value| {
                assert_eq!((key, value.len()), (&[seen.len() as u8][..], lengths[seen.len()]));
                seen.push(place);
                Ok(seen.len() < 3)
            })
            .unwrap();
        assert_eq!(seen, places[..3]);
        fill(&packs, &[FULL as usize]);
        assert_eq!(packs.next(None), (2, 0));
        assert_eq!(packs.next(Some(1)), (2, 0));
    }

    #[test]
    fn what_was_not_committed_is_not_there_and_what_is_lost_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let open = |known: &BTreeMap<u32, Extent>, trust| Packs::open(dir.path().to_owned(), known.clone(), trust);
        let packs = open(&BTreeMap::new(), Trust::All).unwrap();
        fill(&packs, &[100]);
        let synced = packs.sync().unwrap();
        packs.settle(&synced);
        assert!(packs.sync().unwrap().is_empty());
        let second = fill(&packs, &[100])[0];
        packs.write(2, 0, b"never committed").unwrap();
        let known = BTreeMap::from([(1, known(&packs)[&1])]);
        let packs = open(&known, Trust::Nothing).unwrap();
        assert!(!path(dir.path(), 2).exists());
        assert_eq!(packs.read(&[0], second).unwrap().len(), 100);

        let file = path(dir.path(), 1);
        let mut bytes = std::fs::read(&file).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        let damaged = |result| matches!(result, Err(StoreError::Damaged(_)));
        assert!(open(&known, Trust::All).is_ok());
        assert!(damaged(open(&known, Trust::Synced)));
        bytes[20] ^= 1;
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&file, &bytes).unwrap();
        assert!(open(&known, Trust::Synced).is_ok());
        assert!(damaged(open(&known, Trust::Nothing)));
        std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        assert!(damaged(open(&known, Trust::All)));
        std::fs::remove_file(&file).unwrap();
        assert!(damaged(open(&known, Trust::All)));
    }
}
