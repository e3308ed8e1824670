//! Forecast of one loss of one run from its own learning curve alone: for losses that the project does not name, the
//! training loss among them.

use super::pool::{Pool, seen};
use crate::observe::RunRecord;
use crate::project::Project;
use crate::vocab::{MetricUnit, RunForecast};
use std::sync::Arc;

/// Standard deviation, in ln loss, above which nothing is said: the interval would span a factor of five and more.
pub(super) const TOO_WIDE: f64 = 0.5;

/// Final value of a loss of a run in progress, in what laws are fitted to ([`MetricUnit::fitted`]); `None` for a finished
/// run, where the end of the run is unknown, or the newest value is no number. A training loss scatters from batch to batch: what is
/// forecast is its mean over batches.
///
/// `points`: (step, value) as logged, ascending. `record`: the run, with its learning rates.
#[must_use]
pub fn own(record: &RunRecord, key: &str, unit: MetricUnit, points: &[(i64, f64)]) -> Option<RunForecast> {
    points.last().filter(|(_, value)| value.is_finite())?;
    let mut series = (*record.series).clone();
    series.insert(key.to_owned(), points.iter().map(|(step, value)| (*step, unit.fitted(*value))).collect());
    let mut record = record.clone();
    record.series = Arc::new(series);
    let seen = seen(&record, key).filter(|seen| *seen < 1.0)?;
    let made = Pool::default().forecasts(&Project::default(), &record, usize::MAX, key);
    let made = made.into_iter().chain(Pool::at_constant_rate(&record, key));
    made.filter(|made| made.forecast.sd <= TOO_WIDE).find_map(|made| made.view(seen))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::tests::code_cpt;
    use crate::vocab::{FactName, FactValue};

    #[test]
    fn a_noisy_training_loss_is_forecast_to_its_mean_at_the_end() {
        let mut record = code_cpt().remove(0);
        let facts = Arc::make_mut(&mut record.facts);
        facts.known.remove(&FactName::PlannedSteps);
        facts.offer(FactName::PlannedSteps, FactValue::Number(1000.0), "test");
        record.series = Arc::default();
        let mean = |step: i64| 2.0 + 3.0 * (step as f64 + 20.0).powf(-0.3);
        // A fixed sequence that looks like noise of 1 %.
        let noise = |step: i64| 1.0 + 0.02 * ((step as f64 * 0.618_034).fract() - 0.5);
        let points: Vec<(i64, f64)> = (1..=600).map(|step| (step, mean(step) * noise(step))).collect();
        let found = own(&record, "train/loss", MetricUnit::Nats, &points).expect("a forecast");
        assert!((found.value / mean(1000) - 1.0).abs() < 0.01, "{found:?} against {}", mean(1000));
        assert!(found.low < mean(1000) && mean(1000) < found.high, "{found:?} against {}", mean(1000));
        let accuracy: Vec<(i64, f64)> = points.iter().map(|(step, loss)| (*step, 1.0 - loss / 10.0)).collect();
        let found = own(&record, "eval/acc", MetricUnit::Accuracy, &accuracy).expect("a forecast of 1 - accuracy");
        assert!((found.value - mean(1000) / 10.0).abs() < 0.01, "{found:?}");
        let whole: Vec<(i64, f64)> = (1..=1000).map(|step| (step, mean(step))).collect();
        assert_eq!(own(&record, "train/loss", MetricUnit::Nats, &whole), None, "it has ended");
        let broken: Vec<(i64, f64)> = points.iter().copied().chain([(601, f64::NAN)]).collect();
        assert_eq!(own(&record, "train/loss", MetricUnit::Nats, &broken), None, "it has diverged");
    }
}
