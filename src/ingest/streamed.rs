//! A stream of points that other machines fill (`mixlaw collect`), as a source of runs (feature `nats`).
//!
//! A thread of its own reads the stream from where the store is and hands on a few messages ahead; a turn takes up what is there. What
//! the server, the network or a message has wrong is a notice, and is tried again for ever.

use super::{Budget, FileReport, Look, Source, Turn, Verdict, Waker};
use crate::project::StreamSource;
use crate::project::server::{Address, BadAddress};
use crate::store::{FileRecord, RunId, SledStore, StoreError};
use crate::stream::Message;
use crate::stream::apply::{Arrived, Place, Taker};
use crate::stream::credentials::{Credentials, NoCredentials, VARIABLES};
use crate::stream::link::{About, Incoming, Offer, Piece, follow_for_ever};
use crate::stream::pieces::Pieces;
use crate::vocab::count::counted;
use crate::vocab::{Notice, Severity, WatchedRoot, text::printable};
use crossbeam_channel::{Receiver, TrySendError, bounded};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Messages that wait to be taken up, at most: each is a megabyte at most.
const AHEAD: usize = 32;
/// Messages that are taken up together, at most …
const TOGETHER: usize = 64;
/// … unless they have this many points before, each of which takes 32 bytes.
const POINTS: usize = 1 << 18;
/// How long a command that answers once waits for the server.
const ONCE: Duration = Duration::from_secs(6);
/// Nodes that are named, at most.
const NAMED: usize = 5;

/// A stream that is followed.
pub struct Streamed {
    store: Arc<SledStore>,
    address: String,
    stream: String,
    taker: Option<Taker>,
    reader: Option<Reader>,
    pieces: Pieces,
    waker: Waker,
    /// Messages that wait in the stream, as far as was said.
    behind: u64,
    /// What is known of the stream; `None` before the server answered.
    about: Option<About>,
    /// What is wrong, and what to type.
    trouble: Option<(String, Option<String>)>,
    /// Messages that were refused, and why the first was.
    refused: u64,
    first_refused: String,
    /// Since when a command that answers once waits.
    complete: Option<Instant>,
    /// Runs that several nodes write, and which.
    shared: BTreeMap<String, BTreeSet<String>>,
}

