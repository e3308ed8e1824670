//! nanoGPT.
//!
//! ```text
//! step 250: train loss 2.0452, val loss 2.1068
//! iter 250: loss 2.0893, time 24.32ms, mfu 12.31%
//! 250 | loss 2.0893 | lr 5.000000e-04 | 24.32ms | mfu 12.31%         (llama2.c)
//! ```
//!
//! `time` is in milliseconds, `mfu` in per cent, as printed.

use super::signs::{ConsoleFormat, Sign};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{
    after_first, integer, number, number_with_commas, parts, point, unlabelled, whole_number,
};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};

/// The format.
#[derive(Debug)]
pub struct NanoGpt;

impl ConsoleFormat for NanoGpt {
    fn called(&self) -> &'static str {
        "nanogpt"
    }

    fn what(&self) -> &'static str {
        "nanoGPT iter and step lines"
    }

    fn lines(&self) -> &'static [&'static str] {
        &[
            "iter 10: loss 3.1, time 100.0ms, mfu 10.5%\nstep 250: train loss 2.0, val loss 2.1\nnumber of parameters: 123.59M\n",
        ]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| format!("iter {step}: loss {loss}, time 1.5ms, mfu 2%\n"))
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        let line = unlabelled(line);
        if metrics(line).is_some() {
            return Some(Sign::Metric);
        }
        (line.starts_with(b"tokens per iteration will be: ")).then_some(Sign::Header)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, NanoGptParser::default()))
    }
}

/// The step and the `name value` pairs of a metric line, and what stands between them.
fn metrics(line: &[u8]) -> Option<(i64, &[u8], &'static [u8])> {
    let (rest, evaluation) = match line.first()? {
        b'0'..=b'9' => {
            let (step, length) = integer(line)?;
            let pairs = line[length..].strip_prefix(b" | ").filter(|pairs| pairs.starts_with(b"loss "))?;
            return after_first(pairs, b" | lr ").map(|_| (step, pairs, &b" | "[..]));
        }
        b'i' => (line.strip_prefix(b"iter ")?, false),
        b's' => (line.strip_prefix(b"step ")?, true),
        _ => return None,
    };
    let (step, length) = integer(rest)?;
    let pairs = rest[length..].strip_prefix(b": ")?;
    let ours = match evaluation {
        // llm.c's CPU program prints 'step 0: train loss 5.35 (took 1.2 ms)'.
        true if pairs.starts_with(b"train loss ") => memchr::memchr(b',', pairs).is_some(),
        // lit-llama and others that evaluate on one set only.
        true => pairs.starts_with(b"val loss "),
        false => pairs.starts_with(b"loss ") && memchr::memchr(b',', pairs).is_some(),
    };
    ours.then_some((step, pairs, b", "))
}

#[derive(Debug, Default)]
struct NanoGptParser {
    /// Parameters of tensors that are decayed: half of a fact that comes on two lines.
    decayed: Option<f64>,
}

impl LineParser for NanoGptParser {
    fn tag(&self) -> u8 {
        b'N'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let text = unlabelled(line.text);
        let Some((step, pairs, separator)) = metrics(text) else {
            self.other(text, line.number, sink);
            return;
        };
        // Forks print '12,345 tok/s' and 'tok/s 12,345': a comma alone ends nothing.
        for pair in parts(pairs, separator) {
            let pair = pair.trim_ascii();
            if let Some(space) = memchr::memrchr(b' ', pair) {
                if let Some((value, _)) = number_with_commas(&pair[space + 1..]) {
                    point(pair[..space].trim_ascii(), step, value, sink);
                }
            } else if let Some((value, _)) = number(pair).filter(|_| pair.ends_with(b"ms")) {
                point(b"time", step, value, sink);
            }
        }
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::optional(to, self.decayed);
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.decayed = from.optional()?;
        Some(())
    }
}

impl NanoGptParser {
    /// What is printed before the first iteration.
    fn other(&mut self, text: &[u8], line: u64, sink: &mut Sink) {
        if let Some(count) = parameters(text, b"num decayed parameter tensors: ") {
            self.decayed = Some(count);
        } else if let Some(count) = parameters(text, b"num non-decayed parameter tensors: ") {
            if let Some(decayed) = self.decayed.take() {
                sink.fact(FactName::TotalParams, FactValue::Number(decayed + count), format!("line {line}"));
            }
        } else if let Some(rest) = text.strip_prefix(b"tokens per iteration will be: ") {
            if let Some((tokens, _)) = number_with_commas(rest) {
                sink.fact(FactName::BatchTokens, FactValue::Number(tokens), format!("line {line}"));
            }
        } else if let Some((name, value)) = setting(text) {
            sink.fact(name, value, format!("line {line}"));
        }
    }
}

