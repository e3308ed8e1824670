//! Logs: reads from every source what is new.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::files::Files;
use crate::daemon::shared::Shared;
use crate::ingest::{FileReport, Look, Sources, Waker};
use crate::store::StoreError;
use crate::vocab::{Notice, WatchedRoot};
use std::sync::Arc;

/// See the [module](self).
pub struct Logs {
    sources: Sources,
    files: Files,
}

impl Logs {
    /// The sources of a project; nothing has been read.
    pub fn new(shared: &Shared) -> Self {
        Self { sources: sources(shared), files: Files::default() }
    }

    /// What is wrong with the sources at present.
    pub fn notices(&self) -> Vec<Notice> {
        self.sources.notices()
    }

    /// What cannot be read at present.
    pub fn unreadable(&self) -> Vec<Notice> {
        self.sources.unreadable()
    }

    /// What is followed besides directories.
    pub fn watching(&self) -> Vec<WatchedRoot> {
        self.sources.watching()
    }

    /// What every file was recognised as, and how many are followed.
    pub fn files(&mut self) -> (Arc<Vec<Arc<FileReport>>>, u64) {
        let sources = &self.sources;
        self.files.update(|| sources.files(None), |runs| sources.files(Some(runs)))
    }
}

fn sources(shared: &Shared) -> Sources {
    let waker = Arc::clone(&shared.waker);
    let wake = move || {
        if let Some(wake) = waker.get() {
            wake();
        }
    };
    Sources::of(&shared.written, &shared.store, &(Arc::new(wake) as Waker))
}

impl Component for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::Look(look) => {
                let turn = self.sources.turn(look, shared.budget)?;
                let all = *look == Look::Everything;
                self.files.read(&turn.changed);
                if all {
                    self.files.look_again();
                }
                let times = self.sources.last_writes((!all).then_some(&turn.changed));
                out.send(Event::Written { all, times });
                if shared.progress != turn.progress {
                    out.send(Event::Progress(turn.progress));
                }
                out.send(Event::PointsRead { runs: turn.changed, more: turn.more });
                if all && !turn.more {
                    out.send(Event::ForecastAgain);
                }
            }
            Event::AnswerOnce => self.sources.set_complete(true),
            Event::Edited(_) | Event::StoreReplaced(_) => {
                self.sources = sources(shared);
                self.files.look_again();
            }
            _ => {}
        }
        Ok(())
    }
}
