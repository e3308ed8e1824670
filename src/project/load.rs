//! Loading a project from a path: a project file, a directory that contains one, or a bare directory of runs.

use super::source::{At, Source, directory_name};
use super::suggest::closest;
use super::{Project, ProjectError, RunSource, bare, check, parse};
use crate::open::{self, OpenError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Names of project files.
pub const FILE_NAMES: [&str; 2] = ["mixlaw.yaml", "mixlaw.yml"];

impl Project {
    /// Loads a project from a YAML file, a directory with a `mixlaw.yaml`, or a bare directory of runs.
    ///
    /// # Errors
    /// [`ProjectError`], with a message for the user: what is wrong, where, and what to type instead.
    pub fn load(path: &Path) -> Result<Self, ProjectError> {
        load(path)
    }

    /// Loads a project that may have no runs yet: a bare directory without any is one whose folders will be runs, or whose logs will,
    /// which [`reload`] finds out.
    ///
    /// # Errors
    /// As [`Project::load`]; also where there is no such directory.
    pub fn load_early(path: &Path) -> Result<Self, ProjectError> {
        match load(path) {
            Err(ProjectError::Missing { .. }) if path.is_dir() => {
                let root = fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
                Ok(bare_of(path, root, vec!["*".to_owned()]))
            }
            loaded => loaded,
        }
    }
}

/// Loads a project, see [`Project::load`].
///
/// # Errors
/// [`ProjectError`].
pub fn load(path: &Path) -> Result<Project, ProjectError> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_dir() {
        return load_file(path);
    }
    let here: Vec<PathBuf> = FILE_NAMES.iter().map(|n| shown(path, n)).filter(|p| p.exists()).collect();
    match here.as_slice() {
        [] => load_bare(path),
        [file] => load_file(file),
        [file, ..] => Err(ProjectError::Unreadable {
            path: path.to_path_buf(),
            reason: format!("this directory contains both {}", FILE_NAMES.join(" and ")),
            help: format!("remove one of them, or give one: {}", file.display()),
        }),
    }
}

/// Reloads the project if its file has changed, or, without one, what its runs are; `None` if neither has. On an error, the caller keeps the old project.
///
/// # Errors
/// [`ProjectError`], as from [`Project::load`].
pub fn reload(project: &Project) -> Result<Option<Project>, ProjectError> {
    match &project.file {
        Some(file) => {
            let bytes = read(&project.named, file)?;
            if xxh3_64(&bytes) == project.hash {
                return Ok(None);
            }
            let edited = from_bytes(&project.named, file, &bytes)?;
            tables_exist(&edited, &bytes)?;
            Ok(Some(edited))
        }
        // A bare directory becomes a project when somebody writes its file.
        None if FILE_NAMES.iter().any(|n| project.root.join(n).exists()) => load(&project.named).map(Some),
        None => Ok(other_runs(project)),
    }
}

/// A bare directory with other runs than it was taken to have: whether its logs are one run or many shows when each has a few
/// records. `None` where they are the same, or nothing is there at present.
fn other_runs(project: &Project) -> Option<Project> {
    let patterns = bare::patterns(&project.root);
    let same = project.runs.iter().map(|source| &source.path).eq(&patterns);
    let runs = patterns.into_iter().map(|path| RunSource { path, at: None, filter: Vec::new() }).collect::<Vec<_>>();
    (!same && !runs.is_empty()).then(|| Project { runs, ..project.clone() })
}

/// Parses a project from text, as if it were in `root/mixlaw.yaml`: for tests, `init` and other programs.
///
/// # Errors
/// [`ProjectError::Invalid`].
pub fn from_text(text: &str, root: &Path) -> Result<Project, ProjectError> {
    let file = root.join(FILE_NAMES[0]);
    from_bytes(Path::new(FILE_NAMES[0]), &file, text.as_bytes())
}

fn load_file(named: &Path) -> Result<Project, ProjectError> {
    let extension = named.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    if !matches!(extension.as_deref(), None | Some("yaml" | "yml" | "json")) {
        let directory = named.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Err(ProjectError::Unreadable {
            path: named.to_path_buf(),
            reason: "a project is a YAML file or a directory; this is neither".to_owned(),
            help: format!("to watch the runs next to it, give their directory: {}", directory.display()),
        });
    }
    let parent = named.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let root = fs::canonicalize(parent).map_err(|error| unreadable(named, &error))?;
    // Not the file itself: the paths in a linked file start where the link stands, which is where the user sees them.
    let file = named.file_name().map_or_else(|| root.clone(), |name| root.join(name));
    let bytes = read(named, &file)?;
    let project = from_bytes(named, &file, &bytes)?;
    tables_exist(&project, &bytes)?;
    Ok(project)
}

/// Checks that tables exist; a missing one is an error in the project file, reported with its position.
fn tables_exist(project: &Project, bytes: &[u8]) -> Result<(), ProjectError> {
    for table in &project.tables {
        let joined = table.join.as_ref().map(|(path, _)| path);
        for path in [Some(&table.path), joined].into_iter().flatten() {
            if path.is_file() {
                continue;
            }
            let source = Source { file: &project.named, text: text(&project.named, bytes)? };
            let at = At { line: table.at.0, column: table.at.1 };
            let name = path.strip_prefix(&project.root).unwrap_or(path).display();
            let help = match sibling(path) {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("paths are relative to {}", project.root.display()),
            };
            return Err(source.invalid(at, format!("file not found: {name}"), help));
        }
    }
    Ok(())
}

