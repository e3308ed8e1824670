//! Gram matrices (sums of products over rows), the most expensive part of fits with many parameters.
//!
//! Sums run in lanes of fixed number, so that their rounding does not depend on how wide the machine is.

use crate::laws::simd::vectorised;
use crate::laws::{BLOCK, Block};

/// Partial sums per product.
const LANES: usize = 4;
/// Columns that are multiplied with each other at a time: as many as keep their sums in registers.
const DOWN: usize = 2;
const ACROSS: usize = Block::PADDING;

/// Σ w·J Jᵀ, Σ ψ·J and Σ v·J² over blocks of rows.
pub(super) struct Gram {
    parameters: usize,
    /// Columns of the Jacobian times the rows' weights; then ψ; then zeros to a whole number of tiles.
    scaled: Vec<f64>,
    /// The sums of products of every scaled column (down) and every column (across) up to it.
    sums: Vec<[f64; LANES]>,
    across: usize,
    touching: Vec<[f64; LANES]>,
}

impl Gram {
    pub(super) fn new(parameters: usize) -> Self {
        let (down, across) = ((parameters + 1).next_multiple_of(DOWN), parameters.next_multiple_of(ACROSS));
        Self {
            parameters,
            scaled: vec![0.0; down * BLOCK],
            sums: vec![[0.0; LANES]; down * across],
            across,
            touching: vec![[0.0; LANES]; parameters],
        }
    }

    pub(super) fn clear(&mut self) {
        self.sums.fill([0.0; LANES]);
        self.touching.fill([0.0; LANES]);
    }

    /// Adds the first `n` rows of a block.
    pub(super) fn add(
        &mut self,
        block: &mut Block,
        n: usize,
        psi: &[f64; BLOCK],
        weight: &[f64; BLOCK],
        touching: &[f64; BLOCK],
    ) {
        vectorised(
            #[inline(always)]
            || {
                let (p, padded) = (self.parameters, n.next_multiple_of(LANES));
                let (columns, _) = self.scaled.as_chunks_mut::<BLOCK>();
                let (weight, touching) = (padding(weight, n), padding(touching, n));
                for (k, scaled) in columns[..p].iter_mut().enumerate() {
                    let column = block.column_mut(k, padded);
                    column[n..].fill(0.0);
                    let mut squares = [0.0; LANES];
                    let groups = padded / LANES;
                    let (s, j) =
                        (&mut scaled.as_chunks_mut::<LANES>().0[..groups], &column.as_chunks::<LANES>().0[..groups]);
                    let (w, v) = (&weight.as_chunks::<LANES>().0[..groups], &touching.as_chunks::<LANES>().0[..groups]);
                    for i in 0..groups {
                        for lane in 0..LANES {
                            s[i][lane] = j[i][lane] * w[i][lane];
                            squares[lane] += v[i][lane] * j[i][lane] * j[i][lane];
                        }
                    }
                    self.touching[k].iter_mut().zip(squares).for_each(|(sum, square)| *sum += square);
                }
                columns[p][..n].copy_from_slice(&psi[..n]);
                columns[p][n..padded].fill(0.0);
                let columns: &[[f64; BLOCK]] = columns;
                let (jacobian, _) = block.jacobian().as_chunks::<BLOCK>();
                for down in (0..=p).step_by(DOWN) {
                    for across in (0..=(down + DOWN - 1).min(self.across - 1)).step_by(ACROSS) {
                        let (a, b) = (&columns[down..down + DOWN], &jacobian[across..across + ACROSS]);
                        tile(&mut self.sums, self.across, down * self.across + across, a, b, padded / LANES);
                    }
                }
            },
        );
    }

    /// Σ w·J_k·J_l, l ≤ k.
    pub(super) fn of(&self, k: usize, l: usize) -> f64 {
        total(&self.sums[k * self.across + l])
    }

    /// Σ ψ·J_k.
    pub(super) fn with_psi(&self, k: usize) -> f64 {
        total(&self.sums[self.parameters * self.across + k])
    }

    /// Σ v·J_k².
    pub(super) fn touching(&self, k: usize) -> f64 {
        total(&self.touching[k])
    }
}

/// Adds the products of every column of `a` with every column of `b`, over their first `lanes`·[`LANES`] rows, to `sums`
/// from `at` on, rows of which are `stride` apart.
#[inline(always)]
fn tile(sums: &mut [[f64; LANES]], stride: usize, at: usize, a: &[[f64; BLOCK]], b: &[[f64; BLOCK]], lanes: usize) {
    let mut own = [[[0.0; LANES]; ACROSS]; DOWN];
    // Filled in loops, not by `from_fn` or `zip`: where parts of the crate are optimised apart, what those call is not inlined
    // here, and a length that is not seen costs a check for every product.
    let mut left: [&[[f64; LANES]]; DOWN] = [&[]; DOWN];
    for r in 0..DOWN {
        left[r] = &a[r].as_chunks().0[..lanes];
    }
    let mut right: [&[[f64; LANES]]; ACROSS] = [&[]; ACROSS];
    for c in 0..ACROSS {
        right[c] = &b[c].as_chunks().0[..lanes];
    }
    for i in 0..lanes {
        for r in 0..DOWN {
            for c in 0..ACROSS {
                for lane in 0..LANES {
                    own[r][c][lane] += left[r][i][lane] * right[c][i][lane];
                }
            }
        }
    }
    for r in 0..DOWN {
        let sums = &mut sums[at + r * stride..][..ACROSS];
        for c in 0..ACROSS {
            for lane in 0..LANES {
                sums[c][lane] += own[r][c][lane];
            }
        }
    }
}

/// A column with zeros from `n` on.
#[inline(always)]
fn padding(column: &[f64; BLOCK], n: usize) -> [f64; BLOCK] {
    let mut padded = *column;
    padded[n..].fill(0.0);
    padded
}

fn total(lanes: &[f64; LANES]) -> f64 {
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

/// The inner product.
#[inline(always)]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (x, y) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += x[i] * y[i];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

/// The sum.
#[inline(always)]
pub(super) fn sum(a: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, rest) = a.as_chunks::<8>();
    for x in a {
        for i in 0..8 {
            sums[i] += x[i];
        }
    }
    sums.iter().sum::<f64>() + rest.iter().sum::<f64>()
}
