//! Faults of the machine around a daemon: its state directory deleted, clocks that jump, no watches left, projects that share
//! logs.

use crate::common::{World, eventually, stderr, stdout};
use std::io::Write;
use std::process::{Child, Command, Stdio};

fn project() -> World {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    log(&world, "a", 1..50);
    world
}

fn log(world: &World, run: &str, steps: std::ops::Range<u32>) {
    let path = world.path().join(format!("p/runs/{run}/metrics.jsonl"));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    let lines: String = steps.map(|step| format!("{{\"step\": {step}, \"train/loss\": 2.5}}\n")).collect();
    file.write_all(lines.as_bytes()).unwrap();
}

fn points(world: &World, project: &str) -> usize {
    let output = world.run(&["export", project]);
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output).lines().count()
}

fn foreground(world: &World, args: &[&str]) -> Child {
    world.mixlaw(args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_daemon_whose_state_directory_is_deleted_ends_and_says_so() {
    let world = project();
    let daemon = foreground(&world, &["daemon", "run", "p"]);
    eventually("it answers", || world.json(&["daemon", "status", "p", "--json"])["running"] == true);
    std::fs::remove_dir_all(world.path().join("state")).unwrap();
    log(&world, "a", 50..60);
    // A second one takes the place, and is alone in it before long.
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let ended = daemon.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && said.contains("the state directory was deleted"), "{said}");
    assert_eq!(world.json(&["daemon", "status", "p", "--json"])["running"], true, "the other one is left alone");
    assert_eq!(points(&world, "p"), 59 * 2);
}

#[test]
fn projects_that_share_logs_do_not_know_of_each_other() {
    let world = project();
    log(&world, "b", 1..50);
    world.write("q/mixlaw.yaml", "runs:\n  - path: ../p/runs/a*\n");
    for name in ["p", "q"] {
        let started = world.run(&["daemon", "start", name]);
        assert!(started.status.success(), "{}", stderr(&started));
    }
    log(&world, "a", 50..60);
    eventually("both have read it", || points(&world, "p") == (59 + 49) * 2 && points(&world, "q") == 59 * 2);
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    log(&world, "a", 60..70);
    eventually("the other one goes on", || points(&world, "q") == 69 * 2);
    assert_eq!(points(&world, "p"), (69 + 49) * 2);
    let found = world.json(&["doctor", "q", "--json"]);
    assert_eq!(found["healthy"], true, "{found}");
}

/// In a user namespace of its own the number of watches can be set low.
#[test]
fn without_watches_changes_are_looked_for() {
    let world = project();
    let script = "echo 0 > /proc/sys/user/max_inotify_watches && exec \"$@\"";
    let can = Command::new("unshare").args(["-Ur", "sh", "-c", script, "x", "true"]).stderr(Stdio::null()).status();
    if !can.is_ok_and(|status| status.success()) {
        eprintln!("no user namespaces here: not checked");
        return;
    }
    let mut daemon = Command::new("unshare")
        .args(["-Ur", "sh", "-c", script, "x", env!("CARGO_BIN_EXE_mixlaw"), "daemon", "run", "p"])
        .current_dir(world.path())
        .env("MIXLAW_STATE", world.path().join("state"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("it answers", || {
        world.json(&["daemon", "status", "p", "--json"])["daemon"]["points"].as_u64() > Some(0)
    });
    let status = world.json(&["daemon", "status", "p", "--json"]);
    assert_eq!(status["daemon"]["watching"][0]["mode"], "poll", "{status}");
    log(&world, "a", 50..60);
    eventually("it is read all the same", || points(&world, "p") == 59 * 2);
    let notices = world.json(&["watch", "p", "--once", "--json"])["notices"].to_string();
    assert!(notices.contains("every 2 s") && notices.contains("max_user_watches"), "{notices}");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}
