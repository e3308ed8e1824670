//! OLMo and OLMo-core: a title with the step, and under it one metric per indented line.
//!
//! ```text
//! 2024-01-02T03:04:05.678Z host:0 olmo.train:967 INFO [step=10/739328,epoch=0]
//!     train/CrossEntropyLoss=10.91
//!     throughput/total_tokens=41,943,040
//! 2024-01-02T03:04:05.678Z host:0 olmo.train:967 INFO pile-validation
//!     eval/pile-validation/CrossEntropyLoss=10.02
//! ```
//!
//! The console is lossy: over 1000 only whole numbers are printed, over 1 four digits. Blocks without a step in their title
//! (evaluations, system metrics) belong to the step before.

use super::lines::{ByLine, Line, LineParser};
use super::saved::{self, Reader};
use super::scan::{after_first, integer, needles, number_with_commas, point, unlabelled};
use super::signs::{ConsoleFormat, Sign};
use super::{Parser, Sink};
use crate::vocab::{FactName, FactValue};
use memchr::memmem::find;

/// The format.
#[derive(Debug)]
pub struct Olmo;

impl ConsoleFormat for Olmo {
    fn called(&self) -> &'static str {
        "olmo"
    }

    fn what(&self) -> &'static str {
        "OLMo step titles"
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        if title(line).is_some() {
            return Some(Sign::Metric);
        }
        if WRITER.find(line).is_none() && TRAIN.find(line).is_none() {
            return None;
        }
        let writers = [&b" olmo.train:"[..], b"\tolmo.", b"[olmo.train:", b"[train:", b" olmo_core.", b"\tolmo_core."];
        let ours = find(line, b"INFO").is_some() && writers.iter().any(|writer| find(line, writer).is_some());
        ours.then_some(Sign::Header)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, OlmoParser::default()))
    }
}

needles! {
    TITLE = "[step=";
    WRITER = "olmo";
    TRAIN = "[train:";
}

/// `[step=10/739328]`, `[step=10/???,epoch=0,eta=…]`: the step and, where known, the last one.
fn title(line: &[u8]) -> Option<(i64, Option<i64>)> {
    let rest = &line[TITLE.find(line)? + TITLE.needle().len()..];
    let (step, length) = integer(rest)?;
    let rest = rest[length..].strip_prefix(b"/")?;
    match integer(rest) {
        Some((total, length)) if matches!(rest.get(length), Some(b']' | b',')) => Some((step, Some(total))),
        None if rest.starts_with(b"???") => Some((step, None)),
        _ => None,
    }
}

/// `    name=value`, exactly four spaces in.
fn entry(line: &[u8]) -> Option<(&[u8], f64)> {
    let line = line.strip_prefix(b"    ").filter(|rest| rest.first().is_some_and(|b| *b != b' '))?;
    let equals = memchr::memrchr(b'=', line)?;
    let (name, value) = (&line[..equals], line[equals + 1..].trim_ascii());
    let (number, length) = number_with_commas(value)?;
    (length == value.len() && !name.is_empty() && name.len() <= 200).then_some((name, number))
}

#[derive(Debug, Default)]
struct OlmoParser {
    step: i64,
    total: i64,
    /// Whether the lines above are a title and its entries.
    inside: bool,
    /// What comes before the names of the block's entries: OLMo-core leaves it out of evaluations.
    prefix: Vec<u8>,
    name: Vec<u8>,
}

impl LineParser for OlmoParser {
    fn tag(&self) -> u8 {
        b'O'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let line = Line { text: unlabelled(line.text), ..line };
        if line.text.first() == Some(&b' ') {
            if self.inside
                && let Some((name, value)) = entry(line.text)
            {
                if self.prefix.is_empty() {
                    point(name, self.step, value, sink);
                } else {
                    self.name.clone_from(&self.prefix);
                    self.name.extend_from_slice(name);
                    point(&self.name, self.step, value, sink);
                }
            }
            return;
        }
        if line.text.is_empty() {
            // The half of a line end that is `\r\n`, or an empty line.
            return;
        }
        self.prefix.clear();
        self.inside = false;
        if let Some((step, total)) = title(line.text) {
            self.step = step;
            self.inside = true;
            if let Some(total) = total.filter(|total| *total != self.total) {
                self.total = total;
                sink.fact(FactName::PlannedSteps, FactValue::Number(total as f64), format!("line {}", line.number));
            }
        } else if find(line.text, b"INFO").is_some() {
            self.other(line, sink);
        }
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::signed(to, self.step);
        saved::signed(to, self.total);
        to.push(u8::from(self.inside));
        saved::bytes(to, &self.prefix);
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.step = from.signed()?;
        self.total = from.signed()?;
        self.inside = from.byte()? == 1;
        self.prefix = from.bytes()?.to_vec();
        Some(())
    }
}

