//! `mixlaw daemon logs`: the daemon's own log, also when no daemon is running.

use super::super::output::print;
use crate::daemon::log::older;
use crate::ipc::protocol::Failure;
use crate::vocab::text::printable;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Interval between checks for new lines.
const LOOK: Duration = Duration::from_millis(200);

/// Prints both log files, the older one first, then follows new lines if `follow`.
pub fn show(log: &Path, follow: bool) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::new(format!("cannot read {}: {e}", log.display()), None);
    let before = read_whole(&older(log)).map_err(failed)?;
    print(&lines(&before))?;
    let mut tail = Tail { path: log.to_owned(), open: None, left: Vec::new() };
    let mut any = !before.is_empty();
    loop {
        let text = tail.more().map_err(failed)?;
        any |= !text.is_empty();
        print(&text)?;
        if !follow {
            print(&tail.rest())?;
            break;
        }
        std::thread::sleep(LOOK);
    }
    if !any {
        print("this project has no daemon log yet; start the daemon: mixlaw daemon start\n")?;
    }
    Ok(())
}

fn read_whole(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// Complete lines, with control characters made printable.
fn lines(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().map(|line| printable(line) + "\n").collect()
}

/// A reader of a log file that grows and rotates.
struct Tail {
    path: PathBuf,
    open: Option<File>,
    /// An incomplete last line.
    left: Vec<u8>,
}

impl Tail {
    /// Returns the new complete lines.
    fn more(&mut self) -> io::Result<String> {
        let mut text = self.read()?;
        let there = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            file => Some(file?),
        };
        let id = |file: &File| file.metadata().map(|m| (m.dev(), m.ino()));
        if let Some(there) = there {
            let same = match &self.open {
                Some(open) => id(open)? == id(&there)?,
                None => false,
            };
            if !same {
                // What was written between the look above and the change of files is in the old one.
                text += &self.read()?;
                text += &self.rest();
                self.open = Some(there);
                text += &self.read()?;
            }
        }
        Ok(text)
    }

    fn read(&mut self) -> io::Result<String> {
        if let Some(open) = &mut self.open {
            open.read_to_end(&mut self.left)?;
        }
        let end = self.left.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.left.drain(..end).collect();
        Ok(lines(&whole))
    }

    /// Returns an incomplete last line.
    fn rest(&mut self) -> String {
        lines(&std::mem::take(&mut self.left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_log_is_followed_over_a_change_of_files_and_cleaned() {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("daemon.log");
        let mut tail = Tail { path: path.clone(), open: None, left: Vec::new() };
        assert_eq!(tail.more().unwrap(), "");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(tail.more().unwrap(), "one\n");
        file.write_all(b"o \x1b[2J\xff\n").unwrap();
        std::fs::rename(&path, older(&path)).unwrap();
        std::fs::write(&path, "three\n").unwrap();
        assert_eq!(tail.more().unwrap(), "two [2J\u{fffd}\nthree\n");
        assert_eq!(tail.more().unwrap(), "");
    }
}
