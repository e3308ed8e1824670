//! Runs that were measured at or near a place: what a forecast stands beside, and gives way to where they contradict it.

use crate::fit::choose::Candidates;
use crate::vocab::{Forecast, Interval, Measured, Mixture, Observation, Observations, STACK, Scale};

/// N and D of a run near a place are within this factor of the place's.
const NEAR: f64 = 1.1;
/// Half the sum of absolute differences of weights up to which two mixtures are near each other.
const NEAR_MIXTURE: f64 = 0.02;

/// Whether a row has about the size, tokens and experts of a place.
#[must_use]
pub fn is_near(row: &Observation, scale: &Scale) -> bool {
    let alike = |a: f64, b: f64| a > 0.0 && b > 0.0 && (a / b).ln().abs() <= NEAR.ln();
    let at = scale.at(row.mixture.clone());
    alike(row.params, at.params)
        && alike(row.tokens, at.tokens)
        && [(row.experts, at.experts), (row.experts_per_token, at.experts_per_token), (row.granularity, at.granularity)]
            .into_iter()
            .all(|(a, b)| alike(a.max(1.0), b.max(1.0)))
}

/// The measured run nearest to a place, of those near it.
#[must_use]
pub fn at(rows: &Observations, scale: &Scale, mixture: &Mixture) -> Option<Measured> {
    let row = nearest(rows, scale, mixture)?;
    Some(Measured {
        run: rows.runs.get(row.run)?.clone(),
        params: row.params,
        tokens: row.tokens,
        mixture: Mixture::from_weights(&rows.domains, &row.mixture),
        losses: [(rows.metric.clone(), row.loss)].into(),
    })
}

fn nearest<'r>(rows: &'r Observations, scale: &Scale, mixture: &Mixture) -> Option<&'r Observation> {
    let weights = mixture.weights(&rows.domains);
    let apart = |row: &Observation| {
        let shares = row.mixture.iter().zip(&weights).map(|(a, b)| (a - b).abs()).sum::<f64>() / 2.0;
        (shares <= NEAR_MIXTURE)
            .then(|| shares + (row.params / scale.params).ln().abs() + (row.tokens / scale.tokens).ln().abs())
    };
    let known = rows.rows.iter().filter(|row| row.loss.is_finite() && is_near(row, scale));
    let near = known.filter_map(|row| Some((apart(row)?, row)));
    near.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, row)| row)
}

/// Puts measured runs beside forecasts. Where the interval of the law in use does not hold what was measured there, the
/// forecast is moved onto the measurement.
pub fn beside(forecasts: &mut [Forecast], candidates: &[Candidates], observed: &[Observations]) {
    for forecast in forecasts {
        let Some(rows) = observed.iter().find(|rows| rows.metric == forecast.metric) else { continue };
        let scale = Scale { params: forecast.params, tokens: forecast.tokens, moe: forecast.moe };
        let Some(row) = nearest(rows, &scale, &forecast.mixture) else { continue };
        let of_metric = candidates.iter().find(|c| c.metric == forecast.metric);
        let there = of_metric.and_then(|of| match of.fits.iter().find(|fit| fit.view.law == forecast.law) {
            Some(fit) => Some(fit.forecast(row)),
            None => of.stacked(row).filter(|_| forecast.law == STACK),
        });
        if let Some(there) = there.filter(|_| forecast.chosen && forecast.unseen.is_empty()) {
            forecast.interval = moved(&forecast.interval, &there, row);
        }
        forecast.measured = at(rows, &scale, &forecast.mixture);
    }
}

/// An interval about a place near a measured row, moved where the row lies outside of what is expected `there`, at the row.
fn moved(interval: &Interval, there: &Interval, row: &Observation) -> Interval {
    let factor = row.loss / there.value;
    if (there.low..=there.high).contains(&row.loss) || !(factor.is_finite() && factor > 0.0) {
        return *interval;
    }
    Interval { value: factor * interval.value, low: factor * interval.low, high: factor * interval.high }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Observations {
        let row = |params: f64, share: f64, loss: f64, run| Observation {
            loss,
            run,
            ..Scale::dense(params, 1e9).at(vec![share, 1.0 - share])
        };
        Observations {
            metric: "loss".to_owned(),
            domains: vec!["a".to_owned(), "b".to_owned()],
            runs: vec!["small".to_owned(), "large".to_owned(), "other".to_owned()],
            rows: vec![row(1e6, 0.5, 3.0, 0), row(1e8, 0.51, 2.0, 1), row(1e8, 0.9, 1.9, 2)],
            ..Observations::default()
        }
    }

    #[test]
    fn the_nearest_run_of_about_the_size_tokens_and_mixture_is_found() {
        let mixture = |share: f64| Mixture::from_weights(&rows().domains, &[share, 1.0 - share]);
        let at = |params: f64, share: f64| at(&rows(), &Scale::dense(params, 1.05e9), &mixture(share)).map(|m| m.run);
        assert_eq!(at(1.05e8, 0.5).as_deref(), Some("large"));
        assert_eq!(at(1.05e8, 0.9).as_deref(), Some("other"));
        assert_eq!(at(1.05e8, 0.7), None, "no run has such a mixture");
        assert_eq!(at(1e7, 0.5), None, "no run has such a size");
        let routed = Scale {
            moe: Some(crate::vocab::Moe { active_params: 1e7, experts: 8.0, experts_per_token: 1.0, granularity: 1.0 }),
            ..Scale::dense(1e8, 1e9)
        };
        assert_eq!(super::at(&rows(), &routed, &mixture(0.5)).map(|m| m.run), None, "a dense run is no routed one");
    }
}