fn load_bare(named: &Path) -> Result<Project, ProjectError> {
    let root = fs::canonicalize(named).map_err(|error| unreadable(named, &error))?;
    fs::read_dir(&root).map_err(|error| unreadable(named, &error))?;
    let patterns = bare::patterns(&root);
    if patterns.is_empty() {
        return Err(ProjectError::Missing {
            path: named.join(FILE_NAMES[0]),
            help: format!(
                "nothing in {0} looks like a training run either; name the directory that holds the runs, or write a \
                 project file: mixlaw init {0}",
                named.display()
            ),
        });
    }
    Ok(bare_of(named, root, patterns))
}

/// A project of a directory without a project file, and of patterns of its runs.
fn bare_of(named: &Path, root: PathBuf, patterns: Vec<String>) -> Project {
    let runs = patterns.into_iter().map(|path| RunSource { path, at: None, filter: Vec::new() }).collect();
    Project { name: directory_name(&root), named: named.to_path_buf(), root, runs, ..Project::default() }
}

/// Reads at most [`parse::MAX_BYTES`] + 1 bytes, so that the caller can detect a file that is too large.
fn read(named: &Path, file: &Path) -> Result<Vec<u8>, ProjectError> {
    open::beginning(file, parse::MAX_BYTES as u64 + 1).map_err(|error| match error {
        OpenError::Io(error) => unreadable(named, &error),
        other => ProjectError::Unreadable {
            path: named.to_path_buf(),
            reason: other.to_string(),
            help: "a project is a YAML file; rename this one, then run: mixlaw init".to_owned(),
        },
    })
}

/// Parses and validates the content of a project file.
///
/// # Errors
/// [`ProjectError::Invalid`].
pub fn from_bytes(named: &Path, file: &Path, bytes: &[u8]) -> Result<Project, ProjectError> {
    let text = text(named, bytes)?;
    let source = Source { file: named, text };
    let (written, tree) = parse::project_file(&source)?;
    let root = file.parent().unwrap_or(Path::new("."));
    let project = check::project(&source, &written, &tree, root)?;
    Ok(Project { file: Some(file.to_path_buf()), named: named.to_path_buf(), hash: xxh3_64(bytes), ..project })
}

/// Decodes the bytes as UTF-8 text.
pub(super) fn text<'a>(named: &Path, bytes: &'a [u8]) -> Result<&'a str, ProjectError> {
    let fail = |text: &str, at: At, message: &str, help: &str| Source { file: named, text }.invalid(at, message, help);
    if bytes.len() > parse::MAX_BYTES {
        let message = "this file is larger than 1 MiB; a project file has a few hundred bytes";
        return Err(fail("", At::START, message, "if it is a log, give the directory that contains the runs instead"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(fail("", At::START, "this file is in UTF-16", "save it as UTF-8"));
    }
    let (valid, bad) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            (valid, bytes.get(error.valid_up_to()).copied())
        }
    };
    let control = valid.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    let place = |end: usize| {
        let before = &valid[..end];
        let line_start = before.rfind('\n').map_or(0, |n| n + 1);
        At { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    };
    match (control, bad) {
        (None, None) => Ok(valid),
        (Some((_, '\0')), _) => {
            Err(fail("", At::START, "this is a binary file, not a project", "give a YAML file or a directory of runs"))
        }
        (Some((at, c)), _) => {
            let message = format!("control character U+{:04X}", u32::from(c));
            Err(fail(valid, place(at), &message, "remove it"))
        }
        (None, Some(byte)) => {
            let message = format!("the byte 0x{byte:02x} is not valid UTF-8");
            Err(fail(valid, place(valid.len()), &message, "save the file as UTF-8"))
        }
    }
}

/// Path of a file in a directory, as the user would type it: without a leading `./`.
fn shown(directory: &Path, name: &str) -> PathBuf {
    if directory == Path::new(".") { PathBuf::from(name) } else { directory.join(name) }
}

fn unreadable(path: &Path, error: &io::Error) -> ProjectError {
    let path = path.to_path_buf();
    match error.kind() {
        io::ErrorKind::NotFound => {
            let help = match sibling(&path) {
                Some(name) => format!("did you mean {name}?"),
                None => {
                    "give a project file or a directory of runs; `mixlaw init DIR` writes a project file".to_owned()
                }
            };
            ProjectError::Missing { path, help }
        }
        io::ErrorKind::PermissionDenied => {
            let help = format!("check its permissions: ls -ld {}", path.display());
            ProjectError::Unreadable { path, reason: "permission denied".to_owned(), help }
        }
        _ => {
            let help = format!("check the path: ls -ld {}", path.display());
            ProjectError::Unreadable { path, reason: error.to_string(), help }
        }
    }
}

/// An existing path with almost the same name as one that does not exist.
fn sibling(path: &Path) -> Option<String> {
    let parent = path.parent()?;
    let list = fs::read_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }).ok()?;
    let names: Vec<String> = list.take(1000).filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    let meant = closest(path.file_name()?.to_str()?, names.iter().map(String::as_str))?;
    Some(parent.join(meant).display().to_string())
}
