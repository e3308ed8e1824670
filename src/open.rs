//! Opening the user's files: the one way in which anything is read that this program did not write itself; and putting a file in
//! place of another at once.
//!
//! A path is the user's, and so is what lies there: what was a log yesterday may be a pipe today, whose `open` waits until
//! somebody writes, or a link to a device. Only regular files are read, and none is waited for.

use rustix::fs::OFlags;
use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Why a file was not opened or not read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system says no; it may say yes later.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else than a file. What, with its article.
    #[error("{0}, not a file")]
    NotAFile(&'static str),
    /// It is longer than anything that is meant.
    #[error("larger than {} MiB", .most >> 20)]
    TooLarge {
        /// The most that is read, bytes.
        most: u64,
    },
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Io(error) => error,
            other => Self::new(io::ErrorKind::InvalidInput, other),
        }
    }
}

/// Opens a regular file for reading, and returns at once whatever lies there.
///
/// # Errors
/// What the system says, and what lies there if it is no file.
pub fn regular(path: &Path) -> Result<File, OpenError> {
    #[cfg(test)]
    faults::meet(path)?;
    // Looked at before, as opening a device may do something; and after, as that is what will be read.
    is_regular(&std::fs::metadata(path)?)?;
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    #[allow(clippy::cast_possible_wrap)]
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    is_regular(&file.metadata()?)?;
    Ok(file)
}

/// Puts a file in place of what lies there, at once and on disk: whoever reads the path sees the old file or the new one, whole.
/// `private`: only this user may read it, else whoever the umask lets.
///
/// # Errors
/// What the system says; what lay there is still there then, and nothing beside it.
pub fn put(path: &Path, bytes: &[u8], private: bool) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let write = || {
        let mode = if private { 0o600 } else { 0o666 };
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)?;
        path.parent().map_or(Ok(()), |folder| {
            File::open(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })?.sync_all()
        })
    };
    write().inspect_err(|_| drop(std::fs::remove_file(&new)))
}

/// Reads a regular file of at most `most` bytes whole. It may say that it has none and have many, as those of `/proc` do.
///
/// # Errors
/// Like [`regular`], and where it is longer.
pub fn whole(path: &Path, most: u64) -> Result<Vec<u8>, OpenError> {
    let bytes = beginning(path, most.saturating_add(1))?;
    if bytes.len() as u64 > most { Err(OpenError::TooLarge { most }) } else { Ok(bytes) }
}

/// Reads the first bytes of a regular file, at most `most`.
///
/// # Errors
/// Like [`regular`].
pub fn beginning(path: &Path, most: u64) -> Result<Vec<u8>, OpenError> {
    let file = regular(path)?;
    let length = file.metadata()?.len().min(most);
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Opens an SQLite database to read it beside its writer: nothing is written, not even beside it, and nothing is waited for.
///
/// # Errors
/// Like [`regular`]; what SQLite says.
#[cfg(feature = "sqlite")]
pub fn database(path: &Path) -> io::Result<rusqlite::Connection> {
    use rusqlite::{Connection, OpenFlags};
    let head = beginning(path, 20)?;
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        std::fs::metadata(name).is_ok_and(|m| m.len() > 0)
    };
    // Without its log, one that writes ahead has no writer; SQLite would have to create files to see that.
    let alone = head.get(18..20) == Some(&[2, 2]) && !beside("-wal");
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.push_str(&format!("%{other:02x}")),
        }
    }
    uri.push_str(if alone { "?mode=ro&immutable=1" } else { "?mode=ro" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags).map_err(io::Error::other)?;
    connection.busy_timeout(std::time::Duration::from_millis(100)).map_err(io::Error::other)?;
    Ok(connection)
}

/// Copies a regular file.
///
/// # Errors
/// Like [`regular`]; those of the disk for the copy.
pub fn copy(from: &Path, to: &Path) -> Result<(), OpenError> {
    let mut from = regular(from)?;
    io::copy(&mut from, &mut File::create(to)?)?;
    Ok(())
}

fn is_regular(metadata: &Metadata) -> Result<(), OpenError> {
    let kind = metadata.file_type();
    if kind.is_file() { Ok(()) } else { Err(OpenError::NotAFile(named(kind))) }
}

fn named(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a pipe (FIFO)"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something unknown"
    }
}

