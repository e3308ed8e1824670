//! Stores whose bytes are not what was written: with checksums in front, as a disk damages them ([`files`]), and without, as
//! if a checksum had held by chance ([`values`]). Nothing panics or goes on for ever, no memory is asked for by a number
//! that was read, and behind checksums no number is wrong.
//!
//! A sample of each; `MIXLAW_FUZZ_SECONDS=600 cargo test --release --lib mutated -- --nocapture --test-threads 1` is the
//! long run, and prints how many were tried and how long the slowest took. `MIXLAW_SEED` takes the seed that is printed.

mod files;
mod values;

use crate::store::{Commit, Cursor, FileId, ReadStore, SledStore, StoreError, Target};
use crate::vocab::{FactName, FactValue, Facts, RawPoint};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest that one may take; builds without optimisation take twenty times as long as what is released.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }

    /// A stretch of so many bytes at most, somewhere in `length`.
    fn stretch(&mut self, length: usize, most: usize) -> std::ops::Range<usize> {
        let begin = self.below(length);
        begin..(begin + 1 + self.below(most)).min(length)
    }
}

/// What is written into numbers: the ends of what lengths, tags and counts can be.
const ENDS: [&[u8]; 8] = [
    &[0],
    &[0xff],
    &[0x7f],
    &[0x80],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x0c],
    &[0x80, 0x80, 0x80, 0x08],
];

