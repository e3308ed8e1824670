//! Values of one metric by step, in little memory: a daemon keeps them of every run for as long as it watches.

use std::sync::Arc;

/// Values of one metric, one a step, steps ascending (what [`super::Series::latest`] leaves of a log). Shared: a clone
/// costs nothing.
///
/// In columns: steps that are evenly spaced take no room, and values that are decimals of a few digits or floats of 32 bits
/// take 4 bytes each; every value comes back bit for bit.
#[derive(Debug, Clone)]
pub struct StepSeries(Arc<Columns>);

#[derive(Debug)]
struct Columns {
    steps: Steps,
    values: Values,
}

#[derive(Debug)]
enum Steps {
    Even { first: i64, by: i64 },
    Each(Box<[i64]>),
}

#[derive(Debug)]
enum Values {
    /// Each over ten to this power.
    Decimal(usize, Box<[i32]>),
    Single(Box<[f32]>),
    Double(Box<[f64]>),
}

/// Powers of ten by which decimals are looked for; all are exact, so that an integer over one of them is the float nearest
/// to the decimal, which is what a parser makes of it.
const TEN: [f64; 13] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

impl StepSeries {
    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0.values {
            Values::Decimal(_, values) => values.len(),
            Values::Single(values) => values.len(),
            Values::Double(values) => values.len(),
        }
    }

    /// Whether there are no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Step and value at a place.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<(i64, f64)> {
        (place < self.len()).then(|| (self.0.steps.at(place), self.0.values.at(place)))
    }

    /// The newest step and its value.
    #[must_use]
    pub fn last(&self) -> Option<(i64, f64)> {
        self.get(self.len().checked_sub(1)?)
    }

    /// The place of the first point at a step or after it; the number of points where there is none.
    #[must_use]
    pub fn place_of(&self, step: i64) -> usize {
        let (mut from, mut until) = (0, self.len());
        while from < until {
            let middle = usize::midpoint(from, until);
            if self.0.steps.at(middle) < step { from = middle + 1 } else { until = middle }
        }
        from
    }

    /// Steps and values.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> + ExactSizeIterator + Clone + '_ {
        (0..self.len()).map(|place| (self.0.steps.at(place), self.0.values.at(place)))
    }

    /// Steps and values, in a list of their own.
    #[must_use]
    pub fn to_vec(&self) -> Vec<(i64, f64)> {
        self.iter().collect()
    }

    /// With more points behind; `None` where there are none yet or those are not at later steps.
    #[must_use]
    pub fn grown(&self, new: &[(i64, f64)]) -> Option<Self> {
        let last = self.last()?.0;
        if !(new.first()?.0 > last && new.is_sorted_by(|a, b| a.0 < b.0)) {
            return None;
        }
        let columns = self.0.steps.grown(self.len(), new).zip(self.0.values.grown(new));
        // What is new is of another kind: all is looked at again.
        let again = || self.iter().chain(new.iter().copied()).collect();
        Some(columns.map_or_else(again, |(steps, values)| Self(Arc::new(Columns { steps, values }))))
    }
}

impl Default for StepSeries {
    fn default() -> Self {
        Self::from(&[][..])
    }
}

impl From<&[(i64, f64)]> for StepSeries {
    fn from(points: &[(i64, f64)]) -> Self {
        Self(Arc::new(Columns { steps: Steps::of(points), values: Values::of(points) }))
    }
}

impl From<Vec<(i64, f64)>> for StepSeries {
    fn from(points: Vec<(i64, f64)>) -> Self {
        Self::from(points.as_slice())
    }
}

impl FromIterator<(i64, f64)> for StepSeries {
    fn from_iter<I: IntoIterator<Item = (i64, f64)>>(points: I) -> Self {
        Self::from(points.into_iter().collect::<Vec<_>>())
    }
}

