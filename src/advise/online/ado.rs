//! Adaptive data optimisation: a power law for the loss of each domain, fitted while the run trains.
//!
//! L_k(n) = exp(e) + exp(a)·n^−α, n being the samples trained on in total. ρ_k ∝ μ_k·√h_k·max(α_k, 0.05)·(L_k(n) − exp(e_k))/n
//! with the prior μ and h, the mean of realised shares that forgets (h ← 0.9·h + 0.1·π); ρ at least 0.01; π = 0.9·π̄ + 0.1·ρ, π̄
//! being the mean of all π before. Jiang et al., "Adaptive Data Optimization: Dynamic Sample Selection with Scaling Laws",
//! arXiv:2410.11820.
//!
//! The paper fits by 512 starts of a quasi-Newton method to every tenth point of losses smoothed over 101 points. Here α is
//! searched on a grid, and exp(e) and exp(a) follow by reweighted least squares on the relative error (Huber's loss, δ = 1e-3):
//! the same objective, with one answer whatever the machine.

use super::rule::{Rule, RuleInfo, Turn, normalised};

/// See the [module](self).
#[derive(Debug)]
pub struct Ado;

static INFO: RuleInfo = RuleInfo {
    name: "ado",
    title: "Adaptive data optimisation",
    source: "Jiang et al. 2024, arXiv:2410.11820",
    assumes: &[
        "the trainer follows the weights: realised shares are those of the rule",
        "until 20 steps are logged, the weights stay; laws are refitted every 10 logged steps, later each tenth more",
        "smoothing is over as many of 101 points as there are; of short runs, more than each tenth point is fitted to",
        "exp(e) is at least 1.65 nats as in the paper, or half the lowest smoothed loss where that is less",
    ],
};

/// Turns before the first fit, and between two fits at least.
const FIRST: usize = 20;
const EVERY: usize = 10;
/// Window and degree of the smoothing polynomial (Savitzky–Golay).
const WINDOW: usize = 101;
const DEGREE: usize = 3;
/// Every so many points, one is fitted to, at most; and there are so many points at least.
const STRIDE: usize = 10;
const POINTS: usize = 20;
/// δ of Huber's loss.
const DELTA: f64 = 1e-3;
/// Bounds of α, e and a.
const ALPHA: (f64, f64) = (1e-3, 0.8);
const LEAST_E: f64 = 0.5;
const MOST_A: f64 = 6.5;
/// Values of α that are tried, and rounds of reweighting for each.
const GRID: usize = 160;
const ROUNDS: usize = 25;
/// Least α in ρ, least ρ, and how much of ρ goes into π.
const LEAST_ALPHA: f64 = 0.05;
const LEAST_RHO: f64 = 0.01;
const NEW: f64 = 0.1;
/// How much of the realised shares is remembered.
const KEPT: f64 = 0.9;

/// A domain's law.
#[derive(Debug, Clone, Copy)]
struct Power {
    alpha: f64,
    floor: f64,
    factor: f64,
}

impl Rule for Ado {
    fn info(&self) -> &'static RuleInfo {
        &INFO
    }

    fn weights(&self, prior: &[f64], turns: &[Turn]) -> Vec<Vec<f64>> {
        let domains = prior.len();
        let (mut weights, mut realised) = (prior.to_vec(), prior.to_vec());
        let (mut sum, mut count) = (prior.to_vec(), 1.0);
        let mut laws: Option<Vec<Option<Power>>> = None;
        let mut fitted = 0;
        let mut all: Vec<Vec<f64>> = Vec::with_capacity(turns.len());
        for (i, turn) in turns.iter().enumerate() {
            let seen = i + 1;
            if seen >= FIRST && (laws.is_none() || seen >= fitted + EVERY.max(fitted / 10)) {
                laws = Some((0..domains).map(|k| fit(&points(&turns[..seen], k))).collect());
                fitted = seen;
            }
            if let (Some(laws), true) = (&laws, turn.samples > 0.0) {
                let rho = |k: usize| match laws[k] {
                    Some(law) => {
                        let falls = law.factor * turn.samples.powf(-law.alpha);
                        prior[k] * realised[k].sqrt() * law.alpha.max(LEAST_ALPHA) * falls / turn.samples
                    }
                    None => 0.0,
                };
                let rho: Vec<f64> = (0..domains).map(rho).collect();
                if rho.iter().sum::<f64>() > 0.0 {
                    let rho = normalised(normalised(rho).into_iter().map(|r| r.max(LEAST_RHO)).collect());
                    weights = (0..domains).map(|k| (1.0 - NEW) * sum[k] / count + NEW * rho[k]).collect();
                }
            }
            for k in 0..domains {
                realised[k] = KEPT * realised[k] + (1.0 - KEPT) * weights[k];
                sum[k] += weights[k];
            }
            count += 1.0;
            all.push(weights.clone());
        }
        all
    }
}

/// Samples and losses of one domain.
fn points(turns: &[Turn], domain: usize) -> Vec<(f64, f64)> {
    let of = |turn: &Turn| Some((turn.samples, turn.losses[domain]?));
    turns.iter().filter_map(of).filter(|(n, loss)| *n > 0.0 && *loss > 0.0 && loss.is_finite()).collect()
}

