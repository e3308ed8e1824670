//! Which panels are on screen, and where, at which size.

use super::model::{Model, Panel};
use super::panels;
use ratatui::layout::Rect;

/// Below this there is room for an answer, not for a dashboard.
pub const LEAST: (u16, u16) = (40, 10);

/// Where everything is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Project, daemon, counts. Empty on tiny screens, where nothing but essentials is drawn.
    pub header: Rect,
    /// Everything between header and footer.
    pub body: Rect,
    /// Keys.
    pub footer: Rect,
    /// The panels that can be seen.
    pub panels: Vec<(Panel, Rect)>,
    /// The panels that share one place, in the order of their titles; fewer than two where none do.
    pub tabs: Vec<Panel>,
}

impl Plan {
    /// Whether only essentials fit.
    #[must_use]
    pub fn is_tiny(&self) -> bool {
        self.header.is_empty()
    }

    /// Where a panel is, borders and all.
    #[must_use]
    pub fn area(&self, panel: Panel) -> Option<Rect> {
        self.panels.iter().find(|(p, _)| *p == panel).map(|(_, area)| *area)
    }

    /// The panel under a cell.
    #[must_use]
    pub fn at(&self, column: u16, row: u16) -> Option<Panel> {
        self.panels.iter().find(|(_, a)| a.contains((column, row).into())).map(|(p, _)| *p)
    }
}

/// The inside of a panel.
#[must_use]
pub fn inside(area: Rect) -> Rect {
    Rect {
        x: area.x + 1.min(area.width),
        y: area.y + 1.min(area.height),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

/// Lays out a screen of that size.
#[must_use]
pub fn plan(model: &Model, area: Rect) -> Plan {
    let (w, h) = (area.width, area.height);
    if w < LEAST.0 || h < LEAST.1 {
        return Plan::default();
    }
    let header_rows = if h >= 16 { 2 } else { 1 };
    let (header, rest) = cut_top(area, header_rows);
    let (body, footer) = cut_top(rest, rest.height - 1);
    let mut plan = Plan { header, body, footer, ..Plan::default() };
    if model.zoomed {
        plan.panels = vec![(model.focus, body)];
    } else if w >= 120 && h >= 35 {
        big(model, &mut plan);
    } else if w >= 72 && h >= 20 {
        normal(model, &mut plan);
    } else {
        narrow(model, &mut plan);
    }
    plan
}

/// Everything at once: chart over runs, advice over laws, notices across.
fn big(model: &Model, plan: &mut Plan) {
    // What waits to be acknowledged comes before what is only to be known.
    let waits = model.snapshot.as_ref().is_some_and(|s| panels::signals::waiting(s).0 > 0);
    let order = if waits {
        [Panel::Signals, Panel::Notices, Panel::Ledger]
    } else {
        [Panel::Notices, Panel::Signals, Panel::Ledger]
    };
    let strip_tabs: Vec<Panel> = order.into_iter().filter(|p| model.has(*p)).collect();
    let inner = inside(Rect { height: 2, ..plan.body });
    // The score is looked up when wanted; it takes no rows from the runs.
    let telling = strip_tabs.iter().filter(|p| **p != Panel::Ledger);
    let most = telling.map(|p| panels::height(model, *p, inner)).max().unwrap_or(1);
    let rows = if strip_tabs.is_empty() { 0 } else { most.clamp(1, 3) as u16 + 2 };
    let (main, strip) = cut_top(plan.body, plan.body.height - rows);
    let (left, right) = cut_left(main, main.width - (main.width * 3 / 8).clamp(50, 72));
    let (chart, runs) = cut_top(left, (main.height * 9 / 20).max(12));
    let wanted = advice_rows(model, right.width);
    let (advice, laws) = cut_top(right, wanted.clamp(8, main.height * 13 / 20));
    plan.panels = vec![(Panel::Chart, chart), (Panel::Runs, runs), (Panel::Advice, advice), (Panel::Laws, laws)];
    if rows > 0 {
        plan.tabs = strip_tabs;
        plan.panels.push((shared(model, &plan.tabs), strip));
    }
}

/// Chart and advice over one place that the others share.
fn normal(model: &Model, plan: &mut Plan) {
    let columns = plan.body.width * 21 / 40;
    let wanted = advice_rows(model, plan.body.width - columns);
    let (top, bottom) = cut_top(plan.body, (plan.body.height * 11 / 20).min(wanted.max(16)));
    let (chart, advice) = cut_left(top, columns);
    plan.tabs = tabs(model, &[Panel::Runs, Panel::Laws, Panel::Signals, Panel::Notices, Panel::Ledger]);
    plan.panels = vec![(Panel::Chart, chart), (Panel::Advice, advice), (shared(model, &plan.tabs), bottom)];
}

/// Advice over one place that the others share; where even that is too much, one place for all.
fn narrow(model: &Model, plan: &mut Plan) {
    let wanted = advice_rows(model, plan.body.width);
    if plan.body.height >= 15 {
        let (advice, bottom) = cut_top(plan.body, wanted.clamp(5, plan.body.height * 9 / 20));
        let all = [Panel::Runs, Panel::Chart, Panel::Laws, Panel::Signals, Panel::Notices, Panel::Ledger];
        plan.tabs = tabs(model, &all);
        plan.panels = vec![(Panel::Advice, advice), (shared(model, &plan.tabs), bottom)];
    } else {
        plan.tabs = tabs(model, &Panel::ALL);
        plan.panels = vec![(model.focus, plan.body)];
    }
}

/// Those of the panels that share a place which have something to show; notices say when they have not.
fn tabs(model: &Model, of: &[Panel]) -> Vec<Panel> {
    of.iter().copied().filter(|p| *p == Panel::Notices || model.has(*p)).collect()
}

/// Rows that show all of the advice in a panel of so many columns, borders and all.
fn advice_rows(model: &Model, columns: u16) -> u16 {
    let inner = inside(Rect { width: columns, height: 2, ..Rect::ZERO });
    panels::advice::lines(model, panels::text_area(inner).width).len() as u16 + 2
}

/// The one of `tabs` that is seen: the focused one, or the one that was last.
fn shared(model: &Model, tabs: &[Panel]) -> Panel {
    [model.focus, model.tab].into_iter().find(|p| tabs.contains(p)).unwrap_or(tabs[0])
}

fn cut_top(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    (Rect { height: rows, ..area }, Rect { y: area.y + rows, height: area.height - rows, ..area })
}

fn cut_left(area: Rect, columns: u16) -> (Rect, Rect) {
    let columns = columns.min(area.width);
    (Rect { width: columns, ..area }, Rect { x: area.x + columns, width: area.width - columns, ..area })
}
