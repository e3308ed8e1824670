//! Console lines of custom training loops: a step, a loss, and other named numbers.
//!
//! ```text
//! Epoch 1 | Step 100/1000 | train loss: 3.21 | lr 1e-4 | 12.3k tok/s
//! 2025-01-02 03:04:05 INFO step=100 loss=3.21 ppl=24.8 eta=0:01:02
//! Epoch 0:  12%|█▏        | 120/1000 [00:10<01:10, 12.0it/s, v_num=0, train_loss=3.2]
//! ```
//!
//! A line is taken only if it has a loss (or perplexity, bits per byte, an accuracy or score) and says where in the run it
//! belongs: by its step, by its epoch, or tokens or samples so far, where the log has no steps, or as an evaluation, which belongs
//! to the step before. Of Keras' bars (keras-team/keras, keras/src/utils/progbar.py) the last of each epoch is taken. Names
//! keep a `train`, `val` or `test` in front of them, and get it where the line begins with it. The same in a JSON object on
//! a line (fairseq's, and what scripts print with a time before it). What such a line means is a guess: a line format in the
//! project file is better.

use crate::ingest::formats::jsonl::{COUNTS, STEP_KEYS};
use crate::ingest::formats::python_dict::dict;
use crate::ingest::formats::scan::{integer, needles, number_with_commas};
use memchr::memmem::find;
use regex::bytes::Regex;
use std::sync::LazyLock;

/// A metric line.
#[derive(Debug, Default, PartialEq)]
pub(super) struct MetricLine<'a> {
    /// The step it states, and what that is out of.
    pub step: Option<(i64, Option<i64>)>,
    /// The epoch it states, and what that is out of.
    pub epoch: Option<(i64, Option<i64>)>,
    /// Whether the step is that of a bar, which begins again with every epoch.
    pub bar: bool,
    /// Tokens or samples so far, which are the axis of a log that has no steps.
    pub count: Option<i64>,
    /// Where the line is of an evaluation as a whole: the word that says so, which its names do without.
    pub held_out: Option<&'a [u8]>,
    /// The domain that such a line is of: `eval on code | loss 2.5`.
    pub domain: Option<&'a [u8]>,
    pub values: Vec<(&'a [u8], f64)>,
}

impl MetricLine<'_> {
    /// Whether the line itself says where in the run it is.
    pub fn is_placed(&self) -> bool {
        self.step.is_some() || self.epoch.is_some() || self.count.is_some()
    }
}

