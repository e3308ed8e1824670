//! How wrong laws are of mixtures far from those that they are fitted to, by held-out runs, and what a mixture beyond the runs has to
//! be better by.
//!
//! With many corpora nearly every run lies outside the convex hull of the others: held-out errors are of mixtures beyond the runs, at
//! distances that are known ([`Spread`]). Their variance is taken as v·(1 + g·d⁴), as of a law that misses a curvature, with the
//! largest g that the errors do not speak against ([`SPOKEN_AGAINST`]). Beyond the runs, a mixture is advised where what is predicted for it
//! is lower than the best between the runs by [`SURELY`] such standard deviations. They are errors of the objective itself: what laws of several
//! metrics get wrong in part averages out, and in part does not.

use super::far::{Near, Spread, further};
use super::goal::Goal;
use super::limits::Limit;
use super::losses::losses;
use super::surface::Surface;
use crate::fit::Fit;
use crate::vocab::{Ordered, Scale};
use std::collections::BTreeMap;

/// Fewest mixtures with held-out errors that say how these grow.
const FEWEST: usize = 20;
/// Fewest corpora: of two, mixtures beyond the others are at two ends.
const CORPORA: usize = 3;
/// So many held-out mixtures must be as far from the others as one that is advised.
const AS_FAR: usize = 3;
/// By how much the logarithm of the likelihood falls to what errors speak against: a bound from above that holds with 95 %.
const SPOKEN_AGAINST: f64 = 1.353;
/// Standard deviations that a mixture beyond the runs must be better by: a gain that is one with a probability of 95 %. That the search looks
/// for what is predicted too low is made up for by the bound of the growth, and by the scatter of runs, which errors contain as well.
const SURELY: f64 = 1.645;
/// Mixtures that the hull reaches when runs are moved apart by less are not beyond it: what is advised is rounded.
const BEYOND: f64 = 1.05;

/// How the errors of a law grow with the distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Growth {
    /// v, of ln L.
    variance: f64,
    /// g.
    per: f64,
}

impl Growth {
    /// The steepest growth that errors do not speak against; `held`: d² and the error of each. `None` without errors.
    fn steepest(held: &[(f64, f64)]) -> Option<Self> {
        /// From a growth that no distance shows to one that shows at every distance, in equal steps of the logarithm.
        const STEPS: i32 = 80;
        let count = held.len() as f64;
        let of = |per: f64| {
            let parts = held.iter().map(|(far, error)| (1.0 + per * far * far, error * error));
            let (variance, widths) =
                parts.fold((0.0, 0.0), |(v, w), (grown, square)| (v + square / grown, w + grown.ln()));
            let variance = (variance / count).max(1e-12);
            (Self { variance, per }, -0.5 * widths - 0.5 * count * variance.ln())
        };
        let steps = (0..=STEPS).map(|i| 10_f64.powf(-5.0 + 8.0 * f64::from(i) / f64::from(STEPS)));
        let all: Vec<(Self, f64)> = std::iter::once(0.0).chain(steps).map(of).collect();
        let most = all.iter().map(|(_, ln)| *ln).fold(f64::NEG_INFINITY, f64::max);
        let mut steepest_first = all.into_iter().rev();
        let kept = steepest_first.find(|(_, ln)| *ln >= most - SPOKEN_AGAINST);
        kept.map(|(growth, _)| growth).filter(|growth| count > 0.0 && growth.variance.is_finite())
    }

    /// Standard deviation of ln L at a distance d².
    pub fn error(self, far: f64) -> f64 {
        (self.variance * (1.0 + self.per * far * far)).sqrt()
    }

    /// That of it which is not there near the runs.
    fn grown(self, far: f64) -> f64 {
        far * (self.variance * self.per).sqrt()
    }
}

/// What held-out runs say of mixtures beyond the runs.
#[derive(Debug)]
pub(super) struct Tested {
    /// Mixtures as far from the runs as held-out ones from the others.
    pub near: Near,
    /// Distinct mixtures of the runs.
    mixtures: Vec<Vec<f64>>,
    objective: Growth,
    /// Of the metrics that are limited.
    limited: Vec<Growth>,
    /// By metric that counts or is limited, d² and error of each held-out mixture.
    metrics: BTreeMap<usize, Vec<(f64, f64)>>,
    /// d² of each held-out mixture from the others with the error of its objective, the nearest first.
    held: Vec<(f64, f64)>,
}

/// How far beyond the runs a mixture is, and what was tested there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Beyond {
    /// By how much the runs' mixtures would have to be moved away from their mean.
    pub factor: f64,
    /// Held-out mixtures at least as far from the others.
    pub tested: usize,
    /// What laws got wrong about the objective of those, as a root mean square.
    pub error: f64,
    /// The same of all held-out mixtures.
    pub usual: f64,
    /// The error that is counted.
    pub counted: f64,
    /// Nothing further was tested.
    pub last: bool,
}

