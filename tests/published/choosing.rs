//! Which cheap runs to make for a costly target, of runs whose losses are looked at only once they are chosen: those that take most from the
//! variance of the targets' predictions (V-optimal). Compared with arXiv:2604.22753.
//!
//! What is open is the parameters, and what the law gets wrong: a smooth random function of ln N and ln D. Were it the parameters alone, the
//! cheapest runs would tell nearly as much of them as any others for a small part of the cost, and the law would be fitted where it is
//! not asked: so R² was .09, .66 and .80 at 1, 5 and 10 % of the cost.

use mixlaw::fit::{Fit, Options, fit};
use mixlaw::laws::{self, Block, Columns, Context, Coordinate, Method, Shape};
use mixlaw::vocab::{Observation, Observations};

/// Rounds in which runs are chosen and the law refitted.
pub const ROUNDS: usize = 4;
/// The cheapest runs come first, so that there is something to linearise at.
const FIRST: usize = 12;
/// Noise of ln L that runs are taken to have.
const NOISE: f64 = 1e-3;
/// What the law gets wrong, in ln L.
const WRONG: f64 = 3e-3;
/// Distance, in standard deviations of the candidates' ln N and ln D, over which it is much the same.
const LENGTH: f64 = 2.0;
/// What a run takes from the variance is divided by its cost to this power: at 1, many cheap runs come before the few that would tell more;
/// the paper has .3 to .4.
const COST: f64 = 0.5;
/// Parts of the candidates, drawn at random, that the mean is of: with the same runs to choose from, R² is one number, and luck.
const POOLS: usize = 8;
const OF_POOL: f64 = 0.8;

/// Mean R², at least −1, of the targets' losses, predicted by a law fitted to runs that cost at most `part` of all candidates together.
pub fn r_squared(law: &str, candidates: &Observations, targets: &Observations, part: f64) -> f64 {
    r_squared_by(law, candidates, targets, &flops, part)
}

/// What a run costs: a cost of a candidate.
pub type Cost<'a> = &'a dyn Fn(&Observation) -> f64;

/// In proportion to 6·N·D.
pub fn flops(row: &Observation) -> f64 {
    row.params * row.tokens
}

/// The same where runs cost something else.
pub fn r_squared_by(law: &str, candidates: &Observations, targets: &Observations, cost: Cost<'_>, part: f64) -> f64 {
    mean_of_pools(candidates, &|pool| of_pool(law, pool, targets, cost, part))
}

/// Mean of a figure, at least −1, over parts of the candidates.
pub fn mean_of_pools(candidates: &Observations, figure: &dyn Fn(&Observations) -> f64) -> f64 {
    let of = |pool: usize| {
        let mut order: Vec<(u64, usize)> =
            (0..candidates.rows.len()).map(|i| (mixed((pool as u64) << 32 | i as u64), i)).collect();
        order.sort_unstable();
        order.truncate((OF_POOL * order.len() as f64) as usize);
        let rows = order.iter().map(|(_, i)| candidates.rows[*i].clone()).collect();
        figure(&Observations { rows, ..candidates.clone() }).max(-1.0)
    };
    (0..POOLS).map(of).sum::<f64>() / POOLS as f64
}

