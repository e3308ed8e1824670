//! One frame as plain text, for pipes: no escape codes, every view at its full height, one under the other.

use crate::ipc::protocol::PredictQuery;
use crate::ipc::series::SeriesQuery;
use crate::tui::chrome::header;
use crate::tui::model::Slot;
use crate::tui::plain::text;
use crate::tui::text::{frame as bordered, text_area};
use crate::tui::views::{Pane, Presence, Role, ViewId};
use crate::tui::{Answered, CurveSet, Depth, Model, Prediction, Question, Theme, ThemeName};
use crate::vocab::Snapshot;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use std::sync::Arc;

/// Views in the order in which they are printed, by what they are good for.
const ORDER: [Role; 8] =
    [Role::Lead, Role::Answer, Role::Chart, Role::Evidence, Role::List, Role::Alert, Role::Record, Role::Note];
/// Who answers what a view needs beyond the snapshot; `None` where it cannot be had.
pub trait Answers {
    /// Curves at a width.
    fn curves(&mut self, query: &SeriesQuery) -> Option<CurveSet>;
    /// Losses at a place.
    fn prediction(&mut self, query: &PredictQuery) -> Option<Prediction>;
    /// What is said to a question.
    fn answer(&mut self, question: &Question) -> Option<Answered>;
}

/// Curves alone.
impl<F: FnMut(&SeriesQuery) -> Option<CurveSet>> Answers for F {
    fn curves(&mut self, query: &SeriesQuery) -> Option<CurveSet> {
        self(query)
    }

    fn prediction(&mut self, _: &PredictQuery) -> Option<Prediction> {
        None
    }

    fn answer(&mut self, _: &Question) -> Option<Answered> {
        None
    }
}

/// Rows that a view may ask the daemon for.
const ASKED_ROWS: u16 = 40;
/// More rows than this of a view are left out.
const MOST_ROWS: usize = 400;

/// The dashboard as text of at most `columns` (40 to 240 are heeded): the header and every view that has something to
/// show, or one view alone. `answers` has what views need beyond the snapshot. Lines have no trailing spaces.
#[must_use]
pub fn frame(snapshot: Arc<Snapshot>, columns: u16, only: Option<ViewId>, answers: &mut dyn Answers) -> String {
    let columns = columns.clamp(40, 240);
    let mut model = Model::showing(snapshot, Theme::new(ThemeName::Mono, Depth::True), (columns, 200));
    if let Some(id) = only.filter(|id| model.slot(*id).is_some()) {
        return view(&mut model, id, columns, answers);
    }
    // What is drawn is not where someone is: nothing has a cursor.
    model.shared.runs.selected = None;
    let area = Rect::new(0, 0, columns, 2);
    let mut buf = Buffer::empty(area);
    header::draw(&model, area, &mut buf);
    let mut out = text(&buf);
    let rank = |slot: &Slot| slot.view.spec().roles.iter().find_map(|r| ORDER.iter().position(|role| role == r));
    let mut slots: Vec<&Slot> = model.views.iter().filter(|slot| !slot.covers()).collect();
    slots.retain(|slot| slot.view.presence(&model.shared) == Presence::There);
    slots.retain(|slot| !slot.view.spec().roles.contains(&Role::Detail));
    slots.sort_by_cached_key(|slot| rank(slot).unwrap_or(ORDER.len()));
    slots.retain(|slot| slot.view.height(&model.shared, columns) > 0);
    let ids: Vec<ViewId> = slots.into_iter().map(Slot::id).collect();
    for id in ids {
        out.push_str(&view(&mut model, id, columns, answers));
    }
    out
}

/// One view at its full height, in a frame.
fn view(model: &mut Model, id: ViewId, columns: u16, answers: &mut dyn Answers) -> String {
    let room = Rect::new(0, 0, columns - 2, 1);
    let needs = model.slot(id).and_then(|slot| slot.view.needs(&model.shared, room));
    if let Some(query) = needs {
        model.shared.curves = answers.curves(&query).map(Arc::new);
    }
    if let Some(place) = model.slot(id).and_then(|slot| slot.view.place(&model.shared)) {
        model.shared.prediction = answers.prediction(&place).map(Arc::new);
    }
    let asks = model.slot(id).map(|slot| slot.view.asks(&model.shared, Rect { height: ASKED_ROWS, ..room }));
    let answers: Vec<Answered> = asks.iter().flatten().filter_map(|question| answers.answer(question)).collect();
    model.shared.answers = Arc::new(answers);
    let Some(slot) = model.slot(id) else { return String::new() };
    let shared = &model.shared;
    let width = text_area(Rect::new(0, 0, columns - 2, 1)).width;
    let rows = slot.view.height(shared, width).clamp(1, MOST_ROWS) as u16;
    let area = Rect::new(0, 0, columns, rows + 2);
    let mut buf = Buffer::empty(area);
    let title = crate::tui::fmt::head(&slot.view.title(shared, columns.into()), usize::from(columns) - 4);
    let inner = bordered(area, shared.theme.faint, Line::from(format!(" {title} ")), &mut buf);
    slot.view.draw(shared, &Pane { inner, scroll: 0 }, &mut buf);
    text(&buf)
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
                let text = frame(Arc::clone(&snapshot), columns, None, &mut |_: &SeriesQuery| None);
                assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
                assert!(text.lines().all(|l| !l.ends_with(' ')));
                let most = usize::from(columns.clamp(40, 240));
                assert!(text.lines().all(|l| crate::tui::fmt::width(l) <= most));
            }
        }
    }

    #[test]
    fn every_run_is_listed() {
        let text = frame(Arc::new(fixture::sweep()), 120, None, &mut |_: &SeriesQuery| None);
        for run in &fixture::sweep().runs {
            let name = run.name.strip_prefix("runs/").unwrap();
            assert!(text.contains(name), "{name}");
        }
    }

    #[test]
    fn a_frame_for_pipes() {
        insta::assert_snapshot!(frame(Arc::new(fixture::sweep()), 100, None, &mut |_: &SeriesQuery| None));
    }
}
