//! Points over a stream beside points read where they are: files through a real `nats-server` into a second store.
//!
//! `cargo bench --bench stream --features nats` (needs `nats-server`; `MIXLAW_BENCH_POINTS` sets how many, 10 M without): points a second
//! read locally, sent, and taken up, with processor time of this process and of the server; bytes of a point on the wire; then ten
//! seconds of 10,000 points a second from 100 runs, and how long after its append each line is in the second store.
//!
//! Reading locally and reading to send are the same ingest; sending and taking up run one after the other here, so that each has a
//! figure, and together in practice.

use mixlaw::daemon::collector::Collector;
use mixlaw::ingest::{Budget, Look, Sources};
use mixlaw::project::server::Address;
use mixlaw::project::{Project, RunSource, StreamSource};
use mixlaw::store::{ReadStore, SledStore};
use mixlaw::stream::link::Limits;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const RUNS: usize = 100;
const METRICS: usize = 100;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// Processor time of a process, seconds.
fn processor(pid: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let ticks: f64 = after.split(' ').skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / 100.0
}

fn memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// One line of a log: 100 metrics with four digits, as trainers print them, and when it was written.
fn line(run: usize, step: usize) -> String {
    let mut text = format!("{{\"step\": {step}, \"at\": {:.6}", now());
    for metric in 0..METRICS - 2 {
        // As noisy as a loss is: a curve alone would be packed to nothing.
        let noise = xxhash_rust::xxh3::xxh3_64(&[run, step, metric].map(usize::to_le_bytes).concat()) % 1000;
        let curve = 2.0 + (run as f64 * 0.01 + metric as f64 * 0.37).sin() + 8.0 / (step as f64 + 10.0).sqrt();
        let value = curve + noise as f64 * 1e-4;
        text.push_str(&format!(", \"train/layer_{metric}/loss\": {value:.4}"));
    }
    text.push_str("}\n");
    text
}