/// SplitMix64.
fn mixed(n: u64) -> u64 {
    let mut bits = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// The cheapest runs, as many as the law needs to be fitted, the cheapest first of all; and all of them in that order.
pub fn cheapest(law: &str, candidates: &Observations, cost: Cost<'_>) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..candidates.rows.len()).collect();
    order.sort_by(|a, b| cost(&candidates.rows[*a]).total_cmp(&cost(&candidates.rows[*b])));
    let law = laws::get(law).expect("a law");
    let lacks = |first: &[usize]| {
        let rows = first.iter().map(|i| candidates.rows[*i].clone()).collect();
        !law.missing(&Observations { rows, ..candidates.clone() }).is_empty()
    };
    let first = (FIRST..order.len()).find(|count| !lacks(&order[..*count])).unwrap_or(order.len());
    (order[..first].to_vec(), order)
}

/// R² of a fit.
pub fn of_fit(fit: &Fit, targets: &Observations) -> f64 {
    let mean = targets.rows.iter().map(|r| r.loss).sum::<f64>() / targets.rows.len() as f64;
    let squares = |of: &dyn Fn(&Observation) -> f64| targets.rows.iter().map(|r| (r.loss - of(r)).powi(2)).sum::<f64>();
    1.0 - squares(&|r| fit.predict(r)) / squares(&|_| mean)
}

fn of_pool(law: &str, candidates: &Observations, targets: &Observations, cost: Cost<'_>, part: f64) -> f64 {
    let budget = part * candidates.rows.iter().map(cost).sum::<f64>();
    let (mut chosen, order) = cheapest(law, candidates, cost);
    let mut spent: f64 = chosen.iter().map(|i| cost(&candidates.rows[*i])).sum();
    let fitted = |chosen: &[usize]| {
        let rows = chosen.iter().map(|i| candidates.rows[*i].clone()).collect();
        let options = Options { bootstraps: 0, cross_validate: false, ..Options::default() };
        fit(law, &Observations { rows, ..candidates.clone() }, &options, None).unwrap_or_else(|e| panic!("{e}"))
    };
    for round in 1..=ROUNDS {
        let mut open = Covariance::prior(&fitted(&chosen), candidates, targets);
        chosen.iter().for_each(|i| open.add(*i));
        let until = budget * round as f64 / ROUNDS as f64;
        loop {
            let worth = |i: &usize| open.gain(*i) / cost(&candidates.rows[*i]).powf(COST);
            let free = order.iter().filter(|i| !chosen.contains(i) && spent + cost(&candidates.rows[**i]) <= until);
            let Some(best) = free.copied().max_by(|a, b| worth(a).total_cmp(&worth(b))) else { break };
            open.add(best);
            spent += cost(&candidates.rows[best]);
            chosen.push(best);
        }
    }
    of_fit(&fitted(&chosen), targets)
}

/// Derivatives of ln L by the parameters of a fit, at every row.
fn slopes(fit: &Fit, at: &Observations) -> Vec<Vec<f64>> {
    let law = laws::get(&fit.view.law).expect("a law that was fitted");
    let Method::Search(smooth) = law.method() else { panic!("a law without derivatives") };
    let shape = Shape { domains: at.domains.len(), own: at.own, ..Shape::default() };
    let parameters = smooth.parameters(&shape);
    let phi: Vec<f64> = parameters
        .iter()
        .zip(&fit.view.parameters)
        .map(|(p, v)| if p.coordinate == Coordinate::Amplitude { v.value.max(1e-300).ln() } else { v.value })
        .collect();
    let mut block = Block::new(phi.len());
    let row = |row: &Observation| {
        let x = Columns::place(row, &Context::default());
        smooth.evaluate(&shape, &phi, &x, 0..1, &mut block);
        (0..phi.len()).map(|k| block.column(k, 1)[0]).collect()
    };
    at.rows.iter().map(row).collect()
}

/// Of ln L at the candidates and then at the targets.
struct Covariance {
    rows: Vec<Vec<f64>>,
    candidates: usize,
}

impl Covariance {
    /// Parameters open as wide as the range that starts are drawn from, and what the law gets wrong.
    fn prior(fit: &Fit, candidates: &Observations, targets: &Observations) -> Self {
        let law = laws::get(&fit.view.law).expect("a law that was fitted");
        let Method::Search(smooth) = law.method() else { panic!("a law without derivatives") };
        let shape = Shape { domains: candidates.domains.len(), own: candidates.own, ..Shape::default() };
        let widths: Vec<f64> = smooth.parameters(&shape).iter().map(|p| 0.5 * (p.start.1 - p.start.0)).collect();
        let all: Vec<&Observation> = candidates.rows.iter().chain(&targets.rows).collect();
        let slopes: Vec<Vec<f64>> = [candidates, targets].iter().flat_map(|of| slopes(fit, of)).collect();
        let wide: Vec<Vec<f64>> =
            slopes.iter().map(|slope| slope.iter().zip(&widths).map(|(s, w)| s * w).collect()).collect();
        let places: Vec<[f64; 2]> = all.iter().map(|row| [row.params.ln(), row.tokens.ln()]).collect();
        let deviation = |axis: usize| {
            let of = &places[..candidates.rows.len()];
            let mean = of.iter().map(|place| place[axis]).sum::<f64>() / of.len() as f64;
            (of.iter().map(|place| (place[axis] - mean).powi(2)).sum::<f64>() / of.len() as f64).sqrt()
        };
        let lengths = [LENGTH * deviation(0), LENGTH * deviation(1)];
        let together = |i: usize, j: usize| {
            let apart: f64 = (0..2).map(|axis| ((places[i][axis] - places[j][axis]) / lengths[axis]).powi(2)).sum();
            dot(&wide[i], &wide[j]) + WRONG * WRONG * (-0.5 * apart).exp()
        };
        let rows = (0..all.len()).map(|i| (0..all.len()).map(|j| together(i, j)).collect()).collect();
        Self { rows, candidates: candidates.rows.len() }
    }

    /// After one more run (Sherman and Morrison).
    fn add(&mut self, run: usize) {
        let with = self.rows[run].clone();
        let scale = 1.0 / (with[run] + NOISE * NOISE);
        for (row, own) in self.rows.iter_mut().zip(&with) {
            row.iter_mut().zip(&with).for_each(|(value, other)| *value -= scale * own * other);
        }
    }

    /// By how much one more run lessens the variance of the targets.
    fn gain(&self, run: usize) -> f64 {
        let with = &self.rows[run];
        with[self.candidates..].iter().map(|of_target| of_target * of_target).sum::<f64>() / (with[run] + NOISE * NOISE)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
