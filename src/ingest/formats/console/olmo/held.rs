//! Evaluations of OLMo-core whose step is printed later.
//!
//! OLMo-core evaluates at the end of a step, but prints that step's title afterwards, and by default (an interval of
//! collection over 1) the titles of several steps at once, of which the last is that of the evaluation:
//!
//! ```text
//! [step=990/1000]            printed with 981 to 989, when the metrics of ten steps were collected
//! Finished lm evals in 12.3 seconds. Metrics:
//! [step=991/1000]            printed with 992 to 1000; the evaluation is of step 1000
//! ```
//!
//! Later versions print how long the evaluation took under the title it belongs to; that settles it. For the others, titles
//! that were printed within a moment of each other were printed together, and the last of them is meant.

use crate::ingest::formats::Sink;
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::point;

/// Titles no further apart than this were printed together, in milliseconds: between them is the time to print a few
/// hundred metrics, while a step of a model worth evaluating takes longer.
const TOGETHER: i64 = 50;

/// More titles in one go than this are steps that are faster than [`TOGETHER`], not metrics collected over so many.
const MOST: i64 = 256;

/// More values than this do not wait: no evaluation has so many.
const MOST_VALUES: usize = 20_000;

/// What waits, and what is known of the titles around it.
#[derive(Debug, Default)]
pub(super) struct Held {
    values: Vec<(Vec<u8>, f64)>,
    /// Whether steps have been taken since the start of the program. An evaluation before that is of the step it starts
    /// from.
    begun: bool,
    /// The step it starts from, where that was said.
    from: Option<i64>,
    /// Milliseconds of the day of the newest title.
    stamp: Option<i64>,
    /// The newest step of all titles, and that before the titles that were printed together with the newest one.
    top: i64,
    top_before: i64,
    /// Titles printed together with the newest one, and how often titles were printed.
    bunch: i64,
    bunches: i64,
    /// Of the evaluation that waits: the newest step when it was printed, titles since, and whether titles come one at a
    /// time.
    floor: i64,
    since: i64,
    alone: bool,
    /// Whether what waits was there before any step was taken.
    early: bool,
}

impl Held {
    /// The program starts, perhaps from a step that it says.
    pub(super) fn starts(&mut self, from: Option<i64>, sink: &mut Sink) {
        if self.begun {
            self.end(sink);
            *self = Self::default();
        }
        self.from = from.or(self.from);
    }

    /// Its first step is about to be taken.
    pub(super) fn begins(&mut self) {
        self.begun = true;
    }

    /// A value of an evaluation.
    pub(super) fn hold(&mut self, name: Vec<u8>, value: f64, sink: &mut Sink) {
        if !self.early && self.top > self.floor {
            // One evaluation behind another, with a step between them.
            self.give(self.top, sink);
        }
        if self.values.is_empty() {
            (self.floor, self.since, self.early) = (self.top, 0, !self.begun);
            self.alone = self.bunches > 1 && !(2..=MOST).contains(&self.bunch);
        }
        self.values.push((name, value));
        if self.values.len() >= MOST_VALUES {
            self.end(sink);
        }
    }

    /// The title of a step, printed at this millisecond of the day.
    pub(super) fn title(&mut self, step: i64, stamp: Option<i64>, sink: &mut Sink) {
        let apart = stamp.zip(self.stamp).map(|(now, before)| now - before);
        let together = apart.is_some_and(|apart| (0..=TOGETHER).contains(&apart));
        self.begun = true;
        if self.early {
            let first = if step == 1 { 0 } else { self.from.filter(|from| *from <= step).unwrap_or(step - 1) };
            self.give(first, sink);
        } else if self.top > self.floor && (!together || self.since >= MOST) {
            self.give(self.top, sink);
        }
        if together {
            self.bunch += 1;
        } else {
            self.top_before = self.top;
            self.bunch = 1;
            self.bunches += 1;
        }
        self.stamp = stamp;
        self.since += 1;
        self.top = self.top.max(step);
        if self.alone && self.top > self.floor {
            self.give(self.top, sink);
        }
    }

    /// Under the title of `step` stands that there was an evaluation.
    pub(super) fn was_at(&mut self, step: i64, sink: &mut Sink) {
        if step > self.floor {
            self.give(step, sink);
        }
    }

    /// No more is to come: the title would have been the next one.
    pub(super) fn end(&mut self, sink: &mut Sink) {
        let step = match self.early {
            true => self.from.unwrap_or(0),
            false if self.top > self.floor => self.top,
            false => self.top + (self.top - self.top_before).max(1),
        };
        self.give(step, sink);
    }

    fn give(&mut self, step: i64, sink: &mut Sink) {
        self.early = false;
        for (name, value) in self.values.drain(..) {
            point(&name, step, value, sink);
        }
    }

    pub(super) fn save(&self, to: &mut Vec<u8>) {
        let flags = [self.begun, self.alone, self.early, self.from.is_some(), self.stamp.is_some()];
        to.push(flags.iter().rev().fold(0, |bits, flag| bits << 1 | u8::from(*flag)));
        let numbers = [self.from.unwrap_or(0), self.stamp.unwrap_or(0), self.top, self.top_before];
        for number in numbers.into_iter().chain([self.bunch, self.bunches, self.floor, self.since]) {
            saved::signed(to, number);
        }
        saved::unsigned(to, self.values.len() as u64);
        for (name, value) in &self.values {
            saved::bytes(to, name);
            saved::float(to, *value);
        }
    }

    pub(super) fn resume(from: &mut Reader<'_>) -> Option<Self> {
        let flags = from.byte()?;
        let flag = |bit: u8| flags >> bit & 1 == 1;
        let mut held = Self { begun: flag(0), alone: flag(1), early: flag(2), ..Self::default() };
        held.from = Some(from.signed()?).filter(|_| flag(3));
        held.stamp = Some(from.signed()?).filter(|_| flag(4));
        for number in [&mut held.top, &mut held.top_before, &mut held.bunch, &mut held.bunches] {
            *number = from.signed()?;
        }
        (held.floor, held.since) = (from.signed()?, from.signed()?);
        for _ in 0..from.unsigned()? {
            held.values.push((from.bytes()?.to_vec(), from.float()?));
        }
        Some(held)
    }
}

/// The millisecond of the day in the time a line begins with: `2025-01-02 03:04:05.678`.
pub(super) fn stamp(line: &[u8]) -> Option<i64> {
    let line = &line[..line.len().min(64)];
    let time = line.windows(12).find(|time| {
        time.iter().enumerate().all(|(i, b)| match i {
            2 | 5 => *b == b':',
            8 => matches!(b, b'.' | b','),
            _ => b.is_ascii_digit(),
        })
    })?;
    let two = |at: usize| i64::from(time[at] - b'0') * 10 + i64::from(time[at + 1] - b'0');
    let milliseconds = two(9) * 10 + i64::from(time[11] - b'0');
    Some(((two(0) * 60 + two(3)) * 60 + two(6)) * 1000 + milliseconds)
}
