//! How the dashboard was arranged when it was left, in the state directory of the project.

use crate::open;
use crate::tui::Memory;
use std::path::Path;

/// More than this no dashboard has written.
const MOST: u64 = 1 << 16;

/// What is remembered; as at the first time where there is nothing, or nothing that can be read.
pub(super) fn read(path: &Path) -> Memory {
    let bytes = open::whole(path, MOST).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

/// Remembers, whole or not at all. Where it cannot be written, the next dashboard is as at the first time.
pub(super) fn write(path: &Path, memory: &Memory) {
    if let Ok(bytes) = serde_json::to_vec(memory) {
        let _ = open::put(path, &bytes, true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{Depth, Model, Theme, ThemeName, ViewId};

    #[test]
    fn what_is_remembered_is_as_it_was_and_damage_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("dashboard.json");
        assert_eq!(read(&place), Memory::default());
        let mut model = Model::new(Theme::new(ThemeName::Dark, Depth::True), (80, 24));
        model.focus_on(ViewId("laws"));
        model.shared.runs.filter = "lr>1e-4".to_owned();
        model.shared.metric = Some("train/loss".to_owned());
        model.perform("show.theme");
        write(&place, &Memory::of(&model));
        let mut again = Model::new(Theme::new(ThemeName::Dark, Depth::True), (80, 24));
        read(&place).arrange(&mut again);
        assert_eq!(Memory::of(&again), Memory::of(&model));
        assert_eq!(again.focus, ViewId("laws"));
        assert_eq!(again.shared.theme.name, ThemeName::Light);
        for damage in ["", "{", "[1]", r#"{"recent":["no such view"],"sort":{"column":"nothing"}}"#, "\0\0\0"] {
            std::fs::write(&place, damage).unwrap();
            assert_eq!(read(&place), Memory::default(), "{damage}");
        }
        std::fs::write(&place, r#"{"recent":["no such view"],"filter":"x"}"#).unwrap();
        let mut third = Model::new(Theme::new(ThemeName::Dark, Depth::True), (80, 24));
        read(&place).arrange(&mut third);
        assert_eq!((third.focus, third.shared.runs.filter.as_str()), (ViewId("runs"), "x"));
    }
}
