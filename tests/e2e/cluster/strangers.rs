//! What a stranger does wrong or means ill: messages of other programs, names, a state directory that cannot be written, a project that
//! goes away, two collectors where one should be.

use super::nats::{Nats, Node, Running, Stranger, count, exported, logged, reader, send_the_rest};
use crate::common::{World, eventually, stderr, stdout};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn messages_of_others_are_passed_over_and_named() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &[]) else { return };
    let address = nats.address();
    let mut node = Node::new(&world, "n1");
    node.log("a", 0..5, 1);
    send_the_rest(&world, &mut node, &address);
    let project = reader(&world, &address, "reader");
    let path = project.display().to_string();
    assert!(world.run(&["daemon", "start", &path]).status.success());
    let taken = |world: &World| count(&exported(world, &project, "state"));
    eventually("points are there", || taken(&world) == 10);
    let mut stranger = Stranger::new(nats.port);
    let noise: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    stranger.publish("mixlaw.sweeps.x", "", b"\x1b]0;owned\x07 hello");
    stranger.publish("mixlaw.sweeps.x", "", b"");
    stranger.publish("mixlaw.sweeps.x", "", &noise);
    stranger.publish("mixlaw.sweeps.x", "", &[b"MXL\x01".as_slice(), &noise].concat());
    stranger.publish("mixlaw.sweeps.x", "", b"MXL\x09and so on");
    for piece in ["0/4294967295", "9/3", "-1/2", "\u{1b}[31m", "1/0", "0/1024"] {
        stranger.publish("mixlaw.sweeps.x", &format!("Mixlaw-Piece: {piece}\r\n"), &noise);
    }
    let checked = || {
        let output = world.run(&["check", &path]);
        stdout(&output) + &stderr(&output)
    };
    eventually("they are named", || checked().contains("messages refused; the first: message"));
    let said = checked();
    assert!(said.contains("mixlaw.sweeps.x") && said.contains("not from mixlaw"), "{said}");
    assert!(!said.contains('\u{1b}') && !said.contains('\u{7}'), "{said}");
    // Who may publish under one subject sends nothing for another node: a message of n1's, sent by x.
    node.log("a", 5..9, 1);
    send_the_rest(&world, &mut node, &address);
    eventually("what follows is taken up", || taken(&world) == 18);
    // Noise under the node's own subject: it begins anew, and what it had sent is replaced.
    stranger.publish("mixlaw.sweeps.n1", "", &noise);
    node.log("a", 9..12, 1);
    send_the_rest(&world, &mut node, &address);
    eventually("and now", || taken(&world) == 24);
    assert!(exported(&world, &project, "state") == logged([&node]), "points differ");
    let late = reader(&world, &address, "late");
    assert!(exported(&world, &late, "state-late") == logged([&node]), "a second daemon's points differ");
    assert!(world.run(&["daemon", "stop", &path]).status.success());
}

#[test]
fn addresses_that_cannot_be_used_are_refused_with_what_to_write() {
    let world = World::new();
    let node = Node::new(&world, "n1");
    node.log("a", 0..5, 1);
    for (address, word) in [
        ("head", "nats://"),
        ("http://head/x", "neither nats:// nor tls://"),
        ("nats://", "no name of a host"),
        ("nats://head:99999/x", "port"),
        ("nats://head/a.b", "letters, digits"),
        ("nats://head/>", "letters, digits"),
        ("nats://head/*", "letters, digits"),
        ("nats://head/é", "letters, digits"),
        ("nats://head/a/b", "letters, digits"),
        ("nats://me:hunter2@head/x", "MIXLAW_NATS_PASSWORD"),
    ] {
        let output = node.command(&world, address, &["--once"]).output().unwrap();
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{address}: {said}");
        assert!(said.contains(word) && said.contains("help: ") && !said.contains("hunter2"), "{address}: {said}");
        world.write("p/mixlaw.yaml", format!("runs:\n  - stream: {address:?}\n"));
        let output = world.run(&["check", "p"]);
        let said = stderr(&output);
        assert!(!output.status.success() && said.contains(word) && said.contains("mixlaw.yaml:2"), "{address}: {said}");
    }
    let output = world.run(&["collect", "n1"]);
    assert!(!output.status.success() && stderr(&output).contains("--to"), "{}", stderr(&output));
}