/// Reads a line; `None` where it has no loss (or other measure), or nothing that says where in the run it belongs: a step, an
/// epoch, or that it is an evaluation.
pub(super) fn metric_line(line: &[u8]) -> Option<MetricLine<'_>> {
    // At its end, W&B says again what was logged.
    if line.len() > 4096 || line.starts_with(b"wandb:") || !may_be_measured(line) {
        return None;
    }
    if let Some(found) = object(line) {
        return Some(found);
    }
    let mut found = MetricLine::default();
    let mut at = 0;
    // Start of the word before, where only a space lies between.
    let mut before: Option<usize> = None;
    while let Some((start, end)) = next_word(line, at) {
        let word = &line[start..end];
        if found.held_out.is_none() && found.values.is_empty() && opens_evaluation(line, start, word) {
            let domain = of_domain(line, end);
            // Behind a step, 'val loss 3.5' is a name and 'valid | loss 3.5' an evaluation.
            let alone = || matches!(line[end..].trim_ascii_start().first(), Some(b'|' | b',' | b':' | b']'));
            if domain.is_some() || found.step.is_none() || alone() {
                found.held_out = Some(word);
            }
            if let Some((domain, after)) = domain {
                (found.domain, at) = (Some(domain), after);
                continue;
            }
        }
        // 'train loss', LitGPT's 'loss train', nanochat's 'CORE metric'.
        let belongs = |before: &[u8]| {
            is_split(before) || before.eq_ignore_ascii_case(b"loss") && is_split(word) || is_measure_of_something(word)
        };
        let qualifier = before.filter(|b| start - *b <= 12 && belongs(line[*b..start].trim_ascii_end()));
        // 'loss (val) 2.5'
        let end = of_split(line, end).filter(|_| is_loss(word)).unwrap_or(end);
        at = end;
        let Some((strong, from)) = separator(line, end) else {
            before = (line.get(end) == Some(&b' ')).then_some(start);
            continue;
        };
        before = (!strong).then_some(start);
        let Some(value) = value(line, from) else { continue };
        let name = &line[qualifier.unwrap_or(start)..end];
        match value.whole.or_else(|| value.as_step().filter(|_| is_step(word))) {
            Some(step) if is_step(word) => {
                if found.step.is_none() || word.starts_with(b"global") {
                    found.step = Some(step);
                }
            }
            Some(epoch) if word.eq_ignore_ascii_case(b"epoch") => {
                found.epoch = Some(epoch);
                // 'Epoch: [0][ 10/5005]'
                if let (b']', Some(step)) = (*line.get(value.end)?, bracket(line, value.end)) {
                    found.step = found.step.or(Some(step));
                }
            }
            Some((count, None)) if is_count(word) && !goes_on(line, value.end) => {
                found.count = found.count.or(Some(count));
                found.values.push((name, value.number));
            }
            _ if goes_on(line, value.end) || is_place_in_source(word) => {}
            _ if strong || is_known(word) || line[end - 1] == b')' || is_whole_cell(line, start, value.end) => {
                found.values.push((name, value.number))
            }
            _ => continue,
        }
        at = value.end;
        before = None;
    }
    if !found.values.iter().any(|(name, _)| is_measured(name)) {
        return None;
    }
    if found.step.is_none() {
        let keras = keras_bar(line);
        if keras.is_some_and(|(n, of)| n != of) {
            // What stands before the end of an epoch are means so far.
            return None;
        }
        (found.step, found.bar) = match bar(line).or(keras) {
            Some((n, of)) => (Some((n, Some(of))), true),
            // '[ 10/3000] loss=…', 'Iter(train) [ 10/3000] …', 'Epoch(train) [1][ 10/300] …'.
            None => (of_brackets(line, &mut found.epoch), false),
        };
    }
    if let Some(held_out) = of_a_pass(line) {
        // How far the evaluation is, not how far the run is.
        (found.step, found.held_out) = (None, Some(held_out));
    }
    (found.is_placed() || found.held_out.is_some()).then_some(found)
}

/// Whether a word counts tokens or samples so far.
fn is_count(word: &[u8]) -> bool {
    COUNTS.iter().any(|count| count.as_bytes().eq_ignore_ascii_case(word))
}

/// The domain behind a word for an evaluation, and where what follows begins: `eval on code | …`, `validation (code): …`.
fn of_domain(line: &[u8], at: usize) -> Option<(&[u8], usize)> {
    static DOMAIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"^ ?(?:set )?(?:on|for|of) ([A-Za-z][A-Za-z0-9_.-]*)(?: set)? ?(?:[|:,\])>-]|$)|^ ?[\[(]([A-Za-z][A-Za-z0-9_.-]*)[\])]").ok()
    });
    let found = DOMAIN.as_ref()?.captures(&line[at..])?;
    let domain = found.get(1).or(found.get(2))?;
    Some((domain.as_bytes(), at + domain.end()))
}

/// Where a split in brackets ends that belongs to the name before it: `loss (val) 2.5`.
fn of_split(line: &[u8], at: usize) -> Option<usize> {
    let inner = line[at..].strip_prefix(b" (").or_else(|| line[at..].strip_prefix(b"("))?;
    let start = line.len() - inner.len();
    let length = inner.iter().take(16).position(|b| *b == b')')?;
    is_split(&inner[..length]).then_some(start + length + 1)
}

