//! What it costs to pick a mixture by a law.
//!
//! Of many random halves of the mixtures, held out and measured, the one that the law predicts to be lowest is taken; what it costs is
//! how far its measured loss lies above the lowest of the half, ln, on average over all halves. A law can err little and pick badly:
//! trees follow every bend and are flat at the ends, where the best mixture is; a straight line errs everywhere and ranks well.
//!
//! The mean over all halves needs no draws. Of n mixtures in the order of their predictions the i-th (from 0) is the lowest of a half of m
//! where it is in the half and none before it is: with probability C(n − 1 − i, m − 1) / C(n, m). Of the order of the losses the same
//! holds for the lowest measured. So noise in what was measured raises the cost of all laws alike.

use super::held_out::HeldRow;
use super::split::HeldOutPlan;
use crate::laws::Columns;
use crate::vocab::{Ordered, Unit};
use std::collections::BTreeMap;

/// Sizes, and counts of tokens, that differ by less than this (ln) are compared as one.
const ALIKE: f64 = 0.02;
/// Predictions (ln) that differ by less than this are one: a law that does not see the mixture picks at random.
const TIE: f64 = 1e-9;
/// Among fewer mixtures there is nothing to pick.
const LEAST: usize = 4;

/// Rows that can be compared with each other, as they differ in the mixture alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Picks {
    ln_loss: Vec<f64>,
    /// By row: which size and tokens, and which mixture.
    set: Vec<usize>,
    mixture: Vec<usize>,
}

impl Picks {
    /// Nothing is picked where runs are held out, as all have one mixture.
    pub(super) fn of(plan: &HeldOutPlan, x: &Columns) -> Self {
        if plan.unit != Some(Unit::Mixtures) {
            return Self::default();
        }
        let columns = [&x.ln_params, &x.ln_active, &x.ln_tokens, &x.ln_active_experts, &x.ln_granularity];
        let levels: Vec<Vec<usize>> = columns.into_iter().map(|column| levels(column)).collect();
        let mut sets: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
        let mut set = Vec::with_capacity(x.len());
        for i in 0..x.len() {
            let next = sets.len();
            set.push(*sets.entry(levels.iter().map(|level| level[i]).collect()).or_insert(next));
        }
        Self { ln_loss: x.ln_loss.clone(), set, mixture: plan.clusters(x) }
    }

    /// Distinct mixtures.
    pub(super) fn mixtures(&self) -> usize {
        self.mixture.iter().max().map_or(0, |last| last + 1)
    }

    /// Cost of the picks by what was predicted of held-out rows; a part of the loss, 0 for the best of picks. `None` where there are too
    /// few mixtures of any size and tokens.
    pub(super) fn cost<'a>(&self, held: impl Iterator<Item = &'a HeldRow>) -> Option<f64> {
        // By size and tokens, and by mixture: sums of ln loss and of its prediction, and rows.
        let mut sets: BTreeMap<usize, BTreeMap<usize, (f64, f64, f64)>> = BTreeMap::new();
        for row in held {
            let (Some(set), Some(mixture)) = (self.set.get(row.index), self.mixture.get(row.index)) else { continue };
            let sum = sets.entry(*set).or_default().entry(*mixture).or_default();
            let measured = self.ln_loss[row.index];
            *sum = (sum.0 + measured, sum.1 + measured - row.residual, sum.2 + 1.0);
        }
        let (mut cost, mut mixtures) = (0.0, 0.0);
        for set in sets.into_values().filter(|set| set.len() >= LEAST) {
            let mean = |(measured, predicted, rows): (f64, f64, f64)| (predicted / rows, measured / rows);
            let places: Vec<(f64, f64)> = set.into_values().map(mean).collect();
            let n = places.len() as f64;
            cost += n * of_halves(places);
            mixtures += n;
        }
        (mixtures > 0.0).then(|| (cost / mixtures).exp_m1())
    }
}

/// The mean over all halves of what is measured where the prediction is lowest, less the lowest measured; `places`: predicted, measured.
fn of_halves(mut places: Vec<(f64, f64)>) -> f64 {
    let probability = of_being_first(places.len());
    places.sort_by_cached_key(|(predicted, _)| Ordered(*predicted));
    let mut picked = 0.0;
    let mut from = 0;
    while from < places.len() {
        let alike = places[from..].iter().take_while(|place| place.0 - places[from].0 <= TIE).count().max(1);
        let tied = from..from + alike;
        let mean = places[tied.clone()].iter().map(|place| place.1).sum::<f64>() / alike as f64;
        picked += mean * probability[tied].iter().sum::<f64>();
        from += alike;
    }
    let mut measured: Vec<f64> = places.iter().map(|place| place.1).collect();
    measured.sort_by(f64::total_cmp);
    picked - measured.iter().zip(&probability).map(|(loss, p)| loss * p).sum::<f64>()
}

