//! Which runs say something of routers. Every key of every run is looked at for that, so it is done when a run has changed and
//! never when something is drawn.

use crate::forecast::signals::{expert_of, figure_of};
use crate::vocab::{FactName, RunView};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What there is to see of the routers of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Routers {
    /// It is dense, as far as is known.
    #[default]
    None,
    /// It has experts, and logs nothing of their loads.
    Silent,
    /// It logs figures of its routers.
    Figures,
    /// It logs the load of each expert.
    Loads,
}

impl Routers {
    fn of(run: &RunView) -> Self {
        if run.metrics.keys().any(|key| expert_of(key).is_some()) {
            Self::Loads
        } else if run.metrics.keys().any(|key| figure_of(key).is_some()) {
            Self::Figures
        } else if run.number(FactName::Experts).is_some_and(|experts| experts > 1.0) {
            Self::Silent
        } else {
            Self::None
        }
    }
}

/// The same of all runs, by their numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Routed {
    runs: BTreeMap<u32, (Arc<RunView>, Routers)>,
    most: Routers,
}

impl Routed {
    /// Looks at the runs that have changed.
    pub fn look(&mut self, runs: &[Arc<RunView>]) {
        let mut before = std::mem::take(&mut self.runs);
        for run in runs {
            let known = before.remove(&run.id).filter(|(view, _)| Arc::ptr_eq(view, run)).map(|(_, routers)| routers);
            self.runs.insert(run.id, (Arc::clone(run), known.unwrap_or_else(|| Routers::of(run))));
        }
        self.most = self.runs.values().map(|(_, routers)| *routers).max().unwrap_or_default();
    }

    /// What there is to see of a run.
    #[must_use]
    pub fn of(&self, run: u32) -> Routers {
        self.runs.get(&run).map_or_else(Routers::default, |(_, routers)| *routers)
    }

    /// The most there is to see of any.
    #[must_use]
    pub fn most(&self) -> Routers {
        self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    #[test]
    fn a_run_is_looked_at_again_when_it_has_changed() {
        let snapshot = fixture::routed();
        let mut routed = Routed::default();
        routed.look(&snapshot.runs);
        let loaded = snapshot.runs.iter().find(|run| routed.of(run.id) == Routers::Loads).expect("one with loads");
        assert_eq!(routed.most(), Routers::Loads);
        let mut silent = RunView::clone(loaded);
        silent.metrics = Arc::default();
        routed.look(&[Arc::new(silent)]);
        assert!(routed.of(loaded.id) < Routers::Figures && routed.most() < Routers::Figures);
        routed.look(&fixture::sweep().runs);
        assert_eq!((routed.most(), routed.of(loaded.id)), (Routers::None, Routers::None));
    }
}
