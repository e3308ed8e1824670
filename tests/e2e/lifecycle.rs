//! Backup, restore, rebuild, and a daemon that systemd starts.

use crate::common::{World, eventually, kill, stderr, stdout};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

fn project() -> (World, PathBuf) {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    world.write("p/runs/a/metrics.jsonl", "{\"step\": 1, \"loss\": 2.5}\n{\"step\": 2, \"loss\": 2.25}\n");
    assert_eq!(world.json(&["ledger", "p", "--json"])["waiting"], 0);
    let state = std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path();
    let journal = state.join("store/journal.jsonl");
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/layout-6/journal.jsonl"), &journal).unwrap();
    assert_eq!(waiting(&world), 4);
    (world, state)
}

fn waiting(world: &World) -> u64 {
    world.json(&["ledger", "p", "--json"])["waiting"].as_u64().unwrap()
}

fn said(world: &World, args: &[&str]) -> String {
    let output = world.run(args);
    stdout(&output) + &stderr(&output)
}

#[test]
fn what_cannot_be_rebuilt_is_backed_up_and_restored() {
    let (world, state) = project();
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    assert!(said(&world, &["backup", "b", "p"]).contains("4 entries of the journal in b"));
    assert!(said(&world, &["restore", "b", "p"]).contains("mixlaw daemon stop"), "a daemon would not notice");
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    assert!(said(&world, &["restore", "b", "p"]).contains("nothing to restore"));
    // The whole state is lost.
    std::fs::remove_dir_all(&state).unwrap();
    assert_eq!(waiting(&world), 0);
    let restored = said(&world, &["restore", "b", "p"]);
    assert!(restored.starts_with("4 entries restored"), "{restored}");
    assert_eq!(waiting(&world), 4);
    let notices = world.json(&["watch", "p", "--once", "--json"])["notices"].to_string();
    assert!(!notices.contains("journal"), "nothing is missed: {notices}");
    // A damaged backup, another file, a file that is there.
    let mut bytes = std::fs::read(world.path().join("b")).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    world.write("c", bytes);
    for (args, words) in [
        (["restore", "c", "p"], "c: the backup is damaged"),
        (["restore", "p/mixlaw.yaml", "p"], "not a backup of mixlaw"),
        (["restore", "none", "p"], "none: No such file"),
        (["backup", "p/mixlaw.yaml", "p"], "is there and is no backup"),
    ] {
        let output = world.run(&args);
        assert!(!output.status.success() && stderr(&output).contains(words), "{args:?}: {}", stderr(&output));
    }
    assert_eq!(waiting(&world), 4);
    assert!(world.run(&["backup", "b", "p"]).status.success(), "an earlier backup is replaced");
}

#[test]
fn a_rebuild_reads_the_logs_again_and_keeps_the_journal() {
    let (world, _) = project();
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let before = stdout(&world.run(&["export", "p"]));
    let pid = world.owner().unwrap();
    let rebuilt = said(&world, &["rebuild", "p"]);
    assert!(rebuilt.starts_with("4 points of 1 run read from 1 file\ndaemon started again"), "{rebuilt}");
    assert_ne!(world.owner().unwrap(), pid);
    assert_eq!(stdout(&world.run(&["export", "p"])), before);
    assert_eq!(waiting(&world), 4);
}

