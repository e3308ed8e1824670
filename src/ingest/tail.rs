//! Following one file: from its cursor to the end of its last whole record, again and again.

use super::formats::custom::CustomFormat;
use super::formats::jsonl::Jsonl;
use super::formats::{Chosen, Growth, HEAD, Parser, RawPoint, Sink};
use super::identity::{self, Stamp};
use crate::store::{Commit, Cursor, FileId, FileRecord, FoundFact, RunId, SledStore, StoreError, Target};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes read and stored at a time.
const CHUNK: usize = 4 << 20;
/// Most bytes held to find the end of one record, and most of a file that is rewritten whole.
const MOST: usize = 256 << 20;
/// A line without its break is taken as whole when nothing has come for this long.
pub const QUIET: Duration = Duration::from_secs(10);

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
    facts: Vec<FoundFact>,
}

/// Room for one reading, whichever file it is of: kept by every file, it would be a megabyte for each.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Bytes read.
    bytes: Vec<u8>,
    /// Points made of them.
    points: Vec<RawPoint>,
}

impl Scratch {
    /// Gives back what only an unusually long record has needed.
    fn trim(&mut self) {
        if self.bytes.capacity() > 2 * CHUNK {
            self.bytes = Vec::new();
        }
        // A point has at least eight bytes in any format.
        if self.points.capacity() > CHUNK / 8 {
            self.points = Vec::new();
        }
    }
}

/// What a reading needs.
pub struct With<'a> {
    /// Line formats of the project's own.
    pub own: &'a [CustomFormat],
    /// Used again for every file.
    pub scratch: &'a mut Scratch,
    /// Now.
    pub now: SystemTime,
    /// Whether files are complete as they are: nobody will wait for the rest of a line.
    pub complete: bool,
}

/// What was read of a file and is not stored yet; its points are in the file's sink.
pub struct Parsed(Result<Found, std::io::Error>);

enum Found {
    /// Nothing that the store has to know.
    Nothing(Reading),
    /// Points, or a new place for the cursor.
    Records {
        reading: Reading,
        cursor: Cursor,
        /// For a file that the store does not know: when its first record was written, as far as the file system tells.
        began: f64,
    },
}

