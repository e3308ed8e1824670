//! Whether what mixlaw keeps can be kept: the state directory, its disk, its file system.

use super::finding::Findings;
use super::patient::Patient;
use crate::ingest::filesystem;
use rustix::fs::Access;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Less free space than this is said, bytes: the store takes halves of a megabyte, logs and packs some more.
const LITTLE: u64 = 64 << 20;
const HELP: &str = "set MIXLAW_STATE to a directory that you own on a local disk";

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    let place = match &patient.place {
        None => return,
        Some(Err(failure)) => return found.fail(&failure.message, failure.help.as_deref().unwrap_or(HELP)),
        Some(Ok(place)) => place,
    };
    let directory = &place.directory;
    let Some(there) = directory.ancestors().find(|path| path.exists()) else { return };
    if there == directory {
        owner(there, found);
    } else {
        found.know(format!("{} is not there yet; the first command makes it", directory.display()));
    }
    if let Err(error) = rustix::fs::access(there, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        let why = format!("cannot write to {}: {error}; nothing is kept", there.display());
        return found.fail(why, format!("look at it: ls -ld {}; or {HELP}", there.display()));
    }
    if let Ok(stat) = rustix::fs::statvfs(there) {
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free < LITTLE {
            let text = format!("{} MiB are free on the disk of {}", free >> 20, there.display());
            found.warn(text, format!("free some space (df -h {}), or {HELP}", there.display()));
        }
        if stat.f_files > 0 && stat.f_favail < 100 {
            let text = format!("no more files can be made on the disk of {} (inodes)", there.display());
            found.warn(text, format!("delete files (df -i {}), or {HELP}", there.display()));
        }
    }
    let system = filesystem::under(there);
    if !system.tells && system.name != "unknown" {
        let text = format!("{} is on {}, where locks and the database are not safe", there.display(), system.name);
        found.warn(text, HELP);
    }
}

fn owner(directory: &Path, found: &mut Findings) {
    let Ok(metadata) = std::fs::symlink_metadata(directory) else { return };
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        found.fail(format!("{} belongs to user {}", directory.display(), metadata.uid()), HELP);
    } else if metadata.mode() & 0o077 != 0 {
        let text = format!("other users can enter {}", directory.display());
        found.warn(text, format!("chmod 700 {}", directory.display()));
    }
}
