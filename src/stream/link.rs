//! The line to a NATS server (feature `nats`): with the files below it, the only place that names its client. Calls wait, as
//! everything else here does; the client's own work is done by one thread.

mod connect;
mod error;

use super::credentials::Credentials;
use super::{pieces, subject};
use crate::project::server::Address;
use async_nats::HeaderMap;
use async_nats::connection::State;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::context::{CreateStreamErrorKind, PublishErrorKind};
use async_nats::jetstream::stream::{self, DiscardPolicy, StorageType};
use async_nats::jetstream::{self, Context};
use connect::{Complaint, connect};
use error::{AGAIN, PATIENCE, away, source};

pub use error::LinkError;
use futures_util::StreamExt;
use std::cell::Cell;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Messages before the place where reading goes on that are read again: what is known of them is passed over.
const BEFORE: u64 = 256;
/// Header with the place of a piece and the number of all, `0/3`.
const PIECE: &str = "Mixlaw-Piece";
/// Header that the server tells duplicates by, within its window.
const ID: &str = "Nats-Msg-Id";
/// Header with the sequence number that the last message of the subject must have, else the server takes none.
const AFTER: &str = "Nats-Expected-Last-Subject-Sequence";

/// What a stream is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// When it was made, nanoseconds since 1970.
    pub made: i64,
    /// Sequence number of its first message.
    pub first: u64,
    /// Sequence number of its last message; 0 where it never had one.
    pub last: u64,
    /// Messages in it.
    pub messages: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Most bytes; `None` where only the server's own limit counts.
    pub most_bytes: Option<u64>,
    /// Longest age of a message.
    pub longest: Option<Duration>,
    /// Servers that keep a copy each.
    pub replicas: usize,
    /// Those of them that are away or have not everything yet, by name.
    pub late: Vec<String>,
}

/// What a stream is to be, where it is made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Most bytes, after which the oldest messages go.
    pub bytes: Option<u64>,
    /// Servers that keep a copy each; 0 is one.
    pub replicas: usize,
}

/// A piece of a message, as it comes.
#[derive(Debug, Clone)]
pub struct Piece {
    /// When the stream was made.
    pub made: i64,
    /// Its place in the stream.
    pub sequence: u64,
    /// Subject.
    pub subject: String,
    /// Its place among the pieces of the message.
    pub at: u32,
    /// How many there are.
    pub count: u32,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Messages that wait behind it in the stream.
    pub behind: u64,
}

/// What comes from a stream that is followed.
#[derive(Debug, Clone)]
pub enum Incoming {
    /// A piece of a message.
    Piece(Piece),
    /// The stream was looked at, and there is nothing more at present.
    Quiet(About),
    /// The stream cannot be read at present; it is tried again.
    Trouble(LinkError),
}

/// What became of something that was offered.
#[derive(Debug)]
pub enum Offer {
    /// It was taken.
    Taken,
    /// It is to be offered again in a moment.
    Full(Box<Incoming>),
    /// Nobody wants anything any more.
    Over,
}

/// A server that is connected.
pub struct Server {
    address: Address,
    context: Context,
    complaint: Complaint,
    runtime: Runtime,
}