/// The law of the points; `None` of too few.
fn fit(points: &[(f64, f64)]) -> Option<Power> {
    if points.len() < FIRST / 2 {
        return None;
    }
    let smooth = smoothed(&points.iter().map(|p| p.1).collect::<Vec<_>>());
    let stride = (points.len() / POINTS).clamp(1, STRIDE);
    // From the newest backwards, so that it is among them.
    let used: Vec<usize> = (0..points.len()).rev().step_by(stride).collect();
    let (n, loss): (Vec<f64>, Vec<f64>) = used.iter().map(|i| (points[*i].0, smooth[*i])).unzip();
    let lowest = loss.iter().copied().fold(f64::INFINITY, f64::min);
    let least = LEAST_E.exp().min(0.5 * lowest);
    let most = MOST_A.exp();
    let mut best: Option<(f64, Power)> = None;
    for step in 0..GRID {
        let part = step as f64 / (GRID - 1) as f64;
        let alpha = ALPHA.0 * (ALPHA.1 / ALPHA.0).powf(part);
        let fall: Vec<f64> = n.iter().map(|n| n.powf(-alpha)).collect();
        let (floor, factor, objective) = solve(&fall, &loss, least, most);
        if best.as_ref().is_none_or(|(known, _)| objective < *known) {
            best = Some((objective, Power { alpha, floor, factor }));
        }
    }
    best.map(|(_, law)| law).filter(|law| law.floor.is_finite() && law.factor.is_finite())
}

/// Floor and factor of L = floor + factor·fall within their bounds, and the mean of Huber's loss on the relative error.
fn solve(fall: &[f64], loss: &[f64], least: f64, most: f64) -> (f64, f64, f64) {
    let mut weight = vec![1.0; fall.len()];
    let (mut floor, mut factor) = (least, 0.0);
    for _ in 0..ROUNDS {
        // Weighted normal equations of loss/loss = 1 = (floor + factor·fall)/loss.
        let (mut a, mut b, mut c, mut d, mut e) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for ((x, y), w) in fall.iter().zip(loss).zip(&weight) {
            let (one, x) = (1.0 / y, x / y);
            a += w * one * one;
            b += w * one * x;
            c += w * x * x;
            d += w * one;
            e += w * x;
        }
        let determinant = a * c - b * b;
        if determinant > 1e-14 * a * c {
            (floor, factor) = ((d * c - b * e) / determinant, (a * e - b * d) / determinant);
        } else {
            (floor, factor) = (d / a, 0.0);
        }
        // Where a bound is broken, the other is fitted at it.
        if floor < least {
            floor = least;
            factor = (e - b * floor) / c;
        }
        if factor > most || factor < 0.0 {
            factor = factor.clamp(0.0, most);
            floor = ((d - b * factor) / a).max(least);
        }
        for ((x, y), w) in fall.iter().zip(loss).zip(&mut weight) {
            let off = ((floor + factor * x) / y - 1.0).abs();
            *w = if off <= DELTA { 1.0 } else { DELTA / off };
        }
    }
    let huber = |off: f64| if off <= DELTA { 0.5 * off * off } else { DELTA * (off - 0.5 * DELTA) };
    let sum: f64 = fall.iter().zip(loss).map(|(x, y)| huber(((floor + factor * x) / y - 1.0).abs())).sum();
    (floor, factor, sum / fall.len() as f64)
}

/// The values, each replaced by what a cubic through those around it has there; at the ends, by the cubic of the first or last
/// window.
fn smoothed(values: &[f64]) -> Vec<f64> {
    let window = WINDOW.min(values.len() - (1 - values.len() % 2));
    if window <= DEGREE + 1 {
        return values.to_vec();
    }
    let half = window / 2;
    let last = values.len() - window;
    let mut out = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        let start = i.saturating_sub(half).min(last);
        let x = |j: usize| (j as f64 - half as f64) / half as f64;
        out.push(value_of_cubic(&values[start..start + window], &x, x(i - start)));
    }
    out
}

/// What the least-squares cubic has at a place: by Gram–Schmidt, as orthogonal polynomials stay well-conditioned.
fn value_of_cubic(values: &[f64], x: &dyn Fn(usize) -> f64, at: f64) -> f64 {
    let mut basis: Vec<(Vec<f64>, f64)> = Vec::new();
    let mut result = 0.0;
    for degree in 0..=DEGREE {
        let power = i32::try_from(degree).unwrap_or(0);
        let mut column: Vec<f64> = (0..values.len()).map(|j| x(j).powi(power)).collect();
        let mut here = at.powi(power);
        for (known, known_here) in &basis {
            let along: f64 = column.iter().zip(known).map(|(a, b)| a * b).sum();
            column.iter_mut().zip(known).for_each(|(c, k)| *c -= along * k);
            here -= along * known_here;
        }
        let length = column.iter().map(|c| c * c).sum::<f64>().sqrt();
        column.iter_mut().for_each(|c| *c /= length);
        here /= length;
        result += here * values.iter().zip(&column).map(|(v, c)| v * c).sum::<f64>();
        basis.push((column, here));
    }
    result
}
