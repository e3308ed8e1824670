//! Sums of ranks of groups of runs, and their permutations.

use crate::fit::random::Random;
use crate::vocab::Ordered;
use std::collections::BTreeMap;

/// With fewer runs nothing is said.
pub const LEAST_RUNS: usize = 12;
/// A group has at least as many runs.
pub const LEAST_GROUP: usize = 3;

/// Held-out residuals of a loss, or of the mean of all, one a run.
pub struct Column {
    /// The loss; `None` for the mean of all.
    pub metric: Option<String>,
    /// In units of the spread at the run's size.
    pub scaled: Vec<f64>,
    /// As logarithms; NaN where there is none.
    pub ln: Vec<f64>,
}

/// How runs of one mixture are taken.
pub enum Strata {
    /// Every run for itself.
    None,
    /// All runs of a mixture as one.
    Together,
    /// Compared with each other, where there are several (by mixture).
    Within(BTreeMap<usize, usize>),
}

/// What is permuted: runs, or mixtures.
pub struct Units {
    /// Of each run, its unit; `None` outside.
    pub of_run: Vec<Option<usize>>,
    /// Of each unit, what it is compared within.
    pub stratum: Vec<usize>,
    /// Units by stratum.
    pub strata: Vec<Vec<usize>>,
    /// Of each loss, the units' ranks, centred within strata.
    pub scores: Vec<Vec<f64>>,
}

impl Units {
    /// `mixture`: of each run its mixture; `inside`: the runs that are compared.
    pub fn new(mixture: &[usize], columns: &[Column], strata: &Strata, inside: &[bool]) -> Self {
        let mut of_run = vec![None; mixture.len()];
        let (mut keys, mut stratum): (BTreeMap<(usize, usize), usize>, Vec<usize>) = (BTreeMap::new(), Vec::new());
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        for i in (0..mixture.len()).filter(|i| inside[*i]) {
            let mixture = mixture[i];
            let (key, within) = match strata {
                Strata::None => ((i, 0), usize::MAX),
                Strata::Together => ((mixture, 1), usize::MAX),
                Strata::Within(sizes) if sizes.get(&mixture).is_some_and(|n| *n > 1) => ((i, 0), mixture),
                Strata::Within(_) => ((i, 0), usize::MAX),
            };
            let next = stratum.len();
            let unit = *keys.entry(key).or_insert(next);
            if unit == next {
                let another = numbers.len();
                stratum.push(*numbers.entry(within).or_insert(another));
            }
            of_run[i] = Some(unit);
        }
        let mut groups = vec![Vec::new(); numbers.len()];
        stratum.iter().enumerate().for_each(|(unit, s)| groups[*s].push(unit));
        let mut units = Self { of_run, stratum, strata: groups, scores: Vec::new() };
        units.scores = columns.iter().map(|column| units.score(column)).collect();
        units
    }

    /// Ranks of the units' mean residuals, centred within strata; 0 where a unit has none.
    fn score(&self, column: &Column) -> Vec<f64> {
        let mut sums = vec![(0.0, 0_usize); self.stratum.len()];
        for (run, unit) in self.of_run.iter().enumerate() {
            if let (Some(unit), true) = (unit, column.ln[run].is_finite()) {
                sums[*unit].0 += column.scaled[run];
                sums[*unit].1 += 1;
            }
        }
        let there: Vec<usize> = (0..sums.len()).filter(|u| sums[*u].1 > 0).collect();
        let value = |unit: &usize| sums[*unit].0 / sums[*unit].1 as f64;
        let mut order = there.clone();
        order.sort_by_cached_key(|row| Ordered(value(row)));
        let mut scores = vec![0.0; sums.len()];
        order.iter().enumerate().for_each(|(rank, unit)| scores[*unit] = rank as f64);
        for units in &self.strata {
            let known: Vec<usize> = units.iter().copied().filter(|u| sums[*u].1 > 0).collect();
            let mean = known.iter().map(|u| scores[*u]).sum::<f64>() / known.len().max(1) as f64;
            known.iter().for_each(|u| scores[*u] -= mean);
        }
        scores
    }

    pub fn mask(&self, members: &[bool]) -> Vec<bool> {
        let mut mask = vec![false; self.stratum.len()];
        self.of_run.iter().zip(members).for_each(|(unit, is)| {
            if let (Some(unit), true) = (unit, is) {
                mask[*unit] = true;
            }
        });
        mask
    }

    /// Standard deviation of a group's sum over permutations; `None` where there is none, or the group has fewer units than a
    /// group has to have.
    pub fn spread(&self, mask: &[bool], column: usize) -> Option<f64> {
        let mut variance = 0.0;
        for units in self.strata.iter().filter(|units| units.len() > 1) {
            let (n, m) = (units.len() as f64, units.iter().filter(|u| mask[**u]).count() as f64);
            let squares: f64 = units.iter().map(|u| self.scores[column][*u].powi(2)).sum();
            variance += m * (n - m) / (n * (n - 1.0)) * squares;
        }
        let enough = mask.iter().filter(|m| **m).count() >= LEAST_GROUP && self.stratum.len() >= LEAST_RUNS;
        (enough && variance > 0.0).then(|| variance.sqrt())
    }

    pub fn sum(&self, mask: &[bool], column: usize, order: Option<&[usize]>) -> f64 {
        let scores = &self.scores[column];
        match order {
            None => mask.iter().zip(scores).filter(|(m, _)| **m).map(|(_, s)| s).sum(),
            Some(order) => mask.iter().zip(order).filter(|(m, _)| **m).map(|(_, i)| scores[*i]).sum(),
        }
    }

    /// Puts the units of each stratum in another order.
    pub fn shuffle(&self, order: &mut [usize], random: &mut Random) {
        for units in &self.strata {
            for i in (1..units.len()).rev() {
                order.swap(units[i], units[random.below(i + 1)]);
            }
        }
    }
}
