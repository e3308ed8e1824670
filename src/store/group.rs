//! Commits of several files that reach the disk together (group commit, Gawlick and Kinkade 1985): a batch costs sled two
//! writes and two waits, whatever is in it.

use super::changes::Changes;
use super::column::to_millis;
use super::commit::{Commit, Target};
use super::file::{Cursor, FileRecord};
use super::outlet::{Change, FileChange};
use super::seal::Stretch;
use super::state::{FileState, RunState, State};
use super::{FileId, MetricId, RunId, SledStore, StoreError, keys};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, MutexGuard};

/// A file's tail is sealed when it has this many points for each of its series …
const SEAL_PER_SERIES: u32 = 64;
/// … or this many points together …
const SEAL_POINTS: u32 = 16_384;
/// … or this many groups of points.
const SEAL_GROUPS: u32 = 512;

/// Commits of different files, all of which are stored or none. Dropped, it has changed nothing.
pub struct Group<'a> {
    store: &'a SledStore,
    changes: Changes<'a>,
    /// Files as they will be.
    files: BTreeMap<FileId, FileState>,
    /// Files that will be gone.
    gone: Vec<FileId>,
    /// Keys of metrics the store does not know, in the order of their numbers, and the numbers.
    new: Vec<Arc<str>>,
    fresh: HashMap<Arc<str>, MetricId>,
    /// Runs the store does not know.
    runs: BTreeMap<RunId, String>,
    /// What is to be sent before anything is written.
    to_send: Vec<Change>,
    /// Whether something is kept beside files.
    keeps: bool,
    /// Whether one of the commits was cut short.
    broken: bool,
    _writer: MutexGuard<'a, ()>,
}

/// About how many bytes a change will be, packed.
fn packed(change: &Change) -> usize {
    if let Change::Points(change) = change { 4 * change.points.len() } else { 0 }
}

impl<'a> Group<'a> {
    /// An empty one, for whoever is the writer.
    pub(super) fn of(store: &'a SledStore, writer: MutexGuard<'a, ()>) -> Self {
        Self {
            store,
            changes: Changes::new(store),
            files: BTreeMap::new(),
            gone: Vec::new(),
            new: Vec::new(),
            fresh: HashMap::new(),
            runs: BTreeMap::new(),
            to_send: Vec::new(),
            keeps: false,
            broken: false,
            _writer: writer,
        }
    }