impl OlmoParser {
    /// A line of the log that is no step: the title of an evaluation, or a fact.
    fn other(&mut self, line: Line<'_>, sink: &mut Sink) {
        let after = |needle: &[u8]| number_with_commas(after_first(line.text, needle)?).map(|(value, _)| value);
        let facts = [
            (FactName::TotalParams, after(b"Total number of parameters: ")),
            (FactName::Params, after(b"Number of non-embedding parameters: ")),
            (FactName::TotalParams, after(b"total parameters: ")),
            // OLMo-core; the number without embeddings that follows still has the output matrix in it.
            (FactName::TotalParams, after(b"Building transformer with ")),
        ];
        for (name, value) in facts {
            if let Some(value) = value {
                sink.fact(name, FactValue::Number(value), format!("line {}", line.number));
            }
        }
        // OLMo: the title is the label of the evaluator, and names are whole.
        self.inside = true;
        // OLMo-core: 'Finished lm evals in 12.3 seconds. Metrics:', and names lack the 'eval/lm/' they have elsewhere.
        if let Some(rest) = after_first(line.text, b"Finished ")
            && find(rest, b" Metrics:").is_some()
            && let Some(end) = find(rest, b" evals in ")
        {
            self.prefix.extend_from_slice(b"eval/");
            self.prefix.extend_from_slice(&rest[..end]);
            self.prefix.push(b'/');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    fn read(text: &str) -> (Vec<(String, i64, f64)>, Sink) {
        let mut sink = Sink::default();
        Olmo.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        (sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect(), sink)
    }

    #[test]
    fn entries_belong_to_the_title_above_and_evaluations_to_the_step_before() {
        let (points, sink) = read(concat!(
            "2024-01-02T03:04:05.678Z\thost:0\tolmo.train:967\tINFO\tTotal number of parameters: 6,888,095,744\n",
            "2024-01-02T03:04:05.678Z\thost:0\tolmo.train:967\tINFO\tNumber of non-embedding parameters: 6,681,780,224\n",
            "    train/CrossEntropyLoss=nan is no entry\n",
            "2024-01-02T03:04:05.678Z\thost:0\tolmo.train:967\tINFO\tPre-train system metrics\n",
            "    System/Peak GPU Memory (MB)=3,343\n",
            "2024-01-02T03:04:05.678Z\thost:0\tolmo.train:967\tINFO\t[step=10/739328]\n",
            "    train/CrossEntropyLoss=10.91\n",
            "    optim/total_grad_norm=nan\n",
            "    throughput/total_tokens=41,943,040\n",
            "    lr=9.6e-07\n",
            "2024-01-02T03:04:05.678Z\thost:0\tolmo.train:967\tINFO\t[eval_step=5/10]\n",
            "2024-01-02T03:04:05.678Z\thost:0\tolmo.train:967\tINFO\tpile-validation\n",
            "    eval/pile-validation/CrossEntropyLoss=10.02\n",
            "Traceback\n",
            "    x=1\n",
        ));
        let seen: Vec<(&str, i64)> = points.iter().map(|(k, s, _)| (k.as_str(), *s)).collect();
        assert_eq!(
            seen,
            [
                ("System/Peak GPU Memory (MB)", 0),
                ("train/CrossEntropyLoss", 10),
                ("optim/total_grad_norm", 10),
                ("throughput/total_tokens", 10),
                ("lr", 10),
                ("eval/pile-validation/CrossEntropyLoss", 10),
            ]
        );
        assert_eq!((points[3].2, points[2].2.is_nan()), (41_943_040.0, true));
        assert_eq!(sink.facts.len(), 3, "{:?}", sink.facts);
        assert_eq!(sink.facts[1], (FactName::Params, FactValue::Number(6_681_780_224.0), "line 2".to_owned()));
    }

    #[test]
    fn evaluations_of_olmo_core_get_their_prefix_back() {
        let (points, sink) = read(concat!(
            "2025-01-02 03:04:05.678\thost:0\tolmo_core.nn.transformer.config:9\tINFO\tBuilding transformer with 1,279,787,008 total params, 1,074,118,656 non-embedding params\n",
            "2025-01-02 03:04:05.678\thost:0\tolmo_core.train.callbacks.console_logger:54\tINFO\t[step=20/???,epoch=1,eta=2m]\n",
            "    train/CE loss=3.2\n",
            "    train/block 0/load imbalance=1.01\n",
            "2025-01-02 03:04:05.678\thost:0\tolmo_core.train.callbacks.evaluator_callback:54\tINFO\tFinished lm evals in 1.2 seconds. Metrics:\n",
            "    c4_en-validation/CE loss=3.4\n",
            "2025-01-02 03:04:05.678\thost:0\tolmo_core.train.callbacks.evaluator_callback:54\tINFO\tEvaluation speed:\n",
            "    c4_en-validation/CE loss (+variants): 1.2 sec (3 batches)\n",
        ));
        let seen: Vec<(&str, i64)> = points.iter().map(|(k, s, _)| (k.as_str(), *s)).collect();
        assert_eq!(
            seen,
            [("train/CE loss", 20), ("train/block 0/load imbalance", 20), ("eval/lm/c4_en-validation/CE loss", 20)]
        );
        assert_eq!(sink.facts, [(FactName::TotalParams, FactValue::Number(1_279_787_008.0), "line 1".to_owned())]);
    }
}
