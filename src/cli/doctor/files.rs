//! Whether the file systems of the runs tell of changes.

use super::finding::Findings;
use super::patient::Patient;
use crate::ingest::{discover, filesystem};

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    let Ok(project) = &patient.project else { return };
    for base in discover::bases(&project.root, &project.runs) {
        if !base.exists() {
            continue;
        }
        let system = filesystem::under(&base);
        let silent = match system.tells {
            false => Some((base.clone(), system.name)),
            true => filesystem::silent_below(&base),
        };
        if let Some((path, name)) = silent {
            found.know(format!(
                "{} is on {name}, which does not tell of changes: it is looked at every 2 s",
                path.display()
            ));
        }
    }
    let roots = patient.status.iter().flat_map(|status| &status.daemon.watching);
    for root in roots.filter(|root| root.mode == "poll" && root.why == "not there yet") {
        found.warn(format!("{} is not there", root.path), "make it, or correct `runs` in the project file");
    }
}
