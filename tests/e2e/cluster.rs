//! Many machines over one stream, with a real `nats-server`: `mixlaw collect` on each, a daemon that reads the stream, and whatever
//! dies in between. Where there is no `nats-server`, the tests say so and pass (`apt-get install nats-server`).

mod layout;
mod nats;
mod outage;
mod security;
mod strangers;
mod three;

use crate::common::{World, eventually, kill, stderr, stdout};
use nats::{Nats, Node, count, exported, logged, number, reader, send_the_rest, soak};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::time::{Duration, Instant};

#[test]
fn points_over_a_stream_are_those_of_the_files_whoever_is_killed() {
    let world = World::new();
    let Some(mut nats) = Nats::new(&world, &[]) else { return };
    let (soak, began) = (soak(), Instant::now());
    let (kills, runs, metrics) = if soak { (number("MIXLAW_KILLS", 100), 125, 100) } else { (8, 4, 5) };
    let seed = number("MIXLAW_SEED", 1);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let address = nats.address();
    let mut nodes: Vec<Node> = (0..if soak { 8 } else { 3 }).map(|n| Node::new(&world, &format!("n{n}"))).collect();
    let project = reader(&world, &nats.address(), "reader");
    let path = project.display().to_string();
    let mut lines = 0;
    let mut more = |nodes: &[Node], by: u32| {
        for node in nodes {
            for run in 0..runs {
                node.log(&format!("{}-{run}", node.name), lines..lines + by, metrics);
            }
        }
        lines += by;
    };
    more(&nodes, 40);
    nodes.iter_mut().for_each(|node| node.start(&world, &address));
    let daemon = world.run(&["daemon", "start", &path]);
    assert!(daemon.status.success(), "{}", stderr(&daemon));
    for _ in 0..kills {
        more(&nodes, 3);
        std::thread::sleep(Duration::from_millis(rng.next_u64() % 400));
        more(&nodes, 2);
        match rng.next_u64() % 4 {
            0 => {
                nats.kill();
                std::thread::sleep(Duration::from_millis(rng.next_u64() % 500));
                more(&nodes, 1);
                nats.start();
            }
            1 => {
                if let Some(pid) = world.owner() {
                    kill(pid, "-KILL");
                }
                eventually("a daemon starts again", || world.run(&["daemon", "start", &path]).status.success());
            }
            _ => {
                let which = (rng.next_u64() % nodes.len() as u64) as usize;
                nodes[which].collector = None;
                std::thread::sleep(Duration::from_millis(rng.next_u64() % 300));
                nodes[which].start(&world, &address);
            }
        }
    }
    // What was not sent yet is sent by a collector that ends.
    println!("{kills} kills in {:.0} s", began.elapsed().as_secs_f64());
    nodes.iter_mut().for_each(|node| send_the_rest(&world, node, &address));
    println!("everything sent after {:.0} s", began.elapsed().as_secs_f64());
    let files = logged(&nodes);
    let patience = Instant::now() + Duration::from_secs(if soak { 600 } else { 30 });
    let caught_up = || stdout(&world.run(&["daemon", "status", &path])).contains("0 messages behind");
    while !caught_up() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("everything taken up after {:.0} s", began.elapsed().as_secs_f64());
    let mut taken = exported(&world, &project, "state");
    while count(&taken) < count(&files) && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(100));
        taken = exported(&world, &project, "state");
    }
    let mut status = stdout(&world.run(&["daemon", "status", &path])) + &stdout(&world.run(&["check", &path]));
    for node in &nodes {
        status += &stdout(&node.command(&world, &address, &["--status"]).output().unwrap());
    }
    println!("{} points of {} runs compared after {:.0} s", count(&files), files.len(), began.elapsed().as_secs_f64());
    let differ: Vec<_> = files.iter().filter(|(run, points)| taken.get(*run) != Some(points)).take(5).collect();
    assert!(differ.is_empty(), "seed {seed}: of {differ:?}, there are {taken:?}; {status}");
    assert!(taken == files, "seed {seed}: there are runs that nobody logged");
    // Whoever comes later has the same from the beginning of the stream.
    let late = reader(&world, &nats.address(), "late");
    assert!(exported(&world, &late, "state-late") == files, "seed {seed}: a second daemon's points differ");
    println!("a second state directory filled and compared after {:.0} s", began.elapsed().as_secs_f64());
    assert!(world.run(&["daemon", "stop", &path]).status.success());
}

#[test]
fn what_is_wrong_with_a_server_is_said_without_secrets() {
    let world = World::new();
    let node = Node::new(&world, "n1");
    node.log("a", 0..5, 1);
    let once = |node: &Node, address: &str, secret: Option<(&str, &str)>| {
        let mut command = node.command(&world, address, &["--once"]);
        if let Some((user, password)) = secret {
            command.env("MIXLAW_NATS_USER", user).env("MIXLAW_NATS_PASSWORD", password);
        }
        let output = command.output().unwrap();
        (output.status.success(), stdout(&output) + &stderr(&output))
    };
    let (done, said) = once(&node, "nats://me:hunter2@127.0.0.1/x", None);
    assert!(!done && said.contains("MIXLAW_NATS_PASSWORD") && !said.contains("hunter2"), "{said}");
    let (done, said) = once(&node, "nats://127.0.0.1:1/x", None);
    assert!(!done && said.contains("nats://127.0.0.1:1/x") && said.contains("nothing is lost"), "{said}");
    let Some(plain) = Nats::new(&world, &["--plain"]) else { return };
    let (done, said) = once(&node, &plain.address(), None);
    assert!(!done && said.contains("JetStream"), "{said}");
    drop(plain);
    let nats = Nats::new(&world, &["--user", "me", "--pass", "hunter2"]).unwrap();
    let (done, said) = once(&node, &nats.address(), None);
    assert!(!done && said.contains("the server asks who you are"), "{said}");
    let (done, said) = once(&node, &nats.address(), Some(("me", "wrong-hunter3")));
    assert!(!done && !said.contains("hunter3"), "{said}");
    let (done, said) = once(&node, &nats.address(), Some(("me", "hunter2")));
    assert!(done && !said.contains("hunter2"), "{said}");
    let status = node.command(&world, &nats.address(), &["--status"]).output().unwrap();
    assert!(stdout(&status).contains("all that is logged was sent"), "{}", stdout(&status));
    let other = Node::new(&world, "n2").command(&world, &nats.address(), &["--status"]).output().unwrap();
    assert!(stderr(&other).contains("no collector has sent"), "{}", stderr(&other));
}

#[test]
fn two_nodes_that_write_one_run_are_named() {
    let world = World::new();
    let Some(nats) = Nats::new(&world, &[]) else { return };
    for name in ["n1", "n2"] {
        let node = Node::new(&world, name);
        node.log("same", 0..5, 1);
        node.log(name, 0..5, 1);
        let output = node.command(&world, &nats.address(), &["--once"]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let project = reader(&world, &nats.address(), "reader").display().to_string();
    let checked = world.run(&["check", &project]);
    let said = stdout(&checked) + &stderr(&checked);
    assert!(said.contains("runs/same is written by 2 nodes: n1, n2"), "{said}");
    assert!(said.contains("n2:metrics.jsonl"), "{said}");
}
