//! Made-up swarms whose truth is known: five evaluations of mixtures of seven corpora, drawn as `lead` of `../shared/cases/projects/make.py`
//! draws them, with truths that bend in other ways.

use mixlaw::observe::Observed;
use mixlaw::project::{Objective, Project, Target};
use mixlaw::vocab::{Metric, Observation, Observations, Scale};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;

pub const CORPORA: [&str; 7] = ["web", "code", "math", "papers", "books", "wiki", "forums"];
const NATURAL: [f64; 7] = [0.55, 0.15, 0.05, 0.1, 0.05, 0.03, 0.07];
const EVALUATIONS: usize = 5;
/// Corpora that an evaluation wants, and how much.
const WANTED: [(usize, usize, f64); 9] = [
    (0, 4, 3.0),
    (0, 5, 3.0),
    (1, 0, 3.0),
    (1, 6, 2.0),
    (2, 2, 5.0),
    (2, 1, 2.0),
    (3, 1, 4.0),
    (4, 3, 3.0),
    (4, 0, 1.0),
];
const PARAMS: f64 = 62e6;
const TOKENS: f64 = 1e9;

/// How an evaluation depends on the mixture.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// exp(t·h): the exponential law holds.
    Exponential,
    /// The same with a random quadratic form around the natural shares.
    Curved,
    /// The same, and worse the further the mixture is from the natural shares.
    Returns,
    /// exp of a t·h that saturates.
    Saturates,
    /// A sum of powers of the shares, each with diminishing returns, as in D-CPT and BiMix.
    Powers,
}

impl Kind {
    pub const ALL: [(&'static str, Self); 5] = [
        ("exponential", Self::Exponential),
        ("curved", Self::Curved),
        ("returns", Self::Returns),
        ("saturates", Self::Saturates),
        ("powers", Self::Powers),
    ];
}

/// A truth, and what runs of it logged.
pub struct Swarm {
    kind: Kind,
    slopes: Vec<[f64; 7]>,
    forms: Vec<[[f64; 7]; 7]>,
    /// Greatest weights.
    caps: [f64; 7],
    pub project: Project,
    pub observed: Observed,
}

impl Swarm {
    pub fn new(kind: Kind, runs: usize, noise: f64, seed: u64) -> Self {
        let mut random = Random(Xoshiro256PlusPlus::seed_from_u64(seed));
        let mut slopes: Vec<[f64; 7]> = (0..EVALUATIONS).map(|_| [(); 7].map(|()| 0.4 * random.normal())).collect();
        WANTED.iter().for_each(|(evaluation, corpus, much)| slopes[*evaluation][*corpus] -= much);
        let forms = (0..EVALUATIONS).map(|_| [(); 7].map(|()| [(); 7].map(|()| random.normal()))).collect();
        let caps = [1.0, 1.0, 0.08, 1.0, 1.0, 0.02, 1.0];
        let domains: Vec<String> = CORPORA.iter().map(|name| (*name).to_owned()).collect();
        let names: Vec<String> = (0..EVALUATIONS).map(|e| format!("eval{e}")).collect();
        let project = Project {
            domains: domains.clone(),
            metrics: names.iter().map(|name| Metric::new(name, &format!("{name}_bpb"), None)).collect(),
            target: Target { params: Some(PARAMS), tokens: Some(TOKENS), ..Target::default() },
            available_tokens: [(2, 20e6), (5, 5e6)].map(|(c, tokens)| (CORPORA[c].to_owned(), tokens)).into(),
            max_epochs: 4.0,
            objective: Objective {
                minimize: names.iter().map(|name| (name.clone(), 0.2)).collect::<BTreeMap<_, _>>(),
                ..Objective::default()
            },
            ..Project::default()
        };
        let mut swarm = Self { kind, slopes, forms, caps, project, observed: Observed::default() };
        let mixtures: Vec<Vec<f64>> = (0..runs).map(|_| random.mixture()).collect();
        for (evaluation, name) in names.iter().enumerate() {
            let mut rows =
                Observations { metric: format!("{name}_bpb"), domains: domains.clone(), ..Observations::default() };
            for (run, mixture) in mixtures.iter().enumerate() {
                rows.runs.push(format!("run{run}"));
                rows.rows.push(Observation {
                    loss: swarm.value(evaluation, mixture) + noise * random.normal(),
                    run,
                    ..Scale::dense(PARAMS, TOKENS).at(mixture.clone())
                });
            }
            swarm.observed.fitted.push(rows);
            swarm.observed.starts.push(Observations::default());
        }
        swarm
    }

