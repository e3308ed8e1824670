//! The final losses of one run in progress: of all the ways to them, the one that is surest of itself.

use super::curves::family::CurveForecast;
use super::pool::{Pool, seen, view};
use super::{anchored, pooled};
use crate::fit::Fit;
use crate::observe::{RunRecord, observe};
use crate::project::Project;
use crate::vocab::RunForecast;
use std::collections::BTreeMap;

/// See [`super::run`].
pub(super) fn run(
    project: &Project,
    fits: &[Option<&Fit>],
    pool: &Pool,
    record: &RunRecord,
) -> BTreeMap<String, RunForecast> {
    let mut forecasts = BTreeMap::new();
    for (metric, all) in every(project, fits, pool, record) {
        let Some(seen) = seen(record, &metric) else { continue };
        // A regression over finished runs has been tested on each of them; the others only claim their error.
        let best = all
            .iter()
            .find(|(law, _)| law == pooled::NAME)
            .or_else(|| all.iter().min_by(|a, b| a.1.sd.total_cmp(&b.1.sd)));
        let Some((law, forecast)) = best else { continue };
        let view = view(law.clone(), *forecast, seen);
        if [view.value, view.low, view.high].iter().all(|x| x.is_finite()) {
            forecasts.insert(metric, view);
        }
    }
    forecasts
}

/// Every law's forecast of every validation loss of a run in progress, for the ledger. Empty for a finished run.
pub(super) fn every(
    project: &Project,
    fits: &[Option<&Fit>],
    pool: &Pool,
    record: &RunRecord,
) -> BTreeMap<String, Vec<(String, CurveForecast)>> {
    let mut all = BTreeMap::new();
    let mut observed = None;
    for (domain, metric) in project.metrics.iter().enumerate() {
        let Some(seen) = seen(record, metric).filter(|s| *s < 1.0) else { continue };
        let mut of_metric = pool.forecasts(project, record, domain, metric);
        if let Some(fit) = fits.get(domain).copied().flatten().filter(|f| f.view.skill.is_none_or(|s| s > 0.0)) {
            let observed = observed.get_or_insert_with(|| observe(project, std::slice::from_ref(record)));
            let rows = observed.fitted.get(domain);
            let law = rows.and_then(|rows| anchored::forecast(project, fit, rows, record, seen));
            of_metric.extend(law.map(|f| (fit.view.law.clone(), f)));
        }
        all.insert(metric.clone(), of_metric);
    }
    all
}
