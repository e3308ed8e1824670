//! Sealing: points in line order become compressed blocks by series.

use super::block::{self, Axis, Block, MIN_BLOCK};
use super::changes::Changes;
use super::open_blocks::{self, COLUMNS, OpenBlocks};
use super::state::FileState;
use super::tail::{self, RowPoint};
use super::{FileId, SledStore, StoreError, keys, stats};
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

/// Points of a file in its order, each in its column.
#[derive(Debug, Default)]
pub struct Stretch {
    rows: Vec<Row>,
    points: Vec<Placed>,
}

/// What the points of one record share.
#[derive(Debug, Clone, Copy)]
struct Row {
    row: u64,
    step: i64,
    time: Option<i64>,
}

/// A value, the number of its row in the stretch, and the place of its column in the file.
#[derive(Debug, Clone, Copy)]
struct Placed {
    row: u32,
    place: u32,
    value: f64,
}

impl Stretch {
    /// Room for so many points.
    pub fn with_capacity(points: usize) -> Self {
        Self { rows: Vec::new(), points: Vec::with_capacity(points) }
    }

    /// Points.
    pub fn len(&self) -> usize {
        self.points.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty()
    }

    /// Begins a record of the file.
    pub fn row(&mut self, row: u64, step: i64, time: Option<i64>) {
        self.rows.push(Row { row, step, time });
    }

    /// Adds a point to the newest record.
    #[inline]
    pub fn point(&mut self, place: u32, value: f64) {
        self.points.push(Placed { row: self.rows.len() as u32 - 1, place, value });
    }

    /// Adds points of a tail group.
    fn tail(&mut self, points: &[RowPoint], file: &mut FileState) {
        for point in points {
            if self.rows.last().is_none_or(|last| last.row != point.row) {
                self.row(point.row, point.step, point.time);
            }
            let place = file.column(point.metric);
            self.point(place as u32, point.value);
        }
    }

    /// Adds what came later in the file.
    fn append(&mut self, later: &Self) {
        let rows = self.rows.len() as u32;
        self.rows.extend_from_slice(&later.rows);
        self.points.extend(later.points.iter().map(|p| Placed { row: p.row + rows, ..*p }));
    }

    /// Puts the points behind the tail of their file.
    pub fn append_to_tail(&self, id: FileId, file: &mut FileState, changes: &mut Changes) {
        let points: Vec<RowPoint> = self
            .points
            .iter()
            .map(|point| {
                let row = &self.rows[point.row as usize];
                let metric = file.columns[point.place as usize].metric;
                RowPoint { row: row.row, metric, step: row.step, time: row.time, value: point.value }
            })
            .collect();
        for group in points.chunks(tail::MAX_GROUP) {
            changes.insert(&keys::of_file(b't', id, file.record.tails), tail::encode(group));
            file.record.tails += 1;
        }
        for point in &self.points {
            file.columns[point.place as usize].tail += 1;
        }
        file.tail_points += points.len() as u32;
    }

    /// The same points by column, each column's in the order of the file.
    fn by_column(&self, columns: usize) -> ByColumn {
        let mut ends = vec![0usize; columns + 1];
        for point in &self.points {
            ends[point.place as usize + 1] += 1;
        }
        for place in 0..columns {
            ends[place + 1] += ends[place];
        }
        let mut next = ends.clone();
        let (mut rows, mut values) = (vec![0; self.len()], vec![0.0; self.len()]);
        for point in &self.points {
            let at = &mut next[point.place as usize];
            (rows[*at], values[*at]) = (point.row, point.value);
            *at += 1;
        }
        ByColumn { ends, rows, values }
    }
}

/// See [`Stretch::by_column`].
struct ByColumn {
    ends: Vec<usize>,
    /// Numbers of rows in the stretch.
    rows: Vec<u32>,
    values: Vec<f64>,
}

impl ByColumn {
    fn of(&self, place: usize) -> Range<usize> {
        self.ends[place]..self.ends[place + 1]
    }
}