#[test]
fn two_collectors_of_one_name_are_told_apart() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &[]) else { return };
    let address = nats.address();
    let mut node = Node::new(&world, "n1");
    node.log("a", 0..5, 1);
    node.start(&world, &address);
    let status = |node: &Node| stdout(&node.command(&world, &address, &["--status"]).output().unwrap());
    eventually("it runs", || status(&node).contains("all that is logged was sent"));
    let mut command = world.mixlaw(&["collect", &node.directory.display().to_string(), "--status", "--json"]);
    let answer = stdout(&command.env("MIXLAW_STATE", node.state(&world)).output().unwrap());
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!((&answer["collectors"][0]["running"], &answer["collectors"][0]["points"]), (&true.into(), &10.into()));
    let path = format!("{}/schemas/collect.schema.json", env!("CARGO_MANIFEST_DIR"));
    let mut schemas = boon::Schemas::new();
    let schema = boon::Compiler::new().compile(&path, &mut schemas).unwrap();
    schemas.validate(&answer, schema).map_err(|error| error.to_string()).unwrap();
    // A second one for the same project ends at once.
    let output = node.command(&world, &address, &[]).output().unwrap();
    assert!(stderr(&output).contains("another collector sends this project"), "{}", stderr(&output));
    // Another machine of the same name. One of the two ends and says why, as soon as both send.
    let mut twin = Node { name: "n1".to_owned(), ..Node::new(&world, "twin") };
    twin.log("b", 0..5, 1);
    let spawn = |node: &Node, state: &str| {
        let mut command = node.command(&world, &address, &[]);
        command.env("MIXLAW_STATE", world.path().join(state)).stderr(Stdio::piped()).stdout(Stdio::null());
        Running(command.spawn().unwrap())
    };
    node.collector = None;
    let (mut one, mut two) = (spawn(&node, "state-n1"), spawn(&twin, "state-twin"));
    let mut lines = 5;
    eventually("one of the two ends", || {
        node.log("a", lines..lines + 1, 1);
        twin.log("b", lines..lines + 1, 1);
        lines += 1;
        one.0.try_wait().unwrap().is_some() || two.0.try_wait().unwrap().is_some()
    });
    let ended = if one.0.try_wait().unwrap().is_some() { one } else { two };
    let mut ended = ended;
    let mut said = String::new();
    std::io::Read::read_to_string(&mut ended.0.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("another collector sends as the same node") && said.contains("--node NAME"), "{said}");
    twin.collector = None;
}

#[test]
fn a_state_directory_that_cannot_be_written_and_a_project_that_goes_away() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &[]) else { return };
    let address = nats.address();
    let mut node = Node::new(&world, "n1");
    node.log("a", 0..5, 1);
    // Root may write everywhere.
    if !rustix::process::geteuid().is_root() {
        let state = node.state(&world);
        std::fs::create_dir_all(&state).unwrap();
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o500)).unwrap();
        let output = node.command(&world, &address, &["--once"]).output().unwrap();
        assert!(!output.status.success() && stderr(&output).contains("MIXLAW_STATE"), "{}", stderr(&output));
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let file = world.write("no-directory", "").display().to_string();
    let output = node.command(&world, &address, &["--once"]).env("MIXLAW_STATE", &file).output().unwrap();
    assert!(!output.status.success() && stderr(&output).contains("MIXLAW_STATE"), "{}", stderr(&output));
    node.start(&world, &address);
    let project = reader(&world, &address, "reader");
    let taken = |world: &World| count(&exported(world, &project, "state"));
    eventually("points are there", || taken(&world) == 10);
    // A project file that cannot be used: what was before holds, and it is said.
    node.collector = None;
    let said = world.path().join("said");
    let mut command = node.command(&world, &address, &[]);
    command.stdout(Stdio::null()).stderr(std::fs::File::create(&said).unwrap());
    node.collector = Some(Running(command.spawn().unwrap()));
    let says = |text: &str| std::fs::read_to_string(&said).unwrap().contains(text);
    eventually("it runs", || says("sending to"));
    world.write("n1/mixlaw.yaml", "runs: [{ path: runs/* }]\nnonsense: 1\n");
    eventually("it is said", || says("goes on with the one before"));
    node.log("a", 5..6, 1);
    eventually("it goes on", || taken(&world) == 12);
    std::fs::remove_file(world.path().join("n1/mixlaw.yaml")).unwrap();
    // The whole project is moved away and comes back: what was read of it stays, and it goes on.
    let (here, there) = (node.directory.clone(), world.path().join("elsewhere"));
    std::fs::rename(&here, &there).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(taken(&world), 12);
    std::fs::rename(&there, &here).unwrap();
    node.log("a", 6..8, 1);
    eventually("it goes on", || taken(&world) == 16);
}
