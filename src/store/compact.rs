//! Compaction: live data of a pack is copied to another pack, and the old one deleted.

use super::changes::{Changes, place};
use super::packs::Extent;
use super::rewrite::{self, Rewriter};
use super::{SledStore, StoreError, keys};
use std::io;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Instant;

/// Bytes of records rewritten before the store is let go for others.
const AT_ONCE: usize = 2 << 20;
/// Bytes that may be dead in any store: to save less is not worth the writing.
const IDLE: u64 = 2 << 20;
/// One in this many bytes may be dead.
const PART: u64 = 4;

impl SledStore {
    /// Seals tails that have not grown for a while, rewrites packs until no more of them is dead than is worth it, and sled's file where most of it is. Points may be
    /// committed and read meanwhile, but for the moments that sled's file takes.
    ///
    /// # Errors
    /// What the disk says; what was there is still there then.
    pub fn compact(&self) -> Result<(), StoreError> {
        let now = Instant::now();
        self.seal_quiet(now)?;
        let still = self.quiet.still(now);
        self.state_mut().pack(&still);
        while let Some(pack) = worst(&self.packs.extents()) {
            self.rewrite(pack)?;
        }
        if self.db.is_wasteful().map_err(|e| self.failed(&e))? {
            // No pack may come or go meanwhile.
            let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            // The old file does as well: it is only longer.
            if let Err(error) = self.db.renew() {
                tracing::warn!("the database cannot be written anew: {error}");
            }
        }
        Ok(())
    }

    /// Names who copies what counts of the database when its file is written anew, instead of this process. Once only.
    pub fn rewritten_by(&self, rewriter: Rewriter) {
        self.db.rewritten_by(rewriter);
    }

    /// Copies what counts of the database in a directory, which nobody may have open, into the directory that whoever
    /// asks for it has made beside it.
    ///
    /// # Errors
    /// Where nobody has asked for it, another process has the database, or the disk says no.
    pub fn copy_database(path: &Path) -> io::Result<()> {
        if rewrite::is_asked_for(path) {
            rewrite::write(path)
        } else {
            Err(io::Error::other("no daemon has asked for a copy of it"))
        }
    }

    /// Copies what counts out of a pack, and deletes it.
    pub(super) fn rewrite(&self, pack: u32) -> Result<(), StoreError> {
        let mut copied = Some(0);
        while let Some(from) = copied {
            copied = self.copy(pack, from)?;
        }
        // The copies must be on disk, and sled must know them there, before the originals go.
        self.packs.forget(pack);
        self.db.remove(keys::one(b'p', pack)).map_err(|e| self.failed(&e))?;
        self.flush()?;
        self.packs.delete(pack)
    }

    /// Copies some of what counts out of a pack, from an offset on. Returns from where to go on.
    fn copy(&self, pack: u32, from: u64) -> Result<Option<u64>, StoreError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changes = Changes::outside(self, Some(pack));
        let mut next = None;
        let copied = self.packs.each(pack, from, |at, key, value| {
            if changes.len() >= AT_ONCE {
                next = Some(at.offset);
                return Ok(false);
            }
            if key.first() == Some(&keys::MEMBER) {
                self.copy_band(key, at, &mut changes)?;
                return Ok(true);
            }
            let stored = self.db.get(key).map_err(|e| self.failed(&e))?;
            if stored.map(|stored| place(&stored)).transpose()?.flatten() == Some(at) {
                changes.replace_packed(key, value)?;
            }
            Ok(true)
        });
        self.noted(copied)?;
        let change = changes.write()?;
        // Whoever reads is done with the old places before the new ones are in force.
        let _state = self.state_mut();
        self.apply(change)?;
        Ok(next)
    }
}

/// The pack with the most dead bytes for what it has, where too many are dead.
fn worst(packs: &[(u32, Extent)]) -> Option<u32> {
    let sum = |of: fn(&Extent) -> u64| packs.iter().map(|(_, extent)| of(extent)).sum::<u64>();
    if sum(|e| e.dead) <= IDLE.max(sum(|e| e.end) / PART) {
        return None;
    }
    let share = |extent: &Extent| extent.dead as f64 / extent.end.max(1) as f64;
    packs.iter().max_by(|a, b| share(&a.1).total_cmp(&share(&b.1))).map(|(number, _)| *number)
}
