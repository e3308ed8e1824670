//! Programs that take a message: started without a shell, in a group of their own, with a time limit.

use super::undelivered::Undelivered;
use crossbeam_channel::bounded;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often it is looked whether a program has ended.
const LOOK: Duration = Duration::from_millis(10);
/// The most of an output that is kept, bytes; the rest is read and forgotten.
const KEPT: u64 = 64 << 10;
/// How long the outputs of a program that has ended are waited for: a child of it may hold them open.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// Longest error of a program that is passed on, characters.
const LONGEST: usize = 200;

/// Runs a program to its end and gives it `input`. Returns what it wrote on standard output.
///
/// # Errors
/// Where it cannot be started, does not end in time (it is killed, with its children), or ends with another status than 0.
pub fn run(command: &mut Command, name: &str, input: Vec<u8>, limit: Duration) -> Result<Vec<u8>, Undelivered> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => Undelivered::with_help(
            format!("there is no program {name}"),
            format!("install {name}, or write its full path"),
        ),
        _ => Undelivered::new(format!("cannot run {name}: {error}")),
    })?;
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    std::thread::spawn(move || {
        // A program need not read what it is given.
        let _ = stdin.as_mut().map(|stdin| stdin.write_all(&input));
    });
    let (out, err) = (collect(stdout), collect(stderr));
    let status = wait(&mut child, Instant::now() + limit);
    let output = out.recv_timeout(LAST_WORDS).unwrap_or_default();
    let words = || {
        let words = err.recv_timeout(LAST_WORDS).unwrap_or_default();
        let words = String::from_utf8_lossy(&words).lines().rfind(|line| !line.trim().is_empty()).map(str::to_owned);
        words.map_or_else(String::new, |words| format!(": {}", words.chars().take(LONGEST).collect::<String>()))
    };
    match status {
        None => Err(Undelivered::new(format!("{name} did not end within {} s", limit.as_secs()))),
        Some(status) if status.success() => Ok(output),
        Some(status) => Err(Undelivered::new(format!("{name} failed ({status}){}", words()))),
    }
}

/// The status that a program ended with, which leads a process group of its own; `None` where it had to be killed, with all of its group.
pub fn wait(child: &mut Child, until: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < until => std::thread::sleep(LOOK),
            _ => break,
        }
    }
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
    None
}

/// Reads an output to its end on a thread of its own.
fn collect(output: Option<impl Read + Send + 'static>) -> crossbeam_channel::Receiver<Vec<u8>> {
    let (send, receive) = bounded(1);
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        if let Some(output) = output {
            let mut limited = output.take(KEPT);
            let _ = limited.read_to_end(&mut kept);
            let _ = send.send(kept);
            let _ = std::io::copy(&mut limited.into_inner(), &mut std::io::sink());
        }
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: u64) -> Result<Vec<u8>, Undelivered> {
        run(Command::new("sh").args(["-c", script]), "sh", b"hello".to_vec(), Duration::from_millis(limit))
    }

    #[test]
    fn a_program_gets_its_input_and_says_why_it_failed() {
        assert_eq!(sh("cat", 10_000).unwrap(), b"hello");
        assert_eq!(sh("exit 0", 10_000).unwrap(), b"", "it need not read");
        let failed = sh("echo no such pager >&2; exit 7", 10_000).unwrap_err();
        assert!(failed.text.contains("status: 7") && failed.text.ends_with("no such pager"), "{failed}");
        let missing = run(&mut Command::new("/no/such"), "/no/such", Vec::new(), Duration::from_secs(1)).unwrap_err();
        assert!(missing.text.contains("no program /no/such") && missing.help.is_some(), "{missing}");
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children_and_one_that_floods_is_read() {
        let began = Instant::now();
        assert!(sh("sleep 60 & sleep 60", 200).unwrap_err().text.contains("did not end"));
        assert_eq!(sh("head -c 10000000 /dev/zero", 20_000).unwrap().len() as u64, KEPT);
        assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    }
}
