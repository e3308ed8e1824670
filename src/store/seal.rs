//! Sealing: points in line order become compressed blocks by series.

use super::block::{self, Axis, Block, MIN_BLOCK};
use super::changes::Changes;
use super::open_blocks::{self, COLUMNS, OpenBlocks};
use super::state::FileState;
use super::stretch::{Rows, Stretch};
use super::tail;
use super::{FileId, SledStore, StoreError, keys, stats};
use std::collections::{BTreeSet, HashMap};

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
        let (mut rows, mut fresh) = (Vec::new(), Vec::new());
        let run = file.record.run;
        let mut axes = Axes::of(self, id, &all);
        let mut reopened = BTreeSet::new();
        let FileState { record, columns, .. } = file;
        for (chunk, columns) in (0u32..).zip(columns.chunks_mut(COLUMNS)) {
            let first = chunk as usize * COLUMNS;
            if !(first..first + columns.len()).any(|place| sorted.has(place)) {
                continue;
            }
            let key = keys::of_open(id, chunk);
            let before = if columns.iter().any(|c| c.open > 0) { self.must_get_packed(&key)? } else { Vec::new() };
            let before = OpenBlocks::decode(&before)?;
            let mut after: Vec<Vec<u8>> = Vec::with_capacity(columns.len());
            for (place, column) in (first..).zip(columns) {
                if !sorted.has(place) {
                    after.push(if column.open > 0 { before.of(place)?.to_vec() } else { Vec::new() });
                    continue;
                }
                sorted.gather(place, &mut rows, &mut fresh);
                let old = if column.open > 0 { Some(Block::decode(before.of(place)?)?) } else { None };
                let old_axis = old.as_ref().map(|block| block.axis);
                reopened.extend(old_axis);
                let joined = old.map(|mut block| {
                    block.values.extend_from_slice(&fresh);
                    block.values
                });
                let values = joined.as_deref().unwrap_or(&fresh);
                let cut = axes.cut(&rows, old_axis, &mut record.axes)?;
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
            if (first..first + columns.len()).any(|place| sorted.has(place)) {
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
        let mut all = Rows::with_capacity(new.len() + file.tail_points as usize);
        let mut points = Vec::new();
        for sequence in file.first_tail..file.record.tails {
            let key = keys::of_file(b't', id, sequence);
            points.clear();
            tail::decode(&self.must_get(&key)?, &mut points)?;
            all.tail(&points, file);
            changes.remove(&key);
        }
        all.append(&new);
        Ok(all.done())
    }
}

/// Axes made by one seal, so that series of the same lines share theirs.
struct Axes<'a> {
    store: &'a SledStore,
    id: FileId,
    all: &'a Stretch,
    /// Sequence numbers and axes.
    new: Vec<(u32, Axis)>,
    /// By the rows at the ends and the number of points.
    by_ends: HashMap<(i64, i64, usize), Vec<usize>>,
    /// Columns that were cut: their rows, and where the axes of their pieces are in `new`.
    cuts: Vec<(Vec<u32>, Vec<usize>)>,
    /// The last of these, by what was open of them and the ends of their points.
    alike: HashMap<(Option<u32>, u32, u32, usize), usize>,
}

impl<'a> Axes<'a> {
    fn of(store: &'a SledStore, id: FileId, all: &'a Stretch) -> Self {
        Self { store, id, all, new: Vec::new(), by_ends: HashMap::new(), cuts: Vec::new(), alike: HashMap::new() }
    }

    /// Cuts a column into blocks: its open one, where it has one, and its points on new rows. Returns its place in `cuts`.
    fn cut(&mut self, rows: &[u32], open: Option<u32>, next: &mut u32) -> Result<usize, StoreError> {
        let ends = (open, rows[0], rows[rows.len() - 1], rows.len());
        let known = self.alike.get(&ends).copied().filter(|cut| self.cuts[*cut].0 == rows);
        if let Some(cut) = known {
            return Ok(cut);
        }
        let pieces = self.pieces(rows, open, next)?;
        self.cuts.push((rows.to_vec(), pieces));
        self.alike.insert(ends, self.cuts.len() - 1);
        Ok(self.cuts.len() - 1)
    }

    fn pieces(&mut self, rows: &[u32], open: Option<u32>, next: &mut u32) -> Result<Vec<usize>, StoreError> {
        let mut whole = match open {
            Some(sequence) => Axis::decode(&self.store.must_get_packed(&keys::of_file(b'a', self.id, sequence))?)?,
            None => Axis::default(),
        };
        let fresh = || rows.iter().map(|row| self.all.row(*row));
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
