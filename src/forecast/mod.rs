//! Forecasts of runs in progress and of the target.
//!
//! Losses that the project names are forecast by every law ([`every`]); any other by its own learning curve ([`own`]).

mod anchored;
pub mod curves;
pub mod ledger;
mod live;
mod made;
pub mod measured;
mod own;
pub mod pool;
mod pooled;
pub mod schedule;
pub mod signals;
pub mod spread;
mod target;

pub use own::own;
pub use pool::{Pool, planned_steps, seen};
pub use target::{mean as mean_mixture, with_share};

use crate::fit::Fit;
use crate::fit::choose::Candidates;
use crate::observe::RunRecord;
use crate::project::Project;
use crate::vocab::{Forecast, Mixture, RatioChart, RunForecast, Scale};
use std::collections::BTreeMap;

/// Final validation losses of one run, by metric key. A finished run has none: its losses are known.
///
/// Of several ways: what finished runs like it did from here on (three or more of them: `pooled`); a law of curves that
/// sees the learning rate, with exponents of the finished runs, or its own (`multi-power`, `tissue`); the mixture law at
/// the planned end, moved by where the run stands.
#[must_use]
pub fn run(project: &Project, fits: &[Option<&Fit>], pool: &Pool, record: &RunRecord) -> BTreeMap<String, RunForecast> {
    let first = |(metric, all): (String, Vec<RunForecast>)| Some((metric, all.into_iter().next()?));
    every(project, fits, pool, record).into_iter().filter_map(first).collect()
}

/// Every law's forecast of every validation loss of a run in progress, by metric key; the one to show comes first, and
/// the others are for the ledger. Empty for a finished run.
#[must_use]
pub fn every(
    project: &Project,
    fits: &[Option<&Fit>],
    pool: &Pool,
    record: &RunRecord,
) -> BTreeMap<String, Vec<RunForecast>> {
    live::every(project, fits, pool, record)
}

/// Every domain's loss for a size, an amount of data and a mixture.
#[must_use]
pub fn target(project: &Project, fits: &[Option<&Fit>], at: &Scale, mixture: &Mixture) -> Vec<Forecast> {
    let _ = project;
    target::target(fits, at, mixture)
}

/// The same by every law that was fitted and by their stack, the one in use first: the stack where the choice says so
/// ([`crate::vocab::Choice::stacked`]), else the chosen law.
#[must_use]
pub fn every_law(all: &[Candidates], at: &Scale, mixture: &Mixture) -> Vec<Forecast> {
    target::every_law(all, at, mixture)
}

/// Each domain's loss at the target against the weight of one domain (the first that the objective minimises), for
/// the chart: curve, band, and what was observed, moved to the target's N and D.
#[must_use]
pub fn charts(
    project: &Project,
    fits: &[Option<&Fit>],
    observed: &crate::observe::Observed,
    advice: Option<&crate::vocab::Advice>,
) -> Vec<RatioChart> {
    target::charts(project, fits, observed, advice)
}
