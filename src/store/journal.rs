//! Journal of data that no log contains: dismissed alerts, forecasts and their grades.
//!
//! One JSON object a line, appended and synced, beside the database and independent of it:
//!
//! ```text
//! {"sum":"0123456789abcdef","n":17,"line":{"over":{"id":3,"at":1795832768.3}}}
//! ```
//!
//! The sum is a hash of everything behind it, so that a line is what was written or is known to be damaged; `n` counts
//! lines, so that a line that is gone is missed. Lines of versions before 0.2 are the value alone. The end of a line that
//! was cut when the machine went down was never acknowledged, and counts as nothing.

use super::StoreError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Name of the journal within the store's directory.
pub(super) const FILE: &str = "journal.jsonl";
/// Name of the file with lines that were damaged.
const DAMAGED: &str = "journal.damaged";
/// How a line with a checksum begins, and what follows on the sixteen digits. One of both damaged leaves the other.
const HEAD: &[u8] = b"{\"sum\":\"";
const NECK: &[u8] = b"\",\"n\":";
const DIGITS: usize = 16;

/// An append-only file of JSON values.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Number of the next line; `None` before the file was read.
    next: Option<u64>,
}

/// What a journal says.
#[derive(Debug, Default)]
pub struct Contents {
    /// Whole lines, oldest first.
    pub entries: Vec<Entry>,
    /// Bytes of each stretch that is no whole line.
    pub damaged: Vec<Vec<u8>>,
    /// How many entries were written and are not there.
    pub lost: u64,
    /// Places in `entries` between which these were written: that of the last one before the first loss, and that of the
    /// first one after the last loss. `None` for the beginning and the end.
    pub between: (Option<usize>, Option<usize>),
    /// Number of the next line.
    next: u64,
}

/// A whole line.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What was written.
    pub value: Value,
    /// Whether a checksum says that it is what was written.
    pub checked: bool,
    number: u64,
}

/// What is behind the checksum of a line.
#[derive(Serialize, Deserialize)]
struct Numbered {
    n: u64,
    line: Value,
}

impl Contents {
    /// Takes note that `count` entries are not there, behind those so far.
    fn miss(&mut self, count: u64) {
        if count > 0 && self.lost == 0 {
            self.between.0 = self.entries.len().checked_sub(1);
        }
        if count > 0 {
            self.between.1 = Some(self.entries.len());
        }
        self.lost = self.lost.saturating_add(count);
        self.next = self.next.saturating_add(count);
    }

    /// Whether all of the file is lines with checksums.
    fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.entries.iter().all(|entry| entry.checked)
    }
}

/// What the journal in a store's directory says, for whoever does not own it; `None` where there is none. Nothing is written.
///
/// # Errors
/// [`StoreError::Io`].
pub fn look(directory: &Path) -> Result<Option<Contents>, StoreError> {
    let path = directory.join(FILE);
    match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(parse(&bytes, 0))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io(&path, error)),
    }
}

impl Journal {
    /// Opens or creates the journal in the store's directory, which must exist.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        let file = create(&path).map_err(|e| StoreError::io(&path, e))?;
        Ok(Self { file, path, next: None })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where damaged lines are kept.
    #[must_use]
    pub fn aside(&self) -> PathBuf {
        self.path.with_file_name(DAMAGED)
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
        self.stay().map_err(|e| StoreError::io(&self.path, e))?;
        let first = match self.next {
            Some(next) => next,
            None => self.contents(0)?.next,
        };
        let mut line = Vec::with_capacity(256 * values.len());
        if self.torn().map_err(|e| StoreError::io(&self.path, e))? {
            line.push(b'\n');
        }
        for (n, value) in (first..).zip(values) {
            put(&mut line, n, value);
        }
        let before = self.file.metadata().map_err(|e| StoreError::io(&self.path, e))?.len();
        self.file.write_all(&line).and_then(|()| self.file.sync_data()).map_err(|error| {
            // All or nothing: what is written again later must not be there twice. Where even this fails, the last line
            // is torn, and whole ones have numbers that are then written again.
            let _ = self.file.set_len(before);
            StoreError::io(&self.path, error)
        })?;
        self.next = Some(first + values.len() as u64);
        Ok(())
    }

    /// How many entries have been written to it, by its numbers; `None` before it was read.
    #[must_use]
    pub fn written(&self) -> Option<u64> {
        self.next.map(|next| next - 1)
    }

