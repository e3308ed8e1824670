//! Test of whether the mixture matters at all: without that, the best mixture is the one whose run was lucky.
//!
//! Under the hypothesis that it does not, the mixtures could be shuffled between the runs of one size and nothing would
//! change. Every run is one number for each loss, what is left of ln L when size and tokens are accounted for; how well it is
//! predicted from the mixture with the run itself left out is compared with the same after shuffles of whole runs. Several
//! smooth predictors are tried, straight and curved, and the best of them counts, in the shuffled tables too: searching among
//! laws for one that fits is a part of what is tested. The largest over the losses counts likewise, so that the level holds for
//! all of them together.

use super::smoother::{Column, LANES, Places, Smoother, smoothers};
use crate::fit::linalg::{backward, cholesky, forward};
use crate::vocab::{Observations, Ordered};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// How often a test may say that the mixture matters where it does not.
pub(super) const LEVEL: f64 = 0.05;

/// Shuffles: at first, which suffice where the mixture plainly matters, and at most.
const SHUFFLES: (usize, usize) = (99, 999);
/// Orders whose statistics are worked out together.
const TOGETHER: usize = 33;
/// More runs than this are not needed to see it; every k-th is taken.
const MOST_RUNS: usize = 400;
/// Sizes that agree to this in ln N are one.
const SAME_SIZE: f64 = 0.02;
/// Ties of statistics: two sums of the same numbers in another order.
const TIE: f64 = 1e-9;

/// What the test found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    /// Probability of predictions this good where the mixture does not matter.
    pub p: f64,
    /// The least probability that so few runs or mixtures could give.
    pub least: f64,
    pub runs: usize,
    pub mixtures: usize,
}

impl Verdict {
    /// Whether the mixture matters to at least one of the losses.
    pub(super) fn matters(&self) -> bool {
        self.p <= LEVEL
    }
}

/// Tests losses of the same runs; `None` where there is no run with a loss and a mixture.
pub(super) fn test(losses: &[&Observations], seed: u64) -> Option<Verdict> {
    let table = Table::of(losses)?;
    let places = Places::of(&table.mixtures);
    let smoothers = smoothers(&places);
    let mut order: Vec<usize> = (0..table.mixtures.len()).collect();
    let observed = table.explained(&places, &smoothers, std::slice::from_ref(&order))[0];
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x006d_6174_7465_7273);
    let (mut as_good, mut made) = (0, 0);
    for most in [SHUFFLES.0, SHUFFLES.1] {
        while made < most {
            let mut next = || {
                table.strata.iter().for_each(|stratum| shuffle(stratum, &mut order, &mut random));
                order.clone()
            };
            let orders: Vec<Vec<usize>> = (made..most.min(made + TOGETHER)).map(|_| next()).collect();
            made += orders.len();
            let explained = table.explained(&places, &smoothers, &orders);
            as_good += explained.into_iter().filter(|explained| *explained >= observed - TIE).count();
        }
        // None as good, or so many that more shuffles would not change the answer.
        if as_good == 0 || as_good > SHUFFLES.0 / 3 {
            break;
        }
    }
    let distinct: std::collections::BTreeSet<Vec<i64>> = table.mixtures.iter().map(|m| key(m)).collect();
    Some(Verdict {
        p: (as_good + 1) as f64 / (made + 1) as f64,
        least: table.least(),
        runs: table.mixtures.len(),
        mixtures: distinct.len(),
    })
}

/// Runs with their mixtures and what each loss is beside those of the same size and tokens.
struct Table {
    mixtures: Vec<Vec<f64>>,
    /// By loss, then by run.
    values: Vec<Vec<f64>>,
    /// Runs between which mixtures are shuffled: those of one size.
    strata: Vec<Vec<usize>>,
}

