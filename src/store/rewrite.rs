//! sled's file written anew: everything that counts is copied into a database beside it, and the two directories change places
//! in one step, so that a process that dies leaves the one or the other, whole.
//!
//! The packs are linked into the new directory beforehand: they are the same files. The copy goes by way of a plain file, so
//! that one of the two databases is open at a time. A daemon leaves the copying to a process of its own: what sled takes for
//! it, and the holes that this leaves in a heap, go with that process.

use super::directory::{self, PACKS};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use sled::Db;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// What the pairs are in meanwhile.
const PAIRS: &str = "pairs";
/// What the directory is called until it takes the place of the old one, and the old one until it is deleted.
const ANEW: &str = "anew";

/// Copies what counts of the database in a directory, which nobody has open, as [`write`] does.
pub type Rewriter = Box<dyn Fn(&Path) -> io::Result<()> + Send + Sync>;

/// Whether a copy of the database in a directory was asked for: its packs are there already.
pub(super) fn is_asked_for(path: &Path) -> bool {
    path.with_extension(ANEW).join(PACKS).is_dir()
}

/// Copies what counts into the directory beside it, whose packs are there already.
pub(super) fn write(path: &Path) -> io::Result<()> {
    let anew = path.with_extension(ANEW);
    let pairs = anew.join(PAIRS);
    // Closed again before the other is opened: both together take twice the memory.
    let all = spill(&directory::reopen(path)?, &pairs)?;
    gather(&pairs, all, &anew)
}

/// Deletes what was left of a database that was being written anew, or was replaced by one.
pub(super) fn discard(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path.with_extension(ANEW)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Links the packs into the directory of the copy.
pub(super) fn link_packs(path: &Path) -> io::Result<()> {
    let (from, to) = (path.join(PACKS), path.with_extension(ANEW).join(PACKS));
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
    let fresh = directory::open(anew)?;
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

/// The two directories change places in one step.
pub(super) fn exchange(path: &Path) -> io::Result<()> {
    renameat_with(CWD, path, CWD, path.with_extension(ANEW), RenameFlags::EXCHANGE)?;
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::{Db, directory, gather, spill};
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
        assert!(before > crate::store::database::SHORT, "{before}");
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
    fn another_process_that_fails_leaves_the_old_file_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let store = worn(dir.path());
        store.rewritten_by(Box::new(|path| {
            // Half of it is there, and nobody has the old one open.
            std::fs::write(path.with_extension(super::ANEW).join("db"), b"half")?;
            drop(directory::reopen(path)?);
            Err(std::io::Error::other("killed"))
        }));
        assert!(store.db.renew().unwrap_err().to_string().contains("killed"));
        is_whole(&store);
        assert!(!dir.path().join("points.anew").exists());
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
            directory::forget_unfinished(&dir.path().join("points.sled"));
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
        let copy = directory::config(&anew).open().unwrap();
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
