//! Several trainings in one log: what a driver script leaves that trains one configuration after another.
//!
//! The rule, for every format of the console: training that begins again, at or before the step it first began with, is another
//! run where another title than before it stands between them, where what is announced of it differs (length, size, mixture, arguments, command), or where
//! the one before had come to its end; else it is the same run started again. A title is a line set off by signs
//! (`===== [2/3] mix1 =====`) or one that counts (`[2/3] mix1`), and names the run; without one, its arguments do
//! (`--run-name mix1`), else runs are numbered. The first training is the run that the log lies in, unless its title counts the
//! trainings to come. What is announced between two trainings is of the second.

use super::titles::{self, Settings};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::{FormatError, Parser, Sink};
use crate::vocab::{FactName, FactValue};
use memchr::{memchr, memchr_iter, memrchr};

type Found = (FactName, FactValue, String);
/// Makes a parser that goes on after so many line breaks.
type Fresh = Box<dyn Fn(u64) -> Box<dyn Parser> + Send>;
/// Says whether a line is one of metrics.
type Tells = Box<dyn Fn(&[u8]) -> bool + Send>;

/// The training that is read at present.
#[derive(Debug, Default, Clone, PartialEq)]
struct Training {
    /// The run it is; empty for the one the log lies in.
    run: String,
    /// The title that stood before it.
    title: String,
    /// The first step, and the furthest.
    steps: Option<(i64, i64)>,
    /// Between the last two of its steps.
    stride: i64,
    /// What it announced that tells it from others.
    facts: Vec<(FactName, FactValue)>,
    settings: Settings,
}

impl Training {
    fn note(&mut self, facts: &[Found]) {
        for (name, value, _) in facts.iter().filter(|(name, _, _)| TELLS.contains(name)) {
            match self.facts.iter_mut().find(|(known, _)| known == name) {
                Some(known) => known.1.clone_from(value),
                None => self.facts.push((*name, value.clone())),
            }
        }
    }

    fn took(&mut self, step: i64) {
        let (first, last) = self.steps.unwrap_or((step, step));
        self.stride = if step > last { step - last } else { self.stride };
        self.steps = Some((first, last.max(step)));
    }

    /// Whether it has come to its last step, as far as steps are shown.
    fn is_complete(&self) -> bool {
        let planned = self.facts.iter().find(|(name, _)| *name == FactName::PlannedSteps).map(|(_, value)| value);
        let (Some(FactValue::Number(planned)), Some((_, last))) = (planned, self.steps) else { return false };
        *planned > 0.0 && (last + self.stride.max(1)) as f64 >= *planned
    }

    /// Whether another training differs in what both announce.
    fn differs(&self, other: &Self) -> bool {
        let of = |name| other.facts.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
        self.facts.iter().any(|(name, value)| of(*name).is_some_and(|other| other != value))
            || self.settings.differ(&other.settings)
    }

    /// Whether a step begins again what had gone on.
    fn begins_again(&self, step: i64) -> bool {
        self.steps.is_some_and(|(first, last)| step <= first && last > first)
    }
}

/// Facts that tell a training from one before it.
const TELLS: [FactName; 9] = [
    FactName::PlannedSteps,
    FactName::PlannedTokens,
    FactName::Params,
    FactName::TotalParams,
    FactName::ActiveParams,
    FactName::Mixture,
    FactName::SequenceLength,
    FactName::Experts,
    FactName::Seed,
];

/// Reads a log training by training.
pub(super) struct Queue {
    inner: Box<dyn Parser>,
    /// A parser that goes on after so many line breaks.
    fresh: Fresh,
    /// Whether a line is one of metrics.
    tells: Tells,
    now: Training,
    /// Trainings so far.
    count: u64,
    /// A title since the last metrics, and what was announced.
    title: Option<(String, u64)>,
    pending: Vec<Found>,
    /// Settings that were told since then.
    coming: Settings,
    /// Lines since the last metrics that may announce something, newest last: a parser of another training reads them anew.
    header: Vec<u8>,
    newlines: u64,
}

/// Bytes of such lines that are kept.
const HEADER: usize = 4 << 10;

