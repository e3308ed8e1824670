//! From a line's append to the first change that contains it, over the daemon's socket, while the recorded sweep is
//! replayed and refitted.
//!
//! `cargo bench --bench latency`: prints median, p99 and maximum in milliseconds.
//!
//! A run of its own is appended to, so that the number of points of its metric says when a line has arrived; the
//! replay of the other runs and the refits it causes go on beside it.

use mixlaw::daemon::lifecycle;
use mixlaw::ipc::client::Client;
use mixlaw::ipc::topic::Subscription;
use mixlaw::project::Project;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const LINES: usize = 300;

fn main() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let state = scratch.path().join("state");
    // Both this process (a client) and the processes it starts look for the daemon there.
    let live = scratch.path().join("live");
    let mixlaw = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mixlaw"));
        command.args(args).env("MIXLAW_STATE", &state).stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/code-cpt");
    let mut replay =
        mixlaw(&["replay", &example.display().to_string(), "--into", &live.display().to_string(), "--speed", "5"])
            .spawn()
            .expect("a replay");
    while !live.join("mixlaw.yaml").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let run = live.join("runs/probe");
    std::fs::create_dir_all(&run).expect("a run");
    std::fs::copy(example.join("runs/n99k-r050/config.json"), run.join("config.json")).expect("its facts");
    let mut log = std::fs::File::create(run.join("metrics.jsonl")).expect("its log");
    let started = mixlaw(&["daemon", "start", &live.display().to_string()]).status().expect("a daemon");
    assert!(started.success());

    let socket = std::fs::read_dir(&state).expect("state").flatten().next().expect("a place").path().join("socket");
    let client = Client::connect(&socket).map_err(|e| lifecycle::speak(&e)).expect("an answer");
    let mut updates = client.subscribe(Subscription::everything(None)).expect("a subscription");
    let _ = Project::load(&live).expect("a project");
    let mut milliseconds = Vec::new();
    for line in 1..=LINES {
        let record = format!("{{\"step\": {line}, \"tokens\": {}, \"eval/rust/loss\": 2.5}}\n", line * 4096);
        let began = Instant::now();
        log.write_all(record.as_bytes()).expect("a line");
        loop {
            let copy = updates.wait().expect("a change");
            let points = copy
                .runs
                .values()
                .find(|run| run.name.ends_with("probe"))
                .and_then(|run| run.metrics.get("eval/rust/loss"))
                .map_or(0, |metric| metric.points);
            if points >= line as u64 {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "line {line} never arrived");
        }
        milliseconds.push(began.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(40 + (line as u64 * 37) % 60));
    }
    let _ = replay.kill();
    let _ = replay.wait();
    let _ = mixlaw(&["daemon", "stop", &live.display().to_string()]).status();
    milliseconds.sort_by(f64::total_cmp);
    let at = |part: f64| milliseconds[((LINES - 1) as f64 * part).round() as usize];
    println!(
        "append to change, {LINES} lines beside a replay of 36 runs: median {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}