/// What one reading brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bytes of whole records.
    pub bytes: u64,
    /// Points stored.
    pub points: u64,
    /// Whether points of an earlier generation were replaced.
    pub replaced: bool,
    /// Whether facts were found.
    pub facts: bool,
    /// Why the file cannot be read at present; it stays as it is in the store.
    pub failed: Option<String>,
    /// Why the file is no log any more, although nothing about it changed: the project file no longer describes its
    /// lines.
    pub refused: Option<String>,
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
            facts: Vec::new(),
        }
    }

    /// A file the store knows.
    #[must_use]
    pub fn known(store: &SledStore, own: &[CustomFormat], run: &Path, id: FileId, record: FileRecord) -> Self {
        let path = run.join(&record.path);
        let format = Chosen::find(&record.format, own).filter(|format| still(format, own, &path, &record.path));
        let mut tail = Self {
            id: Some(id),
            pending: false,
            cursor: record.cursor,
            facts: store.found_facts(id),
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
    /// recognised counts as what was read of it.
    #[must_use]
    pub fn age(&self, own: &[CustomFormat]) -> (i64, u64) {
        let (now, read) = ((self.stamp.modified, self.stamp.length), (self.cursor.modified, self.cursor.length));
        let recognised = || {
            let mut head = vec![0; HEAD];
            let n = File::open(&self.path).and_then(|file| read_at(&file, &mut head, 0)).unwrap_or(0);
            Chosen::recognise(own, &self.relative, &head[..n]).is_ok()
        };
        if self.id.is_none() || now == read || recognised() { now } else { read }
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
        // A file that is rewritten has no rest: it is whole, or waits for its next version.
        self.format.growth() == Growth::Appended
            && self.cursor.offset < self.stamp.length
            && self.cursor.stuck.is_empty()
            && self.tried != Some(self.stamp.length)
            && (complete || now.duration_since(self.changed).is_ok_and(|quiet| quiet >= QUIET))
    }

    /// Whether there is something to read.
    #[must_use]
    pub fn is_due(&self, now: SystemTime, complete: bool) -> bool {
        self.pending || self.rest_is_due(now, complete)
    }

    /// Bytes not read yet.
    #[must_use]
    pub fn backlog(&self) -> u64 {
        if self.pending { self.stamp.length.saturating_sub(self.cursor.offset) } else { 0 }
    }

    /// Forgets the parser; its state is in the cursor.
    pub fn rest(&mut self) {
        self.reader = None;
    }

    /// Whether a parser is held.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.reader.is_some()
    }

    /// Facts found in the content.
    #[must_use]
    pub fn facts(&self) -> &[FoundFact] {
        &self.facts
    }

    /// Reads and parses about [`CHUNK`] bytes, or one record. Sets [`Tail::pending`] to whether there is more. What comes
    /// back must be given to [`Tail::store`] before the next reading.
    #[must_use]
    pub fn read(&mut self, mut with: With<'_>) -> Parsed {
        Parsed(self.try_read(&mut with))
    }

    /// Stores what a reading brought, points and cursor together; gives the room for points back.
    ///
    /// # Errors
    /// What the store says; what is wrong with the file is in [`Reading::failed`].
    pub fn store(
        &mut self,
        store: &SledStore,
        run: RunId,
        parsed: Parsed,
        scratch: &mut Scratch,
    ) -> Result<Reading, StoreError> {
        let outcome = match parsed.0 {
            Ok(Found::Nothing(reading)) => Ok(reading),
            Ok(Found::Records { reading, cursor, began }) => self.commit(store, run, cursor, began, reading),
            Err(error) => {
                self.pending = false;
                let gone = error.kind() == std::io::ErrorKind::NotFound;
                Ok(Reading { failed: (!gone).then(|| error.to_string()), ..Reading::default() })
            }
        };
        if let Some((_, sink)) = &mut self.reader
            && sink.points.capacity() > 0
        {
            scratch.points = std::mem::take(&mut sink.points);
        }
        if self.format.growth() == Growth::Rewritten {
            self.reader = None;
        }
        scratch.trim();
        outcome
    }

    fn try_read(&mut self, with: &mut With) -> Result<Found, std::io::Error> {
        let file = File::open(&self.path)?;
        let stamp = Stamp::of(&file.metadata()?);
        self.look(stamp, with.now);
        let mut reading = Reading::default();
        if self.cursor != Cursor::default() && !identity::same(&file, stamp.length, &self.cursor)? {
            let rewritten = self.format.growth() == Growth::Rewritten;
            if stamp.length == 0 && rewritten {
                // Emptied, to be written anew: the version before stands until there is another.
                self.pending = false;
                return Ok(Found::Nothing(reading));
            }
            if stamp.length > 0 {
                // Whatever is there now need not have the format of what was there before.
                with.scratch.bytes.resize(HEAD, 0);
                let n = read_at(&file, &mut with.scratch.bytes, 0)?;
                match Chosen::recognise(with.own, &self.relative, &with.scratch.bytes[..n]) {
                    Ok((format, why)) => (self.format, self.why, self.orphan) = (format, why.why, false),
                    Err(reason) => {
                        self.pending = false;
                        // As long as nothing stands there that can be read, what was read before stays.
                        let (failed, refused) = if self.orphan { (None, Some(reason)) } else { (Some(reason), None) };
                        return Ok(Found::Nothing(Reading { failed, refused, ..reading }));
                    }
                }
            }
            // A file that is rewritten may be caught half written; only what is whole replaces what was read.
            if !(rewritten && self.format.growth() == Growth::Rewritten) {
                self.restart();
                reading.replaced = true;
            }
        }
        if !self.cursor.stuck.is_empty() {
            self.pending = false;
            return Ok(Found::Nothing(reading));
        }
        match self.format.growth() {
            Growth::Appended => self.append(with, &file, stamp, reading),
            Growth::Rewritten => self.rewrite(with, &file, stamp, reading),
        }
    }

    fn append(
        &mut self,
        with: &mut With,
        file: &File,
        stamp: Stamp,
        mut reading: Reading,
    ) -> Result<Found, std::io::Error> {
        if self.reader.is_none() {
            match start(&self.format, with.own, &self.relative, &self.cursor) {
                Some(reader) => self.reader = Some(reader),
                // The state is of another version of the parser: only the beginning of the file can be trusted.
                None => self.restart(),
            }
        }
        let due = self.rest_is_due(with.now, with.complete);
        let offset = self.cursor.offset;
        let left = stamp.length.saturating_sub(offset);
        let mut want = CHUNK;
        loop {
            let size = left.min(want as u64) as usize;
            with.scratch.bytes.resize(size, 0);
            // A file that shrank since it was opened gives less; the next look will see why.
            let n = read_at(file, &mut with.scratch.bytes, offset)?;
            let at_end = n as u64 >= left;
            let last = at_end && due;
            let reader = &mut self.reader;
            let (parser, sink) =
                reader.get_or_insert_with(|| (self.format.parser_with(&self.relative, with.own), Sink::default()));
            if sink.points.capacity() == 0 {
                sink.points = std::mem::take(&mut with.scratch.points);
            }
            sink.clear();
            let outcome = parser.feed(&with.scratch.bytes[..n], last, sink);
            let (used, stuck) = match outcome {
                Ok(used) => (used.min(n), String::new()),
                Err(error) => (0, error.0),
            };
            if used == 0 && stuck.is_empty() && !at_end && want < MOST {
                // One record longer than was read.
                want = want.saturating_mul(4).min(MOST);
                continue;
            }
            self.pending = used > 0 && !at_end;
            if last {
                self.tried = Some(stamp.length);
            }
            let identity = &self.cursor.identity;
            let settled = self.id.is_some()
                && !self.moved
                && !self.cursor.displaced
                && stamp.same_inode(identity.device, identity.inode);
            if used == 0 && stuck.is_empty() && settled {
                return Ok(Found::Nothing(reading));
            }
            let whole = &with.scratch.bytes[..used];
            let next = offset + used as u64;
            if let Some(damage) = sink.damage.first()
                && self.damage.is_none()
            {
                self.damage = Some(format!("byte {}: {}", offset + damage.offset as u64, damage.reason));
            }
            let cursor = Cursor {
                offset: next,
                unterminated: last && !self.format.framed() && !matches!(whole.last(), Some(b'\n' | b'\r')),
                state: parser.save(),
                identity: identity::remember(file, &stamp, next, whole, &self.cursor.identity)?,
                length: stamp.length,
                modified: stamp.modified,
                damaged: self.cursor.damaged + sink.damage.len() as u64,
                stuck,
                displaced: false,
            };
            reading.bytes = used as u64;
            return Ok(Found::Records { reading, cursor, began: self.began(file) });
        }
    }

    /// Reads a file that is rewritten whole; the newest version replaces the one before.
    fn rewrite(
        &mut self,
        with: &mut With,
        file: &File,
        stamp: Stamp,
        mut reading: Reading,
    ) -> Result<Found, std::io::Error> {
        self.pending = false;
        if stamp.length > MOST as u64 {
            let failed = Some(format!("larger than {} MiB", MOST >> 20));
            return Ok(Found::Nothing(Reading { failed, ..reading }));
        }
        with.scratch.bytes.resize(stamp.length as usize, 0);
        let n = read_at(file, &mut with.scratch.bytes, 0)?;
        let (mut parser, mut sink) = (self.format.parser(&self.relative), Sink::default());
        let used = match parser.feed(&with.scratch.bytes[..n], true, &mut sink) {
            Ok(used) => used as u64,
            // Caught in the middle of being written: the version before stands until this one is whole.
            Err(error) => return Ok(Found::Nothing(Reading { failed: Some(error.0), ..reading })),
        };
        if self.id.is_some() {
            self.restart();
            self.pending = false;
        }
        let cursor = Cursor {
            offset: used,
            unterminated: false,
            state: Vec::new(),
            identity: identity::remember(
                file,
                &stamp,
                used,
                &with.scratch.bytes[..used as usize],
                &self.cursor.identity,
            )?,
            length: stamp.length,
            modified: stamp.modified,
            damaged: sink.damage.len() as u64,
            stuck: String::new(),
            displaced: false,
        };
        reading.bytes = used;
        reading.replaced = !self.replaces.is_empty();
        self.reader = Some((parser, sink));
        Ok(Found::Records { reading, cursor, began: self.began(file) })
    }

    /// When the first record of a file that the store does not know was written, as far as the file system tells.
    fn began(&self, file: &File) -> f64 {
        if self.id.is_none() { began(file) } else { 0.0 }
    }

    fn commit(
        &mut self,
        store: &SledStore,
        run: RunId,
        cursor: Cursor,
        began: f64,
        mut reading: Reading,
    ) -> Result<Reading, StoreError> {
        let Some((_, sink)) = &mut self.reader else { return Ok(reading) };
        reading.points = sink.points.len() as u64;
        reading.facts = !sink.facts.is_empty();
        self.facts.append(&mut sink.facts);
        let target = match self.id {
            Some(id) => Target::Known(id),
            None => {
                let began = sink.points.iter().map(|p| p.wall).find(|w| w.is_finite()).unwrap_or(began);
                Target::New { run, format: self.format.identity(), began, replaces: &self.replaces }
            }
        };
        let restarts: Vec<usize> = sink.restarts.iter().map(|r| r.point).collect();
        let id = store.commit(&Commit {
            target,
            path: &self.relative,
            names: sink.metrics(),
            points: &sink.points,
            restarts: &restarts,
            facts: reading.facts.then_some(&self.facts),
            cursor: cursor.clone(),
        });
        match id {
            Ok(id) => {
                (self.id, self.cursor, self.moved) = (Some(id), cursor, false);
                self.replaces.clear();
                sink.clear();
                Ok(reading)
            }
            Err(error) => {
                // The parser is ahead of the store now: it must start again from what is stored.
                self.reader = None;
                self.facts = self.id.map(|id| store.found_facts(id)).unwrap_or_default();
                Err(error)
            }
        }
    }

    /// The file at this path is another one now, whose points replace those of the one before.
    fn restart(&mut self) {
        self.replaces.extend(self.id.take());
        self.cursor = Cursor::default();
        self.reader = None;
        self.facts.clear();
        self.damage = None;
        self.pending = true;
    }
}

