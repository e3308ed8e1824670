//! What an honest client notices of hostile ones: how long it waits for an answer meanwhile.
//!
//! `cargo bench --bench hostile [-- SECONDS [ATTACK…]]` runs a daemon on 200 runs of 20 metrics, two of which grow, and attacks it in one
//! way after another, and then in all at once; each attack is several processes of the same user (whoever is another is shut
//! out by the socket's owner). The honest client is a process that asks, forty times a second, how the daemon is on one connection,
//! and for the runs on a new one each time. It asks a second daemon the same, on the same logs, which nobody attacks: what that
//! takes is what the attackers' own use of the processor costs ("beside"). The table has the median, 99 % and the longest wait of each, how many
//! questions were refused or broken off, and the daemon's share of a core and its most threads. The aim is 50 ms for 99 of 100 answers.
//!
//! | attack | what each of its processes does |
//! |---|---|
//! | partial | 60 connections that begin a greeting or a question, and stop in the middle of it |
//! | flood | 16 connections on which 200 questions are asked before an answer is read, small ones and snapshots of everything |
//! | slow | 20 subscriptions and 20 snapshots of which a byte is read now and then |
//! | crowd | 100 connections that greet, say nothing, and come back when they are sent away; ten such processes |
//! | versions | greets as other versions and what is none, as fast as it is answered |
//! | garbage | random bytes, lengths of 4 GiB, a MiB of brackets |
//! | churn | connects and leaves, as fast as it can |

#[path = "common/process.rs"]
mod process;

use mixlaw::ipc::client::Client;
use mixlaw::ipc::frame;
use mixlaw::ipc::protocol::{Hello, Query, Request, Response};
use mixlaw::ipc::topic::Subscription;
use process::{Daemon, machine, quantile};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The attacks, and how many processes make each.
const ATTACKS: [(&str, usize); 7] =
    [("partial", 4), ("flood", 2), ("slow", 3), ("crowd", 10), ("versions", 2), ("garbage", 2), ("churn", 2)];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [role, kind, socket] = arguments.as_slice()
        && role == "--attack"
    {
        return attack(kind, Path::new(socket));
    }
    let seconds = arguments.first().and_then(|a| a.parse().ok()).unwrap_or(10.0);
    let wanted: Vec<&str> = arguments.iter().skip(1).map(String::as_str).collect();
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let (project, state) = (scratch.path().join("p"), scratch.path().join("state"));
    write(&project);
    let daemon = Daemon::start(&project, &state);
    let socket = daemon.socket_in_time();
    daemon.wait_for(200 * 20 * 50);
    let spared = Daemon::start(&project, &scratch.path().join("spared"));
    let spared_socket = spared.socket_in_time();
    spared.wait_for(200 * 20 * 50);
    std::thread::sleep(Duration::from_secs(2));
    println!("an honest client's answers, {seconds} s of each attack; {}", machine());
    println!(
        "{:<10} {:>9} | {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7} | {:>7} {:>7} {:>7} | {:>7} {:>8} {:>8}",
        "attack",
        "processes",
        "p50 ms",
        "p99 ms",
        "max ms",
        "p50 new",
        "p99 new",
        "max new",
        "p50 bes",
        "p99 bes",
        "max bes",
        "refused",
        "daemon %",
        "threads"
    );
    let mut attacks: Vec<(&str, Vec<(&str, usize)>)> = vec![("none", Vec::new())];
    attacks.extend(ATTACKS.iter().map(|attack| (attack.0, vec![*attack])));
    attacks.push(("all", ATTACKS.to_vec()));
    attacks.retain(|(name, _)| wanted.is_empty() || wanted.contains(name));
    for (name, kinds) in attacks {
        let attackers: Vec<Child> = kinds
            .iter()
            .flat_map(|(kind, processes)| std::iter::repeat_n(kind, *processes))
            .map(|kind| {
                Command::new(std::env::current_exe().expect("this program"))
                    .args(["--attack", kind, &socket.display().to_string()])
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("an attacker")
            })
            .collect();
        if !attackers.is_empty() {
            std::thread::sleep(Duration::from_secs(1));
        }
        let processes = attackers.len();
        let honest = Honest::ask(&daemon, &socket, &spared_socket, &project, seconds);
        for mut attacker in attackers {
            let _ = attacker.kill();
            let _ = attacker.wait();
        }
        honest.print(name, processes);
        // What they left behind is let go of.
        std::thread::sleep(Duration::from_secs(3));
    }
    println!("memory of the daemon: {:.0} MB, at most {:.0} MB", daemon.memory() / 1e6, daemon.peak_memory() / 1e6);
    daemon.stop();
    spared.stop();
}

