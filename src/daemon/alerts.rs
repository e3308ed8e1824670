//! Alerts of all runs: open, ended and dismissed.

use crate::forecast::signals::{HealthInputs, Watch};
use crate::vocab::signal::{Alert, SignalKind};
use std::collections::{BTreeMap, BTreeSet};

/// Events of one run that are shown; older ones stay in the journal.
const SHOWN: usize = 20;

/// Something that becomes a line of the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Something began, or happened.
    Told(Alert),
    /// It is so no more.
    Over(u64),
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Alerts {
    watch: Watch,
    events: BTreeMap<u64, Alert>,
    by_run: BTreeMap<String, Vec<u64>>,
}

impl Alerts {
    /// Takes up an event from the journal.
    pub fn recall(&mut self, event: Alert) {
        self.watch.recall(&event.signal, event.over.is_some());
        self.keep(event);
    }

    fn keep(&mut self, event: Alert) {
        self.by_run.entry(event.signal.run.clone()).or_default().push(event.id);
        self.events.insert(event.id, event);
    }

    /// What an event told of is so no more.
    pub fn end(&mut self, id: u64, at: f64) {
        if let Some(event) = self.events.get_mut(&id) {
            event.over = Some(at);
            self.watch.recall(&event.signal, true);
        }
    }

    /// Acknowledges events; returns those that were not yet.
    pub fn acknowledge(&mut self, ids: &[u64], at: f64) -> Vec<u64> {
        let mut done = Vec::new();
        for id in ids {
            if let Some(event) = self.events.get_mut(id).filter(|e| e.acknowledged.is_none()) {
                event.acknowledged = Some(at);
                done.push(*id);
            }
        }
        done
    }

    /// See [`Watch::starts_are_known`].
    pub fn starts_are_known(&mut self, run: &str, starts: u32) {
        self.watch.starts_are_known(run, starts);
    }

    /// Looks at a run.
    pub fn look(&mut self, inputs: &HealthInputs<'_>, at: f64) -> Vec<News> {
        let change = self.watch.look(inputs);
        let mut news = Vec::new();
        for (kind, metric) in change.over {
            if let Some(id) = self.standing(inputs.run, kind, &metric).map(|event| event.id) {
                if let Some(event) = self.events.get_mut(&id) {
                    event.over = Some(at);
                }
                news.push(News::Over(id));
            }
        }
        for signal in change.new {
            // A job that is started again all day is one thing to look at, not seventy.
            let again = signal.kind == SignalKind::Restarted
                && self.standing(inputs.run, signal.kind, "").is_some_and(|event| event.acknowledged.is_none());
            if again {
                continue;
            }
            let id = self.events.last_key_value().map_or(1, |(id, _)| id + 1);
            let event = Alert { id, at, signal, over: None, acknowledged: None };
            self.keep(event.clone());
            news.push(News::Told(event));
        }
        news
    }

    fn standing(&self, run: &str, kind: SignalKind, metric: &str) -> Option<&Alert> {
        let ids = self.by_run.get(run)?.iter().rev();
        let mut events = ids.filter_map(|id| self.events.get(id));
        events.find(|e| e.over.is_none() && e.signal.kind == kind && e.signal.metric == metric)
    }

    /// Forgets all alerts but these. The conditions that they reported stay known, so that none is reported again.
    pub fn keep_only(&mut self, ids: &BTreeSet<u64>) {
        self.events.retain(|id, _| ids.contains(id));
        for of in self.by_run.values_mut() {
            of.retain(|id| ids.contains(id));
        }
        self.by_run.retain(|_, of| !of.is_empty());
    }

    /// Events of a run, newest first.
    pub fn of(&self, run: &str) -> Vec<Alert> {
        let ids = self.by_run.get(run).map_or(&[][..], Vec::as_slice);
        ids.iter().rev().take(SHOWN).filter_map(|id| self.events.get(id)).cloned().collect()
    }
}
