//! How far the minima of budgets lie from a curve of N_opt over C, and how much surer than that nobody can be of the curve.
//!
//! Resamples of runs know the noise of each minimum and nothing of how well a line, or a law, describes them: on Llama 3's runs
//! the residuals are several times the noise.

use crate::vocab::{Estimate, Range};

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub struct Scatter {
    /// Standard deviation of ln N_opt around the curve, times the 95 % point of Student's distribution of its freedom.
    wide: f64,
    budgets: f64,
    /// Mean of ln C, and the sum of squared distances from it.
    middle: f64,
    spread: f64,
}

impl Scatter {
    /// 95 % points of Student's distribution by degrees of freedom, from 1; beyond, that of 10 is a little too large.
    const STUDENT: [f64; 10] = [6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812];

    /// Of ln C and the residual of ln N_opt at each budget. The curve was found from the same runs and has a height and a slope,
    /// which take two degrees of freedom; of two budgets nothing is known.
    #[must_use]
    pub fn of(residuals: &[(f64, f64)]) -> Self {
        let budgets = residuals.len() as f64;
        let middle = residuals.iter().map(|p| p.0).sum::<f64>() / budgets;
        let squares: f64 = residuals.iter().map(|p| p.1.powi(2)).sum();
        let spread = residuals.iter().map(|p| (p.0 - middle).powi(2)).sum();
        // Two budgets lie on any line.
        let wide = residuals.len().checked_sub(3).map_or(0.0, |more| {
            let freedom = more + 1;
            Self::STUDENT[more.min(Self::STUDENT.len() - 1)] * (squares / freedom as f64).sqrt()
        });
        Self { wide, budgets, middle, spread }
    }

    /// Half a 90 % interval of ln N_opt at a compute; beyond the budgets, of what runs of such a budget would show, which scatters
    /// as those of the known ones do. Like the interval of a regression line, it widens with the distance from the middle.
    #[must_use]
    pub fn of_size(&self, ln_compute: f64, covered: bool) -> f64 {
        let own = if covered { 0.0 } else { 1.0 };
        let far = ln_compute - self.middle;
        self.wide * (own + 1.0 / self.budgets + far * far / self.spread).sqrt()
    }

    /// Half a 90 % interval of the slope.
    #[must_use]
    pub fn of_slope(&self) -> f64 {
        self.wide / self.spread.sqrt()
    }
}

/// An estimate whose interval reaches at least so far to both sides.
#[must_use]
pub fn at_least(estimate: Estimate, half: f64) -> Estimate {
    let Range { low, high } = estimate.range;
    Estimate { range: Range { low: low.min(estimate.value - half), high: high.max(estimate.value + half) }, ..estimate }
}
