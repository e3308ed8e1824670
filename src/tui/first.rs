//! The chart to begin with, while nobody has chosen one: what it is follows from what there is.

use super::shared::Shared;
use super::views::{ViewId, chart, curves, shape};
use crate::vocab::{FactName, RunState, Snapshot};

/// Mixtures: losses against them, or the curves while runs go on. Sizes or experts: losses against those. Neither: curves.
#[must_use]
pub fn chart(shared: &Shared) -> Option<ViewId> {
    let snapshot = shared.snapshot.as_ref()?;
    let is_live = snapshot.runs.iter().any(|run| run.state == RunState::Running);
    Some(match () {
        () if !snapshot.charts.is_empty() && !is_live => chart::ID,
        () if !snapshot.charts.is_empty() || mixtures_differ(snapshot) => curves::ID,
        () if shapes_differ(snapshot) => shape::ID,
        () => curves::ID,
    })
}

fn mixtures_differ(snapshot: &Snapshot) -> bool {
    let mut all = snapshot.runs.iter().filter_map(|run| run.mixture());
    all.next().is_some_and(|first| all.any(|other| other != first))
}

fn shapes_differ(snapshot: &Snapshot) -> bool {
    let differ = |name: FactName| {
        let mut all = snapshot.runs.iter().filter_map(|run| run.number(name));
        all.next().is_some_and(|first| all.any(|other| (other / first - 1.0).abs() > 0.02))
    };
    [FactName::Params, FactName::TotalParams, FactName::ActiveParams, FactName::Experts, FactName::Granularity]
        .into_iter()
        .any(differ)
}
