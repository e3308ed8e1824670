//! Composer (MosaicML), and LLM Foundry on top of it: a title with how far the run is, and under it one metric per
//! indented line.
//!
//! ```text
//! [batch=10/1000]:
//!      Train time/batch: 9
//!      Train loss/train/total: 5.5017
//! [Eval batch=3/3] Eval on eval data:
//!      Eval metrics/eval/LanguageCrossEntropy: 5.4120
//! ```
//!
//! Composer up to 0.10 prints one metric a line, with epochs from 0 (composer/loggers/file_logger.py and
//! progress_bar_logger.py of that time):
//!
//! ```text
//! [epoch=0][batch=16/625]: loss/train/total: 2.3
//! ```
//!
//! Metrics are called as Composer calls them for every other logger, without `Train` and `Eval`. Runs whose length is in
//! epochs, tokens or samples count these in the title (`[epoch=1][batch=5/5]`, `[token=4096/100000]`); `time/batch` is then
//! the number of the batch, from 0. Evaluations are made after a batch and belong to the title before.

use super::signs::{ConsoleFormat, Sign, Trust};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{integer, point, unlabelled, whole_number};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};

/// The format.
#[derive(Debug)]
pub struct Composer;

impl ConsoleFormat for Composer {
    fn called(&self) -> &'static str {
        "composer"
    }

    fn what(&self) -> &'static str {
        "Composer's progress titles"
    }

    fn lines(&self) -> &'static [&'static str] {
        &[
            "[batch=10/20]:\n\t Train time/batch: 9\n\t Train loss/train/total: 5.5\n[Eval batch=3/3] Eval on eval data:\n\t Eval metrics/eval/x: 5.4\n",
            "[epoch=0][batch=10/20]: loss/train/total: 5.5\n[epoch=1][batch=10/20]: lr-DecoupledAdamW/group0: 0.0001\n",
            "[token=4096/9999]:\n\t Train time/epoch: 0\n\t Train time/batch: 9\n[epoch=2][batch=3/5]:\n\t Train loss/train/total: nan\n",
        ]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| format!("[batch={step}/99]:\n\t Train loss/train/total: {loss}\n"))
    }

    fn trust(&self) -> Trust {
        Trust { header: 0, ..Trust::SURE }
    }

    fn reads_evaluations(&self) -> bool {
        true
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        let line = unlabelled(line);
        (title(line).is_some() || inline(line).is_some()).then_some(Sign::Metric)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, ComposerParser::default()))
    }
}

/// What a title says.
#[derive(Debug, PartialEq)]
enum Title {
    /// Of training: the batch since the start of the run where it is known, and the length of the run where it is said.
    Train(Option<i64>, Option<(FactName, i64)>),
    Evaluation,
}

/// `[batch=10/1000]:`, `[epoch=1][batch=5/5]:`, `[token=4096/100000]:`, `[Eval batch=3/3] Eval on eval data:`.
fn title(line: &[u8]) -> Option<Title> {
    let line = line.trim_ascii_end();
    if line.first() != Some(&b'[') || line.last() != Some(&b':') {
        return None;
    }
    if let Some(rest) = line.strip_prefix(b"[Eval batch=") {
        let (_, _, rest) = progress(rest)?;
        return rest.starts_with(b" Eval on ").then_some(Title::Evaluation);
    }
    if let Some(rest) = line.strip_prefix(b"[epoch=") {
        let (epoch, None, rest) = progress(rest)? else { return None };
        let (batch, batches, b":") = progress(rest.strip_prefix(b"[batch=")?)? else { return None };
        let before = batches.and_then(|batches| (epoch - 1).checked_mul(batches)).or((epoch == 1).then_some(0));
        return Some(Title::Train(before.and_then(|before| before.checked_add(batch)), None));
    }
    let units: [(&[u8], Option<FactName>); 5] = [
        (b"[batch=", Some(FactName::PlannedSteps)),
        (b"[token=", Some(FactName::PlannedTokens)),
        (b"[sample=", None),
        (b"[iteration=", None),
        (b"[second=", None),
    ];
    let (rest, unit, of_batches) =
        units.into_iter().find_map(|(prefix, unit)| Some((line.strip_prefix(prefix)?, unit, prefix == b"[batch=")))?;
    let (done, total, b":") = progress(rest)? else { return None };
    Some(Title::Train(Some(done).filter(|_| of_batches), unit.zip(total)))
}

