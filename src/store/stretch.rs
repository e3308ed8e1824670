//! Points of a file in its order, row by row, on their way to blocks by series.
//!
//! A log repeats its lines: the same series in the same order, be they three or eight thousand. What a row consists of is its
//! *shape*, which is kept once; of a row there are then only its values. So a point costs two comparisons and eight bytes, the
//! statistics of a series are brought up to date once for all rows of a shape, and series of one shape share their rows.

use super::column::{from_millis, to_millis};
use super::state::FileState;
use super::tail::RowPoint;
use crate::vocab::RawPoint;
use std::collections::HashMap;
use std::sync::Arc;

/// Rows with their values.
#[derive(Debug, Default)]
pub struct Stretch {
    rows: Vec<Row>,
    values: Vec<f64>,
    /// Places of columns in the file, in the order of the points.
    shapes: Vec<Arc<[u32]>>,
}

/// What the points of one record share.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Record of the file, counted from 0.
    pub row: u64,
    /// Optimiser step.
    pub step: i64,
    /// Milliseconds since 1970, where the log has times.
    pub time: Option<i64>,
    shape: u32,
    /// Where its values begin.
    at: usize,
}

impl Stretch {
    /// Points.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The row of this number within the stretch.
    pub fn row(&self, number: u32) -> &Row {
        &self.rows[number as usize]
    }

    /// The points one by one.
    pub fn points<'a>(&'a self, file: &'a FileState) -> impl Iterator<Item = RowPoint> + 'a {
        self.rows.iter().flat_map(move |row| {
            let shape = &self.shapes[row.shape as usize];
            shape.iter().zip(&self.values[row.at..]).map(move |(place, value)| RowPoint {
                row: row.row,
                metric: file.columns[*place as usize].metric,
                step: row.step,
                time: row.time,
                value: *value,
            })
        })
    }

    /// How many points of each column: the places of columns, and the points.
    pub fn counts(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        let mut rows = vec![0; self.shapes.len()];
        self.rows.iter().for_each(|row| rows[row.shape as usize] += 1);
        self.shapes.iter().zip(rows).flat_map(|(shape, rows)| shape.iter().map(move |place| (*place as usize, rows)))
    }

    /// Counts the points in the file's statistics.
    pub fn count(&self, file: &mut FileState) {
        let FileState { record, columns, .. } = file;
        for alike in self.rows.chunk_by(|a, b| a.shape == b.shape) {
            let (first, last) = (&alike[0], &alike[alike.len() - 1]);
            let starts = |row: &Row| record.restarts_until(row.row);
            let back = |two: &[Row]| two[1].step < two[0].step || starts(&two[1]) != starts(&two[0]);
            let backs = alike.windows(2).filter(|two| back(two)).count() as u32;
            let (begin, end) = (starts(first), starts(last));
            for (place, value) in self.shapes[first.shape as usize].iter().zip(&self.values[last.at..]) {
                let column = &mut columns[*place as usize];
                column.add(first.step, *value, last.time, begin);
                column.points += alike.len() as u64 - 1;
                column.backs += backs;
                (column.last_step, column.restarts) = (last.step, end);
            }
        }
    }

    /// The same points by column, for a file with so many.
    pub fn by_column(&self, columns: usize) -> ByColumn<'_> {
        let mut rows = vec![Vec::new(); self.shapes.len()];
        (0u32..).zip(&self.rows).for_each(|(number, row)| rows[row.shape as usize].push(number));
        let mut ends = vec![0usize; columns + 1];
        let in_use = || self.shapes.iter().enumerate().filter(|(shape, _)| !rows[*shape].is_empty());
        for place in in_use().flat_map(|(_, shape)| shape.iter()) {
            ends[*place as usize + 1] += 1;
        }
        for place in 0..columns {
            ends[place + 1] += ends[place];
        }
        let mut next = ends.clone();
        let mut found = vec![(0, 0); ends[columns]];
        for (number, shape) in in_use() {
            for (at, place) in (0u32..).zip(shape.iter()) {
                let slot = &mut next[*place as usize];
                found[*slot] = (number as u32, at);
                *slot += 1;
            }
        }
        ByColumn { all: self, rows, ends, found }
    }
}

/// See [`Stretch::by_column`].
pub struct ByColumn<'a> {
    all: &'a Stretch,
    /// Numbers of the rows of each shape.
    rows: Vec<Vec<u32>>,
    /// For each column, where its places begin in `found`.
    ends: Vec<usize>,
    /// A shape that has the column, and where.
    found: Vec<(u32, u32)>,
}

