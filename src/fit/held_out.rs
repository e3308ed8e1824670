//! How well a law predicts what it was not fitted to: whole mixtures held out, then the largest size, then the last
//! tokens.

use super::model::Model;
use super::starts::Budget;
use crate::laws::Columns;
use crate::vocab::Observations;
use crate::vocab::fit::FoldView;
use crate::vocab::number::show_amount;
use rayon::prelude::*;

/// More distinct mixtures than this are held out in [`PARTS`] parts rather than one by one.
const ONE_BY_ONE: usize = 24;
const PARTS: usize = 10;

/// Fresh starts of a fold's fit, beside the optimum for all rows.
const FRESH: usize = 4;

/// What the cross-validation found.
#[derive(Debug, Clone, Default)]
pub(super) struct HeldOut {
    pub folds: Vec<FoldView>,
    pub rows: Vec<HeldRow>,
    /// 1 − held-out squared error of ln L over that of the training mean.
    pub skill: f64,
    pub mre: f64,
    pub how: String,
    /// How predictions for larger N fared.
    pub size: Option<Leap>,
    /// How predictions for more tokens fared.
    pub tokens: Option<Leap>,
}

/// One row predicted by a fit that had not seen its mixture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeldRow {
    pub mixture: Vec<f64>,
    /// ln observed − ln predicted.
    pub residual: f64,
    /// Whether the mixture is within the range of those fitted to: interpolation, as a prediction inside the data is.
    pub inside: bool,
}

/// How a fit to the smaller part of a range predicted the rest of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Leap {
    /// ln of how far beyond its data the fit was asked to look.
    pub distance: f64,
    /// Root mean square of ln observed − ln predicted.
    pub error: f64,
    /// The part of `error` that looking further is to blame for: what it exceeds the usual held-out error by.
    pub excess: f64,
}

/// A named set of rows.
struct Group {
    name: String,
    rows: Vec<bool>,
}

/// Cross-validates; `None` where there is only one group.
pub(super) fn held_out(model: &Model, data: &Observations, x: &Columns, theta: &[f64], seed: u64) -> Option<HeldOut> {
    let (groups, what) = groups(data, x, seed)?;
    let folds: Vec<(FoldView, Vec<HeldRow>, [f64; 2])> =
        groups.par_iter().filter_map(|group| fold(model, x, group, theta, seed)).collect();
    let mut all = HeldOut { how: format!("leave one {what} out, {} folds", folds.len()), ..HeldOut::default() };
    let (mut error, mut baseline) = (0.0, 0.0);
    for (view, rows, squares) in folds {
        all.mre += view.mre * rows.len() as f64;
        error += squares[0];
        baseline += squares[1];
        all.folds.push(view);
        all.rows.extend(rows);
    }
    all.mre /= all.rows.len().max(1) as f64;
    // Constant losses: the mean is perfect, and there is nothing to be better at.
    all.skill = if baseline > 1e-18 { (1.0 - error / baseline).max(-1e6) } else { 0.0 };
    let usual = usual(&all.rows);
    all.size = leap(model, x, theta, &x.ln_params, seed).map(|leap| leap.beyond(usual));
    all.tokens = leap(model, x, theta, &x.ln_tokens, seed).map(|leap| leap.beyond(usual));
    (!all.rows.is_empty()).then_some(all)
}

fn fold(
    model: &Model,
    x: &Columns,
    group: &Group,
    theta: &[f64],
    seed: u64,
) -> Option<(FoldView, Vec<HeldRow>, [f64; 2])> {
    let train = x.weighted(|i| if group.rows[i] { 0.0 } else { x.weight[i] });
    let test = x.weighted(|i| if group.rows[i] { x.weight[i] } else { 0.0 });
    if train.is_empty() || test.is_empty() {
        return None;
    }
    let predicted = refit(model, &train, theta, seed, &test);
    let mean = train.ln_loss.iter().sum::<f64>() / train.len() as f64;
    let (mut mre, mut mre_baseline, mut squares, mut rows) = (0.0, 0.0, [0.0; 2], Vec::with_capacity(test.len()));
    for (i, p) in predicted.iter().enumerate() {
        let (residual, from_mean) = (test.ln_loss[i] - p, test.ln_loss[i] - mean);
        mre += relative(residual);
        mre_baseline += relative(from_mean);
        squares[0] += residual * residual;
        squares[1] += from_mean * from_mean;
        let mixture = test.mixture(i);
        let inside = mixture.iter().zip(&train.share).all(|(w, column)| within(*w, column));
        rows.push(HeldRow { mixture, residual, inside });
    }
    let n = test.len() as f64;
    let view = FoldView {
        held_out: group.name.clone(),
        observations: test.len(),
        mre: mre / n,
        mre_baseline: mre_baseline / n,
    };
    Some((view, rows, squares))
}

fn refit(model: &Model, train: &Columns, theta: &[f64], seed: u64, test: &Columns) -> Vec<f64> {
    let budget = Budget { seed, fresh: FRESH, tolerance: 1e-7, polish: false };
    let optimum = model.fit(train, &[theta.to_vec()], &budget);
    model.predict(&optimum.theta, test)
}

/// |predicted / observed − 1| from a log residual.
fn relative(residual: f64) -> f64 {
    (-residual).clamp(-50.0, 50.0).exp_m1().abs()
}

fn within(value: f64, column: &[f64]) -> bool {
    let (low, high) = column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
    value >= low - 1e-6 && value <= high + 1e-6
}

