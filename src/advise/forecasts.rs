//! Forecasts of the recorded example with the real laws, which agree with the advice.

use super::tests::recorded;
use super::{Evidence, recommend};
use crate::fit::Fit;
use crate::forecast;
use crate::vocab::{Advice, Mixture, Scale};
use std::collections::BTreeMap;

#[test]
fn charts_and_forecasts_of_the_recorded_example_agree_with_the_advice() {
    let (project, observed, fits) = recorded();
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    let evidence = Evidence { project, observed, fits: &fits, extrapolate: false };
    let advice = recommend(&evidence);
    let Advice::Recommendation(recommendation) = &advice else { panic!("{advice:?}") };

    let charts = forecast::charts(project, &fits, observed, Some(&advice));
    assert_eq!(charts.len(), 2);
    for chart in &charts {
        assert_eq!((chart.shares.len(), chart.points.len(), chart.domain.as_str()), (65, 36, "rust"));
        assert!(chart.shares.windows(2).all(|w| w[0] < w[1]));
        let spread = chart.low.iter().zip(&chart.loss).zip(&chart.high);
        assert!(spread.clone().all(|((low, loss), high)| low <= loss && loss <= high));
        assert_eq!(chart.current, Some(0.2));
        assert_eq!(chart.advised, Some(recommendation.mixture.weight("rust")));
        // Points moved to the target lie near the curve; the smallest models' own losses are far above it.
        let near = chart.points.iter().filter(|p| {
            let at = chart.shares.partition_point(|s| *s < p.share).min(64);
            (p.at_target / chart.loss[at] - 1.0).abs() < 0.04
        });
        assert!(near.count() > 28, "{chart:#?}");
    }
    assert!(charts[0].limit.is_some() && charts[1].limit.is_none());

    let forecasts = forecast::target(project, &fits, &Scale::dense(2e6, 1.64e6), &recommendation.mixture);
    let expected = recommendation.expected["eval/rust/loss"];
    assert_eq!((forecasts[1].interval.value, forecasts[1].interval.high), (expected.value, expected.high));
    assert!((forecasts[1].extrapolation.params - 3.38).abs() < 0.01);
    assert_eq!(forecast::target(project, &[None, None], &Scale::dense(2e6, 1.64e6), &Mixture(BTreeMap::new())), vec![]);
}

#[test]
fn a_run_cut_short_is_forecast_and_a_finished_one_is_not() {
    let (project, _, fits) = recorded();
    let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
    let records = crate::observe::tests::code_cpt();
    assert!(forecast::run(project, &fits, &forecast::Pool::default(), &records[3]).is_empty());
    let mut width = f64::INFINITY;
    for seen in [0.05, 0.25, 0.5, 0.75] {
        let mut cut = records[3].clone();
        std::sync::Arc::make_mut(&mut cut.series)
            .values_mut()
            .for_each(|s| *s = s.iter().filter(|(step, _)| *step as f64 <= 400.0 * seen).collect());
        let forecast = &forecast::run(project, &fits, &forecast::Pool::default(), &cut)["eval/rust/loss"];
        assert!((forecast.value / 2.30399 - 1.0).abs() < 0.02, "{seen}: {forecast:?}");
        assert!(forecast.high - forecast.low < width, "{seen}: {forecast:?}");
        width = forecast.high - forecast.low;
    }
}