/// `[epoch=0][batch=16/625]: loss/train/total: 2.3`: the batch since the start of the run, the batches of an epoch, the name and
/// the value.
fn inline(line: &[u8]) -> Option<(i64, Option<i64>, &[u8], f64)> {
    let (epoch, _, rest) = progress(line.strip_prefix(b"[epoch=")?)?;
    let (batch, batches, rest) = progress(rest.strip_prefix(b"[batch=")?)?;
    let rest = rest.strip_prefix(b": ")?;
    let colon = memchr::memrchr(b':', rest).filter(|colon| (1..=200).contains(colon))?;
    let step = epoch.checked_mul(batches.unwrap_or(0))?.checked_add(batch)?;
    Some((step, batches, &rest[..colon], whole_number(&rest[colon + 1..])?))
}

/// `10/1000]` and what follows it; the total may be missing.
fn progress(text: &[u8]) -> Option<(i64, Option<i64>, &[u8])> {
    let (done, length) = integer(text)?;
    let rest = &text[length..];
    if let Some(rest) = rest.strip_prefix(b"]") {
        return Some((done, None, rest));
    }
    let (total, length) = integer(rest.strip_prefix(b"/")?)?;
    Some((done, Some(total), rest[1 + length..].strip_prefix(b"]")?))
}

/// `     Train loss/train/total: 5.5017`: whether it is of training, the name and the value.
fn entry(line: &[u8]) -> Option<(bool, &[u8], f64)> {
    let text = line.trim_ascii_start();
    if text.len() == line.len() {
        return None;
    }
    let (train, rest) = match text.strip_prefix(b"Train ") {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix(b"Eval ")?),
    };
    let colon = memchr::memrchr(b':', rest)?;
    let value = whole_number(&rest[colon + 1..])?;
    (colon > 0 && colon <= 200).then_some((train, &rest[..colon], value))
}

/// More entries than this do not wait for their batch, which is among the first.
const MOST_WAITING: usize = 1000;

#[derive(Debug, Default)]
struct ComposerParser {
    /// The batch of the title above; `None` where it does not say.
    step: Option<i64>,
    /// The newest batch.
    last: i64,
    /// Whether the lines above are a title and its entries.
    inside: bool,
    planned: i64,
    /// Entries that wait for their batch to be said.
    waiting: Vec<(Vec<u8>, f64)>,
}

impl ComposerParser {
    fn at(&mut self, step: i64, sink: &mut Sink) {
        (self.step, self.last) = (Some(step), step);
        for (name, value) in self.waiting.drain(..) {
            point(&name, step, value, sink);
        }
    }

    fn settle(&mut self, sink: &mut Sink) {
        if !self.waiting.is_empty() {
            self.at(self.last + 1, sink);
        }
    }
}

impl LineParser for ComposerParser {
    fn tag(&self) -> u8 {
        b'C'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let text = unlabelled(line.text);
        if let Some((step, _, name, value)) = inline(text) {
            self.settle(sink);
            self.inside = false;
            (self.step, self.last) = (Some(step), step);
            point(name, step, value, sink);
            return;
        }
        if self.inside
            && let Some((train, name, value)) = entry(text)
        {
            match self.step {
                None if train && name == b"time/batch" && (0.0..1e15).contains(&value) => {
                    self.at(value as i64 + 1, sink);
                    point(name, self.last, value, sink);
                }
                None if train && self.waiting.len() < MOST_WAITING => self.waiting.push((name.to_vec(), value)),
                step => point(name, step.unwrap_or(self.last), value, sink),
            }
            return;
        }
        if text.trim_ascii().is_empty() || self.inside && text.first().is_some_and(u8::is_ascii_whitespace) {
            // The half of a line end that is `\r\n`, or a value that is no number.
            return;
        }
        self.settle(sink);
        self.inside = false;
        let Some(title) = title(text) else { return };
        self.inside = true;
        match title {
            Title::Evaluation => self.step = Some(self.last),
            Title::Train(step, planned) => {
                self.step = step;
                self.last = step.unwrap_or(self.last);
                if let Some((name, total)) = planned.filter(|(_, total)| *total != self.planned) {
                    self.planned = total;
                    sink.fact(name, FactValue::Number(total as f64), format!("line {}", line.number));
                }
            }
        }
    }

    fn end(&mut self, sink: &mut Sink) {
        self.settle(sink);
    }

