//! The parabola method: compute-optimal sizes from runs grouped by compute.
//!
//! Runs that took the same compute C = 6·N_act·D make a group. Through each group goes a parabola in ln N by least squares;
//! its minimum is N_opt at that C. A straight line through ln N_opt against ln C gives the exponent of N_opt ∝ C^a, and, as
//! D = C / 6N, that of D_opt (Hoffmann et al., "Training Compute-Optimal Large Language Models", arXiv:2203.15556,
//! approach 2; Llama 3 uses the same). Intervals resample whole runs, and are at least as wide as the scatter of the budgets'
//! minima around the line makes them. Knows no law, so that it is an answer of its own.

use super::random::Random;
use super::resample::quantile;
use super::scatter::{Scatter, at_least};
use crate::vocab::{
    Estimate, IsoFlopGroup, IsoFlopRun, IsoFlops, Observation, Observations, OptimumAt, OptimumCurve, OptimumMethod,
    Ordered, Parabola, Range, Scale,
};
use std::collections::BTreeMap;

/// Two runs whose compute differs by less than this factor took the same; budgets lie further apart.
const SAME_COMPUTE: f64 = 1.1;
/// The most that compute may differ inside a group: beyond, runs are spread over all budgets.
const WIDEST: f64 = 1.5;
/// Sizes that a parabola takes: one more than it has coefficients.
const SIZES: usize = 4;
/// Least factor between the smallest and the largest size of a group.
const SPREAD: f64 = 2.0;
/// Resamples of runs.
const RESAMPLES: usize = 400;

/// A row in logarithms: N_act, D, loss in nats, run.
type Row = (f64, f64, f64, usize);

/// Rows of one kind of experts and one mixture.
struct Set {
    largest: Scale,
    groups: Vec<Vec<Row>>,
}

/// The groups of every kind of experts and mixture that has two budgets with a minimum, and what they say of the optimum at
/// their own budgets and at `asked`. Empty where the runs are not arranged like that.
#[must_use]
pub fn isoflops(data: &Observations, asked: &[f64], seed: u64) -> Vec<(IsoFlops, OptimumCurve)> {
    let sets = sets(data).into_iter();
    sets.filter_map(|set| {
        let groups: Vec<IsoFlopGroup> = set.groups.iter().map(|rows| group(rows)).collect();
        let curve = curve(data, &set, &groups, asked, seed)?;
        Some((IsoFlops { metric: data.metric.clone(), largest: set.largest, groups }, curve))
    })
    .collect()
}

/// ln C and ln N_act at the minimum of each budget that has one, for every kind of experts and mixture; with the largest run.
#[must_use]
pub fn minima(data: &Observations) -> Vec<(Scale, Vec<(f64, f64)>)> {
    let of = |rows: &Vec<Row>| group(rows).parabola.map(|parabola| (ln_compute(rows), parabola.params.ln()));
    sets(data).into_iter().map(|set| (set.largest, set.groups.iter().filter_map(of).collect())).collect()
}

/// Rows by kind of experts and mixture, in groups of [`SIZES`] or more runs of the same compute.
fn sets(data: &Observations) -> Vec<Set> {
    type Key = ([u64; 3], Vec<i64>);
    let mut kinds: BTreeMap<Key, Vec<&Observation>> = BTreeMap::new();
    #[allow(clippy::cast_possible_truncation)]
    let mixture = |row: &Observation| row.mixture.iter().map(|w| (w * 1e2).round() as i64).collect();
    // Of each run the last row: losses before the end of a schedule are not comparable.
    let mut ends: BTreeMap<usize, &Observation> = BTreeMap::new();
    for row in &data.rows {
        let last = ends.entry(row.run).or_insert(row);
        if row.tokens > last.tokens {
            *last = row;
        }
    }
    for row in ends.into_values() {
        let positive = [row.active_params, row.tokens, row.loss].iter().all(|v| v.is_finite() && *v > 0.0);
        if positive {
            let kind = [row.experts, row.experts_per_token, row.granularity].map(|v| v.max(1.0).to_bits());
            kinds.entry((kind, mixture(row))).or_default().push(row);
        }
    }
    let set = |rows: Vec<&Observation>| {
        let largest =
            rows.iter().max_by(|a, b| a.active_params.total_cmp(&b.active_params)).map(|row| Scale::of(row))?;
        let mut rows: Vec<Row> =
            rows.into_iter().map(|r| (r.active_params.ln(), r.tokens.ln(), r.loss, r.run)).collect();
        rows.sort_by_cached_key(|row| Ordered(row.0 + row.1));
        let same = |a: &Row, b: &Row| (b.0 + b.1) - (a.0 + a.1) < SAME_COMPUTE.ln();
        let groups: Vec<Vec<Row>> = rows.chunk_by(same).filter(|group| is_group(group)).map(<[Row]>::to_vec).collect();
        Some(Set { largest, groups })
    };
    kinds.into_values().filter_map(set).collect()
}

