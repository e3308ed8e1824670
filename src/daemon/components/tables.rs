//! Tables of finished runs, read again when their files change.

use crate::daemon::component::{Component, Outbox};
use crate::daemon::event::Event;
use crate::daemon::shared::Shared;
use crate::ingest::Look;
use crate::observe::tables::Tables;
use crate::project::{Project, TableSource};
use crate::store::StoreError;
use std::sync::Arc;
use std::time::SystemTime;

/// The tables of a project as they were read last.
#[derive(Debug)]
pub struct WatchedTables {
    /// What they say.
    tables: Arc<Tables>,
    /// What their files were when they were read.
    stamps: Vec<Stamp>,
}

/// Modification time and length of a table's file, where it is there.
type Stamp = Option<(SystemTime, u64)>;

impl WatchedTables {
    /// Reads the tables of a project.
    #[must_use]
    pub fn read(project: &Project) -> Self {
        Self { stamps: stamps(project), tables: Arc::new(Tables::read(project)) }
    }

    /// Reads them again if any file has changed. Returns whether they say anything else now.
    fn look(&mut self, project: &Project) -> bool {
        let stamps = stamps(project);
        // One that could not be read may be readable now though nothing about it has changed.
        if stamps == self.stamps && !self.tables.failed {
            return false;
        }
        self.stamps = stamps;
        let fresh = Tables::read(project);
        if fresh == *self.tables {
            return false;
        }
        if fresh.are_all_of(project) {
            self.tables = Arc::new(fresh);
        } else {
            // One may have been caught while it is written: its rows stand until it is whole.
            let tables = Arc::make_mut(&mut self.tables);
            (tables.notices, tables.failed) = (fresh.notices, true);
        }
        true
    }
}

impl Component for WatchedTables {
    fn name(&self) -> &'static str {
        "tables"
    }

    fn start(&mut self, _: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        out.send(Event::TablesRead(Arc::clone(&self.tables)));
        Ok(())
    }

    fn handle(&mut self, event: &Event, shared: &Shared, out: &mut Outbox) -> Result<(), StoreError> {
        match event {
            Event::Look(Look::Everything) if self.look(&shared.written) => {}
            Event::Edited(project) => *self = Self::read(project),
            _ => return Ok(()),
        }
        out.send(Event::TablesRead(Arc::clone(&self.tables)));
        Ok(())
    }
}

fn stamps(project: &Project) -> Vec<Stamp> {
    let joined = |table: &TableSource| table.join.as_ref().map(|(path, _)| path.clone());
    let paths = project.tables.iter().flat_map(|table| std::iter::once(table.path.clone()).chain(joined(table)));
    paths.map(|path| std::fs::metadata(path).and_then(|m| Ok((m.modified()?, m.len()))).ok()).collect()
}
