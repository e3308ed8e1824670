//! Discovery of runs.

use crate::project::RunSource;
use globset::{GlobBuilder, GlobMatcher};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Levels that `**` stands for at most.
const GLOB_DEPTH: usize = 12;

/// What could not be read, and why.
pub type Unreadable = Vec<(PathBuf, String)>;

/// A match of a run pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunPlace {
    /// Where it is.
    pub path: PathBuf,
    /// Its path relative to the project, `/` between the parts.
    pub name: String,
    /// Whether the run is one file.
    pub file: bool,
    /// Further files, or directories, of the run beside it ([`super::members`]).
    pub more: Vec<PathBuf>,
}

impl RunPlace {
    /// The directory that its files' paths are relative to.
    #[must_use]
    pub fn base(&self) -> &Path {
        if self.file { self.path.parent().unwrap_or(Path::new("/")) } else { &self.path }
    }
}

/// What a look at the patterns found.
#[derive(Debug, Default)]
pub struct Discovery {
    /// Matches, each once, by path.
    pub runs: BTreeSet<RunPlace>,
    /// Matches that are links to another match, or into one, by name: W&B's `latest-run` is no run of its own.
    pub aliases: BTreeSet<String>,
    /// Names of the runs that may be called otherwise than what a pattern matches.
    pub joined: BTreeSet<String>,
    /// Patterns that match nothing, as indices.
    pub unmatched: Vec<usize>,
    /// Directories that cannot be read, and why.
    pub unreadable: Unreadable,
}

/// The run patterns of a project, ready to be matched again and again.
pub struct Patterns {
    root: PathBuf,
    /// The directory each starts from, and its parts.
    patterns: Vec<(PathBuf, Vec<Part>)>,
}

impl Patterns {
    /// Makes them ready.
    #[must_use]
    pub fn of(root: &Path, sources: &[RunSource]) -> Self {
        let patterns = sources.iter().map(|source| split(root, &source.path)).collect();
        Self { root: root.to_owned(), patterns }
    }

    /// Matches every pattern.
    #[must_use]
    pub fn runs(&self) -> Discovery {
        let mut found = Discovery::default();
        for (index, (base, parts)) in self.patterns.iter().enumerate() {
            let mut matches = BTreeSet::new();
            expand(base.clone(), parts, 0, &mut matches, &mut found.unreadable);
            if matches.is_empty() {
                found.unmatched.push(index);
            }
            found.runs.extend(matches.into_iter().map(|path| {
                let file = path.is_file();
                RunPlace { name: name(&self.root, &path), file, path, more: Vec::new() }
            }));
        }
        let aliases = aliases(&found.runs);
        found.runs.retain(|run| !aliases.contains(&run.name));
        found.aliases = aliases;
        found
    }

    /// Whether a run of this name would be matched, whether or not it is there.
    #[must_use]
    pub fn may_match(&self, run: &str) -> bool {
        let path = self.root.join(run);
        self.patterns.iter().any(|(base, parts)| {
            path.strip_prefix(base).is_ok_and(|rest| {
                let rest: Vec<&OsStr> = rest.components().map(Component::as_os_str).filter(|c| *c != ".").collect();
                fits(parts, &rest)
            })
        })
    }
}

/// Paths without links, for many paths in few directories: to resolve each from the root takes ten times as long.
#[derive(Debug, Default)]
pub struct Parents(HashMap<PathBuf, Option<PathBuf>>);

impl Parents {
    /// A path as it is, and without links.
    pub fn both(&mut self, path: &Path) -> impl Iterator<Item = PathBuf> + use<> {
        [Some(path.to_path_buf()), self.resolve(path)].into_iter().flatten()
    }

    /// The path without links; `None` where it leads nowhere.
    fn resolve(&mut self, path: &Path) -> Option<PathBuf> {
        let (Some(parent), Some(name), false) = (path.parent(), path.file_name(), path.is_symlink()) else {
            return path.canonicalize().ok();
        };
        let known = self.0.entry(parent.to_path_buf()).or_insert_with(|| parent.canonicalize().ok());
        known.as_ref().map(|parent| parent.join(name))
    }
}

