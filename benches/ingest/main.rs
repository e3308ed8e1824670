//! How fast logs get in, what they cost there, and how soon they can be asked about.
//!
//! `cargo bench --bench ingest [-- --tensorboard PYTHON] [--quick] [--json]` prints, from one run:
//!
//! * (a) TensorBoard files against TensorBoard's own data server and `EventAccumulator`, by `benches/tensorboard.py` in
//!   a Python that has them (`pip install tensorboard tensorboard-data-server setuptools`);
//! * (b) JSON lines into the store, points and MB per second of processor time, against a loop of sonic-rs that parses
//!   the same lines to values and drops them;
//! * (c) cold start: from the start of a process to its answer, on a store of ten million points;
//! * (d) bytes a point on disk, resident memory of the daemon with ten million points, and its processor time when
//!   nothing happens; and how long that store takes to open, to be read whole, and to be opened again.
//!
//! Two trees of ten million points are made: *long* is 10 runs of 100 metrics of 10,000 points, *short* 1,000 runs of
//! 100 metrics of 100 points. Half of the metrics are rounded to four decimals, half are printed as Python prints what
//! was a float of 32 bits (`loss.item()`), with 16 digits; steps and times are points, too. Rates are by processor
//! time, all threads together, so that they mean one core and stand beside whatever else the machine does; times of
//! answers are by the clock. Every number is a median of repeats, with the least and the greatest behind it.
//! `--quick` is a tenth of the points, to see that it runs; `--json` is (b) alone.

mod logs;
#[path = "../common/process.rs"]
mod process;
mod scan;

use logs::Tree;
use mixlaw::ingest::{Budget, Ingester, Look, Source};
use mixlaw::project::Project;
use mixlaw::store::{ReadStore, SledStore};
use process::{Daemon, children_seconds, cpu_seconds, mixlaw};
use std::path::Path;
use std::time::{Duration, Instant};

const REPEATS: usize = 5;
const MIB: f64 = 1024.0 * 1024.0;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let quick = arguments.iter().any(|a| a == "--quick");
    let python = arguments.iter().position(|a| a == "--tensorboard").and_then(|at| arguments.get(at + 1));
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let part = if quick { 10 } else { 1 };
    let long = Tree::write(&scratch.path().join("long"), 10, 100, 10_000 / part);
    let short = Tree::write(&scratch.path().join("short"), 1_000 / part, 100, 100);
    let json = arguments.iter().any(|a| a == "--json");
    if !json {
        tensorboard(python, quick);
    }
    println!("\n(b) JSON lines, by processor time");
    for tree in [&long, &short] {
        json_lines(tree);
    }
    if json {
        return;
    }
    println!("\n(c) cold start, and (d) what ten million points cost; the aims are 150 ms, 100 MiB, 0.3 % and 4 bytes");
    for tree in [&long, &short] {
        daemon(tree, scratch.path(), quick);
    }
}

fn tensorboard(python: Option<&String>, quick: bool) {
    let Some(python) = python else {
        println!("(a) not measured: it needs --tensorboard PYTHON, one that has tensorboard and its data server");
        return;
    };
    println!("(a) TensorBoard event files, by the clock");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/tensorboard.py");
    let mut command = std::process::Command::new(python);
    command.arg(script).args(["--mixlaw", env!("CARGO_BIN_EXE_mixlaw")]);
    if quick {
        command.args(["--points", "500000", "--accumulator-points", "100000", "--repeats", "1"]);
    }
    let status = command.status().expect("Python");
    assert!(status.success(), "the comparison did not run");
}

fn json_lines(tree: &Tree) {
    let (mut stored, mut parsed) = (Vec::new(), Vec::new());
    let texts: Vec<Vec<u8>> = tree.files().map(|file| std::fs::read(file).expect("a log")).collect();
    for _ in 0..REPEATS {
        stored.push(store(tree));
        let began = cpu_seconds();
        if cfg!(feature = "rivals") {
            texts.iter().for_each(|text| parse(text));
        }
        parsed.push(cpu_seconds() - began);
    }
    let (stored, parsed) = (Median::of(stored), Median::of(parsed));
    let megabytes = tree.bytes as f64 / 1e6;
    let points = tree.points as f64 / 1e6;
    let rate = |name: &str, of: &Median| {
        println!(
            "{:<6}{name:<22}{:>7.0} MB/s {:>8.2} M points/s   {of} s",
            tree.name,
            megabytes / of.value,
            points / of.value
        );
    };
    rate("mixlaw, stored", &stored);
    if cfg!(feature = "rivals") {
        rate("sonic-rs, parsed only", &parsed);
        let share = parsed.value / stored.value;
        println!("{:<6}mixlaw stores at {share:.2} of the speed of parsing (aim: 0.5)", tree.name);
    } else {
        println!("{:<6}sonic-rs not measured: it needs --features rivals", tree.name);
    }
}

