//! Console output of unknown programs, and of programs that are recognised only later.
//!
//! Jobs print thousands of lines before their first step (a whole source file, the log of every rank starting), far more
//! than the beginning that recognition is given. Such a file is followed as `console` at no great cost, until a line
//! tells which format it is, the project's own formats before those that are built in; from that line on it is read as
//! that format. Until then, lines that anybody might have written are taken as [`super::stdout`] reads them.

use super::evaluations::{Blocks, Evaluations};
use super::guessed::Guess;
use super::queue::Queue;
use super::signs::{ConsoleFormat, Sign, may_be_console};
use super::{FORMATS, hf_dict, stdout};
use crate::ingest::formats::custom::CustomFormat;
use crate::ingest::formats::lines::LineReader;
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::sink::Damage;
use crate::ingest::formats::{Format, FormatError, Parser, Recognition, Sink};
use crate::store::rotation;

/// Whether a format of this name is one of the console.
pub(in crate::ingest::formats) fn is_one(format: &str) -> bool {
    FORMATS.iter().any(|f| f.called() == format)
}

impl<T: ConsoleFormat> Format for T {
    fn name(&self) -> &str {
        self.called()
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        if !may_be_console(path, head) {
            return None;
        }
        let (mut metrics, mut first, mut header) = (0u32, 0, 0);
        LineReader::default().read(head, true, &mut Sink::default(), |line, _| match self.sign(line.text) {
            Some(Sign::Metric) => {
                metrics += 1;
                first = if metrics == 1 { line.number } else { first };
            }
            Some(Sign::Header) if header == 0 => header = line.number,
            _ => {}
        });
        let (trust, what) = (self.trust(), self.what());
        if metrics > 0 {
            return Some(Recognition {
                confidence: trust.metric + metrics.min(5) as u8,
                why: format!("{what}: {metrics} among its first lines, the first on line {first}"),
            });
        }
        (header > 0 && trust.header > 0).then(|| Recognition {
            confidence: trust.header,
            why: format!("line {header} is from a program that prints {what}"),
        })
    }

    fn examples(&self) -> &'static [&'static str] {
        self.lines()
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        starting_as(self.called(), &[])
    }
}

/// Console output of no program in particular.
#[derive(Debug)]
pub struct Console;

impl Format for Console {
    fn name(&self) -> &'static str {
        "console"
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        if !may_be_console(path, head) {
            return None;
        }
        let (mut metrics, mut first) = (0u32, 0);
        let (mut blocks, mut found) = (Blocks::default(), Sink::default());
        LineReader::default().read(head, true, &mut Sink::default(), |line, _| {
            let of_block = blocks.takes(line.text, &mut found);
            let said = !std::mem::take(&mut found.points).is_empty();
            let placed = || stdout::metric_line(line.text).map(|found| found.is_placed());
            match if of_block { None } else { placed() } {
                None if !of_block => blocks.opens(line.text, None, true, &mut found),
                Some(false) => {}
                None if !said => {}
                _ => {
                    metrics += 1;
                    first = if metrics == 1 { line.number } else { first };
                }
            }
        });
        // A part of a rotated log may be short.
        if metrics >= 2 || metrics == 1 && rotation(path).1 != 0 {
            let why =
                format!("lines with a step and a loss: {metrics} among its first lines, the first on line {first}");
            return Some(Recognition { confidence: 30, why });
        }
        // A log may begin with settings as JSON; what has no line of metrics is what its beginning looks like.
        if is_document(head.trim_ascii_start()) {
            return None;
        }
        let among = |words: &'static [&'static str]| {
            words.iter().filter(|word| memchr::memmem::find(head, word.as_bytes()).is_some())
        };
        let mut found = among(&MARKS).chain(among(&WORDS).filter(|_| among(&MARKS).next().is_some()));
        let (first, second) = (found.next()?, found.next()?);
        let (first, second) = (first.trim(), second.trim());
        let why = format!("console output of a job ('{first}', '{second}') without metrics among its first lines");
        Some(Recognition { confidence: 5, why })
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            "{'loss': 2.8713, 'grad_norm': nan, 'epoch': 0.04}\r 10%|#| 1/10\n{'loss': '1.921', 'epoch': '1'}\n",
            "2025-01-02 03:04:05 | INFO | train_inner | {\"epoch\": 1, \"loss\": \"12.3\", \"num_updates\": \"100\"}\nEpoch 1 | iter 200 step 50 | loss train: 3.110, val: 3.300 |\n",
        ]
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        parser_with(&[])
    }
}