fn write(project: &Path) {
    for run in 0..200 {
        let mut text = String::new();
        for step in 0..50 {
            let _ = write!(text, "{{\"step\": {step}");
            for metric in 0..20 {
                let _ =
                    write!(text, ", \"layer/{metric}/norm\": {:.3}", 2.0 + f64::from((step * 7 + metric + run) % 97));
            }
            text.push_str("}\n");
        }
        let folder = project.join(format!("runs/run-{run:03}"));
        std::fs::create_dir_all(&folder).expect("a run");
        std::fs::write(folder.join("metrics.jsonl"), text).expect("a log");
    }
    std::fs::write(project.join("mixlaw.yaml"), "runs:\n  - path: runs/*\n").expect("a project");
}

/// What an honest client saw.
struct Honest {
    same: Vec<f64>,
    new: Vec<f64>,
    /// New connections to the daemon that nobody attacks.
    beside: Vec<f64>,
    refused: usize,
    share: f64,
    threads: usize,
}

impl Honest {
    fn ask(daemon: &Daemon, socket: &Path, spared: &Path, project: &Path, seconds: f64) -> Self {
        let mut seen =
            Self { same: Vec::new(), new: Vec::new(), beside: Vec::new(), refused: 0, share: 0.0, threads: 0 };
        let mut kept = Client::connect(socket).ok();
        let (began, before) = (Instant::now(), daemon.seconds());
        let mut step = 1000;
        while began.elapsed().as_secs_f64() < seconds {
            let asked = Instant::now();
            // One that was sent away comes back; what it waits for that is part of it.
            let mut client = kept.take().or_else(|| Client::connect(socket).ok());
            let answer = client.as_mut().and_then(|client| client.query(Query::Status).ok());
            match answer {
                Some(Response::Answer(_)) => kept = client,
                _ => seen.refused += 1,
            }
            seen.same.push(1e3 * asked.elapsed().as_secs_f64());
            let asked = Instant::now();
            let answer = Client::connect(socket).and_then(|mut client| client.query(Query::Runs));
            seen.refused += usize::from(!matches!(answer, Ok(Response::Answer(_))));
            seen.new.push(1e3 * asked.elapsed().as_secs_f64());
            let asked = Instant::now();
            Client::connect(spared).and_then(|mut client| client.query(Query::Runs)).expect("an answer");
            seen.beside.push(1e3 * asked.elapsed().as_secs_f64());
            seen.threads = seen.threads.max(daemon.threads());
            step += 1;
            for run in [3, 7] {
                let log = project.join(format!("runs/run-{run:03}/metrics.jsonl"));
                let mut log = std::fs::OpenOptions::new().append(true).open(log).expect("a log");
                writeln!(log, "{{\"step\": {step}, \"layer/1/norm\": 2.5}}").expect("a line");
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        seen.share = 100.0 * (daemon.seconds() - before) / began.elapsed().as_secs_f64();
        seen.same.sort_by(f64::total_cmp);
        seen.new.sort_by(f64::total_cmp);
        seen.beside.sort_by(f64::total_cmp);
        seen
    }

    fn print(&self, name: &str, processes: usize) {
        let [same, new, beside] =
            [&self.same, &self.new, &self.beside].map(|all| [0.5, 0.99, 1.0].map(|part| quantile(all, part)));
        println!(
            "{name:<10} {processes:>9} | {:>7.1} {:>7.1} {:>7.1} | {:>7.1} {:>7.1} {:>7.1} | {:>7.1} {:>7.1} {:>7.1} | {:>7} {:>8.0} {:>8}",
            same[0],
            same[1],
            same[2],
            new[0],
            new[1],
            new[2],
            beside[0],
            beside[1],
            beside[2],
            self.refused,
            self.share,
            self.threads
        );
    }
}

/// Attacks until it is killed.
fn attack(kind: &str, socket: &Path) {
    match kind {
        "partial" => many(60, || partial(socket)),
        "flood" => many(16, || flood(socket)),
        "slow" => many(40, || slow(socket)),
        "crowd" => many(100, || idle(socket)),
        "versions" => many(4, || versions(socket)),
        "garbage" => many(4, || garbage(socket)),
        "churn" => many(4, || UnixStream::connect(socket).map(drop)),
        other => panic!("no attack {other}"),
    }
}

/// Does it again and again, so many at a time.
fn many(times: usize, work: impl Fn() -> std::io::Result<()> + Sync) {
    std::thread::scope(|scope| {
        for _ in 0..times {
            scope.spawn(|| {
                loop {
                    if work().is_err() {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                }
            });
        }
    });
}

/// A number that differs from call to call.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

fn framed(request: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame::write(&mut bytes, request).expect("a frame");
    bytes
}

fn greeted(socket: &Path) -> std::io::Result<UnixStream> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    frame::write(&mut stream, &Hello::own())?;
    match frame::read::<Hello>(&mut stream, frame::MAX_RESPONSE)? {
        Some(_) => Ok(stream),
        None => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Begins to say something, and waits until it is hung up on.
fn partial(socket: &Path) -> std::io::Result<()> {
    let mut stream = if random().is_multiple_of(2) {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(&[40, 0, 0, 0, b'{'])?;
        stream
    } else {
        let mut stream = greeted(socket)?;
        let request = framed(&Request::Query(Query::Status));
        stream.write_all(&request[..request.len() / 2])?;
        stream
    };
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

/// Asks far more than it reads, and then reads it.
fn flood(socket: &Path) -> std::io::Result<()> {
    let mut stream = greeted(socket)?;
    let mut reader = stream.try_clone()?;
    let whole = random().is_multiple_of(4);
    let question = framed(&Request::Query(if whole { Query::Snapshot } else { Query::Status }));
    let asks = std::thread::spawn(move || stream.write_all(&question.repeat(200)));
    // What is in the answers does not matter to it.
    let mut waste = vec![0; 1 << 16];
    for _ in 0..200 {
        let mut length = [0; 4];
        reader.read_exact(&mut length)?;
        let mut left = u32::from_le_bytes(length) as usize;
        while left > 0 {
            let most = left.min(waste.len());
            match reader.read(&mut waste[..most])? {
                0 => return Ok(()),
                n => left -= n,
            }
        }
    }
    let _ = asks.join();
    Ok(())
}

/// Reads a byte now and then of what is long.
fn slow(socket: &Path) -> std::io::Result<()> {
    let mut stream = greeted(socket)?;
    let wants = if random().is_multiple_of(2) {
        Request::Subscribe(Subscription::everything(None))
    } else {
        Request::Query(Query::Snapshot)
    };
    stream.write_all(&framed(&wants))?;
    while stream.read(&mut [0; 1])? > 0 {
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn idle(socket: &Path) -> std::io::Result<()> {
    let mut stream = greeted(socket)?;
    stream.set_read_timeout(None)?;
    while stream.read(&mut [0; 64])? > 0 {}
    Ok(())
}

fn versions(socket: &Path) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let hello = match random() % 3 {
        0 => frame::write(&mut stream, &Hello { protocol: 1, ..Hello::own() }),
        1 => frame::write(&mut stream, &Hello { protocol: u32::MAX, build: "x".repeat(100_000), pid: 0 }),
        _ => frame::write(&mut stream, &"hello"),
    };
    hello?;
    while stream.read(&mut [0; 512])? > 0 {}
    Ok(())
}

fn garbage(socket: &Path) -> std::io::Result<()> {
    let mut stream = if random().is_multiple_of(2) { greeted(socket)? } else { UnixStream::connect(socket)? };
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    match random() % 3 {
        0 => stream.write_all(&[0xff; 64])?,
        1 => {
            let noise: Vec<u8> = (0..512).flat_map(|_| random().to_le_bytes()).collect();
            stream.write_all(&noise)?;
        }
        _ => {
            let brackets = vec![b'['; frame::MAX_REQUEST];
            stream.write_all(&(brackets.len() as u32).to_le_bytes())?;
            stream.write_all(&brackets)?;
        }
    }
    while stream.read(&mut [0; 512])? > 0 {}
    Ok(())
}
