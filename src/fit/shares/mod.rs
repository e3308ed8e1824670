//! Shares of domains in what a run was trained on, from its training loss and those of the domains.
//!
//! The loss of a batch is the mean over its tokens: L_t = Σ_i s_ti l_ti, where l_ti is the mean over those of domain i. With
//! shares that vary around s from batch to batch, s is found by least squares of L on l over the simplex, without a constant: the
//! level of the losses says most of it. This is mixture proportion estimation where the components' means are known
//! (Titterington et al. 1985, section 4.3).
//!
//! It is refused where it would be a guess: L is not a mean of l at all (another batch, another mask, a term added to it), a
//! constant would be needed, or the range of a share is wide, because losses are too much alike. Ranges resample blocks of
//! neighbouring steps.

#[cfg(test)]
mod tests;

use super::random::Random;
use super::resample::quantile;
use super::simplex::least_squares;

/// Fewest steps.
const LEAST: usize = 20;
/// Most steps that are looked at, spread over the run.
const MOST: usize = 4000;
/// Most blocks that are drawn from.
const BLOCKS: usize = 200;
/// Resamples.
const DRAWS: usize = 400;
/// A mean lies between the least and the greatest, but for this many nats of rounding ...
const ROUNDING: f64 = 2e-3;
/// ... at all but this part of the steps.
const OUTSIDE: f64 = 0.1;
/// A constant of a smaller part of what lies between the mean losses is none: it moves shares by no more than that.
const CONSTANT: f64 = 0.05;
/// What ranges are widened by for how the estimate leans; tests measure how often they hold the share then.
const LEANING: f64 = 1.2;
/// A range of 90 % that is wider says too little.
const WIDE: f64 = 0.25;

/// A share with its range of 90 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareRange {
    /// The share.
    pub share: f64,
    /// Its lower end, 0 or more.
    pub low: f64,
    /// Its upper end, 1 or less.
    pub high: f64,
}

/// Why shares cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum NotTold {
    /// Few steps.
    #[error("only {0} steps have the losses; {LEAST} are needed")]
    Few(usize),
    /// The training loss is no mean of the domains' losses.
    #[error(
        "the training loss lies outside the domains' losses at {0:.0} % of the steps, so that it is not their mean"
    )]
    Outside(f64),
    /// It is one only with a constant added.
    #[error("the training loss differs by {0:+.3} nats from every mean of the domains' losses")]
    Constant(f64),
    /// The losses say too little of a domain, by its index.
    #[error("the losses are too much alike: one share may be {low:.0} to {high:.0} %")]
    Alike {
        /// The domain with the widest range.
        domain: usize,
        /// Its lower end, percent.
        low: f64,
        /// Its upper end, percent.
        high: f64,
    },
}

/// The shares. `steps`: by step, the training loss and the loss of each domain, `None` where the batch had nothing of it.
///
/// # Errors
/// [`NotTold`].
pub fn shares(steps: &[(f64, Vec<Option<f64>>)], seed: u64) -> Result<Vec<ShareRange>, NotTold> {
    let every = steps.len().div_ceil(MOST).max(1);
    let thinned: Vec<(f64, Vec<Option<f64>>)>;
    let steps = if every == 1 {
        steps
    } else {
        thinned = steps.iter().step_by(every).cloned().collect();
        &thinned
    };
    let rows = rows(steps);
    let domains = steps.first().map_or(0, |(_, losses)| losses.len());
    if rows.len() < LEAST.max(2 * domains) || domains < 2 {
        return Err(NotTold::Few(rows.len()));
    }
    let outside = steps.iter().filter(|(total, losses)| {
        let known = || losses.iter().flatten().copied();
        let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
        *total < low - ROUNDING || *total > high + ROUNDING
    });
    let outside = outside.count() as f64 / steps.len() as f64;
    if outside > OUTSIDE {
        return Err(NotTold::Outside(100.0 * outside));
    }
    let blocks = blocks(&rows, domains);
    let whole = blocks.iter().fold(Sums::new(domains), |sum, block| sum.plus(block));
    if let Some((one, other)) = whole.same() {
        let named = [one, other].into_iter().max().unwrap_or(one);
        return Err(NotTold::Alike { domain: named, low: 0.0, high: 100.0 });
    }
    let (best, constant) = (whole.shares(), whole.constant());
    let mut random = Random::new(seed, 1 << 39);
    let mut draws: Vec<Vec<f64>> = vec![Vec::with_capacity(DRAWS); domains];
    let mut constants = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        let drawn = blocks.iter().fold(Sums::new(domains), |sum, _| sum.plus(&blocks[random.below(blocks.len())]));
        draws.iter_mut().zip(drawn.shares()).for_each(|(all, share)| all.push(share));
        constants.push(drawn.constant());
    }
    constants.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&constants, 0.005), quantile(&constants, 0.995));
    let is_there = low > 0.0 || high < 0.0;
    if is_there && constant.abs() > CONSTANT * whole.spread() {
        return Err(NotTold::Constant(constant));
    }
    // A small one moves shares all the same.
    let moved = if is_there && whole.spread() > 0.0 { constant.abs() / whole.spread() } else { 0.0 };
    // Percentiles of a bootstrap are narrow for few rows (by the degrees of freedom) and few blocks. And a domain's loss is
    // noisier in batches with less of it, which takes some (1 − s) / sequences a batch from small shares.
    let (rows, count) = (rows.len() as f64, blocks.len() as f64);
    let wider = LEANING * (rows / (rows - domains as f64)).sqrt() * (1.0 + 1.0 / count);
    let range = |(share, draws): (&f64, &mut Vec<f64>)| {
        draws.sort_by(f64::total_cmp);
        let end = |q: f64, by: f64| (share + wider * (quantile(draws, q) - share) + by).clamp(0.0, 1.0);
        ShareRange { share: *share, low: end(0.05, -moved).min(*share), high: end(0.95, moved).max(*share) }
    };
    let found: Vec<ShareRange> = best.iter().zip(&mut draws).map(range).collect();
    let width = |range: &ShareRange| range.high - range.low;
    let widest = found.iter().enumerate().max_by(|a, b| width(a.1).total_cmp(&width(b.1)));
    match widest.filter(|(_, range)| width(range) > WIDE) {
        Some((domain, range)) => Err(NotTold::Alike { domain, low: 100.0 * range.low, high: 100.0 * range.high }),
        None => Ok(found),
    }
}

