//! Lists of metrics, made once for what is shown: a model of a mixture of experts logs thousands, and every frame asks several times.

use crate::vocab::Snapshot;
use std::fmt;
use std::sync::Arc;

/// A list of metrics and what it was made from. It says nothing that could not be worked out anew: two are always equal.
#[derive(Clone, Default)]
pub struct MetricList {
    snapshot: Option<Arc<Snapshot>>,
    runs: Vec<u32>,
    chosen: Option<String>,
    keys: Vec<Arc<str>>,
}

impl MetricList {
    /// The list, where it was made for this.
    #[must_use]
    pub fn of(&self, snapshot: &Arc<Snapshot>, runs: &[u32], chosen: Option<&str>) -> Option<Vec<&str>> {
        let same = self.snapshot.as_ref().is_some_and(|known| Arc::ptr_eq(known, snapshot));
        let is_it = same && self.runs == runs && self.chosen.as_deref() == chosen;
        is_it.then(|| self.keys.iter().map(|key| &**key).collect())
    }

    /// A list for a snapshot, some of its runs, and the metric that the user has chosen.
    #[must_use]
    pub fn made(snapshot: &Arc<Snapshot>, runs: Vec<u32>, chosen: Option<&str>, keys: &[&str]) -> Self {
        let keys = keys.iter().map(|key| Arc::from(*key)).collect();
        Self { snapshot: Some(Arc::clone(snapshot)), runs, chosen: chosen.map(str::to_owned), keys }
    }
}

impl PartialEq for MetricList {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for MetricList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricList")
    }
}
