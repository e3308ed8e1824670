//! Decisions: which advice stands and since when, what the user decided of it, and which runs followed.

use crate::advise::decisions::{Decisions, EndedRun, Refusal};
use crate::advise::question;
use crate::daemon::accept;
use crate::daemon::as_logged;
use crate::daemon::automatic;
use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::journal_line::JournalLine;
use crate::daemon::lock::{ACCEPTING, Lock};
use crate::daemon::seconds;
use crate::daemon::shared::Shared;
use crate::forecast::seen;
use crate::observe::RunRecord;
use crate::project::Project;
use crate::store::StoreError;
use crate::vocab::{Advice, Decision, StandingAdvice};
use std::sync::Arc;

/// See the [module](self).
#[derive(Default)]
pub struct DecisionKeeper {
    decisions: Decisions,
}

impl Component for DecisionKeeper {
    fn name(&self) -> &'static str {
        "decisions"
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::JournalRead(lines) => {
                self.decisions = Decisions::default();
                for line in lines {
                    if let JournalLine::Decision(decision) = line {
                        self.decisions.take(decision);
                    }
                }
                out.send(Event::DecisionsChanged(Arc::new(self.decisions.clone())));
            }
            Event::FitsChanged(fits) => {
                let advice = as_logged::advice(&shared.project, fits.outlook.advice.as_ref());
                let stands = advice.and_then(|advice| standing(&shared.project, advice, seconds(shared.now)));
                if let Some(stands) = stands.filter(|stands| self.decisions.is_news(stands)) {
                    self.note(Decision::Stands(stands), out);
                }
            }
            Event::Decide(decision, _) => {
                let begins = matches!(**decision, Decision::Intended(_) | Decision::Dismissed { .. });
                // Whoever begins holds the lock, so that nobody goes on with what has begun before.
                if begins {
                    self.resolve(shared, out);
                }
                let checked = self.decisions.check(decision).and_then(|()| self.unasked(decision, shared));
                if checked.is_ok() {
                    self.note(self.completed(decision, &shared.records), out);
                }
                out.send(Event::Decided(checked));
            }
            Event::Idle if self.decisions.pending().is_some() => {
                // Whoever accepts at this moment holds the lock.
                let lock = shared.store.journal()?.map(|journal| Lock::take(&journal.path().with_file_name(ACCEPTING)));
                if let Some(Ok(Some(_lock))) = lock {
                    self.resolve(shared, out);
                }
            }
            Event::Examined(runs) if self.decisions.has_accepted() => {
                let tracked = runs.iter().filter_map(|id| shared.runs.get(id));
                for record in tracked.map(|tracked| &tracked.record) {
                    for decision in self.followed(&shared.project, record, seconds(shared.now)) {
                        self.note(decision, out);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl DecisionKeeper {
    fn note(&mut self, decision: Decision, out: &mut Outbox) {
        self.decisions.take(&decision);
        out.send(Event::Note(JournalLine::Decision(Box::new(decision))));
        out.send(Event::Save);
        out.send(Event::DecisionsChanged(Arc::new(self.decisions.clone())));
    }

    /// Whether a step that nobody asked for is allowed now. It is asked here, where the journal is written, so that of several
    /// who try at once one is allowed.
    fn unasked(&self, decision: &Decision, shared: &Shared) -> Result<(), Refusal> {
        let Decision::Intended(intention) = decision else { return Ok(()) };
        let hold = match intention.auto {
            true => automatic::situation(shared, &self.decisions, |now| now.hold()),
            false => None,
        };
        hold.map_or(Ok(()), |hold| Err(Refusal::Held(intention.advice.clone(), hold.to_string())))
    }

    /// Ends an acceptance whose process is gone, by what the file says.
    fn resolve(&mut self, shared: &Shared, out: &mut Outbox) {
        let Some(pending) = self.decisions.pending().cloned() else { return };
        let there = accept::there(&shared.project, &pending.intention);
        let decision = Decisions::resolve(&pending, there.as_ref(), seconds(shared.now));
        if matches!(decision, Decision::Accepted { .. }) {
            accept::explain(&shared.project, &pending.intention);
        }
        let decision = self.completed(&decision, &shared.records);
        self.note(decision, out);
    }

    /// The decision; an acceptance with the runs that had the mixture before.
    fn completed(&self, decision: &Decision, records: &[RunRecord]) -> Decision {
        let mut decision = decision.clone();
        if let (Decision::Accepted { earlier, .. }, Some(pending)) = (&mut decision, self.decisions.pending()) {
            let runs = records.iter().filter_map(|record| Some((&*record.name, record.facts.mixture()?)));
            *earlier = Decisions::with_mixture(&pending.intention.mixture, runs);
        }
        decision
    }

    /// Which accepted advice a run followed, where all of its losses have ended.
    fn followed(&self, project: &Project, record: &RunRecord, at: f64) -> Vec<Decision> {
        let Some(mixture) = record.facts.mixture() else { return Vec::new() };
        let logged = project.metric_keys().filter_map(|key| Some((key, record.series.get(key)?.last()?.1)));
        let ends: Vec<(&String, f64, bool)> =
            logged.map(|(key, value)| (key, value, seen(record, key) == Some(1.0))).collect();
        if ends.is_empty() || ends.iter().any(|(_, _, ended)| !ended) {
            return Vec::new();
        }
        let losses = ends.iter().map(|(key, value, _)| ((*key).clone(), project.unit_of(key).logged(*value)));
        let run = EndedRun {
            name: &record.name,
            mixture,
            params: record.facts.params(),
            tokens: record.facts.planned_tokens(),
            losses: losses.collect(),
        };
        self.decisions.followed(&run, at)
    }
}

/// Advice on the mixture as it is written down; `None` for an abstention.
fn standing(project: &Project, advice: Advice, at: f64) -> Option<StandingAdvice> {
    let (Advice::Recommendation(advised), Some(target)) = (advice, project.target.scale()) else { return None };
    let finite = |e: &crate::vocab::Expected| [e.value, e.low, e.high, e.now].into_iter().all(f64::is_finite);
    Some(StandingAdvice {
        id: advised.id,
        at,
        question: question(project),
        mixture: advised.mixture,
        current: advised.current,
        params: target.params,
        tokens: target.tokens,
        expected: advised.expected.into_iter().filter(|(_, expected)| finite(expected)).collect(),
        p_better: advised.p_better,
        gain: advised.gain,
    })
}