impl ByColumn<'_> {
    /// Whether a column has points.
    pub fn has(&self, place: usize) -> bool {
        self.ends[place] < self.ends[place + 1]
    }

    /// All of them.
    pub fn points(&self) -> usize {
        self.all.len()
    }

    /// Whether two columns have points on the same rows, as far as that is told without a look at them.
    pub fn alike(&self, one: usize, other: usize) -> bool {
        let shapes = |place: usize| self.found[self.ends[place]..self.ends[place + 1]].iter().map(|(shape, _)| *shape);
        shapes(one).eq(shapes(other))
    }

    /// The numbers of the rows of a column, in the order of the file.
    pub fn rows(&self, place: usize, rows: &mut Vec<u32>) {
        rows.clear();
        match &self.found[self.ends[place]..self.ends[place + 1]] {
            [(shape, _)] => rows.extend_from_slice(&self.rows[*shape as usize]),
            several => rows.extend(self.merged(several).into_iter().map(|(row, _)| row)),
        }
    }

    /// Appends the values of a column, in the order of the file.
    pub fn values(&self, place: usize, values: &mut Vec<f64>) {
        let value = |row: u32, at: u32| self.all.values[self.all.rows[row as usize].at + at as usize];
        match &self.found[self.ends[place]..self.ends[place + 1]] {
            [(shape, at)] => values.extend(self.rows[*shape as usize].iter().map(|row| value(*row, *at))),
            several => values.extend(self.merged(several).into_iter().map(|(row, at)| value(row, at))),
        }
    }

    /// Rows of several shapes, each with the place of the column in it.
    fn merged(&self, several: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let of_shape = |&(shape, at): &(u32, u32)| self.rows[shape as usize].iter().map(move |row| (*row, at));
        let mut all: Vec<(u32, u32)> = several.iter().flat_map(of_shape).collect();
        // A row has one shape: no row comes twice.
        all.sort_unstable();
        all
    }
}

/// A stretch in the making.
#[derive(Debug, Default)]
pub struct Rows {
    done: Stretch,
    known: HashMap<Arc<[u32]>, u32>,
    /// The shape that came after each one last.
    follows: Vec<u32>,
    /// The shape of the row before the newest one.
    last: Option<u32>,
    /// Columns of the newest row, where its shape is still to be found.
    open: Vec<u32>,
}

impl Rows {
    /// Room for so many points.
    pub fn with_capacity(points: usize) -> Self {
        Self { done: Stretch { values: Vec::with_capacity(points), ..Stretch::default() }, ..Self::default() }
    }

    /// Begins a record of the file.
    pub fn row(&mut self, row: u64, step: i64, time: Option<i64>) {
        self.close();
        self.done.rows.push(Row { row, step, time, shape: u32::MAX, at: self.done.values.len() });
    }

    /// Adds a point to the newest record, which has none of this column yet.
    #[inline]
    pub fn point(&mut self, place: u32, value: f64) {
        self.open.push(place);
        self.done.values.push(value);
    }

    /// The shape that is expected of the next record: the one that came after that of the newest.
    pub fn expected(&mut self) -> Option<(u32, Arc<[u32]>)> {
        self.close();
        let shape = self.follows[self.last? as usize];
        Some((shape, Arc::clone(&self.done.shapes[shape as usize])))
    }

    /// Adds a record of a shape that is known.
    pub fn whole(&mut self, row: u64, step: i64, time: Option<i64>, shape: u32, values: impl Iterator<Item = f64>) {
        self.close();
        self.done.rows.push(Row { row, step, time, shape, at: self.done.values.len() });
        self.done.values.extend(values);
        self.goes_on(shape);
    }

