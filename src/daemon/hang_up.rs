//! Detection of clients that disconnect while they wait for an answer.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Milliseconds between two looks at a client's socket. The question is asked at every step of a fit, by every thread of it.
const LOOK: u64 = 100;

/// A client's end of the line, as seen while its answer is worked out.
pub struct HangUp {
    stream: UnixStream,
    began: Instant,
    /// Milliseconds after `began` at which the socket is looked at again.
    next: AtomicU64,
    gone: AtomicBool,
}

impl HangUp {
    /// The line of a client.
    ///
    /// # Errors
    /// Where the process has no descriptors left.
    pub fn of(stream: &UnixStream) -> std::io::Result<Self> {
        let stream = stream.try_clone()?;
        Ok(Self { stream, began: Instant::now(), next: AtomicU64::new(0), gone: AtomicBool::new(false) })
    }

    /// Whether the client has hung up. One that has only said that it will ask nothing more (a half-closed socket) still
    /// waits. Once it is gone it stays so.
    pub fn is_gone(&self) -> bool {
        if self.gone.load(Ordering::Relaxed) {
            return true;
        }
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.next.load(Ordering::Relaxed);
        // One of the threads that ask looks.
        let mine =
            now >= due && self.next.compare_exchange(due, now + LOOK, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine && self.has_hung_up() {
            self.gone.store(true, Ordering::Relaxed);
        }
        self.gone.load(Ordering::Relaxed)
    }

    fn has_hung_up(&self) -> bool {
        // Asked for nothing, the kernel tells of the end of the line alone.
        let mut ends = [PollFd::new(&self.stream, PollFlags::empty())];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut ends, Some(&now)).is_ok() && ends[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Shutdown;
    use std::time::Duration;

    #[test]
    fn a_client_that_has_hung_up_is_gone_and_one_that_only_listens_is_not() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let line = HangUp::of(&ours).unwrap();
        assert!(!line.is_gone());
        theirs.shutdown(Shutdown::Write).unwrap();
        std::thread::sleep(Duration::from_millis(2 * LOOK));
        assert!(!line.is_gone(), "it waits for its answer");
        drop(theirs);
        std::thread::sleep(Duration::from_millis(2 * LOOK));
        assert!(line.is_gone());
        assert!(line.is_gone());
    }
}
