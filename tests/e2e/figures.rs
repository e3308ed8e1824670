//! The daemon's own figures: as JSON, as Prometheus' text, on a loopback port and on a Unix socket, where they are asked for.

use crate::common::{World, eventually, stderr, stdout};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

fn project() -> World {
    let world = World::new();
    world.write("p/mixlaw.yaml", "project: my \"lab\"\nruns:\n  - path: runs/*\n");
    world.write("p/runs/a/metrics.jsonl", "{\"step\": 1, \"train/loss\": 2.5}\n");
    world
}

fn ask(mut stream: impl Read + Write, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn figures_are_said_as_json_and_text() {
    let world = project();
    assert!(
        stdout(&world.run(&["daemon", "status", "p", "--prometheus"]))
            .ends_with("mixlaw_up{project=\"my \\\"lab\\\"\"} 0\n")
    );
    assert!(world.run(&["daemon", "start", "p"]).status.success());
    let figures = || world.json(&["daemon", "status", "p", "--json"])["figures"].clone();
    eventually("it has read the log", || {
        world.json(&["daemon", "status", "p", "--json"])["daemon"]["points"].as_u64() > Some(0)
    });
    for key in ["memory_bytes", "threads", "descriptors", "store_bytes"] {
        assert!(figures()[key].as_u64() > Some(0), "{key}: {}", figures());
    }
    let text = stdout(&world.run(&["daemon", "status", "p", "--prometheus"]));
    for line in [
        "mixlaw_runs{project=\"my \\\"lab\\\"\"} 1\n",
        "# TYPE mixlaw_cpu_seconds_total counter\n",
        "mixlaw_open_alerts{",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn prometheus_is_served_on_loopback_and_on_a_socket_and_nowhere_by_default() {
    let world = project();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let place = format!("127.0.0.1:{port}");
    let started = world.run(&["daemon", "start", "p", "--metrics", &place]);
    assert!(started.status.success(), "{}", stderr(&started));
    eventually("it listens", || TcpStream::connect(&place).is_ok());
    // One that says nothing does not keep the next waiting for long.
    let _silent = TcpStream::connect(&place).unwrap();
    let said = ask(TcpStream::connect(&place).unwrap(), "/metrics");
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.contains("\nmixlaw_up{project="), "{said}");
    assert!(ask(TcpStream::connect(&place).unwrap(), "/etc/passwd").starts_with("HTTP/1.1 404"));
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    eventually("it does not listen any more", || TcpStream::connect(&place).is_err());
    let socket = world.path().join("m.sock");
    assert!(world.run(&["daemon", "start", "p", "--metrics", socket.to_str().unwrap()]).status.success());
    eventually("it listens", || UnixStream::connect(&socket).is_ok());
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o077, 0, "for this user alone");
    assert!(ask(UnixStream::connect(&socket).unwrap(), "/metrics").contains("mixlaw_up{"));
    let refused = world.run(&["daemon", "start", "p", "--metrics", "0.0.0.0:9464"]);
    assert!(!refused.status.success() && stderr(&refused).contains("loopback"), "{}", stderr(&refused));
}