    /// Where it will be written.
    #[must_use]
    pub fn store(&self) -> &'a SledStore {
        self.store
    }

    /// Bytes that wait to be written.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.changes.len() + self.to_send.iter().map(packed).sum::<usize>()
    }

    /// The number of a run, new where it is not known; it is known once the group is written.
    pub fn run(&mut self, name: &str) -> RunId {
        let state = self.store.state();
        let new = self.runs.iter().find(|(_, new)| *new == name).map(|(id, _)| *id);
        if let Some(id) = state.run_ids.get(name).copied().or(new) {
            return id;
        }
        let last = state.runs.keys().next_back().max(self.runs.keys().next_back());
        let id = RunId(last.map_or(0, |last| last.0 + 1));
        self.changes.insert(&keys::one(b'r', id.0), name.as_bytes());
        self.runs.insert(id, name.to_owned());
        id
    }

    /// Adds points of a file and the cursor that accounts for them. Returns the file's number, which is good once the
    /// group is written.
    ///
    /// # Errors
    /// What the disk says; [`StoreError::Damaged`] for a file that the store does not know, or that is in the group
    /// already. No group is written after an error.
    pub fn add(&mut self, commit: &Commit) -> Result<FileId, StoreError> {
        self.try_add(commit).inspect_err(|_| self.broken = true)
    }

    fn try_add(&mut self, commit: &Commit) -> Result<FileId, StoreError> {
        let (id, mut file) = self.file(commit)?;
        if self.store.outlet.get().is_some() {
            let run = self.run_name(file.record.run);
            self.to_send.push(Change::Points(Box::new(FileChange::of(id, &run, &file.record, commit))));
            file.record.rows += u64::from(!commit.points.is_empty());
        } else {
            self.keep_points(id, &mut file, commit)?;
        }
        file.record.path = commit.path.to_owned();
        file.record.cursor = commit.cursor.clone();
        self.changes.insert(&keys::one(b'f', id.0), file.record.encode());
        if let Some(facts) = commit.facts {
            let bytes = serde_json::to_vec(facts).map_err(|e| StoreError::Damaged(e.to_string()))?;
            self.changes.insert(&keys::one(b'l', id.0), bytes);
            file.facts = facts.to_vec();
        }
        if let Target::New { replaces, .. } = commit.target {
            self.replace(replaces)?;
        }
        self.files.insert(id, file);
        Ok(id)
    }

    fn keep_points(&mut self, id: FileId, file: &mut FileState, commit: &Commit) -> Result<(), StoreError> {
        let places = self.intern(commit, file);
        let points = rows(commit, &places, file);
        let due = file.tail_points + points.len() as u32;
        let groups = file.record.tails - file.first_tail + 1;
        let enough = SEAL_POINTS.min(SEAL_PER_SERIES * file.columns.len() as u32);
        if !points.is_empty() && (due >= enough || groups >= SEAL_GROUPS) {
            self.store.seal(id, file, points, &mut self.changes)?;
        } else {
            points.append_to_tail(id, file, &mut self.changes);
        }
        Ok(())
    }

    fn run_name(&self, run: RunId) -> String {
        self.runs.get(&run).cloned().or_else(|| self.store.run_name(run)).unwrap_or_default()
    }

    /// Keeps something small beside the files, with them or not at all.
    pub(super) fn keep(&mut self, key: &[u8], value: &[u8]) {
        self.changes.insert(key, value);
        self.keeps = true;
    }

    /// Keeps how far a stream was read, with the points or not at all.
    pub fn keep_place(&mut self, name: &str, value: &[u8]) {
        self.keep(&keys::of_place(name), value);
    }

    /// Adds what was sent of a file, without its points.
    pub(super) fn adopt(&mut self, change: &FileChange) -> Result<(), StoreError> {
        let (run, format, began) = (self.run(&change.run), change.format.as_str(), change.began);
        let id = FileId(change.file);
        {
            // Numbers between are of files that were forgotten since.
            let mut state = self.store.state_mut();
            state.next_file = state.next_file.max(change.file);
        }
        let replaces: Vec<FileId> = change.replaces.iter().map(|file| FileId(*file)).collect();
        let target = match change.part_of {
            _ if self.store.record(id).is_some() => Target::Known(id),
            None => Target::New { run, format, began, replaces: &replaces },
            Some(whole) => Target::Part { run, format, began, of: FileId(whole) },
        };
        let added = self.add(&Commit {
            target,
            path: &change.path,
            names: &[],
            points: &[],
            restarts: &[],
            facts: change.facts.as_deref(),
            cursor: change.cursor.clone(),
        })?;
        if let Some(file) = self.files.get_mut(&added).filter(|_| !change.points.is_empty()) {
            file.record.rows += 1;
            self.changes.insert(&keys::one(b'f', added.0), file.record.encode());
        }
        if added != id {
            self.broken = true;
            return Err(StoreError::Damaged(format!("file {} where {} was sent", added.0, change.file)));
        }
        Ok(())
    }

    /// Stores all of it.
    ///
    /// # Errors
    /// What the disk says; nothing has changed then.
    pub fn write(mut self) -> Result<(), StoreError> {
        if self.broken {
            return Err(StoreError::Damaged("an incomplete commit".to_owned()));
        }
        if self.files.is_empty() && !self.keeps {
            // To sled, a batch of nothing costs as much as any.
            return Ok(());
        }
        if let Some((key, number)) = self.store.send(std::mem::take(&mut self.to_send))? {
            self.changes.insert(&key, &number);
        }
        let change = self.changes.write()?;
        let mut state = self.store.state_mut();
        self.store.apply(change)?;
        for (id, name) in self.runs {
            state.run_ids.insert(name.clone(), id);
            state.runs.insert(id, RunState { name, ..RunState::default() });
        }
        for name in self.new {
            let metric = MetricId(state.metrics.len() as u32);
            state.metric_ids.insert(name.clone(), metric);
            state.metrics.push(name);
        }
        for old in self.gone {
            state.detach(old);
        }
        for (id, file) in self.files {
            state.install(id, file);
        }
        Ok(())
    }

    /// The file a commit is for, as a copy to work on.
    fn file(&self, commit: &Commit) -> Result<(FileId, FileState), StoreError> {
        let state = self.store.state();
        match commit.target {
            Target::Known(id) => match state.files.get(&id) {
                Some(file) if !self.files.contains_key(&id) && !self.gone.contains(&id) => Ok((id, file.clone())),
                _ => Err(StoreError::Damaged(format!("no file {} to append to", id.0))),
            },
            Target::New { run, format, began, .. } | Target::Part { run, format, began, .. } => {
                let (replaces, part_of) = match commit.target {
                    Target::New { replaces, .. } => (replaces, None),
                    Target::Part { of, .. } => (&[][..], Some(of)),
                    Target::Known(_) => (&[][..], None),
                };
                let old = replaces.iter().filter_map(|id| state.files.get(id));
                let record = FileRecord {
                    run,
                    path: commit.path.to_owned(),
                    format: format.to_owned(),
                    began,
                    generation: old.map(|file| file.record.generation + 1).max().unwrap_or(0),
                    cursor: Cursor::default(),
                    rows: 0,
                    restarts: Vec::new(),
                    axes: 0,
                    tails: 0,
                    part_of,
                };
                let newest = self.files.last_key_value().map_or(0, |(id, _)| id.0 + 1);
                Ok((FileId(state.next_file.max(newest)), FileState::new(record)))
            }
        }
    }

    /// Finds the store's number and the file's column of every key that has points. Returns the columns by index of the
    /// key.
    fn intern(&mut self, commit: &Commit, file: &mut FileState) -> Vec<u32> {
        let state = self.store.state();
        let mut places = vec![u32::MAX; commit.names.len()];
        for point in commit.points {
            let index = point.metric as usize;
            if places.get(index).is_none_or(|place| *place != u32::MAX) {
                continue;
            }
            let name = commit.names[index].as_str();
            let known = state.metric_ids.get(name).or_else(|| self.fresh.get(name)).copied();
            let metric = known.unwrap_or_else(|| {
                let metric = MetricId((state.metrics.len() + self.new.len()) as u32);
                self.changes.insert(&keys::one(b'n', metric.0), name.as_bytes());
                let name: Arc<str> = name.into();
                self.new.push(Arc::clone(&name));
                self.fresh.insert(name, metric);
                metric
            });
            places[index] = file.column(metric) as u32;
        }
        places
    }

    /// Removes files whose points are replaced.
    fn replace(&mut self, replaced: &[FileId]) -> Result<(), StoreError> {
        let parts = |id: &FileId| self.store.state().parts.get(id).cloned().unwrap_or_default();
        let all: Vec<FileId> = replaced.iter().flat_map(|id| std::iter::once(*id).chain(parts(id))).collect();
        for old in &all {
            if self.files.contains_key(old) {
                return Err(StoreError::Damaged(format!("file {} is both appended to and replaced", old.0)));
            }
            if !self.gone.contains(old)
                && let Some(file) = self.store.state().files.get(old)
            {
                self.store.remove_file(*old, file, &mut self.changes)?;
                self.gone.push(*old);
            }
        }
        Ok(())
    }
}