    /// An evaluation of a mixture, without noise.
    pub fn value(&self, evaluation: usize, weights: &[f64]) -> f64 {
        let slopes = &self.slopes[evaluation];
        let along: f64 = slopes.iter().zip(weights).map(|(t, w)| t * w).sum();
        let moved: Vec<f64> = weights.iter().zip(NATURAL).map(|(w, natural)| w - natural).collect();
        let part = match self.kind {
            Kind::Exponential => (along - 0.4).exp(),
            Kind::Curved => {
                let form = &self.forms[evaluation];
                let square: f64 = (0..7)
                    .flat_map(|i| (0..7).map(move |j| (i, j)))
                    .map(|(i, j)| moved[i] * form[i][j] * moved[j])
                    .sum();
                (along - 0.4 + 0.75 * square).exp()
            }
            Kind::Returns => (along - 0.4 + 3.0 * moved.iter().map(|m| m * m).sum::<f64>()).exp(),
            Kind::Saturates => (1.2 * (along / 1.2).tanh() - 0.4).exp(),
            Kind::Powers => {
                let of = |(t, w): (&f64, &f64)| (0.05 - t.min(0.0)) * ((w + 0.03).powf(-0.4) - 1.03_f64.powf(-0.4));
                0.5 + 0.12 * slopes.iter().zip(weights).map(of).sum::<f64>()
            }
        };
        0.5 + 2.35 * part
    }

    /// The mean of the evaluations.
    pub fn mean(&self, weights: &[f64]) -> f64 {
        (0..EVALUATIONS).map(|e| self.value(e, weights)).sum::<f64>() / EVALUATIONS as f64
    }

    /// The lowest mean that supply allows, by moves of weight between two corpora from several mixtures.
    pub fn best(&self) -> f64 {
        let mut random = Random(Xoshiro256PlusPlus::seed_from_u64(1));
        let mut least = f64::INFINITY;
        for _ in 0..8 {
            let mut weights = random.mixture();
            for (corpus, cap) in self.caps.iter().enumerate() {
                let over = (weights[corpus] - cap).max(0.0);
                weights[corpus] -= over;
                weights[0] += over;
            }
            let mut now = self.mean(&weights);
            for _ in 0..20_000 {
                let (from, to) = (random.below(7), random.below(7));
                let step = (random.uniform().powi(3) * 0.1).min(weights[from]);
                let mut moved = weights.clone();
                moved[from] -= step;
                moved[to] += step;
                let then = if moved[to] <= self.caps[to] { self.mean(&moved) } else { f64::INFINITY };
                if then < now {
                    (weights, now) = (moved, then);
                }
            }
            least = least.min(now);
        }
        least
    }
}

struct Random(Xoshiro256PlusPlus);

impl Random {
    fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn below(&mut self, count: usize) -> usize {
        ((self.uniform() * count as f64) as usize).min(count - 1)
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Marsaglia and Tsang 2000; below 1 from the next shape.
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.gamma(shape + 1.0) * self.uniform().powf(1.0 / shape);
        }
        let d = shape - 1.0 / 3.0;
        loop {
            let x = self.normal();
            let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// Dirichlet around the natural shares, of one of three widths.
    fn mixture(&mut self) -> Vec<f64> {
        let width = [3.0, 9.0, 30.0][self.below(3)];
        let drawn = NATURAL.map(|share| self.gamma(share * width));
        let sum: f64 = drawn.iter().sum();
        let drawn = drawn.map(|w| (w / sum).max(1e-3));
        let sum: f64 = drawn.iter().sum();
        drawn.iter().map(|w| w / sum).collect()
    }
}