fn sizes(rows: &[Row]) -> usize {
    let mut sizes: Vec<u64> = rows.iter().map(|row| row.0.to_bits()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes.len()
}

fn ends(rows: &[Row]) -> (f64, f64) {
    rows.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), row| (low.min(row.0), high.max(row.0)))
}

/// Whether rows, in order of compute, took about the same compute with sizes far enough apart.
fn is_group(rows: &[Row]) -> bool {
    let (low, high) = ends(rows);
    let width = match (rows.first(), rows.last()) {
        (Some(first), Some(last)) => last.0 + last.1 - first.0 - first.1,
        _ => f64::INFINITY,
    };
    sizes(rows) >= SIZES && high - low >= SPREAD.ln() && width <= WIDEST.ln()
}

/// ln of 6·N·D, mean over the rows.
fn ln_compute(rows: &[Row]) -> f64 {
    6.0_f64.ln() + rows.iter().map(|row| row.0 + row.1).sum::<f64>() / rows.len() as f64
}

fn group(rows: &[Row]) -> IsoFlopGroup {
    let mut runs: Vec<IsoFlopRun> =
        rows.iter().map(|row| IsoFlopRun { params: row.0.exp(), tokens: row.1.exp(), loss: row.2 }).collect();
    runs.sort_by_cached_key(|run| Ordered(run.params));
    let fitted = parabola(rows, |_| 1.0);
    let (low, high) = ends(rows);
    let why_not = match fitted {
        Some((_, _, bend)) if bend <= 0.0 => Some("the runs do not curve upwards".to_owned()),
        Some((at, _, _)) if at < low => Some("the minimum lies below the smallest run".to_owned()),
        Some((at, _, _)) if at > high => Some("the minimum lies above the largest run".to_owned()),
        Some(_) => None,
        None => Some("too few sizes".to_owned()),
    };
    let parabola =
        fitted.filter(|_| why_not.is_none()).map(|(at, least, bend)| Parabola { params: at.exp(), least, bend });
    IsoFlopGroup { compute: ln_compute(rows).exp(), runs, parabola, why_not }
}

/// Place and value of the minimum, and curvature, of the weighted least-squares parabola of loss in ln N.
fn parabola(rows: &[Row], weight: impl Fn(usize) -> f64) -> Option<(f64, f64, f64)> {
    let total: f64 = rows.iter().map(|row| weight(row.3)).sum();
    let middle = rows.iter().map(|row| weight(row.3) * row.0).sum::<f64>() / total;
    // Moments of x up to the fourth, and of loss with x.
    let (mut m, mut y) = ([0.0; 5], [0.0; 3]);
    let mut distinct: Vec<u64> = Vec::new();
    for row in rows {
        let (w, x) = (weight(row.3), row.0 - middle);
        if w > 0.0 && !distinct.contains(&row.0.to_bits()) {
            distinct.push(row.0.to_bits());
        }
        for (k, m) in m.iter_mut().enumerate() {
            *m += w * x.powi(i32::try_from(k).unwrap_or(0));
        }
        for (k, y) in y.iter_mut().enumerate() {
            *y += w * row.2 * x.powi(i32::try_from(k).unwrap_or(0));
        }
    }
    if distinct.len() < 3 {
        return None;
    }
    let matrix = [[m[0], m[1], m[2]], [m[1], m[2], m[3]], [m[2], m[3], m[4]]];
    let determinant = |a: [[f64; 3]; 3]| {
        a[0][0] * (a[1][1] * a[2][2] - a[1][2] * a[2][1]) - a[0][1] * (a[1][0] * a[2][2] - a[1][2] * a[2][0])
            + a[0][2] * (a[1][0] * a[2][1] - a[1][1] * a[2][0])
    };
    let whole = determinant(matrix);
    let coefficient = |k: usize| {
        let mut replaced = matrix;
        for (row, y) in replaced.iter_mut().zip(y) {
            row[k] = y;
        }
        determinant(replaced) / whole
    };
    let [c, b, a] = [0, 1, 2].map(coefficient);
    let at = -b / (2.0 * a);
    let found = (middle + at, c - b * b / (4.0 * a), a);
    (found.0.is_finite() && found.1.is_finite()).then_some(found)
}

