//! Reading from the store.

use super::block::{Axis, Block, MIN_BLOCK};
use super::column::from_millis;
use super::echo::{Covers, counts_as};
use super::open_blocks::{self, OpenBlocks};
use super::rollup::{self, COARSE, FINE, Rollup};
use super::state::{FileState, FoundFact, State};
use super::stats::{self, Column};
use super::tail::{self, RowPoint};
use super::{FileId, FileRecord, MetricId, ReadStore, RunId, SledStore, StoreError, Summary, keys};
use crate::vocab::{Facts, Series};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, PoisonError};

impl ReadStore for SledStore {
    fn runs(&self) -> Result<Vec<(RunId, String)>, StoreError> {
        let state = self.state();
        let runs = state.runs.iter().filter(|(_, run)| !state.is_place(run));
        Ok(runs.map(|(id, run)| (*id, run.name.clone())).collect())
    }

    fn metrics(&self, run: RunId) -> Result<Vec<(Arc<str>, Summary)>, StoreError> {
        let state = self.state();
        let Some(of) = state.runs.get(&run) else { return Ok(Vec::new()) };
        let (covers, order) = self.covers(&state, of)?;
        let files = order.iter().filter_map(|id| Some((*id, state.files.get(id)?)));
        // Of what is a copy, what goes on beyond the other file.
        let rest = |id: FileId, column: &Column| match covers.get(&(id, column.metric)) {
            None => Some(*column),
            Some(cover) => {
                let last_step = cover.step(column.last_step).filter(|_| cover.left > 0)?;
                let metric = cover.metric;
                Some(Column { metric, points: cover.left, first_step: last_step, last_step, backs: 0, ..*column })
            }
        };
        let mut columns: Vec<Column> =
            files.flat_map(|(id, file)| file.columns.iter().filter_map(move |c| rest(id, c))).collect();
        // Those of one metric stay in the order of their files.
        columns.sort_by_cached_key(|column| column.metric);
        let mut metrics: Vec<(Arc<str>, Summary)> = columns
            .chunk_by(|a, b| a.metric == b.metric)
            .filter_map(|same| {
                let name = state.metrics.get(same[0].metric.0 as usize)?;
                Some((Arc::clone(name), stats::summary(same.iter())?))
            })
            .collect();
        metrics.sort_by(|a, b| a.0.cmp(&b.0));
        // Daemons keep them for as long as there is the run.
        metrics.shrink_to_fit();
        Ok(metrics)
    }

    fn series(&self, run: RunId, metric: &str) -> Result<Series, StoreError> {
        let state = self.state();
        let mut series = Series::default();
        let (Some(of), Some(metric)) = (state.runs.get(&run), state.metric_ids.get(metric)) else {
            return Ok(series);
        };
        let mut segments = Segments::default();
        let (covers, order) = self.covers(&state, of)?;
        for (id, file, column) in columns(&state, &order, &covers, *metric) {
            let (id, cover) = (&id, covers.get(&(id, column.metric)));
            let mut push = |row: u64, step: i64, value: f64, wall: f64| {
                let Some(step) = cover.map_or(Some(step), |cover| cover.step(step)) else { return };
                series.segments.push(segments.next(*id, step, file.record.restarts_until(row)));
                series.steps.push(step);
                series.values.push(value);
                series.walls.push(wall);
                series.files.push(id.0);
            };
            for sequence in 0..column.sealed() {
                let (axis, values) = self.block(file, *id, column, sequence)?;
                for (i, value) in values.iter().enumerate() {
                    push(axis.rows[i] as u64, axis.steps[i], *value, axis.wall(i));
                }
            }
            if column.tail > 0 {
                for point in self.tail(*id, file)?.iter().filter(|p| p.metric == column.metric) {
                    push(point.row, point.step, point.value, from_millis(point.time));
                }
            }
        }
        Ok(series)
    }

    fn facts(&self, run: RunId) -> Result<Arc<Facts>, StoreError> {
        Ok(self.state().runs.get(&run).map(|r| Arc::clone(&r.facts)).unwrap_or_default())
    }

