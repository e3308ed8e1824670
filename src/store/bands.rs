//! Blocks as they are stored, read, removed and copied: those that were sealed together as a band ([`super::band`]), others alone.

use super::band::{Band, Sealed};
use super::changes::Changes;
use super::open_blocks::COLUMNS;
use super::packs::PackedAt;
use super::state::FileState;
use super::{FileId, MetricId, RunId, SledStore, StoreError, keys};
use std::ops::Range;

impl SledStore {
    /// Stores blocks of one chunk of a file's columns, of which none had more than `reached` before. The columns that come to a
    /// sequence number first are a band; one that comes later, or alone, has a key of its own.
    pub(super) fn put_blocks((id, run): (FileId, RunId), reached: u32, mut sealed: Vec<Sealed>, changes: &mut Changes) {
        sealed.sort_by_key(|block| (block.sequence, block.place));
        for alike in sealed.chunk_by(|a, b| a.sequence == b.sequence) {
            if alike.len() > 1 && alike[0].sequence >= reached {
                changes.insert_band(id, alike);
                continue;
            }
            for block in alike {
                changes.insert_packed(&keys::of_block(b'b', run, block.metric, id, block.sequence), &block.bytes);
            }
        }
    }

    /// The bytes of a sealed block.
    pub(super) fn sealed_block(
        &self,
        id: FileId,
        file: &FileState,
        metric: MetricId,
        sequence: u32,
    ) -> Result<Vec<u8>, StoreError> {
        let place = file.place(metric).unwrap_or_default();
        match self.band(&keys::of_band(id, place, sequence))?.and_then(|band| band.of(place)) {
            Some(at) => self.noted(self.packs.read(&keys::of_member(id, place, sequence), at)),
            None => self.must_get_packed(&keys::of_block(b'b', file.record.run, metric, id, sequence)),
        }
    }

