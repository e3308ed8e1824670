//! Tissue's law: L = L₀ + A·S₁^−α − C·S₂ (arXiv 2408.11029, eq. 1).
//!
//! S₁ is the learning rate summed over steps. S₂ = Σ_i m_i with m_i = λ·m_{i−1} + (lr_{i−1} − lr_i): what lowering the
//! learning rate gains, after a delay of 1/(1 − λ) steps. In closed form S₂(t) = Σ_k drop_k·(1 − λ^(t−k))/(1 − λ); here
//! C takes the place of C/(1 − λ) × peak, so that it is a pure number and does not trade off against λ.

use super::super::schedule::Schedule;
use super::{CurveLaw, Exponent};

/// See the [module](self).
#[derive(Debug)]
pub struct Tissue;

/// The delay is 1/(1 − λ) in steps; λ between .99 and .999 in the paper.
const EXPONENTS: [Exponent; 2] =
    [Exponent { name: "alpha", centre: -0.69, spread: 0.5 }, Exponent { name: "delay", centre: 5.8, spread: 1.2 }];

impl CurveLaw for Tissue {
    fn name(&self) -> &'static str {
        "tissue"
    }

    fn exponents(&self) -> &'static [Exponent] {
        &EXPONENTS
    }

    fn sees_schedule(&self) -> bool {
        true
    }

    fn shapes(&self, exponents: &[f64], schedule: &Schedule, scale: f64, steps: &[f64]) -> Vec<(f64, f64)> {
        let (alpha, delay) = (exponents[0].exp(), exponents[1].exp().max(1e-3));
        let peak = schedule.peak();
        let u = |step: f64| (schedule.area(step).max(1e-12 * scale) / scale).powf(-alpha);
        // One pass over the drops: `pending` is the part of them that has not come through yet.
        let total = schedule.total();
        let drops: Vec<_> = schedule.drops(total).collect();
        let mut next = drops.iter().peekable();
        let (mut dropped, mut pending, mut at) = (0.0, 0.0, 0.0);
        // Blocks are of one width but for the last: two exponentials serve nearly all of them.
        let (mut stretch, mut width, mut fades, mut waits) = (f64::NAN, f64::NAN, 1.0, 1.0);
        steps
            .iter()
            .map(|&step| {
                while let Some(drop) = next.peek().filter(|d| d.middle + d.width / 2.0 <= step) {
                    let end = drop.middle + drop.width / 2.0;
                    if !((end - at - stretch).abs() < 1e-6 && (drop.width - width).abs() < 1e-6) {
                        (stretch, width) = (end - at, drop.width);
                        fades = (-stretch / delay).exp();
                        // A drop spread evenly over its block has had this part of itself wait until the block's end.
                        let x = width / delay;
                        waits = if x > 1e-9 { -(-x).exp_m1() / x } else { 1.0 };
                    }
                    pending = pending * fades - drop.change * waits;
                    dropped -= drop.change;
                    at = end;
                    next.next();
                }
                let waiting = pending * (-(step - at).max(0.0) / delay).exp();
                (u(step), (dropped - waiting) / peak)
            })
            .collect()
    }
}
