//! Text that came from a file and goes to a screen.

/// Strips control characters (escape sequences could move the cursor or retitle the terminal) and bidirectional
/// overrides (they could reorder what is read), keeping everything else.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !c.is_control()
                && !matches!(*c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn escape_sequences_lose_their_escape() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{9b}c\u{202e}d"), "a[2Jbcd");
    }
}
