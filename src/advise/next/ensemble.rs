//! Joint draws of what is not known yet, and what an observation would change about them.
//!
//! Draws are taken as a sample of a joint normal distribution. An observation with noise shifts the means of all columns in
//! proportion to their covariances with it, as in an ensemble Kalman filter (Evensen 1994); the value of an observation is the
//! knowledge gradient with correlated beliefs (Frazier, Powell, Dayanik 2009): how much lower the smallest mean is expected
//! to be once it has been made.

use crate::fit::linalg::{cholesky, forward};
use crate::forecast::spread::{normal_quantile, shuffled_levels};

/// Outcomes of an observation that are looked at, half of them the others with the opposite sign.
const OUTCOMES: usize = 24;

/// Limits, and what a part of an excess costs in parts of the objective.
#[derive(Debug, Clone, Default)]
pub(super) struct Limits {
    /// Greatest value of each limited metric.
    pub greatest: Vec<f64>,
    pub price: f64,
}

/// Functions at places, a column each, in joint draws. The first columns are those of the decisions: of each its objective, then
/// its limited metrics.
#[derive(Debug, Clone)]
pub(super) struct Ensemble {
    decisions: usize,
    limits: Limits,
    /// Mean of each column.
    means: Vec<f64>,
    /// By column, what each draw differs from the mean by.
    deviations: Vec<Vec<f64>>,
    /// By column, its variance: each is asked for with every observation that is weighed.
    variances: Vec<f64>,
    /// By decision, what holds it back; empty where nothing does.
    doubts: Vec<Option<Doubt>>,
    /// By decision, whether it may only be taken once a run of its mixture has been launched.
    closed: Vec<bool>,
    /// What is to be decided, by draw: how each decision's objective differs from that of the mean of them, and the limited metrics.
    contrasts: Vec<Vec<f64>>,
}

/// That a decision must be better than others by something, which shrinks with what is open about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Doubt {
    /// Column of what is open.
    pub column: usize,
    /// What it must be better by before anything is observed, nats.
    pub price: f64,
    /// Variance of the column then.
    variance: f64,
}

impl Doubt {
    pub fn new(column: usize, price: f64) -> Self {
        Self { column, price, variance: f64::NAN }
    }

    /// What is left of the price.
    fn left(&self, variance: f64) -> f64 {
        if self.variance > 0.0 { self.price * (variance.max(0.0) / self.variance).sqrt() } else { self.price }
    }
}

/// What would be observed at once: columns, and the standard deviation of the noise of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observation<'o> {
    pub columns: &'o [usize],
    pub noise: &'o [f64],
}

impl Limits {
    /// An objective, with the price of what its limited metrics exceed their limits by.
    pub fn priced(&self, objective: f64, limited: impl Iterator<Item = f64>) -> f64 {
        let excess: f64 = limited.zip(&self.greatest).map(|(value, limit)| (value / limit - 1.0).max(0.0)).sum();
        objective * (1.0 + self.price * excess)
    }
}

impl Ensemble {
    /// So many decisions and their limits, columns of as many draws each, all finite, and what holds decisions back.
    pub fn new(decisions: usize, limits: Limits, columns: Vec<Vec<f64>>, doubts: Vec<Option<Doubt>>) -> Self {
        let closed = vec![false; decisions];
        let mut means = Vec::with_capacity(columns.len());
        let mut deviations = columns;
        for column in &mut deviations {
            means.push(mean(column));
            centre(column);
        }
        let (variances, contrasts) = (Vec::new(), Vec::new());
        let mut all = Self { decisions, limits, means, deviations, variances, doubts, closed, contrasts };
        all.work_out();
        for doubt in all.doubts.iter_mut().flatten() {
            doubt.variance = all.variances[doubt.column];
        }
        all
    }

    /// The same, with the last so many decisions closed until a run of their mixture has been launched.
    pub fn with_closed(mut self, last: usize) -> Self {
        let open = self.decisions.saturating_sub(last);
        self.closed.iter_mut().skip(open).for_each(|closed| *closed = true);
        self
    }

    /// Decisions that may be taken, and one that an observation opens.
    fn open(&self, opened: Option<usize>) -> Vec<usize> {
        (0..self.decisions).filter(|d| !self.closed[*d] || opened == Some(*d)).collect()
    }

