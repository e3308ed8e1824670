//! Grammar of Megatron's log lines.

use crate::ingest::formats::scan::{after_first, integer_after_spaces, needles, number, whole_number};
use memchr::memmem::find;
use memchr::{memchr, memchr_iter, memrchr};

needles! {
    ITERATION = "iteration";
    AT_END = " at the end of training";
}

/// A quick no for lines that are neither of an iteration nor of an evaluation.
pub(super) fn may_have_metrics(line: &[u8]) -> bool {
    ITERATION.find(line).is_some() || AT_END.find(line).is_some()
}

/// Where an iteration line says that it is one.
pub(super) struct Marker<'a> {
    pub(super) before: &'a [u8],
    pub(super) iteration: i64,
    pub(super) total: i64,
    pub(super) segments: &'a [u8],
}

/// `iteration 200/ 148693 |`, anywhere in the line: launchers put their own marks in front.
pub(super) fn marker(line: &[u8]) -> Option<Marker<'_>> {
    for at in ITERATION.find_iter(line) {
        let after = &line[at + ITERATION.needle().len()..];
        if !after.first().is_some_and(u8::is_ascii_whitespace) {
            continue;
        }
        let parsed = integer_after_spaces(after).and_then(|(iteration, rest)| {
            let rest = rest.trim_ascii_start().strip_prefix(b"/")?;
            let (total, rest) = integer_after_spaces(rest)?;
            // NeMo's first versions had a colon there.
            let rest = rest.strip_prefix(b":").unwrap_or(rest);
            let segments = rest.trim_ascii_start().strip_prefix(b"|")?;
            Some(Marker { before: &line[..at], iteration, total, segments })
        });
        // NeMo counts the batches of a validation in the same way.
        if parsed.is_some() && find(&line[..at], b"alidation").is_none() {
            return parsed;
        }
    }
    None
}

/// A line of evaluation results: what was evaluated, the step where it is said, and the segments.
pub(super) struct Evaluation<'a> {
    pub(super) set: &'a [u8],
    pub(super) step: Option<i64>,
    pub(super) segments: &'a [u8],
}

/// `validation loss at iteration 200 | …`, `test loss at the end of training for test data | …`.
pub(super) fn evaluation(line: &[u8]) -> Option<Evaluation<'_>> {
    let bar = memchr(b'|', line)?;
    let (title, segments) = (&line[..bar], &line[bar + 1..]);
    let (at, length) = [&b" loss at "[..], b" results at "].iter().find_map(|n| Some((find(title, n)?, n.len())))?;
    let place = &title[at + length..];
    let step = match place.strip_prefix(b"iteration ") {
        Some(step) => Some(integer_after_spaces(step)?.0),
        None if place.starts_with(b"the end of training") => None,
        None => return None,
    };
    let set = title[..at].rsplit(u8::is_ascii_whitespace).next()?;
    let set = if find(place, b" test ").is_some() { &b"test"[..] } else { set };
    // Forks print other things 'at iteration'; the results of an evaluation are named so.
    let results = [&b" value: "[..], b" PPL: ", b" value="].iter().any(|name| find(segments, name).is_some());
    (results && !set.is_empty()).then_some(Evaluation { set, step, segments })
}

/// `name: number` with spaces around; `name number` in Megatron of 2019 and what was made of it (GLM, CogView, FlagAI);
/// `name: number/average` in Primus.
pub(super) fn segment(text: &[u8]) -> Option<(&[u8], f64)> {
    let text = text.trim_ascii();
    let end = memrchr(b':', text).or_else(|| memrchr(b' ', text))?;
    let value = &text[end + 1..];
    let value = whole_number(value).or_else(|| {
        let slash = memchr(b'/', value)?;
        whole_number(&value[slash + 1..]).and(whole_number(&value[..slash]))
    })?;
    let name = text[..end].trim_ascii();
    (!name.is_empty() && name.len() <= 200).then_some((name, value))
}

/// `lm loss value=8.982337lm loss PPL=7961.216`, as epfLLM's Megatron-LLM prints the results of an evaluation.
pub(super) fn equations(mut text: &[u8], mut each: impl FnMut(&[u8], f64)) {
    while let Some(equals) = memchr(b'=', text) {
        let (name, rest) = (text[..equals].trim_ascii(), &text[equals + 1..]);
        let Some((value, length)) = number(rest) else { return };
        each(name, value);
        text = &rest[length..];
    }
}

pub(super) fn segments(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'|', text).chain(std::iter::once(text.len())).map(move |end| {
        let part = &text[start.min(end)..end];
        start = end + 1;
        part
    })
}

/// The step of a line of NeMo's, whose iteration begins again in every epoch.
pub(super) fn nemo_step(marker: &Marker<'_>) -> Option<i64> {
    let number = |text: &[u8], name: &[u8]| integer_after_spaces(after_first(text, name)?).map(|(number, _)| number);
    number(marker.segments, b"global_step:").or_else(|| {
        // 'iteration 8/9' is the ninth of ten.
        let epoch = number(marker.before, b"poch ")?;
        epoch.checked_mul(marker.total.checked_add(1)?)?.checked_add(marker.iteration)
    })
}

/// Whether a segment is the loss that training minimises, by its name: not a loss of routers or of extra predictions,
/// and not the loss scale.
pub(super) fn is_main_loss(name: &[u8]) -> bool {
    name == b"lm loss"
        || find(name, b"loss").is_some()
            && [&b"scale"[..], b"balanc", b"z_loss", b"z loss", b"mtp", b"moe", b"aux", b"router", b"ppl", b"indexer"]
                .iter()
                .all(|other| find(name, other).is_none())
}