/// By place in an order of n: the probability that it comes first in a random half.
fn of_being_first(n: usize) -> Vec<f64> {
    let half = n.div_ceil(2) as f64;
    let mut none_before = 1.0;
    let one = |i: usize| {
        let in_half = (half / (n - i) as f64).min(1.0);
        let first = none_before * in_half;
        none_before *= 1.0 - in_half;
        first
    };
    (0..n).map(one).collect()
}

/// By value, which of the distinct ones it is.
fn levels(column: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..column.len()).collect();
    order.sort_by_cached_key(|i| Ordered(column[*i]));
    let mut level = vec![0; column.len()];
    let (mut now, mut least) = (0, f64::NEG_INFINITY);
    for i in order {
        if column[i] - least > ALIKE {
            (now, least) = (now + 1, column[i]);
        }
        level[i] = now;
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Picks {
        /// As many mixtures, of which nothing is known.
        pub(in crate::fit) fn of_mixtures(count: usize) -> Self {
            Self { ln_loss: vec![0.0; count], set: vec![0; count], mixture: (0..count).collect() }
        }
    }

    fn rows(predicted: &[f64], measured: &[f64]) -> Vec<HeldRow> {
        let row = |(index, (predicted, measured)): (usize, (&f64, &f64))| HeldRow {
            index,
            fold: index,
            mixture: Vec::new(),
            residual: measured - predicted,
            inside: true,
        };
        predicted.iter().zip(measured).enumerate().map(row).collect()
    }

    fn picks(measured: &[f64], set: Vec<usize>, mixture: Vec<usize>) -> Picks {
        Picks { ln_loss: measured.to_vec(), set, mixture }
    }

    #[test]
    fn the_cost_is_the_mean_over_all_halves() {
        let (predicted, measured) = ([0.3_f64, 0.1, 0.4, 0.2, 0.5], [0.0_f64, 0.07, 0.3, 0.02, 0.5]);
        let (mut sum, mut halves) = (0.0, 0.0);
        for half in (0_u32..32).filter(|half| half.count_ones() == 3) {
            let among = || (0..5).filter(|i| half & (1 << i) != 0);
            let picked = among().min_by(|a, b| predicted[*a].total_cmp(&predicted[*b])).unwrap();
            sum += measured[picked] - among().map(|i| measured[i]).fold(f64::INFINITY, f64::min);
            halves += 1.0;
        }
        let of = picks(&measured, vec![0; 5], (0..5).collect());
        let cost = of.cost(rows(&predicted, &measured).iter()).unwrap();
        assert!((cost - f64::exp_m1(sum / halves)).abs() < 1e-12, "{cost}");
        assert!(of.cost(rows(&measured, &measured).iter()).unwrap().abs() < 1e-12, "the truth picks the best");
    }

    #[test]
    fn who_predicts_the_same_of_all_picks_at_random() {
        let measured = [0.0, 0.1, 0.2, 0.6];
        let of = picks(&measured, vec![0; 4], (0..4).collect());
        let cost = of.cost(rows(&[0.5; 4], &measured).iter()).unwrap();
        let back: Vec<f64> = measured.iter().rev().copied().collect();
        let turned = picks(&back, vec![0; 4], (0..4).collect()).cost(rows(&[0.5; 4], &back).iter()).unwrap();
        // The mean, 0.225, less that of the lowest of two: (3·0 + 2·0.1 + 0.2)/6.
        assert!((cost - f64::exp_m1(0.225 - 0.4 / 6.0)).abs() < 1e-12 && (cost - turned).abs() < 1e-12);
    }

    #[test]
    fn runs_are_compared_with_runs_of_their_size_and_a_mixture_is_one() {
        // Two sizes; the larger ones are lower whatever their mixture is, and each mixture was run twice.
        let measured: Vec<f64> = (0..16).map(|i| 0.1 * f64::from(i / 2 % 4) + f64::from(i / 8)).collect();
        let (set, mixture) = ((0..16).map(|i| i / 8).collect(), (0..16).map(|i| i / 2 % 4).collect());
        let of = picks(&measured, set, mixture);
        let shifted: Vec<f64> = measured.iter().enumerate().map(|(i, y)| if i < 8 { y + 9.0 } else { *y }).collect();
        assert!(of.cost(rows(&shifted, &measured).iter()).unwrap().abs() < 1e-12);
        let few = rows(&measured, &measured);
        assert_eq!(of.cost(few[..6].iter()), None, "three mixtures");
    }

    #[test]
    fn values_within_two_percent_are_one() {
        assert_eq!(levels(&[20.0, 18.0, 20.01, 18.005, 20.05]), [2, 1, 2, 1, 3]);
    }
}
