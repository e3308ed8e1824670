//! One frame as plain text, for pipes: no escape codes, every panel at its full height, one under the other.

use crate::tui::layout::inside;
use crate::tui::model::Panel;
use crate::tui::{Depth, Model, Theme, ThemeName, panels};
use crate::vocab::Snapshot;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::sync::Arc;

/// More runs than this are counted, not listed; `mixlaw runs` lists them all.
const MOST_RUNS: usize = 200;

/// The dashboard as text of at most `columns` (40 to 240 are heeded). Lines have no trailing spaces.
#[must_use]
pub fn frame(snapshot: Arc<Snapshot>, columns: u16) -> String {
    let columns = columns.clamp(40, 240);
    let runs = snapshot.runs.len().min(MOST_RUNS) as u16;
    let mut model = Model::showing(snapshot, Theme::new(ThemeName::Mono, Depth::True), (columns, 200));
    // What is drawn is not where someone is: nothing has a cursor.
    model.runs.selected = None;
    let inner = Rect::new(0, 0, columns - 2, 0);
    let charts = model.snapshot.as_ref().map_or(0, |s| s.charts.len());
    let mut out = String::new();
    let header = Rect::new(0, 0, columns, 2);
    let mut buf = Buffer::empty(header);
    panels::header::draw(&model, header, &mut buf);
    out.push_str(&text(&buf));
    for panel in [Panel::Advice, Panel::Chart, Panel::Laws, Panel::Runs, Panel::Signals, Panel::Ledger, Panel::Notices]
    {
        let rows = match panel {
            Panel::Chart if charts == 0 => continue,
            Panel::Chart => 16,
            Panel::Runs => runs.max(1) + 1,
            panel if !model.has(panel) => continue,
            _ => panels::height(&model, panel, inner).min(400) as u16,
        };
        let area = Rect::new(0, 0, columns, rows + 2);
        let mut buf = Buffer::empty(area);
        let title = Line::from(format!(" {} ", panels::title(&model, panel)));
        let inner = panels::frame(area, model.theme.faint, title, &mut buf);
        debug_assert_eq!(inner, inside(area));
        panels::content(&model, panel, inner, &mut buf);
        out.push_str(&text(&buf));
    }
    out
}

/// Cells as lines without trailing spaces.
#[must_use]
pub fn text(buf: &Buffer) -> String {
    let mut out = String::new();
    for y in buf.area.top()..buf.area.bottom() {
        let mut line = String::new();
        let mut skip = 0;
        for x in buf.area.left()..buf.area.right() {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buf[(x, y)].symbol();
            skip = crate::tui::fmt::width(symbol).saturating_sub(1);
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    #[test]
    fn there_is_nothing_in_it_but_text() {
        for snapshot in [fixture::sweep(), fixture::hostile(), fixture::abstained(), fixture::empty(), fixture::wide()]
        {
            let snapshot = Arc::new(snapshot);
            for columns in [0, 40, 80, 140, 999] {
                let text = frame(Arc::clone(&snapshot), columns);
                assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
                assert!(text.lines().all(|l| !l.ends_with(' ')));
                let most = usize::from(columns.clamp(40, 240));
                assert!(text.lines().all(|l| crate::tui::fmt::width(l) <= most));
            }
        }
    }

    #[test]
    fn every_run_is_listed() {
        let text = frame(Arc::new(fixture::sweep()), 120);
        for run in fixture::sweep().runs {
            let name = run.name.strip_prefix("runs/").unwrap();
            assert!(text.contains(name), "{name}");
        }
    }

    #[test]
    fn a_frame_for_pipes() {
        insta::assert_snapshot!(frame(Arc::new(fixture::sweep()), 100));
    }
}
