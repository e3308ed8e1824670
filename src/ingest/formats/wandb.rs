//! W&B's own file of a run, `run-ID.wandb`, online or offline: history is points, and so is what it measures of the machine
//! ([`gauges`]); configuration is facts, and so is what metrics are drawn over ([`defined`]).
//!
//! Console output, which is in the file too, is looked through for facts (arguments, parameters, the plan), but not for
//! points: what a script prints it has mostly logged, under another name and with fewer digits, and W&B keeps the same
//! output in `files/output.log` beside, which is read as any console is.
//!
//! Each record ([`super::blocks`]) is a `Record` of wandb/proto/wandb_internal.proto.

mod defined;
mod gauges;
mod item;

use super::blocks::{FILE_HEADER, Next, Offset};
use super::protobuf::{Fields, Malformed, Unread, Wire};
use super::python_json::{self, Broken, Reader, Token};
use super::scan::{ODD_STEP, is_step, whole_step};
use super::{Format, FormatError, Parser, Recognition, Sink, console};
use crate::ingest::facts;
use crate::vocab::{FactName, FactValue};
use defined::Defined;
use gauges::Gauges;
use item::Item;
use serde_json::{Map, Value};

/// Longest console line that is put together; a longer one is handed on in pieces.
const LONGEST_LINE: usize = 64 << 10;

/// The format.
pub struct Wandb;

impl Format for Wandb {
    fn name(&self) -> &'static str {
        "wandb"
    }

    fn framed(&self) -> bool {
        true
    }

    fn recognise(&self, _path: &str, head: &[u8]) -> Option<Recognition> {
        let version = head.strip_prefix(&FILE_HEADER[..6])?.first()?;
        Some(Recognition { confidence: 100, why: format!("W&B run file, version {version}") })
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        Box::<WandbParser>::default()
    }
}

/// What a run is called, from the beginning of its file.
#[must_use]
pub fn run_name(head: &[u8]) -> Option<String> {
    let (mut at, mut place) = (FILE_HEADER.len(), Offset::default());
    head.strip_prefix(&FILE_HEADER[..6])?;
    place.advance(at, false);
    while let Next::Record { data, used } = place.next(head.get(at..)?, false) {
        for field in Fields::new(&data).flatten() {
            let (17, Wire::Bytes(run)) = field else { continue };
            let name = Fields::new(run).flatten().find_map(|field| match field {
                (8, Wire::Bytes(name)) => std::str::from_utf8(name).ok().map(str::to_owned),
                _ => None,
            });
            if name.as_ref().is_some_and(|name| !name.is_empty()) {
                return name;
            }
        }
        at += used;
        place.advance(used, false);
    }
    None
}

#[derive(Default)]
struct WandbParser {
    /// Whether the header of the file is behind.
    begun: bool,
    place: Offset,
    /// Newest step, for history without one.
    step: i64,
    /// Whether there was a configuration.
    configured: bool,
    /// What was measured of the machine since the newest step.
    gauges: Gauges,
    /// What was said of metrics.
    defined: Defined,
    /// Unfinished lines of standard error and standard output.
    lines: [Vec<u8>; 2],
    /// Whole lines that were not looked through yet.
    printed: Vec<u8>,
    console: Option<Console>,
}

/// What looks through console output, and where it puts what it finds.
struct Console {
    parser: Box<dyn Parser>,
    sink: Sink,
}

impl Default for Console {
    fn default() -> Self {
        Self { parser: console::Console.parser(""), sink: Sink::default() }
    }
}