/// Slope and height, at the mean of x, of the least-squares line.
fn line(points: &[(f64, f64)]) -> Option<(f64, f64, f64)> {
    let n = points.len() as f64;
    let (mx, my) = (points.iter().map(|p| p.0).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
    let (sxx, sxy) =
        points.iter().fold((0.0, 0.0), |(xx, xy), p| (xx + (p.0 - mx) * (p.0 - mx), xy + (p.0 - mx) * (p.1 - my)));
    (points.len() >= 2 && sxx > 0.0).then(|| (sxy / sxx, mx, my))
}

fn curve(data: &Observations, set: &Set, groups: &[IsoFlopGroup], asked: &[f64], seed: u64) -> Option<OptimumCurve> {
    let usable: Vec<&Vec<Row>> =
        set.groups.iter().zip(groups).filter(|(_, group)| group.parabola.is_some()).map(|(rows, _)| rows).collect();
    // ln C and ln N_opt of each group; a resample may leave a group without a minimum.
    let optima = |weight: &dyn Fn(usize) -> f64| -> Vec<(f64, f64)> {
        let one = |rows: &&Vec<Row>| {
            let (low, high) = ends(rows);
            let room = high - low;
            parabola(rows, weight)
                .filter(|(at, _, bend)| *bend > 0.0 && *at > low - room && *at < high + room)
                .map(|(at, _, _)| (ln_compute(rows), at))
        };
        usable.iter().filter_map(one).collect()
    };
    let points = optima(&|_| 1.0);
    let fitted = line(&points)?;
    let residual = |p: &(f64, f64)| (p.0, p.1 - fitted.2 - fitted.0 * (p.0 - fitted.1));
    let scatter = Scatter::of(&points.iter().map(residual).collect::<Vec<_>>());
    let draws = resamples(&usable, seed, &optima);
    let estimate = |value: f64, of: &dyn Fn(&(f64, f64, f64)) -> f64| {
        let mut values: Vec<f64> = draws.iter().map(|(line, _)| of(line)).collect();
        values.sort_by(f64::total_cmp);
        Estimate { value, range: Range { low: quantile(&values, 0.05), high: quantile(&values, 0.95) } }
    };
    let on_line = |line: &(f64, f64, f64), ln_compute: f64| line.2 + line.0 * (ln_compute - line.1);
    let mut computes: Vec<f64> =
        usable.iter().map(|rows| ln_compute(rows)).chain(asked.iter().map(|c| c.ln())).collect();
    computes.sort_by(f64::total_cmp);
    computes.dedup();
    let largest = usable.iter().map(|rows| ln_compute(rows)).fold(f64::NEG_INFINITY, f64::max);
    let least = usable.iter().map(|rows| ln_compute(rows)).fold(f64::INFINITY, f64::min);
    let at = |ln_compute: &f64| {
        let covered = *ln_compute <= largest + 1.5_f64.ln() && *ln_compute >= least - 1.5_f64.ln();
        let params = estimate(on_line(&fitted, *ln_compute), &|line| on_line(line, *ln_compute));
        let params = at_least(params, scatter.of_size(*ln_compute, covered));
        let exp = |e: Estimate| Estimate { value: e.value.exp(), range: e.range.map(f64::exp) };
        let tokens = |ln: f64| ln_compute - 6.0_f64.ln() - ln;
        let range = Range { low: tokens(params.range.high), high: tokens(params.range.low) };
        OptimumAt {
            compute: ln_compute.exp(),
            params: exp(params),
            tokens: exp(Estimate { value: tokens(params.value), range }),
            loss: None,
            covered,
        }
    };
    let exponent = at_least(estimate(fitted.0, &|line| line.0), scatter.of_slope());
    let other = |e: &Estimate| Estimate {
        value: 1.0 - e.value,
        range: Range { low: 1.0 - e.range.high, high: 1.0 - e.range.low },
    };
    Some(OptimumCurve {
        metric: data.metric.clone(),
        method: OptimumMethod::Parabola,
        name: "parabola".to_owned(),
        chosen: false,
        moe: set.largest.moe,
        params_exponent: Some(exponent),
        tokens_exponent: Some(other(&exponent)),
        at: computes.iter().map(at).collect(),
    })
}

/// ln C and ln N_opt of each group, by the weight of each run.
type Optima<'a> = dyn Fn(&dyn Fn(usize) -> f64) -> Vec<(f64, f64)> + 'a;

/// Lines through the minima of resampled runs.
fn resamples(groups: &[&Vec<Row>], seed: u64, optima: &Optima<'_>) -> Vec<((f64, f64, f64), usize)> {
    let mut runs: Vec<usize> = groups.iter().flat_map(|rows| rows.iter().map(|row| row.3)).collect();
    runs.sort_unstable();
    runs.dedup();
    let most = runs.last().map_or(0, |r| r + 1);
    let one = |index: usize| {
        let mut random = Random::new(seed, (1 << 33) + index as u64);
        let mut times = vec![0.0; most];
        for _ in 0..runs.len() {
            times[runs[random.below(runs.len())]] += 1.0;
        }
        let points = optima(&|run| times[run]);
        Some((line(&points)?, points.len()))
    };
    (0..RESAMPLES).filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups on exact parabolas whose minima are at N = 0.1·C^0.5.
    fn data(noise: f64) -> Observations {
        let mut rows = Vec::new();
        for compute in [1e18, 1e19, 1e20, 1e21_f64] {
            for i in -3..=3 {
                let params = 0.1 * compute.sqrt() * (0.4 * f64::from(i)).exp();
                let mut row = Scale::dense(params, compute / 6.0 / params).at(vec![1.0]);
                let jitter = noise * (((rows.len() * 37) as f64 * 0.618_034).fract() - 0.5);
                row.loss = 3.0 - 0.05 * compute.log10() + 0.03 * (0.4 * f64::from(i)).powi(2) + jitter;
                row.run = rows.len();
                rows.push(row);
            }
        }
        let runs = (0..rows.len()).map(|i| i.to_string()).collect();
        Observations {
            metric: "loss".to_owned(),
            domains: vec!["web".to_owned()],
            runs,
            rows,
            ..Observations::default()
        }
    }

    #[test]
    fn minima_of_exact_parabolas_are_found() {
        let found = isoflops(&data(0.0), &[1e25], 0);
        let [(groups, curve)] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(groups.groups.len(), 4);
        for group in &groups.groups {
            let parabola = group.parabola.unwrap();
            assert!((parabola.params / (0.1 * group.compute.sqrt()) - 1.0).abs() < 1e-9, "{parabola:?}");
            assert!((parabola.bend - 0.03).abs() < 1e-9);
        }
        assert!((curve.params_exponent.unwrap().value - 0.5).abs() < 1e-9, "{curve:?}");
        let far = curve.at.last().unwrap();
        assert!((far.params.value / (0.1 * 1e25_f64.sqrt()) - 1.0).abs() < 1e-6 && !far.covered, "{far:?}");
        assert!((6.0 * far.params.value * far.tokens.value / 1e25 - 1.0).abs() < 1e-9, "{far:?}");
    }

    #[test]
    fn intervals_hold_the_truth_and_widen_far_away() {
        let found = isoflops(&data(0.004), &[1e25], 0);
        let curve = &found[0].1;
        assert!(curve.params_exponent.unwrap().range.contains(0.5), "{curve:?}");
        let widths: Vec<f64> = curve.at.iter().map(|at| at.params.range.factor()).collect();
        assert!(widths[4].ln() > 2.0 * widths[1].ln() && widths[4].is_finite(), "{widths:?}");
        assert!(curve.at[4].params.range.contains(0.1 * 1e25_f64.sqrt()), "{curve:?}");
    }

    #[test]
    fn runs_that_are_not_arranged_by_compute_make_no_groups() {
        let mut scattered = data(0.0);
        for (i, row) in scattered.rows.iter_mut().enumerate() {
            row.tokens *= 1.2_f64.powf(i as f64);
        }
        assert_eq!(isoflops(&scattered, &[], 0), Vec::new());
    }
}