fn main() {
    let program = ["/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"];
    let Some(program) = program.into_iter().find(|program| Path::new(program).is_file()) else {
        println!("skipped: there is no nats-server; install it: apt-get install nats-server");
        return;
    };
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let at = |name: &str| scratch.path().join(name);
    let points: usize = std::env::var("MIXLAW_BENCH_POINTS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000_000);
    let lines = points / RUNS / METRICS;
    for run in 0..RUNS {
        let folder = at("node/runs").join(format!("r{run}"));
        std::fs::create_dir_all(&folder).expect("a run");
        let mut file = std::io::BufWriter::new(File::create(folder.join("log.jsonl")).expect("a log"));
        (1..=lines).for_each(|step| file.write_all(line(run, step).as_bytes()).expect("a line"));
    }
    let points = (lines * RUNS * METRICS) as f64;
    let port = 14_800 + std::process::id() % 1000;
    let address = format!("nats://127.0.0.1:{port}/bench");
    let mut server = Command::new(program);
    server.args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]).arg(at("nats"));
    let server = Server(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a server"));
    let server_pid = server.0.id().to_string();
    std::thread::sleep(Duration::from_secs(1));
    let runs = vec![RunSource { path: "runs/*".to_owned(), at: None, filter: Vec::new() }];
    let node = Project { root: at("node"), name: "node".to_owned(), runs, ..Project::default() };
    let streams = vec![StreamSource { address: address.clone(), at: None }];
    let reader = Project { root: at("reader"), streams, ..Project::default() };

    let measured = |what: &str, work: &mut dyn FnMut()| {
        let (wall, own, its) = (Instant::now(), processor("self"), processor(&server_pid));
        work();
        let (wall, own, its) = (wall.elapsed().as_secs_f64(), processor("self") - own, processor(&server_pid) - its);
        println!(
            "{what:<22} {:>5.2} M points/s, {:>5.2} M a second of processor; server {:.2} s of {wall:.2} s",
            points / wall / 1e6,
            points / own.max(0.01) / 1e6,
            its
        );
        own
    };
    let drain = |sources: &mut Sources| {
        sources.set_complete(true);
        let mut look = Look::Everything;
        while sources.turn(&look, Budget { time: Duration::from_secs(1) }).expect("a store").more {
            look = Look::Hints(Vec::new());
        }
    };
    println!("{RUNS} runs × {METRICS} metrics × {lines} lines");
    let open = |place: PathBuf| SledStore::open(&place).expect("a store").0;
    let local = measured("read where they are", &mut || {
        let store = open(at("local"));
        drain(&mut Sources::of_files(&node, &store));
        assert_eq!(store.points() as f64, points);
    });
    let collector = |once| Collector {
        project: node.clone(),
        place: at("collect"),
        address: Address::parse(&address).expect("an address"),
        node: "n1".to_owned(),
        once,
        again: false,
        limits: Limits::default(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let (mut bytes, mut messages) = (0, 0);
    let sent = measured("read and sent", &mut || {
        let status = collector(true).run(&stop, &|_| {}).map_err(|e| e.message).expect("a collector");
        assert_eq!(status.points as f64, points);
        (bytes, messages) = (status.bytes, status.messages);
    });
    println!("{:<22} {:.2} bytes a point", "on the wire", bytes as f64 / points);
    let store = open(at("second"));
    let (wake, woken) = crossbeam_channel::unbounded();
    let waker: mixlaw::ingest::Waker = Arc::new(move || {
        let _ = wake.send(());
    });
    let mut sources = Sources::of(&reader, &store, &waker);
    let taken = measured("taken up", &mut || {
        drain(&mut sources);
        assert_eq!(store.points() as f64, points);
    });
    println!("over the stream, {:.2} × the points of reading them where they are, a core", local / (sent + taken));

    // 10,000 points a second: a line of each run every second, spread over it.
    sources.set_complete(false);
    let seconds = 10;
    let mut lags: Vec<f64> = Vec::new();
    let (own, its) = (processor("self"), processor(&server_pid));
    let (going, stop) = (&AtomicBool::new(true), &stop);
    let live = std::thread::scope(|scope| {
        let sending = move || collector(false).run(stop, &|_| {}).map_err(|e| e.message).expect("a collector");
        let sending = scope.spawn(sending);
        std::thread::sleep(Duration::from_secs(2));
        scope.spawn({
            let root = node.root.clone();
            move || {
                let began = Instant::now();
                for step in 0..seconds {
                    for run in 0..RUNS {
                        let due = Duration::from_millis((step * RUNS + run) as u64 * 1000 / RUNS as u64);
                        std::thread::sleep(due.saturating_sub(began.elapsed()));
                        let path = root.join(format!("runs/r{run}/log.jsonl"));
                        let mut file = OpenOptions::new().append(true).open(path).expect("a log");
                        file.write_all(line(run, lines + 1 + step).as_bytes()).expect("a line");
                    }
                }
                std::thread::sleep(Duration::from_secs(2));
                going.store(false, Ordering::Relaxed);
            }
        });
        while going.load(Ordering::Relaxed) {
            let _ = woken.recv_timeout(Duration::from_millis(100));
            let turn = sources.turn(&Look::Hints(Vec::new()), Budget::default()).expect("a store");
            for run in turn.changed {
                let series = store.series(run, "at").expect("a series");
                let last = series.values.last().copied().unwrap_or(0.0);
                lags.push((now() - last) * 1e3);
            }
        }
        stop.store(true, Ordering::Relaxed);
        sending.join().expect("a collector")
    });
    lags.sort_by(f64::total_cmp);
    let quantile = |q: f64| lags.get(((lags.len() as f64 - 1.0) * q) as usize).copied().unwrap_or(f64::NAN);
    println!(
        "10,000 points/s: lag {:.0} ms median, {:.0} ms p99 of {} lines; both ends {:.1} % of a core, server {:.1} %",
        quantile(0.5),
        quantile(0.99),
        lags.len(),
        (processor("self") - own) / (seconds + 4) as f64 * 100.0,
        (processor(&server_pid) - its) / (seconds + 4) as f64 * 100.0
    );
    let sent = (live.messages - messages) as f64;
    println!(
        "live: {:.0} messages/s of {:.0} bytes, {:.2} bytes a point",
        sent / f64::from(seconds as u32),
        live.bytes as f64 / sent,
        live.bytes as f64 / live.points as f64
    );
    println!("most memory of this process, which was both ends: {:.0} MiB", memory());
}
