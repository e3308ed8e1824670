//! JSON lines: one object a line, as most training scripts write their metrics.
//!
//! Flat and nested (`{"train": {"loss": 2.1}}` is `train/loss`); `NaN`, `Infinity` and `-Infinity` as Python writes them;
//! the step under any of [`STEP_KEYS`], also as `"12/2353"`. Every number is a point, strings and booleans are not (but for
//! numbers in quotes under the name of a metric of training), and what is in arrays is not (it has no name). A line may name
//! its metric: `{"name": "loss", "value": 2.5, "step": 10}`.
//!
//! A log without steps has another axis, if its second line shows that it grows: tokens or samples so far ([`COUNTS`]), or whole
//! epochs. Steps that start again in each epoch are made the run's ([`Epochs`]); text under keys such as `split` or `domain`
//! makes series of their own ([`Facets`]).
//!
//! A script writes the same keys in the same order on line after line. So each key remembers the bytes that led to the
//! next one (`, "train/loss": `), and as long as they come again, a key costs one comparison; only the numbers are
//! parsed.

mod keys;
mod syntax;
mod tokens;

use super::epochs::Epochs;
use super::facets::{Facet, Facets};
use super::saved::{self, Reader};
use super::scan::{ODD_STEP, number, whole_number, whole_step};
use super::{Format, FormatError, HEAD, Parser, RawPoint, Recognition, Sink};
use crate::vocab::{FactName, FactValue};
pub use keys::{BATCHES, COUNTS, STEP_KEYS};
use keys::{Role, model_info, of_training, planned, role};
use memchr::memchr;
use std::collections::HashMap;
use syntax::{Broken, skip, space, string, unescape};
use tokens::{Token, Tokens};

/// JSON lines.
#[derive(Debug, Clone, Copy)]
pub struct Jsonl;

/// Bytes at the beginning of a file that are looked at before the rest of its head is.
const FIRST: usize = 16 << 10;
/// Longest line that is read. ms-swift ends its log with one line that repeats the whole history: some megabytes.
const LONGEST: usize = 16 << 20;
/// Deepest object whose numbers are points.
const DEEPEST: usize = 12;
/// Most distinct keys that are remembered; a file with more does not have metrics but data for keys.
const MOST_KEYS: usize = 100_000;

impl Format for Jsonl {
    fn name(&self) -> &'static str {
        "jsonl"
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        recognise(path, head)
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            "{\"step\": 1, \"train\": {\"loss\": 2.5, \"list\": [1, {\"a\": 2}]}, \"x\": NaN, \"t\": \"a\\\"b\"}\n{\"step\": 2}\n",
            "{\"global_step/max_steps\": \"12/2353\", \"loss\": 1.5}\n{\"model_parameter_info\": \"X: 7.5M Params\", \"log_history\": [{}]}\n",
            "\u{feff}{\"key\": \"loss\", \"value\": 2.5, \"step\": 1}\n{\"event\": \"train\", \"data\": {\"step\": 10, \"loss\": \"2.5\"}}\n",
        ]
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        Box::new(Lines::default())
    }
}

fn recognise(path: &str, head: &[u8]) -> Option<Recognition> {
    let mut parser = Lines::default();
    let mut sink = Sink::default();
    // Of most logs, the first lines say it all.
    let first = head.get(..FIRST).and_then(|first| Some(&first[..=memchr::memrchr(b'\n', first)?]));
    if let Some(first) = first
        && parser.feed(first, false, &mut sink).is_ok()
        && (parser.records > 1 && sink.damage.is_empty() && !sink.points.is_empty())
        && let Some(key) = parser.step_key
    {
        return Some(with_steps(key));
    }
    (parser, sink) = Default::default();
    let end = parser.feed(head, false, &mut sink).ok()?;
    let mut lines = head[..end].split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty()).count();
    if lines == 0 && parser.feed(head, true, &mut sink).ok()? == head.len() {
        // One line that its writer has not ended, or never ends.
        lines = usize::from(parser.records > 0);
    }
    if lines == 0
        && head.len() >= HEAD
        && let Some(begun) = syntax::closed(head)
    {
        // A line that is longer than what is looked at: loads of thousands of experts. What it begins with says enough.
        (parser, sink) = Default::default();
        parser.feed(&begun, false, &mut sink).ok()?;
        lines = usize::from(parser.records > 0);
    }
    // A file that is one JSON object is a configuration or a summary; lines come with a name that says so.
    let name = path.rsplit('/').next().unwrap_or(path);
    let named = [".jsonl", ".ndjson", ".jsonlines"].iter().any(|part| name.contains(part));
    if lines == 0 || (lines == 1 && !named) || sink.damage.len() * 2 > lines {
        return None;
    }
    if sink.points.is_empty() && !parser.dump {
        return None;
    }
    match parser.step_key {
        Some(key) => Some(with_steps(key)),
        None if parser.dump => Some(Recognition { confidence: 85, why: "JSON lines of ms-swift".to_owned() }),
        // Training data is JSON lines, too: long texts, and a number here and there.
        None if parser.text_bytes * 2 > head.len() => None,
        None => {
            let axis = match parser.axis {
                Axis::Other(EPOCH) => "the epoch",
                Axis::Other(what) => COUNTS[usize::from(what)],
                _ => "the line number",
            };
            Some(Recognition { confidence: 60, why: format!("JSON lines with numbers; {axis} is the step") })
        }
    }
}

