//! How the list of runs was arranged before, to go back to.

use super::model::Model;
use super::order::Sort;
use super::shared::Shared;
use std::collections::BTreeSet;

/// Arrangements that are kept.
const MOST: usize = 100;

/// What can be taken back: what is listed and drawn, and in which order.
#[derive(Debug, Clone, PartialEq)]
pub struct Arranged {
    filter: String,
    sort: Sort,
    columns: Vec<String>,
    hidden: BTreeSet<u32>,
    pinned: BTreeSet<u32>,
    only: BTreeSet<u32>,
    metric: Option<String>,
}

impl Arranged {
    fn of(shared: &Shared) -> Self {
        let runs = &shared.runs;
        Self {
            filter: runs.filter.clone(),
            sort: runs.sort,
            columns: runs.columns.clone(),
            hidden: runs.hidden.clone(),
            pinned: runs.pinned.clone(),
            only: runs.only.clone(),
            metric: shared.metric.clone(),
        }
    }

    fn apply(self, shared: &mut Shared) {
        let runs = &mut shared.runs;
        (runs.filter, runs.sort, runs.columns) = (self.filter, self.sort, self.columns);
        (runs.hidden, runs.pinned, runs.only) = (self.hidden, self.pinned, self.only);
        shared.metric = self.metric;
        shared.reorder();
    }
}

/// Arrangements before and after the one that is seen.
#[derive(Debug, Clone, Default)]
pub struct Undo {
    /// The one seen last, while nothing was typed.
    seen: Option<Arranged>,
    before: Vec<Arranged>,
    after: Vec<Arranged>,
}

/// Looks at the arrangement before a key or the mouse changes it: what changed of itself is not the user's to take back.
pub fn look(model: &mut Model) {
    if model.typing().is_none() {
        model.undo.seen = Some(Arranged::of(&model.shared));
    }
}

/// Takes note of what a key or the mouse has changed. What is typed into a line counts as one change, when it ends.
pub fn note(model: &mut Model) {
    if model.typing().is_some() {
        return;
    }
    let now = Arranged::of(&model.shared);
    let undo = &mut model.undo;
    if let Some(seen) = undo.seen.replace(now.clone())
        && seen != now
    {
        undo.before.push(seen);
        undo.before.drain(..undo.before.len().saturating_sub(MOST));
        undo.after.clear();
    }
}

/// Goes back to the arrangement before the last change, or forward again; `false` where there is none.
pub fn step(model: &mut Model, back: bool) -> bool {
    let undo = &mut model.undo;
    let (from, to) = if back { (&mut undo.before, &mut undo.after) } else { (&mut undo.after, &mut undo.before) };
    let Some(arranged) = from.pop() else { return false };
    to.push(Arranged::of(&model.shared));
    undo.seen = Some(arranged.clone());
    arranged.apply(&mut model.shared);
    true
}