#[test]
fn an_old_run_is_thinned_out_and_one_that_is_gone_is_forgotten_where_the_project_says_so() {
    let world = World::new();
    let text: String =
        (0..9_000).map(|i| format!("{{\"step\": {i}, \"val_loss\": 2.5, \"grad_norm\": {}}}\n", i % 97)).collect();
    for run in ["old", "new", "gone"] {
        let log = world.write(&format!("p/runs/{run}/metrics.jsonl"), &text);
        if run != "new" {
            let day = std::time::SystemTime::now() - Duration::from_secs(86_400 * 40);
            std::fs::File::options().append(true).open(log).unwrap().set_modified(day).unwrap();
        }
    }
    let project = |retention: &str| {
        world.write("p/mixlaw.yaml", format!("runs:\n  - path: runs/*\nmetrics: {{ v: val_loss }}\n{retention}"));
    };
    project("");
    let points = |run: &str, metric: &str| {
        let runs = world.json(&["runs", "p", "--json"]);
        let found = runs["runs"].as_array().unwrap().iter().find(|r| r["name"] == format!("runs/{run}")).cloned();
        found.map(|run| run["metrics"][metric]["points"].as_u64().unwrap())
    };
    assert_eq!((points("old", "grad_norm"), points("gone", "grad_norm")), (Some(9_000), Some(9_000)));
    std::fs::remove_dir_all(world.path().join("p/runs/gone")).unwrap();
    assert_eq!(points("gone", "grad_norm"), Some(9_000), "what was read stays");
    project("retention: { points: 30, gone: 30 }\n");
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    eventually("the old run is thinned out", || points("old", "grad_norm").is_some_and(|points| points < 3_000));
    assert_eq!((points("old", "val_loss"), points("new", "grad_norm")), (Some(9_000), Some(9_000)));
    assert_eq!(points("gone", "grad_norm"), None);
    let shown = stdout(&world.run(&["show", "old", "p"]));
    assert!(shown.contains("points are gone, since the run is older than `retention: points`"), "{shown}");
    // Nothing is read again, and what the log gains is there.
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    let before = points("old", "grad_norm").unwrap();
    let log = world.path().join("p/runs/old/metrics.jsonl");
    let more = text.clone() + "{\"step\": 9000, \"val_loss\": 2.25, \"grad_norm\": 1}\n";
    std::fs::write(log, more).unwrap();
    assert_eq!((points("old", "grad_norm"), points("old", "val_loss")), (Some(before + 1), Some(9_001)));
}

/// Whether a program is there; where not, its test says so and checks nothing of it.
fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("no {program} here: not checked");
    }
    found
}

#[test]
fn units_are_what_systemd_understands() {
    let (world, _) = project();
    let text = stdout(&world.run(&["daemon", "unit", "p"]));
    for line in ["NoNewPrivileges=yes", "ProtectSystem=strict", "RestrictAddressFamilies=AF_UNIX\n", "SocketMode=0600"]
    {
        assert!(text.contains(line), "{line}: {text}");
    }
    let home = world.path().join("home of\u{20}me");
    let mut write = world.mixlaw(&["daemon", "unit", "p", "--write"]);
    let written = write.env("HOME", &home).env_remove("XDG_CONFIG_HOME").output().unwrap();
    assert!(
        written.status.success() && stdout(&written).contains("systemctl --user enable --now"),
        "{}",
        stderr(&written)
    );
    let units: Vec<PathBuf> =
        std::fs::read_dir(home.join(".config/systemd/user")).unwrap().flatten().map(|e| e.path()).collect();
    assert_eq!(units.len(), 2);
    if has("systemd-analyze") {
        let output = Command::new("systemd-analyze").args(["--user", "verify"]).args(&units).output().unwrap();
        // Of the machine's own units there may be complaints, too.
        let ours: Vec<String> = stderr(&output).lines().filter(|l| l.contains("mixlaw")).map(str::to_owned).collect();
        assert_eq!(ours, [""; 0]);
    }
}

#[test]
fn a_daemon_that_is_given_its_socket_uses_it_and_leaves_it() {
    let (world, state) = project();
    if !has("systemd-socket-activate") {
        return;
    }
    let socket = state.join("socket");
    let mut activator = Command::new("systemd-socket-activate")
        .arg("-l")
        .arg(&socket)
        .arg("-E")
        .arg(format!("MIXLAW_STATE={}", world.path().join("state").display()))
        .args([env!("CARGO_BIN_EXE_mixlaw"), "daemon", "run", "p"])
        .current_dir(world.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the socket is there", || socket.exists());
    assert!(world.owner().is_none_or(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()));
    let status = world.json(&["daemon", "status", "p", "--json"]);
    assert_eq!((&status["running"], &status["pid"]), (&true.into(), &activator.id().into()), "{status}");
    assert_eq!(world.json(&["runs", "p", "--json"])["runs"].as_array().unwrap().len(), 1);
    assert!(kill(i32::try_from(activator.id()).unwrap(), "-TERM"));
    activator.wait().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(socket.exists(), "it is systemd's");
    // Nobody listens there any more: a daemon of its own takes the place.
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    assert_eq!(world.json(&["daemon", "status", "p", "--json"])["running"], true);
}
