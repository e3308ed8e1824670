//! Comparison of laws by what they predicted of rows that were held out from them.
//!
//! What counts is the error expected where the laws are used: on mixtures that were held out, and, where the target lies
//! beyond the runs in N or D, on the largest N or D held out. Differences are pairwise, row by row, with standard errors over
//! mixtures (checkpoints of one run, and runs of one mixture, share what they get wrong). Of laws that cannot be told apart
//! the one with the fewest parameters is the best.

use super::held_out::{Fold, HeldOut, HeldRow, ScaleTest, mean, relative};
use super::split::{HeldOutPlan, Top};
use crate::laws::Columns;
use crate::vocab::Scale;

/// What one law predicted.
#[derive(Debug, Clone, Default)]
pub(super) struct Score {
    /// By the parts of the plan; `None` where it has not been asked, or could not say.
    pub folds: Vec<Option<Fold>>,
    pub size: Option<ScaleTest>,
    pub tokens: Option<ScaleTest>,
}

impl Score {
    pub(super) fn empty(parts: usize) -> Self {
        Self { folds: vec![None; parts], ..Self::default() }
    }
}

/// How much larger one law's error is than another's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Difference {
    pub mean: f64,
    pub standard_error: f64,
    /// What the standard error was taken over.
    pub clusters: usize,
}

/// What counts, and which rows belong together.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    /// By row: which mixture, or which run where all have one mixture.
    cluster: Vec<usize>,
    /// Whether N, or D, of the target lies beyond the runs, or is not known.
    beyond: [bool; 2],
    /// By row of each scale test: which mixture or run.
    of_test: [Vec<usize>; 2],
    plan: &'a HeldOutPlan,
}

/// Relative errors beyond this count as this much: one prediction of 1e20 must not decide alone whether two laws can be told
/// apart.
const MOST: f64 = 1.0;
/// A law within one standard error of the best one is as good only where its error is at most this many times as large.
const ALIKE: f64 = 1.2;
/// A target this much beyond the largest N or D is not beyond it.
const INSIDE: f64 = 1.05;

impl<'a> Judge<'a> {
    pub(super) fn new(plan: &'a HeldOutPlan, x: &Columns, target: Option<&Scale>) -> Self {
        let most = |column: &[f64]| column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let beyond = |of: fn(&Scale) -> f64, column: &[f64]| {
            target.map(of).is_none_or(|v| !v.is_finite() || v <= 0.0 || v.ln() > most(column) + INSIDE.ln())
        };
        let beyond = [beyond(|s| s.params, &x.ln_params), beyond(|s| s.tokens, &x.ln_tokens)];
        let cluster = plan.clusters(x);
        let of = |top: &Option<Top>| {
            let rows = top.iter().flat_map(|top| (0..x.len()).filter(|i| top.rows[*i] && x.weight[*i] > 0.0));
            rows.map(|i| cluster[i]).collect()
        };
        let of_test = [of(&plan.size), of(&plan.tokens)];
        Self { cluster, beyond, of_test, plan }
    }

    /// Whether the target lies beyond the runs, in N or D, or is not known.
    pub(super) fn looks_beyond(&self) -> bool {
        self.beyond.contains(&true)
    }

    /// The mean relative error expected where laws are used, over the parts that `counts` counts. Infinite where nothing was
    /// held out.
    pub(super) fn error(&self, score: &Score, counts: impl Fn(usize) -> bool) -> f64 {
        let folds = score.folds.iter().enumerate().filter(|(part, _)| counts(*part)).filter_map(|(_, f)| f.as_ref());
        let mut rows = folds.flat_map(|fold| &fold.rows).map(|row| relative(row.residual)).peekable();
        let mixtures = rows.peek().is_some().then(|| mean(rows));
        let scale = self.tests(score).map(|(_, test)| test.mre());
        both(mixtures, scale)
    }

    /// The same of errors that have been put together.
    pub(super) fn error_of(&self, held: &HeldOut) -> f64 {
        let tests = [&held.size, &held.tokens].into_iter().zip(self.beyond);
        let tests = tests.filter(|(_, counts)| *counts).filter_map(|(test, _)| test.as_ref());
        both(Some(held.mre), tests.filter(|test| test.fair).map(ScaleTest::mre))
    }

