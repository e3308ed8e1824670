//! Detection of runs in a directory without a project file.
//!
//! Where each log of a folder is a run of its own ([`super::flat`]), its files are the runs. Else, a run is the topmost directory that contains a log: `metrics.jsonl`, event files, a `.wandb` file … Console logs
//! (`*.log`, `*.out`) count only if there are no runs below, because launchers write theirs next to the runs. The result
//! is a list of patterns, so that later runs at the same depth are found, too.

use super::flat;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Levels of directories that are searched.
const MAX_DEPTH: usize = 8;
/// Folders that get patterns of their own where runs lie at several depths.
const MOST_FOLDERS: usize = 32;
/// Most directory entries that are examined: a mistyped `/` must not hang.
const MAX_ENTRIES: usize = 50_000;

/// Patterns relative to `root` that match the runs below it; `.` if `root` itself is the only run. Empty if there are no
/// runs and no directories that could become one.
#[must_use]
pub fn patterns(root: &Path) -> Vec<String> {
    let mut walk = Walk { left: MAX_ENTRIES, directories: false, flat: BTreeSet::new() };
    let runs = walk.runs(root, 0);
    let files = walk.flat.iter().map(|(directory, ending)| {
        let parts = directory.strip_prefix(root).unwrap_or(directory).iter();
        let parts = parts.map(|part| globset::escape(&part.to_string_lossy())).chain([format!("*.{ending}")]);
        parts.collect::<Vec<_>>().join("/")
    });
    let files: Vec<String> = files.collect();
    if runs.is_empty() && !files.is_empty() {
        return files;
    }
    if runs.is_empty() {
        return if walk.directories { vec!["*".to_owned()] } else { Vec::new() };
    }
    let parts = |run: &PathBuf| -> Vec<String> {
        let relative = run.strip_prefix(root).unwrap_or(run);
        relative.iter().map(|part| part.to_string_lossy().into_owned()).collect()
    };
    alike(&runs.iter().map(parts).collect::<Vec<_>>(), 0).into_iter().chain(files).collect()
}

/// One pattern for runs of one depth. Those of several depths get patterns for each folder at `level`, so that the pattern of
/// the deeper ones matches nothing inside the others; where that would be too many, patterns by depth.
fn alike(runs: &[Vec<String>], level: usize) -> BTreeSet<String> {
    let depths = grouped(runs, Vec::len);
    let folders = grouped(runs, |run| run.get(level).cloned());
    if depths.len() < 2 || folders.len() > MOST_FOLDERS || level > MAX_DEPTH {
        return depths.iter().map(|runs| pattern(runs)).collect();
    }
    folders.iter().flat_map(|runs| alike(runs, level + 1)).collect()
}

fn grouped<K: Ord>(runs: &[Vec<String>], key: impl Fn(&Vec<String>) -> K) -> Vec<Vec<Vec<String>>> {
    let mut groups: BTreeMap<K, Vec<Vec<String>>> = BTreeMap::new();
    for run in runs {
        groups.entry(key(run)).or_default().push(run.clone());
    }
    groups.into_values().collect()
}

/// `runs/*` for `runs/a` and `runs/b`; `*/*` for `x/a` and `y/b`. All have the same length.
fn pattern(runs: &[Vec<String>]) -> String {
    let length = runs.first().map_or(0, Vec::len);
    let parts: Vec<String> = (0..length)
        .map(|level| {
            let names: BTreeSet<&str> = runs.iter().map(|r| r[level].as_str()).collect();
            match names.first() {
                Some(only) if names.len() == 1 && level + 1 < length => globset::escape(only),
                _ => "*".to_owned(),
            }
        })
        .collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

struct Walk {
    left: usize,
    directories: bool,
    /// Directories in which each log with an ending is a run.
    flat: BTreeSet<(PathBuf, String)>,
}

impl Walk {
    /// The runs in `directory`: the directory itself, or those below it.
    fn runs(&mut self, directory: &Path, depth: usize) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        let mut below = Vec::new();
        let (mut console, mut database) = (false, false);
        let entries: Vec<fs::DirEntry> = entries.flatten().take(self.left).collect();
        let mut files: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).filter(|path| path.is_file()).collect();
        files.sort();
        let flat = flat::endings(&files);
        self.flat.extend(flat.iter().map(|ending| (directory.to_path_buf(), ending.clone())));
        for entry in entries {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Links are followed, as people link runs from scratch disks; the depth limit ends loops.
            let is_directory = fs::metadata(entry.path()).is_ok_and(|m| m.is_dir());
            let is_run = name.match_indices('.').any(|(at, _)| flat.contains(&name[at + 1..]));
            match (is_directory, kind(&name)) {
                (false, _) if is_run => {}
                (false, Some(Likeness::Metrics)) => return vec![directory.to_path_buf()],
                (false, Some(Likeness::Console)) => console = true,
                (false, Some(Likeness::Database)) => database |= is_database(&entry.path()),
                (true, _) if (depth > 0 && inside_run(&name)) || holds_series(directory, &name) => {
                    return vec![directory.to_path_buf()];
                }
                (true, _) if !name.starts_with('.') => below.push(entry.path()),
                _ => {}
            }
        }
        self.directories |= depth == 0 && !below.is_empty();
        below.sort();
        let runs: Vec<PathBuf> =
            if depth < MAX_DEPTH { below.iter().flat_map(|d| self.runs(d, depth + 1)).collect() } else { Vec::new() };
        if runs.is_empty() && (console || database) {
            return vec![directory.to_path_buf()];
        }
        if database {
            self.flat.insert((directory.to_path_buf(), "db".to_owned()));
        }
        runs
    }
}