fn with_steps(key: usize) -> Recognition {
    let Some(step) = STEP_KEYS.get(key) else {
        return Recognition { confidence: 85, why: "JSON lines with the step next to nested metrics".to_owned() };
    };
    let by = match *step {
        "current_steps" => " (LLaMA-Factory)",
        "global_step/max_steps" => " (ms-swift)",
        _ => "",
    };
    Recognition { confidence: 85, why: format!("JSON lines with the step under '{step}'{by}") }
}

/// A key at a place in the object.
#[derive(Debug)]
struct Key {
    /// Bytes between the value before it and its own value, as they came last: `, "train/loss": `.
    token: Token,
    /// The key it came after last time leads here: what came after this one last time, at the same level.
    next: u32,
    /// What came first inside it, where its value is an object.
    first: u32,
    /// Full name.
    path: String,
    /// Number of the object it holds, where it holds one.
    inside: Option<u32>,
    role: Role,
    /// Whether text under it may be a number in quotes; `None` before the first text.
    quoted: Option<bool>,
    /// Index in the sink; `u32::MAX` before the first number.
    metric: u32,
    /// Line and index of the newest point: JSON's last value wins where a key comes twice in an object.
    seen: (u64, u32),
}

const NONE: u32 = u32::MAX;

/// What a log's points stand at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Axis {
    #[default]
    Unknown,
    /// Steps, from the first line that has one on.
    Steps,
    /// Lines are counted.
    Lines,
    /// Something else is counted: the place among [`COUNTS`], or [`EPOCH`].
    Other(u8),
    /// Something else may be counted, which the next line will tell: what, and how much it was.
    Perhaps(u8, i64),
}

/// The axis that is epochs.
const EPOCH: u8 = COUNTS.len() as u8;

/// The state of reading one file.
#[derive(Debug)]
struct Lines {
    keys: Vec<Key>,
    tokens: Tokens,
    index: HashMap<(u32, Box<[u8]>), u32>,
    paths: u32,
    /// Metrics the sink knew when it was last used.
    known: usize,
    /// Lines read in this process.
    lines: u64,
    /// Objects read since the beginning of the file: the step where the lines have none.
    records: u64,
    /// Newest step, for lines without one among lines with one.
    last_step: Option<i64>,
    planned: i64,
    skipping: bool,
    axis: Axis,
    epochs: Epochs,
    facets: Facets,
    /// What the line at hand says.
    step: Option<(u8, i64)>,
    epoch: Option<i64>,
    batch: Option<i64>,
    count: Option<(u8, i64)>,
    /// Where the points of the first line stand, once the second has told.
    first: i64,
    wall: f64,
    dump: bool,
    /// The metric that the line names, and the point that is its value.
    name: Option<String>,
    value: Option<usize>,
    /// Whether it says a step that is none.
    odd_step: bool,
    /// Whether it is a logger's, with a level or a message.
    logger: bool,
    /// For recognition.
    step_key: Option<usize>,
    text_bytes: usize,
}

