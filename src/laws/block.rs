//! Results for one block of rows.

use super::BLOCK;

/// Results for one block of rows; made once per search, so that the inner loop allocates nothing.
#[derive(Debug, Clone)]
pub struct Block {
    /// ln L̂ by row.
    pub ln_loss: [f64; BLOCK],
    /// Whether derivatives are asked for.
    pub wants_jacobian: bool,
    jacobian: Vec<f64>,
}

impl Block {
    /// Room for a law with this many parameters.
    #[must_use]
    pub fn new(parameters: usize) -> Self {
        let columns = parameters.next_multiple_of(Self::PADDING);
        Self { ln_loss: [0.0; BLOCK], wants_jacobian: true, jacobian: vec![0.0; columns * BLOCK] }
    }

    /// The Jacobian has zero columns up to a multiple of this many.
    pub const PADDING: usize = 4;

    /// Every column, [`BLOCK`] rows each.
    #[inline]
    #[must_use]
    pub fn jacobian(&self) -> &[f64] {
        &self.jacobian
    }

    /// Derivatives of ln L̂ by parameter `k`, for the first `rows` rows.
    #[inline]
    #[must_use]
    pub fn column(&self, k: usize, rows: usize) -> &[f64] {
        &self.jacobian[k * BLOCK..k * BLOCK + rows]
    }

    /// The same, to write to.
    #[inline]
    pub fn column_mut(&mut self, k: usize, rows: usize) -> &mut [f64] {
        &mut self.jacobian[k * BLOCK..k * BLOCK + rows]
    }

    /// Two different columns at once, `a` before `b`.
    #[inline]
    pub fn columns_mut(&mut self, a: usize, b: usize, rows: usize) -> (&mut [f64], &mut [f64]) {
        let (front, back) = self.jacobian.split_at_mut(b * BLOCK);
        (&mut front[a * BLOCK..a * BLOCK + rows], &mut back[..rows])
    }
}
