//! What each [`Action`] does to the [`Model`].

use super::keys::Action;
use super::layout::{Plan, inside, plan};
use super::model::{Model, Overlay, Panel};
use super::order::Sort;
use super::panels;
use super::theme::Theme;
use super::update::Effect;
use super::{Exit, model};
use crate::vocab::RunView;
use ratatui::layout::Rect;

/// Does it.
pub fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Up => step(model, -1),
        Action::Down => step(model, 1),
        Action::PageUp => page(model, -1),
        Action::PageDown => page(model, 1),
        Action::First => step(model, isize::MIN / 2),
        Action::Last => step(model, isize::MAX / 2),
        Action::Left => sideways(model, -1),
        Action::Right => sideways(model, 1),
        Action::NextPanel => turn(model, 1),
        Action::PreviousPanel => turn(model, -1),
        Action::Focus(panel) => {
            model.overlay = Overlay::None;
            if model.has(panel) || panel == Panel::Notices {
                focus(model, panel);
            }
        }
        Action::Open => open(model),
        Action::Close => close(model),
        Action::Zoom => model.zoomed = !model.zoomed,
        Action::NextChart => next_chart(model),
        Action::WholeRange => model.whole_range = !model.whole_range,
        Action::Sort => {
            let losses = model.snapshot.as_ref().map_or(0, |s| model::losses(s).len());
            model.runs.sort = model.runs.sort.next(losses);
            model.reorder();
        }
        Action::Reverse => {
            model.runs.sort = Sort { descending: !model.runs.sort.descending, ..model.runs.sort };
            model.reorder();
        }
        Action::Filter => {
            model.overlay = Overlay::None;
            focus(model, Panel::Runs);
            model.runs.editing = true;
        }
        Action::Acknowledge => {
            let ids = acknowledged(model);
            return if ids.is_empty() { Vec::new() } else { vec![Effect::Acknowledge(ids)] };
        }
        Action::Freeze => {
            model.frozen = !model.frozen;
            if !model.frozen
                && let Some(snapshot) = model.pending.take()
            {
                model.show(snapshot);
            }
        }
        Action::Theme => model.theme = Theme::new(model.theme.name.next(), model.theme.depth),
        Action::Help => toggle(model, Overlay::Help),
        Action::Redraw => return vec![Effect::Redraw],
        Action::Detach => return vec![Effect::Leave(Exit::Detached)],
        Action::Stop => {
            // Inside the dashboard's own process there is no daemon to leave behind, so nothing to ask.
            if model.snapshot.as_ref().is_some_and(|s| s.daemon.embedded) {
                return vec![Effect::Leave(Exit::Stop)];
            }
            model.overlay = Overlay::ConfirmStop;
        }
        Action::Suspend => return vec![Effect::Suspend],
    }
    settle(model);
    vec![Effect::Render]
}

/// Gives a panel the focus, and shows it where panels share a place.
pub fn focus(model: &mut Model, panel: Panel) {
    model.focus = panel;
    if !matches!(panel, Panel::Advice) {
        model.tab = panel;
    }
}

/// Brings scroll positions back to where there is something to see. Called after whatever may have changed that.
pub fn settle(model: &mut Model) {
    let plan = whole(model);
    let rows = |panel: Panel| plan.area(panel).map_or(0, |a| usize::from(inside(a).height));
    if let Some(snapshot) = model.snapshot.clone() {
        let visible = rows(Panel::Runs).saturating_sub(1).max(1);
        let cursor = model.runs.cursor(&snapshot).unwrap_or(0);
        let last_offset = model.runs.order.len().saturating_sub(visible);
        model.runs.offset = model.runs.offset.clamp(cursor.saturating_sub(visible - 1), cursor).min(last_offset);
    }
    for panel in [Panel::Advice, Panel::Laws, Panel::Notices, Panel::Signals, Panel::Ledger] {
        let most = plan.area(panel).map_or(0, |a| panels::height(model, panel, inside(a)).saturating_sub(rows(panel)));
        if let Some(scroll) = scroll_of(model, panel) {
            *scroll = (*scroll).min(most);
        }
    }
    let most = panels::overlay_height(model, plan.body)
        .saturating_sub(usize::from(panels::overlay_inner(model, plan.body).height));
    model.overlay_scroll = model.overlay_scroll.min(most);
}

fn whole(model: &Model) -> Plan {
    plan(model, Rect::new(0, 0, model.size.0, model.size.1))
}

fn scroll_of(model: &mut Model, panel: Panel) -> Option<&mut usize> {
    match panel {
        Panel::Advice => Some(&mut model.advice_scroll),
        Panel::Laws => Some(&mut model.laws_scroll),
        Panel::Notices => Some(&mut model.notices_scroll),
        Panel::Signals => Some(&mut model.signals_scroll),
        Panel::Ledger => Some(&mut model.ledger_scroll),
        Panel::Runs | Panel::Chart => None,
    }
}

