//! Power with floor: L = L∞ + A·t^−b.
//!
//! Blind to the learning rate: 6 % too high at a tenth of a cosine run. It is here because it needs nothing, and as the
//! baseline that every other law has to beat.

use super::super::schedule::Schedule;
use super::{CurveLaw, Exponent};

/// See the [module](self).
#[derive(Debug)]
pub struct Power;

const EXPONENTS: [Exponent; 1] = [Exponent { name: "b", centre: -0.69, spread: 1.0 }];

impl CurveLaw for Power {
    fn name(&self) -> &'static str {
        "power"
    }

    fn exponents(&self) -> &'static [Exponent] {
        &EXPONENTS
    }

    fn sees_schedule(&self) -> bool {
        false
    }

    fn shapes(&self, exponents: &[f64], _: &Schedule, scale: f64, steps: &[f64]) -> Vec<(f64, f64)> {
        let b = exponents[0].exp();
        steps.iter().map(|step| ((step.max(1e-9) / scale).powf(-b), 0.0)).collect()
    }
}
