//! Ledger: writes down every forecast of a run or the target as it is made, and grades it when the run ends.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::{Event, Grades, RunForecasts};
use crate::daemon::journal_line::{Ended, JournalLine};
use crate::daemon::seconds;
use crate::daemon::shared::Shared;
use crate::daemon::shared_ledger::SharedLedger;
use crate::forecast::ledger::{Entry, TARGET, TargetPoint};
use crate::forecast::seen;
use crate::observe::RunRecord;
use crate::project::Project;
use crate::store::StoreError;
use crate::vocab::{Forecast, LedgerView};
use std::sync::Arc;

/// See the [module](self).
#[derive(Default)]
pub struct LedgerKeeper {
    ledger: SharedLedger,
    grades: Arc<Grades>,
    /// Whether the target was forecast again since its forecasts were written down.
    target_is_new: bool,
}

impl Component for LedgerKeeper {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::FitsChanged(_) => self.target_is_new = true,
            Event::Examined(runs) => {
                let at = seconds(shared.now);
                for run in runs.iter().filter_map(|id| shared.runs.get(id)) {
                    let forecasts = shared.forecasts_of(run.record.id);
                    self.note_run(&shared.project, &run.record, forecasts, at, out);
                }
                if std::mem::take(&mut self.target_is_new) {
                    let fit = |metric: &str| shared.fits.inputs.get(metric).cloned();
                    self.note_target(&shared.fits.outlook.target, &shared.records, fit, at, out);
                }
            }
            Event::JournalRead(lines) | Event::JournalShortened(lines) => {
                self.recall(lines);
                self.grade(out);
            }
            _ => {}
        }
        Ok(())
    }
}

impl LedgerKeeper {
    fn recall(&mut self, lines: &[JournalLine]) {
        self.ledger = SharedLedger::default();
        let mut ledger = self.ledger.write();
        for line in lines {
            match line {
                JournalLine::Forecast(entry) => drop(ledger.offer(entry.clone())),
                JournalLine::Ended(end) => {
                    ledger.settle(&end.run, &end.metric, end.place.as_ref(), end.truth);
                }
                JournalLine::Signal(_)
                | JournalLine::Over { .. }
                | JournalLine::Acknowledged { .. }
                | JournalLine::Labelled(_)
                | JournalLine::Decision(_) => {}
            }
        }
    }

    /// Writes a run's forecasts down, the first of each metric as the one on screen; or, where it has ended, grades those
    /// that waited. `at`: now.
    fn note_run(&mut self, project: &Project, record: &RunRecord, all: &RunForecasts, at: f64, out: &mut Outbox) {
        for metric in project.metric_keys() {
            let end = record.series.get(metric).and_then(|s| s.last()).map(|p| p.1);
            if let Some(truth) = end.filter(|y| y.is_finite() && *y > 0.0 && seen(record, metric) == Some(1.0)) {
                self.note_end(record, metric, truth, at, out);
                continue;
            }
            for (rank, forecast) in all.get(metric).into_iter().flatten().enumerate() {
                self.offer(
                    Entry {
                        run: record.name.to_string(),
                        metric: metric.clone(),
                        law: forecast.law.clone(),
                        at,
                        seen: forecast.seen,
                        value: forecast.value,
                        low: forecast.low,
                        high: forecast.high,
                        widened: self.grades.factor(&forecast.law),
                        shown: rank == 0,
                        fit: forecast.fit.clone(),
                        place: None,
                    },
                    out,
                );
            }
        }
    }

    fn note_end(&mut self, record: &RunRecord, metric: &str, truth: f64, at: f64, out: &mut Outbox) {
        let place = place(record);
        let (run, target) = {
            let ledger = self.ledger.read();
            (
                !ledger.waiting(&record.name, metric).is_empty(),
                place.as_ref().is_some_and(|p| ledger.waits_at(p, metric)),
            )
        };
        let end = |place| Ended { run: record.name.to_string(), metric: metric.to_owned(), truth, at, place };
        let ends = [run.then(|| end(None)), target.then(|| end(place.clone()))];
        for end in ends.into_iter().flatten() {
            self.ledger.write().settle(&end.run, &end.metric, end.place.as_ref(), end.truth);
            out.send(Event::Note(JournalLine::Ended(end)));
            self.grade(out);
        }
    }

    /// Writes forecasts of the target down where they are news and no run has answered them already.
    fn note_target(
        &mut self,
        forecasts: &[Forecast],
        records: &[RunRecord],
        fit: impl Fn(&str) -> Option<String>,
        at: f64,
        out: &mut Outbox,
    ) {
        for f in forecasts {
            let at_place = TargetPoint { params: f.params, tokens: f.tokens, moe: f.moe, mixture: f.mixture.clone() };
            let answers =
                |r: &RunRecord| seen(r, &f.metric) == Some(1.0) && place(r).is_some_and(|p| p.is_like(&at_place));
            if records.iter().any(answers) {
                continue;
            }
            self.offer(
                Entry {
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
                },
                out,
            );
        }
    }

