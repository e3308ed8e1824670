//! The program that is asked before advice is accepted: started without a shell, in a process group of its own, with the
//! recommendation on standard input.

use crate::ipc::protocol::Failure;
use crate::notifications::process;
use crate::vocab::text::printable;
use serde_json::Value;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs the program and waits until it ends. What it prints goes to standard error.
///
/// # Errors
/// It cannot be started, failed, or took longer than `timeout` and was killed, with the programs that it had started.
pub(super) fn ask(argv: &[String], root: &Path, timeout: Duration, told: &Value) -> Result<(), Failure> {
    let Some((program, arguments)) = argv.split_first() else { return Ok(()) };
    let shown = printable(program);
    let help = || "see accept.hook in the project file".to_owned();
    let failed = |what: String| Failure::new(format!("the hook {shown} {what}"), help());
    // A relative path is one from the project's folder; a name alone is looked up as a shell would.
    let path = if program.contains('/') { root.join(program) } else { program.into() };
    let out = std::io::stderr().as_fd().try_clone_to_owned().map_err(|e| failed(format!("cannot be started: {e}")))?;
    let mut child = Command::new(path)
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::from(out))
        .process_group(0)
        .spawn()
        .map_err(|e| failed(format!("cannot be started: {e}")))?;
    let mut text = serde_json::to_vec(told).unwrap_or_default();
    text.push(b'\n');
    // On a thread of its own: a hook that does not read must not make anyone wait, and may close its end.
    let writer = child.stdin.take().map(|mut input| std::thread::spawn(move || input.write_all(&text)));
    let status = process::wait(&mut child, Instant::now() + timeout);
    // With the child's end closed, writing ends, too.
    drop(writer);
    match status.map(|status| status.code()) {
        Some(Some(0)) => Ok(()),
        Some(Some(code)) => Err(failed(format!("refused (exit status {code})"))),
        Some(None) => Err(failed("was killed".to_owned())),
        None => Err(failed(format!("did not end within {} s and was killed", timeout.as_secs_f64()))),
    }
}