enum Likeness {
    Metrics,
    Console,
    Database,
}

fn kind(name: &str) -> Option<Likeness> {
    let lower = name.to_ascii_lowercase();
    let lower = lower.strip_suffix(".gz").or_else(|| lower.strip_suffix(".zst")).unwrap_or(&lower);
    let extension = lower.rsplit_once('.').map_or("", |(_, e)| e);
    match extension {
        _ if lower.contains("tfevents") || lower == "trainer_state.json" => Some(Likeness::Metrics),
        "jsonl" | "ndjson" | "csv" | "tsv" | "wandb" => Some(Likeness::Metrics),
        "log" | "out" => Some(Likeness::Console),
        "txt" if flat::is_log_name(lower) => Some(Likeness::Console),
        "db" => Some(Likeness::Database),
        _ => None,
    }
}

/// Whether a file is a database of a tracker, as far as its first bytes tell.
fn is_database(path: &Path) -> bool {
    crate::open::beginning(path, 16).is_ok_and(|head| head.starts_with(b"SQLite format 3\0"))
}

/// Whether trainers create directories of this name inside a run.
fn inside_run(name: &str) -> bool {
    name.starts_with("checkpoint-") || name == "dvclive"
}

/// Whether a directory of this name contains one file per metric of its run: dvclive's `plots/metrics`, or MLflow's
/// `metrics` next to `meta.yaml`.
fn holds_series(run: &Path, name: &str) -> bool {
    match name {
        "plots" => run.join("plots/metrics").is_dir(),
        "metrics" => run.join("meta.yaml").is_file(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::patterns;
    use std::fs;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a scratch directory");
        for file in files {
            let path = directory.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
            if !file.ends_with('/') {
                fs::write(path, "").expect("a file");
            }
        }
        directory
    }

    #[test]
    fn runs_are_found_at_whatever_depth() {
        for (files, expected) in [
            (&["a/metrics.jsonl", "b/metrics.jsonl"][..], &["*"][..]),
            (&["metrics.jsonl", "checkpoints/x.csv"], &["."]),
            (&["runs/a/metrics.jsonl", "runs/b/metrics.jsonl", "README.md"], &["runs/*"]),
            (&["x/a/m.csv", "y/b/m.csv"], &["*/*"]),
            (&["a/m.csv", "more/b/m.csv"], &["*", "more/*"]),
            (&["x/a/m.csv", "x/b/m.csv", "y/z/c/m.csv", "y/z/d/m.csv"], &["x/*", "y/z/*"]),
            (&["launch.out", "a/m.csv"], &["*"]),
            (&["train.log"], &["."]),
            (&["out/checkpoint-5/trainer_state.json", "out/checkpoint-9/trainer_state.json"], &["*"]),
            (&["a/tb/events.out.tfevents.1.host"], &["a/*"]),
            (&["a/later/"], &["*"]),
            (&["a/plots/metrics/train/loss.tsv", "a/params.yaml", "b/plots/metrics/loss.tsv"], &["*"]),
            (&["7/meta.yaml", "7/r/meta.yaml", "7/r/metrics/eval/loss", "7/s/meta.yaml", "7/s/metrics/loss"], &["7/*"]),
            (&[".git/x.log"], &[]),
            (&["README.md"], &[]),
            (&[], &[]),
        ] {
            assert_eq!(patterns(tree(files).path()), expected, "{files:?}");
        }
    }
}
