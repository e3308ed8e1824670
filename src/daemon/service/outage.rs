//! A store that cannot be written (a full disk, a quota, one that was mounted read-only, a failing one): what is known is
//! served as it is, the user is told, and the store is opened again when there is room. Nothing is lost and nothing doubled
//! by that: points and the place up to which a file was read are stored together, so that the logs are read on from what
//! the disk has.

use super::super::NO_ROOM;
use super::super::event::Event;
use super::super::rewriter::copy_apart;
use super::Worker;
use crate::store::{Opened, SledStore, StoreError};
use crate::vocab::{Notice, Severity};
use crossbeam_channel::RecvTimeoutError;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

/// The first and the longest pause between two attempts.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// A store that was of use for so long is tried again at once when it fails.
const USEFUL: Duration = Duration::from_secs(60);
/// What must be free before the store is opened again: sled takes its files in halves of a megabyte.
const ROOM: usize = 1 << 20;
/// How long whoever reads the old store is waited for.
const READERS: Duration = Duration::from_secs(5);

/// What to do where a store is damaged again as soon as it was made anew.
const DISK: &str =
    "the disk may be failing: look at its health, or set MIXLAW_STATE to a directory on another local disk";

/// How long to wait before the next attempt.
pub struct Patience {
    pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { pause: SHORTEST }
    }
}

impl Patience {
    /// Takes note of how long the store was of use.
    pub fn worked_for(&mut self, time: Duration) {
        if time >= USEFUL {
            self.pause = SHORTEST;
        }
    }

    /// Whether the last attempt is long ago.
    fn is_fresh(&self) -> bool {
        self.pause == SHORTEST
    }

    /// The pause, twice as long each time.
    fn next(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (2 * pause).min(LONGEST);
        pause
    }
}

/// The store in a directory, or, where the disk says no, a temporary one in memory and why.
///
/// # Errors
/// Where another process has it, or memory cannot be had either.
pub fn open(directory: &Path) -> Result<(Arc<SledStore>, Opened, Option<StoreError>), StoreError> {
    match SledStore::open(directory) {
        Ok((store, opened)) => {
            store.rewritten_by(Box::new(copy_apart));
            Ok((store, opened, None))
        }
        Err(error @ StoreError::Io { .. }) => Ok((SledStore::temporary()?, Opened::New, Some(error))),
        Err(error) => Err(error),
    }
}

/// What is said while a temporary store stands in.
#[must_use]
pub fn nothing_is_kept(error: &StoreError) -> Notice {
    let text = format!("{error}; logs are read into memory, and nothing is saved");
    Notice { severity: Severity::Error, text, help: Some(NO_ROOM.to_owned()) }
}

fn nothing_new(error: &StoreError, pause: Duration) -> Notice {
    let text =
        format!("{error}; no new data is read, and the displayed data is stale; next attempt in {} s", pause.as_secs());
    let help = match error {
        StoreError::Damaged(_) => DISK.to_owned(),
        _ => NO_ROOM.to_owned(),
    };
    Notice { severity: Severity::Error, text, help: Some(help) }
}

impl Worker {
    /// Serves what is known until the store can be used again. `false` where it was told to stop before.
    pub(super) fn wait_out(&mut self, error: StoreError, patience: &mut Patience) -> bool {
        let mut error = error;
        // A damaged store is made anew from the logs at once; one that is damaged again and again (a bad disk), with pauses.
        if matches!(error, StoreError::Damaged(_)) && patience.is_fresh() {
            patience.next();
            tracing::warn!(%error, "the store is moved aside, and the logs are read again");
            match self.reopen(&error) {
                Ok(()) => return true,
                Err(again @ StoreError::Io { .. }) => error = again,
                Err(_) => {}
            }
        }
        loop {
            let pause = patience.next();
            self.publish(Some(nothing_new(&error, pause)));
            let until = Instant::now() + pause;
            loop {
                match self.inbox.recv_deadline(until) {
                    Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
                    Ok(Event::Dismiss(ids, reply)) => {
                        // It is written down with the rest once there is room.
                        let done = self.engine.dismiss(&ids, SystemTime::now());
                        if let Some(reply) = reply {
                            let _ = reply.send(done.map_err(Into::into));
                        }
                        self.publish(Some(nothing_new(&error, pause)));
                    }
                    Ok(Event::Label(labels, reply)) => {
                        let done = self.engine.label(labels, SystemTime::now());
                        if let Some(reply) = reply {
                            let _ = reply.send(done.map(|()| Vec::new()).map_err(Into::into));
                        }
                        self.publish(Some(nothing_new(&error, pause)));
                    }
                    // Everything is looked at afterwards, and the rows are fitted again.
                    Ok(Event::Fitted(_)) => self.around.refitting = false,
                    Ok(_) => {}
                    Err(RecvTimeoutError::Timeout) => break,
                }
            }
            if self.is_evicted() {
                return false;
            }
            match self.reopen(&error) {
                Ok(()) => return true,
                // Somebody still reads the damaged one.
                Err(StoreError::Busy { .. }) if matches!(error, StoreError::Damaged(_)) => {}
                Err(again) => error = again,
            }
        }
    }

    /// Looks whether what could not be opened can be by now. Returns whether it is.
    pub(super) fn come_ashore(&mut self) -> bool {
        let Some(why) = self.adrift.clone() else { return false };
        match self.reopen(&why) {
            Ok(()) => true,
            Err(error) => {
                // What a stand-in is given is not what is missing on disk.
                self.away = false;
                self.adrift = Some(error);
                false
            }
        }
    }

    /// Opens the store anew. sled gives up for good at the first write that fails, so that it must be let go of first, and
    /// nobody may hold it: its readers are waited for, and new ones wait for the next state. One that is damaged is moved
    /// aside.
    fn reopen(&mut self, why: &StoreError) -> Result<(), StoreError> {
        probe(&self.directory)?;
        let stand_in = SledStore::temporary()?;
        self.publisher.withdraw();
        self.away = true;
        let old = Arc::downgrade(self.engine.store());
        self.engine.move_to(stand_in, &Opened::New)?;
        let busy = || StoreError::Busy { path: self.directory.clone() };
        gone(&old).then_some(()).ok_or_else(busy)?;
        let (store, opened) = match why {
            StoreError::Damaged(_) => SledStore::open_anew(&self.directory)?,
            _ => SledStore::open(&self.directory)?,
        };
        store.rewritten_by(Box::new(copy_apart));
        self.engine.move_to(store, &opened)?;
        (self.adrift, self.away) = (None, false);
        Ok(())
    }
}

fn gone(old: &Weak<SledStore>) -> bool {
    let until = Instant::now() + READERS;
    while old.strong_count() > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    old.strong_count() == 0
}

/// Whether there is room: a file as long as sled's next piece is written, and deleted again.
fn probe(directory: &Path) -> Result<(), StoreError> {
    let path = directory.join("room");
    let tried = std::fs::create_dir_all(directory).and_then(|()| {
        let file = std::fs::File::create(&path)?;
        std::io::Write::write_all(&mut &file, &vec![0xaa; ROOM])?;
        file.sync_all()
    });
    let _ = std::fs::remove_file(&path);
    tried.map_err(|e| StoreError::io(directory, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_are_twice_as_far_apart_each_time_up_to_a_minute() {
        let mut patience = Patience::default();
        let pauses: Vec<u64> = (0..8).map(|_| patience.next().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        patience.worked_for(Duration::from_secs(5));
        assert_eq!(patience.next().as_secs(), 60, "it was of no use");
        patience.worked_for(USEFUL);
        assert_eq!(patience.next().as_secs(), 1);
    }
}
