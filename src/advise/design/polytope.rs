//! Weights within ranges, with sum 1.

use super::super::region::Region;

/// The mixtures with each weight in its range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Polytope {
    /// Least weight of each domain.
    pub low: Vec<f64>,
    /// Most weight of each domain.
    pub high: Vec<f64>,
}

impl Polytope {
    /// The ranges of a region that has a mixture.
    pub fn of(region: &Region) -> Self {
        Self {
            low: region.ranges.iter().map(|range| range.low.clamp(0.0, 1.0)).collect(),
            high: region.ranges.iter().map(|range| range.high.clamp(0.0, 1.0)).collect(),
        }
    }

    /// Whether all weights are in their ranges.
    pub fn contains(&self, weights: &[f64]) -> bool {
        weights.iter().zip(self.low.iter().zip(&self.high)).all(|(w, (low, high))| w >= low && w <= high)
    }

    /// Weights in proportion to the given ones as far as the ranges allow; their sum is 1 to rounding.
    pub fn project(&self, weights: &[f64]) -> Vec<f64> {
        // A domain without weight takes part where the others cannot fill the whole.
        let base: Vec<f64> = weights.iter().map(|w| w.max(1e-12)).collect();
        let at = |scale: f64| -> Vec<f64> {
            base.iter()
                .zip(self.low.iter().zip(&self.high))
                .map(|(w, (low, high))| (w * scale).max(*low).min(*high))
                .collect()
        };
        let sum = |scale: f64| at(scale).iter().sum::<f64>();
        let (mut less, mut more) = (0.0, 1.0);
        while sum(more) < 1.0 && more < 1e15 {
            more *= 2.0;
        }
        for _ in 0..200 {
            let middle = 0.5 * (less + more);
            if sum(middle) < 1.0 { less = middle } else { more = middle }
        }
        self.summed(at(0.5 * (less + more)))
    }

    /// The nearest weights within the ranges (Euclid); their sum is 1 to rounding.
    pub fn nearest(&self, weights: &[f64]) -> Vec<f64> {
        let at = |shift: f64| -> Vec<f64> {
            let ranges = self.low.iter().zip(&self.high);
            weights.iter().zip(ranges).map(|(w, (low, high))| (w + shift).max(*low).min(*high)).collect()
        };
        let widest = weights.iter().fold(1.0_f64, |most, w| most.max(w.abs())) + 1.0;
        let (mut less, mut more) = (-widest, widest);
        for _ in 0..80 {
            let middle = 0.5 * (less + more);
            if at(middle).iter().sum::<f64>() < 1.0 { less = middle } else { more = middle }
        }
        self.summed(at(0.5 * (less + more)))
    }

    /// Weights within the ranges whose sum is nearly 1, with the sum 1.
    fn summed(&self, mut found: Vec<f64>) -> Vec<f64> {
        // What the bisection leaves goes where there is most room for it.
        for _ in 0..found.len() {
            let left = 1.0 - found.iter().sum::<f64>();
            if left == 0.0 {
                break;
            }
            let room = |i: usize| if left > 0.0 { self.high[i] - found[i] } else { found[i] - self.low[i] };
            let Some(widest) = (0..found.len()).max_by(|a, b| room(*a).total_cmp(&room(*b))) else { break };
            found[widest] = (found[widest] + left).max(self.low[widest]).min(self.high[widest]);
        }
        found
    }
}
