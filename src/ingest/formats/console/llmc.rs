//! llm.c: its `main.log` and its console, of the C, CUDA and Python programs.
//!
//! ```text
//! s:250 tel:5.1023                         val loss 5.1023
//! s:250 trl:5.0312 lr:0.000600 norm:1.02   step  251/18865 | loss 5.031200 (+0.12z)| norm 1.0200 (-0.30z)| lr 6.00e-04 | 312.45 ms | 55.1% bf16 MFU | 1678021 tok/s
//! s:250 eval:0.2931                        HellaSwag: 2943/10042 = 0.293069
//! ```
//!
//! The console counts steps done; `main.log` numbers steps from 0. Evaluations on the console come after the last step that
//! was done before them. Fields without a name are called by their unit: `ms`, `MFU`, `tok/s`.

use super::signs::{ConsoleFormat, Sign, Trust};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{
    after_first, integer, integer_after_spaces, number, point, text, unlabelled, whole_number,
};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};

/// The console.
#[derive(Debug)]
pub struct LlmC;

/// `main.log`.
#[derive(Debug)]
pub struct LlmCLog;

impl ConsoleFormat for LlmC {
    fn called(&self) -> &'static str {
        "llm.c"
    }

    fn what(&self) -> &'static str {
        "llm.c step lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &[
            "step    1/19560 | loss 11.0 (+nanz)| norm 15.3 (+nanz)| lr 8.5e-07 | 3000 ms | 50% bf16 MFU | 1000 tok/s\nval loss 11.0\n",
        ]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| {
            format!("step {step:4}/99 | loss {loss} (+nanz)| norm 1.0 (+0.1z)| 5.0 ms | 4.0% bf16 MFU | 10 tok/s\n")
        })
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        let line = unlabelled(line);
        if step_line(line).is_some() {
            return Some(Sign::Metric);
        }
        line.starts_with(b"| train data pattern    | ").then_some(Sign::Header)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, ConsoleParser::default()))
    }
}

struct StepLine<'a> {
    step: i64,
    total: Option<i64>,
    fields: &'a [u8],
    /// Whether bars stand between the fields.
    bars: bool,
}

/// `step  251/18865 | loss …`; `step  251/18865: train loss 5.031200 (312.45 ms, 52438 tok/s)` of the CUDA program in
/// single precision, and of all in spring 2024; `step 0: train loss 5.356189 (took 1.2 ms)` of the CPU program.
fn step_line(line: &[u8]) -> Option<StepLine<'_>> {
    let (step, rest) = integer_after_spaces(line.strip_prefix(b"step ")?)?;
    let (total, rest) = match rest.strip_prefix(b"/") {
        Some(rest) => integer_after_spaces(rest).map(|(total, rest)| (Some(total), rest))?,
        None => (None, rest),
    };
    if let Some(fields) = rest.strip_prefix(b" | ") {
        let ours = fields.starts_with(b"loss ") || fields.starts_with(b"train loss ");
        return (ours && total.is_some()).then_some(StepLine { step, total, fields, bars: true });
    }
    let fields = rest.strip_prefix(b": ")?;
    // nanoGPT's evaluations begin alike, and have a comma where this has a time in brackets.
    let timed = after_first(fields, b" (took ").is_some() || total.is_some() && after_first(fields, b" ms, ").is_some();
    (fields.starts_with(b"train loss ") && timed).then_some(StepLine { step, total, fields, bars: false })
}

/// The fields of a line without bars: `train loss 5.0312 norm 1.2 lr 6e-04 (312.45 ms, 52438 tok/s)`.
fn without_bars(text: &[u8], mut each: impl FnMut(&[u8], f64)) {
    let named = text.split(|b| *b == b'(').next().unwrap_or_default();
    let (mut name, mut at) = (0, 0);
    for word in named.split(|b| *b == b' ') {
        if let Some(value) = whole_number(word) {
            each(named[name..at].trim_ascii(), value);
            name = at + word.len();
        }
        at += word.len() + 1;
    }
    for part in text[named.len()..].split(|b| matches!(b, b'(' | b')' | b',')) {
        if let Some((name, value)) = field(part) {
            each(name, value);
        }
    }
}

