//! Quantiles, and fixed noise samples shared by all predictions.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// The `p` quantile of ascending values, linear between neighbours; NaN where there are none.
#[must_use]
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = p.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (at - below as f64)
}

/// Values in ascending order; those that are not numbers go last.
#[must_use]
pub fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The median; NaN where there are none.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let (low, middle, _) = values.select_nth_unstable_by(last.div_ceil(2), f64::total_cmp);
    let above = *middle;
    if last % 2 == 0 {
        return above;
    }
    let below = low.iter().copied().max_by(f64::total_cmp).unwrap_or(above);
    below + (above - below) * 0.5
}

/// The `p` quantile of the standard normal distribution (Acklam's rational approximation, relative error below 2e-9).
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let horner = |c: &[f64], x: f64| c.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |q: f64| horner(&C, q) / (horner(&D, q) * q + 1.0);
    if p.is_nan() || p <= 0.0 || p >= 1.0 {
        return if p <= 0.0 {
            f64::NEG_INFINITY
        } else if p >= 1.0 {
            f64::INFINITY
        } else {
            f64::NAN
        };
    }
    if p < 0.024_25 {
        tail((-2.0 * p.ln()).sqrt())
    } else if p > 1.0 - 0.024_25 {
        -tail((-2.0 * (1.0 - p).ln()).sqrt())
    } else {
        let q = p - 0.5;
        horner(&A, q * q) * q / (horner(&B, q * q) * q * q + 1.0)
    }
}

/// Generator of everything random here: the same seed gives the same numbers on every platform.
#[must_use]
pub fn generator(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

/// A number in `[0, 1)`.
pub fn uniform(random: &mut Xoshiro256PlusPlus) -> f64 {
    (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// The midpoints of `count` equal parts of `[0, 1]`, shuffled. Stratified, so that a few hundred of them carry quantiles
/// to a fraction of a percent.
#[must_use]
pub fn shuffled_levels(count: usize, seed: u64) -> Vec<f64> {
    let mut random = generator(seed);
    let mut levels: Vec<f64> = (0..count).map(|i| (i as f64 + 0.5) / count as f64).collect();
    for i in (1..count).rev() {
        let j = (uniform(&mut random) * (i + 1) as f64) as usize;
        levels.swap(i, j);
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_the_normal_are_those_of_the_tables() {
        for (p, z) in [(0.5, 0.0), (0.95, 1.644_853_627), (0.05, -1.644_853_627), (0.999, 3.090_232_306)] {
            assert!((normal_quantile(p) - z).abs() < 1e-8, "{p}");
        }
        assert!(normal_quantile(f64::NAN).is_nan());
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
    }

    #[test]
    fn quantiles_are_linear_between_values_and_nan_of_nothing() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!(quantile(&[7.0], 0.1), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
        assert!(median(Vec::new()).is_nan());
        let values = [3.0, -1.0, 2.5, 1e300, 2.5, 0.0, 7.0];
        for n in 1..=values.len() {
            assert_eq!(median(values[..n].to_vec()), quantile(&sorted(values[..n].to_vec()), 0.5), "of {n}");
        }
        assert_eq!(median(vec![f64::INFINITY, 1.0, f64::NEG_INFINITY]), 1.0);
    }

    #[test]
    fn levels_are_the_same_for_the_same_seed_and_cover_the_unit_interval() {
        let levels = shuffled_levels(100, 7);
        assert_eq!(levels, shuffled_levels(100, 7));
        assert_ne!(levels, shuffled_levels(100, 8));
        assert!((levels.iter().sum::<f64>() / 100.0 - 0.5).abs() < 1e-12);
    }
}
