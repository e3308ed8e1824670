//! What the user should know, the loudest first.

use super::bullet;
use crate::tui::Model;
use crate::vocab::Severity;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// How the title stands out where the panel is not seen.
#[must_use]
pub fn loudest(model: &Model) -> Style {
    let worst = model.snapshot.as_ref().and_then(|s| s.notices.iter().map(|n| n.severity).max());
    match worst {
        Some(Severity::Error) => model.theme.bad,
        Some(Severity::Warning) => model.theme.warn,
        Some(Severity::Info) | None => model.theme.dim,
    }
}

/// The lines of the panel.
#[must_use]
pub fn lines(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let Some(snapshot) = &model.snapshot else { return Vec::new() };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{Depth, Theme, ThemeName, fixture};
    use std::sync::Arc;

    #[test]
    fn lines_of_help_do_not_run_into_each_other() {
        let mut snapshot = fixture::sweep();
        snapshot.notices[0].help = Some("metrics:\n  py: KEY\nthe runs log these".to_owned());
        let model = Model::showing(Arc::new(snapshot), Theme::new(ThemeName::Dark, Depth::True), (140, 40));
        let text: String = lines(&model, 200).iter().map(ToString::to_string).collect();
        assert!(text.contains("→ metrics: py: KEY the runs log these"), "{text}");
    }
}
