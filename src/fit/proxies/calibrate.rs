//! Calibration of proxies on runs: ln L of a run as a line in the proxy's ln L at the same mixture.
//!
//! Merged models: Na et al., "Scalable Data Ablation Approximations for Language Models through Modular Training and Merging",
//! arXiv:2410.15661 (losses of averages of models predict those of models trained on the union of their corpora); "MergeMix",
//! which chooses mixtures by losses of merged models. Both rank mixtures by them; here a line makes them losses of runs.
//!
//! Every judgement leaves one mixture out: a line that is fitted to the others predicts its runs. A proxy is of use where that
//! has a smaller error than the best of the mean, the nearest run and a straight line in the weights, all without the proxies,
//! and one that at most 5 % of shuffles of the proxies' losses among the mixtures reach.
//!
//! What a proxy counts: with σ² the variance between runs of one mixture, and s² the held-out squared error of the line, which
//! contains σ², a calibrated row misses the truth by no more than s² on average and a run's row by σ²; least squares weighs by
//! the inverse of the variance, so that it counts σ²/s² of a run. Where no mixture is repeated σ² is not known, and half of s²
//! is taken for it. It is never more than [`MOST_WEIGHT`].

use crate::fit::linalg::{backward, cholesky, forward};
use crate::fit::random::Random;

/// What a proxy counts beside a run, at most.
const MOST_WEIGHT: f64 = 0.9;
/// What it counts where runs do not say how much of an error is theirs.
const WITHOUT_REPEATS: f64 = 0.5;
/// Repeats that a variance between runs takes, beyond one a mixture.
const REPEATS: usize = 2;
/// Mixtures below which no shuffle could tell skill from chance: 4! = 24.
const FEWEST: usize = 4;
/// Up to so many mixtures, all orders are tried.
const ALL_ORDERS: usize = 5;
const SHUFFLES: usize = 199;
/// How often proxies without skill may pass.
const LEVEL: f64 = 0.05;

/// Runs of one mixture, and the proxy's loss there.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub mixture: Vec<f64>,
    /// ln L of the proxy.
    pub z: f64,
    /// ln L of each run, and how often it counts.
    pub runs: Vec<(f64, f64)>,
}

/// ln L of a run by a proxy's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line {
    centre: (f64, f64),
    slope: f64,
    /// The proxies' ln L for which it holds: those of the runs' mixtures, and half as far beyond.
    pub range: (f64, f64),
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Calibration {
    pub line: Line,
    pub weight: f64,
    /// Of mixtures left out.
    pub r2: f64,
    pub rival: (&'static str, f64),
}

/// Why proxies are of no use.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Refused {
    Few(usize),
    /// All are runs of this project.
    Own,
    Beaten {
        r2: f64,
        rival: (&'static str, f64),
    },
    Chance {
        r2: f64,
        p: f64,
    },
}

impl Line {
    pub(super) fn at(&self, z: f64) -> f64 {
        self.centre.1 + self.slope * (z - self.centre.0)
    }

    /// The least-squares line, without a falling one; `None` without runs.
    pub(super) fn of(pairs: &[Pair]) -> Option<Self> {
        let sums = pairs.iter().map(|pair| Sums::of(pair, pair.z)).fold(Sums::default(), Sums::plus);
        let (low, high) = pairs.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.z), h.max(p.z)));
        let beyond = 0.5 * (high - low);
        (sums.n > 0.0).then(|| Self { range: (low - beyond, high + beyond), ..sums.line() })
    }
}

/// Weighted sums of the runs of mixtures.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    n: f64,
    z: f64,
    y: f64,
    zz: f64,
    zy: f64,
    yy: f64,
}

impl Sums {
    fn of(pair: &Pair, z: f64) -> Self {
        let (n, y, yy) =
            pair.runs.iter().fold((0.0, 0.0, 0.0), |(n, y, yy), (l, w)| (n + w, y + w * l, yy + w * l * l));
        Self { n, z: n * z, y, zz: n * z * z, zy: z * y, yy }
    }

