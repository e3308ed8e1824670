//! Setup notes: what the user should know about how the project is read, the most serious first.

use super::{Actions, Badge, Presence, Role, Spec, View, ViewId};
use crate::tui::shared::Shared;
use crate::tui::text::bullet;
use crate::vocab::Severity;
use ratatui::text::{Line, Span};

static SPEC: Spec = Spec { id: ViewId("setup"), name: "Setup", about: "setup notes", roles: &[Role::Note], signs: &[] };

/// The setup notes. Has no state of its own.
#[derive(Debug, Clone, Default)]
pub struct Setup;

impl Actions for Setup {}

impl View for Setup {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn presence(&self, shared: &Shared) -> Presence {
        let any = shared.snapshot.as_ref().is_some_and(|snapshot| !snapshot.notices.is_empty());
        if any { Presence::There } else { Presence::Quiet }
    }

    fn badge(&self, shared: &Shared) -> Option<Badge> {
        let notices = &shared.snapshot.as_ref()?.notices;
        Some(Badge { count: notices.len(), severity: notices.iter().map(|n| n.severity).max()? })
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        let theme = &shared.theme;
        let Some(snapshot) = &shared.snapshot else { return Vec::new() };
        if snapshot.notices.is_empty() {
            return vec![Line::from(Span::styled("Nothing to report.", theme.dim))];
        }
        let mut lines = Vec::new();
        for notice in &snapshot.notices {
            let (mark, style) = match notice.severity {
                Severity::Error => ("✗ error  ", theme.bad),
                Severity::Warning => ("! warning", theme.warn),
                Severity::Info => ("· note   ", theme.dim),
            };
            let text = match &notice.help {
                Some(help) => {
                    let help: Vec<&str> = help.split_whitespace().collect();
                    format!("{} → {}", notice.text.trim_end_matches('.'), help.join(" "))
                }
                None => notice.text.clone(),
            };
            lines.extend(bullet(mark, style, &text, theme.text, width));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{Depth, Theme, ThemeName, fixture};
    use std::sync::Arc;

    #[test]
    fn lines_of_help_do_not_run_into_each_other() {
        let mut snapshot = fixture::sweep();
        snapshot.notices[0].help = Some("metrics:\n  py: KEY\nthe runs log these".to_owned());
        let mut shared = Shared::new(Theme::new(ThemeName::Dark, Depth::True), (140, 40));
        shared.show(Arc::new(snapshot));
        let text: String = Setup.lines(&shared, 200).iter().map(ToString::to_string).collect();
        assert!(text.contains("→ metrics: py: KEY the runs log these"), "{text}");
    }
}
