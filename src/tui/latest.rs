//! The newest state, between whoever brings it and a screen that may be slow: what was not taken yet is replaced, so that a
//! screen that stops (Ctrl-S, a connection that hangs) costs one state and not all that came since.

use super::Incoming;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// At most one state and one piece of news about the line, in the order in which they came.
type Slot = Arc<Mutex<Vec<Incoming>>>;

/// The run that the screen looks at closely, by its number in the store, and how often it has been another one.
type Chosen = Arc<Mutex<(u64, Option<u32>)>>;

/// The side that brings states.
#[derive(Debug, Clone)]
pub struct Feed {
    slot: Slot,
    bell: Sender<()>,
    chosen: Chosen,
    chosen_bell: Receiver<()>,
}

/// The side that shows them.
#[derive(Debug)]
pub struct Latest {
    slot: Slot,
    bell: Receiver<()>,
    chosen: Chosen,
    chosen_bell: Sender<()>,
}

/// Nobody looks any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Both sides.
#[must_use]
pub fn latest() -> (Feed, Latest) {
    let (ring, bell) = bounded(1);
    let (chosen_ring, chosen_bell) = bounded(1);
    let (slot, chosen) = (Slot::default(), Chosen::default());
    let feed = Feed { slot: Arc::clone(&slot), bell: ring, chosen: Arc::clone(&chosen), chosen_bell };
    (feed, Latest { slot, bell, chosen, chosen_bell: chosen_ring })
}

impl Feed {
    /// Replaces what was not taken yet. Never waits.
    ///
    /// # Errors
    /// Where the other side is gone.
    pub fn put(&self, incoming: Incoming) -> Result<(), Gone> {
        {
            let mut slot = lock(&self.slot);
            let state = |one: &Incoming| matches!(one, Incoming::Snapshot(_));
            slot.retain(|one| state(one) != state(&incoming));
            slot.push(incoming);
        }
        match self.bell.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => Ok(()),
            Err(TrySendError::Disconnected(())) => Err(Gone),
        }
    }
}

impl Feed {
    /// Rings when the screen looks at another run, and is closed when the screen is gone.
    #[must_use]
    pub fn chosen_bell(&self) -> &Receiver<()> {
        &self.chosen_bell
    }

    /// The run that the screen looks at, and how often it has been another one.
    #[must_use]
    pub fn chosen(&self) -> (u64, Option<u32>) {
        *lock(&self.chosen)
    }
}

impl Latest {
    /// Says which run the screen looks at closely. Costs nothing where it is the same one.
    pub fn choose(&self, run: Option<u32>) {
        let mut chosen = lock(&self.chosen);
        if chosen.1 != run {
            *chosen = (chosen.0 + 1, run);
            // Where it is full it rings already; where nobody listens, nobody brings more of a run than of the others.
            let _ = self.chosen_bell.try_send(());
        }
    }

    /// Rings when there is something to take, and is closed when the other side is gone.
    #[must_use]
    pub fn bell(&self) -> &Receiver<()> {
        &self.bell
    }

    /// What has come, the oldest first.
    #[must_use]
    pub fn take(&self) -> Option<Incoming> {
        let mut slot = lock(&self.slot);
        (!slot.is_empty()).then(|| slot.remove(0))
    }
}

fn lock<T>(slot: &Mutex<T>) -> MutexGuard<'_, T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    fn seen(latest: &Latest) -> Vec<String> {
        let name = |one| match one {
            Incoming::Snapshot(snapshot) => snapshot.seq.to_string(),
            Incoming::Lost(why) => why,
            Incoming::Back => "back".to_owned(),
        };
        std::iter::from_fn(|| latest.take()).map(name).collect()
    }

    #[test]
    fn a_screen_that_does_not_look_finds_the_newest_state_and_the_newest_news_in_their_order() {
        let (feed, latest) = latest();
        let mut snapshot = fixture::sweep();
        let mut put = |seq| {
            snapshot.seq = seq;
            feed.put(Incoming::Snapshot(Arc::new(snapshot.clone()))).unwrap();
        };
        (1..=1_000).for_each(&mut put);
        assert_eq!(lock(&latest.slot).len(), 1, "one is kept");
        assert_eq!(seen(&latest), ["1000"]);
        put(1_001);
        feed.put(Incoming::Lost("lost".to_owned())).unwrap();
        assert_eq!(seen(&latest), ["1001", "lost"]);
        feed.put(Incoming::Lost("lost".to_owned())).unwrap();
        feed.put(Incoming::Back).unwrap();
        put(1_002);
        assert_eq!(seen(&latest), ["back", "1002"]);
        assert_eq!(latest.bell().try_iter().count(), 1);
        drop(latest);
        assert_eq!(feed.put(Incoming::Back), Err(Gone));
    }

    #[test]
    fn the_run_that_the_screen_looks_at_is_told_once_each_time() {
        let (feed, latest) = latest();
        latest.choose(None);
        assert_eq!((feed.chosen(), feed.chosen_bell().len()), ((0, None), 0), "nothing has changed");
        latest.choose(Some(3));
        latest.choose(Some(4));
        latest.choose(Some(4));
        assert_eq!(feed.chosen_bell().try_iter().count(), 1);
        assert_eq!(feed.chosen(), (2, Some(4)));
        drop(latest);
        assert!(feed.chosen_bell().recv().is_err(), "closed");
    }

    #[test]
    fn what_was_brought_last_is_there_when_the_bringer_is_gone() {
        let (feed, latest) = latest();
        feed.put(Incoming::Back).unwrap();
        drop(feed);
        assert_eq!(latest.bell().recv(), Ok(()));
        assert_eq!(seen(&latest), ["back"]);
        assert!(latest.bell().recv().is_err(), "closed");
    }
}
