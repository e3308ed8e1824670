//! The multi-power law: L = L₀ + A·S₁^−α − B·Σ_k (lr_{k−1} − lr_k)·G_k, where
//! G_k = 1 − (1 + C·lr_k^−γ·(S₁(t) − S₁(k)))^−β (arXiv 2503.12811, eq. 1; the sum over k is over steps after warm-up).
//!
//! Each drop of the learning rate gains more the more training follows it. Steps are taken in blocks, which changes
//! nothing that can be seen. Left alone the search runs off to C → 0, γ → 3; the priors on β, γ and C hold it, and on
//! other schedules than those fitted to the held law does better.

use super::super::schedule::Schedule;
use super::{CurveLaw, Exponent};

/// See the [module](self).
#[derive(Debug)]
pub struct MultiPower;

const EXPONENTS: [Exponent; 4] = [
    Exponent { name: "alpha", centre: -0.69, spread: 0.5 },
    Exponent { name: "beta", centre: -0.69, spread: 0.5 },
    Exponent { name: "gamma", centre: -0.69, spread: 0.5 },
    Exponent { name: "C", centre: 0.69, spread: 1.0 },
];

impl CurveLaw for MultiPower {
    fn name(&self) -> &'static str {
        "multi-power"
    }

    fn exponents(&self) -> &'static [Exponent] {
        &EXPONENTS
    }

    fn sees_schedule(&self) -> bool {
        true
    }

    fn shapes(&self, exponents: &[f64], schedule: &Schedule, scale: f64, steps: &[f64]) -> Vec<(f64, f64)> {
        let [alpha, beta, gamma, c] = [0, 1, 2, 3].map(|i: usize| exponents[i].exp());
        let peak = schedule.peak();
        let drops: Vec<(f64, f64, f64, f64)> = schedule
            .drops(schedule.total())
            .map(|d| (d.middle + d.width / 2.0, d.area, c * d.lr.max(1e-4 * peak).powf(-gamma), -d.change / peak))
            .collect();
        steps
            .iter()
            .map(|&step| {
                let area = schedule.area(step);
                let gained = drops
                    .iter()
                    .take_while(|(end, ..)| *end <= step + 1e-9)
                    .map(|(_, before, pace, drop)| drop * (1.0 - (1.0 + pace * (area - before).max(0.0)).powf(-beta)));
                let v: f64 = gained.sum();
                ((area.max(1e-12 * scale) / scale).powf(-alpha), v)
            })
            .collect()
    }
}