impl Tested {
    /// `None` where held-out runs say nothing: few mixtures, two corpora, or no held-out errors. `mixtures`: those of the runs, each once.
    pub fn of(
        fits: &[Option<&Fit>],
        surfaces: &[Option<Surface<'_>>],
        goal: &Goal,
        limits: &[Limit],
        scale: &Scale,
        mixtures: &[Vec<f64>],
    ) -> Option<Self> {
        if mixtures.len() < FEWEST || mixtures[0].len() < CORPORA {
            return None;
        }
        let spread = Spread::of(mixtures)?;
        let counted: Vec<usize> = goal.counted().map(|(metric, _)| metric).collect();
        let mut errors: BTreeMap<usize, Vec<Option<f64>>> = BTreeMap::new();
        for metric in counted.iter().copied().chain(limits.iter().map(|limit| limit.domain)) {
            let (fit, surface) = (fits.get(metric).copied().flatten()?, surfaces.get(metric)?.as_ref()?);
            let own = fit.held_mixtures().into_iter();
            let by_key: BTreeMap<Vec<i64>, f64> =
                own.map(|(weights, error)| (key(&surface.in_project(&weights)), error)).collect();
            errors.insert(metric, mixtures.iter().map(|weights| by_key.get(&key(weights)).copied()).collect());
        }
        let predicted = losses(surfaces, goal, scale, mixtures);
        let far: Vec<f64> = mixtures.iter().map(|weights| spread.among_others(weights)).collect();
        let objective = |i: usize| {
            let wrong: BTreeMap<usize, f64> =
                counted.iter().map(|metric| Some((*metric, errors[metric][i]?))).collect::<Option<_>>()?;
            let was = goal.of(|m| predicted[m][i] * wrong.get(&m).copied().unwrap_or(0.0).exp());
            Some((far[i], (was / goal.of(|m| predicted[m][i])).ln())).filter(|(_, error)| error.is_finite())
        };
        let mut held: Vec<(f64, f64)> = (0..mixtures.len()).filter_map(objective).collect();
        if held.len() < FEWEST {
            return None;
        }
        held.sort_by_cached_key(|(far, _)| Ordered(*far));
        let most = held[held.len() - AS_FAR].0;
        // What is still further counts as this far: one run alone must not say that errors do not grow.
        let of_metric = |(metric, errors): (usize, Vec<Option<f64>>)| {
            let held = far.iter().zip(errors).filter_map(|(far, error)| Some((far.min(most), error?)));
            (metric, held.collect())
        };
        let metrics: BTreeMap<usize, Vec<(f64, f64)>> = errors.into_iter().map(of_metric).collect();
        let limited = limits.iter().map(|limit| Growth::steepest(metrics.get(&limit.domain)?));
        let of_objective: Vec<(f64, f64)> = held.iter().map(|(far, error)| (far.min(most), *error)).collect();
        Some(Self {
            objective: Growth::steepest(&of_objective)?,
            limited: limited.collect::<Option<_>>()?,
            mixtures: mixtures.to_vec(),
            near: Near { spread, most },
            metrics,
            held,
        })
    }

    /// What a mixture beyond the runs must be better by, as a part of the objective.
    pub fn price(&self, weights: &[f64]) -> f64 {
        SURELY * self.objective.error(self.near.spread.distance(weights))
    }

    /// The least that it can be.
    pub fn least_price(&self) -> f64 {
        SURELY * self.objective.error(0.0)
    }

    /// What limits have to be kept by, in ln L.
    pub fn margin(&self, weights: &[f64]) -> f64 {
        let far = self.near.spread.distance(weights);
        SURELY * self.limited.iter().map(|growth| growth.error(far)).fold(0.0, f64::max)
    }

    /// Standard deviation of ln of the objective at a mixture; 0 where that is not beyond the runs.
    pub fn error(&self, weights: &[f64]) -> f64 {
        if self.is_beyond(weights) { self.objective.error(self.near.spread.distance(weights)) } else { 0.0 }
    }

    /// The same of the worst of the limited losses.
    pub fn error_of_limits(&self, weights: &[f64]) -> f64 {
        if self.is_beyond(weights) { self.margin(weights) / SURELY } else { 0.0 }
    }

    /// What a metric's standard deviation of ln L at a mixture has grown by; 0 where that is not beyond the runs.
    pub fn grown(&self, metric: usize, weights: &[f64]) -> f64 {
        let held = self.metrics.get(&metric).filter(|_| self.is_beyond(weights));
        held.and_then(|held| Growth::steepest(held))
            .map_or(0.0, |growth| growth.grown(self.near.spread.distance(weights)))
    }

    fn is_beyond(&self, weights: &[f64]) -> bool {
        further(&self.mixtures, weights) > BEYOND
    }

    /// How far beyond the runs a mixture is; `None` where it is not.
    pub fn beyond(&self, weights: &[f64]) -> Option<Beyond> {
        let factor = further(&self.mixtures, weights);
        let distance = self.near.spread.distance(weights);
        let tested: Vec<f64> =
            self.held.iter().filter(|(far, _)| *far >= distance * (1.0 - 1e-3)).map(|(_, error)| *error).collect();
        let all: Vec<f64> = self.held.iter().map(|(_, error)| *error).collect();
        (factor > BEYOND).then(|| Beyond {
            factor,
            tested: tested.len(),
            error: root_mean_square(&tested),
            usual: root_mean_square(&all),
            counted: self.objective.error(distance),
            last: distance > 0.98 * self.near.most,
        })
    }
}

/// What tells mixtures apart: weights to a thousandth.
fn key(weights: &[f64]) -> Vec<i64> {
    let sum: f64 = weights.iter().sum();
    let mut key: Vec<i64> = weights.iter().map(|w| (w / sum * 1e3).round() as i64).collect();
    // Those of a law may end before the project's.
    while key.last() == Some(&0) {
        key.pop();
    }
    key
}

fn root_mean_square(errors: &[f64]) -> f64 {
    (errors.iter().map(|error| error * error).sum::<f64>() / errors.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advise::tests::project;
    use crate::advise::{Evidence, recommend};
    use crate::fit::{Options, fit};
    use crate::forecast::spread::{generator, normal_quantile, uniform};
    use crate::observe::Observed;
    use crate::project::{Objective, Project};
    use crate::vocab::{Advice, Metric, Observation, Observations, Recommendation};

    /// d² and errors of so many mixtures, with variances 1e-6 (1 + per · d⁴).
    fn errors(count: usize, per: f64) -> Vec<(f64, f64)> {
        let mut random = generator(3);
        let mut normal = move || normal_quantile(uniform(&mut random).clamp(1e-9, 1.0 - 1e-9));
        let far = |i: usize| 1.0 + 30.0 * (i as f64 / count as f64).powi(3);
        (0..count).map(|i| (far(i), 1e-3 * (1.0 + per * far(i).powi(2)).sqrt() * normal())).collect()
    }

    #[test]
    fn growth_is_bounded_from_above_and_the_bound_nears_the_truth_with_more_runs() {
        for per in [0.0, 1e-3, 1e-1] {
            let truth = 1e-3 * (1.0 + per * 20.0_f64.powi(2)).sqrt();
            let by = [60, 2000].map(|count| Growth::steepest(&errors(count, per)).unwrap().error(20.0) / truth);
            assert!(by[0] > 0.9 && by[0] < 4.0, "{per}: {by:?}");
            assert!(by[1] > 0.95 && by[1] < 1.5 && by[1] <= by[0] + 0.1, "{per}: {by:?}");
        }
        assert_eq!(Growth::steepest(&[]), None);
        // Errors of nothing at all are none of numbers that are too small.
        assert!(Growth::steepest(&[(1.0, 0.0); 30]).unwrap().error(9.0) < 1e-4);
    }

    const DOMAINS: [&str; 4] = ["a", "b", "c", "d"];

    fn truth(weights: &[f64]) -> f64 {
        1.0 + (0.6 - 1.5 * weights[0] - 1.2 * weights[1] + 0.4 * weights[2]).exp()
    }

    /// Runs between which little of the first two corpora is mixed, of which much would be best.
    fn swarm(runs: usize, law: &str, seed: u64) -> (Project, Observed, Fit) {
        let mut random = generator(seed);
        let mut rows = Observations {
            metric: "y".to_owned(),
            domains: DOMAINS.map(str::to_owned).to_vec(),
            ..Observations::default()
        };
        for run in 0..runs {
            let parts: Vec<f64> = [0.6, 0.7, 1.5, 2.0].map(|w| -w * (1.0 - uniform(&mut random)).ln() + 1e-3).to_vec();
            let sum: f64 = parts.iter().sum();
            let mixture: Vec<f64> = parts.iter().map(|w| w / sum).collect();
            let noise = 1e-3 * normal_quantile(uniform(&mut random).clamp(1e-9, 1.0 - 1e-9));
            rows.runs.push(format!("run{run}"));
            rows.rows.push(Observation {
                params: 1e8,
                active_params: 1e8,
                tokens: 1e9,
                loss: truth(&mixture) + noise,
                mixture,
                run,
                ..Observation::default()
            });
        }
        let options = Options { starts: Some(3), bootstraps: 40, ..Options::default() };
        let fit = fit(law, &rows, &options, None).unwrap();
        let project = Project {
            domains: rows.domains.clone(),
            metrics: vec![Metric::new("y", "y", None)],
            target: crate::project::Target { params: Some(1e8), tokens: Some(1e9), ..Default::default() },
            objective: Objective { minimize: BTreeMap::from([("y".to_owned(), 1.0)]), ..Objective::default() },
            current: None,
            ..project()
        };
        let observed = Observed { fitted: vec![rows], starts: vec![Observations::default()], ..Observed::default() };
        (project, observed, fit)
    }

    fn advise((project, observed, fit): &(Project, Observed, Fit), beyond_runs: Option<bool>) -> Recommendation {
        let project = Project { beyond_runs, ..project.clone() };
        let evidence = Evidence { project: &project, observed, fits: &[Some(fit)], extrapolate: false };
        match recommend(&evidence) {
            Advice::Recommendation(advice) => advice,
            Advice::Abstained(abstention) => panic!("{abstention:?}"),
        }
    }

    fn says(advice: &Recommendation, what: &str) -> bool {
        advice.reasons.iter().any(|reason| reason.contains(what))
    }

    #[test]
    fn a_law_that_holds_out_there_leads_beyond_the_runs_and_one_that_does_not_stays() {
        let swarm_of = swarm(50, "mixing", 5);
        let value = |advice: &Recommendation| truth(&advice.mixture.weights(&swarm_of.0.domains));
        let [between, default, anywhere] = [Some(false), None, Some(true)].map(|asked| advise(&swarm_of, asked));
        assert!(!says(&between, "lies beyond") && says(&between, "Outside the explored mixtures"), "{between:#?}");
        assert!(
            says(&default, "The recommended mixture lies beyond those of the runs: these would have to be 1."),
            "{default:#?}"
        );
        assert!(says(&default, "as far from the others; the laws were wrong about"), "{default:#?}");
        assert!(value(&default) < value(&between) - 0.01, "{between:#?} {default:#?}");
        assert!(value(&anywhere) <= value(&default), "{anywhere:#?}");
        assert!(default.mixture.0.values().all(|w| *w >= 0.0) && default.p_better > 0.95, "{default:#?}");
        // The more there is to be wrong about, the wider.
        let width = |advice: &Recommendation| advice.expected["y"].high / advice.expected["y"].low;
        assert!(width(&default) > width(&between), "{default:#?} {between:#?}");

        let trees = swarm(70, "regmix-trees", 5);
        assert_eq!(advise(&trees, None).mixture, advise(&trees, Some(false)).mixture);
        let few = swarm(FEWEST - 1, "mixing", 5);
        assert_eq!(advise(&few, None).mixture, advise(&few, Some(false)).mixture);
    }

    #[test]
    fn what_is_stated_of_mixtures_beyond_the_runs_holds() {
        let (mut inside, mut beyond) = (0, 0);
        for seed in 20..32 {
            let swarm = swarm(40, "mixing", seed);
            let [between, default] = [Some(false), None].map(|asked| advise(&swarm, asked));
            let value = |advice: &Recommendation| truth(&advice.mixture.weights(&swarm.0.domains));
            assert!(value(&default) <= value(&between) + 1e-3, "{seed}: {default:#?}");
            if says(&default, "lies beyond") {
                let stated = default.expected["y"];
                beyond += 1;
                inside += usize::from((stated.low..=stated.high).contains(&value(&default)));
            }
        }
        // Of eight intervals of 90 %, six or more hold but for one time in twenty-six.
        assert!(beyond >= 8 && inside * 4 >= beyond * 3, "{inside} of {beyond}");
    }

    #[test]
    fn what_the_project_asks_of_a_mixture_holds_beyond_the_runs() {
        let mut swarm = swarm(50, "mixing", 5);
        swarm.0.bounds = BTreeMap::from([("a".to_owned(), [0.0, 0.3]), ("c".to_owned(), [0.05, 1.0])]);
        swarm.0.available_tokens = BTreeMap::from([("b".to_owned(), 1e8)]);
        swarm.0.max_epochs = 4.0;
        let advice = advise(&swarm, None);
        let weight = |name: &str| advice.mixture.weight(name);
        assert!(weight("a") <= 0.3 + 1e-9 && weight("b") <= 0.4 + 1e-9 && weight("c") >= 0.05 - 1e-9, "{advice:#?}");
        assert!((advice.mixture.0.values().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}