/// JSON and markup. A log may begin with a bracket (`[INFO]`, `[2025-01-02`), but not with a list of lists or objects.
fn is_document(head: &[u8]) -> bool {
    match head {
        [] | [b'{' | b'<', ..] => true,
        [b'[', rest @ ..] => matches!(rest.trim_ascii_start().first(), None | Some(b'{' | b'[' | b'"')),
        _ => false,
    }
}

/// What jobs print and other texts do not.
const MARKS: [&str; 24] = [
    "[INFO]",
    " INFO",
    "INFO:",
    "WARNING",
    "Warning:",
    "[rank0]",
    "Rank 0",
    "OMP_NUM_THREADS",
    "it/s]",
    "s/it]",
    "Traceback (most recent",
    "srun:",
    "slurmstepd",
    "nohup:",
    "wandb:",
    "NCCL",
    "command not found",
    "No such file or directory",
    "Setting ds_accelerator",
    "nvidia-smi",
    "\n++ ",
    "LD_LIBRARY_PATH=",
    "SLURM_",
    "CUDA_VISIBLE_DEVICES",
];

/// What speaks of training, in other texts too (vocabularies have these words): they count beside a mark.
const WORDS: [&str; 10] =
    ["torch", "CUDA", "cuda", "GPU", "deepspeed", "Loading ", "tokenizer", "checkpoint", "optimizer", "loss"];

/// A parser at the beginning of console output that may have lines of the project's own formats in it.
pub(in crate::ingest::formats) fn parser_with(own: &[CustomFormat]) -> Box<dyn Parser> {
    let (own, told) = (own.to_vec(), own.to_vec());
    let fresh = move |newlines| -> Box<dyn Parser> {
        Box::new(Undecided { own: own.clone(), lines: LineReader::after(newlines), ..Undecided::default() })
    };
    Box::new(Queue::of(fresh, move |line| is_of_metrics(&told, line)))
}

/// Whether a line is one of metrics, of whichever format.
fn is_of_metrics(own: &[CustomFormat], line: &[u8]) -> bool {
    tell(own, line).is_some_and(|(_, sure)| sure) || stdout::metric_line(line).is_some()
}

/// A parser at the beginning of console output that seems to be of this format: it is, unless the first line of metrics
/// is of another. Forks keep what is printed first, and print other lines after it.
pub(in crate::ingest::formats) fn starting_as(format: &str, own: &[CustomFormat]) -> Box<dyn Parser> {
    let known = FORMATS.iter().position(|f| f.called() == format);
    let began = known.map_or("", |format| FORMATS[format].called());
    let (own, told) = (own.to_vec(), own.to_vec());
    let fresh = move |newlines| -> Box<dyn Parser> {
        let decided = known.map(|format| Decided {
            choice: Choice::Known(format),
            parser: FORMATS[format].parser_after(newlines),
            sure: false,
        });
        Box::new(Undecided {
            began,
            own: own.clone(),
            lines: LineReader::after(newlines),
            decided,
            ..Undecided::default()
        })
    };
    if format == hf_dict::HfDict.called() {
        // Their steps are counted: whether they begin again is not said.
        return fresh(0);
    }
    Box::new(Queue::of(fresh, move |line| is_of_metrics(&told, line)))
}

/// Reads lines until one tells the format, then hands over to its parser.
#[derive(Default)]
struct Undecided {
    /// What it seemed to be at first; nothing in particular where this is empty.
    began: &'static str,
    lines: LineReader,
    guess: Guess,
    own: Vec<CustomFormat>,
    decided: Option<Decided>,
    /// Beside a format that is sure.
    evaluations: Evaluations,
}

