//! Door: takes in whoever connects to the socket, and lets the connections of each process through only so fast.
//!
//! What the kernel holds ready is a queue of all processes; one that connects without end would fill it, and each connection
//! costs a thread. So connections are taken from the kernel as fast as they come, and those of a process that has come too
//! often wait here, or are closed. Whoever connects now and then is let through at once.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::socket_peercred;
use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Connections of one process that are let through one after the other (a token bucket) …
const BURST: f64 = 1024.0;
/// … and so many a second after that.
const RATE: f64 = 100.0;
/// Connections of a process that may wait for being let through.
const WAITING: usize = 16;
/// How often those that wait are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What is known of a process that has connected.
struct Caller {
    tokens: f64,
    at: Instant,
    waiting: VecDeque<UnixStream>,
}

impl Caller {
    fn new(now: Instant) -> Self {
        Self { tokens: BURST, at: now, waiting: VecDeque::new() }
    }

    fn fill(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens, self.at) = ((self.tokens + RATE * since).min(BURST), now);
    }

    /// The next connection that may come in, where there is one.
    fn next(&mut self) -> Option<UnixStream> {
        if self.tokens < 1.0 {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.tokens -= 1.0;
        Some(next)
    }

    /// Takes a connection, or closes it where too many wait.
    fn take(&mut self, stream: UnixStream) {
        if self.tokens >= 1.0 || self.waiting.len() < WAITING {
            self.waiting.push_back(stream);
        }
    }
}

/// Takes connections until it is `over`, and gives those that are let through to `receive`, with the process they are of.
pub fn accept(listener: &UnixListener, over: &AtomicBool, mut receive: impl FnMut(UnixStream, i32)) {
    if let Err(error) = listener.set_nonblocking(true) {
        tracing::warn!(%error, "connections are taken one at a time");
    }
    let mut callers: HashMap<i32, Caller> = HashMap::new();
    while !over.load(Ordering::SeqCst) {
        wait(listener, callers.values().any(|caller| !caller.waiting.is_empty()).then_some(LOOK));
        let now = Instant::now();
        // Those that were let through go on before more are taken: whoever connects without end delays nobody by that.
        for _ in 0..BURST as usize {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock) => break,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => continue,
                Err(_) => {
                    // Out of file descriptors, most likely: give clients time to leave.
                    if !over.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    break;
                }
            };
            if over.load(Ordering::SeqCst) {
                return;
            }
            let Ok(peer) = socket_peercred(&stream) else { continue };
            if peer.uid != rustix::process::geteuid() {
                tracing::warn!(user = peer.uid.as_raw(), "rejected a client of another user");
                continue;
            }
            let process = peer.pid.as_raw_nonzero().get();
            let caller = callers.entry(process).or_insert_with(|| Caller::new(now));
            caller.fill(now);
            caller.take(stream);
            while let Some(stream) = caller.next() {
                admit(stream, process, &mut receive);
            }
        }
        callers.retain(|process, caller| {
            caller.fill(now);
            while let Some(stream) = caller.next() {
                admit(stream, *process, &mut receive);
            }
            caller.tokens < BURST || !caller.waiting.is_empty()
        });
    }
}

/// Lets a connection in, unless it is gone by now.
fn admit(stream: UnixStream, process: i32, receive: &mut impl FnMut(UnixStream, i32)) {
    let mut ends = [PollFd::new(&stream, PollFlags::empty())];
    let gone = poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
        && ends[0].revents().intersects(PollFlags::HUP | PollFlags::ERR);
    if !gone {
        receive(stream, process);
    }
}

/// Waits until somebody connects, or for so long.
fn wait(listener: &UnixListener, time: Option<Duration>) {
    let time = time.and_then(|time| Timespec::try_from(time).ok());
    let _ = poll(&mut [PollFd::new(listener, PollFlags::IN)], time.as_ref());
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_process_that_connects_without_end_is_slowed_down_and_closed_lines_cost_nothing() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let (over, let_in) = (AtomicBool::new(false), AtomicUsize::new(0));
        let mut open = Vec::new();
        let began = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                accept(&listener, &over, |stream, process| {
                    assert_eq!(process, std::process::id() as i32);
                    let_in.fetch_add(1, Ordering::SeqCst);
                    drop(stream);
                });
            });
            for _ in 0..3 * BURST as usize {
                open.push(UnixStream::connect(&path).unwrap());
                if open.len() > 100 {
                    open.clear();
                }
            }
            let most = (BURST + RATE * began.elapsed().as_secs_f64()) as usize + 1;
            assert!(let_in.load(Ordering::SeqCst) <= most, "{} of {most}", let_in.load(Ordering::SeqCst));
            // Later it is let in again.
            let before = let_in.load(Ordering::SeqCst);
            let until = Instant::now() + Duration::from_secs(10);
            while let_in.load(Ordering::SeqCst) <= before + WAITING && Instant::now() < until {
                open.push(UnixStream::connect(&path).unwrap());
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(let_in.load(Ordering::SeqCst) > before + WAITING);
            over.store(true, Ordering::SeqCst);
            let _ = UnixStream::connect(&path);
        });
    }

    #[test]
    fn tokens_come_back_with_time_and_no_more_wait_than_may() {
        let now = Instant::now();
        let mut caller = Caller::new(now);
        caller.tokens = 0.0;
        let lines: Vec<_> = (0..2 * WAITING).map(|_| UnixStream::pair().unwrap()).collect();
        for (ours, _) in &lines {
            caller.take(ours.try_clone().unwrap());
        }
        assert_eq!((caller.waiting.len(), caller.next().is_some()), (WAITING, false));
        caller.fill(now + Duration::from_millis(25));
        assert_eq!((0..5).filter(|_| caller.next().is_some()).count(), 2);
        caller.fill(now + Duration::from_secs(3600));
        assert!((caller.tokens - BURST).abs() < 1e-9);
    }
}
