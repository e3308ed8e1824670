//! What every target does with its input: read it whole, read it in pieces with a restart between any two, and compare.

#[path = "../../tests/formats/writers.rs"]
pub mod writers;

use mixlaw::ingest::formats::custom::CustomFormat;
use mixlaw::ingest::formats::{Format, Growth, Sink, all, recognise};
use mixlaw::project::line_format::LineFormat;
use std::sync::{Arc, LazyLock};

/// The path that the targets pretend a file has: it must be one that formats that go by the path accept.
pub const PATH: &str = "plots/metrics/loss.tsv";

#[derive(Debug, PartialEq)]
struct Read {
    points: Vec<(String, i64, u64, u64)>,
    facts: usize,
    used: usize,
}

/// The format with this name.
pub fn format(name: &str) -> &'static dyn Format {
    *all().iter().find(|format| format.name() == name).expect("a format of this name")
}

/// A line format as a project may describe one; compiled once, since that takes longer than reading an input.
pub fn custom() -> &'static CustomFormat {
    static FORMAT: LazyLock<CustomFormat> = LazyLock::new(|| {
        let pattern = r"step (?<step>[\d,]+) loss=(?<loss>\S+)(?: val=(?<val>\S+))?".to_owned();
        let described = LineFormat { name: "ours".to_owned(), pattern, ..LineFormat::default() };
        CustomFormat::new(Arc::new(described.compile().expect("a line format")))
    });
    &FORMAT
}

/// Feeds `bytes`, the first of which say where to cut.
pub fn run(format: &dyn Format, bytes: &[u8]) {
    let Some((seed, bytes)) = bytes.split_first() else { return };
    let _ = recognise(PATH, bytes);
    let whole = read(format, bytes, usize::MAX);
    if format.growth() == Growth::Appended {
        let pieces = read(format, bytes, 1 + usize::from(*seed));
        if let (Some(whole), Some(pieces)) = (whole, pieces) {
            assert_eq!(whole, pieces);
        }
    }
}

fn read(format: &dyn Format, bytes: &[u8], piece: usize) -> Option<Read> {
    let mut read = Read { points: Vec::new(), facts: 0, used: 0 };
    let mut parser = format.parser(PATH);
    let mut there = 0usize;
    loop {
        let before = there;
        there = there.saturating_add(piece).min(bytes.len());
        loop {
            // A new parser and a new sink each time: all that goes on is what was saved.
            let saved = parser.save();
            parser = format.parser(PATH);
            parser.resume(&saved).expect("its own state");
            let mut sink = Sink::default();
            let last = there == bytes.len() && before == there;
            let used = parser.feed(&bytes[read.used..there], last, &mut sink).ok()?;
            read.used += used;
            assert!(read.used <= there);
            read.facts += sink.facts.len();
            read.points.extend(sink.points.iter().map(|p| {
                (sink.metrics()[p.metric as usize].clone(), p.step, p.value.to_bits(), p.wall.to_bits())
            }));
            if used == 0 {
                break;
            }
        }
        if before == there {
            return Some(read);
        }
    }
}

/// The records that an input stands for: each begins with its length in one byte.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (record, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        records.push(record);
        bytes = rest;
    }
    records
}

/// An event file with these records; the first byte still says where to cut.
pub fn tfevents_of(bytes: &[u8]) -> Vec<u8> {
    let Some((seed, bytes)) = bytes.split_first() else { return Vec::new() };
    let mut file = vec![*seed];
    records(bytes).into_iter().for_each(|record| file.extend(writers::tfevents::record(record)));
    file
}

/// A W&B file with these records.
pub fn wandb_of(bytes: &[u8]) -> Vec<u8> {
    let Some((seed, bytes)) = bytes.split_first() else { return Vec::new() };
    let mut file = writers::wandb::File::new();
    records(bytes).into_iter().for_each(|record| {
        file.record(record);
    });
    file.0.insert(0, *seed);
    file.0
}