    /// Removes all sealed blocks of some columns of a file: of whole chunks.
    pub(super) fn remove_blocks(
        &self,
        id: FileId,
        file: &FileState,
        places: Range<usize>,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        for first in places.clone().step_by(COLUMNS) {
            let columns = || (first..(first + COLUMNS).min(places.end)).map(|place| (place, &file.columns[place]));
            for sequence in 0..columns().map(|(_, column)| column.blocks).max().unwrap_or(0) {
                let key = keys::of_band(id, first, sequence);
                let band = self.band(&key)?;
                if let Some(band) = &band {
                    changes.remove_band(&key, band);
                }
                for (place, column) in columns().filter(|(_, column)| column.blocks > sequence) {
                    if band.and_then(|band| band.of(place)).is_none() {
                        changes.remove_packed(&keys::of_block(b'b', file.record.run, column.metric, id, sequence))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes the blocks of a band anew, of which a record is given: once, for the first of them.
    pub(super) fn copy_band(&self, member: &[u8], at: PackedAt, changes: &mut Changes) -> Result<(), StoreError> {
        let (id, place, sequence) =
            (FileId(keys::number(member, 1)), keys::number(member, 5) as usize, keys::last(member));
        let key = keys::of_band(id, place, sequence);
        let Some(band) = self.band(&key)?.filter(|band| band.begins(at)) else { return Ok(()) };
        let first = place - place % COLUMNS;
        let mut sealed = Vec::with_capacity(COLUMNS);
        for place in first..first + COLUMNS {
            if let Some(at) = band.of(place) {
                let bytes = self.packs.read(&keys::of_member(id, place, sequence), at)?;
                sealed.push(Sealed { place, metric: MetricId(0), sequence, bytes });
            }
        }
        changes.remove_band(&key, &band);
        changes.insert_band(id, &sealed);
        Ok(())
    }

    fn band(&self, key: &[u8]) -> Result<Option<Band>, StoreError> {
        let stored = self.db.get(key).map_err(|e| self.failed(&e))?;
        self.noted(stored.map(|stored| Band::decode(&stored)).transpose())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Commit, Cursor, Opened, ReadStore, Target};
    use crate::vocab::{RawPoint, Series};
    use std::sync::Arc;

    const METRICS: u32 = 40;

    fn names() -> Vec<String> {
        (0..=METRICS).map(|metric| format!("m{metric}")).collect()
    }

    /// Adds lines; the last of their metrics, which is not on the first thousand lines, is on every third.
    fn write(store: &SledStore, target: Target<'_>, lines: Range<i64>) -> FileId {
        let late = |line: i64| line >= 1_000 && line % 3 == 0;
        let value = |metric: u32, line: i64| f64::from(metric) + ((line * 7919) % 1000) as f64 / 1e3;
        let point = |metric, line| RawPoint { metric, step: line, value: value(metric, line), wall: line as f64 };
        let of_line = |line| (0..METRICS + u32::from(late(line))).map(move |metric| point(metric, line));
        let points: Vec<RawPoint> = lines.clone().flat_map(of_line).collect();
        let cursor = Cursor { offset: lines.end as u64, ..Cursor::default() };
        let names = &names();
        store
            .commit(&Commit { target, path: "log", names, points: &points, restarts: &[], facts: None, cursor })
            .unwrap()
    }

    fn new(store: &SledStore) -> (RunId, Target<'static>) {
        let run = store.run("a").unwrap();
        (run, Target::New { run, format: "jsonl", began: 0.0, replaces: &[] })
    }

    fn all(store: &SledStore) -> Vec<Series> {
        let run = store.find_run("a").unwrap();
        names().iter().map(|name| store.series(run, name).unwrap()).collect()
    }

    fn count(store: &SledStore, prefix: &[u8]) -> usize {
        store.db.keys(prefix).unwrap().len()
    }

    /// As earlier versions have stored it: each block under a key of its own.
    fn without_bands(store: &SledStore) {
        let (id, file) = store.state().files.iter().next().map(|(id, file)| (*id, file.clone())).unwrap();
        let mut changes = Changes::new(store);
        for (place, column) in file.columns.iter().enumerate() {
            for sequence in 0..column.blocks {
                let bytes = store.sealed_block(id, &file, column.metric, sequence).unwrap();
                changes.insert_packed(&keys::of_block(b'b', file.record.run, column.metric, id, sequence), &bytes);
                let key = keys::of_band(id, place, sequence);
                if let Some(band) = store.band(&key).unwrap().filter(|_| place % COLUMNS == 0) {
                    changes.remove_band(&key, &band);
                }
            }
        }
        changes.insert(&keys::VERSION, &[6]);
        store.apply(changes.write().unwrap()).unwrap();
    }

    #[test]
    fn series_that_are_sealed_together_share_a_key_and_late_ones_have_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let store = SledStore::open(dir.path()).unwrap().0;
        let (run, target) = new(&store);
        let file = write(&store, target, 0..1_000);
        assert_eq!((count(&store, b"g"), count(&store, b"b")), (2 * 3, 0), "two blocks of three times 16 series");
        write(&store, Target::Known(file), 1_000..4_000);
        assert_eq!(count(&store, b"b"), 2, "a series that is behind the others of its chunk");
        let series = all(&store);
        assert_eq!((series[3].len(), series[METRICS as usize].len()), (4_000, 1_000));
        assert!(series[7].values.iter().enumerate().all(|(line, v)| *v == 7.0 + ((line * 7919) % 1000) as f64 / 1e3));
        // Of a band whose pack has lost one block, the others are read.
        store.flush().unwrap();
        let band = store.band(&keys::of_band(file, 5, 1)).unwrap().unwrap();
        drop(store);
        let pack = dir.path().join("points.sled/packs/000001.pack");
        let mut bytes = std::fs::read(&pack).unwrap();
        bytes[band.of(5).unwrap().offset as usize + 40] ^= 1;
        std::fs::write(&pack, bytes).unwrap();
        let store = SledStore::open(dir.path()).unwrap().0;
        for (metric, name) in names().iter().enumerate() {
            match store.series(run, name) {
                Ok(read) => assert!(metric != 5 && read == series[metric]),
                Err(error) => assert!(metric == 5 && matches!(error, StoreError::Damaged(_)), "{error}"),
            }
        }
        assert!(store.is_damaged());
    }

    #[test]
    fn a_store_without_bands_is_opened_goes_on_and_is_compacted() {
        let dir = tempfile::tempdir().unwrap();
        let open = || {
            let (store, opened) = SledStore::open(dir.path()).unwrap();
            assert!(matches!(opened, Opened::Existing | Opened::New));
            store
        };
        let store = open();
        let (run, target) = new(&store);
        let file = write(&store, target, 0..2_000);
        let series = all(&store);
        without_bands(&store);
        assert_eq!(count(&store, b"g"), 0);
        assert!(all(&store) == series);
        drop(store);
        let check = |store: &Arc<SledStore>, expected: &[Series]| {
            assert!(all(store) == expected);
            let live = |store: &SledStore| store.packs.extents().iter().map(|(_, e)| e.end - e.dead).sum::<u64>();
            let before = live(store);
            for (pack, _) in store.packs.extents() {
                store.rewrite(pack).unwrap();
            }
            assert_eq!(live(store), before);
            assert!(store.packs.extents().iter().all(|(_, extent)| extent.dead == 0));
            assert!(all(store) == expected);
        };
        let store = open();
        assert_eq!(store.db.get(keys::VERSION).unwrap().unwrap(), [7]);
        check(&store, &series);
        // What is sealed from now on is in bands, and all of it is thinned out and forgotten like the rest.
        write(&store, Target::Known(file), 2_000..6_000);
        assert!(count(&store, b"g") > 0 && count(&store, b"b") > 40);
        let series = all(&store);
        assert_eq!(series[METRICS as usize - 1].len(), 6_000);
        check(&store, &series);
        drop(store);
        let store = open();
        assert!(all(&store) == series);
        assert!(store.thin_points(run, &|name| name == "m3").unwrap() > 0);
        let thinned = all(&store);
        assert!(thinned[3] == series[3] && thinned[4].len() < 3_000);
        check(&store, &thinned);
        store.forget(run).unwrap();
        assert_eq!(count(&store, b"g") + count(&store, b"b"), 0);
        assert!(store.packs.extents().iter().all(|(_, extent)| extent.dead == extent.end));
    }
}
