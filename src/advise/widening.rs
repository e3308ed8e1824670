//! Intervals of predictions beyond the runs' mixtures: wider by what errors on held-out mixtures have grown by at that distance, as those of
//! advice are.

use super::evidence::Evidence;
use super::growth::{HeldErrors, wider};
use super::surface::Surface;
use super::swarm::Swarm;
use super::{explored, needed};
use crate::fit::Fit;
use crate::fit::choose::Candidates;
use crate::forecast::{mean_mixture, with_share};
use crate::observe::Observed;
use crate::project::Project;
use crate::vocab::{BeyondRuns, Forecast, Interval, Mixture, Observations, RatioChart, STACK};
use std::sync::OnceLock;

/// Which mixtures lie beyond those of the runs, and how wrong each law is about such.
#[derive(Debug)]
pub struct Widening<'a> {
    domains: &'a [String],
    /// Of the runs that losses were fitted to; most have the same.
    swarms: Vec<Swarm>,
    losses: Vec<Loss<'a>>,
}

/// A loss, with the laws that were fitted to it.
#[derive(Debug)]
struct Loss<'a> {
    rows: &'a Observations,
    candidates: &'a Candidates,
    swarm: Option<usize>,
    /// By law, worked out when it is asked for.
    laws: Vec<OnceLock<Option<HeldErrors>>>,
}

/// How far beyond the runs the mixtures are that were asked about last: several losses ask about the same.
#[derive(Debug, Default)]
pub struct Places(Vec<(usize, Mixture, Option<Place>)>);

/// A place of a mixture beyond the runs.
#[derive(Debug, Clone, Copy)]
struct Place {
    factor: f64,
    /// d².
    distance: f64,
}

/// Places that are remembered.
const REMEMBERED: usize = 128;

impl<'a> Widening<'a> {
    /// Of all losses. `candidates` are the fits of each, in the order of `observed.fitted`.
    #[must_use]
    pub fn of(project: &'a Project, observed: &'a Observed, candidates: &'a [Candidates]) -> Self {
        let evidence = Evidence { project, observed, fits: &[], extrapolate: false };
        let together = needed(project, &project.objective_weights());
        let mut swarms: Vec<Swarm> = Vec::new();
        let mut known: Vec<(Vec<Vec<f64>>, Option<usize>)> = Vec::new();
        let mut swarm_of = |metrics: &[usize]| {
            let mixtures = explored(&evidence, metrics);
            if let Some((_, swarm)) = known.iter().find(|(of, _)| *of == mixtures) {
                return *swarm;
            }
            let swarm = Swarm::of(&mixtures).map(|swarm| {
                swarms.push(swarm);
                swarms.len() - 1
            });
            known.push((mixtures, swarm));
            swarm
        };
        // What is decided between is taken from all runs that the objective needs, here as in advice.
        let of_needed = swarm_of(&together);
        let each = observed.fitted.iter().zip(candidates).enumerate();
        let losses = each
            .map(|(m, (rows, candidates))| Loss {
                rows,
                candidates,
                swarm: if together.contains(&m) { of_needed } else { swarm_of(&[m]) },
                laws: candidates.fits.iter().map(|_| OnceLock::new()).collect(),
            })
            .collect();
        Self { domains: &project.domains, swarms, losses }
    }

    /// Widens the intervals of forecasts, in nats, of mixtures beyond the runs, and says so in each.
    pub fn forecasts(&self, forecasts: &mut [Forecast]) {
        let mut places = Places::default();
        for forecast in forecasts {
            let Some((loss, swarm)) = self.loss(&forecast.metric) else { continue };
            let Some(place) = self.place(swarm, &forecast.mixture, &mut places) else { continue };
            let beyond = self.beyond(loss, &forecast.law, &place);
            widen(&mut forecast.interval, &beyond);
            forecast.beyond_runs = Some(beyond);
        }
    }

