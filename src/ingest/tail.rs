//! Tail of one file: its format, its cursor, and whether there is more to read.

#[cfg(feature = "sqlite")]
mod database;
#[cfg(feature = "sqlite")]
pub(super) use database::run_ids as database_runs;
mod fault;
mod reading;

use super::formats::custom::CustomFormat;
use super::formats::jsonl::Jsonl;
use super::formats::{Chosen, Growth, Parser, Sink};
use super::identity::Stamp;
use super::packed::{self, unpacked_name};
use super::split::Split;
use crate::store::{Commit, Cursor, FileId, FileRecord, FoundFact, MEASURED_ON, RunId, SledStore, StoreError, Target};
use fault::Fault;
pub use reading::{Parsed, Reading, Scratch, Staged, With};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A line without its break is taken as whole when nothing has come for this long.
pub const QUIET: Duration = Duration::from_secs(10);

/// The parser of a file that has not changed for this long is made anew from the cursor when it does.
const REST: Duration = Duration::from_secs(15);

/// A file that is followed.
pub struct Tail {
    /// Where it is.
    pub path: PathBuf,
    /// Its path relative to the run.
    pub relative: String,
    /// In the store; `None` before the first commit.
    pub id: Option<FileId>,
    /// What it was when last looked at.
    pub stamp: Stamp,
    /// When it was last seen to change.
    pub changed: SystemTime,
    /// Whether there is something to read.
    pub pending: bool,
    /// Format, and why it was recognised.
    pub format: Chosen,
    /// Why the format was recognised; empty where that was in an earlier process.
    pub why: String,
    /// How far it was read.
    pub cursor: Cursor,
    /// What was wrong with the first record that could not be read.
    pub damage: Option<String>,
    /// Whether the store knows it under another name still.
    moved: bool,
    /// Whether it was read in a way that this version, or the project file, no longer has.
    orphan: bool,
    replaces: Vec<FileId>,
    /// Length at which a rest without its line break was tried in vain.
    tried: Option<u64>,
    reader: Option<(Box<dyn Parser>, Sink)>,
    /// Whether it has been read to its end and nothing has come for so long that its parser is not worth keeping.
    resting: bool,
    facts: Vec<FoundFact>,
    /// The data that its records were measured on, where its path says that.
    split: Option<Split>,
    /// Parts of it that are runs of their own, by the name of the run.
    parts: BTreeMap<String, PartFile>,
    /// Why it cannot be read at present, and when that is tried again.
    fault: Option<Fault>,
}

impl Tail {
    /// A file the store does not know.
    #[must_use]
    pub fn new(path: PathBuf, relative: String, format: Chosen, why: String) -> Self {
        Self {
            path,
            relative,
            id: None,
            stamp: Stamp::default(),
            changed: UNIX_EPOCH,
            pending: true,
            format,
            why,
            cursor: Cursor::default(),
            damage: None,
            moved: false,
            orphan: false,
            replaces: Vec::new(),
            tried: None,
            reader: None,
            resting: false,
            facts: Vec::new(),
            split: None,
            parts: BTreeMap::new(),
            fault: None,
        }
    }

    /// A file the store knows.
    #[must_use]
    pub fn known(store: &SledStore, own: &[CustomFormat], run: &Path, id: FileId, record: FileRecord) -> Self {
        let path = run.join(&record.path);
        let format = Chosen::find(record.format_name(), own).filter(|format| still(format, own, &path, &record.path));
        let mut tail = Self {
            id: Some(id),
            pending: false,
            split: Split::read(record.measured_on()),
            cursor: record.cursor,
            facts: store.found_facts(id),
            parts: parts(store, id),
            ..Self::new(path, record.path, format.clone().unwrap_or(Chosen::Known(&Jsonl)), String::new())
        };
        if format.is_none() {
            // Recognised and read anew.
            tail.cursor.offset = u64::MAX;
            tail.orphan = true;
        }
        tail
    }

    /// Is found under another name.
    pub fn renamed(&mut self, relative: String, path: PathBuf) {
        (self.relative, self.path) = (relative, path);
        (self.moved, self.pending) = (true, true);
    }

    /// Takes note of the data that its records were measured on. What was read of it as something else is read again.
    pub fn measured_on(&mut self, split: Option<Split>) {
        if self.split != split {
            self.split = split;
            if self.id.is_some() {
                self.restart();
            }
        }
    }

    /// What the store remembers of how it is read.
    fn identity(&self) -> String {
        let mut identity = self.format.identity().to_owned();
        if let Some(split) = &self.split {
            identity.push(MEASURED_ON);
            identity.push_str(&split.text());
        }
        identity
    }

    /// Gives up its name to another file the store knows.
    ///
    /// # Errors
    /// What the store says.
    pub fn displace(&mut self, store: &SledStore) -> Result<(), StoreError> {
        let Some(id) = self.id.filter(|_| !self.cursor.displaced) else { return Ok(()) };
        let cursor = Cursor { displaced: true, ..self.cursor.clone() };
        store.commit(&Commit {
            target: Target::Known(id),
            path: &self.relative,
            names: &[],
            points: &[],
            restarts: &[],
            facts: None,
            cursor: cursor.clone(),
        })?;
        self.cursor = cursor;
        Ok(())
    }

