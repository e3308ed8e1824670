//! A log file's record in the store: its run, its cursor, and how to recognise that it is still the same file.

use super::bytes::{Reader, put, put_bytes, put_f64, put_signed};
use super::{FileId, RunId, StoreError};

/// What tells growth from replacement. Inode numbers are not enough: they are reused, some network file systems make
/// them up, and `rsync` replaces a file by a longer copy of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Identity {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Bytes at the beginning that `head_hash` covers.
    pub head: u32,
    /// XXH3 of them.
    pub head_hash: u64,
    /// Bytes just before the cursor that `seam_hash` covers.
    pub seam: u32,
    /// XXH3 of them.
    pub seam_hash: u64,
}

impl Identity {
    /// Writes it as records and messages have it.
    pub fn put(&self, out: &mut Vec<u8>) {
        put(out, self.device);
        put(out, self.inode);
        put(out, u64::from(self.head));
        out.extend_from_slice(&self.head_hash.to_le_bytes());
        put(out, u64::from(self.seam));
        out.extend_from_slice(&self.seam_hash.to_le_bytes());
    }

    /// Reads what [`Identity::put`] wrote.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn read(r: &mut Reader) -> Result<Self, StoreError> {
        Ok(Self {
            device: r.number()?,
            inode: r.number()?,
            head: r.small()?,
            head_hash: r.word()?,
            seam: r.small()?,
            seam_hash: r.word()?,
        })
    }
}

/// Where a file is whose points came over a stream: not on this machine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Origin {
    /// The stream.
    pub stream: String,
    /// The machine that read it.
    pub node: String,
    /// What that machine's numbers count from: another each time it begins anew.
    pub life: u64,
    /// Number of the file there.
    pub file: u32,
}

/// How far a file was read. Stored in the same batch as the points read up to there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cursor {
    /// End of the last whole record, bytes.
    pub offset: u64,
    /// Whether the last record was taken as whole although its line had no end: if the file grows, that was wrong.
    pub unterminated: bool,
    /// What the parser must know to go on.
    pub state: Vec<u8>,
    /// What tells growth from replacement.
    pub identity: Identity,
    /// Length of the file when last read, bytes.
    pub length: u64,
    /// Modification time when last read, nanoseconds since 1970.
    pub modified: i64,
    /// Records that could not be read.
    pub damaged: u64,
    /// Why nothing after `offset` can be read; empty where all is well.
    pub stuck: String,
    /// Whether another known file was given its name, so that what stands there next does not replace this one.
    pub displaced: bool,
    /// Where it is, where its points came over a stream; `state` is then what the reader of the stream keeps.
    pub origin: Option<Origin>,
}

/// Offset that no file has.
const BEGUN: u64 = u64::MAX;

impl Cursor {
    /// That of a file whose points are stored in several commits, until the last of them: nothing can go on from here, so that the
    /// file is read anew, in place of what there is of it.
    pub(super) fn begun(then: &Self) -> Self {
        Self { offset: BEGUN, length: then.length, modified: then.modified, ..Self::default() }
    }

    /// Whether a file was begun and is not whole, see [`Cursor::begun`].
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.offset == BEGUN
    }
}

/// A file (one generation of it) and its cursor.
#[derive(Debug, Clone, PartialEq)]
pub struct FileRecord {
    /// Whose it is.
    pub run: RunId,
    /// Relative to the run.
    pub path: String,
    /// Name of its format, and behind [`MEASURED_ON`] the data that its records were measured on, where its path says that.
    pub format: String,
    /// When its first record was written, as far as can be told, seconds since 1970: files of a run are read in this
    /// order.
    pub began: f64,
    /// How often the file at this path had been replaced before.
    pub generation: u32,
    /// How far it was read.
    pub cursor: Cursor,
    /// Records that had points.
    pub rows: u64,
    /// Rows at which the log itself says that training started again, ascending.
    pub restarts: Vec<u64>,
    /// Number of the next axis.
    pub axes: u32,
    /// Number of the next tail group.
    pub tails: u32,
    /// The file whose cursor accounts for these points, where they are a part of it that is a run of its own.
    pub part_of: Option<FileId>,
}

/// Stands between the name of a format and the data that a file's records were measured on.
pub const MEASURED_ON: char = '\u{1f}';

impl FileRecord {
    /// Name of its format.
    #[must_use]
    pub fn format_name(&self) -> &str {
        self.format.split(MEASURED_ON).next().unwrap_or(&self.format)
    }

    /// The data that its records were measured on, as its reader wrote it; empty where its path says nothing.
    #[must_use]
    pub fn measured_on(&self) -> &str {
        self.format.split_once(MEASURED_ON).map_or("", |(_, data)| data)
    }
}

/// First byte of a record: the layout of the rest.
const LAYOUT: u8 = 2;
/// The same, with the file that it is a part of at its end.
const OF_A_PART: u8 = 3;
/// What is added to either where the file came over a stream; where it came from is at the end.
const STREAMED: u8 = 2;

