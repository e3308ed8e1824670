//! The runs to choose from where the user names none.

use super::super::hull::{blend, random_shares};
use super::super::probability::distance;
use super::super::region::Region;
use crate::forecast::spread::{generator, uniform};
use crate::project::Project;
use crate::vocab::{Observation, Observations, Ordered, Scale, thousandths};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::BTreeSet;

/// Mixtures to choose from.
const MIXTURES: usize = 192;
/// How far beyond the runs a mixture may be, as a part of its distance from their mean: runs that would end what is known of
/// an edge, and no leap into the dark.
const BEYOND: f64 = 1.2;
/// Sizes and token counts to choose from.
const SCALES: usize = 5;
/// The next size is at least so many times the largest.
const RUNG: f64 = 1.5;
/// Scales that agree to this factor are one.
const SAME: f64 = 1.02;
/// Runs that are repeated with another seed.
const REPEATS: usize = 24;

/// Mixtures inside `region` and between the runs' mixtures or a fifth beyond them; those of runs first, nearest to `best` first.
/// The second number is how many of them are of runs.
pub(super) fn mixtures(region: &Region, explored: &[Vec<f64>], best: &[f64], seed: u64) -> (Vec<Vec<f64>>, usize) {
    let mut repeats: Vec<Vec<f64>> =
        explored.iter().filter(|weights| region.outside(weights) <= 0.0).cloned().collect();
    repeats.sort_by_cached_key(|run| Ordered(distance(run, best)));
    repeats.truncate(REPEATS);
    let count = repeats.len();
    let mut all = repeats;
    let mean = centre(explored, best.len());
    let beyond = |weights: &[f64]| {
        let moved: Vec<f64> = weights.iter().zip(&mean).map(|(w, m)| (m + BEYOND * (w - m)).max(0.0)).collect();
        let sum: f64 = moved.iter().sum();
        moved.into_iter().map(|w| w / sum).collect::<Vec<f64>>()
    };
    let mut offer = |weights: Vec<f64>| {
        if region.outside(&weights) <= 0.0 {
            all.push(weights);
        }
    };
    offer(best.to_vec());
    explored.iter().take(MIXTURES / 4).for_each(|weights| offer(beyond(weights)));
    let mut random = generator(seed ^ 0x6e65_7874);
    for i in 0..MIXTURES {
        if explored.is_empty() {
            break;
        }
        let weights = blend(explored, &random_shares(explored.len(), &mut random));
        // Three of four are near the best, where the decision is: on the way to another mixture, or with some of one weight
        // given to another, at several distances.
        let part = [1.0, 0.3, 0.1, 0.03][i % 4];
        let weights = match i / 4 % 2 {
            0 => weights.iter().zip(best).map(|(w, b)| b + part * (w - b)).collect(),
            _ if part < 1.0 => exchanged(best, 2.0 * part, &mut random),
            _ => weights,
        };
        offer(weights);
    }
    (all, count)
}

/// Whether a run of a mixture repeats no corpus more often than the target may.
pub(super) fn is_supplied(project: &Project, weights: &[f64], scale: &Scale) -> bool {
    let epochs = if project.max_epochs > 0.0 { project.max_epochs } else { 1.0 };
    project.domains.iter().zip(weights).all(|(domain, weight)| {
        project.available_tokens.get(domain).is_none_or(|most| weight * scale.tokens <= epochs * most * (1.0 + 1e-9))
    })
}

/// The mean of mixtures; of none, every domain alike.
pub(super) fn centre(mixtures: &[Vec<f64>], domains: usize) -> Vec<f64> {
    match mixtures.len() {
        0 => vec![1.0 / domains.max(1) as f64; domains],
        count => (0..domains).map(|d| mixtures.iter().map(|m| m[d]).sum::<f64>() / count as f64).collect(),
    }
}

/// The mixture with a part of one weight given to another.
fn exchanged(weights: &[f64], part: f64, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let held: Vec<usize> = (0..weights.len()).filter(|i| weights[*i] > 0.0).collect();
    let mut pick = |count: usize| ((uniform(random) * count as f64) as usize).min(count.saturating_sub(1));
    let mut moved = weights.to_vec();
    let Some(&from) = held.get(pick(held.len())) else { return moved };
    let to = pick(weights.len());
    let amount = part.min(1.0) * moved[from];
    moved[from] -= amount;
    moved[to] += amount;
    moved
}