/// Whether a file is still to be read as it was: not where the project now describes its lines in another way.
fn still(format: &Chosen, own: &[CustomFormat], path: &Path, relative: &str) -> bool {
    if own.is_empty() || format.framed() {
        return true;
    }
    let mut head = vec![0; HEAD];
    let Ok(n) = File::open(path).and_then(|file| read_at(&file, &mut head, 0)) else { return true };
    Chosen::own(own, relative, &head[..n]).is_none_or(|(own, _)| own.identity() == format.identity())
}

/// A parser that goes on where the cursor is.
fn start(format: &Chosen, own: &[CustomFormat], relative: &str, cursor: &Cursor) -> Option<(Box<dyn Parser>, Sink)> {
    let mut parser = format.parser_with(relative, own);
    parser.resume(&cursor.state).ok()?;
    Some((parser, Sink::default()))
}

/// When the file's first record was written, as far as the file system can tell: a copy keeps the modification time, a
/// log that is being written keeps the time of its creation.
fn began(file: &File) -> f64 {
    let Ok(metadata) = file.metadata() else { return 0.0 };
    let times = [metadata.created(), metadata.modified()];
    let seconds = times.into_iter().flatten().filter_map(|t| t.duration_since(UNIX_EPOCH).ok());
    seconds.map(|d| d.as_secs_f64()).reduce(f64::min).unwrap_or(0.0)
}

/// Fills the buffer from `offset`, as far as the file goes.
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match file.read_at(&mut buffer[n..], offset + n as u64) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}