    /// Adds points as they were logged, the first of them on row `row`. Points belong to one row while step and time are the
    /// same and no column comes twice; before each of `restarts`, indices into the points, another one begins. `column` says
    /// which of so many `columns` a point is of; `restarted` is told of rows at which training started again. Returns the row
    /// after the last, and whether training starts again there.
    pub fn split(
        &mut self,
        points: &[RawPoint],
        mut restarts: &[usize],
        mut row: u64,
        columns: usize,
        column: impl Fn(&RawPoint) -> u32,
        mut restarted: impl FnMut(u64),
    ) -> (u64, bool) {
        let mut seen = vec![u64::MAX; columns];
        let mut at = 0;
        while let Some(first) = points.get(at) {
            if restarts.first().is_some_and(|next| *next <= at) {
                restarts = &restarts[restarts.iter().take_while(|next| **next <= at).count()..];
                restarted(row);
            }
            let until = restarts.first().map_or(points.len(), |next| points.len().min(*next));
            let (step, wall, time) = (first.step, first.wall.to_bits(), to_millis(first.wall));
            let same = |point: &RawPoint| {
                point.step == step && (point.wall.to_bits() == wall || to_millis(point.wall) == time)
            };
            // As the row before made it likely, without a look at which columns came already …
            let likely = self.expected().and_then(|(shape, columns)| {
                let of_row = points[at..until].get(..columns.len())?;
                let is = |(point, place): (&RawPoint, &u32)| {
                    (column(point) == *place) & (point.step == step) & (point.wall.to_bits() == wall)
                };
                let more = |next: &RawPoint| same(next) && !columns.contains(&column(next));
                let whole = of_row.iter().zip(columns.iter()).all(is)
                    && !points[at + columns.len()..until].first().is_some_and(more);
                whole.then_some((shape, of_row))
            });
            if let Some((shape, of_row)) = likely {
                self.whole(row, step, time, shape, of_row.iter().map(|point| point.value));
                at += of_row.len();
            } else {
                // … or point by point.
                self.row(row, step, time);
                while let Some(point) = points[..until].get(at)
                    && same(point)
                    && std::mem::replace(&mut seen[column(point) as usize], row) != row
                {
                    self.point(column(point), point.value);
                    at += 1;
                }
            }
            row += 1;
        }
        (row, !restarts.is_empty())
    }

    /// Adds points of a tail group.
    pub fn tail(&mut self, points: &[RowPoint], file: &mut FileState) {
        for point in points {
            if self.done.rows.last().is_none_or(|last| last.row != point.row) {
                self.row(point.row, point.step, point.time);
            }
            let place = file.column(point.metric);
            self.point(place as u32, point.value);
        }
    }

    /// Adds what came later in the file.
    pub fn append(&mut self, later: &Stretch) {
        self.close();
        let shapes: Vec<u32> = later.shapes.iter().map(|shape| self.shape(shape)).collect();
        let at = self.done.values.len();
        let moved = |row: &Row| Row { shape: shapes[row.shape as usize], at: row.at + at, ..*row };
        self.done.rows.extend(later.rows.iter().map(moved));
        self.done.values.extend_from_slice(&later.values);
        self.last = self.done.rows.last().map(|row| row.shape);
    }

    /// All of it.
    pub fn done(mut self) -> Stretch {
        self.close();
        self.done
    }

    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let columns = std::mem::take(&mut self.open);
        let expected = self.last.map(|last| self.follows[last as usize]);
        let shape = match expected.filter(|shape| self.done.shapes[*shape as usize][..] == columns[..]) {
            Some(shape) => shape,
            None => self.shape(&columns),
        };
        if let Some(row) = self.done.rows.last_mut() {
            row.shape = shape;
        }
        self.open = columns;
        self.open.clear();
        self.goes_on(shape);
    }

    fn goes_on(&mut self, shape: u32) {
        if let Some(last) = self.last {
            self.follows[last as usize] = shape;
        }
        self.last = Some(shape);
    }

    /// The number of a shape, new where it is not known.
    fn shape(&mut self, columns: &[u32]) -> u32 {
        if let Some(known) = self.known.get(columns) {
            return *known;
        }
        let (number, columns) = (self.done.shapes.len() as u32, Arc::<[u32]>::from(columns));
        self.known.insert(Arc::clone(&columns), number);
        self.done.shapes.push(columns);
        // Most logs have lines of one kind.
        self.follows.push(number);
        number
    }
}

/// Points of several pieces of one file, by rows, with metrics as the file numbers them: a quarter of what they take one by one,
/// so that lines with thousands of numbers can wait until there are blocks of them.
#[derive(Debug, Default)]
pub struct Gathered {
    made: Rows,
    /// Rows before which training started again.
    restarts: Vec<u64>,
    /// One more than the greatest metric.
    metrics: usize,
}

