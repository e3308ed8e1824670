//! Lines of a run's log, read from its file when somebody looks: nothing of them is kept.

use super::publisher::CurrentState;
use super::threads;
use crate::fit::Stop;
use crate::ingest::{self, FileReport};
use crate::ipc::log::{LogAnswer, LogLine, LogQuery, MOST_LINES};
use crate::ipc::protocol::Failure;
use crate::open;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes read at first on each side of the place that was asked for, …
const FIRST: u64 = 1 << 16;
/// … and at most: a search does not go further at a time.
const MOST: u64 = 1 << 24;
/// Characters of a line that are shown.
const WIDE: usize = 4_000;

/// The lines that were asked for.
///
/// # Errors
/// Where the question makes no sense, or the run is not there.
pub fn lines(query: &LogQuery, current: &CurrentState, stop: Stop<'_>) -> Result<LogAnswer, Failure> {
    if query.lines == 0 || query.lines > MOST_LINES {
        let said = format!("the request asks for {} lines", query.lines);
        return Err(Failure::usage(said, format!("request 1 to {MOST_LINES} lines")));
    }
    let run = current.snapshot.runs.iter().find(|run| run.id == query.run);
    let run = run.ok_or_else(|| Failure::new("the run is not there any more", None))?;
    let of_run = |file: &&FileReport| file.run == run.name;
    let mut files: Vec<&FileReport> = current.files.iter().map(AsRef::as_ref).filter(of_run).collect();
    if files.is_empty() {
        // A file that holds several runs is reported with the folder of all of them.
        let holds = |file: &&FileReport| run.name.strip_prefix(&file.run).is_some_and(|rest| rest.starts_with('/'));
        files = current.files.iter().map(AsRef::as_ref).filter(holds).collect();
    }
    files.sort_by_cached_key(|file| is_binary(&file.path).unwrap_or(true));
    let mut answer = LogAnswer { files: files.iter().map(|file| file.file.clone()).collect(), ..LogAnswer::default() };
    let Some(file) = files.get(query.file.min(files.len().saturating_sub(1))) else {
        answer.note = Some("No file of this run is known; its values come from a table or a tracker.".to_owned());
        return Ok(answer);
    };
    answer.file = query.file.min(files.len() - 1);
    match is_binary(&file.path) {
        Ok(false) => {}
        Ok(true) => {
            let format = file.verdict.format().unwrap_or("not text");
            answer.note = Some(format!("{} is no text file ({format}); its values are in Curves.", file.file));
            return Ok(answer);
        }
        Err(error) => {
            answer.note = Some(format!("{} cannot be read: {error}.", file.file));
            return Ok(answer);
        }
    }
    let mut query = query.clone();
    if let Some(step) = query.step.filter(|_| query.around.is_none()) {
        let record = current.records.iter().find(|record| record.id.0 == run.id);
        let of_run = |step: i64| match record {
            Some(record) => record.at_optimiser_steps(vec![(step, 0.0)]).first().map(|point| point.0),
            None => Some(step),
        };
        match ingest::line_of_step(&current.project, file, step, &of_run, &|| stop()) {
            Ok(found) => (query.around, answer.found) = (found, found),
            Err(error) => {
                answer.note = Some(format!("{} cannot be read: {error}.", file.file));
                return Ok(answer);
            }
        }
    }
    match read(&file.path, &query, stop, &mut answer) {
        Ok(true) => Ok(answer),
        Ok(false) => Err(threads::given_up()),
        Err(error) => {
            answer.note = Some(format!("{} cannot be read: {error}.", file.file));
            Ok(answer)
        }
    }
}

/// Whether a file has no lines to show: packed, or with NUL bytes at its beginning.
fn is_binary(path: &Path) -> Result<bool, open::OpenError> {
    let head = open::beginning(path, 1 << 12)?;
    let packed = head.starts_with(&[0x1f, 0x8b]) || head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    Ok(packed || head.contains(&0))
}

/// Reads lines before and behind the place; `false` where nobody waits for them any more.
fn read(path: &Path, query: &LogQuery, stop: Stop<'_>, answer: &mut LogAnswer) -> io::Result<bool> {
    let mut file = open::regular(path)?;
    let size = file.metadata()?.len();
    let (place, wanted) = (query.around.unwrap_or(size).min(size), query.lines as usize);
    let find = Find::of(query.find.as_deref().unwrap_or_default());
    let (mut behind, mut is_last) = (Vec::new(), true);
    if place < size {
        let mut length = FIRST;
        loop {
            if stop() {
                return Ok(false);
            }
            let end = place.saturating_add(length).min(size);
            let bytes = part(&mut file, place, end)?;
            behind = split(&bytes, place, end == size, &find);
            is_last = end == size && behind.len() <= wanted / 2;
            if end == size || behind.len() > wanted / 2 || length >= MOST {
                break;
            }
            length *= 8;
        }
        behind.truncate(wanted / 2);
    }
    let wanted = wanted - behind.len();
    let (mut before, mut is_first);
    let mut length = FIRST;
    loop {
        if stop() {
            return Ok(false);
        }
        let start = place.saturating_sub(length);
        let mut bytes = part(&mut file, start.saturating_sub(1), place)?;
        // What stands before the first line break belongs to a line that begins earlier.
        let mut from = start.saturating_sub(1);
        if start > 0
            && let Some(cut) = memchr::memchr(b'\n', &bytes)
            && (cut + 1 < bytes.len() || length < MOST)
        {
            from += cut as u64 + 1;
            bytes.drain(..=cut);
        }
        before = split(&bytes, from, true, &find);
        is_first = start == 0;
        if is_first || before.len() > wanted || length >= MOST {
            break;
        }
        length *= 8;
    }
    is_first &= before.len() <= wanted;
    before.drain(..before.len().saturating_sub(wanted));
    before.extend(behind);
    (answer.size, answer.lines) = (size, before);
    (answer.is_first, answer.is_last) = (is_first, is_last);
    Ok(true)
}