    fn offer(&mut self, entry: Entry, out: &mut Outbox) {
        if self.ledger.write().offer(entry.clone()) {
            out.send(Event::Note(JournalLine::Forecast(entry)));
        }
    }

    /// Says how forecasts have fared, after new grades.
    fn grade(&mut self, out: &mut Outbox) {
        let ledger = self.ledger.read();
        let calibration = ledger.calibration();
        let factors = calibration.iter().map(|c| (c.law.clone(), c.factor)).collect();
        let mut grades = ledger.grades();
        grades.retain(|g| g.metric == "*" && g.law == "*");
        let scored = ledger.scored().len();
        drop(ledger);
        let calibration = calibration.into_iter().filter(|c| c.factor != 1.0).collect();
        let view = LedgerView { waiting: 0, scored, grades, calibration };
        self.grades = Arc::new(Grades { ledger: self.ledger.clone(), factors, view });
        out.send(Event::Graded(Arc::clone(&self.grades)));
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
    use crate::daemon::component::{self, dispatch};
    use crate::daemon::components::journal::JournalWriter;
    use crate::observe::tests::code_cpt;
    use crate::store::SledStore;
    use crate::vocab::{Measure, RunForecast};
    use std::collections::BTreeMap;

    fn forecasts(value: f64, seen: f64) -> BTreeMap<String, Vec<RunForecast>> {
        let of = |law: &str, value: f64| RunForecast {
            value,
            low: 0.99 * value,
            high: 1.01 * value,
            law: law.to_owned(),
            seen,
            fit: Some("00ff".to_owned()),
            assumed: None,
            path: Vec::new(),
            measure: Measure::default(),
        };
        BTreeMap::from([("eval/rust/loss".to_owned(), vec![of("pooled", value), of("tissue", 1.1 * value)])])
    }

    #[test]
    fn what_was_forecast_outlives_the_database_and_is_never_doubled() {
        let dir = tempfile::tempdir().unwrap();
        let project = Project {
            domains: vec!["rust".to_owned()],
            metrics: vec![crate::vocab::Metric::of_domain("rust", "eval/rust/loss")],
            ..Project::default()
        };
        let whole = code_cpt()[3].clone();
        let mut cut = whole.clone();
        Arc::make_mut(&mut cut.series)
            .values_mut()
            .for_each(|s| *s = s.iter().filter(|(step, _)| *step <= 100).collect());
        let open = || SledStore::open(dir.path()).unwrap().0;
        let (mut store, mut written) = (open(), 0);
        for _ in 0..2 {
            let grades = with_ledger(&store, |ledger, out| {
                ledger.note_run(&project, &cut, &forecasts(2.3, 0.25), 10.0, out);
                ledger.note_run(&project, &cut, &forecasts(2.31, 0.26), 11.0, out);
            });
            assert_eq!(grades.shown().waiting, 2);
            let lines = store.journal().unwrap().unwrap().read().unwrap().0.len();
            assert!(written == 0 || written == lines, "nothing is written twice");
            written = lines;
        }
        drop(store);
        std::fs::remove_dir_all(dir.path().join("points.sled")).unwrap();
        store = open();
        for _ in 0..2 {
            let grades =
                with_ledger(&store, |ledger, out| ledger.note_run(&project, &whole, &BTreeMap::new(), 20.0, out));
            let view = grades.shown();
            assert_eq!((view.waiting, view.scored), (0, 2));
            let shown = view.grades.iter().find(|g| g.seen.is_none()).unwrap();
            assert!(shown.count == 1 && shown.mre < 0.01, "{shown:?}");
            assert_eq!(grades.ledger.read().scored()[0].entry.fit.as_deref(), Some("00ff"));
        }
    }

    /// Does something with the ledger of a store, as a process would that ends afterwards; returns the grades.
    fn with_ledger(store: &Arc<SledStore>, act: impl Fn(&mut LedgerKeeper, &mut Outbox)) -> Arc<Grades> {
        let (mut journal, mut ledger) = (JournalWriter::default(), LedgerKeeper::default());
        let mut shared = Shared::new(Project::default(), Arc::clone(store));
        component::start(&mut [&mut journal, &mut ledger], &mut shared).unwrap();
        let mut out = Outbox::default();
        act(&mut ledger, &mut out);
        out.send(Event::Save);
        for event in out.sent() {
            dispatch(&mut [&mut journal, &mut ledger], &mut shared, event, &mut |_| ()).unwrap();
        }
        shared.grades
    }
}
