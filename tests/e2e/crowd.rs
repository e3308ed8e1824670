//! Clients that connect and say nothing, greet and ask nothing, or say their greeting byte by byte: nobody else notices.

use crate::common::{World, eventually, stderr};
use mixlaw::ipc::IpcError;
use mixlaw::ipc::client::Client;
use mixlaw::ipc::frame;
use mixlaw::ipc::protocol::{Hello, Query, Response};
use mixlaw::ipc::topic::Subscription;
use std::io::{BufRead, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn watched() -> (World, PathBuf) {
    let world = World::new();
    world.write("p/mixlaw.yaml", "runs:\n  - path: runs/*\n");
    world.write("p/runs/a/metrics.jsonl", "{\"step\": 1, \"loss\": 2.5}\n");
    let started = world.run(&["daemon", "start", "p"]);
    assert!(started.status.success(), "{}", stderr(&started));
    let state = std::fs::read_dir(world.path().join("state")).unwrap().flatten().next().unwrap().path();
    (world, state.join("socket"))
}

fn greeted(socket: &PathBuf) -> UnixStream {
    let mut stream = UnixStream::connect(socket).unwrap();
    frame::write(&mut stream, &Hello::own()).unwrap();
    assert!(frame::read::<Hello>(&mut stream, frame::MAX_RESPONSE).unwrap().is_some());
    stream
}

/// Names the socket, for the process of the next test that is the crowd.
const CROWD: &str = "MIXLAW_TEST_CROWD";

/// A process that connects so often and says nothing; killed with it.
struct Crowd(std::process::Child);

impl Crowd {
    fn new(socket: &Path, test: &str) -> Self {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads", "1"])
            .env(CROWD, socket)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.ends_with("all are here")));
        Self(child)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn whoever_asks_is_answered_however_many_connect_and_say_nothing() {
    let test = std::thread::current().name().unwrap().to_owned();
    if let Some(socket) = std::env::var_os(CROWD).map(PathBuf::from) {
        let idle: Vec<UnixStream> = (0..64).map(|_| greeted(&socket)).collect();
        let silent: Vec<UnixStream> = (0..300).map(|_| UnixStream::connect(&socket).unwrap()).collect();
        println!("all are here");
        std::thread::sleep(Duration::from_secs(600));
        drop((idle, silent));
        return;
    }
    let (world, socket) = watched();
    let mut crowds = vec![Crowd::new(&socket, &test)];
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let began = Instant::now();
        let answer = Client::connect(&socket).unwrap().query(Query::Status).unwrap();
        assert!(matches!(answer, Response::Answer(_)), "{answer:?}");
        slowest = slowest.max(began.elapsed());
    }
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    // From a process of its own, with other crowds in front of it.
    crowds.extend((0..3).map(|_| Crowd::new(&socket, &test)));
    let began = Instant::now();
    let asked = world.run(&["runs", "p", "--json"]);
    assert!(asked.status.success() && began.elapsed() < Duration::from_secs(5), "{}", stderr(&asked));
    let status = std::fs::read_to_string(format!("/proc/{}/status", world.owner().unwrap())).unwrap();
    let threads: usize = status.lines().find_map(|l| l.strip_prefix("Threads:")?.trim().parse().ok()).unwrap();
    assert!(threads < 200, "{threads} threads");
}

#[test]
fn a_greeting_has_to_come_in_time_however_it_comes() {
    let (_world, socket) = watched();
    let mut silent = UnixStream::connect(&socket).unwrap();
    let mut slow = UnixStream::connect(&socket).unwrap();
    let mut hello = Vec::new();
    frame::write(&mut hello, &Hello::own()).unwrap();
    let began = Instant::now();
    let talks = std::thread::spawn(move || {
        for byte in hello {
            if slow.write_all(&[byte]).is_err() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        false
    });
    silent.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "it is hung up on");
    assert!(talks.join().unwrap(), "a byte now and then is no greeting");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_daemon_that_is_stopped_says_so_to_its_dashboards() {
    let (world, socket) = watched();
    let mut updates: Vec<_> = (0..5)
        .map(|_| Client::connect(&socket).unwrap().subscribe(Subscription::dashboard(Vec::new())).unwrap())
        .collect();
    eventually("there is something to show", || updates.iter_mut().all(|updates| updates.wait().is_ok()));
    assert!(world.run(&["daemon", "stop", "p"]).status.success());
    for mut updates in updates {
        let said = loop {
            if let Err(error) = updates.wait() {
                break error;
            }
        };
        assert!(matches!(said, IpcError::Stopped), "{said}");
        assert!(said.to_string().contains("was stopped"), "{said}");
    }
}
