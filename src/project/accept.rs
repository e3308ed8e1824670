//! Validation of `accept:`.

use super::ProjectError;
use super::check::Checker;
use super::destination::{Accept, Write};
use super::edit::Format;
use super::file::AcceptFile;
use std::time::Duration;

/// Seconds that a hook may take where nothing is stated, and at most.
const TIMEOUT: f64 = 60.0;
const LONGEST: f64 = 86_400.0;

impl Checker<'_> {
    /// Validates `accept:`.
    pub(super) fn accept(&self, file: &AcceptFile) -> Result<Accept, ProjectError> {
        let place = self.root().key("accept");
        let wrong = |key: &str, message: &str, help: &str| {
            let at = place.key(key);
            // A key that is missing is an error of the section.
            let at = if place.names().any(|name| name == key) { at.value } else { place.key };
            Err(self.source.invalid(at, message, help))
        };
        let example = "write accept: { write: train.yaml, key: data.mixture }";
        let write = match (file.write.as_deref().map(str::trim), file.key.as_deref().map(str::trim)) {
            (None, None) => None,
            (Some(_), None) => {
                return wrong("key", "`accept.write` needs `accept.key`, the place in the file", example);
            }
            (None, Some(_)) => return wrong("write", "`accept.key` needs `accept.write`, the file", example),
            (Some(""), _) => return wrong("write", "the path is empty", example),
            (Some(path), _) if path.starts_with('~') || path.contains('$') => {
                let message = format!("'{path}': `~` and variables are not expanded in paths");
                return wrong("write", &message, "write an absolute path, or one relative to this file");
            }
            (Some(path), Some(key)) => {
                if key.split('.').any(|part| part.trim().is_empty()) {
                    let message = format!("'{key}' is not a path of keys");
                    return wrong("key", &message, "write the keys with dots between them: key: data.mixture");
                }
                let Some(format) = Format::of(path) else {
                    let message = format!("'{path}': mixlaw writes to YAML and JSON files");
                    let help = "name a file that ends in .yaml, .yml or .json; for others use a hook: accept: { hook: [./write.py] }";
                    return wrong("write", &message, help);
                };
                Some(Write { file: path.to_owned(), key: key.to_owned(), format })
            }
        };
        let hook = file.hook.clone().unwrap_or_default();
        if file.hook.is_some() && hook.first().is_none_or(|program| program.trim().is_empty()) {
            let help = "write a program and its arguments: hook: [./check.sh, --strict]";
            return wrong("hook", "`accept.hook` names no program", help);
        }
        if let Some(part) = hook.iter().find(|part| part.contains('\0')) {
            let message = format!("'{}' cannot be an argument of a program", part.replace('\0', ""));
            return wrong("hook", &message, "remove the zero byte");
        }
        if write.is_none() && hook.is_empty() {
            return wrong("write", "`accept` names neither a file nor a hook", example);
        }
        let seconds = file.timeout.unwrap_or(TIMEOUT);
        if !(seconds > 0.0 && seconds <= LONGEST) {
            let message =
                format!("`accept.timeout` is {seconds}; it must be more than 0 and at most {LONGEST} seconds");
            return wrong("timeout", &message, "write a number of seconds, such as timeout: 60");
        }
        let auto = self.automatic(file, &hook)?;
        Ok(Accept { write, hook, timeout: Duration::from_secs_f64(seconds), auto })
    }
}