impl SledStore {
    /// Moves the tail of a file and new points into blocks.
    pub(super) fn seal(
        &self,
        id: FileId,
        file: &mut FileState,
        new: Stretch,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let all = self.with_tail(id, file, new, changes)?;
        let sorted = all.by_column(file.columns.len());
        let run = file.record.run;
        let mut axes = Axes::of(self, id, &all, &sorted);
        let mut reopened = BTreeSet::new();
        let FileState { record, columns, .. } = file;
        for (chunk, columns) in (0u32..).zip(columns.chunks_mut(COLUMNS)) {
            let first = chunk as usize * COLUMNS;
            if sorted.ends[first] == sorted.ends[first + columns.len()] {
                continue;
            }
            let key = keys::of_open(id, chunk);
            let before = if columns.iter().any(|c| c.open > 0) { self.must_get_packed(&key)? } else { Vec::new() };
            let before = OpenBlocks::decode(&before)?;
            let mut after: Vec<Vec<u8>> = Vec::with_capacity(columns.len());
            for (place, column) in (first..).zip(columns) {
                let range = sorted.of(place);
                if range.is_empty() {
                    after.push(if column.open > 0 { before.of(place)?.to_vec() } else { Vec::new() });
                    continue;
                }
                let fresh = &sorted.values[range.clone()];
                let old = if column.open > 0 { Some(Block::decode(before.of(place)?)?) } else { None };
                let old_axis = old.as_ref().map(|block| block.axis);
                reopened.extend(old_axis);
                let joined = old.map(|block| [&block.values, fresh].concat());
                let values = joined.as_deref().unwrap_or(fresh);
                let cut = axes.cut(range, old_axis, &mut record.axes)?;
                let mut at = 0;
                (column.open, column.open_axis) = (0, 0);
                let mut rest = Vec::new();
                for piece in &axes.cuts[cut].1 {
                    let (sequence, axis) = &axes.new[*piece];
                    let values = &values[at..at + axis.rows.len()];
                    at += values.len();
                    let bytes = block::encode(*sequence, values);
                    if values.len() < MIN_BLOCK {
                        (column.open, column.open_axis) = (values.len() as u32, *sequence);
                        rest = bytes;
                        continue;
                    }
                    changes.insert_packed(&keys::of_block(b'b', run, column.metric, id, column.blocks), &bytes);
                    column.blocks += 1;
                }
                column.tail = 0;
                after.push(rest);
            }
            if after.iter().all(Vec::is_empty) {
                changes.remove_packed(&key)?;
            } else {
                changes.replace_packed(&key, &open_blocks::encode(after.iter().map(Vec::as_slice)))?;
            }
        }
        for (sequence, axis) in axes.new {
            changes.insert_packed(&keys::of_file(b'a', id, sequence), &axis.encode());
        }
        // An axis this short serves open blocks only; once the last of them is taken up, nothing refers to it.
        for axis in reopened {
            if !file.columns.iter().any(|c| c.open > 0 && c.open_axis == axis) {
                changes.remove_packed(&keys::of_file(b'a', id, axis))?;
            }
        }
        for (chunk, columns) in (0u32..).zip(file.columns.chunks(stats::CHUNK)) {
            let first = chunk as usize * stats::CHUNK;
            if sorted.ends[first] < sorted.ends[first + columns.len()] {
                changes.insert(&keys::of_file(b'd', id, chunk), stats::encode(columns));
            }
        }
        file.tail_points = 0;
        file.first_tail = file.record.tails;
        Ok(())
    }

    /// The points of a file's tail, taken out of it, and the new ones.
    fn with_tail(
        &self,
        id: FileId,
        file: &mut FileState,
        new: Stretch,
        changes: &mut Changes,
    ) -> Result<Stretch, StoreError> {
        if file.first_tail == file.record.tails {
            return Ok(new);
        }
        let mut all = Stretch::with_capacity(new.len() + file.tail_points as usize);
        let mut points = Vec::new();
        for sequence in file.first_tail..file.record.tails {
            let key = keys::of_file(b't', id, sequence);
            points.clear();
            tail::decode(&self.must_get(&key)?, &mut points)?;
            all.tail(&points, file);
            changes.remove(&key);
        }
        all.append(&new);
        Ok(all)
    }
}

/// Axes made by one seal, so that series of the same lines share theirs.
struct Axes<'a> {
    store: &'a SledStore,
    id: FileId,
    all: &'a Stretch,
    sorted: &'a ByColumn,
    /// Sequence numbers and axes.
    new: Vec<(u32, Axis)>,
    /// By the rows at the ends and the number of points.
    by_ends: HashMap<(i64, i64, usize), Vec<usize>>,
    /// Columns that were cut: their points, and where the axes of their pieces are in `new`.
    cuts: Vec<(Range<usize>, Vec<usize>)>,
    /// The last of these, by what was open of them and the ends of their points.
    alike: HashMap<(Option<u32>, u32, u32, usize), usize>,
}

impl<'a> Axes<'a> {
    fn of(store: &'a SledStore, id: FileId, all: &'a Stretch, sorted: &'a ByColumn) -> Self {
        Self {
            store,
            id,
            all,
            sorted,
            new: Vec::new(),
            by_ends: HashMap::new(),
            cuts: Vec::new(),
            alike: HashMap::new(),
        }
    }

    /// Cuts a column into blocks: its open one, where it has one, and the new points at `range`. Returns its place in
    /// `cuts`.
    fn cut(&mut self, range: Range<usize>, open: Option<u32>, next: &mut u32) -> Result<usize, StoreError> {
        let rows = &self.sorted.rows[range.clone()];
        let ends = (open, rows[0], rows[rows.len() - 1], rows.len());
        let known = self.alike.get(&ends).copied().filter(|cut| self.sorted.rows[self.cuts[*cut].0.clone()] == *rows);
        if let Some(cut) = known {
            return Ok(cut);
        }
        let pieces = self.pieces(rows, open, next)?;
        self.cuts.push((range, pieces));
        self.alike.insert(ends, self.cuts.len() - 1);
        Ok(self.cuts.len() - 1)
    }

    fn pieces(&mut self, rows: &[u32], open: Option<u32>, next: &mut u32) -> Result<Vec<usize>, StoreError> {
        let mut whole = match open {
            Some(sequence) => Axis::decode(&self.store.must_get_packed(&keys::of_file(b'a', self.id, sequence))?)?,
            None => Axis::default(),
        };
        let fresh = || rows.iter().map(|row| &self.all.rows[*row as usize]);
        whole.rows.extend(fresh().map(|r| r.row as i64));
        whole.steps.extend(fresh().map(|r| r.step));
        whole.times.extend(fresh().map(|r| r.time));
        let mut pieces = Vec::new();
        let mut at = 0;
        for size in block::cut(whole.rows.len()) {
            let piece = whole.part(at..at + size);
            at += size;
            let ends = (piece.rows[0], piece.rows[size - 1], size);
            let same = self.by_ends.entry(ends).or_default();
            let known = same.iter().copied().find(|place| self.new[*place].1.rows == piece.rows);
            pieces.push(known.unwrap_or_else(|| {
                same.push(self.new.len());
                self.new.push((*next, piece));
                *next += 1;
                self.new.len() - 1
            }));
        }
        Ok(pieces)
    }
}
