//! Notifications: puts what people are to be told into the outbox, where there is one.
//!
//! What the journal says was noted is what is told: an alert is put into the outbox after it is in the journal, and at the
//! start whatever is in the journal and was never in the outbox is put there, too. So a kill at any time loses none.

use crate::daemon::component::{Component, Outbox as Events};
use crate::daemon::event::Event;
use crate::daemon::journal_line::JournalLine;
use crate::daemon::seconds;
use crate::daemon::shared::Shared;
use crate::notifications::message::Message;
use crate::notifications::outbox::Outbox;
use crate::notifications::told::{Settling, Told, sentence};
use crate::store::StoreError;
use crate::vocab::signal::Alert;
use std::collections::BTreeMap;
use std::sync::Arc;

/// See the [module](self).
#[derive(Default)]
pub struct Notifications {
    /// Where messages go; none where nobody is told (one-shot commands).
    outbox: Option<Arc<Outbox>>,
    /// Alerts of the journal that are neither over nor dismissed.
    recalled: BTreeMap<u64, Alert>,
    /// Alerts that are not in the journal yet.
    unsaved: Vec<Alert>,
    settling: Settling,
}

impl Notifications {
    /// Gives it the outbox, and puts there what it misses.
    pub fn tell_through(&mut self, outbox: Arc<Outbox>, shared: &Shared) {
        self.outbox = Some(outbox);
        self.catch_up(shared);
    }

    /// The outbox, where there is one.
    pub fn outbox(&self) -> Option<&Arc<Outbox>> {
        self.outbox.as_ref()
    }

    fn catch_up(&self, shared: &Shared) {
        let Some(outbox) = &self.outbox else { return };
        let messages = self.recalled.values().filter(|alert| is_told(alert, shared));
        let messages = messages.map(|alert| Message::of_alert(alert, &identity(shared)));
        let missed: Vec<Message> = messages.filter(|message| outbox.misses(&message.key, message.at)).collect();
        if !missed.is_empty() {
            outbox.add(missed, None);
        }
    }

    fn recall(&mut self, lines: &[JournalLine]) {
        self.recalled.clear();
        for line in lines {
            match line {
                JournalLine::Signal(alert) => drop(self.recalled.insert(alert.id, alert.clone())),
                JournalLine::Over { id, .. } => drop(self.recalled.remove(id)),
                JournalLine::Acknowledged { ids, .. } => ids.iter().for_each(|id| drop(self.recalled.remove(id))),
                _ => {}
            }
        }
    }

    /// Looks whether there is other advice than was told.
    fn look_at_advice(&mut self, shared: &Shared) {
        let Some(outbox) = self.outbox.as_ref().filter(|outbox| outbox.is_on()) else { return };
        let of_old_rows = shared.progress.is_some() || shared.fits.made.is_none();
        let Some(advice) = shared.fits.outlook.advice.as_ref().filter(|_| !of_old_rows) else { return };
        if !shared.written.notify.advice {
            return;
        }
        let (now, at) = (Told::of(advice), seconds(shared.now));
        let told = outbox.told().unwrap_or_default();
        if let Some(news) = self.settling.look(&now, &told, at) {
            outbox.add(vec![Message::of_advice(&sentence(advice), at, &identity(shared))], Some(news));
        }
    }
}

/// What the project is, among all: alerts of two projects have the same numbers.
fn identity(shared: &Shared) -> String {
    shared.written.file.as_ref().unwrap_or(&shared.written.root).display().to_string()
}

fn is_told(alert: &Alert, shared: &Shared) -> bool {
    let notify = &shared.written.notify;
    notify.alerts && alert.signal.severity >= notify.severity
}

impl Component for Notifications {
    fn name(&self) -> &'static str {
        "notifications"
    }

    fn handle(&mut self, event: &Event, shared: &Shared, _: &mut Events) -> Result<(), StoreError> {
        match event {
            Event::Note(JournalLine::Signal(alert)) if self.outbox.is_some() => self.unsaved.push(alert.clone()),
            // The journal is told of this first, and fails it where the alerts are not on disk.
            Event::Save => {
                let alerts = std::mem::take(&mut self.unsaved);
                let told = alerts.iter().filter(|alert| is_told(alert, shared));
                let messages: Vec<Message> = told.map(|alert| Message::of_alert(alert, &identity(shared))).collect();
                if let Some(outbox) = self.outbox.as_ref().filter(|_| !messages.is_empty()) {
                    outbox.add(messages, None);
                }
            }
            Event::JournalRead(lines) => {
                self.recall(lines);
                self.catch_up(shared);
            }
            Event::Idle => self.look_at_advice(shared),
            _ => {}
        }
        Ok(())
    }
}
