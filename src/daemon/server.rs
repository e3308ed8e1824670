//! The socket: one thread accepts ([`super::door`]), one thread a client answers from the publisher ([`super::desk`]: how many,
//! and who leaves; [`super::turns`]: how much of one process at a time).

use super::answer::{acknowledged, answer, json, labelled};
use super::desk::{Desk, Doing, Place};
use super::door;
use super::event::Event;
use super::export;
use super::hang_up::HangUp;
use super::inherited;
use super::publisher::{CurrentState, Publisher};
use super::state_dir::StateDir;
use super::subscribers::{self, Seats};
use super::threads;
use super::turns::Turns;
use crate::ingest::Look;
use crate::ipc::frame;
use crate::ipc::protocol::{Command, ExportQuery, Failure, Hello, LabelCommand, PROTOCOL, Query, Request, Response};
use crate::store::StoreError;
use crate::vocab::{AckAnswer, Decision};
use crossbeam_channel::bounded;
use rustix::fs::Mode;
use std::io::{ErrorKind, Read};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// How long a question waits for a daemon that is still starting.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a question waits for a damaged store to be made anew from the logs.
const REBUILT: Duration = Duration::from_secs(60);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long a command may take to be done.
const DONE: Duration = Duration::from_secs(30);
/// How long a client may take to greet: it has to say one sentence that it knows by heart.
const GREETING: Duration = Duration::from_secs(2);
/// How long a client may take to say what it has begun to say.
const SENTENCE: Duration = Duration::from_secs(10);
/// How long a client may be connected and ask nothing.
const IDLE: Duration = Duration::from_secs(120);
/// How long subscribers may take to hear that the daemon stops.
const GOODBYE: Duration = Duration::from_secs(2);

/// The socket, served.
#[derive(Debug)]
pub struct Server {
    socket: PathBuf,
    /// Whether the socket was made here, and not by systemd.
    is_own: bool,
    stopping: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
    /// The accepting thread's listener, by which it is woken.
    listener: UnixListener,
    desk: Arc<Desk>,
}

/// What every client's thread needs.
struct Shared {
    publisher: Arc<Publisher>,
    tell: Box<dyn Fn(Event) + Send + Sync>,
    desk: Arc<Desk>,
    subscribers: Seats,
    turns: Turns,
}

impl Server {
    /// Binds the socket and serves it. The caller owns the place, so a socket that is already there is stale.
    ///
    /// # Errors
    /// Where the socket cannot be bound.
    pub fn start(
        place: &StateDir,
        publisher: Arc<Publisher>,
        tell: Box<dyn Fn(Event) + Send + Sync>,
    ) -> Result<Self, Failure> {
        let socket = place.socket().to_owned();
        let failed = |e: std::io::Error| Failure::new(format!("cannot listen at {}: {e}", socket.display()), None);
        let given = inherited::listener(&socket);
        let is_own = given.is_none();
        let listener = match given {
            Some(listener) => listener,
            None => bind(&socket).map_err(failed)?,
        };
        let accepts = listener.try_clone().map_err(failed)?;
        let stopping = Arc::new(AtomicBool::new(false));
        let desk = Arc::new(Desk::default());
        let (subscribers, turns) = (Seats::default(), Turns::default());
        let shared = Arc::new(Shared { publisher, tell, desk: Arc::clone(&desk), subscribers, turns });
        let over = Arc::clone(&stopping);
        let accepting = std::thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || accept(&accepts, &shared, &over))
            .map_err(failed)?;
        Ok(Self { socket, is_own, stopping, accepting, listener, desk })
    }

    /// Whether the socket was made here, so that it is to be removed at the end.
    #[must_use]
    pub fn owns_socket(&self) -> bool {
        self.is_own
    }

    /// Stops accepting and, where it `stays_ours`, removes the socket: where the state directory was deleted, another daemon may
    /// have one at the same place. Whoever subscribed is told that the daemon stops (the publisher is closed),
    /// as far as that takes no longer than anyone waits.
    pub fn stop(self, stays_ours: bool) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread; it looks at the flag next. A socket of the service manager's is to go on listening.
        if self.is_own {
            let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        } else {
            let _ = UnixStream::connect(&self.socket);
        }
        let _ = self.accepting.join();
        if self.is_own && stays_ours {
            let _ = std::fs::remove_file(&self.socket);
        }
        self.desk.close(GOODBYE);
    }
}