impl Parser for WandbParser {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        let mut at = 0;
        if !self.begun {
            if input.len() < FILE_HEADER.len() {
                return Ok(0);
            }
            if input[..6] != FILE_HEADER[..6] {
                return Err(FormatError::Stuck("a W&B file without its header".into()));
            }
            at = FILE_HEADER.len();
            self.begun = true;
            self.place.advance(at, false);
        }
        loop {
            match self.place.next(&input[at..], last) {
                Next::Wait => break,
                Next::Pass { used, damage } => {
                    if let Some(reason) = damage {
                        sink.damaged(at, reason);
                    }
                    at += used;
                    self.place.advance(used, true);
                }
                Next::Record { data, used } => {
                    let (points, facts) = (sink.points.len(), sink.facts.len());
                    if let Err(why) = self.record(&data, sink) {
                        sink.points.truncate(points);
                        sink.facts.truncate(facts);
                        let reason = match why {
                            Unread::Malformed => "a W&B record with a valid checksum that cannot be read",
                            Unread::OddStep => ODD_STEP,
                        };
                        sink.damaged(at, reason);
                    }
                    at += used;
                    self.place.advance(used, false);
                }
            }
        }
        if last {
            self.lines.iter_mut().for_each(|line| end_line(line, &mut self.printed));
        }
        self.look_through(sink);
        Ok(at)
    }

    fn save(&self) -> Vec<u8> {
        if !self.begun {
            return Vec::new();
        }
        let flags = [self.place.passing, self.configured, !self.gauges.is_empty(), !self.defined.is_empty()];
        let mut saved = vec![flags.into_iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(flag))];
        saved.extend(self.place.in_block.to_le_bytes());
        saved.extend(self.step.to_le_bytes());
        if !self.gauges.is_empty() {
            self.gauges.save(&mut saved);
        }
        if !self.defined.is_empty() {
            self.defined.save(&mut saved);
        }
        // Two lines, neither of which holds a line break, and what must be known to go on looking through more of them.
        let mut lines = self.lines.join(&b'\n');
        lines.push(b'\n');
        saved.append(&mut lines);
        saved.extend(self.console.iter().flat_map(|console| console.parser.save()));
        saved
    }

    fn resume(&mut self, saved: &[u8]) -> Result<(), FormatError> {
        if saved.is_empty() {
            return Ok(());
        }
        let foreign = || FormatError::OtherParser;
        let ([flags, b0, b1], rest) = saved.split_first_chunk().ok_or_else(foreign)?;
        let (step, mut lines) = rest.split_first_chunk().ok_or_else(foreign)?;
        if flags & 4 == 4 {
            (self.gauges, lines) = Gauges::resume(lines).ok_or_else(foreign)?;
        }
        if flags & 8 == 8 {
            (self.defined, lines) = Defined::resume(lines).ok_or_else(foreign)?;
        }
        let mut breaks = memchr::memchr_iter(b'\n', lines);
        let (middle, end) = breaks.next().zip(breaks.next()).ok_or_else(foreign)?;
        let console = &lines[end + 1..];
        self.begun = true;
        self.place = Offset { in_block: u16::from_le_bytes([*b0, *b1]), passing: flags & 1 == 1 };
        self.configured = flags & 2 == 2;
        self.step = i64::from_le_bytes(*step);
        self.lines = [lines[..middle].to_vec(), lines[middle + 1..end].to_vec()];
        if !console.is_empty() {
            self.console.insert(Console::default()).parser.resume(console)?;
        }
        Ok(())
    }
}

