//! Sums of many series over bins of steps, so that what is kept of them is bounded however long they are.
//!
//! Bins are of equal width, a power of two that grows with the run: there are at most [`BINS`] of them, and at least half as
//! many where there are so many steps. A sum is of 32 bits: of loads that are drawn, the seventh digit is not seen.

use std::ops::Range;

/// Most bins.
pub const BINS: usize = 320;

/// See the [module](self).
#[derive(Debug, Default, Clone)]
pub struct Grid {
    /// Step at which the first bin begins: as it may lie below all integers of 64 bits, in more.
    first: i128,
    /// A bin is two to this power of steps wide.
    shift: u32,
    /// Greatest step.
    high: Option<i64>,
    /// Of each series one after another, a sum and a number for each bin.
    sums: Vec<f32>,
    counts: Vec<u32>,
    /// The newest point of each series, which a later value at its step replaces.
    last: Vec<Option<(i64, f64)>>,
    /// Greatest step in each bin.
    newest: Vec<i64>,
}

impl Grid {
    /// For so many series, without points.
    #[must_use]
    pub fn of(series: usize) -> Self {
        Self {
            sums: vec![0.0; series * BINS],
            counts: vec![0; series * BINS],
            last: vec![None; series],
            newest: vec![i64::MIN; BINS],
            ..Self::default()
        }
    }

    /// Bins in use, from the first.
    #[must_use]
    pub fn used(&self) -> usize {
        self.high.map_or(0, |high| self.bin(high) + 1)
    }

    /// Adds points of a series that come after those it has.
    pub fn add(&mut self, series: usize, points: &[(i64, f64)]) {
        let steps = || points.iter().map(|point| point.0);
        let (Some(low), Some(high)) = (steps().min(), steps().max()) else { return };
        self.cover(low, high);
        for (step, value) in points {
            if let Some((before, replaced)) = self.last[series]
                && before == *step
                && replaced.is_finite()
            {
                let at = series * BINS + self.bin(before);
                self.sums[at] -= replaced as f32;
                self.counts[at] -= 1;
            }
            self.last[series] = Some((*step, *value));
            if value.is_finite() {
                let bin = self.bin(*step);
                let at = series * BINS + bin;
                self.sums[at] += *value as f32;
                self.counts[at] += 1;
                self.newest[bin] = self.newest[bin].max(*step);
            }
        }
    }

    /// Means of some series in at most so many columns of about the same width, without those that have no value; each with
    /// its greatest step. NaN where a series has none.
    #[must_use]
    pub fn columns(&self, series: Range<usize>, most: usize) -> Vec<(i64, Vec<f64>)> {
        let used = self.used();
        let count = most.min(used).max(1);
        let mut columns = Vec::with_capacity(count);
        for column in 0..count {
            let bins = (column * used).div_ceil(count)..((column + 1) * used).div_ceil(count);
            let of = |one: usize| {
                let at = one * BINS;
                let number: u32 = self.counts[at + bins.start..at + bins.end].iter().sum();
                let sum: f64 = self.sums[at + bins.start..at + bins.end].iter().map(|sum| f64::from(*sum)).sum();
                if number == 0 { f64::NAN } else { sum / f64::from(number) }
            };
            let means: Vec<f64> = series.clone().map(of).collect();
            if means.iter().any(|mean| !mean.is_nan()) {
                let newest = self.newest[bins.clone()].iter().max().copied().unwrap_or(i64::MIN);
                columns.push((newest, means));
            }
        }
        columns
    }

    fn bin(&self, step: i64) -> usize {
        ((i128::from(step) - self.first) >> self.shift) as usize
    }