    /// How much larger the error of `a` is than that of `b`, over the parts that `counts` counts and both have predicted.
    pub(super) fn difference(&self, a: &Score, b: &Score, counts: impl Fn(usize) -> bool) -> Difference {
        let error = |residual: f64| relative(residual).min(MOST);
        let mut rows: Vec<(usize, f64)> = Vec::new();
        for (part, (a, b)) in a.folds.iter().zip(&b.folds).enumerate() {
            if let (true, Some(a), Some(b)) = (counts(part), a, b) {
                let pairs = a.rows.iter().zip(&b.rows);
                rows.extend(pairs.map(|(a, b)| (self.cluster[a.index], error(a.residual) - error(b.residual))));
            }
        }
        let mixtures = clustered(&rows);
        let scale: Vec<Difference> = self
            .tests(a)
            .zip(self.tests(b))
            .map(|((which, a), (_, b))| {
                let pairs = a.residuals.iter().zip(&b.residuals).map(|(a, b)| error(*a) - error(*b));
                clustered(&self.of_test[which].iter().copied().zip(pairs).collect::<Vec<_>>())
            })
            .collect();
        let parts: Vec<(f64, Difference)> = match (rows.is_empty(), scale.len()) {
            (false, 0) => vec![(1.0, mixtures)],
            (true, tests) => scale.into_iter().map(|d| (1.0 / tests as f64, d)).collect(),
            (false, tests) => {
                let tests = scale.into_iter().map(|d| (0.5 / tests as f64, d));
                std::iter::once((0.5, mixtures)).chain(tests).collect()
            }
        };
        Difference {
            mean: parts.iter().map(|(w, d)| w * d.mean).sum(),
            standard_error: parts.iter().map(|(w, d)| (w * d.standard_error).powi(2)).sum::<f64>().sqrt(),
            clusters: parts.iter().map(|(_, d)| d.clusters).min().unwrap_or(0),
        }
    }

    /// Whether `a` does better on held-out mixtures than `b`; both are of the same rows.
    pub(super) fn is_better_within(&self, a: &HeldOut, b: &HeldOut) -> bool {
        let error = |row: &HeldRow| relative(row.residual).min(MOST);
        let pairs = a.rows.iter().zip(&b.rows);
        let less = clustered(&pairs.map(|(a, b)| (self.cluster[a.index], error(b) - error(a))).collect::<Vec<_>>());
        less.clusters > 2 && less.mean > 0.0
    }

    /// Index of the best of laws with so many parameters, by the parts that `counts` counts; `None` for none.
    pub(super) fn best(&self, laws: &[(usize, &Score)], counts: impl Fn(usize) -> bool) -> Option<usize> {
        let errors: Vec<f64> = laws.iter().map(|(_, score)| self.error(score, &counts)).collect();
        let first = (0..laws.len()).min_by(|a, b| errors[*a].total_cmp(&errors[*b]))?;
        let alike = |other: &usize| {
            if *other == first || laws[*other].0 >= laws[first].0 || errors[*other] > ALIKE * errors[first] {
                return false;
            }
            let more = self.difference(laws[*other].1, laws[first].1, &counts);
            more.clusters > 2 && more.mean <= more.standard_error
        };
        let simplest = (0..laws.len())
            .filter(alike)
            .min_by(|a, b| laws[*a].0.cmp(&laws[*b].0).then(errors[*a].total_cmp(&errors[*b])));
        Some(simplest.unwrap_or(first))
    }

    /// What the whole procedure predicts: of each part, what the law predicts that is the best on all others, of those whose
    /// prediction is one that losses could have.
    pub(super) fn procedure(&self, laws: &[(usize, &Score)]) -> Score {
        let mut score = Score::empty(self.plan.groups.len());
        if let [(_, only)] = laws {
            return (*only).clone();
        }
        for part in 0..score.folds.len() {
            let sane = |(_, score): &(usize, &Score)| score.folds[part].as_ref().is_none_or(|fold| !fold.implausible);
            let mut there: Vec<(usize, &Score)> = laws.iter().copied().filter(sane).collect();
            if there.is_empty() {
                there = laws.to_vec();
            }
            let best = self.best(&there, |other| other != part);
            score.folds[part] = best.and_then(|best| there[best].1.folds[part].clone());
        }
        // A scale test is predicted by the law that is best on everything else.
        let without = |keep: fn(&mut Score)| {
            let others: Vec<(usize, Score)> = laws
                .iter()
                .map(|(parameters, score)| {
                    let mut score = (*score).clone();
                    keep(&mut score);
                    (*parameters, score)
                })
                .collect();
            let others: Vec<(usize, &Score)> = others.iter().map(|(p, s)| (*p, s)).collect();
            self.best(&others, |_| true).map(|best| laws[best].1)
        };
        score.size = without(|score| score.size = None).and_then(|best| best.size.clone());
        score.tokens = without(|score| score.tokens = None).and_then(|best| best.tokens.clone());
        score
    }

