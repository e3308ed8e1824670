//! What the engine knows across starts because no log can say it again: forecasts as they were made and how they fared, and
//! alerts with whether they were dismissed. In memory for readers, and line by line in the store's journal, from which it is
//! rebuilt.

use super::alerts::{Alerts, News};
use crate::forecast::ledger::{Entry, Ledger, TARGET, TargetPoint, widened};
use crate::forecast::seen;
use crate::forecast::signals::HealthInputs;
use crate::observe::RunRecord;
use crate::project::Project;
use crate::store::{Journal, SledStore, StoreError};
use crate::vocab::signal::Alert;
use crate::vocab::{Forecast, LedgerView, RunForecast};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A line of the journal. Lines of other kinds are left alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum JournalLine {
    /// A forecast was made.
    Forecast(Entry),
    /// A run ended, and what it reached; its forecasts of that metric are graded.
    Ended(Ended),
    /// Something was told of a run.
    Signal(Alert),
    /// It is so no more.
    Over { id: u64, at: f64 },
    /// The user has seen it.
    Acknowledged { ids: Vec<u64>, at: f64 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ended {
    run: String,
    metric: String,
    /// Final loss, nats.
    truth: f64,
    /// Seconds since 1970.
    at: f64,
    /// Where it ended as a target would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<TargetPoint>,
}

/// The ledger, for whoever reads it while the engine goes on.
#[derive(Debug, Clone, Default)]
pub struct SharedLedger(Arc<RwLock<Ledger>>);

impl SharedLedger {
    /// As it stands.
    pub fn read(&self) -> RwLockReadGuard<'_, Ledger> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Ledger> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Journaled {
    ledger: SharedLedger,
    journal: Option<Journal>,
    alerts: Alerts,
    unwritten: Vec<JournalLine>,
    /// What intervals of a law are widened by.
    factors: BTreeMap<String, f64>,
    view: LedgerView,
}

impl Journaled {
    /// What the journal of a store has; nothing where nothing is kept.
    ///
    /// # Errors
    /// What the disk says.
    pub fn open(store: &SledStore) -> Result<Self, StoreError> {
        let mut journaled = Self { journal: store.journal()?, ..Self::default() };
        let Some(journal) = &mut journaled.journal else { return Ok(journaled) };
        let (lines, _) = journal.read()?;
        {
            let shared = journaled.ledger.clone();
            let mut ledger = shared.write();
            for line in lines.into_iter().filter_map(|value| serde_json::from_value(value).ok()) {
                match line {
                    JournalLine::Forecast(entry) => {
                        ledger.offer(entry);
                    }
                    JournalLine::Ended(end) => {
                        ledger.settle(&end.run, &end.metric, end.place.as_ref(), end.truth);
                    }
                    JournalLine::Signal(event) => journaled.alerts.recall(event),
                    JournalLine::Over { id, at } => journaled.alerts.end(id, at),
                    JournalLine::Acknowledged { ids, at } => {
                        journaled.alerts.acknowledge(&ids, at);
                    }
                }
            }
        }
        journaled.take_stock();
        Ok(journaled)
    }

    /// Goes on beside a store that was opened again. With a journal nothing is forgotten, and what could not be written
    /// down yet will be. Where there was none, the journal there is now says what was told before; what still holds is
    /// told again.
    ///
    /// # Errors
    /// What the disk says.
    pub fn reopen(&mut self, store: &SledStore) -> Result<(), StoreError> {
        if self.journal.is_none() {
            *self = Self::open(store)?;
        }
        Ok(())
    }

    /// For readers.
    #[must_use]
    pub fn ledger(&self) -> SharedLedger {
        self.ledger.clone()
    }

    /// The score, for the screen.
    #[must_use]
    pub fn view(&self) -> LedgerView {
        LedgerView { waiting: self.ledger.read().open().count(), ..self.view.clone() }
    }

    /// Forecasts with intervals as the scores so far ask for.
    #[must_use]
    pub fn calibrated(&self, all: BTreeMap<String, Vec<RunForecast>>) -> BTreeMap<String, Vec<RunForecast>> {
        let one = |forecast: RunForecast| {
            let (low, high) = widened(forecast.value, forecast.low, forecast.high, self.factor(&forecast.law));
            RunForecast { low, high, ..forecast }
        };
        all.into_iter().map(|(metric, of)| (metric, of.into_iter().map(one).collect())).collect()
    }

    fn factor(&self, law: &str) -> f64 {
        self.factors.get(law).copied().unwrap_or(1.0)
    }

    /// Writes a run's forecasts down, the first of each metric as the one on screen; or, where it has ended, grades those
    /// that waited. `at`: now.
    pub fn note_run(
        &mut self,
        project: &Project,
        record: &RunRecord,
        all: &BTreeMap<String, Vec<RunForecast>>,
        at: f64,
    ) {
        for metric in &project.metrics {
            let end = record.series.get(metric).and_then(|s| s.last()).map(|p| p.1);
            if let Some(truth) = end.filter(|y| y.is_finite() && *y > 0.0 && seen(record, metric) == Some(1.0)) {
                self.note_end(record, metric, truth, at);
                continue;
            }
            for (rank, forecast) in all.get(metric).into_iter().flatten().enumerate() {
                self.offer(Entry {
                    run: record.name.clone(),
                    metric: metric.clone(),
                    law: forecast.law.clone(),
                    at,
                    seen: forecast.seen,
                    value: forecast.value,
                    low: forecast.low,
                    high: forecast.high,
                    widened: self.factor(&forecast.law),
                    shown: rank == 0,
                    fit: forecast.fit.clone(),
                    place: None,
                });
            }
        }
    }

    fn note_end(&mut self, record: &RunRecord, metric: &str, truth: f64, at: f64) {
        let place = place(record);
        let (run, target) = {
            let ledger = self.ledger.read();
            (
                !ledger.waiting(&record.name, metric).is_empty(),
                place.as_ref().is_some_and(|p| ledger.waits_at(p, metric)),
            )
        };
        let end = |place| Ended { run: record.name.clone(), metric: metric.to_owned(), truth, at, place };
        let ends = [run.then(|| end(None)), target.then(|| end(place.clone()))];
        for end in ends.into_iter().flatten() {
            self.ledger.write().settle(&end.run, &end.metric, end.place.as_ref(), end.truth);
            self.unwritten.push(JournalLine::Ended(end));
            self.take_stock();
        }
    }

    /// Writes forecasts of the target down where they are news and no run has answered them already.
    pub fn note_target(
        &mut self,
        forecasts: &[Forecast],
        records: &[RunRecord],
        fit: impl Fn(&str) -> Option<String>,
        at: f64,
    ) {
        for f in forecasts {
            let at_place = TargetPoint { params: f.params, tokens: f.tokens, moe: f.moe, mixture: f.mixture.clone() };
            let answers =
                |r: &RunRecord| seen(r, &f.metric) == Some(1.0) && place(r).is_some_and(|p| p.is_like(&at_place));
            if records.iter().any(answers) {
                continue;
            }
            self.offer(Entry {
                run: TARGET.to_owned(),
                metric: f.metric.clone(),
                law: f.law.clone(),
                at,
                seen: 0.0,
                value: f.interval.value,
                low: f.interval.low,
                high: f.interval.high,
                widened: 1.0,
                shown: f.chosen,
                fit: fit(&f.metric),
                place: Some(at_place),
            });
        }
    }

    fn offer(&mut self, entry: Entry) {
        if self.ledger.write().offer(entry.clone()) {
            self.unwritten.push(JournalLine::Forecast(entry));
        }
    }

    /// Looks at a run; returns whether there is something to tell, or no more. `at`: now.
    pub fn look(&mut self, inputs: &HealthInputs<'_>, at: f64) -> bool {
        let news = self.alerts.look(inputs, at);
        let any = !news.is_empty();
        self.unwritten.extend(news.into_iter().map(|news| match news {
            News::Told(event) => JournalLine::Signal(event),
            News::Over(id) => JournalLine::Over { id, at },
        }));
        any
    }

    /// Takes so many starts of a run as known.
    pub fn starts_are_known(&mut self, run: &str, starts: u32) {
        self.alerts.starts_are_known(run, starts);
    }

    /// Acknowledges events; returns those that were not yet. `at`: now.
    pub fn acknowledge(&mut self, ids: &[u64], at: f64) -> Vec<u64> {
        let ids = self.alerts.acknowledge(ids, at);
        if !ids.is_empty() {
            self.unwritten.push(JournalLine::Acknowledged { ids: ids.clone(), at });
        }
        ids
    }

    /// What was told of a run, newest first.
    #[must_use]
    pub fn told(&self, run: &str) -> Vec<Alert> {
        self.alerts.of(run)
    }

    /// Puts what is new on disk. Where there is none at present (a temporary store), it is kept for when there is.
    ///
    /// # Errors
    /// What the disk says; it is tried again the next time.
    pub fn write(&mut self) -> Result<(), StoreError> {
        if let Some(journal) = &mut self.journal {
            let values: Vec<Value> = self.unwritten.iter().filter_map(|l| serde_json::to_value(l).ok()).collect();
            journal.append_all(&values)?;
        }
        self.unwritten.clear();
        Ok(())
    }

    /// After new scores.
    fn take_stock(&mut self) {
        let ledger = self.ledger.read();
        let calibration = ledger.calibration();
        let factors = calibration.iter().map(|c| (c.law.clone(), c.factor)).collect();
        let mut grades = ledger.grades();
        grades.retain(|g| g.metric == "*" && g.law == "*");
        let scored = ledger.scored().len();
        drop(ledger);
        self.factors = factors;
        self.view = LedgerView {
            waiting: 0,
            scored,
            grades,
            calibration: calibration.into_iter().filter(|c| c.factor != 1.0).collect(),
        };
    }
}

/// What a run is or was planned to be, as a target.
fn place(record: &RunRecord) -> Option<TargetPoint> {
    Some(TargetPoint {
        params: record.facts.params()?,
        tokens: record.facts.planned_tokens()?,
        moe: record.facts.moe(),
        mixture: record.facts.mixture()?.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::tests::code_cpt;

    fn forecasts(value: f64, seen: f64) -> BTreeMap<String, Vec<RunForecast>> {
        let of = |law: &str, value: f64| RunForecast {
            value,
            low: 0.99 * value,
            high: 1.01 * value,
            law: law.to_owned(),
            seen,
            fit: Some("00ff".to_owned()),
            assumed: None,
        };
        BTreeMap::from([("eval/rust/loss".to_owned(), vec![of("pooled", value), of("tissue", 1.1 * value)])])
    }

    #[test]
    fn what_was_forecast_outlives_the_database_and_is_never_doubled() {
        let dir = tempfile::tempdir().unwrap();
        let project = Project {
            domains: vec!["rust".to_owned()],
            metrics: vec!["eval/rust/loss".to_owned()],
            ..Project::default()
        };
        let whole = code_cpt()[3].clone();
        let mut cut = whole.clone();
        Arc::make_mut(&mut cut.series).values_mut().for_each(|s| Arc::make_mut(s).retain(|(step, _)| *step <= 100));
        let (store, _) = SledStore::open(dir.path()).unwrap();
        for _ in 0..2 {
            let mut journaled = Journaled::open(&store).unwrap();
            journaled.note_run(&project, &cut, &forecasts(2.3, 0.25), 10.0);
            journaled.write().unwrap();
            journaled.note_run(&project, &cut, &forecasts(2.31, 0.26), 11.0);
            journaled.write().unwrap();
            assert_eq!(journaled.view().waiting, 2);
        }
        drop(store);
        std::fs::remove_dir_all(dir.path().join("points.sled")).unwrap();
        let (store, _) = SledStore::open(dir.path()).unwrap();
        for _ in 0..2 {
            let mut journaled = Journaled::open(&store).unwrap();
            journaled.note_run(&project, &whole, &BTreeMap::new(), 20.0);
            journaled.write().unwrap();
            let view = journaled.view();
            assert_eq!((view.waiting, view.scored), (0, 2));
            let shown = view.grades.iter().find(|g| g.seen.is_none()).unwrap();
            assert!(shown.count == 1 && shown.mre < 0.01, "{shown:?}");
            assert_eq!(journaled.ledger().read().scored()[0].entry.fit.as_deref(), Some("00ff"));
        }
    }
}