impl Queue {
    /// `fresh` makes a parser that goes on after so many line breaks; `tells` says whether a line is one of metrics.
    pub fn of(
        fresh: impl Fn(u64) -> Box<dyn Parser> + Send + 'static,
        tells: impl Fn(&[u8]) -> bool + Send + 'static,
    ) -> Self {
        Self {
            inner: fresh(0),
            fresh: Box::new(fresh),
            tells: Box::new(tells),
            now: Training::default(),
            count: 0,
            title: None,
            pending: Vec::new(),
            coming: Settings::default(),
            header: Vec::new(),
            newlines: 0,
        }
    }

    /// Where what stands behind the last line of metrics begins.
    fn behind_metrics(&self, input: &[u8]) -> usize {
        let mut end = input.len();
        while end > 0 {
            // A line that is not whole is behind them, too.
            let start = memrchr(b'\n', &input[..end - 1]).map_or(0, |at| at + 1);
            let line = &input[start..end];
            if line.last() == Some(&b'\n') && (self.tells)(line.trim_ascii_end()) {
                return end;
            }
            end = start;
        }
        0
    }

    /// Has the parser read, as of the training at hand. What it announces is taken out of the sink.
    fn feed_inner(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<(usize, Vec<Found>), FormatError> {
        let part = sink.part(&self.now.run);
        sink.go_to_part(part);
        let before = sink.fact_places();
        let used = self.inner.feed(input, last, sink);
        let facts = sink.take_facts(before);
        sink.go_to_part(0);
        Ok((used?, facts))
    }

    /// Gives out facts of the training at hand.
    fn say(&mut self, facts: Vec<Found>, sink: &mut Sink) {
        self.now.note(&facts);
        let part = sink.part(&self.now.run);
        sink.go_to_part(part);
        facts.into_iter().for_each(|(name, value, place)| sink.fact(name, value, place));
        sink.go_to_part(0);
    }

    /// Reads a stretch that only goes on with the training at hand, or `None` where it does not.
    fn stretch(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<Option<usize>, FormatError> {
        let header = self.header(input);
        if let Some(title) = header.rsplit(|b| *b == b'\n').find_map(|line| titles::title(line.trim_ascii())) {
            self.title = Some(title);
        }
        let (state, points, damage) = (self.inner.save(), sink.points.len(), sink.damage.len());
        let (used, facts) = self.feed_inner(input, last, sink)?;
        let mut now = self.now.clone();
        let counts = self.title.as_ref().is_some_and(|(_, of)| *of > 1);
        let mut again = counts && sink.points.len() > points && now.steps.is_none();
        for point in &sink.points[points..] {
            again |= now.begins_again(point.step);
            now.took(point.step);
        }
        if again {
            sink.points.truncate(points);
            sink.damage.truncate(damage);
            self.inner = (self.fresh)(0);
            self.inner.resume(&state)?;
            return Ok(None);
        }
        self.newlines += memchr_iter(b'\n', &input[..used]).count() as u64;
        if sink.points.len() > points {
            if !header.is_empty() {
                self.coming.note(header);
            }
            let first = std::mem::replace(&mut self.now, now).steps.is_none();
            self.metrics_came(first, facts, sink);
        } else {
            if titles::may_tell(&input[..used]) {
                self.coming.note(&input[..used]);
            }
            self.wait_with(facts, sink);
        }
        Ok(Some(used))
    }

    /// What stands before the first line of metrics of the log, where it may tell of the training; else nothing.
    fn header<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        if self.now.steps.is_some() || self.count > 0 || !titles::may_tell(input) {
            return &[];
        }
        let mut end = 0;
        while let Some(length) = memchr(b'\n', &input[end..]) {
            if (self.tells)(input[end..end + length].trim_ascii_end()) {
                return &input[..end];
            }
            end += length + 1;
        }
        input
    }

    /// Metrics have come, the `first` of a training or more: what was announced before them, and these facts, are of the training at hand.
    fn metrics_came(&mut self, first: bool, facts: Vec<Found>, sink: &mut Sink) {
        let (title, settings) = (self.title.take(), std::mem::take(&mut self.coming));
        if first {
            // What is told in the middle of a training is of something else.
            if let Some((title, _)) = title.filter(|_| self.now.title.is_empty()) {
                self.now.title = title;
            }
            self.now.settings = settings;
        }
        let pending = std::mem::take(&mut self.pending);
        self.say(pending, sink);
        self.say(facts, sink);
        self.header.clear();
    }

    /// Takes note of facts without metrics behind them. Those of the first training are no other's, unless a title counts it.
    fn wait_with(&mut self, facts: Vec<Found>, sink: &mut Sink) {
        let first = self.now.steps.is_none() && self.count == 0;
        if first && self.title.as_ref().is_none_or(|(_, of)| *of <= 1) {
            self.say(facts, sink);
        } else {
            self.pending.extend(facts);
        }
    }

    /// Keeps a line that may announce something.
    fn keep(&mut self, line: &[u8]) {
        let announces =
            line.len() < 300 && line.iter().any(u8::is_ascii_digit) && line.iter().any(|b| matches!(b, b':' | b'='));
        if announces && line.last() == Some(&b'\n') && !line.contains(&b'\r') {
            self.header.extend_from_slice(line);
            if self.header.len() > HEADER {
                let from = self.header.len() - HEADER;
                let whole = memchr(b'\n', &self.header[from..]).map_or(self.header.len(), |at| from + at + 1);
                self.header.drain(..whole);
            }
        }
    }

    /// Reads line by line.
    fn lines(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        let (mut at, mut end) = (0, 0);
        while end < input.len() {
            let line = end;
            end = match memchr(b'\n', &input[line..]) {
                Some(length) => line + length + 1,
                None => input.len(),
            };
            if let Some(found) = titles::title(input[line..end].trim_ascii()) {
                self.title = Some(found);
            }
            let (points, damage) = (sink.points.len(), sink.damage.len());
            let last = last && end == input.len();
            let (mut used, mut facts) = self.feed_inner(&input[at..end], last, sink)?;
            if let Some(step) = sink.points.get(points).map(|point| point.step)
                && self.is_another(step, &facts)
            {
                sink.points.truncate(points);
                sink.damage.truncate(damage);
                // What waited in the parser was of the training before.
                self.begin();
                let header = std::mem::take(&mut self.header);
                let (_, announced) = self.feed_inner(&header, false, sink)?;
                self.pending.clear();
                self.pending.extend(announced);
                (used, facts) = self.feed_inner(&input[at..end], last, sink)?;
            }
            sink.damage[damage..].iter_mut().for_each(|damage| damage.offset += at);
            if sink.points.len() > points {
                let first = self.now.steps.is_none();
                for point in &sink.points[points..] {
                    self.now.took(point.step);
                }
                self.metrics_came(first, facts, sink);
            } else {
                self.wait_with(facts, sink);
                self.keep(&input[line..end]);
                if input[..end].ends_with(b"\n") {
                    self.coming.note(&input[line..end]);
                }
            }
            self.newlines += memchr_iter(b'\n', &input[at..at + used]).count() as u64;
            at += used;
        }
        Ok(at)
    }

    /// Whether the first metrics at `step`, which announce these facts, are those of another training.
    fn is_another(&self, step: i64, facts: &[Found]) -> bool {
        if self.now.steps.is_none() {
            // The first of all, which a title counts.
            return self.count == 0 && self.title.as_ref().is_some_and(|(name, of)| *of > 1 && !name.is_empty());
        }
        if !self.now.begins_again(step) {
            return false;
        }
        let mut next = Training { settings: self.coming.clone(), ..Training::default() };
        next.note(&self.announced());
        next.note(&self.pending);
        next.note(facts);
        // A script that starts again prints its title again.
        let titled = self.title.as_ref().is_some_and(|(name, of)| *of > 1 || *name != self.now.title);
        titled || self.now.differs(&next) || self.now.is_complete()
    }

    /// What the lines since the last metrics announce, to whoever begins with them.
    fn announced(&self) -> Vec<Found> {
        let mut sink = Sink::default();
        let read = (self.fresh)(0).feed(&self.header, false, &mut sink);
        if read.is_ok() { sink.facts } else { Vec::new() }
    }

    fn begin(&mut self) {
        // The one the log began with, where it was not counted.
        self.count = self.count.max(u64::from(self.now.steps.is_some())) + 1;
        let title = self.title.take().map_or_else(String::new, |(name, _)| name);
        let name = if title.is_empty() { self.coming.name.clone() } else { title.clone() };
        let run = titles::called(&self.now.run, name, &self.count.to_string());
        self.now = Training { run, title, ..Training::default() };
        self.inner = (self.fresh)(self.newlines);
    }
}

impl Parser for Queue {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        // What stands behind the last metrics may be of the next training, and is looked at line by line.
        let split = self.behind_metrics(input);
        let (head, last_of_head) = (&input[..split], last && split == input.len());
        let used = match self.stretch(head, last_of_head, sink)? {
            Some(used) => used,
            None => self.lines(head, last_of_head, sink)?,
        };
        let mut used = used;
        if used < input.len() && (split < input.len() || last) {
            // A line that waits for what stands behind it is given again with that.
            let damage = sink.damage.len();
            let rest = self.lines(&input[used..], last, sink)?;
            sink.damage[damage..].iter_mut().for_each(|damage| damage.offset += used);
            used += rest;
        }
        if last {
            let pending = std::mem::take(&mut self.pending);
            self.say(pending, sink);
        }
        Ok(used)
    }