    /// Widens the bands of charts where their mixtures lie beyond the runs. `current`: the mixture that they go through; without, each goes
    /// through the mean of the loss's rows.
    pub fn charts(&self, charts: &mut [RatioChart], current: Option<&Mixture>) {
        let mut places = Places::default();
        for chart in charts {
            let Some((loss, _)) = self.loss(&chart.metric) else { continue };
            let base = current.cloned().unwrap_or_else(|| mean_mixture(loss.rows));
            for i in 0..chart.shares.len() {
                let mixture = with_share(self.domains, &base, &chart.domain, chart.shares[i]);
                let mut interval = Interval { value: chart.loss[i], low: chart.low[i], high: chart.high[i] };
                self.chosen(&chart.metric, &mixture, &mut interval, &mut places);
                (chart.low[i], chart.high[i]) = (interval.low, interval.high);
            }
        }
    }

    /// Widens an interval of the chosen law, in nats.
    pub fn chosen(&self, metric: &str, mixture: &Mixture, interval: &mut Interval, places: &mut Places) {
        let Some((loss, swarm)) = self.loss(metric) else { return };
        let Some(fit) = loss.candidates.chosen() else { return };
        if let Some(place) = self.place(swarm, mixture, places) {
            widen(interval, &self.beyond(loss, &fit.view.law, &place));
        }
    }

    /// A loss with the runs that it was fitted to, where these can be told to be around a mixture or not.
    fn loss(&self, metric: &str) -> Option<(&Loss<'a>, usize)> {
        let loss = self.losses.iter().find(|loss| loss.rows.metric == metric)?;
        Some((loss, loss.swarm?))
    }

    fn place(&self, swarm: usize, mixture: &Mixture, Places(known): &mut Places) -> Option<Place> {
        if let Some((.., place)) = known.iter().find(|(of, at, _)| *of == swarm && at == mixture) {
            return *place;
        }
        let weights = mixture.weights(self.domains);
        let runs = &self.swarms[swarm];
        let place = runs.beyond(&weights).map(|factor| Place { factor, distance: runs.spread.distance(&weights) });
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.push((swarm, mixture.clone(), place));
        place
    }

    /// What is said of a law at a place beyond the runs. A mean of laws is wrong by no more than the mean of what they are.
    fn beyond(&self, loss: &Loss<'_>, law: &str, place: &Place) -> BeyondRuns {
        let by_law = |law: &str| {
            let at = loss.candidates.fits.iter().position(|fit| fit.view.law == law)?;
            let held = self.held(loss, at)?;
            Some((held.growth()?.grown(place.distance), held.beyond(place.distance).count()))
        };
        let said = match &loss.candidates.stack {
            Some(stack) if law == STACK => stack
                .weights
                .iter()
                .filter(|(_, weight)| *weight > 0.0)
                .map(|(law, weight)| by_law(law).map(|(grown, tested)| (weight * grown, tested)))
                .try_fold((0.0, usize::MAX), |sum, one| one.map(|one| (sum.0 + one.0, sum.1.min(one.1)))),
            _ => by_law(law),
        };
        BeyondRuns {
            factor: place.factor.is_finite().then_some(place.factor),
            tested: said.map_or(0, |(_, tested)| tested),
            grown: said.map(|(grown, _)| grown),
        }
    }

    fn held<'l>(&self, loss: &'l Loss<'_>, law: usize) -> Option<&'l HeldErrors> {
        let held = loss.laws[law].get_or_init(|| {
            let swarm = loss.swarm.map(|swarm| &self.swarms[swarm]).filter(|swarm| swarm.is_enough())?;
            let fit: &Fit = &loss.candidates.fits[law];
            swarm.held(&swarm.errors(fit, &Surface::of(fit, &loss.rows.metric, self.domains)))
        });
        held.as_ref()
    }
}

fn widen(interval: &mut Interval, beyond: &BeyondRuns) {
    let grown = beyond.grown.unwrap_or(0.0);
    [interval.low, interval.high] = wider(interval.value, [interval.low, interval.high], grown);
}

#[cfg(test)]
mod tests {
    use super::super::tested::tests::{advise, says, swarm};
    use super::*;
    use crate::forecast::every_law;
    use crate::vocab::Scale;

    const LAWS: [&str; 2] = ["mixing", "log-linear"];

