//! Text to [`ProjectFile`]. The only file that names serde_yaml.

use super::file::ProjectFile;
use super::source::{At, Source};
use super::{ProjectError, locate, shape, syntax};

/// Largest project file accepted, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Reads a project file: once into a tree with positions, by which the shape is checked, and once into types.
///
/// # Errors
/// [`ProjectError::Invalid`] at the first thing that is wrong.
pub fn project_file(source: &Source<'_>) -> Result<(ProjectFile, locate::Node), ProjectError> {
    syntax::refuse_tabs(source)?;
    let tree = locate::tree(source)?;
    shape::check(source, &tree)?;
    let file = serde_yaml::from_str(source.text).map_err(|error| complaint(source, &error))?;
    Ok((file, tree))
}

/// What the shape check let through and serde_yaml did not.
fn complaint(source: &Source<'_>, error: &serde_yaml::Error) -> ProjectError {
    let at = error.location().map_or(At::START, |l| At { line: l.line().max(1), column: l.column().max(1) });
    let text = error.to_string();
    let text = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    // Messages about amounts say what to write behind a semicolon.
    let (message, help) = text.split_once("; ").unwrap_or((text, "see the reference: mixlaw schema project"));
    source.invalid(at, message, help)
}
