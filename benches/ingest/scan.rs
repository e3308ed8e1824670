//! A store opened, read whole, and opened again.

use mixlaw::store::{ReadStore, SledStore};
use std::path::Path;
use std::time::Instant;

/// Seconds by the clock.
pub struct Scan {
    pub open: f64,
    /// Every series of every run, one after the other.
    pub read: f64,
    pub again: f64,
}

pub fn scan(directory: &Path, points: u64) -> Scan {
    let open = || {
        let began = Instant::now();
        let (store, _) = SledStore::open(directory).expect("a store");
        assert_eq!(store.points(), points);
        (store, began.elapsed().as_secs_f64())
    };
    let (store, opened) = open();
    let began = Instant::now();
    let mut read = 0;
    for (run, _) in store.runs().expect("runs") {
        for (key, _) in store.metrics(run).expect("metrics") {
            read += store.series(run, &key).expect("a series").values.len() as u64;
        }
    }
    let scanned = began.elapsed().as_secs_f64();
    assert_eq!(read, points, "every point is read");
    drop(store);
    Scan { open: opened, read: scanned, again: open().1 }
}
