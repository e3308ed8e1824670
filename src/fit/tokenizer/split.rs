//! How a byte-level BPE tokenizer cuts text into words before merges: no pair reaches over their ends.

use regex::Regex;
use serde_json::Value;

/// GPT-2's rule, without what [`Rule::gives_back`] does.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";

/// A look ahead that nearly every rule has, and that the crate regex has not.
const GIVES_BACK: &str = r"\s+(?!\S)|";

/// Rules, each of which cuts the pieces of the one before.
#[derive(Debug)]
pub struct Split {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    pattern: Regex,
    /// `\s+(?!\S)`: a run of spaces leaves its last one to the word that follows.
    gives_back: bool,
    /// Line ends have an alternative of their own, so that a run that ends in one gives nothing back.
    line_ends: bool,
    /// Whether what lies between two matches is a piece, too.
    between: bool,
    /// Whether matches are pieces.
    matched: bool,
}

impl Split {
    /// GPT-2's rule: contractions, letters, digits and other signs, each with a space before it, and space.
    #[must_use]
    pub fn gpt2() -> Self {
        Self { rules: Rule::new(GPT2, true, true).into_iter().map(|rule| Rule { gives_back: true, ..rule }).collect() }
    }

    /// The rules of a `pre_tokenizer`; GPT-2's where it has none that can be followed, which `notes` then says.
    pub(super) fn of(json: &Value, notes: &mut Vec<String>) -> Self {
        let mut rules = Vec::new();
        let mut add = |one: &Value| match rule(one) {
            Ok(Some(rule)) => rules.push(rule),
            Ok(None) => {}
            Err(what) => notes.push(format!(
                "The tokenizer's pre-tokeniser has a part that is not followed ({what}); what it would cut stays whole."
            )),
        };
        match json["pretokenizers"].as_array() {
            Some(parts) => parts.iter().for_each(&mut add),
            None if json.is_null() => {}
            None => add(json),
        }
        if rules.is_empty() {
            notes.push(
                "The tokenizer names no pre-tokeniser that can be followed; text is cut by GPT-2's rule.".to_owned(),
            );
            return Self::gpt2();
        }
        Self { rules }
    }

    /// Hands on each word of a text, in order.
    pub fn words<'t>(&self, text: &'t str, word: &mut dyn FnMut(&'t str)) {
        cut(&self.rules, text, word);
    }
}

fn cut<'t>(rules: &[Rule], text: &'t str, word: &mut dyn FnMut(&'t str)) {
    let Some((rule, rest)) = rules.split_first() else {
        word(text);
        return;
    };
    let (mut at, mut piece) = (0, |from: usize, to: usize, wanted: bool| {
        if wanted && from < to {
            cut(rest, &text[from..to], word);
        }
    });
    // The end of the last match: what lies before the next is between them.
    let mut done = 0;
    while let Some(found) = rule.pattern.find_at(text, at) {
        let (start, mut end) = (found.start(), found.end());
        if rule.gives_back {
            end = rule.kept(text, start, end);
        }
        if end == start {
            // Nothing was matched: the next character is tried.
            at = end + text[end..].chars().next().map_or(1, char::len_utf8);
            if at > text.len() {
                break;
            }
            continue;
        }
        piece(done, start, rule.between);
        piece(start, end, rule.matched);
        (done, at) = (end, end);
    }
    piece(done, text.len(), rule.between);
}

impl Rule {
    fn new(pattern: &str, between: bool, matched: bool) -> Option<Self> {
        let plain = pattern.replace(GIVES_BACK, "");
        Some(Self {
            pattern: Regex::new(&plain).ok()?,
            gives_back: plain.len() < pattern.len(),
            line_ends: pattern.contains(r"[\r\n]"),
            between,
            matched,
        })
    }

    /// Where a match ends that may have to leave its last space to what follows.
    fn kept(&self, text: &str, start: usize, end: usize) -> usize {
        let run = &text[start..end];
        let Some((last, c)) = run.char_indices().next_back() else { return end };
        let stays = last == 0
            || end == text.len()
            || (self.line_ends && matches!(c, '\r' | '\n'))
            || !run.chars().all(char::is_whitespace);
        if stays { end } else { start + last }
    }
}

