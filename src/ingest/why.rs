//! The reason for a file's recognised format.

use super::{FileReport, formats, packed};
use crate::project::Project;

/// Why a file that an earlier process recognised is read as it is.
#[must_use]
pub fn why(project: &Project, file: &FileReport) -> String {
    let own = formats::custom::CustomFormat::of(project);
    packed::beginning(&file.path, &file.file)
        .ok()
        .and_then(|head| formats::Chosen::recognise(&own, packed::unpacked_name(&file.file), &head).ok())
        .filter(|(chosen, _)| Some(chosen.name()) == file.verdict.format())
        .map_or_else(|| "as recognised before".to_owned(), |(_, recognition)| recognition.why)
}
