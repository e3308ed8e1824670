//! sled, behind a door that is closed for the moments in which its file is written anew.
//!
//! sled gives nothing back: its file stays as long as it once was, and most of it is log that nobody reads again. In idle time
//! everything that counts is copied into a database beside it, and the two directories change places in one step, so that a
//! process that dies leaves the one or the other, whole. The packs are linked into the new directory beforehand: they are the
//! same files. The copy goes by way of a plain file, so that one of the two is open at a time: both together take twice the memory, of which
//! little comes back.

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use sled::{Batch, Db, IVec};
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::ops::RangeBounds;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

/// sled's own default is 1 GB.
pub(super) const CACHE_BYTES: u64 = 8 << 20;
/// Name of the packs' directory, within sled's own, so that they are moved, copied and deleted together.
pub(super) const PACKS: &str = "packs";
/// Shorter files are left as they are.
const SHORT: u64 = 4 << 20;
/// A file is written anew where it is so many times as long as what counts in it; fresh, it is two to three times as long.
const TIMES: u64 = 4;
/// What is looked at again only when the file has grown by one part in so many.
const GROWN: u64 = 4;
/// Keys in a batch from which on sled does not keep up with what it leaves.
const MANY: usize = 1_000;
/// What the pairs are in meanwhile.
const PAIRS: &str = "pairs";
/// What the directory is called until it takes the place of the old one, and the old one until it is deleted.
const ANEW: &str = "anew";

type Pairs = Vec<(IVec, IVec)>;

/// The open database.
pub(super) struct Database {
    /// Its directory; `None` where it is gone with the process.
    path: Option<PathBuf>,
    /// Closed only while its file is exchanged, or where it could not be opened again.
    db: RwLock<Option<Db>>,
    /// Bytes of the file when it was last looked through.
    checked: AtomicU64,
}

impl Database {
    pub fn new(db: Db, path: Option<PathBuf>) -> Self {
        Self { path, db: RwLock::new(Some(db)), checked: AtomicU64::new(0) }
    }

