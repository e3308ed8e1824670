//! Parsing of YAML to types. The only file that uses serde_yaml.

use super::file::{ProjectFile, VERSION};
use super::grammar::Grammar;
use super::locate::{Node, ScalarKind};
use super::source::{At, Source};
use super::{ProjectError, locate, shape, syntax};
use serde::de::DeserializeOwned;
use std::sync::LazyLock;

/// Largest file accepted, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

static PROJECT: LazyLock<Grammar> = LazyLock::new(Grammar::of::<ProjectFile>);

/// Parses a project file twice: to a tree with positions, for validation, and to types.
///
/// # Errors
/// [`ProjectError::Invalid`] at the first error.
pub fn project_file(source: &Source<'_>) -> Result<(ProjectFile, Node), ProjectError> {
    let help = "write at least:\nruns:\n  - path: runs/*\n(a colon needs a space or a line break after it)";
    typed(source, &PROJECT, "a project file", help)
}

/// Parses a file of any type that has a schema. `what` and `help` are used if the file is not a mapping.
///
/// # Errors
/// [`ProjectError::Invalid`] at the first error.
pub fn typed<T: DeserializeOwned>(
    source: &Source<'_>,
    grammar: &Grammar,
    what: &str,
    help: &str,
) -> Result<(T, Node), ProjectError> {
    syntax::refuse_tabs(source)?;
    let tree = locate::tree(source, help)?;
    refuse_newer(source, &tree)?;
    if tree.kind() != ScalarKind::Map {
        let message = format!("{what} must be a mapping of keys to values, not {}", tree.kind().as_str());
        return Err(source.invalid(tree.at, message, help));
    }
    shape::check(source, &tree, grammar)?;
    let file = serde_yaml::from_str(source.text).map_err(|error| complaint(source, &error))?;
    Ok((file, tree))
}

/// Checks the version first: a newer file has unknown keys, and the version is the real error.
fn refuse_newer(source: &Source<'_>, tree: &Node) -> Result<(), ProjectError> {
    let Some((_, version)) = tree.entries().iter().find(|(k, _)| k.name == "version") else { return Ok(()) };
    let text = version.text().unwrap_or_default();
    if text.parse::<f64>().is_ok_and(|v| v > f64::from(VERSION)) {
        let build = env!("CARGO_PKG_VERSION");
        return Err(source.invalid(
            version.at,
            format!("this file is of version {text}; this mixlaw ({build}) reads up to version {VERSION}"),
            format!("install a newer mixlaw, or write `version: {VERSION}` if the file uses nothing newer"),
        ));
    }
    Ok(())
}

/// Converts an error of serde_yaml that the shape check did not find.
fn complaint(source: &Source<'_>, error: &serde_yaml::Error) -> ProjectError {
    let at = error.location().map_or(At::START, |l| At { line: l.line().max(1), column: l.column().max(1) });
    let text = error.to_string();
    let text = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
    const REFERENCE: &str = "see the reference: mixlaw schema";
    // The reader's own words are about its types.
    if [": invalid ", ": data did not match"].iter().any(|words| text.contains(words)) {
        let place = text.split(": ").next().unwrap_or_default();
        return source.invalid(at, format!("`{place}` cannot be read"), REFERENCE);
    }
    // Messages about amounts say what to write behind a semicolon.
    let (message, help) = text.split_once("; ").unwrap_or((text, REFERENCE));
    source.invalid(at, message, help)
}

/// Parses any YAML (a run's `hparams.yaml`) to JSON, within the same limits.
///
/// # Errors
/// [`ProjectError::Invalid`] with line and column, and [`ProjectError::Unreadable`] where it is too large.
pub fn value(name: &str, text: &str) -> Result<serde_json::Value, ProjectError> {
    let source = Source { file: std::path::Path::new(name), text };
    if text.len() > MAX_BYTES {
        return Err(ProjectError::Unreadable {
            path: name.into(),
            reason: "larger than 1 MiB".to_owned(),
            help: "settings of a run are shorter".to_owned(),
        });
    }
    locate::tree(&source, "")?;
    serde_yaml::from_str(text).map_err(|e| complaint(&source, &e))
}
