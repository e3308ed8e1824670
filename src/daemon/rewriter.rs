//! Writing the store's file anew in a process of its own: what sled takes for it goes with that process, and a daemon of a month
//! does not keep the holes that it would leave in its heap.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// Has this program copy the database in a directory (`mixlaw daemon copy-store`), and waits until that is done.
///
/// # Errors
/// Where it cannot be started, or says what went wrong.
pub fn copy_apart(path: &Path) -> io::Result<()> {
    copy_by(Command::new(std::env::current_exe()?).args(["daemon", "copy-store"]).arg(path))
}

fn copy_by(command: &mut Command) -> io::Result<()> {
    let mut child = command
        // Open for as long as this process lives: see `end_with_whoever_asked`.
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let alive = child.stdin.take();
    let ended = child.wait_with_output()?;
    drop(alive);
    match ended.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("{}: {}", ended.status, String::from_utf8_lossy(&ended.stderr).trim()))),
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
    use crate::store::{Opened, SledStore};
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
        store.rewritten_by(Box::new(|path| copy_by(this_test().env_remove(RENEWED).env(COPIED, path))));
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
        let mut command = Command::new("sh");
        let said = copy_by(command.args(["-c", "echo no room >&2; exit 3"])).unwrap_err().to_string();
        assert!(said.contains("no room") && said.contains('3'), "{said}");
        assert!(copy_by(&mut Command::new("/nowhere/mixlaw")).is_err());
        // Nobody has asked for it.
        let dir = tempfile::tempdir().unwrap();
        drop(SledStore::open(dir.path()).unwrap());
        assert!(SledStore::copy_database(&dir.path().join("points.sled")).is_err());
    }
}
