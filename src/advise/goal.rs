//! What is minimised, as one number: a weighted mean of losses, or the worst of them.

use super::limits;

/// One number from losses by metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Goal {
    /// Share of each metric; those without one do not count. Together one.
    pub minimize: Vec<f64>,
    /// The largest loss counts, each divided by its number here; `None` for the mean.
    worst: Option<Vec<f64>>,
    /// What the largest is multiplied by, so that it is a loss again: the mean of what losses are divided by.
    unit: f64,
}

impl Goal {
    /// The weighted mean.
    pub fn mean(minimize: Vec<f64>) -> Self {
        Self { minimize, worst: None, unit: 1.0 }
    }

    /// The largest loss of those that count, each beside its reference.
    pub fn worst(minimize: Vec<f64>, references: Vec<f64>) -> Self {
        let counted = minimize.iter().zip(&references).filter(|(share, _)| **share > 0.0);
        let unit = counted.map(|(share, reference)| share * reference).sum();
        Self { minimize, worst: Some(references), unit }
    }

    /// One loss of so many.
    pub fn only(metric: usize, metrics: usize) -> Self {
        Self::mean((0..metrics).map(|m| f64::from(u8::from(m == metric))).collect())
    }

    /// Metrics that count.
    pub fn counted(&self) -> impl Iterator<Item = (usize, f64)> {
        self.minimize.iter().copied().enumerate().filter(|(_, share)| *share > 0.0)
    }

    /// The objective, of the losses by metric.
    pub fn of(&self, loss: impl Fn(usize) -> f64) -> f64 {
        let Some(by) = &self.worst else { return self.counted().map(|(m, share)| share * loss(m)).sum() };
        self.beside(loss, |m| by[m])
    }

    /// The largest loss of those that count, each beside other references than its own.
    pub fn beside(&self, loss: impl Fn(usize) -> f64, by: impl Fn(usize) -> f64) -> f64 {
        let part = |(m, _): (usize, f64)| loss(m) / by(m);
        self.unit * self.counted().map(part).fold(f64::NEG_INFINITY, limits::worse)
    }

    /// The objective of several mixtures, of their losses by metric and then by mixture.
    pub fn of_each(&self, losses: &[Vec<f64>]) -> Vec<f64> {
        let mixtures = losses.first().map_or(0, Vec::len);
        (0..mixtures).map(|i| self.of(|m| losses[m][i])).collect()
    }

    /// The same with a corner that is rounded over `width`, a part of the objective: T ln Σ exp(x/T), which lies above the
    /// largest by at most T ln n. `None` where there is no corner.
    pub fn rounded(&self, loss: impl Fn(usize) -> f64, width: f64) -> Option<f64> {
        let by = self.worst.as_ref()?;
        let parts: Vec<f64> = self.counted().map(|(m, _)| loss(m) / by[m]).collect();
        let most = parts.iter().copied().fold(f64::NEG_INFINITY, limits::worse);
        let sum: f64 = parts.iter().map(|part| ((part - most) / (width * most.abs())).exp()).sum();
        Some(self.unit * (most + width * most.abs() * sum.ln()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_the_largest_beside_its_reference_and_rounding_lies_just_above() {
        let losses = [2.0, 3.0, 9.0];
        let shares = vec![0.5, 0.5, 0.0];
        assert_eq!(Goal::mean(shares.clone()).of(|m| losses[m]), 2.5);
        assert_eq!(Goal::worst(shares.clone(), vec![1.0; 3]).of(|m| losses[m]), 3.0);
        // 2/1 is more than 3/2; the mean reference is 1.5.
        let relative = Goal::worst(shares, vec![1.0, 2.0, 1.0]);
        assert_eq!(relative.of(|m| losses[m]), 3.0);
        let rounded = relative.rounded(|m| losses[m], 1e-2).unwrap();
        assert!(rounded >= 3.0 && rounded < 3.0 * (1.0 + 1e-2 * 2.0_f64.ln() + 1e-12), "{rounded}");
        assert!(Goal::worst(vec![0.5, 0.5], vec![1.0; 2]).of(|_| f64::NAN).is_infinite(), "no number is no optimum");
    }
}
