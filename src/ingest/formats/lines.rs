//! Splitting of console output into lines, with the effects of terminals, progress bars and job schedulers removed.
//!
//! A line ends at `\n`, `\r` or both: a progress bar redraws itself after `\r`, so each of its states is a line of its
//! own, and what is printed over it is too. NUL bytes stand where a machine went down, or where a log was cut while its writer
//! went on: what is before them on a line was never whole, and what follows is a line of its own. Colours are stripped. Only whole lines are read; the last one of a file may
//! lack its line break when the file is known to be complete.

use super::chorus::{Chorus, rank};
use super::saved::{self, Reader};
use super::{FormatError, Parser, Sink};
use memchr::{memchr, memchr3_iter};

/// Lines longer than this many bytes are skipped and reported. Writers print configurations of some hundred KiB on one
/// line; no metric line comes near it.
pub const LONGEST_LINE: usize = 1 << 20;

const ESCAPE: u8 = 0x1b;

/// One line, without its end and without colours.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// The bytes; not necessarily UTF-8.
    pub text: &'a [u8],
    /// From 1, counting `\n` only, as editors do.
    pub number: u64,
    /// Bytes from the start of the input to the start of the line.
    pub start: usize,
}

/// Splits input into lines and remembers, between calls, what must be remembered.
#[derive(Debug, Default, Clone)]
pub struct LineReader {
    newlines: u64,
    skipping: bool,
    stripped: Vec<u8>,
    chorus: Chorus,
}

impl LineReader {
    /// A reader that has seen `newlines` line breaks before.
    #[must_use]
    pub fn after(newlines: u64) -> Self {
        Self { newlines, ..Self::default() }
    }

    /// Calls `each` with every whole line of `input` and returns the bytes used. With `last`, what follows the last line
    /// break is a line too. A line over [`LONGEST_LINE`] is reported to the sink as damaged, once, however it is cut
    /// into inputs.
    pub fn read(
        &mut self,
        input: &[u8],
        last: bool,
        sink: &mut Sink,
        mut each: impl FnMut(Line<'_>, &mut Sink),
    ) -> usize {
        let coloured = memchr(ESCAPE, input).is_some();
        let mut at = 0;
        for end in memchr3_iter(b'\n', b'\r', 0, input) {
            if input[end] == 0 {
                self.skipping = false;
            } else {
                self.one(&input[at..end], at, coloured, sink, &mut each);
            }
            self.newlines += u64::from(input[end] == b'\n');
            at = end + 1;
        }
        let rest = &input[at..];
        if last && !rest.is_empty() {
            self.one(rest, at, coloured, sink, &mut each);
            return input.len();
        }
        if rest.len() > LONGEST_LINE {
            if !self.skipping {
                self.too_long(at, sink);
            }
            self.skipping = true;
            return input.len();
        }
        at
    }

    fn one(
        &mut self,
        text: &[u8],
        start: usize,
        coloured: bool,
        sink: &mut Sink,
        each: &mut impl FnMut(Line<'_>, &mut Sink),
    ) {
        if std::mem::take(&mut self.skipping) {
            return;
        }
        if text.len() > LONGEST_LINE {
            self.too_long(start, sink);
            return;
        }
        let number = self.newlines + 1;
        let from = sink.points.len();
        let mut text = text;
        if coloured && memchr(ESCAPE, text).is_some() {
            strip_colours(text, &mut self.stripped);
            text = &self.stripped;
        }
        each(Line { text, number, start }, sink);
        if sink.points.len() > from {
            self.chorus.hear(rank(text), from, sink);
        }
    }

    fn too_long(&self, start: usize, sink: &mut Sink) {
        let number = self.newlines + 1;
        sink.damaged(start, format!("line {number} is longer than {} MiB and was skipped", LONGEST_LINE >> 20));
    }

    /// Line breaks seen so far.
    #[must_use]
    pub fn newlines(&self) -> u64 {
        self.newlines
    }

    /// Goes back to where line `number` begins, so that it is read again.
    pub(super) fn rewind_to(&mut self, number: u64) {
        self.newlines = number.saturating_sub(1);
    }

    pub(super) fn save(&self, to: &mut Vec<u8>) {
        saved::unsigned(to, self.newlines << 1 | u64::from(self.skipping));
        self.chorus.save(to);
    }

    pub(super) fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let packed = from.unsigned()?;
        self.newlines = packed >> 1;
        self.skipping = packed & 1 == 1;
        self.chorus = Chorus::resume(from)?;
        Some(())
    }
}

/// The line that a stretch up to a line break shows in the end, without its break and without colours: a bar that redraws itself
/// is what stands there last.
pub(super) fn plain<'a>(stretch: &'a [u8], stripped: &'a mut Vec<u8>) -> &'a [u8] {
    let text = stretch.strip_suffix(b"\n").unwrap_or(stretch);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let text = memchr::memrchr2(b'\r', 0, text).map_or(text, |at| &text[at + 1..]);
    if memchr(ESCAPE, text).is_none() {
        return text;
    }
    strip_colours(text, stripped);
    stripped
}

/// Copies `text` to `to` without escape sequences: CSI (`ESC [ … letter`), OSC (`ESC ] … BEL` or `ESC \`), and the short
/// ones (`ESC` and one byte).
fn strip_colours(text: &[u8], to: &mut Vec<u8>) {
    to.clear();
    let mut rest = text;
    while let Some(escape) = memchr(ESCAPE, rest) {
        to.extend_from_slice(&rest[..escape]);
        rest = &rest[escape + 1..];
        let length = match rest.first() {
            Some(b'[') => rest[1..].iter().position(|b| (0x40..=0x7e).contains(b)).map_or(rest.len(), |i| i + 2),
            Some(b']') => match rest.iter().position(|b| matches!(*b, 0x07 | ESCAPE)) {
                Some(end) if rest[end] == ESCAPE => (end + 2).min(rest.len()),
                Some(end) => end + 1,
                None => rest.len(),
            },
            Some(_) => 1,
            None => 0,
        };
        rest = &rest[length..];
    }
    to.extend_from_slice(rest);
}

/// What one console format does with one line after another.
pub trait LineParser: Send {
    /// A byte that tells saved states of different formats apart.
    fn tag(&self) -> u8;

