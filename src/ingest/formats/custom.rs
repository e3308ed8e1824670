//! User-defined line formats from the project file.

use super::console::may_be_console;
use super::lines::{ByLine, Line, LineParser, LineReader};
use super::saved::{self, Reader};
use super::scan::{ODD_STEP, number_with_commas, whole_step};
use super::{Format, Parser, Recognition, Sink};
use crate::project::Project;
use crate::project::line_format::LinePattern;
use regex::bytes::Captures;
use std::sync::Arc;

/// A line format of the project as a format like the others.
#[derive(Debug, Clone)]
pub struct CustomFormat(Arc<LinePattern>);

impl CustomFormat {
    /// The format of a pattern.
    #[must_use]
    pub fn new(pattern: Arc<LinePattern>) -> Self {
        Self(pattern)
    }

    /// Those that a project describes.
    #[must_use]
    pub fn of(project: &Project) -> Vec<Self> {
        project.formats.iter().cloned().map(Self).collect()
    }

    /// Name and meaning: what was read by one pattern is not what another of the same name would have read.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.0.identity
    }

    /// Whether a line holds a value.
    pub(super) fn matches(&self, line: &[u8]) -> bool {
        self.0.regex.captures(line).is_some_and(|found| values(&self.0, &found, |_, _| {}))
    }

    /// A parser that goes on after `newlines` line breaks that someone else has read.
    pub(super) fn parser_after(&self, newlines: u64) -> Box<dyn Parser> {
        Box::new(ByLine::after(newlines, CustomParser { pattern: Arc::clone(&self.0), matched: 0 }))
    }
}

/// The values a line holds: calls `each` with key and value. Returns whether there were any.
fn values<'t>(pattern: &LinePattern, found: &Captures<'t>, mut each: impl FnMut(&[u8], f64)) -> bool {
    let value = |group: usize| found.get(group).and_then(|m| Some(number_with_commas(m.as_bytes().trim_ascii())?.0));
    let mut any = false;
    if let Some((metric, group)) = pattern.named
        && let (Some(key), Some(value)) = (found.get(metric), value(group))
    {
        each(key.as_bytes(), value);
        any = true;
    }
    for (group, key) in &pattern.keyed {
        if let Some(value) = value(*group) {
            each(key.as_bytes(), value);
            any = true;
        }
    }
    any
}

impl Format for CustomFormat {
    fn name(&self) -> &str {
        &self.0.name
    }

    /// What the user describes goes before everything that recognises itself.
    fn recognise(&self, path: &str, head: &[u8]) -> Option<Recognition> {
        if !may_be_console(path, head) {
            return None;
        }
        let (mut matches, mut first) = (0u32, 0);
        LineReader::default().read(head, true, &mut Sink::default(), |line, _| {
            if self.matches(line.text) {
                matches += 1;
                first = if matches == 1 { line.number } else { first };
            }
        });
        (matches > 0).then(|| Recognition {
            confidence: 100,
            why: format!(
                "{matches} of its first lines match the line format '{}' of the project file, the first on line {first}",
                self.0.name
            ),
        })
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        self.parser_after(0)
    }
}

#[derive(Debug)]
struct CustomParser {
    pattern: Arc<LinePattern>,
    matched: i64,
}

impl LineParser for CustomParser {
    fn tag(&self) -> u8 {
        b'c'
    }

    fn line(&mut self, line: Line<'_>, sink: &mut Sink) {
        let pattern = Arc::clone(&self.pattern);
        let Some(found) = pattern.regex.captures(line.text) else { return };
        let number = |group: Option<usize>| {
            let text = found.get(group?)?.as_bytes().trim_ascii();
            number_with_commas(text).map(|(value, _)| value)
        };
        let step = match pattern.step {
            None => self.matched + 1,
            // A step that is no whole number is no step.
            Some(group) => match number(Some(group)) {
                Some(step) => match whole_step(step) {
                    Some(step) => step,
                    None => return sink.damaged(line.start, ODD_STEP),
                },
                None => return,
            },
        };
        let wall = number(pattern.wall).unwrap_or(f64::NAN);
        let any = values(&pattern, &found, |key, value| {
            let index = sink.metric_bytes(key);
            sink.point(index, step, value, wall);
        });
        self.matched += i64::from(any);
    }

    fn save(&self, to: &mut Vec<u8>) {
        saved::signed(to, self.matched);
    }

    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        self.matched = from.signed()?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::project::line_format::LineFormat;

    fn format(pattern: &str, metrics: &[(&str, &str)]) -> CustomFormat {
        let metrics = metrics.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let described = LineFormat { name: "ours".to_owned(), pattern: pattern.to_owned(), metrics };
        CustomFormat::new(Arc::new(described.compile().unwrap()))
    }

    fn points(format: &CustomFormat, text: &str) -> Vec<(String, i64, f64)> {
        let mut sink = Sink::default();
        format.parser("x.log").feed(text.as_bytes(), true, &mut sink).unwrap();
        sink.points.iter().map(|p| (sink.metrics()[p.metric as usize].clone(), p.step, p.value)).collect()
    }

    #[test]
    fn groups_name_metrics_and_the_step() {
        let ours = format(r"upd (?<step>[\d,]+) nll=(?<nll>\S+)(?: val=(?<val>\S+))?", &[("val", "eval/prose/loss")]);
        let text = "start\nupd 10 nll=3.5\nupd 1,020 nll=nan val=2.5\nupd 1.5 nll=1\nupd 30 nll=none\n";
        let read = points(&ours, text);
        assert_eq!(read.len(), 3, "{read:?}");
        assert_eq!(read[0], ("nll".to_owned(), 10, 3.5));
        assert!(read[1].2.is_nan());
        assert_eq!(read[2], ("eval/prose/loss".to_owned(), 1020, 2.5));
        let why = ours.recognise("a/train.log", text.as_bytes()).unwrap();
        assert_eq!((why.confidence, why.why.contains("line 2")), (100, true), "{why:?}");
        assert_eq!(ours.recognise("a/train.py", text.as_bytes()), None);
    }

    #[test]
    fn metric_and_value_may_be_groups_and_lines_may_be_counted() {
        let ours = format(r"^(?<metric>[a-z/]+)\s*:\s*(?<value>\S+)$", &[]);
        let read = points(&ours, "val/loss: 3\nval/loss: x\nval/loss: 2\n");
        assert_eq!(read, [("val/loss".to_owned(), 1, 3.0), ("val/loss".to_owned(), 2, 2.0)]);
    }
}