/// Makes the socket. One that is there is stale, as the caller owns the place.
fn bind(socket: &Path) -> std::io::Result<UnixListener> {
    if let Err(error) = std::fs::remove_file(socket)
        && error.kind() != ErrorKind::NotFound
    {
        return Err(error);
    }
    // The mask is set before the socket exists: between bind and chmod anyone could connect.
    let before = rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let bound = UnixListener::bind(socket);
    rustix::process::umask(before);
    bound
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>, over: &AtomicBool) {
    door::accept(listener, over, |stream, process| {
        if let Err(error) = receive(stream, process, Arc::clone(shared)) {
            tracing::debug!(%error, "closed a connection");
        }
    });
}

/// Gives a connection a place and a thread.
fn receive(mut stream: UnixStream, process: i32, shared: Arc<Shared>) -> std::io::Result<()> {
    match shared.desk.seat(process, stream.try_clone()?) {
        Ok(place) => std::thread::Builder::new().name("client".to_owned()).spawn(move || {
            // Whoever has few connections does not wait for those who have many.
            if place.of_many {
                threads::give_way();
            }
            // A conversation ends when the client hangs up or the line breaks; nobody is left to tell.
            let _ = converse(stream, process, &shared, &place);
        })?,
        Err(failure) => {
            tracing::warn!("closed a connection: {}", failure.message);
            // The answer to whatever it will ask; short enough for any socket, so that nobody waits for it.
            stream.set_nonblocking(true)?;
            frame::write(&mut stream, &Hello::own())?;
            return frame::write(&mut stream, &Response::Failed(failure));
        }
    };
    Ok(())
}

fn converse(mut stream: UnixStream, process: i32, shared: &Shared, place: &Place) -> std::io::Result<()> {
    stream.set_write_timeout(Some(Duration::from_secs(30)))?;
    let greeting = frame::read::<Hello>(&mut Patient::new(&stream, GREETING, GREETING), frame::MAX_REQUEST)?;
    let Some(hello) = greeting else { return Ok(()) };
    frame::write(&mut stream, &Hello::own())?;
    if hello.protocol != PROTOCOL {
        tracing::warn!(
            protocol = hello.protocol,
            build = hello.build,
            "rejected a client with another protocol version"
        );
        return Ok(());
    }
    while place.now(Doing::Waiting) {
        let request = frame::read::<Request>(&mut Patient::new(&stream, IDLE, SENTENCE), frame::MAX_REQUEST)?;
        let Some(request) = request else { break };
        let doing = if matches!(request, Request::Subscribe(_)) { Doing::Subscribed } else { Doing::Asking };
        if !place.now(doing) {
            break;
        }
        match request {
            Request::Query(query) => respond(&query, &mut stream, process, shared)?,
            Request::Export(query) => export(&query, &mut stream, shared)?,
            Request::Command(command) => obey(command, &mut stream, shared)?,
            Request::Subscribe(wants) => {
                return subscribers::serve(wants, stream, process, &shared.publisher, &shared.subscribers);
            }
        }
    }
    Ok(())
}

/// A client's line, which is read for so long: until it begins to say something, and then until it has said it, however
/// many bytes it takes for that.
struct Patient<'a> {
    stream: &'a UnixStream,
    until: Instant,
    then: Option<Duration>,
}

impl<'a> Patient<'a> {
    fn new(stream: &'a UnixStream, first: Duration, then: Duration) -> Self {
        Self { stream, until: Instant::now() + first, then: Some(then) }
    }
}

impl Read for Patient<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut stream = self.stream;
        let read = stream.read(into)?;
        if let Some(then) = self.then.take() {
            self.until = Instant::now() + then;
        }
        Ok(read)
    }
}

/// The newest state; only in the first moments of a daemon is there none yet.
fn current(shared: &Shared) -> Result<Arc<CurrentState>, Failure> {
    let patient = shared.publisher.newer(None, PATIENCE);
    patient.ok_or_else(|| Failure::new("the daemon is still starting", "try again in a moment".to_owned()))
}

/// Where a store turned out to be damaged: has the engine make it anew, and waits until the logs have been read again. The
/// answer that was begun is given up: nobody may hold the old store meanwhile. Returns whether it is whole again.
fn mended(current: Arc<CurrentState>, shared: &Shared) -> bool {
    drop(current);
    // Wakes the engine, which looks at its store.
    (shared.tell)(Event::Look(Look::Hints(Vec::new())));
    let until = Instant::now() + REBUILT;
    while Instant::now() < until && !shared.publisher.closed() {
        std::thread::sleep(LOOK);
        let whole =
            |current: Arc<CurrentState>| !current.store.is_damaged() && current.snapshot.daemon.ingest.is_none();
        if shared.publisher.latest().is_some_and(whole) {
            return true;
        }
    }
    false
}

