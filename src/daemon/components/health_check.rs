//! Health check: looks at runs of which there may be news, and keeps the alerts.

use crate::daemon::alerts::{Alerts, News};
use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::health::{self, Contender, Contenders, LineGaps, Rhythm, RunContext};
use crate::daemon::journal_line::JournalLine;
use crate::daemon::rates::Rates;
use crate::daemon::seconds;
use crate::daemon::shared::Shared;
use crate::forecast::signals::HealthInputs;
use crate::store::{RunId, StoreError};
use crate::vocab::Notice;
use crate::vocab::signal::Alert;
use std::collections::{BTreeMap, BTreeSet};

/// See the [module](self).
#[derive(Default)]
pub struct HealthCheck {
    alerts: Alerts,
    rhythms: BTreeMap<RunId, Rhythm>,
    contenders: Contenders,
    /// Learning rates beside what laws advise.
    rates: Rates,
    /// Runs of which there may be news.
    due: BTreeSet<RunId>,
}

impl HealthCheck {
    /// How a run has been written to, where it was looked at.
    pub fn rhythm(&self, run: RunId) -> Option<&Rhythm> {
        self.rhythms.get(&run)
    }

    /// Alerts of a run, newest first.
    pub fn alerts(&self, run: &str) -> Vec<Alert> {
        self.alerts.of(run)
    }

    /// What laws have to say of learning rates.
    pub fn notice(&self) -> Option<Notice> {
        self.rates.notice()
    }

    /// Looks at the runs of which there may be news.
    fn look(&mut self, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        let (now, at) = (shared.now, seconds(shared.now));
        for (id, rhythm) in &self.rhythms {
            // Silence is the one thing that happens without a line.
            if !rhythm.silence_seen && rhythm.overdue(now).is_some() {
                self.due.insert(*id);
            }
        }
        let due = std::mem::take(&mut self.due);
        if due.is_empty() {
            return Ok(());
        }
        let contender = |id| Contender::of(&context(shared, id)?);
        self.contenders.update(&shared.project, shared.runs.keys(), &due, contender);
        self.rates.retain(|run| shared.runs.contains_key(&run));
        let mut changed = false;
        for id in &due {
            let Some(of) = context(shared, *id) else { continue };
            let rhythm = self.rhythms.entry(*id).or_default();
            rhythm.wrote(shared.writes.get(id).copied());
            if health::is_history(&of, rhythm, now) {
                self.alerts.starts_are_known(&of.record.name, health::starts(&of));
                let reading = LineGaps::of_history(&shared.store, *id, &of)?;
                if let Some(inputs) = reading.inputs_of_history(&of) {
                    changed |= tell(&mut self.alerts, &inputs, at, out);
                }
            } else {
                let reading = LineGaps::of(&shared.store, *id, &of)?;
                rhythm.observe(&reading);
                let rival = self.contenders.rival(*id, &shared.project);
                let mut inputs = reading.inputs(of, rhythm, &shared.grades.ledger, rival, now);
                inputs.rate_off = self.rates.look(*id, &of, &shared.observed, &shared.project);
                rhythm.silence_seen |= inputs.silence.is_some();
                changed |= tell(&mut self.alerts, &inputs, at, out);
            }
            rhythm.since = of.newest().or(rhythm.since);
        }
        if changed {
            out.send(Event::AlertsChanged);
        }
        out.send(Event::Examined(due));
        out.send(Event::Save);
        Ok(())
    }

    fn recall(&mut self, lines: &[JournalLine]) {
        self.alerts = Alerts::default();
        for line in lines {
            match line {
                JournalLine::Signal(alert) => self.alerts.recall(alert.clone()),
                JournalLine::Over { id, at } => self.alerts.end(*id, *at),
                JournalLine::Acknowledged { ids, at } => drop(self.alerts.acknowledge(ids, *at)),
                JournalLine::Forecast(_)
                | JournalLine::Ended(_)
                | JournalLine::Labelled(_)
                | JournalLine::Decision(_) => {}
            }
        }
    }
}

impl Component for HealthCheck {
    fn name(&self) -> &'static str {
        "health"
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::RunsRead(runs) => self.due.extend(&runs.changed),
            Event::RunsForecast(all) => self.due.extend(all.iter().map(|(id, _)| *id)),
            Event::Idle => self.look(shared, out)?,
            Event::Dismiss(ids, _) => {
                let at = seconds(shared.now);
                let ids = self.alerts.acknowledge(ids, at);
                if !ids.is_empty() {
                    out.send(Event::Note(JournalLine::Acknowledged { ids: ids.clone(), at }));
                }
                out.send(Event::Dismissed(ids));
                out.send(Event::Save);
            }
            Event::StoreReplaced(_) => self.contenders = Contenders::default(),
            Event::JournalRead(lines) => self.recall(lines),
            Event::JournalShortened(lines) => {
                let id = |line: &JournalLine| match line {
                    JournalLine::Signal(alert) => Some(alert.id),
                    _ => None,
                };
                self.alerts.keep_only(&lines.iter().filter_map(id).collect());
            }
            _ => {}
        }
        Ok(())
    }
}

/// Tells what is new of a run; returns whether anything is.
fn tell(alerts: &mut Alerts, inputs: &HealthInputs<'_>, at: f64, out: &mut Outbox) -> bool {
    let news = alerts.look(inputs, at);
    let any = !news.is_empty();
    for news in news {
        out.send(Event::Note(match news {
            News::Told(alert) => JournalLine::Signal(alert),
            News::Over(id) => JournalLine::Over { id, at },
        }));
    }
    any
}

fn context(shared: &Shared, run: RunId) -> Option<RunContext<'_>> {
    Some(shared.runs.get(&run)?.context(&shared.project, shared.forecasts_of(run)))
}
