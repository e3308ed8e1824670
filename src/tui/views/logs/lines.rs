//! Lines of a log in cells.

use super::Logs;
use crate::ipc::log::LogAnswer;
use crate::tui::fmt;
use crate::tui::theme::Theme;
use crate::vocab::text::printable;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar;

/// Rows that one line may take.
const MOST_ROWS: usize = 12;

/// Draws the lines from the first on screen, or those that end at the last; returns the place of the first that is not seen.
pub(super) fn draw(view: &Logs, theme: &Theme, answer: &LogAnswer, area: Rect, buf: &mut Buffer) -> usize {
    let room = usize::from(area.height);
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut next = answer.lines.len();
    match view.first(answer).filter(|first| *first < answer.lines.len()) {
        Some(first) => {
            next = first;
            while rows.len() < room && next < answer.lines.len() {
                rows.extend(pieces(view, theme, &answer.lines[next].text, area.width));
                next += 1;
            }
        }
        None => {
            let mut at = answer.lines.len();
            while rows.len() < room && at > 0 {
                at -= 1;
                let mut more = pieces(view, theme, &answer.lines[at].text, area.width);
                more.append(&mut rows);
                rows = more;
            }
            rows.drain(..rows.len().saturating_sub(room));
        }
    }
    for (y, line) in (area.y..area.bottom()).zip(&rows) {
        buf.set_line(area.x, y, line, area.width);
    }
    next
}

/// The rows of one line: cut, or continued below.
fn pieces(view: &Logs, theme: &Theme, text: &str, width: u16) -> Vec<Line<'static>> {
    let wide = usize::from(width).max(1);
    let text = printable(text);
    let parts = if view.wraps { chunks(&text, wide) } else { vec![fmt::head(&text, wide)] };
    parts.into_iter().take(MOST_ROWS).map(|part| marked(theme, part, &view.find)).collect()
}

/// A text in parts of at most so many columns; one part at least.
fn chunks(text: &str, columns: usize) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used > 0 && used + wide > columns {
            out.push(String::new());
            used = 0;
        }
        used += wide;
        if let Some(last) = out.last_mut() {
            last.push(c);
        }
    }
    out
}

/// A line with what is looked for made visible.
fn marked(theme: &Theme, text: String, find: &str) -> Line<'static> {
    let style = if find.is_empty() { theme.text } else { theme.dim };
    let exact = find.chars().any(char::is_uppercase);
    // A letter whose lower case is of another length would move all places behind it; then the line is shown without marks.
    let in_place = |c: char| c.to_lowercase().map(char::len_utf8).sum::<usize>() == c.len_utf8();
    let searched = if exact { text.clone() } else { text.to_lowercase() };
    if find.is_empty() || !exact && !text.chars().all(in_place) {
        return Line::from(Span::styled(text, theme.text));
    }
    let (mut spans, mut from): (Vec<Span<'static>>, usize) = (Vec::new(), 0);
    let mut put = |part: Option<&str>, style: Style| {
        if let Some(part) = part.filter(|part| !part.is_empty()) {
            spans.push(Span::styled(part.to_owned(), style));
        }
    };
    for (at, found) in searched.match_indices(find) {
        put(text.get(from..at), style);
        put(text.get(at..at + found.len()), theme.accent.add_modifier(Modifier::REVERSED));
        from = at + found.len();
    }
    put(text.get(from..), if from > 0 { theme.text } else { style });
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::theme::{Depth, ThemeName};

    #[test]
    fn long_lines_are_cut_or_continued_and_marks_lose_nothing() {
        assert_eq!(chunks("abcdefg", 3), ["abc", "def", "g"]);
        assert_eq!(chunks("混合比率", 3), ["混", "合", "比", "率"]);
        assert_eq!(chunks("", 3), [""]);
        let theme = Theme::new(ThemeName::Dark, Depth::True);
        for (text, find, parts) in [
            ("loss Nan at nan", "nan", 4),
            ("loss Nan at nan", "Nan", 3),
            ("İstanbul ẞ", "i", 1),
            ("nothing here", "loss", 1),
        ] {
            let line = marked(&theme, text.to_owned(), find);
            assert_eq!((line.to_string().as_str(), line.spans.len()), (text, parts), "{find}");
        }
    }
}