/// Fits to the rows below the top of a range and predicts the top. For sizes: the largest is held out. For tokens,
/// which are many: the upper half of the range.
fn leap(model: &Model, x: &Columns, theta: &[f64], ln_values: &[f64], seed: u64) -> Option<Leap> {
    let mut values = ln_values.to_vec();
    values.sort_by(f64::total_cmp);
    values.dedup_by(|a, b| (*a - *b).abs() < 1e-3);
    let top = *values.last()?;
    let (from, best_below) = if values.len() > 8 {
        let edge = top - std::f64::consts::LN_2;
        (edge + 1e-9, *values.iter().rfind(|v| **v <= edge + 1e-9)?)
    } else {
        (top - 1e-3, *values.get(values.len().checked_sub(2)?)?)
    };
    // Two values left say what a power of one exponent is and nothing about whether it is one.
    if values.iter().filter(|v| **v < from).count() < 3.min(values.len() - 1) {
        return None;
    }
    let train = x.weighted(|i| if ln_values[i] < from { x.weight[i] } else { 0.0 });
    let test = x.weighted(|i| if ln_values[i] >= from { x.weight[i] } else { 0.0 });
    if train.is_empty() || test.is_empty() {
        return None;
    }
    let predicted = refit(model, &train, theta, seed, &test);
    let squares: f64 = predicted.iter().zip(&test.ln_loss).map(|(p, y)| (y - p) * (y - p)).sum();
    let error = (squares / test.len() as f64).sqrt();
    Some(Leap { distance: top - best_below, error, excess: error })
}

/// Whole mixtures, or runs where there is only one mixture.
fn groups(data: &Observations, x: &Columns, seed: u64) -> Option<(Vec<Group>, &'static str)> {
    let by_mixture = distinct(x, |i| {
        #[allow(clippy::cast_possible_truncation)]
        x.share.iter().map(|column| (column[i] * 1e4).round() as i64).collect::<Vec<_>>()
    });
    if by_mixture.len() > ONE_BY_ONE {
        return Some((in_parts(&by_mixture, x.len(), seed, "mixtures"), "tenth of the mixtures"));
    }
    if by_mixture.len() > 1 {
        let what = if data.domains.len() == 2 { "ratio" } else { "mixture" };
        let name = |rows: &[usize]| mixture_name(data, &x.mixture(rows[0]));
        return Some((one_by_one(&by_mixture, x.len(), name), what));
    }
    let by_run = distinct(x, |i| vec![i64::try_from(x.run[i]).unwrap_or(i64::MAX)]);
    match by_run.len() {
        0 | 1 => None,
        n if n > ONE_BY_ONE => Some((in_parts(&by_run, x.len(), seed, "runs"), "tenth of the runs")),
        _ => {
            let name = |rows: &[usize]| data.runs.get(x.run[rows[0]]).cloned().unwrap_or_default();
            Some((one_by_one(&by_run, x.len(), name), "run"))
        }
    }
}

/// Rows by key, keys in order.
fn distinct(x: &Columns, key: impl Fn(usize) -> Vec<i64>) -> Vec<Vec<usize>> {
    let mut groups: std::collections::BTreeMap<Vec<i64>, Vec<usize>> = std::collections::BTreeMap::new();
    for i in 0..x.len() {
        groups.entry(key(i)).or_default().push(i);
    }
    groups.into_values().collect()
}

fn one_by_one(groups: &[Vec<usize>], rows: usize, name: impl Fn(&[usize]) -> String) -> Vec<Group> {
    groups.iter().map(|members| Group { name: name(members), rows: mask(members, rows) }).collect()
}

/// Deals groups into parts, in an order drawn from the seed.
fn in_parts(groups: &[Vec<usize>], rows: usize, seed: u64, what: &str) -> Vec<Group> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    let mut random = super::random::Random::new(seed, 1 << 40);
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i + 1));
    }
    (0..PARTS)
        .map(|part| {
            let members: Vec<usize> =
                order.iter().skip(part).step_by(PARTS).flat_map(|g| groups[*g].iter().copied()).collect();
            Group { name: format!("{what}, part {} of {PARTS}", part + 1), rows: mask(&members, rows) }
        })
        .collect()
}

fn mask(members: &[usize], rows: usize) -> Vec<bool> {
    let mut mask = vec![false; rows];
    members.iter().for_each(|i| mask[*i] = true);
    mask
}

/// `rust = 0.33` where two domains make one ratio, `prose .2 rust .5 python .3` otherwise.
fn mixture_name(data: &Observations, mixture: &[f64]) -> String {
    let weight = |w: f64| format!("{w:.3}").trim_end_matches('0').trim_end_matches('.').to_owned();
    match (data.domains.len(), data.own) {
        (2, Some(own)) => format!("{} = {}", data.domains[own], weight(mixture[own])),
        _ => data.domains.iter().zip(mixture).map(|(d, w)| format!("{d} {}", weight(*w))).collect::<Vec<_>>().join(" "),
    }
}

/// Root mean square of the residuals of interpolated mixtures.
fn usual(rows: &[HeldRow]) -> f64 {
    let inside: Vec<f64> = rows.iter().filter(|row| row.inside).map(|row| row.residual).collect();
    (inside.iter().map(|r| r * r).sum::<f64>() / inside.len().max(1) as f64).sqrt()
}

impl Leap {
    fn beyond(self, usual: f64) -> Self {
        Self { excess: (self.error * self.error - usual * usual).max(0.0).sqrt(), ..self }
    }

    /// For the screen: `1.3 % at 1.8× the largest N left`.
    pub(super) fn describe(&self, what: &str) -> String {
        format!("{:.1} % at {}× the largest {what} fitted to", 100.0 * self.error, show_amount(self.distance.exp()))
    }
}
