//! The writing side: one commit is one atomic batch of points, cursor and statistics.

use super::changes::Changes;
use super::column::to_millis;
use super::file::{Cursor, FileRecord};
use super::open_blocks::COLUMNS;
use super::seal::Stretch;
use super::state::{FileState, FoundFact, RunState, State};
use super::{FileId, MetricId, RunId, SledStore, StoreError, keys};
use crate::vocab::{Facts, RawPoint};
use std::collections::HashMap;
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
        let mut changes = Changes::new(self);
        let mut state = self.state_mut();
        let files = state.runs.get(&run).map(|r| r.files.clone()).unwrap_or_default();
        for id in &files {
            if let Some(file) = state.files.get(id) {
                self.remove_file(*id, file, &mut changes)?;
            }
        }
        changes.remove(&keys::one(b'r', run.0));
        changes.remove(&keys::one(b'F', run.0));
        self.apply(changes.write()?)?;
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
        let mut changes = Changes::new(self);
        let mut state = self.state_mut();
        if let Some(file) = state.files.get(&id) {
            self.remove_file(id, file, &mut changes)?;
        }
        self.apply(changes.write()?)?;
        state.detach(id);
        Ok(())
    }

    /// Stores points and the cursor that accounts for them, together or not at all.
    ///
    /// # Errors
    /// What the disk says; nothing has changed then.
    pub fn commit(&self, commit: &Commit) -> Result<FileId, StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Changes::new(self);
        let Work { id, mut file, replaces } = self.target(commit)?;
        let names = self.intern(commit, &mut file, &mut changes);
        let points = rows(commit, &names.places, &mut file);
        let due = file.tail_points + points.len() as u32;
        let groups = file.record.tails - file.first_tail + 1;
        let enough = SEAL_POINTS.min(SEAL_PER_SERIES * file.columns.len() as u32);
        if !points.is_empty() && (due >= enough || groups >= SEAL_GROUPS) {
            self.seal(id, &mut file, points, &mut changes)?;
        } else {
            points.append_to_tail(id, &mut file, &mut changes);
        }
        file.record.path = commit.path.to_owned();
        file.record.cursor = commit.cursor.clone();
        changes.insert(&keys::one(b'f', id.0), file.record.encode());
        if let Some(facts) = commit.facts {
            let bytes = serde_json::to_vec(facts).map_err(|e| StoreError::Damaged(e.to_string()))?;
            changes.insert(&keys::one(b'l', id.0), bytes);
            file.facts = facts.to_vec();
        }
        for (old, gone) in &replaces {
            self.remove_file(*old, gone, &mut changes)?;
        }

        let change = changes.write()?;
        let mut state = self.state_mut();
        self.apply(change)?;
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
    fn intern(&self, commit: &Commit, file: &mut FileState, changes: &mut Changes) -> Names {
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
                changes.insert(&keys::one(b'n', metric.0), name.as_bytes());
                names.new.push(name.into());
                fresh.insert(name, metric);
                metric
            });
            names.places[index] = file.column(metric) as u32;
        }
        names
    }

    /// Removes everything of a file.
    fn remove_file(&self, id: FileId, file: &FileState, changes: &mut Changes) -> Result<(), StoreError> {
        for prefix in [b'd', b't'] {
            for key in self.db.scan_prefix(keys::one(prefix, id.0)).keys() {
                changes.remove(key.map_err(|e| self.failed(&e))?);
            }
        }
        for key in self.db.scan_prefix(keys::one(b'a', id.0)).keys() {
            changes.remove_packed(&key.map_err(|e| self.failed(&e))?)?;
        }
        for chunk in 0..file.columns.len().div_ceil(COLUMNS) {
            changes.remove_packed(&keys::of_open(id, chunk as u32))?;
        }
        for column in &file.columns {
            for sequence in 0..column.blocks {
                changes.remove_packed(&keys::of_block(b'b', file.record.run, column.metric, id, sequence))?;
            }
        }
        changes.remove(&keys::one(b'f', id.0));
        changes.remove(&keys::one(b'l', id.0));
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

/// Numbers the rows of new points and counts them in the file's statistics. Points belong to one row while step and
/// time are the same and no metric comes twice.
fn rows(commit: &Commit, places: &[u32], file: &mut FileState) -> Stretch {
    let mut stretch = Stretch::with_capacity(commit.points.len());
    let mut restarts = commit.restarts.iter().copied().peekable();
    let mut seen = vec![u64::MAX; file.columns.len()];
    let mut row = file.record.rows;
    let mut known = file.record.restarts.len() as u32;
    // What the points of the row at hand share: the step, and the time as logged and as kept.
    let (mut step, mut wall, mut time) = (0, 0, None);
    for (index, point) in commit.points.iter().enumerate() {
        let place = places[point.metric as usize] as usize;
        let restarted = std::iter::from_fn(|| restarts.next_if(|at| *at <= index)).count() > 0;
        let same_time = point.wall.to_bits() == wall || to_millis(point.wall) == time;
        if stretch.is_empty() || restarted || point.step != step || !same_time || seen[place] == row {
            row += u64::from(!stretch.is_empty());
            (step, wall, time) = (point.step, point.wall.to_bits(), to_millis(point.wall));
            if restarted {
                file.restarted(row);
                known = file.record.restarts.len() as u32;
            }
            stretch.row(row, step, time);
        }
        seen[place] = row;
        file.columns[place].add(step, point.value, time, known);
        stretch.point(place as u32, point.value);
    }
    if !stretch.is_empty() {
        file.record.rows = row + 1;
    }
    if restarts.next().is_some() {
        file.restarted(file.record.rows);
    }
    stretch
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