/// Bit for bit: a value that is no number equals itself.
impl PartialEq for StepSeries {
    fn eq(&self, other: &Self) -> bool {
        let bits = |(step, value): (i64, f64)| (step, value.to_bits());
        Arc::ptr_eq(&self.0, &other.0) || self.len() == other.len() && self.iter().map(bits).eq(other.iter().map(bits))
    }
}

impl Steps {
    fn of(points: &[(i64, f64)]) -> Self {
        let first = points.first().map_or(0, |(step, _)| *step);
        let by = points.get(1).map_or(0, |(step, _)| step.wrapping_sub(first));
        if points.windows(2).all(|two| two[1].0.wrapping_sub(two[0].0) == by) {
            return Self::Even { first, by };
        }
        Self::Each(points.iter().map(|(step, _)| *step).collect())
    }

    fn at(&self, place: usize) -> i64 {
        match self {
            Self::Even { first, by } => first.wrapping_add(by.wrapping_mul(place as i64)),
            Self::Each(steps) => steps[place],
        }
    }

    /// With those of more points behind so many.
    fn grown(&self, len: usize, new: &[(i64, f64)]) -> Option<Self> {
        match self {
            Self::Even { first, by } => {
                let goes_on = new.iter().enumerate().all(|(i, (step, _))| *step == self.at(len + i));
                (len > 1 && goes_on).then_some(Self::Even { first: *first, by: *by })
            }
            Self::Each(steps) => {
                Some(Self::Each(steps.iter().copied().chain(new.iter().map(|(step, _)| *step)).collect()))
            }
        }
    }
}

impl Values {
    fn of(points: &[(i64, f64)]) -> Self {
        let mut power = Some(0);
        for (_, value) in points {
            // The first power that fits them all so far; those before it, which a higher one fits as well, are looked at below.
            power = power.and_then(|power| (power..TEN.len()).find(|power| decimal(*value, *power).is_some()));
        }
        let all = |power| points.iter().map(|(_, value)| decimal(*value, power)).collect::<Option<Box<[i32]>>>();
        if let Some((power, values)) = power.and_then(|power| Some((power, all(power)?))) {
            return Self::Decimal(power, values);
        }
        let single = points.iter().map(|(_, value)| single(*value)).collect::<Option<Box<[f32]>>>();
        single.map_or_else(|| Self::Double(points.iter().map(|(_, value)| *value).collect()), Self::Single)
    }

    fn at(&self, place: usize) -> f64 {
        match self {
            Self::Decimal(power, values) => f64::from(values[place]) / TEN[*power],
            Self::Single(values) => f64::from(values[place]),
            Self::Double(values) => values[place],
        }
    }

    /// With more behind; `None` where they are of another kind.
    fn grown(&self, new: &[(i64, f64)]) -> Option<Self> {
        let new = new.iter().map(|(_, value)| *value);
        match self {
            Self::Decimal(power, values) => {
                let new = new.map(|value| decimal(value, *power)).collect::<Option<Vec<_>>>()?;
                Some(Self::Decimal(*power, [values, new.as_slice()].concat().into()))
            }
            Self::Single(values) => {
                let new = new.map(single).collect::<Option<Vec<_>>>()?;
                Some(Self::Single([values, new.as_slice()].concat().into()))
            }
            Self::Double(values) => Some(Self::Double(values.iter().copied().chain(new).collect())),
        }
    }
}

/// The integer which, over a power of ten, is this value bit for bit.
fn decimal(value: f64, power: usize) -> Option<i32> {
    let scaled = (value * TEN[power]).round();
    if scaled.abs() > f64::from(i32::MAX) || scaled.is_nan() {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)]
    let integer = scaled as i32;
    ((f64::from(integer) / TEN[power]).to_bits() == value.to_bits()).then_some(integer)
}

