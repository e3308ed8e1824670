//! Predictions of every law for a size, token count and mixture, and charts of loss against mixture weight.

use crate::fit::Fit;
use crate::fit::choose::Candidates;
use crate::observe::Observed;
use crate::project::Project;
use crate::vocab::{
    Advice, ChartPoint, Forecast, Measure, Mixture, Observation, Observations, RatioChart, STACK, Scale,
};

/// Weights on a chart: one a column of a wide terminal, and quarters and halves of the range among them.
const SHARES: usize = 65;

/// A place this much beyond the largest N or D is not beyond it.
const WITHIN: f64 = 1.05;

/// See [`super::target`].
pub(super) fn target(fits: &[Option<&Fit>], scale: &Scale, mixture: &Mixture) -> Vec<Forecast> {
    let of = |fit: &Fit| {
        let at = scale.at(mixture.weights(&fit.domains));
        let interval = fit.forecast(&at);
        let finite = [interval.value, interval.low, interval.high].iter().all(|x| x.is_finite());
        finite.then(|| Forecast {
            metric: fit.view.metric.clone(),
            law: fit.view.law.clone(),
            chosen: fit.view.chosen,
            params: scale.params,
            tokens: scale.tokens,
            moe: scale.moe,
            mixture: mixture.clone(),
            interval,
            extrapolation: fit.extrapolation(&at),
            unseen: fit.unseen(&at).into_iter().map(|variable| variable.letter().to_owned()).collect(),
            measured: None,
            beyond_runs: None,
            measure: Measure::default(),
        })
    };
    fits.iter().flatten().filter_map(|fit| of(fit)).collect()
}

/// See [`super::every_law`].
pub(super) fn every_law(all: &[Candidates], scale: &Scale, mixture: &Mixture) -> Vec<Forecast> {
    let of = |candidates: &Candidates| {
        let place = |law: &str| candidates.choice.candidates.iter().position(|c| c.name == law);
        let mut fits: Vec<&Fit> = candidates.fits.iter().collect();
        fits.sort_by_cached_key(|fit| (!fit.view.chosen, place(&fit.view.law).unwrap_or(usize::MAX)));
        let mut forecasts: Vec<Forecast> = target(&fits.iter().map(|f| Some(*f)).collect::<Vec<_>>(), scale, mixture);
        use_what_can_be(&fits, scale, mixture, &mut forecasts);
        if let Some(first) = candidates.fits.first()
            && candidates.fits.len() > 1
            && let Some(interval) = candidates.stacked(&scale.at(mixture.weights(&first.domains)))
            && let Some(like) = forecasts.first().cloned()
        {
            let beyond = like.extrapolation.params.max(like.extrapolation.tokens) > WITHIN;
            let chosen = candidates.choice.stacked && like.chosen && like.unseen.is_empty() && !beyond;
            forecasts.push(Forecast { law: STACK.to_owned(), chosen, interval, ..like });
            if chosen {
                forecasts[0].chosen = false;
                forecasts.rotate_right(1);
            }
        }
        forecasts
    };
    all.iter().flat_map(of).collect()
}

/// Where the chosen law predicts a loss that cannot be, or does not see what is asked, the next best that can answer takes its
/// place: it comes first. Where none can, no law is in use at that place; one that can still rank mixtures stays.
fn use_what_can_be(fits: &[&Fit], scale: &Scale, mixture: &Mixture, forecasts: &mut [Forecast]) {
    if !forecasts.first().is_some_and(|first| first.chosen) {
        return;
    }
    let fit_of = |forecast: &Forecast| fits.iter().find(|fit| fit.view.law == forecast.law);
    let is_plausible = |forecast: &Forecast| {
        fit_of(forecast).is_some_and(|fit| {
            fit.is_plausible(&scale.at(mixture.weights(&fit.domains)), &forecast.interval)
                || !forecast.unseen.is_empty()
        })
    };
    let best = forecasts.iter().position(|f| f.unseen.is_empty() && is_plausible(f));
    let best = best.or_else(|| forecasts.iter().position(is_plausible));
    forecasts.iter_mut().for_each(|forecast| forecast.chosen = false);
    if let Some(best) = best {
        forecasts[best].chosen = true;
        forecasts[..=best].rotate_right(1);
    }
}

