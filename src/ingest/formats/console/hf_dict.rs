//! Hugging Face Trainer's console, and that of everything built on it (TRL, Axolotl, LLaMA-Factory, ms-swift): Python
//! dictionaries between the states of a progress bar.
//!
//! ```text
//!   2%|▏         | 20/1000 [00:10<08:20,  1.96it/s]
//! {'loss': 2.8713, 'grad_norm': 4.979, 'learning_rate': 0.000144, 'epoch': 0.04}
//! {'eval_loss': 1.4225, 'eval_runtime': 10.1897, 'epoch': 0.04}
//! {'train_runtime': 427.1576, 'train_loss': 0.8278, 'epoch': 1.0}
//! ```
//!
//! Stock Trainers print no step. It is taken, in this order, from
//! 1. the dictionary itself (`step`, `global_step`, `global_step/max_steps`, `current_steps`, `iteration`);
//! 2. the progress bar: tqdm draws it again right after what is printed over it, with the step reached;
//! 3. counting: the n-th dictionary with a `loss` is step n. Also where the bar cannot be trusted: two dictionaries with no
//!    bar between them show that the output was buffered and the bar, which is not, ran ahead.
//!
//! Evaluations belong to the step of the dictionary before, `train_runtime` ends a training: the next one counts anew, and is a
//! run of its own, named by its title (`===== mix1 =====`) where it has one, else by its number. What is announced between the
//! two is of the second.

use super::signs::{ConsoleFormat, Sign, Trust};
use super::{hf_start, titles};
use crate::ingest::formats::chorus::rank;
use crate::ingest::formats::lines::{Line, LineReader};
use crate::ingest::formats::python_dict::{Dict, dict};
use crate::ingest::formats::saved::{self, Reader};
use crate::ingest::formats::scan::{integer, needles, point, unlabelled};
use crate::ingest::formats::{FormatError, Parser, Sink};
use crate::vocab::{FactName, FactValue};
use memchr::memmem::find;

/// The format.
#[derive(Debug)]
pub struct HfDict;

impl ConsoleFormat for HfDict {
    fn called(&self) -> &'static str {
        "hf-dict"
    }

    fn what(&self) -> &'static str {
        "dictionaries of Hugging Face's Trainer"
    }

    fn lines(&self) -> &'static [&'static str] {
        &[
            "  Total optimization steps = 40\n\r 20%|#  | 8/40 [00:05<00:20,  1.5it/s]\r   \r{'loss': 2.5, 'epoch': 0.2}\n\r 25%|#  | 10/40 [00:06<00:20,  1.5it/s]\r{'eval_loss': '2.1', 'epoch': 0.2}\n{'train_runtime': 9.0, 'epoch': 1.0}\n",
            "{'loss': 2.5, 'mem': np.float64(1.5), 'x': [1, {'a': (2,)}], 'global_step/max_steps': '5/93'}\n{'loss': nan, 'epoch': 0.5}\n",
        ]
    }

    #[cfg(test)]
    fn dialect(&self) -> super::Dialect {
        super::Dialect::new(|step, loss| {
            format!("{{'loss': {loss}, 'grad_norm': 1.5, 'learning_rate': 1e-05, 'epoch': 0.{step:02}}}\n")
        })
    }

    fn trust(&self) -> Trust {
        Trust { metric: 85, header: 0 }
    }

    fn sign(&self, line: &[u8]) -> Option<Sign> {
        metrics(line).next().map(|_| Sign::Metric)
    }

    fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        // Where others have read before, there may have been bars: the first dictionary waits to see one.
        let steps = Steps { bars: newlines > 0, ..Steps::default() };
        Box::new(HfParser { lines: LineReader::after(newlines), steps })
    }
}

needles! {
    OPEN = "{'";
}