impl Default for Lines {
    fn default() -> Self {
        // Key 0 stands for the line itself: what comes first in it is what comes first inside.
        let root = Key {
            token: Token::default(),
            next: NONE,
            first: NONE,
            path: String::new(),
            inside: Some(0),
            role: Role::Metric,
            quoted: None,
            metric: NONE,
            seen: (u64::MAX, 0),
        };
        Self {
            keys: vec![root],
            tokens: Tokens::default(),
            index: HashMap::new(),
            paths: 1,
            known: 0,
            lines: 0,
            records: 0,
            last_step: None,
            planned: 0,
            skipping: false,
            axis: Axis::Unknown,
            epochs: Epochs::default(),
            facets: Facets::default(),
            step: None,
            epoch: None,
            batch: None,
            count: None,
            first: 0,
            wall: f64::NAN,
            dump: false,
            name: None,
            value: None,
            odd_step: false,
            logger: false,
            step_key: None,
            text_bytes: 0,
        }
    }
}

impl Parser for Lines {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        if sink.metrics().len() < self.known {
            self.keys.iter_mut().for_each(|k| k.metric = NONE);
            self.facets.another_sink();
        }
        let mut at = 0;
        // The first line, where the second will say what it stands at.
        let mut first: Option<(usize, usize, usize, usize)> = None;
        while let Some(length) = memchr(b'\n', &input[at..]) {
            if std::mem::take(&mut self.skipping) {
                at += length + 1;
                continue;
            }
            let before = (at, sink.points.len(), sink.facts.len(), sink.damage.len());
            self.line(&input[at..at + length], at, sink);
            match (self.axis, first) {
                (Axis::Perhaps(..), None) => first = Some(before),
                (Axis::Other(_), Some((_, from, _, _))) => {
                    let second = before.1;
                    sink.points[from..second].iter_mut().for_each(|point| point.step = self.first);
                    first = None;
                }
                (Axis::Perhaps(..), _) => {}
                _ => first = None,
            }
            at += length + 1;
        }
        if let Some((start, points, facts, damage)) = first
            && !last
        {
            // It is given again, with the second behind it.
            sink.points.truncate(points);
            sink.facts.truncate(facts);
            sink.damage.truncate(damage);
            (self.axis, self.records, self.planned) = (Axis::Unknown, 0, 0);
            self.known = sink.metrics().len();
            return Ok(start);
        }
        let rest = &input[at..];
        if self.skipping || rest.len() > LONGEST {
            if !self.skipping {
                sink.damaged(at, format!("a line of more than {} MiB", LONGEST >> 20));
            }
            self.skipping = true;
            at = input.len();
        } else if last && !rest.trim_ascii().is_empty() {
            // Half an object is not damage: the other half may still come.
            let damage = sink.damage.len();
            let before = (at, sink.points.len(), sink.facts.len(), damage);
            self.line(rest, at, sink);
            if let (Axis::Other(_), Some((_, from, _, _))) = (self.axis, first) {
                sink.points[from..before.1].iter_mut().for_each(|point| point.step = self.first);
            }
            first = first.or(Some(before));
            if sink.damage.len() == damage {
                at = input.len();
            }
            sink.damage.truncate(damage);
        }
        if let (Axis::Perhaps(what, value), true) = (self.axis, last) {
            // There is no second line, and tokens are rarely those of one step.
            self.axis = Axis::Other(what);
            let from = first.map_or(sink.points.len(), |(_, from, _, _)| from);
            sink.points[from..].iter_mut().for_each(|point| point.step = value);
        }
        self.known = sink.metrics().len();
        Ok(at)
    }

    fn save(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(12);
        saved::unsigned(&mut out, self.records);
        saved::unsigned(&mut out, u64::from(self.skipping) | u64::from(self.last_step.is_some()) << 1);
        saved::signed(&mut out, self.last_step.unwrap_or(0));
        saved::signed(&mut out, self.planned);
        saved::unsigned(
            &mut out,
            match self.axis {
                Axis::Unknown | Axis::Perhaps(..) => 0,
                Axis::Steps => 1,
                Axis::Lines => 2,
                Axis::Other(what) => 3 + u64::from(what),
            },
        );
        self.epochs.save(&mut out);
        self.facets.save(&mut out);
        out
    }

    fn resume(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let mut r = Reader::new(bytes);
        let (Some(records), Some(flags), Some(step), Some(planned)) =
            (r.unsigned(), r.unsigned(), r.signed(), r.signed())
        else {
            return Err(FormatError::OtherParser);
        };
        self.records = records;
        self.skipping = flags & 1 == 1;
        self.last_step = (flags & 2 == 2).then_some(step);
        self.planned = planned;
        let axis = r.unsigned().ok_or(FormatError::OtherParser)?;
        self.axis = match axis {
            0 => Axis::Unknown,
            1 => Axis::Steps,
            2 => Axis::Lines,
            other => Axis::Other((other - 3).min(u64::from(EPOCH)) as u8),
        };
        self.epochs = Epochs::resume(&mut r).ok_or(FormatError::OtherParser)?;
        self.facets.resume(&mut r).ok_or(FormatError::OtherParser)?;
        Ok(())
    }
}

