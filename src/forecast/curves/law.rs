//! A learning curve law: its name, its exponents, and the two basis functions that they determine.

use super::Schedule;

/// An exponent of a law: its name, and where it is sought (ln of its value, as a normal prior).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exponent {
    /// As in the law's formula.
    pub name: &'static str,
    /// ln of the usual value.
    pub centre: f64,
    /// Spread of that ln over data sets.
    pub spread: f64,
}

/// A law of curves.
pub trait CurveLaw: Sync + std::fmt::Debug {
    /// Name, as in forecasts.
    fn name(&self) -> &'static str;
    /// What is shared by a family of runs.
    fn exponents(&self) -> &'static [Exponent];
    /// Whether it knows of the learning rate.
    fn sees_schedule(&self) -> bool;
    /// (u, v) at each of `steps` (ascending). `scale` makes u a pure number near 1: S₁ (or steps) of a typical whole run.
    fn shapes(&self, exponents: &[f64], schedule: &Schedule, scale: f64, steps: &[f64]) -> Vec<(f64, f64)>;
}
