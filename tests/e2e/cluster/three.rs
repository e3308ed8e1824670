//! A cluster of three servers that keep a copy each: one after another is lost and returns.

use super::nats::{Nats, Node, count, exported, free_port, logged, number, reader, send_the_rest, soak};
use crate::common::{World, eventually, stderr, stdout};
use std::time::{Duration, Instant};

#[test]
fn three_servers_lose_one_in_turn_and_no_point() {
    let world = World::new();
    let ports: Vec<(u16, u16)> = (0..3).map(|_| (free_port(), free_port())).collect();
    let routes: Vec<String> = ports.iter().map(|(_, route)| format!("nats://127.0.0.1:{route}")).collect();
    let mut servers = Vec::new();
    for (number, (port, route)) in ports.iter().enumerate() {
        let (name, own) = (format!("s{number}"), format!("nats://127.0.0.1:{route}"));
        let all = routes.join(",");
        let more = ["-n", &name, "-cluster", &own, "-cluster_name", "three", "-routes", &all];
        let Some(server) = Nats::at(world.path().join(&name), *port, &more) else { return };
        servers.push(server);
    }
    let hosts: Vec<String> = ports.iter().map(|(port, _)| format!("127.0.0.1:{port}")).collect();
    let address = format!("nats://{}/sweeps", hosts.join(","));
    let (rounds, metrics) = (number("MIXLAW_ROUNDS", if soak() { 30 } else { 3 }), if soak() { 100 } else { 5 });
    let mut nodes: Vec<Node> = (0..2).map(|n| Node::new(&world, &format!("n{n}"))).collect();
    let mut lines = 0;
    let mut more = |nodes: &[Node], by: u32| {
        for node in nodes {
            (0..4).for_each(|run| node.log(&format!("{}-{run}", node.name), lines..lines + by, metrics));
        }
        lines += by;
        u64::from(lines) * 8 * u64::from(metrics + 1)
    };
    more(&nodes, 20);
    // The servers elect a leader first; until then, a collector that is to go on tries again.
    eventually("the stream is made", || {
        let output = nodes[0].command(&world, &address, &["--replicas", "3", "--once"]).output().unwrap();
        output.status.success()
    });
    nodes.iter_mut().for_each(|node| node.start_with(&world, &address, &["--replicas", "3"]));
    let project = reader(&world, &address, "reader");
    let path = project.display().to_string();
    let daemon = world.run(&["daemon", "start", &path]);
    assert!(daemon.status.success(), "{}", stderr(&daemon));
    let doctor = stdout(&world.run(&["doctor", &path]));
    assert!(doctor.contains("3 copies"), "{doctor}");
    let taken = |world: &World| count(&exported(world, &project, "state"));
    for round in 0..rounds {
        let which = (round % 3) as usize;
        servers[which].kill();
        let lost = Instant::now();
        let wanted = more(&nodes, 10);
        eventually("two servers go on without the third", || taken(&world) == wanted);
        let without = lost.elapsed().as_secs_f64();
        servers[which].start();
        let wanted = more(&nodes, 10);
        eventually("three go on", || taken(&world) == wanted);
        // Two of three must have every message before the next is lost.
        eventually("all have their copies again", || {
            let ports = ports.iter().map(|(port, _)| *port);
            ports.into_iter().all(|port| {
                let one = reader(&world, &format!("nats://127.0.0.1:{port}/sweeps"), "one");
                stdout(&world.run(&["doctor", &one.display().to_string()])).contains("3 copies, all up to date")
            })
        });
        println!("round {round}: server {which} was lost; points went on after {without:.1} s");
    }
    nodes.iter_mut().for_each(|node| send_the_rest(&world, node, &address));
    std::thread::sleep(Duration::from_millis(200));
    let files = logged(&nodes);
    eventually("everything is taken up", || taken(&world) == count(&files));
    assert!(exported(&world, &project, "state") == files, "points differ");
    let late = reader(&world, &address, "late");
    assert!(exported(&world, &late, "state-late") == files, "a second daemon's points differ");
    assert!(world.run(&["daemon", "stop", &path]).status.success());
}