/// A JSON object in a line: its numbers, also those in quotes.
fn object(line: &[u8]) -> Option<MetricLine<'_>> {
    let found = dict(&line[OBJECT.find(line).or_else(|| DICT.find(line))?..])?;
    let rank = |key: &[u8]| {
        // fairseq: 'valid_num_updates'.
        let key = if key.ends_with(b"_num_updates") { &b"num_updates"[..] } else { key };
        // The length of a run is called so in settings that are printed.
        STEP_KEYS.iter().position(|step| step.as_bytes() == key).filter(|_| key != b"steps" && key != b"update")
    };
    let steps = found.numbers.iter().filter(|(_, n)| n.fract() == 0.0 && (0.0..1e15).contains(n));
    let step = steps.filter_map(|(key, n)| Some((rank(key)?, *key, *n as i64))).min_by_key(|s| s.0);
    let Some((_, key, step)) = step else {
        // An evaluation's, which belongs to the step before.
        let says = |name: &[u8]| is_loss(name) && name.split(|b| !b.is_ascii_alphanumeric()).any(is_held_out);
        let evaluation = found.others == 0 && found.numbers.iter().any(|(name, _)| says(name));
        let held_out = evaluation.then_some(&b"eval"[..]);
        return held_out.map(|word| MetricLine {
            held_out: Some(word),
            values: found.numbers,
            ..MetricLine::default()
        });
    };
    let mut values = found.numbers;
    values.retain(|(name, _)| *name != key);
    let has_loss = values.iter().any(|(name, _)| is_loss(name));
    has_loss.then(|| MetricLine { step: Some((step, None)), values, ..MetricLine::default() })
}

needles! {
    OBJECT = "{\"";
    DICT = "{'";
    ITER = "Iter(";
    EPOCH = "Epoch(";
}

/// A quick no for most lines: words that a measure has in its name.
static MEASURES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("oss|OSS|ppl|PPL|erplexity|nll|NLL|bpb|BPB|bpc|etric|ccuracy|acc|score").ok());

fn may_be_measured(line: &[u8]) -> bool {
    MEASURES.as_ref().is_some_and(|measures| measures.is_match(line))
}

fn is_loss(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let loss =
        [&b"loss"[..], b"ppl", b"perplexity", b"nll", b"bpb", b"bpc"].iter().any(|word| find(&name, word).is_some());
    loss && find(&name, b"scale").is_none()
}

/// A loss, or how good a model is by another measure.
pub(super) fn is_measured(name: &[u8]) -> bool {
    is_loss(name)
        || name.split(|b| !b.is_ascii_alphanumeric()).any(|word| is_measure_of_something(word) || is_accuracy(word))
}

/// Words that say that something is measured, and leave what to the word before.
fn is_measure_of_something(word: &[u8]) -> bool {
    [&b"metric"[..], b"score"].iter().any(|w| w.eq_ignore_ascii_case(word))
}