/// Who reads on.
struct Decided {
    choice: Choice,
    parser: Box<dyn Parser>,
    /// Whether there was a line of metrics. Until then, lines are also looked at as if nothing were decided.
    sure: bool,
}

/// Which format a line told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// One of [`FORMATS`].
    Known(usize),
    /// One of the project's own.
    Own(usize),
}

/// A line that told which format it is.
struct Told {
    choice: Choice,
    sure: bool,
    number: u64,
    /// Bytes from where the search began.
    start: usize,
}

/// What a line tells: a format, and whether for sure. A line of metrics of one format tells more than what another
/// prints at its start.
fn tell(own: &[CustomFormat], line: &[u8]) -> Option<(Choice, bool)> {
    if let Some(format) = own.iter().position(|format| format.matches(line)) {
        return Some((Choice::Own(format), true));
    }
    let mut header = None;
    for (i, format) in FORMATS.iter().enumerate() {
        match format.sign(line) {
            Some(Sign::Metric) => return Some((Choice::Known(i), true)),
            Some(Sign::Header) if header.is_none() => header = Some((Choice::Known(i), false)),
            _ => {}
        }
    }
    header
}

impl Undecided {
    fn parser_after(&self, choice: Choice, newlines: u64) -> Box<dyn Parser> {
        match choice {
            Choice::Known(format) => FORMATS[format].parser_after(newlines),
            Choice::Own(format) => self.own[format].parser_after(newlines),
        }
    }

    /// What the lines were searched for: with other formats of the project's own, they would have to be searched again.
    fn searched(&self) -> Vec<u8> {
        self.own.iter().map(CustomFormat::identity).collect::<Vec<_>>().join("\n").into_bytes()
    }

    /// Looks at the lines from `at` on, up to the first that tells more than is known. Returns the bytes used, and where what
    /// it found stands in the sink.
    fn search(&mut self, input: &[u8], at: usize, last: bool, sink: &mut Sink) -> (usize, Option<Told>, Vec<Aside>) {
        let seems = self.decided.as_ref().map(|decided| decided.choice);
        let source = matches!(seems, Some(Choice::Known(format)) if FORMATS[format].shows_its_source());
        let (guess, own) = (&mut self.guess, &self.own);
        let mut told: Option<Told> = None;
        let mut asides = Vec::new();
        let mut open: Option<Aside> = None;
        let close = |before: Aside, asides: &mut Vec<Aside>, sink: &Sink| {
            let (points, facts) = (sink.points.len(), sink.facts.len());
            if points > before.points || facts > before.facts {
                asides.push(Aside { start: before.start, points, facts });
            }
        };
        let damage = sink.damage.len();
        let used = self.lines.read(&input[at..], last, sink, |line, sink| {
            // What a line gave is known when its copies have been taken out.
            if let Some(aside) = open.take() {
                close(aside, &mut asides, sink);
            }
            if told.is_some() {
                return;
            }
            match tell(own, line.text).filter(|(_, sure)| *sure || seems.is_none()) {
                Some((choice, sure)) => {
                    if seems.is_some() {
                        open = Some(Aside { start: line.start, points: sink.points.len(), facts: sink.facts.len() });
                    }
                    guess.end(sink);
                    told = Some(Told { choice, sure, number: line.number, start: line.start });
                }
                None if source => {}
                None => {
                    if seems.is_some() {
                        open = Some(Aside { start: line.start, points: sink.points.len(), facts: sink.facts.len() });
                    }
                    guess.line(line, seems.is_none(), sink);
                }
            }
        });
        if let Some(aside) = open {
            close(aside, &mut asides, sink);
        }
        // Damage behind the line that decides, or before it where somebody reads along, is found again.
        let end = told.as_ref().map_or(usize::MAX, |told| told.start);
        let new = sink.damage.split_off(damage).into_iter().filter(|d| seems.is_none() && d.offset < end);
        sink.damage.extend(new.map(|d| Damage { offset: d.offset + at, ..d }));
        (used, told, asides)
    }
}

/// What a line gave that was looked at as if nothing were decided.
struct Aside {
    /// Bytes from where the search began.
    start: usize,
    /// Points and facts in the sink with it.
    points: usize,
    facts: usize,
}

