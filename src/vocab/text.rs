//! Sanitising text from files before it is displayed.

/// Removes control characters (escape sequences could move the cursor or retitle the terminal) and bidirectional
/// overrides (they could reorder the text).
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !c.is_control()
                && !matches!(*c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .collect()
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
    use super::{complaint, printable};

    #[test]
    fn a_complaint_keeps_its_lines_and_loses_its_escapes() {
        assert_eq!(complaint("no run '\u{1b}[2Jx'", None), "no run '[2Jx'");
        assert_eq!(complaint("a\r\nb\u{202e}", Some("c\nd\u{7}")), "a\nb\nhelp: c\n      d");
    }

    #[test]
    fn escape_sequences_lose_their_escape() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{9b}c\u{202e}d"), "a[2Jbcd");
    }
}