/// Errors that a test wants a path to give: root reads everything, and a disk that fails is not at hand.
#[cfg(test)]
pub mod faults {
    use std::collections::BTreeMap;
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::{Mutex, PoisonError};

    static FAULTS: Mutex<BTreeMap<PathBuf, (i32, u32)>> = Mutex::new(BTreeMap::new());

    /// Has every opening of `path` fail with this error number.
    pub fn inject(path: &Path, errno: i32) {
        FAULTS.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), (errno, 0));
    }

    /// Lets `path` be opened again; returns how often that was tried meanwhile.
    pub fn heal(path: &Path) -> u32 {
        FAULTS.lock().unwrap_or_else(PoisonError::into_inner).remove(path).map_or(0, |(_, tries)| tries)
    }

    pub(super) fn meet(path: &Path) -> io::Result<()> {
        match FAULTS.lock().unwrap_or_else(PoisonError::into_inner).get_mut(path) {
            Some((errno, tries)) => {
                *tries += 1;
                Err(io::Error::from_raw_os_error(*errno))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    #[test]
    fn only_files_are_opened_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("log"), "one line\n").unwrap();
        std::fs::create_dir(at("directory")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        symlink(at("pipe"), at("link to a pipe")).unwrap();
        symlink(at("log"), at("link to a log")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let said = |path: &Path| regular(path).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(said(&at("log")), Ok(()));
        assert_eq!(said(&at("link to a log")), Ok(()));
        assert_eq!(said(&at("directory")), Err("a directory, not a file".to_owned()));
        assert_eq!(said(&at("pipe")), Err("a pipe (FIFO), not a file".to_owned()));
        assert_eq!(said(&at("link to a pipe")), Err("a pipe (FIFO), not a file".to_owned()));
        assert_eq!(said(&at("socket")), Err("a socket, not a file".to_owned()));
        assert_eq!(said(Path::new("/dev/zero")), Err("a device, not a file".to_owned()));
        assert!(matches!(regular(&at("nothing")), Err(OpenError::Io(e)) if e.kind() == io::ErrorKind::NotFound));
    }

    #[test]
    fn what_is_read_is_bounded_whatever_the_file_says_of_its_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "0123456789").unwrap();
        assert_eq!(whole(&path, 10).unwrap(), b"0123456789");
        assert!(matches!(whole(&path, 9), Err(OpenError::TooLarge { most: 9 })));
        assert_eq!(beginning(&path, 4).unwrap(), b"0123");
        // It says that it has no byte.
        let status = Path::new("/proc/self/status");
        assert!(!whole(status, 1 << 20).unwrap().is_empty());
        assert!(matches!(whole(status, 3), Err(OpenError::TooLarge { .. })));
    }

    /// Where a file may be opened otherwise: what this program wrote itself (the store, the daemon's place and log, the
    /// queue of messages), and what it
    /// is about to write.
    const OWN: [&str; 4] = ["store/", "daemon/", "cli/daemon/logs.rs", "notifications/outbox.rs"];

    #[test]
    fn nothing_else_opens_files_of_the_user() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut stack = vec![source.clone()];
        let (mut looked_at, mut wrong) = (0, Vec::new());
        while let Some(directory) = stack.pop() {
            for entry in std::fs::read_dir(directory).unwrap().flatten() {
                let path = entry.path();
                let relative = path.strip_prefix(&source).unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    stack.push(path);
                    continue;
                }
                let test = relative.contains("/tests/") || relative.ends_with("tests.rs");
                let is_code = path.extension().is_some_and(|ending| ending == "rs");
                if !is_code || test || relative == "open.rs" || OWN.iter().any(|own| relative.starts_with(own)) {
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let parent = path.parent().unwrap();
                let above = std::fs::read_to_string(parent.with_extension("rs")).unwrap_or_default();
                let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
                if above.contains(&format!("#[cfg(test)]\nmod {stem};")) {
                    continue;
                }
                looked_at += 1;
                let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let opens = ["File::open(", "fs::read(", "fs::read_to_string(", "fs::copy(", ".read(true)"];
                wrong.extend(
                    opens.iter().filter(|open| code.contains(**open)).map(|open| format!("{relative}: {open}")),
                );
            }
        }
        assert!(looked_at > 100, "{looked_at} files");
        assert!(wrong.is_empty(), "these open files without `crate::open`:\n{}", wrong.join("\n"));
    }
}
