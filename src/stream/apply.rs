//! From messages to the store: each change exactly once, in the order of each node.
//!
//! With the points of the last file of a message, the number of the node's message is kept, and the place in the stream, from which
//! reading goes on; a message with that number or a lower one is there already. Where a message takes more than one commit, the record
//! of each file says so of that file: it keeps where the file is ([`Origin`]) and the number of the message.

use super::message::Message;
use crate::store::bytes::{Reader, put};
use crate::store::outlet::{Change, FileChange};
use crate::store::{Commit, Cursor, FileId, Group, Origin, RunId, SledStore, StoreError, Target};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Most bytes that wait to be written before they are.
const BYTES: usize = 1 << 20;

/// A place in a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// When the stream was made, nanoseconds since 1970: one that was deleted and made again begins at 1 again.
    pub made: i64,
    /// Sequence number of the last message that was taken up; 0 before the first.
    pub sequence: u64,
}

/// A message as it came.
#[derive(Debug)]
pub struct Arrived {
    /// Where it ends in the stream.
    pub at: Place,
    /// From where on to read again after a crash: what is before this place is taken up or known to be none.
    pub reached: u64,
    /// The message.
    pub message: Message,
}

/// A node, as far as its messages were taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Node {
    /// What its numbers count from; larger each time it begins anew.
    pub life: u64,
    /// Number of its last message.
    pub number: u64,
    /// Messages that were gone from the stream before they could be read.
    pub lost: u64,
    /// When its last points were logged, as far as the file system tells: nanoseconds since 1970.
    pub written: i64,
    /// Where in the stream its last message is.
    pub at: Place,
    /// The life before, where that has a higher number; 0 where it has not.
    pub left: u64,
}

/// What messages brought.
#[derive(Debug, Default)]
pub struct Taken {
    /// Runs with new points or facts, or with fewer.
    pub changed: BTreeSet<RunId>,
    /// Points stored.
    pub points: u64,
}

/// Takes messages of one stream up.
pub struct Taker {
    store: Arc<SledStore>,
    stream: String,
    place: Place,
    nodes: BTreeMap<String, Node>,
    files: HashMap<Origin, FileId>,
}

impl Taker {
    /// Goes on where the store is.
    ///
    /// # Errors
    /// What the disk says.
    pub fn new(store: Arc<SledStore>, stream: &str) -> Result<Self, StoreError> {
        let place = store.place_in(&key(stream))?.and_then(|raw| place(&raw)).unwrap_or_default();
        let known = store.places_under(&key_of_node(stream, ""))?;
        let nodes = known.into_iter().filter_map(|(name, raw)| Some((name, node(&raw)?))).collect();
        let origin = |(id, record): (FileId, crate::store::FileRecord)| Some((record.cursor.origin?, id));
        let files = store.streamed().into_iter().filter_map(origin).filter(|(o, _)| o.stream == stream).collect();
        Ok(Self { store, stream: stream.to_owned(), place, nodes, files })
    }

