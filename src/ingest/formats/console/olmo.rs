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
//! (OLMo's evaluations, system metrics) belong to the step before; evaluations of OLMo-core to one whose title is yet to
//! come ([`held`]).

mod held;
mod size;

use super::signs::{ConsoleFormat, Sign};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{after_first, integer, needles, number_with_commas, point, unlabelled};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};
use held::Held;
use memchr::memmem::find;
use size::Size;

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

    fn lines(&self) -> &'static [&'static str] {
        &[
            "2024-01-01 INFO [olmo.train:1, rank=0] [step=1/739328]\n    train/CrossEntropyLoss=11.3\n    throughput/total_tokens=4,194,304\n",
            "2025-01-02 03:04:05.678\th:0\tolmo_core.x:9\tINFO\tBuilding transformer with 1,234 total params\n2025-01-02 03:04:05.678\th:0\tolmo_core.x:9\tINFO\tWill resume training from step 10, epoch 1\nt\th:0\tolmo_core.x:9\tINFO\tFinished lm evals in 1.2 seconds. Metrics:\n    c4/CE loss=3.4\nt\th:0\tolmo_core.x:9\tINFO\tStarting epoch 1...\n2025-01-02 03:04:06.678\th:0\tolmo_core.x:9\tINFO\t[step=20/???,epoch=1]\n    throughput/in-loop eval time (s)=1.2\n",
            "t\th:0\ttrain:9\tINFO\tTotal number of parameters: 40\nt\th:0\ttrain:9\tINFO\tNumber of non-embedding parameters: 30\nt\th:0\ttrain:9\tINFO\tModel:\n  (ff_out): Linear(in_features=2, out_features=5, bias=False)\nt\th:0\tolmo.train:9\tINFO\t[step=1/9]\n    x=1,234\n",
        ]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| {
            format!("t\th:0\tolmo.train:9\tINFO\t[step={step}/99,epoch=0]\n    train/CE loss={loss}\n")
        })
    }

    fn reads_evaluations(&self) -> bool {
        true
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

/// `    name=value`, exactly four spaces in, but for one behind the label of a launcher.
fn entry(line: &[u8]) -> Option<(&[u8], f64)> {
    let line = line.strip_prefix(b"    ")?;
    let line = line.strip_prefix(b" ").unwrap_or(line);
    if line.first().is_none_or(|b| *b == b' ') {
        return None;
    }
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
    held: Held,
    size: Size,
}

impl LineParser for OlmoParser {
    fn tag(&self) -> u8 {
        b'O'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let raw = line.text;
        let text = unlabelled(line.text);
        // A label may end in a space.
        let text = text.strip_prefix(b" ").filter(|rest| rest.first().is_some_and(|b| *b != b' ')).unwrap_or(text);
        let line = Line { text, ..line };
        let size = |params: f64, sink: &mut Sink| {
            sink.fact(FactName::Params, FactValue::Number(params), format!("line {}", line.number));
        };
        if line.text.first() == Some(&b' ') {
            if let Some((name, value)) = entry(line.text).filter(|_| self.inside) {
                if self.prefix.is_empty() {
                    if name.starts_with(b"throughput/in-loop eval ") {
                        self.held.was_at(self.step, sink);
                    }
                    point(name, self.step, value, sink);
                } else {
                    self.held.hold([&self.prefix, name].concat(), value, sink);
                }
            } else if let Some(params) = self.size.line(line.text) {
                size(params, sink);
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
            self.held.title(step, held::stamp(raw), sink);
            self.step = step;
            self.inside = true;
            if let Some(params) = self.size.settled() {
                size(params, sink);
            }
            if let Some(total) = total.filter(|total| *total != self.total) {
                self.total = total;
                sink.fact(FactName::PlannedSteps, FactValue::Number(total as f64), format!("line {}", line.number));
            }
        } else if find(line.text, b"INFO").is_some() {
            self.other(line, sink);
        }
    }

    fn end(&mut self, sink: &mut Sink) {
        self.held.end(sink);
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::signed(to, self.step);
        saved::signed(to, self.total);
        to.push(u8::from(self.inside) | u8::from(self.size.shown) << 1);
        saved::bytes(to, &self.prefix);
        self.held.save(to);
        saved::float(to, self.size.total);
        saved::float(to, self.size.inner);
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.step = from.signed()?;
        self.total = from.signed()?;
        let flags = from.byte()?;
        self.inside = flags & 1 == 1;
        self.prefix = from.bytes()?.to_vec();
        self.held = Held::resume(from)?;
        self.size = Size { total: from.float()?, inner: from.float()?, shown: flags & 2 == 2 };
        Some(())
    }
}

impl OlmoParser {
    /// A line of the log that is no step: the title of an evaluation, or a fact.
    fn other(&mut self, line: Line<'_>, sink: &mut Sink) {
        let after = |needle: &[u8]| number_with_commas(after_first(line.text, needle)?).map(|(value, _)| value);
        // OLMo-core's number without embeddings still has the output matrix in it, and no model is printed to tell.
        let core = after(b"Building transformer with ");
        let total = after(b"Total number of parameters: ").or_else(|| after(b"total parameters: ")).or(core);
        if let Some(total) = total {
            sink.fact(FactName::TotalParams, FactValue::Number(total), format!("line {}", line.number));
            self.size = Size { total, ..Size::default() };
        }
        if let Some(inner) = after(b"Number of non-embedding parameters: ") {
            self.size.inner = if self.size.total > inner { inner } else { 0.0 };
        }
        self.size.shown |= line.text.ends_with(b"Model:");
        let resumed = after(b"Will resume training from step ").map(|step| step as i64);
        if core.is_some() || resumed.is_some() {
            self.held.starts(resumed, sink);
        } else if find(line.text, b"Starting epoch ").is_some() {
            self.held.begins();
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
        let names: Vec<FactName> = sink.facts.iter().map(|f| f.0).collect();
        assert_eq!(names, [FactName::TotalParams, FactName::PlannedSteps], "no model was printed");
    }

    #[test]
    fn a_launcher_may_label_every_line() {
        for label in ["[rank0]:", "[rank0]: ", "0: ", "2024-08-04T16:36:01.977946652Z "] {
            let (points, _) = read(&format!(
                "{label}2025-01-02 03:04:05.678{LOGGER}[step=20/100,epoch=1]\n{label}    train/CE loss=3.2\n{label}        nested=1\n"
            ));
            assert_eq!(points, [("train/CE loss".to_owned(), 20, 3.2)], "{label}");
        }
    }

    #[test]
    fn the_output_matrix_is_no_part_of_n() {
        // OLMo-7B and OLMo-1B: allenai/OLMo, scripts/train.py prints both numbers and then the model.
        let start = |total: &str, inner: &str| {
            let line = "2024-01-02T03:04:05.678Z\thost:0\ttrain:967\tINFO\t";
            format!(
                "{line}Total number of parameters: {total}\n{line}Number of non-embedding parameters: {inner}\n{line}Model:\n\
                 {line}FullyShardedDataParallel(\n      (ff_out): Linear(in_features=11008, out_features=4096, bias=False)\n"
            )
        };
        let head = "    (ff_out): Linear(in_features=4096, out_features=50304, bias=False)\n";
        let step = "2024-01-02T03:04:06.678Z\thost:0\tolmo.train:967\tINFO\t[step=1/739328]\n";
        let params = |text: String| {
            let found = read(&text).1.facts.into_iter().filter(|f| f.0 == FactName::Params);
            found.map(|f| (f.1, f.2)).collect::<Vec<_>>()
        };
        let untied = start("6,888,095,744", "6,682,050,560") + head + step;
        assert_eq!(params(untied), [(FactValue::Number(6_476_005_376.0), "line 6".to_owned())]);
        let tied = start("1,176,764,416", "1,073,741,824") + step;
        assert_eq!(params(tied), [(FactValue::Number(1_073_741_824.0), "line 6".to_owned())]);
        assert_eq!(params(start("1,176,764,416", "1,073,741,824")), [], "the model is being printed");
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
            [("train/CE loss", 20), ("train/block 0/load imbalance", 20), ("eval/lm/c4_en-validation/CE loss", 40)],
            "the step that was to be printed next"
        );
        assert_eq!(sink.facts, [(FactName::TotalParams, FactValue::Number(1_279_787_008.0), "line 1".to_owned())]);
    }

    const LOGGER: &str = "\thost:0\tolmo_core.train.callbacks.console_logger:54\tINFO\t";
    const EVALUATOR: &str = "\thost:0\tolmo_core.train.callbacks.evaluator_callback:54\tINFO\t";

    /// Titles as OLMo-core prints them, the steps of each list together, a second after those before.
    fn titles(second: &mut u32, steps: &[i64], more: &str) -> String {
        *second += 1;
        let line = |(i, step): (usize, &i64)| {
            format!("2025-01-02 03:{:02}:{:02}.{i:03}{LOGGER}[step={step}/???,epoch=1]\n", *second / 60, *second % 60)
                + "    train/CE loss=3.2\n"
        };
        steps.iter().enumerate().map(line).collect::<String>() + more
    }

    fn evaluation(loss: f64) -> String {
        format!(
            "2025-01-02 03:00:00.000{EVALUATOR}Running lm evals...\n2025-01-02 03:00:00.000{EVALUATOR}[eval=lm,step=5/10]\n\
             2025-01-02 03:00:00.000{EVALUATOR}Finished lm evals in 1.2 seconds. Metrics:\n    c4/CE loss={loss}\n"
        )
    }

    fn evaluated(text: &str) -> Vec<(i64, f64)> {
        let whole = read(text).0;
        // Cut anywhere, and gone on with by another process, it is the same.
        for cut in (0..text.len()).step_by(7) {
            let (mut sink, mut parser) = (Sink::default(), Olmo.parser(""));
            let used = parser.feed(&text.as_bytes()[..cut], false, &mut sink).unwrap();
            let mut resumed = Olmo.parser("");
            resumed.resume(&parser.save()).unwrap();
            resumed.feed(&text.as_bytes()[used..], true, &mut sink).unwrap();
            let again: Vec<(String, i64, f64)> =
                sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect();
            assert_eq!(again, whole, "cut at {cut}");
        }
        whole.into_iter().filter(|(key, ..)| key == "eval/lm/c4/CE loss").map(|(_, step, loss)| (step, loss)).collect()
    }

    #[test]
    fn an_evaluation_is_of_the_last_step_of_those_printed_after_it() {
        // Metrics of five steps are collected, as by default, and printed together.
        let mut s = 0;
        let mut text = titles(&mut s, &[1], "");
        for from in (0..30).step_by(5) {
            let steps: Vec<i64> = (from + 1..=from + 5).filter(|step| *step > 1).collect();
            if from % 10 == 5 {
                text += &evaluation(3.0 + from as f64);
            }
            text += &titles(&mut s, &steps, "");
        }
        assert_eq!(evaluated(&text), [(10, 8.0), (20, 18.0), (30, 28.0)]);
        // The run was stopped before its next titles.
        assert_eq!(evaluated(&(text + &evaluation(1.0)))[3], (35, 1.0));
    }

    #[test]
    fn an_evaluation_is_of_the_next_step_where_titles_come_one_at_a_time() {
        // Every step has its title, metrics every fourth, which are printed every eighth.
        let mut s = 0;
        let mut text = titles(&mut s, &[1], "");
        for step in 2..=24 {
            if step % 8 == 0 {
                text += &evaluation(step as f64);
            }
            match step % 8 {
                0 => text += &titles(&mut s, &[step - 4, step], ""),
                4 => {}
                _ => text += &titles(&mut s, &[step], ""),
            }
        }
        assert_eq!(evaluated(&text), [(8, 8.0), (16, 16.0), (24, 24.0)]);
    }

    #[test]
    fn what_is_said_under_a_title_settles_it() {
        let mut s = 0;
        let timed = "    throughput/in-loop eval time (s)=12.3\n    throughput/in-loop eval batches=4\n";
        let text = titles(&mut s, &[1], "") + &titles(&mut s, &[2, 3, 4, 5], "") + &evaluation(2.0);
        let text = text + &titles(&mut s, &[6, 7, 8], timed) + &titles(&mut s, &[9, 10], "");
        assert_eq!(evaluated(&text), [(8, 2.0)]);
    }

    #[test]
    fn an_evaluation_before_the_first_step_is_of_the_step_it_starts_from() {
        let building =
            format!("2025-01-02 03:00:00.000{EVALUATOR}Building transformer with 1,279,787,008 total params\n");
        let epoch = format!("2025-01-02 03:00:00.000{EVALUATOR}Starting epoch 1...\n");
        let fresh = building.clone() + &evaluation(11.0) + &epoch + &titles(&mut 0, &[1], "");
        assert_eq!(evaluated(&fresh), [(0, 11.0)]);
        let resumed = format!("2025-01-02 03:00:00.000{EVALUATOR}Will resume training from step 1000, epoch 1\n");
        let again = building + &resumed + &evaluation(4.0) + &epoch + &titles(&mut 1, &[1010], "");
        assert_eq!(evaluated(&again), [(1000, 4.0)]);
        assert_eq!(evaluated(&(fresh + &again)), [(0, 11.0), (1000, 4.0)]);
        assert_eq!(evaluated(&evaluation(11.0)), [(0, 11.0)], "stopped before its first step");
    }
}