/// Names of the runs that are links to another run or to something in one; of links to the same place, all but the first.
fn aliases(runs: &BTreeSet<RunPlace>) -> BTreeSet<String> {
    let (links, own): (Vec<&RunPlace>, Vec<&RunPlace>) = runs.iter().partition(|run| run.path.is_symlink());
    if links.is_empty() {
        return BTreeSet::new();
    }
    let mut parents = Parents::default();
    let mut places: HashSet<PathBuf> = own.iter().filter_map(|run| parents.resolve(&run.path)).collect();
    let is_alias = |link: &&&RunPlace| {
        let Ok(target) = link.path.canonicalize() else { return false };
        target.ancestors().any(|place| places.contains(place)) || !places.insert(target)
    };
    links.iter().filter(is_alias).map(|link| link.name.clone()).collect()
}

/// The name of a run: its path relative to the project where it lies within, else as it is.
fn name(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative
        .components()
        .map(|c| match c {
            Component::RootDir => std::borrow::Cow::Borrowed(""),
            other => other.as_os_str().to_string_lossy(),
        })
        .collect();
    match parts.join("/") {
        name if name.is_empty() => ".".to_owned(),
        name => name,
    }
}

/// Whether a run of this name is a match of a pattern, or a part of one.
#[must_use]
pub fn is_of(root: &Path, source: &RunSource, name: &str) -> bool {
    let (base, parts) = split(root, &source.path);
    let path = root.join(name);
    let Ok(rest) = path.strip_prefix(&base) else { return false };
    let names: Vec<&OsStr> = rest.iter().filter(|name| *name != ".").collect();
    (0..=names.len()).any(|most| fits(&parts, &names[..most]))
}

fn fits(parts: &[Part], names: &[&OsStr]) -> bool {
    match (parts, names) {
        ([], []) => true,
        ([Part::Any, rest @ ..], _) => (0..=names.len()).any(|n| fits(rest, &names[n..])),
        ([part, rest @ ..], [name, names @ ..]) => part.matches(name) && fits(rest, names),
        _ => false,
    }
}

/// Directories below which matches of the patterns may appear: the part of each before its first wildcard.
#[cfg(feature = "daemon")]
#[must_use]
pub fn bases(root: &Path, sources: &[RunSource]) -> BTreeSet<PathBuf> {
    sources
        .iter()
        .map(|source| {
            let (mut base, parts) = split(root, &source.path);
            for part in &parts {
                match part {
                    Part::Plain(name) => base.push(name),
                    _ => break,
                }
            }
            base
        })
        .collect()
}

enum Part {
    Plain(String),
    Glob(GlobMatcher, bool),
    /// `**`: any number of directories.
    Any,
}

impl Part {
    fn matches(&self, name: &OsStr) -> bool {
        match self {
            Self::Plain(plain) => name == plain.as_str(),
            // As in a shell, a wildcard does not match a leading dot.
            Self::Glob(glob, dots) => glob.is_match(name) && (*dots || !hidden(name)),
            Self::Any => !hidden(name),
        }
    }
}

/// The directory a pattern starts from, and its parts.
fn split(root: &Path, pattern: &str) -> (PathBuf, Vec<Part>) {
    let base = if pattern.starts_with('/') { PathBuf::from("/") } else { root.to_path_buf() };
    let parts = pattern.split('/').filter(|p| !p.is_empty() && *p != ".").map(|part| {
        if part == "**" {
            return Part::Any;
        }
        if part.contains(['*', '?', '[', '{'])
            && let Ok(glob) = GlobBuilder::new(part).literal_separator(true).build()
        {
            return Part::Glob(glob.compile_matcher(), part.starts_with('.'));
        }
        Part::Plain(part.to_owned())
    });
    (base, parts.collect())
}

fn expand(base: PathBuf, parts: &[Part], depth: usize, matches: &mut BTreeSet<PathBuf>, unreadable: &mut Unreadable) {
    let Some((part, rest)) = parts.split_first() else {
        if base.exists() {
            matches.insert(base);
        }
        return;
    };
    if let Part::Plain(name) = part {
        let next = base.join(name);
        if next.exists() {
            expand(next, rest, depth, matches, unreadable);
        }
        return;
    }
    if matches!(part, Part::Any) {
        expand(base.clone(), rest, depth, matches, unreadable);
    }
    for (path, is_directory) in entries(&base, unreadable) {
        if !part.matches(path.file_name().unwrap_or_default()) {
            continue;
        }
        match part {
            // Links are not followed by `**`, so that a link to a parent ends.
            Part::Any if is_directory && depth < GLOB_DEPTH && !path.is_symlink() => {
                expand(path, parts, depth + 1, matches, unreadable);
            }
            Part::Any => {}
            _ if is_directory || rest.is_empty() => expand(path, rest, depth, matches, unreadable),
            _ => {}
        }
    }
}

