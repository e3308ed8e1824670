//! Logged values: single points and series.

use super::number::NotFinite;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One logged value, as exported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Name of the run.
    pub run: String,
    /// Key of the metric, as in the log.
    pub metric: String,
    /// Optimiser step.
    pub step: i64,
    /// The value; `null` in JSON if it is not finite, with the reason in `status`.
    #[serde(with = "super::number::nullable")]
    #[schemars(with = "Option<f64>")]
    pub value: f64,
    /// `nan`, `inf` or `-inf` if the value is not finite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub status: Option<NotFinite>,
    /// Number of restarts before this point: 0 before the first restart.
    pub segment: u32,
    /// The file the point was read from, relative to the run.
    pub file: String,
}

impl Point {
    /// The value, with NaN and infinities restored after JSON.
    #[must_use]
    pub fn number(&self) -> f64 {
        self.status.map_or(self.value, NotFinite::value)
    }
}

/// A logged value whose metric is an index into a separate list of keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RawPoint {
    /// Index into the list of keys.
    pub metric: u32,
    /// Optimiser step.
    pub step: i64,
    /// Value; NaN and infinities as logged.
    pub value: f64,
    /// Seconds since 1970, NaN where the log has no time.
    pub wall: f64,
}

/// Values of one metric of one run, in log order. All columns have the same length.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Optimiser steps; not sorted if the run was restarted.
    pub steps: Vec<i64>,
    /// Values; NaN and infinities are kept as logged.
    pub values: Vec<f64>,
    /// Seconds since 1970, NaN where the log has no time.
    pub walls: Vec<f64>,
    /// Segment of each point: increases by one at each restart (the step goes back).
    pub segments: Vec<u32>,
    /// Index of the file of each point, in the store's numbering.
    pub files: Vec<u32>,
}

impl Series {
    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Steps and values for charts and fits, sorted by step. A restart at step s replaces everything that older segments
    /// have at or after s.
    #[must_use]
    pub fn latest(&self) -> Vec<(i64, f64)> {
        let mut kept: Vec<(i64, f64)> = Vec::with_capacity(self.len());
        let mut segment = None;
        for i in 0..self.len() {
            let step = self.steps[i];
            if segment != Some(self.segments[i]) {
                segment = Some(self.segments[i]);
                let from = kept.partition_point(|(s, _)| *s < step);
                kept.truncate(from);
            }
            match kept.last_mut() {
                // The same step logged twice in one segment: the later line is the correction.
                Some(last) if last.0 == step => last.1 = self.values[i],
                _ => kept.push((step, self.values[i])),
            }
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_supersedes_what_it_repeats_and_what_it_abandons() {
        let series = Series {
            steps: vec![0, 10, 20, 30, 15, 20],
            values: vec![5.0, 4.0, 3.0, 2.0, 3.4, 3.1],
            walls: vec![f64::NAN; 6],
            segments: vec![0, 0, 0, 0, 1, 1],
            files: vec![0; 6],
        };
        assert_eq!(series.latest(), vec![(0, 5.0), (10, 4.0), (15, 3.4), (20, 3.1)]);
    }
}