impl Server {
    /// Connects.
    ///
    /// # Errors
    /// Where it is away, or refuses.
    pub fn connect(address: &Address, credentials: &Credentials, name: &str) -> Result<Self, LinkError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("nats").enable_all().build();
        let runtime = runtime.map_err(|e| away(address, &e.to_string()))?;
        let complaint = Complaint::default();
        let context = runtime.block_on(connect(address, credentials, name, &complaint))?;
        Ok(Self { address: address.clone(), context, complaint, runtime })
    }

    /// The stream; made with these limits where it is not there.
    ///
    /// # Errors
    /// Where it is not there and cannot be made, or the server is away.
    pub fn stream(&self, make: Option<Limits>) -> Result<About, LinkError> {
        self.known(self.runtime.block_on(async {
            match about(&self.address, &self.context).await {
                Err(LinkError::NoStream(_)) if make.is_some() => {
                    let limits = make.unwrap_or_default();
                    let config = stream::Config {
                        name: subject::stream(self.address.stream()),
                        description: Some("points of training runs, by mixlaw collect".to_owned()),
                        subjects: vec![subject::of_all(self.address.stream())],
                        max_bytes: limits.bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
                        num_replicas: limits.replicas.max(1),
                        discard: DiscardPolicy::Old,
                        storage: StorageType::File,
                        ..stream::Config::default()
                    };
                    match self.context.create_stream(config).await {
                        Err(error) if error.kind() == CreateStreamErrorKind::JetStreamUnavailable => {
                            Err(away(&self.address, NO_JETSTREAM))
                        }
                        Err(error) => Err(away(&self.address, &format!("the stream cannot be made: {error}"))),
                        Ok(_) => about(&self.address, &self.context).await,
                    }
                }
                other => other,
            }
        }))
    }

    /// The answer, or what the server complained of instead of giving one.
    fn known<T>(&self, answer: Result<T, LinkError>) -> Result<T, LinkError> {
        let Err(LinkError::Away { reason, .. }) = &answer else { return answer };
        if let Some(complaint) = self.complaint.last() {
            return Err(connect::not_allowed(&self.address, &complaint));
        }
        let is_there = self.context.client().connection_state() == State::Connected;
        if is_there && error::is_silence(reason) { Err(away(&self.address, error::STUCK)) } else { answer }
    }

    /// Sends a message under a subject whose last message has this sequence number (0: none). Returns its own.
    ///
    /// # Errors
    /// Where it is not known to be safe.
    pub fn send(&self, subject: &str, after: u64, id: &str, bytes: &[u8]) -> Result<u64, LinkError> {
        self.known(self.runtime.block_on(async {
            let mut after = after;
            for (at, count, piece) in pieces::cut(bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(AFTER, after.to_string().as_str());
                if count == 1 {
                    headers.insert(ID, id);
                } else {
                    headers.insert(PIECE, format!("{at}/{count}").as_str());
                }
                let sent = self.context.publish_with_headers(subject.to_owned(), headers, piece.to_vec().into()).await;
                let taken = match sent {
                    Ok(answer) => answer.await,
                    Err(error) => Err(error),
                };
                after = taken.map_err(|error| self.unsent(&error))?.sequence;
            }
            Ok(after)
        }))
    }

    fn unsent(&self, error: &jetstream::context::PublishError) -> LinkError {
        match error.kind() {
            // It was made anew, or somebody else sends as this node: which, shows when it is looked at again.
            PublishErrorKind::WrongLastSequence => {
                away(&self.address, "the stream has other messages of this node than were sent; it is looked at again")
            }
            PublishErrorKind::StreamNotFound => LinkError::NoStream(self.address.to_string()),
            PublishErrorKind::TimedOut => away(&self.address, error::SILENCE),
            _ => away(&self.address, &source(error)),
        }
    }

    /// Sequence number of the last message of a subject; 0 where there is none.
    ///
    /// # Errors
    /// Where the server is away.
    pub fn last_of(&self, subject: &str) -> Result<u64, LinkError> {
        use jetstream::stream::LastRawMessageErrorKind::NoMessageFound;
        self.known(self.runtime.block_on(async {
            let stream = self.context.get_stream(subject::stream(self.address.stream())).await;
            let stream = stream.map_err(|error| away(&self.address, &error.to_string()))?;
            match stream.get_last_raw_message_by_subject(subject).await {
                Ok(message) => Ok(message.sequence),
                Err(error) if error.kind() == NoMessageFound => Ok(0),
                Err(error) => Err(away(&self.address, &error.to_string())),
            }
        }))
    }

    /// Offers pieces from a sequence number on, those of one subject or all (`None`). Returns when nobody wants any more.
    ///
    /// # Errors
    /// What is wrong.
    pub fn follow(&self, only: Option<&str>, from: u64, offer: &dyn Fn(Incoming) -> Offer) -> Result<(), LinkError> {
        self.known(self.runtime.block_on(follow(&self.address, &self.context, only, from, offer)))
    }
}

/// Follows a stream for as long as anybody wants it, whatever becomes of the server. `place` says where to go on: when the stream was
/// made and the number of the last message; a stream that was made at another time is read from its beginning.
pub fn follow_for_ever(
    address: &Address,
    credentials: &Credentials,
    place: (i64, u64),
    offer: &dyn Fn(Incoming) -> Offer,
) {
    let place = Cell::new(place);
    let over = Cell::new(false);
    let noted = |incoming: Incoming| {
        let at = if let Incoming::Piece(piece) = &incoming { Some((piece.made, piece.sequence)) } else { None };
        let became = offer(incoming);
        match &became {
            Offer::Taken => at.into_iter().for_each(|at| place.set(at)),
            Offer::Over => over.set(true),
            Offer::Full(_) => {}
        }
        became
    };
    while !over.get() {
        // What was handed on is where to go on after the server was away.
        let followed = Server::connect(address, credentials, "mixlaw daemon").and_then(|server| {
            let about = server.stream(None)?;
            let (made, last) = place.get();
            // A server that was killed may have lost its last messages, and given their numbers to others since.
            let from = if about.made == made && about.last >= last { last.saturating_sub(BEFORE) + 1 } else { 1 };
            server.follow(None, from, &noted)
        });
        if let Err(error) = followed {
            let mut trouble = Incoming::Trouble(error);
            while let Offer::Full(back) = noted(trouble) {
                trouble = *back;
                std::thread::sleep(AGAIN / 10);
            }
            std::thread::sleep(AGAIN);
        }
    }
}