impl Table {
    fn of(losses: &[&Observations]) -> Option<Self> {
        let mut runs: BTreeMap<&str, (usize, Vec<f64>, f64)> = BTreeMap::new();
        for rows in losses {
            for row in rows.rows.iter().filter(|row| row.loss.is_finite() && row.loss > 0.0) {
                let Some(name) = rows.runs.get(row.run) else { continue };
                let next = runs.len();
                runs.entry(name).or_insert_with(|| (next, row.mixture.clone(), row.params));
            }
        }
        let stride = runs.len().div_ceil(MOST_RUNS).max(1);
        runs.retain(|_, (index, _, _)| *index % stride == 0);
        let names: BTreeMap<&str, usize> = runs.keys().enumerate().map(|(i, name)| (*name, i)).collect();
        let values: Vec<Vec<f64>> = losses.iter().filter_map(|rows| beside_others(rows, &names)).collect();
        if values.is_empty() {
            return None;
        }
        let mut by_size: Vec<(f64, usize)> =
            runs.values().enumerate().map(|(i, (_, _, params))| (params.max(1.0).ln(), i)).collect();
        by_size.sort_by_cached_key(|pair| Ordered(pair.0));
        let strata = by_size.chunk_by(|a, b| b.0 - a.0 < SAME_SIZE);
        let mut strata: Vec<Vec<usize>> = strata.map(|s| s.iter().map(|(_, i)| *i).collect()).collect();
        if strata.iter().all(|s| s.len() < 2) {
            // No two runs of one size: what size explains is gone, and all may change places.
            strata = vec![(0..runs.len()).collect()];
        }
        Some(Self { mixtures: runs.into_values().map(|(_, mixture, _)| mixture).collect(), values, strata })
    }

    /// What the best smoother explains of the best explained loss, with the runs in each of several orders.
    fn explained(&self, places: &Places, smoothers: &[Smoother], orders: &[Vec<usize>]) -> Vec<f64> {
        let shuffled = |order: &Vec<usize>| {
            let column =
                |values: &Vec<f64>| Column::of(places, &order.iter().map(|i| values[*i]).collect::<Vec<f64>>());
            self.values.iter().map(column).collect::<Vec<Column>>()
        };
        let columns: Vec<Column> = orders.iter().flat_map(shuffled).collect();
        let work: Vec<(&Smoother, &[Column])> =
            smoothers.iter().flat_map(|smoother| columns.chunks(LANES).map(move |some| (smoother, some))).collect();
        let explained: Vec<f64> =
            work.par_iter().flat_map_iter(|(smoother, some)| smoother.explained(places, some)).collect();
        let mut best = vec![f64::NEG_INFINITY; orders.len()];
        for of_smoother in explained.chunks(columns.len()) {
            for (best, losses) in best.iter_mut().zip(of_smoother.chunks(self.values.len())) {
                *best = losses.iter().copied().fold(*best, f64::max);
            }
        }
        best
    }

    /// One over the number of different tables that shuffling could make.
    fn least(&self) -> f64 {
        let ln_factorial = |n: usize| (2..=n).map(|k| (k as f64).ln()).sum::<f64>();
        let of = |stratum: &Vec<usize>| {
            let mut same: BTreeMap<Vec<i64>, usize> = BTreeMap::new();
            stratum.iter().for_each(|i| *same.entry(key(&self.mixtures[*i])).or_default() += 1);
            ln_factorial(stratum.len()) - same.values().map(|n| ln_factorial(*n)).sum::<f64>()
        };
        (-self.strata.iter().map(of).sum::<f64>()).exp()
    }
}

#[allow(clippy::cast_possible_truncation)]
fn key(mixture: &[f64]) -> Vec<i64> {
    mixture.iter().map(|w| (w * 1e4).round() as i64).collect()
}