/// The dictionaries of metrics in a line. Mostly there is one; but several processes may print at once, and what is drawn
/// over may have lost its `\r`.
fn metrics(line: &[u8]) -> impl Iterator<Item = Dict<'_>> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            let (at, found) = OPEN.find_iter(rest).take(4).find_map(|at| Some((at, dict(&rest[at..])?)))?;
            rest = &rest[at + found.length..];
            if is_of_metrics(&found) {
                return Some(found);
            }
        }
    })
}

/// Other dictionaries (arguments, configurations) have no loss; where they have an epoch, they have values in them that
/// are no numbers.
fn is_of_metrics(found: &Dict<'_>) -> bool {
    let has = |key: &&[u8]| found.number(key).is_some();
    let of_progress = |key: &[u8]| PROGRESS.contains(&key);
    [&b"loss"[..], b"eval_loss", b"train_loss"].iter().any(has)
        || has(&&b"epoch"[..]) && found.others == 0 && found.texts.iter().all(|(key, _)| of_progress(key))
}

/// Texts in dictionaries of metrics, all of ms-swift's.
const PROGRESS: [&[u8]; 5] =
    [b"global_step/max_steps", b"iteration", b"percentage", b"elapsed_time", b"remaining_time"];

/// The state of a bar without a title: `  2%|▏         | 20/1000 [00:10<…`. Other bars (datasets, shards) have one.
fn bar(line: &[u8]) -> Option<(i64, i64)> {
    let line = unlabelled(line).trim_ascii_start();
    let (_, length) = integer(line)?;
    let rest = line[length..].strip_prefix(b"%|")?;
    let rest = &rest[find(rest, b"| ")? + 2..];
    let (n, length) = integer(rest)?;
    let rest = rest[length..].strip_prefix(b"/")?;
    let (total, length) = integer(rest)?;
    rest[length..].starts_with(b" [").then_some((n, total))
}

/// The step that the dictionary itself states, and the last one where that is stated too.
fn stated(dict: &Dict<'_>) -> Option<(i64, Option<i64>)> {
    // ms-swift: '12/2353'; with Megatron beneath it, under 'iteration'.
    let text = dict.text(b"global_step/max_steps").or_else(|| dict.text(b"iteration"));
    if let Some((step, rest)) = text.and_then(|text| integer(text).map(|(step, length)| (step, &text[length..]))) {
        return Some((step, rest.strip_prefix(b"/").and_then(integer).map(|(total, _)| total)));
    }
    let keys = [&b"step"[..], b"global_step", b"current_steps", b"iteration"];
    let step = keys.iter().find_map(|key| dict.number(key))?;
    (step.fract() == 0.0 && (0.0..1e15).contains(&step)).then_some((step as i64, None))
}

/// What a dictionary is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Train,
    Evaluation,
    End,
}

fn kind(dict: &Dict<'_>) -> Kind {
    if dict.number(b"train_runtime").is_some() {
        Kind::End
    } else if dict.number(b"loss").is_some() || !dict.numbers.iter().any(|(key, _)| key.starts_with(b"eval_")) {
        Kind::Train
    } else {
        Kind::Evaluation
    }
}

/// A dictionary that waits for the bar to be drawn again.
struct Held {
    start: usize,
    number: u64,
    points: Vec<(Vec<u8>, f64)>,
}

#[derive(Default)]
struct HfParser {
    lines: LineReader,
    steps: Steps,
}

/// Which step it is.
#[derive(Debug, Default, Clone, PartialEq)]
struct Steps {
    /// Step of the last dictionary of training.
    last: i64,
    /// Between the last two of them.
    stride: i64,
    /// The bar as last drawn, since then.
    bar: Option<(i64, i64)>,
    /// Steps of the training, once a bar has shown them.
    total: i64,
    /// Whether bars are drawn at all.
    bars: bool,
    /// Whether the output was seen to be buffered, so that bars say nothing.
    buffered: bool,
    /// The rank whose dictionaries are counted, where lines say which they are of: the first.
    rank: Option<u32>,
    training: Training,
}

