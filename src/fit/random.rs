//! Seeded random numbers, equal on every machine and with any number of threads.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A generator of its own for each piece of work: piece `index` of seed `seed` draws the same numbers whoever runs it.
pub(super) struct Random(Xoshiro256PlusPlus);

impl Random {
    pub(super) fn new(seed: u64, index: u64) -> Self {
        // An odd multiplier keeps distinct (seed, index) pairs distinct before the seed is spread over the state.
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Uniform in [low, high).
    pub(super) fn uniform(&mut self, low: f64, high: f64) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let unit = (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        low + (high - low) * unit
    }

    /// Uniform in 0..bound; 0 where bound is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        // Multiply-shift: the bias is below bound / 2⁶⁴.
        let wide = u128::from(self.0.next_u64()) * bound as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }
}
