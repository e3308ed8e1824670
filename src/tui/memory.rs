//! What the dashboard remembers of a project from one time to the next.

use super::filter::Filter;
use super::marks::Marks;
use super::model::Model;
use super::order::Sort;
use super::splits::Splits;
use super::theme::{Theme, ThemeName};
use super::views::ViewId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// More columns nobody could have named.
pub const MOST_COLUMNS: usize = 12;
/// The same of edges.
const MOST_SPLITS: usize = 40;

/// Where the user was, and how things were arranged. What is missing or not known any more is as at the first time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// Views that had the focus, the last one first.
    pub recent: Vec<String>,
    /// Whether the focused view had the whole screen.
    pub zoomed: bool,
    /// The filter of the list of runs.
    pub filter: String,
    /// Its order.
    pub sort: Sort,
    /// Columns that the user has named.
    pub columns: Vec<String>,
    /// The metric whose curves were drawn.
    pub metric: Option<String>,
    /// The theme, where the user chose one.
    pub theme: Option<ThemeName>,
    /// Whether the mouse was turned off.
    pub no_mouse: bool,
    /// Edges between views that were dragged.
    pub splits: Splits,
    /// Runs that were hidden, pinned, chosen or selected.
    pub runs: Marks,
    /// What views keep of themselves, by their names.
    pub views: BTreeMap<String, Value>,
}

impl Memory {
    /// What a model is to be remembered by.
    #[must_use]
    pub fn of(model: &Model) -> Self {
        let shared = &model.shared;
        let (list, snapshot) = (&shared.runs, shared.snapshot.as_deref());
        Self {
            recent: model.recent.iter().map(|id| id.0.to_owned()).collect(),
            zoomed: shared.zoomed,
            filter: shared.runs.filter.clone(),
            sort: shared.runs.sort,
            columns: shared.runs.columns.clone(),
            metric: shared.metric.clone(),
            theme: model.chosen_theme,
            no_mouse: !model.mouse,
            splits: model.splits.clone(),
            runs: Marks::of(snapshot, [&list.hidden, &list.pinned, &list.only], list.selected, &list.waiting),
            views: model.views.iter().filter_map(|slot| Some((slot.id().0.to_owned(), slot.view.keep()?))).collect(),
        }
    }

    /// Arranges a model as it was. A view that has nothing to show yet gets the focus when it has.
    pub fn arrange(&self, model: &mut Model) {
        let known = |name: &String| model.views.iter().map(super::model::Slot::id).find(|id| id.0 == name);
        let recent: Vec<ViewId> = self.recent.iter().filter_map(known).collect();
        let shared = &mut model.shared;
        shared.zoomed = self.zoomed;
        // A filter that nobody could have typed is not taken.
        if !Filter::of(&self.filter).is_empty() && self.filter.len() < 1_000 {
            shared.runs.filter.clone_from(&self.filter);
        }
        shared.runs.sort = self.sort;
        shared.runs.columns = self.columns.iter().filter(|name| name.len() < 200).take(MOST_COLUMNS).cloned().collect();
        shared.metric.clone_from(&self.metric);
        if let Some(name) = self.theme {
            shared.theme = Theme::new(name, shared.theme.depth);
            model.chosen_theme = self.theme;
        }
        model.mouse = !self.no_mouse;
        let known = self.splits.iter().filter(|(name, part)| name.len() < 40 && **part <= 1000);
        model.splits = known.take(MOST_SPLITS).map(|(name, part)| (name.clone(), *part)).collect();
        shared.runs.waiting = self.runs.bounded();
        for slot in &mut model.views {
            if let Some(kept) = self.views.get(slot.id().0) {
                slot.view.take_up(kept);
            }
        }
        if let Some(first) = recent.first() {
            model.focus = *first;
            model.recent = recent;
            model.is_chosen = true;
        }
    }
}