    /// What follows from the deviations.
    fn work_out(&mut self) {
        self.variances = self.deviations.iter().map(|column| covariance(column, column)).collect();
        let objectives: Vec<&[f64]> = (0..self.decisions).map(|d| self.deviations[self.column(d)].as_slice()).collect();
        let limited = (0..self.decisions).flat_map(|d| self.column(d) + 1..self.column(d + 1));
        let mut contrasts: Vec<Vec<f64>> = limited.map(|column| self.deviations[column].clone()).collect();
        // One decision alone differs from none: what is open is how it ends.
        let middle = |s: usize| match objectives.len() {
            0 | 1 => 0.0,
            n => objectives.iter().map(|of| of[s]).sum::<f64>() / n as f64,
        };
        let middle: Vec<f64> = (0..self.draws()).map(middle).collect();
        contrasts.extend(objectives.iter().map(|of| of.iter().zip(&middle).map(|(a, b)| a - b).collect::<Vec<f64>>()));
        self.contrasts = contrasts;
    }

    /// The decision that is lowest on average, with what it must be better by.
    pub fn best(&self) -> usize {
        let values: Vec<f64> = (0..self.decisions).map(|d| self.level(d) + self.price(d)).collect();
        self.open(None).into_iter().min_by(|a, b| values[*a].total_cmp(&values[*b])).unwrap_or(0)
    }

    /// What a decision must be better by, nats.
    fn price(&self, decision: usize) -> f64 {
        let doubt = self.doubts.get(decision).copied().flatten();
        doubt.map_or(0.0, |doubt| doubt.left(self.variances[doubt.column]))
    }

    /// The same after an observation.
    fn price_after(&self, decision: usize, root: &[f64], observation: &Observation<'_>, heard: &[f64]) -> f64 {
        let Some(doubt) = self.doubts.get(decision).copied().flatten() else { return 0.0 };
        let taken =
            solve(root, self.with(doubt.column, observation, heard)).iter().map(|part| part * part).sum::<f64>();
        doubt.left(self.variances[doubt.column] - taken)
    }

    /// What a decision comes to on average, limits priced.
    pub fn level(&self, decision: usize) -> f64 {
        (0..self.draws()).map(|s| self.value(decision, s)).sum::<f64>() / self.draws().max(1) as f64
    }

    /// Standard deviation of a decision's objective over the draws.
    pub fn spread(&self, decision: usize) -> f64 {
        let column = self.column(decision);
        self.covariance(column, column).max(0.0).sqrt()
    }

    /// By draw, how much higher a decision is than the lowest of those that may be taken.
    pub fn regrets(&self, decision: usize) -> Vec<f64> {
        let open = self.open(None);
        let lowest = |s: usize| open.iter().map(|d| self.value(*d, s)).fold(f64::INFINITY, f64::min);
        (0..self.draws()).map(|s| self.value(decision, s) - lowest(s)).collect()
    }

    /// How much lower than today's best decision the best one is expected to be after an observation, and which that would be: by
    /// outcome. `opened`: a decision that may be taken then, and not before.
    pub fn gain(&self, observation: &Observation<'_>, opened: Option<usize>, seed: u64) -> (f64, Vec<usize>) {
        let Some(root) = self.root(observation) else { return (0.0, Vec::new()) };
        let heard = self.heard(observation);
        let outcomes = outcomes(observation.columns.len(), seed);
        // Values by outcome, of each decision.
        let values: Vec<Vec<f64>> = if self.limits.greatest.is_empty() {
            (0..self.decisions)
                .map(|d| {
                    let shift = solve(&root, self.with(d, observation, &heard));
                    outcomes.iter().map(|outcome| self.means[d] + dot(&shift, outcome)).collect()
                })
                .collect()
        } else {
            let seen = self.seen(&root, observation, seed);
            let told = |d| {
                let gain = |column| solve(&root, self.with(column, observation, &heard));
                self.priced_outcomes(d, &gain, &seen, &outcomes)
            };
            (0..self.decisions).map(told).collect()
        };
        let now: Vec<f64> = (0..self.decisions).map(|d| mean(&values[d]) + self.price(d)).collect();
        let prices: Vec<f64> = (0..self.decisions).map(|d| self.price_after(d, &root, observation, &heard)).collect();
        let after = |d: usize, o: usize| values[d][o] + prices[d];
        let today = self.open(None).into_iter().min_by(|a, b| now[*a].total_cmp(&now[*b])).unwrap_or(0);
        let open = self.open(opened);
        let lowest = |o: usize| open.iter().copied().min_by(|a, b| after(*a, o).total_cmp(&after(*b, o)));
        let best: Vec<usize> = (0..outcomes.len()).filter_map(lowest).collect();
        let then: Vec<f64> = best.iter().enumerate().map(|(o, d)| after(*d, o)).collect();
        ((now.get(today).copied().unwrap_or(0.0) - mean(&then)).max(0.0), best)
    }