    fn files(&self, run: RunId) -> Result<Vec<(FileId, String)>, StoreError> {
        let state = self.state();
        let files = state.runs.get(&run).map(|r| r.files.as_slice()).unwrap_or_default();
        Ok(files.iter().filter_map(|id| Some((*id, state.files.get(id)?.record.path.clone()))).collect())
    }

    fn points(&self) -> u64 {
        self.state().points
    }
}

/// The columns of files that count as one metric, in the order of the files.
fn columns<'a>(
    state: &'a State,
    order: &[FileId],
    covers: &Covers,
    metric: MetricId,
) -> Vec<(FileId, &'a FileState, &'a Column)> {
    let mut found = Vec::new();
    for id in order {
        let Some(file) = state.files.get(id) else { continue };
        let renamed = covers.iter().filter(|((of, own), cover)| of == id && cover.metric == metric && *own != metric);
        let own = Some(metric).filter(|metric| counts_as(covers, *id, *metric) == *metric);
        let names = own.into_iter().chain(renamed.map(|((_, own), _)| *own));
        found.extend(names.filter_map(|name| Some((*id, file, file.find(name)?))));
    }
    found
}

/// A point with everything that is known of it, for export.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportedPoint {
    /// Key of the metric.
    pub metric: Arc<str>,
    /// Optimiser step.
    pub step: i64,
    /// Value, as logged.
    pub value: f64,
    /// Seconds since 1970, NaN where unknown.
    pub wall: f64,
    /// 0 for the first start of the run, one more after each restart.
    pub segment: u32,
}

impl SledStore {
    /// Runs and what is nothing but the place of others, in ascending order of ids.
    #[must_use]
    pub fn all_runs(&self) -> Vec<(RunId, String)> {
        self.state().runs.iter().map(|(id, run)| (*id, run.name.clone())).collect()
    }

    /// Whether nothing was read of a run.
    #[must_use]
    pub fn has_no_file(&self, run: RunId) -> bool {
        self.state().runs.get(&run).is_none_or(|run| run.files.is_empty())
    }

    /// The name of a run, where it is known.
    #[must_use]
    pub fn run_name(&self, run: RunId) -> Option<String> {
        self.state().runs.get(&run).map(|run| run.name.clone())
    }

    /// Files of a run with their cursors, in the order in which they began; no parts of files of other runs.
    #[must_use]
    pub fn records(&self, run: RunId) -> Vec<(FileId, FileRecord)> {
        let state = self.state();
        let files = state.runs.get(&run).map(|r| r.files.as_slice()).unwrap_or_default();
        let records = files.iter().filter_map(|id| Some((*id, state.files.get(id)?.record.clone())));
        records.filter(|(_, record)| record.part_of.is_none()).collect()
    }

    /// The parts of a file that are runs of their own: each with its run.
    #[must_use]
    pub fn parts(&self, file: FileId) -> Vec<(FileId, RunId)> {
        let state = self.state();
        let parts = state.parts.get(&file).map(Vec::as_slice).unwrap_or_default();
        parts.iter().filter_map(|id| Some((*id, state.files.get(id)?.record.run))).collect()
    }

    /// Names of the runs that a run is a part of the files of; empty for one with files of its own only.
    #[must_use]
    pub fn homes(&self, run: RunId) -> Vec<String> {
        let state = self.state();
        let files = state.runs.get(&run).map(|r| r.files.as_slice()).unwrap_or_default();
        let whole = |id: &FileId| state.files.get(&state.files.get(id)?.record.part_of?);
        let names = files.iter().filter_map(|id| Some(state.runs.get(&whole(id)?.record.run)?.name.clone()));
        names.collect()
    }

    /// A file with its cursor, where it is known.
    #[must_use]
    pub fn record(&self, file: FileId) -> Option<FileRecord> {
        self.state().files.get(&file).map(|f| f.record.clone())
    }

    /// Facts found in the content of a file.
    #[must_use]
    pub fn found_facts(&self, file: FileId) -> Vec<FoundFact> {
        self.state().files.get(&file).map(|f| f.facts.clone()).unwrap_or_default()
    }

