//! The server is away, full, or loses the stream: nothing is lost, each is said, and all go on by themselves.

use super::nats::{Nats, Node, Stranger, count, exported, logged, memory, number, reader, soak};
use crate::common::{World, eventually, kill, stderr, stdout};
use crate::full::SmallDisk;
use std::time::{Duration, Instant};

/// Bytes by which memory may grow while nothing can be sent: what an allocator takes in steps, and no log.
const FLAT: u64 = 4 << 20;

#[test]
fn a_server_that_is_away_costs_no_memory_and_no_point() {
    let world = World::new();
    let Some(mut nats) = Nats::new(&world, &[]) else { return };
    let away = Duration::from_secs(number("MIXLAW_AWAY_SECONDS", if soak() { 600 } else { 6 }));
    let (runs, metrics) = (10, 100);
    let address = nats.address();
    let mut node = Node::new(&world, "n1");
    let mut lines = 0;
    let more = |node: &Node, lines: &mut u32, by: u32| {
        (0..runs).for_each(|run| node.log(&format!("r{run}"), *lines..*lines + by, metrics));
        *lines += by;
    };
    more(&node, &mut lines, 50);
    node.start(&world, &address);
    let pid = node.collector.as_ref().unwrap().pid();
    let project = reader(&world, &address, "reader");
    let path = project.display().to_string();
    assert!(world.run(&["daemon", "start", &path]).status.success());
    let daemon = world.owner().unwrap();
    let taken = |world: &World| count(&exported(world, &project, "state"));
    eventually("the points are there", || taken(&world) == u64::from(lines) * 10 * 101);
    let status = |world: &World| stdout(&node.command(world, &address, &["--status"]).output().unwrap());
    nats.kill();
    let (began, mut said) = (Instant::now(), Instant::now());
    let (mut first, mut most) = (None, (0, 0));
    while began.elapsed() < away {
        more(&node, &mut lines, 1);
        std::thread::sleep(Duration::from_millis(200));
        let now = (memory(pid), memory(daemon));
        // What it takes to notice is taken once.
        if began.elapsed() > away / 4 {
            first.get_or_insert(now);
            most = (now.0.max(most.0), now.1.max(most.1));
        }
        if said.elapsed() > away / 20 {
            said = Instant::now();
            let megabytes = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            println!(
                "{:>4.0} s away, {} points behind: collector {:.1} MiB, daemon {:.1} MiB",
                began.elapsed().as_secs_f64(),
                u64::from(lines - 50) * 10 * 101,
                megabytes(now.0),
                megabytes(now.1)
            );
        }
    }
    let first = first.unwrap();
    assert!(most.0 <= first.0 + FLAT && most.1 <= first.1 + FLAT, "memory grew from {first:?} to {most:?} bytes");
    assert!(status(&world).contains("away for"), "{}", status(&world));
    eventually("the daemon says so", || {
        stdout(&world.run(&["daemon", "status", &path])).contains("away; tried every second")
    });
    nats.start();
    let back = Instant::now();
    eventually("everything is sent", || {
        let status = status(&world);
        status.contains("all that is logged was sent") && !status.contains("away for")
    });
    let sent = back.elapsed().as_secs_f64();
    eventually("everything is taken up", || {
        stdout(&world.run(&["daemon", "status", &path])).contains("1 node, 0 messages behind")
    });
    println!("sent {sent:.1} s after the server was back, and taken up after {:.1} s", back.elapsed().as_secs_f64());
    eventually("everything is there", || taken(&world) == u64::from(lines) * 10 * 101);
    assert!(exported(&world, &project, "state") == logged([&node]), "points differ");
    eventually("the collector says so", || status(&world).contains("all that is logged was sent"));
    assert!(!status(&world).contains("away for"), "{}", status(&world));
    assert_eq!((world.owner(), node.collector.as_ref().unwrap().pid()), (Some(daemon), pid), "nobody was started anew");
    assert!(memory(pid) > 0, "the collector still runs");
    assert!(world.run(&["daemon", "stop", &path]).status.success());
}

