//! Histories in one JSON document: a list of records (`[{"step": 10, "loss": 2.5}, …]`), or lists of values (`{"loss": [2.5, …]}`,
//! what scripts make of Keras' `History.history`, whose `on_epoch_end` appends to a list for each key), either of them perhaps under
//! `history` and its like; and W&B's `wandb-summary.json` (wandb/wandb, wandb/sdk/lib/filenames.py), the last value of each metric.
//!
//! Each record is read as a JSON line is ([`super::jsonl`]), so that all its rules hold. A list that is not closed counts as far as
//! it goes: scripts append to one, too.

use super::facets::is_measured;
use super::jsonl::{COUNTS, Jsonl, STEP_KEYS};
use super::python_json::{self, Broken, Reader, Token};
use super::scan::{LONGEST_STEP, ODD_STEP};
use super::{Format, FormatError, Growth, Parser, Recognition, Sink};
use std::ops::Range;

/// The format.
pub struct JsonHistory;

/// Keys under which a document may have its history.
const AROUND: [&str; 8] = ["history", "logs", "log", "metrics", "records", "train_log", "log_history", "results"];

impl Format for JsonHistory {
    fn name(&self) -> &'static str {
        "json-history"
    }

    fn growth(&self) -> Growth {
        Growth::Rewritten
    }

    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        if name == "wandb-summary.json" {
            let why = "the last value of each metric, from W&B".to_owned();
            return (text.first() == Some(&b'{')).then_some(Recognition { confidence: 80, why });
        }
        if !matches!(text.first(), Some(b'{' | b'[')) || !(name.ends_with(".json") || text.first() == Some(&b'[')) {
            return None;
        }
        let mut sink = Sink::default();
        let (records, lists) = find(text);
        let why = match lists {
            true => "a JSON document with lists of values",
            false => "a JSON document with a list of records",
        };
        read(text, records, lists, &mut sink).ok()?;
        let measured = sink.points.iter().any(|p| is_measured(&sink.metrics()[p.metric as usize]));
        let steps = sink.points.windows(2).any(|two| two[0].step != two[1].step);
        (measured && steps).then(|| Recognition { confidence: 70, why: why.to_owned() })
    }

    fn examples(&self) -> &'static [&'static str] {
        &[
            "[\n {\"step\": 10, \"loss\": 2.5},\n {\"step\": 20, \"loss\": NaN, \"note\": \"]}\"}\n]\n",
            "{\"lr\": 0.1, \"history\": {\"epoch\": [1, 2], \"loss\": [2.5, 2], \"val_loss\": [3, null]}}",
        ]
    }

    fn parser(&self, path: &str) -> Box<dyn Parser> {
        Box::new(Document { summary: path.ends_with("wandb-summary.json") })
    }
}

struct Document {
    summary: bool,
}

impl Parser for Document {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        if !last {
            return Ok(0);
        }
        let bom = if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let text = &input[bom..];
        let points = sink.points.len();
        if self.summary {
            // A document that is being written is read when it is whole.
            if python_json::value(text).is_none() {
                return Err(FormatError::Stuck("truncated: still being written, or the writer stopped".into()));
            }
            lines(std::slice::from_ref(&(0..text.len())), text, sink);
            return Ok(input.len());
        }
        let (records, lists) = find(text);
        if read(text, records, lists, sink).is_err() && sink.points.len() == points {
            return Err(FormatError::Stuck("truncated: still being written, or the writer stopped".into()));
        }
        Ok(input.len())
    }
}

/// Where the history begins, and whether it is of lists.
fn find(text: &[u8]) -> (usize, bool) {
    if text.first() == Some(&b'[') {
        return (0, false);
    }
    for key in AROUND {
        let quoted = format!("\"{key}\"");
        for at in memchr::memmem::find_iter(text, quoted.as_bytes()) {
            let rest = &text[at + quoted.len()..];
            let behind = rest.trim_ascii_start();
            let Some(behind) = behind.strip_prefix(b":").map(<[u8]>::trim_ascii_start) else { continue };
            let start = text.len() - behind.len();
            match behind {
                [b'[', inner @ ..] if inner.trim_ascii_start().first() == Some(&b'{') => return (start, false),
                [b'{', ..] => return (start, true),
                _ => {}
            }
        }
    }
    (0, true)
}

fn read(text: &[u8], start: usize, lists: bool, sink: &mut Sink) -> Result<(), Broken> {
    if lists {
        return transposed(&text[start..], sink);
    }
    let records = objects(text, start + 1);
    lines(&records, text, sink);
    Ok(())
}

