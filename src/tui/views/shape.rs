//! Compute-optimal sizes: runs grouped by compute with their parabolas, and N_opt(C), D_opt(C) by each method.

use super::{Actions, Ask, Pane, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::tui::action::{Reach, k};
use crate::tui::lines::{Curve, Lines};
use crate::tui::shared::Shared;
use crate::tui::text::{corner, prose, scrolled, text_area};
use crate::tui::theme::Theme;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::text::printable;
use crate::vocab::{IsoFlops, Optima, OptimumCurve, OptimumMethod, Range, ShapeAdvice, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

static SPEC: Spec = Spec {
    id: ViewId("shape"),
    name: "Shape",
    about: "compute-optimal size and tokens, and runs grouped by compute",
    roles: &[Role::Record],
    signs: &[],
};

/// Rows from which on a chart has a place above the text.
const CHART_FROM: u16 = 14;
/// Places of a parabola.
const PLACES: usize = 48;

/// The view. Has no state of its own.
#[derive(Debug, Clone, Default)]
pub struct Shape;

impl Actions for Shape {
    const ACTIONS: &'static [ViewAction<Self>] =
        &[act("shape.open", &[k('N')], "compute-optimal sizes", |_: &mut Self, cx| cx.asks.push(Ask::Focus(SPEC.id)))
            .reach(Reach::Everywhere)];
}

impl View for Shape {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn presence(&self, shared: &Shared) -> Presence {
        if optima(shared).is_some() { Presence::There } else { Presence::Quiet }
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        let Some(snapshot) = &shared.snapshot else { return Vec::new() };
        let none = "No compute-optimal sizes: the runs are not grouped by compute, and the project states no budget. For any \
                    budget, type: mixlaw shape --flops 1e21";
        match &snapshot.optima {
            Some(optima) => text(&shared.theme, snapshot, optima, width),
            None => prose(none, shared.theme.dim, width),
        }
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let inner = pane.inner;
        let groups = optima(shared).and_then(|optima| optima.isoflops.first());
        let high = if groups.is_some() && inner.height >= CHART_FROM { inner.height / 2 } else { 0 };
        if let Some(groups) = groups.filter(|_| high > 0) {
            chart(&shared.theme, groups, Rect { height: high, ..inner }, buf);
        }
        let below = Rect { y: inner.y + high, height: inner.height - high, ..inner };
        let lines = self.lines(shared, text_area(below).width);
        scrolled(&shared.theme, &lines, pane.scroll, below, buf);
    }
}

fn optima(shared: &Shared) -> Option<&Optima> {
    shared.snapshot.as_ref()?.optima.as_deref()
}

/// Loss against log₁₀ N: the runs of each budget, and the parabola through them.
fn chart(theme: &Theme, groups: &IsoFlops, area: Rect, buf: &mut Buffer) {
    let mut curves = Vec::new();
    for group in &groups.groups {
        let runs = group.runs.iter().map(|run| (run.params.log10(), run.loss)).collect();
        curves.push(Curve { points: runs, style: theme.dim, ..Curve::default() });
        let (Some(parabola), Some(first), Some(last)) = (&group.parabola, group.runs.first(), group.runs.last()) else {
            continue;
        };
        let place = |i: usize| first.params * (last.params / first.params).powf(i as f64 / (PLACES - 1) as f64);
        let points = (0..PLACES).map(place).map(|n| (n.log10(), parabola.at(n))).collect();
        curves.push(Curve { points, style: theme.curve, ..Curve::default() });
    }
    Lines { curves: &curves, log: false, amounts: true, cursor: None, bare: false, theme }.draw(area, buf);
    let metric = printable(&groups.metric);
    corner(&format!("{metric} against log10 N, a curve a budget"), theme.dim, area, buf);
}

fn text(theme: &Theme, snapshot: &Snapshot, optima: &Optima, width: u16) -> Vec<Line<'static>> {
    let mut out = Vec::new();
    match &snapshot.shape {
        Some(ShapeAdvice::Recommendation(advised)) => {
            if let Some(reason) = advised.reasons.first() {
                out.extend(prose(reason, theme.text, width));
            }
        }
        Some(ShapeAdvice::Abstained(why)) => {
            out.extend(why.reasons.iter().flat_map(|reason| prose(reason, theme.text, width)));
        }
        None => {}
    }
    for curve in &optima.curves {
        out.push(Line::default());
        out.push(Line::from(Span::styled(title(curve), theme.title)));
        out.push(Line::from(Span::styled(format!("{:>9} {:>8} {:<15} {:>8}", "FLOPs", "N", "90 %", "D"), theme.dim)));
        for at in &curve.at {
            let row = format!(
                "{:>9} {:>8} {:<15} {:>8}",
                significant(at.compute, 2),
                show_amount(at.params.value),
                range(&at.params.range),
                show_amount(at.tokens.value)
            );
            let style = if at.covered { theme.text } else { theme.dim };
            let beyond = if at.covered { "" } else { " no run reaches there" };
            out.push(Line::from(vec![Span::styled(row, style), Span::styled(beyond, theme.dim)]));
        }
    }
    out
}

/// `loss · parabola: N ∝ C^0.46 (0.45–0.50)`.
fn title(curve: &OptimumCurve) -> String {
    let name = match curve.method {
        OptimumMethod::Parabola => "parabola",
        _ => curve.name.as_str(),
    };
    let experts = curve.moe.map_or_else(String::new, |moe| format!(", E {}", show_amount(moe.experts)));
    let power = curve
        .params_exponent
        .map_or_else(String::new, |e| format!(": N ∝ C^{:.2} ({:.2}–{:.2})", e.value, e.range.low, e.range.high));
    format!("{} · {name}{experts}{power}", printable(&curve.metric))
}

fn range(range: &Range) -> String {
    match (range.low.is_finite(), range.high.is_finite()) {
        (true, true) => format!("{}–{}", show_amount(range.low), show_amount(range.high)),
        (true, false) => format!("≥ {}", show_amount(range.low)),
        (false, true) => format!("≤ {}", show_amount(range.high)),
        (false, false) => String::new(),
    }
}
