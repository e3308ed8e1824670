//! `kill -9` at any moment: nothing lost, nothing doubled.

use crate::common::{World, eventually, example, kill, stderr, stdout};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

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

fn is_zombie(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z"))
}
