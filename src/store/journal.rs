//! Journal of data that no log contains: dismissed alerts, forecasts and their grades.
//!
//! One JSON value a line, appended and synced, beside the database and independent of it. A line is either whole or, if
//! the machine went down while it was written, the torn last one; a torn line is skipped and never written over.

use super::StoreError;
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Name of the journal within the store's directory.
const FILE: &str = "journal.jsonl";

/// An append-only file of JSON values.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens or creates the journal in the store's directory, which must exist.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| StoreError::io(&path, e))?;
        Ok(Self { file, path })
    }

    /// Appends one value; it is on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the value is not there then.
    pub fn append(&mut self, value: &Value) -> Result<(), StoreError> {
        self.append_all(std::slice::from_ref(value))
    }

    /// Appends values in order, with one sync for all; they are on disk when this returns.
    ///
    /// # Errors
    /// Like [`Journal::append`].
    pub fn append_all(&mut self, values: &[Value]) -> Result<(), StoreError> {
        if values.is_empty() {
            return Ok(());
        }
        let mut line = Vec::with_capacity(256 * values.len());
        if self.torn().map_err(|e| StoreError::io(&self.path, e))? {
            line.push(b'\n');
        }
        for value in values {
            line.extend_from_slice(value.to_string().as_bytes());
            line.push(b'\n');
        }
        let before = self.file.metadata().map_err(|e| StoreError::io(&self.path, e))?.len();
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(|error| {
            // All or nothing: what is written again later must not be there twice. Where even this fails, the last line
            // is torn, and is skipped.
            let _ = self.file.set_len(before);
            StoreError::io(&self.path, error)
        })
    }

    /// Every whole value, oldest first, and how many lines were not whole.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn read(&mut self) -> Result<(Vec<Value>, usize), StoreError> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.read_to_end(&mut bytes))
            .map_err(|e| StoreError::io(&self.path, e))?;
        let mut values = Vec::new();
        let mut torn = 0;
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            match line.strip_suffix(b"\n").map(serde_json::from_slice) {
                Some(Ok(value)) => values.push(value),
                _ => torn += 1,
            }
        }
        Ok((values, torn))
    }

    fn torn(&mut self) -> std::io::Result<bool> {
        let mut last = [b'\n'];
        match self.file.seek(SeekFrom::End(-1)) {
            Ok(_) => self.file.read_exact(&mut last)?,
            // Nothing there yet.
            Err(e) if e.kind() == ErrorKind::InvalidInput => {}
            Err(e) => return Err(e),
        }
        Ok(last != [b'\n'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_come_back_and_a_torn_line_harms_nothing_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(journal.read().unwrap(), (vec![], 0));
        journal.append(&json!({"accepted": "a1"})).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(dir.path().join(FILE))
            .and_then(|mut f| f.write_all(b"{\"accepted\": \"b"))
            .unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        assert_eq!(journal.read().unwrap(), (vec![json!({"accepted": "a1"})], 1));
        journal.append(&json!([1, null, "two\nlines"])).unwrap();
        journal.append_all(&[json!(3), json!(4)]).unwrap();
        journal.append_all(&[]).unwrap();
        let (values, torn) = Journal::open(dir.path()).unwrap().read().unwrap();
        assert_eq!(values, vec![json!({"accepted": "a1"}), json!([1, null, "two\nlines"]), json!(3), json!(4)]);
        assert_eq!(torn, 1);
    }
}