impl Gathered {
    /// Points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.made.done.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.made.done.is_empty()
    }

    /// Adds the points of the next whole records; `restarts` are indices into them.
    pub fn add(&mut self, points: &[RawPoint], restarts: &[usize]) {
        let metrics = points.iter().map(|point| point.metric as usize + 1).max();
        self.metrics = self.metrics.max(metrics.unwrap_or(0));
        let first = self.made.done.rows.len() as u64;
        let Self { made, restarts: of_rows, metrics } = self;
        let (next, late) = made.split(points, restarts, first, *metrics, |point| point.metric, |row| of_rows.push(row));
        if late {
            of_rows.push(next);
        }
        made.close();
    }

    /// The first time that is known, in seconds since 1970.
    #[must_use]
    pub fn began(&self) -> Option<f64> {
        self.made.done.rows.iter().find_map(|row| row.time).map(|time| from_millis(Some(time)))
    }

    /// The metrics that have points, some of them more than once, in order of first appearance.
    pub fn metrics(&self) -> impl Iterator<Item = u32> + '_ {
        self.made.done.shapes.iter().flat_map(|shape| shape.iter().copied())
    }

    /// The points one by one, times to the millisecond, and the indices before which training started again.
    #[must_use]
    pub fn points(&self) -> (Vec<RawPoint>, Vec<usize>) {
        let all = &self.made.done;
        let mut points = Vec::with_capacity(all.len());
        for row in &all.rows {
            let shape = &all.shapes[row.shape as usize];
            let wall = from_millis(row.time);
            let of = |(metric, value): (&u32, &f64)| RawPoint { metric: *metric, step: row.step, value: *value, wall };
            points.extend(shape.iter().zip(&all.values[row.at..]).map(of));
        }
        let at = |row: &u64| all.rows.get(*row as usize).map_or(all.len(), |row| row.at);
        let restarts = self.restarts.iter().map(at).collect();
        (points, restarts)
    }

    /// The same in columns of a file whose next row is `first`, and the rows at which training started again. Itself where a
    /// row has two values of one column, as two metrics are kept under one name.
    ///
    /// # Errors
    /// See above; nothing is wrong with it.
    pub(super) fn placed(mut self, places: &[u32], first: u64) -> Result<(Stretch, Vec<u64>), Box<Self>> {
        let place = |metric: &u32| places[*metric as usize];
        let placed: Vec<Arc<[u32]>> = self.made.done.shapes.iter().map(|s| s.iter().map(place).collect()).collect();
        let twice = |shape: &Arc<[u32]>| {
            let mut sorted = shape.to_vec();
            sorted.sort_unstable();
            sorted.windows(2).any(|two| two[0] == two[1])
        };
        if placed.iter().any(twice) {
            return Err(Box::new(self));
        }
        self.made.done.shapes = placed;
        self.made.done.rows.iter_mut().for_each(|row| row.row += first);
        let restarts = self.restarts.iter().map(|row| row + first).collect();
        Ok((self.made.done, restarts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Points of a column: rows and values.
    type Column = (Vec<u32>, Vec<f64>);

    proptest! {
        /// Whatever rows consist of, and however they came in, each column has its points in their order.
        #[test]
        fn columns_have_the_points_of_their_rows(
            rows in prop::collection::vec(prop::collection::btree_set(0u32..6, 1..6), 0..40),
            cut in 0usize..40,
            back in any::<bool>(),
        ) {
            let mut expected: Vec<Column> = vec![Column::default(); 6];
            let mut parts = [Rows::default(), Rows::default()];
            let mut value = 0.0;
            for (number, places) in rows.iter().enumerate() {
                let part = &mut parts[usize::from(number >= cut)];
                let places: Vec<u32> = if back { places.iter().rev().copied().collect() } else { places.iter().copied().collect() };
                let values: Vec<f64> = places.iter().map(|_| { value += 1.0; value }).collect();
                for (place, value) in places.iter().zip(&values) {
                    expected[*place as usize].0.push(number as u32);
                    expected[*place as usize].1.push(*value);
                }
                match part.expected() {
                    Some((shape, columns)) if columns[..] == places[..] =>
                        part.whole(number as u64, number as i64, None, shape, values.into_iter()),
                    _ => {
                        part.row(number as u64, number as i64, None);
                        places.iter().zip(values).for_each(|(place, value)| part.point(*place, value));
                    }
                }
            }
            let [mut first, second] = parts;
            first.append(&second.done());
            let all = first.done();
            let sorted = all.by_column(6);
            let (mut numbers, mut values) = Column::default();
            for (place, (of, written)) in expected.iter().enumerate() {
                prop_assert_eq!(sorted.has(place), !of.is_empty());
                sorted.rows(place, &mut numbers);
                values.clear();
                sorted.values(place, &mut values);
                prop_assert_eq!((&numbers, &values), (of, written));
                let counted: u32 = all.counts().filter(|(at, _)| *at == place).map(|(_, n)| n).sum();
                prop_assert_eq!(counted as usize, of.len());
            }
            prop_assert!(numbers.iter().all(|number| all.row(*number).step == i64::from(*number)));
        }
    }
}
