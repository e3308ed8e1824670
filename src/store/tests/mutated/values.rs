//! Values that are not what was written, though every checksum holds.

use super::*;
use crate::store::band::Band;
use crate::store::block::{Axis, Block};
use crate::store::changes::{self, Changes};
use crate::store::open_blocks::{COLUMNS, OpenBlocks};
use crate::store::packs::Extent;
use crate::store::{FileRecord, keys, stats, tail};
use std::collections::BTreeSet;

/// Memory that reading may ask for beyond what a process has at its beginning, bytes: that, and the zeros, never touched, that
/// pco reserves for a dictionary of as many values as its format can say (2²⁵). No block of ours has one.
const MEMORY: u64 = (64 << 20) + (8 << 25);

/// Everything in a store, by key: what lies in packs is read from there.
fn values(store: &SledStore) -> Vec<(Vec<u8>, Vec<u8>)> {
    // Whoever finds damage takes note of it by removing the boot.
    let stored = store.db.raw().iter().map(Result::unwrap).filter(|(key, _)| key.as_ref() != keys::BOOT);
    stored
        .map(|(key, value)| {
            let value = if b"abo".contains(&key[0]) { store.must_get_packed(&key).unwrap() } else { value.to_vec() };
            (key.to_vec(), value)
        })
        .collect()
}

/// Reads a value as what lies under such a key.
fn decode(key: u8, bytes: &[u8]) -> Result<(), StoreError> {
    match key {
        b'a' => Axis::decode(bytes).map(drop),
        b'b' => Block::decode(bytes).map(drop),
        b'o' => {
            let blocks = OpenBlocks::decode(bytes)?;
            (0..COLUMNS).filter_map(|place| blocks.of(place).ok()).try_for_each(|block| Block::decode(block).map(drop))
        }
        b'g' => Band::decode(bytes).map(drop),
        b't' => tail::decode(bytes, &mut Vec::new()),
        b'd' => stats::decode(bytes).map(drop),
        b'f' => FileRecord::decode(bytes).map(drop),
        b'p' => Extent::decode(bytes).map(drop),
        _ => changes::place(bytes).map(drop),
    }
}

#[test]
fn no_value_is_too_odd_to_be_refused() {
    let seeds = || {
        let store = SledStore::temporary().unwrap();
        fill(&store);
        let mut seeds: Vec<Vec<(Vec<u8>, Vec<u8>)>> = Vec::new();
        for (key, value) in values(&store) {
            if b"abogtdfp".contains(&key[0]) {
                decode(key[0], &value).unwrap();
                match seeds.iter_mut().find(|same| same[0].0[0] == key[0]) {
                    Some(same) => same.push((key, value)),
                    None => seeds.push(vec![(key, value)]),
                }
            }
        }
        // Where a value lies is a value too.
        let places = store.db.raw().scan_prefix(b"b").values().map(|value| (b"P".to_vec(), value.unwrap().to_vec()));
        seeds.push(places.collect());
        assert_eq!(seeds.len(), 9, "one of each kind");
        seeds
    };
    apart("store::tests::mutated::values::no_value_is_too_odd_to_be_refused", MEMORY, seeds, |seeds| {
        try_all("values of a store, each decoded", 20_000, |random| {
            let kind = &seeds[random.below(seeds.len())];
            let (key, value) = &kind[random.below(kind.len())];
            let bytes = mutated(value, &kind[random.below(kind.len())].1, random);
            decode(key[0], &bytes).is_ok()
        });
    });
}

#[test]
fn a_store_with_odd_values_in_it_is_read_to_its_end() {
    // Beside what sled and its threads reserve.
    apart(
        "store::tests::mutated::values::a_store_with_odd_values_in_it_is_read_to_its_end",
        1 << 30,
        || (),
        |()| {
            let place = tempfile::tempdir().unwrap();
            let (mut store, _) = SledStore::open(place.path()).unwrap();
            fill(&store);
            let whole = values(&store);
            let expected = everything(&store).unwrap();
            let put = |store: &SledStore, key: &[u8], value: &[u8]| {
                if b"abo".contains(&key[0]) {
                    let mut changes = Changes::new(store);
                    changes.insert_packed(key, value);
                    store.apply(changes.write().unwrap()).unwrap();
                } else {
                    store.db.insert(key, value).unwrap();
                }
            };
            let mut since = 0;
            try_all("stores with values that were not written", 40, |random| {
                let at: BTreeSet<usize> = (0..=random.below(3)).map(|_| random.below(whole.len())).collect();
                let mut before = Vec::new();
                for at in &at {
                    let (key, value) = &whole[*at];
                    // Of what is not in packs: extents go on while they are written to.
                    before.push(if b"abo".contains(&key[0]) {
                        value.clone()
                    } else {
                        store.db.get(key).unwrap().unwrap().to_vec()
                    });
                    let bytes = match random.below(4) {
                        // What another key of the same kind has.
                        0 => {
                            let same: Vec<_> = whole.iter().filter(|(other, _)| other[0] == key[0]).collect();
                            same[random.below(same.len())].1.clone()
                        }
                        _ => mutated(value, &whole[random.below(whole.len())].1, random),
                    };
                    put(&store, key, &bytes);
                }
                let read = everything(&store).is_ok();
                // As the next process finds it.
                let directory = store.path.clone();
                let db = store.db.raw();
                let loaded = SledStore::load(db, directory.clone(), &directory);
                let read = match &loaded {
                    Ok(again) => read | everything(again).is_ok(),
                    Err(_) => read,
                };
                drop(loaded);
                since += 1;
                // Extents first, as what is written to packs after that writes them again.
                for (at, value) in at.iter().zip(&before).rev() {
                    put(&store, &whole[*at].0, value);
                }
                if since == 500 {
                    // What was written so often is let go of.
                    since = 0;
                    store = SledStore::temporary().unwrap();
                    SledStore::delete(place.path()).unwrap();
                    store = SledStore::open(place.path()).unwrap().0;
                    fill(&store);
                    assert!(everything(&store).unwrap() == expected);
                }
                read
            });
        },
    );
}
