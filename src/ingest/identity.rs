//! Identity of a file: whether it is still the one that was read, by content and not only by name or inode.

use crate::store::{Cursor, Identity};
use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of a file's beginning that are remembered.
const HEAD: u64 = 4096;
/// Bytes before the cursor that are remembered.
const SEAM: u64 = 256;

/// What can be seen of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Bytes.
    pub length: u64,
    /// Modification time, nanoseconds since 1970.
    pub modified: i64,
}

impl Stamp {
    /// Of metadata.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        }
    }

    /// Of the file at `path`; of a database, with the log that its writer keeps beside it.
    #[must_use]
    pub fn at(path: &Path, metadata: &Metadata) -> Self {
        let mut stamp = Self::of(metadata);
        if matches!(path.extension().and_then(|e| e.to_str()), Some("db" | "sqlite" | "sqlite3")) {
            let mut log = path.as_os_str().to_owned();
            log.push("-wal");
            if let Ok(log) = std::fs::metadata(log) {
                let log = Self::of(&log);
                (stamp.length, stamp.modified) = (stamp.length + log.length, stamp.modified.max(log.modified));
            }
        }
        stamp
    }

    /// Whether it is the same entry of the same file system.
    #[must_use]
    pub fn same_inode(&self, device: u64, inode: u64) -> bool {
        (self.device, self.inode) == (device, inode)
    }

    /// Time since it was last modified; none where that lies ahead.
    #[must_use]
    pub fn silent(&self, now: SystemTime) -> Duration {
        let modified = Duration::from_nanos(u64::try_from(self.modified).unwrap_or_default());
        now.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(modified)
    }
}

/// Whether everything up to the cursor is still there: a file that grew, was renamed or was replaced by a longer copy of
/// itself is the same; one that shrank or was written anew is not.
pub fn same(file: &File, length: u64, cursor: &Cursor) -> std::io::Result<bool> {
    let identity = &cursor.identity;
    if length < cursor.offset {
        return Ok(false);
    }
    if cursor.unterminated && length > cursor.offset {
        // The last record was taken for whole without its line break. If anything else follows, it was not.
        let mut next = [0];
        file.read_exact_at(&mut next, cursor.offset)?;
        if !matches!(next[0], b'\n' | b'\r') {
            return Ok(false);
        }
    }
    Ok(hash(file, 0, u64::from(identity.head))? == identity.head_hash
        && hash(file, cursor.offset.saturating_sub(u64::from(identity.seam)), u64::from(identity.seam))?
            == identity.seam_hash)
}

/// What to remember of a file that was read up to `offset`. `just_read` are the bytes before it, as far as they are in
/// memory; `before` is what was remembered so far.
pub fn remember(
    file: &File,
    stamp: &Stamp,
    offset: u64,
    just_read: &[u8],
    before: &Identity,
) -> std::io::Result<Identity> {
    let seam = offset.min(SEAM);
    let seam_hash = match just_read.len().checked_sub(seam as usize) {
        Some(start) => xxh3_64(&just_read[start..]),
        None => hash(file, offset - seam, seam)?,
    };
    let head = offset.min(HEAD);
    let head_hash = if head > 0 && u64::from(before.head) == head { before.head_hash } else { hash(file, 0, head)? };
    Ok(Identity {
        device: stamp.device,
        inode: stamp.inode,
        head: head as u32,
        head_hash,
        seam: seam as u32,
        seam_hash,
    })
}

fn hash(file: &File, at: u64, length: u64) -> std::io::Result<u64> {
    let mut bytes = [0; HEAD as usize];
    let bytes = &mut bytes[..length.min(HEAD) as usize];
    file.read_exact_at(bytes, at)?;
    Ok(xxh3_64(bytes))
}

/// Fills the buffer from `offset`, as far as the file goes.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut n = 0;
    while n < buffer.len() {
        match FileExt::read_at(file, &mut buffer[n..], offset + n as u64) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(path: &std::path::Path, offset: u64) -> Cursor {
        let file = File::open(path).unwrap();
        let stamp = Stamp::of(&file.metadata().unwrap());
        let identity = remember(&file, &stamp, offset, &[], &Identity::default()).unwrap();
        Cursor { offset, identity, ..Cursor::default() }
    }

    fn is_same(path: &std::path::Path, cursor: &Cursor) -> bool {
        let file = File::open(path).unwrap();
        same(&file, file.metadata().unwrap().len(), cursor).unwrap()
    }

    #[test]
    fn growth_is_told_from_replacement() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let line = |n: usize| format!("line {n:05} of a log\n");
        let text: String = (0..1000).map(line).collect();
        std::fs::write(&path, &text).unwrap();
        let at = cursor(&path, text.len() as u64);
        assert!(is_same(&path, &at));
        std::fs::write(&path, format!("{text}more\n")).unwrap();
        assert!(is_same(&path, &at), "grown");
        std::fs::write(&path, &text[..text.len() - 1]).unwrap();
        assert!(!is_same(&path, &at), "shrunk");
        std::fs::write(&path, text.replacen("00000", "0000x", 1)).unwrap();
        assert!(!is_same(&path, &at), "another head");
        std::fs::write(&path, text.replacen("00999", "0099x", 1)).unwrap();
        assert!(!is_same(&path, &at), "same head, rewritten, and grown beyond the cursor");
    }

    #[test]
    fn an_empty_file_is_itself() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "").unwrap();
        let at = cursor(&path, 0);
        assert!(is_same(&path, &at));
        std::fs::write(&path, "grown").unwrap();
        assert!(is_same(&path, &at));
    }

    #[test]
    fn what_follows_a_line_taken_without_its_end_decides() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "1.2").unwrap();
        let at = Cursor { unterminated: true, ..cursor(&path, 3) };
        assert!(is_same(&path, &at));
        std::fs::write(&path, "1.2\n").unwrap();
        assert!(is_same(&path, &at), "only the line break was missing");
        std::fs::write(&path, "1.25\n").unwrap();
        assert!(!is_same(&path, &at), "it was half a number");
    }
}
