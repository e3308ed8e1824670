//! Tables of finished runs, read again when their files change.

use crate::observe::tables::Tables;
use crate::project::{Project, TableSource};
use std::time::SystemTime;

/// The tables of a project as they were read last.
#[derive(Debug)]
pub struct WatchedTables {
    /// What they say.
    pub tables: Tables,
    /// What their files were when they were read.
    stamps: Vec<Stamp>,
}

/// Modification time and length of a table's file, where it is there.
type Stamp = Option<(SystemTime, u64)>;

impl WatchedTables {
    /// Reads the tables of a project.
    #[must_use]
    pub fn read(project: &Project) -> Self {
        Self { stamps: stamps(project), tables: Tables::read(project) }
    }

    /// Reads them again if any file has changed. Returns whether they say anything else now.
    pub fn look(&mut self, project: &Project) -> bool {
        let stamps = stamps(project);
        // One that could not be read may be readable now though nothing about it has changed.
        if stamps == self.stamps && !self.tables.failed {
            return false;
        }
        self.stamps = stamps;
        let fresh = Tables::read(project);
        if fresh == self.tables {
            return false;
        }
        if fresh.are_all_of(project) {
            self.tables = fresh;
        } else {
            // One may have been caught while it is written: its rows stand until it is whole.
            (self.tables.notices, self.tables.failed) = (fresh.notices, true);
        }
        true
    }
}

fn stamps(project: &Project) -> Vec<Stamp> {
    let joined = |table: &TableSource| table.join.as_ref().map(|(path, _)| path.clone());
    let paths = project.tables.iter().flat_map(|table| std::iter::once(table.path.clone()).chain(joined(table)));
    paths.map(|path| std::fs::metadata(path).and_then(|m| Ok((m.modified()?, m.len()))).ok()).collect()
}
