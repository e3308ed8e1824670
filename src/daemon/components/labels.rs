//! Labels: tags and notes that the user gave to runs. No log has them, so they are in the journal.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::journal_line::JournalLine;
use crate::daemon::shared::Shared;
use crate::store::StoreError;
use crate::vocab::Labels;
use std::collections::BTreeMap;

/// See the [module](self).
#[derive(Default)]
pub struct LabelKeeper {
    by_run: BTreeMap<String, Labels>,
}

impl LabelKeeper {
    /// What was said of a run last.
    pub fn of(&self, run: &str) -> Option<&Labels> {
        self.by_run.get(run)
    }

    fn take(&mut self, labels: &Labels) {
        self.by_run.insert(labels.run.clone(), labels.clone());
    }
}

impl Component for LabelKeeper {
    fn name(&self) -> &'static str {
        "labels"
    }

    fn handle(&mut self, event: &Event, _: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::Label(labels, _) => {
                self.take(labels);
                out.send(Event::Note(JournalLine::Labelled(labels.clone())));
                out.send(Event::Labelled);
                out.send(Event::Save);
            }
            Event::JournalRead(lines) => {
                self.by_run.clear();
                for line in lines {
                    if let JournalLine::Labelled(labels) = line {
                        self.take(labels);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}