    /// Does something while the file stays what it is. What is done must not come back here.
    fn with<T>(&self, work: impl FnOnce(&Db) -> sled::Result<T>) -> sled::Result<T> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        work(db.as_ref().ok_or_else(closed)?)
    }

    pub fn get(&self, key: impl AsRef<[u8]>) -> sled::Result<Option<IVec>> {
        self.with(|db| db.get(key.as_ref()))
    }

    pub fn contains_key(&self, key: impl AsRef<[u8]>) -> sled::Result<bool> {
        self.with(|db| db.contains_key(key.as_ref()))
    }

    pub fn insert(&self, key: impl AsRef<[u8]>, value: impl Into<IVec>) -> sled::Result<()> {
        self.with(|db| db.insert(key.as_ref(), value.into()).map(drop))
    }

    pub fn remove(&self, key: impl AsRef<[u8]>) -> sled::Result<()> {
        self.with(|db| db.remove(key.as_ref()).map(drop))
    }

    pub fn apply_batch(&self, batch: Batch) -> sled::Result<()> {
        self.with(|db| db.apply_batch(batch))
    }

    /// Gives back what a batch of so many keys has left. sled frees old pages a few at a time when somebody comes, and not while
    /// a batch is written: after batches of thousands of keys and nothing else, hundreds of megabytes were waiting.
    pub fn tidy(&self, keys: usize) -> sled::Result<()> {
        if keys < MANY {
            return Ok(());
        }
        (0..keys).try_for_each(|_| self.get([]).map(drop))
    }

    pub fn flush(&self) -> sled::Result<()> {
        self.with(|db| db.flush().map(drop))
    }

    pub fn size_on_disk(&self) -> sled::Result<u64> {
        self.with(|db| db.size_on_disk())
    }

    /// The first pairs of a range of keys, in their order.
    pub fn first(&self, range: impl RangeBounds<[u8; 13]>, most: usize) -> sled::Result<Pairs> {
        self.with(|db| db.range(range).take(most).collect())
    }

    /// The last pairs of a range of keys, the last one first.
    pub fn last(&self, range: impl RangeBounds<[u8; 13]>, most: usize) -> sled::Result<Pairs> {
        self.with(|db| db.range(range).rev().take(most).collect())
    }

    /// The keys that begin so.
    pub fn keys(&self, prefix: impl AsRef<[u8]>) -> sled::Result<Vec<IVec>> {
        self.with(|db| db.scan_prefix(prefix.as_ref()).keys().collect())
    }

    /// The pairs whose keys begin so.
    pub fn under(&self, prefix: impl AsRef<[u8]>) -> sled::Result<Pairs> {
        self.with(|db| db.scan_prefix(prefix.as_ref()).collect())
    }

    /// What is under a key of a tree of its own.
    pub fn get_in(&self, tree: &str, key: &str) -> sled::Result<Option<IVec>> {
        self.with(|db| db.open_tree(tree)?.get(key))
    }

    /// Sets a key of a tree of its own.
    pub fn insert_in(&self, tree: &str, key: &str, value: &[u8]) -> sled::Result<()> {
        self.with(|db| db.open_tree(tree)?.insert(key, value).map(drop))
    }

    /// sled itself.
    #[cfg(test)]
    pub fn raw(&self) -> Db {
        self.with(|db| Ok(db.clone())).unwrap()
    }

    /// Whether the file is much longer than what counts in it. Looks through it only where it has grown.
    pub fn is_wasteful(&self) -> sled::Result<bool> {
        self.with(|db| {
            let size = db.size_on_disk()?;
            let checked = self.checked.load(Ordering::Relaxed);
            if self.path.is_none() || size < SHORT || size < checked.saturating_add(checked / GROWN) {
                return Ok(false);
            }
            self.checked.store(size, Ordering::Relaxed);
            let mut live = 0;
            for name in db.tree_names() {
                for pair in &db.open_tree(name)? {
                    let (key, value) = pair?;
                    live += (key.len() + value.len()) as u64;
                }
            }
            Ok(size > TIMES * live.max(SHORT / TIMES))
        })
    }

    #[cfg(test)]
    pub fn checked(&self) -> &AtomicU64 {
        &self.checked
    }

    /// Forgets how long the file was when it was last looked through: what counted in it counts no more, and it may not grow again.
    pub fn look_again(&self) {
        self.checked.store(0, Ordering::Relaxed);
    }

    /// Writes the file anew. Whoever else reads or writes waits; no pack may be made or deleted meanwhile.
    ///
    /// # Errors
    /// What the disk says; the old file is in use then, or, where it cannot be opened any more either, none.
    pub fn renew(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let anew = path.with_extension(ANEW);
        let mut door = self.db.write().unwrap_or_else(PoisonError::into_inner);
        let Some(db) = door.as_ref() else { return Err(io::Error::other(closed())) };
        let pairs = anew.join(PAIRS);
        let spilled = discard(path).and_then(|()| link_packs(path, &anew)).and_then(|()| spill(db, &pairs));
        let all = match spilled {
            Ok(all) => all,
            Err(error) => {
                let _ = discard(path);
                return Err(error);
            }
        };
        // What it still writes when it closes must be behind it.
        *door = None;
        let exchanged = gather(&pairs, all, &anew).and_then(|()| exchange(path, &anew));
        let opened = exchanged.and_then(|()| match reopen(path) {
            Ok(db) => Ok(db),
            Err(error) => {
                exchange(path, &anew)?;
                Err(error)
            }
        });
        let failed = match opened {
            Ok(db) => {
                self.checked.store(db.size_on_disk().unwrap_or(0), Ordering::Relaxed);
                *door = Some(db);
                None
            }
            Err(error) => {
                *door = Some(reopen(path)?);
                Some(error)
            }
        };
        let _ = discard(path);
        failed.map_or(Ok(()), Err)
    }
}

/// Deletes what was left of a database that was being written anew, or was replaced by one.
pub(super) fn discard(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path.with_extension(ANEW)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn link_packs(path: &Path, anew: &Path) -> io::Result<()> {
    let (from, to) = (path.join(PACKS), anew.join(PACKS));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::hard_link(entry.path(), to.join(entry.file_name()))?;
    }
    File::open(to)?.sync_all()
}

/// Writes every tree to a file: its name, each pair behind a 1, and a 0. Returns how many pairs there are in all.
fn spill(db: &Db, to: &Path) -> io::Result<usize> {
    let mut all = 0;
    let mut out = BufWriter::new(File::create(to)?);
    for name in db.tree_names() {
        put(&mut out, &name)?;
        for pair in &db.open_tree(&name)? {
            let (key, value) = pair?;
            out.write_all(&[1])?;
            put(&mut out, &key)?;
            put(&mut out, &value)?;
            all += 1;
        }
        out.write_all(&[0])?;
    }
    out.into_inner()?.sync_data()?;
    Ok(all)
}