/// See [`super::charts`].
pub(super) fn charts(
    project: &Project,
    fits: &[Option<&Fit>],
    observed: &Observed,
    advice: Option<&Advice>,
) -> Vec<RatioChart> {
    let Some(scale) = project.target.scale() else { return Vec::new() };
    let Some(domain) = project.domains.get(project.lead()) else { return Vec::new() };
    let recommended = match advice {
        Some(Advice::Recommendation(recommendation)) => Some(recommendation),
        _ => None,
    };
    let current = project.current.as_ref().or(recommended.map(|r| &r.current));
    let advised = recommended.map(|r| r.mixture.weight(domain));
    let of = |(fit, rows): (&Option<&Fit>, &Observations)| {
        let fit = (*fit)?;
        let base = current.cloned().unwrap_or_else(|| mean(rows));
        let shares = axis(rows, domain, current.map(|m| m.weight(domain)), advised);
        let mut chart = RatioChart {
            metric: fit.view.metric.clone(),
            domain: domain.clone(),
            shares: Vec::with_capacity(SHARES),
            loss: Vec::with_capacity(SHARES),
            low: Vec::with_capacity(SHARES),
            high: Vec::with_capacity(SHARES),
            points: points(fit, rows, domain, &scale),
            current: current.map(|m| m.weight(domain)),
            advised,
            limit: recommended.and_then(|r| r.expected.get(&fit.view.metric)?.limit),
            measure: Measure::default(),
        };
        for share in shares {
            // The range of a run's loss, like the recommendation's beside it, not only of the curve.
            let mixture = with_share(&project.domains, &base, domain, share);
            let curve = fit.forecast(&scale.at(mixture.weights(&fit.domains)));
            if [curve.value, curve.low, curve.high].iter().all(|x| x.is_finite()) {
                chart.shares.push(share);
                chart.loss.push(curve.value);
                chart.low.push(curve.low);
                chart.high.push(curve.high);
            }
        }
        (!chart.shares.is_empty()).then_some(chart)
    };
    fits.iter().zip(&observed.fitted).filter_map(of).collect()
}

/// The weights on the x axis: what the runs explored, and the current and advised weights. None where all are one: a
/// curve through one ratio would be invented.
fn axis(rows: &Observations, domain: &str, current: Option<f64>, advised: Option<f64>) -> Vec<f64> {
    let index = rows.domains.iter().position(|d| d == domain);
    let explored = rows.rows.iter().filter_map(|r| r.mixture.get(index?).copied());
    let marks = explored.chain(current).chain(advised).filter(|w| w.is_finite());
    let (low, high) = marks.fold((1.0_f64, 0.0_f64), |(low, high), w| (low.min(w), high.max(w)));
    if high - low < 1e-6 {
        return Vec::new();
    }
    (0..SHARES).map(|i| low + (high - low) * i as f64 / (SHARES - 1) as f64).collect()
}

/// `base` with the weight of `domain` set; the others keep their proportions among themselves, or share equally where
/// they have none.
#[must_use]
pub fn with_share(domains: &[String], base: &Mixture, domain: &str, share: f64) -> Mixture {
    let rest: f64 = domains.iter().filter(|d| *d != domain).map(|d| base.weight(d)).sum();
    let equal = 1.0 / (domains.len().max(2) - 1) as f64;
    let weight = |d: &String| {
        if d == domain { share } else { (1.0 - share) * if rest > 1e-9 { base.weight(d) / rest } else { equal } }
    };
    Mixture(domains.iter().map(|d| (d.clone(), weight(d))).collect())
}

