//! Dirichlet swarms around natural shares, as RegMix (arXiv:2407.01492) and Olmix (arXiv:2602.12237) draw them.

use super::allowed::Allowed;
use super::sobol::inside;
use crate::forecast::spread::{generator, normal_quantile, uniform};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Strengths, from draws that favour single domains to draws near the shares.
const STRENGTHS: (f64, f64) = (0.1, 5.0);
/// No weight is more than so many times the natural share.
const MOST_TIMES: f64 = 15.0;
/// A weight below this is none.
const FLOOR: f64 = 2e-4;
/// Draws for one mixture before any that is allowed is taken.
const TRIES: usize = 200;
/// Two mixtures closer than this are one.
const SAME: f64 = 1e-3;

/// So many mixtures. `temperature`: the power of the shares that is drawn around; its strength goes evenly in its logarithm
/// through [`STRENGTHS`].
pub(super) fn draw(prior: &[f64], temperature: f64, allowed: &Allowed, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = generator(seed ^ 0x7377_6172_6d00);
    let powers: Vec<f64> = prior.iter().map(|share| share.powf(temperature)).collect();
    let sum: f64 = powers.iter().sum();
    let most: Vec<f64> = prior.iter().map(|share| (MOST_TIMES * share).min(1.0)).collect();
    // Where these limits leave nothing of what is allowed, they do not count.
    let within = allowed.below(&most, prior).unwrap_or_else(|| allowed.clone());
    let mut drawn: Vec<Vec<f64>> = Vec::with_capacity(count);
    for i in 0..count {
        // In an order in which any first part goes through all strengths.
        let part = ((i as f64 + 0.5) * 0.618_033_988_749_895).fract();
        let strength = (STRENGTHS.0.ln() + part * (STRENGTHS.1 / STRENGTHS.0).ln()).exp();
        let alpha: Vec<f64> = powers.iter().map(|power| strength * power / sum).collect();
        let is_new = |drawn: &[Vec<f64>], weights: &[f64]| {
            within.contains(weights) && drawn.iter().all(|known| !same(known, weights))
        };
        let mut one = || floored(dirichlet(&alpha, &mut random));
        let mut first = (0..TRIES).map(|_| one()).find(|weights| is_new(&drawn, weights));
        if first.is_none() && !within.is_box() {
            // Hardly any draw has a share to the last digit; scaled to it, a draw is one of those that have.
            first = (0..TRIES).map(|_| within.project(&one())).find(|weights| is_new(&drawn, weights));
        }
        // Where bounds leave hardly anything of the distribution, any allowed mixture is as good.
        let weights = first.unwrap_or_else(|| {
            let point: Vec<f64> = (1..prior.len()).map(|_| uniform(&mut random)).collect();
            inside(&within.ranges, &point)
        });
        drawn.push(within.project(&weights));
    }
    drawn
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() < 2.0 * SAME
}

fn floored(weights: Vec<f64>) -> Vec<f64> {
    let kept: Vec<f64> = weights.into_iter().map(|w| if w < FLOOR { 0.0 } else { w }).collect();
    let sum: f64 = kept.iter().sum();
    kept.into_iter().map(|w| w / sum).collect()
}

/// A draw from a Dirichlet distribution. In logarithms: with parameters of a thousandth, all gammas would be 0.
fn dirichlet(alpha: &[f64], random: &mut Xoshiro256PlusPlus) -> Vec<f64> {
    let logs: Vec<f64> = alpha.iter().map(|a| ln_gamma_draw(*a, random)).collect();
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let parts: Vec<f64> = logs.iter().map(|log| (log - most).exp()).collect();
    let sum: f64 = parts.iter().sum();
    parts.into_iter().map(|part| part / sum).collect()
}

/// ln of a draw from a gamma distribution (Marsaglia and Tsang 2000), of any parameter above 0.
fn ln_gamma_draw(alpha: f64, random: &mut Xoshiro256PlusPlus) -> f64 {
    let open = |random: &mut Xoshiro256PlusPlus| uniform(random).max(1e-300);
    if alpha < 1.0 {
        let boost = open(random).ln() / alpha.max(1e-12);
        return ln_gamma_draw(alpha + 1.0, random) + boost;
    }
    let d = alpha - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal_quantile(open(random).min(1.0 - 1e-16));
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && open(random).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return (d * v).ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_have_the_means_and_variances_of_the_distribution() {
        let alpha = [0.9, 0.3, 0.05, 2.5];
        let (sum, count) = (alpha.iter().sum::<f64>(), 200_000);
        let mut random = generator(5);
        let draws: Vec<Vec<f64>> = (0..count).map(|_| dirichlet(&alpha, &mut random)).collect();
        for (i, a) in alpha.iter().enumerate() {
            let mean = draws.iter().map(|d| d[i]).sum::<f64>() / f64::from(count);
            let variance = draws.iter().map(|d| (d[i] - mean).powi(2)).sum::<f64>() / f64::from(count);
            let (share, expected) = (a / sum, a * (sum - a) / (sum * sum * (sum + 1.0)));
            assert!((mean - share).abs() < 4.0 * (expected / f64::from(count)).sqrt(), "{i}: {mean} {share}");
            assert!((variance / expected - 1.0).abs() < 0.1, "{i}: {variance} {expected}");
        }
        let tiny = dirichlet(&[1e-3, 1e-3], &mut random);
        assert!(tiny.iter().all(|w| w.is_finite()) && (tiny.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