/// By run, the mean over its rows of what ln L exceeds by that of other rows of its size and tokens; 0 for runs without a
/// loss. `None` where nothing differs.
fn beside_others(rows: &Observations, names: &BTreeMap<&str, usize>) -> Option<Vec<f64>> {
    let ln = |v: f64| if v.is_finite() && v > 0.0 { v.ln() } else { 0.0 };
    let of = |row: &crate::vocab::Observation| {
        let run = *names.get(rows.runs.get(row.run)?.as_str())?;
        (row.loss.is_finite() && row.loss > 0.0).then(|| (run, ln(row.params), ln(row.tokens), row.loss.ln()))
    };
    let all: Vec<(usize, f64, f64, f64)> = rows.rows.iter().filter_map(of).collect();
    #[allow(clippy::cast_possible_truncation)]
    let cell = |n: f64, d: f64| ((n * 1e3).round() as i64, (d * 1e3).round() as i64);
    let mut cells: BTreeMap<(i64, i64), (f64, Vec<usize>)> = BTreeMap::new();
    for (run, n, d, y) in &all {
        let (sum, runs) = cells.entry(cell(*n, *d)).or_default();
        *sum += y;
        runs.push(*run);
    }
    let shared = |n: f64, d: f64| cells.get(&cell(n, d)).filter(|(_, runs)| runs.iter().any(|r| *r != runs[0]));
    let in_shared = all.iter().filter(|(_, n, d, _)| shared(*n, *d).is_some()).count();
    let left: Vec<f64> = if 2 * in_shared >= all.len() {
        let left = |(_, n, d, y): &(usize, f64, f64, f64)| {
            shared(*n, *d).map_or(0.0, |(sum, runs)| y - sum / runs.len() as f64)
        };
        all.iter().map(left).collect()
    } else {
        beside_a_surface(&all)
    };
    let mut sums = vec![(0.0, 0.0); names.len()];
    for ((run, ..), left) in all.iter().zip(&left) {
        sums[*run].0 += left;
        sums[*run].1 += 1.0;
    }
    let values: Vec<f64> = sums.iter().map(|(sum, n)| if *n > 0.0 { sum / n } else { 0.0 }).collect();
    let differs = values.iter().any(|v| (v - values[0]).abs() > 1e-12);
    (differs && values.iter().all(|v| v.is_finite())).then_some(values)
}

/// What is left of ln L beside a quadratic in ln N and ln D, for runs that share neither.
fn beside_a_surface(all: &[(usize, f64, f64, f64)]) -> Vec<f64> {
    const K: usize = 6;
    let count = all.len().max(1) as f64;
    let mean = |of: fn(&(usize, f64, f64, f64)) -> f64| all.iter().map(of).sum::<f64>() / count;
    let (n0, d0) = (mean(|r| r.1), mean(|r| r.2));
    let terms = |(_, n, d, _): &(usize, f64, f64, f64)| {
        let (n, d) = (n - n0, d - d0);
        [1.0, n, d, n * n, n * d, d * d]
    };
    let (mut gram, mut slopes) = (vec![0.0; K * K], vec![0.0; K]);
    for row in all {
        let values = terms(row);
        for a in 0..K {
            slopes[a] += values[a] * row.3;
            for b in 0..K {
                gram[a * K + b] += values[a] * values[b];
            }
        }
    }
    let level = (0..K).map(|a| gram[a * K + a]).fold(0.0, f64::max);
    (0..K).for_each(|a| gram[a * K + a] += 1e-9 * level + f64::MIN_POSITIVE);
    let mut factor = vec![0.0; K * K];
    if !cholesky(&gram, K, &mut factor) {
        let level = mean(|r| r.3);
        return all.iter().map(|r| r.3 - level).collect();
    }
    forward(&factor, K, &mut slopes);
    backward(&factor, K, &mut slopes);
    all.iter().map(|row| row.3 - terms(row).iter().zip(&slopes).map(|(t, s)| t * s).sum::<f64>()).collect()
}