    /// Sees to it that there are bins for steps from `low` to `high`.
    fn cover(&mut self, low: i64, high: i64) {
        let Some(before) = self.high else {
            (self.first, self.shift, self.high) = (i128::from(low), 0, Some(high));
            while self.bin(high) >= BINS {
                self.shift += 1;
            }
            return;
        };
        let used = self.used();
        let (first, shift) = (self.first, self.shift);
        let end = i128::from(high.max(before));
        loop {
            // Old bins lie whole within new ones: the beginning moves by widths of the new ones.
            let width = 1i128 << self.shift;
            let back = (first - i128::from(low)).max(0);
            self.first = first - (back + width - 1) / width * width;
            if (end - self.first) >> self.shift < BINS as i128 {
                break;
            }
            self.shift += 1;
        }
        self.high = Some(high.max(before));
        if (self.first, self.shift) == (first, shift) {
            return;
        }
        let moved: Vec<usize> =
            (0..used).map(|bin| ((first + ((bin as i128) << shift) - self.first) >> self.shift) as usize).collect();
        let (sums, counts) = (&mut self.sums, &mut self.counts);
        for (sums, counts) in sums.chunks_mut(BINS).zip(counts.chunks_mut(BINS)) {
            regrid(sums, &moved, |a, b| a + b, 0.0);
            regrid(counts, &moved, |a, b| a + b, 0);
        }
        regrid(&mut self.newest, &moved, i64::max, i64::MIN);
    }
}

/// Moves what is in bins to other ones, together where they meet.
fn regrid<T: Copy>(bins: &mut [T], moved: &[usize], both: impl Fn(T, T) -> T, none: T) {
    let mut after = [none; BINS];
    for (old, new) in bins.iter().zip(moved) {
        after[*new] = both(after[*new], *old);
    }
    bins.copy_from_slice(&after);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(a: f64, b: f64) -> bool {
        (a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-3
    }

    proptest! {
        /// However the points come, each column has the mean of the points whose steps lie in it, and no point is left out.
        #[test]
        fn columns_are_means_of_their_points(
            start in -5_000i64..5_000,
            gaps in prop::collection::vec((0i64..3_000, 0u8..8), 1..80),
            pieces in prop::collection::vec(1usize..20, 1..20),
            most in 1usize..400,
        ) {
            let mut step = start;
            let points: Vec<(i64, f64)> = gaps.iter().map(|(gap, value)| {
                step += gap / 7;
                (step, if *value == 7 { f64::NAN } else { f64::from(*value) })
            }).collect();
            let mut grid = Grid::of(2);
            let mut rest = points.as_slice();
            for piece in pieces.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (now, later) = rest.split_at(rest.len().min(*piece));
                grid.add(1, now);
                rest = later;
            }
            // Of a step that comes twice the later value counts.
            let mut kept: Vec<(i64, f64)> = Vec::new();
            for point in points {
                kept.retain(|known| known.0 != point.0);
                kept.push(point);
            }
            let finite: Vec<(i64, f64)> = kept.into_iter().filter(|point| point.1.is_finite()).collect();
            let columns = grid.columns(1..2, most);
            prop_assert!(columns.len() <= most && grid.used() <= BINS);
            let mut from = 0;
            for (newest, means) in &columns {
                let of: Vec<f64> = finite[from..].iter().take_while(|point| point.0 <= *newest).map(|point| point.1).collect();
                prop_assert!(close(means[0], of.iter().sum::<f64>() / of.len() as f64), "{columns:?} {finite:?}");
                from += of.len();
            }
            prop_assert_eq!(from, finite.len());
            prop_assert!(grid.columns(0..1, most).is_empty());
            let span = finite.last().map_or(0, |last| last.0 - finite[0].0);
            prop_assert!(span < BINS as i64 || grid.used() > BINS / 2 - 2, "{} bins for {span} steps", grid.used());
        }
    }

    #[test]
    fn a_series_that_begins_earlier_and_steps_at_the_ends_of_integers_find_their_bins() {
        let mut grid = Grid::of(2);
        grid.add(0, &(1_000..2_000).map(|step| (step, 1.0)).collect::<Vec<_>>());
        grid.add(1, &(0..2_000).map(|step| (step, 2.0)).collect::<Vec<_>>());
        let columns = grid.columns(0..2, 4);
        let means: Vec<&[f64]> = columns.iter().map(|column| column.1.as_slice()).collect();
        assert!(means[0][0].is_nan() && means[0][1] == 2.0 && means[3] == [1.0, 2.0], "{columns:?}");
        assert_eq!(grid.counts.iter().sum::<u32>(), 3_000);
        grid.add(0, &[(i64::MAX, 3.0)]);
        grid.add(1, &[(i64::MIN, 3.0)]);
        assert_eq!(grid.counts.iter().sum::<u32>(), 3_002);
        assert_eq!(grid.columns(0..2, 3).last().map(|column| column.1[0]), Some(3.0));
    }
}
