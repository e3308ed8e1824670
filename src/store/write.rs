//! The writing side: one commit is one atomic batch of points, cursor and statistics.

use super::block::{self, Axis, Block, MIN_BLOCK};
use super::column::to_millis;
use super::file::{Cursor, FileRecord};
use super::rollup::{self, COARSE};
use super::state::{FileState, FoundFact, RunState, State};
use super::tail::{self, MAX_GROUP, RowPoint};
use super::{FileId, MetricId, RunId, SledStore, StoreError, keys, stats};
use crate::vocab::{Facts, RawPoint};
use sled::Batch;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

/// A file's tail is sealed when it has this many points for each of its series …
const SEAL_PER_SERIES: u32 = 64;
/// … or this many points together …
const SEAL_POINTS: u32 = 16_384;
/// … or this many groups.
const SEAL_GROUPS: u32 = 512;

/// Which file a commit is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// One that is known.
    Known(FileId),
    /// One that is not.
    New {
        /// Whose it is.
        run: RunId,
        /// Name of its format.
        format: &'a str,
        /// When its first record was written, as far as can be told, seconds since 1970.
        began: f64,
        /// Earlier generations of the file, whose points these ones replace.
        replaces: &'a [FileId],
    },
}

/// What one reading of a file brought.
#[derive(Debug, Clone)]
pub struct Commit<'a> {
    /// Which file.
    pub target: Target<'a>,
    /// Its path now, relative to its run.
    pub path: &'a str,
    /// Metric keys that points refer to.
    pub names: &'a [String],
    /// Points in file order.
    pub points: &'a [RawPoint],
    /// Indices into `points` before which the log says that training started again.
    pub restarts: &'a [usize],
    /// All facts found in the content so far, if there are new ones.
    pub facts: Option<&'a [FoundFact]>,
    /// How far the file has been read with these points.
    pub cursor: Cursor,
}

