//! minimind, every stage of it.
//!
//! ```text
//! Epoch:[1/2](10/39695), loss: 8.5371, logits_loss: 8.5371, aux_loss: 0.0000, lr: 0.00050000, epoch_time: 130.0min
//! Epoch:[1/2](10/39695) loss:8.537 lr:0.000500000000 epoch_Time:130.0min:
//! ```
//!
//! Iterations begin again with every epoch; the step is their number from the start of the run. Times are in minutes.

use super::console::{self, ConsoleFormat, Sign, Trust};
use super::lines::{ByLine, Line, LineParser};
use super::saved::{self, Reader};
use super::scan::{after_first, integer, number, point, unlabelled};
use super::{Format, Parser, Recognition, Sink};
use crate::vocab::{FactName, FactValue};
use memchr::memmem::find;

/// The format.
#[derive(Debug)]
pub struct MiniMind;

impl Format for MiniMind {
    fn name(&self) -> &'static str {
        "minimind"
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        console::recognise(self, path, head, Trust { header: 0, ..Trust::SURE }, "minimind epoch lines")
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        self.parser_after(0)
    }
}

impl ConsoleFormat for MiniMind {
    fn sign(&self, line: &[u8]) -> Option<Sign> {
        epoch_line(line).map(|_| Sign::Metric)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, MiniMindParser::default()))
    }
}

struct EpochLine<'a> {
    step: i64,
    total: i64,
    fields: &'a [u8],
}

/// `Epoch:[1/2](10/39695)`, and what follows it.
fn epoch_line(line: &[u8]) -> Option<EpochLine<'_>> {
    let rest = unlabelled(line).strip_prefix(b"Epoch:[")?;
    let (epoch, epochs, rest) = fraction(rest)?;
    let (iteration, iterations, rest) = fraction(rest.strip_prefix(b"](")?)?;
    let fields = rest.strip_prefix(b")")?;
    let step = (epoch - 1).max(0).checked_mul(iterations)?.checked_add(iteration)?;
    Some(EpochLine { step, total: epochs.checked_mul(iterations)?, fields })
}

fn fraction(text: &[u8]) -> Option<(i64, i64, &[u8])> {
    let (part, length) = integer(text)?;
    let rest = text[length..].strip_prefix(b"/")?;
    let (whole, length) = integer(rest)?;
    Some((part, whole, &rest[length..]))
}

#[derive(Debug, Default)]
struct MiniMindParser {
    total: i64,
}

impl LineParser for MiniMindParser {
    fn tag(&self) -> u8 {
        b'E'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let Some(epoch) = epoch_line(line.text) else {
            parameters(line, sink);
            return;
        };
        // With commas, names may have spaces in them; without, spaces are all there is between fields.
        let separator = if epoch.fields.starts_with(b",") { b',' } else { b' ' };
        for field in epoch.fields.split(|b| *b == separator) {
            let Some(colon) = memchr::memchr(b':', field) else { continue };
            let name = field[..colon].trim_ascii();
            if let Some((value, _)) = number(field[colon + 1..].trim_ascii_start())
                && !name.is_empty()
            {
                point(name, epoch.step, value, sink);
            }
        }
        if epoch.total != self.total {
            self.total = epoch.total;
            sink.fact(FactName::PlannedSteps, FactValue::Number(epoch.total as f64), format!("line {}", line.number));
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

/// `Model Params: 145.02M-A26.10M`, `LLM总参数量：25.830 百万`: millions.
fn parameters(line: Line<'_>, sink: &mut Sink) {
    let text = unlabelled(line.text);
    let rest = match text.first() {
        Some(b'M') => text.strip_prefix(b"Model Params: "),
        Some(b'L') => text.strip_prefix("LLM总参数量：".as_bytes()),
        _ => None,
    };
    let Some((count, length)) = rest.and_then(number) else { return };
    let place = format!("line {}", line.number);
    sink.fact(FactName::TotalParams, FactValue::Number((count * 1e6).round()), place.clone());
    let active = rest.and_then(|rest| after_first(&rest[length..], b"M-A")).and_then(number);
    if let Some((active, _)) = active.filter(|_| find(text, b"M-A").is_some()) {
        sink.fact(FactName::ActiveParams, FactValue::Number((active * 1e6).round()), place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_and_version_is_read() {
        let text = "Model Params: 145.02M-A26.10M\nLLM总参数量：25.830 百万\n\
                    Epoch:[1/2](10/500), loss: 8.5371, aux_loss: 0.0000, lr: 0.00050000, epoch_time: 130.0min\n\
                    Epoch:[2/2](10/500), Reward: 0.3846, Adv Std: 0.9248, Avg Len: 129\n\
                    Epoch:[2/2](20/500) loss:nan lr:0.000500000000 epoch_Time:13.0min:\nEpoch:[x/2](1/2)\n";
        let mut sink = Sink::default();
        MiniMind.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let seen: Vec<(&str, i64, f64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step, p.value)).collect();
        assert_eq!(
            seen[..7],
            [
                ("loss", 10, 8.5371),
                ("aux_loss", 10, 0.0),
                ("lr", 10, 0.0005),
                ("epoch_time", 10, 130.0),
                ("Reward", 510, 0.3846),
                ("Adv Std", 510, 0.9248),
                ("Avg Len", 510, 129.0),
            ]
        );
        assert!(seen[7].0 == "loss" && seen[7].1 == 520 && seen[7].2.is_nan());
        assert_eq!(seen[8..], [("lr", 520, 0.0005), ("epoch_Time", 520, 13.0)]);
        let facts: Vec<(FactName, FactValue)> = sink.facts.iter().map(|f| (f.0, f.1.clone())).collect();
        assert_eq!(
            facts,
            [
                (FactName::TotalParams, FactValue::Number(145_020_000.0)),
                (FactName::ActiveParams, FactValue::Number(26_100_000.0)),
                (FactName::TotalParams, FactValue::Number(25_830_000.0)),
                (FactName::PlannedSteps, FactValue::Number(1000.0)),
            ]
        );
    }
}
