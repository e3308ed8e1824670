//! Display names of a project's validation losses.

use crate::vocab::Snapshot;

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
pub fn losses(snapshot: &Snapshot) -> Vec<Loss<'_>> {
    if snapshot.measured.is_empty() {
        let named = snapshot.domains.iter().filter_map(|d| Some(Loss { label: d, key: snapshot.metrics.get(d)? }));
        let named: Vec<Loss<'_>> = named.collect();
        if !named.is_empty() {
            return named;
        }
        // Nothing is named: what is forecast is shown.
        let run = snapshot.runs.iter().find(|run| !run.forecast.is_empty());
        return run.iter().flat_map(|run| run.forecast.keys()).map(|key| Loss { label: key, key }).collect();
    }
    let known = snapshot.measured.iter().filter(|metric| !metric.key.is_empty());
    known.map(|metric| Loss { label: &metric.name, key: &metric.key }).collect()
}
