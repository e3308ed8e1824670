//! Evaluations that a log's own format says nothing of: lines anybody might have written, and blocks of several lines.
//!
//! The rule, for every format of the console: a line of an evaluation ([`stdout::metric_line`]) or a block of one ([`block`]) that
//! the format itself gives no points for is read all the same, at the step it states, else at the step before it. What a rank
//! other than the first says is a copy. Formats that print their own evaluations in blocks are left alone
//! ([`ConsoleFormat::reads_evaluations`]).

mod block;
mod heading;
mod row;

use super::names::{give, says_held_out};
use super::signs::ConsoleFormat;
use super::stdout;
use crate::ingest::formats::chorus::rank;
use crate::ingest::formats::lines::plain;
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::point;
use crate::ingest::formats::{FormatError, Parser, Sink};
use block::Block;
use memchr::{memchr, memrchr};
use regex::bytes::Regex;
use std::sync::LazyLock;

/// A quick no for most lines: what a line of an evaluation, or the first of a block, has in it. Few literals, which are searched
/// for at once, since every byte of a log is.
static OPENS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("val|Val|VAL|test|Test|Tasks|omain|ataset").ok());
/// The same, where a step may be a heading, too.
static OPENS_ALONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new("val|Val|VAL|test|Test|TEST|dev|Dev|Tasks|omain|ataset|orpus|Groups|step|Step|STEP|iter|Iter").ok()
});

/// The block that is read at present, if any, and whose.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    open: Option<Block>,
    /// The rank that is listened to, where lines say which they are of.
    rank: Option<u32>,
    /// Names that the format itself has given in a line of an evaluation, and the step: a block beneath may repeat them.
    given: (i64, Vec<String>),
}

impl Blocks {
    /// Reads a line of the block that is open; `false` where none is, or the line is not of it, which ends it.
    pub fn takes(&mut self, line: &[u8], sink: &mut Sink) -> bool {
        let Some(block) = &mut self.open else { return false };
        if rank(line).is_some_and(|other| self.rank.is_some_and(|own| own != other)) {
            return true;
        }
        let text = std::str::from_utf8(line).ok();
        if text.is_some_and(|text| block.line(text)) {
            self.give(sink);
            return true;
        }
        self.close(sink);
        false
    }

    /// Looks whether a line opens a block; `last` is the newest step.
    pub fn opens(&mut self, line: &[u8], last: Option<i64>, alone: bool, sink: &mut Sink) {
        let may = if alone { &OPENS_ALONE } else { &OPENS };
        if !may.as_ref().is_some_and(|may| may.is_match(line)) {
            return;
        }
        let Ok(text) = std::str::from_utf8(line) else { return };
        if let Some(block) = Block::opened_by(text, last, alone) {
            self.close(sink);
            if self.is_copy(line) {
                return;
            }
            self.open = Some(block);
        }
    }

