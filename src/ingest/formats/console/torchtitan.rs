//! torchtitan: one line per logged step, coloured, its fields two spaces apart.
//!
//! ```text
//! [rank0]:[titan] 2026-05-12 22:56:44,778 - root - INFO - step:  1  loss: 12.21407  grad_norm:  0.1598  memory: 23.97GiB(76.44%)  tps: 1,708  tflops: 5.37  mfu: 3.18%
//! [rank0]:[titan] 2026-05-12 22:58:36,177 - root - INFO - validate step:  1  loss: 12.2106  memory: 23.97GiB(76.45%)  tps: 7,354
//! ```
//!
//! Fields of a validation are metrics of their own: `validate/loss`. Units are as printed: GiB, tokens per second and
//! device, TFLOP/s, per cent.

use super::signs::{ConsoleFormat, Sign};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{after_first, integer_after_spaces, needles, number_with_commas, point};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};
use memchr::memmem::find;

/// The format.
#[derive(Debug)]
pub struct Torchtitan;

impl ConsoleFormat for Torchtitan {
    fn called(&self) -> &'static str {
        "torchtitan"
    }

    fn what(&self) -> &'static str {
        "torchtitan step lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &[
            "[rank0]: step: 10  loss:  3.2  grad_norm:  0.01  memory: 22.2GiB(70.8%)  tps: 1,049  tflops: 7.9  mfu: 2.5%\n",
        ]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| {
            format!(
                "[rank0]:[titan] - INFO - step: {step:2}  loss: {loss}  memory: 23.97GiB(76.44%)  tps: 1,108  mfu: N/A\n"
            )
        })
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        if step_line(line).is_some() {
            return Some(Sign::Metric);
        }
        let header = TITAN.find(line).is_some() || VERSION.find(line).is_some();
        header.then_some(Sign::Header)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, TorchtitanParser::default()))
    }
}

needles! {
    STEP = "step: ";
    TITAN = "[titan] ";
    VERSION = "torchtitan version: ";
    SIZE = " total parameters";
    STEPS = "total steps ";
    EXPERTS = "num_experts";
    CAPACITY = "CUDA capacity: ";
    PEAK = "Peak FLOPS used for computing MFU: ";
}

struct StepLine<'a> {
    validation: bool,
    step: i64,
    /// The last step, which forks print behind it.
    total: Option<i64>,
    fields: &'a [u8],
}

/// `step:  1  loss: …`, with what every version prints after it: the speed (`tps`, once `wps`), the memory, or, in the
/// first months of 2024, the time of an iteration. Forks print how far it is: `step: 640/644 = 99.38%  loss: …`.
fn step_line(line: &[u8]) -> Option<StepLine<'_>> {
    let at = STEP.find(line)?;
    let (step, rest) = integer_after_spaces(&line[at + STEP.needle().len()..])?;
    let total = rest.strip_prefix(b"/").and_then(integer_after_spaces);
    let rest = if total.is_some() { &rest[find(rest, b"  ")?..] } else { rest };
    let (total, fields) = (total.map(|(total, _)| total), rest.strip_prefix(b"  ")?);
    let has = |name: &&[u8]| find(fields, name).is_some();
    let ours =
        fields.starts_with(b"loss:") && [&b"  tps: "[..], b"  wps: ", b"  memory: ", b"  iter: "].iter().any(has);
    let before = &line[..at];
    let validation = before.ends_with(b"validate ") || before.ends_with(b"context: valid  ");
    ours.then_some(StepLine { validation, step, total, fields })
}

#[derive(Debug, Default)]
struct TorchtitanParser {
    name: Vec<u8>,
    total: i64,
}

impl TorchtitanParser {
    fn step(&mut self, line: &StepLine<'_>, sink: &mut Sink) {
        let mut rest = line.fields;
        loop {
            rest = rest.trim_ascii_start();
            let Some(colon) = memchr::memchr(b':', rest) else { return };
            // A value that is not known yet is padded: 'memory:       --GiB(      --%)'.
            let name = memchr::memmem::rfind(&rest[..colon], b"  ").map_or(&rest[..colon], |at| &rest[at + 2..colon]);
            let value = rest[colon + 1..].trim_ascii_start();
            // 'mfu: N/A' has no number, and '23.97GiB(76.44%)' has more behind it: the next field is two spaces away.
            if let Some((value, _)) = number_with_commas(value) {
                if line.validation {
                    self.name.clear();
                    self.name.extend_from_slice(b"validate/");
                    self.name.extend_from_slice(name);
                    point(&self.name, line.step, value, sink);
                } else {
                    point(name, line.step, value, sink);
                }
            }
            let Some(end) = find(value, b"  ") else { return };
            rest = &value[end..];
        }
    }

