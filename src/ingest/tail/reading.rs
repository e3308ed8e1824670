//! One reading of a file: bytes from its cursor are parsed, then stored together with the new cursor.

use super::fault::Fault;
use super::{PartFile, REST, Tail, parts};
use crate::ingest::formats::custom::CustomFormat;
use crate::ingest::formats::sink::Restart;
use crate::ingest::formats::{Chosen, Growth, Parser, RawPoint, Sink};
use crate::ingest::identity::{self, Stamp, read_at};
use crate::ingest::packed::{self, Packing, unpacked_name};
use crate::open;
use crate::store::{Commit, Cursor, FileId, FoundFact, Gathered, Group, RunId, SledStore, StoreError, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Error, ErrorKind, Read};
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes read and stored at a time.
const CHUNK: usize = 4 << 20;
/// Points of each series that are stored at a time, where the log has so many: what makes a block, …
const ROWS: usize = 256;
/// … unless they are this many points, …
const POINTS: usize = 2_200_000;
/// … or take this many bytes. Of a line with thousands of numbers, [`CHUNK`] holds a few, and each storing of a few points of
/// a series has to take up its open block.
const BYTES: usize = 96 << 20;
/// Most bytes held to find the end of one record, and most of a file that is rewritten whole.
const MOST: usize = 256 << 20;

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
pub struct Parsed(Result<Outcome, std::io::Error>);

enum Outcome {
    /// Nothing that the store has to know.
    Nothing(Reading),
    /// Points, or a new place for the cursor.
    Records {
        reading: Reading,
        cursor: Box<Cursor>,
        /// For a file that the store does not know: when its first record was written, as far as the file system tells.
        began: f64,
        /// The points, where they are of several pieces; else they are in the file's sink.
        gathered: Box<Gathered>,
    },
}

/// What one reading brought, on its way into the store.
pub struct Staged {
    reading: Reading,
    /// The file's number, its new cursor and its parts, where the store has anything to know.
    stored: Option<(FileId, Cursor, BTreeMap<String, PartFile>)>,
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
    /// Runs that parts of the file are, with new points or facts, or with none any more.
    pub parts: BTreeSet<RunId>,
    /// Why the file cannot be read at present; it stays as it is in the store.
    pub failed: Option<String>,
    /// Why the file is no log any more, although nothing about it changed: the project file no longer describes its
    /// lines.
    pub refused: Option<String>,
}

impl Tail {
    /// Reads and parses about [`CHUNK`] bytes (more of a log with many series), or one record. Sets [`Tail::pending`] to whether there is more. What comes
    /// back must be given to [`Tail::stage`] before the next reading.
    #[must_use]
    pub fn read(&mut self, mut with: With<'_>) -> Parsed {
        let outcome = self.try_read(&mut with);
        match &outcome {
            Err(error) => {
                self.pending = true;
                self.fault = Some(Fault::of(error, self.fault.take(), with.now));
            }
            Ok(Outcome::Nothing(Reading { failed: Some(reason), .. })) => self.fault = Some(Fault::of_content(reason)),
            Ok(_) => self.fault = None,
        }
        Parsed(outcome)
    }

    /// Adds what a reading brought to what is to be stored, points and cursor together; gives the room for points back.
    /// What comes back must be given to [`Tail::settle`] once the group is stored or not.
    ///
    /// # Errors
    /// What the store says; what is wrong with the file is in [`Reading::failed`].
    pub fn stage(
        &mut self,
        group: &mut Group,
        run: RunId,
        parsed: Parsed,
        scratch: &mut Scratch,
    ) -> Result<Staged, StoreError> {
        let staged = match parsed.0 {
            Ok(Outcome::Nothing(reading)) => Ok(Staged { reading, stored: None }),
            Ok(Outcome::Records { reading, cursor, began, gathered }) => {
                self.add(group, run, (*cursor, began), *gathered, reading)
            }
            Err(error) => {
                let gone = error.kind() == std::io::ErrorKind::NotFound;
                let reading = Reading { failed: (!gone).then(|| error.to_string()), ..Reading::default() };
                Ok(Staged { reading, stored: None })
            }
        };
        if let Some((_, sink)) = &mut self.reader
            && sink.points.capacity() > 0
        {
            scratch.points = std::mem::take(&mut sink.points);
        }
        if staged.is_err() {
            self.fall_back(group.store());
        } else if self.resting || self.format.growth() == Growth::Rewritten {
            self.reader = None;
        }
        scratch.trim();
        staged
    }