/// `loss 5.031200 (+0.12z)`, `55.1% bf16 MFU`, `(312.45 ms`: name or unit, and value.
fn field(text: &[u8]) -> Option<(&[u8], f64)> {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"(").unwrap_or(text);
    let text = text.strip_suffix(b")").filter(|t| !t.contains(&b'(')).unwrap_or(text);
    if let Some((value, length)) = number(text) {
        let unit = text[length..].rsplit(|b| matches!(b, b' ' | b'%')).next()?;
        return (!unit.is_empty()).then_some((unit, value));
    }
    let text = text.split(|b| *b == b'(').next()?.trim_ascii();
    let space = memchr::memrchr(b' ', text)?;
    whole_number(&text[space..]).map(|value| (&text[..space], value))
}

#[derive(Debug, Default)]
struct ConsoleParser {
    /// The step at which an evaluation would be printed now.
    now: i64,
    total: i64,
}

impl LineParser for ConsoleParser {
    fn tag(&self) -> u8 {
        b'L'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let text = unlabelled(line.text);
        if let Some(step) = step_line(text) {
            if step.bars {
                for (name, value) in step.fields.split(|b| *b == b'|').filter_map(field) {
                    point(name, step.step, value, sink);
                }
            } else {
                without_bars(step.fields, |name, value| point(name, step.step, value, sink));
            }
            // The CPU program numbers from 0, the others count what is done.
            self.now = if step.total.is_some() { step.step } else { step.step + 1 };
            if let Some(total) = step.total.filter(|total| *total != self.total) {
                self.total = total;
                sink.fact(FactName::PlannedSteps, FactValue::Number(total as f64), format!("line {}", line.number));
            }
        } else if let Some(loss) = text.strip_prefix(b"val loss ") {
            if let Some(loss) = whole_number(loss) {
                point(b"val loss", self.now, loss, sink);
            }
        } else if let Some(rest) = text.strip_prefix(b"HellaSwag: ") {
            if let Some(accuracy) = after_first(rest, b"= ").and_then(whole_number) {
                point(b"HellaSwag", self.now, accuracy, sink);
            }
        } else if text.starts_with(b"| ") {
            setting(text, line.number, sink);
        }
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::signed(to, self.now);
        saved::signed(to, self.total);
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.now = from.signed()?;
        self.total = from.signed()?;
        Some(())
    }
}

/// A row of the table that the CUDA program prints first: `| total batch size      | 524288      |`.
fn setting(row: &[u8], line: u64, sink: &mut Sink) {
    let mut cells = row.split(|b| *b == b'|').map(<[u8]>::trim_ascii).skip(1);
    let (Some(name), Some(value)) = (cells.next(), cells.next()) else { return };
    let name = match name {
        b"num_parameters" => FactName::TotalParams,
        b"total batch size" => FactName::BatchTokens,
        b"sequence length T" => FactName::SequenceLength,
        b"learning rate (LR)" => FactName::LearningRate,
        b"LR scheduler" => FactName::Schedule,
        b"warmup iterations" => FactName::WarmupSteps,
        b"train_num_batches" => FactName::PlannedSteps,
        _ => return,
    };
    let number = whole_number(value).map(FactValue::Number);
    let value = if name == FactName::Schedule { Some(FactValue::Text(text(value))) } else { number };
    if let Some(value) = value {
        sink.fact(name, value, format!("line {line}"));
    }
}

impl ConsoleFormat for LlmCLog {
    fn called(&self) -> &'static str {
        "llm.c-log"
    }

    fn what(&self) -> &'static str {
        "llm.c log lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &["s:0 tel:11.0\ns:1 trl:10.5 lr:1.0e-06 norm:15.3\ns:2 eval:0.29\n"]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect {
            names: ["main.log", "main.log.1", "other.log"],
            line: |step, loss| format!("s:{step} trl:{loss} lr:1e-4 norm:1.0\n"),
        }
    }

    fn trust(&self) -> Trust {
        Trust { metric: 90, header: 0 }
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        log_line(line).map(|_| Sign::Metric)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, LogParser::default()))
    }
}

/// `s:250 trl:5.0312 lr:0.000600`: the step and the fields.
fn log_line(line: &[u8]) -> Option<(i64, &[u8])> {
    let rest = line.strip_prefix(b"s:")?;
    let (step, length) = integer(rest)?;
    let fields = rest[length..].strip_prefix(b" ")?;
    let ours = [&b"trl:"[..], b"tel:", b"eval:"].iter().any(|name| fields.starts_with(name));
    ours.then_some((step, fields))
}