    /// By outcome of an observation, what a decision comes to on average over what is then left open; `gain`: by column.
    fn priced_outcomes(
        &self,
        decision: usize,
        gain: &dyn Fn(usize) -> Vec<f64>,
        seen: &[Vec<f64>],
        outcomes: &[Vec<f64>],
    ) -> Vec<f64> {
        let columns = self.column(decision)..self.column(decision + 1);
        let after: Vec<(f64, Vec<f64>, Vec<f64>)> = columns
            .map(|column| {
                let gain = gain(column);
                let left = self.after(column, &gain, seen);
                (self.means[column], left, gain)
            })
            .collect();
        let value = |outcome: &Vec<f64>| {
            // An outcome moves all draws of a column alike.
            let moved: Vec<(f64, &[f64])> =
                after.iter().map(|(mean, left, gain)| (mean + dot(gain, outcome), left.as_slice())).collect();
            let at = |(level, left): &(f64, &[f64]), s: usize| level + left[s];
            let one = |s: usize| self.limits.priced(at(&moved[0], s), moved[1..].iter().map(|of| at(of, s)));
            (0..self.draws()).map(one).sum::<f64>() / self.draws().max(1) as f64
        };
        outcomes.iter().map(value).collect()
    }

    /// Part of the variance of each decision's objective that an observation takes away, from 0 to 1.
    pub fn explained(&self, observation: &Observation<'_>) -> Vec<f64> {
        let Some(root) = self.root(observation) else { return vec![0.0; self.decisions] };
        let heard = self.heard(observation);
        let part = |decision: usize| {
            let column = self.column(decision);
            let taken: f64 = solve(&root, self.with(column, observation, &heard)).iter().map(|t| t * t).sum();
            let variance = self.covariance(column, column);
            if variance > 0.0 { (taken / variance).clamp(0.0, 1.0) } else { 0.0 }
        };
        (0..self.decisions).map(part).collect()
    }

    /// Makes an observation whose outcome is its mean: means stay, and draws draw together. `opened`: a decision that may be taken from
    /// then on.
    pub fn observe(&mut self, observation: &Observation<'_>, opened: Option<usize>, seed: u64) {
        opened.into_iter().for_each(|d| self.closed[d] = false);
        let Some(root) = self.root(observation) else { return };
        let seen = self.seen(&root, observation, seed);
        let heard = self.heard(observation);
        // All gains before any column changes.
        let gains: Vec<Vec<f64>> =
            (0..self.deviations.len()).map(|column| solve(&root, self.with(column, observation, &heard))).collect();
        let after = gains.iter().enumerate().map(|(column, gain)| self.after(column, gain, &seen));
        self.deviations = after.collect();
        self.work_out();
    }

    /// What each draw would have seen, with noise of its own, in the coordinates in which the observation has unit variance.
    fn seen(&self, root: &[f64], observation: &Observation<'_>, seed: u64) -> Vec<Vec<f64>> {
        let noise = |(i, sigma): (usize, &f64)| {
            let levels = shuffled_levels(self.draws(), seed ^ ((i as u64 + 1) << 24));
            levels.into_iter().map(|p| sigma * normal_quantile(p)).collect::<Vec<f64>>()
        };
        let noise: Vec<Vec<f64>> = observation.noise.iter().enumerate().map(noise).collect();
        let raw = |s: usize| {
            observation.columns.iter().zip(&noise).map(|(c, e)| self.deviations[*c][s] + e[s]).collect::<Vec<f64>>()
        };
        (0..self.draws()).map(|s| solve(root, raw(s))).collect()
    }

