//! Cached listing of a run's files, refreshed when one of its directories changes.
//!
//! Listing a thousand runs every few seconds, to find what no event told of, costs more than all else that is done when
//! nothing happens; and each directory that is opened is an event of its own.

use super::discover::{RunPlace, Unreadable};
use super::{files, filesystem};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A directory that was changed less than this before it was listed may have been changed once more within the same
/// tick of the file system's clock.
const TICK: Duration = Duration::from_secs(2);

/// What tells that a directory has not changed: device, inode, and when it changed last, as time since 1970.
type Mark = (u64, u64, Duration);

/// The files of a run as last listed.
#[derive(Debug, Default)]
pub struct Listing {
    /// Files by path relative to the run, and where they are.
    pub files: Vec<(String, PathBuf)>,
    /// What could not be read, and why.
    pub unreadable: Unreadable,
    /// Every directory looked into; `None` where only another look tells whether the files are still the same.
    directories: Option<Vec<(PathBuf, Mark)>>,
}

impl Listing {
    /// Brings it up to date.
    pub fn renew(&mut self, run: &RunPlace, is_run: &dyn Fn(&Path) -> bool) {
        self.renew_after(TICK, run, is_run);
    }

    fn renew_after(&mut self, tick: Duration, run: &RunPlace, is_run: &dyn Fn(&Path) -> bool) {
        let stands = |(path, before): &(PathBuf, Mark)| mark(path).as_ref() == Some(before);
        if self.directories.as_ref().is_some_and(|all| all.iter().all(stands)) {
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let found = files::files(run, is_run);
        let known = |path: PathBuf| {
            let mark = mark(&path).filter(|(_, _, changed)| *changed + tick < now)?;
            filesystem::under(&path).tells.then_some((path, mark))
        };
        self.directories = found.directories.and_then(|all| all.into_iter().map(known).collect());
        (self.files, self.unreadable) = (found.files, found.unreadable);
    }
}

fn mark(directory: &Path) -> Option<Mark> {
    let metadata = std::fs::metadata(directory).ok()?;
    let changed = Duration::new(u64::try_from(metadata.ctime()).ok()?, u32::try_from(metadata.ctime_nsec()).ok()?);
    Some((metadata.dev(), metadata.ino(), changed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_listed_again_when_one_of_its_directories_has_changed_and_only_then() {
        let dir = tempfile::tempdir().unwrap();
        if !filesystem::under(dir.path()).tells {
            return;
        }
        let below = dir.path().join("a/b");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join("log"), "x").unwrap();
        let run = RunPlace { path: dir.path().to_owned(), name: "run".to_owned(), file: false, more: Vec::new() };
        let tick = Duration::from_millis(60);
        let asked = std::cell::Cell::new(0);
        let is_run = |_: &Path| {
            asked.set(asked.get() + 1);
            false
        };
        let mut listing = Listing::default();
        let renew = |listing: &mut Listing| {
            asked.set(0);
            listing.renew_after(tick, &run, &is_run);
            (listing.files.iter().map(|f| f.0.clone()).collect::<Vec<_>>().join(" "), asked.get() > 0)
        };
        let seen = |files: &str, listed| (files.to_owned(), listed);
        assert_eq!(renew(&mut listing), seen("a/b/log", true));
        assert_eq!(renew(&mut listing), seen("a/b/log", true), "it was changed a moment ago");
        std::thread::sleep(2 * tick);
        assert_eq!(renew(&mut listing), seen("a/b/log", true));
        assert_eq!(renew(&mut listing), seen("a/b/log", false));
        std::fs::write(below.join("log"), "grown").unwrap();
        assert_eq!(renew(&mut listing), seen("a/b/log", false));
        std::fs::write(below.join("new"), "x").unwrap();
        assert_eq!(renew(&mut listing), seen("a/b/log a/b/new", true));
        std::thread::sleep(2 * tick);
        renew(&mut listing);
        std::fs::remove_dir_all(dir.path().join("a")).unwrap();
        assert_eq!(renew(&mut listing).0, "");
    }

    #[test]
    fn where_a_link_leads_is_looked_at_every_time() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(other.path().join("later"), dir.path().join("log")).unwrap();
        let run = RunPlace { path: dir.path().to_owned(), name: "run".to_owned(), file: false, more: Vec::new() };
        let tick = Duration::from_millis(60);
        let mut listing = Listing::default();
        let mut count = || {
            std::thread::sleep(2 * tick);
            listing.renew_after(tick, &run, &|_| false);
            listing.files.len()
        };
        assert_eq!(count(), 0);
        std::fs::write(other.path().join("later"), "x").unwrap();
        assert_eq!(count(), 1);
        std::fs::remove_file(other.path().join("later")).unwrap();
        std::fs::create_dir(other.path().join("later")).unwrap();
        assert_eq!(count(), 0);
        std::fs::write(other.path().join("later/log"), "x").unwrap();
        assert_eq!(count(), 1);
    }
}
