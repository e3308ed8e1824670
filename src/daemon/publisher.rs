//! Publisher: the engine publishes the current state here, and all readers read it.

use super::loads::Kept;
use super::shared_ledger::SharedLedger;
use crate::advise::decisions::Decisions;
use crate::fit::choose::Candidates;
use crate::ingest::FileReport;
use crate::ipc::state::Published;
use crate::notifications::outbox::Outbox;
use crate::observe::{Observed, Records};
use crate::project::Project;
use crate::store::SledStore;
use crate::vocab::{AutoView, Snapshot};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Everything known at one instant; immutable (what was logged only grows), so that readers never wait for the engine
/// nor the engine for them.
#[derive(Clone)]
pub struct CurrentState {
    /// What was logged.
    pub store: Arc<SledStore>,
    /// What is shown.
    pub snapshot: Arc<Snapshot>,
    /// The project after assumptions.
    pub project: Arc<Project>,
    /// The runs as laws see them.
    pub records: Arc<Records>,
    /// The rows that the fits below were made from.
    pub observed: Arc<Observed>,
    /// Fits of each domain's loss, in the order of `project.domains`.
    pub fits: Arc<Vec<Candidates>>,
    /// Forecasts kept, and how they fared.
    pub ledger: SharedLedger,
    /// Which advice stands, and what was decided of it.
    pub decisions: Arc<Decisions>,
    /// Whether advice is applied without anybody asking, and why not now.
    pub auto: Option<AutoView>,
    /// What every file was recognised as.
    pub files: Arc<Vec<Arc<FileReport>>>,
    /// Messages to people that are not delivered yet, where people are told.
    pub outbox: Option<Arc<Outbox>>,
    /// Loads of experts, as far as somebody has asked for them.
    pub loads: Arc<Kept>,
}

/// The newest [`CurrentState`], the same in parts for subscribers, and whether there will be another.
pub struct Publisher {
    state: Mutex<State>,
    changed: Condvar,
    /// Tells this daemon from the one before it.
    instance: u64,
}

impl Default for Publisher {
    fn default() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let instance = u64::try_from(now.as_nanos()).unwrap_or_default() ^ u64::from(std::process::id());
        Self { state: Mutex::default(), changed: Condvar::new(), instance }
    }
}

#[derive(Default)]
struct State {
    current: Option<Arc<CurrentState>>,
    published: Option<Arc<Published>>,
    closed: bool,
}

impl Publisher {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A reader that panicked cannot have left the state half-written: it is replaced whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the state.
    pub fn publish(&self, current: CurrentState) {
        let before = self.lock().published.clone();
        let published = Published::after(before.as_deref(), &current.snapshot, self.instance);
        {
            let mut state = self.lock();
            (state.current, state.published) = (Some(Arc::new(current)), Some(Arc::new(published)));
        }
        self.changed.notify_all();
    }

    /// Takes the state away; whoever asks waits for the next one.
    pub fn withdraw(&self) {
        self.lock().current = None;
    }

    /// Says that no other state will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Whether no other state will come.
    #[must_use]
    pub fn closed(&self) -> bool {
        self.lock().closed
    }

    /// The newest state.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<CurrentState>> {
        self.lock().current.clone()
    }

    /// What is published, if it is newer than generation `after`, waiting up to `patience` for it.
    #[must_use]
    pub fn published(&self, after: Option<u64>, patience: Duration) -> Option<Arc<Published>> {
        let is_newer = |published: &Published| after.is_none_or(|generation| published.generation > generation);
        self.wait(patience, |state| state.published.as_ref().filter(|p| is_newer(p)).cloned())
    }

    /// The newest state if its snapshot is newer than `after`, waiting up to `patience` for one.
    #[must_use]
    pub fn newer(&self, after: Option<u64>, patience: Duration) -> Option<Arc<CurrentState>> {
        let is_newer = |current: &CurrentState| after.is_none_or(|seq| current.snapshot.seq > seq);
        self.wait(patience, |state| state.current.as_ref().filter(|current| is_newer(current)).cloned())
    }

    fn wait<T>(&self, patience: Duration, found: impl Fn(&State) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            if let Some(found) = found(&state) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.closed {
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
