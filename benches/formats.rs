//! How fast formats are parsed, from memory into a sink, without the store.
//!
//! `cargo bench --bench formats [NAME]`: for each format the median of the runs, in MB/s and points/s, on one core. The
//! files are made here; TensorBoard events have the size that PyTorch's writer gives them.

#[path = "../tests/formats/writers.rs"]
mod writers;

use mixlaw::ingest::formats::{Sink, all};
use std::fmt::Write as _;
use std::time::Instant;

const TAGS: usize = 20;
const STEPS: usize = 20_000;
const RUNS: usize = 9;
/// Bytes per call, as the tail reads them.
const CHUNK: usize = 1 << 20;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!("{:<14} {:>9} {:>10} {:>9} {:>11}", "format", "MB", "points", "MB/s", "M points/s");
    for (name, path, bytes) in files() {
        if !wanted.is_empty() && !wanted.iter().any(|w| w == name) {
            continue;
        }
        let format = all().iter().find(|format| format.name() == name).expect("a format of this name");
        let mut seconds = Vec::new();
        let mut points = 0;
        for _ in 0..RUNS {
            let mut parser = format.parser(path);
            let mut sink = Sink::default();
            points = 0;
            let began = Instant::now();
            let mut at = 0;
            while at < bytes.len() {
                let end = (at + CHUNK).min(bytes.len());
                let end = if name == "trainer_state" { bytes.len() } else { end };
                at += parser.feed(&bytes[at..end], end == bytes.len(), &mut sink).expect("a sound file");
                points += sink.points.len();
                sink.clear();
            }
            seconds.push(began.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let median = seconds[RUNS / 2];
        let megabytes = bytes.len() as f64 / 1e6;
        let rate = points as f64 / median / 1e6;
        println!("{name:<14} {megabytes:>9.1} {points:>10} {:>9.0} {rate:>11.2}", megabytes / median);
    }
}

fn value(tag: usize, step: usize) -> f64 {
    2.0 + 3.0 / (1.0 + step as f64 / 100.0) + ((tag * 7919 + step * 104_729) % 1000) as f64 * 1e-4
}

fn tag(tag: usize) -> String {
    format!("train/metric_{tag:02}/value")
}

fn files() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut events = writers::tfevents::version();
    let mut tensors = writers::tfevents::version();
    let mut run = writers::wandb::File::new();
    let (mut csv, mut jsonl, mut state) = (String::from("step"), String::new(), String::from("{\"log_history\": ["));
    let mut mlflow = String::new();
    let tags: Vec<String> = (0..TAGS).map(tag).collect();
    tags.iter().for_each(|tag| write!(csv, ",{tag}").expect("a string"));
    for step in 0..STEPS {
        let wall = 1.7e9 + step as f64;
        write!(csv, "\n{step}").expect("a string");
        write!(jsonl, "{{\"step\": {step}").expect("a string");
        write!(state, "{}{{\"step\": {step}", if step == 0 { "" } else { ", " }).expect("a string");
        let mut items = vec![("_step".to_owned(), step.to_string()), ("_timestamp".to_owned(), wall.to_string())];
        for (t, tag) in tags.iter().enumerate() {
            let value = value(t, step);
            events.extend(writers::tfevents::scalar(tag, step as i64, value as f32, wall));
            if t == 0 {
                tensors.extend(writers::tfevents::tensor(tag, step as i64, value as f32, wall));
                writeln!(mlflow, "{} {value} {step}", 1_700_000_000_000 + step).expect("a string");
            }
            write!(csv, ",{value}").expect("a string");
            write!(jsonl, ", \"{tag}\": {value}").expect("a string");
            write!(state, ", \"{tag}\": {value}").expect("a string");
            items.push((tag.clone(), value.to_string()));
        }
        jsonl.push_str("}\n");
        state.push('}');
        let items: Vec<(&str, &str)> = items.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        run.history(step as i64, &items);
    }
    state.push_str("]}");
    csv.push('\n');
    vec![
        ("tfevents", "events.out.tfevents.1.host", events),
        ("tfevents", "events.out.tfevents.1.host.v2", tensors),
        ("wandb", "run-1.wandb", run.0),
        ("csv", "metrics.csv", csv.into_bytes()),
        ("jsonl", "metrics.jsonl", jsonl.into_bytes()),
        ("mlflow", "metrics/train/loss", mlflow.into_bytes()),
        ("trainer_state", "trainer_state.json", state.into_bytes()),
    ]
}
