//! The loads of every expert of a large model, logged at every step: how fast they are read, what they take, how soon they are seen.
//!
//! `cargo bench --bench routers` writes a run of 64 layers of 128 experts and 10,000 steps, 82 million points of four significant
//! digits (`moe_ep_usage/L-3_EP-17`, percent of a layer's tokens; each load drifts slowly, with noise of 1 %), some 2.9 GB of JSON
//! lines, and has a daemon read it. It prints
//!
//! * points, MB and seconds of reading, beside a log of the same lengths of keys and values with 16 metrics on a line (a fourth of
//!   the bytes), which is the usual rate; by the clock, and by processor time, so that other work on the machine does not count;
//! * bytes a point of the store when it has been compacted, beside pco (level 12, each series whole) and zstd (level 19, a layer's
//!   columns as f64 and as text; where the program is installed) on the loads of one layer;
//! * the most memory while it read, and what it holds at rest;
//! * how long the daemon takes to answer what the *Router* view asks for at 200 columns, and the frame with the map.
//!
//! The aims: at most 3 bytes a point, else 10 % more than the compressor; 200 MB; 16 ms a frame. `-- --quick` is a tenth of the
//! steps.

#[path = "common/process.rs"]
mod process;

use mixlaw::ipc::client::Client;
use mixlaw::ipc::protocol::{Query, Response, StatusAnswer};
use mixlaw::ipc::router::RouterQuery;
use mixlaw::ipc::topic::Subscription;
use mixlaw::tui::{Answer, Depth, Model, Question, Theme, ThemeName, ViewId, view};
use mixlaw::vocab::Snapshot;
use process::{Daemon, machine, quantile};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng as _, SeedableRng as _};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LAYERS: usize = 64;
const EXPERTS: usize = 128;
const STEPS: usize = 10_000;
/// Metrics on a line of the usual log.
const FEW: usize = 16;
const SIZE: (u16, u16) = (200, 50);
const FRAMES: usize = 200;

fn main() {
    let quick = std::env::args().any(|a| a == "--quick");
    let steps = if quick { STEPS / 10 } else { STEPS };
    let scratch = tempfile::tempdir().expect("a scratch directory");
    println!("{LAYERS} layers of {EXPERTS} experts, {steps} steps; {}", machine());
    let (routed, usual) = (scratch.path().join("routed"), scratch.path().join("usual"));
    let (bytes, layer) = write_loads(&project(&routed), steps);
    write_usual(&project(&usual), bytes / 4);
    println!(
        "{:<22} {:>10} {:>8} {:>8} {:>10} {:>8} {:>10}",
        "log", "points", "MB", "s", "points/s", "cpu s", "points/s"
    );
    let many = read("every expert's load", &routed, (steps * LAYERS * EXPERTS) as u64);
    let few = read("16 metrics a line", &usual, 0);
    println!(
        "rate over the usual one: {:.2} by the clock, {:.2} by processor time",
        many.rate.0 / few.rate.0,
        many.rate.1 / few.rate.1
    );
    few.daemon.stop();
    let peak = many.daemon.peak_memory() / 1e6;
    let store = compacted(&many, if quick { 15 } else { 75 });
    println!(
        "store: {:.2} bytes a point ({:.1} MB) when all was read, {:.2} ({:.1} MB) compacted",
        many.store as f64 / many.points as f64,
        many.store as f64 / 1e6,
        store as f64 / many.points as f64,
        store as f64 / 1e6
    );
    compressors(&layer, scratch.path());
    println!("memory: {peak:.1} MB at most while it read, {:.1} MB at rest", many.daemon.memory() / 1e6);
    drawn(&many);
    println!("memory: {:.1} MB at most with answers", many.daemon.peak_memory() / 1e6);
    many.daemon.stop();
}

/// A project with one run; where its log goes.
fn project(root: &Path) -> std::path::PathBuf {
    let run = root.join("runs/moe");
    std::fs::create_dir_all(&run).expect("a run");
    std::fs::write(
        root.join("mixlaw.yaml"),
        "runs:\n  - path: runs/*\ndomains: [prose, rust]\nmetrics: { prose: eval/prose/loss, rust: eval/rust/loss }\n\
         target: { params: 2M, tokens: 1.6M }\nmixture: { current: { prose: 0.8, rust: 0.2 } }\nobjective: { minimize: rust }\n",
    )
    .expect("a project");
    run.join("metrics.jsonl")
}

/// A number with four significant digits.
fn put(line: &mut String, value: f64) {
    let decimals = (3.0 - value.log10().floor()).clamp(0.0, 8.0) as usize;
    let _ = write!(line, "{value:.decimals$}");
}

