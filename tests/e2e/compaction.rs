//! Logs that are replaced again and again leave dead points in the store, which is rewritten without them: `kill -9` while
//! that goes on loses nothing and doubles nothing either.

use crate::common::{World, beside, eventually, stderr, stdout};
use crate::kill::{exported_points, logged_points};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const RUNS: u64 = 24;
const METRICS: u64 = 100;

/// A log of some lines, in which nothing but the steps is as it was in another generation.
fn log(run: u64, generation: u64) -> String {
    let mut text = String::new();
    for step in 0..60 + (run + generation) % 60 {
        write!(text, "{{\"step\": {step}").unwrap();
        for metric in 0..METRICS {
            let value = (run + 1) * 1_000_003 + generation * 7919 + step * 104_729 + metric * 15_485_863;
            write!(text, ", \"metric_{metric}\": {}", (value % 1_000_000_007) as f64 / 1e7).unwrap();
        }
        text.push_str("}\n");
    }
    text
}

/// Replaces one log after the other until told to stop.
fn replace_logs(runs: &Path, stop: &AtomicBool) {
    for turn in 0.. {
        let (run, generation) = (turn % RUNS, turn / RUNS);
        let directory = runs.join(format!("run{run:02}"));
        std::fs::create_dir_all(&directory).unwrap();
        let new = runs.join(".new");
        std::fs::write(&new, log(run, generation)).unwrap();
        std::fs::rename(new, directory.join("metrics.jsonl")).unwrap();
        if turn >= RUNS && stop.load(Ordering::Relaxed) {
            break;
        }
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// The greatest number among the packs of the only store: each compaction takes at least one more.
fn newest_pack(state: &Path) -> u32 {
    let stores = std::fs::read_dir(state).into_iter().flatten().flatten();
    let packs = stores.flat_map(|store| std::fs::read_dir(store.path().join("store/points.sled/packs")));
    let names = packs.flatten().flatten().map(|entry| entry.file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".pack")?.parse().ok()).max().unwrap_or(0)
}

#[test]
fn kills_while_the_store_is_rewritten_lose_and_double_nothing() {
    let world = World::new();
    world.write("live/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    let (runs, state) = (world.path().join("live/runs"), world.path().join("state"));
    beside(
        |stop| replace_logs(&runs, stop),
        || {
            for round in 1..=5u32 {
                let mut daemon = world.spawn(&["daemon", "run", "live"]);
                let before = newest_pack(&state);
                eventually("the store is rewritten", || newest_pack(&state) > before);
                // At different moments of a rewriting that has begun.
                std::thread::sleep(Duration::from_millis(u64::from(round) * 13 % 40));
                daemon.kill().unwrap();
                assert!(daemon.wait().unwrap().code().is_none(), "it ended by itself");
            }
        },
    );
    let output = world.run(&["export", "live"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("rebuilt"), "a kill damaged the store: {}", stderr(&output));
    let mut got = exported_points(&stdout(&output));
    let mut expected = logged_points(&runs);
    got.sort();
    expected.sort();
    assert_eq!(got.len(), expected.len());
    assert!(got == expected);
}