/// Which training of the log it is.
#[derive(Debug, Default, Clone, PartialEq)]
struct Training {
    /// Those before.
    before: u64,
    /// The run it is; empty for the one that the log lies in.
    run: String,
    /// Whether it has ended, and the title since.
    ended: bool,
    title: String,
}

impl Training {
    /// Takes note of a line between dictionaries.
    fn between(&mut self, line: &[u8]) {
        if self.ended
            && let Some((title, _)) = titles::title(line).filter(|(title, _)| !title.is_empty())
        {
            self.title = title;
        }
    }

    /// Something of a training that goes on, or of the next one. Returns the part of the sink to go back to.
    fn goes_on(&mut self, sink: &mut Sink) -> u32 {
        if std::mem::take(&mut self.ended) {
            self.before += 1;
            let number = (self.before + 1).to_string();
            let title = std::mem::take(&mut self.title);
            self.run = titles::called(&self.run, title, &number);
        }
        self.enter(sink)
    }

    fn enter(&self, sink: &mut Sink) -> u32 {
        // The first may be a part of its own to whoever reads the log training by training.
        let before = sink.go_to_part(0);
        let part = if self.run.is_empty() { before } else { sink.part(&self.run) };
        sink.go_to_part(part);
        before
    }
}

impl Steps {
    fn drawn(&mut self, bar: (i64, i64)) {
        self.bars = true;
        // Evaluations have bars of their own, with other totals.
        if self.total == 0 || self.total == bar.1 {
            self.bar = Some(bar);
        }
    }

    fn trust_bars(&self) -> bool {
        self.bars && !self.buffered
    }

    /// The step of a dictionary of training, from the bar if there is one to go by.
    fn next(&mut self, stated: Option<i64>) -> i64 {
        let bar = self.bar.take().filter(|(n, _)| self.trust_bars() && *n > self.last);
        if let Some((_, total)) = bar {
            self.total = total;
        }
        let step = stated.or(bar.map(|(n, _)| n)).unwrap_or(self.last + self.stride.max(1));
        self.stride = (step - self.last).max(1);
        self.last = step;
        step
    }

    /// The step of an evaluation, or of the end.
    fn now(&self, end: bool) -> i64 {
        match self.bar.filter(|_| self.trust_bars() && self.total > 0) {
            Some((n, _)) if n > self.last => n,
            _ if end && self.trust_bars() => self.total.max(self.last),
            _ => self.last,
        }
    }
}

impl Parser for HfParser {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        let steps = &mut self.steps;
        let mut held: Option<Held> = None;
        let mut used = self.lines.read(input, last, sink, |line, sink| read(line, steps, &mut held, sink));
        if let Some(waiting) = held {
            if last {
                let before = steps.training.goes_on(sink);
                give_out(&waiting.points, steps.next(None), sink);
                sink.go_to_part(before);
            } else {
                used = waiting.start;
                self.lines.rewind_to(waiting.number);
            }
        }
        Ok(used)
    }

    fn save(&self) -> Vec<u8> {
        let mut to = vec![b'H'];
        self.lines.save(&mut to);
        let s = &self.steps;
        to.push(u8::from(s.bars) | u8::from(s.buffered) << 1 | u8::from(s.bar.is_some()) << 2);
        let (n, of) = s.bar.unwrap_or_default();
        for value in [s.last, s.stride, s.total, n, of, s.rank.map_or(-1, i64::from)] {
            saved::signed(&mut to, value);
        }
        saved::unsigned(&mut to, s.training.before << 1 | u64::from(s.training.ended));
        saved::bytes(&mut to, s.training.run.as_bytes());
        saved::bytes(&mut to, s.training.title.as_bytes());
        to
    }

    fn resume(&mut self, saved: &[u8]) -> Result<(), FormatError> {
        let mut from = Reader::new(saved);
        let mut resumed = || {
            from.byte().filter(|tag| *tag == b'H')?;
            self.lines.resume(&mut from)?;
            let flags = from.byte()?;
            let mut steps = Steps { bars: flags & 1 == 1, buffered: flags & 2 == 2, ..Steps::default() };
            steps.last = from.signed()?;
            steps.stride = from.signed()?;
            steps.total = from.signed()?;
            let bar = (from.signed()?, from.signed()?);
            steps.bar = (flags & 4 == 4).then_some(bar);
            steps.rank = u32::try_from(from.signed()?).ok();
            let trainings = from.unsigned()?;
            (steps.training.before, steps.training.ended) = (trainings >> 1, trainings & 1 == 1);
            steps.training.run = String::from_utf8(from.bytes()?.to_vec()).ok()?;
            steps.training.title = String::from_utf8(from.bytes()?.to_vec()).ok()?;
            self.steps = steps;
            from.is_empty().then_some(())
        };
        resumed().ok_or(FormatError::OtherParser)
    }
}

