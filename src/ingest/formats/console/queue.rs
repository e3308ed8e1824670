//! Several trainings in one log: what a driver script leaves that trains one configuration after another.
//!
//! The rule, for every format of the console: training that begins again, at or before the step it first began with, is another
//! run where a title stands between them, or where its length or size is another; else it is the same run started again. A title is a line set off by signs (`===== [2/3] mix1 =====`),
//! and names the run; without one, runs are numbered. The first training is the run that the log lies in, unless its title
//! counts the trainings to come. What is announced between two trainings is of the second.

use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::{FormatError, Parser, Sink};
use crate::vocab::{FactName, FactValue};
use memchr::{memchr, memchr_iter, memrchr};
use regex::bytes::Regex;
use std::sync::LazyLock;

type Found = (FactName, FactValue, String);
/// Makes a parser that goes on after so many line breaks.
type Fresh = Box<dyn Fn(u64) -> Box<dyn Parser> + Send>;
/// Says whether a line is one of metrics.
type Tells = Box<dyn Fn(&[u8]) -> bool + Send>;

static TITLE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*[=#*~>+-]{3,}\s*(.*?)\s*[=#*~<+-]*\s*$").ok());
static COUNTER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)^[\[(]?\s*(?:(?:run|job|training|experiment|trial|config)\s*)?#?(\d+)\s*(?:/|of)\s*(\d+)\s*[\])]?\s*[:.-]?\s*").ok()
});
static WORDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:(?:now |start(?:ing)?|begin(?:ning)?|running|run|training|train|job|experiment|trial|config(?:uration)?|name)\b[ :]*)+").ok()
});

/// A title: the name of a run, and how many there will be where it says so.
pub(super) fn title(line: &[u8]) -> Option<(String, u64)> {
    if line.len() > 200 {
        return None;
    }
    let inner = TITLE.as_ref()?.captures(line)?.get(1)?.as_bytes();
    let counted = COUNTER.as_ref()?.captures(inner);
    let of = counted.as_ref().and_then(|c| std::str::from_utf8(&c[2]).ok()?.parse().ok()).unwrap_or(0);
    let rest = &inner[counted.as_ref().map_or(0, |c| c[0].len())..];
    let rest = &rest[WORDS.as_ref()?.find(rest).map_or(0, |words| words.end())..];
    let name = std::str::from_utf8(rest).ok()?.trim().trim_matches(['"', '\'', ':']);
    let is_name = !name.is_empty() && name.len() <= 100 && !name.contains(char::is_whitespace);
    (is_name || of > 1).then(|| (if is_name { name.to_owned() } else { String::new() }, of))
}

/// What a training is called: by its title, with its number where the one before had the same, or by its number.
pub(super) fn called(before: &str, title: String, number: &str) -> String {
    let is_number = |rest: &str| rest.strip_prefix('-').is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
    let same = before.strip_prefix(title.as_str()).is_some_and(|rest| rest.is_empty() || is_number(rest));
    match (title.is_empty(), same) {
        (true, _) => number.to_owned(),
        (false, true) => format!("{title}-{number}"),
        (false, false) => title,
    }
}

/// The training that is read at present.
#[derive(Debug, Default, Clone, PartialEq)]
struct Training {
    /// The run it is; empty for the one the log lies in.
    run: String,
    /// The first step, and the furthest.
    steps: Option<(i64, i64)>,
    /// Its length and size, as far as known; 0 where not.
    planned: f64,
    size: f64,
}

impl Training {
    fn note(&mut self, facts: &[Found]) {
        for (name, value, _) in facts {
            if let FactValue::Number(number) = value {
                match name {
                    FactName::PlannedSteps => self.planned = *number,
                    FactName::Params | FactName::TotalParams => self.size = *number,
                    _ => {}
                }
            }
        }
    }

    fn took(&mut self, step: i64) {
        let (first, last) = self.steps.unwrap_or((step, step));
        self.steps = Some((first, last.max(step)));
    }

