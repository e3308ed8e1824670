//! A client's copy of what it has subscribed to. Pure: changes in, state out.

use super::change::{Change, RunChange};
use super::series::{Curves, Envelope};
use super::state::{Fits, Outlook, Overview, Work, daemon_view};
use crate::vocab::{LedgerView, Notice, RunView, Snapshot, newest_first};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a change cannot be applied: subscribe again, and get everything again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Gap {
    /// Changes are missing before this one.
    #[error("received a change from generation {from}, but have generation {have}")]
    Missing {
        /// What it applies to.
        from: u64,
        /// What is known.
        have: u64,
    },
    /// It comes from another daemon than the last one.
    #[error("received a change from another daemon")]
    Stranger,
    /// It speaks of what has not been named.
    #[error("invalid change: {0}")]
    Unsound(&'static str),
}

/// The copy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Replica {
    /// The daemon it is a copy of.
    pub instance: u64,
    /// The generation it is at; 0 before the first change.
    pub generation: u64,
    /// When that was published, seconds since 1970.
    pub at: f64,
    /// The project.
    pub overview: Overview,
    /// The daemon at work.
    pub work: Work,
    /// Runs, with the metrics that were subscribed to.
    pub runs: BTreeMap<u32, Arc<RunView>>,
    /// Fits.
    pub fits: Fits,
    /// Advice.
    pub outlook: Outlook,
    /// How forecasts have fared.
    pub ledger: LedgerView,
    /// Setup notes.
    pub notices: Vec<Notice>,
    /// Curves, by place in the question.
    pub curves: Vec<Envelope>,
    /// Why there are none.
    pub curves_failed: Option<String>,
    keys: Vec<Arc<str>>,
}

impl Replica {
    /// Takes a change.
    ///
    /// # Errors
    /// Where it does not follow on what is known; the copy is of no use then.
    pub fn apply(&mut self, change: Change) -> Result<(), Gap> {
        match change.from {
            None => *self = Self { instance: change.instance, ..Self::default() },
            Some(_) if change.instance != self.instance => return Err(Gap::Stranger),
            Some(from) if from != self.generation => return Err(Gap::Missing { from, have: self.generation }),
            Some(_) => {}
        }
        (self.generation, self.at) = (change.to, change.at);
        self.keys.extend(change.keys.iter().map(|key| Arc::from(key.as_str())));
        replace(&mut self.overview, change.overview);
        replace(&mut self.work, change.work);
        replace(&mut self.fits, change.fits);
        replace(&mut self.outlook, change.advice);
        replace(&mut self.ledger, change.ledger);
        replace(&mut self.notices, change.setup);
        for id in change.removed {
            self.runs.remove(&id);
        }
        for run in change.runs {
            let known = self.runs.entry(run.id).or_insert_with(|| Arc::new(RunView::unknown(run.id)));
            take(Arc::make_mut(known), run, &self.keys)?;
        }
        change.series.map_or(Ok(()), |curves| self.take_curves(curves))
    }

    fn take_curves(&mut self, curves: Curves) -> Result<(), Gap> {
        self.curves_failed = curves.failed;
        if !curves.whole.iter().chain(&curves.grown).all(Envelope::is_sound) {
            return Err(Gap::Unsound("a curve with columns of different lengths"));
        }
        for curve in curves.whole {
            match self.curve_mut(curve.run, &curve.metric) {
                Some(known) => *known = curve,
                None => self.curves.push(curve),
            }
        }
        for tail in curves.grown {
            let known = self.curve_mut(tail.run, &tail.metric);
            known.ok_or(Gap::Unsound("new points for an unknown curve"))?.grow(&tail);
        }
        self.curves.retain(|curve| !curves.none.contains(&(curve.run, curve.metric.clone())));
        Ok(())
    }

    fn curve_mut(&mut self, run: u32, metric: &str) -> Option<&mut Envelope> {
        self.curves.iter_mut().find(|curve| curve.run == run && curve.metric == metric)
    }

    /// The copy as a snapshot at a time in seconds since 1970; the runs in it are shared with the copy.
    #[must_use]
    pub fn snapshot(&self, at: f64) -> Snapshot {
        let mut runs: Vec<Arc<RunView>> = self.runs.values().cloned().collect();
        newest_first(&mut runs, at);
        Snapshot {
            seq: self.generation,
            at,
            project: self.overview.project.clone(),
            path: self.overview.path.clone(),
            domains: self.overview.domains.clone(),
            supply: self.overview.supply.clone(),
            metrics: self.overview.metrics.clone(),
            measured: self.overview.measured.clone(),
            target: self.overview.target.clone(),
            daemon: daemon_view(&self.overview, &self.work, at),
            runs: runs.into(),
            fits: self.fits.fits.clone(),
            choices: self.fits.choices.clone(),
            forecasts: self.outlook.forecasts.clone(),
            charts: self.outlook.charts.clone(),
            advice: self.outlook.advice.clone(),
            ledger: self.ledger.clone(),
            shape: self.outlook.shape.clone(),
            optima: self.outlook.optima.clone(),
            notices: self.notices.clone(),
        }
    }
}

fn replace<T>(known: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *known = new;
    }
}

fn take(run: &mut RunView, change: RunChange, keys: &[Arc<str>]) -> Result<(), Gap> {
    replace(&mut run.name, change.name);
    if let Some(pulse) = change.pulse {
        (run.state, run.progress, run.last_step) = (pulse.0, pulse.1, pulse.2);
        (run.tokens_per_second, run.written_at) = (pulse.3, pulse.4);
    }
    replace(&mut run.facts, change.facts);
    replace(&mut run.settings, change.settings);
    replace(&mut run.conflicts, change.conflicts);
    replace(&mut run.forecast, change.forecast);
    if let Some(key) = change.main_loss {
        run.main_loss = Some(key).filter(|key| !key.is_empty());
    }
    replace(&mut run.signals, change.signals);
    if let Some((tags, note)) = change.labels {
        (run.tags, run.note) = (tags, note);
    }
    if !change.metrics.is_empty() || !change.gone.is_empty() {
        let metrics = Arc::make_mut(&mut run.metrics);
        let key = |number: u32| keys.get(number as usize).ok_or(Gap::Unsound("an unknown metric"));
        let changed = change.metrics.iter().map(|metric| Ok((Arc::clone(key(metric.0)?), metric.view())));
        metrics.extend(changed.collect::<Result<Vec<_>, Gap>>()?);
        for number in change.gone {
            metrics.remove(key(number)?);
        }
    }
    for (key, (keep, values)) in change.courses {
        let course = run.sparklines.entry(key).or_default();
        course.truncate(keep);
        course.extend(values);
    }
    for key in change.courses_gone {
        run.sparklines.remove(&key);
    }
    Ok(())
}
