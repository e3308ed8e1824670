//! Output shared by all commands: JSON, tables, progress and errors.

use crate::daemon::engine::Progress;
use crate::ipc::protocol::Failure;
use crate::vocab::text::{Harmless, complaint, harmless, harmless_json, printable};
use crate::vocab::{IngestProgress, Notice};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};
use unicode_width::UnicodeWidthStr;

/// Writes to standard output: to a terminal only what is [`harmless`], to a pipe or a file every byte as it is. If the
/// reader has closed the pipe (`mixlaw runs | head`), the process exits silently.
///
/// # Errors
/// If the text cannot be written for another reason.
pub fn print(text: &str) -> Result<(), Failure> {
    write(if std::io::stdout().is_terminal() { Output::Screen(harmless(text)) } else { Output::Pipe(text) })
}

/// What is written to standard output.
enum Output<'a> {
    /// To a terminal.
    Screen(Harmless<'a>),
    /// To a pipe or a file.
    Pipe(&'a str),
}

fn write(output: Output<'_>) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let text = match &output {
        Output::Screen(text) => text,
        Output::Pipe(text) => *text,
    };
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::new(format!("cannot write to standard output: {error}"), None)),
    }
}

/// Writes a value to standard output as indented JSON.
///
/// # Errors
/// The same as [`print()`].
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let compact = serde_json::to_string(value)
        .map_err(|e| Failure::new(format!("cannot write the answer as JSON: {e}"), None))?;
    let text = indented(&compact);
    write(if std::io::stdout().is_terminal() { Output::Screen(harmless_json(&text)) } else { Output::Pipe(&text) })
}

/// JSON without spaces as indented lines, like [`serde_json::to_string_pretty`] and with a last line break. That function would have
/// every answer written by code of its own beside the one that the daemon's are written by: a fiftieth of the program.
fn indented(compact: &str) -> String {
    let mut out = String::with_capacity(2 * compact.len());
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    let mut rest = compact.chars().peekable();
    while let Some(c) = rest.next() {
        if !in_text && matches!(c, '}' | ']') {
            depth = depth.saturating_sub(1);
            line(&mut out, depth);
        }
        out.push(c);
        if in_text {
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => in_text = true,
            ':' => out.push(' '),
            ',' => line(&mut out, depth),
            '{' | '[' => match rest.next_if(|next| matches!(next, '}' | ']')) {
                Some(end) => out.push(end),
                None => {
                    depth += 1;
                    line(&mut out, depth);
                }
            },
            _ => {}
        }
    }
    out.push('\n');
    out
}

/// Writes what is wrong with the arguments (they may hold a name with escapes in it), or the help, and ends the process.
pub fn misused(error: &clap::Error) -> ! {
    let plain = error.render().to_string();
    if harmless(&plain).is_as_it_was() {
        error.exit();
    }
    say(&harmless(plain.trim_end()));
    std::process::exit(error.exit_code());
}