impl WandbParser {
    fn record(&mut self, record: &[u8], sink: &mut Sink) -> Result<(), Unread> {
        for field in Fields::new(record) {
            match field? {
                (2, Wire::Bytes(history)) => self.history(history, sink)?,
                (4 | 13, Wire::Bytes(output)) => self.output(output)?,
                (5, Wire::Bytes(config)) => self.configuration(config, sink)?,
                (7, Wire::Bytes(sample)) => self.gauges.take(sample)?,
                (12, Wire::Bytes(metric)) => self.defined.take(metric, sink)?,
                (17, Wire::Bytes(run)) => self.started(run, sink)?,
                (18, Wire::Bytes(exit)) => ended(exit, sink)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn history(&mut self, message: &[u8], sink: &mut Sink) -> Result<(), Unread> {
        let (mut step, mut said, mut wall) = (None, None, f64::NAN);
        let mut items = Vec::new();
        for field in Fields::new(message) {
            match field? {
                (1, Wire::Bytes(bytes)) => {
                    let item = Item::read(bytes)?;
                    match (item.key.as_str(), python_json::number_or_quoted(item.json)) {
                        ("_step", Some(value)) => said = Some(value),
                        ("_timestamp", Some(value)) => wall = value,
                        _ => {}
                    }
                    items.push(item);
                }
                (2, Wire::Bytes(bytes)) => {
                    step = Some(0); // Protocol buffers leave out a zero.
                    for field in Fields::new(bytes) {
                        if let (1, Wire::Varint(number)) = field? {
                            step = Some(number as i64);
                        }
                    }
                }
                _ => {}
            }
        }
        let step = match (step, said) {
            (Some(step), _) => Some(step).filter(|step| is_step(*step)).ok_or(Unread::OddStep)?,
            (None, Some(said)) => whole_step(said).ok_or(Unread::OddStep)?,
            (None, None) => self.step.saturating_add(1),
        };
        self.step = step;
        self.gauges.give(step, sink);
        for item in items {
            match python_json::number_or_quoted(item.json) {
                Some(value) => {
                    let metric = sink.metric(&item.key);
                    sink.point(metric, step, value, wall);
                }
                None if item.json.first() == Some(&b'{') => nested(&item, step, wall, sink),
                None => {}
            }
        }
        Ok(())
    }

    /// A `ConfigRecord`: what it sets and removes, as facts. What it sets goes before what was set earlier.
    fn configuration(&mut self, message: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
        let (mut known, mut removed) = (Map::new(), Vec::new());
        for field in Fields::new(message) {
            match field? {
                (1, Wire::Bytes(bytes)) => {
                    let item = Item::read(bytes)?;
                    known.insert(item.key, python_json::value(item.json).unwrap_or_default());
                }
                (2, Wire::Bytes(bytes)) => removed.push(Item::read(bytes)?.key),
                _ => {}
            }
        }
        let found = facts::config::facts(&Value::Object(known.clone()));
        if self.configured {
            removed.extend(known.into_iter().filter(|(_, value)| value.is_null()).map(|(key, _)| key));
            let mut places: Vec<&str> = found.iter().map(|(_, _, place)| place.as_str()).collect();
            places.extend(removed.iter().map(String::as_str));
            places.sort_unstable();
            places.dedup();
            let taken_back = places.into_iter().map(|place| facts::withdrawal(format!("config.{place}")));
            sink.facts.extend(taken_back);
            for key in removed.iter().filter(|key| shapes_a_model(key)) {
                let level = key.rfind('.').map_or("", |dot| &key[..=dot]);
                sink.facts.push(facts::withdrawal(format!("config.{level} formula")));
            }
        }
        self.configured = true;
        for (name, value, place) in found {
            sink.fact(name, value, format!("config.{place}"));
        }
        Ok(())
    }

    /// A `RunRecord`: its configuration, and where it started if it was resumed.
    fn started(&mut self, message: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
        for field in Fields::new(message) {
            match field? {
                (4, Wire::Bytes(config)) => self.configuration(config, sink)?,
                (14, Wire::Varint(step)) if step > 0 => sink.restarted(step as i64),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes the facts out of what was printed.
    fn look_through(&mut self, sink: &mut Sink) {
        if self.printed.is_empty() {
            return;
        }
        let Console { parser, sink: found } = self.console.get_or_insert_default();
        // Whole lines; what a parser would rather see more of first is about points.
        let read = parser.feed(&self.printed, true, found);
        self.printed.clear();
        if read.is_ok() {
            sink.facts.extend(found.facts.drain(..).map(|(name, value, at)| (name, value, format!("console, {at}"))));
        }
        found.clear();
    }

    /// Standard error is stream 0, standard output 1; each is put together into lines, since a line and its end are
    /// often written apart, with the other stream between them.
    fn output(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let (mut stream, mut text) = (0, &[][..]);
        for field in Fields::new(message) {
            match field? {
                (1, Wire::Varint(1)) => stream = 1,
                (3, Wire::Bytes(bytes)) => text = bytes,
                _ => {}
            }
        }
        let line = &mut self.lines[stream];
        line.extend_from_slice(text);
        if let Some(end) = memchr::memrchr(b'\n', line) {
            self.printed.extend(line.drain(..=end));
        }
        if line.len() > LONGEST_LINE {
            end_line(line, &mut self.printed);
        }
        Ok(())
    }
}

/// A `RunExitRecord`: how the process ended.
fn ended(message: &[u8], sink: &mut Sink) -> Result<(), Malformed> {
    let mut failed = false;
    for field in Fields::new(message) {
        failed |= matches!(field?, (1, Wire::Varint(code)) if code != 0);
    }
    let how = if failed { "failed" } else { "finished" };
    sink.fact(FactName::Ended, FactValue::Text(how.to_owned()), "exit");
    Ok(())
}

/// Takes an unfinished line as whole.
fn end_line(line: &mut Vec<u8>, printed: &mut Vec<u8>) {
    if !line.is_empty() {
        printed.append(line);
        printed.push(b'\n');
    }
}

/// A dictionary that was logged as a value: each number in it is a metric of its own, as W&B shows it. Pictures,
/// tables and histograms are dictionaries with a `_type`.
fn nested(item: &Item<'_>, step: i64, wall: f64, sink: &mut Sink) {
    let mut points = Vec::new();
    if numbers(item, &mut points) == Ok(true) {
        for (key, value) in points {
            let metric = sink.metric(&key);
            sink.point(metric, step, value, wall);
        }
    }
}

/// The numbers in a dictionary, keys joined with dots. `false` if it is no plain dictionary.
fn numbers(item: &Item<'_>, found: &mut Vec<(String, f64)>) -> Result<bool, Broken> {
    let mut reader = Reader::new(item.json);
    let mut key = item.key.clone();
    // Length of the key outside of each open object.
    let mut outside = Vec::new();
    while let Some(event) = reader.event()? {
        match event {
            Token::Object => outside.push(key.len()),
            Token::End => {
                outside.pop();
            }
            Token::Key(name) if name == "_type" => return Ok(false),
            Token::Key(name) => {
                key.truncate(outside.last().copied().unwrap_or(0));
                key.push('.');
                key.push_str(&name);
            }
            Token::Number(value) => found.push((key.clone(), value)),
            Token::Array => reader.leave()?,
            _ => {}
        }
    }
    Ok(true)
}

/// Whether the number of parameters may depend on a setting of this name.
fn shapes_a_model(key: &str) -> bool {
    let words = ["hidden", "layer", "head", "size", "embd", "embed", "expert", "vocab", "type", "dim", "width", "ffn"];
    words.iter().any(|word| key.contains(word))
}
