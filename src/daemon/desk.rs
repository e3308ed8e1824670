//! Desk: who is connected to the socket, how many may be, and who has to leave where there are too many.
//!
//! Each connection is a thread, so that their number is bounded: in all, and of one process. Where there is one too many,
//! one of the process goes that has the most that are silent, the one that has been for longest: one that has not greeted, or one that
//! waits with nothing asked. So however many connect and say nothing, whoever greets and asks is answered. Where all are busy,
//! there is still room for processes that have few. Threads of a process's further connections give way to all others.

use crate::ipc::protocol::Failure;
use std::collections::HashMap;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Connections at a time.
pub const MOST: usize = 160;
/// Connections of one process at a time: others always find room.
pub const MOST_OF_ONE: usize = 96;
/// Connections beyond [`MOST`] that are kept for processes with few, and how many these are.
const KEPT: usize = 32;
const FEW: usize = 4;

/// Everybody who is connected.
#[derive(Debug, Default)]
pub struct Desk {
    seats: Mutex<Seats>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Seats {
    all: HashMap<u64, Seat>,
    next: u64,
}

#[derive(Debug)]
struct Seat {
    process: i32,
    stream: UnixStream,
    doing: Doing,
    since: Instant,
}

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It has not greeted, or has asked nothing since the last answer.
    Waiting,
    /// It is being answered.
    Asking,
    /// It gets what is new.
    Subscribed,
    /// It was told to leave.
    Leaving,
}

/// One of the connections; its place is free when this is let go of.
#[derive(Debug)]
pub struct Place {
    desk: Arc<Desk>,
    number: u64,
    /// Whether its process has more than a few.
    pub of_many: bool,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection of a process in. Where there are too many, the one that has been silent for longest has to leave.
    ///
    /// # Errors
    /// What to tell the client where nobody can leave: all are being answered or subscribed.
    pub fn seat(self: &Arc<Self>, process: i32, stream: UnixStream) -> Result<Place, Failure> {
        let mut seats = self.lock();
        let of_one = |seats: &Seats, who: i32| seats.here().filter(|seat| seat.process == who).count();
        let own = of_one(&seats, process);
        if own >= MOST_OF_ONE {
            seats.send_away(|seat| seat.process == process).ok_or_else(|| {
                Failure::new(
                    format!("process {process} has {own} connections to this daemon, the maximum of one process"),
                    "close some of them".to_owned(),
                )
            })?;
        } else if seats.here().count() >= MOST {
            let room = (own < FEW && seats.here().count() < MOST + KEPT).then_some(());
            seats.send_away(|_| true).or(room).ok_or_else(|| {
                Failure::new(
                    format!("{MOST} clients are connected to this daemon and busy, the maximum"),
                    "try again in a moment, or close a dashboard".to_owned(),
                )
            })?;
        }
        let number = seats.next;
        seats.next += 1;
        seats.all.insert(number, Seat { process, stream, doing: Doing::Waiting, since: Instant::now() });
        Ok(Place { desk: Arc::clone(self), number, of_many: own >= FEW })
    }

    /// How many are connected, and not told to leave.
    #[cfg(test)]
    fn count(&self) -> usize {
        self.lock().here().count()
    }

    /// Hangs up on everybody who waits, and waits until those that are told something have been, up to `patience`.
    pub fn close(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut seats = self.lock();
        while seats.send_away(|_| true).is_some() {}
        while seats.here().count() > 0 && Instant::now() < until {
            let left = until.saturating_duration_since(Instant::now());
            seats = self.left.wait_timeout(seats, left).unwrap_or_else(PoisonError::into_inner).0;
            while seats.send_away(|_| true).is_some() {}
        }
    }
}

impl Seats {
    fn here(&self) -> impl Iterator<Item = &Seat> {
        self.all.values().filter(|seat| seat.doing != Doing::Leaving)
    }

    /// Hangs up on one that waits, of those that `may` leave: of the process of which the most wait, the one that has for
    /// longest.
    fn send_away(&mut self, may: impl Fn(&Seat) -> bool) -> Option<()> {
        let waits = |seat: &Seat| seat.doing == Doing::Waiting && may(seat);
        let mut of_each: HashMap<i32, usize> = HashMap::new();
        for seat in self.all.values().filter(|seat| waits(seat)) {
            *of_each.entry(seat.process).or_default() += 1;
        }
        let most = of_each.values().copied().max()?;
        let waiting = self.all.values_mut().filter(|seat| waits(seat) && of_each[&seat.process] == most);
        let longest = waiting.min_by_key(|seat| seat.since)?;
        longest.doing = Doing::Leaving;
        // Its thread finds that the line has ended.
        let _ = longest.stream.shutdown(Shutdown::Both);
        Some(())
    }
}