/// The float of 32 bits that is this value bit for bit.
fn single(value: f64) -> Option<f32> {
    #[allow(clippy::cast_possible_truncation)]
    let single = value as f32;
    (f64::from(single).to_bits() == value.to_bits()).then_some(single)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points of every kind: what scripts print, what they compute in 32 and 64 bits, what is no number, steps of any spacing.
    fn kinds() -> Vec<Vec<(i64, f64)>> {
        let even = |value: fn(i64) -> f64| (0..50).map(|i| (100 * i, value(i))).collect::<Vec<_>>();
        let uneven = |value: fn(i64) -> f64| (0..50).map(|i| (i * i, value(i))).collect::<Vec<_>>();
        let printed = |i: i64| (23_450.0 + i as f64).round() / 1e4;
        let rate = |i: i64| 3.0 * (50 - i) as f64 / 1e6;
        let tokens = |i: i64| (i * 4_194_304) as f64;
        let wide = |i: i64| 2.0 + (i as f64).sqrt();
        let narrow = |i: i64| f64::from(2.0 + (i as f32).sqrt());
        let broken = |i: i64| if i < 40 { 2.5 } else { f64::NAN };
        let zeros = |i: i64| if i % 2 == 0 { 0.0 } else { -0.0 };
        let huge = |i: i64| if i == 7 { f64::INFINITY } else { 1e300 };
        let all = [printed, rate, tokens, wide, narrow, broken, zeros, huge];
        let mut kinds: Vec<_> = all.iter().flat_map(|value| [even(*value), uneven(*value)]).collect();
        kinds.extend([
            vec![],
            vec![(7, 1.5)],
            vec![(i64::MIN, 1.0), (i64::MAX, 2.0)],
            vec![(0, 5e-324), (1, 0.1 + 0.2)],
        ]);
        kinds
    }

    fn bits(points: impl IntoIterator<Item = (i64, f64)>) -> Vec<(i64, u64)> {
        points.into_iter().map(|(step, value)| (step, value.to_bits())).collect()
    }

    #[test]
    fn every_point_comes_back_bit_for_bit() {
        for points in kinds() {
            let series = StepSeries::from(points.clone());
            assert_eq!(bits(series.iter()), bits(points.clone()));
            assert_eq!(bits(series.last()), bits(points.last().copied()));
            assert_eq!((series.len(), series.get(points.len())), (points.len(), None));
            for step in points.iter().flat_map(|(step, _)| [step.saturating_sub(1), *step, step.saturating_add(1)]) {
                assert_eq!(series.place_of(step), points.partition_point(|(s, _)| *s < step));
            }
            assert!(series == StepSeries::from(points));
        }
    }

    #[test]
    fn a_series_that_grew_is_the_one_made_of_all() {
        for points in kinds() {
            for cut in 1..points.len() {
                let (before, after) = points.split_at(cut);
                let grown = StepSeries::from(before).grown(after).unwrap();
                assert_eq!(bits(grown.iter()), bits(points.clone()), "{cut}");
            }
        }
    }

    #[test]
    fn a_series_grows_only_where_steps_go_on() {
        let series = StepSeries::from(vec![(1, 1.0), (5, 0.5)]);
        let grown = series.grown(&[(6, 0.4), (9, 0.3)]).unwrap();
        assert_eq!(grown.to_vec(), [(1, 1.0), (5, 0.5), (6, 0.4), (9, 0.3)]);
        for new in
            [vec![(5, 0.4)], vec![(3, 0.4), (7, 0.3)], vec![(6, 0.4), (6, 0.3)], vec![(9, 0.4), (7, 0.3)], vec![]]
        {
            assert!(series.grown(&new).is_none(), "a restart, a correction, or nothing: {new:?}");
        }
        assert!(StepSeries::default().grown(&[(1, 1.0)]).is_none(), "what was there before is not known");
    }

    #[test]
    fn what_scripts_print_takes_four_bytes_a_point() {
        for points in kinds().into_iter().take(4) {
            let series = StepSeries::from(points);
            assert!(matches!(series.0.values, Values::Decimal(..)), "{series:?}");
        }
    }
}
