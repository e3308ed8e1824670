//! The speed-up of one family of models over another: how much more compute the other takes to the same loss.
//!
//! Of each family only the curve of its best runs counts: the least loss for the compute. Between two of its points, ln of
//! compute is taken to be linear in ln of loss. Artetxe et al., "Efficient Large Scale Language Modeling with Mixtures of
//! Experts", arXiv:2112.10684 (speedup factor); called η in MoMa, arXiv:2407.21770, and efficiency leverage in
//! arXiv:2507.17702. Nothing is fitted and nothing extrapolated: where the families share no loss there is no answer.

use super::LawInfo;
use crate::vocab::{Observation, Observations, Scale, SpeedUp};
use std::collections::BTreeMap;

/// What it is, for people.
pub static CARD: LawInfo = LawInfo {
    name: "speed-up",
    title: "Speed-up of mixture-of-experts models",
    form: "C_dense(L) / C_moe(L), ln C interpolated linearly in ln L between runs, C = 6·N_act·D",
    needs: "dense and mixture-of-experts runs that reach the same losses; active N, D",
    gives: "the compute of a dense model divided by that of a mixture-of-experts model with equal loss",
    source: "Artetxe et al. 2021, arXiv:2112.10684",
    caveats: &[
        "compares the runs as they are: tune and train both families equally well",
        "with a decaying learning rate, only final losses are comparable",
    ],
};

/// A point of a family: ln of compute and ln of loss.
pub(crate) type Point = (f64, f64);

/// How much more compute `slow` takes than `fast` to the same loss: the middle (geometric mean), least and most over the
/// losses that both reach, which are returned as well. Points are compute and loss, in any order. `None` where they share
/// no loss.
#[must_use]
pub fn speed_up(slow: &[(f64, f64)], fast: &[(f64, f64)]) -> Option<Factor> {
    let (slow, fast) = (front(slow), front(fast));
    // Losses fall along a front.
    let worst = slow.first()?.1.min(fast.first()?.1);
    let best = slow.last()?.1.max(fast.last()?.1);
    if best >= worst {
        return None;
    }
    const PLACES: usize = 33;
    let place = |i: usize| worst + (best - worst) * i as f64 / (PLACES - 1) as f64;
    // From the worst loss to the best.
    let ratios: Vec<f64> = (0..PLACES).filter_map(|i| Some(at(&slow, place(i))? - at(&fast, place(i))?)).collect();
    let mean = ratios.iter().sum::<f64>() / ratios.len().max(1) as f64;
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (!ratios.is_empty()).then(|| Factor {
        factor: mean.exp(),
        at_best: ratios[ratios.len() - 1].exp(),
        least: least.exp(),
        most: most.exp(),
        losses: (best.exp(), worst.exp()),
    })
}

/// What [`speed_up`] gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    /// Compute of the one over compute of the other; above 1 where the other is slower.
    pub factor: f64,
    /// At the least loss that both reach.
    pub at_best: f64,
    /// The least over the losses that both reach.
    pub least: f64,
    /// The most.
    pub most: f64,
    /// Least and most of those losses, nats.
    pub losses: (f64, f64),
}

/// The least loss for the compute, from cheap to dear.
pub(crate) fn front(points: &[(f64, f64)]) -> Vec<Point> {
    let positive = |v: f64| v.is_finite() && v > 0.0;
    let mut sorted: Vec<Point> =
        points.iter().filter(|(c, l)| positive(*c) && positive(*l)).map(|(c, l)| (c.ln(), l.ln())).collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut kept: Vec<Point> = Vec::new();
    for point in sorted {
        if kept.last().is_none_or(|last| point.1 < last.1) {
            kept.push(point);
        }
    }
    kept
}

/// ln of the compute at which a front reaches a loss.
pub(crate) fn at(front: &[Point], ln_loss: f64) -> Option<f64> {
    let after = front.partition_point(|p| p.1 > ln_loss + 1e-12);
    let high = front.get(after)?;
    let Some(low) = after.checked_sub(1).map(|i| front[i]) else { return Some(high.0) };
    Some(low.0 + (high.0 - low.0) * (low.1 - ln_loss) / (low.1 - high.1))
}

/// The speed-up of every shape with experts over the dense runs, for one loss, at each mixture that both were trained on;
/// empty where there are no two families.
#[must_use]
pub fn of_experts(data: &Observations) -> Vec<SpeedUp> {
    /// E, K and G, as bits: they are compared for being the same.
    type Shape = [u64; 3];
    type Points = Vec<(f64, f64)>;
    let mut mixtures: BTreeMap<Vec<i64>, BTreeMap<Shape, Points>> = BTreeMap::new();
    #[allow(clippy::cast_possible_truncation)]
    let key = |row: &Observation| row.mixture.iter().map(|w| (w * 1e4).round() as i64).collect();
    let shape = |row: &Observation| [row.experts, row.experts_per_token, row.granularity].map(|v| v.max(1.0).to_bits());
    for row in &data.rows {
        let families = mixtures.entry(key(row)).or_default();
        families.entry(shape(row)).or_default().push((Scale::of(row).compute(), row.loss));
    }
    let dense: Shape = [1.0_f64.to_bits(); 3];
    let all = mixtures.values().filter_map(|families| Some((families, families.get(&dense)?)));
    let all = all.flat_map(|(families, slow)| families.iter().map(move |(shape, points)| (slow, shape, points)));
    let of = |(slow, shape, points): (&Points, &Shape, &Points)| {
        let found = speed_up(slow, points)?;
        let [experts, experts_per_token, granularity] = shape.map(f64::from_bits);
        Some(SpeedUp {
            metric: data.metric.clone(),
            experts,
            experts_per_token,
            granularity,
            factor: found.factor,
            at_best: found.at_best,
            least: found.least,
            most: found.most,
            losses: [found.losses.0, found.losses.1],
        })
    };
    all.filter(|(_, shape, _)| **shape != dense).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_that_needs_half_the_compute_is_twice_as_fast() {
        let loss = |c: f64| 1.0 + 50.0 / c.powf(0.2);
        let dense: Vec<(f64, f64)> = (0..40).map(|i| 1e12 * 1.5_f64.powi(i)).map(|c| (c, loss(c))).collect();
        let mut moe: Vec<(f64, f64)> = (3..43).map(|i| 1e12 * 1.5_f64.powi(i)).map(|c| (c, loss(2.0 * c))).collect();
        // A bad run is not on the front.
        moe.push((1e15, 3.0));
        let found = speed_up(&dense, &moe).unwrap();
        assert!((found.factor - 2.0).abs() < 0.01 && found.least > 1.95 && found.most < 2.05, "{found:?}");
        let back = speed_up(&moe, &dense).unwrap();
        assert!((back.factor * found.factor - 1.0).abs() < 1e-9);
    }

    #[test]
    fn families_without_a_common_loss_are_not_compared() {
        assert_eq!(speed_up(&[(1e9, 3.0), (1e10, 2.9)], &[(1e9, 2.0), (1e10, 1.9)]), None);
        assert_eq!(speed_up(&[], &[(1e9, 2.0)]), None);
        assert_eq!(speed_up(&[(1e9, f64::NAN)], &[(1e9, 2.0)]), None);
    }
}
