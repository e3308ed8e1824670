//! Compressed blocks: the values of each series, and the rows, steps and times that they share.
//!
//! A training script logs many metrics on one line. Their series then have the same rows, steps and times, which are
//! kept once, as an *axis*, and referred to by the *blocks* of values.

use super::StoreError;
use super::bytes::{Reader, put};
use super::column::{floats, from_millis, integers, put_floats, put_integers, put_times, times};
use std::ops::Range;

/// Most points in a block.
pub const MAX_BLOCK: usize = 768;
/// A block with fewer points is open: the next seal takes it up again.
pub const MIN_BLOCK: usize = 256;

/// Where the points of a block are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axis {
    /// Record of the file each point comes from, counted from 0.
    pub rows: Vec<i64>,
    /// Optimiser steps.
    pub steps: Vec<i64>,
    /// Milliseconds since 1970, where the log has times.
    pub times: Vec<Option<i64>>,
}

impl Axis {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put(&mut out, self.rows.len() as u64);
        put_integers(&mut out, &self.rows);
        put_integers(&mut out, &self.steps);
        put_times(&mut out, &self.times);
        out
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader(bytes);
        let n = points(&mut reader)?;
        Ok(Self { rows: integers(&mut reader, n)?, steps: integers(&mut reader, n)?, times: times(&mut reader, n)? })
    }

    /// A stretch of it.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let Self { rows, steps, times } = self;
        Self { rows: rows[range.clone()].into(), steps: steps[range.clone()].into(), times: times[range].into() }
    }

    /// Time of a point in seconds since 1970, NaN where unknown.
    #[must_use]
    pub fn wall(&self, index: usize) -> f64 {
        from_millis(self.times[index])
    }
}

/// Values of one series, and the axis they lie on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Block {
    /// Sequence number of the axis within the file.
    pub axis: u32,
    /// Values, as logged.
    pub values: Vec<f64>,
}

impl Block {
    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut reader = Reader(bytes);
        let n = points(&mut reader)?;
        Ok(Self { axis: reader.small()?, values: floats(&mut reader, n)? })
    }
}

/// A block as bytes: values, and the sequence number of the axis they lie on.
#[must_use]
pub fn encode(axis: u32, values: &[f64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * 3 + 16);
    put(&mut out, values.len() as u64);
    put(&mut out, u64::from(axis));
    put_floats(&mut out, values);
    out
}

/// A number of points, refused before memory is asked for it.
fn points(reader: &mut Reader) -> Result<usize, StoreError> {
    match reader.number()? {
        n if n <= 2 * MAX_BLOCK as u64 => Ok(n as usize),
        n => Err(StoreError::Damaged(format!("a block with {n} points"))),
    }
}

/// How many points go into each block, for `n` points in a row: none above [`MAX_BLOCK`], and none below [`MIN_BLOCK`]
/// but a last one that stays open.
#[must_use]
pub fn cut(n: usize) -> Vec<usize> {
    let mut left = n;
    let mut sizes = Vec::with_capacity(n / MAX_BLOCK + 2);
    while left > MAX_BLOCK {
        // Leave enough for another whole block, rather than a rest that every later seal would have to take up again.
        let size = if left < MAX_BLOCK + MIN_BLOCK { left - MIN_BLOCK } else { MAX_BLOCK };
        sizes.push(size);
        left -= size;
    }
    if left > 0 {
        sizes.push(left);
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_axes_come_back() {
        let axis = Axis { rows: vec![0, 1, 3], steps: vec![10, 20, 15], times: vec![None, Some(5), None] };
        assert_eq!(Axis::decode(&axis.encode()).unwrap(), axis);
        let block = Block { axis: 7, values: vec![1.5, f64::INFINITY, -0.0] };
        assert_eq!(Block::decode(&encode(block.axis, &block.values)).unwrap(), block);
    }

    #[test]
    fn cuts_leave_only_the_last_block_open() {
        for n in 0..5000 {
            let sizes = cut(n);
            assert_eq!(sizes.iter().sum::<usize>(), n);
            assert!(sizes.iter().all(|s| *s <= MAX_BLOCK));
            assert!(sizes.iter().rev().skip(1).all(|s| *s >= MIN_BLOCK), "{n}: {sizes:?}");
        }
    }
}