fn step(model: &mut Model, by: isize) {
    if model.overlay != Overlay::None {
        model.overlay_scroll = model.overlay_scroll.saturating_add_signed(by);
        return;
    }
    let Some(snapshot) = model.snapshot.clone() else { return };
    match model.focus {
        Panel::Runs => {
            let cursor = model.runs.cursor(&snapshot).unwrap_or(0);
            let to = cursor.saturating_add_signed(by).min(model.runs.order.len().saturating_sub(1));
            model.runs.selected = model.runs.order.get(to).map(|i| snapshot.runs[*i].id);
        }
        Panel::Laws if snapshot.fits.len() > 1 => {
            let from = model.main_fit().map_or(0, |(i, _)| i);
            model.fit = Some(from.saturating_add_signed(by).min(snapshot.fits.len() - 1));
            model.laws_scroll = 0;
        }
        Panel::Chart => {}
        panel => {
            if let Some(scroll) = scroll_of(model, panel) {
                *scroll = scroll.saturating_add_signed(by);
            }
        }
    }
}

fn page(model: &mut Model, direction: isize) {
    let plan = whole(model);
    let rows = if model.overlay == Overlay::None {
        plan.area(model.focus).map_or(1, |a| inside(a).height)
    } else {
        panels::overlay_inner(model, plan.body).height
    };
    let by = direction * isize::try_from(rows.saturating_sub(2).max(1)).unwrap_or(1);
    match (model.overlay, model.focus) {
        (Overlay::None, Panel::Laws) => model.laws_scroll = model.laws_scroll.saturating_add_signed(by),
        _ => step(model, by),
    }
}

fn sideways(model: &mut Model, by: isize) {
    if model.overlay == Overlay::Detail {
        model.overlay = Overlay::None;
        focus(model, Panel::Runs);
        step(model, by);
        model.overlay = Overlay::Detail;
        model.overlay_scroll = 0;
        return;
    }
    let Some((_, chart)) = model.main_chart() else { return };
    if model.focus != Panel::Chart || chart.shares.is_empty() {
        return;
    }
    let last = chart.shares.len() - 1;
    let start = chart.advised.or(chart.current).unwrap_or(0.5);
    let nearest = chart.shares.partition_point(|s| *s < start).min(last);
    // The first press shows where one is; the next ones move.
    model.reading = Some(model.reading.map_or(nearest, |i| i.min(last).saturating_add_signed(by).min(last)));
}

fn turn(model: &mut Model, by: isize) {
    model.overlay = Overlay::None;
    let stops: Vec<Panel> = Panel::ALL.into_iter().filter(|p| model.has(*p)).collect();
    if stops.is_empty() {
        return;
    }
    let at = stops.iter().position(|p| *p == model.focus).unwrap_or(0);
    focus(model, stops[at.wrapping_add_signed(by + stops.len() as isize) % stops.len()]);
}

/// Numbers of the signals that a key would take as seen.
fn acknowledged(model: &Model) -> Vec<u64> {
    let ids = |run: &RunView| run.unacknowledged().map(|e| e.id).collect::<Vec<u64>>();
    let all = model.focus == Panel::Signals && model.overlay == Overlay::None;
    match &model.snapshot {
        Some(snapshot) if all => snapshot.runs.iter().flat_map(|run| ids(run)).collect(),
        _ => model.selected_run().map(ids).unwrap_or_default(),
    }
}

fn open(model: &mut Model) {
    match (model.overlay, model.focus) {
        (Overlay::None, Panel::Runs) => {
            if model.selected_run().is_some() {
                toggle(model, Overlay::Detail);
            }
        }
        (Overlay::None, _) => model.zoomed = !model.zoomed,
        _ => model.overlay = Overlay::None,
    }
}

/// One thing at a time, the uppermost first.
fn close(model: &mut Model) {
    if model.overlay != Overlay::None {
        model.overlay = Overlay::None;
    } else if model.zoomed {
        model.zoomed = false;
    } else if model.reading.is_some() {
        model.reading = None;
    } else if !model.runs.filter.is_empty() {
        model.runs.filter.clear();
        model.reorder();
    }
}

fn toggle(model: &mut Model, overlay: Overlay) {
    model.overlay = if model.overlay == overlay { Overlay::None } else { overlay };
    model.overlay_scroll = 0;
}

/// Goes from chart to chart; where several fit side by side, all of them together are one stop.
fn next_chart(model: &mut Model) {
    let Some(count) = model.snapshot.as_ref().map(|s| s.charts.len()).filter(|n| *n > 1) else { return };
    let together = whole(model).area(Panel::Chart).map_or(1, |a| panels::chart::together(count, inside(a)));
    let shown = model.main_chart().map_or(0, |(i, _)| i);
    model.chart = match model.chart {
        None if together > 1 => Some(0),
        Some(i) if together > 1 && i + 1 == count => None,
        _ => Some((shown + 1) % count),
    };
    model.fit = None;
    model.laws_scroll = 0;
}