/// Uniform numbers, and what sums of four of them come to, which is near enough to a normal one.
struct Noise(Xoshiro256PlusPlus);

impl Noise {
    fn next(&mut self) -> f64 {
        let bits = self.0.next_u64();
        let part = |at: u32| f64::from((bits >> at) as u16) / 65_536.0;
        (part(0) + part(16) + part(32) + part(48) - 2.0) * 3.0_f64.sqrt()
    }
}

/// Writes the loads; the bytes of the log, and the columns of the first layer as they were written.
fn write_loads(log: &Path, steps: usize) -> (u64, Vec<Vec<f64>>) {
    let mut noise = Noise(Xoshiro256PlusPlus::seed_from_u64(7));
    let mut drift = vec![0.0_f64; LAYERS * EXPERTS];
    drift.iter_mut().for_each(|x| *x = 0.3 * noise.next());
    let mut columns = vec![Vec::new(); EXPERTS];
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(log).expect("a log"));
    let (mut line, mut bytes) = (String::new(), 0);
    for step in 1..=steps {
        line.clear();
        let _ = write!(line, "{{\"step\": {step}, \"train/loss\": {:.3}", 2.0 + 6.0 / (step as f64).sqrt());
        for layer in 0..LAYERS {
            let of_layer = &mut drift[layer * EXPERTS..(layer + 1) * EXPERTS];
            // Balancing pulls loads back to an even one.
            of_layer.iter_mut().for_each(|x| *x = 0.999 * *x + 0.004 * noise.next());
            let loads: Vec<f64> = of_layer.iter().map(|x| x.exp() * (1.0 + 0.01 * noise.next())).collect();
            let sum: f64 = loads.iter().sum();
            for (expert, load) in loads.iter().enumerate() {
                let _ = write!(line, ", \"moe_ep_usage/L-{layer}_EP-{expert}\": ");
                let at = line.len();
                put(&mut line, 100.0 * load / sum);
                if layer == 0 {
                    columns[expert].push(line[at..].parse().expect("a number"));
                }
            }
        }
        line.push_str("}\n");
        bytes += line.len() as u64;
        out.write_all(line.as_bytes()).expect("a log");
    }
    out.flush().expect("a log");
    (bytes, columns)
}

/// Writes a log of so many bytes with few metrics on a line, whose keys are as long and whose values are such as loads.
fn write_usual(log: &Path, bytes: u64) {
    let mut noise = Noise(Xoshiro256PlusPlus::seed_from_u64(8));
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(log).expect("a log"));
    let (mut line, mut written) = (String::new(), 0);
    for step in 1.. {
        line.clear();
        let _ = write!(line, "{{\"step\": {step}, \"train/loss\": {:.3}", 2.0 + 6.0 / f64::from(step).sqrt());
        for metric in 0..FEW {
            let _ = write!(line, ", \"train/grad_norm/L-{metric:02}/w\": ");
            put(&mut line, 0.78 * (1.0 + 0.01 * noise.next()));
        }
        line.push_str("}\n");
        written += line.len() as u64;
        out.write_all(line.as_bytes()).expect("a log");
        if written >= bytes {
            break;
        }
    }
    out.flush().expect("a log");
}

/// A daemon that has read a log.
struct Read {
    daemon: Daemon,
    socket: std::path::PathBuf,
    points: u64,
    /// Bytes of the store.
    store: u64,
    /// Points a second: by the clock, by processor time.
    rate: (f64, f64),
}

impl Read {
    fn status(&self) -> StatusAnswer {
        status(&self.socket)
    }
}

fn status(socket: &Path) -> StatusAnswer {
    match Client::connect(socket).expect("an answer").query(Query::Status).expect("an answer") {
        Response::Answer(text) => serde_json::from_str(text.get()).expect("a status"),
        other => panic!("{other:?}"),
    }
}

/// Has a daemon read a log of at least so many points to its end, which is where it has no more of them for two seconds.
fn read(what: &str, root: &Path, least: u64) -> Read {
    let bytes = std::fs::metadata(root.join("runs/moe/metrics.jsonl")).expect("a log").len();
    let state = root.join("state");
    let started = Instant::now();
    let daemon = Daemon::start(root, &state);
    let socket = daemon.socket_in_time();
    let (mut points, mut since, mut wall, mut cpu) = (0, Instant::now(), 0.0, 0.0);
    while points < least.max(1) || since.elapsed() < Duration::from_secs(2) {
        let now = status(&socket).daemon.points;
        if now != points {
            (points, since) = (now, Instant::now());
            (wall, cpu) = (started.elapsed().as_secs_f64(), daemon.seconds());
        }
        assert!(since.elapsed() < Duration::from_secs(120), "{points} points, and no more come");
        std::thread::sleep(Duration::from_millis(50));
    }
    let rate = (points as f64 / wall, points as f64 / cpu);
    println!(
        "{what:<22} {points:>10} {:>8.0} {wall:>8.1} {:>10.0} {cpu:>8.1} {:>10.0}",
        bytes as f64 / 1e6,
        rate.0,
        rate.1
    );
    let store = status(&socket).figures.expect("figures").store_bytes;
    Read { daemon, socket, points, store, rate }
}

