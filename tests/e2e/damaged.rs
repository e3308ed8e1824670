//! A byte of a pack that flips at rest, under a daemon and between commands: it is never shown as a number, and the command
//! that meets it succeeds, as the logs are read again.

use crate::common::{World, eventually, stderr, stdout};
use std::path::{Path, PathBuf};

fn world() -> World {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    let log: String =
        (1..4000).map(|n| format!("{{\"step\": {n}, \"loss\": {:.4}}}\n", 9.0 / f64::from(n).sqrt())).collect();
    world.write("p/runs/a/metrics.jsonl", log);
    world
}

fn store(world: &World) -> PathBuf {
    std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path().join("store")
}

fn flip(store: &Path, share: f64) {
    let pack = store.join("points.sled/packs/000001.pack");
    let mut bytes = std::fs::read(&pack).unwrap();
    let place = ((bytes.len() - 1) as f64 * share) as usize;
    bytes[place] ^= 1;
    std::fs::write(pack, bytes).unwrap();
}

fn aside(store: &Path) -> usize {
    let names = std::fs::read_dir(store).unwrap().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().contains(".damaged-")).count()
}

#[test]
fn a_command_that_meets_a_flipped_byte_succeeds_and_says_so() {
    let world = world();
    let whole = stdout(&world.run(&["export", "p"]));
    assert!(whole.lines().count() >= 3999);
    for (n, share) in [0.0, 0.3, 0.6, 1.0].into_iter().enumerate() {
        flip(&store(&world), share);
        let again = world.run(&["export", "p"]);
        assert!(again.status.success() && stdout(&again) == whole, "{share}: {}", stderr(&again));
        assert!(stderr(&again).contains("the store was damaged"), "{}", stderr(&again));
        // The two newest are kept.
        assert_eq!(aside(&store(&world)), (n + 1).min(2));
        assert_eq!(stderr(&world.run(&["export", "p"])), "");
    }
}

#[test]
fn a_daemon_that_meets_a_flipped_byte_reads_the_logs_again_and_answers() {
    let world = world();
    let whole = stdout(&world.run(&["export", "p"]));
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    eventually("the daemon has the points", || stdout(&world.run(&["export", "p"])) == whole);
    flip(&store(&world), 0.5);
    let again = world.run(&["export", "p"]);
    assert!(again.status.success() && stdout(&again) == whole, "{}", stderr(&again));
    assert_eq!(aside(&store(&world)), 1);
    let notes = world.json(&["watch", "p", "--once", "--json"])["notices"].to_string();
    assert!(notes.contains("rebuilt from the logs"), "{notes}");
}