const NO_JETSTREAM: &str = "JetStream is off; start it with: nats-server -js -sd DIR";

async fn about(address: &Address, context: &Context) -> Result<About, LinkError> {
    use jetstream::context::GetStreamErrorKind;
    let stream = context.get_stream(subject::stream(address.stream())).await.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(said) if said.error_code() == jetstream::ErrorCode::STREAM_NOT_FOUND => {
            LinkError::NoStream(address.to_string())
        }
        GetStreamErrorKind::JetStream(said) if said.code() == 503 => away(address, NO_JETSTREAM),
        _ => away(address, &source(&error)),
    })?;
    let info = stream.cached_info();
    let (config, state) = (&info.config, &info.state);
    Ok(About {
        made: i64::try_from(info.created.unix_timestamp_nanos()).unwrap_or_default(),
        first: state.first_sequence,
        last: state.last_sequence,
        messages: state.messages,
        bytes: state.bytes,
        most_bytes: u64::try_from(config.max_bytes).ok().filter(|most| *most > 0),
        longest: Some(config.max_age).filter(|age| !age.is_zero()),
        replicas: config.num_replicas,
        late: info.cluster.iter().flat_map(|c| &c.replicas).filter(|r| !r.current).map(|r| r.name.clone()).collect(),
    })
}

/// Whether no message comes after a sequence number.
async fn is_last(stream: &stream::Stream, subjects: &str, last: u64) -> bool {
    use stream::LastRawMessageErrorKind::NoMessageFound;
    match stream.get_last_raw_message_by_subject(subjects).await {
        Ok(message) => message.sequence <= last,
        Err(error) => error.kind() == NoMessageFound,
    }
}

async fn follow(
    address: &Address,
    context: &Context,
    only: Option<&str>,
    from: u64,
    offer: &dyn Fn(Incoming) -> Offer,
) -> Result<(), LinkError> {
    let failed = |reason: String| away(address, &reason);
    let made = about(address, context).await?;
    let stream = context.get_stream(subject::stream(address.stream())).await.map_err(|e| failed(e.to_string()))?;
    let config = pull::OrderedConfig {
        filter_subject: only.map_or_else(|| subject::of_all(address.stream()), str::to_owned),
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from.max(1) },
        max_batch: 256,
        ..pull::OrderedConfig::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(|e| failed(source(&e)))?;
    let mut messages = consumer.messages().await.map_err(|e| failed(source(&e)))?;
    let mut last = from.saturating_sub(1);
    let mut quiet = made.last <= last;
    let mut waiting = None::<Instant>;
    loop {
        let heard = if quiet {
            quiet = false;
            None
        } else {
            tokio::time::timeout(Duration::from_millis(500), messages.next()).await.ok()
        };
        let incoming = match heard {
            Some(None) => return Err(failed("the server ended it".to_owned())),
            Some(Some(Err(error))) => return Err(failed(source(&error))),
            Some(Some(Ok(message))) => {
                let info = message.info().map_err(|e| failed(e.to_string()))?;
                (last, waiting) = (info.stream_sequence, None);
                let header = message.headers.as_ref().and_then(|headers| headers.get(PIECE));
                let (at, count) = header.and_then(|text| text.as_str().split_once('/')).unwrap_or(("0", "1"));
                Incoming::Piece(Piece {
                    made: made.made,
                    sequence: info.stream_sequence,
                    at: at.parse().unwrap_or(u32::MAX),
                    count: count.parse().unwrap_or(u32::MAX),
                    behind: info.pending,
                    subject: message.subject.to_string(),
                    bytes: message.payload.to_vec(),
                })
            }
            None => {
                if context.client().connection_state() != State::Connected {
                    return Err(failed("the connection was lost".to_owned()));
                }
                let now = about(address, context).await?;
                if now.made != made.made || now.last < last {
                    return Err(failed(
                        "the stream was deleted and made again; it is read from its beginning".to_owned(),
                    ));
                }
                // A server of a cluster that is lost takes the reading with it, and nobody says so.
                if only.is_none() && now.last > last && now.messages > 0 {
                    if waiting.get_or_insert_with(Instant::now).elapsed() <= PATIENCE {
                        continue;
                    }
                    // Those behind may have been deleted one by one, which leaves their numbers.
                    if !is_last(&stream, &subject::of_all(address.stream()), last).await {
                        return Err(failed("it has more messages and hands none on; it is asked again".to_owned()));
                    }
                    waiting = None;
                }
                Incoming::Quiet(now)
            }
        };
        let mut incoming = Some(incoming);
        while let Some(next) = incoming.take() {
            match offer(next) {
                Offer::Taken => {}
                Offer::Over => return Ok(()),
                Offer::Full(back) => {
                    incoming = Some(*back);
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
    }
}
