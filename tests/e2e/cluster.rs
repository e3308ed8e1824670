//! Many machines over one stream, with a real `nats-server`: `mixlaw collect` on each, a daemon that reads the stream, and whatever
//! dies in between. Where there is no `nats-server`, the tests say so and pass (`apt-get install nats-server`).

use crate::common::{World, eventually, kill, stderr, stdout};
use crate::kill::{Logged, exported_points, logged_points};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A server, which ends with this.
struct Nats {
    child: Option<Child>,
    program: PathBuf,
    directory: PathBuf,
    port: u16,
    more: Vec<String>,
}

impl Nats {
    /// One that runs; `None` where there is none to start.
    fn new(world: &World, more: &[&str]) -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
        let Some(program) = places.map(|p| p.join("nats-server")).find(|p| p.is_file()) else {
            eprintln!("skipped: there is no nats-server; install it: apt-get install nats-server");
            return None;
        };
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let more = more.iter().map(|word| (*word).to_owned()).collect();
        let mut nats = Self { child: None, program, directory: world.path().join("nats"), port, more };
        nats.start();
        Some(nats)
    }

    fn start(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string()]).args(&self.more);
        if !self.more.iter().any(|word| word == "--plain") {
            command.args(["-js", "-sd"]).arg(&self.directory);
        }
        let mut args: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
        args.retain(|word| word != "--plain");
        let mut command = Command::new(&self.program);
        let child = command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.child = Some(child);
        eventually("the server answers", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn address(&self) -> String {
        format!("nats://127.0.0.1:{}/sweeps", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A process that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A machine with runs, and its collector.
struct Node {
    name: String,
    directory: PathBuf,
    collector: Option<Running>,
}

impl Node {
    fn new(world: &World, name: &str) -> Self {
        let directory = world.path().join(name);
        std::fs::create_dir_all(directory.join("runs")).unwrap();
        Self { name: name.to_owned(), directory, collector: None }
    }

    fn command(&self, world: &World, address: &str, more: &[&str]) -> Command {
        let project = self.directory.display().to_string();
        let mut command = world.mixlaw(&["collect", &project, "--to", address, "--node", &self.name]);
        command.args(more).env("MIXLAW_STATE", world.path().join(format!("state-{}", self.name)));
        command
    }

    fn start(&mut self, world: &World, address: &str) {
        let mut command = self.command(world, address, &[]);
        self.collector = Some(Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()));
    }

    /// Adds lines to a run's log. Each value says which line it is.
    fn log(&self, run: &str, lines: std::ops::Range<u32>, metrics: u32) {
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

fn exported(world: &World, project: &Path, state: &str) -> Vec<Logged> {
    let project = project.display().to_string();
    let output = world.mixlaw(&["export", &project]).env("MIXLAW_STATE", world.path().join(state)).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let mut points = exported_points(&stdout(&output));
    points.sort();
    points
}

/// A project that reads the stream.
fn reader(world: &World, nats: &Nats, name: &str) -> PathBuf {
    world.write(&format!("{name}/mixlaw.yaml"), format!("laws: [dcpt]\nruns:\n  - stream: {}\n", nats.address()));
    world.path().join(name)
}

fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn points_over_a_stream_are_those_of_the_files_whoever_is_killed() {
    let world = World::new();
    let Some(mut nats) = Nats::new(&world, &[]) else { return };
    let soak = std::env::var_os("MIXLAW_SOAK").is_some();
    let (kills, runs, metrics) = if soak { (number("MIXLAW_KILLS", 100), 125, 100) } else { (8, 4, 5) };
    let seed = number("MIXLAW_SEED", 1);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let address = nats.address();
    let mut nodes: Vec<Node> = (0..if soak { 8 } else { 3 }).map(|n| Node::new(&world, &format!("n{n}"))).collect();
    let project = reader(&world, &nats, "reader");
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
    for node in &mut nodes {
        node.collector = None;
        let output = node.command(&world, &address, &["--once"]).output().unwrap();
        assert!(output.status.success(), "{}", stderr(&output));
    }
    let of = |node: &Node| logged_points(&node.directory.join("runs"));
    let mut files: Vec<Logged> = nodes.iter().flat_map(of).collect();
    files.sort();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    let mut taken = exported(&world, &project, "state");
    while taken.len() < files.len() && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(100));
        taken = exported(&world, &project, "state");
    }
    let by_run = |points: &[Logged]| {
        let mut runs = std::collections::BTreeMap::<String, usize>::new();
        points.iter().for_each(|point| *runs.entry(point.0.clone()).or_default() += 1);
        runs
    };
    let mut status = stdout(&world.run(&["daemon", "status", &path])) + &stdout(&world.run(&["check", &path]));
    for node in &nodes {
        status += &stdout(&node.command(&world, &address, &["--status"]).output().unwrap());
    }
    assert_eq!(by_run(&taken), by_run(&files), "seed {seed}: points of each run; {status}");
    assert!(taken == files, "seed {seed}: points differ");
    // Whoever comes later has the same from the beginning of the stream.
    let late = reader(&world, &nats, "late");
    assert!(exported(&world, &late, "state-late") == files, "seed {seed}: a second daemon's points differ");
    assert!(world.run(&["daemon", "stop", &path]).status.success());
}

#[test]
fn a_stream_that_is_lost_is_filled_again() {
    let world = World::new();
    let Some(mut nats) = Nats::new(&world, &[]) else { return };
    let mut node = Node::new(&world, "n1");
    node.log("a", 0..50, 3);
    node.start(&world, &nats.address());
    let project = reader(&world, &nats, "reader");
    let path = project.display().to_string();
    assert!(world.run(&["daemon", "start", &path]).status.success());
    let count = |world: &World| exported(world, &project, "state").len();
    eventually("the points are there", || count(&world) == 200);
    nats.kill();
    std::fs::remove_dir_all(&nats.directory).unwrap();
    node.log("a", 50..60, 3);
    nats.start();
    node.log("a", 60..61, 3);
    eventually("what was logged meanwhile is there, and nothing twice", || count(&world) == 244);
    let late = reader(&world, &nats, "late");
    assert_eq!(exported(&world, &late, "state-late").len(), 244);
    let status = world.run(&["daemon", "status", &path]);
    assert!(stdout(&status).contains("stream (1 node, 0 messages behind"), "{}", stdout(&status));
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
    assert!(!done && said.to_lowercase().contains("authorization"), "{said}");
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
    conf(100_000_000);
    nats.kill();
    nats.start();
    eventually("everything was sent", || status().contains("all that is logged was sent"));
    let project = reader(&world, &nats, "reader");
    assert_eq!(exported(&world, &project, "state").len(), lines as usize * 21);
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
    let project = reader(&world, &nats, "reader").display().to_string();
    let checked = world.run(&["check", &project]);
    let said = stdout(&checked) + &stderr(&checked);
    assert!(said.contains("runs/same is written by 2 nodes: n1, n2"), "{said}");
    assert!(said.contains("n2:metrics.jsonl"), "{said}");
}
