//! The newest state, between whoever brings it and a screen that may be slow: what was not taken yet is replaced, so that a
//! screen that stops (Ctrl-S, a connection that hangs) costs one state and not all that came since.

use super::Incoming;
use super::question::Asked;
use crate::ipc::protocol::PredictQuery;
use crate::ipc::series::SeriesQuery;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// At most one state, one set of curves, one prediction and one piece of news about the line, in the order in which they came.
type Slot = Arc<Mutex<Vec<Incoming>>>;

/// Something that the screen wants, and how often it has been something else.
type Wanted<T> = Arc<Mutex<(u64, Option<T>)>>;

/// The side that brings states.
#[derive(Debug, Clone)]
pub struct Feed {
    slot: Slot,
    bell: Sender<()>,
    /// The run that the screen looks at closely, by its number in the store.
    pub chosen: Wish<u32>,
    /// The curves that it draws.
    pub curves: Wish<SeriesQuery>,
    /// The place whose losses it shows, and a number that differs with other fits.
    pub place: Wish<(PredictQuery, u64)>,
    /// What it asks beside, and a number that differs where the answers may.
    pub questions: Wish<Asked>,
    /// Names of metrics that it wants of every run.
    pub names: Wish<Vec<String>>,
}

/// What the screen wants, for those who bring it.
#[derive(Debug, Clone)]
pub struct Wish<T> {
    wanted: Wanted<T>,
    bell: Receiver<()>,
}

/// The same, for the screen.
#[derive(Debug)]
struct Wisher<T> {
    wanted: Wanted<T>,
    bell: Sender<()>,
}

/// The side that shows them.
#[derive(Debug)]
pub struct Latest {
    slot: Slot,
    bell: Receiver<()>,
    chosen: Wisher<u32>,
    curves: Wisher<SeriesQuery>,
    place: Wisher<(PredictQuery, u64)>,
    questions: Wisher<Asked>,
    names: Wisher<Vec<String>>,
}

/// Nobody looks any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Both sides.
#[must_use]
pub fn latest() -> (Feed, Latest) {
    let (ring, bell) = bounded(1);
    let (chosen, wished_run) = wish();
    let (curves, wished_curves) = wish();
    let (place, wished_place) = wish();
    let (questions, wished_questions) = wish();
    let (names, wished_names) = wish();
    let slot = Slot::default();
    let feed = Feed { slot: Arc::clone(&slot), bell: ring, chosen, curves, place, questions, names };
    let wishes = (wished_run, wished_curves, wished_place, wished_questions, wished_names);
    (
        feed,
        Latest {
            slot,
            bell,
            chosen: wishes.0,
            curves: wishes.1,
            place: wishes.2,
            questions: wishes.3,
            names: wishes.4,
        },
    )
}

fn wish<T>() -> (Wish<T>, Wisher<T>) {
    let (ring, bell) = bounded(1);
    let wanted = Wanted::default();
    (Wish { wanted: Arc::clone(&wanted), bell }, Wisher { wanted, bell: ring })
}

impl<T: Clone> Wish<T> {
    /// Rings when the screen wants something else, and is closed when the screen is gone.
    #[must_use]
    pub fn bell(&self) -> &Receiver<()> {
        &self.bell
    }

    /// What the screen wants, and how often it has been something else.
    #[must_use]
    pub fn wanted(&self) -> (u64, Option<T>) {
        lock(&self.wanted).clone()
    }

    /// Whether it is still what it was then.
    #[must_use]
    pub fn is(&self, turn: u64) -> bool {
        lock(&self.wanted).0 == turn
    }
}

impl<T: PartialEq> Wisher<T> {
    fn want(&self, what: Option<T>) {
        let mut wanted = lock(&self.wanted);
        if wanted.1 != what {
            *wanted = (wanted.0 + 1, what);
            // Where it is full it rings already; where nobody listens, nobody brings it.
            let _ = self.bell.try_send(());
        }
    }
}

impl Feed {
    /// Replaces what was not taken yet. Never waits.
    ///
    /// # Errors
    /// Where the other side is gone.
    pub fn put(&self, incoming: Incoming) -> Result<(), Gone> {
        {
            let mut slot = lock(&self.slot);
            let kind = |one: &Incoming| match one {
                Incoming::Snapshot(_) => 0,
                Incoming::Curves(_) => 1,
                Incoming::Lost(_) | Incoming::Back => 2,
                Incoming::Prediction(_) => 3,
                Incoming::Answers(_) => 4,
            };
            slot.retain(|one| kind(one) != kind(&incoming));
            slot.push(incoming);
        }
        match self.bell.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => Ok(()),
            Err(TrySendError::Disconnected(())) => Err(Gone),
        }
    }
}

impl Latest {
    /// Says which run the screen looks at closely. Costs nothing where it is the same one.
    pub fn choose(&self, run: Option<u32>) {
        self.chosen.want(run);
    }

    /// Says which curves the screen draws. Costs nothing where they are the same.
    pub fn ask_for(&self, curves: Option<SeriesQuery>) {
        self.curves.want(curves);
    }

    /// Says which place the screen shows the losses of, by which fits. Costs nothing where both are the same.
    pub fn ask_about(&self, place: Option<PredictQuery>, fits: u64) {
        self.place.want(place.map(|place| (place, fits)));
    }

    /// Says which metrics the screen wants of every run, by their names. Costs nothing where they are the same.
    pub fn name(&self, names: Vec<String>) {
        self.names.want(Some(names).filter(|names| !names.is_empty()));
    }

    /// Says what the screen asks. Costs nothing where it is the same.
    pub fn ask(&self, questions: Option<Asked>) {
        self.questions.want(questions);
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
            Incoming::Curves(set) => set.query.metrics.concat(),
            Incoming::Prediction(_) => "prediction".to_owned(),
            Incoming::Answers(_) => "answers".to_owned(),
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
        assert_eq!((feed.chosen.wanted(), feed.chosen.bell().len()), ((0, None), 0), "nothing has changed");
        latest.choose(Some(3));
        latest.choose(Some(4));
        latest.choose(Some(4));
        assert_eq!(feed.chosen.bell().try_iter().count(), 1);
        assert_eq!(feed.chosen.wanted(), (2, Some(4)));
        drop(latest);
        assert!(feed.chosen.bell().recv().is_err(), "closed");
    }

    #[test]
    fn a_place_is_asked_about_again_by_other_fits() {
        let (feed, latest) = latest();
        latest.ask_about(Some(PredictQuery::default()), 1);
        latest.ask_about(Some(PredictQuery::default()), 1);
        assert_eq!(feed.place.wanted().0, 1);
        latest.ask_about(Some(PredictQuery::default()), 2);
        assert_eq!((feed.place.wanted().0, feed.place.bell().len()), (2, 1));
        latest.ask_about(None, 2);
        assert_eq!(feed.place.wanted(), (3, None));
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