    /// The swarm's project with fits of two laws, the first of them chosen, and their mean.
    fn fitted(runs: usize) -> (Project, Observed, Vec<Candidates>) {
        let (project, observed, mut chosen) = swarm(runs, LAWS[0], 5);
        chosen.view.chosen = true;
        let (.., other) = swarm(runs, LAWS[1], 5);
        let candidates = Candidates { metric: "y".to_owned(), fits: vec![chosen, other], ..Candidates::default() };
        (project, observed, vec![candidates])
    }

    fn predicted(
        (project, observed, candidates): &(Project, Observed, Vec<Candidates>),
        at: &Mixture,
    ) -> [Vec<Forecast>; 2] {
        let own = every_law(candidates, &Scale::dense(1e8, 1e9), at);
        let mut wide = own.clone();
        Widening::of(project, observed, candidates).forecasts(&mut wide);
        [own, wide]
    }

    fn width(forecast: &Forecast) -> f64 {
        (forecast.interval.high / forecast.interval.low).ln()
    }

    #[test]
    fn a_prediction_of_the_mixture_that_is_advised_beyond_the_runs_has_the_interval_of_the_advice() {
        let fitted = fitted(50);
        let (project, observed, candidates) = &fitted;
        let advice = advise(&(project.clone(), observed.clone(), candidates[0].fits[0].clone()), None);
        assert!(says(&advice, "lies beyond those of the runs"), "{advice:#?}");
        let [own, wide] = predicted(&fitted, &advice.mixture);
        let expected = advice.expected["y"];
        for (of_law, of_advice) in [(wide[0].interval.low, expected.low), (wide[0].interval.high, expected.high)] {
            assert!((of_law / of_advice - 1.0).abs() < 1e-12, "{:?} {expected:?}", wide[0]);
        }
        for (own, wide) in own.iter().zip(&wide) {
            let beyond = wide.beyond_runs.as_ref().unwrap();
            assert!(beyond.grown.unwrap() > 0.0 && beyond.factor.unwrap() > 1.05, "{beyond:?}");
            assert!(width(wide) > width(own) && wide.interval.value == own.interval.value, "{own:?} {wide:?}");
        }
        assert_ne!(wide[0].beyond_runs, wide[1].beyond_runs, "each law has errors of its own");
        // Charts and single intervals are of the same place.
        let widening = Widening::of(project, observed, candidates);
        let mut interval = own[0].interval;
        widening.chosen("y", &advice.mixture, &mut interval, &mut Places::default());
        assert_eq!(interval, wide[0].interval);
    }

    #[test]
    fn between_the_runs_intervals_are_the_laws_own_and_where_nothing_tells_that_is_said() {
        let many = fitted(50);
        let domains = &many.0.domains;
        let middle = crate::forecast::mean_mixture(&many.1.fitted[0]);
        let [own, wide] = predicted(&many, &middle);
        assert_eq!(own, wide);
        let pure = Mixture::from_weights(domains, &[1.0, 0.0, 0.0, 0.0]);
        let [own, wide] = predicted(&fitted(12), &pure);
        assert!(wide.iter().all(|one| one.beyond_runs.as_ref().is_some_and(|of| of.grown.is_none())), "{wide:?}");
        assert_eq!(own[0].interval, wide[0].interval);
        let (project, observed, candidates) = &many;
        let mut charts = crate::forecast::charts(project, &[candidates[0].chosen()], observed, None);
        let before = charts.clone();
        Widening::of(project, observed, candidates).charts(&mut charts, None);
        let band = |chart: &RatioChart, i: usize| (chart.high[i] / chart.low[i]).ln();
        let last = charts[0].shares.len() - 1;
        assert!(band(&charts[0], last) > band(&before[0], last), "the most of one corpus is beyond the runs");
        let nearest =
            (0..last).min_by_key(|i| ((charts[0].shares[*i] - middle.weight(&charts[0].domain)).abs() * 1e6) as i64);
        assert_eq!(band(&charts[0], nearest.unwrap()), band(&before[0], nearest.unwrap()));
    }
}