/// The mean of the rows' mixtures.
#[must_use]
pub fn mean(rows: &Observations) -> Mixture {
    let count = rows.rows.len().max(1) as f64;
    let of = |d: usize| rows.rows.iter().filter_map(|r| r.mixture.get(d)).sum::<f64>() / count;
    Mixture(rows.domains.iter().enumerate().map(|(d, name)| (name.clone(), of(d))).collect())
}

/// The last row of every run, and the same moved along the law to the target's scale.
fn points(fit: &Fit, rows: &Observations, domain: &str, scale: &Scale) -> Vec<ChartPoint> {
    let index = rows.domains.iter().position(|d| d == domain);
    let last = |(i, row): &(usize, &Observation)| rows.rows.get(i + 1).is_none_or(|next| next.run != row.run);
    let of = |(_, row): (usize, &Observation)| {
        let at_target = fit.predict(&scale.at(row.mixture.clone())) * row.loss / fit.predict(row);
        at_target.is_finite().then_some(())?;
        Some(ChartPoint {
            share: *row.mixture.get(index?)?,
            loss: row.loss,
            at_target,
            params: row.params,
            run: rows.runs.get(row.run)?.clone(),
        })
    };
    rows.rows.iter().enumerate().filter(last).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["a", "b", "c"].map(str::to_owned).to_vec()
    }

    #[test]
    fn the_other_domains_keep_their_proportions() {
        let base = Mixture::from_weights(&names(), &[0.2, 0.2, 0.6]);
        let moved = with_share(&names(), &base, "a", 0.6);
        assert_eq!(moved.weights(&names()), vec![0.6, 0.1, 0.3]);
        let pure = Mixture::from_weights(&names(), &[1.0, 0.0, 0.0]);
        assert_eq!(with_share(&names(), &pure, "a", 0.5).weights(&names()), vec![0.5, 0.25, 0.25]);
    }

    #[test]
    fn the_axis_spans_what_was_explored_and_what_is_marked() {
        let row = |w: f64| Observation { mixture: vec![1.0 - w, w], ..Observation::default() };
        let rows = Observations {
            domains: vec!["prose".to_owned(), "rust".to_owned()],
            rows: vec![row(0.2), row(0.8)],
            ..Observations::default()
        };
        let axis_of = |current, advised| axis(&rows, "rust", current, advised);
        assert_eq!(axis_of(None, None).len(), 65);
        assert_eq!((axis_of(None, None)[0], axis_of(None, None)[64]), (0.2, 0.8));
        assert_eq!((axis_of(Some(0.05), Some(0.9))[0], axis_of(Some(0.05), Some(0.9))[64]), (0.05, 0.9));
        assert_eq!(axis_of(Some(f64::NAN), None)[0], 0.2);
    }

    #[test]
    fn the_stack_forecasts_within_the_runs_where_the_choice_says_so_and_nowhere_else() {
        use crate::fit::{Options, choose::candidates};
        use crate::observe::{observe, tests};
        let observed = observe(&tests::project(), &tests::code_cpt());
        let rows = &observed.fitted[0];
        let laws = ["additive", "dcpt"].map(str::to_owned);
        let mut made = candidates(&laws, rows, &Options { bootstraps: 0, ..Options::default() }, None);
        assert!(made.stack.as_ref().is_some_and(|stack| stack.weights.len() > 1), "{:?}", made.stack);
        let row = rows.rows.iter().max_by(|a, b| a.params.total_cmp(&b.params)).unwrap();
        let mixture = Mixture::from_weights(&rows.domains, &row.mixture);
        let (within, beyond) = (Scale::of(row), Scale::dense(4.0 * row.params, row.tokens));
        for (stacked, at, by_stack) in [(true, within, true), (true, beyond, false), (false, within, false)] {
            made.choice.stacked = stacked;
            let all = every_law(std::slice::from_ref(&made), &at, &mixture);
            assert_eq!(all[0].law == STACK, by_stack, "{stacked} {at:?}: {}", all[0].law);
            assert!(all[0].chosen && all[1..].iter().all(|f| !f.chosen), "one is in use: {all:?}");
            assert_eq!(all.len(), 3, "laws and stack, each once");
        }
    }
}
