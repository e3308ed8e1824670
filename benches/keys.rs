//! From a key to the screen, in a real terminal, quiet and beside refits.
//!
//! `cargo bench --bench keys`: the dashboard at 200 columns and 50 rows on the example, whose daemon is another process. A
//! letter is typed into the palette, which draws the whole screen, and taken back; timed is from the letter's way into the
//! terminal to its place on the screen, as a terminal shows it. First with nothing to do, then while the recorded sweep
//! is replayed and refitted. Milliseconds: median, 99th percentile and most; beside them the cores that the daemon took.

#[path = "common/process.rs"]
mod process;

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use process::{machine, mixlaw, owner, processor_seconds, quantile};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Columns and rows.
const SIZE: (u16, u16) = (200, 50);
/// Keys timed in each state.
const KEYS: usize = 400;
/// Between two keys: somebody who types fast.
const BETWEEN: Duration = Duration::from_millis(60);
/// Longer than a dashboard may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A dashboard in a terminal of its own.
struct Dashboard {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    bytes: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    written: usize,
    _master: Box<dyn MasterPty + Send>,
}

impl Dashboard {
    fn open(directory: &Path, state: &Path) -> Self {
        let size = PtySize { rows: SIZE.1, cols: SIZE.0, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mixlaw"));
        command.args(["watch", &directory.display().to_string()]);
        command.env("MIXLAW_STATE", state);
        command.env("TERM", "xterm-256color");
        let child = pair.slave.spawn_command(command).expect("a dashboard");
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().expect("its output");
        let (sender, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        let keys = pair.master.take_writer().expect("its keys");
        let screen = vt100::Parser::new(SIZE.1.try_into().expect("rows"), SIZE.0.try_into().expect("columns"), 0);
        Self { child, keys, bytes, screen, written: 0, _master: pair.master }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("a key");
    }

    /// Waits until the screen shows a text.
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen.screen().contents().contains(text) {
            assert!(Instant::now() < deadline, "'{text}' is not on the screen:\n{}", self.screen.screen().contents());
            self.take(Duration::from_millis(100));
        }
    }

    /// Takes what the program writes within some time.
    fn take(&mut self, time: Duration) {
        match self.bytes.recv_timeout(time) {
            Ok(bytes) => {
                self.written += bytes.len();
                self.screen.process(&bytes);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => panic!("the dashboard has ended"),
        }
    }

    /// Lets some time pass, taking what the program writes.
    fn pass(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.take(until.saturating_duration_since(Instant::now()));
        }
    }

    /// Milliseconds from each key to the screen, sorted.
    fn times(&mut self) -> Vec<f64> {
        let mut times = Vec::with_capacity(KEYS);
        for key in 0..KEYS {
            self.pass(BETWEEN);
            let (pressed, letter) = if key % 2 == 0 { ("q", true) } else { ("\u{7f}", false) };
            let began = Instant::now();
            self.press(pressed);
            while self.has_letter() != letter {
                assert!(began.elapsed() < PATIENCE, "a key does nothing:\n{}", self.screen.screen().contents());
                self.take(PATIENCE);
            }
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        times
    }

    /// Whether the palette has the letter that is typed.
    fn has_letter(&self) -> bool {
        self.screen.screen().contents().contains(": q")
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn main() {
    println!("{}", machine());
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let (state, live) = (scratch.path().join("state"), scratch.path().join("live"));
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/code-cpt").display().to_string();
    let quick = live.display().to_string();
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>12} {:>14}",
        "key to screen, ms", "p50", "p99", "most", "daemon cores", "bytes a second"
    );

    // All runs at once, and every fit made: then there is nothing to do.
    let ended = mixlaw(&["replay", &example, "--into", &quick, "--speed", "100000"], scratch.path(), &state).status();
    assert!(ended.is_ok_and(|status| status.success()), "a replay");
    say("nothing to do", &live, &state, true);

    let again = scratch.path().join("again");
    let slow = again.display().to_string();
    let state = scratch.path().join("other");
    let mut replay = mixlaw(&["replay", &example, "--into", &slow, "--speed", "5"], scratch.path(), &state)
        .spawn()
        .expect("a replay");
    while !again.join("mixlaw.yaml").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    say("beside a sweep and its refits", &again, &state, false);
    let _ = replay.kill();
    let _ = replay.wait();
}

/// Measures a dashboard on a project, at once or when its daemon rests.
fn say(what: &str, live: &Path, state: &Path, at_rest: bool) {
    let mut dashboard = Dashboard::open(live, state);
    dashboard.wait_for("code-cpt");
    dashboard.pass(Duration::from_secs(10));
    let daemon = owner(state).expect("a daemon");
    let deadline = Instant::now() + Duration::from_secs(600);
    while at_rest && Instant::now() < deadline {
        let before = processor_seconds(daemon);
        dashboard.pass(Duration::from_secs(5));
        if processor_seconds(daemon) - before < 0.1 {
            break;
        }
    }
    dashboard.press(":");
    dashboard.take(Duration::from_millis(500));
    let (began, before, bytes) = (Instant::now(), processor_seconds(daemon), dashboard.written);
    let times = dashboard.times();
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{what:<28} {:>8.2} {:>8.2} {:>8.2} {:>12.2} {:>14.0}",
        quantile(&times, 0.5),
        quantile(&times, 0.99),
        times[times.len() - 1],
        (processor_seconds(daemon) - before) / seconds,
        (dashboard.written - bytes) as f64 / seconds
    );
    drop(dashboard);
    let _ = mixlaw(&["daemon", "stop", &live.display().to_string()], live, state).status();
}
