//! The objective at the target along the share of each corpus, by the laws in use.

use super::outlook::chosen;
use super::place::scale;
use super::publisher::CurrentState;
use crate::advise::{Places, Widening};
use crate::fit::Fit;
use crate::forecast::{mean_mixture, with_share};
use crate::ipc::protocol::{Failure, PredictQuery};
use crate::ipc::slices::{MOST_SHARES, Slice, SlicesAnswer, SlicesQuery};
use crate::project::Project;
use crate::vocab::{Advice, Measure, MetricUnit, Mixture, Scale};
use rayon::prelude::*;

/// Part of the explored range that a slice goes beyond it on either side.
const BEYOND: f64 = 0.15;

/// What was asked for; no slice where a loss that counts has no law yet.
///
/// # Errors
/// Where the question makes no sense, or the project has no target.
pub fn answer(query: SlicesQuery, current: &CurrentState) -> Result<SlicesAnswer, Failure> {
    if query.shares < 2 || query.shares > MOST_SHARES {
        let said = format!("the request asks for {} shares", query.shares);
        return Err(Failure::usage(said, format!("request 2 to {MOST_SHARES} shares")));
    }
    let scale = scale(&PredictQuery::default(), current)?;
    let advised = match &current.snapshot.advice {
        Some(Advice::Recommendation(advice)) => Some(&advice.mixture),
        _ => None,
    };
    let around = advised.or(current.project.current.as_ref()).cloned();
    let around = around.or_else(|| current.observed.fitted.first().map(mean_mixture));
    let widening = Widening::of(&current.project, &current.observed, &current.fits);
    Ok(around
        .map(|around| of(query.shares, &current.project, &chosen(&current.fits), &widening, &scale, around))
        .unwrap_or_default())
}

/// Slices through a mixture. `fits`: of each metric of the project.
fn of(
    shares: u32,
    project: &Project,
    fits: &[Option<&Fit>],
    widening: &Widening<'_>,
    scale: &Scale,
    around: Mixture,
) -> SlicesAnswer {
    let mut out = SlicesAnswer::default();
    let mut counted: Vec<(f64, &Fit)> = Vec::new();
    for (m, share) in project.objective_weights().into_iter().enumerate().filter(|(_, share)| *share > 0.0) {
        let Some(fit) = fits.get(m).copied().flatten() else { return SlicesAnswer::default() };
        out.objective.push((fit.view.metric.clone(), share));
        counted.push((share, fit));
    }
    let mut units = counted.iter().map(|(_, fit)| project.unit_of(&fit.view.metric));
    let Some(first) = units.next() else { return out };
    // A mean of losses in several units is one of what laws are fitted to.
    let unit = if units.all(|unit| unit == first) { first } else { MetricUnit::Nats };
    out.measure = Measure::of(unit);
    let objective = Objective { scale, counted: &counted, unit, widening };
    out.value = objective.at(&around, &mut Places::default()).0;
    let slice = |domain: &String| {
        let marks = [Some(&around), project.current.as_ref()].into_iter().flatten().map(|one| one.weight(domain));
        let explored = counted.iter().filter_map(|(_, fit)| range(fit, domain)).flat_map(|(low, high)| [low, high]);
        let ends = marks.chain(explored).filter(|weight| weight.is_finite());
        let (low, high) = ends.fold((1.0_f64, 0.0_f64), |(low, high), weight| (low.min(weight), high.max(weight)));
        let air = BEYOND * (high - low);
        let (low, high) = ((low - air).max(0.0), (high + air).min(1.0));
        let mut places = Places::default();
        let mut slice = Slice { domain: domain.clone(), ..Slice::default() };
        for i in 0..shares {
            let share = low + (high - low) * f64::from(i) / f64::from(shares - 1);
            let mixture = with_share(&project.domains, &around, domain, share);
            let (value, low, high) = objective.at(&mixture, &mut places);
            slice.shares.push(share);
            slice.value.push(value);
            slice.low.push(low);
            slice.high.push(high);
            slice.explored.push(objective.is_explored(&mixture));
        }
        slice
    };
    out.slices = project.domains.par_iter().map(slice).collect();
    out.around = around;
    out
}

