//! The mixtures that a sweep may have: within bounds, supply and shares of groups, and near the mixture in use. All of these are
//! convex.

use super::super::groups::Share;
use super::super::hull::toward;
use super::super::reach::Reach;
use super::polytope::Polytope;

/// What may be left of a violation.
const LEFT: f64 = 1e-11;
/// Rounds in which groups are scaled to their shares: a Dirichlet draw remains one, given the shares.
const SCALED: usize = 200;
/// Rounds of projections, each of which comes nearer to every allowed mixture: to find one, and to find one near a draw.
const FOUND: usize = 20_000;
const PROJECTED: usize = 500;

/// The allowed mixtures; at least one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Allowed {
    /// Each weight's range.
    pub ranges: Polytope,
    groups: Vec<Share>,
    reach: Option<Reach>,
    /// An allowed mixture, away from the edges where there is one.
    centre: Vec<f64>,
}

impl Allowed {
    /// The mixtures that keep all of these; `None` where there is none. `shares`: the natural ones.
    pub fn new(mut ranges: Polytope, groups: Vec<Share>, reach: Option<Reach>, shares: &[f64]) -> Option<Self> {
        // A divergence is infinite where a domain gets weight that has none now.
        if let Some(reach) = reach.as_ref().filter(|reach| reach.divergence.is_some()) {
            let unused = ranges.high.iter_mut().zip(&reach.from).filter(|(_, from)| **from <= 0.0);
            unused.for_each(|(high, _)| *high = 0.0);
            if ranges.low.iter().zip(&ranges.high).any(|(low, high)| low > high) {
                return None;
            }
        }
        let mut all = Self { ranges, groups, reach, centre: Vec::new() };
        let domains = shares.len();
        if let Some(from) = all.reach.as_ref().map(|reach| reach.from.clone()).filter(|from| all.over(from) <= LEFT) {
            all.centre = all.ranges.project(&from);
            return Some(all);
        }
        let corner = |i: usize| -> Vec<f64> { (0..domains).map(|j| f64::from(u8::from(i == j))).collect() };
        let starts = (0..domains).map(corner).chain([shares.to_vec(), vec![1.0 / domains as f64; domains]]);
        let found: Vec<Vec<f64>> = starts.filter_map(|start| all.nearby(start, true)).collect();
        if found.is_empty() {
            return None;
        }
        all.centre = (0..domains).map(|d| found.iter().map(|w| w[d]).sum::<f64>() / found.len() as f64).collect();
        Some(all)
    }

    /// The same with lower maxima of the weights; `None` where these leave nothing.
    pub fn below(&self, most: &[f64], shares: &[f64]) -> Option<Self> {
        let high: Vec<f64> = self.ranges.high.iter().zip(most).map(|(high, most)| high.min(*most)).collect();
        let ranges = Polytope { low: self.ranges.low.clone(), high };
        let empty = ranges.high.iter().sum::<f64>() < 1.0 || ranges.low.iter().zip(&ranges.high).any(|(l, h)| l > h);
        if empty { None } else { Self::new(ranges, self.groups.clone(), self.reach.clone(), shares) }
    }

    /// Whether ranges alone decide.
    pub fn is_box(&self) -> bool {
        self.groups.is_empty() && self.reach.is_none()
    }

    /// Whether a mixture is allowed.
    pub fn contains(&self, weights: &[f64]) -> bool {
        self.ranges.contains(weights) && self.over(weights) <= LEFT
    }

    /// An allowed mixture near the given weights: in proportion to them as far as ranges and groups allow, then so much of the
    /// way from the centre as is within reach.
    pub fn project(&self, weights: &[f64]) -> Vec<f64> {
        if self.is_box() {
            return self.ranges.project(weights);
        }
        let near = self.nearby(weights.to_vec(), false).unwrap_or_else(|| self.ranges.project(weights));
        if self.over(&near) <= LEFT {
            return near;
        }
        let (mut inside, mut outside) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = 0.5 * (inside + outside);
            if self.over(&toward(&self.centre, &near, middle)) <= LEFT { inside = middle } else { outside = middle }
        }
        let ranges = self.ranges.low.iter().zip(&self.ranges.high);
        toward(&self.centre, &near, inside).iter().zip(ranges).map(|(w, (low, high))| w.max(*low).min(*high)).collect()
    }

    /// How far weights are outside, the worst of all; negative or 0 inside.
    fn over(&self, weights: &[f64]) -> f64 {
        let ranges = self.ranges.low.iter().zip(&self.ranges.high);
        let of_ranges = weights.iter().zip(ranges).map(|(w, (low, high))| (low - w).max(w - high));
        let of_reach = self.reach.iter().map(|reach| reach.beyond(weights));
        of_ranges.chain(of_reach).fold(self.groups_over(weights), f64::max)
    }

    fn groups_over(&self, weights: &[f64]) -> f64 {
        let over = |group: &Share| {
            let sum = group.of(weights);
            (group.range[0] - sum).max(sum - group.range[1])
        };
        self.groups.iter().map(over).fold(0.0, f64::max)
    }

    /// Weights that keep ranges and groups, and the reach where `all`; `None` where they are not found.
    fn nearby(&self, weights: Vec<f64>, all: bool) -> Option<Vec<f64>> {
        let reach = self.reach.as_ref().filter(|_| all);
        let over = |w: &[f64]| reach.map_or(0.0, |reach| reach.beyond(w)).max(self.groups_over(w));
        let mut point = self.ranges.project(&weights);
        for _ in 0..SCALED {
            if self.groups_over(&point) <= LEFT {
                break;
            }
            self.groups.iter().for_each(|group| scale(group, &mut point));
            point = self.ranges.project(&point);
        }
        for _ in 0..if all { FOUND } else { PROJECTED } {
            if over(&point) <= LEFT {
                return Some(point);
            }
            for group in &self.groups {
                let sum = group.of(&point);
                let missing = (group.range[0] - sum).max(0.0) - (sum - group.range[1]).max(0.0);
                group.members.iter().for_each(|i| point[*i] += missing / group.members.len() as f64);
                point = self.ranges.nearest(&point);
            }
            if let Some(reach) = reach {
                let (over, slope) = (reach.beyond(&point), reach.slope(&point));
                let length: f64 = slope.iter().map(|s| s * s).sum();
                if over > 0.0 && length > 0.0 {
                    point.iter_mut().zip(&slope).for_each(|(w, s)| *w -= (over + 0.5 * LEFT) / length * s);
                    point = self.ranges.nearest(&point);
                }
            }
        }
        None
    }
}

/// Brings a group's sum into its range: its members in proportion, and all others in proportion.
fn scale(group: &Share, weights: &mut [f64]) {
    let sum: f64 = weights.iter().sum();
    let own = group.of(weights).max(1e-12);
    let others = (sum - own).max(1e-12);
    let wanted = own.clamp(group.range[0], group.range[1].max(group.range[0]));
    if wanted == own {
        return;
    }
    for (i, weight) in weights.iter_mut().enumerate() {
        let is_member = group.members.contains(&i);
        *weight = weight.max(1e-13) * if is_member { wanted / own } else { (sum - wanted).max(0.0) / others };
    }
}
