//! The store's in-memory state: names, files, and statistics of every series; about 100 bytes per series, no points.

use super::columns::Columns;
use super::file::FileRecord;
use super::rotation::rotation_among;
use super::stats::Column;
use super::tail::RowPoint;
use super::{FileId, MetricId, RunId};
use crate::vocab::Facts;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// A fact found in the content of a file, with its place.
pub type FoundFact = (crate::vocab::FactName, crate::vocab::FactValue, String);

/// A run.
#[derive(Debug, Default)]
pub struct RunState {
    /// Path relative to the project.
    pub name: String,
    /// Its files, in the order in which they began.
    pub files: Vec<FileId>,
    /// What is known of it besides metrics.
    pub facts: Arc<Facts>,
    /// Points that are gone because it was thinned out.
    pub thinned: u64,
}

/// A file.
#[derive(Debug, Clone)]
pub struct FileState {
    /// As stored.
    pub record: FileRecord,
    /// Its series, in order of first appearance.
    pub columns: Columns,
    /// Points in tail groups.
    pub tail_points: u32,
    /// Sequence numbers of tail groups: from here up to `record.tails`.
    pub first_tail: u32,
    /// Facts found in its content.
    pub facts: Vec<FoundFact>,
}

impl FileState {
    /// A file nothing was read of yet.
    #[must_use]
    pub fn new(record: FileRecord) -> Self {
        let first_tail = record.tails;
        Self { record, columns: Columns::default(), tail_points: 0, first_tail, facts: Vec::new() }
    }

    /// The column of a metric, new where there is none.
    pub fn column(&mut self, metric: MetricId) -> usize {
        self.columns.place_or_new(metric)
    }

    /// Notes that training started again at a row. What comes before the first row is no restart, and no two are at the
    /// same row.
    pub fn restarted(&mut self, row: u64) {
        if row > 0 && self.record.restarts.last() != Some(&row) {
            self.record.restarts.push(row);
        }
    }

    /// Counts points of a tail group found when the store was opened.
    pub fn count_tail(&mut self, points: &[RowPoint]) {
        for point in points {
            let place = self.column(point.metric);
            let restarts = self.record.restarts_until(point.row);
            self.columns[place].add(point.step, point.value, point.time, restarts);
            self.columns[place].tail += 1;
        }
        self.tail_points += points.len() as u32;
    }

    /// Where the column of a metric is, where there is one.
    #[must_use]
    pub fn place(&self, metric: MetricId) -> Option<usize> {
        self.columns.place(metric)
    }

    /// The column of a metric, where there is one.
    #[must_use]
    pub fn find(&self, metric: MetricId) -> Option<&Column> {
        self.columns.get(self.place(metric)?)
    }
}

/// Everything.
#[derive(Debug, Default)]
pub struct State {
    /// Runs by id.
    pub runs: BTreeMap<RunId, RunState>,
    /// Ids by name.
    pub run_ids: HashMap<String, RunId>,
    /// Metric keys by id.
    pub metrics: Vec<Arc<str>>,
    /// Ids by metric key.
    pub metric_ids: HashMap<Arc<str>, MetricId>,
    /// Files by id.
    pub files: BTreeMap<FileId, FileState>,
    /// Parts of files that are runs of their own.
    pub parts: BTreeMap<FileId, Vec<FileId>>,
    /// Points in all files.
    pub points: u64,
    /// Ids are never used again, so that a deleted file cannot be mistaken for a new one.
    pub next_file: u32,
}

impl State {
    /// Adds a file to its run, in the order in which files began.
    pub fn attach(&mut self, id: FileId, file: FileState) {
        let run = file.record.run;
        self.points += file.columns.points();
        self.next_file = self.next_file.max(id.0 + 1);
        if let Some(whole) = file.record.part_of {
            self.parts.entry(whole).or_default().push(id);
        }
        self.files.insert(id, file);
        self.runs.entry(run).or_default().files.push(id);
        self.sort(run);
    }

