//! Journal: writes down what no log can say again, and reads it at the start.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::journal_line::JournalLine;
use crate::daemon::shared::Shared;
use crate::store::{Journal, SledStore, StoreError};
use serde_json::Value;

/// See the [module](self).
#[derive(Default)]
pub struct JournalWriter {
    /// The store's journal; none where nothing is kept.
    journal: Option<Journal>,
    unwritten: Vec<JournalLine>,
}

impl JournalWriter {
    fn open(&mut self, store: &SledStore, out: &mut Outbox) -> Result<(), StoreError> {
        *self = Self { journal: store.journal()?, unwritten: Vec::new() };
        let lines = match &mut self.journal {
            Some(journal) => journal.read()?.0,
            None => Vec::new(),
        };
        let known = lines.into_iter().filter_map(|value| serde_json::from_value(value).ok());
        out.send(Event::JournalRead(known.collect()));
        Ok(())
    }

    /// Puts what is new on disk. Where there is none (a temporary store), it is let go. What could not be written is tried
    /// again the next time.
    fn save(&mut self) -> Result<(), StoreError> {
        if let Some(journal) = &mut self.journal {
            let values: Vec<Value> = self.unwritten.iter().filter_map(|l| serde_json::to_value(l).ok()).collect();
            journal.append_all(&values)?;
        }
        self.unwritten.clear();
        Ok(())
    }
}

impl Component for JournalWriter {
    fn name(&self) -> &'static str {
        "journal"
    }

    fn start(&mut self, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        self.open(&shared.store, out)
    }

    fn handle(&mut self, event: &Event, _: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::Note(line) => self.unwritten.push(line.clone()),
            Event::Save => self.save()?,
            // With a journal nothing is forgotten, and what could not be written yet will be. Where there was none, the
            // journal that there is now says what was known before.
            Event::StoreReplaced(store) if self.journal.is_none() => self.open(store, out)?,
            _ => {}
        }
        Ok(())
    }

    fn stop(&mut self, _: &Shared) -> Result<(), StoreError> {
        self.save()
    }
}
