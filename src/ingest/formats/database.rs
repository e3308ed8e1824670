//! SQLite databases of trackers, MLflow's and trackio's. What they hold is read by [`crate::ingest`], through SQLite and beside
//! their writer; here is only how they are recognised.

use super::{Format, FormatError, Growth, Parser, Recognition, Sink};

/// The format.
pub struct Database;

/// First bytes of every SQLite database.
pub const MAGIC: &[u8] = b"SQLite format 3\0";

impl Format for Database {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn growth(&self) -> Growth {
        Growth::Rows
    }

    fn framed(&self) -> bool {
        true
    }

    fn recognise(&self, _path: &str, head: &[u8]) -> Option<Recognition> {
        head.starts_with(MAGIC).then(|| Recognition {
            confidence: 100,
            why: "an SQLite database: each run of MLflow's or trackio's in it is one".into(),
        })
    }

    fn parser(&self, _path: &str) -> Box<dyn Parser> {
        Box::new(Nothing)
    }
}

/// Rows are not in the order of bytes: there is nothing to read of these.
pub struct Nothing;

impl Parser for Nothing {
    fn feed(&mut self, input: &[u8], _last: bool, _sink: &mut Sink) -> Result<usize, FormatError> {
        Ok(input.len())
    }
}
