//! Made-up truths of every law of mixtures in the registry, with parameters drawn from where its fits begin.
//!
//! Of all draws those are kept whose losses are like those of language models at every scale and mixture asked for, fall with size and
//! tokens where the law sees these, and fall as the own domain gets more weight. Laws without a formula to draw from (least squares, trees,
//! curves of curves) are solved for on losses of a drawn exponential law, noise added, so that the truth is one of theirs.

use mixlaw::laws::{self, BLOCK, Block, Columns, Context, Law, Method, Shape, Variable};
use mixlaw::vocab::{self, Observation, Observations, Probe};

/// N and D.
pub type Scale = (f64, f64);

/// Draws of one loss before it is given up, and of a whole truth.
const TRIES: usize = 400_000;
const TRUTHS: usize = 40;
/// Losses are between these, nats.
const RANGE: (f64, f64) = (1.0, 6.0);
/// Parts by which a loss differs between mixtures.
const DIFFERS: (f64, f64) = (0.03, 0.8);
/// Part by which a loss falls from the smallest scale to the largest where the law sees either.
const FALLS: (f64, f64) = (0.03, 0.5);
/// What equal shares lose, and the median of drawn mixtures: less, and there is nothing to decide.
const AT_STAKE: (f64, f64) = (0.003, 0.01);
/// Mixtures that a drawn loss is looked at.
const LOOKED_AT: usize = 12;
/// Mixtures that a law is solved for on, and where it sees neither size nor tokens.
const SOLVED_ON: (usize, usize) = (40, 300);
/// Of what it is solved for on, in ln L: with more, a truth of trees is mostly the noise that they were grown on, which no runs can tell.
const NOISE: f64 = 0.003;
/// Weights of the own domain that a curve is solved for at, where a law has one for each: with one for each of many mixtures the truth would
/// be as jagged as the noise.
const RATIOS: usize = 6;

/// Losses of every domain by one law.
pub struct Truth {
    of: Vec<Own>,
}

/// The loss of one domain.
struct Own {
    law: &'static dyn Law,
    shape: Shape,
    theta: Vec<f64>,
    probe: Option<Probe>,
    /// Of a law that is solved for: what drew the losses that it was solved on.
    beneath: Option<Box<Self>>,
}

/// The laws whose losses depend on the mixture, in the registry's order.
pub fn laws_of_mixtures() -> Vec<&'static dyn Law> {
    let mut random = Random(1);
    let scales = [(1e8, 2e9), (4e8, 8e9), (1e9, 2e10)];
    let bounds = (0.05, 0.8);
    let two = [vec![0.3, 0.3, 0.4], vec![0.6, 0.3, 0.1]];
    let depends = |law: &&'static dyn Law| {
        let own = match law.method() {
            Method::Search(_) => Some(Own::started(*law, 0, 3, &scales, &mut random)),
            Method::Solve(_) => Own::solved(*law, 0, 3, &scales, bounds, &mut random),
        };
        own.is_some_and(|own| {
            let at = own.losses(scales[0], &two);
            (at[0] - at[1]).abs() > 0.0
        })
    };
    laws::ALL.iter().copied().filter(depends).collect()
}

impl Truth {
    /// A law's truth over so many domains, whose weights are within `bounds`; `None` where no draw is like a loss. The last of the scales is
    /// the target.
    pub fn drawn(
        law: &'static dyn Law,
        domains: usize,
        scales: &[Scale],
        bounds: (f64, f64),
        random: &mut Random,
    ) -> Option<Self> {
        let target = scales[scales.len() - 1];
        for _ in 0..TRUTHS {
            let of = (0..domains).map(|own| Own::drawn(law, own, domains, scales, bounds, random));
            let truth = Self { of: of.collect::<Option<_>>()? };
            let lowest = truth.lowest(target, bounds, random).1;
            let equal = truth.objectives(target, &[vec![1.0 / domains as f64; domains]])[0] / lowest - 1.0;
            let drawn: Vec<Vec<f64>> = (0..99).map(|_| random.within(domains, bounds)).collect();
            let mut drawn = truth.objectives(target, &drawn);
            drawn.sort_by(f64::total_cmp);
            if equal >= AT_STAKE.0 && drawn[drawn.len() / 2] / lowest - 1.0 >= AT_STAKE.1 {
                return Some(truth);
            }
        }
        None
    }

