//! Levanter, and whatever else shows its progress by tqdm-loggable.
//!
//! ```text
//! 2025-01-02 03:04:05 - 0 - tqdm_loggable.tqdm_logging - tqdm_logging.py:145 - INFO :: Progress on:train 1.23kit/10.0kit rate:2.3it/s remaining:01:15 elapsed:09:00 postfix:loss=3.21
//! ```
//!
//! Read in tradingstrategy-ai/tqdm-loggable (`tqdm_loggable/tqdm_logging.py`) and stanford-crfm/levanter
//! (`src/levanter/callbacks/_metrics.py`, `pbar_logger`). Numbers have three digits, so that from 1,000 steps on a line is at about
//! its step; of lines at one step, the first counts. What Levanter logs in full is in its trackers. Progress on anything but
//! training (`Progress on:eval`) is none of the run.

use super::signs::{ConsoleFormat, Sign, Trust};
use crate::ingest::formats::lines::{ByLine, Line, LineParser};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{after_first, needles, number, point};
use crate::ingest::formats::{Parser, Sink};
use crate::vocab::{FactName, FactValue};

/// The format.
#[derive(Debug)]
pub struct Levanter;

impl ConsoleFormat for Levanter {
    fn called(&self) -> &'static str {
        "levanter"
    }

    fn what(&self) -> &'static str {
        "tqdm-loggable's lines of progress on training (Levanter)"
    }

    fn lines(&self) -> &'static [&'static str] {
        &[
            "2025-01-02 03:04:05 - 0 - tqdm_loggable - INFO :: Progress on:train 12.0it/10.0kit rate:2.3it/s remaining:01:15 elapsed:09:00 postfix:loss=3.21\n",
            "INFO :: Progress on:train 1.23kit/10.0kit rate:- remaining:? elapsed:09:00 postfix:loss=nan, lr=0.0001\nINFO :: Progress on:eval 3.00it/20.0it rate:- remaining:? elapsed:09:00 postfix:loss=2\n",
        ]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| {
            format!(
                "INFO :: Progress on:train {step}.0it/99.0it rate:- remaining:? elapsed:09:00 postfix:loss={loss}\n"
            )
        })
    }

    fn trust(&self) -> Trust {
        Trust { header: 0, ..Trust::SURE }
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        progress(line).map(|_| Sign::Metric)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, Progress { last: -1, total: 0 }))
    }
}

needles! {
    TRAIN = "Progress on:train ";
}

/// The step, what it is out of, and the numbers beside them.
fn progress(line: &[u8]) -> Option<(i64, Option<i64>, &[u8])> {
    let rest = &line[TRAIN.find(line)? + TRAIN.needle().len()..];
    let (step, rest) = count(rest)?;
    let rest = rest.strip_prefix(b"/")?;
    let total = count(rest).map(|(total, _)| total);
    let numbers = after_first(rest, b" postfix:")?;
    (numbers != b"-").then_some((step, total, numbers))
}

/// `12.0it`, `1.23kit`.
fn count(text: &[u8]) -> Option<(i64, &[u8])> {
    let (value, length) = number(text)?;
    let rest = &text[length..];
    let (factor, rest) = match rest.first()? {
        b'k' => (1e3, &rest[1..]),
        b'M' => (1e6, &rest[1..]),
        _ => (1.0, rest),
    };
    let value = (value * factor).round();
    (0.0..1e12).contains(&value).then(|| Some((value as i64, rest.strip_prefix(b"it")?)))?
}

#[derive(Debug)]
struct Progress {
    last: i64,
    total: i64,
}

impl LineParser for Progress {
    fn tag(&self) -> u8 {
        b'v'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let Some((step, total, numbers)) = progress(line.text) else { return };
        if step == self.last {
            return;
        }
        self.last = step;
        for pair in numbers.split(|b| *b == b',') {
            let Some(equals) = memchr::memchr(b'=', pair) else { continue };
            if let Some((value, _)) = number(pair[equals + 1..].trim_ascii()) {
                point(pair[..equals].trim_ascii(), step, value, sink);
            }
        }
        if let Some(total) = total.filter(|total| *total != self.total) {
            self.total = total;
            sink.fact(FactName::PlannedSteps, FactValue::Number(total as f64), format!("line {}", line.number));
        }
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::signed(to, self.last);
        saved::signed(to, self.total);
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        (self.last, self.total) = (from.signed()?, from.signed()?);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    #[test]
    fn progress_on_training_is_at_its_step_and_progress_on_evaluations_is_none() {
        let line = |on: &str, n: &str, loss: &str| {
            format!(
                "x - INFO :: Progress on:{on} {n}/10.0kit rate:1.0it/s remaining:? elapsed:00:10 postfix:loss={loss}\n"
            )
        };
        let text = [
            "x - INFO :: Progress on:train -/10.0kit rate:- remaining:? elapsed:00:00 postfix:-\n".to_owned(),
            line("train", "1.00it", "9.5"),
            line("train", "120it", "8.5"),
            line("eval", "20.0it", "8"),
            line("train", "1.23kit", "7.5"),
            line("train", "1.23kit", "7.4"),
        ]
        .concat();
        assert!(Levanter.recognise("run.log", text.as_bytes()).is_some());
        let mut sink = Sink::default();
        Levanter.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let seen: Vec<(i64, f64)> = sink.points.iter().map(|p| (p.step, p.value)).collect();
        assert_eq!((sink.metrics(), seen), (&["loss".to_owned()][..], vec![(1, 9.5), (120, 8.5), (1230, 7.5)]));
        assert_eq!(sink.facts[0].1, FactValue::Number(10_000.0));
    }
}
