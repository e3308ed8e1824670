//! A real `nats-server`, the machines beside it, and what both have, for tests.

use crate::common::{World, eventually, stderr};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server, which ends with this.
pub struct Nats {
    child: Option<Child>,
    program: PathBuf,
    /// Where its streams are.
    pub directory: PathBuf,
    pub port: u16,
    more: Vec<String>,
}

/// A port that nobody has at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Nats {
    /// One that runs; `None` where there is none to start.
    pub fn new(world: &World, more: &[&str]) -> Option<Self> {
        Self::at(world.path().join("nats"), free_port(), more)
    }

    /// One that runs, with its streams in a directory; `None` where there is none to start.
    pub fn at(directory: PathBuf, port: u16, more: &[&str]) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let Some(program) = places.map(|p| p.join("nats-server")).find(|p| p.is_file()) else {
            eprintln!("skipped: there is no nats-server; install it: apt-get install nats-server");
            return None;
        };
        let more = more.iter().map(|word| (*word).to_owned()).collect();
        let mut nats = Self { child: None, program, directory, port, more };
        nats.start();
        Some(nats)
    }

    pub fn start(&mut self) {
        let mut args: Vec<String> = vec!["-a".into(), "127.0.0.1".into(), "-p".into(), self.port.to_string()];
        if !self.more.iter().any(|word| word == "--plain") {
            args.extend(["-js".into(), "-sd".into(), self.directory.display().to_string()]);
        }
        args.extend(self.more.iter().filter(|word| *word != "--plain").cloned());
        let mut command = Command::new(&self.program);
        let child = command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.unwrap());
        eventually("the server answers", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn pid(&self) -> i32 {
        self.child.as_ref().unwrap().id() as i32
    }

    pub fn address(&self) -> String {
        format!("nats://127.0.0.1:{}/sweeps", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that ends with this.
pub struct Running(pub Child);

impl Running {
    pub fn pid(&self) -> i32 {
        self.0.id() as i32
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Bytes of memory that a process has now.
pub fn memory(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// A machine with runs, and its collector.
pub struct Node {
    pub name: String,
    pub directory: PathBuf,
    pub collector: Option<Running>,
}

impl Node {
    pub fn new(world: &World, name: &str) -> Self {
        let directory = world.path().join(name);
        std::fs::create_dir_all(directory.join("runs")).unwrap();
        Self { name: name.to_owned(), directory, collector: None }
    }

    pub fn command(&self, world: &World, address: &str, more: &[&str]) -> Command {
        let project = self.directory.display().to_string();
        let mut command = world.mixlaw(&["collect", &project, "--to", address, "--node", &self.name]);
        command.args(more).env("MIXLAW_STATE", self.state(world));
        command
    }

    /// Where its collector keeps its state.
    pub fn state(&self, world: &World) -> PathBuf {
        world.path().join(format!("state-{}", self.name))
    }

    pub fn start(&mut self, world: &World, address: &str) {
        self.start_with(world, address, &[]);
    }

    pub fn start_with(&mut self, world: &World, address: &str, more: &[&str]) {
        let mut command = self.command(world, address, more);
        self.collector = Some(Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()));
    }

    /// Adds lines to a run's log. Each value says which line it is.
    pub fn log(&self, run: &str, lines: std::ops::Range<u32>, metrics: u32) {
        let folder = self.directory.join("runs").join(run);
        std::fs::create_dir_all(&folder).unwrap();
        let mut text = String::new();
        for line in lines {
            text.push_str(&format!("{{\"step\": {line}"));
            for metric in 0..metrics {
                text.push_str(&format!(", \"train/m{metric}\": {}", f64::from(line) + f64::from(metric) / 128.0));
            }
            text.push_str("}\n");
        }
        let mut file = OpenOptions::new().create(true).append(true).open(folder.join("metrics.jsonl")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }
}

/// The points of each run, by the last part of its name: how many, and a sum of their hashes (metric, step and the bits of the value),
/// whose order does not matter. Fifty million points are compared in a few kilobytes.
pub type Points = BTreeMap<String, (u64, u128)>;

fn add(points: &mut Points, run: &str, metric: &str, step: i64, value: f64) {
    let hash = xxhash_rust::xxh3::xxh3_128(format!("{metric}\0{step}\0{:x}", value.to_bits()).as_bytes());
    let name = run.rsplit('/').next().unwrap_or(run);
    if !points.contains_key(name) {
        points.insert(name.to_owned(), (0, 0));
    }
    let of = points.get_mut(name).unwrap();
    *of = (of.0 + 1, of.1.wrapping_add(hash));
}

/// How many there are in all.
pub fn count(points: &Points) -> u64 {
    points.values().map(|(count, _)| count).sum()
}

/// What the logs of machines have, read with a JSON library and nothing of ours.
pub fn logged<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Points {
    let mut points = Points::new();
    for run in nodes.into_iter().flat_map(|node| std::fs::read_dir(node.directory.join("runs")).unwrap().flatten()) {
        let name = run.file_name().into_string().unwrap();
        for line in BufReader::new(File::open(run.path().join("metrics.jsonl")).unwrap()).lines() {
            let record: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line.unwrap()).unwrap();
            let step = record["step"].as_i64().unwrap();
            // Every number of a record is a point, its step too.
            record.iter().for_each(|(key, value)| add(&mut points, &name, key, step, value.as_f64().unwrap()));
        }
    }
    points
}

/// A line of an export.
#[derive(Deserialize)]
struct Exported<'a> {
    #[serde(borrow)]
    run: &'a str,
    #[serde(borrow)]
    metric: &'a str,
    step: i64,
    value: f64,
}

/// What a project exports.
pub fn exported(world: &World, project: &Path, state: &str) -> Points {
    let project = project.display().to_string();
    let mut command = world.mixlaw(&["export", &project]);
    let mut child = command.env("MIXLAW_STATE", world.path().join(state)).stdout(Stdio::piped()).spawn().unwrap();
    let (mut points, mut line) = (Points::new(), String::new());
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while lines.read_line(&mut line).unwrap() > 0 {
        let point: Exported<'_> = serde_json::from_str(&line).unwrap();
        add(&mut points, point.run, point.metric, point.step, point.value);
        line.clear();
    }
    assert!(child.wait().unwrap().success());
    points
}

/// A project that reads the stream.
pub fn reader(world: &World, address: &str, name: &str) -> PathBuf {
    world.write(&format!("{name}/mixlaw.yaml"), format!("laws: [dcpt]\nruns:\n  - stream: {address}\n"));
    world.path().join(name)
}

/// Has a collector send what is left, and end.
pub fn send_the_rest(world: &World, node: &mut Node, address: &str) {
    node.collector = None;
    let output = node.command(world, address, &["--once"]).output().unwrap();
    assert!(output.status.success(), "{}: {}", node.name, stderr(&output));
}

/// A number from the environment.
pub fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Whether everything is to be tried in full.
pub fn soak() -> bool {
    std::env::var_os("MIXLAW_SOAK").is_some()
}

/// Another client of the server, in its own words (https://docs.nats.io/reference/reference-protocols/nats-protocol).
pub struct Stranger(BufReader<TcpStream>);

impl Stranger {
    pub fn new(port: u16) -> Self {
        let mut line = BufReader::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
        let mut greeting = String::new();
        line.read_line(&mut greeting).unwrap();
        assert!(greeting.starts_with("INFO "), "{greeting}");
        let mut stranger = Self(line);
        stranger.say(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true}\r\n");
        stranger
    }

    fn say(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    /// Publishes a message, with headers (`Name: value\r\n` each, or none), and waits until the server has it.
    pub fn publish(&mut self, subject: &str, headers: &str, payload: &[u8]) {
        if headers.is_empty() {
            self.say(format!("PUB {subject} {}\r\n", payload.len()).as_bytes());
        } else {
            let headers = format!("NATS/1.0\r\n{headers}\r\n");
            let (own, all) = (headers.len(), headers.len() + payload.len());
            self.say(format!("HPUB {subject} {own} {all}\r\n{headers}").as_bytes());
        }
        self.say(payload);
        self.say(b"\r\nPING\r\n");
        let mut answer = String::new();
        while answer != "PONG\r\n" {
            answer.clear();
            assert!(self.0.read_line(&mut answer).unwrap() > 0, "the server hung up");
            assert!(!answer.starts_with("-ERR"), "{answer}");
        }
    }
}