fn read(line: Line<'_>, steps: &mut Steps, held: &mut Option<Held>, sink: &mut Sink) {
    if line.text.trim_ascii().is_empty() {
        return;
    }
    let found: Vec<Dict<'_>> = metrics(line.text).collect();
    if !found.is_empty()
        && let Some(rank) = rank(line.text)
        && *steps.rank.get_or_insert(rank) != rank
    {
        return;
    }
    let bar = if found.is_empty() { bar(line.text) } else { None };
    if let Some(waiting) = held.take() {
        if let Some(bar) = bar {
            steps.drawn(bar);
        } else if !found.is_empty() {
            steps.buffered = true;
        }
        let before = steps.training.goes_on(sink);
        give_out(&waiting.points, steps.next(None), sink);
        sink.go_to_part(before);
    } else if let Some(bar) = bar {
        steps.drawn(bar);
    }
    if found.is_empty() && bar.is_none() {
        steps.training.between(line.text);
        if hf_start::announces(line.text) {
            let before = steps.training.goes_on(sink);
            hf_start::facts(line, sink);
            sink.go_to_part(before);
        }
    }
    // Of several on one line, none is followed by a bar of its own.
    steps.buffered |= found.len() > 1;
    for found in &found {
        let is_training = kind(found) == Kind::Train;
        let before = if is_training { steps.training.goes_on(sink) } else { steps.training.enter(sink) };
        one(found, line, steps, held, sink);
        sink.go_to_part(before);
    }
}

/// Reads one dictionary.
fn one(found: &Dict<'_>, line: Line<'_>, steps: &mut Steps, held: &mut Option<Held>, sink: &mut Sink) {
    let points = || found.numbers.iter().map(|(key, value)| (key.to_vec(), *value)).collect::<Vec<_>>();
    match (kind(found), stated(found)) {
        (Kind::End, _) => {
            give(found, steps.now(true), sink);
            let training = Training { ended: true, ..std::mem::take(&mut steps.training) };
            let (bars, buffered, rank) = (steps.bars, steps.buffered, steps.rank);
            *steps = Steps { bars, buffered, rank, training, ..Steps::default() };
        }
        (_, Some((step, total))) => {
            if let Some(total) = total.filter(|total| *total != steps.total) {
                steps.total = total;
                sink.fact(FactName::PlannedSteps, FactValue::Number(total as f64), format!("line {}", line.number));
            }
            give(found, step, sink);
            if kind(found) == Kind::Train {
                steps.next(Some(step));
            }
        }
        (Kind::Evaluation, None) => give(found, steps.now(false), sink),
        (Kind::Train, None) if steps.trust_bars() => {
            *held = Some(Held { start: line.start, number: line.number, points: points() });
        }
        (Kind::Train, None) => give(found, steps.next(None), sink),
    }
}

fn give(found: &Dict<'_>, step: i64, sink: &mut Sink) {
    for (key, value) in &found.numbers {
        point(key, step, *value, sink);
    }
}

