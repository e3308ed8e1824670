//! The line of a log at which its run came to a step: found by reading the log again, since nothing of the text is kept.

use super::formats::custom::CustomFormat;
use super::formats::{Chosen, Growth, Parser, Sink};
use super::{FileReport, packed};
use crate::open;
use crate::project::Project;
use std::io::{self, BufRead, BufReader};

/// Bytes that are looked through: a second or two.
const MOST: u64 = 1 << 28;
/// A record is no longer than this.
const RECORD: usize = 1 << 20;

/// Where the line begins that has the first point at or beyond a step, bytes; `None` where the log has no such line, its lines
/// are no records, or nobody waits any more. `step_of` makes a step of the log the run's.
///
/// # Errors
/// Where the file cannot be read.
pub fn line_of_step(
    project: &Project,
    file: &FileReport,
    wanted: i64,
    step_of: &dyn Fn(i64) -> Option<i64>,
    stop: &dyn Fn() -> bool,
) -> io::Result<Option<u64>> {
    let own = CustomFormat::of(project);
    let Ok(head) = packed::beginning(&file.path, &file.file) else { return Ok(None) };
    let Ok((chosen, _)) = Chosen::recognise(&own, &file.file, &head) else { return Ok(None) };
    if chosen.growth() != Growth::Appended {
        return Ok(None);
    }
    let mut parser = chosen.parser_with(&file.file, &own);
    let mut lines = BufReader::with_capacity(1 << 16, open::regular(&file.path)?);
    find(parser.as_mut(), &mut lines, &|step| step_of(step).is_some_and(|step| step >= wanted), stop)
}

/// The first line whose points have such a step.
fn find(
    parser: &mut dyn Parser,
    lines: &mut dyn BufRead,
    is_there: &dyn Fn(i64) -> bool,
    stop: &dyn Fn() -> bool,
) -> io::Result<Option<u64>> {
    let (mut sink, mut record, mut at) = (Sink::default(), Vec::new(), 0u64);
    while at < MOST && record.len() < RECORD && !stop() {
        let read = lines.read_until(b'\n', &mut record)?;
        let Ok(used) = parser.feed(&record, read == 0, &mut sink) else { return Ok(None) };
        if sink.points.iter().any(|point| is_there(point.step)) {
            return Ok(Some(at));
        }
        if read == 0 {
            break;
        }
        sink.clear();
        record.drain(..used.min(record.len()));
        at += read as u64;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::{self, Format};

    #[test]
    fn the_line_of_a_step_is_found_in_every_format_that_has_lines() {
        let mut tried = 0;
        for format in formats::all().iter().filter(|format| format.growth() == Growth::Appended && !format.framed()) {
            for example in format.examples() {
                // All steps with the line that each stands on, told by feeding the lines one by one.
                let mut all = Sink::default();
                let Ok(_) = format.parser("log.txt").feed(example.as_bytes(), true, &mut all) else { continue };
                let steps: Vec<i64> = all.points.iter().map(|point| point.step).collect();
                let Some(last) = steps.iter().max() else { continue };
                let look = |wanted: i64| {
                    let mut parser = format.parser("log.txt");
                    find(parser.as_mut(), &mut example.as_bytes(), &|step| step >= wanted, &|| false).unwrap()
                };
                let place = look(*last).unwrap_or_else(|| panic!("{}: step {last} of {example:?}", format.name()));
                let place = usize::try_from(place).unwrap();
                assert!(place == 0 || example.as_bytes()[place - 1] == b'\n', "{}", format.name());
                // What stands before it does not come to that step.
                let mut before = Sink::default();
                let _ = format.parser("log.txt").feed(&example.as_bytes()[..place], false, &mut before);
                assert!(before.points.iter().all(|point| point.step < *last), "{}", format.name());
                assert_eq!(look(last + 1), None, "{}", format.name());
                tried += 1;
            }
        }
        assert!(tried >= 10, "{tried} examples");
    }

    #[test]
    fn what_is_endless_or_not_waited_for_is_given_up() {
        let line = "{\"step\": 1, \"loss\": 2.5}\n";
        let look = |text: &str, stop: bool| {
            let mut parser = formats::jsonl::Jsonl.parser("a.jsonl");
            find(parser.as_mut(), &mut text.as_bytes(), &|step| step >= 1, &|| stop).unwrap()
        };
        assert_eq!((look(line, false), look(line, true)), (Some(0), None));
        assert_eq!(look(&"x".repeat(2 * RECORD), false), None);
        let later = format!("\n\n{}", line);
        assert_eq!(look(&later, false), Some(2));
    }
}
