//! Whether the journal, which cannot be rebuilt, is whole.

use super::finding::Findings;
use super::patient::Patient;
use crate::store::journal;
use crate::vocab::count::counted;

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    let Some(place) = patient.place() else { return };
    let store = place.store();
    match journal::look(&store) {
        Err(error) => found.fail(error.to_string(), format!("look at it: ls -l {}", store.display())),
        Ok(None) => {}
        Ok(Some(contents)) => {
            let lost = usize::try_from(contents.lost).unwrap_or(usize::MAX);
            if lost > 0 || !contents.damaged.is_empty() {
                let text = format!(
                    "the journal is damaged: {} of forecasts, grades, alerts or dismissals are missing",
                    counted(lost.max(contents.damaged.len()), "entry")
                );
                found.warn(text, "bring it back from a backup: mixlaw daemon stop; mixlaw restore FILE");
            }
        }
    }
    let aside = store.join("journal.damaged");
    if aside.exists() {
        let text = format!("damaged lines of the journal were put into {}", aside.display());
        found.warn(text, format!("when you no longer need them: rm {}", aside.display()));
    }
}