    /// What is printed once, when the model and the trainer are made.
    fn other(line: Line<'_>, sink: &mut Sink) {
        let text = line.text;
        let mut fact = |name, value: Option<f64>| {
            if let Some(value) = value {
                sink.fact(name, FactValue::Number(value), format!("line {}", line.number));
            }
        };
        let after = |needle: &[u8]| number_with_commas(after_first(text, needle)?.trim_ascii_start()).map(|(v, _)| v);
        if let Some(gpu) = after_first(text, CAPACITY.needle()) {
            // 'CUDA capacity: NVIDIA H100 with 79.10GiB memory' (components/metrics.py).
            let name = &gpu[..find(gpu, b" with ").unwrap_or(gpu.len())];
            if let Some(name) = std::str::from_utf8(name).ok().map(str::trim).filter(|name| !name.is_empty()) {
                sink.fact(FactName::Gpu, FactValue::Text(name.to_owned()), format!("line {}", line.number));
            }
        } else if PEAK.find(text).is_some() {
            fact(FactName::PeakFlops, after(PEAK.needle()));
        } else if SIZE.find(text).is_some() {
            fact(FactName::TotalParams, after(b"size: "));
        } else if STEPS.find(text).is_some() && find(text, b"sequence length ").is_some() {
            fact(FactName::BatchSequences, after(b"global batch size "));
            fact(FactName::SequenceLength, after(b"sequence length "));
            fact(FactName::PlannedSteps, after(b"total steps "));
            fact(FactName::WarmupSteps, after(b"(warmup "));
        } else if EXPERTS.find(text).is_some() {
            // The configuration of the model, as JSON over many lines or as a dataclass on one.
            let value = |name: &[u8]| {
                let rest = after_first(text, name)?;
                let rest = rest.strip_prefix(b"\"").unwrap_or(rest);
                let rest = rest.strip_prefix(b"=").or_else(|| rest.strip_prefix(b":"))?;
                number_with_commas(rest.trim_ascii_start())
                    .map(|(v, _)| v)
                    .filter(|v| *v > 1.0 || name != b"num_experts")
            };
            let experts = value(b"num_experts");
            fact(FactName::Experts, experts);
            let topk = value(b"num_experts_per_token").or_else(|| value(b"num_experts_per_tok"));
            fact(FactName::ExpertsPerToken, topk.or_else(|| experts.and_then(|_| value(b"top_k"))));
        }
    }
}