impl FileRecord {
    /// How often the log has said, up to this row, that training started again.
    #[must_use]
    pub fn restarts_until(&self, row: u64) -> u32 {
        self.restarts.partition_point(|at| *at <= row) as u32
    }

    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let cursor = &self.cursor;
        let mut out = Vec::with_capacity(160 + cursor.state.len());
        let layout = if self.part_of.is_some() { OF_A_PART } else { LAYOUT };
        out.push(if cursor.origin.is_some() { layout + STREAMED } else { layout });
        put(&mut out, u64::from(self.run.0));
        put_bytes(&mut out, self.path.as_bytes());
        put_bytes(&mut out, self.format.as_bytes());
        put_f64(&mut out, self.began);
        put(&mut out, u64::from(self.generation));
        put(&mut out, self.rows);
        put(&mut out, self.restarts.len() as u64);
        self.restarts.iter().for_each(|row| put(&mut out, *row));
        put(&mut out, u64::from(self.axes));
        put(&mut out, u64::from(self.tails));
        put(&mut out, cursor.offset);
        out.push(u8::from(cursor.unterminated));
        put_bytes(&mut out, &cursor.state);
        cursor.identity.put(&mut out);
        put(&mut out, cursor.length);
        put_signed(&mut out, cursor.modified);
        put(&mut out, cursor.damaged);
        put_bytes(&mut out, cursor.stuck.as_bytes());
        out.push(u8::from(cursor.displaced));
        if let Some(whole) = self.part_of {
            put(&mut out, u64::from(whole.0));
        }
        if let Some(origin) = &cursor.origin {
            put_bytes(&mut out, origin.stream.as_bytes());
            put_bytes(&mut out, origin.node.as_bytes());
            put(&mut out, origin.life);
            put(&mut out, u64::from(origin.file));
        }
        out
    }

    /// From bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let mut r = Reader(bytes);
        let (is_part, streamed) = match r.take(1)?[0] {
            LAYOUT => (false, false),
            OF_A_PART => (true, false),
            layout if layout == LAYOUT + STREAMED => (false, true),
            layout if layout == OF_A_PART + STREAMED => (true, true),
            other => return Err(StoreError::Damaged(format!("a file record with unknown layout {other}"))),
        };
        let mut record = Self {
            run: RunId(r.small()?),
            path: r.text()?,
            format: r.text()?,
            began: r.float()?,
            generation: r.small()?,
            rows: r.number()?,
            restarts: (0..r.number()?).map(|_| r.number()).collect::<Result<_, _>>()?,
            axes: r.small()?,
            tails: r.small()?,
            cursor: Cursor {
                offset: r.number()?,
                unterminated: r.take(1)?[0] != 0,
                state: r.bytes()?.to_vec(),
                identity: Identity::read(&mut r)?,
                length: r.number()?,
                modified: r.signed()?,
                damaged: r.number()?,
                stuck: r.text()?,
                displaced: r.take(1)?[0] != 0,
                origin: None,
            },
            part_of: if is_part { Some(FileId(r.small()?)) } else { None },
        };
        if streamed {
            let (stream, node) = (r.text()?, r.text()?);
            record.cursor.origin = Some(Origin { stream, node, life: r.number()?, file: r.small()? });
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back() {
        let record = FileRecord {
            run: RunId(3),
            path: "logs/metrics.jsonl".to_owned(),
            format: "jsonl".to_owned(),
            began: 1.7e9,
            generation: 2,
            cursor: Cursor {
                offset: 1 << 40,
                unterminated: true,
                state: vec![0, 255, 3],
                identity: Identity {
                    device: u64::MAX,
                    inode: 7,
                    head: 4096,
                    head_hash: u64::MAX - 1,
                    seam: 256,
                    seam_hash: 0x7ff0_0000_0000_0001,
                },
                length: 1 << 41,
                modified: -5,
                damaged: 4,
                stuck: "header changed".to_owned(),
                displaced: true,
                origin: None,
            },
            rows: 99,
            restarts: vec![7, 80],
            axes: 12,
            tails: 1,
            part_of: None,
        };
        let origin = Origin { stream: "sweeps".to_owned(), node: "n1".to_owned(), life: u64::MAX, file: 7 };
        let cursor = Cursor { origin: Some(origin), ..record.cursor.clone() };
        let streamed = FileRecord { cursor, ..record.clone() };
        let part = |record: &FileRecord| FileRecord { part_of: Some(FileId(300)), ..record.clone() };
        for record in [part(&record), part(&streamed), streamed, record] {
            let bytes = record.encode();
            assert_eq!(FileRecord::decode(&bytes).unwrap(), record);
            for n in 0..bytes.len() {
                assert!(FileRecord::decode(&bytes[..n]).is_err());
            }
        }
    }
}
