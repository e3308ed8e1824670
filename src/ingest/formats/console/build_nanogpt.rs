//! build-nanogpt: its `log.txt` and its console.
//!
//! ```text
//! 250 val 5.2841                           validation loss: 5.2841
//! 250 hella 0.2490                         HellaSwag accuracy: 2500/10042=0.2490
//! 250 train 5.301234                       step   250 | loss: 5.301234 | lr 2.1e-04 | norm: 1.02 | dt: 402.12ms | tok/sec: 1303811.4
//! ```
//!
//! On the console, evaluations are printed without a step, before the line of the step they are made at. They wait for it.

use super::nanogpt::parameters;
use super::signs::{ConsoleFormat, Sign, Trust};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{
    after_first, integer, integer_after_spaces, number, point, unlabelled, whole_number,
};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};

/// The console.
#[derive(Debug)]
pub struct BuildNanoGpt;

/// `log.txt`.
#[derive(Debug)]
pub struct BuildNanoGptLog;

impl ConsoleFormat for BuildNanoGpt {
    fn called(&self) -> &'static str {
        "build-nanogpt"
    }

    fn what(&self) -> &'static str {
        "build-nanogpt step lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &["step   190 | loss: 6.888083 | lr 1.6e-04 | norm: 1.0 | dt: 10.0ms | tok/sec: 1000.0\n"]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| format!("step {step:5} | loss: {loss} | lr 1e-4 | dt: 1.5ms\n"))
    }

    fn knows(&self, line: &[u8]) -> bool {
        let line = unlabelled(line);
        line.starts_with(b"validation loss: ") || line.starts_with(b"HellaSwag accuracy: ")
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        let line = unlabelled(line);
        if step_line(line).is_some() {
            return Some(Sign::Metric);
        }
        line.starts_with(b"=> calculated gradient accumulation steps: ").then_some(Sign::Header)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, ConsoleParser::default()))
    }
}

/// `step   250 | loss: …`: the step, and what follows it.
fn step_line(line: &[u8]) -> Option<(i64, &[u8])> {
    let (step, rest) = integer_after_spaces(line.strip_prefix(b"step ")?)?;
    let fields = rest.strip_prefix(b" | ")?;
    fields.starts_with(b"loss: ").then_some((step, fields))
}

#[derive(Debug, Default)]
struct ConsoleParser {
    /// The last two steps printed.
    last: Option<i64>,
    stride: i64,
    /// Results that wait for their step.
    validation: Option<f64>,
    hellaswag: Option<f64>,
    decayed: Option<f64>,
}

impl ConsoleParser {
    fn give_out(&mut self, step: i64, sink: &mut Sink) {
        for (key, value) in [(&b"val"[..], self.validation.take()), (b"hella", self.hellaswag.take())] {
            if let Some(value) = value {
                point(key, step, value, sink);
            }
        }
    }

    fn other(&mut self, line: &[u8], number_of_line: u64, sink: &mut Sink) {
        if let Some(loss) = line.strip_prefix(b"validation loss: ") {
            self.validation = whole_number(loss);
        } else if let Some(accuracy) = line.strip_prefix(b"HellaSwag accuracy: ") {
            self.hellaswag = after_first(accuracy, b"=").and_then(whole_number);
        } else if let Some(rest) = line.strip_prefix(b"total desired batch size: ") {
            if let Some(tokens) = whole_number(rest) {
                sink.fact(FactName::BatchTokens, FactValue::Number(tokens), format!("line {number_of_line}"));
            }
        } else if let Some(count) = parameters(line, b"num decayed parameter tensors: ") {
            self.decayed = Some(count);
        } else if let Some(count) = parameters(line, b"num non-decayed parameter tensors: ")
            && let Some(decayed) = self.decayed.take()
        {
            sink.fact(FactName::TotalParams, FactValue::Number(decayed + count), format!("line {number_of_line}"));
        }
    }
}

impl LineParser for ConsoleParser {
    fn tag(&self) -> u8 {
        b'B'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let text = unlabelled(line.text);
        let Some((step, fields)) = step_line(text) else {
            self.other(text, line.number, sink);
            return;
        };
        self.give_out(step, sink);
        for field in fields.split(|b| *b == b'|') {
            let field = field.trim_ascii();
            // 'loss: 5.3', 'lr 2.1e-04', 'dt: 402.12ms'
            if let Some(space) = memchr::memchr(b' ', field)
                && let Some((value, _)) = number(field[space..].trim_ascii_start())
            {
                let name = field[..space].strip_suffix(b":").unwrap_or(&field[..space]);
                point(name, step, value, sink);
            }
        }
        self.stride = self.last.map_or(1, |last| step - last).max(1);
        self.last = Some(step);
    }