    /// Takes the place of a file of which this one is a later state.
    pub fn supersedes(&mut self, old: FileId) {
        // Not before it has been read whole: what was read of it and of the old one stands until then.
        self.replaces.push(old);
        self.pending = true;
    }

    /// Files in the store that its next points were to replace.
    pub fn take_replaces(&mut self) -> Vec<FileId> {
        std::mem::take(&mut self.replaces)
    }

    /// When it was last written and how long it is. A file that is rewritten and at present is nothing that can be
    /// recognised counts as what was read of it, be that nothing.
    #[must_use]
    pub fn age(&self, own: &[CustomFormat]) -> (i64, u64) {
        let (now, read) = ((self.stamp.modified, self.stamp.length), (self.cursor.modified, self.cursor.length));
        let recognised = || {
            let head = packed::beginning(&self.path, &self.relative).unwrap_or_default();
            Chosen::recognise(own, unpacked_name(&self.relative), &head).is_ok()
        };
        if now == read || recognised() { now } else { read }
    }

    /// Takes note of what the file is now. Returns whether that is news.
    pub fn look(&mut self, stamp: Stamp, now: SystemTime) -> bool {
        let news = self.stamp != stamp;
        if news {
            // A file that has long been quiet when it is first seen need not be watched for that long again.
            let first = self.stamp == Stamp::default();
            let modified = UNIX_EPOCH + Duration::from_nanos(stamp.modified.max(0) as u64);
            self.changed = if first { modified.min(now) } else { now };
            self.stamp = stamp;
            self.fault.iter_mut().for_each(|fault| fault.changed(now));
            let cursor = &self.cursor;
            self.pending |= cursor.length != stamp.length
                || cursor.modified != stamp.modified
                || cursor.offset != stamp.length
                || !stamp.same_inode(cursor.identity.device, cursor.identity.inode);
        }
        news
    }

    /// Whether a rest without its line break is due to be taken as whole.
    #[must_use]
    pub fn rest_is_due(&self, now: SystemTime, complete: bool) -> bool {
        self.has_rest() && (complete || now.duration_since(self.changed).is_ok_and(|quiet| quiet >= QUIET))
    }

    /// Whether there is a rest without its line break that has not been looked at.
    fn has_rest(&self) -> bool {
        // A file that is rewritten has no rest: it is whole, or waits for its next version.
        self.format.growth() == Growth::Appended
            && self.cursor.offset < self.stamp.length
            && self.cursor.stuck.is_empty()
            && self.tried != Some(self.stamp.length)
    }

    /// Whether there is something to read, now or later.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.pending || self.has_rest()
    }

    /// Whether there is something to read.
    #[must_use]
    pub fn is_due(&self, now: SystemTime, complete: bool) -> bool {
        self.fault.as_ref().is_none_or(|fault| fault.is_due(now)) && (self.pending || self.rest_is_due(now, complete))
    }

    /// Why it cannot be read at present, where that is to be told.
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_ref()?.told()
    }

    /// Bytes not read yet.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        if self.pending && self.fault.is_none() { self.stamp.length.saturating_sub(self.cursor.offset) } else { 0 }
    }

    /// Forgets the parser; its state is in the cursor.
    pub fn rest(&mut self) {
        self.reader = None;
    }

    /// Forgets the parser of a file that has been read and does not change any more: most files are of runs that have ended.
    pub fn rest_if_still(&mut self, now: SystemTime) {
        if !self.pending && self.stamp.silent(now) > REST {
            self.rest();
        }
    }

    /// Whether a parser is held.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.reader.is_some()
    }

    /// The store knows nothing of it any more.
    pub fn forgotten(&mut self) {
        self.id = None;
        self.parts.clear();
    }

    /// The parts of it that are runs of their own.
    pub fn parts(&self) -> impl Iterator<Item = &PartFile> {
        self.parts.values()
    }

    /// Facts found in the content.
    #[must_use]
    pub fn facts(&self) -> &[FoundFact] {
        &self.facts
    }

    /// The file at this path is another one now, whose points replace those of the one before.
    fn restart(&mut self) {
        self.replaces.extend(self.id.take());
        self.cursor = Cursor::default();
        self.reader = None;
        self.facts.clear();
        self.parts.clear();
        self.damage = None;
        self.pending = true;
    }
}

/// A part of a file that is a run of its own.
#[derive(Debug, Clone)]
pub struct PartFile {
    /// The run.
    pub run: RunId,
    /// Its points in the store.
    pub id: FileId,
    /// Facts found in it.
    pub facts: Vec<FoundFact>,
}

/// The parts of a file as the store has them.
fn parts(store: &SledStore, file: FileId) -> BTreeMap<String, PartFile> {
    let of =
        |(id, run): (FileId, RunId)| Some((store.run_name(run)?, PartFile { run, id, facts: store.found_facts(id) }));
    store.parts(file).into_iter().filter_map(of).collect()
}

/// Whether a file is still to be read as it was: not where the project now describes its lines in another way.
fn still(format: &Chosen, own: &[CustomFormat], path: &Path, relative: &str) -> bool {
    if own.is_empty() || format.framed() {
        return true;
    }
    let Ok(head) = packed::beginning(path, relative) else { return true };
    Chosen::own(own, unpacked_name(relative), &head).is_none_or(|(own, _)| own.identity() == format.identity())
}
