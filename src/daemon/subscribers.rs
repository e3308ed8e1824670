//! Subscribers: one thread each, which waits for published states and sends the changes.

use super::hang_up::HangUp;
use super::publisher::Publisher;
use super::subscribed_curves::SubscribedCurves;
use crate::ipc::feed::Feed;
use crate::ipc::frame;
use crate::ipc::protocol::{Failure, Response};
use crate::ipc::topic::Subscription;
use std::collections::HashMap;
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Subscriptions at a time: fewer than clients, so that there is always room for a question.
pub const MOST: usize = 48;
/// Subscriptions of one process at a time; a dashboard has up to four.
pub const MOST_OF_ONE: usize = 24;
/// Places that are kept for processes that have few subscriptions, and how many these are: whatever a few processes take, a
/// dashboard that is opened finds room.
const KEPT: usize = 8;
const FEW: usize = 4;
/// A subscriber hears at least so often that the daemon is there.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// How often it is looked whether it has left: a dashboard subscribes anew with every run that its user looks at.
const LOOK: Duration = Duration::from_millis(250);
/// How long a change may take to be read.
const PATIENCE: Duration = Duration::from_secs(10);
/// The least time between two changes, whatever is asked for, and the most.
const PACE: (u32, u32) = (10, 60_000);

/// How many each process has.
#[derive(Debug, Default)]
pub struct Seats(Mutex<HashMap<i32, usize>>);

/// One of them, given back when it is let go of.
struct Seat<'a> {
    seats: &'a Seats,
    process: i32,
}

impl Seats {
    fn lock(&self) -> MutexGuard<'_, HashMap<i32, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, process: i32) -> Option<Seat<'_>> {
        let mut counts = self.lock();
        let own = counts.get(&process).copied().unwrap_or(0);
        let most = if own < FEW { MOST } else { MOST - KEPT };
        if own >= MOST_OF_ONE || counts.values().sum::<usize>() >= most {
            return None;
        }
        *counts.entry(process).or_default() += 1;
        Some(Seat { seats: self, process })
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut counts = self.seats.lock();
        if let Some(count) = counts.get_mut(&self.process) {
            *count -= 1;
        }
        counts.retain(|_, count| *count > 0);
    }
}

/// Tells a client what is new until it leaves, does not read, or the daemon stops.
///
/// # Errors
/// Those of the line.
pub fn serve(
    wants: Subscription,
    mut stream: UnixStream,
    process: i32,
    publisher: &Publisher,
    seats: &Seats,
) -> Result<()> {
    let refuse = |stream: &mut UnixStream, failure: Failure| frame::write(stream, &Response::Failed(failure));
    let Some(_seat) = seats.take(process) else {
        let failure = Failure::new(
            format!("this daemon has {MOST} subscriptions, or {MOST_OF_ONE} of one process, the maximum"),
            "close one of the dashboards".to_owned(),
        );
        return refuse(&mut stream, failure);
    };
    if let Some((what, instead)) = wants.series.as_ref().and_then(|query| query.check().err()) {
        return refuse(&mut stream, Failure::usage(what, instead));
    }
    let every = Duration::from_millis(u64::from(wants.every_ms.clamp(PACE.0, PACE.1)));
    let mut curves = wants.series.clone().map(SubscribedCurves::new);
    let mut feed = Feed::new(wants);
    let line = HangUp::of(&stream)?;
    let mut spoke = Instant::now();
    while !line.is_gone() {
        let began = Instant::now();
        // Curves that could not be made in time are made when they may be, whether anything else happens or not.
        let behind = curves.as_ref().is_some_and(|curves| curves.behind);
        let published = match publisher.published(feed.generation(), if behind { every } else { LOOK }) {
            None if behind => publisher.published(None, Duration::ZERO),
            published => published,
        };
        if publisher.closed() {
            return send(&mut stream, &Response::Stopping, PATIENCE);
        }
        let news = published.and_then(|published| {
            let series = curves.as_mut().and_then(|curves| curves.news(publisher, &published));
            feed.tell(&published, series)
        });
        let quiet = spoke.elapsed() >= KEEPALIVE;
        if let Some(change) = news.or_else(|| quiet.then(|| feed.pulse()).flatten()) {
            send(&mut stream, &Response::Change(Box::new(change)), PATIENCE)?;
            spoke = Instant::now();
        }
        std::thread::sleep(every.saturating_sub(began.elapsed()));
    }
    Ok(())
}

/// Writes a frame, all of it within `patience`: a client that reads a byte now and then must not hold a thread.
fn send(stream: &mut UnixStream, response: &Response, patience: Duration) -> Result<()> {
    let mut bytes = Vec::new();
    frame::write(&mut bytes, response)?;
    let until = Instant::now() + patience;
    let mut left = bytes.as_slice();
    while !left.is_empty() {
        let time = until.saturating_duration_since(Instant::now());
        if time.is_zero() {
            return Err(Error::new(ErrorKind::TimedOut, "the subscriber does not read"));
        }
        stream.set_write_timeout(Some(time))?;
        match stream.write(left) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(n) => left = &left[n..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// More than any socket buffers.
    fn long() -> Response {
        Response::Chunk("x".repeat(8 << 20))
    }

    #[test]
    fn a_client_that_does_not_read_is_given_up_on_in_time() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let began = Instant::now();
        assert!(send(&mut ours, &long(), Duration::from_millis(200)).is_err());
        assert!(began.elapsed() < Duration::from_secs(5));
        drop(theirs);
    }

    #[test]
    fn a_client_that_reads_a_byte_now_and_then_is_too() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let reader = std::thread::spawn(move || {
            let mut byte = [0; 1];
            // What is buffered would take an hour at this pace.
            for _ in 0..100 {
                let _ = theirs.read(&mut byte);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let began = Instant::now();
        assert!(send(&mut ours, &long(), Duration::from_millis(300)).is_err());
        assert!(began.elapsed() < Duration::from_secs(5));
        drop(ours);
        drop(reader);
    }

    #[test]
    fn places_are_bounded_and_given_back() {
        let seats = Seats::default();
        let taken: Vec<_> = (0..MOST).map(|n| seats.take((n / FEW) as i32)).collect();
        assert!(taken.iter().all(Option::is_some));
        assert!(seats.take(99).is_none() && seats.take(0).is_none());
        drop(taken);
        assert!(seats.take(0).is_some() && seats.lock().is_empty());
    }

    #[test]
    fn no_process_takes_all_and_a_dashboard_finds_room_beside_greedy_ones() {
        let seats = Seats::default();
        let mut taken: Vec<_> = (0..3 * MOST).map_while(|_| seats.take(1)).collect();
        assert_eq!(taken.len(), MOST_OF_ONE);
        taken.extend((0..3 * MOST).filter_map(|n| seats.take(2 + n as i32 % 2)));
        assert!(taken.len() < MOST, "{}", taken.len());
        let dashboard: Vec<_> = (0..FEW).map(|_| seats.take(9)).collect();
        assert!(dashboard.iter().all(Option::is_some), "{} were taken", taken.len());
    }
}
