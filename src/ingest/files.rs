//! Discovery of a run's files.

use super::discover::{RunPlace, Unreadable, hidden};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// Levels of directories below a run that are looked into: `wandb/run-…/files/…`, `mlruns/ID/RUN/metrics/eval/loss`.
const DEPTH: usize = 8;
/// Most files of one run; a run with more is a data set.
const MOST: usize = 20_000;

/// What a look into a run found.
#[derive(Debug, Default)]
pub struct Files {
    /// Files by path relative to the run, and where they are.
    pub files: Vec<(String, PathBuf)>,
    /// What could not be read, and why.
    pub unreadable: Unreadable,
    /// Every directory looked into, where the files can be others only if one of these is: not so where there are links
    /// to files, links to nowhere, or something that could not be read.
    pub directories: Option<Vec<PathBuf>>,
}

/// Files of a run, by their path relative to it, and what could not be read. Hidden directories, directories that hold
/// code or environments, and runs within the run are left out. A link is followed where it leads out of all runs, and
/// only the first to each place: `latest` and its like would double what is there by its own name, and a link to the
/// run that this one began from is not this one's. `is_run` is asked about paths that may be without links.
#[must_use]
pub fn files(run: &RunPlace, is_run: &dyn Fn(&Path) -> bool) -> Files {
    let mut found = Files::default();
    if run.file {
        for path in std::iter::once(&run.path).chain(&run.more) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.files.push((name, path.clone()));
        }
        found.files.sort();
        return found;
    }
    let (mut directories, mut certain) = (Vec::new(), true);
    for directory in std::iter::once(&run.path).chain(&run.more) {
        certain &= walk(run, directory, is_run, &mut found, &mut directories);
    }
    found.files.sort();
    found.directories = Some(directories).filter(|_| certain && found.unreadable.is_empty());
    found
}

/// The path of a file of a run that lies in one of its directories, relative to the run.
#[must_use]
pub fn relative(run: &RunPlace, directory: &Path, path: &Path) -> Option<String> {
    let inner = path.strip_prefix(directory).ok()?.to_string_lossy();
    if directory == run.path {
        return Some(inner.into_owned());
    }
    Some(format!("../{}/{inner}", directory.file_name()?.to_string_lossy()))
}

/// Adds the files in one directory of a run. Returns whether only its directories tell if they are the same later.
fn walk(
    run: &RunPlace,
    directory: &Path,
    is_run: &dyn Fn(&Path) -> bool,
    found: &mut Files,
    directories: &mut Vec<PathBuf>,
) -> bool {
    let Files { files, unreadable, .. } = found;
    let mut certain = true;
    let walk = WalkDir::new(directory).follow_links(true).max_depth(DEPTH).sort_by_file_name();
    let mut links = Links { run: directory, targets: HashSet::new() };
    let enter = |entry: &DirEntry| {
        entry.depth() == 0
            || !(left_out(entry.file_name())
                || is_run(entry.path())
                || (entry.path_is_symlink() && !links.follow(entry.path(), is_run)))
    };
    for entry in walk.into_iter().filter_entry(enter) {
        match entry {
            Ok(entry) if entry.file_type().is_file() => {
                certain &= !entry.path_is_symlink();
                if let Some(relative) = relative(run, directory, entry.path()) {
                    files.push((relative, entry.path().to_path_buf()));
                }
                if files.len() >= MOST {
                    let reason = format!("more than {MOST} files; mixlaw ignores the rest");
                    unreadable.push((run.path.clone(), reason));
                    break;
                }
            }
            Ok(entry) if entry.file_type().is_dir() => directories.push(entry.into_path()),
            Ok(_) => {}
            // A link that leads back up, or to nowhere: everything below is reached, or not there, by its own name.
            Err(error) if error.loop_ancestor().is_some() => {}
            Err(error) => {
                certain = false;
                let gone = error.io_error().is_some_and(|e| e.kind() == std::io::ErrorKind::NotFound);
                if !gone {
                    let path = error.path().unwrap_or(&run.path).to_path_buf();
                    unreadable.push((path, error.io_error().map_or_else(|| error.to_string(), ToString::to_string)));
                }
            }
        }
    }
    certain
}

fn left_out(name: &OsStr) -> bool {
    hidden(name) || matches!(name.to_str(), Some("__pycache__" | "node_modules" | "site-packages" | "venv"))
}

/// The links of a run.
struct Links<'a> {
    run: &'a Path,
    /// Where the links lead that are followed.
    targets: HashSet<PathBuf>,
}

impl Links<'_> {
    fn follow(&mut self, link: &Path, is_run: &dyn Fn(&Path) -> bool) -> bool {
        // What leads nowhere is for the walk to say.
        let (Ok(target), Ok(own)) = (link.canonicalize(), self.run.canonicalize()) else { return true };
        match target.ancestors().find(|path| *path == own || is_run(path)) {
            Some(run) if run != own => return false,
            Some(run) => {
                let names: Vec<&OsStr> = target.strip_prefix(run).into_iter().flatten().collect();
                if names.len() <= DEPTH && !names.into_iter().any(left_out) {
                    return false;
                }
            }
            None => {}
        }
        self.targets.insert(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree(paths: &[&str], links: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for path in paths {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        for (target, link) in links {
            symlink(dir.path().join(target), dir.path().join(link)).unwrap();
        }
        dir
    }

    /// Files of `r`, where there are these runs within or beside it, too.
    fn listed(dir: &Path, others: &[&str]) -> Vec<String> {
        let run = RunPlace { path: dir.join("r"), name: "r".to_owned(), file: false, more: Vec::new() };
        let others: Vec<PathBuf> = others.iter().map(|other| dir.canonicalize().unwrap().join(other)).collect();
        let found = files(&run, &|path| others.iter().any(|other| other == path));
        assert_eq!(found.unreadable, []);
        found.files.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn files_of_a_run_are_found_once_and_loops_end() {
        let dir = tree(
            &["r/m.jsonl", "r/tb/events", "r/.git/x", "r/venv/y", "r/inner/m.jsonl", "elsewhere/big.log"],
            &[("r", "r/loop"), ("elsewhere", "r/linked"), ("nowhere", "r/broken")],
        );
        assert_eq!(listed(dir.path(), &["r/inner"]), ["linked/big.log", "m.jsonl", "tb/events"]);
    }

    #[test]
    fn links_to_what_has_a_name_of_its_own_are_not_followed() {
        let dir = tree(
            &["r/wandb/run-1/x.wandb", "r/wandb/run-1/debug.log", "r/.kept/y.csv", "s/ckpt/z.csv", "far/away.csv"],
            &[
                ("r/wandb/run-1", "r/wandb/latest-run"),
                ("r/wandb/run-1/debug.log", "r/wandb/debug.log"),
                ("r/.kept", "r/kept"),
                ("s/ckpt", "r/began-from"),
                ("s", "r/parent"),
                ("far", "r/far"),
                ("far", "r/further"),
                ("far/away.csv", "r/away.csv"),
            ],
        );
        assert_eq!(
            listed(dir.path(), &["s"]),
            ["away.csv", "far/away.csv", "kept/y.csv", "wandb/run-1/debug.log", "wandb/run-1/x.wandb"]
        );
        // A run that is a link itself is as any other.
        std::fs::rename(dir.path().join("r"), dir.path().join("real")).unwrap();
        symlink(dir.path().join("real"), dir.path().join("r")).unwrap();
        assert_eq!(listed(dir.path(), &["s"]).len(), 5);
    }
}
