//! What is typed in the curves: the fact that runs are grouped by, and words that names of metrics must have.

use super::choice::keys;
use super::{Curves, axis};
use crate::tui::shared::{Shared, label};
use crate::tui::views::{Ask, Cx, Input, Prompt, Typed};
use crate::vocab::text::printable;

/// What a line is typed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Groups of runs.
    Group,
    /// Metrics to choose from.
    Metrics,
    /// The x axis.
    Axis,
}

/// Whether a metric has all words, in its key or its name; `!word` must not be in it.
pub(super) fn has(shared: &Shared, key: &str, words: &str) -> bool {
    let name = shared.snapshot.as_ref().map(|snapshot| label(snapshot, key)).unwrap_or_default();
    let all = format!("{} {}", key.to_lowercase(), name.to_lowercase());
    words.split_whitespace().all(|word| match word.strip_prefix('!') {
        Some(without) => without.is_empty() || !all.contains(without),
        None => all.contains(word),
    })
}

impl Curves {
    /// The metrics to choose from, those that are wanted; all of them where none is as wanted.
    pub(super) fn keys<'a>(&self, shared: &'a Shared) -> Vec<&'a str> {
        let all = keys(shared);
        let words = match &self.typed {
            Some((Asked::Metrics, text)) => text.to_lowercase(),
            _ => self.wanted.clone(),
        };
        if words.trim().is_empty() {
            return all;
        }
        let wanted: Vec<&str> = all.iter().copied().filter(|key| has(shared, key, &words)).collect();
        if wanted.is_empty() { all } else { wanted }
    }

    pub(super) fn asking(&self) -> Option<Prompt> {
        let (asked, text) = self.typed.clone()?;
        let (sign, help) = match asked {
            Asked::Group => ("group by:", "a fact, or seed for all but the seed; Enter keep  Esc no groups"),
            Asked::Axis => {
                ("x axis:", "steps, tokens, compute, plan, elapsed, time, or a metric; Enter keep  Esc as it was")
            }
            Asked::Metrics => ("metrics:", "words of their names, !word for those without; Enter keep  Esc all"),
        };
        Some(Prompt { sign, text, help })
    }

    pub(super) fn take(&mut self, input: Input<'_>, cx: &mut Cx<'_>) -> bool {
        let Some((asked, text)) = &mut self.typed else { return false };
        let asked = *asked;
        let key = match input {
            Input::Paste(pasted) => {
                text.push_str(&printable(pasted));
                return true;
            }
            Input::Key(key) => key,
        };
        let words = match Typed::into_line(text, key) {
            Typed::Text | Typed::Empty => return true,
            Typed::Escape => String::new(),
            Typed::Enter => text.trim().to_lowercase(),
            Typed::Other => return false,
        };
        self.typed = None;
        match asked {
            Asked::Group => self.group = Some(words).filter(|words| !words.is_empty()),
            Asked::Metrics => self.wanted = words,
            Asked::Axis if words.is_empty() => {}
            Asked::Axis => match axis::of(&words, cx.shared) {
                Some(x) => self.over(Some(x)),
                None => cx
                    .asks
                    .push(Ask::Say(format!("no metric of the drawn runs has \u{201c}{words}\u{201d} in its name"))),
            },
        }
        true
    }
}