impl Lines {
    fn line(&mut self, line: &[u8], offset: usize, sink: &mut Sink) {
        let line = if self.records == 0 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
        let from = sink.points.len();
        let facts = sink.facts.len();
        let start = space(line, 0);
        if start == line.len() {
            return;
        }
        self.lines += 1;
        (self.step, self.epoch, self.batch, self.count) = (None, None, None, None);
        self.wall = f64::NAN;
        (self.name, self.value, self.odd_step, self.logger) = (None, None, false, false);
        let dump = std::mem::take(&mut self.dump);
        let end = match line.get(start) {
            Some(b'{') => self.object(line, start + 1, 0, 0, sink),
            _ => Err(Broken("not a JSON object")),
        };
        let end = end
            .and_then(|at| if space(line, at) == line.len() { Ok(()) } else { Err(Broken("text after the object")) });
        if let Err(Broken(reason)) = end {
            sink.points.truncate(from);
            sink.facts.truncate(facts);
            self.facets.forget();
            self.dump = dump;
            sink.damaged(offset, reason);
            if let Some(nul) = memchr::memrchr(0, line) {
                // What stood there when the machine went down was cut off; what follows was written after it.
                self.line(&line[nul + 1..], offset + nul + 1, sink);
            }
            return;
        }
        if self.dump {
            // Its numbers describe the trainer when it ended, and have all been logged before.
            sink.points.truncate(from);
        }
        if let (Some(name), None) = (&self.name, self.value) {
            // Of a record that a logger wrote, the name is the logger's.
            let facet = if self.logger { Facet::Split } else { Facet::Name };
            self.facets.note(facet, name.as_bytes());
        }
        if let (Some(name), Some(at)) = (&self.name, self.value)
            && let Some(point) = sink.points.get(at)
            && self.step.is_some()
            && sink.may_name(name.as_bytes())
        {
            let (step, value) = (point.step, point.value);
            let metric = sink.metric(name);
            sink.points[at] = RawPoint { metric, step, value, wall: f64::NAN };
        }
        if let (None, Some(batch), Some(_)) = (self.step, self.batch, self.epoch) {
            self.step = Some((STEP_KEYS.len() as u8, batch));
        }
        if self.odd_step && self.step.is_none() && self.axis == Axis::Steps {
            // Where steps are counted, such a record has no place. Where none were, what is called a step may be a part of one.
            sink.points.truncate(from);
            self.facets.forget();
            self.dump = dump;
            sink.damaged(offset, ODD_STEP);
            return;
        }
        let stepped = self.step.is_some();
        let step = match self.step {
            Some((key, step)) => {
                self.step_key = Some(self.step_key.map_or(usize::from(key), |k| k.min(usize::from(key))));
                let step = self.epochs.step(self.epoch.map(|epoch| (epoch, None)), (step, None), false);
                self.axis = Axis::Steps;
                self.last_step = Some(step);
                step
            }
            None => self.other_step(),
        };
        self.dump |= dump;
        self.records += 1;
        for point in &mut sink.points[from..] {
            point.step = step;
            point.wall = self.wall;
        }
        self.facets.settle(from, stepped || matches!(self.axis, Axis::Other(_)), sink);
    }

    /// Where the points of a line without a step stand.
    fn other_step(&mut self) -> i64 {
        let lines = self.records as i64;
        let count = self.count.or(self.epoch.map(|epoch| (EPOCH, epoch)));
        match self.axis {
            Axis::Steps => {}
            Axis::Lines => return lines,
            Axis::Unknown => {
                let perhaps = count.filter(|_| self.records == 0);
                self.axis = perhaps.map_or(Axis::Lines, |(what, value)| Axis::Perhaps(what, value));
                return lines;
            }
            Axis::Perhaps(what, first) => {
                let grown = count.filter(|(other, value)| *other == what && *value > first);
                self.axis = if grown.is_some() { Axis::Other(what) } else { Axis::Lines };
                self.first = first;
                let Some((_, value)) = grown else { return lines };
                self.last_step = Some(value);
            }
            Axis::Other(what) => {
                if let Some((_, value)) = count.filter(|(other, _)| *other == what) {
                    self.last_step = Some(value);
                }
            }
        }
        self.last_step.unwrap_or(lines)
    }