fn part(file: &mut File, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.by_ref().take(to - from).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Text that is looked for.
struct Find {
    text: String,
    exact: bool,
}

impl Find {
    fn of(text: &str) -> Self {
        Self { text: text.to_owned(), exact: text.chars().any(char::is_uppercase) }
    }

    fn is_in(&self, line: &str) -> bool {
        let found = |line: &str| line.contains(&self.text);
        self.text.is_empty() || if self.exact { found(line) } else { found(&line.to_lowercase()) }
    }
}

/// The lines of bytes that begin at `from` in the file; the last one counts if it is `whole` or ends in a line break.
fn split(bytes: &[u8], from: u64, whole: bool, find: &Find) -> Vec<LogLine> {
    let (mut out, mut start) = (Vec::new(), 0);
    let ends = memchr::memchr_iter(b'\n', bytes).chain((whole && !bytes.ends_with(b"\n")).then_some(bytes.len()));
    for end in ends {
        if start <= end && (start < end || end < bytes.len()) {
            let text = plain(&bytes[start..end]);
            if find.is_in(&text) {
                out.push(LogLine { at: from + start as u64, text });
            }
        }
        start = end + 1;
    }
    out
}

/// A line as a terminal would show it: what a progress bar wrote over is gone, colours are, and tabs are spaces.
fn plain(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = memchr::memrchr(b'\r', line).map_or(line, |at| &line[at + 1..]);
    let text = String::from_utf8_lossy(&line[..line.len().min(4 * WIDE)]);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().take(WIDE).peekable();
    while let Some(c) = rest.next() {
        match c {
            '\t' => out.push_str("    "),
            '\u{1b}' if rest.peek() == Some(&'[') => {
                rest.next();
                // Parameters, then one letter that says what they are for.
                while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
                rest.next_if(|c| matches!(c, '@'..='~'));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(path: &Path, around: Option<u64>, find: Option<&str>, lines: u32) -> LogAnswer {
        let query = LogQuery { run: 0, file: 0, around, step: None, find: find.map(str::to_owned), lines };
        let mut answer = LogAnswer::default();
        assert!(read(path, &query, &|| false, &mut answer).unwrap());
        answer
    }

    fn texts(answer: &LogAnswer) -> Vec<&str> {
        answer.lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[test]
    fn every_line_of_any_place_is_that_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let all: Vec<String> = (0..40_000).map(|i| format!("step {i} loss {}", i % 7)).collect();
        std::fs::write(&path, all.join("\n")).unwrap();
        let end = ask(&path, None, None, 50);
        assert_eq!(texts(&end), all[39_950..].iter().map(String::as_str).collect::<Vec<_>>());
        assert!(end.is_last && !end.is_first, "the last line has no line break yet");
        // From the start to the end by the places that answers give.
        let (mut at, mut seen) = (0, 0);
        loop {
            let answer = ask(&path, Some(at), None, 2_000);
            let from = answer.lines.iter().position(|line| line.at == at).unwrap();
            assert_eq!(answer.is_first, answer.lines[0].text == all[0]);
            for line in &answer.lines[from..] {
                assert_eq!(line.text, all[seen]);
                seen += 1;
            }
            let Some(last) = answer.lines.last() else { break };
            if answer.is_last {
                break;
            }
            (at, seen) = (last.at, seen - 1);
        }
        assert_eq!(seen, all.len());
        let found = ask(&path, None, Some("step 39999 "), 10);
        assert_eq!(texts(&found), ["step 39999 loss 1"]);
        assert!(found.is_first && found.is_last);
        assert_eq!(texts(&ask(&path, None, Some("STEP 1"), 10)).len(), 0, "capitals are meant");
        let middle = ask(&path, Some(found.lines[0].at), Some("step 2000"), 10);
        assert_eq!(texts(&middle).len(), 10, "before the place");
    }

    #[test]
    fn what_is_shown_is_what_a_terminal_would_show() {
        assert_eq!(plain(b"\x1b[1;31merror\x1b[0m\tbad\r"), "error    bad");
        assert_eq!(plain(b"10 %\r20 %\r30 %"), "30 %");
        assert_eq!(plain(&[b'x'; 100_000]).len(), WIDE);
        assert_eq!(plain(b"\xff\x1b["), "\u{fffd}");
        let lines = split(b"a\n\nb", 10, false, &Find::of(""));
        assert_eq!(lines.iter().map(|line| line.at).collect::<Vec<_>>(), [10, 12]);
    }

    #[test]
    fn files_without_lines_are_told_from_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        for (bytes, binary) in [(&b"step 1"[..], false), (b"", false), (b"a\0b", true), (b"\x1f\x8b\x08", true)] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(is_binary(&path).unwrap(), binary, "{bytes:?}");
        }
        assert_eq!(ask(&path, None, None, 5).lines.len(), 1);
        std::fs::write(&path, "").unwrap();
        let none = ask(&path, Some(77), None, 5);
        assert!(none.lines.is_empty() && none.is_first && none.is_last);
    }
}
