//! What is seen: cells from a [`Model`], pure.

use super::fmt;
use super::layout::plan;
use super::model::{Link, Model, Overlay};
use super::panels;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// Draws the whole screen into `area`.
pub fn view(model: &Model, area: Rect, buf: &mut Buffer) {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return;
    }
    let plan = plan(model, area);
    if plan.is_tiny() {
        panels::tiny::draw(model, area, buf);
        return;
    }
    panels::header::draw(model, plan.header, buf);
    panels::footer::draw(model, plan.footer, buf);
    match (&model.snapshot, model.overlay) {
        (None, Overlay::Help) => panels::help::draw(model, plan.body, buf),
        (None, _) => waiting(model, plan.body, buf),
        (Some(_), Overlay::Detail) => panels::detail::draw(model, plan.body, buf),
        (Some(_), overlay) => {
            for (panel, area) in &plan.panels {
                panels::draw(model, &plan, *panel, *area, buf);
            }
            match overlay {
                Overlay::Help => panels::help::draw(model, plan.body, buf),
                Overlay::ConfirmStop => panels::help::confirm(model, plan.body, buf),
                Overlay::None | Overlay::Detail => {}
            }
        }
    }
}

/// Before the first snapshot.
fn waiting(model: &Model, body: Rect, buf: &mut Buffer) {
    let (text, style) = match &model.link {
        Link::Lost(why) => (why.as_str(), model.theme.bad),
        _ => ("Reading the project …", model.theme.dim),
    };
    let width = usize::from(body.width).saturating_sub(8).min(76);
    let lines = fmt::wrap(text, width);
    let top = body.y + (body.height.saturating_sub(lines.len() as u16)) / 2;
    for (row, line) in (top..body.bottom()).zip(lines) {
        let x = body.x + (body.width.saturating_sub(fmt::width(&line) as u16)) / 2;
        buf.set_span(x, row, &Span::styled(line, style), body.width);
    }
}