    /// Reads the inside of an object, from behind its `{` to behind its `}`.
    fn object(
        &mut self,
        line: &[u8],
        mut at: usize,
        parent: u32,
        depth: usize,
        sink: &mut Sink,
    ) -> Result<usize, Broken> {
        let within = self.inside(parent);
        let mut before = NONE;
        loop {
            let guess = if before == NONE { self.keys[parent as usize].first } else { self.keys[before as usize].next };
            let hit = self.keys.get(guess as usize).is_some_and(|k| line[at..].starts_with(self.tokens.of(k.token)));
            let key = if hit {
                at += self.keys[guess as usize].token.len();
                guess
            } else {
                let start = at;
                at = space(line, at);
                match (line.get(at), before == NONE) {
                    (Some(b'}'), _) => return Ok(at + 1),
                    (Some(b','), false) => at = space(line, at + 1),
                    (Some(_), true) => {}
                    (Some(_), false) => return Err(Broken("no comma between two keys")),
                    (None, _) => return Err(Broken("an unterminated object")),
                }
                let end = string(line, at)?;
                let colon = space(line, end);
                if line.get(colon) != Some(&b':') {
                    return Err(Broken("a key without a colon"));
                }
                let value = space(line, colon + 1);
                let key = self.key(within, parent, &line[at + 1..end - 1])?;
                self.tokens.set(&mut self.keys[key as usize].token, &line[start..value]);
                if before == NONE {
                    self.keys[parent as usize].first = key;
                } else {
                    self.keys[before as usize].next = key;
                }
                at = value;
                key
            };
            at = self.value(line, at, key, depth, sink)?;
            before = key;
        }
    }

    #[inline]
    fn value(&mut self, line: &[u8], at: usize, key: u32, depth: usize, sink: &mut Sink) -> Result<usize, Broken> {
        match line.get(at) {
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => {
                let Some((value, length)) = number(&line[at..]) else { return Err(Broken("an incomplete number")) };
                self.point(key, value, sink);
                Ok(at + length)
            }
            Some(b'"') => {
                let end = string(line, at)?;
                self.text(key, &line[at + 1..end - 1], sink);
                Ok(end)
            }
            Some(b'{') if depth < DEEPEST => self.object(line, at + 1, key, depth + 1, sink),
            Some(b'[') => {
                self.dump |= self.keys[key as usize].role == Role::History;
                skip(line, at)
            }
            Some(b'{') => skip(line, at),
            // The key was recognised with fewer spaces behind it.
            Some(b' ' | b'\t' | b'\r') => self.value(line, space(line, at), key, depth, sink),
            Some(_) => self.word(line, at, key),
            None => Err(Broken("a key without a value")),
        }
    }

    #[inline]
    fn point(&mut self, key: u32, value: f64, sink: &mut Sink) {
        let of = &mut self.keys[key as usize];
        if of.metric == NONE {
            of.metric = sink.metric(&of.path);
        }
        if of.role != Role::Metric {
            self.says(key, value, sink);
        }
        let key = &mut self.keys[key as usize];
        let index = sink.points.len() as u32;
        if key.seen.0 == self.lines
            && let Some(point) = sink.points.get_mut(key.seen.1 as usize)
            && point.metric == key.metric
        {
            point.value = value;
            return;
        }
        key.seen = (self.lines, index);
        sink.point(key.metric, 0, value, f64::NAN);
    }

    /// A word that is no text: it says nothing, unless what a record is of.
    #[inline(never)]
    fn word(&mut self, line: &[u8], at: usize, key: u32) -> Result<usize, Broken> {
        let words = [&b"true"[..], b"false", b"null"];
        let word = words.into_iter().find(|word| line[at..].starts_with(word));
        let word = word.ok_or(Broken("an invalid JSON value"))?;
        if let Role::Facet(facet) = self.keys[key as usize].role {
            self.facets.note(facet, word);
        }
        Ok(at + word.len())
    }

