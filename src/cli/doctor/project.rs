//! Whether the project file says something that can be used.

use super::finding::Findings;
use super::patient::Patient;
use crate::vocab::Severity;

pub(super) fn look(patient: &Patient, found: &mut Findings) {
    match &patient.project {
        Err(error) => {
            found.fail(error.to_string(), error.help().unwrap_or("see what a project file can say: mixlaw schema"))
        }
        Ok(_) => {
            let notices = patient.logs.iter().flat_map(|logs| &logs.notices);
            let errors = notices.filter(|notice| notice.severity == Severity::Error).cloned();
            found.repeat(errors, "errors");
        }
    }
}
