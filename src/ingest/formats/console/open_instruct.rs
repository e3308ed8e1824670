//! open-instruct (and OLMoE's fine-tuning with it), and other loops over Hugging Face Accelerate that log as it does.
//!
//! ```text
//! 08/04/2024 09:38:27 - INFO - __main__ -   Step: 10, LR: 8.755129958960328e-10, Loss: 0.6931471824645996
//! ```
//!
//! The line may follow a progress bar without a line break.

use super::hf_start;
use super::signs::{ConsoleFormat, Sign, Trust};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::scan::{integer, needles, number, point};
use crate::ingest::formats::{Parser, Sink};
use memchr::memmem::find;

/// The format.
#[derive(Debug)]
pub struct OpenInstruct;

impl ConsoleFormat for OpenInstruct {
    fn called(&self) -> &'static str {
        "open-instruct"
    }

    fn what(&self) -> &'static str {
        "open-instruct step lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &["01/01/2024 00:00:00 - INFO - __main__ -   Step: 1, LR: 1.5e-08, Loss: 0.69\n"]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| {
            format!(
                "  0%|   | {step}/99 [00:18<29:59, 18.91s/it] - INFO - __main__ -   Step: {step}, LR: 1e-5, Loss: {loss}\n"
            )
        })
    }

    fn trust(&self) -> Trust {
        Trust { header: 0, ..Trust::SURE }
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        step_line(line).map(|_| Sign::Metric)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, OpenInstructParser::default()))
    }
}

needles! {
    STEP = " Step: ";
}

/// The step and the fields of `…  Step: 10, LR: …, Loss: …`.
fn step_line(line: &[u8]) -> Option<(i64, &[u8])> {
    let rest = &line[STEP.find(line)? + STEP.needle().len()..];
    let (step, length) = integer(rest)?;
    let fields = rest[length..].strip_prefix(b", ")?;
    (find(fields, b"LR: ").is_some() && find(fields, b"Loss: ").is_some()).then_some((step, fields))
}

#[derive(Debug, Default)]
struct OpenInstructParser {}

impl LineParser for OpenInstructParser {
    fn tag(&self) -> u8 {
        b'S'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let Some((step, fields)) = step_line(line.text) else {
            hf_start::facts(line, sink);
            return;
        };
        // 'LR: 1e-05, Loss: 0.69 Aux Loss: 0.02': OLMoE's comes without a comma before it.
        let mut rest = fields;
        while let Some(colon) = memchr::memchr(b':', rest) {
            let name = rest[..colon].rsplit(|b| *b == b',').next().unwrap_or_default().trim_ascii();
            rest = rest[colon + 1..].trim_ascii_start();
            if let Some((value, length)) = number(rest) {
                rest = &rest[length..];
                point(name, step, value, sink);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    #[test]
    fn a_loss_may_follow_without_a_comma() {
        // open-instruct's dpo_tune.py with --load_balancing_loss, and a fork's finetune.py.
        let text = "- INFO - __main__ -   Step: 10, LR: 5e-07, Loss: 0.6875 Aux Loss: 0.0421\n\
                    - INFO - __main__ -   Step: 20, LR: 4e-07, Loss: 0.5, Time:  0.12 hours, TPS: 950.5\n";
        let mut sink = Sink::default();
        OpenInstruct.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let seen: Vec<(&str, i64, f64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step, p.value)).collect();
        assert_eq!(seen[..3], [("LR", 10, 5e-7), ("Loss", 10, 0.6875), ("Aux Loss", 10, 0.0421)]);
        assert_eq!(seen[3..], [("LR", 20, 4e-7), ("Loss", 20, 0.5), ("Time", 20, 0.12), ("TPS", 20, 950.5)]);
    }

    #[test]
    fn a_step_is_read_behind_a_progress_bar() {
        let text = "2024-08-04T16:38:27.759318613Z   0%|          | 1/5712 [00:18<29:59:31, 18.91s/it]\
                    08/04/2024 09:38:27 - INFO - __main__ -   Step: 1, LR: 8.755129958960328e-10, Loss: 0.6931471824645996\n\
                    - INFO - __main__ -   Step: 2, LR: 1e-9, Loss: nan, Aux Loss: 0.5, TPS: 1234.5\n - Step: x, LR: 1, Loss: 2\n";
        let mut sink = Sink::default();
        OpenInstruct.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let seen: Vec<(&str, i64, f64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step, p.value)).collect();
        assert_eq!(
            seen[..3],
            [("LR", 1, 8.755_129_958_960_328e-10), ("Loss", 1, 0.693_147_182_464_599_6), ("LR", 2, 1e-9)]
        );
        assert!(seen[3].2.is_nan());
        assert_eq!(seen[4..], [("Aux Loss", 2, 0.5), ("TPS", 2, 1234.5)]);
    }
}
