//! Which runs the user has hidden, pinned, chosen or selected, by name: numbers are those of one store.

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
    /// Those of runs that are marked by number (hidden, pinned, only) or selected, and those that are still waited for.
    #[must_use]
    pub fn of(snapshot: Option<&Snapshot>, marked: [&BTreeSet<u32>; 3], selected: Option<u32>, waiting: &Self) -> Self {
        let runs = snapshot.into_iter().flat_map(|snapshot| &snapshot.runs);
        let names: BTreeMap<u32, &str> = runs.map(|run| (run.id, run.name.as_str())).collect();
        let name = |id: &u32| names.get(id).map(|name| (*name).to_owned());
        let named = |ids: &BTreeSet<u32>, waiting: &BTreeSet<String>| {
            ids.iter().filter_map(name).chain(waiting.iter().cloned()).collect()
        };
        let [hidden, pinned, only] = marked;
        let all = Self {
            hidden: named(hidden, &waiting.hidden),
            pinned: named(pinned, &waiting.pinned),
            only: named(only, &waiting.only),
            selected: waiting.selected.clone().or_else(|| selected.as_ref().and_then(name)),
        };
        all.bounded()
    }

    /// Marks the runs of a snapshot by number. Those that have not come yet are still waited for.
    pub fn come(&mut self, snapshot: &Snapshot, marked: [&mut BTreeSet<u32>; 3], selected: &mut Option<u32>) {
        if *self == Self::default() {
            return;
        }
        let waiting = [&mut self.hidden, &mut self.pinned, &mut self.only];
        for (waiting, marked) in waiting.into_iter().zip(marked) {
            marked.extend(snapshot.runs.iter().filter(|run| waiting.remove(&run.name)).map(|run| run.id));
        }
        if let Some(run) = snapshot.runs.iter().find(|run| self.selected.as_ref() == Some(&run.name)) {
            (*selected, self.selected) = (Some(run.id), None);
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
