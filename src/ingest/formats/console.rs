//! Console output of no program in particular, and of any program whose lines do not tell at once.
//!
//! Jobs print thousands of lines before their first step (a whole source file, the log of every rank starting), far more
//! than the beginning that recognition is given. Such a file is followed as `console` at no great cost, until a line
//! tells which format it is, the project's own formats before those that are built in; from that line on it is read as
//! that format. Until then, lines that anybody might have written are taken as [`super::stdout`] reads them.

use super::custom::CustomFormat;
use super::lines::{Line, LineReader};
use super::saved::{self, Reader};
use super::scan::point;
use super::signs::{ConsoleFormat, may_be_console};
use super::{Format, FormatError, Parser, Recognition, Sink, hf_start, stdout};
use crate::vocab::{FactName, FactValue};

/// Every console format, in the order in which ties are broken.
static FORMATS: &[&dyn ConsoleFormat] = &[
    &super::megatron::Megatron,
    &super::torchtitan::Torchtitan,
    &super::olmo::Olmo,
    &super::open_instruct::OpenInstruct,
    &super::modded_nanogpt::ModdedNanoGpt,
    &super::minimind::MiniMind,
    &super::llmc::LlmC,
    &super::llmc::LlmCLog,
    &super::nanogpt::NanoGpt,
    &super::build_nanogpt::BuildNanoGpt,
    &super::build_nanogpt::BuildNanoGptLog,
    &super::hf_dict::HfDict,
];

/// Console output of no program in particular.
#[derive(Debug)]
pub struct Console;

impl Format for Console {
    fn name(&self) -> &'static str {
        "console"
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        if !may_be_console(path, head) || is_document(head.trim_ascii_start()) {
            return None;
        }
        let (mut metrics, mut first) = (0u32, 0);
        LineReader::default().read(head, true, &mut Sink::default(), |line, _| {
            if stdout::metric_line(line.text).is_some() {
                metrics += 1;
                first = if metrics == 1 { line.number } else { first };
            }
        });
        if metrics >= 2 {
            let why = format!("lines with a step and a loss: {metrics} in its beginning, the first at line {first}");
            return Some(Recognition { confidence: 30, why });
        }
        let among = |words: &'static [&'static str]| {
            words.iter().filter(|word| memchr::memmem::find(head, word.as_bytes()).is_some())
        };
        let mut found = among(&MARKS).chain(among(&WORDS).filter(|_| among(&MARKS).next().is_some()));
        let (first, second) = (found.next()?, found.next()?);
        let (first, second) = (first.trim(), second.trim());
        let why = format!("console output of a job ('{first}', '{second}'), without metrics in its beginning");
        Some(Recognition { confidence: 5, why })
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        Box::new(Undecided::default())
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
pub(super) fn parser_with(own: &[CustomFormat]) -> Box<dyn Parser> {
    Box::new(Undecided { own: own.to_vec(), ..Undecided::default() })
}

/// Reads lines until one tells the format, then hands over to its parser.
#[derive(Default)]
struct Undecided {
    lines: LineReader,
    total: i64,
    own: Vec<CustomFormat>,
    decided: Option<(Choice, Box<dyn Parser>)>,
}

/// Which format a line told.
#[derive(Debug, Clone, Copy)]
enum Choice {
    /// One of [`FORMATS`].
    Known(usize),
    /// One of the project's own.
    Own(usize),
}

impl Undecided {
    fn choice(own: &[CustomFormat], line: &[u8]) -> Option<Choice> {
        let known = || FORMATS.iter().position(|format| format.sign(line).is_some()).map(Choice::Known);
        own.iter().position(|format| format.matches(line)).map(Choice::Own).or_else(known)
    }

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
}

impl Parser for Undecided {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        if let Some((_, parser)) = &mut self.decided {
            return parser.feed(input, last, sink);
        }
        let (total, own) = (&mut self.total, &self.own);
        let mut first: Option<(Choice, u64, usize)> = None;
        let used = self.lines.read(input, last, sink, |line, sink| {
            if first.is_none() {
                match Self::choice(own, line.text) {
                    Some(choice) => first = Some((choice, line.number, line.start)),
                    None => undecided(line, total, sink),
                }
            }
        });
        let Some((choice, number, start)) = first else { return Ok(used) };
        // Damage behind the line that decides is found again by the parser that takes over.
        sink.damage.retain(|damage| damage.offset < start);
        let mut parser = self.parser_after(choice, number - 1);
        let used = parser.feed(&input[start..], last, sink)?;
        self.decided = Some((choice, parser));
        Ok(start + used)
    }

    fn save(&self) -> Vec<u8> {
        let mut to = vec![b'?'];
        match &self.decided {
            None => {
                self.lines.save(&mut to);
                saved::signed(&mut to, self.total);
                to.extend(self.searched());
            }
            Some((choice, parser)) => {
                let (tag, name) = match choice {
                    Choice::Known(format) => (b'!', FORMATS[*format].called()),
                    Choice::Own(format) => (b'+', self.own[*format].identity()),
                };
                to[0] = tag;
                saved::bytes(&mut to, name.as_bytes());
                to.extend_from_slice(&parser.save());
            }
        }
        to
    }

    fn resume(&mut self, saved: &[u8]) -> Result<(), FormatError> {
        let other = || FormatError("state of another parser".to_owned());
        let (tag, rest) = saved.split_first().ok_or_else(other)?;
        let mut from = Reader::new(rest);
        match tag {
            b'?' => {
                self.lines.resume(&mut from).ok_or_else(other)?;
                self.total = from.signed().ok_or_else(other)?;
                if from.rest() == self.searched() { Ok(()) } else { Err(other()) }
            }
            b'!' | b'+' => {
                let name = from.bytes().ok_or_else(other)?;
                let choice = if *tag == b'!' {
                    FORMATS.iter().position(|f| f.called().as_bytes() == name).map(Choice::Known)
                } else {
                    self.own.iter().position(|f| f.identity().as_bytes() == name).map(Choice::Own)
                };
                let choice = choice.ok_or_else(other)?;
                let mut parser = self.parser_after(choice, 0);
                parser.resume(from.rest())?;
                self.decided = Some((choice, parser));
                Ok(())
            }
            _ => Err(other()),
        }
    }
}

/// A line of a file whose format is not known.
fn undecided(line: Line<'_>, total: &mut i64, sink: &mut Sink) {
    let Some(found) = stdout::metric_line(line.text) else {
        hf_start::facts(line, sink);
        return;
    };
    for (name, value) in found.values {
        point(name, found.step, value, sink);
    }
    if let Some(planned) = found.total.filter(|planned| planned != total) {
        *total = planned;
        sink.fact(FactName::PlannedSteps, FactValue::Number(planned as f64), format!("line {}", line.number));
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
        for state in [&b"x"[..], b"", b"!\x03abc", b"?\x01"] {
            assert!(Console.parser("").resume(state).is_err());
        }
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
