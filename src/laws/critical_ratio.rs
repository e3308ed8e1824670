//! The critical-mixture-ratio law: a loss against the weight of its own domain, at one size and amount.
//!
//! L(r) = a·r^s + b. Gu et al., "CMR Scaling Law: Predicting Critical Mixture Ratios for Continual Pre-training of
//! Language Models", arXiv:2407.17467, eq. 5.
//!
//! The critical ratio itself is a question to the general loss ([`super::general_loss`], or any law of r and T): the
//! largest weight of the new domain at which that stays within its limit ([`feasible`]), and, as a power of the tokens
//! trained on, CMR(T) = a₄·T^s₄ + b₃ ([`critical`]).

use super::terms::{amplitudes, map, map2, shares};
use super::{
    BLOCK, Block, Columns, Coordinate, Law, LawInfo, Method, Parameter, Shape, Smooth, Variable, needs, power,
};
use crate::vocab::Observations;
use std::ops::Range;

/// See the [module](self).
#[derive(Debug)]
pub struct CriticalRatio;

static CARD: LawInfo = LawInfo {
    name: "critical-ratio",
    title: "Critical mixture ratio",
    form: "L = a·r^s + b",
    needs: "the weight r of the loss's own domain at one N and D; three ratios above 0",
    gives: "the loss at any r; together with general-loss, the largest ratio at which the general loss stays within its limit",
    source: "Gu et al. 2024, arXiv:2407.17467",
    caveats: &[
        "ignores N and D: fit it to the last checkpoints of runs with equal N and D",
        "a, s and b are strongly correlated",
    ],
};

const SCALE: usize = 0;
const FLOOR: usize = 1;
const POWER: usize = 2;

impl Law for CriticalRatio {
    fn info(&self) -> &'static LawInfo {
        &CARD
    }

    fn missing(&self, data: &Observations) -> Vec<String> {
        needs::all([needs::own_shares(data, 3), needs::rows(data, 3)])
    }

    fn sees(&self) -> &'static [Variable] {
        &[]
    }

    fn method(&self) -> Method<'_> {
        Method::Search(self)
    }
}

impl Smooth for CriticalRatio {
    fn parameters(&self, _: &Shape) -> Vec<Parameter> {
        use Coordinate::{Amplitude, Free};
        vec![
            Parameter::new("a", "nats", Amplitude, (-4.0, 1.0)),
            Parameter::new("b", "nats", Amplitude, (-3.0, 1.0)),
            Parameter::new("s", "", Free, (-1.0, 0.5)),
        ]
    }

    fn linear(&self, _: &Shape) -> Range<usize> {
        SCALE..POWER
    }

    fn evaluate(&self, shape: &Shape, phi: &[f64], x: &Columns, rows: Range<usize>, out: &mut Block) {
        let n = rows.len();
        let ln_r = &x.ln_share[shape.own.unwrap_or(0)][rows];
        let mut terms = [[0.0; BLOCK]; 2];
        map(&mut terms[0][..n], ln_r, |r| phi[SCALE] + phi[POWER] * r);
        terms[1][..n].fill(phi[FLOOR]);
        shares(&mut terms, n, &mut out.ln_loss);
        if !out.wants_jacobian {
            return;
        }
        amplitudes(&terms, n, out);
        map2(out.column_mut(POWER, n), &terms[0], ln_r, |p, v| p * v);
    }
}

/// CMR(T) = a·T^s + b: the critical ratio after T tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Critical {
    /// a₄, at T₀.
    pub scale: f64,
    /// s₄.
    pub power: f64,
    /// b₃.
    pub floor: f64,
    /// ln T₀, of the most tokens that it was fitted to.
    pub ln_unit: f64,
}

impl Critical {
    /// The critical ratio after so many tokens, 0 to 1.
    #[must_use]
    pub fn at(&self, tokens: f64) -> f64 {
        let power = (self.power * (tokens.ln() - self.ln_unit)).clamp(-300.0, 300.0).exp();
        (self.scale * power + self.floor).clamp(0.0, 1.0)
    }
}

/// The largest ratio between two at which `loss` (of the ratio of the new domain) is at most `limit`; `None` where it is
/// not even at the smallest. A loss that leaves the limit and comes back within it is taken to have left for good.
#[must_use]
pub fn feasible(loss: impl Fn(f64) -> f64, limit: f64, (low, high): (f64, f64)) -> Option<f64> {
    const GRID: usize = 50;
    let place = |i: usize| low + (high - low) * i as f64 / GRID as f64;
    let within = |r: f64| loss(r) <= limit;
    let Some(broken) = (0..=GRID).find(|i| !within(place(*i))) else { return Some(high) };
    let (mut kept, mut broken) = (place(broken.checked_sub(1)?), place(broken));
    for _ in 0..40 {
        let middle = 0.5 * (kept + broken);
        if within(middle) { kept = middle } else { broken = middle }
    }
    Some(kept)
}

/// CMR(T) from the general loss as a function of the new domain's ratio and of T, at three or more T; `None` where fewer of
/// them have a ratio that keeps the limit.
#[must_use]
pub fn critical(loss: impl Fn(f64, f64) -> f64, limit: f64, ratios: (f64, f64), tokens: &[f64]) -> Option<Critical> {
    let found = |t: &f64| Some((t.ln(), feasible(|r| loss(r, *t), limit, ratios)?));
    let points: Vec<(f64, f64)> = tokens.iter().filter(|t| **t > 0.0).filter_map(found).collect();
    if points.len() < 3 {
        return None;
    }
    let ln_unit = points.iter().map(|p| p.0).fold(f64::NEG_INFINITY, f64::max);
    let fitted = |power: f64| {
        let z = |ln: f64| (power * (ln - ln_unit)).exp();
        let n = points.len() as f64;
        let (mean_z, mean_r) =
            (points.iter().map(|p| z(p.0)).sum::<f64>() / n, points.iter().map(|p| p.1).sum::<f64>() / n);
        let spread: f64 = points.iter().map(|p| (z(p.0) - mean_z).powi(2)).sum();
        let both: f64 = points.iter().map(|p| (z(p.0) - mean_z) * (p.1 - mean_r)).sum();
        let scale = if spread > 1e-18 { both / spread } else { 0.0 };
        let all = Critical { scale, power, floor: mean_r - scale * mean_z, ln_unit };
        let left: f64 = points.iter().map(|p| (scale * z(p.0) + all.floor - p.1).powi(2)).sum();
        (all, left)
    };
    Some(fitted(power::least(|s| fitted(s).1, (-2.0, 2.0), 0.3)).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_none_and_a_part_of_the_ratios_may_keep_a_limit() {
        assert_eq!(feasible(|r| r, 2.0, (0.1, 0.9)), Some(0.9));
        assert_eq!(feasible(|r| r, 0.0, (0.1, 0.9)), None);
        assert!((feasible(|r| r, 0.437, (0.1, 0.9)).unwrap() - 0.437).abs() < 1e-9);
    }
}
