//! Search for the best mixture in a region: a grid of 0.001 with two domains, a seeded search with more. Mixtures are looked at
//! many at a time, as laws are worked out for many places faster than for one, and limits only where the objective is lower than
//! the lowest so far. Deterministic.

mod rounding;

use super::hull::{blend, pick, random_shares, toward};
use super::probability::distance;
use super::region::Region;
use crate::forecast::spread::{generator, uniform};
use crate::vocab::Ordered;
use rand_xoshiro::Xoshiro256PlusPlus;

/// What a round of steps must lower the objective by, as a part of it, to be followed by one with steps as long. Laws that are
/// sums of steps are lowered a little by almost every round.
const HELPS: f64 = 1e-5;
/// Steps downhill; where a law has a slope, so many lead to within a thousandth of its optimum.
const SLIDES: usize = 120;
/// Places from which the search goes on, of all that it began with.
const STARTS: usize = 4;
/// Mixtures that differ by less of the weight are led to by one slope.
const SAME: f64 = 1e-2;
/// Corners of least and of most slope that weight is moved between.
const PAIRED: usize = 16;
/// Less weight than this is not moved.
const FINEST: f64 = 1e-5;
/// Random steps that are tried from one place before the best of them is taken.
const TRIES: usize = 24;
/// Mixtures of lower objective whose limits are looked at together, the lowest first.
const TOGETHER: usize = 8;

/// A function of several mixtures: one value for each.
pub(super) type Each<'p> = &'p (dyn Fn(&[Vec<f64>]) -> Vec<f64> + Sync);

/// What is sought. All functions take weights in the order of the region's ranges.
#[derive(Clone, Copy)]
pub(super) struct Problem<'p> {
    pub region: &'p Region,
    /// To be minimised, nats.
    pub objective: Each<'p>,
    /// The worst ln(loss / limit) over the limits; at most 0 where all hold. −∞ where there are none.
    pub excess: Each<'p>,
    /// The objective with its corners rounded over a part of it, where it has corners.
    pub rounded: Option<Rounded<'p>>,
    pub seed: u64,
}

/// An objective of several mixtures, with its corners rounded over a part of it.
pub(super) type Rounded<'p> = &'p (dyn Fn(&[Vec<f64>], f64) -> Vec<f64> + Sync);

/// Parts over which corners are rounded, one after the other: a slope says little beside a corner, and the optimum of what is
/// rounded over a small part is near that of what is not.
const ROUNDED: [f64; 4] = [1e-2, 1e-3, 1e-4, 1e-5];

/// More than any limit is exceeded by: what leaves the region is worse than whatever exceeds a limit, as limits are wished for, and bounds,
/// supply, groups and the distance from the mixture in use are not to be left.
const LEFT: f64 = 1e6;

/// Weights, how far outside the limits they are (0 inside), and the objective there. Ordered: what is in the region, or
/// leaves it less, is better, then what breaks a limit less, then what is lower.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BestMixture {
    pub weights: Vec<f64>,
    pub breach: f64,
    pub objective: f64,
}

impl BestMixture {
    fn better(&self, other: &Self) -> bool {
        self.breach < other.breach || (self.breach <= other.breach && self.objective < other.objective)
    }
}

/// A mixture as shares of the region's corners, with what it comes to.
pub(super) type Found = (Vec<f64>, BestMixture);