impl SledStore {
    /// The number of a run, new where it is not known.
    ///
    /// # Errors
    /// What the disk says.
    pub fn run(&self, name: &str) -> Result<RunId, StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = self.state().run_ids.get(name) {
            return Ok(*id);
        }
        let id = RunId(self.state().runs.keys().next_back().map_or(0, |last| last.0 + 1));
        self.db.insert(keys::one(b'r', id.0), name.as_bytes()).map_err(|e| self.failed(&e))?;
        let mut state = self.state_mut();
        state.run_ids.insert(name.to_owned(), id);
        state.runs.insert(id, RunState { name: name.to_owned(), ..RunState::default() });
        Ok(id)
    }

    /// The number of a run, where it is known.
    #[must_use]
    pub fn find_run(&self, name: &str) -> Option<RunId> {
        self.state().run_ids.get(name).copied()
    }

    /// Replaces what is known of a run besides metrics. Returns whether that is anything new.
    ///
    /// # Errors
    /// What the disk says.
    pub fn set_facts(&self, run: RunId, facts: &Facts) -> Result<bool, StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.state().runs.get(&run).is_none_or(|r| r.facts == *facts) {
            return Ok(false);
        }
        let bytes = serde_json::to_vec(facts).map_err(|e| StoreError::Damaged(e.to_string()))?;
        self.db.insert(keys::one(b'F', run.0), bytes).map_err(|e| self.failed(&e))?;
        if let Some(run) = self.state_mut().runs.get_mut(&run) {
            run.facts = facts.clone();
        }
        Ok(true)
    }

    /// Forgets a run and everything of it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn forget(&self, run: RunId) -> Result<(), StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch::default();
        let mut state = self.state_mut();
        let files = state.runs.get(&run).map(|r| r.files.clone()).unwrap_or_default();
        for id in &files {
            if let Some(file) = state.files.get(id) {
                self.remove_file(*id, file, &mut batch)?;
            }
        }
        batch.remove(&keys::one(b'r', run.0));
        batch.remove(&keys::one(b'F', run.0));
        self.db.apply_batch(batch).map_err(|e| self.failed(&e))?;
        files.into_iter().for_each(|id| state.detach(id));
        if let Some(gone) = state.runs.remove(&run) {
            state.run_ids.remove(&gone.name);
        }
        Ok(())
    }

    /// Forgets a file and everything of it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn forget_file(&self, id: FileId) -> Result<(), StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch::default();
        let mut state = self.state_mut();
        if let Some(file) = state.files.get(&id) {
            self.remove_file(id, file, &mut batch)?;
        }
        self.db.apply_batch(batch).map_err(|e| self.failed(&e))?;
        state.detach(id);
        Ok(())
    }

    /// Stores points and the cursor that accounts for them, together or not at all.
    ///
    /// # Errors
    /// What the disk says; nothing has changed then.
    pub fn commit(&self, commit: &Commit) -> Result<FileId, StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch::default();
        let Work { id, mut file, replaces } = self.target(commit)?;
        let names = self.intern(commit, &mut file, &mut batch);
        let points = rows(commit, &names.places, &mut file);
        let due = file.tail_points + points.len() as u32;
        let groups = file.record.tails - file.first_tail + 1;
        let enough = SEAL_POINTS.min(SEAL_PER_SERIES * file.columns.len() as u32);
        if !points.is_empty() && (due >= enough || groups >= SEAL_GROUPS) {
            self.seal(id, &mut file, points, &mut batch)?;
        } else {
            append(id, &mut file, &points, &mut batch);
        }
        file.record.path = commit.path.to_owned();
        file.record.cursor = commit.cursor.clone();
        batch.insert(&keys::one(b'f', id.0), file.record.encode());
        if let Some(facts) = commit.facts {
            let bytes = serde_json::to_vec(facts).map_err(|e| StoreError::Damaged(e.to_string()))?;
            batch.insert(&keys::one(b'l', id.0), bytes);
            file.facts = facts.to_vec();
        }
        for (old, gone) in &replaces {
            self.remove_file(*old, gone, &mut batch)?;
        }

        let mut state = self.state_mut();
        self.db.apply_batch(batch).map_err(|e| self.failed(&e))?;
        for name in names.new {
            let metric = MetricId(state.metrics.len() as u32);
            state.metric_ids.insert(name.clone(), metric);
            state.metrics.push(name);
        }
        for (old, _) in replaces {
            state.detach(old);
        }
        state.install(id, file);
        Ok(id)
    }

    /// The file a commit is for, as a copy to work on; and the one it replaces.
    fn target(&self, commit: &Commit) -> Result<Work, StoreError> {
        let state = self.state();
        match commit.target {
            Target::Known(id) => match state.files.get(&id) {
                Some(file) => Ok(Work { id, file: file.clone(), replaces: Vec::new() }),
                None => Err(StoreError::Damaged(format!("no file {}", id.0))),
            },
            Target::New { run, format, began, replaces } => {
                let old: Vec<(FileId, FileState)> =
                    replaces.iter().filter_map(|id| Some((*id, state.files.get(id)?.clone()))).collect();
                let record = FileRecord {
                    run,
                    path: commit.path.to_owned(),
                    format: format.to_owned(),
                    began,
                    generation: old.iter().map(|(_, f)| f.record.generation + 1).max().unwrap_or(0),
                    cursor: Cursor::default(),
                    rows: 0,
                    restarts: Vec::new(),
                    axes: 0,
                    tails: 0,
                };
                Ok(Work { id: FileId(state.next_file), file: FileState::new(record), replaces: old })
            }
        }
    }

    /// Finds the store's number and the file's column of every key that has points.
    fn intern(&self, commit: &Commit, file: &mut FileState, batch: &mut Batch) -> Names {
        let state = self.state();
        let mut names = Names { places: vec![u32::MAX; commit.names.len()], new: Vec::new() };
        let mut fresh: HashMap<&str, MetricId> = HashMap::new();
        for point in commit.points {
            let index = point.metric as usize;
            if names.places.get(index).is_none_or(|place| *place != u32::MAX) {
                continue;
            }
            let name = commit.names[index].as_str();
            let known = state.metric_ids.get(name).or_else(|| fresh.get(name)).copied();
            let metric = known.unwrap_or_else(|| {
                let metric = MetricId((state.metrics.len() + names.new.len()) as u32);
                batch.insert(&keys::one(b'n', metric.0), name.as_bytes());
                names.new.push(name.into());
                fresh.insert(name, metric);
                metric
            });
            names.places[index] = file.column(metric) as u32;
        }
        names
    }

    /// Moves the tail and new points into blocks.
    fn seal(&self, id: FileId, file: &mut FileState, new: Vec<RowPoint>, batch: &mut Batch) -> Result<(), StoreError> {
        let mut points = Vec::with_capacity(new.len() + file.tail_points as usize);
        for sequence in file.first_tail..file.record.tails {
            let key = keys::of_file(b't', id, sequence);
            tail::decode(&self.must_get(&key)?, &mut points)?;
            batch.remove(&key);
        }
        points.extend(new);
        let run = file.record.run;
        let mut axes = Axes::default();
        let mut reopened = BTreeSet::new();
        let mut touched = BTreeSet::new();
        for (place, index) in by_column(&points, file).into_iter().enumerate() {
            if index.is_empty() {
                continue;
            }
            touched.insert(place / stats::CHUNK);
            let column = &mut file.columns[place];
            let open = if column.open > 0 {
                let block =
                    Block::decode(&self.must_get(&keys::of_block(b'b', run, column.metric, id, column.blocks - 1))?)?;
                let axis = Axis::decode(&self.must_get(&keys::of_file(b'a', id, block.axis))?)?;
                reopened.insert(block.axis);
                column.blocks -= 1;
                Some((axis, block.values))
            } else {
                None
            };
            let (old_axis, mut values) = open.unwrap_or_default();
            let mut rows = old_axis.rows.clone();
            rows.extend(index.iter().map(|i| points[*i as usize].row as i64));
            values.extend(index.iter().map(|i| points[*i as usize].value));
            let mut at = 0;
            for size in block::cut(values.len()) {
                let piece = at..at + size;
                let (sequence, axis) = axes.find(&rows[piece.clone()], &mut file.record.axes, || {
                    let old = old_axis.rows.len();
                    let fresh = |i: usize| &points[index[i - old] as usize];
                    let step = |i| if i < old { old_axis.steps[i] } else { fresh(i).step };
                    let time = |i| if i < old { old_axis.times[i] } else { fresh(i).time };
                    (piece.clone().map(step).collect(), piece.clone().map(time).collect())
                });
                let block = keys::of_block(b'b', run, column.metric, id, column.blocks);
                let stored = Block { axis: sequence, values: values[piece.clone()].to_vec() };
                batch.insert(&block, stored.encode());
                if size >= MIN_BLOCK {
                    let levels: Vec<_> = rollup::stretches(&axis.steps, &stored.values, COARSE).collect();
                    batch.insert(&keys::of_block(b'u', run, column.metric, id, column.blocks), rollup::encode(&levels));
                }
                (column.open, column.open_axis) = if size < MIN_BLOCK { (size as u32, sequence) } else { (0, 0) };
                column.blocks += 1;
                at += size;
            }
            column.tail = 0;
        }
        for (sequence, axis) in axes.new {
            batch.insert(&keys::of_file(b'a', id, sequence), axis.encode());
        }
        // An axis this short serves open blocks only; once the last of them is taken up, nothing refers to it.
        for axis in reopened {
            if !file.columns.iter().any(|c| c.open > 0 && c.open_axis == axis) {
                batch.remove(&keys::of_file(b'a', id, axis));
            }
        }
        for chunk in touched {
            let from = chunk * stats::CHUNK;
            let to = file.columns.len().min(from + stats::CHUNK);
            batch.insert(&keys::of_file(b'd', id, chunk as u32), stats::encode(&file.columns[from..to]));
        }
        file.tail_points = 0;
        file.first_tail = file.record.tails;
        Ok(())
    }

    /// Removes everything of a file.
    fn remove_file(&self, id: FileId, file: &FileState, batch: &mut Batch) -> Result<(), StoreError> {
        for prefix in [b'd', b't', b'a'] {
            for key in self.db.scan_prefix(keys::one(prefix, id.0)).keys() {
                batch.remove(key.map_err(|e| self.failed(&e))?);
            }
        }
        for column in &file.columns {
            for sequence in 0..column.blocks {
                batch.remove(&keys::of_block(b'b', file.record.run, column.metric, id, sequence));
                batch.remove(&keys::of_block(b'u', file.record.run, column.metric, id, sequence));
            }
        }
        batch.remove(&keys::one(b'f', id.0));
        batch.remove(&keys::one(b'l', id.0));
        Ok(())
    }
}

