//! Facts in Megatron's output before the first iteration: arguments, and parameters of every rank.

use crate::ingest::facts::megatron::Arguments;
use crate::ingest::formats::Sink;
use crate::ingest::formats::lines::Line;
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{integer, needles, number, text};
use crate::vocab::{FactName, FactValue};
use memchr::memmem::find;
use std::collections::BTreeMap;

needles! {
    PARAMETERS = "> number of parameters on (tensor, pipeline";
    UNIQUE = " UNIQUE_PARAMS=";
}

/// Whether a rank says here how many parameters it holds.
pub(super) fn has_rank_parameters(line: &[u8]) -> bool {
    PARAMETERS.find(line).is_some()
}

/// What is printed before the first iteration of a start.
#[derive(Debug, Default)]
pub(super) struct Start {
    pub(super) over: bool,
    /// Whether arguments were printed.
    pub(super) stated: bool,
    arguments: Arguments,
    /// Tensor- and pipeline-parallel ranks, once the arguments are known.
    ranks: u64,
    /// Parameters counted twice: embeddings that the first and the last stage share.
    twice: f64,
    shares_embedding: bool,
    hidden: f64,
    parameters: BTreeMap<Vec<i64>, f64>,
    unique: bool,
}

impl Start {
    /// Lines between the start of a job and its first iteration.
    pub(super) fn line(&mut self, line: Line<'_>, batch_told: &mut bool, sink: &mut Sink) {
        if let Some((name, value)) = argument(line.text) {
            self.arguments.note(&text(name), &text(value), line.number);
            return;
        }
        if !self.arguments.is_empty() && find(line.text, b"end of arguments").is_some() {
            self.conclude(batch_told, sink);
        }
        if let Some(at) = UNIQUE.find(line.text) {
            if let (false, Some((count, _))) = (self.unique, number(&line.text[at + UNIQUE.needle().len()..])) {
                sink.fact(
                    FactName::TotalParams,
                    FactValue::Number(count),
                    format!("line {} (UNIQUE_PARAMS)", line.number),
                );
                self.unique = true;
            }
        } else if let Some(at) = find(line.text, b"> padded vocab (size: ") {
            let padded = find(&line.text[at..], b"(new size: ").and_then(|n| integer(&line.text[at + n + 11..]));
            if let (true, Some((padded, _))) = (self.shares_embedding, padded) {
                self.twice = padded as f64 * self.hidden;
            }
        } else {
            // Ranks print at once: two may share a line.
            for at in PARAMETERS.find_iter(line.text) {
                self.parameters.extend(rank_parameters(&line.text[at + PARAMETERS.needle().len()..]));
            }
        }
    }

    /// Turns the arguments into facts and remembers of them what the parameters of ranks need.
    fn conclude(&mut self, batch_told: &mut bool, sink: &mut Sink) {
        let arguments = std::mem::take(&mut self.arguments);
        self.stated = true;
        for (name, value, place) in arguments.facts() {
            *batch_told |= name == FactName::BatchSequences;
            sink.fact(name, value, place);
        }
        let size = |name: &str| arguments.number(name).filter(|n| (1.0..1e6).contains(n)).unwrap_or(1.0) as u64;
        let pipeline = size("pipeline_model_parallel_size");
        // With expert parallelism a rank counts its own experts only, and not every rank is heard of.
        self.ranks =
            if size("expert_model_parallel_size") > 1 { 0 } else { size("tensor_model_parallel_size") * pipeline };
        self.shares_embedding = pipeline > 1 && !arguments.flag("untie_embeddings_and_output_weights", false);
        self.hidden = arguments.number("hidden_size").unwrap_or(0.0);
    }

    /// The first iteration has come: every rank has said how many parameters it holds.
    pub(super) fn finish(&mut self, number: u64, sink: &mut Sink) {
        let complete = self.ranks > 0 && self.parameters.len() as u64 == self.ranks;
        if complete && !self.unique && (!self.shares_embedding || self.twice > 0.0) {
            let total = self.parameters.values().sum::<f64>() - self.twice;
            let place = format!("before line {number} (sum over {} model-parallel ranks)", self.ranks);
            sink.fact(FactName::TotalParams, FactValue::Number(total), place);
        }
        *self = Self { over: true, ..Self::default() };
    }
}

/// `model parallel rank (0, 7): 805560320`, what follows the title of the line.
fn rank_parameters(after: &[u8]) -> Option<(Vec<i64>, f64)> {
    let at = find(after, b"model parallel rank (")?;
    let (ranks, rest) = after[at + 21..].split_at(after[at + 21..].iter().position(|b| *b == b')')?);
    let ranks: Vec<i64> =
        ranks.split(|b| *b == b',').map(|r| integer(r.trim_ascii()).map(|(r, _)| r)).collect::<Option<_>>()?;
    let (count, _) = number(rest.strip_prefix(b"):")?.trim_ascii_start())?;
    (ranks.len() <= 4).then_some((ranks, count))
}

/// `  name ......... value`. GPT-NeoX appends dots and where the value is from.
fn argument(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let dots = find(line, b" ...")?;
    let name = line[..dots].rsplit(u8::is_ascii_whitespace).next()?;
    let value = line[dots + 1..].trim_ascii_start();
    let value = value.trim_ascii_start();
    let first = value.iter().position(|b| *b != b'.')?;
    let value = value[first..].trim_ascii();
    let value = find(value, b"......").map_or(value, |end| &value[..end]);
    let plain = name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (plain && !name.is_empty()).then_some((name, value))
}

impl Start {
    pub(super) fn save(&self, to: &mut Vec<u8>) {
        let flags = [self.over, self.shares_embedding, self.unique, self.stated];
        to.push(flags.iter().enumerate().fold(0, |byte, (at, flag)| byte | u8::from(*flag) << at));
        if self.over {
            return;
        }
        saved::unsigned(to, self.ranks);
        saved::float(to, self.twice);
        saved::float(to, self.hidden);
        saved::unsigned(to, self.arguments.iter().count() as u64);
        for (name, value, line) in self.arguments.iter() {
            saved::bytes(to, name.as_bytes());
            saved::bytes(to, value.as_bytes());
            saved::unsigned(to, line);
        }
        saved::unsigned(to, self.parameters.len() as u64);
        for (ranks, count) in &self.parameters {
            to.push(ranks.len() as u8);
            ranks.iter().for_each(|rank| saved::signed(to, *rank));
            saved::float(to, *count);
        }
    }

    pub(super) fn resume(from: &mut Reader<'_>) -> Option<Self> {
        let flags = from.byte()?;
        let flag = |at: u8| flags >> at & 1 == 1;
        let mut start =
            Self { over: flag(0), shares_embedding: flag(1), unique: flag(2), stated: flag(3), ..Self::default() };
        if start.over {
            return Some(start);
        }
        start.ranks = from.unsigned()?;
        start.twice = from.float()?;
        start.hidden = from.float()?;
        for _ in 0..from.unsigned()? {
            let (name, value, line) = (text(from.bytes()?), text(from.bytes()?), from.unsigned()?);
            start.arguments.note(&name, &value, line);
        }
        for _ in 0..from.unsigned()? {
            let ranks = (0..from.byte()?).map(|_| from.signed()).collect::<Option<Vec<i64>>>()?;
            start.parameters.insert(ranks, from.float()?);
        }
        Some(start)
    }
}