    fn plus(self, other: Self) -> Self {
        self.add(other, 1.0)
    }

    fn add(self, o: Self, times: f64) -> Self {
        Self {
            n: self.n + times * o.n,
            z: self.z + times * o.z,
            y: self.y + times * o.y,
            zz: self.zz + times * o.zz,
            zy: self.zy + times * o.zy,
            yy: self.yy + times * o.yy,
        }
    }

    fn line(&self) -> Line {
        let centre = (self.z / self.n, self.y / self.n);
        let (zz, zy) = (self.zz - self.n * centre.0 * centre.0, self.zy - self.n * centre.0 * centre.1);
        let slope = if zz > 1e-12 * self.zz.abs().max(1e-12) { (zy / zz).max(0.0) } else { 0.0 };
        Line { centre, slope, range: (f64::NEG_INFINITY, f64::INFINITY) }
    }

    /// Squared error of one prediction for all its runs.
    fn error(&self, predicted: f64) -> f64 {
        (self.yy - 2.0 * predicted * self.y + self.n * predicted * predicted).max(0.0)
    }
}

/// Calibrates; the same pairs and seed give the same answer.
pub(super) fn calibrate(pairs: &[Pair], seed: u64) -> Result<Calibration, Refused> {
    if pairs.len() < FEWEST {
        return Err(Refused::Few(pairs.len()));
    }
    let in_order: Vec<usize> = (0..pairs.len()).collect();
    let error = line_error(pairs, &in_order);
    let rivals = [("mean", mean_error(pairs)), ("nearest run", nearest_error(pairs))];
    let rivals = rivals.into_iter().chain(straight_error(pairs).map(|error| ("straight line", error)));
    let level = rivals.clone().next().map_or(0.0, |(_, mean)| mean);
    let r2 = |error: f64| if level > 0.0 { 1.0 - error / level } else { 0.0 };
    let (name, least) = rivals.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or(("mean", level));
    let rival = (name, r2(least));
    if error >= least {
        return Err(Refused::Beaten { r2: r2(error), rival });
    }
    let p = p(pairs, error, seed);
    if p > LEVEL {
        return Err(Refused::Chance { r2: r2(error), p });
    }
    let runs: f64 = pairs.iter().map(|pair| Sums::of(pair, pair.z).n).sum();
    let line = Line::of(pairs).ok_or(Refused::Few(0))?;
    Ok(Calibration { line, weight: weight(error / runs, noise(pairs)), r2: r2(error), rival })
}

/// What a calibrated row counts, from the held-out squared error a run and the variance between runs.
fn weight(error: f64, noise: Option<f64>) -> f64 {
    let part = noise.map_or(WITHOUT_REPEATS, |noise| if error > 0.0 { noise / error } else { 1.0 });
    part.clamp(0.0, MOST_WEIGHT)
}

/// The variance between runs of one mixture, pooled; `None` where too few are repeated.
fn noise(pairs: &[Pair]) -> Option<f64> {
    let more: usize = pairs.iter().map(|pair| pair.runs.len().saturating_sub(1)).sum();
    let squares: f64 = pairs
        .iter()
        .map(|pair| {
            let sums = Sums::of(pair, pair.z);
            sums.error(sums.y / sums.n)
        })
        .sum();
    (more >= REPEATS).then(|| squares / more as f64)
}

/// Squared error of lines on the mixture that each is fitted without, the proxies' losses in this order.
fn line_error(pairs: &[Pair], order: &[usize]) -> f64 {
    let sums: Vec<Sums> = pairs.iter().zip(order).map(|(pair, i)| Sums::of(pair, pairs[*i].z)).collect();
    let all = sums.iter().copied().fold(Sums::default(), Sums::plus);
    let one = |(own, i): (&Sums, &usize)| own.error(all.add(*own, -1.0).line().at(pairs[*i].z));
    sums.iter().zip(order).map(one).sum()
}