/// Makes a database of the pairs in a file, so many in `all`, and sees that it is whole and on disk.
fn gather(from: &Path, all: usize, anew: &Path) -> io::Result<()> {
    let mut pairs = BufReader::new(File::open(from)?);
    let fresh = open(anew)?;
    let mut written = 0;
    while !pairs.fill_buf()?.is_empty() {
        let tree = fresh.open_tree(part(&mut pairs)?)?;
        let before = written;
        // One by one: while it writes a batch, sled frees nothing of what that leaves.
        while goes_on(&mut pairs)? {
            tree.insert(part(&mut pairs)?, part(&mut pairs)?)?;
            written += 1;
        }
        if tree.len() != written - before {
            return Err(io::Error::other("the copy of the database has lost something"));
        }
    }
    if written != all {
        return Err(io::Error::other("the copy of the database is not whole"));
    }
    fresh.flush()?;
    drop(fresh);
    fs::remove_file(from)?;
    File::open(anew)?.sync_all()
}

/// Whether another pair comes.
fn goes_on(from: &mut impl Read) -> io::Result<bool> {
    let mut more = [0];
    from.read_exact(&mut more)?;
    Ok(more == [1])
}

fn put(out: &mut impl Write, part: &[u8]) -> io::Result<()> {
    out.write_all(&(part.len() as u64).to_le_bytes()).and_then(|()| out.write_all(part))
}

fn part(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut part = vec![0; number(from)? as usize];
    from.read_exact(&mut part)?;
    Ok(part)
}

fn number(from: &mut impl Read) -> io::Result<u64> {
    let mut number = [0; 8];
    from.read_exact(&mut number)?;
    Ok(u64::from_le_bytes(number))
}