/// A value with some damage; pieces of `other` may be in it.
fn mutated(value: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = value.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = (at + random.below(16)).min(bytes.len());
        match random.below(8) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            // Most of what is decided is decided by the first bytes.
            2 if !bytes.is_empty() => {
                let at = random.below(bytes.len().min(8));
                bytes[at] = random.below(256) as u8;
            }
            3 => drop(bytes.drain(at..end)),
            4 => {
                let piece = bytes[at..end].to_vec();
                let times = 1 + random.below(40);
                bytes.splice(at..at, piece.repeat(times));
            }
            5 => {
                let piece = ENDS[random.below(ENDS.len())];
                bytes.splice(at..(at + 1).min(bytes.len()), piece.iter().copied());
            }
            6 => {
                let from = random.below(other.len() + 1);
                let to = (from + random.below(200)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

/// Tries until there have been enough: `sample`, or for as long as is asked for. `each` returns whether it was read.
fn try_all(what: &str, sample: u32, mut each: impl FnMut(&mut Random) -> bool) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("MIXLAW_SEED").unwrap_or(0x9e37_79b9_7f4a_7c15);
    let until = number("MIXLAW_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (mut random, mut tried, mut read, mut slowest) = (Random(seed), 0u32, 0u32, Duration::ZERO);
    while until.map_or(tried < sample, |until| Instant::now() < until) {
        let began = Instant::now();
        read += u32::from(each(&mut random));
        let took = began.elapsed();
        slowest = slowest.max(took);
        tried += 1;
        assert!(took < LONGEST, "{what}, MIXLAW_SEED={seed}, number {tried}: {took:?}");
    }
    assert!(read > 0 && read < tried, "{what}: {read} of {tried} were read, so that nothing was tried");
    println!("tried: {tried} {what}, {read} read, {} refused; the slowest took {slowest:?}", tried - read);
}

/// Runs a test in a process of its own. Once it is prepared it gets `memory` bytes beyond what it has then, and a bounded time:
/// one that asks for more, or goes on for ever, fails.
fn apart<T>(test: &str, memory: u64, prepare: impl FnOnce() -> T, work: impl FnOnce(T)) {
    const INSIDE: &str = "MIXLAW_TEST_APART";
    let own = std::env::current_exe().unwrap();
    if std::env::var_os(INSIDE).is_some_and(|name| name == test) {
        let prepared = prepare();
        limit(memory);
        return work(prepared);
    }
    let output = Command::new(own)
        .args(["--exact", test, "--nocapture", "--test-threads", "1"])
        .env(INSIDE, test)
        // sled asserts much of what it finds, and the store catches that.
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    // The first stands behind the name of the test.
    let lines: Vec<&str> = said.lines().filter_map(|line| line.split_once("tried: ")).map(|line| line.1).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{test}: {}\n{said}\n{errors}", output.status);
    assert!(!lines.is_empty(), "{test} ran nothing: {said}");
    println!("{}", lines.join("\n"));
}

fn limit(memory: u64) {
    // What this thread's allocator reserves when it is first asked is no part of it.
    drop(vec![1u8; 1 << 16]);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size: u64 = 1024 * size.trim_end_matches("kB").trim().parse::<u64>().unwrap();
    let set = |resource, current| {
        setrlimit(resource, Rlimit { current: Some(current), ..getrlimit(resource) }).unwrap();
    };
    set(Resource::As, size + memory);
    let seconds = std::env::var("MIXLAW_FUZZ_SECONDS").ok().and_then(|text| text.parse::<u64>().ok());
    set(Resource::Cpu, 4 * seconds.unwrap_or(30) + 60);
}

/// Values of one kind each, as logs have them: those that are kept as decimals, as floats of 32 bits, by pco, as they are,
/// and as one value.
fn value(metric: u32, step: i64) -> f64 {
    let smooth = 2.0 + 3.0 / (1.0 + step as f64 / 100.0);
    match metric % 6 {
        0 => (smooth * 1e4).round() / 1e4,
        1 => f64::from(smooth as f32),
        2 => smooth,
        3 => f64::from_bits(0x9e37_79b9_7f4a_7c15u64.wrapping_mul(step as u64 + 1)),
        4 if step % 300 == 7 => f64::NAN,
        4 => 1e-3 * (step % 17) as f64,
        _ => 0.5,
    }
}

/// Writes some runs: with times and without, with restarts, with a part that is a run of its own, with sealed blocks, open
/// ones and tails, and one file that was replaced.
fn fill(store: &SledStore) {
    let names: Vec<String> = (0..20).map(|i| format!("eval/domain-{i}/loss")).collect();
    let points = |metrics: u32, steps: std::ops::Range<i64>, timed: bool| -> Vec<RawPoint> {
        steps
            .flat_map(|step| {
                let wall = if timed { 1.7e9 + step as f64 * 1.5 } else { f64::NAN };
                (0..metrics).map(move |metric| RawPoint { metric, step: step * 10, value: value(metric, step), wall })
            })
            .collect()
    };
    let facts = [(FactName::Seed, FactValue::Number(3.0), "line 1".to_owned())];
    let write = |target: Target, path: &str, points: &[RawPoint], restarts: &[usize], before: u64| -> FileId {
        let cursor = Cursor {
            offset: before + points.len() as u64,
            state: b"{\"columns\": [1, 2]}".to_vec(),
            ..Cursor::default()
        };
        let facts = Some(&facts[..]);
        store.commit(&Commit { target, path, names: &names, points, restarts, facts, cursor }).unwrap()
    };
    let run = |name: &str| {
        let run = store.run(name).unwrap();
        let mut facts = Facts::default();
        facts.offer(FactName::Params, FactValue::Number(1e9), "config.json#n");
        store.set_facts(run, &facts).unwrap();
        run
    };
    let new = |name: &str, began| Target::New { run: run(name), format: "jsonl", began, replaces: &[] };
    for (name, metrics, timed) in [("runs/a", 20, true), ("runs/b", 6, false), ("runs/c", 1, true)] {
        let first = points(metrics, 0..1000, timed);
        let file = write(new(name, 1.0), "metrics.jsonl", &first, &[], 0);
        let second = points(metrics, 900..1010, timed);
        write(Target::Known(file), "metrics.jsonl", &second, &[metrics as usize * 3], first.len() as u64);
        let third = points(metrics, 1010..1013, timed);
        write(Target::Known(file), "metrics.jsonl", &third, &[], (first.len() + second.len()) as u64);
        if name == "runs/b" {
            let part = Target::Part { run: run("runs/b/part"), format: "jsonl", began: 2.0, of: file };
            write(part, "metrics.jsonl", &points(2, 0..300, false), &[], 0);
        }
        write(new(name, 5.0), "second.jsonl", &points(metrics, 1013..1040, timed), &[], 0);
    }
    let old = write(new("runs/d", 1.0), "metrics.jsonl", &points(6, 0..700, false), &[], 0);
    let replaces = [old];
    let target = Target::New { run: run("runs/d"), format: "jsonl", began: 1.0, replaces: &replaces };
    write(target, "metrics.jsonl", &points(7, 0..650, false), &[], 0);
    store.keep(1_700_000_000_000, b"{}").unwrap();
    store.keep_fits("loss", b"fits").unwrap();
}

/// A point of an export: its run and file, metric, step, bits of value and time, segment.
type Seen = (String, String, String, i64, u64, u64, u32);

/// Everything that is in a store, asked for in every way there is.
fn everything(store: &SledStore) -> Result<Vec<Seen>, StoreError> {
    let mut all = Vec::new();
    for (run, name) in store.all_runs() {
        store.facts(run)?;
        for (file, _) in store.files(run)? {
            assert!(store.record(file).is_some());
            let _ = store.found_facts(file);
        }
        store.export(run, None, |path, point| {
            let bits = (point.value.to_bits(), point.wall.to_bits());
            let metric = point.metric.to_string();
            all.push((name.clone(), path.to_owned(), metric, point.step, bits.0, bits.1, point.segment));
            true
        })?;
        for (metric, _) in store.metrics(run)? {
            let series = store.series(run, &metric)?;
            for at in 0..series.steps.len() {
                let bits = (series.values[at].to_bits(), series.walls[at].to_bits());
                let (path, metric) = (series.files[at].to_string(), metric.to_string());
                all.push((name.clone(), path, metric, series.steps[at], bits.0, bits.1, series.segments[at]));
            }
            store.overview(run, &metric, 100)?;
        }
    }
    store.kept(u64::MAX, 10)?;
    store.kept_fits("loss")?;
    Ok(all)
}
