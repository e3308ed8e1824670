//! sled's own directory: opening it.

use rustix::fs::{FlockOperation, flock};
use sled::Db;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

/// sled's own default is 1 GB.
pub(super) const CACHE_BYTES: u64 = 8 << 20;
/// Name of the packs' directory, within sled's own, so that they are moved, copied and deleted together.
pub(super) const PACKS: &str = "packs";

/// Opens a database that was closed a moment ago, whose lock may be held a little longer.
pub(super) fn reopen(path: &Path) -> io::Result<Db> {
    let mut tries = 0;
    loop {
        match open(path) {
            Err(_) if tries < 20 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(25));
            }
            other => return Ok(other?),
        }
    }
}

/// Opens a database, or makes one.
///
/// # Errors
/// Where another process has it, the disk says no, or it is damaged.
pub(super) fn open(path: &Path) -> sled::Result<Db> {
    forget_unfinished(path);
    config(path).open()
}

/// Deletes a snapshot that sled was writing when its process died. sled 0.34 takes it for the newest one and refuses the whole
/// database; without it, it reads more of its log.
pub(super) fn forget_unfinished(path: &Path) {
    let Ok(db) = File::open(path.join("db")) else { return };
    // As sled locks it: nobody is at work on one.
    if flock(&db, FlockOperation::NonBlockingLockExclusive).is_err() {
        return;
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let unfinished =
            entry.file_name().to_str().is_some_and(|n| n.starts_with("snap.") && n.ends_with(".generating"));
        if unfinished && let Err(error) = fs::remove_file(entry.path()) {
            tracing::warn!("cannot delete {}: {error}", entry.path().display());
        }
    }
}

pub(super) fn config(path: &Path) -> sled::Config {
    sled::Config::new().path(path).cache_capacity(CACHE_BYTES)
}
