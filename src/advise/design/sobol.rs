//! Sobol points on the allowed mixtures: evenly spread in every dimension, the same for each seed.

use super::allowed::Allowed;
use super::error::DesignError;
use super::polytope::Polytope;
use crate::forecast::spread::{generator, uniform};

/// Polynomials and first direction numbers (S. Joe and F. Kuo 2008, new-joe-kuo-6), from the second dimension on: degree,
/// coefficients between the first and the last, and m₁, m₂, ….
const DIRECTIONS: [(u32, u32, &[u32]); 20] = [
    (1, 0, &[1]),
    (2, 1, &[1, 3]),
    (3, 1, &[1, 3, 1]),
    (3, 2, &[1, 1, 1]),
    (4, 1, &[1, 1, 3, 3]),
    (4, 4, &[1, 3, 5, 13]),
    (5, 2, &[1, 1, 5, 5, 17]),
    (5, 4, &[1, 1, 5, 5, 5]),
    (5, 7, &[1, 1, 7, 11, 19]),
    (5, 11, &[1, 1, 5, 1, 1]),
    (5, 13, &[1, 1, 1, 3, 11]),
    (5, 14, &[1, 3, 5, 5, 31]),
    (6, 1, &[1, 3, 3, 9, 7, 49]),
    (6, 13, &[1, 1, 1, 15, 21, 21]),
    (6, 16, &[1, 3, 1, 13, 27, 49]),
    (6, 19, &[1, 1, 1, 15, 7, 5]),
    (6, 22, &[1, 3, 1, 15, 13, 25]),
    (6, 25, &[1, 1, 5, 5, 19, 61]),
    (7, 1, &[1, 3, 7, 11, 23, 15, 103]),
    (7, 4, &[1, 3, 7, 13, 13, 15, 69]),
];
/// Most dimensions.
pub(super) const MOST: usize = DIRECTIONS.len() + 1;
const BITS: u32 = 32;

/// So many mixtures.
///
/// # Errors
/// More domains than there are dimensions for.
pub(super) fn mixtures(allowed: &Allowed, count: usize, seed: u64) -> Result<Vec<Vec<f64>>, DesignError> {
    let domains = allowed.ranges.low.len();
    if domains - 1 > MOST {
        return Err(DesignError::Dimensions { most: MOST + 1, have: domains });
    }
    Ok(points(domains - 1, count, seed).iter().map(|point| allowed.project(&inside(&allowed.ranges, point))).collect())
}

/// Points in the unit cube, shifted digit by digit by the seed, which keeps how even they are.
pub(super) fn points(dimensions: usize, count: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut random = generator(seed ^ 0x736f_626f_6c00);
    let shifts: Vec<u32> = (0..dimensions).map(|_| (uniform(&mut random) * 2f64.powi(32)) as u32).collect();
    let directions: Vec<[u32; BITS as usize]> = (0..dimensions).map(direction).collect();
    let mut state = vec![0_u32; dimensions];
    (0..count as u32)
        .map(|i| {
            if i > 0 {
                let bit = i.trailing_zeros() as usize;
                state.iter_mut().zip(&directions).for_each(|(x, v)| *x ^= v[bit]);
            }
            state.iter().zip(&shifts).map(|(x, shift)| (f64::from(x ^ shift) + 0.5) / 2f64.powi(32)).collect()
        })
        .collect()
}

/// The direction numbers of a dimension.
fn direction(dimension: usize) -> [u32; BITS as usize] {
    let mut v = [0_u32; BITS as usize];
    let Some((degree, coefficients, first)) = dimension.checked_sub(1).map(|at| DIRECTIONS[at]) else {
        for (i, v) in v.iter_mut().enumerate() {
            *v = 1 << (BITS - 1 - i as u32);
        }
        return v;
    };
    let s = degree as usize;
    for i in 0..BITS as usize {
        v[i] = match first.get(i) {
            Some(m) => m << (BITS - 1 - i as u32),
            None => {
                let mut value = v[i - s] ^ (v[i - s] >> s);
                for k in 1..s {
                    value ^= ((coefficients >> (s - 1 - k)) & 1) * v[i - k];
                }
                value
            }
        };
    }
    v
}

/// A point of the cube as a mixture: each weight in turn, by the distribution it has on the simplex of what is left, cut to
/// what the ranges of this and the later domains allow.
pub(super) fn inside(polytope: &Polytope, point: &[f64]) -> Vec<f64> {
    let domains = polytope.low.len();
    let mut weights = Vec::with_capacity(domains);
    let mut left = 1.0;
    for (i, u) in point.iter().enumerate() {
        let later = |of: &[f64]| of[i + 1..].iter().sum::<f64>();
        let least = polytope.low[i].max(left - later(&polytope.high));
        let most = polytope.high[i].min(left - later(&polytope.low)).max(least);
        // Above its own least weight, it shares what no least weight needs with those that come later.
        let free = (left - polytope.low[i] - later(&polytope.low)).max(1e-300);
        let power = (domains - 1 - i) as f64;
        let below = |w: f64| 1.0 - (1.0 - ((w - polytope.low[i]) / free).clamp(0.0, 1.0)).powf(power);
        let (from, to) = (below(least), below(most));
        let share = 1.0 - (1.0 - (from + u * (to - from))).max(0.0).powf(1.0 / power);
        let weight = (polytope.low[i] + free * share).clamp(least, most);
        weights.push(weight);
        left -= weight;
    }
    weights.push(left);
    weights
}
