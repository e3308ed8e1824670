//! Statistics of each series of a file, and of a series across the files of its run.

use super::bytes::{Reader, put};
use super::column::{floats, from_millis, integers, put_integers, put_times, put_unlike_floats, times, to_millis};
use super::{MetricId, StoreError, Summary};

/// Columns in one stored chunk of a file's statistics.
pub const CHUNK: usize = 64;
/// More points than a file can have of a metric: sums of so many, over all files, are still numbers.
const TOO_MANY: u64 = 1 << 40;

/// One metric as one file has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// Which metric.
    pub metric: MetricId,
    /// Points, sealed or not.
    pub points: u64,
    /// How often training started again within the file: the step went back, or the log says so.
    pub backs: u32,
    /// Restarts that the log had spoken of at the newest point.
    pub restarts: u32,
    /// Step of the first point.
    pub first_step: i64,
    /// Step of the newest point.
    pub last_step: i64,
    /// Value of the newest point.
    pub last: f64,
    /// Time of the newest point, seconds since 1970, NaN where unknown.
    pub last_wall: f64,
    /// Points of these that are in the tail. Not stored: counted again from the tail when the store is opened.
    pub tail: u32,
    /// Blocks sealed, without the open one.
    pub blocks: u32,
    /// Points in the open block; 0 where there is none.
    pub open: u32,
    /// Axis of the open block.
    pub open_axis: u32,
}

impl Column {
    /// A metric that has no points yet.
    #[must_use]
    pub fn new(metric: MetricId) -> Self {
        Self {
            metric,
            points: 0,
            backs: 0,
            restarts: 0,
            first_step: 0,
            last_step: 0,
            last: f64::NAN,
            last_wall: f64::NAN,
            tail: 0,
            blocks: 0,
            open: 0,
            open_axis: 0,
        }
    }

    /// Counts one more point, up to which the log has spoken of so many restarts.
    pub fn add(&mut self, step: i64, value: f64, time: Option<i64>, restarts: u32) {
        if self.points == 0 {
            self.first_step = step;
        } else if step < self.last_step || restarts != self.restarts {
            self.backs += 1;
        }
        self.points += 1;
        self.restarts = restarts;
        self.last_step = step;
        self.last = value;
        self.last_wall = from_millis(time);
    }

    /// Blocks, the open one included.
    #[must_use]
    pub fn sealed(&self) -> u32 {
        self.blocks + u32::from(self.open > 0)
    }
}

/// One chunk as bytes: column by column of what is known, as the series of a file mostly agree in all but their values.
#[must_use]
pub fn encode(columns: &[Column]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + columns.len() * 8);
    put(&mut out, columns.len() as u64);
    let mut integers = |of: &dyn Fn(&Column) -> i64| {
        put_integers(&mut out, &columns.iter().map(of).collect::<Vec<i64>>());
    };
    integers(&|c| i64::from(c.metric.0));
    integers(&|c| c.points as i64);
    integers(&|c| i64::from(c.backs));
    integers(&|c| i64::from(c.restarts));
    integers(&|c| c.first_step);
    integers(&|c| c.last_step);
    integers(&|c| i64::from(c.blocks));
    integers(&|c| i64::from(c.open));
    integers(&|c| i64::from(c.open_axis));
    put_times(&mut out, &columns.iter().map(|c| to_millis(c.last_wall)).collect::<Vec<_>>());
    put_unlike_floats(&mut out, &columns.iter().map(|c| c.last).collect::<Vec<f64>>());
    out
}

/// One chunk from bytes.
pub fn decode(bytes: &[u8]) -> Result<Vec<Column>, StoreError> {
    let mut reader = Reader(bytes);
    let n = match reader.number()? {
        n if n <= CHUNK as u64 => n as usize,
        n => return Err(StoreError::Damaged(format!("statistics with {n} columns"))),
    };
    let mut known = [const { Vec::new() }; 9];
    for numbers in &mut known {
        *numbers = integers(&mut reader, n)?;
    }
    let walls = times(&mut reader, n)?;
    let values = floats(&mut reader, n)?;
    let [metric, points, backs, restarts, first_step, last_step, blocks, open, open_axis] = known;
    let points_of = |value: i64| match u64::try_from(value) {
        Ok(count) if count < TOO_MANY => Ok(count),
        _ => Err(StoreError::Damaged(format!("a series of {value} points"))),
    };
    let small =
        |value: i64| u32::try_from(value).map_err(|_| StoreError::Damaged("an integer out of range".to_owned()));
    (0..n)
        .map(|i| {
            Ok(Column {
                metric: MetricId(small(metric[i])?),
                points: points_of(points[i])?,
                backs: small(backs[i])?,
                restarts: small(restarts[i])?,
                first_step: first_step[i],
                last_step: last_step[i],
                last: values[i],
                last_wall: from_millis(walls[i]),
                tail: 0,
                blocks: small(blocks[i])?,
                open: small(open[i])?,
                open_axis: small(open_axis[i])?,
            })
        })
        .collect()
}

/// The same metric in all files of a run, in the order in which the files began: a file that begins at or before the
/// last step of the one before it is another start of the run.
#[must_use]
pub fn summary<'a>(columns: impl Iterator<Item = &'a Column>) -> Option<Summary> {
    let mut total: Option<Summary> = None;
    for column in columns.filter(|c| c.points > 0) {
        let before = total.map_or((0, 0), |t| (t.points, t.segments + u32::from(column.first_step <= t.last_step)));
        total = Some(Summary {
            points: before.0 + column.points,
            segments: if before.0 == 0 { 1 } else { before.1 } + column.backs,
            last_step: column.last_step,
            last: column.last,
            last_wall: column.last_wall,
        });
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_back() {
        let mut a = Column::new(MetricId(9));
        a.add(100, 2.5, None, 0);
        a.add(50, f64::INFINITY, Some(1_700_000_000_123), 2);
        let mut b = Column::new(MetricId(1 << 20));
        b.add(-5, 1.0, Some(-1), 0);
        (b.blocks, b.open, b.open_axis) = (3, 17, 4);
        // One of them has no time, and NaN is unlike itself.
        assert_eq!(format!("{:?}", decode(&encode(&[a, b])).unwrap()), format!("{:?}", vec![a, b]));
        let chunk = encode(&[a, b]);
        assert!((0..chunk.len()).all(|cut| decode(&chunk[..cut]).is_err()));
        b.points = u64::MAX;
        assert!(decode(&encode(&[a, b])).is_err(), "no sum of that is a number");
    }

    #[test]
    fn segments_are_counted_within_and_across_files() {
        let column = |steps: &[i64]| {
            let mut column = Column::new(MetricId(0));
            steps.iter().for_each(|s| column.add(*s, *s as f64, None, 0));
            column
        };
        let segments = |files: &[Column]| summary(files.iter()).map(|s| s.segments);
        assert_eq!(segments(&[]), None);
        assert_eq!(segments(&[column(&[0, 10, 10, 20])]), Some(1));
        assert_eq!(segments(&[column(&[0, 10, 5, 20, 15])]), Some(3));
        assert_eq!(segments(&[column(&[0, 10]), column(&[11, 20])]), Some(1), "a file that goes on");
        assert_eq!(segments(&[column(&[0, 10]), column(&[10, 20])]), Some(2), "a file that repeats");
    }
}
