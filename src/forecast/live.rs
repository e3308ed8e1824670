//! Forecasts of the final losses of one run in progress, by every method.

use super::made::Made;
use super::pool::{Pool, seen};
use super::{anchored, pooled};
use crate::fit::Fit;
use crate::observe::{RunRecord, observe};
use crate::project::Project;
use crate::vocab::RunForecast;
use std::collections::BTreeMap;

/// See [`super::every`].
pub(super) fn every(
    project: &Project,
    fits: &[Option<&Fit>],
    pool: &Pool,
    record: &RunRecord,
) -> BTreeMap<String, Vec<RunForecast>> {
    let mut all = BTreeMap::new();
    let mut observed = None;
    for (index, metric) in project.metric_keys().enumerate() {
        let Some(seen) = seen(record, metric).filter(|s| *s < 1.0) else { continue };
        if record.series.get(metric).and_then(|series| series.last()).is_some_and(|(_, value)| !value.is_finite()) {
            continue;
        }
        let mut of_metric = pool.forecasts(project, record, index, metric);
        if let Some(fit) = fits.get(index).copied().flatten().filter(|f| f.view.skill.is_none_or(|s| s > 0.0)) {
            let observed = observed.get_or_insert_with(|| observe(project, std::slice::from_ref(record)));
            let rows = observed.fitted.get(index);
            let law = rows.and_then(|rows| anchored::forecast(project, fit, rows, record, seen));
            let law = law.map(|forecast| Made { law: fit.view.law.clone(), forecast, fit: None, assumed: None });
            of_metric.extend(law);
        }
        if of_metric.is_empty() {
            of_metric.extend(Pool::at_constant_rate(record, metric));
        }
        // A regression over finished runs has been tested on each of them; the others only claim their error.
        let claims = |m: &Made| if m.law == pooled::NAME { f64::NEG_INFINITY } else { m.forecast.sd };
        of_metric.sort_by(|a, b| claims(a).total_cmp(&claims(b)));
        let views: Vec<RunForecast> = of_metric.into_iter().filter_map(|made| made.view(seen)).collect();
        if !views.is_empty() {
            all.insert(metric.clone(), views);
        }
    }
    all
}
