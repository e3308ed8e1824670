//! Validation and compilation of `formats:`.

use super::ProjectError;
use super::check::Checker;
use super::line_format::{LineFormat, LineFormatError, LinePattern};
use std::sync::Arc;

impl Checker<'_> {
    /// Each line format, compiled.
    pub(super) fn formats(&self, formats: &[LineFormat]) -> Result<Vec<Arc<LinePattern>>, ProjectError> {
        let place = self.root().key("formats");
        let mut compiled: Vec<Arc<LinePattern>> = Vec::new();
        for (index, format) in formats.iter().enumerate() {
            let place = place.item(index);
            let taken = compiled.iter().any(|other| other.name == format.name);
            if taken || format.name.trim().is_empty() {
                let message = match taken {
                    true => format!("two line formats have the name '{}'", format.name),
                    false => "a line format has no name".to_owned(),
                };
                return Err(self.source.invalid(
                    place.key("name").value,
                    message,
                    "give each line format a unique name",
                ));
            }
            let pattern = format.compile().map_err(|error| {
                let (at, help) = match &error {
                    LineFormatError::Pattern { .. } => (
                        place.key("pattern").value,
                        r"write it in single quotes, such as 'step (?<step>\d+) loss=(?<loss>\S+)'",
                    ),
                    LineFormatError::NoValue { .. } | LineFormatError::Half { .. } => {
                        (place.key("pattern").value, r"name the groups, such as 'step (?<step>\d+) loss=(?<loss>\S+)'")
                    }
                    LineFormatError::NoGroup { group, .. } => (
                        place.key("metrics").key(group).key,
                        "write a group's name on the left, the metric's key on the right",
                    ),
                };
                self.source.invalid(at, error.to_string(), help)
            })?;
            compiled.push(Arc::new(pattern));
        }
        Ok(compiled)
    }
}
