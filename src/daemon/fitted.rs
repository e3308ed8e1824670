//! What the law in use says of each run at its newest fitted point.

use super::place::metric_key;
use super::publisher::CurrentState;
use crate::fit::Fit;
use crate::ipc::fitted::{FittedAnswer, FittedQuery, FittedRun};
use crate::ipc::protocol::Failure;
use crate::vocab::{Measure, MetricUnit, Observation, Observations};

/// What was asked for; no run where no law is in use.
///
/// # Errors
/// Where the project has no such loss.
pub fn answer(query: &FittedQuery, current: &CurrentState) -> Result<FittedAnswer, Failure> {
    let metric = metric_key(current, &query.metric)?;
    let fit = current.fits.iter().filter(|made| made.metric == metric).find_map(|made| made.chosen());
    let rows = current.observed.fitted.iter().find(|rows| rows.metric == metric);
    let unit = current.project.unit_of(&metric);
    let none = FittedAnswer { metric, measure: Measure::of(unit), ..FittedAnswer::default() };
    Ok(fit.zip(rows).map_or(none, |(fit, rows)| of(unit, fit, rows)))
}

fn of(unit: MetricUnit, fit: &Fit, rows: &Observations) -> FittedAnswer {
    let is_last = |i: usize| rows.rows.get(i + 1).is_none_or(|next| next.run != rows.rows[i].run);
    let one = |(_, row): (usize, &Observation)| {
        let (measured, fitted) = (unit.logged(row.loss), unit.logged(fit.predict(row)));
        let run = rows.runs.get(row.run)?.clone();
        let is_number = measured.is_finite() && fitted.is_finite();
        is_number.then_some(FittedRun { run, tokens: row.tokens, measured, fitted })
    };
    FittedAnswer {
        metric: rows.metric.clone(),
        law: fit.view.law.clone(),
        runs: rows.rows.iter().enumerate().filter(|(i, _)| is_last(*i)).filter_map(one).collect(),
        measure: Measure::of(unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::tests::recorded;
    use std::collections::BTreeSet;

    #[test]
    fn each_run_is_there_once_at_its_newest_point_in_the_unit_of_the_log() {
        let (_, observed, fits) = recorded();
        let (fit, rows) = (&fits[1], &observed.fitted[1]);
        let answer = of(MetricUnit::Nats, fit, rows);
        let names: BTreeSet<&str> = answer.runs.iter().map(|run| run.run.as_str()).collect();
        assert_eq!((names.len(), answer.runs.len()), (rows.runs_present(), rows.runs_present()));
        for run in &answer.runs {
            let number = rows.runs.iter().position(|name| *name == run.run).unwrap();
            let newest = rows.rows.iter().filter(|row| row.run == number).map(|row| row.tokens).fold(0.0, f64::max);
            assert_eq!(run.tokens, newest, "{run:?}");
            assert!((run.measured / run.fitted - 1.0).abs() < 0.1, "{run:?}");
        }
        let perplexity = of(MetricUnit::Perplexity, fit, rows);
        assert_eq!(perplexity.runs[0].measured, answer.runs[0].measured.exp());
    }
}