/// A commit under way.
struct Work {
    id: FileId,
    file: FileState,
    replaces: Vec<(FileId, FileState)>,
}

/// Where the keys of a commit belong.
struct Names {
    /// Column of the file, by index of the key.
    places: Vec<u32>,
    /// Keys the store did not know.
    new: Vec<Arc<str>>,
}

/// Axes made by one seal, so that series of the same lines share theirs.
#[derive(Default)]
struct Axes {
    new: Vec<(u32, Axis)>,
    by_ends: HashMap<(i64, i64, usize), Vec<usize>>,
}

impl Axes {
    fn find(
        &mut self,
        rows: &[i64],
        next: &mut u32,
        rest: impl FnOnce() -> (Vec<i64>, Vec<Option<i64>>),
    ) -> (u32, &Axis) {
        let ends = (rows[0], rows[rows.len() - 1], rows.len());
        let same = self.by_ends.entry(ends).or_default();
        let place = match same.iter().copied().find(|i| self.new[*i].1.rows == rows) {
            Some(place) => place,
            None => {
                let (steps, times) = rest();
                self.new.push((*next, Axis { rows: rows.to_vec(), steps, times }));
                *next += 1;
                same.push(self.new.len() - 1);
                self.new.len() - 1
            }
        };
        let (sequence, axis) = &self.new[place];
        (*sequence, axis)
    }
}