/// Least and most weight of a corpus in the rows of a fit.
fn range(fit: &Fit, domain: &str) -> Option<(f64, f64)> {
    let place = fit.domains.iter().position(|of_fit| of_fit == domain)?;
    fit.seen.weights.get(place).copied()
}

/// The losses that count, at the target.
struct Objective<'a> {
    scale: &'a Scale,
    counted: &'a [(f64, &'a Fit)],
    unit: MetricUnit,
    widening: &'a Widening<'a>,
}

impl Objective<'_> {
    /// (value, low, high) of a run, in the unit of the log.
    fn at(&self, mixture: &Mixture, places: &mut Places) -> (f64, f64, f64) {
        let mut sum = (0.0, 0.0, 0.0);
        for (share, fit) in self.counted {
            let mut at = fit.forecast(&self.scale.at(mixture.weights(&fit.domains)));
            self.widening.chosen(&fit.view.metric, mixture, &mut at, places);
            sum = (sum.0 + share * at.value, sum.1 + share * at.low, sum.2 + share * at.high);
        }
        self.unit.interval(sum.0, sum.1, sum.2)
    }

    fn is_explored(&self, mixture: &Mixture) -> bool {
        self.counted.iter().all(|(_, fit)| {
            let weights = mixture.weights(&fit.domains);
            let mut ranges = weights.iter().zip(&fit.seen.weights);
            ranges.all(|(weight, (low, high))| (low - 1e-9..=high + 1e-9).contains(weight))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::tests::recorded;

    #[test]
    fn slices_go_through_the_mixture_mirror_each_other_for_two_corpora_and_know_what_was_explored() {
        let (project, observed, fits) = recorded();
        let widening = &Widening::of(project, observed, &[]);
        let fits: Vec<Option<&Fit>> = fits.iter().map(Some).collect();
        let around = Mixture::from_weights(&project.domains, &[0.4, 0.6]);
        let scale = project.target.scale().unwrap();
        let answer = of(101, project, &fits, widening, &scale, around.clone());
        assert_eq!(answer.slices.len(), 2);
        assert!((answer.objective.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-12);
        for slice in &answer.slices {
            let nearest = (0..101).min_by(|a, b| {
                let away = |i: &usize| (slice.shares[*i] - around.weight(&slice.domain)).abs();
                away(a).total_cmp(&away(b))
            });
            let here = slice.value[nearest.unwrap()];
            assert!((here / answer.value - 1.0).abs() < 1e-3, "{here} {}", answer.value);
            for i in 0..101 {
                assert!(slice.low[i] < slice.value[i] && slice.value[i] < slice.high[i], "{slice:?}");
            }
            // All ratios were recorded.
            assert!(slice.explored.iter().all(|explored| *explored), "{slice:?}");
        }
        let (a, b) = (&answer.slices[0], &answer.slices[1]);
        assert!((0..101).all(|i| (a.value[i] / b.value[100 - i] - 1.0).abs() < 1e-9), "one is 1 − the other");
        // Runs of few ratios, by a fit that says so.
        let mut narrow = fits[1].unwrap().clone();
        narrow.seen.weights = vec![(0.3, 0.7), (0.3, 0.7)];
        let narrow = [fits[0], Some(&narrow)];
        let answer = of(101, project, &narrow, widening, &scale, around);
        let slice = &answer.slices[0];
        let inside = |share: f64| (0.3 - 1e-9..=0.7 + 1e-9).contains(&share);
        assert!(slice.shares.iter().zip(&slice.explored).all(|(share, explored)| inside(*share) == *explored));
        assert!(slice.explored.contains(&false) && slice.explored.contains(&true));
        assert_eq!(of(5, project, &[None, None], widening, &scale, Mixture::default()).slices, [], "no law, no slice");
    }
}