    /// Whether a step begins again what had gone on.
    fn begins_again(&self, step: i64) -> bool {
        self.steps.is_some_and(|(first, last)| step <= first && last > first)
    }
}

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
        let (state, points, damage) = (self.inner.save(), sink.points.len(), sink.damage.len());
        let (used, facts) = self.feed_inner(input, last, sink)?;
        let mut now = self.now.clone();
        let mut again = self.title.is_some() && sink.points.len() > points && now.steps.is_none();
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
            self.now = now;
            self.metrics_came(facts, sink);
        } else {
            self.wait_with(facts, sink);
        }
        Ok(Some(used))
    }

    /// Metrics have come: what was announced before them, and these facts, are of the training at hand.
    fn metrics_came(&mut self, facts: Vec<Found>, sink: &mut Sink) {
        self.title = None;
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
            if let Some(found) = title(input[line..end].trim_ascii()) {
                self.title = Some(found);
            }
            let (points, damage) = (sink.points.len(), sink.damage.len());
            let state = self.inner.save();
            let last = last && end == input.len();
            let (mut used, mut facts) = self.feed_inner(&input[at..end], last, sink)?;
            if let Some(step) = sink.points.get(points).map(|point| point.step)
                && self.is_another(step, &facts)
            {
                sink.points.truncate(points);
                sink.damage.truncate(damage);
                // What waited in the parser was of the training before.
                drop(state);
                self.begin();
                let header = std::mem::take(&mut self.header);
                let (_, announced) = self.feed_inner(&header, false, sink)?;
                self.pending.clear();
                self.pending.extend(announced);
                (used, facts) = self.feed_inner(&input[at..end], last, sink)?;
            }
            sink.damage[damage..].iter_mut().for_each(|damage| damage.offset += at);
            if sink.points.len() > points {
                for point in &sink.points[points..] {
                    self.now.took(point.step);
                }
                self.metrics_came(facts, sink);
            } else {
                self.wait_with(facts, sink);
                self.keep(&input[line..end]);
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
        let mut next = Training::default();
        next.note(&self.announced());
        next.note(&self.pending);
        next.note(facts);
        let differs = |before: f64, now: f64| before > 0.0 && now > 0.0 && before != now;
        self.title.is_some() || differs(self.now.planned, next.planned) || differs(self.now.size, next.size)
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
        let run = called(&self.now.run, title, &self.count.to_string());
        self.now = Training { run, ..Training::default() };
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
        let mut to = vec![b'Q'];
        saved::bytes(&mut to, self.now.run.as_bytes());
        let (first, last) = self.now.steps.unwrap_or_default();
        to.push(u8::from(self.now.steps.is_some()) | u8::from(self.title.is_some()) << 1);
        saved::signed(&mut to, first);
        saved::signed(&mut to, last);
        saved::float(&mut to, self.now.planned);
        saved::float(&mut to, self.now.size);
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
            from.byte().filter(|tag| *tag == b'Q')?;
            let run = String::from_utf8(from.bytes()?.to_vec()).ok()?;
            let flags = from.byte()?;
            let steps = (from.signed()?, from.signed()?);
            let (planned, size) = (from.float()?, from.float()?);
            self.now = Training { run, steps: Some(steps).filter(|_| flags & 1 != 0), planned, size };
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
    fn a_run_that_starts_again_is_one() {
        let size = "Number of parameters: 30M\n";
        let again = [size, &training(90, 40), size, &training(90, 60)].concat();
        assert_eq!(steps(&again), expect(&[("", 40), ("", 60)]));
        let resumed = [training(90, 40), "step 30/90 | loss: 3.5 | lr: 1e-4\n".to_owned()].concat();
        assert_eq!(steps(&resumed).last(), Some(&(String::new(), 30)));
    }

    #[test]
    fn titles_are_set_off_and_name_a_run() {
        for (line, expected) in [
            ("===== [1/3] A0_mix0_d12 =====", Some(("A0_mix0_d12", 3))),
            ("### Running experiment mix-2 ###", Some(("mix-2", 0))),
            ("--- Run 2/5: lr3e-4 ---", Some(("lr3e-4", 5))),
            (">>> training big", Some(("big", 0))),
            ("==========", None),
            ("***** Running training *****", None),
            ("step 10/20 | loss 2.5", None),
            ("=== Loading the data set now ===", None),
        ] {
            assert_eq!(title(line.as_bytes()), expected.map(|(name, of)| (name.to_owned(), of)), "{line}");
        }
    }
}