impl Problem<'_> {
    /// The best mixture of the region: within the limits where any is, otherwise the one that breaks them least. `None`
    /// only where the fitted losses are not finite anywhere.
    pub fn solve(&self) -> Option<BestMixture> {
        self.solve_from().map(|(_, best)| best)
    }

    /// The same with the exact shares of the corners, from which [`Problem::near`] can go on; none with two domains.
    pub fn solve_from(&self) -> Option<(Option<Vec<f64>>, BestMixture)> {
        let found = match self.region.ranges.len() {
            2 => (None, self.lattice()?),
            _ => {
                let (shares, best) = self.descend()?;
                (Some(shares), self.thousandth(best))
            }
        };
        Some(found).filter(|(_, found)| found.objective.is_finite() && found.breach.is_finite())
    }

    /// The best mixture near to where another problem's search has ended, by steps of so much weight and less.
    pub fn near(&self, shares: Vec<f64>, step: f64) -> Found {
        let (shares, weights) = self.region.place(shares);
        let start = self.look_at(weights);
        let found = self.polish((shares, start), step, &mut generator(self.seed));
        self.round_corners(self.slide(found, SLIDES / 4))
    }

    /// Whether one of the places that a search begins at is better.
    pub fn is_beaten(&self, best: &BestMixture) -> bool {
        let places = self.starts(&mut generator(self.seed)).into_iter();
        self.best_of(places, best).is_some()
    }

    fn look(&self, all: Vec<Vec<f64>>) -> Vec<BestMixture> {
        let (objective, excess) = ((self.objective)(&all), (self.excess)(&all));
        let one = |((weights, objective), excess): ((Vec<f64>, f64), f64)| {
            let breach = match self.region.outside(&weights) {
                outside if outside > 0.0 => LEFT * (1.0 + outside),
                _ => finite(excess).max(0.0),
            };
            BestMixture { weights, breach, objective: finite(objective) }
        };
        all.into_iter().zip(objective).zip(excess).map(one).collect()
    }

    fn look_at(&self, weights: Vec<f64>) -> BestMixture {
        self.look(vec![weights]).swap_remove(0)
    }

    /// The best of several that is better than what is there already, with its index.
    fn best_beyond(&self, all: Vec<Vec<f64>>, than: &BestMixture) -> Option<(usize, BestMixture)> {
        if than.breach > 0.0 {
            let found = self.look(all).into_iter().enumerate();
            let best = found.reduce(|best, next| if next.1.better(&best.1) { next } else { best })?;
            return best.1.better(than).then_some(best);
        }
        let objective = (self.objective)(&all);
        let mut lower: Vec<usize> =
            (0..all.len()).filter(|i| objective[*i] < than.objective && self.region.outside(&all[*i]) <= 0.0).collect();
        lower.sort_by_cached_key(|i| Ordered(objective[*i]));
        for some in lower.chunks(TOGETHER) {
            let mixtures: Vec<Vec<f64>> = some.iter().map(|i| all[*i].clone()).collect();
            let excess = (self.excess)(&mixtures);
            if let Some(at) = excess.iter().position(|excess| *excess <= 0.0) {
                let found = BestMixture { weights: mixtures[at].clone(), breach: 0.0, objective: objective[some[at]] };
                return Some((some[at], found));
            }
        }
        None
    }

    /// Downhill from the best of many places, then towards and away from the region's corners and between them, with steps that
    /// halve when nothing helps. Working in weights over corners keeps every mixture inside their hull without a test for it.
    fn descend(&self) -> Option<Found> {
        let mut random = generator(self.seed);
        let starts = self.starts(&mut random).into_iter();
        let (shares, weights): (Vec<_>, Vec<_>) = starts.map(|shares| self.region.place(shares)).unzip();
        let mut starts: Vec<Found> = shares.into_iter().zip(self.look(weights)).collect();
        starts.sort_by_cached_key(|(_, found)| (Ordered(found.breach), Ordered(found.objective)));
        starts.truncate(STARTS);
        let mut best: Option<Found> = None;
        for start in starts {
            let slid = self.slide(start, SLIDES / 4);
            // Where a slope leads to what is found already, and no lower, random steps would find it again.
            let is_known = |best: &Found| distance(&best.1.weights, &slid.1.weights) < SAME && !slid.1.better(&best.1);
            if best.as_ref().is_some_and(is_known) {
                continue;
            }
            let found = self.polish(slid, 0.5, &mut random);
            best = best.filter(|best| !found.1.better(&best.1)).or(Some(found));
        }
        Some(self.round_corners(self.slide(best?, SLIDES)))
    }

    /// Shares of the corners that a search begins with: the corners themselves, their mean, and what lies between a few of them.
    fn starts(&self, random: &mut Xoshiro256PlusPlus) -> Vec<Vec<f64>> {
        let count = self.region.corners.len();
        let corner = |corner| (0..count).map(|i| f64::from(u8::from(i == corner))).collect();
        let mut starts: Vec<Vec<f64>> = (0..count).map(corner).collect();
        starts.push(vec![1.0 / count as f64; count]);
        starts.extend((0..(40 * self.region.ranges.len()).min(1000)).map(|_| random_shares(count, random)));
        starts
    }

    /// Downhill: weight goes from the corner along which the objective falls least to the one along
    /// which it falls most, as far as that helps (Frank–Wolfe steps between pairs of corners). A law that is flat between its
    /// steps has no slope, and ends it.
    fn slide(&self, (mut shares, mut best): Found, steps: usize) -> Found {
        const NUDGE: f64 = 1e-6;
        let corners = &self.region.corners;
        for _ in 0..steps {
            let here = blend(corners, &shares);
            let mut places = vec![here.clone(); here.len() + 1];
            (0..here.len()).for_each(|i| places[i][i] += NUDGE);
            let mut slope = (self.objective)(&places);
            let Some(base) = slope.pop() else { break };
            slope.iter_mut().for_each(|value| *value = (*value - base) / NUDGE);
            let slopes: Vec<f64> = corners.iter().map(|c| c.iter().zip(&slope).map(|(c, s)| c * s).sum()).collect();
            if slopes.iter().any(|s| !s.is_finite()) {
                break;
            }
            let Some((to, from, room)) = self.way((&shares, &best), &slopes, 1e-7 * base.abs()) else { break };
            let steps = std::iter::successors(Some(room), |step| Some(0.5 * step)).take_while(|step| *step > FINEST);
            let moved = steps.map(|step| {
                let mut trial = shares.clone();
                trial[from] -= step;
                trial[to] += step;
                trial
            });
            match self.best_of(moved, &best) {
                Some(found) => (shares, best) = found,
                None => break,
            }
        }
        (shares, best)
    }

    /// The pair of corners along which the objective falls most, to and from, with how much weight there is room to move. What stands at the
    /// end of a range goes no further, and what else falls is led to all the same.
    fn way(&self, (shares, best): (&[f64], &BestMixture), slopes: &[f64], least: f64) -> Option<(usize, usize, f64)> {
        let corners = &self.region.corners;
        let mut to: Vec<usize> = (0..corners.len()).collect();
        let mut from: Vec<usize> = (0..corners.len()).filter(|i| shares[*i] > FINEST).collect();
        to.sort_by_cached_key(|i| Ordered(slopes[*i]));
        from.sort_by_cached_key(|i| std::cmp::Reverse(Ordered(slopes[*i])));
        to.truncate(PAIRED);
        from.truncate(PAIRED);
        // From outside, what matters is to get nearer.
        let is_inside = best.breach <= 0.0;
        let room = |from: &[f64], to: &[f64]| if is_inside { self.region.room(&best.weights, from, to) } else { 1.0 };
        let falls = |to: usize, from: usize| slopes[from] - slopes[to];
        let pairs = to.iter().flat_map(|to| from.iter().map(move |from| (*to, *from)));
        pairs
            .filter(|(to, from)| to != from && falls(*to, *from) > least)
            .map(|(to, from)| (to, from, shares[from].min(room(&corners[from], &corners[to]))))
            .filter(|(.., room)| *room > FINEST)
            .max_by_key(|(to, from, _)| Ordered(falls(*to, *from)))
    }

    /// The best of several places that is better than what is there already.
    fn best_of(&self, trials: impl Iterator<Item = Vec<f64>>, than: &BestMixture) -> Option<Found> {
        let (mut shares, weights): (Vec<_>, Vec<_>) = trials.map(|trial| self.region.place(trial)).unzip();
        let (index, found) = self.best_beyond(weights, than)?;
        Some((shares.swap_remove(index), found))
    }

    /// The optimum of an objective with corners, by way of rounder ones.
    fn round_corners(&self, from: Found) -> Found {
        let Some(rounded) = self.rounded else { return from };
        let mut best = from;
        let mut shares = best.0.clone();
        for width in ROUNDED {
            let objective = |mixtures: &[Vec<f64>]| rounded(mixtures, width);
            let problem = Problem { objective: &objective, rounded: None, ..*self };
            let (_, weights) = self.region.place(shares.clone());
            let start = problem.look_at(weights);
            shares = problem.slide((shares, start), SLIDES).0;
            let found = self.look_at(self.region.place(shares.clone()).1);
            if found.better(&best.1) {
                best = (shares.clone(), found);
            }
        }
        best
    }

    fn polish(&self, (mut shares, mut best): Found, mut step: f64, random: &mut Xoshiro256PlusPlus) -> Found {
        let count = self.region.corners.len();
        let rounds = (6 * self.region.ranges.len()).div_ceil(TRIES);
        let mut way: Option<Vec<f64>> = None;
        while step > 1e-4 {
            let mut helped = false;
            for _ in 0..rounds {
                // Where a step has helped, another like it may.
                let further =
                    way.take().into_iter().flat_map(|way| [0.5, 1.0, 2.0].map(|part| beyond(&shares, &way, part)));
                let mut trials: Vec<Vec<f64>> = further.collect();
                for attempt in 0..TRIES {
                    trials.push(match attempt % 3 {
                        0 => toward(&shares, &pick_share(count, random), step),
                        1 => exchange(&shares, step, random),
                        _ => toward(&shares, &random_shares(count, random), step * uniform(random)),
                    });
                }
                let Some((next, found)) = self.best_of(trials.into_iter(), &best) else { continue };
                let lower = best.objective - found.objective > HELPS * best.objective.abs();
                helped |= lower || found.breach < best.breach;
                way = Some(next.iter().zip(&shares).map(|(next, last)| next - last).collect());
                (shares, best) = (next, found);
            }
            if !helped {
                step *= 0.5;
            }
        }
        (shares, best)
    }
}