    /// Takes note of whether what was staged has been stored.
    pub fn settle(
        &mut self,
        store: &SledStore,
        staged: Staged,
        outcome: Result<(), StoreError>,
    ) -> Result<Reading, StoreError> {
        let Some((id, cursor, parts)) = staged.stored else { return Ok(staged.reading) };
        if let Err(error) = outcome {
            self.fall_back(store);
            return Err(error);
        }
        (self.id, self.cursor, self.moved) = (Some(id), cursor, false);
        self.parts.extend(parts);
        self.replaces.clear();
        Ok(staged.reading)
    }

    /// The parser is ahead of the store: it must start again from what is stored.
    fn fall_back(&mut self, store: &SledStore) {
        self.reader = None;
        self.pending = true;
        self.facts = self.id.map(|id| store.found_facts(id)).unwrap_or_default();
        self.parts = self.id.map(|id| parts(store, id)).unwrap_or_default();
    }

    fn try_read(&mut self, with: &mut With) -> Result<Outcome, std::io::Error> {
        let file = open::regular(&self.path)?;
        let stamp = Stamp::at(&self.path, &file.metadata()?);
        self.look(stamp, with.now);
        let mut reading = Reading::default();
        // One whose format nobody reads any more has such a cursor, too: it is recognised anew below.
        if self.cursor.is_begun() && !self.orphan {
            self.restart();
            reading.replaced = true;
        }
        #[cfg(feature = "sqlite")]
        if self.format.growth() == Growth::Rows {
            return self.rows(&file, stamp, reading);
        }
        if self.cursor != Cursor::default() && !identity::same(&file, stamp.length, &self.cursor)? {
            let rewritten = self.format.growth() == Growth::Rewritten;
            if stamp.length == 0 && rewritten {
                // Emptied, to be written anew: the version before stands until there is another.
                self.pending = false;
                return Ok(Outcome::Nothing(reading));
            }
            if stamp.length > 0 {
                // Whatever is there now need not have the format of what was there before.
                let head = packed::beginning(&self.path, &self.relative)?;
                match Chosen::recognise(with.own, unpacked_name(&self.relative), &head) {
                    Ok((format, why)) => (self.format, self.why, self.orphan) = (format, why.why, false),
                    Err(error) => {
                        let reason = error.to_string();
                        self.pending = false;
                        // As long as nothing stands there that can be read, what was read before stays.
                        let (failed, refused) = if self.orphan { (None, Some(reason)) } else { (Some(reason), None) };
                        return Ok(Outcome::Nothing(Reading { failed, refused, ..reading }));
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
            return Ok(Outcome::Nothing(reading));
        }
        if let Some(packing) = packed::packing(&self.relative) {
            return self.unpack(with, file, stamp, packing, reading);
        }
        match self.format.growth() {
            Growth::Appended => self.append(with, &file, stamp, reading),
            Growth::Rewritten => self.rewrite(with, &file, stamp, reading),
            // Without SQLite, no file is recognised as a database.
            Growth::Rows => Ok(Outcome::Nothing(reading)),
        }
    }

    fn append(
        &mut self,
        with: &mut With,
        file: &File,
        stamp: Stamp,
        mut reading: Reading,
    ) -> Result<Outcome, std::io::Error> {
        if self.reader.is_none() {
            match start(&self.format, with.own, &self.relative, &self.cursor) {
                Some(reader) => self.reader = Some(reader),
                // The state is of another version of the parser: only the beginning of the file can be trusted.
                None => self.restart(),
            }
        }
        let due = self.rest_is_due(with.now, with.complete);
        let begin = self.cursor.offset;
        // Where the next bytes are, after those of this reading that are parsed already.
        let mut offset = begin;
        let mut want = CHUNK;
        let mut gathered = Gathered::default();
        loop {
            let left = stamp.length.saturating_sub(offset);
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
            if offset == begin {
                sink.clear();
            }
            if !sink.points.is_empty() {
                gather(&mut gathered, sink);
            }
            let damaged = sink.damage.len();
            let outcome = parser.feed(&with.scratch.bytes[..n], last, sink);
            sink.damage.iter_mut().skip(damaged).for_each(|damage| damage.offset += (offset - begin) as usize);
            let (used, stuck) = match outcome {
                Ok(used) => (used.min(n), String::new()),
                Err(error) => (0, error.to_string()),
            };
            if used == 0 && offset == begin && stuck.is_empty() && !at_end && want < MOST {
                // One record longer than was read.
                want = want.saturating_mul(4).min(MOST);
                continue;
            }
            let next = offset + used as u64;
            let read = (next - begin) as usize;
            let points = gathered.len() + sink.points.len();
            let enough = POINTS.min(ROWS * sink.metrics().len());
            if used > 0 && !at_end && stuck.is_empty() && read < BYTES && points < enough {
                offset = next;
                continue;
            }
            if !gathered.is_empty() {
                gather(&mut gathered, sink);
            }
            self.pending = read > 0 && !at_end;
            self.resting = at_end && stamp.silent(with.now) > REST;
            if last {
                self.tried = Some(stamp.length);
            }
            let identity = &self.cursor.identity;
            let settled = self.id.is_some()
                && !self.moved
                && !self.cursor.displaced
                && stamp.same_inode(identity.device, identity.inode);
            if read == 0 && stuck.is_empty() && settled {
                return Ok(Outcome::Nothing(reading));
            }
            let whole = &with.scratch.bytes[..used];
            if let Some(damage) = sink.damage.first()
                && self.damage.is_none()
            {
                self.damage = Some(format!("byte {}: {}", begin + damage.offset as u64, damage.reason));
            }
            let cursor = Cursor {
                offset: next,
                unterminated: last
                    && !self.format.framed()
                    && (used > 0 || read == 0)
                    && !matches!(whole.last(), Some(b'\n' | b'\r')),
                state: parser.save(),
                identity: identity::remember(file, &stamp, next, whole, &self.cursor.identity)?,
                length: stamp.length,
                modified: stamp.modified,
                damaged: self.cursor.damaged + sink.damage.len() as u64,
                stuck,
                displaced: false,
                origin: None,
            };
            reading.bytes = read as u64;
            return Ok(Outcome::Records {
                reading,
                cursor: Box::new(cursor),
                began: self.began(file),
                gathered: Box::new(gathered),
            });
        }
    }

    /// Reads the rows of a database that are new.
    #[cfg(feature = "sqlite")]
    fn rows(&mut self, file: &File, stamp: Stamp, mut reading: Reading) -> Result<Outcome, std::io::Error> {
        use super::database::{self, Place, Unread};
        let before = Place::resume(&self.cursor.state);
        let mut sink = Sink::default();
        let found = match database::read(&self.path, &before, &mut sink) {
            Ok(found) => found,
            Err(Unread::Busy(reason)) => return Err(Error::other(reason)),
            Err(Unread::Other(reason)) => {
                self.pending = false;
                return Ok(Outcome::Nothing(Reading { refused: Some(reason), ..reading }));
            }
        };
        if found.anew {
            self.restart();
            reading.replaced = true;
        }
        self.pending = found.more;
        let seen = (self.cursor.length, self.cursor.modified) == (stamp.length, stamp.modified);
        if self.id.is_some() && found.place == before && seen && !self.moved && !self.cursor.displaced {
            return Ok(Outcome::Nothing(reading));
        }
        let cursor = Cursor {
            offset: stamp.length,
            state: found.place.save(),
            identity: identity::remember(file, &stamp, 0, &[], &crate::store::Identity::default())?,
            length: stamp.length,
            modified: stamp.modified,
            ..Cursor::default()
        };
        self.resting = true;
        self.reader = Some((self.format.parser(&self.relative), sink));
        Ok(Outcome::Records { reading, cursor: Box::new(cursor), began: self.began(file), gathered: Box::default() })
    }

    /// Reads a packed file whole.
    fn unpack(
        &mut self,
        with: &mut With,
        file: File,
        stamp: Stamp,
        packing: Packing,
        mut reading: Reading,
    ) -> Result<Outcome, std::io::Error> {
        self.pending = false;
        if self.id.is_some() && self.cursor.offset == stamp.length && !self.moved && !self.cursor.displaced {
            return Ok(Outcome::Nothing(reading));
        }
        let name = unpacked_name(&self.relative).to_owned();
        let (mut parser, mut sink) = (self.format.parser_with(&name, with.own), Sink::default());
        let by_parts = self.format.growth() == Growth::Appended;
        let unpacked = packed::reader(file.try_clone()?, packing).and_then(|mut from| {
            let bytes = &mut with.scratch.bytes;
            bytes.clear();
            loop {
                let more = from.by_ref().take(CHUNK as u64).read_to_end(bytes)?;
                let end = more == 0;
                if (end || by_parts) && !bytes.is_empty() {
                    let used = parser
                        .feed(bytes, end, &mut sink)
                        .map_err(|e| Error::new(ErrorKind::InvalidData, e.to_string()))?;
                    bytes.drain(..used.min(bytes.len()));
                }
                if end || bytes.len() > MOST {
                    return Ok(());
                }
            }
        });
        if let Err(error) = unpacked {
            // Cut off, or being written: what was read before stands until it is whole.
            let failed = Some(format!("packed, and cannot be unpacked: {error}"));
            return Ok(Outcome::Nothing(Reading { failed, ..reading }));
        }
        if self.id.is_some() {
            self.restart();
            self.pending = false;
        }
        let cursor = Cursor {
            offset: stamp.length,
            identity: identity::remember(&file, &stamp, stamp.length, &[], &self.cursor.identity)?,
            length: stamp.length,
            modified: stamp.modified,
            damaged: sink.damage.len() as u64,
            ..Cursor::default()
        };
        self.damage = sink.damage.first().map(|d| format!("byte {} of what is packed: {}", d.offset, d.reason));
        reading.bytes = stamp.length;
        reading.replaced |= !self.replaces.is_empty();
        self.resting = true;
        self.reader = Some((parser, sink));
        Ok(Outcome::Records { reading, cursor: Box::new(cursor), began: self.began(&file), gathered: Box::default() })
    }

    /// Reads a file that is rewritten whole; the newest version replaces the one before.
    fn rewrite(
        &mut self,
        with: &mut With,
        file: &File,
        stamp: Stamp,
        mut reading: Reading,
    ) -> Result<Outcome, std::io::Error> {
        self.pending = false;
        if stamp.length > MOST as u64 {
            let failed = Some(format!("larger than {} MiB", MOST >> 20));
            return Ok(Outcome::Nothing(Reading { failed, ..reading }));
        }
        with.scratch.bytes.resize(stamp.length as usize, 0);
        let n = read_at(file, &mut with.scratch.bytes, 0)?;
        let (mut parser, mut sink) = (self.format.parser(&self.relative), Sink::default());
        let used = match parser.feed(&with.scratch.bytes[..n], true, &mut sink) {
            Ok(used) => used as u64,
            // Caught in the middle of being written: the version before stands until this one is whole.
            Err(error) => return Ok(Outcome::Nothing(Reading { failed: Some(error.to_string()), ..reading })),
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
            origin: None,
        };
        reading.bytes = used;
        reading.replaced = !self.replaces.is_empty();
        self.reader = Some((parser, sink));
        Ok(Outcome::Records { reading, cursor: Box::new(cursor), began: self.began(file), gathered: Box::default() })
    }

    /// When the first record of a file that the store does not know was written, as far as the file system tells.
    fn began(&self, file: &File) -> f64 {
        if self.id.is_none() { began(file) } else { 0.0 }
    }

    fn add(
        &mut self,
        group: &mut Group,
        run: RunId,
        (cursor, began): (Cursor, f64),
        mut gathered: Gathered,
        mut reading: Reading,
    ) -> Result<Staged, StoreError> {
        let identity = self.identity();
        let Some((_, sink)) = &mut self.reader else { return Ok(Staged { reading, stored: None }) };
        for old in &self.replaces {
            reading.parts.extend(group.store().parts(*old).into_iter().map(|(_, run)| run));
        }
        if let Some(split) = &self.split {
            sink.keep_as(|metric| split.name(metric));
        }
        if !gathered.is_empty() && !sink.is_of_one_run() {
            // Each part has its own.
            let (points, restarts) = std::mem::take(&mut gathered).points();
            sink.restarts = restarts.into_iter().map(|point| Restart { point, step: 0 }).collect();
            sink.points = points;
        }
        let parts = Parts::take(sink);
        reading.points = (gathered.len() + sink.points.len()) as u64;
        reading.facts = !sink.facts.is_empty();
        self.facts.append(&mut sink.facts);
        let target = match self.id {
            Some(id) => Target::Known(id),
            None => {
                let of_points = sink.points.iter().map(|p| p.wall).find(|w| w.is_finite());
                let began = gathered.began().or(of_points).unwrap_or(began);
                Target::New { run, format: &identity, began, replaces: &self.replaces }
            }
        };
        let restarts: Vec<usize> = match &parts {
            Some(parts) => parts.restarts(0),
            None => sink.restarts.iter().map(|r| r.point).collect(),
        };
        let commit = Commit {
            target,
            path: &self.relative,
            names: sink.kept(),
            points: &sink.points,
            restarts: &restarts,
            facts: reading.facts.then_some(&self.facts),
            cursor: cursor.clone(),
        };
        let id = group.add_gathered(&commit, gathered)?;
        let mut known = BTreeMap::new();
        if let Some(parts) = &parts {
            let home = group.store().run_name(run).unwrap_or_default();
            for (number, name) in sink.parts().enumerate().skip(1) {
                let (points, mut facts) = (parts.points(number), parts.facts(number));
                if points.is_empty() && facts.is_empty() {
                    continue;
                }
                let name = if home == "." { name.to_owned() } else { format!("{home}/{name}") };
                let part = self.parts.get(&name);
                let run = part.map_or_else(|| group.run(&name), |part| part.run);
                let new = !facts.is_empty();
                facts.splice(0..0, part.iter().flat_map(|part| part.facts.clone()));
                let began = points.iter().map(|p| p.wall).find(|w| w.is_finite()).unwrap_or(began);
                let fresh = Target::Part { run, format: &identity, began, of: id };
                let id = group.add(&Commit {
                    target: part.map_or(fresh, |part| Target::Known(part.id)),
                    path: &self.relative,
                    names: sink.kept(),
                    points: &points,
                    restarts: &parts.restarts(number),
                    facts: new.then_some(&facts),
                    cursor: Cursor::default(),
                })?;
                reading.parts.insert(run);
                reading.facts |= new;
                known.insert(name, PartFile { run, id, facts });
            }
        }
        sink.clear();
        Ok(Staged { reading, stored: Some((id, cursor, known)) })
    }
}

/// Takes the points of a piece out of the sink.
fn gather(gathered: &mut Gathered, sink: &mut Sink) {
    let restarts: Vec<usize> = sink.restarts.drain(..).map(|restart| restart.point).collect();
    gathered.add(&sink.points, &restarts);
    sink.points.clear();
}

/// What was read of the parts of a file, apart; only what is of the first stays in the sink.
struct Parts {
    points: Vec<Vec<RawPoint>>,
    facts: Vec<Vec<FoundFact>>,
    restarts: Vec<Vec<usize>>,
}

impl Parts {
    /// `None` where the file is of one run, as nearly all are.
    fn take(sink: &mut Sink) -> Option<Self> {
        if sink.is_of_one_run() {
            return None;
        }
        let count = sink.parts().count();
        let mut parts =
            Self { points: vec![Vec::new(); count], facts: vec![Vec::new(); count], restarts: vec![Vec::new(); count] };
        let mut restarts = sink.restarts.iter().peekable();
        for (at, point) in sink.points.iter().enumerate() {
            while restarts.next_if(|restart| restart.point <= at).is_some() {
                parts.restart();
            }
            parts.points[sink.part_of()[point.metric as usize] as usize].push(*point);
        }
        restarts.for_each(|_| parts.restart());
        for (part, fact) in sink.part_facts() {
            parts.facts[*part as usize].push(fact.clone());
        }
        sink.points = std::mem::take(&mut parts.points[0]);
        Some(parts)
    }

    fn restart(&mut self) {
        for (points, restarts) in self.points.iter().zip(&mut self.restarts) {
            restarts.push(points.len());
        }
    }

    fn points(&self, part: usize) -> Vec<RawPoint> {
        self.points[part].clone()
    }

    fn facts(&self, part: usize) -> Vec<FoundFact> {
        self.facts[part].clone()
    }

    fn restarts(&self, part: usize) -> Vec<usize> {
        self.restarts[part].clone()
    }
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