impl Place {
    /// Says what the client does now. `false` where it was told to leave.
    #[must_use]
    pub fn now(&self, doing: Doing) -> bool {
        let mut seats = self.desk.lock();
        let Some(seat) = seats.all.get_mut(&self.number).filter(|seat| seat.doing != Doing::Leaving) else {
            return false;
        };
        (seat.doing, seat.since) = (doing, Instant::now());
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.desk.lock().all.remove(&self.number);
        self.desk.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn client() -> (UnixStream, UnixStream) {
        UnixStream::pair().unwrap()
    }

    #[test]
    fn the_one_that_was_silent_for_longest_leaves_and_nobody_who_is_served() {
        let desk = Arc::new(Desk::default());
        let mut far = Vec::new();
        let mut places = Vec::new();
        for n in 0..MOST_OF_ONE {
            let (ours, theirs) = client();
            let place = desk.seat(1, ours).unwrap();
            // The first two are served.
            assert!(n >= 2 || place.now(if n == 0 { Doing::Asking } else { Doing::Subscribed }));
            places.push(place);
            far.push(theirs);
        }
        let one_more = desk.seat(1, client().0).unwrap();
        assert!(places[0].now(Doing::Asking) && places[1].now(Doing::Subscribed), "who is served stays");
        assert!(!places[2].now(Doing::Asking), "who was silent for longest is gone");
        assert_eq!(far[2].read(&mut [0]).unwrap(), 0, "and finds the line closed");
        assert_eq!(desk.count(), MOST_OF_ONE);
        let of_many: Vec<bool> = places.iter().map(|place| place.of_many).collect();
        assert_eq!(of_many.iter().position(|many| *many), Some(FEW), "threads of the first few do not give way");
        assert!(of_many[FEW..].iter().all(|many| *many));
        // Those of other processes find room.
        let others: Vec<Place> = (MOST_OF_ONE..MOST).map(|n| desk.seat(n as i32, client().0).unwrap()).collect();
        assert_eq!(desk.count(), MOST);
        let busy = |place: &Place| assert!(place.now(Doing::Asking));
        places.iter().filter(|place| place.number != 2).for_each(busy);
        others.iter().chain([&one_more]).for_each(busy);
        // Whoever has few finds room all the same.
        let few: Vec<Place> = (0..KEPT)
            .map(|n| {
                let place = desk.seat((1000 + n / FEW) as i32, client().0).unwrap();
                busy(&place);
                place
            })
            .collect();
        let refused = desk.seat(7, client().0).unwrap_err();
        assert!(refused.message.contains("160 clients"), "{refused}");
        assert!(desk.seat(1, client().0).unwrap_err().message.contains("process 1 has 96"));
        drop((others, few));
        assert!(desk.seat(7, client().0).is_ok());
    }

    #[test]
    fn of_those_that_wait_one_of_the_process_with_the_most_leaves() {
        let desk = Arc::new(Desk::default());
        let honest = desk.seat(9, client().0).unwrap();
        let crowds: Vec<Place> = (1..MOST).map(|n| desk.seat((n / 50) as i32, client().0).unwrap()).collect();
        let one_more = desk.seat(10, client().0).unwrap();
        assert!(honest.now(Doing::Asking) && one_more.now(Doing::Asking), "it has waited for longest, and has one");
        assert_eq!(crowds.iter().filter(|place| !place.now(Doing::Asking)).count(), 1);
    }

    #[test]
    fn closing_waits_for_those_that_are_served_but_not_for_ever() {
        let desk = Arc::new(Desk::default());
        let (ours, mut theirs) = client();
        let _waiting = desk.seat(1, ours).unwrap();
        let told = desk.seat(2, client().0).unwrap();
        assert!(told.now(Doing::Subscribed));
        let began = Instant::now();
        let leaves = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(told);
        });
        desk.close(Duration::from_secs(20));
        assert!((Duration::from_millis(90)..Duration::from_secs(10)).contains(&began.elapsed()));
        assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
        leaves.join().unwrap();
        let stays = desk.seat(3, client().0).unwrap();
        assert!(stays.now(Doing::Asking));
        desk.close(Duration::from_millis(50));
    }
}