    /// How far the stream was read.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// Every node that was heard of.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<String, Node> {
        &self.nodes
    }

    /// Whether points of a run came over this stream.
    #[must_use]
    pub fn has(&self, run: &str) -> bool {
        let Some(run) = self.store.find_run(run) else { return false };
        let ours = |origin: &Origin| origin.stream == self.stream;
        self.store.all_records(run).iter().any(|(_, record)| record.cursor.origin.as_ref().is_some_and(ours))
    }

    /// The files that came over this stream, by number in the store.
    pub fn files(&self) -> impl Iterator<Item = FileId> {
        self.files.values().copied()
    }

    /// Takes messages up.
    ///
    /// # Errors
    /// What the disk says. What was not written then comes again for whoever makes a [`Taker`] anew.
    pub fn take(&mut self, messages: Vec<Arrived>) -> Result<Taken, StoreError> {
        let mut taken = Taken::default();
        let store = Arc::clone(&self.store);
        let mut batch = Batch { group: None, files: HashMap::new(), nodes: BTreeSet::new(), forgotten: Vec::new() };
        for Arrived { at, reached, message } in messages {
            let place = Place { sequence: reached, ..at };
            if self.knows(&message, at) {
                self.place = self.place.max(place);
                continue;
            }
            let heard = self.heard(&message, at);
            for change in message.changes {
                match change {
                    Change::Points(change) => {
                        self.points(
                            &store,
                            &mut batch,
                            (&message.node, message.life, message.number),
                            *change,
                            &mut taken,
                        )?;
                    }
                    Change::Facts { run, facts } => {
                        self.write(&mut batch)?;
                        let run = store.run(&run)?;
                        if store.set_facts(run, &facts)? {
                            taken.changed.insert(run);
                        }
                    }
                    Change::ForgetFile(file) => {
                        self.write(&mut batch)?;
                        let origin = self.origin(&message.node, message.life, file);
                        if let Some(id) = self.files.get(&origin).copied() {
                            self.forget(id, message.number, &mut taken)?;
                        }
                    }
                    Change::ForgetRun(run) => {
                        self.write(&mut batch)?;
                        self.forget_run(&run, (&message.node, message.life, message.number), &mut taken)?;
                    }
                }
            }
            self.place = place;
            self.nodes.insert(message.node.clone(), heard);
            batch.nodes.insert(message.node);
            if batch.group.as_ref().is_some_and(|group| group.bytes() >= BYTES) {
                self.write(&mut batch)?;
            }
        }
        self.write(&mut batch)?;
        Ok(taken)
    }

    /// Whether a message was taken up before, or is of a life that its node has left. A life with a lower number that comes later in
    /// the stream is a new one all the same: its node had lost its state, and its clock was behind.
    fn knows(&self, message: &Message, at: Place) -> bool {
        let Some(node) = self.nodes.get(&message.node) else { return false };
        match message.life.cmp(&node.life) {
            Ordering::Equal => message.number <= node.number,
            // The stream may have lost its last messages and given their places to others; but not to those of a life that was left.
            Ordering::Greater => message.life == node.left && at <= node.at,
            Ordering::Less => at <= node.at,
        }
    }

    /// What is known of a node when its message is taken up.
    fn heard(&self, message: &Message, at: Place) -> Node {
        let known = self.nodes.get(&message.node).copied().unwrap_or_default();
        let left = if known.life > message.life { known.life } else { 0 };
        let mut node =
            if known.life == message.life { known } else { Node { life: message.life, left, ..Node::default() } };
        node.lost += message.number.saturating_sub(node.number + 1);
        (node.number, node.at) = (message.number, at);
        let written = |change: &Change| if let Change::Points(c) = change { c.cursor.modified } else { 0 };
        node.written = message.changes.iter().map(written).max().unwrap_or(0).max(known.written);
        node
    }

    fn origin(&self, node: &str, life: u64, file: u32) -> Origin {
        Origin { stream: self.stream.clone(), node: node.to_owned(), life, file }
    }

    fn points<'s>(
        &mut self,
        store: &'s SledStore,
        batch: &mut Batch<'s>,
        (node, life, number): (&str, u64, u64),
        change: FileChange,
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let origin = self.origin(node, life, change.file);
        // What the change builds on must be written: the file itself, or what it replaces.
        let before = |o: &Origin| o.node == node && (o.life != life || change.replaces.contains(&o.file));
        if batch.files.contains_key(&origin) || batch.files.keys().any(before) {
            self.write(batch)?;
        }
        let known = self.files.get(&origin).copied();
        if known.is_some_and(|id| last(store, id) >= number) {
            return Ok(());
        }
        let replaces = if known.is_none() { self.replaced(&origin, &change) } else { Vec::new() };
        let ids: Vec<FileId> = replaces.iter().map(|(_, id)| *id).collect();
        for id in &ids {
            taken.changed.extend(store.parts(*id).into_iter().map(|(_, run)| run));
        }
        let whole = change.part_of.map(|whole| self.origin(node, life, whole));
        let whole = whole.and_then(|whole| batch.files.get(&whole).or_else(|| self.files.get(&whole)).copied());
        let group = batch.group.get_or_insert_with(|| store.group());
        let (format, began) = (change.format.as_str(), change.began);
        let target = match (known, whole) {
            (Some(id), _) => Target::Known(id),
            (None, Some(of)) => Target::Part { run: group.run(&change.run), format, began, of },
            (None, None) => Target::New { run: group.run(&change.run), format, began, replaces: &ids },
        };
        let mut state = Vec::new();
        put(&mut state, number);
        let cursor = Cursor { state, origin: Some(origin.clone()), ..change.cursor };
        let id = group.add(&Commit {
            target,
            path: &change.path,
            names: &change.names,
            points: &change.points,
            restarts: &change.restarts,
            facts: change.facts.as_deref(),
            cursor,
        })?;
        taken.changed.insert(group.run(&change.run));
        taken.points += change.points.len() as u64;
        batch.files.insert(origin, id);
        batch.forgotten.extend(replaces.into_iter().map(|(old, _)| old));
        Ok(())
    }

    /// The files that a new one replaces: those its node says, and the same one of a life before.
    fn replaced(&self, origin: &Origin, change: &FileChange) -> Vec<(Origin, FileId)> {
        let stated = change.replaces.iter().map(|file| Origin { file: *file, ..origin.clone() });
        let mut all: Vec<(Origin, FileId)> =
            stated.filter_map(|old| Some((old.clone(), *self.files.get(&old)?))).collect();
        if let Some(run) = self.store.find_run(&change.run).filter(|_| change.part_of.is_none()) {
            for (id, record) in self.store.records(run) {
                let Some(old) = record.cursor.origin else { continue };
                let before = old.stream == origin.stream && old.node == origin.node && old.life != origin.life;
                if before && record.path == change.path {
                    all.push((old, id));
                }
            }
        }
        all
    }

    fn forget(&mut self, id: FileId, number: u64, taken: &mut Taken) -> Result<(), StoreError> {
        let Some(record) = self.store.record(id).filter(|_| last(&self.store, id) < number) else { return Ok(()) };
        taken.changed.insert(record.run);
        taken.changed.extend(self.store.parts(id).into_iter().map(|(_, run)| run));
        self.store.forget_file(id)?;
        let store = &self.store;
        self.files.retain(|_, id| store.record(*id).is_some());
        Ok(())
    }

    fn forget_run(
        &mut self,
        run: &str,
        (node, life, number): (&str, u64, u64),
        taken: &mut Taken,
    ) -> Result<(), StoreError> {
        let Some(run) = self.store.find_run(run) else { return Ok(()) };
        for (id, record) in self.store.records(run) {
            if record.cursor.origin.is_some_and(|o| o.stream == self.stream && o.node == node && o.life == life) {
                self.forget(id, number, taken)?;
            }
        }
        if self.store.has_no_file(run) {
            taken.changed.insert(run);
            self.store.forget(run)?;
        }
        Ok(())
    }

    /// Writes what waits, with the place that is reached.
    fn write(&mut self, batch: &mut Batch) -> Result<(), StoreError> {
        let nodes = std::mem::take(&mut batch.nodes);
        let known = nodes.iter().filter_map(|name| Some((key_of_node(&self.stream, name), self.nodes.get(name)?)));
        match batch.group.take() {
            Some(mut group) => {
                known.for_each(|(key, node)| group.keep_place(&key, &node_bytes(node)));
                group.keep_place(&key(&self.stream), &place_bytes(self.place));
                group.write()?;
            }
            None => {
                for (key, node) in known {
                    self.store.keep_place(&key, &node_bytes(node))?;
                }
                self.store.keep_place(&key(&self.stream), &place_bytes(self.place))?;
            }
        }
        for old in batch.forgotten.drain(..) {
            self.files.remove(&old);
        }
        self.files.extend(batch.files.drain());
        Ok(())
    }
}

