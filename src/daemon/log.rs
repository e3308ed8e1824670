//! The daemon's own log: what it did and what went wrong, for people, in a file of bounded size.
//!
//! | level | means |
//! |---|---|
//! | `error` | the daemon stops, or something is lost until somebody acts |
//! | `warn` | something is wrong that somebody should look at; the daemon goes on |
//! | `info` | what a daemon does once or now and then: start, stop, a refit, a new project file |
//! | `debug` | what it does all the time; for looking for mistakes in mixlaw |
//!
//! `MIXLAW_LOG` names the least level that is written (`info` where it is not set; `off` for none). Where no log was
//! begun (the library, a dashboard with `--embedded`) events go nowhere.

use super::state_dir::StateDir;
use crate::ipc::protocol::Failure;
use crate::vocab::{Notice, Severity};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tracing::level_filters::LevelFilter;

/// Bytes after which a new file is begun; the one before it is kept, so that both hold at most twice as many.
const LARGEST: u64 = 1 << 20;

/// Writes events to the log of a place from now on, and panics with them.
///
/// # Errors
/// Where the file cannot be had, or `MIXLAW_LOG` names no level.
pub fn begin(place: &StateDir) -> Result<(), Failure> {
    let least = least(std::env::var("MIXLAW_LOG").ok().as_deref())?;
    let path = place.log();
    let file = Rotating::open(&path, LARGEST).map_err(|e| {
        Failure::new(
            format!("cannot write {}: {e}", path.display()),
            "set MIXLAW_STATE to a directory on a local disk".to_owned(),
        )
    })?;
    let to = tracing_subscriber::fmt()
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .with_target(false)
        .with_max_level(least)
        .finish();
    // A second daemon in one process (tests) goes on with the first one's log.
    if tracing::subscriber::set_global_default(to).is_ok() {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            tracing::error!("{panic}");
            before(panic);
        }));
    }
    Ok(())
}

fn least(named: Option<&str>) -> Result<LevelFilter, Failure> {
    let Some(named) = named.filter(|name| !name.is_empty()) else { return Ok(LevelFilter::INFO) };
    named.parse().map_err(|_| {
        let help = "set it to one of: error, warn, info, debug, off".to_owned();
        Failure::usage(format!("MIXLAW_LOG is not a log level: '{named}'"), help)
    })
}

/// Writes down those notices that were not there the last time: what is wrong is shown for as long as it lasts, and is one
/// event.
pub fn notices(now: &[Notice]) {
    static BEFORE: Mutex<Vec<Notice>> = Mutex::new(Vec::new());
    let mut before = BEFORE.lock().unwrap_or_else(PoisonError::into_inner);
    for notice in now.iter().filter(|notice| !before.contains(notice)) {
        match notice.severity {
            Severity::Error => tracing::error!(help = notice.help, "{}", notice.text),
            Severity::Warning => tracing::warn!(help = notice.help, "{}", notice.text),
            Severity::Info => tracing::info!(help = notice.help, "{}", notice.text),
        }
    }
    *before = now.to_vec();
}

/// The file before the newest one.
#[must_use]
pub fn older(log: &Path) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// A file that is put aside and begun anew before it grows beyond a size. No crate: those for it rotate by the calendar, or
/// bring a clock and a compressor of their own.
struct Rotating {
    path: PathBuf,
    file: File,
    size: u64,
    largest: u64,
}

impl Rotating {
    fn open(path: &Path, largest: u64) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, size, largest })
    }
}

impl Write for Rotating {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.size > 0 && self.size + line.len() as u64 > self.largest {
            std::fs::rename(&self.path, older(&self.path))?;
            *self = Self::open(&self.path, self.largest)?;
        }
        let written = self.file.write(line)?;
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_put_aside_and_two_are_kept() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("daemon.log");
        std::fs::write(&path, "before\n").unwrap();
        let mut log = Rotating::open(&path, 20).unwrap();
        for i in 0..9 {
            log.write_all(format!("line {i}\n").as_bytes()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "line 7\nline 8\n");
        assert_eq!(std::fs::read_to_string(older(&path)).unwrap(), "line 5\nline 6\n");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 2);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), log.size);
    }

    #[test]
    fn a_line_longer_than_a_file_is_written_whole() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("daemon.log");
        let mut log = Rotating::open(&path, 4).unwrap();
        log.write_all(b"a long line\n").unwrap();
        log.write_all(b"and another\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "and another\n");
        assert_eq!(std::fs::read_to_string(older(&path)).unwrap(), "a long line\n");
    }

    #[test]
    fn levels_are_read_and_what_is_none_is_refused() {
        assert_eq!(least(None).unwrap(), LevelFilter::INFO);
        assert_eq!(least(Some("")).unwrap(), LevelFilter::INFO);
        assert_eq!(least(Some("debug")).unwrap(), LevelFilter::DEBUG);
        assert_eq!(least(Some("off")).unwrap(), LevelFilter::OFF);
        assert!(least(Some("loud")).unwrap_err().message.contains("loud"));
    }
}
