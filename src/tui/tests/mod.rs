//! Whole screens, keys and cells.

mod cells;
mod doing;
mod keys;
mod screens;
mod states;
mod storm;
mod views;

use super::{Depth, Event, Model, Theme, ThemeName, fixture, update, view};
use crate::vocab::Snapshot;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

/// A model that shows a snapshot in a terminal of that size.
fn model(snapshot: Snapshot, size: (u16, u16)) -> Model {
    let mut model = Model::showing(Arc::new(snapshot), Theme::new(ThemeName::Dark, Depth::True), size);
    let view = model.slot(crate::tui::views::curves::ID).expect("the view");
    let query = view.view.needs(&model.shared, Rect::new(0, 0, size.0, size.1));
    model.shared.curves = query.map(|query| Arc::new(fixture::curves(&query)));
    answer(&mut model);
    model
}

/// Says what every view asks, be it on screen or not.
fn answer(model: &mut Model) {
    let (Some(snapshot), size) = (model.shared.snapshot.clone(), model.shared.size) else { return };
    let area = Rect::new(0, 0, size.0, size.1);
    let asked: Vec<_> = model.views.iter().flat_map(|slot| slot.view.asks(&model.shared, area)).collect();
    model.shared.answers = Arc::new(fixture::answers(&asked, &snapshot));
}

/// The cells of the whole screen.
fn draw(model: &Model) -> Buffer {
    let mut buf = Buffer::empty(Rect::new(0, 0, model.shared.size.0, model.shared.size.1));
    view(model, buf.area, &mut buf);
    buf
}

/// The whole screen as text.
fn screen(model: &Model) -> String {
    crate::tui::plain::text(&draw(model))
}

/// Presses a key without modifiers; returns what is to be done about it.
fn press(model: &mut Model, code: KeyCode) -> Vec<super::Effect> {
    update(model, Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

/// Types characters one by one.
fn type_in(model: &mut Model, text: &str) {
    for c in text.chars() {
        press(model, KeyCode::Char(c));
    }
}

/// A view as the type it is, to look at its state.
fn state<V: super::views::View>(model: &Model) -> &V {
    let views = model.views.iter().map(|slot| slot.view.as_ref() as &dyn std::any::Any);
    views.into_iter().find_map(|view| view.downcast_ref()).unwrap()
}

/// Every snapshot there is.
fn all() -> Vec<Snapshot> {
    vec![
        fixture::sweep(),
        fixture::abstained(),
        fixture::early(),
        fixture::empty(),
        fixture::wide(),
        fixture::hostile(),
        fixture::many(500),
        fixture::isoflop(),
        fixture::routed(),
        fixture::experts(),
    ]
}
