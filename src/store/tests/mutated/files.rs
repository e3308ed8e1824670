//! Files of a closed store that a disk has damaged: what is read from it is what was written, or an error.

use super::*;
use crate::store::Opened;
use crate::store::packs::{Extent, Packs, Trust};
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The files of a store, below `directory`, with what they hold.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let walk = walkdir::WalkDir::new(directory).sort_by_file_name().into_iter().map(Result::unwrap);
    let files = walk.filter(|entry| entry.file_type().is_file());
    files.map(|entry| (entry.path().to_owned(), std::fs::read(entry.path()).unwrap())).collect()
}

/// Where the records of a pack lie.
fn records(pack: &Path, length: u64) -> Vec<Range<usize>> {
    let extent = Extent { end: length, dead: 0, synced: length };
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(pack, copy.path().join("000001.pack")).unwrap();
    let packs = Packs::open(copy.path().to_owned(), BTreeMap::from([(1, extent)]), Trust::All).unwrap();
    let mut found = Vec::new();
    packs
        .each(1, 0, |at, _, _| {
            found.push(at.offset as usize..at.offset as usize + at.length as usize);
            Ok(true)
        })
        .unwrap();
    found
}

/// Damages the bytes of a file as disks, copies and people do.
fn damaged(bytes: &[u8], records: &[Range<usize>], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let (from, to) = (random.stretch(bytes.len(), 4096), random.below(bytes.len()));
    match random.below(8) {
        0 | 1 => {
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        2 => bytes.truncate(to),
        3 => bytes[from].fill(if random.below(2) == 0 { 0 } else { 0xff }),
        // A stretch over another.
        4 => {
            let length = from.len().min(bytes.len() - to);
            bytes.copy_within(from.start..from.start + length, to);
        }
        // Two that change places: blocks of the disk, or whole records.
        5 => {
            let page = 512 << random.below(4);
            let last = bytes.len() / page;
            let (a, b) = (random.below(last) * page, random.below(last) * page);
            for i in 0..page.min(bytes.len()) {
                bytes.swap(a + i, b + i);
            }
        }
        6 if !records.is_empty() => {
            let a = &records[random.below(records.len())];
            let same: Vec<_> = records.iter().filter(|b| b.len() == a.len() && b.start != a.start).collect();
            if let Some(b) = same.get(random.below(same.len())) {
                let (a, b) = (a.clone(), b.start);
                if random.below(2) == 0 {
                    bytes.copy_within(a, b);
                } else {
                    (0..a.len()).for_each(|i| bytes.swap(a.start + i, b + i));
                }
            }
        }
        6 => {
            let piece = bytes[from].to_vec();
            bytes.splice(to..to, piece);
        }
        _ => drop(bytes.drain(from)),
    }
    bytes
}

#[test]
fn a_damaged_store_has_what_was_written_or_says_so() {
    apart(
        "store::tests::mutated::files::a_damaged_store_has_what_was_written_or_says_so",
        2 << 30,
        || (),
        |()| {
            let place = tempfile::tempdir().unwrap();
            let (store, _) = SledStore::open(place.path()).unwrap();
            fill(&store);
            store.flush().unwrap();
            let expected = everything(&store).unwrap();
            let cursors = |store: &SledStore| -> HashMap<(String, FileId), u64> {
                let runs = store.all_runs().into_iter();
                runs.flat_map(|(run, name)| store.records(run).into_iter().map(move |r| (name.clone(), r)))
                    .map(|(name, (id, record))| ((name, id), record.cursor.offset))
                    .collect()
            };
            let offsets = cursors(&store);
            drop(store);
            // What is sealed when a store is closed is there now.
            drop(SledStore::open(place.path()).unwrap());
            let whole = files(place.path());
            let packs: HashMap<PathBuf, Vec<Range<usize>>> = whole
                .iter()
                .filter(|(path, _)| path.extension().is_some_and(|e| e == "pack"))
                .map(|(path, bytes)| (path.clone(), records(path, bytes.len() as u64)))
                .collect();
            assert!(packs.values().any(|records| records.len() > 50), "{packs:?}");
            let (mut equal, mut older, mut aside, mut refused) = (0, 0, 0, 0);
            try_all("closed stores, damaged", 60, |random| {
                std::fs::remove_dir_all(place.path()).unwrap();
                for (path, bytes) in &whole {
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, bytes).unwrap();
                }
                let (path, bytes) = &whole[random.below(whole.len())];
                let none = Vec::new();
                let records = packs.get(path).unwrap_or(&none);
                let what = random.below(12);
                match what {
                    0 => std::fs::remove_file(path).unwrap(),
                    1 => {
                        let (other, theirs) = &whole[random.below(whole.len())];
                        std::fs::write(path, theirs).unwrap();
                        std::fs::write(other, bytes).unwrap();
                    }
                    _ => std::fs::write(path, damaged(bytes, records, random)).unwrap(),
                }
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    let (store, opened) = SledStore::open(place.path())?;
                    let read = everything(&store);
                    Ok::<_, StoreError>((opened, read, cursors(&store)))
                }));
                let Ok(outcome) = outcome else { panic!("{} ({what}) makes it panic", path.display()) };
                match outcome {
                    Ok((Opened::MovedAside(_) | Opened::New, read, _)) => {
                        assert_eq!(read.unwrap(), []);
                        aside += 1;
                        false
                    }
                    Ok((Opened::Existing, Ok(read), at)) if at == offsets => {
                        if read != expected {
                            let odd = read.iter().zip(&expected).find(|(a, b)| a != b);
                            panic!("{} ({what}): {odd:?} of {} and {}", path.display(), read.len(), expected.len());
                        }
                        equal += 1;
                        true
                    }
                    // As it once was: whoever reads the logs goes on from there.
                    Ok((Opened::Existing, Ok(read), at)) => {
                        let known: std::collections::HashSet<&Seen> = expected.iter().collect();
                        let odd = read.iter().find(|seen| !known.contains(seen));
                        if let Some(odd) = odd {
                            panic!("{} ({what}): {odd:?}, {at:?}", path.display());
                        }
                        older += 1;
                        true
                    }
                    Ok((Opened::Existing, Err(StoreError::Damaged(_)), _)) => {
                        refused += 1;
                        false
                    }
                    Ok((Opened::Existing, Err(error), _)) | Err(error) => {
                        panic!("{} ({what}): {error}", path.display())
                    }
                }
            });
            println!(
                "tried: {equal} were equal, {older} as they had been before, {refused} refused on reading, {aside} moved aside"
            );
        },
    );
}
