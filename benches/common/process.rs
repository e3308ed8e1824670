//! Processes and what they cost, as Linux counts it. Each bench uses a part of it.
#![allow(dead_code)]

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

/// Processor time that a process has used, user and system, seconds.
pub fn processor_seconds(process: u32) -> f64 {
    stat(&process.to_string(), 11..13)
}

/// The cores of this machine, and how busy they were in the last minute.
pub fn machine() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cores} cores, {}, load {load}", model.trim_start_matches([' ', '\t', ':']))
}

/// What is at a part of sorted numbers: 0.5 for the median; NaN where there are none.
pub fn quantile(sorted: &[f64], part: f64) -> f64 {
    sorted.get(((sorted.len().max(1) - 1) as f64 * part).round() as usize).copied().unwrap_or(f64::NAN)
}

/// The sum of some times in a process's `stat`, as places among the fields behind its name, seconds.
fn stat(process: &str, fields: Range<usize>) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let behind: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // A tick is a hundredth of a second on every Linux.
    behind[fields].iter().map(|f| f.parse::<f64>().expect("ticks")).sum::<f64>() / 100.0
}

/// The program, to be run in a directory with its state elsewhere, and with the settings for its allocator that `daemon start` and
/// units give it.
pub fn mixlaw(arguments: &[&str], directory: &Path, state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mixlaw"));
    command.args(arguments).current_dir(directory).env("MIXLAW_STATE", state);
    command.envs(mixlaw::daemon::lifecycle::ALLOCATOR);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// The state of the one project below a directory of states, where there is one already.
pub fn project(states: &Path) -> Option<PathBuf> {
    Some(std::fs::read_dir(states).ok()?.flatten().next()?.path())
}

/// The process that owns the one project's store, by its lock.
pub fn owner(states: &Path) -> Option<u32> {
    std::fs::read_to_string(project(states)?.join("lock")).ok()?.trim().parse().ok()
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

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens, once it does.
    ///
    /// # Panics
    /// Where it does not within a minute.
    pub fn socket_in_time(&self) -> PathBuf {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            match self.socket() {
                Some(socket) if socket.exists() => return socket,
                _ => assert!(Instant::now() < deadline, "the daemon does not listen"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
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
        1024.0 * self.status("VmHWM:")
    }

    /// Memory that it has, bytes.
    pub fn memory(&self) -> f64 {
        1024.0 * self.status("VmRSS:")
    }

    /// Threads that it has.
    pub fn threads(&self) -> usize {
        self.status("Threads:") as usize
    }

    /// Descriptors that it has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).map_or(0, Iterator::count)
    }

    /// A number that Linux says of it, in the unit that Linux has.
    fn status(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("what Linux says");
        line.trim_end_matches("kB").trim().parse::<f64>().expect("a number")
    }

    /// Processor time that it has used, seconds.
    pub fn seconds(&self) -> f64 {
        processor_seconds(self.child.id())
    }

    /// Part of a core that it takes in the time to come.
    pub fn idle(&self, time: Duration) -> f64 {
        let before = self.seconds();
        std::thread::sleep(time);
        (self.seconds() - before) / time.as_secs_f64()
    }

    /// Stops it and waits for its end.
    pub fn stop(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        assert!(self.child.wait().expect("an end").success());
    }
}

impl Drop for Daemon {
    /// One that was not stopped goes with whoever started it.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
