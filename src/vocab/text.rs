//! Sanitising text from files before it is displayed.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::Deref;

/// Text that a terminal may get. Only the filters of this file make it, and what writes to a terminal takes nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Harmless<'a>(Cow<'a, str>);

impl Harmless<'_> {
    /// Whether it is a text of which nothing was taken away.
    #[must_use]
    pub fn is_as_it_was(&self) -> bool {
        matches!(self.0, Cow::Borrowed(_))
    }
}

impl Deref for Harmless<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<&str> for Harmless<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// Removes what is no visible character: control characters (escape sequences could move the cursor or retitle the
/// terminal), line and paragraph separators, bidirectional marks (they could reorder the text), and characters that show
/// nothing and could hide text in text (tags, zero-width spaces, variation selectors of no glyph).
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().filter(|c| is_printable(*c)).collect()
}

/// Whether a character is shown as one, and does nothing else.
#[must_use]
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A whole text as a terminal may get it: line by line [`printable`], whoever made it.
#[must_use]
pub fn harmless(text: &str) -> Harmless<'_> {
    if text.chars().all(|c| matches!(c, '\n' | '\t') || is_printable(c)) {
        return Harmless(Cow::Borrowed(text));
    }
    Harmless(Cow::Owned(text.chars().filter(|c| matches!(*c, '\n' | '\t') || is_printable(*c)).collect()))
}

/// JSON as a terminal may get it: what is not printable is written as JSON's own escapes, so that it says the same.
#[must_use]
pub fn harmless_json(text: &str) -> Harmless<'_> {
    if text.chars().all(|c| matches!(c, '\n' | '\t') || is_printable(c)) {
        return Harmless(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if matches!(c, '\n' | '\t') || is_printable(c) {
            out.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    Harmless(Cow::Owned(out))
}

/// Formats an error message with its help. Line breaks are kept; other control characters are removed.
#[must_use]
pub fn complaint(message: &str, help: Option<&str>) -> String {
    let mut text = message.lines().map(printable).collect::<Vec<_>>().join("\n");
    for (index, help) in help.into_iter().flat_map(str::lines).enumerate() {
        text.push_str(if index == 0 { "\nhelp: " } else { "\n      " });
        text.push_str(&printable(help));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{complaint, harmless, harmless_json, printable};

    #[test]
    fn a_complaint_keeps_its_lines_and_loses_its_escapes() {
        assert_eq!(complaint("no run '\u{1b}[2Jx'", None), "no run '[2Jx'");
        assert_eq!(complaint("a\r\nb\u{202e}", Some("c\nd\u{7}")), "a\nb\nhelp: c\n      d");
    }

    #[test]
    fn escape_sequences_lose_their_escape() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{9b}c\u{202e}d"), "a[2Jbcd");
    }

    #[test]
    fn what_shows_nothing_is_gone_and_scripts_keep_their_joiners() {
        let hidden = "a\u{2028}b\u{2029}c\u{e0041}d\u{85}e\u{feff}f\u{200b}g\u{2066}h\u{61c}i";
        assert_eq!(printable(hidden), "abcdefghi");
        // Persian with a zero-width non-joiner, an emoji of two with a joiner, a heart in colour.
        for real in ["\u{645}\u{6cc}\u{200c}\u{62e}", "\u{1f469}\u{200d}\u{1f4bb}", "\u{2764}\u{fe0f}", "数据"] {
            assert_eq!(printable(real), real);
        }
    }

    #[test]
    fn whole_texts_keep_their_lines_and_json_says_the_same() {
        assert_eq!(harmless("a\nb\u{1b}[2J\u{9b}\n"), "a\nb[2J\n");
        let value = serde_json::json!({"run": "a\u{9b}2J\u{202e}\u{e0041}b\u{1b}"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let safe = harmless_json(&text);
        assert!(safe.chars().all(|c| c == '\n' || super::is_printable(c)), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }
}