/// The thread that reads.
struct Reader {
    inbox: Receiver<Incoming>,
    stop: Arc<AtomicBool>,
    woken: Arc<AtomicBool>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Streamed {
    /// A stream of a project; nothing is asked of the server before the first turn.
    pub fn new(stream: &StreamSource, store: Arc<SledStore>, waker: Waker) -> Self {
        let name = Address::parse(&stream.address).map(|a| a.stream().to_owned()).unwrap_or_default();
        Self {
            store,
            address: stream.address.clone(),
            stream: name,
            taker: None,
            reader: None,
            pieces: Pieces::default(),
            waker,
            behind: 0,
            about: None,
            trouble: None,
            refused: 0,
            first_refused: String::new(),
            complete: None,
            shared: BTreeMap::new(),
        }
    }

    fn start(&mut self) -> Result<(), StoreError> {
        if self.taker.is_none() {
            // What was read and not stored is read again.
            (self.reader, self.pieces) = (None, Pieces::default());
            self.taker = Some(Taker::new(Arc::clone(&self.store), &self.stream)?);
            self.look_for_shared();
        }
        let place = self.taker.as_ref().map(Taker::place).unwrap_or_default();
        if self.reader.is_none() {
            self.trouble = None;
            match read(&self.address, place, &self.waker) {
                Ok(reader) => self.reader = Some(reader),
                Err(error) => self.trouble = Some((error.to_string(), None)),
            }
        }
        Ok(())
    }

    /// Takes up what has come, a few messages together. Returns whether there may be more.
    fn take(&mut self, turn: &mut Turn) -> Result<bool, StoreError> {
        let (Some(reader), Some(taker)) = (&self.reader, &mut self.taker) else { return Ok(false) };
        reader.woken.store(false, Ordering::Relaxed);
        let mut messages = Vec::new();
        let (mut more, mut points) = (false, 0);
        while messages.len() < TOGETHER && points < POINTS {
            let Ok(incoming) = reader.inbox.try_recv() else { break };
            more = true;
            match incoming {
                Incoming::Trouble(error) => {
                    self.trouble = Some((error.to_string(), error.help().map(str::to_owned)));
                }
                Incoming::Quiet(about) => {
                    (self.trouble, self.behind, self.about) = (None, 0, Some(about));
                }
                Incoming::Piece(piece) => {
                    (self.trouble, self.behind) = (None, piece.behind);
                    let Piece { made, sequence, .. } = piece;
                    let whole = self.pieces.take(&piece.subject, sequence, (piece.at, piece.count), &piece.bytes);
                    let decoded = whole.map(|bytes| Message::decode_of(&bytes, &self.stream, &piece.subject));
                    match decoded {
                        None => {}
                        Some(Err(refused)) => {
                            self.refused += 1;
                            if self.first_refused.is_empty() {
                                self.first_refused = format!("message {sequence} of {}: {refused}", piece.subject);
                            }
                        }
                        Some(Ok(message)) => {
                            let reached = self.pieces.oldest().map_or(sequence, |first| first.min(sequence + 1) - 1);
                            points += message.points();
                            messages.push(Arrived { at: Place { made, sequence }, reached, message });
                        }
                    }
                }
            }
        }
        if messages.is_empty() {
            return Ok(more);
        }
        let (before, heard) = (taker.nodes().len(), messages.len());
        match taker.take(messages) {
            Ok(taken) => {
                turn.points += taken.points;
                let nodes = taker.nodes().len();
                tracing::debug!(stream = self.address, messages = heard, points = taken.points, "taken up");
                if nodes > 1 && (nodes > before || !taken.changed.is_empty()) {
                    self.look_at(&taken.changed);
                }
                turn.changed.extend(taken.changed);
                Ok(true)
            }
            Err(error) => {
                self.taker = None;
                Err(error)
            }
        }
    }

    fn look_for_shared(&mut self) {
        let runs: BTreeSet<RunId> = self.store.all_runs().into_iter().map(|(id, _)| id).collect();
        self.look_at(&runs);
    }

    /// Finds out which of some runs several nodes write.
    fn look_at(&mut self, runs: &BTreeSet<RunId>) {
        for run in runs {
            let name = self.store.run_name(*run).unwrap_or_default();
            let origins = self.store.all_records(*run).into_iter().filter_map(|(_, record)| record.cursor.origin);
            let nodes: BTreeSet<String> =
                origins.filter(|origin| origin.stream == self.stream).map(|origin| origin.node).collect();
            if nodes.len() > 1 {
                self.shared.insert(name, nodes);
            } else {
                self.shared.remove(&name);
            }
        }
    }

    fn records(&self) -> Vec<(crate::store::FileId, FileRecord)> {
        let ours = |record: &FileRecord| record.cursor.origin.as_ref().is_some_and(|o| o.stream == self.stream);
        self.store.streamed().into_iter().filter(|(_, record)| ours(record)).collect()
    }

    /// Whether there is still something to wait for, for a command that answers once.
    fn is_waiting(&self) -> bool {
        let Some(since) = self.complete.filter(|_| self.reader.is_some()) else { return false };
        // The server says once that there is nothing more; before that, it may be slow, or nothing may be there.
        self.trouble.is_none() && self.about.is_none() && (self.behind > 0 || since.elapsed() < ONCE)
    }
}

/// Why a stream cannot be followed.
#[derive(Debug, thiserror::Error)]
enum NotFollowed {
    #[error(transparent)]
    Address(#[from] BadAddress),
    #[error(transparent)]
    Credentials(#[from] NoCredentials),
    #[error("no thread can be started: {0}")]
    Thread(#[from] std::io::Error),
}

/// Starts the thread that reads.
fn read(address: &str, place: Place, waker: &Waker) -> Result<Reader, NotFollowed> {
    let address = Address::parse(address)?;
    let credentials = Credentials::from_environment()?;
    let (send, inbox) = bounded(AHEAD);
    let (stop, woken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let reader = Reader { inbox, stop: Arc::clone(&stop), woken: Arc::clone(&woken) };
    let waker = Arc::clone(waker);
    let was_quiet = AtomicBool::new(false);
    let offer = move |incoming: Incoming| {
        if stop.load(Ordering::Relaxed) {
            return Offer::Over;
        }
        // That still nothing has come is no reason to wake anybody.
        let quiet = matches!(incoming, Incoming::Quiet(_));
        if quiet && was_quiet.load(Ordering::Relaxed) {
            return Offer::Taken;
        }
        let sent = send.try_send(incoming);
        if !woken.swap(true, Ordering::Relaxed) {
            waker();
        }
        match sent {
            Err(TrySendError::Full(back)) => Offer::Full(Box::new(back)),
            Err(TrySendError::Disconnected(_)) => Offer::Over,
            Ok(()) => {
                was_quiet.store(quiet, Ordering::Relaxed);
                Offer::Taken
            }
        }
    };
    let thread = std::thread::Builder::new().name("stream".to_owned());
    thread.spawn(move || follow_for_ever(&address, &credentials, (place.made, place.sequence), &offer))?;
    Ok(reader)
}

impl Source for Streamed {
    fn turn(&mut self, _look: &Look, budget: Budget) -> Result<Turn, StoreError> {
        let (began, mut turn) = (Instant::now(), Turn::default());
        self.start()?;
        loop {
            let more = self.take(&mut turn)?;
            if began.elapsed() >= budget.time {
                turn.more = more || self.is_waiting();
                return Ok(turn);
            }
            if !more {
                if !self.is_waiting() {
                    return Ok(turn);
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }

    fn has(&self, run: &str) -> bool {
        // Before the first turn, what was taken up before is what there is.
        match &self.taker {
            Some(taker) => taker.has(run),
            None => Taker::new(Arc::clone(&self.store), &self.stream).is_ok_and(|taker| taker.has(run)),
        }
    }

    fn set_complete(&mut self, complete: bool) {
        self.complete = complete.then(Instant::now);
    }

    fn notices(&self) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut say = |severity, text: String, help: Option<String>| {
            notices.push(Notice { severity, text: printable(&text), help });
        };
        if let Some((trouble, help)) = &self.trouble {
            let help = help.clone().unwrap_or_else(|| {
                format!("mixlaw tries again by itself; see what is wrong: mixlaw doctor. Who you are: {VARIABLES}")
            });
            say(Severity::Warning, format!("stream {trouble}"), Some(help));
        }
        if self.refused > 0 {
            let text = format!(
                "{}: {} refused; the first: {}",
                self.address,
                counted(self.refused as usize, "message"),
                self.first_refused
            );
            say(Severity::Warning, text, Some("see who else may publish there".to_owned()));
        }
        let nodes = self.taker.iter().flat_map(Taker::nodes).filter(|(_, node)| node.lost > 0);
        for (name, node) in nodes.take(NAMED) {
            let gone = if node.lost == 1 { "was gone before it was read" } else { "were gone before they were read" };
            let text = format!(
                "{}: {} of node {name} {gone} (the stream's limits); its runs have gaps",
                self.address,
                counted(node.lost as usize, "message")
            );
            let help = format!("have that node send everything again: mixlaw collect --to {} --again", self.address);
            say(Severity::Warning, text, Some(help));
        }
        for (run, nodes) in self.shared.iter().take(NAMED) {
            let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
            let text = format!("{run} is written by {}: {}", counted(nodes.len(), "node"), nodes.join(", "));
            let help = "if these are two runs, give their folders names of their own".to_owned();
            say(Severity::Warning, text, Some(help));
        }
        notices
    }

    fn unreadable(&self) -> Vec<Notice> {
        self.notices().into_iter().filter(|_| self.trouble.is_some()).take(1).collect()
    }

    fn watching(&self) -> Vec<WatchedRoot> {
        let nodes = self.taker.as_ref().map_or(0, |taker| taker.nodes().len());
        let why = match (&self.trouble, &self.about) {
            (Some(_), _) => "away; tried every second".to_owned(),
            (None, None) if nodes == 0 => "not heard of yet".to_owned(),
            _ => {
                let newest = self.taker.iter().flat_map(Taker::nodes).map(|(_, node)| node.written).max().unwrap_or(0);
                let newest = UNIX_EPOCH + Duration::from_nanos(u64::try_from(newest).unwrap_or(0));
                let age = SystemTime::now().duration_since(newest).map_or(0, |age| age.as_secs());
                let behind = counted(self.behind as usize, "message");
                format!("{}, {behind} behind, last log written {age} s ago", counted(nodes, "node"))
            }
        };
        vec![WatchedRoot { path: self.address.clone(), mode: "stream".to_owned(), why }]
    }

    fn files(&self, of: Option<&BTreeSet<RunId>>) -> Vec<FileReport> {
        let mut reports = Vec::new();
        for (id, record) in self.records() {
            if of.is_some_and(|of| !of.contains(&record.run)) || record.part_of.is_some() {
                continue;
            }
            let node = record.cursor.origin.as_ref().map(|o| o.node.clone()).unwrap_or_default();
            let run = self.store.run_name(record.run).unwrap_or_default();
            let parts = self.store.parts(id).into_iter().map(|(part, _)| part);
            let points = std::iter::once(id).chain(parts).map(|file| self.store.file_points(file)).sum();
            let file = format!("{node}:{}", record.path);
            let verdict = Verdict::Read { format: record.format_name().to_owned(), why: format!("by node {node}") };
            reports.push(FileReport { path: PathBuf::from(&file), run, file, verdict, points });
        }
        reports
    }

    fn last_writes(&self, of: Option<&BTreeSet<RunId>>) -> HashMap<RunId, SystemTime> {
        let mut writes: HashMap<RunId, SystemTime> = HashMap::new();
        let mut note = |run: RunId, nanoseconds: i64| {
            let at = UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0));
            let known = writes.entry(run).or_insert(at);
            *known = at.max(*known);
        };
        let records = match of {
            Some(of) => of.iter().flat_map(|run| self.store.all_records(*run)).collect(),
            None => self.records(),
        };
        for (_, record) in records {
            if record.cursor.origin.as_ref().is_none_or(|origin| origin.stream != self.stream) {
                continue;
            }
            // A part has no time of its own; the cursor of the whole accounts for it.
            let whole = record.part_of.and_then(|whole| self.store.record(whole));
            note(record.run, whole.map_or(record.cursor.modified, |whole| whole.cursor.modified));
        }
        writes
    }
}