    /// Ends the block.
    pub fn close(&mut self, sink: &mut Sink) {
        if let Some(block) = &mut self.open {
            block.end();
        }
        self.give(sink);
        self.open = None;
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether another rank than the first says a line.
    fn is_copy(&mut self, line: &[u8]) -> bool {
        rank(line).is_some_and(|rank| *self.rank.get_or_insert(rank) != rank)
    }

    fn give(&mut self, sink: &mut Sink) {
        let Some(block) = &mut self.open else { return };
        for (name, step, value) in block.found.drain(..) {
            if self.given.0 != step || !self.given.1.contains(&name) {
                point(name.as_bytes(), step, value, sink);
            }
        }
    }

    /// Writes what must be known to go on.
    pub fn save(&self, to: &mut Vec<u8>) {
        saved::signed(to, self.rank.map_or(-1, i64::from));
        saved::bytes(to, &serde_json::to_vec(&self.open).unwrap_or_default());
        saved::signed(to, self.given.0);
        saved::bytes(to, self.given.1.join("\n").as_bytes());
    }

    /// Takes up what [`Blocks::save`] wrote.
    pub fn resume(from: &mut Reader<'_>) -> Option<Self> {
        let rank = u32::try_from(from.signed()?).ok();
        let open = serde_json::from_slice(from.bytes()?).ok()?;
        let step = from.signed()?;
        let names = String::from_utf8(from.bytes()?.to_vec()).ok()?;
        Some(Self { open, rank, given: (step, names.lines().map(str::to_owned).collect()) })
    }
}

/// Reads the evaluations that a format's parser leaves.
#[derive(Debug, Default)]
pub(super) struct Evaluations {
    blocks: Blocks,
    /// Newest step that the parser has given.
    last: Option<i64>,
}

impl Evaluations {
    /// Has the parser of a format read, and reads beside it. Returns the bytes used.
    ///
    /// # Errors
    /// Those of the parser.
    pub fn feed(
        &mut self,
        format: &dyn ConsoleFormat,
        parser: &mut dyn Parser,
        input: &[u8],
        last: bool,
        sink: &mut Sink,
    ) -> Result<usize, FormatError> {
        // What the parser has used, and from where lines are still to be looked at.
        let (mut at, mut from) = (0, 0);
        while from < input.len() {
            let (start, end) = if self.blocks.is_open() {
                (from, line_end(input, from))
            } else {
                let found = OPENS.as_ref().and_then(|opens| opens.find_at(input, from)).map(|found| found.start());
                let Some(found) = found else { break };
                let start = memrchr(b'\n', &input[from..found]).map_or(from, |before| from + before + 1);
                (start, line_end(input, found))
            };
            let Some(end) = end.or(last.then_some(input.len())) else { break };
            from = end;
            let mut stripped = Vec::new();
            let line = plain(&input[start..end], &mut stripped);
            if self.blocks.takes(line, sink) {
                // The parser counts lines.
                at += self.fed(parser, &input[at..start], at, false, sink)?;
                if at == start {
                    let broken = input[start..end].ends_with(b"\n");
                    self.fed(parser, if broken { b"\n" } else { b"" }, at, false, sink)?;
                    at = end;
                }
                continue;
            }
            at += self.fed(parser, &input[at..start], at, false, sink)?;
            let points = sink.points.len();
            at += self.fed(parser, &input[at..end], at, last && end == input.len(), sink)?;
            if sink.points.len() > points {
                let names = sink.points[points..].iter().map(|p| sink.metrics()[p.metric as usize].clone());
                self.blocks.is_copy(line);
                self.blocks.given = (sink.points[points].step, names.collect());
            } else if at == end && format.sign(line).is_none() && !format.knows(line) {
                self.line(line, sink);
            }
        }
        at += self.fed(parser, &input[at..], at, last, sink)?;
        if last {
            self.blocks.close(sink);
        }
        Ok(at)
    }

    fn fed(
        &mut self,
        parser: &mut dyn Parser,
        input: &[u8],
        at: usize,
        last: bool,
        sink: &mut Sink,
    ) -> Result<usize, FormatError> {
        if input.is_empty() {
            return Ok(0);
        }
        let (points, damage) = (sink.points.len(), sink.damage.len());
        let used = parser.feed(input, last, sink)?;
        sink.damage[damage..].iter_mut().for_each(|damage| damage.offset += at);
        if let Some(point) = sink.points[points..].last() {
            self.last = Some(point.step);
        }
        Ok(used)
    }

    /// Reads a line that the parser has no points for.
    fn line(&mut self, line: &[u8], sink: &mut Sink) {
        let Some(found) = stdout::metric_line(line) else {
            self.blocks.opens(line, self.last, false, sink);
            return;
        };
        // How far the pass over held-out data is, and its mean so far.
        let of_a_pass = found.held_out.is_some() && matches!(found.step, Some((_, Some(_))));
        if of_a_pass || memchr::memmem::find(line, b"it/s").is_some() {
            return;
        }
        let is_held_out = |name: &[u8]| found.held_out.is_some() || says_held_out(name);
        if found.bar || !found.values.iter().any(|(name, _)| is_held_out(name)) || self.blocks.is_copy(line) {
            return;
        }
        let step = found.step.map(|(step, _)| step).or(self.last);
        let Some(step) = step else { return };
        for (name, value) in &found.values {
            if is_held_out(name) {
                give(&found, name, step, *value, sink);
            }
        }
    }

    pub fn save(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.last.is_some()));
        saved::signed(to, self.last.unwrap_or(0));
        self.blocks.save(to);
    }

    pub fn resume(from: &mut Reader<'_>) -> Option<Self> {
        let known = from.byte()? != 0;
        let last = Some(from.signed()?).filter(|_| known);
        Some(Self { last, blocks: Blocks::resume(from)? })
    }
}

/// Where the line at `at` ends, with its line break.
fn line_end(input: &[u8], at: usize) -> Option<usize> {
    memchr(b'\n', &input[at..]).map(|length| at + length + 1)
}

#[cfg(test)]
mod tests;
