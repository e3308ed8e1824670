//! Commits of several files that reach the disk together (group commit, Gawlick and Kinkade 1985): a batch costs sled two
//! writes and two waits, whatever is in it.

use super::changes::Changes;
use super::commit::{Commit, Target};
use super::file::{Cursor, FileRecord};
use super::outlet::{Change, FileChange};
use super::state::{FileState, RunState, State};
use super::stretch::{Gathered, Rows, Stretch};
use super::tail::RowPoint;
use super::{FileId, MetricId, RunId, SledStore, StoreError, keys, tail};
use crate::vocab::RawPoint;
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
        self.add_gathered(commit, Gathered::default())
    }

    /// The same for points that were gathered by rows, in place of those in `commit`.
    ///
    /// # Errors
    /// Like [`Group::add`].
    pub fn add_gathered(&mut self, commit: &Commit, gathered: Gathered) -> Result<FileId, StoreError> {
        if gathered.is_empty() || self.store.outlet.get().is_none() {
            return self.try_add(commit, gathered).inspect_err(|_| self.broken = true);
        }
        let (points, restarts) = gathered.points();
        let commit = Commit { points: &points, restarts: &restarts, ..commit.clone() };
        self.try_add(&commit, Gathered::default()).inspect_err(|_| self.broken = true)
    }

    fn try_add(&mut self, commit: &Commit, gathered: Gathered) -> Result<FileId, StoreError> {
        let (id, mut file) = self.file(commit)?;
        if self.store.outlet.get().is_some() {
            let run = self.run_name(file.record.run);
            self.to_send.push(Change::Points(Box::new(FileChange::of(id, &run, &file.record, commit))));
            file.record.rows += u64::from(!commit.points.is_empty());
        } else {
            self.keep_points(id, &mut file, commit, gathered)?;
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

    fn keep_points(
        &mut self,
        id: FileId,
        file: &mut FileState,
        commit: &Commit,
        gathered: Gathered,
    ) -> Result<(), StoreError> {
        let places = self.intern(commit, &gathered, file);
        let points = if gathered.is_empty() {
            rows(commit, &places, file)
        } else {
            gathered_rows(gathered, &places, file).unwrap_or_else(|gathered| {
                let (points, restarts) = gathered.points();
                rows(&Commit { points: &points, restarts: &restarts, ..commit.clone() }, &places, file)
            })
        };
        let due = file.tail_points + points.len() as u32;
        let groups = file.record.tails - file.first_tail + 1;
        let enough = SEAL_POINTS.min(SEAL_PER_SERIES * file.columns.len() as u32);
        if !points.is_empty() && (due >= enough || groups >= SEAL_GROUPS) {
            self.store.seal(id, file, points, &mut self.changes)?;
        } else {
            append_to_tail(&points, id, file, &mut self.changes);
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
    fn intern(&mut self, commit: &Commit, gathered: &Gathered, file: &mut FileState) -> Vec<u32> {
        let state = self.store.state();
        let mut places = vec![u32::MAX; commit.names.len()];
        // Lines name their metrics in one order, in which they were numbered once: the next number is mostly the one.
        let mut next = 0;
        for metric in gathered.metrics().chain(commit.points.iter().map(|point| point.metric)) {
            let index = metric as usize;
            if places.get(index).is_none_or(|place| *place != u32::MAX) {
                continue;
            }
            let name = commit.names[index].as_str();
            let guess = state.metrics.get(next as usize).filter(|key| &***key == name).map(|_| MetricId(next));
            let known = guess.or_else(|| state.metric_ids.get(name).or_else(|| self.fresh.get(name)).copied());
            let metric = known.unwrap_or_else(|| {
                let metric = MetricId((state.metrics.len() + self.new.len()) as u32);
                self.changes.insert(&keys::one(b'n', metric.0), name.as_bytes());
                let name: Arc<str> = name.into();
                self.new.push(Arc::clone(&name));
                self.fresh.insert(name, metric);
                metric
            });
            next = metric.0.saturating_add(1);
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

/// Puts points behind the tail of their file.
fn append_to_tail(stretch: &Stretch, id: FileId, file: &mut FileState, changes: &mut Changes) {
    let points: Vec<RowPoint> = stretch.points(file).collect();
    for group in points.chunks(tail::MAX_GROUP) {
        changes.insert(&keys::of_file(b't', id, file.record.tails), tail::encode(group));
        file.record.tails += 1;
    }
    for (place, count) in stretch.counts() {
        file.columns[place].tail += count;
    }
    file.tail_points += points.len() as u32;
}

/// Numbers the rows of new points and counts them in the file's statistics.
fn rows(commit: &Commit, places: &[u32], file: &mut FileState) -> Stretch {
    let mut rows = Rows::with_capacity(commit.points.len());
    let (first, columns) = (file.record.rows, file.columns.len());
    let place = |point: &RawPoint| places[point.metric as usize];
    let (next, late) = rows.split(commit.points, commit.restarts, first, columns, place, |row| file.restarted(row));
    file.record.rows = next;
    let stretch = rows.done();
    stretch.count(file);
    if late {
        file.restarted(next);
    }
    stretch
}

/// The same for points that are in rows already. Where a row has two values of one column they are given back, and nothing is
/// counted.
fn gathered_rows(gathered: Gathered, places: &[u32], file: &mut FileState) -> Result<Stretch, Box<Gathered>> {
    let first = file.record.rows;
    let (stretch, restarts) = gathered.placed(places, first)?;
    restarts.into_iter().for_each(|row| file.restarted(row));
    file.record.rows = first + stretch.rows() as u64;
    stretch.count(file);
    Ok(stretch)
}

impl State {
    /// Puts a file in place of what was known of it.
    pub(super) fn install(&mut self, id: FileId, file: FileState) {
        let count = |f: &FileState| f.columns.points();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::column::to_millis;
    use proptest::prelude::*;

    /// The rule, point by point: where rows begin, and what the series count.
    fn by_point(points: &[RawPoint], mut restarts: &[usize], file: &mut FileState) -> Vec<(u64, MetricId, i64, u64)> {
        let (mut row, mut of_row, mut rows) = (file.record.rows, Vec::<RawPoint>::new(), Vec::new());
        for (index, point) in points.iter().enumerate() {
            let restarted = restarts.first().is_some_and(|next| *next <= index);
            let same = |other: &RawPoint| {
                other.step == point.step && to_millis(other.wall) == to_millis(point.wall) && !restarted
            };
            if !of_row.first().is_none_or(same) || of_row.iter().any(|other| other.metric == point.metric) {
                row += 1;
                of_row.clear();
            }
            while let Some((next, rest)) = restarts.split_first().filter(|(next, _)| **next <= index) {
                file.restarted(row);
                (_, restarts) = (next, rest);
            }
            of_row.push(*point);
            let place = file.column(MetricId(point.metric));
            let known = file.record.restarts.len() as u32;
            file.columns[place].add(point.step, point.value, to_millis(point.wall), known);
            rows.push((row, MetricId(point.metric), point.step, point.value.to_bits()));
        }
        file.record.rows = row + u64::from(!points.is_empty());
        if !restarts.is_empty() {
            file.restarted(file.record.rows);
        }
        rows
    }

    fn file() -> FileState {
        let record = FileRecord {
            run: RunId(0),
            path: String::new(),
            format: String::new(),
            began: 0.0,
            generation: 0,
            cursor: Cursor::default(),
            rows: 0,
            restarts: Vec::new(),
            axes: 0,
            tails: 0,
            part_of: None,
        };
        FileState::new(record)
    }

    proptest! {
        /// Lines that repeat, lines that break off or have more, times that agree or not, restarts anywhere, in any number of
        /// commits: rows and statistics are those of the rule.
        #[test]
        fn rows_are_those_of_the_rule(
            lines in prop::collection::vec((0i64..4, 0u8..3, prop::collection::vec(0u32..5, 0..7), 0u8..4), 1..30),
            restarts in prop::collection::btree_set(0usize..60, 0..3),
            cut in 0usize..60,
        ) {
            let usual = [0, 1, 2, 3, 4];
            let points: Vec<RawPoint> = lines.iter().flat_map(|(step, wall, metrics, odd)| {
                let metrics = if *odd > 0 { &usual[..] } else { metrics };
                let wall = [f64::NAN, 5.0, 5.0001][usize::from(*wall)];
                metrics.iter().map(move |metric| RawPoint { metric: *metric, step: *step, value: wall * 2.0 + f64::from(*metric), wall })
            }).collect();
            let names: Vec<String> = (0..5).map(|n| format!("m{n}")).collect();
            let restarts: Vec<usize> = restarts.into_iter().collect();
            let (mut one, mut other) = (file(), file());
            let cut = cut.min(points.len());
            let (first, second): (Vec<usize>, Vec<usize>) = restarts.iter().partition(|at| **at < cut);
            let second: Vec<usize> = second.iter().map(|at| at - cut).collect();
            for (points, restarts) in [(&points[..cut], &first), (&points[cut..], &second)] {
                let expected = by_point(points, restarts, &mut other);
                let commit = Commit {
                    target: Target::Known(FileId(0)),
                    path: "log",
                    names: &names,
                    points,
                    restarts,
                    facts: None,
                    cursor: Cursor::default(),
                };
                let mut places = vec![u32::MAX; names.len()];
                for point in points {
                    places[point.metric as usize] = one.column(MetricId(point.metric)) as u32;
                }
                let mut three = one.clone();
                let mut gathered = Gathered::default();
                gathered.add(points, restarts);
                let again = gathered_rows(gathered, &places, &mut three).expect("no metric twice in a row");
                let stretch = rows(&commit, &places, &mut one);
                prop_assert_eq!(again.points(&three).collect::<Vec<_>>().len(), stretch.len());
                prop_assert_eq!(format!("{:?}", again.points(&three).collect::<Vec<_>>()), format!("{:?}", stretch.points(&one).collect::<Vec<_>>()));
                prop_assert_eq!(format!("{:?} {:?}", three.record, three.columns), format!("{:?} {:?}", one.record, one.columns));
                let found: Vec<_> = stretch.points(&one).map(|p| (p.row, p.metric, p.step, p.value.to_bits())).collect();
                prop_assert_eq!(found, expected);
                prop_assert_eq!(&one.record, &other.record);
                prop_assert_eq!(format!("{:?}", one.columns), format!("{:?}", other.columns));
            }
        }
    }
}
