//! Text that was damaged or made to harm, from sound examples: project files, sidecars, frames of the wire and journals are read or
//! refused, without a panic and within a second each.
//!
//! A sample of a few hundred each; `MIXLAW_FUZZ_SECONDS=600 cargo test --release --test contracts mutated -- --nocapture` is the long
//! run, and prints how many were tried and how long the slowest took. `MIXLAW_SEED` takes the seed that is printed.

use mixlaw::ipc::frame;
use mixlaw::ipc::protocol::{Hello, Query, Request, Response};
use mixlaw::ipc::topic::Subscription;
use mixlaw::project::{load, sidecar};
use mixlaw::store::Journal;
use std::path::Path;
use std::time::{Duration, Instant};

/// Tries where nobody asks for more.
const SAMPLE: u32 = 300;
/// Longest that reading one may take; builds without optimisation take twenty times as long as what is released.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 1 });
/// Longest text that is made.
const LARGEST: usize = 64 << 10;

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

/// Pieces that parsers of such texts look for.
const PIECES: [&str; 28] = [
    "\n",
    "  ",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "'",
    "#",
    "&a ",
    "*a",
    "!!",
    "|\n",
    "---\n",
    "\0",
    "\u{feff}",
    "1e999",
    "-1",
    "NaN",
    "18446744073709551616",
    "null",
    "\\u0000",
    ",",
    "~",
    "\u{2028}",
    "<<: *a",
];

fn mutated(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let (at, length) = (random.below(bytes.len() + 1), random.below(64));
        let end = (at + length).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                let most = if random.below(8) == 0 { 400 } else { 3 };
                let times = 1 + random.below(most);
                bytes.splice(at..at, piece.repeat(times));
            }
            3 | 4 => {
                let piece = PIECES[random.below(PIECES.len())].as_bytes();
                let most = if random.below(8) == 0 { 5000 } else { 2 };
                let times = 1 + random.below(most);
                bytes.splice(at..at, piece.repeat(times));
            }
            5 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                let to = (from + random.below(400)).min(other.len());
                bytes.splice(at..end, other[from..to].to_vec());
            }
            6 => bytes.truncate(at),
            _ => bytes.insert(at, random.below(256) as u8),
        }
        bytes.truncate(LARGEST);
    }
    bytes
}

/// Reads mutations of the seeds until there have been enough.
fn try_all(what: &str, seeds: &[Vec<u8>], mut read: impl FnMut(&[u8]) -> bool) {
    assert!(!seeds.is_empty(), "no examples of {what}");
    for seed in seeds {
        assert!(read(seed), "an example of {what} is not sound: {}", String::from_utf8_lossy(seed));
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("MIXLAW_SEED").unwrap_or(0x9e37_79b9_7f4a_7c15);
    let until = number("MIXLAW_FUZZ_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (mut random, mut tried, mut sound, mut slowest) = (Random(seed), 0u32, 0u32, Duration::ZERO);
    while until.map_or(tried < SAMPLE, |until| Instant::now() < until) {
        let bytes = mutated(seeds, &mut random);
        let began = Instant::now();
        sound += u32::from(read(&bytes));
        let took = began.elapsed();
        slowest = slowest.max(took);
        tried += 1;
        assert!(took < LONGEST, "{what}, MIXLAW_SEED={seed}, number {tried}: {took:?} for {} bytes", bytes.len());
    }
    assert!(sound > 0 && sound < tried, "{what}: {sound} of {tried} were read, so that nothing was tried");
    println!("{what}: {tried} tried, {sound} read, {} refused; the slowest took {slowest:?}", tried - sound);
}

/// Project files of the examples and of this repository's documents.
fn projects() -> Vec<Vec<u8>> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let folders =
        std::fs::read_dir(examples).expect("examples").flatten().map(|entry| entry.path().join("mixlaw.yaml"));
    let mut texts: Vec<Vec<u8>> = folders.filter_map(|file| std::fs::read(file).ok()).collect();
    texts.sort();
    texts.push(
        b"runs:\n  - path: runs/*\n    where: lr <= 1e-3 and tokenizer != gpt2\ndomains: [web, code]\nmetrics:\n  web: { bpb: eval/web }\n\
          objective: { web: 0.5 }\nmixture:\n  max_change: 0.2\n  groups: { all: { domains: [web, code], share: 1.0 } }\n"
            .to_vec(),
    );
    texts
}

#[test]
fn project_files_are_read_or_refused() {
    let root = tempfile::tempdir().unwrap();
    let seeds: Vec<Vec<u8>> = projects()
        .into_iter()
        .filter(|text| load::from_text(&String::from_utf8_lossy(text), root.path()).is_ok())
        .collect();
    try_all("project files", &seeds, |bytes| load::from_text(&String::from_utf8_lossy(bytes), root.path()).is_ok());
}

#[test]
fn frames_are_read_or_refused() {
    let request = |request: &Request| {
        let mut bytes = Vec::new();
        frame::write(&mut bytes, request).unwrap();
        bytes
    };
    let seeds = [
        request(&Request::Query(Query::Runs)),
        request(&Request::Query(Query::Show { run: "a".to_owned() })),
        request(&Request::Query(Query::Recommend { extrapolate: true, top: None })),
        request(&Request::Subscribe(Subscription::dashboard(vec!["loss".to_owned()]))),
        request(&Request::Subscribe(Subscription::one_run(3))),
    ];
    try_all("requests", &seeds, |bytes| {
        // What is no request may still be read as a greeting or an answer, by whoever waits for one.
        let _ = frame::read::<Hello>(&mut &bytes[..], frame::MAX_REQUEST);
        let _ = frame::read::<Response>(&mut &bytes[..], frame::MAX_RESPONSE);
        matches!(frame::read::<Request>(&mut &bytes[..], frame::MAX_REQUEST), Ok(Some(_)))
    });
}

#[test]
fn journals_are_read_and_what_is_damaged_is_counted() {
    let place = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(place.path()).unwrap();
    for n in 0..20 {
        journal
            .append(&serde_json::json!({ "at": 1.7e9 + f64::from(n), "forecast": { "run": "a", "value": 2.5 } }))
            .unwrap();
    }
    let path = journal.path().to_owned();
    let seeds = [std::fs::read(&path).unwrap()];
    let (whole, _) = journal.read().unwrap();
    try_all("journals", &seeds, |bytes| {
        std::fs::write(&path, bytes).unwrap();
        let (values, damaged) = Journal::open(place.path()).unwrap().read().unwrap();
        // Lines have checksums: what is read behind a whole one was written.
        let mut behind = values.iter().skip_while(|value| !whole.contains(value));
        assert!(behind.all(|value| whole.contains(value)), "{}", String::from_utf8_lossy(bytes));
        damaged <= 1
    });
}

#[test]
fn sidecars_are_read_or_refused() {
    let seeds = [
        b"mixture: { prose: 0.8, rust: 0.2 }\nparams: 85M\ntokens: 2B\nseed: 3\n".to_vec(),
        b"phases:\n  - { until: 80%, mixture: { web: 0.9, code: 0.1 } }\n  - { mixture: { web: 0.5, code: 0.5 } }\n"
            .to_vec(),
        b"learning_rate: 3e-4\nbatch_tokens: 524288\nplanned_steps: 5000\n".to_vec(),
    ];
    let named = Path::new("runs/a/mixlaw.run.yaml");
    try_all("sidecars", &seeds, |bytes| sidecar::facts(named, bytes).is_ok());
}