/// Shuffles the places of `among` in `order`.
fn shuffle(among: &[usize], order: &mut [usize], random: &mut Xoshiro256PlusPlus) {
    for i in (1..among.len()).rev() {
        let wide = u128::from(random.next_u64()) * (i as u128 + 1);
        let j = usize::try_from(wide >> 64).unwrap_or(0);
        order.swap(among[i], among[j]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::laws::tests::{anything, stream};
    use crate::vocab::Observation;

    fn table(mixtures: usize, each: usize, seed: u64, effect: f64) -> Observations {
        let mut next = stream(seed);
        let mut data = anything(0, 0);
        for _ in 0..mixtures {
            let raw: Vec<f64> = (0..3).map(|_| -(next() + 1e-9).ln()).collect();
            let sum: f64 = raw.iter().sum();
            let mixture: Vec<f64> = raw.iter().map(|w| w / sum).collect();
            for _ in 0..each {
                let noise = next() + next() + next() - 1.5;
                let loss = 3.0 * (effect * mixture[0] + 0.01 * noise).exp();
                let run = data.runs.len();
                let mixture = mixture.clone();
                data.rows.push(Observation { params: 1e8, tokens: 1e9, mixture, loss, run, ..Observation::default() });
                data.runs.push(run.to_string());
            }
        }
        data
    }

    #[test]
    fn it_is_wrong_about_noise_as_often_as_it_says() {
        let wrong = |mixtures, each, metrics: u64| {
            let made = (0..100).filter(|seed| {
                let losses: Vec<Observations> =
                    (0..metrics).map(|m| table(mixtures, each, seed * 7 + m * 1000 + 1, 0.0)).collect();
                test(&losses.iter().collect::<Vec<_>>(), *seed).unwrap().matters()
            });
            made.count()
        };
        // 5 of 100 expected; 13 and more would happen by chance once in a thousand times.
        for (mixtures, each, metrics) in [(9, 1, 1), (16, 1, 1), (6, 3, 1), (12, 1, 5)] {
            let wrong = wrong(mixtures, each, metrics);
            assert!(wrong <= 12, "{mixtures} mixtures, {each} runs each, {metrics} losses: {wrong} of 100");
        }
    }

    #[test]
    fn a_mixture_that_matters_is_seen() {
        for (mixtures, each) in [(16, 1), (20, 1), (6, 3)] {
            let seen = (0..40).filter(|seed| test(&[&table(mixtures, each, seed + 1, 0.2)], *seed).unwrap().matters());
            let seen = seen.count();
            assert!(seen >= 38, "{mixtures} mixtures, {each} runs each: {seen} of 40");
        }
    }

    #[test]
    fn three_ratios_with_one_run_each_cannot_tell_and_say_so() {
        let verdict = test(&[&table(3, 1, 5, 1.0)], 0).unwrap();
        assert!(!verdict.matters() && (verdict.least - 1.0 / 6.0).abs() < 1e-12, "{verdict:?}");
        assert_eq!((verdict.runs, verdict.mixtures), (3, 3));
        let nothing = Observations::default();
        assert_eq!(test(&[&nothing], 0), None);
    }

    #[test]
    fn what_size_and_tokens_do_is_no_effect_of_the_mixture() {
        // Larger runs have other mixtures, and lower losses: which of the two it is cannot be told.
        let mut next = stream(3);
        let mut data = anything(0, 0);
        for run in 0..24 {
            let size = run / 6;
            let share = 0.2 * f64::from(size) + 0.02 * next();
            let noise = 0.01 * (next() - 0.5);
            data.rows.push(Observation {
                params: 1e7 * 3f64.powi(size),
                tokens: 1e9,
                mixture: vec![share, 0.5, 0.5 - share],
                loss: 4.0 * (-0.1 * f64::from(size) + noise).exp(),
                run: run as usize,
                ..Observation::default()
            });
            data.runs.push(run.to_string());
        }
        assert!(!test(&[&data], 0).unwrap().matters());
    }
}