/// Has a parser read from `at` to the end of `input`, and puts what the search before it has found among what it finds, by
/// lines: however a file is cut, its points are in one order. `before` says how much was in the sink before the search.
fn fed_among(
    parser: &mut dyn Parser,
    input: &[u8],
    mut at: usize,
    last: bool,
    (asides, before): (&[Aside], (usize, usize)),
    sink: &mut Sink,
) -> Result<usize, FormatError> {
    let began = at;
    let mut points = sink.points.split_off(before.0).into_iter();
    let mut facts = sink.facts.split_off(before.1).into_iter();
    let (mut points_out, mut facts_out) = before;
    for aside in asides {
        at += fed(parser, &input[..began + aside.start], at, false, sink)?;
        sink.points.extend(points.by_ref().take(aside.points - points_out));
        sink.facts.extend(facts.by_ref().take(aside.facts - facts_out));
        (points_out, facts_out) = (aside.points, aside.facts);
    }
    at += fed(parser, input, at, last, sink)?;
    Ok(at - began)
}

/// Has a parser read from `at` on.
fn fed(parser: &mut dyn Parser, input: &[u8], at: usize, last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
    let damage = sink.damage.len();
    let used = parser.feed(&input[at..], last, sink)?;
    sink.damage[damage..].iter_mut().for_each(|damage| damage.offset += at);
    Ok(used)
}

