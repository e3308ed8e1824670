//! The general loss in continual pre-training: what is forgotten, against tokens, at each ratio.
//!
//! At one ratio L(T) = a₂·T^s₂ + a₃·T^s₃ + b₂, s₂ < 0 < s₃: what is relearned, and what goes on being forgotten; amplitudes
//! have either sign. Between the ratios of the runs, a straight line. Gu et al., "CMR Scaling Law", arXiv:2407.17467.
//! The ratio at which it stays within a limit, and how that moves with T: [`super::critical_ratio::critical`].

use super::{Columns, Law, LawInfo, Method, Shape, Solved, Variable, math, needs, power};
use crate::vocab::Observations;
use std::collections::BTreeMap;

/// See the [module](self).
#[derive(Debug)]
pub struct GeneralLoss;

static CARD: LawInfo = LawInfo {
    name: "general-loss",
    title: "General loss in continual pre-training",
    form: "L(r, T) = a₂·T^s₂ + a₃·T^s₃ + b₂ at each ratio r, linear in r between",
    needs: "T and the weight r of the loss's own domain, for one N; three ratios, five token counts",
    gives: "the loss at any r and T; in the library, the critical ratio as a function of T (CMR = a₄·T^s₄ + b₃)",
    source: "Gu et al. 2024, arXiv:2407.17467",
    caveats: &[
        "ignores N: use runs of one size",
        "the power law grows without bound: do not extrapolate far in T",
        "outside the range of r in the runs, the prediction is that of the nearest r",
    ],
};

impl Law for GeneralLoss {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::one_size(data), needs::own_shares(data, 3), needs::amounts(data, 5), needs::rows(data, 15)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[Variable::Tokens]
    }

    fn method(&self) -> Method<'_> {
        Method::Solve(self)
    }
}

/// Fewer points than this are a constant.
const FEWEST: usize = 5;
/// Numbers of a curve in θ: r, then ln T₀, s₂, s₃, a₂, a₃, b₂.
const WIDTH: usize = 7;

impl Solved for GeneralLoss {
    fn shown(&self, _: &Shape, theta: &[f64]) -> Vec<(String, f64)> {
        let one = |curve: &[f64]| {
            let at = format!("({:.2})", curve[0]);
            [("s₂", 2), ("s₃", 3), ("b₂", 6)].map(|(name, k)| (format!("{name}{at}"), curve[k]))
        };
        theta.chunks_exact(WIDTH).flat_map(one).collect()
    }

    fn solve(&self, shape: &Shape, x: &Columns, _: u64) -> Vec<f64> {
        let Some(shares) = x.share.get(shape.own.unwrap_or(0)) else { return Vec::new() };
        let ln_unit = x.ln_tokens.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        #[allow(clippy::cast_possible_truncation)]
        let key = |i: usize| (shares[i] * 1e4).round() as i64;
        let mut curves: BTreeMap<i64, (f64, Vec<power::Point>)> = BTreeMap::new();
        for (i, share) in shares.iter().enumerate() {
            let point = (x.ln_tokens[i] - ln_unit, x.ln_loss[i].clamp(-300.0, 300.0).exp(), x.weight[i]);
            curves.entry(key(i)).or_insert((*share, Vec::new())).1.push(point);
        }
        let written = |(share, points): (f64, Vec<power::Point>)| {
            let ([fall, rise], [a, b, floor]) = curve(&points);
            [share, ln_unit, fall, rise, a, b, floor]
        };
        curves.into_values().flat_map(written).collect()
    }

    fn predict(&self, shape: &Shape, theta: &[f64], x: &Columns) -> Vec<f64> {
        let curves: Vec<&[f64]> = theta.chunks_exact(WIDTH).collect();
        let own = shape.own.unwrap_or(0);
        // A curve may cross zero far from the data; a loss cannot. A tenth of the least seen is far enough.
        let least = (shape.ln_least_loss - std::f64::consts::LN_10).clamp(-600.0, 600.0).exp();
        let of = |curve: &[f64], ln_tokens: f64| {
            let ln = ln_tokens - curve[1];
            let power = |s: f64| (s * ln).clamp(-300.0, 300.0).exp();
            curve[4] * power(curve[2]) + curve[5] * power(curve[3]) + curve[6]
        };
        (0..x.len())
            .map(|i| {
                let (r, ln_tokens) = (x.share[own][i], x.ln_tokens[i]);
                let after = curves.partition_point(|c| c[0] < r);
                let (Some(high), Some(low)) = (curves.get(after).or(curves.last()), curves.get(after.max(1) - 1))
                else {
                    return f64::NAN;
                };
                let part = if high[0] > low[0] { ((r - low[0]) / (high[0] - low[0])).clamp(0.0, 1.0) } else { 0.0 };
                let loss = (1.0 - part) * of(low, ln_tokens) + part * of(high, ln_tokens);
                loss.clamp(least, 1e300).ln()
            })
            .collect()
    }
}

/// s₂ and s₃, and a₂, a₃ and b₂, of points with ln T relative to a T₀, by least squares on relative errors.
fn curve(points: &[power::Point]) -> ([f64; 2], [f64; 3]) {
    const FALL: (f64, f64) = (-2.0, -0.05);
    const RISE: (f64, f64) = (0.05, 1.5);
    if points.len() < FEWEST {
        let ([level, _], _) = power::curve(points, 0.0, 0.0);
        return ([FALL.1, RISE.0], [0.0, 0.0, level]);
    }
    let left = |fall: f64, rise: f64| amplitudes(points, fall, rise).1;
    let (mut fall, mut rise) = (-0.5, 0.5);
    // One after the other settles within a few rounds: the two hardly bend the same part of a curve.
    for _ in 0..4 {
        fall = power::least(|s| left(s, rise), FALL, fall);
        rise = power::least(|s| left(fall, s), RISE, rise);
    }
    ([fall, rise], amplitudes(points, fall, rise).0)
}

fn amplitudes(points: &[power::Point], fall: f64, rise: f64) -> ([f64; 3], f64) {
    // Enough that two powers which the points cannot tell apart do not cancel each other.
    const RIDGE: f64 = 1e-6;
    let basis = |ln: f64| [(fall * ln).min(300.0).exp(), (rise * ln).min(300.0).exp(), 1.0];
    let (mut gram, mut solution) = ([0.0; 9], [0.0; 3]);
    for (ln, loss, count) in points {
        let (z, w) = (basis(*ln), count / (loss * loss));
        for a in 0..3 {
            solution[a] += w * z[a] * loss;
            for b in 0..3 {
                gram[a * 3 + b] += w * z[a] * z[b];
            }
        }
    }
    gram[0] *= 1.0 + RIDGE;
    gram[4] *= 1.0 + RIDGE;
    math::solve(&mut gram, &mut solution);
    let at = |ln: f64| basis(ln).iter().zip(&solution).map(|(z, a)| z * a).sum::<f64>();
    let left = points.iter().map(|(ln, loss, count)| count * (at(*ln) / loss - 1.0).powi(2)).sum();
    (solution, left)
}