/// Writes a line to standard error.
fn say(line: &Harmless<'_>) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes over the last line of standard error, where that is a terminal.
fn show_line(line: &Harmless<'_>) {
    let mut err = std::io::stderr().lock();
    if err.is_terminal() {
        let _ = write!(err, "\r\x1b[K{line}");
        let _ = err.flush();
    }
}

/// Shows the progress of a fit on one line of standard error, if it is a terminal.
pub fn show_progress(progress: Progress<'_>) {
    match progress {
        Progress::Reading(progress) => show_reading(progress),
        Progress::Fitting(metric) => show_line(&harmless(&format!("fitting laws to {}", printable(metric)))),
    }
}

/// Shows the progress of the first reading of logs on one line of standard error, if it is a terminal.
pub fn show_reading(progress: &IngestProgress) {
    let IngestProgress { bytes_done, bytes_total, bytes_per_second } = progress;
    let (done, total) = (*bytes_done as f64, *bytes_total as f64);
    let left = (total - done) / bytes_per_second.max(1.0);
    let (done, total, speed) = (done / 1e6, total / 1e6, bytes_per_second / 1e6);
    show_line(&harmless(&format!("reading logs: {done:.0} of {total:.0} MB, {speed:.0} MB/s, {left:.0} s left")));
}

/// Clears the line of [`show_progress`].
pub fn clear_progress() {
    show_line(&harmless(""));
}

/// Writes an error and its help to standard error.
pub fn complain(failure: &Failure) {
    say(&harmless(&format!("error: {}", complaint(&failure.message, failure.help.as_deref()))));
}

/// Writes a warning and its help to standard error.
pub fn remark(notice: &Notice) {
    say(&harmless(&format!("warning: {}", complaint(&notice.text, notice.help.as_deref()))));
}

/// Writes a line about what goes on to standard error.
#[cfg(feature = "nats")]
pub fn tell(text: &str) {
    say(&harmless(text));
}

/// Says on standard error what is waited for, and what may be meant instead.
pub fn waits(text: &str, help: &str) {
    say(&harmless(&format!("waiting: {}", complaint(text, Some(help)))));
}

/// Text table. The first row is the header; a `>` before a header right-aligns its column.
#[must_use]
pub fn table(rows: &[Vec<String>]) -> String {
    let Some(header) = rows.first() else { return String::new() };
    let right: Vec<bool> = header.iter().map(|cell| cell.starts_with('>')).collect();
    let text = |row: usize, column: usize| -> String {
        let cell = rows[row].get(column).map_or("", String::as_str);
        printable(if row == 0 { cell.trim_start_matches('>') } else { cell })
    };
    let widths: Vec<usize> = (0..header.len())
        .map(|column| (0..rows.len()).map(|row| text(row, column).width()).max().unwrap_or(0))
        .collect();
    let mut out = String::new();
    for row in 0..rows.len() {
        let mut line = String::new();
        for (column, width) in widths.iter().enumerate() {
            let cell = text(row, column);
            let fill = " ".repeat(width - cell.width());
            let gap = if column == 0 { "" } else { "  " };
            line.push_str(gap);
            if right[column] {
                line.push_str(&fill);
                line.push_str(&cell);
            } else {
                line.push_str(&cell);
                line.push_str(&fill);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Text in a frame, for warnings that must not be missed.
#[must_use]
pub fn loud(text: &str) -> String {
    const WIDTH: usize = 76;
    let mut lines = vec![String::new()];
    for word in printable(text).split_whitespace() {
        let last = lines.len() - 1;
        if !lines[last].is_empty() && lines[last].width() + 1 + word.width() > WIDTH {
            lines.push(word.to_owned());
        } else {
            let gap = if lines[last].is_empty() { "" } else { " " };
            lines[last].push_str(gap);
            lines[last].push_str(word);
        }
    }
    let width = lines.iter().map(|line| line.width()).max().unwrap_or(0);
    let rule = "#".repeat(width + 6);
    let framed = lines.iter().map(|line| format!("## {line}{} ##\n", " ".repeat(width - line.width())));
    format!("{rule}\n{}{rule}\n", framed.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_escapes_are_gone() {
        let rows = [vec!["name".to_owned(), ">loss".to_owned()], vec!["a\u{1b}[1m".to_owned(), "2.5".to_owned()]];
        assert_eq!(table(&rows), "name  loss\na[1m   2.5\n");
    }

    #[test]
    fn indented_json_is_what_serde_json_indents() {
        let values = [
            serde_json::json!({"a": [1, -2.5e-9, null, true], "b": {}, "c": [], "d": {"e": [[], {}, [0]]}}),
            serde_json::json!({"{\"[,:]\\": "}\\\" : ,[", "\u{e9}\n": ["\\", "\"", ""]}),
            serde_json::json!("alone, {and} [so] on"),
            serde_json::json!([]),
            serde_json::json!(7),
        ];
        for value in values {
            let wanted = serde_json::to_string_pretty(&value).unwrap() + "\n";
            assert_eq!(indented(&value.to_string()), wanted);
        }
    }
}
