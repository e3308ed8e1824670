//! A scratch world for the real binary: its own state directory, its own copy of an example.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A scratch directory with a state directory in it; daemons that are still running are ended with it.
pub struct World {
    dir: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self { dir: tempfile::Builder::new().prefix("mx").tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A file in the scratch directory, with its parents.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A copy of `examples/code-cpt` under `name`.
    pub fn example(&self, name: &str) -> PathBuf {
        let to = self.path().join(name);
        copy(&example(), &to);
        to
    }

    /// A copy of `examples/code-cpt` under `name` that is fitted quickly, by one law; as it is where `MIXLAW_SOAK` is set
    /// (`tests/soak.sh`). For tests that need a fit and not this one.
    pub fn quick_example(&self, name: &str) -> PathBuf {
        let project = self.example(name);
        if std::env::var_os("MIXLAW_SOAK").is_none() {
            let file = project.join("mixlaw.yaml");
            let yaml = std::fs::read_to_string(&file).unwrap();
            assert!(yaml.contains("laws: auto"));
            std::fs::write(file, yaml.replace("laws: auto", "laws: [dcpt]\nfit: { starts: 2, bootstraps: 20 }"))
                .unwrap();
        }
        project
    }

    /// The binary with these arguments, in the scratch directory.
    pub fn mixlaw(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mixlaw"));
        command
            .args(args)
            .current_dir(self.path())
            .env("MIXLAW_STATE", self.path().join("state"))
            .env_remove("NO_COLOR")
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str]) -> Output {
        self.mixlaw(args).output().unwrap()
    }

    /// Runs it to its end and takes its answer, which must be JSON.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?}: {e}\n{text}\n{}", stderr(&output)))
    }

    /// Starts it and goes on.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.mixlaw(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Every `lock` file of the state directory.
    fn owners(&self) -> Vec<i32> {
        let Ok(entries) = std::fs::read_dir(self.path().join("state")) else { return Vec::new() };
        entries
            .flatten()
            .filter_map(|entry| std::fs::read_to_string(entry.path().join("lock")).ok()?.trim().parse().ok())
            .collect()
    }

    /// The process that owns the only project's store.
    pub fn owner(&self) -> Option<i32> {
        self.owners().first().copied()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for pid in self.owners() {
            let own = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            if own.contains("mixlaw") {
                let _ = kill(pid, "-KILL");
            }
        }
    }
}

/// `kill SIGNAL PID`.
pub fn kill(pid: i32, signal: &str) -> bool {
    Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// The recorded sweep.
pub fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/code-cpt")
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Does something while a writer writes, and then tells the writer to stop, also where that something failed. Returns what
/// the writer says.
pub fn beside<T: Send>(write: impl FnOnce(&AtomicBool) -> T + Send, then: impl FnOnce()) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| write(&stop));
        let outcome = catch_unwind(AssertUnwindSafe(then));
        stop.store(true, Ordering::Relaxed);
        let written = writer.join().unwrap();
        if let Err(panic) = outcome {
            resume_unwind(panic);
        }
        written
    })
}

/// Looks until `what` holds.
///
/// # Panics
/// After a minute.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "a minute passed and still not: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