/// Every line by the fastest parser of JSON there is.
#[cfg(feature = "rivals")]
fn parse(text: &[u8]) {
    for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        std::hint::black_box(sonic_rs::from_slice::<sonic_rs::Value>(line).expect("JSON"));
    }
}

#[cfg(not(feature = "rivals"))]
fn parse(_: &[u8]) {}

/// Processor time of reading a whole tree into a new store, until it is on disk.
fn store(tree: &Tree) -> f64 {
    let state = tempfile::tempdir().expect("a place for a store");
    let project = Project::load(&tree.root).expect("a project");
    let began = cpu_seconds();
    let (store, _) = SledStore::open(state.path()).expect("a store");
    let mut ingester = Ingester::new(&project, store.clone());
    ingester.set_complete(true);
    let budget = Budget { time: Duration::from_millis(500) };
    let mut look = Look::Everything;
    while ingester.turn(&look, budget).expect("a turn").more {
        look = Look::Hints(Vec::new());
    }
    store.flush().expect("a disk");
    let seconds = cpu_seconds() - began;
    assert_eq!(store.points(), tree.points, "every point is stored");
    seconds
}

/// First reading by a daemon, its stop, cold starts, its second start.
fn daemon(tree: &Tree, scratch: &Path, quick: bool) {
    let (mut first, mut second, mut idle, mut disk) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut answer, mut busy, mut snapshot) = (Vec::new(), Vec::new(), Vec::new());
    let (mut open, mut read, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for repeat in 0..if quick { 1 } else { 3 } {
        let state = scratch.join(format!("{}-{repeat}", tree.name));
        let daemon = Daemon::start(&tree.root, &state);
        daemon.wait_for(tree.points);
        std::thread::sleep(Duration::from_secs(2));
        first.push(daemon.peak_memory() / MIB);
        // The first look at everything after a first reading takes note of every file once more.
        std::thread::sleep(Duration::from_secs(15));
        idle.push(100.0 * daemon.idle(Duration::from_secs(if quick { 10 } else { 40 })));
        daemon.stop();
        disk.push(process::size(&state) as f64 / tree.points as f64);
        for _ in 0..3 {
            let (began, spent) = (Instant::now(), children_seconds());
            let done = mixlaw(&["runs"], &tree.root, &state).status().expect("mixlaw");
            assert!(done.success());
            answer.push(1e3 * began.elapsed().as_secs_f64());
            busy.push(1e3 * (children_seconds() - spent));
        }
        let began = Instant::now();
        let daemon = Daemon::start(&tree.root, &state);
        daemon.wait_for(tree.points);
        snapshot.push(1e3 * began.elapsed().as_secs_f64());
        std::thread::sleep(Duration::from_secs(15));
        second.push(daemon.peak_memory() / MIB);
        daemon.stop();
        let scan = scan::scan(&process::project(&state).expect("a state").join("store"), tree.points);
        open.push(1e3 * scan.open);
        read.push(tree.points as f64 / 1e6 / scan.read);
        again.push(1e3 * scan.again);
        std::fs::remove_dir_all(&state).expect("an end");
    }
    let say = |what: &str, unit: &str, numbers: Vec<f64>| {
        println!("{:<6}{what:<44}{} {unit}", tree.name, Median::of(numbers));
    };
    say("`mixlaw runs`, from start to answer", "ms", answer);
    say("… of that, processor time (in steps of 10 ms)", "ms", busy);
    say("daemon, from start to first snapshot", "ms", snapshot);
    say("most memory while reading everything", "MiB", first);
    say("most memory after a start on what was read", "MiB", second);
    say(&format!("processor time when idle, {} runs watched", tree.runs), "% of a core", idle);
    say("on disk", "bytes a point", disk);
    say("the store, opened", "ms", open);
    say("… and read series by series", "M points/s", read);
    say("… and opened again", "ms", again);
}

/// The median of some numbers, and how far they lie apart.
struct Median {
    value: f64,
    low: f64,
    high: f64,
}

impl Median {
    fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        Self { value: numbers[numbers.len() / 2], low: numbers[0], high: numbers[numbers.len() - 1] }
    }
}

impl std::fmt::Display for Median {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = if self.value < 20.0 { 2 } else { 0 };
        write!(f, "{:>7.digits$} ({:.digits$} to {:.digits$})", self.value, self.low, self.high)
    }
}
