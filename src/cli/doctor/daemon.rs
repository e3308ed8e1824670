//! Whether the daemon runs, answers, is of this version, and is alone.

use super::finding::Findings;
use super::patient::Patient;
use crate::daemon::StateDir;
use crate::ipc::IpcError;
use crate::open;
use crate::project::Project;
use crate::vocab::Severity;
use rustix::fs::{FlockOperation, flock};

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    let (Some(place), Ok(project)) = (patient.place(), &patient.project) else { return };
    let owner = owner(place);
    match &patient.daemon {
        Ok(hello) => {
            let exe = std::fs::read_link(format!("/proc/{}/exe", hello.pid)).unwrap_or_default();
            let own = env!("CARGO_PKG_VERSION");
            if hello.build != own {
                let text = format!("the running daemon is mixlaw {}, this is mixlaw {own}", hello.build);
                found.warn(text, "start it again: mixlaw daemon stop; mixlaw daemon start");
            } else if exe.to_string_lossy().ends_with(" (deleted)") {
                let text = "the running daemon's program was replaced or deleted";
                found.warn(text, "start it again with the new one: mixlaw daemon stop; mixlaw daemon start");
            }
            let faults = patient.status.iter().flat_map(|status| &status.faults);
            found.repeat(faults.filter(|fault| fault.severity == Severity::Error).cloned(), "errors");
        }
        Err(IpcError::NoDaemon) => match (owner, place.socket().exists()) {
            (Some(pid), _) => {
                let text = format!("process {pid} has the store and does not answer");
                found.fail(text, format!("if it stays so, end it; no data is lost: kill -9 {pid}"));
            }
            (None, true) => {
                let text = format!("the last daemon was killed: {} is left of it", place.socket().display());
                found.warn(text, "start it again: mixlaw daemon start; what it said last: mixlaw daemon logs");
            }
            (None, false) => found.know("no daemon runs; it is started by: mixlaw watch, or mixlaw daemon start"),
        },
        Err(error @ IpcError::Version { .. }) => {
            found.warn(error.to_string(), "start it again: mixlaw daemon stop; mixlaw daemon start");
        }
        Err(error) => {
            let pid = owner.map_or_else(String::new, |pid| format!("; if it stays so: kill -9 {pid}"));
            found.fail(format!("the daemon does not answer: {error}"), format!("try: mixlaw daemon stop{pid}"));
        }
    }
    others(project, owner, found);
}

/// The process that holds the lock.
fn owner(place: &StateDir) -> Option<u32> {
    let lock = open::regular(&place.directory.join("lock")).ok()?;
    // Held only for as long as this looks.
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => None,
        Err(_) => place.owner(),
    }
}

/// Daemons of this project with another state directory.
fn others(project: &Project, owner: Option<u32>, found: &mut Findings) {
    let what = project.file.as_ref().unwrap_or(&project.root);
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if Some(pid) == owner || pid == std::process::id() {
            continue;
        }
        let line = open::whole(&entry.path().join("cmdline"), 1 << 22).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let runs = words.windows(2).any(|pair| pair == [&b"daemon"[..], b"run"]);
        let named = |word: &&[u8]| *word == what.as_os_str().as_encoded_bytes();
        if runs && words.iter().any(named) {
            let text = format!("process {pid} is a daemon of this project, too, with another state directory");
            found.warn(text, format!("if it is not wanted, end it: kill {pid}"));
        }
    }
}
