//! A node in the stream: which life its messages are of, what the stream has of it, and the way there.

use super::end::End;
use crate::daemon::seconds;
use crate::store::outlet::{Change, Outlet};
use crate::store::{SledStore, StoreError};
use crate::stream::link::{Incoming, LinkError, Offer, Server};
use crate::stream::pieces::Pieces;
use crate::stream::{Message, Refused};
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Figures that the outlet counts.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) messages: AtomicU64,
    pub(super) points: AtomicU64,
    pub(super) bytes: AtomicU64,
}

/// A number that is larger than that of an earlier life, and that no other machine has: seconds since 1970, and 20 random bits.
pub(super) fn new_life(earlier: u64) -> u64 {
    let mut bytes = [0; 4];
    // Without random bits, two that begin within a second are told apart by their names alone.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    let now = (seconds(SystemTime::now()) as u64) << 20 | u64::from(u32::from_le_bytes(bytes) >> 12);
    now.max(earlier + 1)
}

/// The life that the last message of a subject is of; 0 where that cannot be told.
pub(super) fn life_of(server: &Server, subject: &str, last: u64) -> Result<u64, End> {
    let life = Cell::new(0);
    if last > 0 {
        server.follow(Some(subject), last, &|incoming| {
            if let Incoming::Piece(piece) = incoming
                && let Ok(message) = Message::decode(&piece.bytes)
            {
                life.set(message.life);
            }
            Offer::Over
        })?;
    }
    Ok(life.get())
}

/// Whose a collector's store is.
pub(super) struct Whose {
    pub(super) life: u64,
    pub(super) made: i64,
    pub(super) node: String,
}

impl Whose {
    pub(super) fn bytes(&self) -> Vec<u8> {
        [&self.life.to_le_bytes()[..], &self.made.to_le_bytes()[..], self.node.as_bytes()].concat()
    }

    pub(super) fn read(raw: &[u8]) -> Option<Self> {
        let (life, rest) = raw.split_first_chunk::<8>()?;
        let (made, node) = rest.split_first_chunk::<8>()?;
        let node = String::from_utf8(node.to_vec()).ok()?;
        Some(Self { life: u64::from_le_bytes(*life), made: i64::from_le_bytes(*made), node })
    }
}

/// What the stream has of this node does not follow from what the store has.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoFit {
    #[error("a message of this node cannot be read ({0})")]
    Message(#[from] Refused),
    #[error("the stream and the state of this node do not fit ({0})")]
    Store(#[source] StoreError),
}

/// Takes up what the stream has of this node and the store has not: sent, and cut off before that was written down. `Ok(Err)`: the
/// two do not fit.
pub(super) fn adopt(
    server: &Server,
    store: &SledStore,
    subject: &str,
    life: u64,
    (receipt, last): (u64, u64),
) -> Result<Result<(), NoFit>, End> {
    let pieces = RefCell::new(Pieces::default());
    let found = RefCell::new(Vec::new());
    server.follow(Some(subject), receipt + 1, &|incoming| {
        let Incoming::Piece(piece) = incoming else { return Offer::Over };
        if let Some(whole) =
            pieces.borrow_mut().take(&piece.subject, piece.sequence, (piece.at, piece.count), &piece.bytes)
        {
            found.borrow_mut().push((piece.sequence, whole));
        }
        if piece.sequence >= last { Offer::Over } else { Offer::Taken }
    })?;
    for (sequence, bytes) in found.into_inner() {
        let message = match Message::decode(&bytes) {
            Ok(message) => message,
            Err(refused) => return Ok(Err(refused.into())),
        };
        if message.life != life {
            return Err(LinkError::Twice(subject.to_owned()).into());
        }
        match store.adopt(message.number, sequence, message.changes) {
            Ok(()) => {}
            Err(error @ StoreError::Damaged(_)) => return Ok(Err(NoFit::Store(error))),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(Ok(()))
}

/// The stream that is sent to.
pub(super) struct There {
    pub(super) server: Arc<Server>,
    /// When it was made.
    pub(super) made: i64,
}

impl There {
    /// Whether it is still the same and has what it had, as far as `receipt`: whoever has nothing to send would not notice.
    pub(super) fn still(&self, receipt: u64) -> Result<(), End> {
        let about = self.server.stream(None)?;
        if about.made == self.made && about.last >= receipt {
            return Ok(());
        }
        Err(End::Away("the stream is not the one that was sent to; it is looked at again".to_owned()))
    }
}

/// The way to the server.
pub(super) struct ToServer {
    pub(super) server: Arc<Server>,
    pub(super) subject: String,
    pub(super) whose: Whose,
    /// Sequence number of this node's last message in the stream.
    pub(super) after: Mutex<u64>,
    pub(super) sent: Arc<Sent>,
}

impl Outlet for ToServer {
    fn send(&self, number: u64, changes: &[Change]) -> Result<u64, StoreError> {
        let count: usize = changes.iter().map(|c| if let Change::Points(c) = c { c.points.len() } else { 0 }).sum();
        let bytes = Message::encode(&self.whose.node, self.whose.life, number, changes);
        let id = format!("{}-{:x}-{number}-{:x}", self.subject, self.whose.life, xxhash_rust::xxh3::xxh3_64(&bytes));
        let mut after = self.after.lock().unwrap_or_else(PoisonError::into_inner);
        let unsent = |e: LinkError| match e.help() {
            Some(help) => StoreError::Unsent(format!("{e}; {help}")),
            None => StoreError::Unsent(e.to_string()),
        };
        *after = self.server.send(&self.subject, *after, &id, &bytes).map_err(unsent)?;
        self.sent.messages.store(number, Ordering::Relaxed);
        self.sent.points.fetch_add(count as u64, Ordering::Relaxed);
        self.sent.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(*after)
    }
}
