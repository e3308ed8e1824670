//! Validation of `online:`.

use super::ProjectError;
use super::check::Checker;
use super::destination::OnlineWrite;
use super::file::OnlineFile;

/// Rules by name, as [`crate::advise::online`] has them.
const RULES: [&str; 3] = ["odm", "ado", "aioli"];

impl Checker<'_> {
    /// Validates `online:`.
    pub(super) fn online(&self, file: &OnlineFile) -> Result<OnlineWrite, ProjectError> {
        let place = self.root().key("online");
        let wrong = |key: &str, message: String, help: &str| {
            let at = place.key(key);
            let at = if place.names().any(|name| name == key) { at.value } else { place.key };
            Err(self.source.invalid(at, message, help))
        };
        let example = "write online: { run: runs/live, rule: ado, write: weights.json }";
        let text = |value: &Option<String>| value.as_deref().map(str::trim).unwrap_or_default().to_owned();
        let (run, rule, write) = (text(&file.run), text(&file.rule), text(&file.write));
        for (key, value) in [("run", &run), ("rule", &rule), ("write", &write)] {
            if value.is_empty() {
                return wrong(key, format!("`online` needs `{key}`"), example);
            }
        }
        if !RULES.contains(&rule.as_str()) {
            return wrong("rule", format!("'{rule}' is no online rule"), "the rules are odm, ado and aioli");
        }
        if write.starts_with('~') || write.contains('$') {
            let message = format!("'{write}': `~` and variables are not expanded in paths");
            return wrong("write", message, "write an absolute path, or one relative to this file");
        }
        if !write.ends_with(".json") {
            return wrong(
                "write",
                format!("'{write}': the weights are written as JSON"),
                "name a file that ends in .json",
            );
        }
        Ok(OnlineWrite { run, rule, write })
    }
}