    /// The last evaluation of a run that was stopped: its step line never comes.
    fn end(&mut self, sink: &mut Sink) {
        self.give_out(self.last.map_or(0, |last| last + self.stride), sink);
    }

    fn save(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.last.is_some()));
        saved::signed(to, self.last.unwrap_or(0));
        saved::signed(to, self.stride);
        for value in [self.validation, self.hellaswag, self.decayed] {
            saved::optional(to, value);
        }
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let any = from.byte()? == 1;
        let last = from.signed()?;
        self.last = any.then_some(last);
        self.stride = from.signed()?;
        self.validation = from.optional()?;
        self.hellaswag = from.optional()?;
        self.decayed = from.optional()?;
        Some(())
    }
}

impl ConsoleFormat for BuildNanoGptLog {
    fn called(&self) -> &'static str {
        "build-nanogpt-log"
    }

    fn what(&self) -> &'static str {
        "build-nanogpt log lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &["190 train 6.888083\n250 val 3.0\n250 hella 0.29\n"]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| format!("{step} train {loss}\n"))
    }

    fn trust(&self) -> Trust {
        Trust { metric: 85, header: 0 }
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        log_line(line).map(|_| Sign::Metric)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, LogParser::default()))
    }
}

/// `250 val 5.2841`.
fn log_line(line: &[u8]) -> Option<(i64, &[u8], f64)> {
    let (step, length) = integer(line)?;
    let rest = line[length..].strip_prefix(b" ")?;
    let name = [&b"train"[..], b"val", b"hella"].into_iter().find(|name| rest.starts_with(name))?;
    let value = rest[name.len()..].strip_prefix(b" ")?;
    whole_number(value).map(|value| (step, name, value))
}

#[derive(Debug, Default)]
struct LogParser {}

impl LineParser for LogParser {
    fn tag(&self) -> u8 {
        b'b'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        if let Some((step, name, value)) = log_line(line.text) {
            point(name, step, value, sink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    fn read(format: &dyn Format, text: &str) -> (Vec<(String, i64, f64)>, Sink) {
        let mut sink = Sink::default();
        format.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        (sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect(), sink)
    }

    fn point(key: &str, step: i64, value: f64) -> (String, i64, f64) {
        (key.to_owned(), step, value)
    }

    #[test]
    fn an_evaluation_waits_for_its_step() {
        let (points, sink) = read(
            &BuildNanoGpt,
            "total desired batch size: 524288\n=> calculated gradient accumulation steps: 2\n\
             num decayed parameter tensors: 50, with 124,354,560 parameters\nnum non-decayed parameter tensors: 98, with 121,344 parameters\n\
             validation loss: 10.9522\nHellaSwag accuracy: 2497/10042=0.2487\n\
             step     0 | loss: 10.952208 | lr 8.3916e-07 | norm: 15.4145 | dt: 19825.50ms | tok/sec: 26445.13\n\
             step    10 | loss: 10.9 | lr 1.6e-06 | norm: 1.5 | dt: 400.77ms | tok/sec: 1308193.32\nvalidation loss: 9.5\n",
        );
        assert_eq!(points[..3], [point("val", 0, 10.9522), point("hella", 0, 0.2487), point("loss", 0, 10.952208)]);
        assert_eq!(
            points[3..7],
            [
                point("lr", 0, 8.3916e-7),
                point("norm", 0, 15.4145),
                point("dt", 0, 19825.5),
                point("tok/sec", 0, 26445.13)
            ]
        );
        assert_eq!(points.last(), Some(&point("val", 20, 9.5)), "the run was stopped before its line");
        assert_eq!(sink.facts[1], (FactName::TotalParams, FactValue::Number(124_475_904.0), "line 4".to_owned()));
    }

    #[test]
    fn the_log_is_three_words_a_line() {
        let (points, _) =
            read(&BuildNanoGptLog, "0 val 10.9522\n0 hella 0.2487\n0 train nan\n1 train 10.9 x\n1 loss 3\n");
        assert_eq!(points[..2], [point("val", 0, 10.9522), point("hella", 0, 0.2487)]);
        assert!(points.len() == 3 && points[2].2.is_nan());
        assert!(BuildNanoGptLog.recognise("log.txt", b"12 monkeys 3\n3 train tickets 5\n").is_none());
    }
}