    /// Keeps in little room what is known of files that have nothing in a tail, and of these.
    pub fn pack(&mut self, still: &HashSet<FileId>) {
        let files = self.files.iter_mut().filter(|(id, file)| file.tail_points == 0 || still.contains(id));
        files.for_each(|(_, file)| file.columns.pack());
    }

    /// Takes a file away.
    pub fn detach(&mut self, id: FileId) {
        if let Some(file) = self.files.remove(&id) {
            self.points -= file.columns.points();
            if let Some(whole) = file.record.part_of
                && let Some(parts) = self.parts.get_mut(&whole)
            {
                parts.retain(|part| *part != id);
                if parts.is_empty() {
                    self.parts.remove(&whole);
                }
            }
            if let Some(run) = self.runs.get_mut(&file.record.run) {
                run.files.retain(|f| *f != id);
            }
        }
    }

    /// Whether a run is nothing but a place: of all its files, only the parts that are runs of their own have points.
    #[must_use]
    pub fn is_place(&self, run: &RunState) -> bool {
        let files = || run.files.iter().filter_map(|id| Some((id, self.files.get(id)?)));
        files().any(|(id, _)| self.parts.contains_key(id)) && files().all(|(_, file)| file.record.rows == 0)
    }

    /// Brings the files of a run into order again.
    pub fn sort(&mut self, run: RunId) {
        let files = &self.files;
        let Some(run) = self.runs.get_mut(&run).filter(|run| run.files.len() > 1) else { return };
        let known: Vec<(FileId, &FileRecord)> =
            run.files.iter().filter_map(|id| Some((*id, &files.get(id)?.record))).collect();
        // When the first part of each log began that was cut into parts.
        let mut began: HashMap<Cow<'_, str>, f64> = HashMap::new();
        let paths: HashSet<&str> = known.iter().map(|(_, record)| record.path.as_str()).collect();
        for (_, record) in &known {
            let first = began.entry(rotation_among(&record.path, &paths).0).or_insert(record.began);
            *first = first.min(record.began);
        }
        let place = |&(id, record)| {
            let record: &FileRecord = record;
            let (log, age) = rotation_among(&record.path, &paths);
            let began = began.get(&log).copied().unwrap_or(record.began);
            // Not in the order of times to the fraction: those of a checkout or a copy say nothing.
            (
                began.floor(),
                // A folder in which the run was resumed comes after its first.
                (log.starts_with("../"), natural(&log).into_iter().map(|(t, n)| (t.to_owned(), n)).collect::<Vec<_>>()),
                age,
                natural(&record.path),
                id,
            )
        };
        let mut placed: Vec<_> = known.iter().map(place).collect();
        placed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| (&a.1, a.2, &a.3, a.4).cmp(&(&b.1, b.2, &b.3, b.4))));
        run.files = placed.into_iter().map(|place| place.4).collect();
    }
}

/// A name as text and numbers, so that `part-10` comes after `part-9`.
fn natural(name: &str) -> Vec<(&str, u64)> {
    let bytes = name.as_bytes();
    let mut parts = Vec::new();
    let mut at = 0;
    while at < name.len() {
        let digits = at + bytes[at..].iter().position(u8::is_ascii_digit).unwrap_or(name.len() - at);
        let end = digits + bytes[digits..].iter().position(|b| !b.is_ascii_digit()).unwrap_or(name.len() - digits);
        parts.push((&name[at..digits], name[digits..end].parse().unwrap_or(0)));
        at = end;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::natural;

    #[test]
    fn numbers_in_names_are_compared_as_numbers() {
        assert!(natural("part-9.jsonl") < natural("part-10.jsonl"));
        assert!(natural("a/é2") < natural("a/é10"));
        assert!(natural("a") < natural("b"));
        assert!(natural("") < natural("1"));
    }
}