    /// Every whole value, oldest first, and how many lines were not whole.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn read(&mut self) -> Result<(Vec<Value>, usize), StoreError> {
        let contents = self.contents(0)?;
        Ok((contents.entries.into_iter().map(|entry| entry.value).collect(), contents.damaged.len()))
    }

    /// All that it says, and what is missing, where at least `known` entries had been written.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn contents(&mut self, known: u64) -> Result<Contents, StoreError> {
        let mut bytes = Vec::new();
        self.file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.read_to_end(&mut bytes))
            .map_err(|e| StoreError::io(&self.path, e))?;
        let contents = parse(&bytes, known);
        self.next = Some(contents.next);
        Ok(contents)
    }

    /// Puts damaged lines into a file of their own, and writes the others anew, each with a checksum. Until all of that is
    /// on disk the journal stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn repair(&mut self, contents: &Contents) -> Result<(), StoreError> {
        if contents.is_clean() {
            return Ok(());
        }
        let failed = |e| StoreError::io(&self.path, e);
        if !contents.damaged.is_empty() {
            let mut aside = create(&self.aside()).map_err(failed)?;
            let text = contents.damaged.join(&b'\n');
            aside
                .write_all(&text)
                .and_then(|()| aside.write_all(b"\n"))
                .and_then(|()| aside.sync_all())
                .map_err(failed)?;
        }
        let mut lines = Vec::new();
        for entry in &contents.entries {
            put(&mut lines, entry.number, &entry.value);
        }
        self.replace(&lines).map_err(|e| StoreError::io(&self.path, e))
    }

    /// Writes the journal anew with these values alone, numbered from 1.
    ///
    /// # Errors
    /// [`StoreError::Io`]; the journal is as it was then.
    pub fn rewrite(&mut self, values: &[&Value]) -> Result<(), StoreError> {
        let mut lines = Vec::new();
        for (n, value) in (1..).zip(values) {
            put(&mut lines, n, value);
        }
        self.replace(&lines).map_err(|e| StoreError::io(&self.path, e))?;
        self.next = Some(values.len() as u64 + 1);
        Ok(())
    }

    /// Writes the journal anew: there is the old one or the new one, whenever the machine goes down.
    fn replace(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let new = self.path.with_extension("new");
        let _ = std::fs::remove_file(&new);
        let mut file = create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        self.file = file;
        Ok(())
    }

    /// Where its file was deleted while it was open, everything in it is written to a new one.
    fn stay(&mut self) -> std::io::Result<()> {
        if self.file.metadata()?.nlink() > 0 {
            return Ok(());
        }
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        self.replace(&bytes)
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

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

/// Appends a line.
pub(super) fn put(out: &mut Vec<u8>, n: u64, value: &Value) {
    let rest = format!("\"n\":{n},\"line\":{value}}}");
    out.extend_from_slice(format!("{{\"sum\":\"{:016x}\",{rest}\n", xxh3_64(rest.as_bytes())).as_bytes());
}

/// What a line is.
enum Line {
    Checked(Numbered),
    Old(Value),
    Damaged,
}

fn line(bytes: &[u8]) -> Line {
    let after = HEAD.len() + DIGITS;
    let neck = bytes.get(after..after + NECK.len()) == Some(NECK);
    if !bytes.starts_with(HEAD) && !neck {
        return serde_json::from_slice(bytes).map_or(Line::Damaged, Line::Old);
    }
    let checked = || {
        let sum = std::str::from_utf8(bytes.strip_prefix(HEAD)?.get(..DIGITS)?).ok()?;
        let rest = bytes.get(after + 2..).filter(|_| neck)?;
        // Written as it was, so that no digit of the sum can be another one.
        (sum == format!("{:016x}", xxh3_64(rest))).then_some(())?;
        serde_json::from_slice([b"{", rest].concat().as_slice()).ok()
    };
    checked().map_or(Line::Damaged, Line::Checked)
}

pub(super) fn parse(bytes: &[u8], known: u64) -> Contents {
    let mut found = Contents { next: 1, ..Contents::default() };
    // Stretches that are no lines since the last line: each one entry, where no number says better.
    let mut unclear = 0;
    for stretch in bytes.split_inclusive(|b| *b == b'\n') {
        let (text, whole) = stretch.strip_suffix(b"\n").map_or((stretch, false), |text| (text, true));
        match line(text) {
            Line::Checked(Numbered { n, line }) => {
                unclear = 0;
                if n < found.next {
                    // A line that could not be taken back, and was written again.
                    continue;
                }
                found.miss(n - found.next);
                found.entries.push(Entry { value: line, checked: true, number: n });
                found.next = n.saturating_add(1);
            }
            // Of the version before checksums, which wrote nothing behind a line of this one.
            Line::Old(value) if whole && !found.entries.last().is_some_and(|before| before.checked) => {
                found.miss(std::mem::take(&mut unclear));
                let number = found.next;
                found.entries.push(Entry { value, checked: false, number });
                found.next += 1;
            }
            _ if text.is_empty() => {}
            Line::Old(_) | Line::Damaged => {
                found.damaged.push(text.to_vec());
                unclear += u64::from(whole);
            }
        }
    }
    found.miss(unclear);
    found.miss(known.saturating_add(1).saturating_sub(found.next));
    found.between.1 = found.between.1.filter(|place| *place < found.entries.len());
    found
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

    /// A journal with four entries, and its bytes.
    fn four() -> (tempfile::TempDir, Vec<Value>, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let values: Vec<Value> =
            (0..4).map(|n| json!({"ended": {"run": format!("r{n}"), "truth": 2.5 + f64::from(n)}})).collect();
        let mut journal = Journal::open(dir.path()).unwrap();
        journal.append_all(&values[..2]).unwrap();
        journal.append_all(&values[2..]).unwrap();
        let bytes = std::fs::read(dir.path().join(FILE)).unwrap();
        (dir, values, bytes)
    }

    #[test]
    fn no_flipped_bit_changes_a_value_and_what_it_costs_is_said() {
        let (_dir, values, bytes) = four();
        for place in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place / 8] ^= 1 << (place % 8);
            let found = parse(&damaged, 4);
            let seen: Vec<&Value> = found.entries.iter().map(|entry| &entry.value).collect();
            assert!(seen.iter().all(|value| values.contains(value)), "bit {place}: {seen:?}");
            assert_eq!(seen.len() as u64 + found.lost, 4, "bit {place}: {seen:?}");
            // The last line is whole without its end.
            assert!(found.lost > 0 || place / 8 == bytes.len() - 1, "bit {place} went unnoticed");
            assert_eq!(found.next, 5);
        }
    }

    #[test]
    fn missing_lines_are_missed_wherever_they_were() {
        let (_dir, values, bytes) = four();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        for (kept, between) in [
            (&[0, 2, 3][..], (Some(0), Some(1))),
            (&[1, 2, 3], (None, Some(0))),
            (&[0, 3], (Some(0), Some(1))),
            (&[0, 1, 2], (Some(2), None)),
            (&[], (None, None)),
        ] {
            let left: Vec<u8> = kept.iter().flat_map(|n: &usize| lines[*n].to_vec()).collect();
            let found = parse(&left, 4);
            assert_eq!((found.lost, found.between), (4 - kept.len() as u64, between), "{kept:?}");
            assert!(found.entries.iter().zip(kept).all(|(entry, n)| entry.value == values[*n]));
        }
        let twice = [lines[0], lines[1], lines[0], lines[1], lines[2]].concat();
        let found = parse(&twice, 0);
        assert_eq!((found.entries.len(), found.lost), (3, 0), "what could not be taken back counts once");
    }

    #[test]
    fn damaged_lines_are_put_aside_and_old_ones_get_a_checksum() {
        let (dir, _, bytes) = four();
        let path = dir.path().join(FILE);
        let old = b"{\"over\": {\"id\": 1, \"at\": 2.0}}\n";
        // Numbers of lines go on behind those of old ones.
        let mut journal = Journal::open(dir.path()).unwrap();
        std::fs::write(&path, old).unwrap();
        journal.append(&json!("new")).unwrap();
        let mut text = std::fs::read(&path).unwrap();
        text.extend_from_slice(b"{\"sum\":\"beef\n");
        std::fs::write(&path, &text).unwrap();
        let mut journal = Journal::open(dir.path()).unwrap();
        let found = journal.contents(0).unwrap();
        assert_eq!((found.entries.len(), found.lost), (2, 1));
        journal.repair(&found).unwrap();
        assert_eq!(std::fs::read(journal.aside()).unwrap(), b"{\"sum\":\"beef\n");
        journal.append(&json!("later")).unwrap();
        let again = Journal::open(dir.path()).unwrap().contents(0).unwrap();
        assert!(again.is_clean(), "{again:?}");
        assert_eq!((again.entries.len(), again.lost, again.between), (3, 1, (Some(1), Some(2))));
        // Where the file goes while it is open, everything is there again with the next line.
        std::fs::remove_file(&path).unwrap();
        journal.append(&json!("last")).unwrap();
        assert_eq!(Journal::open(dir.path()).unwrap().read().unwrap().0.len(), 4);
        assert!(!bytes.is_empty());
    }
}