#[test]
fn a_server_that_answers_nothing_for_a_while_doubles_nothing() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &[]) else { return };
    let address = nats.address();
    let mut node = Node::new(&world, "n1");
    node.log("a", 0..50, 3);
    node.start(&world, &address);
    let project = reader(&world, &address, "reader");
    let path = project.display().to_string();
    assert!(world.run(&["daemon", "start", &path]).status.success());
    let taken = |world: &World| count(&exported(world, &project, "state"));
    eventually("the points are there", || taken(&world) == 200);
    let mut lines = 50;
    // Longer than an answer is waited for: whether what was sent in between arrived is not known.
    for seconds in if soak() { vec![1, 6, 12, 7, 30] } else { vec![7] } {
        let began = Instant::now();
        assert!(kill(nats.pid(), "-STOP"));
        while began.elapsed() < Duration::from_secs(seconds) {
            node.log("a", lines..lines + 1, 3);
            lines += 1;
            std::thread::sleep(Duration::from_millis(100));
        }
        assert!(kill(nats.pid(), "-CONT"));
        eventually("everything is there", || taken(&world) == u64::from(lines) * 4);
    }
    assert!(exported(&world, &project, "state") == logged([&node]), "points differ");
    let late = reader(&world, &address, "late");
    assert!(exported(&world, &late, "state-late") == logged([&node]), "a second daemon's points differ");
    assert!(world.run(&["daemon", "stop", &path]).status.success());
}

#[test]
fn a_stream_that_is_lost_is_filled_again() {
    let world = World::new();
    let Some(mut nats) = Nats::new(&world, &[]) else { return };
    let mut node = Node::new(&world, "n1");
    node.log("a", 0..50, 3);
    node.start(&world, &nats.address());
    let project = reader(&world, &nats.address(), "reader");
    let path = project.display().to_string();
    assert!(world.run(&["daemon", "start", &path]).status.success());
    let taken = |world: &World| count(&exported(world, &project, "state"));
    eventually("the points are there", || taken(&world) == 200);
    nats.kill();
    std::fs::remove_dir_all(&nats.directory).unwrap();
    node.log("a", 50..60, 3);
    nats.start();
    node.log("a", 60..61, 3);
    eventually("what was logged meanwhile is there, and nothing twice", || taken(&world) == 244);
    let late = reader(&world, &nats.address(), "late");
    assert_eq!(count(&exported(&world, &late, "state-late")), 244);
    let status = world.run(&["daemon", "status", &path]);
    assert!(stdout(&status).contains("stream (1 node, 0 messages behind"), "{}", stdout(&status));
    assert!(world.run(&["daemon", "stop", &path]).status.success());
}

#[test]
fn a_stream_that_is_deleted_under_everyone_is_filled_again() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &[]) else { return };
    let address = nats.address();
    let mut nodes: Vec<Node> = ["n1", "n2"].into_iter().map(|name| Node::new(&world, name)).collect();
    for node in &mut nodes {
        node.log(&node.name.clone(), 0..50, 3);
        node.start(&world, &address);
    }
    let project = reader(&world, &address, "reader");
    let path = project.display().to_string();
    assert!(world.run(&["daemon", "start", &path]).status.success());
    let taken = |world: &World| count(&exported(world, &project, "state"));
    eventually("the points are there", || taken(&world) == 400);
    for round in 1..=3u64 {
        Stranger::new(nats.port).publish("$JS.API.STREAM.DELETE.mixlaw-sweeps", "", b"");
        nodes[0].log("n1", 50 + round as u32..51 + round as u32, 3);
        eventually("what was logged meanwhile is there, and nothing twice", || taken(&world) == 400 + 4 * round);
    }
    // The other node logs nothing any more, and fills the stream again nevertheless.
    eventually("who comes later gets everything", || {
        let late = reader(&world, &address, "late");
        let _ = std::fs::remove_dir_all(world.path().join("state-late"));
        exported(&world, &late, "state-late") == logged(&nodes)
    });
    assert!(exported(&world, &project, "state") == logged(&nodes), "points differ");
    assert!(world.run(&["daemon", "stop", &path]).status.success());
}

