//! Writing through an outlet, and small things that are kept beside the points.

use super::file::FileRecord;
use super::outlet::{Change, Outlet};
use super::portions::{MOST, portions};
use super::{FileId, RunId, SledStore, StoreError, keys};

/// Under which name the number of the last change that is known to be safe is kept.
const SENT: &str = "sent";

/// The key and the value that say that changes are safe.
type Sent = (Vec<u8>, [u8; 16]);

fn sent_bytes(number: u64, receipt: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..].copy_from_slice(&receipt.to_be_bytes());
    bytes
}

impl SledStore {
    /// From now on, every write goes through an outlet, and no points are kept here. Once only.
    pub fn send_through(&self, outlet: Box<dyn Outlet>) {
        let _ = self.outlet.set(outlet);
    }

    /// Number of the last changes that are known to be safe, and their receipt; zeros where there are none.
    ///
    /// # Errors
    /// What the disk says.
    pub fn sent(&self) -> Result<(u64, u64), StoreError> {
        let known = self.place_in(SENT)?.unwrap_or_default();
        let number =
            |at: usize| known.get(at..at + 8).and_then(|raw| raw.try_into().ok()).map_or(0, u64::from_be_bytes);
        Ok((number(0), number(8)))
    }

    /// Begins with nothing sent, after a receipt of somebody else.
    ///
    /// # Errors
    /// What the disk says.
    pub fn begin_after(&self, receipt: u64) -> Result<(), StoreError> {
        self.keep_place(SENT, &sent_bytes(0, receipt))
    }

    /// What is kept under a name beside the points.
    ///
    /// # Errors
    /// What the disk says.
    pub fn place_in(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.db.get(keys::of_place(name)).map_err(|e| self.failed(&e))?.map(|raw| raw.to_vec()))
    }

    /// What is kept under names that begin so: the rest of each name, and the value.
    ///
    /// # Errors
    /// What the disk says.
    pub fn places_under(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let key = keys::of_place(prefix);
        let found = self.db.under(&key).map_err(|e| self.failed(&e))?;
        let pair = |(name, value): &(sled::IVec, sled::IVec)| {
            (String::from_utf8_lossy(&name[key.len()..]).into_owned(), value.to_vec())
        };
        Ok(found.iter().map(pair).collect())
    }

    /// Files that came over streams: number, run, path, and cursor.
    #[must_use]
    pub fn streamed(&self) -> Vec<(FileId, FileRecord)> {
        let state = self.state();
        let files = state.files.iter().filter(|(_, file)| file.record.cursor.origin.is_some());
        files.map(|(id, file)| (*id, file.record.clone())).collect()
    }

    /// Files of a run, with parts of files of other runs.
    #[must_use]
    pub fn all_records(&self, run: RunId) -> Vec<(FileId, FileRecord)> {
        let of = |id: FileId| Some((id, self.record(id)?));
        self.file_ids(run).into_iter().filter_map(of).collect()
    }

    /// Keeps something small under a name beside the points.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_place(&self, name: &str, value: &[u8]) -> Result<(), StoreError> {
        self.db.insert(keys::of_place(name), value).map_err(|e| self.failed(&e))
    }

    /// Hands changes to the outlet, where there is one; returns the key and value that say they are safe.
    pub(super) fn send(&self, changes: Vec<Change>) -> Result<Option<Sent>, StoreError> {
        let Some(outlet) = self.outlet.get().filter(|_| !changes.is_empty()) else { return Ok(None) };
        let (mut number, mut receipt) = (self.sent()?.0, 0);
        for portion in portions(changes, MOST) {
            number += 1;
            receipt = outlet.send(number, &portion)?;
        }
        Ok(Some((keys::of_place(SENT), sent_bytes(number, receipt))))
    }

    /// Makes changes here that the outlet has and that a crash has kept from being made; before [`SledStore::send_through`].
    ///
    /// # Errors
    /// What the disk says; [`StoreError::Damaged`] for changes that do not follow from what is here.
    pub fn adopt(&self, number: u64, receipt: u64, changes: Vec<Change>) -> Result<(), StoreError> {
        let before = self.sent()?.0;
        if number != before + 1 {
            return Err(StoreError::Damaged(format!("change {number} does not follow {before}")));
        }
        let mut group = None;
        for change in changes {
            match change {
                Change::Points(change) => group.get_or_insert_with(|| self.group()).adopt(&change)?,
                Change::Facts { run, facts } => {
                    let run = self.run(&run)?;
                    self.set_facts(run, &facts)?;
                }
                Change::ForgetFile(file) => self.forget_file(FileId(file))?,
                Change::ForgetRun(run) => self.find_run(&run).map_or(Ok(()), |run| self.forget(run))?,
            }
        }
        if let Some(mut group) = group {
            group.keep(&keys::of_place(SENT), &sent_bytes(number, receipt));
            return group.write();
        }
        self.keep_place(SENT, &sent_bytes(number, receipt))
    }
}