/// Where the objects are that a list has, whole ones.
fn objects(text: &[u8], from: usize) -> Vec<Range<usize>> {
    let (mut found, mut depth, mut start, mut at) = (Vec::new(), 0_usize, from, from);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while text.get(at).is_some_and(|b| *b != b'"') {
                    at += 1 + usize::from(text[at] == b'\\');
                }
            }
            b'{' | b'[' => {
                start = if depth == 0 { at } else { start };
                depth += 1;
            }
            b'}' | b']' => {
                if depth == 0 {
                    break;
                }
                depth -= 1;
                if depth == 0 && text[start] == b'{' {
                    found.push(start..at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads records as lines.
fn lines(records: &[Range<usize>], text: &[u8], sink: &mut Sink) {
    let mut joined = Vec::with_capacity(text.len());
    for record in records {
        // A line break in a text of JSON is written as an escape.
        joined.extend(text[record.clone()].iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }));
        joined.push(b'\n');
    }
    // What cannot be read is reported to the sink.
    let _ = Jsonl.parser("").feed(&joined, true, sink);
}

/// Reads lists of values, each under its name, as records.
fn transposed(text: &[u8], sink: &mut Sink) -> Result<(), Broken> {
    let mut reader = Reader::new(text);
    let mut lists: Vec<(String, Vec<Option<f64>>)> = Vec::new();
    if reader.event()? != Some(Token::Object) {
        return Ok(());
    }
    while let Some(token) = reader.event()? {
        let Token::Key(key) = token else { break };
        let key = key.into_owned();
        match reader.event()? {
            Some(Token::Array) => lists.push((key, numbers(&mut reader)?)),
            Some(Token::Object) => reader.leave()?,
            _ => {}
        }
    }
    let is_axis =
        |name: &str| STEP_KEYS.contains(&name) || COUNTS.contains(&name) || matches!(name, "epoch" | "epochs");
    let length = lists.iter().filter(|(name, _)| is_measured(name)).map(|(_, values)| values.len()).max().unwrap_or(0);
    lists.retain(|(_, values)| length >= 2 && values.len() == length);
    let axis = lists.iter().position(|(name, _)| is_axis(name));
    for row in 0..length {
        // Epochs are counted from one where nothing else is.
        let step = axis.and_then(|axis| lists[axis].1[row]).unwrap_or((row + 1) as f64);
        if step.abs() >= LONGEST_STEP {
            sink.damaged(0, ODD_STEP);
            continue;
        }
        for (name, values) in &lists {
            if let Some(value) = values[row] {
                let metric = sink.metric(name);
                sink.point(metric, step as i64, value, f64::NAN);
            }
        }
    }
    Ok(())
}

/// The numbers of a list that has begun; a list of anything else is empty.
fn numbers(reader: &mut Reader<'_>) -> Result<Vec<Option<f64>>, Broken> {
    let mut values = Vec::new();
    let mut other = false;
    loop {
        match reader.event()? {
            Some(Token::Number(value)) => values.push(Some(value)),
            Some(Token::Null) => values.push(None),
            Some(Token::Object | Token::Array) => {
                other = true;
                reader.leave()?;
            }
            Some(Token::End) | None => break,
            _ => other = true,
        }
    }
    Ok(if other { Vec::new() } else { values })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(path: &str, text: &str) -> Vec<(String, i64, f64)> {
        assert!(JsonHistory.recognise(path, text.as_bytes()).is_some(), "{text}");
        let mut sink = Sink::default();
        assert_eq!(JsonHistory.parser(path).feed(text.as_bytes(), true, &mut sink), Ok(text.len()));
        sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect()
    }

    fn losses(text: &str) -> Vec<(String, i64, f64)> {
        read_all("run/history.json", text).into_iter().filter(|p| p.0.contains("loss")).collect()
    }

    #[test]
    fn records_and_lists_are_read() {
        let loss = |step, value| ("loss".to_owned(), step, value);
        let two = [loss(10, 2.5), loss(20, 2.0)];
        for text in [
            "[{\"step\": 10, \"loss\": 2.5}, {\"step\": 20, \"loss\": 2.0}]",
            "[\n  {\n    \"step\": 10,\n    \"loss\": 2.5\n  },\n  {\n    \"step\": 20,\n    \"loss\": 2.0\n  }\n]",
            "[\n{\"step\": 10, \"loss\": 2.5},\n{\"step\": 20, \"loss\": 2.0},\n{\"step\": 30, \"lo",
            "{\"steps\": [10, 20], \"loss\": [2.5, 2.0], \"names\": [\"a\"]}",
            "{\"lr\": 0.1, \"history\": [{\"step\": 10, \"loss\": 2.5}, {\"step\": 20, \"loss\": 2.0}]}",
            "{\"args\": {\"a\": [1]}, \"metrics\": {\"step\": [10, 20], \"loss\": [2.5, 2.0]}}",
        ] {
            assert_eq!(losses(text), two, "{text}");
        }
        assert_eq!(losses("{\"loss\": [2.5, 2.0], \"val_loss\": [3, null]}").len(), 3, "of Keras");
        let summary =
            read_all("files/wandb-summary.json", "{\"_step\": 300,\n \"loss\": 2.5, \"_wandb\": {\"runtime\": 5}}");
        assert!(summary.contains(&loss(300, 2.5)));
    }

    #[test]
    fn configurations_are_no_histories() {
        for (path, text) in [
            ("config.json", "{\"data\": {\"weights\": [0.25, 0.75]}, \"steps\": [1, 2]}"),
            ("config.json", "{\"model\": \"x\", \"loss\": \"mse\", \"layers\": [1, 2]}"),
            ("data.json", "[{\"text\": \"a\", \"id\": 1}, {\"text\": \"b\", \"id\": 2}]"),
            ("data.json", "[[1, 2], [3, 4]]"),
            ("x.log", "[2025-01-02] step 10 loss 2.5"),
        ] {
            assert_eq!(JsonHistory.recognise(path, text.as_bytes()), None, "{text}");
        }
        assert!(JsonHistory.parser("a.json").feed(b"{\"loss\": [1, 2", true, &mut Sink::default()).is_err());
    }
}
