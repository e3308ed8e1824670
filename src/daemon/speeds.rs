//! How fast the runs trained, read from the store where a budget asks.

use crate::observe::speed::{Asked, Steady, may_be_per_cent, speed, steady};
use crate::observe::{Observed, RunRecord};
use crate::store::{ReadStore, RunId, SledStore, StoreError};
use crate::vocab::Speeds;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was read of the speeds of runs, kept while a run is the same.
#[derive(Debug, Default)]
pub(super) struct ReadSpeeds {
    /// By run: which reading of it, and what its metrics of speed said.
    runs: BTreeMap<RunId, (u64, BTreeMap<String, Steady>)>,
}

impl ReadSpeeds {
    /// The speeds of runs; those of which another `reading` was seen before, and new ones, are read from the store.
    pub fn of_runs(
        &mut self,
        store: &SledStore,
        records: &[RunRecord],
        reading: impl Fn(&RunRecord) -> u64,
    ) -> Result<Speeds, StoreError> {
        let present: BTreeSet<RunId> = records.iter().map(|record| record.id).collect();
        self.runs.retain(|id, _| present.contains(id));
        let mut failed = None;
        let mut say = |record: &RunRecord, key: &str| {
            let of = reading(record);
            let (read, metrics) = self.runs.entry(record.id).or_default();
            if *read != of {
                (*read, *metrics) = (of, BTreeMap::new());
            }
            if let Some(known) = metrics.get(key) {
                return *known;
            }
            match store.series(record.id, key) {
                Ok(series) => *metrics.entry(key.to_owned()).or_insert(steady(&series.latest())),
                Err(error) => {
                    failed.get_or_insert(error);
                    Steady::default()
                }
            }
        };
        // A unit that only numbers tell is the same in all runs.
        let mut per_cent: BTreeSet<&str> = BTreeSet::new();
        for record in records {
            for key in keys(record).filter(|key| may_be_per_cent(key)) {
                if !per_cent.contains(key) && say(record, key).median > 1.0 {
                    per_cent.insert(key);
                }
            }
        }
        let mut speeds = Speeds::default();
        for record in records {
            let asked = Asked {
                name: &record.name,
                facts: &record.facts,
                keys: keys(record).collect(),
                formats: store.formats(record.id),
                per_cent: &|key| per_cent.contains(key),
            };
            match speed(&asked, &mut |key| say(record, key)) {
                Ok(found) => speeds.runs.extend(found),
                Err(why) => speeds.useless.push((record.name.to_string(), why.to_string())),
            }
        }
        failed.map_or(Ok(speeds), Err)
    }
}

fn keys(record: &RunRecord) -> impl Iterator<Item = &str> {
    record.series.keys().map(String::as_str).chain(record.others.iter().map(|key| &**key))
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
    let speeds = Arc::new(ReadSpeeds::default().of_runs(store, records, |_| 0)?);
    Ok(Arc::new(Observed { speeds, ..Observed::clone(observed) }))
}