/// What is in a directory, by name, and whether each is a directory; links are followed.
fn entries(directory: &Path, unreadable: &mut Unreadable) -> Vec<(PathBuf, bool)> {
    let listed = match std::fs::read_dir(directory) {
        Ok(listed) => listed,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Vec::new();
        }
        Err(error) => {
            unreadable.push((directory.to_path_buf(), error.to_string()));
            return Vec::new();
        }
    };
    let mut entries: Vec<(PathBuf, bool)> = listed
        .flatten()
        .map(|entry| {
            let path = entry.path();
            let is_directory = match entry.file_type() {
                Ok(kind) if kind.is_symlink() => path.is_dir(),
                Ok(kind) => kind.is_dir(),
                Err(_) => false,
            };
            (path, is_directory)
        })
        .collect();
    entries.sort();
    entries
}

/// As in a shell.
pub(super) fn hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().first() == Some(&b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for path in paths {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        dir
    }

    fn sources(patterns: &[&str]) -> Vec<RunSource> {
        patterns.iter().map(|p| RunSource { path: (*p).to_owned(), at: None, filter: Vec::new() }).collect()
    }

    fn names(root: &Path, patterns: &[&str]) -> Vec<String> {
        Patterns::of(root, &sources(patterns)).runs().runs.into_iter().map(|r| r.name).collect()
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        let dir = tree(&["runs/a/m.jsonl", "runs/b/m.jsonl", "runs/.hidden/m", "runs/note.txt", "x/y/z/log-1.jsonl"]);
        for (patterns, expected) in [
            (&["runs/*"][..], &["runs/a", "runs/b", "runs/note.txt"][..]),
            (&["./runs/*/"], &["runs/a", "runs/b", "runs/note.txt"]),
            (&["runs/{a,c}"], &["runs/a"]),
            (&["runs/.*"], &["runs/.hidden"]),
            (&["runs/a", "runs/*"], &["runs/a", "runs/b", "runs/note.txt"]),
            (&["x/**/log-?.jsonl"], &["x/y/z/log-1.jsonl"]),
            (&["runs/*/m.jsonl"], &["runs/a/m.jsonl", "runs/b/m.jsonl"]),
            (&["runs/note.txt/*"], &[]),
            (&["."], &["."]),
            (&["nothing/*"], &[]),
        ] {
            assert_eq!(names(dir.path(), patterns), expected, "{patterns:?}");
            let compiled = Patterns::of(dir.path(), &sources(patterns));
            for name in expected {
                assert!(compiled.may_match(name), "{patterns:?} {name}");
            }
            assert!(!compiled.may_match("elsewhere/run"));
        }
        assert_eq!(Patterns::of(dir.path(), &sources(&["runs/*", "no/*"])).runs().unmatched, [1]);
        let absolute = format!("{}/runs/a", dir.path().display());
        assert_eq!(names(Path::new("/somewhere"), &[&absolute]), [absolute.as_str()]);
        assert_eq!(
            bases(dir.path(), &sources(&["runs/*", "a/b"])),
            [dir.path().join("a/b"), dir.path().join("runs")].into()
        );
    }

    #[test]
    fn a_link_to_a_run_or_into_one_is_no_run_of_its_own() {
        let dir = tree(&["wandb/run-1/logs/debug.log", "wandb/run-2/x.wandb", "scratch/far/m.jsonl"]);
        let at = |name: &str| dir.path().join(name);
        for (target, link) in [
            ("wandb/run-2", "wandb/latest-run"),
            ("wandb/run-1/logs/debug.log", "wandb/debug.log"),
            ("scratch/far", "wandb/far"),
            ("scratch/far", "wandb/further"),
            ("nowhere", "wandb/broken"),
        ] {
            symlink(at(target), at(link)).unwrap();
        }
        assert_eq!(names(dir.path(), &["wandb/*"]), ["wandb/far", "wandb/run-1", "wandb/run-2"]);
        let found = Patterns::of(dir.path(), &sources(&["wandb/*", "scratch/*"])).runs();
        assert_eq!(found.runs.len(), 3);
        assert!(found.aliases.contains("wandb/far") && found.unmatched.is_empty());
        // Asked for by that name alone, it is one.
        assert_eq!(names(dir.path(), &["wandb/latest-run"]), ["wandb/latest-run"]);
    }
}
