//! Drives a parser the way the tail does, with the file arriving in pieces.

use mixlaw::ingest::formats::{Format, FormatError, Growth, Parser, Sink, all};
use mixlaw::vocab::{FactName, FactValue};
use std::path::PathBuf;

/// Everything read from one file.
#[derive(Debug, Default, PartialEq)]
pub struct Read {
    /// (key, step, bits of the value, bits of the wall time): bits, so that NaN equals itself.
    pub points: Vec<(String, i64, u64, u64)>,
    pub facts: Vec<(FactName, FactValue, String)>,
    pub damage: Vec<String>,
    /// Bytes used in the end.
    pub used: usize,
}

impl Read {
    fn take(&mut self, sink: &mut Sink) {
        for point in &sink.points {
            let key = sink.metrics()[point.metric as usize].clone();
            self.points.push((key, point.step, point.value.to_bits(), point.wall.to_bits()));
        }
        self.facts.append(&mut sink.facts);
        self.damage.extend(sink.damage.drain(..).map(|d| d.reason));
        sink.clear();
    }
}

pub fn format(name: &str) -> &'static dyn Format {
    *all().iter().find(|f| f.name() == name).unwrap_or_else(|| panic!("no format '{name}'"))
}

/// Reads a file that is whole.
pub fn whole(format: &dyn Format, path: &str, bytes: &[u8]) -> Read {
    in_pieces(format, path, bytes, std::iter::repeat(usize::MAX), false).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Reads a file that arrives in pieces of the given sizes. With `fresh`, a new parser takes up the saved state before
/// each piece, as after a restart of the process.
pub fn in_pieces(
    format: &dyn Format,
    path: &str,
    bytes: &[u8],
    sizes: impl IntoIterator<Item = usize>,
    fresh: bool,
) -> Result<Read, FormatError> {
    let mut sizes = sizes.into_iter();
    drive(format.parser(path), format, path, bytes, &mut sizes, fresh)
}

/// The same for a parser that has taken up a saved state; `bytes` begin where it was saved.
pub fn resumed_in_pieces(
    parser: Box<dyn Parser>,
    format: &dyn Format,
    bytes: &[u8],
    sizes: impl IntoIterator<Item = usize>,
) -> Result<Read, FormatError> {
    drive(parser, format, "", bytes, &mut sizes.into_iter(), false)
}

fn drive(
    mut parser: Box<dyn Parser>,
    format: &dyn Format,
    path: &str,
    bytes: &[u8],
    sizes: &mut dyn Iterator<Item = usize>,
    fresh: bool,
) -> Result<Read, FormatError> {
    let mut read = Read::default();
    let mut sink = Sink::default();
    let mut there = 0;
    while there < bytes.len() {
        there = match format.growth() {
            Growth::Appended => there.saturating_add(sizes.next().unwrap_or(usize::MAX)).min(bytes.len()),
            Growth::Rewritten | Growth::Rows => bytes.len(),
        };
        if fresh {
            let saved = parser.save();
            parser = format.parser(path);
            parser.resume(&saved)?;
            sink = Sink::default();
        }
        feed(&mut *parser, bytes, there, &mut read, &mut sink)?;
    }
    let used = parser.feed(&bytes[read.used..], true, &mut sink)?;
    read.used += used;
    read.take(&mut sink);
    Ok(read)
}

fn feed(
    parser: &mut dyn Parser,
    bytes: &[u8],
    there: usize,
    read: &mut Read,
    sink: &mut Sink,
) -> Result<(), FormatError> {
    loop {
        let used = parser.feed(&bytes[read.used..there], false, sink)?;
        assert!(read.used + used <= there, "a parser used more than it was given");
        read.used += used;
        read.take(sink);
        if used == 0 {
            return Ok(());
        }
    }
}

/// The folder of real logs, if this checkout has it.
pub fn logs() -> Option<PathBuf> {
    let logs = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/logs");
    if logs.join("truth.json").exists() {
        return Some(logs);
    }
    eprintln!("skipped: no recorded logs at ../shared/logs");
    None
}

/// Pseudo-random numbers for sizes of pieces: the same on every run.
pub fn random(mut state: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    }
}

/// How many random inputs a test takes: a sample, or many times as many where `MIXLAW_SOAK` is set (`tests/soak.sh`).
pub fn cases(sample: u32) -> u32 {
    if std::env::var_os("MIXLAW_SOAK").is_some() { 64 * sample } else { sample }
}