    /// Of one domain, at each of the mixtures.
    #[allow(dead_code)]
    pub fn losses(&self, own: usize, at: Scale, mixtures: &[Vec<f64>]) -> Vec<f64> {
        self.of[own].losses(at, mixtures)
    }

    /// What runs of a mixture show of one domain's loss, without noise. Where the law sees how a loss begins, they begin in different ways.
    // Not everything that includes this file calls this and the next.
    #[allow(dead_code)]
    pub fn observed(&self, own: usize, places: &[Scale], mixture: &[f64], random: &mut Random) -> Vec<Observation> {
        let of = &self.of[own];
        let begun = |_: Probe| Probe { loss: 3.4 + 0.2 * random.next(), decline: 0.045 + 0.01 * random.next() };
        let probe = of.probe.map(begun);
        let seen = |at: &Scale| {
            let loss = of.losses_from(probe, *at, &[mixture.to_vec()])[0];
            Observation { loss, ..row(*at, mixture.to_vec(), probe) }
        };
        places.iter().map(seen).collect()
    }

    /// How the loss of one domain begins at the target, where its law sees that.
    #[allow(dead_code)]
    pub fn probe(&self, own: usize) -> Option<Probe> {
        self.of[own].probe
    }

    /// Means of the losses.
    pub fn objectives(&self, at: Scale, mixtures: &[Vec<f64>]) -> Vec<f64> {
        means(&self.of.iter().collect::<Vec<_>>(), at, mixtures)
    }

    /// The lowest mean of the losses within the bounds.
    pub fn lowest(&self, at: Scale, bounds: (f64, f64), random: &mut Random) -> (Vec<f64>, f64) {
        lowest(&|mixtures: &[Vec<f64>]| self.objectives(at, mixtures), self.of.len(), bounds, random)
    }

    /// The best mixture of what drew the losses that the laws were solved on; `None` of laws with a formula.
    #[allow(dead_code)]
    pub fn best_beneath(&self, at: Scale, bounds: (f64, f64), random: &mut Random) -> Option<Vec<f64>> {
        let of = self.of.iter().map(|own| own.beneath.as_deref()).collect::<Option<Vec<&Own>>>()?;
        Some(lowest(&|mixtures: &[Vec<f64>]| means(&of, at, mixtures), of.len(), bounds, random).0)
    }
}

fn means(of: &[&Own], at: Scale, mixtures: &[Vec<f64>]) -> Vec<f64> {
    let mut sums = vec![0.0; mixtures.len()];
    for own in of {
        own.losses(at, mixtures).iter().zip(&mut sums).for_each(|(loss, sum)| *sum += loss / of.len() as f64);
    }
    sums
}

/// As much as there may be of one domain, and as much of each other one.
pub fn corner(domains: usize, of: usize, most: f64) -> Vec<f64> {
    let rest = (1.0 - most) / (domains - 1) as f64;
    (0..domains).map(|j| if j == of { most } else { rest }).collect()
}

/// The mixture within the bounds at which a function is lowest, and its value there: by draws, then by moving weight between two domains.
pub fn lowest(
    of: &dyn Fn(&[Vec<f64>]) -> Vec<f64>,
    domains: usize,
    bounds: (f64, f64),
    random: &mut Random,
) -> (Vec<f64>, f64) {
    let draws: Vec<Vec<f64>> = (0..2000).map(|_| random.within(domains, bounds)).collect();
    let values = of(&draws);
    let first = (0..draws.len()).min_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0);
    let (mut best, mut value) = (draws[first].clone(), values[first]);
    let mut step = 0.1;
    while step > 1e-5 {
        let moved: Vec<Vec<f64>> = (0..domains * domains)
            .map(|pair| (pair / domains, pair % domains))
            .filter(|(to, from)| to != from && best[*to] < bounds.1 && best[*from] > bounds.0)
            .map(|(to, from)| {
                let step = f64::min(step, f64::min(bounds.1 - best[to], best[from] - bounds.0));
                let mut moved = best.clone();
                moved[to] += step;
                moved[from] -= step;
                moved
            })
            .collect();
        let values = of(&moved);
        match (0..moved.len()).min_by(|a, b| values[*a].total_cmp(&values[*b])).filter(|at| values[*at] < value) {
            Some(at) => (best, value) = (moved[at].clone(), values[at]),
            None => step /= 2.0,
        }
    }
    (best, value)
}

