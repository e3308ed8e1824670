//! Sealing: points in line order become compressed blocks by series.

use super::band::Sealed;
use super::block::{self, Axis, Block, MIN_BLOCK};
use super::changes::Changes;
use super::open_blocks::{self, COLUMNS, OpenBlocks};
use super::state::FileState;
use super::stats::{self, Column};
use super::stretch::{ByColumn, Rows, Stretch};
use super::tail;
use super::{FileId, SledStore, StoreError, keys};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

/// Points from which on a second thread is worth its start; in tests few.
const WORTH: usize = if cfg!(test) { 2_000 } else { 250_000 };
/// Most threads that encode one stretch.
const MOST: usize = 2;

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
        let FileState { record, columns, .. } = file;
        let mut axes = Axes::of(self, id, &all);
        let (mut cuts, mut rows, mut reopened) = (Vec::with_capacity(columns.len()), Vec::new(), BTreeSet::new());
        for (place, column) in columns.iter().enumerate() {
            let open = (column.open > 0).then_some(column.open_axis);
            let before = cuts.last().copied().flatten().filter(|(_, other)| *other == open);
            cuts.push(match before {
                Some(cut) if sorted.alike(place - 1, place) => Some(cut),
                _ if sorted.has(place) => {
                    sorted.rows(place, &mut rows);
                    reopened.extend(open);
                    Some((axes.cut(&rows, open, &mut record.axes)?, open))
                }
                _ => None,
            });
        }
        let blocks = Blocks { store: self, id, sorted: &sorted, axes: &axes, cuts: &cuts };
        for (chunk, made) in blocks.made(columns)? {
            Self::put_blocks((id, record.run), made.reached, made.sealed, changes);
            let key = keys::of_open(id, chunk);
            if made.open.iter().any(|block| !block.is_empty()) {
                changes.replace_packed(&key, &open_blocks::encode(made.open.iter().map(Vec::as_slice)))?;
            } else if made.was_open {
                changes.remove_packed(&key)?;
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

/// Makes blocks of points by column.
struct Blocks<'a> {
    store: &'a SledStore,
    id: FileId,
    sorted: &'a ByColumn<'a>,
    axes: &'a Axes<'a>,
    /// For each column with points, how it is cut, and the axis of its open block.
    cuts: &'a [Option<(usize, Option<u32>)>],
}

/// What a chunk of columns has become.
struct Made {
    /// Most blocks that a column had before.
    reached: u32,
    sealed: Vec<Sealed>,
    /// Whether a column had an open block before.
    was_open: bool,
    /// The open blocks, empty where a column has none.
    open: Vec<Vec<u8>>,
}

impl Blocks<'_> {
    /// Those of all chunks that have points, in their order. A stretch of wide lines is encoded on two cores.
    fn made(&self, columns: &mut [Column]) -> Result<Vec<(u32, Made)>, StoreError> {
        let threads = if self.sorted.points() < WORTH { 1 } else { MOST.min(cores()) };
        let chunks = Mutex::new((0u32..).zip(columns.chunks_mut(COLUMNS)));
        let work = || {
            let mut made = Vec::new();
            loop {
                let next = chunks.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((chunk, columns)) = next else { return Ok(made) };
                made.extend(self.chunk(chunk, columns)?.map(|of| (chunk, of)));
            }
        };
        let mut made = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut made = work()?;
            for other in others {
                made.extend(other.join().expect("nothing panics there")?);
            }
            Ok::<_, StoreError>(made)
        })?;
        made.sort_by_key(|(chunk, _)| *chunk);
        Ok(made)
    }

    fn chunk(&self, chunk: u32, columns: &mut [Column]) -> Result<Option<Made>, StoreError> {
        let first = chunk as usize * COLUMNS;
        let cuts = &self.cuts[first..first + columns.len()];
        if cuts.iter().all(Option::is_none) {
            return Ok(None);
        }
        let was_open = columns.iter().any(|column| column.open > 0);
        let before = if was_open { self.store.must_get_packed(&keys::of_open(self.id, chunk))? } else { Vec::new() };
        let before = OpenBlocks::decode(&before)?;
        let reached = columns.iter().map(|column| column.blocks).max().unwrap_or(0);
        let mut made = Made { reached, sealed: Vec::with_capacity(columns.len()), was_open, open: Vec::new() };
        let mut values = Vec::new();
        for ((place, column), cut) in (first..).zip(columns).zip(cuts) {
            let Some((cut, open)) = cut else {
                made.open.push(if column.open > 0 { before.of(place)?.to_vec() } else { Vec::new() });
                continue;
            };
            values.clear();
            if let Some(axis) = open {
                let old = Block::decode(before.of(place)?)?;
                if old.axis != *axis || old.values.len() != column.open as usize {
                    return Err(StoreError::Damaged("an open block that is another".to_owned()));
                }
                values = old.values;
            }
            self.sorted.values(place, &mut values);
            let mut at = 0;
            (column.open, column.open_axis, column.tail) = (0, 0, 0);
            let mut rest = Vec::new();
            for piece in &self.axes.cuts[*cut].1 {
                let (sequence, axis) = &self.axes.new[*piece];
                let values = &values[at..at + axis.rows.len()];
                at += values.len();
                let bytes = block::encode(*sequence, values);
                if values.len() < MIN_BLOCK {
                    (column.open, column.open_axis) = (values.len() as u32, *sequence);
                    rest = bytes;
                    continue;
                }
                made.sealed.push(Sealed { place, metric: column.metric, sequence: column.blocks, bytes });
                column.blocks += 1;
            }
            made.open.push(rest);
        }
        Ok(Some(made))
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
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