impl LineParser for TorchtitanParser {
    fn tag(&self) -> u8 {
        b'T'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        match step_line(line.text) {
            Some(step) => {
                if let Some(total) = step.total.filter(|total| *total != self.total) {
                    self.total = total;
                    sink.fact(FactName::PlannedSteps, FactValue::Number(total as f64), format!("line {}", line.number));
                }
                self.step(&step, sink);
            }
            None => Self::other(line, sink),
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

    fn read(text: &str) -> Sink {
        let mut sink = Sink::default();
        Torchtitan.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        sink
    }

    #[test]
    fn fields_are_metrics_and_validations_are_others() {
        let sink = read(
            "[rank0]:[titan] 2026-01-02 03:04:05,678 - root - INFO - \x1b[31mstep:  1  \x1b[32mloss: 12.2141  \x1b[38;2;180;60;0mgrad_norm:  inf  \
             \x1b[34mmemory: 23.97GiB(76.44%)  tps: 1,708  tflops: 5.37  mfu: N/A\x1b[39m\n\
             [rank0]:[titan] 2026-01-02 03:04:05,678 - root - INFO - validate step:  1  loss: 12.2106  memory: 23.97GiB(76.45%)  tps: 7,354\n\
             [rank0]:[titan] 2026-01-02 03:04:05,678 - root - INFO - Saving the checkpoint at step: 1\n",
        );
        let seen: Vec<(&str, i64, f64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step, p.value)).collect();
        assert_eq!(
            seen,
            [
                ("loss", 1, 12.2141),
                ("grad_norm", 1, f64::INFINITY),
                ("memory", 1, 23.97),
                ("tps", 1, 1708.0),
                ("tflops", 1, 5.37),
                ("validate/loss", 1, 12.2106),
                ("validate/memory", 1, 23.97),
                ("validate/tps", 1, 7354.0),
            ]
        );
    }

    #[test]
    fn lines_of_every_version_are_read() {
        for (version, text, expected) in [
            (
                "January 2024 (torchtrain)",
                "[rank0]:\x1b[36mstep: 20  \x1b[32mloss: 9.8765  \x1b[39miter: \x1b[34m 1.2345\x1b[39m  data: \x1b[34m0.012  \x1b[39mlr: \x1b[33m0.00024\x1b[39m\n",
                &[("loss", 9.8765), ("iter", 1.2345), ("data", 0.012), ("lr", 0.00024)][..],
            ),
            (
                "April 2024",
                "2024-04-22 18:00:00,123 - root - INFO - step: 10  loss:  8.1234  memory: 12.50GiB(15.80%)  wps: 12,345  mfu: 33.10%\n",
                &[("loss", 8.1234), ("memory", 12.5), ("wps", 12_345.0), ("mfu", 33.1)],
            ),
            (
                "a fork that evaluates in a context",
                "context: valid  step: 2  loss:  7.5000  memory: 12.50GiB(15.80%)  wps: 9,000  mfu: 3.10%\n",
                &[("validate/loss", 7.5), ("validate/memory", 12.5), ("validate/wps", 9000.0), ("validate/mfu", 3.1)],
            ),
            (
                "a fork that says how far it is",
                "[rank0]:2025-04-01 00:25:47,084 - root - INFO - step: 640/644 = 99.3789%  loss:  6.2116  memory: 87.04GiB(93.48%)  tps: 52,142  mfu: 3.09%\n",
                &[("loss", 6.2116), ("memory", 87.04), ("tps", 52_142.0), ("mfu", 3.09)],
            ),
            (
                "2026, values not yet known",
                "[titan] - step: 30  loss:       --  grad_norm:       --  memory:       --GiB(      --%)  tps: 1,708  tflops:       --  mfu:       --%\n",
                &[("tps", 1708.0)],
            ),
        ] {
            let sink = read(text);
            let seen: Vec<(&str, f64)> =
                sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.value)).collect();
            assert_eq!(seen, expected, "{version}");
            let planned: Vec<&FactValue> = sink.facts.iter().map(|f| &f.1).collect();
            assert_eq!(
                planned,
                if text.contains("/644") { vec![&FactValue::Number(644.0)] } else { vec![] },
                "{version}"
            );
        }
    }

    #[test]
    fn facts_are_where_the_trainer_is_made() {
        let sink = read(
            "[titan] - INFO - Building deepseek 16B with {\n  \"num_experts\": 32,\n  \"num_experts_per_token\": 8,\n}\n\
             [titan] - INFO - Model deepseek 16B size: 1,409,320,896 total parameters\n\
             [titan] - INFO - Trainer is initialized with local batch size 16, global batch size 128, gradient accumulation steps 1, sequence length 260, total steps 7500 (warmup 200)\n\
             [titan] - INFO - Building llama4 with Args(dim=8, moe_args=MoEArgs(num_experts=16, top_k=1))\n\
             [titan] 2026-05-11 07:56:40,707 - root - INFO - Peak FLOPS used for computing MFU: 3.120e+14\n",
        );
        let gpu = read(
            "2026-05-11 07:56:40,488 - root - INFO - CUDA capacity: NVIDIA GeForce RTX 5090 with 31.36GiB memory\n",
        );
        let named = FactValue::Text("NVIDIA GeForce RTX 5090".to_owned());
        assert_eq!(gpu.facts, [(FactName::Gpu, named, "line 1".to_owned())]);
        let facts: Vec<(FactName, f64, &str)> = sink
            .facts
            .iter()
            .map(|(name, value, place)| match value {
                FactValue::Number(value) => (*name, *value, place.as_str()),
                _ => panic!("{value:?}"),
            })
            .collect();
        assert_eq!(
            facts,
            [
                (FactName::Experts, 32.0, "line 2"),
                (FactName::ExpertsPerToken, 8.0, "line 3"),
                (FactName::TotalParams, 1_409_320_896.0, "line 5"),
                (FactName::BatchSequences, 128.0, "line 6"),
                (FactName::SequenceLength, 260.0, "line 6"),
                (FactName::PlannedSteps, 7500.0, "line 6"),
                (FactName::WarmupSteps, 200.0, "line 6"),
                (FactName::Experts, 16.0, "line 7"),
                (FactName::ExpertsPerToken, 1.0, "line 7"),
                (FactName::PeakFlops, 3.12e14, "line 8"),
            ]
        );
    }
}
