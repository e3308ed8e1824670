//! The daemon's life: started once however many want it, found, watched, stopped; and what is in its way.

use crate::common::{World, eventually, kill, stderr, stdout};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

fn state_directory(world: &World) -> std::path::PathBuf {
    std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path()
}

#[test]
fn many_clients_start_one_daemon_and_stop_ends_it() {
    let world = World::new();
    world.quick_example("p");
    let mut clients: Vec<_> = (0..6).map(|_| world.spawn(&["daemon", "start", "p"])).collect();
    for client in &mut clients {
        assert!(client.wait().unwrap().success());
    }
    let status = world.json(&["daemon", "status", "p", "--json"]);
    assert_eq!(status["running"], true);
    assert_eq!(status["pid"].as_i64(), world.owner().map(i64::from));
    eventually("all runs are read", || world.json(&["daemon", "status", "p", "--json"])["runs"] == 36);

    let directory = state_directory(&world);
    assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(directory.join("socket").metadata().unwrap().permissions().mode() & 0o077, 0);

    assert_eq!(stdout(&world.run(&["daemon", "stop", "p"])), "stopped\n");
    assert!(!directory.join("socket").exists());
    assert_eq!(stdout(&world.run(&["daemon", "stop", "p"])), "the daemon was not running\n");
    assert_eq!(world.json(&["daemon", "status", "p", "--json"])["running"], false);
}

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let world = World::new();
    world.quick_example("p");
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let second = world.run(&["daemon", "run", "p"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("already running"), "{}", stderr(&second));
    assert!(stderr(&second).contains("help:"), "{}", stderr(&second));
    assert_eq!(world.json(&["daemon", "status", "p", "--json"])["running"], true);
}

#[test]
fn sigterm_is_a_clean_stop() {
    let world = World::new();
    world.quick_example("p");
    let mut daemon = world.spawn(&["daemon", "run", "p"]);
    eventually("it answers", || world.json(&["daemon", "status", "p", "--json"])["runs"] == 36);
    assert!(kill(daemon.id().try_into().unwrap(), "-TERM"));
    assert!(daemon.wait().unwrap().success());
    assert!(!state_directory(&world).join("socket").exists());
}

#[test]
fn what_a_killed_daemon_left_is_no_obstacle() {
    let world = World::new();
    world.quick_example("p");
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let pid = world.owner().unwrap();
    assert!(kill(pid, "-KILL"));
    assert!(state_directory(&world).join("socket").exists(), "the socket is stale now");
    let again = world.run(&["daemon", "start", "p"]);
    assert!(again.status.success(), "{}", stderr(&again));
    assert_ne!(world.owner().unwrap(), pid);
}

#[test]
fn another_protocol_is_told_apart_and_noise_is_hung_up_on() {
    let world = World::new();
    world.quick_example("p");
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let socket = state_directory(&world).join("socket");

    let mut old = UnixStream::connect(&socket).unwrap();
    let hello = br#"{"protocol":999,"build":"9.9.9","pid":1}"#;
    old.write_all(&u32::try_from(hello.len()).unwrap().to_le_bytes()).unwrap();
    old.write_all(hello).unwrap();
    let mut answer = Vec::new();
    old.read_to_end(&mut answer).unwrap();
    let theirs: serde_json::Value = serde_json::from_slice(&answer[4..]).unwrap();
    assert_eq!(theirs["protocol"], 2);

    let mut noise = UnixStream::connect(&socket).unwrap();
    noise.write_all(&[0xff; 64]).unwrap();
    let mut answer = Vec::new();
    let _ = noise.read_to_end(&mut answer);
    assert!(answer.is_empty());
    assert_eq!(world.json(&["daemon", "status", "p", "--json"])["running"], true);
}

#[test]
fn an_edited_project_is_taken_up_and_a_bad_edit_is_said_and_not_taken_up() {
    let world = World::new();
    let project = world.quick_example("p");
    let file = project.join("mixlaw.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let target = || world.json(&["watch", "p", "--once", "--json"])["target"]["params"].as_f64();
    eventually("the target is as written", || target() == Some(2e6));
    std::fs::write(&file, text.replace("params: 2M", "params: 3M")).unwrap();
    eventually("the edit is taken up", || target() == Some(3e6));

    std::fs::write(&file, text.replace("params: 2M", "parms: 4M")).unwrap();
    // Commands that read the file say so themselves; the daemon says so on screen, and goes on with what it had.
    let refused = world.run(&["watch", "p", "--once", "--json"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("parms"), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("params"), "{}", stderr(&refused));
    std::fs::write(&file, text.replace("params: 2M", "params: 5M")).unwrap();
    eventually("the next good edit is taken up", || target() == Some(5e6));
}

#[test]
fn a_table_that_grows_is_read_again() {
    let world = World::new();
    let rows = |n: usize| -> String {
        let loss = |n: usize, d: usize| 2.0 + 1.0 / n as f64 + 0.5 / d as f64;
        let row = |i: usize| format!("{}e6,{}e9,{}\n", i % 4 + 1, i / 4 + 1, loss(i % 4 + 1, i / 4 + 1));
        format!("n,d,loss\n{}", (0..n).map(row).collect::<String>())
    };
    let table = world.write("p/runs.csv", rows(12));
    world.write(
        "p/mixlaw.yaml",
        "domains: [rust]\ntables:\n  - { path: runs.csv, params: n, tokens: d, metrics: { rust: loss } }\n",
    );
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let observations = || {
        let answer: serde_json::Value =
            serde_json::from_str(&stdout(&world.run(&["fit", "p", "--json"]))).unwrap_or_default();
        answer["fits"][0]["observations"].as_u64().unwrap_or(0)
    };
    eventually("the table is fitted", || observations() == 12);
    std::fs::write(&table, rows(15)).unwrap();
    eventually("the new rows are fitted", || observations() == 15);
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
}

/// What a daemon has done is read while it runs and afterwards; why one did not start is still said at once.
#[test]
fn a_daemon_writes_down_what_it_does() {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    world.write("p/runs/a/metrics.jsonl", "{\"step\": 1, \"loss\": 2.5}\n");
    let logs = || stdout(&world.run(&["daemon", "logs", "p"]));
    assert!(logs().contains("mixlaw daemon start"), "{}", logs());
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let pid = world.owner().unwrap();
    assert!(logs().contains("INFO started") && logs().contains(&pid.to_string()), "{}", logs());
    world.write("p/mixlaw.yaml", "runs:\n  - path: nothing/*\n");
    eventually("what is wrong is written down", || logs().contains("WARN") && logs().contains("nothing/*"));
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    assert!(logs().trim_end().ends_with("INFO stopped"), "{}", logs());

    let refused = world.mixlaw(&["daemon", "start", "p"]).env("MIXLAW_LOG", "loud").output().unwrap();
    assert!(
        stderr(&refused).contains("the daemon did not start") && stderr(&refused).contains("debug"),
        "{}",
        stderr(&refused)
    );
}