fn is_accuracy(word: &[u8]) -> bool {
    [&b"accuracy"[..], b"acc"].iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// `train.py:226` is where a line was printed.
fn is_place_in_source(word: &[u8]) -> bool {
    let extension = word.rsplit(|b| *b == b'.').next().filter(|extension| extension.len() < word.len());
    extension.is_some_and(|e| [&b"py"[..], b"cc", b"cpp", b"cu", b"c", b"rs", b"go", b"jl"].contains(&e))
}

/// Whether the word at `start` opens a line of an evaluation: it says so (`Validation loss: 3.2, perplexity: 24`), and before it
/// are only what loggers write, a sign and the like.
fn opens_evaluation(line: &[u8], start: usize, word: &[u8]) -> bool {
    let first = word.split(|b| matches!(b, b'_' | b'/' | b'-' | b'.')).next().unwrap_or(word);
    if !is_held_out(first) {
        return false;
    }
    let before = line[..start].trim_ascii_end();
    let level = |text: &[u8]| [&b"INFO"[..], b"WARNING", b"DEBUG", b"info"].iter().any(|level| text.ends_with(level));
    before.is_empty()
        || before.len() < 10 && (before.eq_ignore_ascii_case(b"initial") || before.eq_ignore_ascii_case(b"starting"))
        || matches!(before.last(), Some(b':' | b']' | b'-' | b'|' | b'>' | b'=' | b'*' | b'[' | b'(' | b'#'))
        || level(before)
}

/// The line of an evaluation's own pass over its data: `Iter(val) [ 3/10]`.
fn of_a_pass(line: &[u8]) -> Option<&[u8]> {
    let inside = |needle: &memchr::memmem::Finder<'_>| Some(&line[needle.find(line)? + needle.needle().len()..]);
    let rest = inside(&ITER).or_else(|| inside(&EPOCH))?;
    let word = &rest[..rest.iter().position(|b| *b == b')')?];
    is_held_out(word).then_some(word)
}

/// The step in brackets, and the epoch in brackets right before it: `[ 10/3000]`, `[1][ 10/300]`.
fn of_brackets(line: &[u8], epoch: &mut Option<(i64, Option<i64>)>) -> Option<(i64, Option<i64>)> {
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'[', &line[at..]) {
        at += open;
        let (n, of, end) = in_brackets(line, at)?;
        let before = line[..at].trim_ascii_end();
        let of_epoch = before.len() >= 5 && before[before.len() - 5..].eq_ignore_ascii_case(b"epoch");
        match (n, of) {
            (Some(_), Some(_)) if of_epoch => {}
            (Some(n), Some(of)) => return Some((n, Some(of))),
            (Some(n), None) => {
                if let Some(step) = bracket(line, end - 1) {
                    *epoch = epoch.or(Some((n, None)));
                    return Some(step);
                }
            }
            _ => {}
        }
        at = end;
    }
    None
}

/// The step in brackets right behind the bracket that closes at `at`.
fn bracket(line: &[u8], at: usize) -> Option<(i64, Option<i64>)> {
    let open = at + 1 + line.get(at + 1..)?.iter().take_while(|b| **b == b' ').count();
    if line.get(open) != Some(&b'[') {
        return None;
    }
    let (n, of, _) = in_brackets(line, open)?;
    Some((n?, Some(of?)))
}

/// What is in the brackets that open at `at`, if that is a number or one out of another, and where what follows begins.
fn in_brackets(line: &[u8], at: usize) -> Option<(Option<i64>, Option<i64>, usize)> {
    let inner = &line[at + 1..];
    let length = inner.iter().take(80).position(|b| *b == b']').unwrap_or(0);
    let end = at + length + 2;
    let text = inner[..length].trim_ascii();
    let Some((n, used)) = integer(text) else { return (end <= line.len()).then_some((None, None, end)) };
    let rest = text[used..].trim_ascii_start();
    let of = rest.strip_prefix(b"/").map(<[u8]>::trim_ascii).and_then(|of| integer(of).filter(|(_, n)| *n == of.len()));
    let whole = rest.is_empty() || of.is_some();
    Some((Some(n).filter(|_| whole), of.map(|(of, _)| of), end))
}

/// Whether a name and its number are all there is between two bars: `| gradient-norm 1.5 |`, with a unit or none.
fn is_whole_cell(line: &[u8], start: usize, end: usize) -> bool {
    let unit =
        line[end..].iter().position(|b| *b == b'|').map_or(&line[end..], |bar| &line[end..end + bar]).trim_ascii();
    line[..start].trim_ascii_end().last() == Some(&b'|')
        && unit.len() <= 12
        && unit.iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'%'))
}