    /// Takes note of a number that is more than a metric. Apart from the others, of which there are a hundred times as many.
    #[inline(never)]
    fn says(&mut self, key: u32, value: f64, sink: &mut Sink) {
        match self.keys[key as usize].role {
            Role::Step(rank) => {
                if let Some(step) = whole_step(value) {
                    if self.step.is_none_or(|(r, _)| rank < r) {
                        self.step = Some((rank, step));
                    }
                } else {
                    self.odd_step = true;
                }
            }
            Role::Count(rank) => {
                if value.fract() == 0.0 && (0.0..9e15).contains(&value) && self.count.is_none_or(|(r, _)| rank < r) {
                    self.count = Some((rank, value as i64));
                }
            }
            Role::Batch => {
                self.batch = Some(value as i64).filter(|_| value.fract() == 0.0 && (0.0..9e15).contains(&value))
            }
            Role::Epoch => {
                self.epoch = Some(value as i64).filter(|_| value.fract() == 0.0 && (0.0..9e15).contains(&value));
            }
            Role::Time => {
                // Seconds or milliseconds between 2001 and 2286; anything else is a duration or a date.
                if (1e9..1e10).contains(&value) {
                    self.wall = value;
                } else if (1e12..1e13).contains(&value) {
                    self.wall = value / 1e3;
                }
            }
            Role::Planned => planned(&mut self.planned, value as i64, self.records, sink),
            Role::Value => self.value = Some(sink.points.len()),
            Role::Facet(facet) => self.facets.note_number(facet, &self.keys[key as usize].path, value),
            Role::Metric | Role::Name | Role::Logger | Role::History | Role::ModelInfo => {}
        }
    }

    fn text(&mut self, key: u32, text: &[u8], sink: &mut Sink) {
        let of = &mut self.keys[key as usize];
        if *of.quoted.get_or_insert_with(|| of.role == Role::Metric && of_training(&of.path))
            && let Some(value) = whole_number(text)
        {
            self.point(key, value, sink);
            return;
        }
        self.text_bytes += text.len();
        match self.keys[key as usize].role {
            Role::Step(rank) => {
                let number = |text: &[u8]| whole_number(text).and_then(whole_step);
                let (taken, total) = text.split_at(memchr(b'/', text).unwrap_or(text.len()));
                let Some(step) = number(taken) else {
                    self.odd_step |= !text.trim_ascii().is_empty();
                    return;
                };
                if self.step.is_none_or(|(r, _)| rank < r) {
                    self.step = Some((rank, step));
                }
                if let Some(total) = total.strip_prefix(b"/").and_then(number) {
                    planned(&mut self.planned, total, self.records, sink);
                }
            }
            Role::Name => self.name = Some(unescape(text)),
            Role::Logger => self.logger = true,
            Role::Facet(facet) => self.facets.note(facet, unescape(text).as_bytes()),
            Role::ModelInfo => {
                if let Some(params) = model_info(text) {
                    sink.fact(FactName::TotalParams, FactValue::Number(params), "model_parameter_info");
                }
            }
            _ => {}
        }
    }

    /// The number of a key, new where it has not been seen at this place.
    fn key(&mut self, within: u32, parent: u32, raw: &[u8]) -> Result<u32, Broken> {
        let place = (within, Box::from(raw));
        if let Some(key) = self.index.get(&place) {
            return Ok(*key);
        }
        if self.keys.len() >= MOST_KEYS {
            return Err(Broken("too many distinct keys"));
        }
        let name = unescape(raw);
        let outer = &self.keys[parent as usize].path;
        let path = if outer.is_empty() { name } else { format!("{outer}/{name}") };
        let role = role(&path, within);
        let key = self.keys.len() as u32;
        self.index.insert(place, key);
        self.keys.push(Key {
            token: Token::default(),
            next: NONE,
            first: NONE,
            quoted: None,
            path,
            inside: None,
            role,
            metric: NONE,
            seen: (u64::MAX, 0),
        });
        Ok(key)
    }

    /// The number of the path inside a key.
    fn inside(&mut self, key: u32) -> u32 {
        let paths = &mut self.paths;
        *self.keys[key as usize].inside.get_or_insert_with(|| {
            *paths += 1;
            *paths - 1
        })
    }
}

#[cfg(test)]
mod tests;
