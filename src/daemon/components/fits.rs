//! The newest fits and what follows from them, and how they get into the store.

use crate::daemon::fitter::Fitted;
use crate::daemon::history;
use crate::daemon::kept_fits::MetricFits;
use crate::daemon::outlook::{Outlook, RunOutlook};
use crate::fit::choose::Candidates;
use crate::forecast::Pool;
use crate::observe::Observed;
use crate::store::{RunId, SledStore, StoreError};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How often a daemon gives the store new fits, which are made anew with every few lines of a log: they are some hundred
/// kilobytes, and what a killed daemon had not kept is fitted again.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// The newest fits.
#[derive(Debug, Default)]
pub struct Fits {
    /// Fits of each domain's loss, in the order of the project's domains.
    pub candidates: Arc<Vec<Candidates>>,
    /// What finished runs teach those in progress.
    pub pool: Arc<Pool>,
    /// By metric key: the fingerprint of the rows fitted to.
    pub inputs: BTreeMap<String, String>,
    /// What follows from them, but for the runs, which have their own.
    pub outlook: Outlook,
    /// When they came.
    pub made: Option<Instant>,
    /// How long they took.
    pub seconds: Option<f64>,
    /// Fits that the store does not have yet.
    unkept: Vec<MetricFits>,
    /// When the store was given some last.
    kept: Option<Instant>,
}

/// Fits that were taken as the newest.
#[derive(Debug)]
pub struct Taken {
    /// The rows they were made from.
    pub observed: Arc<Observed>,
    /// The fits.
    pub fits: Vec<MetricFits>,
    /// Where the runs will end by them.
    pub runs: BTreeMap<RunId, RunOutlook>,
}

impl Fits {
    /// Takes fits as the newest.
    pub fn take(&mut self, fitted: Fitted) -> Taken {
        let of = |fits: &MetricFits| (fits.candidates.metric.clone(), fits.made_from.rows.clone());
        let made = fitted.fits.iter().filter(|fits| !fits.made_from.rows.is_empty());
        self.inputs = made.map(of).collect();
        self.candidates = fitted.candidates;
        self.pool = fitted.pool;
        self.seconds = Some(fitted.seconds);
        self.made = Some(Instant::now());
        self.outlook = fitted.outlook;
        let runs = std::mem::take(&mut self.outlook.runs);
        Taken { observed: fitted.observed, fits: fitted.fits, runs }
    }

    /// Writes those that were made just now into the history, and gives them to the store when it is time.
    ///
    /// # Errors
    /// What the store says.
    pub fn write(&mut self, store: &SledStore, taken: &Taken, now: SystemTime) -> Result<(), StoreError> {
        self.unkept.retain(|old| taken.fits.iter().all(|new| new.candidates.metric != old.candidates.metric));
        self.unkept.extend(taken.fits.iter().filter(|fits| fits.new).cloned());
        history::keep(store, &taken.observed, &taken.fits, &self.outlook.target, now)?;
        if self.kept.is_none_or(|at| at.elapsed() >= KEEP_EVERY) {
            self.keep(store)?;
        }
        Ok(())
    }

    /// Gives the store the fits that it does not have.
    ///
    /// # Errors
    /// What the store says.
    pub fn keep(&mut self, store: &SledStore) -> Result<(), StoreError> {
        self.kept = Some(Instant::now());
        while let Some(fits) = self.unkept.last() {
            fits.keep(store)?;
            self.unkept.pop();
        }
        Ok(())
    }
}
