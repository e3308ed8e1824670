//! Summaries of ranges of a series, so that a chart of a long series reads only a few hundred of them.
//!
//! They are made from blocks when asked for. Kept beside each block they were half of all records in the store.

/// Points in a stretch of the coarse level.
pub const COARSE: usize = 256;
/// Points in a stretch of the fine level.
pub const FINE: usize = 16;

/// A stretch of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rollup {
    /// Step of its first point.
    pub first_step: i64,
    /// Step of its last point.
    pub last_step: i64,
    /// Points in it.
    pub points: u32,
    /// Points in it whose value is finite.
    pub finite: u32,
    /// Least finite value; NaN where there is none.
    pub min: f64,
    /// Greatest finite value; NaN where there is none.
    pub max: f64,
    /// Mean of the finite values; NaN where there is none.
    pub mean: f64,
    /// Value of its last point, as logged.
    pub last: f64,
}

impl Rollup {
    /// Of points in order. `None` where there are none.
    #[must_use]
    pub fn of(steps: &[i64], values: &[f64]) -> Option<Self> {
        let (first_step, last_step, last) = (*steps.first()?, *steps.last()?, *values.last()?);
        let finite = values.iter().copied().filter(|v| v.is_finite());
        let count = finite.clone().count();
        Some(Self {
            first_step,
            last_step,
            points: values.len() as u32,
            finite: count as u32,
            min: finite.clone().reduce(f64::min).unwrap_or(f64::NAN),
            max: finite.clone().reduce(f64::max).unwrap_or(f64::NAN),
            mean: if count == 0 { f64::NAN } else { finite.sum::<f64>() / count as f64 },
            last,
        })
    }

    /// Of two stretches, one after the other.
    #[must_use]
    pub fn join(&self, next: &Self) -> Self {
        let finite = self.finite + next.finite;
        let mean = match (self.finite, next.finite) {
            (_, 0) => self.mean,
            (0, _) => next.mean,
            (a, b) => (self.mean * f64::from(a) + next.mean * f64::from(b)) / f64::from(finite),
        };
        Self {
            first_step: self.first_step,
            last_step: next.last_step,
            points: self.points + next.points,
            finite,
            min: self.min.min(next.min),
            max: self.max.max(next.max),
            mean,
            last: next.last,
        }
    }
}

/// Stretches of at most `size` points.
pub fn stretches(steps: &[i64], values: &[f64], size: usize) -> impl Iterator<Item = Rollup> {
    steps.chunks(size.max(1)).zip(values.chunks(size.max(1))).filter_map(|(s, v)| Rollup::of(s, v))
}

/// Joins neighbours until at most `most` stretches are left.
#[must_use]
pub fn thin(rollups: Vec<Rollup>, most: usize) -> Vec<Rollup> {
    let by = rollups.len().div_ceil(most.max(1));
    if by <= 1 {
        return rollups;
    }
    rollups.chunks(by).filter_map(|c| c.iter().copied().reduce(|a, b| a.join(&b))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_say_what_is_in_them_and_come_back() {
        let steps: Vec<i64> = (0..600).map(|i| i * 10).collect();
        let mut values: Vec<f64> = (0..600).map(f64::from).collect();
        values[3] = f64::NAN;
        values[599] = f64::INFINITY;
        let rollups: Vec<Rollup> = stretches(&steps, &values, COARSE).collect();
        assert_eq!(rollups.len(), 3);
        assert_eq!((rollups[0].first_step, rollups[0].last_step, rollups[0].finite), (0, 2550, 255));
        assert_eq!((rollups[2].min, rollups[2].max, rollups[2].last), (512.0, 598.0, f64::INFINITY));
        let joined = thin(rollups, 1);
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        assert_eq!((joined[0].points, joined[0].finite), (600, 598));
        assert!((joined[0].mean - finite.iter().sum::<f64>() / 598.0).abs() < 1e-9);
    }

    #[test]
    fn a_stretch_of_nan_is_nan_and_harms_no_neighbour() {
        let nan = Rollup::of(&[1, 2], &[f64::NAN, f64::NAN]).unwrap();
        assert!(nan.mean.is_nan() && nan.min.is_nan() && nan.finite == 0);
        let two = Rollup::of(&[3], &[2.0]).unwrap();
        for joined in [nan.join(&two), two.join(&nan)] {
            assert_eq!((joined.min, joined.max, joined.mean), (2.0, 2.0, 2.0));
        }
    }
}