    /// Points read from a file.
    #[must_use]
    pub fn file_points(&self, file: FileId) -> u64 {
        self.state().files.get(&file).map_or(0, |f| f.columns.points())
    }

    /// A series as at most `most` stretches (at least 1), from the coarsest level that is fine enough.
    ///
    /// # Errors
    /// What the disk says.
    pub fn overview(&self, run: RunId, metric: &str, most: usize) -> Result<Vec<Rollup>, StoreError> {
        let state = self.state();
        let (Some(of), Some(metric)) = (state.runs.get(&run), state.metric_ids.get(metric)) else {
            return Ok(Vec::new());
        };
        let (covers, order) = self.covers(&state, of)?;
        let files = columns(&state, &order, &covers, *metric);
        let points: u64 = files.iter().map(|(_, _, c)| c.points).sum();
        let per = points as usize / most.max(1);
        let size = [COARSE, FINE, 1].into_iter().find(|size| per >= *size).unwrap_or(1);
        let mut all = Vec::new();
        for (id, file, column) in files {
            let keep = |steps: Vec<i64>, values: Vec<f64>| match covers.get(&(id, column.metric)) {
                None => (steps, values),
                Some(cover) => {
                    let points = steps.into_iter().zip(values).filter_map(|(step, v)| Some((cover.step(step)?, v)));
                    points.unzip()
                }
            };
            for sequence in 0..column.sealed() {
                let (axis, values) = self.block(file, id, column, sequence)?;
                let (steps, values) = keep(axis.steps, values);
                all.extend(rollup::stretches(&steps, &values, size));
            }
            if column.tail > 0 {
                let tail = self.tail(id, file)?;
                let (steps, values): (Vec<i64>, Vec<f64>) =
                    tail.iter().filter(|p| p.metric == column.metric).map(|p| (p.step, p.value)).unzip();
                let (steps, values) = keep(steps, values);
                all.extend(rollup::stretches(&steps, &values, size));
            }
        }
        Ok(rollup::thin(all, most))
    }