impl Parser for Undecided {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        let mut at = 0;
        loop {
            if let Some(decided) = self.decided.as_mut().filter(|decided| decided.sure) {
                let format = match decided.choice {
                    Choice::Known(format) if !FORMATS[format].reads_evaluations() => FORMATS[format],
                    _ => return Ok(at + fed(&mut *decided.parser, input, at, last, sink)?),
                };
                let damage = sink.damage.len();
                let used = self.evaluations.feed(format, &mut *decided.parser, &input[at..], last, sink)?;
                sink.damage[damage..].iter_mut().for_each(|damage| damage.offset += at);
                return Ok(at + used);
            }
            let before = (sink.points.len(), sink.facts.len());
            let (used, told, asides) = self.search(input, at, last, sink);
            let end = at + told.as_ref().map_or(used, |told| told.start);
            if let Some(decided) = &mut self.decided {
                let last = last && told.is_none();
                let used = fed_among(&mut *decided.parser, &input[..end], at, last, (&asides, before), sink)?;
                debug_assert_eq!(at + used, end, "only lines that tell are held back");
            }
            at = end;
            let Some(Told { choice, sure, number, .. }) = told else {
                if last {
                    self.guess.end(sink);
                }
                return Ok(at);
            };
            self.lines = LineReader::after(number - 1);
            match self.decided.as_mut().filter(|decided| decided.choice == choice) {
                Some(decided) => decided.sure = true,
                None => self.decided = Some(Decided { choice, parser: self.parser_after(choice, number - 1), sure }),
            }
        }
    }

    fn save(&self) -> Vec<u8> {
        let mut to = vec![b'0'];
        saved::bytes(&mut to, self.began.as_bytes());
        if self.decided.as_ref().is_none_or(|decided| !decided.sure) {
            self.lines.save(&mut to);
            self.guess.save(&mut to);
            saved::bytes(&mut to, &self.searched());
        }
        if let Some(Decided { choice, parser, sure }) = &self.decided {
            let (own, name) = match choice {
                Choice::Known(format) => (0, FORMATS[*format].called()),
                Choice::Own(format) => (1, self.own[*format].identity()),
            };
            to[0] = if *sure { b'2' } else { b'1' };
            to.push(own);
            saved::bytes(&mut to, name.as_bytes());
            self.evaluations.save(&mut to);
            to.extend_from_slice(&parser.save());
        }
        to
    }

    fn resume(&mut self, saved: &[u8]) -> Result<(), FormatError> {
        let other = || FormatError::OtherParser;
        let (tag, rest) = saved.split_first().filter(|(tag, _)| matches!(tag, b'0' | b'1' | b'2')).ok_or_else(other)?;
        let mut from = Reader::new(rest);
        if from.bytes() != Some(self.began.as_bytes()) {
            return Err(other());
        }
        self.decided = None;
        if *tag != b'2' {
            self.lines.resume(&mut from).ok_or_else(other)?;
            self.guess = Guess::resume(&mut from).ok_or_else(other)?;
            if from.bytes().ok_or_else(other)? != self.searched() {
                return Err(other());
            }
        }
        if *tag == b'0' {
            return if from.is_empty() { Ok(()) } else { Err(other()) };
        }
        let (own, name) = from.byte().zip(from.bytes()).ok_or_else(other)?;
        let choice = match own {
            0 => FORMATS.iter().position(|f| f.called().as_bytes() == name).map(Choice::Known),
            _ => self.own.iter().position(|f| f.identity().as_bytes() == name).map(Choice::Own),
        };
        let choice = choice.ok_or_else(other)?;
        self.evaluations = Evaluations::resume(&mut from).ok_or_else(other)?;
        let mut parser = self.parser_after(choice, 0);
        parser.resume(from.rest())?;
        self.decided = Some(Decided { choice, parser, sure: *tag == b'2' });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::{Chosen, HEAD};
    use crate::project::line_format::LineFormat;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    fn read(parser: &mut dyn Parser, text: &str) -> Vec<(String, i64, f64)> {
        let mut sink = Sink::default();
        assert_eq!(parser.feed(text.as_bytes(), false, &mut sink), Ok(text.len()));
        sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect()
    }

    #[test]
    fn the_format_is_taken_from_the_first_line_that_tells() {
        let mut parser = Console.parser("");
        assert_eq!(read(&mut *parser, "Loading torch\nstep 1/9 loss 3.5\n"), [("loss".to_owned(), 1, 3.5)]);
        let mut resumed = Console.parser("");
        resumed.resume(&parser.save()).unwrap();
        let points = read(&mut *resumed, "srun: hello\n iteration 10/ 20 | lm loss: 2.5 |\nstep 2/9 loss 3.4\n");
        assert_eq!(points, [("lm loss".to_owned(), 10, 2.5)], "Megatron's from here on");
        let mut again = Console.parser("");
        again.resume(&resumed.save()).unwrap();
        let points = read(&mut *again, " iteration 11/ 20 | loss scale: 1.0 | number of skipped iterations: 0 |\n");
        assert!(points[2].0 == "lm loss" && points[2].2.is_nan(), "what Megatron's parser knew is kept: {points:?}");
        for state in [&b"x"[..], b"", b"2\0\0\x03abc", b"0\0\x01", b"1\0\0\0\0\0\x03abc"] {
            assert!(Console.parser("").resume(state).is_err());
        }
    }

    #[test]
    fn a_fork_that_begins_like_its_origin_is_read_by_what_it_prints() {
        let header = "tokens per iteration will be: 131,072\n";
        for (metrics, expected) in [
            (
                "iter 10: loss 2.5, time 1ms\nstep 20/30 | val loss: 3\n",
                &[("loss", 10, 2.5), ("time", 10, 1.0), ("val loss", 20, 3.0)][..],
            ),
            ("step 10/30 | val loss: 3\nstep 20/30 | val loss: 2\n", &[("val loss", 10, 3.0), ("val loss", 20, 2.0)]),
            (
                "step:10/30 val_loss:2 train_time:1ms\niter 10: loss 2.5, time 1ms\n",
                &[("val_loss", 10, 2.0), ("train_time", 10, 1.0)],
            ),
        ] {
            let (format, why) = Chosen::recognise(&[], "train.log", format!("{header}x\n").as_bytes()).unwrap();
            assert_eq!((format.identity(), why.confidence), ("nanogpt", 80));
            let mut parser = format.parser_with("train.log", &[]);
            let mut sink = Sink::default();
            assert_eq!(parser.feed(header.as_bytes(), false, &mut sink), Ok(header.len()));
            assert_eq!(sink.facts.len(), 1, "{:?}", sink.facts);
            let mut resumed = format.parser_with("train.log", &[]);
            resumed.resume(&parser.save()).unwrap();
            let expected: Vec<_> = expected.iter().map(|(k, s, v)| ((*k).to_owned(), *s, *v)).collect();
            assert_eq!(read(&mut *resumed, metrics), expected, "{metrics}");
        }
    }

    #[test]
    fn metrics_tell_more_than_the_start_of_another_program() {
        let bar = |n: u32| format!("  0%|#  | {n}/40 [00:06<00:20, 1.5it/s]\n");
        let mut parser = starting_as("hf-dict", &[]);
        assert_eq!(read(&mut *parser, &bar(0)), []);
        let line = "| train data pattern    | {'loss': 2.5, 'epoch': 0.2}\n";
        assert_eq!(parser.feed(line.as_bytes(), false, &mut Sink::default()), Ok(0), "it waits for a bar");
        let expected = [("loss".to_owned(), 10, 2.5), ("epoch".to_owned(), 10, 0.2)];
        assert_eq!(read(&mut *parser, &format!("{line}{}", bar(10))), expected);
    }

    #[test]
    fn the_projects_own_lines_may_come_late_and_change_their_meaning() {
        let own = |pattern: &str| {
            let described = LineFormat { name: "ours".into(), pattern: pattern.into(), metrics: BTreeMap::new() };
            vec![CustomFormat::new(Arc::new(described.compile().unwrap()))]
        };
        let (nll, other) = (own(r"upd (?<step>\d+) nll=(?<nll>\S+)"), own(r"upd (?<step>\d+) nll=(?<loss>\S+)"));
        let head = "srun: torch CUDA\n".repeat(HEAD / 16);
        for (path, taken) in [("train.log", true), ("logs/stdout", true), ("corpus.txt", false)] {
            let prose = "some text of a job without any word we know\n".repeat(HEAD / 40);
            assert_eq!(Chosen::recognise(&nll, path, &prose.as_bytes()[..HEAD]).is_ok(), taken, "{path}");
            assert!(Chosen::recognise(&[], path, &prose.as_bytes()[..HEAD]).is_err(), "{path}");
        }
        let (chosen, _) = Chosen::recognise(&nll, "train.log", &head.as_bytes()[..HEAD]).unwrap();
        assert_eq!(chosen.identity(), "console");
        let mut parser = chosen.parser_with("train.log", &nll);
        assert_eq!(read(&mut *parser, &head), []);
        let state = parser.save();
        assert!(chosen.parser_with("", &other).resume(&state).is_err(), "the lines were not searched for this");
        assert!(chosen.parser_with("", &[]).resume(&state).is_err());
        let mut parser = chosen.parser_with("", &nll);
        parser.resume(&state).unwrap();
        assert_eq!(read(&mut *parser, "upd 10 nll=2.5 loss 3\n"), [("nll".to_owned(), 10, 2.5)]);
        let state = parser.save();
        let mut resumed = chosen.parser_with("", &nll);
        resumed.resume(&state).unwrap();
        assert_eq!(read(&mut *resumed, "step 9 loss 3\nupd 20 nll=2\n"), [("nll".to_owned(), 20, 2.0)]);
        assert!(chosen.parser_with("", &other).resume(&state).is_err(), "another meaning: read anew");
    }

    #[test]
    fn texts_that_are_no_output_are_left_alone() {
        for (path, text) in [
            ("notes.txt", "We lost the game.\nThe end.\n"),
            ("requirements.txt", "torch==2.1\nnumpy\n"),
            ("vocab.txt", "torch\ncuda\nloss\ncheckpoint\n"),
            ("README.md", "torch CUDA WARNING step 1 loss 2.0\nstep 2 loss 2.0\n"),
            ("a.json", "{\"torch\": \"CUDA\"}"),
            ("x.log", ""),
            ("x.log", "torch CUDA \0"),
        ] {
            assert_eq!(Console.recognise(path, text.as_bytes()), None, "{path}");
        }
        let why = Console.recognise("job.out", b"srun: x\nCUDA y\n").unwrap();
        assert_eq!(why.confidence, 5, "{}", why.why);
        let why = Console.recognise("job.out", b"step 1 loss 2.0\nstep 2 loss 2.0\n").unwrap();
        assert_eq!(why.confidence, 30, "{}", why.why);
    }
}
