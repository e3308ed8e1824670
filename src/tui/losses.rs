//! Display names of a project's validation losses.

use crate::vocab::Snapshot;

/// A validation loss: what it is called on screen and what its key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss<'a> {
    /// The domain it is measured on, or the key where it belongs to none.
    pub label: &'a str,
    /// Key of the metric.
    pub key: &'a str,
}

/// The validation losses in the order of the domains, those of no domain left out.
#[must_use]
pub fn losses(snapshot: &Snapshot) -> Vec<Loss<'_>> {
    snapshot.domains.iter().filter_map(|d| Some(Loss { label: d, key: snapshot.metrics.get(d)? })).collect()
}