/// Numbers the rows of new points and counts them in the file's statistics. Points belong to one row while step and
/// time are the same and no metric comes twice.
fn rows(commit: &Commit, places: &[u32], file: &mut FileState) -> Vec<RowPoint> {
    let mut points: Vec<RowPoint> = Vec::with_capacity(commit.points.len());
    let mut restarts = commit.restarts.iter().copied().peekable();
    let mut seen = vec![u64::MAX; file.columns.len()];
    let mut row = file.record.rows;
    for (index, point) in commit.points.iter().enumerate() {
        let place = places[point.metric as usize] as usize;
        let restarted = std::iter::from_fn(|| restarts.next_if(|at| *at <= index)).count() > 0;
        let time = to_millis(point.wall);
        if let Some(last) = points.last()
            && (restarted || last.step != point.step || last.time != time || seen[place] == row)
        {
            row += 1;
        }
        if restarted {
            file.restarted(row);
        }
        let restarts = file.record.restarts.len() as u32;
        seen[place] = row;
        let column = &mut file.columns[place];
        column.add(point.step, point.value, time, restarts);
        points.push(RowPoint { row, metric: column.metric, step: point.step, time, value: point.value });
    }
    if !points.is_empty() {
        file.record.rows = row + 1;
    }
    if restarts.next().is_some() {
        file.restarted(file.record.rows);
    }
    points
}

/// Writes new points behind the tail.
fn append(id: FileId, file: &mut FileState, points: &[RowPoint], batch: &mut Batch) {
    for group in points.chunks(MAX_GROUP) {
        batch.insert(&keys::of_file(b't', id, file.record.tails), tail::encode(group));
        file.record.tails += 1;
    }
    for point in points {
        let place = file.column(point.metric);
        file.columns[place].tail += 1;
    }
    file.tail_points += points.len() as u32;
}

/// Indices of points by column.
fn by_column(points: &[RowPoint], file: &mut FileState) -> Vec<Vec<u32>> {
    let mut index: Vec<Vec<u32>> = vec![Vec::new(); file.columns.len()];
    for (i, point) in points.iter().enumerate() {
        index[file.column(point.metric)].push(i as u32);
    }
    index
}

impl State {
    /// Puts a file in place of what was known of it.
    fn install(&mut self, id: FileId, file: FileState) {
        let count = |f: &FileState| f.columns.iter().map(|c| c.points).sum::<u64>();
        match self.files.get_mut(&id) {
            None => self.attach(id, file),
            Some(known) => {
                let (run, moved) = (file.record.run, known.record.path != file.record.path);
                self.points = self.points + count(&file) - count(known);
                *known = file;
                if moved {
                    self.sort(run);
                }
            }
        }
    }
}