    fn save(&self) -> Vec<u8> {
        let mut to = vec![b'q'];
        saved::bytes(&mut to, self.now.run.as_bytes());
        let (first, last) = self.now.steps.unwrap_or_default();
        to.push(u8::from(self.now.steps.is_some()) | u8::from(self.title.is_some()) << 1);
        saved::signed(&mut to, first);
        saved::signed(&mut to, last);
        saved::bytes(&mut to, self.now.title.as_bytes());
        saved::signed(&mut to, self.now.stride);
        saved::bytes(&mut to, &serde_json::to_vec(&self.now.facts).unwrap_or_default());
        self.now.settings.save(&mut to);
        self.coming.save(&mut to);
        saved::unsigned(&mut to, self.count);
        saved::unsigned(&mut to, self.newlines);
        if let Some((name, of)) = &self.title {
            saved::bytes(&mut to, name.as_bytes());
            saved::unsigned(&mut to, *of);
        }
        let pending = serde_json::to_vec(&self.pending).unwrap_or_default();
        saved::bytes(&mut to, &pending);
        saved::bytes(&mut to, &self.header);
        to.extend_from_slice(&self.inner.save());
        to
    }

    fn resume(&mut self, saved: &[u8]) -> Result<(), FormatError> {
        let mut from = Reader::new(saved);
        let mut resumed = || {
            from.byte().filter(|tag| *tag == b'q')?;
            let run = String::from_utf8(from.bytes()?.to_vec()).ok()?;
            let flags = from.byte()?;
            let steps = (from.signed()?, from.signed()?);
            let title = String::from_utf8(from.bytes()?.to_vec()).ok()?;
            let stride = from.signed()?;
            let facts = serde_json::from_slice(from.bytes()?).ok()?;
            let settings = Settings::resume(&mut from)?;
            self.now = Training { run, title, steps: Some(steps).filter(|_| flags & 1 != 0), stride, facts, settings };
            self.coming = Settings::resume(&mut from)?;
            (self.count, self.newlines) = (from.unsigned()?, from.unsigned()?);
            self.title = None;
            if flags & 2 != 0 {
                self.title = Some((String::from_utf8(from.bytes()?.to_vec()).ok()?, from.unsigned()?));
            }
            self.pending = serde_json::from_slice(from.bytes()?).ok()?;
            self.header = from.bytes()?.to_vec();
            Some(from.rest())
        };
        let rest = resumed().ok_or(FormatError::OtherParser)?;
        self.inner.resume(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats;

    type Seen = Vec<(String, String, i64)>;

    /// Runs, metrics and steps, and facts by run, of a log cut at every line.
    fn read(text: &str, cuts: bool) -> (Seen, Vec<(String, FactName)>) {
        let mut sink = Sink::default();
        let console = formats::all().iter().find(|format| format.name() == "console").unwrap();
        let make = || console.parser("");
        let (mut parser, mut used) = (make(), 0);
        let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        for end in ends.iter().filter(|end| cuts || **end == text.len()) {
            used += parser.feed(&text.as_bytes()[used..*end], false, &mut sink).unwrap();
            let state = parser.save();
            parser = make();
            parser.resume(&state).unwrap();
        }
        used += parser.feed(&text.as_bytes()[used..], true, &mut sink).unwrap();
        assert_eq!(used, text.len());
        let run = |part: u32| sink.parts().nth(part as usize).unwrap().to_owned();
        let of = |metric: u32| (run(sink.part_of()[metric as usize]), sink.metrics()[metric as usize].clone());
        let seen =
            sink.points.iter().map(|p| (of(p.metric).0, of(p.metric).1, p.step)).filter(|p| p.1.contains("loss"));
        let home = sink.facts.iter().map(|f| (String::new(), f.0));
        let facts = home.chain(sink.part_facts().iter().map(|(part, f)| (run(*part), f.0))).collect();
        (seen.collect(), facts)
    }

    fn steps(text: &str) -> Vec<(String, i64)> {
        let whole = read(text, false);
        assert_eq!(whole, read(text, true), "however it is cut");
        whole.0.into_iter().map(|(run, _, step)| (run, step)).collect()
    }

    fn training(total: i64, until: i64) -> String {
        (1..=until / 10).map(|n| format!("step {}/{total} | loss: {}.5 | lr: 1e-4\n", n * 10, 90 - n)).collect()
    }

    fn expect(of: &[(&str, i64)]) -> Vec<(String, i64)> {
        of.iter().flat_map(|(run, until)| (1..=until / 10).map(|n| ((*run).to_owned(), n * 10))).collect()
    }

    #[test]
    fn trainings_one_after_another_are_runs() {
        let size = |n: u32| format!("Number of parameters: {n}M\n");
        let titled = [
            "===== [1/2] mix0 =====\n",
            &size(30),
            &training(40, 40),
            "\n===== [2/2] mix1 =====\n",
            &size(60),
            &training(30, 30),
        ]
        .concat();
        assert_eq!(steps(&titled), expect(&[("mix0", 40), ("mix1", 30)]));
        assert_eq!(read(&titled, true).1.iter().filter(|f| f.1 == FactName::TotalParams).count(), 2);
        let plain = [training(40, 40), training(30, 30)].concat();
        assert_eq!(steps(&plain), expect(&[("", 40), ("2", 30)]), "of another length");
        let sizes = [size(30), training(40, 20), size(60), training(40, 20)].concat();
        assert_eq!(steps(&sizes), expect(&[("", 20), ("2", 20)]));
        let three =
            [training(20, 20), training(30, 30), "### Running mix9 ###\n".to_owned(), training(20, 20)].concat();
        assert_eq!(steps(&three), expect(&[("", 20), ("2", 30), ("mix9", 20)]));
    }

    #[test]
    fn trainings_of_one_length_are_runs_where_one_was_complete_or_they_differ() {
        let complete = [training(40, 40), training(40, 40), training(40, 40)].concat();
        assert_eq!(steps(&complete), expect(&[("", 40), ("2", 40), ("3", 40)]));
        let args = |data: &str| format!("Namespace(data='{data}', lr=0.1, name='{data}1')\n");
        let differ = [args("web"), training(90, 40), args("code"), training(90, 40)].concat();
        assert_eq!(steps(&differ), expect(&[("", 40), ("code1", 40)]));
        let same = [args("web"), training(90, 40), args("web"), training(90, 60)].concat();
        assert_eq!(steps(&same), expect(&[("", 40), ("", 60)]));
        let counted = [training(90, 40), "[2/3] mix1\n".to_owned(), training(90, 40)].concat();
        assert_eq!(steps(&counted), expect(&[("", 40), ("mix1", 40)]));
    }

    #[test]
    fn a_title_that_counts_names_the_first_training_however_much_is_read_at_once() {
        let first = ["torch CUDA\n===== [1/2] mix0 =====\n", &training(40, 40)].concat();
        assert_eq!(steps(&first), expect(&[("mix0", 40)]));
    }

    #[test]
    fn a_run_that_starts_again_is_one() {
        let size = "Number of parameters: 30M\n";
        let again = [size, &training(90, 40), size, &training(90, 60)].concat();
        assert_eq!(steps(&again), expect(&[("", 40), ("", 60)]));
        let title = "=== launch.sh ===\n";
        let titled = [title, &training(90, 40), title, &training(90, 60)].concat();
        assert_eq!(steps(&titled), expect(&[("", 40), ("", 60)]));
        let resumed = [training(90, 40), "step 30/90 | loss: 3.5 | lr: 1e-4\n".to_owned()].concat();
        assert_eq!(steps(&resumed).last(), Some(&(String::new(), 30)));
    }
}