/// Steps with the loss of every domain: where a batch had nothing of one, its loss is taken from the steps around it. Leaving
/// these out would leave out the batches with the smallest shares.
fn rows(steps: &[(f64, Vec<Option<f64>>)]) -> Vec<(f64, Vec<f64>)> {
    let domains = steps.first().map_or(0, |(_, losses)| losses.len());
    let known: Vec<Vec<(usize, f64)>> = (0..domains)
        .map(|domain| steps.iter().enumerate().filter_map(|(at, (_, l))| Some((at, (*l.get(domain)?)?))).collect())
        .collect();
    if known.iter().any(Vec::is_empty) {
        return Vec::new();
    }
    let at = |points: &[(usize, f64)], at: usize| {
        let after = points.partition_point(|(step, _)| *step < at);
        match (after.checked_sub(1).map(|before| points[before]), points.get(after)) {
            (_, Some((step, loss))) if *step == at => *loss,
            (Some((from, a)), Some((to, b))) => a + (b - a) * (at - from) as f64 / (to - from) as f64,
            (Some((_, loss)), None) | (None, Some(&(_, loss))) => loss,
            (None, None) => f64::NAN,
        }
    };
    let row = |(index, (total, losses)): (usize, &(f64, Vec<Option<f64>>))| {
        let all: Vec<f64> = known.iter().map(|points| at(points, index)).collect();
        (losses.iter().any(Option::is_some)).then_some((*total, all))
    };
    steps.iter().enumerate().filter_map(row).collect()
}

/// What least squares need of some rows.
#[derive(Debug, Clone)]
struct Sums {
    rows: f64,
    /// Σ L, and Σ l of each domain.
    total: f64,
    losses: Vec<f64>,
    /// Σ l L, and Σ l lᵀ.
    cross: Vec<f64>,
    gram: Vec<f64>,
}

impl Sums {
    fn new(domains: usize) -> Self {
        let zero = vec![0.0; domains];
        Self { rows: 0.0, total: 0.0, losses: zero.clone(), cross: zero, gram: vec![0.0; domains * domains] }
    }

    fn add(&mut self, total: f64, losses: &[f64]) {
        let n = losses.len();
        self.rows += 1.0;
        self.total += total;
        for (i, loss) in losses.iter().enumerate() {
            self.losses[i] += loss;
            self.cross[i] += loss * total;
            losses.iter().enumerate().for_each(|(j, other)| self.gram[i * n + j] += loss * other);
        }
    }

    fn plus(mut self, other: &Self) -> Self {
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        self.rows += other.rows;
        self.total += other.total;
        add(&mut self.losses, &other.losses);
        add(&mut self.cross, &other.cross);
        add(&mut self.gram, &other.gram);
        self
    }

    /// The shares, without a constant.
    fn shares(&self) -> Vec<f64> {
        least_squares(&self.gram, &self.cross)
    }

    /// Two domains whose losses are the same at every step, but for rounding: any share of theirs could be the other's.
    fn same(&self) -> Option<(usize, usize)> {
        let n = self.losses.len();
        let apart = |i: usize, j: usize| self.gram[i * n + i] - 2.0 * self.gram[i * n + j] + self.gram[j * n + j];
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        pairs.into_iter().find(|(i, j)| apart(*i, *j) <= self.rows * ROUNDING * ROUNDING)
    }

    /// From the least to the greatest mean loss of a domain.
    fn spread(&self) -> f64 {
        let (low, high) =
            self.losses.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(*v), h.max(*v)));
        (high - low) / self.rows
    }

    /// The constant where one is fitted beside the shares: of no account if it can be zero.
    fn constant(&self) -> f64 {
        let n = self.losses.len();
        let centred = |i: usize, j: usize| self.gram[i * n + j] - self.losses[i] * self.losses[j] / self.rows;
        let gram: Vec<f64> = (0..n * n).map(|at| centred(at / n, at % n)).collect();
        let cross: Vec<f64> = (0..n).map(|i| self.cross[i] - self.losses[i] * self.total / self.rows).collect();
        let shares = least_squares(&gram, &cross);
        (self.total - shares.iter().zip(&self.losses).map(|(s, l)| s * l).sum::<f64>()) / self.rows
    }
}

/// Sums of neighbouring rows, n^⅓ of them or more.
fn blocks(rows: &[(f64, Vec<f64>)], domains: usize) -> Vec<Sums> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let length = ((rows.len() as f64).cbrt().round() as usize).max(rows.len().div_ceil(BLOCKS)).max(1);
    let sum = |block: &[(f64, Vec<f64>)]| {
        let mut sums = Sums::new(domains);
        block.iter().for_each(|(total, losses)| sums.add(*total, losses));
        sums
    };
    rows.chunks(length).map(sum).collect()
}
