//! Lines that are typed into the table: names of columns, what to sort by, tags, a note.

use super::Runs;
use crate::ipc::protocol::LabelCommand;
use crate::tui::memory::MOST_COLUMNS;
use crate::tui::order::{Column, Sort};
use crate::tui::update::Effect;
use crate::tui::views::{Ask, Cx, Input, Typed};
use crate::vocab::Labels;
use crate::vocab::text::printable;

/// What is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Names of columns.
    Columns,
    /// A name to sort by.
    Sort,
    /// Tags of the selected run.
    Tags,
    /// A note on it.
    Note,
}

impl What {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Columns => "columns:",
            Self::Sort => "sort by:",
            Self::Tags => "tags:",
            Self::Note => "note:",
        }
    }
}

/// Words, with spaces or commas between them.
fn words(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()) {
        if !out.iter().any(|other| other.eq_ignore_ascii_case(word)) {
            out.push(word.to_owned());
        }
    }
    out
}

impl Runs {
    /// Begins a line with what is there.
    pub(super) fn begin(&mut self, what: What, cx: &mut Cx<'_>) {
        let run = cx.shared.selected_run();
        if run.is_none() && matches!(what, What::Tags | What::Note) {
            return;
        }
        let text = match what {
            What::Columns => cx.shared.runs.columns.join(" "),
            What::Sort => String::new(),
            What::Tags => run.map(|run| run.tags.join(" ")).unwrap_or_default(),
            What::Note => run.and_then(|run| run.note.clone()).unwrap_or_default(),
        };
        // What follows is typed, not what is there.
        let space = if text.is_empty() || what == What::Note { "" } else { " " };
        self.typed = Some((what, printable(&text) + space));
    }

    /// Takes text into the line; `false` for keys that mean the same here as elsewhere.
    pub(super) fn type_more(&mut self, input: Input<'_>, cx: &mut Cx<'_>) -> bool {
        let Some((what, text)) = &mut self.typed else { return false };
        let key = match input {
            Input::Paste(pasted) => {
                text.push_str(&printable(pasted));
                return true;
            }
            Input::Key(key) => key,
        };
        match Typed::into_line(text, key) {
            Typed::Text | Typed::Empty => {}
            Typed::Escape => self.typed = None,
            Typed::Enter => {
                let (what, text) = (*what, text.clone());
                if self.keep(what, &text, cx) {
                    self.typed = None;
                }
            }
            Typed::Other => return false,
        }
        true
    }

    /// Does what was typed; `false` where it is not as it may be.
    fn keep(&mut self, what: What, text: &str, cx: &mut Cx<'_>) -> bool {
        let runs = &mut cx.shared.runs;
        let (mut tags, mut note) = (Vec::new(), None);
        match what {
            What::Columns => {
                let by = if let Column::Named(i) = runs.sort.column { runs.columns.get(i).cloned() } else { None };
                runs.columns = words(text).into_iter().take(MOST_COLUMNS).collect();
                if let Column::Named(_) = runs.sort.column {
                    let place = runs.columns.iter().position(|name| Some(name) == by.as_ref());
                    runs.sort = place.map_or_else(Sort::default, |i| Sort { column: Column::Named(i), ..runs.sort });
                }
                cx.shared.reorder();
                return true;
            }
            What::Sort => {
                let Some(name) = words(text).into_iter().next() else { return true };
                let known = runs.columns.iter().position(|other| other.eq_ignore_ascii_case(&name));
                let place = known.unwrap_or_else(|| {
                    runs.columns.truncate(MOST_COLUMNS - 1);
                    runs.columns.push(name);
                    runs.columns.len() - 1
                });
                runs.sort = Sort { column: Column::Named(place), descending: false };
                cx.shared.reorder();
                return true;
            }
            What::Tags => tags = words(text),
            What::Note => note = Some(text.to_owned()),
        }
        let Some(run) = cx.shared.selected_run() else { return true };
        let alone = what == What::Tags;
        let labels = Labels { run: run.name.clone(), tags, note, at: 0.0 };
        match labels.checked() {
            Ok(Labels { run, tags, note, .. }) => {
                let note = if alone { None } else { Some(note.unwrap_or_default()) };
                let command = LabelCommand { run, add: tags, remove: Vec::new(), alone, note };
                cx.asks.push(Ask::Effect(Effect::Label(command)));
                true
            }
            Err(why) => {
                cx.asks.push(Ask::Say(why.to_string()));
                false
            }
        }
    }
}
