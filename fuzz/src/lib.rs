//! What the fuzzer does with its input: pick a format by the first byte, read the rest whole, read it in pieces with a
//! restart between any two, and compare.

#[path = "../../tests/formats/writers.rs"]
pub mod writers;

use mixlaw::ingest::formats::custom::CustomFormat;
use mixlaw::ingest::formats::{Format, Growth, Sink, all, recognise};
use mixlaw::project::line_format::LineFormat;
use std::sync::{Arc, LazyLock};

/// The path that inputs pretend to have: it must be one that formats that go by the path accept.
pub const PATH: &str = "plots/metrics/loss.tsv";

#[derive(Debug, PartialEq)]
struct Read {
    points: Vec<(String, i64, u64, u64)>,
    facts: usize,
    used: usize,
}

/// What an input may be of: its name, its format, and what is made of the input before it is read.
pub struct Kind {
    /// Name of the format; with `-records` where the input is what is inside its records.
    pub name: String,
    format: &'static dyn Format,
    file: fn(&[u8]) -> Vec<u8>,
}

/// Every kind, in the order of the first byte: the formats of the library, one that a project describes, and what is
/// inside the records of formats with checksums, since a fuzzer does not find a checksum. A new format moves those behind
/// it: write the seeds anew then.
pub fn kinds() -> &'static [Kind] {
    static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
        let kind = |name: &str, format, file| Kind { name: name.to_owned(), format, file };
        let mut kinds: Vec<Kind> = all().iter().map(|f| kind(f.name(), *f, <[u8]>::to_vec)).collect();
        kinds.push(kind("custom", custom(), <[u8]>::to_vec));
        kinds.push(kind("tfevents-records", format("tfevents"), tfevents_of));
        kinds.push(kind("wandb-records", format("wandb"), wandb_of));
        kinds
    });
    &KINDS
}

fn format(name: &str) -> &'static dyn Format {
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

/// Reads `bytes`: the first says of which format, the second where to cut.
pub fn run(bytes: &[u8]) {
    let [which, seed, bytes @ ..] = bytes else { return };
    let kind = &kinds()[usize::from(*which) % kinds().len()];
    let (format, bytes) = (kind.format, (kind.file)(bytes));
    let _ = recognise(PATH, &bytes);
    let whole = read(format, &bytes, usize::MAX);
    if format.growth() == Growth::Appended {
        let pieces = read(format, &bytes, 1 + usize::from(*seed));
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
            read.points.extend(
                sink.points
                    .iter()
                    .map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value.to_bits(), p.wall.to_bits())),
            );
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

/// An event file with these records.
fn tfevents_of(bytes: &[u8]) -> Vec<u8> {
    records(bytes).into_iter().flat_map(writers::tfevents::record).collect()
}

/// A W&B file with these records.
fn wandb_of(bytes: &[u8]) -> Vec<u8> {
    let mut file = writers::wandb::File::new();
    records(bytes).into_iter().for_each(|record| {
        file.record(record);
    });
    file.0
}
