//! Writing the store's file anew in a process of its own: what sled takes for it goes with that process, and a daemon of a month
//! does not keep the holes that it would leave in its heap.

use crate::store::SledStore;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Exit status of a program that does not know a command.
const MISUSED: i32 = 2;

/// Has this program copy the database in a directory (`mixlaw daemon copy-store`), and waits until that is done. Where the program
/// cannot be started, or another version lies in its place by now that does not know the command, this process does it.
///
/// # Errors
/// What went wrong with the copy.
pub fn copy_apart(path: &Path) -> io::Result<()> {
    let program = std::env::current_exe()?;
    copy_by(Command::new(program).args(["daemon", "copy-store"]).arg(path), path)
}

fn copy_by(command: &mut Command, path: &Path) -> io::Result<()> {
    // Its standard input is open for as long as this process lives: see `end_with_whoever_asked`.
    let started = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!("the store is copied in this process: no other can be started: {error}");
            return SledStore::copy_database(path);
        }
    };
    let alive = child.stdin.take();
    let ended = child.wait_with_output()?;
    drop(alive);
    match ended.status.code() {
        Some(0) => Ok(()),
        Some(MISUSED) => {
            tracing::warn!("the store is copied in this process: the program was replaced; restart the daemon");
            SledStore::copy_database(path)
        }
        _ => Err(io::Error::other(format!("{}: {}", ended.status, String::from_utf8_lossy(&ended.stderr).trim()))),
    }
}

/// Ends this process as soon as the one that asked for the copy is gone: nobody would use it, and the next daemon is not to wait.
///
/// # Errors
/// Where there can be no thread for it.
pub fn end_with_whoever_asked() -> io::Result<()> {
    let wait = || {
        // Nothing is ever sent.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        std::process::exit(1);
    };
    std::thread::Builder::new().name("asked".to_owned()).spawn(wait).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Opened;
    use std::io::BufRead as _;
    use std::time::Duration;

    /// Names the store that the process which is killed writes anew without end, and the database that the one it asks copies.
    const RENEWED: &str = "MIXLAW_TEST_RENEWED_APART";
    const COPIED: &str = "MIXLAW_TEST_COPIED";

    fn this_test() -> Command {
        let name = "daemon::rewriter::tests::kills_while_another_process_copies_the_store_leave_it_whole";
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", name, "--nocapture", "--test-threads", "1"]);
        test
    }

    fn renew_without_end(dir: &Path) {
        let store = SledStore::open(dir).unwrap().0;
        store.rewritten_by(Box::new(|path| copy_by(this_test().env_remove(RENEWED).env(COPIED, path), path)));
        for round in 0u64.. {
            // Enough for the file to be mostly waste.
            for at in 0..120 {
                store.keep_fits("waste", &vec![at; 40_000]).unwrap();
            }
            store.keep_fits("round", &round.to_be_bytes()).unwrap();
            store.flush().unwrap();
            println!("round {round}");
            store.compact().unwrap();
        }
    }

    #[test]
    fn kills_while_another_process_copies_the_store_leave_it_whole() {
        if let Some(path) = std::env::var_os(COPIED) {
            end_with_whoever_asked().unwrap();
            return SledStore::copy_database(path.as_ref()).unwrap();
        }
        if let Some(dir) = std::env::var_os(RENEWED) {
            return renew_without_end(dir.as_ref());
        }
        let dir = tempfile::tempdir().unwrap();
        let kills = if std::env::var_os("MIXLAW_SOAK").is_some() { 300 } else { 12 };
        let (mut copying, mut renewed) = (0, 0);
        for kill in 0..kills {
            let mut child = this_test().env(RENEWED, dir.path()).stdout(Stdio::piped()).spawn().unwrap();
            let mut rounds = io::BufReader::new(child.stdout.take().unwrap())
                .lines()
                .map_while(Result::ok)
                .filter_map(|line| line.rsplit_once("round ").and_then(|(_, round)| round.parse::<u64>().ok()));
            let first = rounds.next().unwrap();
            std::thread::sleep(Duration::from_millis((kill * 97) % 601));
            child.kill().unwrap();
            let told = rounds.last().unwrap_or(first);
            child.wait().unwrap();
            copying += u32::from(dir.path().join("points.anew").exists());
            renewed += told - first;
            let (store, opened) = SledStore::open(dir.path()).unwrap();
            assert!(matches!(opened, Opened::Existing) || kill == 0, "{opened:?}");
            let round = store.kept_fits("round").unwrap().unwrap();
            let round = u64::from_be_bytes(round.try_into().unwrap());
            assert!(round == told || round == told + 1, "{round} after {told} was written out");
            assert_eq!(store.kept_fits("waste").unwrap().unwrap().len(), 40_000);
        }
        assert!(copying > 0 && renewed > 0, "{copying} kills fell into the copying, {renewed} rounds were whole");
    }

    #[test]
    fn what_the_other_process_says_is_the_error() {
        let said = copy_by(Command::new("sh").args(["-c", "echo no room >&2; exit 1"]), Path::new("nowhere"));
        let said = said.unwrap_err().to_string();
        assert!(said.contains("no room") && said.contains('1'), "{said}");
    }

    #[test]
    fn where_there_is_no_other_process_this_one_copies() {
        for (program, arguments) in [("/nowhere/mixlaw", vec![]), ("sh", vec!["-c", "exit 2"])] {
            let dir = tempfile::tempdir().unwrap();
            let (store, _) = SledStore::open(dir.path()).unwrap();
            store.keep_fits("loss", b"fits").unwrap();
            store.flush().unwrap();
            drop(store);
            let path = dir.path().join("points.sled");
            // Nobody has asked for it.
            assert!(copy_by(Command::new(program).args(&arguments), &path).is_err());
            std::fs::create_dir_all(dir.path().join("points.anew/packs")).unwrap();
            copy_by(Command::new(program).args(&arguments), &path).unwrap();
            std::fs::remove_dir_all(&path).unwrap();
            std::fs::rename(dir.path().join("points.anew"), &path).unwrap();
            let (store, opened) = SledStore::open(dir.path()).unwrap();
            assert!(matches!(opened, Opened::Existing));
            assert_eq!(store.kept_fits("loss").unwrap().unwrap(), b"fits");
        }
    }
}