#[derive(Debug, Default)]
struct LogParser {}

impl LineParser for LogParser {
    fn tag(&self) -> u8 {
        b'l'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let Some((step, fields)) = log_line(line.text) else { return };
        for field in fields.split(|b| *b == b' ') {
            if let Some(colon) = memchr::memchr(b':', field)
                && let Some(value) = whole_number(&field[colon + 1..])
            {
                point(&field[..colon], step, value, sink);
            }
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
    fn the_console_of_cuda_and_python() {
        let (points, sink) = read(
            &LlmC,
            "| train data pattern    | data/train_*.bin     |\n| total batch size      | 524288               |\n| LR scheduler          | cosine               |\n\
             | num_parameters        | 124475904            |\nval loss 10.989\nHellaSwag: 2497/10042 = 0.248656\n\
             step    1/18865 | loss 10.991000 (+nanz)| norm 15.3000 (+nanz)| lr 8.57e-07 | 500.12 ms | 40.1% bf16 MFU | 1048354 tok/s\n\
             val loss 10.5\nstep    2/18865 | train loss 10.9 | norm 15.0 | lr 1.7e-06 | (481.30 ms | 1089312 tok/s)\n",
        );
        assert_eq!(
            points,
            [
                point("val loss", 0, 10.989),
                point("HellaSwag", 0, 0.248_656),
                point("loss", 1, 10.991),
                point("norm", 1, 15.3),
                point("lr", 1, 8.57e-7),
                point("ms", 1, 500.12),
                point("MFU", 1, 40.1),
                point("tok/s", 1, 1_048_354.0),
                point("val loss", 1, 10.5),
                point("train loss", 2, 10.9),
                point("norm", 2, 15.0),
                point("lr", 2, 1.7e-6),
                point("ms", 2, 481.3),
                point("tok/s", 2, 1_089_312.0),
            ]
        );
        let names: Vec<FactName> = sink.facts.iter().map(|f| f.0).collect();
        assert_eq!(names, [FactName::BatchTokens, FactName::Schedule, FactName::TotalParams, FactName::PlannedSteps]);
    }

    #[test]
    fn the_console_of_the_cpu_program() {
        let (points, _) = read(&LlmC, "val loss 5.325\nstep 0: train loss 5.356189 (took 1.2 ms)\nval loss 4.9\n");
        assert_eq!(points, [point("val loss", 0, 5.325), point("train loss", 0, 5.356_189), point("val loss", 1, 4.9)]);
    }

    #[test]
    fn the_console_before_there_were_bars() {
        // train_gpt2_fp32.cu; train_gpt2.cu of April and of May 2024.
        let (points, _) = read(
            &LlmC,
            "val loss 4.517\nstep    1/74: train loss 4.367631 (80.638000 ms, 50795 tok/s)\n\
             step    2/74: train loss 4.031242 (acc 4.031242) (77.378000 ms, 52935 tok/s)\n\
             step    3/74: train loss 3.034377 norm 2.5000 lr 3.00e-04 (77.31 ms, 52938 tok/s)\n",
        );
        assert_eq!(
            points,
            [
                point("val loss", 0, 4.517),
                point("train loss", 1, 4.367_631),
                point("ms", 1, 80.638),
                point("tok/s", 1, 50_795.0),
                point("train loss", 2, 4.031_242),
                point("acc", 2, 4.031_242),
                point("ms", 2, 77.378),
                point("tok/s", 2, 52_935.0),
                point("train loss", 3, 3.034_377),
                point("norm", 3, 2.5),
                point("lr", 3, 3e-4),
                point("ms", 3, 77.31),
                point("tok/s", 3, 52_938.0),
            ]
        );
    }

    #[test]
    fn the_log_of_every_version() {
        let (points, _) =
            read(&LlmCLog, "s:0 tel:10.9689\ns:0 trl:10.96 lr:0.000001 norm:15.2\ns:250 eval:0.2931\ns:x trl:1\n");
        assert_eq!(
            points,
            [
                point("tel", 0, 10.9689),
                point("trl", 0, 10.96),
                point("lr", 0, 1e-6),
                point("norm", 0, 15.2),
                point("eval", 250, 0.2931)
            ]
        );
    }
}