pub(super) fn is_step(word: &[u8]) -> bool {
    let words: [&[u8]; 11] = [
        b"step",
        b"steps",
        b"global_step",
        b"global_steps",
        b"iter",
        b"iters",
        b"iteration",
        b"update",
        b"updates",
        b"num_updates",
        b"train_step",
    ];
    words.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// Names that need no sign between them and their number.
fn is_known(word: &[u8]) -> bool {
    let words: [&[u8]; 9] = [b"lr", b"acc", b"accuracy", b"norm", b"grad_norm", b"gnorm", b"mfu", b"epoch", b"wd"];
    is_loss(word) || words.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// Words that belong to the name after them.
fn is_split(word: &[u8]) -> bool {
    let words: [&[u8]; 4] = [b"train", b"training", b"learning", b"grad"];
    is_held_out(word) || words.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// Words for data that is not trained on.
pub(super) fn is_held_out(word: &[u8]) -> bool {
    let words: [&[u8]; 7] = [b"val", b"valid", b"validation", b"dev", b"test", b"eval", b"evaluation"];
    words.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// The next word at or after `at`: a letter or underscore that no letter or digit stands before, and what belongs to it.
fn next_word(line: &[u8], at: usize) -> Option<(usize, usize)> {
    let starts = |i: usize| {
        (line[i].is_ascii_alphabetic() || line[i] == b'_')
            && !(i > 0 && (line[i - 1].is_ascii_alphanumeric() || matches!(line[i - 1], b'_' | b'.' | b'/')))
    };
    let start = (at..line.len()).find(|i| starts(*i))?;
    let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'/' | b'.' | b'@' | b'-');
    let length = line[start..].iter().take_while(|b| inside(b)).count();
    Some((start, start + length))
}

/// Whether a sign stands between name and number, and where the number begins.
fn separator(line: &[u8], end: usize) -> Option<(bool, usize)> {
    let spaces = |at: usize| at + line[at..].iter().take_while(|b| **b == b' ').count();
    let after = spaces(end);
    match line.get(after)? {
        b':' | b'=' => {
            let from = spaces(after + 1);
            // 'Epoch: [0]'
            Some((true, if line.get(from) == Some(&b'[') { spaces(from + 1) } else { from }))
        }
        b'[' | b'#' => Some((false, spaces(after + 1))),
        _ => (after > end).then_some((false, after)),
    }
}

struct TagSpan {
    number: f64,
    /// Where it is a whole number: that, and what it is out of.
    whole: Option<(i64, Option<i64>)>,
    end: usize,
}

impl TagSpan {
    /// A step that is printed as all numbers are: `global_step=9.000` in NeMo's progress bar.
    fn as_step(&self) -> Option<(i64, Option<i64>)> {
        (self.number.fract() == 0.0 && (0.0..1e15).contains(&self.number)).then_some((self.number as i64, None))
    }
}

fn value(line: &[u8], at: usize) -> Option<TagSpan> {
    let text = &line[at..];
    let (mut number, length) = number_with_commas(text)?;
    let mut end = at + length;
    let digits = text[..length].iter().all(|b| b.is_ascii_digit() || *b == b',');
    let mut whole = (digits && number < 1e15).then_some((number as i64, None));
    // 100/1000
    let spaces = line[end..].iter().take_while(|b| **b == b' ').count();
    if let Some((n, _)) = whole
        && let Some(rest) = line[end + spaces..].strip_prefix(b"/")
    {
        let gap = rest.iter().take_while(|b| **b == b' ').count();
        if let Some((of, length)) = integer(&rest[gap..]) {
            whole = Some((n, Some(of)));
            end += spaces + 1 + gap + length;
        }
    }
    // 1.02M, 12.3k: a letter that nothing follows.
    let letter = line.get(end).filter(|_| !line.get(end + 1).is_some_and(u8::is_ascii_alphanumeric));
    let factor = match letter {
        Some(b'k' | b'K') => 1e3,
        Some(b'M') => 1e6,
        Some(b'B') => 1e9,
        Some(b'T') => 1e12,
        _ => 1.0,
    };
    number *= factor;
    if factor > 1.0 {
        whole = None;
        end += 1;
    }
    Some(TagSpan { number, whole, end })
}

/// Whether what follows a number makes it a time of day, a date or a range (`12:34`, `2025-01`), or a number with a comma
/// for its point.
fn goes_on(line: &[u8], end: usize) -> bool {
    matches!(line.get(end), Some(b':' | b'-' | b'/' | b',')) && line.get(end + 1).is_some_and(u8::is_ascii_digit)
}

/// `120/1000 [` behind the state of a progress bar.
fn bar(line: &[u8]) -> Option<(i64, i64)> {
    let rest = &line[find(line, b"%|")? + 2..];
    let rest = &rest[find(rest, b"| ")? + 2..];
    let (n, length) = integer(rest)?;
    let (of, _) = integer(rest[length..].strip_prefix(b"/")?)?;
    Some((n, of))
}

/// The state of one of Keras' bars: `100/100 [====…] - 5s`, `100/100 ━━━━ 5s`, `100/100 - 5s - `.
fn keras_bar(line: &[u8]) -> Option<(i64, i64)> {
    static BAR: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^\s*(\d+)/(\d+) (?:\[[=>.]+\] - |━|- \d+s - )").ok());
    let found = BAR.as_ref()?.captures(line)?;
    Some((integer(&found[1])?.0, integer(&found[2])?.0))
}

/// The epoch that a line of its own announces: `Epoch 3/10`.
pub(super) fn announced_epoch(line: &[u8]) -> Option<(i64, Option<i64>)> {
    let rest = line.trim_ascii().strip_prefix(b"Epoch ")?;
    let (epoch, length) = integer(rest)?;
    let rest = rest[length..].strip_prefix(b"/")?;
    let (of, length) = integer(rest)?;
    (length == rest.len()).then_some((epoch, Some(of)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expect(line: &str, step: i64, total: Option<i64>, values: &[(&str, f64)]) {
        let values: Vec<_> = values.iter().map(|(name, value)| (name.as_bytes(), *value)).collect();
        let found = metric_line(line.as_bytes()).unwrap();
        assert_eq!((found.step, found.values), (Some((step, total)), values), "{line}");
    }

    #[test]
    fn lines_people_write() {
        expect(
            "Epoch 1 | Step 100/1000 | train loss: 3.21 | lr 1e-4 | x",
            100,
            Some(1000),
            &[("train loss", 3.21), ("lr", 1e-4)],
        );
        expect(
            "2025-01-02 03:04:05 INFO step=100 loss=3.21 ppl=24.8 eta=0:01:02",
            100,
            None,
            &[("loss", 3.21), ("ppl", 24.8)],
        );
        expect(
            "step: 1,200  acc: 0  loss: 5.1000  grad: 1.2e+00  wps: 1.6e+05  iter: 0.1  mem: 30%",
            1200,
            None,
            &[("acc", 0.0), ("loss", 5.1), ("grad", 1.2), ("wps", 1.6e5), ("iter", 0.1), ("mem", 30.0)],
        );
        expect(
            "[INFO] iteration: 10 / 100 | consumed_tokens: 1.02M | lm_loss: 10.9",
            10,
            Some(100),
            &[("consumed_tokens", 1.02e6), ("lm_loss", 10.9)],
        );
    }

    #[test]
    fn a_bar_with_metrics_counts_on_over_epochs() {
        let line = "Epoch 2:  12%|█▏        | 120/1000 [00:10<01:10, 12.0it/s, v_num=0, train_loss=3.2]";
        expect(line, 120, Some(1000), &[("v_num", 0.0), ("train_loss", 3.2)]);
        let found = metric_line(line.as_bytes()).unwrap();
        assert_eq!((found.epoch, found.bar), (Some((2, None)), true));
    }

    #[test]
    fn lines_of_programs_without_a_format_of_their_own() {
        for (program, line, step, total, values) in [
            (
                "nanochat",
                "step 00010/21400 (0.05%) | loss: 9.123456 | lrm: 1.00 | dt: 402.12ms | tok/sec: 1,303,811 | bf16_mfu: 45.20",
                10,
                Some(21400),
                &[("loss", 9.123456), ("lrm", 1.0), ("dt", 402.12), ("tok/sec", 1_303_811.0), ("bf16_mfu", 45.2)][..],
            ),
            (
                "NeMo 1",
                "Epoch 0: :  10%|█         | 10/100 [00:12<01:50, reduced_train_loss=10.90, global_step=9.000, consumed_samples=80.0]",
                9,
                None,
                &[("reduced_train_loss", 10.9), ("consumed_samples", 80.0)],
            ),
            (
                "DeepSpeed's pipeline engine",
                "steps: 10 loss: 10.4012 iter time (s): 1.201 samples/sec: 26.650",
                10,
                None,
                &[("loss", 10.4012), ("samples/sec", 26.65)],
            ),
            (
                "LitGPT",
                "Epoch 1 | iter 200 step 50 | loss train: 3.110, val: 3.300 | iter time: 120.30 ms (step) remaining time: 0:10:00",
                200,
                None,
                &[("loss train", 3.11), ("val", 3.3), ("time", 120.3)],
            ),
            (
                "flame",
                "step:    1,200 token:   1,258,291,200  loss:  3.1234  lr: 1.0000e-04 gnorm:  2.00 memory: 12.00GiB tgs:  12,345 mfu: 12.34%",
                1200,
                None,
                &[
                    ("token", 1_258_291_200.0),
                    ("loss", 3.1234),
                    ("lr", 1e-4),
                    ("gnorm", 2.0),
                    ("memory", 12.0),
                    ("tgs", 12_345.0),
                    ("mfu", 12.34),
                ],
            ),
        ] {
            let values: Vec<_> = values.iter().map(|(name, value)| (name.as_bytes(), *value)).collect();
            let found = metric_line(line.as_bytes()).unwrap();
            assert_eq!((found.step, found.values), (Some((step, total)), values), "{program}");
        }
    }

    #[test]
    fn objects_are_read_whatever_stands_before_them() {
        expect(
            r#"2025-01-02 03:04:05 | INFO | train_inner | {"epoch": 1, "update": 0.1, "loss": "12.3", "ppl": "5000.1", "num_updates": "100", "lr": "1e-05", "note": "x"}"#,
            100,
            None,
            &[("epoch", 1.0), ("update", 0.1), ("loss", 12.3), ("ppl", 5000.1), ("lr", 1e-5)],
        );
        expect(
            r#"2025-01-02 03:04:05 | INFO | valid | {"epoch": 1, "valid_loss": "11.0", "valid_num_updates": "200"}"#,
            200,
            None,
            &[("epoch", 1.0), ("valid_loss", 11.0)],
        );
        expect(
            r#"INFO:root:{"step": 7, "loss": NaN, "x": {"y": 1}}"#.replace("NaN", "2.5").as_str(),
            7,
            None,
            &[("loss", 2.5)],
        );
        for line in [
            r#"INFO {"loss": 2.5}"#,
            r#"INFO {"step": 7, "lr": 1, "note": "loss"}"#,
            r#"INFO {"step": 1.5, "loss": 2}"#,
        ] {
            assert_eq!(metric_line(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn other_lines_are_left_alone() {
        for line in [
            "step 100 loss 3,21",
            "loss scale: 4096 at step 12",
            "step 12",
            "Loss of 3 packets at step 4",
            "iter = iter(loader); loss = model(x)",
            "print(f\"step {step} loss {loss:.4f}\")",
            "the loss at step one is 3.2",
            "",
        ] {
            assert_eq!(metric_line(line.as_bytes()), None, "{line}");
        }
    }
}
