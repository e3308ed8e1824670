//! Where runs in progress and the target will end.

mod anchored;
pub mod curves;
pub mod schedule;
pub mod spread;
mod target;
#[cfg(test)]
mod tests;

use crate::fit::Fit;
use crate::observe::RunRecord;
use crate::project::Project;
use crate::vocab::{Forecast, Mixture, RatioChart, RunForecast};
use std::collections::BTreeMap;

/// Final validation losses of one run, by metric key. A finished run has none: its losses are known.
#[must_use]
pub fn run(project: &Project, fits: &[Option<&Fit>], record: &RunRecord) -> BTreeMap<String, RunForecast> {
    anchored::run(project, fits, record)
}

/// Every domain's loss for a size, an amount of data and a mixture.
#[must_use]
pub fn target(project: &Project, fits: &[Option<&Fit>], params: f64, tokens: f64, mixture: &Mixture) -> Vec<Forecast> {
    let _ = project;
    target::target(fits, params, tokens, mixture)
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
