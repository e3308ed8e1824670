//! One-shot engine of a command without a daemon: reads the logs and computes only what its answer needs.

use super::Engine;
use crate::daemon::event::Event;
use crate::daemon::fitter::{self, Fitted, fit_all};
use crate::daemon::kept_fits::{MadeFrom, MetricFits};
use crate::daemon::outlook::Outlook;
use crate::fit::choose::{Candidates, nest};
use crate::fit::never;
use crate::forecast::{self, Pool};
use crate::store::StoreError;
use crate::vocab::{IngestProgress, Observations};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// What an answer rests on; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// What was logged.
    Points,
    /// The runs with what was told of them. Nothing is fitted: runs in progress are forecast by the newest fits there are.
    Runs,
    /// Fits of the rows as they are now.
    Fits,
    /// Advice, charts and forecasts of the target from those fits.
    Advice,
}

/// What takes long.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Logs are read.
    Reading(&'a IngestProgress),
    /// Laws are fitted to the loss of this key.
    Fitting(&'a str),
}

impl Engine {
    /// Reads everything there is and makes what is needed. Fits are made of those losses alone whose rows or settings
    /// have changed since they were fitted last; returns how many that were.
    ///
    /// # Errors
    /// What the store says.
    pub fn settle(&mut self, need: Need, mut tell: impl FnMut(Progress<'_>)) -> Result<usize, StoreError> {
        self.read_all(|progress| tell(Progress::Reading(progress)))?;
        let mut made = 0;
        if need == Need::Runs {
            self.recall()?;
        } else if need >= Need::Fits {
            made = self.fit_what_changed(need, |metric| tell(Progress::Fitting(metric)))?;
        }
        if need > Need::Points {
            self.write_down(SystemTime::now())?;
        }
        Ok(made)
    }

    /// Forecasts runs in progress by the newest fits that were kept, be it of older rows.
    fn recall(&mut self) -> Result<(), StoreError> {
        if !self.has_runs_in_progress() {
            return Ok(());
        }
        let kept = self.kept_fits();
        let options = fitter::options(&self.shared.project);
        let of = |rows: &Observations| {
            let wanted = MadeFrom::of(rows, &self.shared.project.laws, &options);
            let usable =
                |fits: &&MetricFits| fits.candidates.metric == rows.metric && fits.are_of_the_settings(&wanted);
            let none = || MetricFits {
                candidates: Candidates { metric: rows.metric.clone(), ..Candidates::default() },
                ..MetricFits::default()
            };
            kept.iter().find(usable).cloned().unwrap_or_else(none)
        };
        let fits: Vec<MetricFits> = self.shared.observed.fitted.iter().map(of).collect();
        let fitted = Fitted::new(Arc::clone(&self.shared.observed), fits, self.pool(), 0.0);
        self.handle(Event::FitsRecalled(Box::new(fitted))).map(drop)
    }

    fn fit_what_changed(&mut self, need: Need, tell: impl FnMut(&str)) -> Result<usize, StoreError> {
        let job = self.job();
        let began = Instant::now();
        let fits = fit_all(&job, &self.kept_fits(), tell);
        let made = fits.iter().filter(|fits| fits.new).count();
        let pool = if self.has_runs_in_progress() { self.pool() } else { Arc::default() };
        let mut fitted = Fitted::new(Arc::clone(&job.observed), fits, pool, began.elapsed().as_secs_f64());
        if made > 0 || need == Need::Advice {
            fitted.outlook = Outlook::of_target(&job, &fitted.candidates);
        }
        self.accept(fitted, SystemTime::now())?;
        Ok(made)
    }

    /// Repeats the choice among laws of some losses without what is held out ([`nest`]) and keeps what comes of it, so that it
    /// costs nothing to ask again.
    ///
    /// # Errors
    /// What the store says.
    pub fn nest(&mut self, asked: impl Fn(&str) -> bool, mut tell: impl FnMut(Progress<'_>)) -> Result<(), StoreError> {
        let (job, began) = (self.job(), Instant::now());
        let options = fitter::options(&job.project);
        let mut one = |fits: MetricFits| {
            let rows = job.observed.fitted.iter().find(|rows| rows.metric == fits.candidates.metric);
            let Some(rows) = rows.filter(|rows| asked(&rows.metric) && fits.candidates.choice.provisional) else {
                return MetricFits { new: false, ..fits };
            };
            tell(Progress::Fitting(&rows.metric));
            match nest(&fits.candidates, rows, &options, &never) {
                Some(candidates) => MetricFits { candidates, new: true, ..fits },
                None => MetricFits { new: false, ..fits },
            }
        };
        let fits: Vec<MetricFits> = fit_all(&job, &self.kept_fits(), |_| ()).into_iter().map(&mut one).collect();
        let made: Vec<&MetricFits> = fits.iter().filter(|fits| fits.new).collect();
        if made.is_empty() {
            return Ok(());
        }
        made.into_iter().try_for_each(|fits| fits.keep(&self.shared.store))?;
        let pool = Arc::clone(&self.shared.fits.pool);
        let mut fitted = Fitted::new(Arc::clone(&job.observed), fits, pool, began.elapsed().as_secs_f64());
        fitted.outlook = Outlook::of_target(&job, &fitted.candidates);
        self.accept(fitted, SystemTime::now())
    }

    /// What the finished runs teach those in progress.
    fn pool(&self) -> Arc<Pool> {
        Arc::new(Pool::learn(&self.shared.project, &self.shared.records, Some(&self.shared.fits.pool)))
    }

    fn has_runs_in_progress(&self) -> bool {
        let part = |record, metric: &String| forecast::seen(record, metric).is_some_and(|seen| seen < 1.0);
        self.shared.records.iter().any(|record| self.shared.project.metric_keys().any(|metric| part(record, metric)))
    }
}