    /// Reads one line.
    fn line(&mut self, line: Line<'_>, sink: &mut Sink);

    /// The file is complete, or has been quiet for long: what was held back may be given out.
    fn end(&mut self, sink: &mut Sink) {
        let _ = sink;
    }

    /// Writes what must be known to go on at the next line.
    fn save(&self, to: &mut Vec<u8>) {
        let _ = to;
    }

    /// Takes up what [`LineParser::save`] wrote; `None` where it is not that.
    fn resume(&mut self, from: &mut Reader<'_>) -> Option<()> {
        let _ = from;
        Some(())
    }
}

/// A [`Parser`] out of a [`LineParser`].
#[derive(Debug, Default)]
pub struct ByLine<P> {
    lines: LineReader,
    parser: P,
}

impl<P: LineParser> ByLine<P> {
    /// Starts at the beginning of a file, or after `newlines` line breaks that someone else has read.
    pub fn after(newlines: u64, parser: P) -> Self {
        Self { lines: LineReader::after(newlines), parser }
    }
}

impl<P: LineParser> Parser for ByLine<P> {
    fn feed(&mut self, input: &[u8], last: bool, sink: &mut Sink) -> Result<usize, FormatError> {
        let parser = &mut self.parser;
        let used = self.lines.read(input, last, sink, |line, sink| parser.line(line, sink));
        if last {
            parser.end(sink);
        }
        Ok(used)
    }

    fn save(&self) -> Vec<u8> {
        let mut to = vec![self.parser.tag()];
        self.lines.save(&mut to);
        self.parser.save(&mut to);
        to
    }

    fn resume(&mut self, saved: &[u8]) -> Result<(), FormatError> {
        let mut from = Reader::new(saved);
        let tag = self.parser.tag();
        let read = from
            .byte()
            .filter(|t| *t == tag)
            .and_then(|_| self.lines.resume(&mut from))
            .and_then(|()| self.parser.resume(&mut from))
            .filter(|()| from.is_empty());
        read.ok_or(FormatError::OtherParser)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(input: &[u8], last: bool) -> (Vec<(String, u64)>, usize) {
        let mut seen = Vec::new();
        let used = LineReader::default().read(input, last, &mut Sink::default(), |line, _| {
            seen.push((String::from_utf8_lossy(line.text).into_owned(), line.number));
        });
        (seen, used)
    }

    #[test]
    fn a_progress_bar_is_many_lines_with_one_number() {
        let (seen, used) = lines(b"a\r\n 1%\r 2%\rdone\nopen", false);
        let texts: Vec<(&str, u64)> = seen.iter().map(|(t, n)| (t.as_str(), *n)).collect();
        assert_eq!(texts, [("a", 1), ("", 1), (" 1%", 2), (" 2%", 2), ("done", 2)]);
        assert_eq!(used, 16, "the open line is not used");
        assert_eq!(lines(b"x\nopen", true).0[1].0, "open");
    }

    #[test]
    fn colours_titles_and_broken_sequences_are_stripped() {
        for (text, stripped) in [
            (&b"\x1b[31mstep:  1  \x1b[38;2;180;60;0mloss\x1b[0m"[..], "step:  1  loss"),
            (b"\x1b]0;title\x07a\x1b]8;;http://x\x1b\\b", "ab"),
            (b"a\x1b(b", "ab"),
            (b"a\x1b[31", "a"),
            (b"a\x1b", "a"),
        ] {
            assert_eq!(lines(&[text, b"\n"].concat(), false).0[0].0, stripped);
        }
    }

    #[test]
    fn nul_bytes_end_what_was_never_whole() {
        let (seen, used) = lines(b"a\nhalf a li\0\0\0b\n\0\0c\n\0", false);
        let texts: Vec<(&str, u64)> = seen.iter().map(|(t, n)| (t.as_str(), *n)).collect();
        assert_eq!((&texts[..], used), (&[("a", 1), ("b", 2), ("c", 3)][..], 21));
    }

    #[test]
    fn a_line_over_the_cap_is_skipped_once_however_it_is_cut() {
        let mut long = vec![b'x'; LONGEST_LINE + 10];
        long.extend_from_slice(b"\nnext\n");
        for cut in [0, 5, LONGEST_LINE + 2, LONGEST_LINE + 11, long.len()] {
            let mut reader = LineReader::default();
            let (mut sink, mut seen) = (Sink::default(), Vec::new());
            let mut take = |line: Line<'_>, _: &mut Sink| seen.push(line.number);
            let used = reader.read(&long[..cut], false, &mut sink, &mut take);
            reader.read(&long[used..], false, &mut sink, &mut take);
            assert_eq!((seen, sink.damage.len()), (vec![2], 1), "cut at {cut}");
        }
    }
}
