//! `mixlaw doctor` finds what was planted, says what to type, and changes nothing.

use crate::common::{World, eventually, kill, stderr, stdout};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

fn project() -> World {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    world.write("p/runs/a/metrics.jsonl", "{\"step\": 1, \"train/loss\": 2.5}\n{\"step\": 2, \"train/loss\": 2.4}\n");
    world
}

fn state(world: &World) -> PathBuf {
    std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path()
}

/// What is to be done, as "check: text | help".
fn found(world: &World) -> Vec<String> {
    let answer = world.json(&["doctor", "p", "--json"]);
    let to_do = |notice: &&Value| notice["severity"] != "info";
    let checks = answer["checks"].as_array().unwrap();
    let found: Vec<String> = checks
        .iter()
        .flat_map(|check| {
            let all = check["findings"].as_array().unwrap().iter().filter(to_do);
            all.map(|n| format!("{}: {} | {}", check["name"], n["text"], n["help"])).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(answer["healthy"], found.is_empty(), "{answer}");
    found
}

/// That one thing was found, with these words.
fn only(world: &World, words: &[&str]) {
    let found = found(world);
    assert!(found.len() == 1 && words.iter().all(|word| found[0].contains(word)), "{words:?} in {found:#?}");
}

#[test]
fn a_healthy_project_is_left_as_it_is() {
    let world = project();
    let before = world.run(&["doctor", "p"]);
    assert!(before.status.success(), "{}{}", stdout(&before), stderr(&before));
    assert!(!world.path().join("state").exists(), "looking makes nothing");
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    assert_eq!(found(&world), [""; 0]);
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    assert_eq!(found(&world), [""; 0]);
}

#[test]
fn faults_of_the_project_and_its_logs_are_found() {
    let world = project();
    let log = world.write("p/runs/b/metrics.jsonl", "{\"step\": 1, \"train/loss\": 2.5}\n");
    std::fs::File::open(&log).unwrap().set_modified(SystemTime::now() + Duration::from_secs(7200)).unwrap();
    only(&world, &["clock", "runs/b/metrics.jsonl was written 71", "in the future", "timedatectl"]);
    std::fs::remove_dir_all(world.path().join("p/runs/b")).unwrap();
    world.write("p/runs/c/notes.log", "hello\nthere is nothing to see\nin this log\n".repeat(30));
    only(&world, &["logs", "nothing is recognised in", "c", "formats:"]);
    std::fs::remove_dir_all(world.path().join("p/runs/c")).unwrap();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\ntargets: { params: 7B }\n");
    only(&world, &["project", "mixlaw.yaml:3:1", "did you mean"]);
    let output = world.run(&["doctor", "p"]);
    assert!(output.status.code() == Some(1) && stdout(&output).starts_with("!! project\n"), "{}", stdout(&output));
    world.write("p/mixlaw.yaml", "runs:\n  - path: nothing/*\n");
    assert!(found(&world).iter().any(|found| found.contains("no run matches")), "{:?}", found(&world));
}

#[test]
fn faults_of_the_daemon_and_its_state_are_found() {
    let world = project();
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let pid = world.owner().unwrap();
    assert!(kill(pid, "-KILL"));
    eventually("it is gone", || !found(&world).is_empty());
    only(&world, &["daemon", "was killed", "mixlaw daemon start"]);
    // Two at a time, with two state directories.
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let other = world.path().join("other");
    let file = world.path().join("p/mixlaw.yaml").canonicalize().unwrap();
    let mut second = std::process::Command::new(env!("CARGO_BIN_EXE_mixlaw"))
        .args(["daemon", "run"])
        .arg(&file)
        .env("MIXLAW_STATE", &other)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("both run", || !found(&world).is_empty());
    only(&world, &["daemon", &format!("process {} is a daemon of this project, too", second.id()), "kill "]);
    second.kill().unwrap();
    second.wait().unwrap();
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    let state = state(&world);
    std::fs::create_dir_all(state.join("store/points.sled.damaged-1700000000")).unwrap();
    only(&world, &["old stores", "moved aside", "rm -r "]);
    std::fs::remove_dir_all(state.join("store/points.sled.damaged-1700000000")).unwrap();
    std::fs::write(state.join("store/journal.jsonl"), "{\"sum\":\"0000000000000000\",\"n\":1,\"line\":{}}\n").unwrap();
    only(&world, &["journal", "damaged: 1 entry", "mixlaw restore"]);
    std::fs::remove_file(state.join("store/journal.jsonl")).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    only(&world, &["state directory", "other users can enter", "chmod 700"]);
}

#[test]
fn whoever_cannot_be_told_is_found() {
    let world = project();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\nnotify:\n  webhooks:\n    - url_env: NOBODY_HAS_THIS\n");
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    only(&world, &["notifications", "without the environment variable NOBODY_HAS_THIS", "export NOBODY_HAS_THIS="]);
    std::fs::set_permissions(world.path().join("p/mixlaw.yaml"), std::fs::Permissions::from_mode(0o666)).unwrap();
    only(&world, &["notifications", "notifications are off", "chmod o-w"]);
}