    fn save(&self, to: &mut Vec<u8>) {
        to.push(u8::from(self.step.is_some()) | u8::from(self.inside) << 1);
        for number in [self.step.unwrap_or(0), self.last, self.planned] {
            saved::signed(to, number);
        }
        saved::unsigned(to, self.waiting.len() as u64);
        for (name, value) in &self.waiting {
            saved::bytes(to, name);
            saved::float(to, *value);
        }
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let flags = from.byte()?;
        self.step = Some(from.signed()?).filter(|_| flags & 1 == 1);
        self.inside = flags & 2 == 2;
        (self.last, self.planned) = (from.signed()?, from.signed()?);
        for _ in 0..from.unsigned()? {
            self.waiting.push((from.bytes()?.to_vec(), from.float()?));
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    fn read(text: &str) -> (Vec<(String, i64, f64)>, Sink) {
        let mut sink = Sink::default();
        assert!(Composer.recognise("train.log", text.as_bytes()).is_some(), "{text}");
        Composer.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        (sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect(), sink)
    }

    fn points(expected: &[(&str, i64, f64)]) -> Vec<(String, i64, f64)> {
        expected.iter().map(|(name, step, value)| ((*name).to_owned(), *step, *value)).collect()
    }

    #[test]
    fn batches_and_evaluations_after_them() {
        // mosaicml/composer, composer/loggers/console_logger.py; the prefix is srun's.
        let (seen, sink) = read(
            "******************************\nConfig:\nseed: 17\n\n[batch=10/1000]:\n\t Train time/batch: 9\n\t Train loss/train/total: 5.5017\n\
             \t Train expert_selection/ffn: <wandb.Image>\n\t Train lr-DecoupledAdamW/group0: 0.0001\n[Eval batch=1/3] Eval on eval data\n\
             [Eval batch=3/3] Eval on eval data:\n\t Eval metrics/eval/LanguageCrossEntropy: 5.4120\nINFO: saved\n\t Train x: 1\n\
             0: [batch=20/1000]:\r\n0:       Train loss/train/total: nan\r\n",
        );
        assert_eq!(
            seen[..4],
            points(&[
                ("time/batch", 10, 9.0),
                ("loss/train/total", 10, 5.5017),
                ("lr-DecoupledAdamW/group0", 10, 0.0001),
                ("metrics/eval/LanguageCrossEntropy", 10, 5.412),
            ])
        );
        assert!(seen.len() == 5 && seen[4].1 == 20 && seen[4].2.is_nan(), "{seen:?}");
        assert_eq!(sink.facts, [(FactName::PlannedSteps, FactValue::Number(1000.0), "line 5".to_owned())]);
    }

    #[test]
    fn one_metric_a_line_with_epochs_from_zero() {
        let text = "[epoch=0][batch=5/5]: loss/train/total: 2.5\n[epoch=1][batch=1/5]: loss/train/total: 2.25\n\
                    [epoch=1][batch=1/5]: metrics/eval/Accuracy: 0.5\n[epoch=1][batch=2/5]: note: none\n";
        let expected = [("loss/train/total", 5, 2.5), ("loss/train/total", 6, 2.25), ("metrics/eval/Accuracy", 6, 0.5)];
        assert_eq!(read(text).0, points(&expected));
    }

    #[test]
    fn runs_of_epochs_and_of_tokens_count_batches_too() {
        let block = |title: &str, batch: i64| {
            format!("{title}:\n\t Train time/epoch: 0\n\t Train time/batch: {batch}\n\t Train loss/train/total: 2.5\n")
        };
        let losses = |text: &str| {
            let seen = read(text).0.into_iter().filter(|(name, ..)| name == "loss/train/total" || name == "time/epoch");
            seen.map(|(_, step, _)| step).collect::<Vec<_>>()
        };
        assert_eq!(losses(&(block("[epoch=1][batch=5/5]", 4) + &block("[epoch=2][batch=5/5]", 9))), [5, 5, 10, 10]);
        assert_eq!(losses(&block("[epoch=2][batch=5]", 9)), [10, 10]);
        let text = block("[token=4096/100000]", 0) + &block("[token=8192/100000]", 1);
        assert_eq!(losses(&text), [1, 1, 2, 2]);
        assert_eq!(read(&text).1.facts[0].0, FactName::PlannedTokens);
        assert_eq!(losses("[token=4096/100000]:\n\t Train loss/train/total: 2.5\n"), [1], "better than nothing");
        for other in ["[batch=1/2] done:\n", "[Eval batch=1/3]:\n", "[batch=x]:\n", "[epoch=1]:\n", "batch=1/2:\n"] {
            assert_eq!(Composer.recognise("train.log", other.as_bytes()), None, "{other}");
        }
    }
}
