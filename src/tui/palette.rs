//! The palette: everything that can be done or looked at, found by a few letters of it.

use super::model::{Model, Overlay};
use super::update::Effect;
use super::views::{Ask, Input, ViewId, curves, run};
use crate::vocab::text::printable;
use crossterm::event::{KeyCode, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

/// Entries that are found at a time; more letters find the others.
pub const MOST: usize = 50;

/// What has been typed, and which entry is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Palette {
    /// Letters to find.
    pub text: String,
    /// The chosen entry, counted from the best.
    pub at: usize,
}

/// What an entry leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// A view.
    View(ViewId),
    /// An action by its name, in the view that has it.
    Action(&'static str, Option<ViewId>),
    /// A run, by its number in the store.
    Run(u32),
    /// The curves of a metric, by its key.
    Metric(String),
}

/// Something that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is, and what is searched.
    pub words: String,
    /// Its key, where it has one.
    pub key: String,
    /// What it leads to.
    pub goal: Goal,
}

/// Everything there is to choose from: views, actions of the dashboard and of the views that are there, metrics, runs.
#[must_use]
pub fn entries(model: &Model) -> Vec<Entry> {
    let there = |id| model.presence(id) != super::views::Presence::Gone;
    let mut out: Vec<Entry> = Vec::new();
    for slot in model.views.iter().filter(|slot| !slot.covers() && there(slot.id())) {
        let spec = slot.view.spec();
        let words = format!("{}: {}", spec.name, spec.about);
        // There are more views than digits; the others have a key of their own.
        let digit = model.digits().find(|(_, other)| other.id() == slot.id()).map(|(digit, _)| digit.to_string());
        let opens = slot.view.actions().into_iter().find(|info| info.name.ends_with(".open"));
        let key = opens.and_then(|info| Some(model.keymap.keys(info).first()?.label()));
        out.push(Entry { words, key: digit.or(key).unwrap_or_default(), goal: Goal::View(slot.id()) });
    }
    let of_views = model.views.iter().filter(|slot| there(slot.id()));
    let of_views = of_views.flat_map(|slot| slot.view.actions().into_iter().map(move |info| (Some(slot), info)));
    let actions = super::global::all().map(|action| (None, &action.info)).chain(of_views);
    for (slot, info) in actions.filter(|(_, info)| !info.name.starts_with("move.") && info.name != "show.palette") {
        let words = match slot {
            Some(slot) => format!("{}: {}", slot.view.spec().name, info.does),
            None => info.does.to_owned(),
        };
        let key = model.keymap.keys(info).first().map(|key| key.label()).unwrap_or_default();
        out.push(Entry { words, key, goal: Goal::Action(info.name, slot.map(super::model::Slot::id)) });
    }
    for key in curves::keys(&model.shared) {
        let words = format!("curves of {}", printable(key));
        out.push(Entry { words, key: String::new(), goal: Goal::Metric(key.to_owned()) });
    }
    for view in model.shared.snapshot.iter().flat_map(|snapshot| &snapshot.runs) {
        let words = format!("run {}", printable(model.shared.runs.short(&view.name)));
        out.push(Entry { words, key: String::new(), goal: Goal::Run(view.id) });
    }
    out
}

/// The entries that have the letters, the best first; of equals, in their order. A view whose name begins with them is before all.
#[must_use]
pub fn found(model: &Model) -> Vec<Entry> {
    let all = entries(model);
    let text = model.palette.text.trim();
    if text.is_empty() {
        return all.into_iter().take(MOST).collect();
    }
    let pattern = Pattern::parse(text, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut letters = Vec::new();
    let score = |entry: Entry| {
        // A name of any length costs no more than what can be seen of it.
        let words: String = entry.words.chars().take(300).collect();
        Some((pattern.score(Utf32Str::new(&words, &mut letters), &mut matcher)?, entry))
    };
    let begun = text.to_lowercase();
    // Its whole name before the beginning of another's: Run, Runs.
    let named = |entry: &Entry| {
        let words = entry.words.to_lowercase();
        let rest = words.strip_prefix(&begun).filter(|_| matches!(entry.goal, Goal::View(_)));
        rest.map_or(0, |rest| if rest.starts_with(':') { 2 } else { 1 })
    };
    let mut scored: Vec<(u32, Entry)> = all.into_iter().filter_map(score).collect();
    scored.sort_by_cached_key(|(score, entry)| std::cmp::Reverse((named(entry), *score)));
    scored.into_iter().take(MOST).map(|(_, entry)| entry).collect()
}

/// Takes text; `false` for keys that mean the same here as elsewhere (Ctrl-C).
pub fn type_in(model: &mut Model, input: Input<'_>) -> Option<Vec<Effect>> {
    let palette = &mut model.palette;
    match input {
        Input::Paste(text) => palette.text.push_str(&printable(text)),
        Input::Key(key) => {
            let plain = key.modifiers.difference(KeyModifiers::SHIFT).is_empty();
            let ctrl = key.modifiers == KeyModifiers::CONTROL;
            match key.code {
                KeyCode::Esc => model.overlay = Overlay::None,
                KeyCode::Enter => return Some(choose(model)),
                KeyCode::Up | KeyCode::BackTab => palette.at = palette.at.saturating_sub(1),
                KeyCode::Down | KeyCode::Tab => palette.at += 1,
                KeyCode::Char('p' | 'k') if ctrl => palette.at = palette.at.saturating_sub(1),
                KeyCode::Char('n' | 'j') if ctrl => palette.at += 1,
                KeyCode::Char('u') if ctrl => *palette = Palette::default(),
                KeyCode::Char(c) if plain => {
                    palette.text.push(c);
                    palette.at = 0;
                }
                KeyCode::Backspace => {
                    palette.at = 0;
                    if palette.text.pop().is_none() {
                        model.overlay = Overlay::None;
                    }
                }
                _ => return None,
            }
        }
    }
    // The first entry needs no looking: letters are found once, when they are drawn.
    if model.palette.at > 0 {
        let last = found(model).len().saturating_sub(1);
        model.palette.at = model.palette.at.min(last);
    }
    Some(model.changed(Vec::new()))
}

/// Does what the chosen entry says, and closes the palette.
pub fn choose(model: &mut Model) -> Vec<Effect> {
    let entry = found(model).into_iter().nth(model.palette.at);
    model.overlay = Overlay::None;
    match entry.map(|entry| entry.goal) {
        None => model.changed(Vec::new()),
        Some(Goal::View(id)) => model.go(id),
        Some(Goal::Action(name, id)) => {
            // It is done where it can be seen.
            match id.and_then(|id| model.slot(id)) {
                Some(slot) if slot.covers() => model.overlay = Overlay::View(slot.id()),
                Some(slot) => model.focus_on(slot.id()),
                None => {}
            }
            model.perform(name).unwrap_or_default()
        }
        Some(Goal::Run(id)) => {
            model.shared.runs.selected = Some(id);
            model.grant(Ask::Open(run::ID));
            model.changed(Vec::new())
        }
        Some(Goal::Metric(key)) => {
            model.shared.metric = Some(key);
            model.go(curves::ID)
        }
    }
}