/// Numbers the rows of new points and counts them in the file's statistics. Points belong to one row while step and
/// time are the same and no metric comes twice.
fn rows(commit: &Commit, places: &[u32], file: &mut FileState) -> Stretch {
    let mut stretch = Stretch::with_capacity(commit.points.len());
    // The restarts that are still to come, and the point the first of them is at: one comparison a point.
    let mut restarts = commit.restarts;
    let mut next_restart = restarts.first().copied().unwrap_or(usize::MAX);
    let mut seen = vec![u64::MAX; file.columns.len()];
    let mut row = file.record.rows;
    let mut known = file.record.restarts.len() as u32;
    // What the points of the row at hand share: the step, and the time as logged and as kept.
    let (mut step, mut wall, mut time) = (0, 0, None);
    for (index, point) in commit.points.iter().enumerate() {
        let place = places[point.metric as usize] as usize;
        let restarted = next_restart <= index;
        if restarted {
            restarts = &restarts[restarts.iter().take_while(|at| **at <= index).count()..];
            next_restart = restarts.first().copied().unwrap_or(usize::MAX);
        }
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
    if !restarts.is_empty() {
        file.restarted(file.record.rows);
    }
    stretch
}

impl State {
    /// Puts a file in place of what was known of it.
    pub(super) fn install(&mut self, id: FileId, file: FileState) {
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