impl Own {
    /// One that is like a loss.
    fn drawn(
        law: &'static dyn Law,
        own: usize,
        domains: usize,
        scales: &[Scale],
        bounds: (f64, f64),
        random: &mut Random,
    ) -> Option<Self> {
        let sees = law.sees().iter().any(|v| matches!(v, Variable::Params | Variable::Tokens));
        let mut mixtures: Vec<Vec<f64>> = (0..domains).map(|i| corner(domains, i, bounds.1)).collect();
        mixtures.push(vec![1.0 / domains as f64; domains]);
        mixtures.extend((0..LOOKED_AT).map(|_| random.within(domains, bounds)));
        let is_like_a_loss = |drawn: &Self| {
            let of_scale: Vec<Vec<f64>> = scales.iter().map(|scale| drawn.losses(*scale, &mixtures)).collect();
            let end = &of_scale[of_scale.len() - 1];
            let most = end.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let least = end.iter().copied().fold(f64::INFINITY, f64::min);
            let others = (0..domains).filter(|j| *j != own).map(|j| end[j]).sum::<f64>() / (domains - 1) as f64;
            let falls = |i: usize| of_scale.windows(2).all(|two| two[1][i] <= two[0][i] * (1.0 + 1e-9));
            let fall = 1.0 - end[domains] / of_scale[0][domains];
            of_scale.iter().flatten().all(|loss| (RANGE.0..RANGE.1).contains(loss))
                && (DIFFERS.0..DIFFERS.1).contains(&(most / least - 1.0))
                && end[own] < end[domains]
                && end[domains] < others
                && (!sees || (FALLS.0..FALLS.1).contains(&fall) && (0..mixtures.len()).all(falls))
        };
        match law.method() {
            Method::Search(_) => {
                (0..TRIES).map(|_| Self::started(law, own, domains, scales, random)).find(|drawn| is_like_a_loss(drawn))
            }
            Method::Solve(_) => {
                (0..TRUTHS).filter_map(|_| Self::solved(law, own, domains, scales, bounds, random)).find(is_like_a_loss)
            }
        }
    }

    /// Parameters from where fits begin.
    fn started(law: &'static dyn Law, own: usize, domains: usize, scales: &[Scale], random: &mut Random) -> Self {
        let probe = law.info().name.contains("cross").then(|| Probe { loss: 3.0 + random.next(), decline: 0.05 });
        let rows: Vec<Observation> =
            scales.iter().map(|scale| row(*scale, vec![1.0 / domains as f64; domains], probe)).collect();
        let columns = Columns::places(domains, &rows, &Context::default());
        let shape = Shape { ln_least_loss: 2.0_f64.ln(), ln_most_loss: 4.0_f64.ln(), ..Shape::of(Some(own), &columns) };
        let Method::Search(smooth) = law.method() else { panic!("a law with a formula") };
        let parameters = smooth.parameters(&shape);
        let theta = parameters.iter().map(|p| p.start.0 + random.next() * (p.start.1 - p.start.0)).collect();
        Self { law, shape, theta, probe, beneath: None }
    }

    /// What the law says of losses of a drawn exponential law, with [`NOISE`].
    fn solved(
        law: &'static dyn Law,
        own: usize,
        domains: usize,
        scales: &[Scale],
        bounds: (f64, f64),
        random: &mut Random,
    ) -> Option<Self> {
        let drawn_from = laws::get("exponential")?;
        let from = Self::drawn(drawn_from, own, domains, scales, bounds, random)?;
        let blind = !law.sees().iter().any(|v| matches!(v, Variable::Params | Variable::Tokens));
        let count = if blind { SOLVED_ON.1 } else { SOLVED_ON.0 };
        let mut mixtures: Vec<Vec<f64>> = (0..count).map(|_| random.within(domains, bounds)).collect();
        few_ratios(law, &mut mixtures, own, bounds);
        let places = places(law, scales);
        let mut data = Observations {
            domains: (0..domains).map(|i| format!("d{i}")).collect(),
            own: Some(own),
            ..Observations::default()
        };
        for (run, mixture) in mixtures.iter().enumerate() {
            for place in &places {
                let loss = from.losses(*place, std::slice::from_ref(mixture))[0] * (NOISE * random.normal()).exp();
                data.rows.push(Observation { loss, run, ..row(*place, mixture.clone(), None) });
            }
        }
        if !law.missing(&data).is_empty() {
            return None;
        }
        let columns = Columns::of(&data);
        let shape = Shape::of(Some(own), &columns);
        let Method::Solve(solved) = law.method() else { panic!("a law that is solved for") };
        let theta = solved.solve(&shape, &columns, 0);
        Some(Self { law, shape, theta, probe: None, beneath: Some(Box::new(from)) })
    }

