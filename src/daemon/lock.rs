//! Locks on files, which the kernel frees with the process that holds them.

use crate::ipc::protocol::Failure;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Name of the lock of whoever decides on advice, in the store's folder.
pub const ACCEPTING: &str = "accepting";

/// An advisory lock on a file, freed when dropped. A recycled process id cannot be mistaken for its holder, because
/// the kernel frees it with the process.
#[derive(Debug)]
pub struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Whether its file is no longer where it was: the directory was deleted, and somebody else may own it anew.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        let here = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        match (self.file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(own), Ok(there)) => here(own) != here(there),
            (_, Err(error)) => error.kind() == ErrorKind::NotFound,
            // The disk says nothing at the moment.
            (Err(_), Ok(_)) => false,
        }
    }

    /// Takes the lock of a file, which is made where there is none; `None` while another one holds it.
    ///
    /// # Errors
    /// Where the disk says no.
    pub fn take(path: &Path) -> Result<Option<Self>, Failure> {
        let failed = |e: std::io::Error| {
            Failure::new(
                format!("cannot lock {}: {e}", path.display()),
                "set MIXLAW_STATE to a directory on a local disk".to_owned(),
            )
        };
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
        // On a full disk the lock is as good without the number, which only helps to say whose it is.
        match writeln!(file, "{}", std::process::id()) {
            Err(error) if error.kind() != ErrorKind::StorageFull => Err(failed(error)),
            _ => Ok(Some(Self { file, path: path.to_owned() })),
        }
    }
}
