//! Drawing of a [`Model`] to cells; pure.

use super::chrome::{footer, frame, header, help, palette, tiny};
use super::fmt;
use super::layout::plan;
use super::model::{Model, Overlay};
use super::shared::Link;
use crate::vocab::text::{is_printable, printable};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Draws the whole screen into `area`. Whatever view drew it from whatever name, no cell does anything but show.
pub fn view(model: &Model, area: Rect, buf: &mut Buffer) {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return;
    }
    draw(model, area, buf);
    for cell in &mut buf.content {
        if !cell.symbol().chars().all(is_printable) {
            let left = printable(cell.symbol());
            cell.set_symbol(if left.is_empty() { " " } else { &left });
        }
    }
}

fn draw(model: &Model, area: Rect, buf: &mut Buffer) {
    let plan = plan(model, area);
    if plan.is_tiny() {
        tiny::draw(model, area, buf);
        return;
    }
    header::draw(model, plan.header, buf);
    footer::draw(model, plan.footer, buf);
    match (&model.shared.snapshot, model.overlay) {
        (None, Overlay::Help) => help::draw(model, plan.body, buf),
        (None, _) => waiting(model, plan.body, buf),
        (Some(_), Overlay::View(id)) => {
            if let Some(slot) = model.slot(id) {
                frame::alone(model, slot, true, plan.body, buf);
            }
        }
        (Some(_), overlay) => {
            for place in &plan.places {
                frame::draw(model, place, buf);
            }
            match overlay {
                Overlay::Help => help::draw(model, plan.body, buf),
                Overlay::ConfirmStop => help::confirm(model, plan.body, buf),
                Overlay::Palette => palette::draw(model, plan.body, buf),
                Overlay::None | Overlay::View(_) => {}
            }
        }
    }
}

/// Before the first snapshot.
fn waiting(model: &Model, body: Rect, buf: &mut Buffer) {
    let theme = &model.shared.theme;
    let (text, style) = match &model.shared.link {
        Link::Lost(why) => (why.as_str(), theme.bad),
        _ => ("Reading the project …", theme.dim),
    };
    let width = usize::from(body.width).saturating_sub(8).min(76);
    let lines = fmt::wrap(text, width);
    let top = body.y + (body.height.saturating_sub(lines.len() as u16)) / 2;
    for (row, line) in (top..body.bottom()).zip(lines) {
        let x = body.x + (body.width.saturating_sub(fmt::width(&line) as u16)) / 2;
        buf.set_span(x, row, &Span::styled(line, style), body.width);
    }
}
