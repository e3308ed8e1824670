//! MindFormers (MindSpore).
//!
//! ```text
//! 2024-05-01 10:00:00,123 - mindformers[mindformers/core/callback/callback.py:500] - INFO - { Epoch:[  1/  2], step:[    4/ 2500], loss: 10.621, per_step_time: 4567ms, lr: 9.0e-08, overflow cond: False, loss_scale: 65536.0, global_norm: [12.3], train_throughput_per_npu: 171.176T
//! … - INFO - { Epoch:[  1/  2], step:[    4/ 2500], loss:[10.621/10.630], per_step_time: 4567ms, lr: [9.0e-08], overflow cond: False, loss_scale: 65536.0, global_norm: [12.3]
//! ```
//!
//! Read in mindspore-lab/mindformers, `mindformers/core/callback/callback.py` (`MFLossMonitor.print_output_info`). The step is that
//! of the epoch; of `loss:[a/b]`, b is the mean of the epoch so far. Times are in milliseconds. The line with the bar and the time
//! that remains, which follows, has nothing of the model.

use super::signs::{ConsoleFormat, Sign, Trust};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{integer_after_spaces, needles, number, point};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};

/// The format.
#[derive(Debug)]
pub struct MindFormers;

impl ConsoleFormat for MindFormers {
    fn called(&self) -> &'static str {
        "mindformers"
    }

    fn what(&self) -> &'static str {
        "MindFormers' lines of epoch and step"
    }

    fn lines(&self) -> &'static [&'static str] {
        &[
            "2024-05-01 10:00:00,123 - mindformers[callback.py:500] - INFO - { Epoch:[  1/  2], step:[    4/ 2500], loss: 10.621, per_step_time: 4567ms, lr: 9.0e-08, overflow cond: False, loss_scale: 65536.0, global_norm: [12.3]\n",
            "{ Epoch:[  2/  2], step:[    1/ 2500], loss:[ 2.621/ 2.630], per_step_time: 4567ms, lr: [9.0e-08], overflow cond: True, loss_scale: unavailable, global_norm: None, train_throughput_per_npu: 171.176T\n",
        ]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| {
            format!("{{ Epoch:[  1/  1], step:[{step:5}/   99], loss: {loss}, per_step_time: 10ms, lr: 1e-4\n")
        })
    }

    fn trust(&self) -> Trust {
        Trust { header: 0, ..Trust::SURE }
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        step_line(line).map(|_| Sign::Metric)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, StepLines::default()))
    }
}

needles! {
    EPOCH = "{ Epoch:[";
}

struct StepLine<'a> {
    /// The step of the run, if every epoch has as many as this one.
    step: i64,
    total: i64,
    fields: &'a [u8],
}

fn step_line(line: &[u8]) -> Option<StepLine<'_>> {
    let (epoch, epochs, rest) = fraction(&line[EPOCH.find(line)? + EPOCH.needle().len()..])?;
    let (step, steps, rest) = fraction(rest.strip_prefix(b", step:[")?)?;
    let step = epoch.checked_sub(1)?.checked_mul(steps)?.checked_add(step)?;
    Some(StepLine { step, total: epochs.checked_mul(steps)?, fields: rest.strip_prefix(b", ")? })
}

/// `  4/ 2500]`, and what follows it.
fn fraction(text: &[u8]) -> Option<(i64, i64, &[u8])> {
    let (part, rest) = integer_after_spaces(text)?;
    let (whole, rest) = integer_after_spaces(rest.strip_prefix(b"/")?)?;
    Some((part, whole, rest.strip_prefix(b"]")?))
}

#[derive(Debug, Default)]
struct StepLines {
    total: i64,
}

impl LineParser for StepLines {
    fn tag(&self) -> u8 {
        b'F'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let Some(found) = step_line(line.text) else { return };
        for field in found.fields.split(|b| *b == b',') {
            let Some(colon) = memchr::memchr(b':', field) else { continue };
            let (name, value) = (field[..colon].trim_ascii(), field[colon + 1..].trim_ascii());
            // 'overflow cond: False' and 'global_norm: None' are no numbers.
            if let Some((value, _)) = number(value.strip_prefix(b"[").unwrap_or(value).trim_ascii_start()) {
                point(name, found.step, value, sink);
            }
        }
        if found.total != self.total {
            self.total = found.total;
            sink.fact(FactName::PlannedSteps, FactValue::Number(found.total as f64), format!("line {}", line.number));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    #[test]
    fn both_ways_to_feed_data_are_read_on_the_steps_of_the_run() {
        let text = MindFormers.lines().concat()
            + "2024-05-01 10:00:00,124 - mindformers[callback.py:512] - INFO -    0.1% |                    | 3.5 samples/s/p  2:00:00 }\n";
        assert!(MindFormers.recognise("msrun_log/worker_7.log", text.as_bytes()).is_some());
        let mut sink = Sink::default();
        MindFormers.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let seen: Vec<(&str, i64, f64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step, p.value)).collect();
        assert_eq!(
            seen,
            [
                ("loss", 4, 10.621),
                ("per_step_time", 4, 4567.0),
                ("lr", 4, 9e-8),
                ("loss_scale", 4, 65536.0),
                ("global_norm", 4, 12.3),
                ("loss", 2501, 2.621),
                ("per_step_time", 2501, 4567.0),
                ("lr", 2501, 9e-8),
                ("train_throughput_per_npu", 2501, 171.176),
            ]
        );
        assert_eq!(sink.facts[0].1, FactValue::Number(5000.0));
    }
}