/// What waits to be written.
struct Batch<'s> {
    group: Option<Group<'s>>,
    files: HashMap<Origin, FileId>,
    nodes: BTreeSet<String>,
    forgotten: Vec<Origin>,
}

/// Number of the last message that was taken up for a file.
fn last(store: &SledStore, file: FileId) -> u64 {
    store.record(file).and_then(|record| Reader(&record.cursor.state).number().ok()).unwrap_or(0)
}

fn key(stream: &str) -> String {
    format!("stream/{stream}")
}

fn key_of_node(stream: &str, node: &str) -> String {
    format!("node/{}/{node}", super::subject::token(stream))
}

fn place_bytes(place: Place) -> Vec<u8> {
    let mut out = Vec::new();
    crate::store::bytes::put_signed(&mut out, place.made);
    put(&mut out, place.sequence);
    out
}

fn place(raw: &[u8]) -> Option<Place> {
    let mut reader = Reader(raw);
    Some(Place { made: reader.signed().ok()?, sequence: reader.number().ok()? })
}

fn node_bytes(node: &Node) -> Vec<u8> {
    let mut out = Vec::new();
    [node.life, node.number, node.lost].iter().for_each(|n| put(&mut out, *n));
    crate::store::bytes::put_signed(&mut out, node.written);
    out.extend(place_bytes(node.at));
    put(&mut out, node.left);
    out
}

fn node(raw: &[u8]) -> Option<Node> {
    let mut r = Reader(raw);
    let mut number = || r.number().ok();
    let (life, number, lost) = (number()?, number()?, number()?);
    let written = r.signed().ok()?;
    // The rest is not there in what was kept by the first versions.
    let mut rest = || Some((Place { made: r.signed().ok()?, sequence: r.number().ok()? }, r.number().ok()?));
    let (at, left) = rest().unwrap_or_default();
    Some(Node { life, number, lost, written, at, left })
}

#[cfg(test)]
#[path = "apply/tests.rs"]
mod tests;