/// A part of a pre-tokeniser that has no rule here: what it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotFollowed(String);

/// The rule of one part; none where it cuts nothing; what it is where it cannot be followed.
fn rule(part: &Value) -> Result<Option<Rule>, NotFollowed> {
    let kind = part["type"].as_str().unwrap_or("without a type");
    match kind {
        // Written as null or left out, it is the default: GPT-2's rule.
        "ByteLevel" if part["use_regex"].as_bool() == Some(false) => Ok(None),
        "ByteLevel" => Ok(Split::gpt2().rules.pop()),
        "Digits" => {
            let each = part["individual_digits"].as_bool() == Some(true);
            Ok(Rule::new(if each { r"\p{N}" } else { r"\p{N}+" }, true, true))
        }
        "Whitespace" => Ok(Rule::new(r"\w+|[^\w\s]+", false, true)),
        "WhitespaceSplit" => Ok(Rule::new(r"\S+", false, true)),
        "Punctuation" if part["behavior"].as_str().is_none_or(|how| how == "Isolated") => {
            Ok(Rule::new(r"[[:punct:]]|\p{P}", true, true))
        }
        "Split" => {
            let literal = part["pattern"]["String"].as_str().map(regex::escape);
            let pattern = literal.or_else(|| part["pattern"]["Regex"].as_str().map(str::to_owned)).unwrap_or_default();
            let inverted = part["invert"].as_bool() == Some(true);
            let (between, matched) = match part["behavior"].as_str() {
                Some("Isolated") => (true, true),
                Some("Removed") => (!inverted, inverted),
                other => return Err(NotFollowed(format!("Split by {}", other.unwrap_or("nothing")))),
            };
            let rule = Rule::new(&pattern, between, matched).filter(|_| !pattern.is_empty());
            rule.map(Some).ok_or_else(|| NotFollowed("a regular expression with look-around".to_owned()))
        }
        other => Err(NotFollowed(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(split: &Split, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        split.words(text, &mut |word| words.push(word.to_owned()));
        words
    }

    /// What the crate `tokenizers` (0.19) and tiktoken give.
    #[test]
    fn gpt2_cuts_as_gpt2_does() {
        let cut = words(&Split::gpt2(), "It's  a test:\n\n    x1 = 22é;  \n");
        let expected = ["It", "'s", " ", " a", " test", ":", "\n\n   ", " x", "1", " =", " 22", "é", ";", "  \n"];
        assert_eq!(cut, expected);
        assert_eq!(words(&Split::gpt2(), "a\n\nb"), ["a", "\n", "\n", "b"]);
        assert_eq!(words(&Split::gpt2(), ""), [""; 0]);
    }

    #[test]
    fn llama3_cuts_at_line_ends_and_three_digits() {
        let pattern = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
        let json = json!({"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": false},
            {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]});
        let mut notes = Vec::new();
        let split = Split::of(&json, &mut notes);
        assert_eq!(
            words(&split, "It'S a\n\nb  12345();\n   x"),
            ["It", "'S", " a", "\n\n", "b", " ", " ", "123", "45", "();\n", "  ", " x"]
        );
        // As conversions from tiktoken write it.
        let json = json!({"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": true});
        assert_eq!(words(&Split::of(&json, &mut notes), "a\n\nb"), ["a", "\n\n", "b"]);
        assert!(notes.is_empty(), "{notes:?}");
    }

    #[test]
    fn digits_one_by_one_and_what_is_not_known_is_said() {
        let mut notes = Vec::new();
        let json = json!({"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": true}, {"type": "ByteLevel"}]});
        assert_eq!(words(&Split::of(&json, &mut notes), "in 2024 it"), ["in", " ", "2", "0", "2", "4", " it"]);
        assert!(notes.is_empty(), "{notes:?}");
        let json = json!({"type": "Metaspace"});
        assert_eq!(words(&Split::of(&json, &mut notes), "a b"), ["a", " b"]);
        assert!(notes[0].contains("Metaspace") && notes[1].contains("GPT-2"), "{notes:?}");
    }
}
