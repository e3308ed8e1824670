//! Names with escape sequences, marks that reorder, and characters that show nothing: whatever command prints them, a
//! terminal gets none of these, and a pipe gets JSON that says what the name is.

use crate::common::World;
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::Read;

/// Clears the screen, retitles the terminal, C1's CSI, an override, both separators, a tag, and a bell.
const EVIL: &str = "x\u{1b}[2Jy\u{1b}]0;z\u{7}\u{9b}31m\u{202e}\u{2028}\u{2029}\u{e0041}w";

fn world() -> World {
    let world = World::new();
    let row = |n: u32| format!("{{\"step\": {n}, \"{}\": {}, \"loss\": {}}}\n", escaped(), 3.0 / f64::from(n), 2.0);
    let log: String = (1..40).map(row).collect();
    for run in ["one", "two"] {
        world.write(&format!("p/runs/{EVIL}-{run}/metrics.jsonl"), &log);
        world.write(&format!("p/runs/{EVIL}-{run}/config.yaml"), format!("model: \"{}\"\nlr: 0.1\n", escaped()));
    }
    world.write(&format!("p/runs/{EVIL}-bad/metrics.jsonl"), [0xff, 0xfe, 0, 1, 2, 3]);
    world
}

fn escaped() -> String {
    serde_json::to_string(EVIL).unwrap().trim_matches('"').to_owned()
}

/// What a terminal gets of a command.
fn in_terminal(world: &World, args: &[&str]) -> String {
    let pair = native_pty_system().openpty(PtySize { rows: 50, cols: 160, pixel_width: 0, pixel_height: 0 }).unwrap();
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_mixlaw"));
    command.args(args);
    command.cwd(world.path());
    command.env("MIXLAW_STATE", world.path().join("state"));
    command.env("TERM", "xterm-256color");
    let mut child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = reader.read(&mut buffer) {
        bytes.extend_from_slice(&buffer[..n]);
    }
    child.wait().unwrap();
    // The line of progress is ours.
    String::from_utf8(bytes).unwrap().replace("\r\u{1b}[K", "")
}

fn assert_harmless(args: &[&str], text: &str) {
    let bad = |c: &char| {
        (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            || matches!(c, '\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{e0041}')
    };
    assert_eq!(text.chars().find(bad), None, "{args:?}: {text:?}");
}

#[test]
fn no_command_lets_a_name_do_anything_to_a_terminal() {
    let world = world();
    let run = format!("{EVIL}-one");
    let commands: &[&[&str]] = &[
        &["runs", "p"],
        &["runs", "p", "--json"],
        &["show", &run, "p"],
        &["show", &run, "p", "--json"],
        &["show", EVIL, "p"],
        &["show", "\u{1b}[2J\u{202e}none", "p"],
        &["check", "p"],
        &["check", "p", "--json"],
        &["fit", "p", "--metric", EVIL],
        &["fit", "p", "--law", EVIL],
        &["predict", "p"],
        &["recommend", "p"],
        &["next", "p"],
        &["alerts", "p"],
        &["alerts", "dismiss", EVIL, "p"],
        &["ledger", "p", "--metric", EVIL],
        &["export", "p"],
        &["export", "p", "--format", "csv"],
        &["export", "p", "--run", EVIL],
        &["watch", "p", "--once"],
        &["watch", "p", "--once", "--json"],
        &["watch", "p", "--once", "--view", EVIL],
        &["laws", EVIL],
        &["schema", EVIL],
        &["init", EVIL],
        &["runs", EVIL],
        &["daemon", "status", EVIL],
        &[EVIL],
    ];
    for args in commands {
        assert_harmless(args, &in_terminal(&world, args));
        let piped = world.run(args);
        assert_harmless(args, std::str::from_utf8(&piped.stderr).unwrap());
    }
    let names = |text: &str| -> Vec<String> {
        let answer: serde_json::Value = serde_json::from_str(text).unwrap();
        answer["runs"].as_array().unwrap().iter().map(|run| run["name"].as_str().unwrap().to_owned()).collect()
    };
    let piped = world.run(&["runs", "p", "--json"]);
    let piped = names(std::str::from_utf8(&piped.stdout).unwrap());
    assert!(piped.iter().any(|name| name.ends_with(&run)), "a pipe gets the name as it is: {piped:?}");
    let shown = in_terminal(&world, &["runs", "p", "--json"]);
    assert_eq!(names(&shown), piped, "JSON says the same in a terminal");
}

#[test]
fn a_daemon_that_calls_itself_something_evil_is_quoted_without_it() {
    use mixlaw::ipc::frame;
    use std::os::unix::net::UnixListener;
    let world = world();
    world.run(&["runs", "p"]);
    let state = std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path();
    let listener = UnixListener::bind(state.join("socket")).unwrap();
    let daemon = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        frame::write(&mut stream, &serde_json::json!({"protocol": 999, "build": EVIL, "pid": 1})).unwrap();
        let _ = stream.read(&mut [0; 512]);
    });
    let said = in_terminal(&world, &["runs", "p"]);
    assert!(said.contains("protocol 999"), "{said:?}");
    assert_harmless(&["runs"], &said);
    daemon.join().unwrap();
}
