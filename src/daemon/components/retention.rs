//! Retention: in idle time, thins out the series of runs that were last written to long ago, where the project says so.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::shared::Shared;
use crate::observe;
use crate::store::{RunId, StoreError};
use crate::vocab::FactName;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked which runs are old.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// How long logs wait meanwhile, at least one run being thinned out.
const AT_ONCE: Duration = Duration::from_millis(100);

/// See the [module](self).
#[derive(Default)]
pub struct Retention {
    /// Runs that were thinned out, and when they were last written to then.
    done: HashMap<RunId, SystemTime>,
    /// When it was looked last, and nothing was left to do.
    looked: Option<Instant>,
}

impl Component for Retention {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::Idle if self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) => {
                let thinned = self.thin(shared)?;
                if !thinned.is_empty() {
                    out.send(Event::PointsRead { runs: thinned, more: false });
                }
            }
            Event::Edited(_) | Event::StoreReplaced(_) => *self = Self::default(),
            _ => {}
        }
        Ok(())
    }
}

impl Retention {
    /// Thins out the runs that are due, for a while. Returns those that have fewer points now.
    fn thin(&mut self, shared: &Shared) -> Result<BTreeSet<RunId>, StoreError> {
        let mut thinned = BTreeSet::new();
        let began = Instant::now();
        let Some(longest) = shared.written.retention.points else {
            self.looked = Some(began);
            return Ok(thinned);
        };
        self.done.retain(|run, _| shared.writes.contains_key(run));
        for (run, written) in &shared.writes {
            let is_old = shared.now.duration_since(*written).is_ok_and(|age| age > longest);
            if !is_old || self.done.get(run) == Some(written) {
                continue;
            }
            if began.elapsed() > AT_ONCE {
                return Ok(thinned);
            }
            let Some(tracked) = shared.runs.get(run) else { continue };
            let counter = {
                let stated = tracked.record.facts.text(FactName::StepMetric);
                observe::step_counter(&tracked.metrics, stated).map(|at| &*tracked.metrics[at].0)
            };
            // What is fitted to, and what says where the others are.
            let stays = |metric: &str| tracked.record.series.contains_key(metric) || counter == Some(metric);
            let gone = shared.store.thin_points(*run, &stays)?;
            self.done.insert(*run, *written);
            if gone > 0 {
                tracing::info!(run = shared.store.run_name(*run), gone, "thinned out an old run");
                thinned.insert(*run);
            }
        }
        self.looked = Some(began);
        Ok(thinned)
    }
}
