//! Door: takes in whoever connects to the socket, and lets the connections of each process through only so fast.
//!
//! What the kernel holds ready is a queue of all processes; one that connects without end would fill it, and each connection
//! costs a thread. So connections are taken from the kernel as fast as they come. Whoever connects now and then is let
//! through at once. Those of a process that has come too often wait here, as whoever waits does not come again meanwhile,
//! and are let through by and by. Those beyond that are closed, and then the door pauses for a moment: the queue is short, so
//! that whoever connects without end has to wait for its turn too.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::listen;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{Resource, getrlimit};
use std::collections::{HashMap, VecDeque};
use std::io::ErrorKind;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Connections of one process that are let through one after the other …
const BURST: f64 = 128.0;
/// … and so many a second after that.
const RATE: f64 = 50.0;
/// Connections a second of all processes together that have to wait.
const ALL_RATE: f64 = 200.0;
/// Connections of a process that may wait for being let through …
const WAITING: usize = 128;
/// … and the most of all processes together, …
const ALL_WAITING: u64 = 2048;
/// … which is no more than one part in so many of the files that this process may have open.
const SHARE: u64 = 4;
/// Connections that the kernel holds ready; the next one waits in its own process.
const QUEUE: i32 = 256;
/// How often those that wait are looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How often those that wait and are gone are let go of.
const TIDY: Duration = Duration::from_millis(200);
/// How long nobody is looked after when some had to be closed.
const PAUSE: Duration = Duration::from_millis(1);

/// What may be used so often at once, and so often a second after that (a token bucket).
struct Bucket {
    size: f64,
    rate: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    fn new(size: f64, rate: f64, now: Instant) -> Self {
        Self { size, rate, tokens: size, at: now }
    }

    fn has(&mut self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens, self.at) = ((self.tokens + self.rate * since).min(self.size), now);
        self.tokens >= 1.0
    }

    /// Uses one; whoever calls knows that it [`has`](Self::has) one.
    fn take(&mut self) {
        self.tokens -= 1.0;
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.has(now) && self.tokens >= self.size
    }
}

/// A process that has connected.
struct Caller {
    may: Bucket,
    waiting: VecDeque<UnixStream>,
}

/// What becomes of a connection.
enum Fate {
    Enters(UnixStream),
    Waits,
    Closed,
}

struct Door {
    callers: HashMap<i32, Caller>,
    /// Those that wait, of all processes.
    waiting: usize,
    most: usize,
    /// For those that have waited.
    all: Bucket,
}

impl Door {
    fn new(most: usize, now: Instant) -> Self {
        Self {
            callers: HashMap::new(),
            waiting: 0,
            most,
            all: Bucket::new(ALL_RATE * LOOK.as_secs_f64(), ALL_RATE, now),
        }
    }

    fn take(&mut self, stream: UnixStream, process: i32, now: Instant) -> Fate {
        let caller = self
            .callers
            .entry(process)
            .or_insert_with(|| Caller { may: Bucket::new(BURST, RATE, now), waiting: VecDeque::new() });
        if caller.waiting.is_empty() && caller.may.has(now) {
            caller.may.take();
            Fate::Enters(stream)
        } else if caller.waiting.len() < WAITING && self.waiting < self.most {
            caller.waiting.push_back(stream);
            self.waiting += 1;
            Fate::Waits
        } else {
            Fate::Closed
        }
    }

    /// Those that have waited for long enough, of every process in turn; what is not needed any more is forgotten.
    fn by_and_by(&mut self, now: Instant) -> Vec<(UnixStream, i32)> {
        let mut enter = Vec::new();
        loop {
            let before = enter.len();
            for (process, caller) in &mut self.callers {
                if !caller.waiting.is_empty()
                    && caller.may.has(now)
                    && self.all.has(now)
                    && let Some(stream) = caller.waiting.pop_front()
                {
                    caller.may.take();
                    self.all.take();
                    enter.push((stream, *process));
                }
            }
            if enter.len() == before {
                break;
            }
        }
        self.waiting -= enter.len();
        self.callers.retain(|_, caller| !caller.waiting.is_empty() || !caller.may.is_full(now));
        enter
    }

    /// Lets go of those that have gone while they waited.
    fn tidy(&mut self) {
        for caller in self.callers.values_mut() {
            let before = caller.waiting.len();
            let gone = gone(caller.waiting.iter());
            let mut gone = gone.iter();
            caller.waiting.retain(|_| gone.next() == Some(&false));
            self.waiting -= before - caller.waiting.len();
        }
    }
}

