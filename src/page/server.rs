//! Connections: bounded in number, in time and in bytes.

use super::cache::Cache;
use super::changes::Changes;
use super::reply::{Reply, head};
use super::request::{self, LONGEST, Refusal};
use super::route::{Route, route};
use crate::ipc::protocol::Failure;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Requests that are answered at once.
const REQUESTS: usize = 48;
/// Browsers that are told of changes.
const STREAMS: usize = 96;
/// How long a request may take to be said; and how long a piece of an answer may take to be taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// After a failure to accept (no descriptors left), the next attempt waits so long.
const AGAIN: Duration = Duration::from_millis(100);

/// What is served.
pub struct Page {
    /// The first part of every path.
    pub token: String,
    /// Pictures and data.
    pub cache: Cache,
    /// Changes.
    pub changes: Arc<Changes>,
}

/// Places for those that are served at once.
#[derive(Debug)]
struct Places {
    taken: AtomicUsize,
    most: usize,
}

/// A place that is taken until it is dropped.
struct Place(Arc<Places>);

impl Places {
    fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), most })
    }

    fn take(self: &Arc<Self>) -> Option<Place> {
        let more = |taken| (taken < self.most).then_some(taken + 1);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Place(Arc::clone(self)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Serves until the process ends.
pub fn serve(listener: &TcpListener, page: Page) {
    let page = Arc::new(page);
    let (requests, streams) = (Places::new(REQUESTS), Places::new(STREAMS));
    loop {
        let Ok((mut connection, _)) = listener.accept() else {
            std::thread::sleep(AGAIN);
            continue;
        };
        let timed = connection
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| connection.set_write_timeout(Some(PATIENCE)))
            .and_then(|()| connection.set_nodelay(true));
        if timed.is_err() {
            continue;
        }
        let Some(place) = requests.take() else {
            // A few bytes fit into what the system keeps for a connection: this does not wait.
            let _ = Reply::busy().write(&mut connection, false);
            continue;
        };
        let (page, streams) = (Arc::clone(&page), Arc::clone(&streams));
        let work = move || {
            let _ = answer(&mut connection, &page, place, &streams);
            let _ = connection.shutdown(Shutdown::Both);
        };
        // Where there is no thread to be had, the connection is closed.
        let _ = std::thread::Builder::new().name("page".to_owned()).spawn(work);
    }
}

fn answer(connection: &mut TcpStream, page: &Page, place: Place, streams: &Arc<Places>) -> std::io::Result<()> {
    let head_of = match heard(connection)? {
        Ok(head) => head,
        Err(refusal) => return Reply::refused(refusal).write(connection, false),
    };
    let json = "application/json; charset=utf-8";
    let reply = match route(&head_of, &page.token) {
        Route::Fixed(kind, text) => Reply::found(kind, text),
        Route::Picture(picture) => match page.cache.picture(&picture, page.changes.generation()) {
            Ok(drawn) => Reply::found("image/svg+xml; charset=utf-8", drawn),
            Err(failure) => failed(&failure),
        },
        Route::Data(data) => match page.cache.data(&data) {
            Ok(text) => Reply::found(json, text),
            Err(failure) => failed(&failure),
        },
        Route::Changes if head_of.head_only => Reply::found("text/event-stream", ""),
        Route::Changes => match streams.take() {
            None => Reply::busy(),
            Some(_stream) => {
                drop(place);
                let begun = head("200 OK", "text/event-stream", "Connection: close\r\n");
                write!(connection, "{begun}\r\nretry: 2000\n\n")?;
                return page.changes.tell(connection);
            }
        },
        Route::Slash => Reply::moved(&format!("/{}/", page.token)),
        Route::Nothing => Reply::nothing(),
        Route::Wrong(why) => Reply::failed("400 Bad Request", &why),
    };
    reply.write(connection, head_of.head_only)
}

fn failed(failure: &Failure) -> Reply {
    let said = match &failure.help {
        Some(help) => format!("{}; {help}", failure.message),
        None => failure.message.clone(),
    };
    Reply::failed(if failure.status == 2 { "404 Not Found" } else { "503 Service Unavailable" }, &said)
}

/// The head of a request, however it comes in.
fn heard(connection: &mut impl Read) -> std::io::Result<Result<request::Head, Refusal>> {
    let until = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    let mut piece = [0; 1024];
    loop {
        let read = connection.read(&mut piece)?;
        bytes.extend_from_slice(&piece[..read]);
        match request::read(&bytes) {
            Ok(Some(head)) => return Ok(Ok(head)),
            Err(refusal) => return Ok(Err(refusal)),
            Ok(None) if read == 0 || bytes.len() > LONGEST || Instant::now() > until => {
                return Ok(Err(Refusal::Malformed));
            }
            Ok(None) => {}
        }
    }
}
