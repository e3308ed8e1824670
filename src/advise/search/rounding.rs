//! Mixtures in thousandths: all of two domains, one after the other, and the nearest ones of more.

use super::super::hull::toward;
use super::{BestMixture, Problem, TOGETHER, finite};
use crate::vocab::Ordered;

/// Weights are advised to a thousandth: runs do not tell finer differences apart, and people type the number.
const STEP: f64 = 1e-3;
/// Part of the objective that rounding may cost before the thousandths around are looked at.
const COSTS: f64 = 1e-5;

impl Problem<'_> {
    /// With two domains: the best of all thousandths.
    pub(super) fn lattice(&self) -> Option<BestMixture> {
        let [first, second] = [&self.region.ranges[0], &self.region.ranges[1]];
        let low = second.low.max(1.0 - first.high);
        let high = second.high.min(1.0 - first.low);
        let from = (low / STEP - 1e-6).ceil() as i64;
        let to = (high / STEP + 1e-6).floor() as i64;
        let mut places: Vec<Vec<f64>> = (from..=to).map(|i| pair(i as f64 / 1000.0)).collect();
        if places.is_empty() {
            places.push(pair(low));
        }
        let objective = (self.objective)(&places);
        let mut places: Vec<(f64, Vec<f64>)> = objective.into_iter().map(finite).zip(places).collect();
        places.sort_by_cached_key(|pair| Ordered(pair.0));
        // From the lowest objective up: limits are costly to look at, and the first place that keeps them is the answer.
        let mut best: Option<BestMixture> = None;
        for some in places.chunks(TOGETHER) {
            for found in self.look(some.iter().map(|(_, weights)| weights.clone()).collect()) {
                if found.breach <= 0.0 {
                    return Some(found);
                }
                best = Some(match best {
                    Some(best) if !found.better(&best) => best,
                    _ => found,
                });
            }
        }
        best
    }

    /// To thousandths, unless that leaves the region or the limits.
    pub fn thousandth(&self, exact: BestMixture) -> BestMixture {
        let kept = |weights: Vec<f64>| Some(self.look_at(weights)).filter(|found| found.breach <= exact.breach);
        // Where the mixture stands at the end of its reach, rounding may leave that: a little nearer there is room.
        let nearer = |part: f64| {
            let reach = self.region.reach.as_ref()?;
            Some(toward(&reach.centre, &exact.weights, part))
        };
        let tries = (1..=20).filter_map(|i| nearer(1.0 - 0.002 * f64::from(i)));
        let mut tries = std::iter::once(exact.weights.clone()).chain(tries);
        match tries.find_map(|weights| kept(self.thousandths(&weights))) {
            Some(rounded) if rounded.objective - exact.objective > COSTS * exact.objective.abs() => {
                self.beside(rounded, exact.objective)
            }
            Some(rounded) => rounded,
            None => exact,
        }
    }

    /// Of a rounded mixture and the thousandths beside it, the one whose objective is nearest to that of the exact weights, and not lower,
    /// which would be beyond what may be advised: a law that is a sum of steps may have one between the exact weights and theirs.
    fn beside(&self, rounded: BestMixture, exact: f64) -> BestMixture {
        let count = rounded.weights.len();
        let pairs = (0..count).flat_map(|to| (0..count).map(move |from| (to, from))).filter(|(to, from)| to != from);
        let moved = pairs.map(|(to, from)| {
            let units = rounded.weights.iter().map(|weight| (weight / STEP).round());
            let moved = |(i, units): (usize, f64)| STEP * (units + f64::from(i == to) - f64::from(i == from));
            units.enumerate().map(moved).collect::<Vec<f64>>()
        });
        let moved: Vec<Vec<f64>> = moved.collect();
        let objective = (self.objective)(&moved);
        let mut lower: Vec<usize> =
            (0..moved.len()).filter(|i| (exact..rounded.objective).contains(&objective[*i])).collect();
        lower.sort_by_cached_key(|i| Ordered(objective[*i]));
        let kept = |some: &[usize]| {
            let found = self.look(some.iter().map(|i| moved[*i].clone()).collect());
            found.into_iter().find(|found: &BestMixture| found.breach <= rounded.breach)
        };
        lower.chunks(TOGETHER).find_map(kept).unwrap_or(rounded)
    }

    /// Weights in thousandths, those of a group with the sum that it has, to a thousandth.
    fn thousandths(&self, exact: &[f64]) -> Vec<f64> {
        let units: Vec<f64> = exact.iter().map(|w| w / STEP).collect();
        let mut grouped = vec![false; units.len()];
        let mut parts: Vec<Vec<usize>> = Vec::new();
        for group in &self.region.groups {
            // Of groups that overlap, the first counts.
            let members: Vec<usize> = group.members.iter().copied().filter(|i| !grouped[*i]).collect();
            members.iter().for_each(|i| grouped[*i] = true);
            parts.push(members);
        }
        parts.push((0..units.len()).filter(|i| !grouped[*i]).collect());
        let sums: Vec<f64> = parts.iter().map(|part| part.iter().map(|i| units[*i]).sum()).collect();
        let mut rounded = vec![0.0; units.len()];
        for (part, sum) in parts.iter().zip(whole(&sums, (1.0 / STEP).round())) {
            let own: Vec<f64> = part.iter().map(|i| units[*i]).collect();
            part.iter().zip(whole(&own, sum)).for_each(|(i, w)| rounded[*i] = w * STEP);
        }
        rounded
    }
}

/// Whole numbers that sum to `sum`: the given ones rounded down, and one more for those of the largest remainders.
fn whole(exact: &[f64], sum: f64) -> Vec<f64> {
    let mut units: Vec<f64> = exact.iter().map(|w| (w + 1e-9).floor()).collect();
    let mut order: Vec<usize> = (0..units.len()).collect();
    order.sort_by_cached_key(|i| std::cmp::Reverse(Ordered(exact[*i] - units[*i])));
    let missing = (sum - units.iter().sum::<f64>()).round().max(0.0) as usize;
    for i in order.into_iter().cycle().take(missing) {
        units[i] += 1.0;
    }
    units
}

/// Both weights of two domains; of a thousandth, both print as typed.
fn pair(weight: f64) -> Vec<f64> {
    vec![((1.0 - weight) * 1e9).round() / 1e9, weight]
}