/// Takes connections until it is `over`, and gives those that are let through to `receive`, with the process they are of.
pub fn accept(listener: &UnixListener, over: &AtomicBool, mut receive: impl FnMut(UnixStream, i32)) {
    if let Err(error) = listener.set_nonblocking(true) {
        tracing::warn!(%error, "connections are taken one at a time");
    }
    // Whoever made the socket (this process or systemd) asked for as long a queue as the system allows.
    if let Err(error) = listen(listener, QUEUE) {
        tracing::warn!(%error, "the queue of connections stays as long as it was");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let mut door = Door::new((files / SHARE).min(ALL_WAITING) as usize, Instant::now());
    let (mut looked, mut tidied) = (Instant::now(), Instant::now());
    while !over.load(Ordering::SeqCst) {
        wait(listener, (door.waiting > 0).then_some(LOOK));
        let now = Instant::now();
        let mut closed = false;
        // Those that wait are looked after in between.
        for _ in 0..QUEUE {
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
            match door.take(stream, process, now) {
                Fate::Enters(stream) => admit(stream, process, &mut receive),
                Fate::Waits => {}
                Fate::Closed => closed = true,
            }
        }
        if now.saturating_duration_since(tidied) >= TIDY {
            tidied = now;
            door.tidy();
        }
        if now.saturating_duration_since(looked) >= LOOK {
            looked = now;
            for (stream, process) in door.by_and_by(now) {
                admit(stream, process, &mut receive);
            }
        }
        if closed {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Lets a connection in, unless it is gone by now.
fn admit(stream: UnixStream, process: i32, receive: &mut impl FnMut(UnixStream, i32)) {
    if gone(std::iter::once(&stream)) != [true] {
        receive(stream, process);
    }
}

/// Which of them the other side has hung up on.
fn gone<'a>(streams: impl Iterator<Item = &'a UnixStream>) -> Vec<bool> {
    let mut ends: Vec<PollFd<'_>> = streams.map(|stream| PollFd::new(stream, PollFlags::empty())).collect();
    let looked = poll(&mut ends, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok();
    ends.iter().map(|end| looked && end.revents().intersects(PollFlags::HUP | PollFlags::ERR)).collect()
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
            while let_in.load(Ordering::SeqCst) <= before + WAITING / 4 && Instant::now() < until {
                open.push(UnixStream::connect(&path).unwrap());
                std::thread::sleep(Duration::from_millis(5));
            }
            assert!(let_in.load(Ordering::SeqCst) > before + WAITING / 4);
            over.store(true, Ordering::SeqCst);
            let _ = UnixStream::connect(&path);
        });
    }

    fn line() -> UnixStream {
        UnixStream::pair().unwrap().0
    }

    fn waits(door: &Door, process: i32) -> usize {
        door.callers.get(&process).map_or(0, |caller| caller.waiting.len())
    }

    #[test]
    fn who_comes_too_often_waits_and_is_let_in_by_and_by() {
        let now = Instant::now();
        let mut door = Door::new(10_000, now);
        let mut others = Vec::new();
        let mut come = |door: &mut Door, process| {
            let (ours, theirs) = UnixStream::pair().unwrap();
            others.push(theirs);
            door.take(ours, process, now)
        };
        for _ in 0..BURST as usize {
            assert!(matches!(come(&mut door, 1), Fate::Enters(_)));
        }
        for _ in 0..WAITING {
            assert!(matches!(come(&mut door, 1), Fate::Waits));
        }
        assert!(matches!(come(&mut door, 1), Fate::Closed));
        assert!(matches!(come(&mut door, 2), Fate::Enters(_)), "another process is let in at once");
        assert!(door.by_and_by(now).is_empty());
        assert_eq!(door.by_and_by(now + Duration::from_millis(50)).len(), 2);
        assert_eq!((waits(&door, 1), door.waiting), (WAITING - 2, WAITING - 2));
        // Nobody has hung up: all are still there.
        door.tidy();
        assert_eq!(door.waiting, WAITING - 2);
        drop(others);
        door.tidy();
        assert_eq!((waits(&door, 1), door.waiting), (0, 0), "those that have gone are let go of");
        assert!(door.by_and_by(now + Duration::from_secs(60)).is_empty() && door.callers.is_empty());
    }

    #[test]
    fn many_processes_that_come_too_often_share_a_rate_and_a_room() {
        let now = Instant::now();
        let mut door = Door::new(300, now);
        for process in 0..50 {
            for _ in 0..BURST as usize + 10 {
                let _ = door.take(line(), process, now);
            }
        }
        assert_eq!(door.waiting, 300, "no more than there is room for");
        let mut let_in = Vec::new();
        for look in 1..=100 {
            let_in.extend(door.by_and_by(now + look * LOOK).into_iter().map(|(_, process)| process));
        }
        assert!(let_in.len() as f64 <= ALL_RATE * 100.0 * LOOK.as_secs_f64() + 1.0, "{}", let_in.len());
        assert!(let_in.len() >= 290, "{}", let_in.len());
    }
}