/// What is not a number is the worst there is.
fn finite(x: f64) -> f64 {
    if x.is_nan() { f64::INFINITY } else { x }
}

/// So much more of a way, with shares that stay shares.
fn beyond(shares: &[f64], way: &[f64], part: f64) -> Vec<f64> {
    let mut moved: Vec<f64> = shares.iter().zip(way).map(|(share, way)| (share + part * way).max(0.0)).collect();
    let sum: f64 = moved.iter().sum();
    moved.iter_mut().for_each(|share| *share /= sum);
    moved
}

/// A function of one mixture, for several.
#[cfg(test)]
pub(super) fn each(of: impl Fn(&[f64]) -> f64 + Sync) -> impl Fn(&[Vec<f64>]) -> Vec<f64> + Sync {
    move |mixtures| mixtures.iter().map(|weights| of(weights)).collect()
}

/// Moves up to `step` from one corner that has a share to another.
fn exchange(shares: &[f64], step: f64, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut moved = shares.to_vec();
    let held: Vec<usize> = (0..shares.len()).filter(|i| shares[*i] > 0.0).collect();
    let from = held[pick(held.len(), random)];
    let to = pick(shares.len(), random);
    let amount = step.min(moved[from]);
    moved[from] -= amount;
    moved[to] += amount;
    moved
}

fn pick_share(count: usize, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut shares = vec![0.0; count];
    shares[pick(count, random)] = 1.0;
    shares
}

#[cfg(test)]
mod tests;