/// The share of orders of the proxies' losses that predict as well.
fn p(pairs: &[Pair], error: f64, seed: u64) -> f64 {
    let as_good = |order: &[usize]| line_error(pairs, order) <= error * (1.0 + 1e-9);
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    if pairs.len() <= ALL_ORDERS {
        let (mut good, mut all) = (0, 0);
        orders(&mut order, 0, &mut |order| {
            all += 1;
            good += usize::from(as_good(order));
        });
        return good as f64 / all as f64;
    }
    let mut random = Random::new(seed, 1 << 44);
    let mut good = 1;
    for _ in 0..SHUFFLES {
        for i in (1..order.len()).rev() {
            order.swap(i, random.below(i + 1));
        }
        good += usize::from(as_good(&order));
    }
    good as f64 / (SHUFFLES + 1) as f64
}

/// Every order, once.
fn orders(order: &mut Vec<usize>, from: usize, tell: &mut dyn FnMut(&[usize])) {
    if from == order.len() {
        return tell(order);
    }
    for i in from..order.len() {
        order.swap(from, i);
        orders(order, from + 1, tell);
        order.swap(from, i);
    }
}

fn mean_error(pairs: &[Pair]) -> f64 {
    let sums: Vec<Sums> = pairs.iter().map(|pair| Sums::of(pair, pair.z)).collect();
    let all = sums.iter().copied().fold(Sums::default(), Sums::plus);
    sums.iter().map(|own| own.error((all.y - own.y) / (all.n - own.n))).sum()
}

fn nearest_error(pairs: &[Pair]) -> f64 {
    let one = |(i, own): (usize, &Pair)| {
        let others = pairs.iter().enumerate().filter(|(j, _)| *j != i);
        let nearest = others
            .min_by(|(_, a), (_, b)| distance(&a.mixture, &own.mixture).total_cmp(&distance(&b.mixture, &own.mixture)));
        let predicted = nearest.map_or(0.0, |(_, pair)| {
            let sums = Sums::of(pair, pair.z);
            sums.y / sums.n
        });
        Sums::of(own, own.z).error(predicted)
    };
    pairs.iter().enumerate().map(one).sum()
}

/// Half the sum of absolute differences of weights.
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    0.5 * a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>()
}

/// A straight line in the weights; `None` with too few mixtures for one.
fn straight_error(pairs: &[Pair]) -> Option<f64> {
    let k = pairs.first()?.mixture.len();
    if pairs.len() < k + 2 {
        return None;
    }
    // A level and all weights but the last, which follows from the others.
    let row = |pair: &Pair| -> Vec<f64> { std::iter::once(1.0).chain(pair.mixture[..k - 1].iter().copied()).collect() };
    let rows: Vec<(Vec<f64>, Sums)> = pairs.iter().map(|pair| (row(pair), Sums::of(pair, pair.z))).collect();
    let mut error = 0.0;
    for (i, (own, sums)) in rows.iter().enumerate() {
        let others = rows.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, (x, s))| (x.as_slice(), s.n, s.y));
        error += sums.error(least_squares(others, k)?.iter().zip(own).map(|(b, x)| b * x).sum());
    }
    Some(error)
}

/// Coefficients of a slightly ridged least-squares fit to rows: features, weight, and the weighted value.
pub(super) fn least_squares<'a>(rows: impl Iterator<Item = (&'a [f64], f64, f64)>, k: usize) -> Option<Vec<f64>> {
    let (mut gram, mut right) = (vec![0.0; k * k], vec![0.0; k]);
    for (x, weight, value) in rows {
        for a in 0..k {
            right[a] += x[a] * value;
            for b in 0..k {
                gram[a * k + b] += weight * x[a] * x[b];
            }
        }
    }
    let trace: f64 = (0..k).map(|a| gram[a * k + a]).sum();
    (0..k).for_each(|a| gram[a * k + a] += 1e-9 * trace);
    let mut factor = vec![0.0; k * k];
    if !cholesky(&gram, k, &mut factor) {
        return None;
    }
    forward(&factor, k, &mut right);
    backward(&factor, k, &mut right);
    Some(right)
}