    /// Every point of a run (of one metric, where it is given), file by file and in the order of each file. `each` gets
    /// the path of the file and the point; it returns whether to go on, and may take its time: the store is not held
    /// meanwhile. Points that arrive meanwhile may be in it or not.
    ///
    /// # Errors
    /// What the disk says.
    pub fn export(
        &self,
        run: RunId,
        only: Option<&str>,
        mut each: impl FnMut(&str, &ExportedPoint) -> bool,
    ) -> Result<(), StoreError> {
        let _walk = self.walks.read().unwrap_or_else(PoisonError::into_inner);
        let (files, covers, only) = {
            let state = self.state();
            let only = only.map(|name| state.metric_ids.get(name).copied());
            let (covers, files) = match state.runs.get(&run) {
                Some(run) => self.covers(&state, run)?,
                None => Default::default(),
            };
            (files, covers, only)
        };
        let only = match only {
            Some(None) => return Ok(()),
            Some(metric) => metric,
            None => None,
        };
        let mut segments: HashMap<MetricId, Segments> = HashMap::new();
        let mut points = Vec::new();
        for id in files {
            let mut walk = Walk { id, only, cursors: Vec::new(), axes: AxisCache::default() };
            let mut path = String::new();
            loop {
                points.clear();
                let end = self.noted(self.stretch(&mut walk, &covers, &mut segments, &mut path, &mut points))?;
                if !points.iter().all(|point| each(&path, point)) {
                    return Ok(());
                }
                if end {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The next points of a file. Returns whether these are the last. What is sealed stays where it is while the store
    /// is let go between two stretches, and what is not sealed comes in one stretch at the end.
    fn stretch(
        &self,
        walk: &mut Walk,
        covers: &Covers,
        segments: &mut HashMap<MetricId, Segments>,
        path: &mut String,
        into: &mut Vec<ExportedPoint>,
    ) -> Result<bool, StoreError> {
        let state = self.state();
        // A file that was replaced meanwhile is gone.
        let Some(file) = state.files.get(&walk.id) else { return Ok(true) };
        path.clone_from(&file.record.path);
        let id = walk.id;
        let covered = covers.keys().any(|(file, _)| *file == id);
        let mut emit = |row: u64, metric: MetricId, step: i64, value: f64, wall: f64| {
            let (mut step, mut metric) = (step, metric);
            if covered && let Some(cover) = covers.get(&(id, metric)) {
                let Some(mapped) = cover.step(step) else { return false };
                (step, metric) = (mapped, cover.metric);
            }
            let restarts = file.record.restarts_until(row);
            let segment = segments.entry(metric).or_default().next(id, step, restarts);
            if let Some(name) = state.metrics.get(metric.0 as usize) {
                into.push(ExportedPoint { metric: name.clone(), step, value, wall, segment });
            }
            into.len() >= STRETCH
        };
        walk.cursors.resize_with(file.columns.len(), ColumnCursor::default);
        let only = walk.only;
        let wanted = |metric: MetricId| only.is_none_or(|only| only == counts_as(covers, id, metric));
        let mut heap = BinaryHeap::new();
        for place in 0..file.columns.len() {
            if wanted(file.columns[place].metric)
                && let Some(row) = self.advance(&mut walk.cursors[place], walk.id, file, place, &mut walk.axes)?
            {
                heap.push(Reverse((row, place)));
            }
        }
        while let Some(Reverse((_, place))) = heap.pop() {
            let cursor = &mut walk.cursors[place];
            if let Some((axis, values)) = &cursor.block {
                let i = cursor.at;
                cursor.at += 1;
                if emit(axis.rows[i] as u64, file.columns[place].metric, axis.steps[i], values[i], axis.wall(i)) {
                    return Ok(false);
                }
            }
            if let Some(row) = self.advance(&mut walk.cursors[place], walk.id, file, place, &mut walk.axes)? {
                heap.push(Reverse((row, place)));
            }
        }
        for point in self.tail(walk.id, file)? {
            if wanted(point.metric) {
                emit(point.row, point.metric, point.step, point.value, from_millis(point.time));
            }
        }
        Ok(true)
    }

    /// Makes sure that the cursor stands on a point, and returns its row; `None` at the end of what is sealed.
    fn advance(
        &self,
        cursor: &mut ColumnCursor,
        id: FileId,
        file: &FileState,
        place: usize,
        axes: &mut AxisCache,
    ) -> Result<Option<i64>, StoreError> {
        loop {
            match &cursor.block {
                Some((axis, values)) if cursor.at < values.len() => return Ok(Some(axis.rows[cursor.at])),
                Some((_, values)) if values.len() >= MIN_BLOCK => {
                    *cursor = ColumnCursor { sequence: cursor.sequence + 1, at: 0, block: None };
                }
                Some((_, values)) => {
                    let column = &file.columns[place];
                    if cursor.sequence >= column.blocks && column.open as usize == values.len() {
                        return Ok(None);
                    }
                    // The open block has been taken up since: there, it begins with the same points.
                    cursor.block = None;
                }
                None if cursor.sequence >= file.columns[place].sealed() => return Ok(None),
                None => {
                    let block = self.values(file, id, &file.columns[place], cursor.sequence)?;
                    let axis = axes.get(self, id, block.axis)?;
                    check(&axis, &block)?;
                    cursor.block = Some((axis, block.values));
                }
            }
        }
    }

    /// One block and the axis its values lie on.
    pub(super) fn block(
        &self,
        file: &FileState,
        id: FileId,
        column: &Column,
        sequence: u32,
    ) -> Result<(Axis, Vec<f64>), StoreError> {
        let read = || {
            let block = self.values(file, id, column, sequence)?;
            let axis = Axis::decode(&self.must_get_packed(&keys::of_file(b'a', id, block.axis))?)?;
            check(&axis, &block)?;
            Ok((axis, block.values))
        };
        self.noted(read())
    }

    /// One block and the axis its values lie on, for whoever reads many.
    pub(super) fn block_on(
        &self,
        file: &FileState,
        id: FileId,
        column: &Column,
        sequence: u32,
        axes: &mut AxisCache,
    ) -> Result<(Arc<Axis>, Vec<f64>), StoreError> {
        let mut read = || {
            let block = self.values(file, id, column, sequence)?;
            let axis = axes.get(self, id, block.axis)?;
            check(&axis, &block)?;
            Ok((axis, block.values))
        };
        self.noted(read())
    }

    /// The values of one block; the one after the last is the open one. Never another number of them than the file says:
    /// whoever walks through blocks would look for the others for ever.
    fn values(&self, file: &FileState, id: FileId, column: &Column, sequence: u32) -> Result<Block, StoreError> {
        let (block, whole) = if sequence < column.blocks {
            let block = Block::decode(&self.sealed_block(id, file, column.metric, sequence)?)?;
            let whole = block.values.len() >= MIN_BLOCK;
            (block, whole)
        } else {
            let place = file.place(column.metric).unwrap_or_default();
            let record = self.must_get_packed(&keys::of_open(id, (place / open_blocks::COLUMNS) as u32))?;
            let block = Block::decode(OpenBlocks::decode(&record)?.of(place)?)?;
            let whole = block.values.len() == column.open as usize;
            (block, whole)
        };
        if whole {
            Ok(block)
        } else {
            Err(StoreError::Damaged(format!("a block of {} values; the file has others", block.values.len())))
        }
    }

    /// Points of a file that are not sealed.
    pub(super) fn tail(&self, id: FileId, file: &FileState) -> Result<Vec<RowPoint>, StoreError> {
        let mut points = Vec::with_capacity(file.tail_points as usize);
        for sequence in file.first_tail..file.record.tails {
            self.noted(tail::decode(&self.must_get(&keys::of_file(b't', id, sequence))?, &mut points))?;
        }
        Ok(points)
    }
}

fn check(axis: &Axis, block: &Block) -> Result<(), StoreError> {
    if axis.steps.len() == block.values.len() {
        Ok(())
    } else {
        Err(StoreError::Damaged("values whose number differs from the steps".to_owned()))
    }
}

/// Points gathered before the store is let go.
const STRETCH: usize = 16_384;

/// How far a file has been walked through.
struct Walk {
    id: FileId,
    only: Option<MetricId>,
    cursors: Vec<ColumnCursor>,
    axes: AxisCache,
}

/// A place in the sealed points of one column.
#[derive(Default)]
struct ColumnCursor {
    sequence: u32,
    at: usize,
    block: Option<(Arc<Axis>, Vec<f64>)>,
}

/// Axes lately used: columns of the same lines walk through the same ones side by side.
#[derive(Default)]
pub(super) struct AxisCache(HashMap<u32, Arc<Axis>>);

impl AxisCache {
    fn get(&mut self, store: &SledStore, id: FileId, sequence: u32) -> Result<Arc<Axis>, StoreError> {
        if let Some(axis) = self.0.get(&sequence) {
            return Ok(axis.clone());
        }
        if self.0.len() >= 64 {
            self.0.retain(|_, axis| Arc::strong_count(axis) > 1);
        }
        let axis = Arc::new(Axis::decode(&store.must_get_packed(&keys::of_file(b'a', id, sequence))?)?);
        self.0.insert(sequence, axis.clone());
        Ok(axis)
    }
}

/// Counts the starts of a run as one series shows them: a step that goes back, another file that does not go on beyond
/// the one before, or a restart that the file itself speaks of.
#[derive(Debug, Default)]
struct Segments {
    segment: u32,
    last: Option<(FileId, i64, u32)>,
}

impl Segments {
    /// `restarts` is how many the file has spoken of up to the point.
    fn next(&mut self, file: FileId, step: i64, restarts: u32) -> u32 {
        if let Some((before, last, known)) = self.last
            && (step < last || if before == file { restarts != known } else { step == last })
        {
            self.segment += 1;
        }
        self.last = Some((file, step, restarts));
        self.segment
    }
}
