//! modded-nanogpt: its own source, a line of `=`, and then one line per step.
//!
//! ```text
//! step:125/1480 val_loss:4.5132 train_time:7241ms step_avg:57.93ms
//! step:126/1480 train_loss:4.4810 train_time:7300ms step_avg:57.94ms
//! ```
//!
//! Times are metrics in milliseconds; records of the optimisation track print seconds, which are converted.

use super::signs::{ConsoleFormat, Sign};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{integer, needles, number, point, unlabelled, whole_number};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};
use memchr::memmem::find;

/// The format.
#[derive(Debug)]
pub struct ModdedNanoGpt;

impl ConsoleFormat for ModdedNanoGpt {
    fn called(&self) -> &'static str {
        "modded-nanogpt"
    }

    fn what(&self) -> &'static str {
        "modded-nanogpt step lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &["import torch\n====\nstep:125/1480 val_loss:4.6 train_time:100ms step_avg:10.5ms\n"]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| format!("step:{step}/99 val_loss:{loss} train_time:7.5s step_avg:1ms\n"))
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        if step_line(line).is_some() {
            return Some(Sign::Metric);
        }
        // The source is longer than what recognition is given. It begins by reading itself.
        let dump = READS_ITSELF.find(line).is_some() || SAYS_SO.find(line).is_some();
        dump.then_some(Sign::Header)
    }

    fn shows_its_source(&self) -> bool {
        true
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, ModdedParser::default()))
    }
}

needles! {
    STEP = "step:";
    READS_ITSELF = "open(sys.argv[0]";
    SAYS_SO = "# read the code of this file";
}

struct StepLine<'a> {
    step: i64,
    total: i64,
    fields: &'a [u8],
}

/// `step:125/1480 …`. Source and comments may quote such a line; a line that is printed begins with it.
fn step_line(line: &[u8]) -> Option<StepLine<'_>> {
    let rest = unlabelled(line).strip_prefix(b"step:")?;
    let (step, length) = integer(rest)?;
    let rest = rest[length..].strip_prefix(b"/")?;
    let (total, length) = integer(rest)?;
    let fields = rest[length..].strip_prefix(b" ")?;
    let ours = find(fields, b"train_time:").is_some() || find(fields, b"_loss:").is_some();
    ours.then_some(StepLine { step, total, fields })
}

#[derive(Debug, Default)]
struct ModdedParser {
    total: i64,
}

impl LineParser for ModdedParser {
    fn tag(&self) -> u8 {
        b'm'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        if STEP.find(line.text).is_none() {
            Self::other(line, sink);
            return;
        }
        let Some(step) = step_line(line.text) else { return };
        for field in step.fields.split(|b| *b == b' ') {
            let Some(colon) = memchr::memchr(b':', field) else { continue };
            let value = &field[colon + 1..];
            let Some((number, length)) = number(value) else { continue };
            let seconds = &value[length..] == b"s";
            point(&field[..colon], step.step, if seconds { number * 1000.0 } else { number }, sink);
        }
        if step.total != self.total {
            self.total = step.total;
            sink.fact(FactName::PlannedSteps, FactValue::Number(step.total as f64), format!("line {}", line.number));
        }
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::signed(to, self.total);
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.total = from.signed()?;
        Some(())
    }
}

/// Settings in the source of 2024, which say in a comment what they count; later ones count per device, or in stages.
const SETTINGS: [(&str, &str, FactName); 4] = [
    ("    batch_size : int = ", "# batch size, in sequences, across all devices", FactName::BatchSequences),
    ("    sequence_length : int = ", "# sequence length, in tokens", FactName::SequenceLength),
    ("    learning_rate : float = ", "", FactName::LearningRate),
    ("    warmup_iters : int = ", "", FactName::WarmupSteps),
];

/// A setting in the source that is shown: `    batch_size : int = 8*64 # batch size, in sequences, across all devices`.
fn setting(line: &[u8]) -> Option<(FactName, f64)> {
    let (rest, name) = SETTINGS.iter().find_map(|(start, comment, name)| {
        let rest = line.strip_prefix(start.as_bytes())?;
        find(rest, comment.as_bytes()).map(|_| (rest, *name))
    })?;
    let value = rest.split(|b| *b == b'#').next()?;
    let product = value.split(|b| *b == b'*').map(whole_number).product::<Option<f64>>()?;
    (product > 0.0).then_some((name, product))
}

impl ModdedParser {
    /// Settings in the source, and `name:value` settings that forks print before the first step.
    fn other(line: Line<'_>, sink: &mut Sink) {
        if let Some((name, value)) = setting(line.text) {
            sink.fact(name, FactValue::Number(value), format!("line {}", line.number));
            return;
        }
        for field in unlabelled(line.text).split(|b| *b == b' ').take(4) {
            let Some(colon) = memchr::memchr(b':', field) else { continue };
            let name = match &field[..colon] {
                b"model_params" => FactName::TotalParams,
                b"train_batch_tokens" => FactName::BatchTokens,
                b"train_seq_len" => FactName::SequenceLength,
                b"seed" => FactName::Seed,
                _ => continue,
            };
            if let Some(value) = whole_number(&field[colon + 1..]) {
                sink.fact(name, FactValue::Number(value), format!("line {}", line.number));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    #[test]
    fn steps_are_read_and_the_source_above_is_not() {
        let text = "import sys\nwith open(sys.argv[0]) as f:\n    code = f.read() # read the code of this file ASAP, for logging\n\
                    # step:1/9 val_loss:1.0 train_time:1ms\n    batch_size : int = 8*64 # batch size, in sequences, across all devices\n\
                    \x20   sequence_length : int = 48*1024 # FlexAttention sequence length\nprint(f\"step:{step}/{n} val_loss:{val:.4f} train_time:{t}ms\")\n\
                    ====================\nmodel_params:67978240\ntrain_batch_tokens:524288 train_seq_len:1024 iterations:9\n\
                    step:0/9 val_loss:10.8252 val_bpb:3.3803 train_time:0ms step_avg:nanms\n\
                    step:1/9 train_loss:nan train_time:101ms step_avg:100.93ms\nstep:2/9 val_loss:10.1 train_time:1.5s step_avg:2ms\n";
        let mut sink = Sink::default();
        ModdedNanoGpt.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let seen: Vec<(&str, i64, f64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step, p.value)).collect();
        assert_eq!(seen[..3], [("val_loss", 0, 10.8252), ("val_bpb", 0, 3.3803), ("train_time", 0, 0.0)]);
        assert!(seen[3].0 == "train_loss" && seen[3].2.is_nan());
        assert_eq!(seen[6..8], [("val_loss", 2, 10.1), ("train_time", 2, 1500.0)]);
        assert_eq!(sink.facts.len(), 5, "{:?}", sink.facts);
        assert_eq!(sink.facts[0], (FactName::BatchSequences, FactValue::Number(512.0), "line 5".to_owned()));
        let recognised = ModdedNanoGpt.recognise("log.txt", &text.as_bytes()[..100]).map(|r| r.confidence);
        assert_eq!(recognised, Some(80), "by the source, before the first step");
        assert_eq!(ModdedNanoGpt.recognise("train_gpt.py", text.as_bytes()), None);
    }
}