    /// The deviations of a column once something was seen.
    fn after(&self, column: usize, gain: &[f64], seen: &[Vec<f64>]) -> Vec<f64> {
        let mut left: Vec<f64> =
            self.deviations[column].iter().zip(seen).map(|(value, seen)| value - dot(gain, seen)).collect();
        centre(&mut left);
        left
    }

    /// A decision in one draw.
    fn value(&self, decision: usize, s: usize) -> f64 {
        let at = |column: usize| self.means[column] + self.deviations[column][s];
        let first = self.column(decision);
        self.limits.priced(at(first), (first + 1..self.column(decision + 1)).map(at))
    }

    /// The first column of a decision.
    fn column(&self, decision: usize) -> usize {
        decision * (1 + self.limits.greatest.len())
    }

    fn draws(&self) -> usize {
        self.deviations.first().map_or(0, Vec::len)
    }

    fn covariance(&self, a: usize, b: usize) -> f64 {
        if a == b { self.variances[a] } else { covariance(&self.deviations[a], &self.deviations[b]) }
    }

    /// Covariances of a column with what is observed, as far as they are more than chance.
    fn with(&self, column: usize, observation: &Observation<'_>, heard: &[f64]) -> Vec<f64> {
        let one = |(other, heard): (&usize, &f64)| heard * self.covariance(column, *other);
        observation.columns.iter().zip(heard).map(one).collect()
    }

    /// How much of what each observed column says of the decisions counts, from 0 to 1. Draws are few, and what has nothing in common
    /// agrees by chance in so much of its variance as there are fewer draws: that is taken off, from all columns by the same factor.
    /// Decisions differ by a hundredth of what they have in common, and factors of their own would make up such differences.
    fn heard(&self, observation: &Observation<'_>) -> Vec<f64> {
        let chance = 1.0 / (self.draws().max(3) - 1) as f64;
        let open: f64 = self.contrasts.iter().map(|contrast| covariance(contrast, contrast)).sum();
        let heard = |other: &usize| {
            let own = self.covariance(*other, *other);
            let told: f64 =
                self.contrasts.iter().map(|contrast| covariance(contrast, &self.deviations[*other]).powi(2)).sum();
            let told = told / (own * open);
            if told > chance { ((told - chance) / (told * (1.0 - chance))).sqrt() } else { 0.0 }
        };
        observation.columns.iter().map(heard).collect()
    }

    /// Lower Cholesky factor of the covariance of what is observed, noise included; `None` where it varies in nothing.
    fn root(&self, observation: &Observation<'_>) -> Option<Vec<f64>> {
        let size = observation.columns.len();
        let mut covariance = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..size {
                let noise = if i == j { observation.noise[i].powi(2) } else { 0.0 };
                covariance[i * size + j] = self.covariance(observation.columns[i], observation.columns[j]) + noise;
            }
        }
        let mut root = vec![0.0; size * size];
        cholesky(&covariance, size, &mut root).then_some(root)
    }
}

/// Mean; 0 of nothing.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Covariance of two columns of deviations.
fn covariance(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (a.len().max(2) - 1) as f64
}

