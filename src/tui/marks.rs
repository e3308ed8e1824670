//! Which runs the user has hidden, pinned, chosen or selected, by name: numbers are those of one store.

use super::shared::{RunList, Shared};
use crate::vocab::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of names that are remembered of each set; a set of more was made by no hand.
const MOST: usize = 12_000;

/// Runs by name.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Marks {
    /// Runs that curves leave out.
    pub hidden: BTreeSet<String>,
    /// Runs whose curves are always drawn.
    pub pinned: BTreeSet<String>,
    /// Where it is not empty, the only runs whose curves are drawn.
    pub only: BTreeSet<String>,
    /// The selected run.
    pub selected: Option<String>,
}

impl Marks {
    /// Those of now, with those of runs that have not come yet.
    #[must_use]
    pub fn of(shared: &Shared) -> Self {
        let list = &shared.runs;
        let runs = shared.snapshot.iter().flat_map(|snapshot| &snapshot.runs);
        let names: BTreeMap<u32, &str> = runs.map(|run| (run.id, run.name.as_str())).collect();
        let named = |ids: &BTreeSet<u32>, waiting: &BTreeSet<String>| {
            let all: BTreeSet<String> =
                ids.iter().filter_map(|id| names.get(id)).map(|name| (*name).to_owned()).collect();
            short(all.union(waiting).cloned().collect())
        };
        let waiting = &list.waiting;
        let selected = list.selected.and_then(|id| names.get(&id)).map(|name| (*name).to_owned());
        Self {
            hidden: named(&list.hidden, &waiting.hidden),
            pinned: named(&list.pinned, &waiting.pinned),
            only: named(&list.only, &waiting.only),
            selected: waiting.selected.clone().or(selected).filter(|name| name.len() <= MOST),
        }
    }

    /// What of it is not too long.
    #[must_use]
    pub fn bounded(&self) -> Self {
        Self {
            hidden: short(self.hidden.clone()),
            pinned: short(self.pinned.clone()),
            only: short(self.only.clone()),
            selected: self.selected.clone().filter(|name| name.len() <= MOST),
        }
    }
}

/// As many names as there is room for.
fn short(all: BTreeSet<String>) -> BTreeSet<String> {
    let mut bytes = 0;
    all.into_iter()
        .take_while(|name| {
            bytes += name.len();
            bytes <= MOST
        })
        .collect()
}

impl RunList {
    /// Marks the runs of a snapshot that are remembered. Those that have not come yet are waited for.
    pub fn recall(&mut self, snapshot: &Snapshot) {
        if self.waiting == Marks::default() {
            return;
        }
        for run in &snapshot.runs {
            for (waiting, marked) in [
                (&mut self.waiting.hidden, &mut self.hidden),
                (&mut self.waiting.pinned, &mut self.pinned),
                (&mut self.waiting.only, &mut self.only),
            ] {
                if waiting.remove(&run.name) {
                    marked.insert(run.id);
                }
            }
            if self.waiting.selected.as_ref() == Some(&run.name) {
                (self.selected, self.waiting.selected) = (Some(run.id), None);
            }
        }
    }
}
