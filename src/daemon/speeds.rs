//! How fast the runs trained, read from the store where a budget asks.

use crate::observe::speed::{Asked, may_be_per_cent, speed, steady};
use crate::observe::{Observed, RunRecord};
use crate::store::{ReadStore, SledStore, StoreError};
use crate::vocab::Speeds;
use crate::vocab::speed::median;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The speeds of runs.
pub(super) fn of_runs(store: &SledStore, records: &[RunRecord]) -> Result<Speeds, StoreError> {
    let keys = |record: &RunRecord| -> Vec<String> {
        let others = record.others.iter().map(|key| key.to_string());
        record.series.keys().cloned().chain(others).collect()
    };
    let mut failed = None;
    let mut points = |record: &RunRecord, key: &str| match store.series(record.id, key) {
        Ok(series) => series.latest(),
        Err(error) => {
            failed.get_or_insert(error);
            Vec::new()
        }
    };
    // A unit that only numbers tell is the same in all runs.
    let mut per_cent: BTreeSet<String> = BTreeSet::new();
    for record in records {
        for key in keys(record).into_iter().filter(|key| may_be_per_cent(key)) {
            if !per_cent.contains(&key) && median(&steady(&points(record, &key))) > 1.0 {
                per_cent.insert(key);
            }
        }
    }
    let mut speeds = Speeds::default();
    for record in records {
        let keys = keys(record);
        let asked = Asked {
            name: &record.name,
            facts: &record.facts,
            keys: keys.iter().map(String::as_str).collect(),
            formats: store.formats(record.id),
            per_cent: &|key| per_cent.contains(key),
        };
        match speed(&asked, &mut |key| points(record, key)) {
            Ok(found) => speeds.runs.extend(found),
            Err(why) => speeds.useless.push((record.name.to_string(), why.to_string())),
        }
    }
    failed.map_or(Ok(speeds), Err)
}

/// What was observed, with the speeds of the runs, where they are not there yet.
pub(super) fn beside(
    observed: &Arc<Observed>,
    store: &SledStore,
    records: &[RunRecord],
) -> Result<Arc<Observed>, StoreError> {
    if *observed.speeds != Speeds::default() {
        return Ok(Arc::clone(observed));
    }
    let speeds = Arc::new(of_runs(store, records)?);
    Ok(Arc::new(Observed { speeds, ..Observed::clone(observed) }))
}
