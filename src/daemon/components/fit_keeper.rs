//! Keeper of the newest fits: takes them from the fitter, and gives them to the store.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::fits::CurrentFits;
use crate::daemon::fitter::Fitted;
use crate::daemon::history;
use crate::daemon::kept_fits::MetricFits;
use crate::daemon::shared::Shared;
use crate::observe::Observed;
use crate::store::{SledStore, StoreError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a daemon gives the store new fits, which are made anew with every few lines of a log: they are some hundred
/// kilobytes, and what a killed daemon had not kept is fitted again.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// How often the history is thinned out.
const THIN_EVERY: Duration = Duration::from_secs(600);

/// See the [module](self).
#[derive(Default)]
pub struct FitKeeper {
    /// The rows and the fits that were taken last, for the history.
    taken: Option<(Arc<Observed>, Vec<MetricFits>)>,
    /// Fits that the store does not have yet.
    unkept: Vec<MetricFits>,
    /// When the store was given some last.
    kept: Option<Instant>,
    /// When the history was thinned out last.
    thinned: Option<Instant>,
}

impl Component for FitKeeper {
    fn name(&self) -> &'static str {
        "fits"
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::Fitted(fitted) => {
                self.unkept.retain(|old| fitted.fits.iter().all(|new| new.candidates.metric != old.candidates.metric));
                self.unkept.extend(fitted.fits.iter().filter(|fits| fits.new).cloned());
                self.taken = Some((Arc::clone(&fitted.observed), fitted.fits.clone()));
                out.send(Event::FitsChanged(current(fitted)));
                out.send(Event::KeepFits);
            }
            Event::FitsRecalled(fitted) => out.send(Event::FitsChanged(current(fitted))),
            Event::KeepFits => self.write(shared)?,
            Event::Idle if self.thinned.is_none_or(|at| at.elapsed() >= THIN_EVERY) => {
                self.thinned = Some(Instant::now());
                history::thin(&shared.store, shared.now, shared.written.retention.fits)?;
            }
            // They are of the project as it was.
            Event::Edited(_) => self.keep(&shared.store)?,
            _ => {}
        }
        Ok(())
    }

    fn stop(&mut self, shared: &Shared) -> Result<(), StoreError> {
        self.keep(&shared.store)
    }
}

impl FitKeeper {
    /// Writes those that were taken last into the history, and gives them to the store when it is time.
    fn write(&mut self, shared: &Shared) -> Result<(), StoreError> {
        if let Some((observed, fits)) = self.taken.take() {
            history::keep(&shared.store, &observed, &fits, &shared.fits.outlook.target, shared.now)?;
        }
        if self.kept.is_none_or(|at| at.elapsed() >= KEEP_EVERY) {
            self.keep(&shared.store)?;
        }
        Ok(())
    }

    /// Gives the store the fits that it does not have.
    fn keep(&mut self, store: &SledStore) -> Result<(), StoreError> {
        self.kept = Some(Instant::now());
        while let Some(fits) = self.unkept.last() {
            fits.keep(store)?;
            self.unkept.pop();
        }
        Ok(())
    }
}

/// Fits for readers.
fn current(fitted: &Fitted) -> Arc<CurrentFits> {
    let of = |fits: &MetricFits| (fits.candidates.metric.clone(), fits.made_from.rows.clone());
    let made = fitted.fits.iter().filter(|fits| !fits.made_from.rows.is_empty());
    Arc::new(CurrentFits {
        candidates: Arc::clone(&fitted.candidates),
        pool: Arc::clone(&fitted.pool),
        inputs: made.map(of).collect(),
        outlook: fitted.outlook.clone(),
        made: Some(Instant::now()),
        seconds: Some(fitted.seconds),
    })
}
