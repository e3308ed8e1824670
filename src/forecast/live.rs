//! Forecasts of the final losses of one run in progress, by every method.

use super::made::{Made, ahead};
use super::own::TOO_WIDE;
use super::pool::{Pool, seen};
use super::signals::divergence;
use super::{anchored, pooled};
use crate::fit::Fit;
use crate::observe::{RunRecord, observe, training_loss};
use crate::project::Project;
use crate::vocab::{Ordered, RunForecast};
use std::collections::BTreeMap;

/// See [`super::every`].
pub(super) fn every(
    project: &Project,
    fits: &[Option<&Fit>],
    pool: &Pool,
    record: &RunRecord,
) -> BTreeMap<String, Vec<RunForecast>> {
    let mut all = BTreeMap::new();
    if has_diverged(project, record) {
        return all;
    }
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
            let law = rows.and_then(|rows| anchored::forecast(project, fit, rows, record, seen, &ahead(seen)));
            of_metric.extend(law.and_then(|path| Made::of_path(&fit.view.law, path)));
        }
        if of_metric.is_empty() {
            of_metric.extend(Pool::at_constant_rate(record, metric));
        }
        of_metric.retain(|made| made.forecast.sd <= TOO_WIDE);
        // A regression over finished runs has been tested on each of them; the others only claim their error.
        let claims = |m: &Made| if m.law == pooled::NAME { f64::NEG_INFINITY } else { m.forecast.sd };
        of_metric.sort_by_cached_key(|fit| Ordered(claims(fit)));
        // The way there is drawn of the first only.
        of_metric.iter_mut().skip(1).for_each(|made| made.path.clear());
        let views: Vec<RunForecast> = of_metric.into_iter().filter_map(|made| made.view(seen)).collect();
        if !views.is_empty() {
            all.insert(metric.clone(), views);
        }
    }
    all
}

/// Whether training has come apart: a loss that is predicted or trained on is no number now, or the training loss, or every loss that is
/// predicted, has gone most of the way back to where it began. Where such a run ends, no curve says.
fn has_diverged(project: &Project, record: &RunRecord) -> bool {
    let points = |key: &String| Some(record.series.get(key)?.to_vec());
    let measured: Vec<_> = project.metric_keys().filter_map(points).collect();
    let trained_on = record.series.iter().filter(|(key, _)| training_loss(key).is_some());
    let training: Vec<_> = trained_on.map(|(_, series)| series.to_vec()).collect();
    let is_broken = |series: &[(i64, f64)]| series.last().is_some_and(|(_, value)| !value.is_finite());
    measured.iter().chain(&training).any(|series| is_broken(series))
        || training.iter().any(|series| divergence(series).is_some())
        || !measured.is_empty() && measured.iter().all(|series| divergence(series).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::planned_steps;
    use crate::observe::tests::{code_cpt, project};
    use crate::vocab::PathPoint;
    use std::sync::Arc;

    /// A recorded run when half of it was done, with its losses changed by step and value.
    fn half(change: impl Fn(usize, f64) -> f64) -> RunRecord {
        let mut record = code_cpt().swap_remove(20);
        for series in Arc::make_mut(&mut record.series).values_mut() {
            let half: Vec<(i64, f64)> = series.iter().take(series.len().div_ceil(2)).collect();
            // More often, so that there is a course to judge.
            let often = half.iter().flat_map(|(step, value)| (0..4).map(move |i| (4 * step + i, *value)));
            *series = often.enumerate().map(|(i, (step, value))| (step / 4, change(i, value))).collect();
        }
        record
    }

    #[test]
    fn the_way_to_the_end_is_what_the_run_then_did_and_ends_at_the_forecast() {
        let (project, all) = (project(), code_cpt());
        let (record, others): (Vec<_>, Vec<_>) = all.into_iter().enumerate().partition(|(i, _)| *i == 20);
        let (whole, others) = (&record[0].1, others.into_iter().map(|(_, one)| one).collect::<Vec<_>>());
        let until = planned_steps(whole).unwrap() / 2.0;
        let mut begun = whole.clone();
        for series in Arc::make_mut(&mut begun.series).values_mut() {
            *series = series.iter().filter(|(step, _)| *step as f64 <= until).collect();
        }
        // With the other runs finished, and by itself.
        for pool in [Pool::learn(&project, &others, None), Pool::default()] {
            let forecasts = every(&project, &[], &pool, &begun);
            assert!(!forecasts.is_empty());
            for (key, of_key) in forecasts {
                let (shown, more) = of_key.split_first().unwrap();
                assert!(more.iter().all(|other| other.path.is_empty()), "drawn of the first only");
                let end = shown.path.last().unwrap();
                assert_eq!((end.part, end.value, end.low, end.high), (1.0, shown.value, shown.low, shown.high));
                assert!(shown.path.len() > 5 && shown.path.windows(2).all(|two| two[0].part < two[1].part));
                assert!(shown.path[0].part > shown.seen, "{shown:?}");
                let wide = |at: &PathPoint| at.high / at.low;
                assert!(wide(&shown.path[0]) < wide(end), "it widens: {shown:?}");
                let truth = &whole.series[&key];
                let total = 2.0 * until;
                for at in &shown.path {
                    let near = |(step, _): &(i64, f64)| (*step as f64 - at.part * total).abs();
                    let (_, loss) = truth.iter().min_by(|a, b| near(a).total_cmp(&near(b))).unwrap();
                    // The nearest checkpoint may be up to half an interval away.
                    assert!(at.low * 0.99 < loss && loss < at.high * 1.01, "{key} at {}: {loss} {at:?}", at.part);
                }
            }
        }
    }

    #[test]
    fn a_run_that_has_diverged_has_no_forecast() {
        let (project, pool) = (project(), Pool::default());
        let forecasts = |record: &RunRecord| every(&project, &[], &pool, record).len();
        assert!(
            !has_diverged(&project, &half(|_, v| v))
                && has_diverged(&project, &half(|i, v| if i > 20 { f64::NAN } else { v }))
        );
        let risen = half(|i, v| if i > 20 { 3.0 * v } else { v / (1.0 + 0.05 * i as f64) });
        assert!(has_diverged(&project, &risen));
        assert_eq!(forecasts(&risen), 0);
        let mut broken = half(|_, v| v);
        assert!(forecasts(&broken) > 0);
        let training = vec![(1, 2.0), (2, f64::NAN)].into();
        Arc::make_mut(&mut broken.series).insert("lm loss".to_owned(), training);
        assert_eq!(forecasts(&broken), 0, "the training loss is no number, whatever was evaluated before");
    }
}