/// Sizes and token counts at which runs ended, the cheapest first; with many of them the cheapest, the dearest, and some
/// between.
pub(super) fn scales<'a>(rows: impl Iterator<Item = &'a Observations>) -> Vec<Scale> {
    let mut all: Vec<Scale> = Vec::new();
    for row in rows.flat_map(ends) {
        let scale = Scale::of(row);
        if !all.iter().any(|known| same(known, &scale)) {
            all.push(scale);
        }
    }
    all.sort_by_cached_key(|run| Ordered(run.compute()));
    if all.len() <= SCALES {
        return all;
    }
    (0..SCALES).map(|i| all[i * (all.len() - 1) / (SCALES - 1)]).collect()
}

/// The last row of each run whose size and tokens are known.
pub(super) fn ends(rows: &Observations) -> impl Iterator<Item = &Observation> {
    let is_last = |i: usize| rows.rows.get(i + 1).is_none_or(|next| next.run != rows.rows[i].run);
    let is_known = |row: &Observation| [row.params, row.tokens].iter().all(|x| x.is_finite() && *x > 0.0);
    rows.rows.iter().enumerate().filter(move |(i, row)| is_last(*i) && is_known(row)).map(|(_, row)| row)
}

fn same(a: &Scale, b: &Scale) -> bool {
    let near = |a: f64, b: f64| a <= b * SAME && b <= a * SAME;
    near(a.params, b.params) && near(a.tokens, b.tokens)
}

/// The scales with runs of so many mixtures, from the least compute.
pub(super) fn swarm_scales(ends: &[(Vec<f64>, Scale)], least: usize) -> Vec<Scale> {
    let mut all: Vec<(Scale, BTreeSet<Vec<i64>>)> = Vec::new();
    for (weights, scale) in ends {
        match all.iter_mut().find(|(known, _)| same(known, scale)) {
            Some((_, mixtures)) => drop(mixtures.insert(thousandths(weights))),
            None => all.push((*scale, BTreeSet::from([thousandths(weights)]))),
        }
    }
    all.retain(|(_, mixtures)| mixtures.len() >= least);
    all.sort_by_cached_key(|(scale, _)| Ordered(scale.compute()));
    all.into_iter().map(|(scale, _)| scale).collect()
}

/// The next larger size than that at which runs say how mixtures differ, at most half of the target's; `None` where there are runs of one.
pub(super) fn rung(from: &Scale, scales: &[Scale], target: &Scale) -> Option<Scale> {
    if scales.iter().any(|scale| scale.compute() > SAME * from.compute()) {
        return None;
    }
    ladder(RUNG * from.params, target).into_iter().find(|scale| scale.compute() > from.compute())
}

/// Sizes from the smallest run to half of the target's, each twice the one before, at the target's tokens per parameter.
pub(super) fn ladder(smallest: f64, target: &Scale) -> Vec<Scale> {
    let mut sizes = Vec::new();
    let mut params = target.params / 2.0;
    while params >= smallest.max(1.0) && sizes.len() < 8 {
        sizes.push(Scale { tokens: target.tokens * params / target.params, ..target.with_params(params) });
        params /= 2.0;
    }
    sizes.reverse();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_size_is_above_that_of_the_swarm_and_is_not_offered_twice() {
        let (small, target) = (Scale::dense(2e7, 4e8), Scale::dense(2e8, 4e9));
        let ends: Vec<(Vec<f64>, Scale)> =
            (0..6).map(|i| (vec![0.1 * f64::from(i), 1.0 - 0.1 * f64::from(i)], small)).collect();
        assert_eq!(swarm_scales(&ends, 6), [small]);
        assert!(swarm_scales(&ends, 7).is_empty());
        let next = rung(&small, &[small], &target).unwrap();
        assert!(next.params > small.params && next.params <= 0.5 * target.params, "{next:?}");
        assert!((next.tokens / next.params - 20.0).abs() < 1e-9);
        assert_eq!(rung(&small, &[small, next], &target), None, "there are runs of one");
        assert_eq!(rung(&small, &[small], &Scale::dense(3e7, 6e8)), None, "the target is hardly larger");
    }
}
