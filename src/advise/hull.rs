//! Points between corners: a mixture as shares of the corners that it lies between.

use crate::forecast::spread::uniform;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The mixture that shares of the corners make.
pub(super) fn blend(corners: &[Vec<f64>], shares: &[f64]) -> Vec<f64> {
    let mut weights = vec![0.0; corners[0].len()];
    for (corner, share) in corners.iter().zip(shares).filter(|(_, s)| **s > 0.0) {
        weights.iter_mut().zip(corner).for_each(|(w, c)| *w += share * c);
    }
    weights
}

/// So much of the way from one to the other.
pub(super) fn toward(shares: &[f64], to: &[f64], step: f64) -> Vec<f64> {
    shares.iter().zip(to).map(|(s, t)| s + step * (t - s)).collect()
}

/// Uniform on the simplex over a handful of corners: over all of many, a draw would always be near their mean.
pub(super) fn random_shares(count: usize, random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let mut shares = vec![0.0; count];
    for _ in 0..count.min(4) {
        let level: f64 = 1.0 - uniform(random);
        shares[pick(count, random)] -= level.ln();
    }
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|s| *s /= sum.max(f64::MIN_POSITIVE));
    shares
}

/// One of so many, each as likely.
pub(super) fn pick(count: usize, random: &mut Xoshiro256PlusPlus) -> usize {
    ((uniform(random) * count as f64) as usize).min(count - 1)
}