fn give_out(points: &[(Vec<u8>, f64)], step: i64, sink: &mut Sink) {
    for (key, value) in points {
        point(key, step, *value, sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::Format;

    fn losses(text: &str) -> Vec<(String, i64)> {
        let mut sink = Sink::default();
        HfDict.parser("").feed(text.as_bytes(), true, &mut sink).unwrap();
        let point = |p: &crate::ingest::formats::RawPoint| (sink.metrics()[p.metric as usize].clone(), p.step);
        sink.points.iter().map(point).filter(|(key, _)| key.contains("loss")).collect()
    }

    fn expect(text: &str, expected: &[(&str, i64)]) {
        let expected: Vec<(String, i64)> = expected.iter().map(|(k, s)| ((*k).to_owned(), *s)).collect();
        assert_eq!(losses(text), expected, "{text}");
    }

    #[test]
    fn the_bar_is_drawn_again_with_the_step_reached() {
        expect(
            "\r  0%|          | 0/40 [00:00<?, ?it/s]\r 20%|██        | 8/40 [00:05<00:20,  1.5it/s]\r\
             \x20                                              \r{'loss': 2.5, 'epoch': 0.2}\n\
             \r 25%|██▌       | 10/40 [00:06<00:20,  1.5it/s]\r 50%|█████     | 19/40 [00:12<00:13,  1.5it/s]\r\
             \x20                                              \r{'loss': 2.0, 'epoch': 0.5}\n\
             \r 50%|█████     | 20/40 [00:13<00:13,  1.5it/s]\r\
             \r 40%|████      | 2/5 [00:00<00:00, 9.0it/s]\r{'eval_loss': 2.1, 'eval_runtime': 1.0, 'epoch': 0.5}\n\
             {'train_runtime': 9.0, 'train_loss': 2.2, 'epoch': 1.0}\n",
            &[("loss", 10), ("loss", 20), ("eval_loss", 20), ("train_loss", 40)],
        );
    }

    #[test]
    fn without_bars_dictionaries_are_counted_and_counted_anew() {
        expect(
            "command-line args:  {'epochs': '1', 'seed': 3, 'eval_tasks': 'gsm8k'}\n{'loss': 2.5, 'epoch': 0.5}\n\
             {'eval_loss': 2.4, 'epoch': 0.5}\n{'loss': '2.0', 'epoch': '1.0'}\n{'train_runtime': 9.0, 'train_loss': 2.2, 'epoch': 1.0}\n\
             results: {'eval_loss': [1.0, 2.0], 'performance': []}\n{'loss': nan, 'epoch': 0.5}\n",
            &[("loss", 1), ("eval_loss", 1), ("loss", 2), ("train_loss", 2), ("loss", 1)],
        );
    }

    #[test]
    fn a_bar_that_ran_ahead_of_buffered_output_is_not_believed() {
        expect(
            "\r 50%|█████     | 20/40 [00:13<00:13,  1.5it/s]{'loss': 2.5, 'epoch': 0.2}\n{'loss': 2.4, 'epoch': 0.2}\n\
             \r100%|█████     | 40/40 [00:13<00:13,  1.5it/s]{'loss': 2.3, 'epoch': 0.2}\n{'loss': 2.2, 'epoch': 0.2}\n",
            &[("loss", 1), ("loss", 2), ("loss", 3), ("loss", 4)],
        );
    }

    #[test]
    fn each_training_of_a_queue_is_a_run() {
        let training = |title: &str, steps: u32| {
            let losses: String = (1..=3).map(|n| format!("{{'loss': {n}.5, 'epoch': 0.{n}}}\n")).collect();
            format!("{title}\n  Total optimization steps = {steps}\n{losses}{{'train_runtime': 9.0, 'epoch': 1.0}}\n")
        };
        let text = [training("===== mix0 =====", 10), training("===== mix1 =====", 20), training("", 30)].concat();
        let same = "=== Candidate ===";
        let again = ["", same, same, same].map(|title| training(title, 10)).concat();
        let mut of_one_title = Sink::default();
        HfDict.parser("").feed(again.as_bytes(), true, &mut of_one_title).unwrap();
        assert!(of_one_title.parts().eq(["", "Candidate", "Candidate-3", "Candidate-4"]), "a title that all have");
        let (mut parser, mut used, mut sink) = (HfDict.parser(""), 0, Sink::default());
        for (end, _) in text.match_indices('\n') {
            used += parser.feed(&text.as_bytes()[used..=end], false, &mut sink).unwrap();
            let state = parser.save();
            parser = HfDict.parser("");
            parser.resume(&state).unwrap();
        }
        let parts: Vec<&str> = sink.parts().collect();
        let runs: Vec<&str> = sink.points.iter().map(|p| parts[sink.part_of()[p.metric as usize] as usize]).collect();
        assert_eq!(runs, [[""; 8], ["mix1"; 8], ["3"; 8]].concat());
        let planned: Vec<_> =
            sink.part_facts().iter().map(|(part, fact)| (parts[*part as usize], fact.1.clone())).collect();
        assert_eq!(planned, [("mix1", FactValue::Number(20.0)), ("3", FactValue::Number(30.0))]);
    }

    #[test]
    fn a_dictionary_of_settings_is_none_of_metrics() {
        for settings in
            ["{'epoch': 3, 'lr': 0.1, 'model': 'gpt2'}", "{'epoch': 3, 'resume': None}", "{'seed': 3, 'batch_size': 8}"]
        {
            assert_eq!(HfDict.recognise("train.log", settings.as_bytes()), None, "{settings}");
        }
        expect("{'eval_accuracy': 0.5, 'epoch': 1.0}\n{'epoch': 1.0, 'elapsed_time': '1m', 'reward': 0.5}\n", &[]);
        assert!(HfDict.recognise("train.log", b"{'eval_accuracy': 0.5, 'epoch': 1.0}\n").is_some());
    }

    #[test]
    fn several_dictionaries_on_a_line_are_all_read() {
        expect(
            "x{'a': 1}{'loss': 2.5, 'epoch': 0.1}{'loss': 2.4, 'epoch': 0.2} 50%|█████     | 2/4 [00:13<00:13]{'eval_loss': 2.3}\n\
             {'loss': 2.2, 'epoch': 0.3}\n",
            &[("loss", 1), ("loss", 2), ("eval_loss", 2), ("loss", 3)],
        );
    }

    #[test]
    fn a_stated_step_goes_before_all() {
        expect(
            "{'loss': 2.5, 'epoch': 0.2, 'global_step/max_steps': '5/93', 'percentage': '5.38%'}\n\
             {'eval_loss': 2.5, 'epoch': 0.2}\n{'loss': 2.5, 'step': 30}\n{'loss': 2.5, 'iteration': '40/93', 'elapsed_time': '1m 2s'}\n",
            &[("loss", 5), ("eval_loss", 5), ("loss", 30), ("loss", 40)],
        );
    }

    #[test]
    fn a_dictionary_waits_for_its_bar_across_calls() {
        let text = "\r  0%|          | 0/40 [00:00<?, ?it/s]\r{'loss': 2.5, 'epoch': 0.2}\n\r 25%|██▌       | 10/40 [00:06<00:20,  1.5it/s]\r";
        let (mut parser, mut sink) = (HfDict.parser(""), Sink::default());
        let cut = text.find("\n\r").unwrap() + 1;
        let used = parser.feed(&text.as_bytes()[..cut], false, &mut sink).unwrap();
        assert!(sink.points.is_empty() && used < cut);
        let mut resumed = HfDict.parser("");
        resumed.resume(&parser.save()).unwrap();
        resumed.feed(&text.as_bytes()[used..], false, &mut sink).unwrap();
        assert_eq!(sink.points.iter().map(|p| p.step).collect::<Vec<_>>(), [10, 10]);
    }
}
