//! The records of all runs, of which most are the same from one line of a log to the next.

use super::RunRecord;
use crate::vocab::ByNumber;
use std::ops::Deref;
use std::sync::OnceLock;

/// Records in the order of their runs' numbers. The list of them is made when somebody first asks for it: a line of one run of a
/// thousand is published without.
#[derive(Debug, Default)]
pub struct Records {
    by_run: ByNumber<RunRecord>,
    list: OnceLock<Vec<RunRecord>>,
}

impl From<ByNumber<RunRecord>> for Records {
    fn from(by_run: ByNumber<RunRecord>) -> Self {
        Self { by_run, list: OnceLock::new() }
    }
}

impl FromIterator<RunRecord> for Records {
    fn from_iter<I: IntoIterator<Item = RunRecord>>(all: I) -> Self {
        all.into_iter().map(|record| (record.id.0, record)).collect::<ByNumber<_>>().into()
    }
}

impl Deref for Records {
    type Target = [RunRecord];

    fn deref(&self) -> &[RunRecord] {
        self.list.get_or_init(|| self.by_run.iter().map(|(_, record)| record.clone()).collect())
    }
}
