//! How flat the optimum is: how far each weight may go while the loss stays within a thousandth of the lowest.

use super::probability::JointSamples;
use super::region::Region;

/// What the objective may rise by, as a part of it.
const RISE: f64 = 1e-3;
/// Ends are found to this weight.
const STEP: f64 = 1e-3;

/// Least and most weight of each domain, the others in proportion, for an objective within a thousandth of that at `best`. All of
/// it keeps the limits by the best guess, the bounds, and the range of weights that the runs cover. What a domain of a group gains
/// the others of the group lose, so that the group keeps its share.
pub(super) fn ranges(joint: &JointSamples<'_, '_>, region: &Region, best: &[f64]) -> Vec<[f64; 2]> {
    let lowest = joint.objective(best);
    let highest = lowest + RISE * lowest.abs();
    let allowed = |weights: &[f64]| {
        region.outside(weights) <= 0.0 && joint.excess(weights) <= 0.0 && joint.objective(weights) <= highest
    };
    (0..best.len())
        .map(|domain| {
            let range = &region.ranges[domain];
            let part = |i: usize| region.groups.iter().position(|group| group.members.contains(&i));
            let others: Vec<usize> = (0..best.len()).filter(|i| *i != domain && part(*i) == part(domain)).collect();
            let most = best[domain] + others.iter().map(|i| best[*i]).sum::<f64>();
            [range.low, range.high.min(most)].map(|end| {
                let inside = |weight: f64| with(best, domain, weight, &others).is_some_and(|weights| allowed(&weights));
                furthest(best[domain], end, &inside)
            })
        })
        .collect()
}

/// The mixture with another weight of one domain, which `others` give or take in proportion; `None` where they have none.
fn with(best: &[f64], domain: usize, weight: f64, others: &[usize]) -> Option<Vec<f64>> {
    let sum: f64 = others.iter().map(|i| best[*i]).sum();
    (sum > 1e-12).then(|| {
        let mut moved = best.to_vec();
        let factor = (sum + best[domain] - weight) / sum;
        others.iter().for_each(|i| moved[*i] *= factor);
        moved[domain] = weight;
        moved
    })
}

/// The last weight on the way from `from` to `to` that is inside, if all before it are.
fn furthest(from: f64, to: f64, inside: &dyn Fn(f64) -> bool) -> f64 {
    if (to - from).abs() <= STEP || inside(to) {
        return to;
    }
    let (mut good, mut bad) = (from, to);
    while (bad - good).abs() > STEP {
        let middle = 0.5 * (good + bad);
        if inside(middle) { good = middle } else { bad = middle }
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_give_and_take_in_proportion() {
        let moved = with(&[0.5, 0.3, 0.2], 0, 0.75, &[1, 2]).unwrap();
        assert!((moved[1] - 0.15).abs() < 1e-12 && (moved[2] - 0.1).abs() < 1e-12, "{moved:?}");
        assert_eq!(with(&[0.5, 0.3, 0.2], 1, 0.4, &[2]).unwrap()[0], 0.5, "a group keeps its share");
        assert_eq!(with(&[1.0, 0.0], 0, 0.5, &[1]), None);
    }

    #[test]
    fn the_end_of_what_is_flat_is_found_from_the_inside() {
        let inside = |w: f64| (w - 0.4).abs() <= 0.1;
        let end = furthest(0.4, 0.9, &inside);
        assert!(inside(end) && (end - 0.5).abs() <= STEP, "{end}");
        assert_eq!(furthest(0.4, 0.45, &inside), 0.45, "the bound comes first");
    }
}
