//! What is known of each series of a file without reading it, and of a series across the files of its run.

use super::bytes::{Reader, put, put_f64, put_signed};
use super::column::{from_millis, put_times, times, to_millis};
use super::{MetricId, StoreError, Summary};

/// Columns in one stored chunk of a file's statistics.
pub const CHUNK: usize = 64;

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

    fn encode(&self, out: &mut Vec<u8>) {
        put(out, u64::from(self.metric.0));
        put(out, self.points);
        put(out, u64::from(self.backs));
        put(out, u64::from(self.restarts));
        put_signed(out, self.first_step);
        put_signed(out, self.last_step.wrapping_sub(self.first_step));
        put_f64(out, self.last);
        put_times(out, &[to_millis(self.last_wall)]);
        put(out, u64::from(self.blocks));
        put(out, u64::from(self.open));
        put(out, u64::from(self.open_axis));
    }

    fn decode(reader: &mut Reader) -> Result<Self, StoreError> {
        let metric = MetricId(reader.small()?);
        let points = reader.number()?;
        let backs = reader.small()?;
        let restarts = reader.small()?;
        let first_step = reader.signed()?;
        let last_step = first_step.wrapping_add(reader.signed()?);
        let last = reader.float()?;
        let last_wall = from_millis(times(reader, 1)?[0]);
        Ok(Self {
            metric,
            points,
            backs,
            restarts,
            first_step,
            last_step,
            last,
            last_wall,
            tail: 0,
            blocks: reader.small()?,
            open: reader.small()?,
            open_axis: reader.small()?,
        })
    }
}

/// One chunk as bytes.
#[must_use]
pub fn encode(columns: &[Column]) -> Vec<u8> {
    let mut out = Vec::with_capacity(columns.len() * 32);
    for column in columns {
        column.encode(&mut out);
    }
    out
}

/// One chunk from bytes.
pub fn decode(bytes: &[u8]) -> Result<Vec<Column>, StoreError> {
    let mut reader = Reader(bytes);
    let mut columns = Vec::with_capacity(CHUNK);
    while !reader.0.is_empty() {
        columns.push(Column::decode(&mut reader)?);
    }
    Ok(columns)
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
        assert_eq!(decode(&encode(&[a, b])).unwrap(), vec![a, b]);
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