/// `num decayed parameter tensors: 50, with 124,354,560 parameters`; build-nanogpt prints the same.
pub(super) fn parameters(text: &[u8], title: &[u8]) -> Option<f64> {
    let rest = text.strip_prefix(title)?;
    number_with_commas(after_first(rest, b", with ")?).map(|(count, _)| count)
}

/// A line of a configuration file, which is printed when it is read (`max_iters = 5000 # comment`), or an argument
/// (`Overriding: max_iters = 5000`).
fn setting(text: &[u8]) -> Option<(FactName, FactValue)> {
    let text = text.strip_prefix(b"Overriding: ").unwrap_or(text);
    let equals = text.iter().take(24).position(|b| *b == b'=')?;
    let name = match text[..equals].trim_ascii() {
        b"max_iters" => FactName::PlannedSteps,
        b"learning_rate" => FactName::LearningRate,
        b"min_lr" => FactName::MinLearningRate,
        b"warmup_iters" => FactName::WarmupSteps,
        b"block_size" => FactName::SequenceLength,
        _ => return None,
    };
    let value = text[equals + 1..].split(|b| *b == b'#').next()?;
    whole_number(value).map(|value| (name, FactValue::Number(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    #[test]
    fn forks_add_fields_with_commas_in_them_and_evaluate_on_one_set() {
        let mut sink = Sink::default();
        // lit-llama's train.py; a fork of nanoGPT's train.py that prints its speed.
        let text =
            "step 500: val loss 4.1234\niter 500: loss 4.2000, time 320.50ms, mfu 31.20%, tok/s 51,200, lr 6.00e-04\n";
        assert!(NanoGpt.recognise("train.log", text.as_bytes()).is_some());
        NanoGpt.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let seen: Vec<(&str, f64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.value)).collect();
        assert_eq!(
            seen,
            [("val loss", 4.1234), ("loss", 4.2), ("time", 320.5), ("mfu", 31.2), ("tok/s", 51_200.0), ("lr", 6e-4)]
        );
    }

    #[test]
    fn the_lines_of_llama2_c_are_read() {
        // karpathy/llama2.c, train.py.
        let mut sink = Sink::default();
        let text = "tokens per iteration will be: 131,072\nstep 0: train loss 10.4110, val loss 10.4084\n\
                    0 | loss 10.4158 | lr 0.000000e+00 | 4823.71ms | mfu -100.00%\n12 | loss 3 of them\n";
        assert!(NanoGpt.recognise("train.log", text.as_bytes()).is_some());
        NanoGpt.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let seen: Vec<(&str, f64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.value)).collect();
        assert_eq!(
            seen,
            [
                ("train loss", 10.4110),
                ("val loss", 10.4084),
                ("loss", 10.4158),
                ("lr", 0.0),
                ("time", 4823.71),
                ("mfu", -100.0)
            ]
        );
    }

    #[test]
    fn both_lines_are_read_and_so_is_what_comes_before() {
        let mut sink = Sink::default();
        let text = "Overriding config with config/train_x.py:\nmax_iters = 5000\nlearning_rate = 1e-3 # with baby networks\n\
                    Overriding: max_iters = 200\ntokens per iteration will be: 16,384\nnumber of parameters: 10.65M\n\
                    num decayed parameter tensors: 26, with 10,740,096 parameters\n\
                    num non-decayed parameter tensors: 13, with 4,992 parameters\n\
                    step 0: train loss 4.2874, val loss 4.2823\niter 0: loss 4.2649, time 28.5ms, mfu -100.00%\n\
                    iter 10: loss nan, time 20ms, mfu 1.5%\nstep 0: train loss 5.356189 (took 1.2 ms)\n";
        NanoGpt.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let seen: Vec<(&str, i64)> =
            sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].as_str(), p.step)).collect();
        assert_eq!(
            seen,
            [
                ("train loss", 0),
                ("val loss", 0),
                ("loss", 0),
                ("time", 0),
                ("mfu", 0),
                ("loss", 10),
                ("time", 10),
                ("mfu", 10)
            ]
        );
        assert_eq!((sink.points[1].value, sink.points[4].value, sink.points[5].value.is_nan()), (4.2823, -100.0, true));
        let facts: Vec<(FactName, &str)> = sink.facts.iter().map(|(name, _, place)| (*name, place.as_str())).collect();
        assert_eq!(
            facts,
            [
                (FactName::PlannedSteps, "line 2"),
                (FactName::LearningRate, "line 3"),
                (FactName::PlannedSteps, "line 4"),
                (FactName::BatchTokens, "line 5"),
                (FactName::TotalParams, "line 8"),
            ]
        );
        assert_eq!(sink.facts[4].1, FactValue::Number(10_745_088.0));
    }
}