fn centre(values: &mut [f64]) {
    let mean = mean(values);
    values.iter_mut().for_each(|value| *value -= mean);
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The solution of `root` · x = `right`.
fn solve(root: &[f64], mut right: Vec<f64>) -> Vec<f64> {
    forward(root, right.len(), &mut right);
    right
}

/// Standard normal outcomes of so many numbers, symmetric.
fn outcomes(size: usize, seed: u64) -> Vec<Vec<f64>> {
    let half = OUTCOMES / 2;
    let levels: Vec<Vec<f64>> = (0..size).map(|i| shuffled_levels(half, seed ^ ((i as u64 + 1) << 40))).collect();
    let one = |s: usize, sign: f64| levels.iter().map(|of| sign * normal_quantile(of[s])).collect::<Vec<f64>>();
    (0..half).flat_map(|s| [one(s, 1.0), one(s, -1.0)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws of two alternatives that differ by a normal of mean 1 and deviation 2, and of what would tell them apart.
    fn ensemble() -> Ensemble {
        let levels = shuffled_levels(4_000, 3);
        let z: Vec<f64> = levels.into_iter().map(normal_quantile).collect();
        let other: Vec<f64> = shuffled_levels(4_000, 4).into_iter().map(normal_quantile).collect();
        Ensemble::new(
            2,
            Limits::default(),
            vec![
                vec![10.0; z.len()],
                z.iter().map(|z| 11.0 + 2.0 * z).collect(),
                z.iter().map(|z| 5.0 + 2.0 * z).collect(),
                other,
            ],
            Vec::new(),
        )
    }

    #[test]
    fn the_gain_is_that_of_the_formula_for_two_alternatives() {
        let ensemble = ensemble();
        // Knowledge gradient of one of two: σ̃ (φ(u) − u (1 − Φ(u))) with u = difference / σ̃.
        for noise in [1e-6_f64, 2.0] {
            let sigma: f64 = 4.0 / (4.0 + noise * noise).sqrt();
            let u = 1.0 / sigma;
            let density = (-u * u / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let above = 0.5 * erfc(u / std::f64::consts::SQRT_2);
            let expected = sigma * (density - u * above);
            let (gain, _) = ensemble.gain(&Observation { columns: &[2], noise: &[noise] }, None, 0);
            assert!((gain / expected - 1.0).abs() < 0.1, "{gain} {expected}");
        }
        let (nothing, _) = ensemble.gain(&Observation { columns: &[3], noise: &[1.0] }, None, 0);
        assert!(nothing < 0.01, "what is not correlated tells nothing: {nothing}");
    }

    #[test]
    fn a_closed_decision_is_taken_and_regretted_only_once_a_run_opens_it() {
        // The second is lower by 1 in the mean, and the run that opens it shows it.
        let ensemble = ensemble();
        let seen = Observation { columns: &[2], noise: &[1e-6] };
        let better = 1 - ensemble.best();
        let columns = ensemble.deviations.clone();
        let raised = |column: usize, by: f64| columns[column].iter().map(|value| value + by).collect::<Vec<f64>>();
        let all = vec![raised(better, 0.0), raised(ensemble.best(), -1.0), raised(2, 0.0)];
        let mut closed = Ensemble::new(2, Limits::default(), all, Vec::new()).with_closed(1);
        assert_eq!((closed.best(), closed.gain(&seen, None, 0).0), (0, 0.0));
        assert!(closed.regrets(0).iter().all(|regret| *regret == 0.0));
        let (gain, taken) = closed.gain(&seen, Some(1), 0);
        assert!(gain > 1.0 && taken.contains(&0) && taken.contains(&1), "{gain}");
        closed.observe(&seen, Some(1), 0);
        assert_eq!(closed.best(), 1);
        assert!(closed.regrets(0).iter().any(|regret| *regret > 0.0));
    }

    /// Complementary error function (Abramowitz and Stegun 7.1.26; 1.5e-7).
    fn erfc(x: f64) -> f64 {
        let t = 1.0 / (1.0 + 0.327_591_1 * x);
        let series = [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
        t * series.iter().rev().fold(0.0, |sum, a| sum * t + a) * (-x * x).exp()
    }

    #[test]
    fn a_limit_that_may_be_exceeded_is_worth_knowing() {
        let z: Vec<f64> = shuffled_levels(400, 3).into_iter().map(normal_quantile).collect();
        let limited: Vec<f64> = z.iter().map(|z| 1.0 + 0.02 * z).collect();
        let same = vec![10.0; z.len()];
        // The second alternative is dearer, and keeps its limit for sure.
        let columns = vec![same, limited.clone(), vec![10.2; z.len()], vec![0.9; z.len()], limited];
        let ensemble = Ensemble::new(2, Limits { greatest: vec![1.0], price: 5.0 }, columns, Vec::new());
        assert!((ensemble.level(1) - 10.2).abs() < 1e-9 && ensemble.level(0) > 10.2, "{}", ensemble.level(0));
        let (gain, best) = ensemble.gain(&Observation { columns: &[4], noise: &[1e-6] }, None, 0);
        // In half of the cases the first is within its limit, and .2 lower.
        assert!((gain - 0.1).abs() < 0.03, "{gain}");
        assert!(best.contains(&0) && best.contains(&1));
    }

    #[test]
    fn what_is_observed_again_and_again_leaves_ever_less_to_decide() {
        // Nine decisions on a line that have most of what is open in common, and differ by a slope and by a little of their own. Runs of
        // another size share a part of it: what they say of all decisions is much, and of the differences little.
        for seed in 0..4_u64 {
            let normal = |salt: u64| -> Vec<f64> {
                shuffled_levels(160, (seed << 8) | salt).into_iter().map(normal_quantile).collect()
            };
            let (level, slope, other) = (normal(1), normal(2), normal(3));
            let x = |d: usize| d as f64 / 4.0 - 1.0;
            let decision = |d: usize| -> Vec<f64> {
                let own = normal(10 + d as u64);
                let at = |s: usize| 0.03 * level[s] + 0.004 * x(d) * slope[s] + 0.0005 * own[s];
                (0..160).map(|s| 2.0 + 0.004 * x(d) * x(d) + at(s)).collect()
            };
            let run = |d: usize| -> Vec<f64> {
                (0..160).map(|s| 3.0 + 0.018 * level[s] + 0.03 * other[s] + 0.004 * x(d) * slope[s]).collect()
            };
            let columns = (0..9).map(decision).chain([0, 8, 4].map(run)).collect();
            let mut ensemble = Ensemble::new(9, Limits::default(), columns, Vec::new());
            let decided = |ensemble: &Ensemble| {
                let regrets = ensemble.regrets(ensemble.best());
                regrets.iter().filter(|regret| **regret <= 0.002).count() as f64 / 160.0
            };
            let before = decided(&ensemble);
            for round in 0..24_usize {
                let seen = Observation { columns: &[9 + round % 3], noise: &[0.004] };
                ensemble.observe(&seen, None, (seed << 8) | round as u64);
            }
            assert!(before < 0.85 && decided(&ensemble) > 0.97, "seed {seed}: {before} {}", decided(&ensemble));
        }
    }

    #[test]
    fn what_is_held_back_is_decided_for_once_it_is_known_to_be_better() {
        let z: Vec<f64> = shuffled_levels(400, 3).into_iter().map(normal_quantile).collect();
        let open: Vec<f64> = z.iter().map(|z| 0.1 * z).collect();
        let columns = vec![vec![10.0; z.len()], open.iter().map(|e| 9.9 + e).collect(), open];
        let with = |price: f64| {
            let doubts = vec![None, Some(Doubt::new(2, price))];
            Ensemble::new(2, Limits::default(), columns.clone(), doubts)
        };
        assert_eq!((with(0.05).best(), with(0.165).best()), (1, 0));
        let seen = Observation { columns: &[1], noise: &[0.01] };
        let mut held_back = with(0.165);
        // Of a normal that is .1 better with a deviation of .1, what is decided for after a look gains E max(.1 + .1 z, 0).
        assert!((held_back.gain(&seen, None, 0).0 - 0.1083).abs() < 0.02, "{}", held_back.gain(&seen, None, 0).0);
        held_back.observe(&seen, None, 0);
        assert_eq!(held_back.best(), 1);
        assert!(held_back.price(1) < 0.03, "{}", held_back.price(1));
    }

    #[test]
    fn what_was_observed_is_known_as_well_as_the_noise_allows() {
        let mut ensemble = ensemble();
        assert!((ensemble.explained(&Observation { columns: &[2], noise: &[2.0] })[1] - 0.5).abs() < 0.01);
        ensemble.observe(&Observation { columns: &[2], noise: &[2.0] }, None, 7);
        assert!((ensemble.spread(1) - 2.0_f64.sqrt()).abs() < 0.05, "{}", ensemble.spread(1));
        assert!((ensemble.covariance(3, 3) - 1.0).abs() < 0.05, "what has nothing to do with it stays");
        assert!((ensemble.level(1) - 11.0).abs() < 0.05);
        let regrets = ensemble.regrets(0);
        assert!(regrets.iter().all(|r| *r >= 0.0) && regrets.iter().any(|r| *r > 0.0));
    }
}
