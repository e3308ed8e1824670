//! Which metrics can be drawn, and of which runs.

use crate::observe::training_loss;
use crate::tui::metric_list::MetricList;
use crate::tui::shared::{Shared, losses};
use crate::tui::views::run::charts::interest;
use crate::vocab::{RunView, Snapshot};
use std::collections::BTreeSet;

/// Curves at a time: more are a carpet. The filter of the list says which.
pub(super) const MOST: usize = 20;
/// The metrics to choose from, the project's first, then training losses, then the others: those that are measured, and
/// everything that a drawn run logs.
pub(in crate::tui) fn keys(shared: &Shared) -> Vec<&str> {
    let Some(snapshot) = &shared.snapshot else { return Vec::new() };
    shared.drawable.of(snapshot, &ids(shared), None).unwrap_or_else(|| sorted(shared, snapshot))
}

/// Makes the list for what is shown now, where it was made for something else.
pub(in crate::tui) fn look(shared: &mut Shared) {
    let ids = ids(shared);
    let Some(snapshot) = shared.snapshot.as_ref().filter(|now| shared.drawable.of(now, &ids, None).is_none()) else {
        return;
    };
    shared.drawable = MetricList::made(snapshot, ids, None, &sorted(shared, snapshot));
}

/// The runs that say which metrics there are.
fn ids(shared: &Shared) -> Vec<u32> {
    runs(shared, false, MOST).into_iter().map(|run| run.id).collect()
}

fn sorted<'a>(shared: &'a Shared, snapshot: &'a Snapshot) -> Vec<&'a str> {
    let drawn =
        |key: &str| snapshot.runs.iter().any(|run| run.metrics.get(key).is_some_and(|metric| metric.points > 1));
    let mut all: Vec<&str> = losses(snapshot).into_iter().map(|loss| loss.key).filter(|key| drawn(key)).collect();
    let logged = runs(shared, false, MOST).into_iter().flat_map(|run| run.metrics.iter());
    let logged: BTreeSet<&str> = logged.filter(|(_, metric)| metric.points > 1).map(|(key, _)| &**key).collect();
    let mut others: Vec<&str> = logged.into_iter().filter(|key| !all.contains(key)).collect();
    others.sort_by_cached_key(|key| (training_loss(key).unwrap_or(usize::MAX), interest(key)));
    all.extend(others);
    all
}

/// Whether there is any of them: asked of every frame, several times.
pub(super) fn is_any(shared: &Shared) -> bool {
    let Some(snapshot) = &shared.snapshot else { return false };
    let mut logged = runs(shared, false, MOST).into_iter().flat_map(|run| run.metrics.values());
    let drawn = |key: &str| {
        let of_run = |run: &std::sync::Arc<RunView>| run.metrics.get(key).is_some_and(|metric| metric.points > 1);
        snapshot.runs.iter().any(of_run)
    };
    logged.any(|metric| metric.points > 1) || losses(snapshot).into_iter().any(|loss| drawn(loss.key))
}

/// The one to begin with: the first that a listed run has logged.
pub(super) fn first<'a>(shared: &Shared, all: &[&'a str]) -> Option<&'a str> {
    let listed = runs(shared, false, MOST);
    let drawn = |key: &str| listed.iter().any(|run| run.metrics.get(key).is_some_and(|metric| metric.points > 1));
    all.iter().find(|key| drawn(key)).or_else(|| all.first()).copied()
}

/// The runs that are drawn, at most so many, as they are listed; the selected one is among them.
pub(super) fn runs(shared: &Shared, only: bool, most: usize) -> Vec<&RunView> {
    let Some(snapshot) = &shared.snapshot else { return Vec::new() };
    let selected = shared.selected_run();
    if let Some(run) = selected.filter(|_| only) {
        return vec![run];
    }
    let list = &shared.runs;
    let pinned = snapshot.runs.iter().map(AsRef::as_ref).filter(|run: &&RunView| list.pinned.contains(&run.id));
    let listed = list.order.iter().map(|index| &*snapshot.runs[*index]).filter(|run| !list.pinned.contains(&run.id));
    let shown = pinned.chain(listed).filter(|run| !list.leaves_out(run.id));
    let mut runs: Vec<&RunView> = shown.take(most).collect();
    let is_drawn = |selected: &&RunView| !runs.iter().any(|run| run.id == selected.id);
    if let Some(selected) = selected.filter(is_drawn).filter(|selected| !list.leaves_out(selected.id)) {
        runs.truncate(most.saturating_sub(1));
        runs.push(selected);
    }
    runs
}
