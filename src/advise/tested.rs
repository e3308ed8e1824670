//! What a mixture beyond the runs has to be better by, by what held-out runs say of laws there ([`super::growth`]).
//!
//! Beyond the runs, a mixture is advised where what is predicted for it is lower than the best between the runs by [`SURELY`] standard
//! deviations of what laws get wrong at its distance. They are errors of the objective itself: what laws of several metrics get wrong in
//! part averages out, and in part does not.

use super::far::Near;
use super::goal::Goal;
use super::growth::{Growth, HeldErrors};
use super::limits::Limit;
use super::losses::losses;
use super::surface::Surface;
use super::swarm::Swarm;
use crate::fit::Fit;
use crate::vocab::{BeyondRuns, Scale};
use std::collections::BTreeMap;

/// Standard deviations that a mixture beyond the runs must be better by: a gain that is one with a probability of 95 %. That the search looks
/// for what is predicted too low is made up for by the bound of the growth, and by the scatter of runs, which errors contain as well.
const SURELY: f64 = 1.645;

/// What held-out runs say of mixtures beyond the runs.
#[derive(Debug)]
pub(super) struct Tested {
    /// Mixtures as far from the runs as held-out ones from the others.
    pub near: Near,
    swarm: Swarm,
    /// How errors of the objective grow, and of the metrics that are limited.
    objective: Growth,
    limited: Vec<Growth>,
    /// Errors of the objective.
    held: HeldErrors,
    /// By metric that counts or is limited.
    metrics: BTreeMap<usize, HeldErrors>,
}

/// How far beyond the runs a mixture is, and what was tested there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Beyond {
    /// How far, and how many held-out mixtures were as far.
    pub runs: BeyondRuns,
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
        let swarm = Swarm::of(mixtures).filter(Swarm::is_enough)?;
        let counted: Vec<usize> = goal.counted().map(|(metric, _)| metric).collect();
        let mut errors: BTreeMap<usize, Vec<Option<f64>>> = BTreeMap::new();
        for metric in counted.iter().copied().chain(limits.iter().map(|limit| limit.domain)) {
            let (fit, surface) = (fits.get(metric).copied().flatten()?, surfaces.get(metric)?.as_ref()?);
            errors.insert(metric, swarm.errors(fit, surface));
        }
        let predicted = losses(surfaces, goal, scale, mixtures);
        let objective = |i: usize| {
            let wrong: BTreeMap<usize, f64> =
                counted.iter().map(|metric| Some((*metric, errors[metric][i]?))).collect::<Option<_>>()?;
            let was = goal.of(|m| predicted[m][i] * wrong.get(&m).copied().unwrap_or(0.0).exp());
            Some((was / goal.of(|m| predicted[m][i])).ln())
        };
        let held = swarm.held(&(0..mixtures.len()).map(objective).collect::<Vec<_>>())?;
        let of_metric = |(metric, errors): (usize, Vec<Option<f64>>)| Some((metric, swarm.held(&errors)?));
        let metrics: BTreeMap<usize, HeldErrors> = errors.into_iter().map(of_metric).collect::<Option<_>>()?;
        Some(Self {
            objective: held.growth()?,
            limited: limits.iter().map(|limit| metrics[&limit.domain].growth()).collect::<Option<_>>()?,
            near: Near { spread: swarm.spread.clone(), most: held.most() },
            swarm,
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
        held.and_then(HeldErrors::growth).map_or(0.0, |growth| growth.grown(self.near.spread.distance(weights)))
    }

    /// What the standard deviation of ln of the objective, and then of each limited metric's ln L, has grown by at a mixture; `None` where
    /// that is not beyond the runs.
    pub fn each_grown(&self, weights: &[f64]) -> Option<Vec<f64>> {
        let far = self.near.spread.distance(weights);
        let grown = std::iter::once(&self.objective).chain(&self.limited).map(|growth| growth.grown(far));
        self.is_beyond(weights).then(|| grown.collect())
    }

    fn is_beyond(&self, weights: &[f64]) -> bool {
        self.swarm.beyond(weights).is_some()
    }

    /// How far beyond the runs a mixture is; `None` where it is not.
    pub fn beyond(&self, weights: &[f64]) -> Option<Beyond> {
        let factor = self.swarm.beyond(weights)?;
        let distance = self.near.spread.distance(weights);
        let tested: Vec<f64> = self.held.beyond(distance).collect();
        let all: Vec<f64> = self.held.beyond(0.0).collect();
        Some(Beyond {
            runs: BeyondRuns {
                factor: factor.is_finite().then_some(factor),
                tested: tested.len(),
                grown: Some(self.objective.grown(distance)),
            },
            error: root_mean_square(&tested),
            usual: root_mean_square(&all),
            counted: self.objective.error(distance),
            last: distance > 0.98 * self.near.most,
        })
    }
}

fn root_mean_square(errors: &[f64]) -> f64 {
    (errors.iter().map(|error| error * error).sum::<f64>() / errors.len().max(1) as f64).sqrt()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::advise::tests::project;
    use crate::advise::{Evidence, recommend};
    use crate::fit::{Options, fit};
    use crate::forecast::spread::{generator, normal_quantile, uniform};
    use crate::observe::Observed;
    use crate::project::{Objective, Project};
    use crate::vocab::{Advice, Metric, Observation, Observations, Recommendation};

    const DOMAINS: [&str; 4] = ["a", "b", "c", "d"];

    fn truth(weights: &[f64]) -> f64 {
        1.0 + (0.6 - 1.5 * weights[0] - 1.2 * weights[1] + 0.4 * weights[2]).exp()
    }

    /// Runs between which little of the first two corpora is mixed, of which much would be best.
    pub(in super::super) fn swarm(runs: usize, law: &str, seed: u64) -> (Project, Observed, Fit) {
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

    pub(in super::super) fn advise(
        (project, observed, fit): &(Project, Observed, Fit),
        beyond_runs: Option<bool>,
    ) -> Recommendation {
        let project = Project { beyond_runs, ..project.clone() };
        let evidence = Evidence { project: &project, observed, fits: &[Some(fit)], extrapolate: false };
        match recommend(&evidence) {
            Advice::Recommendation(advice) => advice,
            Advice::Abstained(abstention) => panic!("{abstention:?}"),
        }
    }

    pub(in super::super) fn says(advice: &Recommendation, what: &str) -> bool {
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
        let few = swarm(crate::advise::growth::FEWEST - 1, "mixing", 5);
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
