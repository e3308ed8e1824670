//! Display names of a project's validation losses.

use crate::vocab::{RunView, Snapshot};
use std::collections::BTreeSet;

/// A validation loss: what it is called on screen and what its key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss<'a> {
    /// Its name in the project: the domain it is measured on, or one of its own.
    pub label: &'a str,
    /// Key of the metric.
    pub key: &'a str,
}

/// The metrics in the order of the project.
#[must_use]
pub fn losses<'a>(snapshot: &'a Snapshot) -> Vec<Loss<'a>> {
    if snapshot.measured.is_empty() {
        let named = snapshot.domains.iter().filter_map(|d| Some(Loss { label: d, key: snapshot.metrics.get(d)? }));
        let named: Vec<Loss<'_>> = named.collect();
        if !named.is_empty() {
            return named;
        }
        // Nothing is named: what stands for a run is shown, and what is forecast.
        let keys =
            |run: &'a RunView| run.main_loss.as_deref().into_iter().chain(run.forecast.keys().map(String::as_str));
        let keys: BTreeSet<&str> = snapshot.runs.iter().flat_map(|run| keys(run)).collect();
        return keys.into_iter().map(|key| Loss { label: key, key }).collect();
    }
    let known = snapshot.measured.iter().filter(|metric| !metric.key.is_empty());
    known.map(|metric| Loss { label: &metric.name, key: &metric.key }).collect()
}
