//! minimind, every stage of it.
//!
//! ```text
//! Epoch:[1/2](10/39695), loss: 8.5371, logits_loss: 8.5371, aux_loss: 0.0000, lr: 0.00050000, epoch_time: 130.0min
//! Epoch:[1/2](10/39695) loss:8.537 lr:0.000500000000 epoch_Time:130.0min:
//! [2023-09-01 10:00:00,000][pretrain.py][INFO] Epoch:[0/2](10/39695) loss:8.537 lr:0.0003000 epoch_Time:130.0min:
//! ```
//!
//! Iterations begin again with every epoch; the step is their number from the start of the run. minimind counts epochs
//! from 1, the programs it comes from (baby-llama2-chinese and its forks) from 0. Times are in minutes.

use super::signs::{ConsoleFormat, Sign, Trust};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{after_first, integer, needles, number, point, unlabelled};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};
use memchr::memmem::find;

/// The format.
#[derive(Debug)]
pub struct MiniMind;

impl ConsoleFormat for MiniMind {
    fn called(&self) -> &'static str {
        "minimind"
    }

    fn what(&self) -> &'static str {
        "minimind epoch lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &["Epoch:[1/1](10/39695), loss: 8.5371, logits_loss: 8.5, aux_loss: 0.0000, lr: 0.0005, epoch_time: 10.0min\n"]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| {
            format!("Epoch:[1/3]({step}/99), loss: {loss}, lr: 1e-4, epoch_time: 1.0min\n")
        })
    }

    fn trust(&self) -> Trust {
        Trust { header: 0, ..Trust::SURE }
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        epoch_line(line).map(|_| Sign::Metric)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, MiniMindParser::default()))
    }
}

struct EpochLine<'a> {
    epoch: i64,
    iteration: i64,
    iterations: i64,
    total: i64,
    fields: &'a [u8],
}

needles! {
    EPOCH = "Epoch:[";
}

/// `Epoch:[1/2](10/39695)`, and what follows it. A logger may have put the time and its name in front.
fn epoch_line(line: &[u8]) -> Option<EpochLine<'_>> {
    let at = EPOCH.find(line)?;
    let begins = matches!(line[..at].last(), None | Some(b' ' | b']' | b':'));
    let (epoch, epochs, rest) = fraction(&line[at + EPOCH.needle().len()..]).filter(|_| begins)?;
    let (iteration, iterations, rest) = fraction(rest.strip_prefix(b"](")?)?;
    let fields = rest.strip_prefix(b")")?;
    Some(EpochLine { epoch, iteration, iterations, total: epochs.checked_mul(iterations)?, fields })
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
    /// Whether there was an epoch 0.
    from_zero: bool,
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
        self.from_zero |= epoch.epoch == 0;
        let before = epoch.epoch - i64::from(!self.from_zero);
        let step = before.checked_mul(epoch.iterations).and_then(|done| done.checked_add(epoch.iteration));
        let Some(step) = step else { return };
        // 'loss: 8.5, lr: 1e-4', 'loss:8.5 lr:1e-4', 'Train Loss:8.5 lr:1e-4 Spend Time:3min': a name has the words since
        // the value before it.
        let mut rest = epoch.fields;
        while let Some(colon) = memchr::memchr(b':', rest) {
            let name = rest[..colon].rsplit(|b| *b == b',').next().unwrap_or_default().trim_ascii();
            rest = rest[colon + 1..].trim_ascii_start();
            if let Some((value, length)) = number(rest)
                && !name.is_empty()
            {
                point(name, step, value, sink);
                rest = &rest[length..];
                // The unit.
                rest = &rest[rest.iter().take_while(|b| b.is_ascii_alphabetic() || **b == b'%').count()..];
            }
        }
        if epoch.total != self.total {
            self.total = epoch.total;
            sink.fact(FactName::PlannedSteps, FactValue::Number(epoch.total as f64), format!("line {}", line.number));
        }
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::signed(to, self.total);
        to.push(u8::from(self.from_zero));
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.total = from.signed()?;
        self.from_zero = from.byte()? == 1;
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
    use crate::ingest::formats::Format;

    #[test]
    fn what_minimind_comes_from_counts_epochs_from_zero_and_puts_the_time_in_front() {
        // baby-llama2-chinese's pretrain.py; a fork's full_sft.py, which gives times names of two words.
        let text = "[2023-09-01 10:00:00,000][pretrain.py][INFO] Epoch:[0/2](10/500) loss:8.537 lr:0.0003000 epoch_Time:130.0min:\n\
                    [2023-09-01 12:00:00,000][pretrain.py][INFO] Epoch:[1/2](10/500) loss:4.537 lr:0.0003000 epoch_Time:130.0min:\n\
                    12:30:01 ~ Epoch:[1/2](20/500) Train Loss:4.5 lr:0.0003 Spend Time:3min Remaining Time:2min\n\
                    the printEpoch:[1/2](30/500) loss:1\n";
        assert!(MiniMind.recognise("pretrain.log", text.as_bytes()).is_some());
        let mut sink = Sink::default();
        let (first, rest) = text.as_bytes().split_at(100);
        let mut parser = MiniMind.parser("");
        let used = parser.feed(first, false, &mut sink).unwrap();
        let mut resumed = MiniMind.parser("");
        resumed.resume(&parser.save()).unwrap();
        resumed.feed(&[&first[used..], rest].concat(), true, &mut sink).unwrap();
        let seen: Vec<(&str, i64, f64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step, p.value)).collect();
        assert_eq!(seen[..3], [("loss", 10, 8.537), ("lr", 10, 0.0003), ("epoch_Time", 10, 130.0)]);
        assert_eq!(seen[3..6], [("loss", 510, 4.537), ("lr", 510, 0.0003), ("epoch_Time", 510, 130.0)]);
        assert_eq!(
            seen[6..],
            [("Train Loss", 520, 4.5), ("lr", 520, 0.0003), ("Spend Time", 520, 3.0), ("Remaining Time", 520, 2.0)]
        );
    }

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
