//! Tags and a note that the user gives a run.

use super::text::is_printable;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Tags of a run.
const MOST_TAGS: usize = 32;
/// Characters of a tag, and of a note.
const LONGEST: (usize, usize) = (40, 1_000);

/// What is wrong with a tag or a note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// So many tags.
    #[error("{0} tags are too many: {MOST_TAGS} at most")]
    TooMany(usize),
    /// A tag that is none.
    #[error("'{0}' is no tag: 1 to {most} characters without spaces or commas", most = LONGEST.0)]
    NoTag(String),
    /// A note that is too long.
    #[error("the note is longer than {} characters", LONGEST.1)]
    LongNote,
}

/// What the user says of a run; it takes the place of what was said before. Output of `tag`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Labels {
    /// Name of the run.
    pub run: String,
    /// Tags, in alphabetical order, each once.
    #[serde(default)]
    pub tags: Vec<String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When that was said, seconds since 1970.
    pub at: f64,
}

impl Labels {
    /// The same in order: tags sorted and each once, no note that is empty.
    ///
    /// # Errors
    /// What is wrong with a tag or the note.
    pub fn checked(mut self) -> Result<Self, LabelError> {
        self.tags.sort();
        self.tags.dedup();
        if self.tags.len() > MOST_TAGS {
            return Err(LabelError::TooMany(self.tags.len()));
        }
        for tag in &self.tags {
            let sound = !tag.is_empty() && tag.chars().all(|c| is_printable(c) && !c.is_whitespace() && c != ',');
            if !sound || tag.chars().count() > LONGEST.0 {
                return Err(LabelError::NoTag(super::text::printable(tag)));
            }
        }
        self.note = self.note.map(|note| super::text::printable(note.trim())).filter(|note| !note.is_empty());
        if self.note.as_ref().is_some_and(|note| note.chars().count() > LONGEST.1) {
            return Err(LabelError::LongNote);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(tags: &[&str], note: Option<&str>) -> Result<(Vec<String>, Option<String>), LabelError> {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let labels = Labels { run: "a".to_owned(), tags, note: note.map(str::to_owned), at: 1.0 }.checked()?;
        Ok((labels.tags, labels.note))
    }

    #[test]
    fn tags_are_words_in_order_and_notes_are_harmless() {
        let said = checked(&["b", "a", "b"], Some("  rerun\u{1b}[31m ")).unwrap();
        assert_eq!(said, (vec!["a".to_owned(), "b".to_owned()], Some("rerun[31m".to_owned())));
        assert_eq!(checked(&[], Some(" ")).unwrap(), (Vec::new(), None));
        for bad in ["", "a b", "a,b", "\u{202e}x", &"x".repeat(41)] {
            assert!(matches!(checked(&[bad], None), Err(LabelError::NoTag(_))), "{bad}");
        }
        assert_eq!(checked(&[], Some(&"x".repeat(1_001))), Err(LabelError::LongNote));
    }
}
