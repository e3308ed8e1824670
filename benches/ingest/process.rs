//! Processes and what they cost, as Linux counts it.

use mixlaw::ipc::client::Client;
use mixlaw::ipc::topic::Subscription;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Processor time of this process, all threads, seconds.
pub fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Processor time of the processes that this one has started and that have ended, seconds.
pub fn children_seconds() -> f64 {
    stat("self", 13..15)
}

/// The sum of some times in a process's `stat`, as places among the fields behind its name, seconds.
fn stat(process: &str, fields: Range<usize>) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let behind: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // A tick is a hundredth of a second on every Linux.
    behind[fields].iter().map(|f| f.parse::<f64>().expect("ticks")).sum::<f64>() / 100.0
}

/// The program, to be run in a directory with its state elsewhere.
pub fn mixlaw(arguments: &[&str], directory: &Path, state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mixlaw"));
    command.args(arguments).current_dir(directory).env("MIXLAW_STATE", state);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// The state of the one project below a directory of states, where there is one already.
pub fn project(states: &Path) -> Option<PathBuf> {
    Some(std::fs::read_dir(states).ok()?.flatten().next()?.path())
}

/// Bytes of the databases below a directory.
pub fn size(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).expect("a directory").flatten();
    entries.map(|e| if e.path().is_dir() { size(&e.path()) } else { e.metadata().map_or(0, |m| m.len()) }).sum()
}

/// A daemon, as a process of its own.
pub struct Daemon {
    child: Child,
    state: PathBuf,
}

impl Daemon {
    pub fn start(root: &Path, state: &Path) -> Self {
        let child = mixlaw(&["daemon", "run"], root, state).spawn().expect("a daemon");
        Self { child, state: state.to_owned() }
    }

    /// Waits until its snapshot has so many points.
    pub fn wait_for(&self, points: u64) {
        let deadline = Instant::now() + Duration::from_secs(300);
        let client = loop {
            if let Some(client) = self.socket().and_then(|socket| Client::connect(&socket).ok()) {
                break client;
            }
            assert!(Instant::now() < deadline, "the daemon does not answer");
            std::thread::sleep(Duration::from_millis(1));
        };
        let overview = Subscription { overview: true, every_ms: 500, ..Subscription::default() };
        let mut updates = client.subscribe(overview).expect("a subscription");
        while updates.wait().expect("a change").work.points < points {
            assert!(Instant::now() < deadline, "points are missing");
        }
    }

    fn socket(&self) -> Option<PathBuf> {
        Some(project(&self.state)?.join("socket"))
    }

    /// Most memory it ever had, bytes.
    pub fn peak_memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
        1024.0 * line.trim_end_matches("kB").trim().parse::<f64>().expect("a number")
    }

    /// Part of a core that it takes in the time to come.
    pub fn idle(&self, time: Duration) -> f64 {
        // User and system time.
        let seconds = || stat(&self.child.id().to_string(), 11..13);
        let before = seconds();
        std::thread::sleep(time);
        (seconds() - before) / time.as_secs_f64()
    }

    /// Stops it and waits for its end.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        assert!(self.child.wait().expect("an end").success());
    }
}
