//! Points that are not sealed yet: those of one commit, row by row, in file order.
//!
//! A live run brings one line at a time. Rewriting a block for each line would cost hundreds of times the bytes, so
//! lines are appended as groups, and sealed into blocks when enough have come together.

use super::bytes::{Reader, put, put_f64, put_signed};
use super::{MetricId, StoreError};

/// Most points in a group, so that a value stays small enough for sled's log.
pub const MAX_GROUP: usize = 512;

/// A point with its row, on its way into a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RowPoint {
    /// Record of the file, counted from 0.
    pub row: u64,
    /// Metric in the store.
    pub metric: MetricId,
    /// Optimiser step.
    pub step: i64,
    /// Milliseconds since 1970, where the log has times.
    pub time: Option<i64>,
    /// Value, as logged.
    pub value: f64,
}

/// As bytes. Points of one row share step and time.
#[must_use]
pub fn encode(points: &[RowPoint]) -> Vec<u8> {
    let mut out = Vec::with_capacity(points.len() * 10 + 16);
    let (mut row, mut step, mut time) = (0, 0, 0);
    for group in points.chunk_by(|a, b| a.row == b.row) {
        let first = &group[0];
        put(&mut out, first.row - row);
        put_signed(&mut out, first.step.wrapping_sub(step));
        match first.time {
            None => out.push(0),
            Some(t) => {
                out.push(1);
                put_signed(&mut out, t.wrapping_sub(time));
                time = t;
            }
        }
        (row, step) = (first.row, first.step);
        put(&mut out, group.len() as u64);
        for point in group {
            put(&mut out, u64::from(point.metric.0));
            put_f64(&mut out, point.value);
        }
    }
    out
}

/// From bytes, appended to `into`.
pub fn decode(bytes: &[u8], into: &mut Vec<RowPoint>) -> Result<(), StoreError> {
    let mut reader = Reader(bytes);
    let (mut row, mut step, mut time) = (0u64, 0i64, 0i64);
    while !reader.0.is_empty() {
        row = row.wrapping_add(reader.number()?);
        step = step.wrapping_add(reader.signed()?);
        let at = if reader.take(1)?[0] == 0 {
            None
        } else {
            time = time.wrapping_add(reader.signed()?);
            Some(time)
        };
        for _ in 0..reader.number()? {
            let metric = MetricId(reader.small()?);
            into.push(RowPoint { row, metric, step, time: at, value: reader.float()? });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn groups_come_back() {
        let point = |row, metric, step, time, value| RowPoint { row, metric: MetricId(metric), step, time, value };
        let points = vec![
            point(7, 3, 100, None, 1.0),
            point(7, 900, 100, None, f64::INFINITY),
            point(8, 3, 90, Some(1_700_000_000_000), -2.0),
            point(20, 3, i64::MIN, Some(0), 0.0),
        ];
        let mut back = Vec::new();
        decode(&encode(&points), &mut back).unwrap();
        assert_eq!(back, points);
    }

    proptest! {
        #[test]
        fn garbage_is_an_error_and_never_a_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes, &mut Vec::new());
        }
    }
}