    fn losses(&self, at: Scale, mixtures: &[Vec<f64>]) -> Vec<f64> {
        self.losses_from(self.probe, at, mixtures)
    }

    fn losses_from(&self, probe: Option<Probe>, at: Scale, mixtures: &[Vec<f64>]) -> Vec<f64> {
        let rows: Vec<Observation> = mixtures.iter().map(|mixture| row(at, mixture.clone(), probe)).collect();
        let columns = Columns::places(self.shape.domains, &rows, &Context::default());
        let ln_loss = match self.law.method() {
            Method::Solve(solved) => solved.predict(&self.shape, &self.theta, &columns),
            Method::Search(smooth) => {
                let mut block = Block::new(self.theta.len());
                block.wants_jacobian = false;
                let mut all = Vec::with_capacity(rows.len());
                for from in (0..rows.len()).step_by(BLOCK) {
                    let count = BLOCK.min(rows.len() - from);
                    smooth.evaluate(&self.shape, &self.theta, &columns, from..from + count, &mut block);
                    all.extend_from_slice(&block.ln_loss[..count]);
                }
                all
            }
        };
        ln_loss.into_iter().map(f64::exp).collect()
    }
}

/// N and D at which a law that sees so much can be fitted: those of the checkpoints of runs of every scale, or of the last.
pub fn places(law: &dyn Law, scales: &[Scale]) -> Vec<Scale> {
    let sees = |variable| law.sees().contains(&variable);
    let last = scales[scales.len() - 1];
    match (sees(Variable::Params), sees(Variable::Tokens)) {
        (true, _) => scales.iter().flat_map(|(n, d)| [0.25, 0.5, 1.0].map(|part| (*n, part * d))).collect(),
        (false, true) => (0..6).map(|i| (last.0, last.1 * 0.5_f64.powi(6 - i))).chain([last]).collect(),
        (false, false) => vec![last],
    }
}

/// For a law with a curve for each weight of the own domain, moves that weight to one of [`RATIOS`] that lie evenly within the bounds, the
/// others in proportion.
pub fn few_ratios(law: &dyn Law, mixtures: &mut [Vec<f64>], own: usize, (least, most): (f64, f64)) {
    if law.info().name != "general-loss" {
        return;
    }
    for (i, mixture) in mixtures.iter_mut().enumerate() {
        let to = least + (most - least) * (i % RATIOS) as f64 / (RATIOS - 1) as f64;
        let others = (1.0 - to) / (1.0 - mixture[own]);
        mixture.iter_mut().enumerate().for_each(|(j, weight)| *weight = if j == own { to } else { *weight * others });
    }
}

fn row((params, tokens): Scale, mixture: Vec<f64>, probe: Option<Probe>) -> Observation {
    Observation { loss: 3.0, probe, ..vocab::Scale::dense(params, tokens).at(mixture) }
}

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    /// In [0, 1).
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.next().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * self.next()).cos()
    }

    /// A mixture within the bounds, evenly.
    pub fn within(&mut self, domains: usize, (least, most): (f64, f64)) -> Vec<f64> {
        loop {
            let parts: Vec<f64> = (0..domains).map(|_| -self.next().max(1e-300).ln()).collect();
            let sum: f64 = parts.iter().sum();
            let weights: Vec<f64> = parts.iter().map(|part| part / sum).collect();
            if weights.iter().all(|weight| (least..=most).contains(weight)) {
                return weights;
            }
        }
    }
}