    /// Whether no result of scale tests could make `score` as good as `best`, by the parts that `counts` counts.
    pub(super) fn is_beyond_help(
        &self,
        score: &Score,
        best: &Score,
        bar: impl Fn(usize) -> f64,
        counts: impl Fn(usize) -> bool,
    ) -> bool {
        let scale: Vec<f64> = self.tests(best).map(|(_, test)| test.mre()).collect();
        let without = |score: &Score| Score { size: None, tokens: None, ..score.clone() };
        let difference = self.difference(&without(score), &without(best), counts);
        let left = difference.mean - mean(scale.iter().copied());
        left > 0.0 && left > bar(difference.clusters) * difference.standard_error
    }

    /// The scale tests that count: fair ones, towards the target.
    fn tests<'s>(&self, score: &'s Score) -> impl Iterator<Item = (usize, &'s ScaleTest)> + use<'s> {
        let beyond = self.beyond;
        let all = [&score.size, &score.tokens].into_iter().enumerate();
        all.filter(move |(which, _)| beyond[*which])
            .filter_map(|(which, test)| Some((which, test.as_ref()?)))
            .filter(|(_, test)| test.fair)
    }
}

/// The mean of the error on mixtures and that in scale tests, of those there are.
fn both(mixtures: Option<f64>, scale: impl Iterator<Item = f64>) -> f64 {
    let scale: Vec<f64> = scale.collect();
    let scale = (!scale.is_empty()).then(|| mean(scale.iter().copied()));
    match (mixtures, scale) {
        (Some(mixtures), Some(scale)) => 0.5 * (mixtures + scale),
        (mixtures, scale) => mixtures.or(scale).unwrap_or(f64::INFINITY),
    }
}

/// The mean of values, and its standard error where those of one cluster are not independent.
fn clustered(values: &[(usize, f64)]) -> Difference {
    let overall = mean(values.iter().map(|(_, v)| *v));
    let mut sums: std::collections::BTreeMap<usize, f64> = std::collections::BTreeMap::new();
    for (cluster, value) in values {
        *sums.entry(*cluster).or_default() += value - overall;
    }
    let (clusters, n) = (sums.len(), values.len().max(1) as f64);
    let squares: f64 = sums.values().map(|s| s * s).sum();
    let correction = clusters as f64 / (clusters.max(2) - 1) as f64;
    Difference { mean: overall, standard_error: (correction * squares).sqrt() / n, clusters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn better_is_what_errs_less_on_more_than_two_mixtures() {
        let plan = HeldOutPlan::default();
        let judge = |cluster: [usize; 6]| Judge {
            cluster: cluster.to_vec(),
            beyond: [false; 2],
            of_test: [Vec::new(), Vec::new()],
            plan: &plan,
        };
        let held = |residuals: [f64; 6]| {
            let row = |(index, residual)| HeldRow { index, fold: index, mixture: Vec::new(), residual, inside: true };
            HeldOut { rows: residuals.into_iter().enumerate().map(row).collect(), ..HeldOut::default() }
        };
        let (good, bad) = (held([0.01; 6]), held([0.03, 0.02, 0.04, 0.03, 0.02, 0.04]));
        // Better on some and worse on others: a little better in all.
        let alike = held([0.05, 0.0, 0.05, 0.0, 0.05, 0.01]);
        let apart = judge([0, 1, 2, 3, 4, 5]);
        assert!(apart.is_better_within(&good, &bad) && !apart.is_better_within(&bad, &good));
        assert!(apart.is_better_within(&alike, &bad) && !apart.is_better_within(&good, &good));
        assert!(!judge([0, 0, 0, 1, 1, 1]).is_better_within(&good, &bad), "two mixtures tell nothing");
    }
}