/// Bytes of the store when they have not changed for a while.
fn compacted(read: &Read, still: u64) -> u64 {
    let (begun, mut since, mut bytes) = (Instant::now(), Instant::now(), 0);
    while since.elapsed() < Duration::from_secs(still) && begun.elapsed() < Duration::from_secs(6 * still) {
        let now = read.status().figures.expect("figures").store_bytes;
        if now != bytes {
            (bytes, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    bytes
}

/// Bytes a point by compressors that have nothing to do but to compress.
fn compressors(layer: &[Vec<f64>], scratch: &Path) {
    let points: usize = layer.iter().map(Vec::len).sum();
    let config = pco::ChunkConfig::default().with_compression_level(12);
    let packed = |column: &Vec<f64>| pco::standalone::simple_compress(column, &config).expect("a column").len();
    let size: usize = layer.iter().map(packed).sum();
    println!("pco 12, each series whole: {:.2} bytes a point, without steps", size as f64 / points as f64);
    let binary: Vec<u8> = layer.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let mut text = String::new();
    for value in layer.iter().flatten() {
        put(&mut text, *value);
        text.push('\n');
    }
    for (what, bytes) in [("columns as f64", binary.as_slice()), ("columns as text", text.as_bytes())] {
        let path = scratch.join("layer");
        std::fs::write(&path, bytes).expect("a file");
        let packed = Command::new("zstd").args(["-q", "-19", "-c"]).arg(&path).stderr(Stdio::null()).output();
        match packed.map(|out| (out.status.success(), out.stdout.len())) {
            Ok((true, size)) => {
                println!("zstd 19, {what}: {:.2} bytes a point, without steps", size as f64 / points as f64)
            }
            _ => println!("zstd is not installed"),
        }
    }
}

/// The answer of the daemon, and the frame with the map.
fn drawn(read: &Read) {
    let mut updates = Client::connect(&read.socket)
        .and_then(|client| client.subscribe(Subscription::everything(None)))
        .expect("a subscription");
    let snapshot: Snapshot = loop {
        let snapshot = updates.wait().expect("a change").snapshot(0.0);
        if snapshot.runs.iter().any(|run| run.metrics.len() > LAYERS * EXPERTS) {
            break snapshot;
        }
    };
    let run = snapshot.runs[0].id;
    let mut model = Model::showing(Arc::new(snapshot), Theme::new(ThemeName::Dark, Depth::True), SIZE);
    model.go(ViewId("router"));
    // Beside all other views it has no room for a map here.
    model.shared.zoomed = true;
    model.settle();
    let (area, mut times) = (Rect::new(0, 0, SIZE.0, SIZE.1), Vec::new());
    let mut buf = Buffer::empty(area);
    view(&model, area, &mut buf);
    let asked = model.questions().expect("questions").questions;
    let question = asked
        .into_iter()
        .find(|question| matches!(question, Question::Router(RouterQuery { run: of, .. }) if *of == run))
        .expect("the question for a map");
    let mut answers = Vec::new();
    for _ in 0..3 {
        let started = Instant::now();
        let said = Client::connect(&read.socket).expect("an answer").query(question.query()).expect("an answer");
        let Response::Answer(text) = said else { panic!("{said:?}") };
        let answered = question.answered(Ok(text.get()));
        times.push(started.elapsed().as_secs_f64() * 1e3);
        assert!(matches!(answered.answer, Answer::Router(_)), "{:?}", answered.answer);
        answers = vec![answered];
    }
    println!("what the view asks for: {:.0} ms, then {:.0} and {:.0} ms", times[0], times[1], times[2]);
    model.shared.answers = Arc::new(answers);
    let mut frames: Vec<f64> = (0..FRAMES)
        .map(|_| {
            let started = Instant::now();
            buf.reset();
            view(&model, area, &mut buf);
            started.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let signs = buf.content().iter().filter(|cell| ["░", "▒", "▓"].contains(&cell.symbol())).count();
    assert!(signs > 1_000, "{signs} cells of a map");
    frames.sort_by(f64::total_cmp);
    println!(
        "frame with the map, {} x {}: {:.2} ms, {:.2} ms at the 99th percentile",
        SIZE.0,
        SIZE.1,
        quantile(&frames, 0.5),
        quantile(&frames, 0.99)
    );
}