/// Two directories change places in one step.
fn exchange(path: &Path, anew: &Path) -> io::Result<()> {
    renameat_with(CWD, path, CWD, anew, RenameFlags::EXCHANGE)?;
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// Opens a database that was closed a moment ago, whose lock may be held a little longer.
fn reopen(path: &Path) -> io::Result<Db> {
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
fn forget_unfinished(path: &Path) {
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

fn config(path: &Path) -> sled::Config {
    sled::Config::new().path(path).cache_capacity(CACHE_BYTES)
}

fn closed() -> sled::Error {
    sled::Error::Io(io::Error::other("the database was closed and could not be opened again"))
}

#[cfg(test)]
mod tests {
    use super::{Db, config, forget_unfinished, gather, spill};
    use crate::store::{Opened, SledStore};

    /// A store whose file is mostly log that nobody reads again.
    fn worn(dir: &std::path::Path) -> std::sync::Arc<SledStore> {
        let store = SledStore::open(dir).unwrap().0;
        let run = store.run("a").unwrap();
        for round in 0..600u32 {
            store.keep_fits("loss", &vec![round as u8; 40_000]).unwrap();
            store.keep(u64::from(round), &round.to_be_bytes()).unwrap();
        }
        store.keep_journal_entries(77).unwrap();
        assert_eq!(store.find_run("a"), Some(run));
        store.flush().unwrap();
        store
    }

    fn is_whole(store: &SledStore) {
        assert_eq!(store.kept_fits("loss").unwrap(), Some(vec![(599 % 256) as u8; 40_000]));
        assert_eq!(store.kept(u64::MAX, 10_000).unwrap().len(), 600);
        assert_eq!(store.journal_entries().unwrap(), 77);
        assert!(store.find_run("a").is_some());
    }

    #[test]
    fn a_file_that_is_mostly_waste_is_written_anew_and_nothing_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let store = worn(dir.path());
        let before = store.db.size_on_disk().unwrap();
        assert!(before > super::SHORT, "{before}");
        store.compact().unwrap();
        let after = store.db.size_on_disk().unwrap();
        assert!(after * 4 < before, "{before} → {after}");
        is_whole(&store);
        // It goes on, and nothing is done again for nothing.
        store.keep(10_000, b"x").unwrap();
        assert!(!store.db.is_wasteful().unwrap());
        store.compact().unwrap();
        assert_eq!(store.kept(u64::MAX, 1).unwrap()[0].value, b"x");
        drop(store);
        assert!(!dir.path().join("points.anew").exists());
        let again = SledStore::open(dir.path()).unwrap().0;
        assert_eq!(again.kept(u64::MAX, 10_000).unwrap().len(), 601);
    }

    #[test]
    fn what_a_dead_process_left_of_the_copy_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        drop(worn(dir.path()));
        std::fs::create_dir_all(dir.path().join("points.anew/packs")).unwrap();
        std::fs::write(dir.path().join("points.anew/db"), b"half").unwrap();
        let store = SledStore::open(dir.path()).unwrap().0;
        assert!(!dir.path().join("points.anew").exists());
        is_whole(&store);
    }

    #[test]
    fn whoever_reads_and_writes_meanwhile_sees_all_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = worn(dir.path());
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut looked = 0;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    is_whole(&store);
                    store.keep_fits("other", &[looked as u8]).unwrap();
                    looked += 1;
                }
                looked
            });
            for _ in 0..3 {
                store.db.renew().unwrap();
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            let looked = reader.join().unwrap();
            assert!(looked > 0);
            assert_eq!(store.kept_fits("other").unwrap(), Some(vec![(looked - 1) as u8]));
        });
        is_whole(&store);
    }

    #[test]
    fn a_copy_that_fails_leaves_the_old_file_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let store = worn(dir.path());
        // A file stands where the directory of the copy would.
        std::fs::write(dir.path().join("points.anew"), b"in the way").unwrap();
        assert!(store.db.renew().is_err());
        is_whole(&store);
        // Compaction goes on without.
        store.compact().unwrap();
        is_whole(&store);
    }

    #[test]
    fn a_process_that_dies_while_sled_writes_a_snapshot_leaves_the_store_whole() {
        let dir = tempfile::tempdir().unwrap();
        drop(worn(dir.path()));
        for (name, bytes) in
            [("snap.0000000000000001.generating", &[][..]), ("snap.7FFFFFFFFFFFFFFF.generating", &[7; 99])]
        {
            let left = dir.path().join("points.sled").join(name);
            std::fs::write(&left, bytes).unwrap();
            let (store, opened) = SledStore::open(dir.path()).unwrap();
            assert!(matches!(opened, Opened::Existing), "{name}: {opened:?}");
            is_whole(&store);
            assert!(!left.exists());
            // Nobody else's is touched.
            std::fs::write(&left, bytes).unwrap();
            forget_unfinished(&dir.path().join("points.sled"));
            assert!(left.exists());
        }
    }

    #[test]
    fn a_copy_that_breaks_off_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let store = worn(dir.path());
        let (pairs, anew) = (dir.path().join("pairs"), dir.path().join("anew"));
        let all = spill(&store.db.raw(), &pairs).unwrap();
        let whole = std::fs::read(&pairs).unwrap();
        gather(&pairs, all, &anew).unwrap();
        let copy = config(&anew).open().unwrap();
        for name in copy.tree_names() {
            let of = |db: &Db| db.open_tree(&name).unwrap().iter().collect::<sled::Result<Vec<_>>>().unwrap();
            assert!(of(&copy) == of(&store.db.raw()), "{name:?}");
        }
        drop(copy);
        for cut in [0, 1, 7, 9, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&pairs, &whole[..cut]).unwrap();
            assert!(gather(&pairs, all, &dir.path().join(format!("cut-{cut}"))).is_err(), "{cut} of {}", whole.len());
        }
    }

    /// Names the store that the process which is killed writes anew without end.
    const RENEWED: &str = "MIXLAW_TEST_RENEWED";

    fn renew_without_end(dir: &std::path::Path) {
        let store = SledStore::open(dir).unwrap().0;
        for round in 0u64.. {
            store.keep_fits("round", &round.to_be_bytes()).unwrap();
            store.flush().unwrap();
            println!("round {round}");
            store.db.renew().unwrap();
        }
    }

    #[test]
    fn kills_while_the_file_is_written_anew_leave_one_or_the_other_whole() {
        if let Some(dir) = std::env::var_os(RENEWED) {
            return renew_without_end(dir.as_ref());
        }
        let dir = tempfile::tempdir().unwrap();
        drop(worn(dir.path()));
        let kills = if std::env::var_os("MIXLAW_SOAK").is_some() { 300 } else { 12 };
        let mut seen = std::collections::BTreeSet::new();
        for kill in 0..kills {
            let mut child = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", std::thread::current().name().unwrap(), "--nocapture", "--test-threads", "1"])
                .env(RENEWED, dir.path())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            // From when it begins: what comes before is the start of the program.
            let lines = std::io::BufReader::new(child.stdout.take().unwrap());
            let mut rounds = std::io::BufRead::lines(lines)
                .map_while(Result::ok)
                .filter_map(|line| line.rsplit_once("round ").and_then(|(_, round)| round.parse::<u64>().ok()));
            let first = rounds.next().unwrap();
            std::thread::sleep(std::time::Duration::from_millis((kill * 37) % 101));
            child.kill().unwrap();
            let told = rounds.last().unwrap_or(first);
            child.wait().unwrap();
            // What had been moved where when it died.
            seen.insert(dir.path().join("points.anew").join("packs").exists());
            let store = SledStore::open(dir.path()).unwrap().0;
            is_whole(&store);
            let round = store.kept_fits("round").unwrap().unwrap();
            let round = u64::from_be_bytes(round.try_into().unwrap());
            assert!(round == told || round == told + 1, "{round} after {told} was written out");
        }
        assert!(seen.contains(&true), "no kill fell into the writing");
    }
}