#[test]
fn a_server_whose_disk_is_full_is_waited_for() {
    let world = World::new();
    let Some(disk) = SmallDisk::under(&world, "nats", 8) else { return };
    let conf = format!("jetstream {{ store_dir: {:?}, max_file_store: 1G }}", world.path().join("nats"));
    let file = world.write("nats.conf", conf).display().to_string();
    let Some(mut nats) = Nats::new(&world, &["--plain", "-c", &file]) else { return };
    let address = nats.address();
    let mut node = Node::new(&world, "n1");
    node.log("a", 0..100, 20);
    node.start(&world, &address);
    let project = reader(&world, &address, "reader");
    let taken = |world: &World| count(&exported(world, &project, "state"));
    eventually("points are there", || taken(&world) == 2100);
    disk.fill();
    let status = || stdout(&node.command(&world, &address, &["--status"]).output().unwrap());
    let mut lines = 100;
    eventually("it is said", || {
        node.log("a", lines..lines + 500, 20);
        lines += 500;
        std::thread::sleep(Duration::from_millis(300));
        status().contains("away for")
    });
    // What it says first is that a publication was not answered; asked about the stream, it answers nothing either.
    eventually("what to do is said", || status().contains("make room and restart nats-server"));
    disk.make_room();
    // The server itself stops writing when its disk was full, until it is started anew.
    nats.kill();
    nats.start();
    eventually("everything was sent", || status().contains("all that is logged was sent"));
    eventually("everything was taken up", || taken(&world) == u64::from(lines) * 21);
    assert!(exported(&world, &project, "state") == logged([&node]), "points differ");
    nats.kill();
}

#[test]
fn what_a_limit_has_let_go_is_told_and_can_be_sent_again() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &[]) else { return };
    let address = nats.address();
    let node = Node::new(&world, "n1");
    let send = |more: &[&str]| {
        let output = node.command(&world, &address, &[&["--once", "--limit", "1M"], more].concat()).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    };
    node.log("a", 0..5, 1);
    send(&[]);
    let early = reader(&world, &address, "early");
    assert_eq!(count(&exported(&world, &early, "state-early")), 10);
    // Others fill the stream, so that its oldest messages go.
    let mut stranger = Stranger::new(nats.port);
    (0..30).for_each(|n| stranger.publish("mixlaw.sweeps.x", "", &vec![n; 100_000]));
    node.log("a", 5..9, 1);
    send(&[]);
    assert_eq!(count(&exported(&world, &early, "state-early")), 18, "who had read them keeps them");
    let late = reader(&world, &address, "late").display().to_string();
    let checked = |world: &World| {
        let output = world.run(&["check", &late]);
        stdout(&output) + &stderr(&output)
    };
    let said = checked(&world);
    assert!(said.contains("1 message of node n1 was gone before it was read") && said.contains("--again"), "{said}");
    let doctor = stdout(&world.run(&["doctor", &late]));
    assert!(doctor.contains("are gone") && doctor.contains("the oldest go above 1M bytes"), "{doctor}");
    send(&["--again"]);
    assert!(!checked(&world).contains("gone before"), "{}", checked(&world));
    for project in ["early", "late"] {
        let project = world.path().join(project);
        assert!(exported(&world, &project, "state") == logged([&node]), "points differ");
    }
}

#[test]
fn a_server_without_room_is_waited_for() {
    let world = World::new();
    let conf = |most: u64| {
        let place = world.path().join("nats").display().to_string();
        world.write("nats.conf", format!("jetstream {{ store_dir: {place:?}, max_file_store: {most} }}"))
    };
    let file = conf(20_000).display().to_string();
    let Some(mut nats) = Nats::new(&world, &["--plain", "-c", &file]) else { return };
    let mut node = Node::new(&world, "n1");
    node.start(&world, &nats.address());
    let address = nats.address();
    let status = || stdout(&node.command(&world, &address, &["--status"]).output().unwrap());
    let mut lines = 0;
    eventually("the server is full", || {
        node.log("a", lines..lines + 500, 20);
        lines += 500;
        std::thread::sleep(Duration::from_millis(300));
        status().contains("no room left")
    });
    let once = Node { name: "n2".to_owned(), directory: node.directory.clone(), collector: None };
    let output = once.command(&world, &address, &["--once"]).output().unwrap();
    assert!(!output.status.success() && stderr(&output).contains("max_file_store"), "{}", stderr(&output));
    conf(100_000_000);
    nats.kill();
    nats.start();
    eventually("everything was sent", || status().contains("all that is logged was sent"));
    let project = reader(&world, &nats.address(), "reader");
    assert!(exported(&world, &project, "state") == logged([&node]), "points differ");
}
