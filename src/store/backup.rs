//! Backup of what cannot be rebuilt: the journal, in one file with a checksum.
//!
//! ```text
//! {"mixlaw_backup":1,"project":"code-cpt","made":1795832768.3,"build":"0.1.0","entries":12,"sum":"0123456789abcdef"}
//! {"sum":"…","n":1,"line":{…}}              the lines of the journal, numbered from 1; the sum above is theirs
//! ```

use super::journal::{self, Contents};
use super::{SledStore, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Version of the format.
const VERSION: u32 = 1;

/// The first line of a backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    mixlaw_backup: u32,
    /// Name of the project.
    pub project: String,
    /// When it was made, seconds since 1970.
    pub made: f64,
    /// Version of mixlaw that made it.
    pub build: String,
    /// Entries of the journal.
    pub entries: usize,
    sum: String,
}

/// Why a file is no backup that can be used.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It was not made by `mixlaw backup`.
    #[error("this is not a backup of mixlaw")]
    Foreign,
    /// A later version of mixlaw made it.
    #[error("this backup is of version {0}; this mixlaw reads version {VERSION}")]
    Newer(u32),
    /// It is not what was written.
    #[error("the backup is damaged: it is not what was written")]
    Damaged,
}

/// A backup of what a journal says.
#[must_use]
pub fn text(contents: &Contents, project: &str, made: f64) -> Vec<u8> {
    let lines = lines(contents.entries.iter().map(|entry| &entry.value));
    let header = Header {
        mixlaw_backup: VERSION,
        project: project.to_owned(),
        made,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        entries: contents.entries.len(),
        sum: sum(&lines),
    };
    let mut text = serde_json::to_vec(&header).unwrap_or_default();
    text.push(b'\n');
    text.extend(lines);
    text
}

/// What a backup says.
///
/// # Errors
/// [`BackupError`].
pub fn read(bytes: &[u8]) -> Result<(Header, Vec<Value>), BackupError> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(BackupError::Foreign)?;
    let (first, lines) = (&bytes[..end], &bytes[end + 1..]);
    let version = serde_json::from_slice::<Value>(first).ok().and_then(|first| first.get("mixlaw_backup")?.as_u64());
    match version {
        None => return Err(BackupError::Foreign),
        Some(version) if version > u64::from(VERSION) => {
            return Err(BackupError::Newer(u32::try_from(version).unwrap_or(u32::MAX)));
        }
        Some(_) => {}
    }
    let header: Header = serde_json::from_slice(first).map_err(|_| BackupError::Damaged)?;
    let contents = journal::parse(lines, 0);
    let whole = contents.damaged.is_empty() && contents.lost == 0 && contents.entries.len() == header.entries;
    if header.sum != sum(lines) || !whole {
        return Err(BackupError::Damaged);
    }
    Ok((header, contents.entries.into_iter().map(|entry| entry.value).collect()))
}

/// Puts these entries in place of the journal in a store's directory, which nobody may have open. Returns where the journal
/// that was there lies now.
///
/// # Errors
/// [`StoreError`]; the journal is as it was then.
pub fn restore(directory: &Path, entries: &[Value], now: u64) -> Result<Option<PathBuf>, StoreError> {
    let (store, _) = SledStore::open(directory)?;
    let path = directory.join(journal::FILE);
    let failed = |e: io::Error| StoreError::io(&path, e);
    let new = path.with_extension("new");
    write(&new, &lines(entries.iter())).map_err(failed)?;
    let aside = path.exists().then(|| path.with_extension(format!("replaced-{now}")));
    if let Some(aside) = &aside {
        // A second name for it, so that there is a journal at any time.
        std::fs::hard_link(&path, aside).map_err(failed)?;
    }
    std::fs::rename(&new, &path).and_then(|()| File::open(directory)?.sync_all()).map_err(failed)?;
    store.keep_journal_entries(entries.len() as u64)?;
    store.flush()?;
    Ok(aside)
}

/// Writes a file whole, so that there is the old one or the new one, for its owner alone.
///
/// # Errors
/// What the disk says.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    write(Path::new(&name), bytes)?;
    std::fs::rename(&name, path)
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn lines<'a>(values: impl Iterator<Item = &'a Value>) -> Vec<u8> {
    let mut lines = Vec::new();
    for (n, value) in (1..).zip(values) {
        journal::put(&mut lines, n, value);
    }
    lines
}

fn sum(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_backup_is_what_was_written_or_is_refused() {
        let scratch = tempfile::tempdir().unwrap();
        let mut journal = journal::Journal::open(scratch.path()).unwrap();
        let values: Vec<Value> = (0..5).map(|n| json!({ "over": { "id": n, "at": 1.5 } })).collect();
        journal.append_all(&values).unwrap();
        let contents = journal::look(scratch.path()).unwrap().unwrap();
        let bytes = text(&contents, "p", 2.0);
        let (header, entries) = read(&bytes).unwrap();
        assert_eq!((header.project.as_str(), header.entries, &entries), ("p", 5, &values));
        for place in 0..bytes.len() {
            let mut other = bytes.clone();
            other[place] ^= 1;
            // The first line says when and where; the entries are never others.
            assert!(read(&other).map_or(true, |(_, entries)| entries == values), "at {place}");
        }
        assert!(matches!(read(&bytes[..bytes.len() - 10]), Err(BackupError::Damaged)));
        assert!(matches!(read(b"{\"mixlaw_backup\":2}\n"), Err(BackupError::Newer(2))));
        assert!(matches!(read(b"hello\n"), Err(BackupError::Foreign)));
        // Into another place, twice.
        let to = scratch.path().join("to");
        assert_eq!(restore(&to, &entries, 7).unwrap(), None);
        let aside = restore(&to, &entries[..2], 8).unwrap().unwrap();
        assert!(aside.ends_with("journal.replaced-8"), "{}", aside.display());
        assert_eq!(journal::look(&to).unwrap().unwrap().entries.len(), 2);
        let (store, _) = SledStore::open(&to).unwrap();
        assert_eq!(store.journal_entries().unwrap(), 2, "and none is missed");
    }
}
