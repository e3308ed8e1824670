//! Whether there are runs, and whether their logs can be read and are recognised.

use super::finding::Findings;
use super::patient::Patient;
use crate::vocab::count::counted;
use std::collections::BTreeMap;

/// Runs that are listed one by one.
const LISTED: usize = 5;

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    found.repeat(patient.unreadable.iter().cloned(), "logs that cannot be read");
    let Some(logs) = &patient.logs else { return };
    // A daemon says it in its setup notes.
    if patient.daemon.is_ok() {
        let cannot = |text: &str| text.contains("cannot be read") || text.contains("cannot read");
        found.repeat(logs.notices.iter().filter(|notice| cannot(&notice.text)).cloned(), "logs that cannot be read");
    }
    if logs.runs.is_empty() && logs.files.is_empty() {
        found
            .warn("no run matches the patterns", "correct `runs` in the project file; see what it finds: mixlaw check");
    }
    let mut by_run: BTreeMap<&str, (usize, usize, &str)> = BTreeMap::new();
    for file in &logs.files {
        let entry = by_run.entry(&file.run).or_insert((0, 0, ""));
        entry.0 += usize::from(file.format.is_some());
        entry.1 += 1;
        if file.format.is_none() {
            entry.2 = &file.why;
        }
    }
    let silent: Vec<_> = by_run.into_iter().filter(|(_, (recognised, ..))| *recognised == 0).collect();
    for (run, (_, files, why)) in silent.iter().take(LISTED) {
        let text =
            format!("nothing is recognised in {run}: {} looked at, the last one: {why}", counted(*files, "file"));
        found.warn(text, "describe its lines under `formats:` in the project file, or leave the run out of `runs:`");
    }
    if silent.len() > LISTED {
        let more = silent.len() - LISTED;
        found.warn(format!("nothing is recognised in {} either", counted(more, "other run")), "list all: mixlaw check");
    }
}
