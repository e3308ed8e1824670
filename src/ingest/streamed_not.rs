//! What stands for a stream in a build without the feature `nats`: it says so.

use super::{Budget, Look, Source, Turn, Waker};
use crate::project::StreamSource;
use crate::store::{RunId, SledStore, StoreError};
use crate::vocab::{Notice, Severity};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

/// See the [module](self).
pub struct Streamed(StreamSource, Arc<SledStore>);

impl Streamed {
    /// A stream that is not read.
    pub fn new(stream: &StreamSource, store: Arc<SledStore>, _waker: Waker) -> Self {
        Self(stream.clone(), store)
    }
}

impl Source for Streamed {
    fn turn(&mut self, _look: &Look, _budget: Budget) -> Result<Turn, StoreError> {
        Ok(Turn::default())
    }

    /// What another build has read stays.
    fn has(&self, run: &str) -> bool {
        let Some(run) = self.1.find_run(run) else { return false };
        self.1.all_records(run).iter().any(|(_, record)| record.cursor.origin.is_some())
    }

    fn notices(&self) -> Vec<Notice> {
        vec![Notice {
            severity: Severity::Error,
            text: format!("{}: this mixlaw was built without streams", self.0.address),
            help: Some("build one with them: cargo install --path . --features nats".to_owned()),
        }]
    }

    fn unreadable(&self) -> Vec<Notice> {
        self.notices()
    }

    fn last_writes(&self, _of: Option<&BTreeSet<RunId>>) -> HashMap<RunId, SystemTime> {
        HashMap::new()
    }
}