fn export(query: &ExportQuery, stream: &mut UnixStream, shared: &Shared) -> std::io::Result<()> {
    let mut sent = false;
    let mut first = true;
    let result = loop {
        let current = match current(shared) {
            Ok(current) => current,
            Err(failure) => return frame::write(stream, &Response::Failed(failure)),
        };
        let result = export::points(current.store.as_ref(), query, |chunk| {
            sent = true;
            frame::write(stream, &Response::Chunk(chunk.to_owned()))
        });
        let again = matches!(result, Err(export::ExportError::Store(StoreError::Damaged(_))));
        // What was sent cannot be taken back; the next export finds the store whole.
        if !(again && mended(current, shared) && !sent && std::mem::take(&mut first)) {
            break result;
        }
    };
    let response = match result {
        Ok(()) => Response::End,
        Err(export::ExportError::Sink(error)) => return Err(error),
        Err(error) => Response::Failed(error.into()),
    };
    frame::write(stream, &response)
}

fn respond(query: &Query, stream: &mut UnixStream, process: i32, shared: &Shared) -> std::io::Result<()> {
    let line = HangUp::of(stream)?;
    let mut first = true;
    let response = loop {
        let current = match current(shared) {
            Ok(current) => current,
            Err(failure) => break Response::Failed(failure),
        };
        let answer = {
            let _turn = shared.turns.take(process);
            answer(query, &current, &|| line.is_gone())
        };
        // An answer from a store that is damaged may lack what could not be read.
        if std::mem::take(&mut first) && current.store.is_damaged() && mended(current, shared) {
            continue;
        }
        break answer.map_or_else(Response::Failed, Response::Answer);
    };
    frame::write(stream, &response)
}

/// Has a step of acting on advice taken by the engine.
fn decide(decision: Box<Decision>, shared: &Shared) -> Result<(), Failure> {
    let (reply, done) = bounded(1);
    (shared.tell)(Event::Decide(decision, Some(reply)));
    let late =
        || Failure::new("the daemon is busy and has not done this yet", "check in a moment: mixlaw advice".to_owned());
    done.recv_timeout(DONE).map_err(|_| late())?
}

/// Has a run labelled by the engine, and answers when that is written down.
fn label(command: &LabelCommand, stream: &mut UnixStream, shared: &Shared) -> std::io::Result<()> {
    let at = super::seconds(SystemTime::now());
    let done = current(shared).and_then(|current| labelled(command, &current, at)).and_then(|labels| {
        let (reply, done) = bounded(1);
        (shared.tell)(Event::Label(labels.clone(), Some(reply)));
        let late = || Failure::new("the daemon is busy and has not done this yet", "check: mixlaw runs".to_owned());
        done.recv_timeout(DONE).map_err(|_| late())??;
        json(&labels)
    });
    frame::write(stream, &done.map_or_else(Response::Failed, Response::Answer))
}

/// Has something done by the engine, which owns what it changes, and answers when it is done.
fn obey(command: Command, stream: &mut UnixStream, shared: &Shared) -> std::io::Result<()> {
    let which = match command {
        Command::Dismiss(which) => which,
        Command::Decide(decision) => {
            let done = decide(decision, shared).and_then(|()| json(&()));
            return frame::write(stream, &done.map_or_else(Response::Failed, Response::Answer));
        }
        Command::Label(command) => return label(&command, stream, shared),
        Command::Stop => {
            frame::write(stream, &Response::Stopping)?;
            (shared.tell)(Event::Stop);
            return Ok(());
        }
    };
    let done = current(shared).and_then(|current| acknowledged(&which, &current)).and_then(|answer| {
        let (reply, done) = bounded(1);
        (shared.tell)(Event::Dismiss(answer.acknowledged, Some(reply)));
        let late = || {
            Failure::new("the daemon is busy and has not done this yet", "check in a moment: mixlaw runs".to_owned())
        };
        json(&AckAnswer { acknowledged: done.recv_timeout(DONE).map_err(|_| late())?? })
    });
    frame::write(stream, &done.map_or_else(Response::Failed, Response::Answer))
}
