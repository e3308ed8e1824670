//! `kill -9` at any moment: nothing lost, nothing doubled.

use crate::common::{World, eventually, example, kill, stderr, stdout};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// (run, metric, step, bits of the value), for comparing as a multiset.
pub type Logged = (String, String, i64, u64);

/// The points of an export.
pub fn exported_points(text: &str) -> Vec<Logged> {
    text.lines()
        .map(|line| {
            let point: Value = serde_json::from_str(line).unwrap();
            let name = point["run"].as_str().unwrap();
            (
                name.rsplit('/').next().unwrap().to_owned(),
                point["metric"].as_str().unwrap().to_owned(),
                point["step"].as_i64().unwrap(),
                point["value"].as_f64().unwrap().to_bits(),
            )
        })
        .collect()
}

/// The points of the logs under `runs`, read with a JSON library and nothing of ours.
pub fn logged_points(runs: &Path) -> Vec<Logged> {
    let mut points = Vec::new();
    for run in std::fs::read_dir(runs).unwrap().flatten() {
        let name = run.file_name().into_string().unwrap();
        let text = std::fs::read_to_string(run.path().join("metrics.jsonl")).unwrap();
        for line in text.lines() {
            let record: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            let step = record["step"].as_i64().unwrap();
            // Every number of a record is a point, its step too.
            for (key, value) in &record {
                points.push((name.clone(), key.clone(), step, value.as_f64().unwrap().to_bits()));
            }
        }
    }
    points
}

#[test]
fn ten_kills_during_a_replay_lose_and_double_nothing() {
    let world = World::new();
    let live = world.path().join("live").display().to_string();
    let project = example().display().to_string();
    let mut replay = world.spawn(&["replay", &project, "--into", &live, "--speed", "40"]);
    eventually("the replay has a project to watch", || Path::new(&live).join("mixlaw.yaml").exists());
    for round in 0..10u64 {
        let start = world.run(&["daemon", "start", &live]);
        assert!(start.status.success(), "round {round}: {}", stderr(&start));
        // Different moments of start-up, ingest, fit and write-out.
        std::thread::sleep(Duration::from_millis(37 * (round + 1)));
        let pid = world.owner().unwrap();
        assert!(kill(pid, "-KILL"));
        eventually("it is gone", || !Path::new(&format!("/proc/{pid}")).exists() || is_zombie(pid));
    }
    let status = replay.wait().unwrap();
    assert!(status.success());
    let output = world.run(&["export", &live]);
    assert!(output.status.success(), "{}", stderr(&output));
    let mut got = exported_points(&stdout(&output));
    let mut expected = logged_points(&Path::new(&live).join("runs"));
    let mut recorded = logged_points(&example().join("runs"));
    got.sort();
    expected.sort();
    recorded.sort();
    assert!(expected == recorded, "the replay wrote something else than was recorded");
    assert_eq!(got.len(), expected.len());
    assert!(got == expected);
}

/// Kills during the first ingest and the following of a live tree. `MIXLAW_KILLS=200` for as many as are claimed; each
/// takes about a third of a second.
#[test]
fn kills_at_random_during_ingest_of_a_live_tree_lose_and_double_nothing() {
    let kills: u32 = std::env::var("MIXLAW_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(25);
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    let mut tree = Tree::new(&world.path().join("p/runs"));
    // A backlog that no life of the daemon gets through.
    tree.write(60_000);
    let over = AtomicBool::new(false);
    let (expected, lives) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                tree.write(40);
                std::thread::sleep(Duration::from_millis(5));
            }
            tree.write(1);
            std::mem::take(&mut tree.written)
        });
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut lives = Vec::new();
        for _ in 0..kills {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut daemon = world.spawn(&["daemon", "run", "p"]);
            let began = Instant::now();
            std::thread::sleep(Duration::from_millis(5 + (random >> 33) % 600));
            daemon.kill().unwrap();
            assert!(!daemon.wait().unwrap().success(), "it ended by itself");
            lives.push(began.elapsed());
        }
        over.store(true, Ordering::SeqCst);
        (writer.join().unwrap(), lives)
    });
    let output = world.run(&["export", "p", "--metric", "loss"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("rebuilt"), "a kill damaged the store: {}", stderr(&output));
    let (mut got, mut expected) = (exported_points(&stdout(&output)), expected);
    got.sort();
    expected.sort();
    println!("{} kills after {:?} to {:?}, {} points", lives.len(), lives.iter().min(), lives.iter().max(), got.len());
    assert_eq!(got.len(), expected.len(), "lost or doubled");
    assert!(got == expected);
}

/// Runs in several formats that are written to, among them one whose log is rotated.
struct Tree {
    runs: PathBuf,
    line: u64,
    written: Vec<Logged>,
}

impl Tree {
    fn new(runs: &Path) -> Self {
        for run in ["jsonl", "csv", "console", "rotated"] {
            std::fs::create_dir_all(runs.join(run)).unwrap();
        }
        std::fs::write(runs.join("csv/metrics.csv"), "step,loss,lr\n").unwrap();
        Self { runs: runs.to_owned(), line: 0, written: Vec::new() }
    }

    /// Appends lines to every run, with the last of them in two pieces.
    fn write(&mut self, lines: u64) {
        let mut texts = [String::new(), String::new(), String::new(), String::new()];
        for _ in 0..lines {
            self.line += 1;
            let (step, loss) = (self.line, 1.0 + 1.0 / self.line as f64);
            texts[0] += &format!("{{\"step\": {step}, \"loss\": {loss}, \"lr\": 0.001}}\n");
            texts[1] += &format!("{step},{loss},0.001\n");
            texts[2] += &format!("iter {step}: loss {loss}, time 12.5ms, mfu 3.00%\n");
            texts[3] += &format!("{{\"step\": {step}, \"loss\": {loss}}}\n");
            for run in ["jsonl", "csv", "console", "rotated"] {
                self.written.push((run.to_owned(), "loss".to_owned(), step as i64, loss.to_bits()));
            }
        }
        let files = ["jsonl/metrics.jsonl", "csv/metrics.csv", "console/train.log", "rotated/log.jsonl"];
        for (file, text) in files.iter().zip(&texts) {
            let mut file = OpenOptions::new().append(true).create(true).open(self.runs.join(file)).unwrap();
            let (first, rest) = text.split_at(text.len() - 9);
            file.write_all(first.as_bytes()).unwrap();
            file.write_all(rest.as_bytes()).unwrap();
        }
        if self.line % 1000 < lines {
            let to = format!("rotated/log-{}.jsonl", self.line);
            std::fs::rename(self.runs.join("rotated/log.jsonl"), self.runs.join(to)).unwrap();
        }
    }
}

fn is_zombie(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z"))
}
