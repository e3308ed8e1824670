//! Losses against size and experts; runs grouped by compute with their parabolas, and N_opt(C), D_opt(C) by each method; what
//! upcycled runs were worth.

mod fitted;
mod pareto;
mod sizes;
mod upcycled;

use super::{Actions, Ask, Cx, Pane, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::tui::action::{Reach, k};
use crate::tui::lines::{Curve, Lines};
use crate::tui::question::Question;
use crate::tui::shared::{Shared, label, losses};
use crate::tui::text::{corner, prose, scrolled, text_area};
use crate::tui::theme::Theme;
use crate::vocab::number::{show_amount, significant};
use crate::vocab::text::printable;
use crate::vocab::{IsoFlops, Optima, OptimumCurve, OptimumMethod, Range, ShapeAdvice, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use sizes::By;

/// Its name, for whoever opens it.
pub const ID: ViewId = ViewId("shape");

static SPEC: Spec = Spec {
    id: ID,
    name: "Shape",
    about: "losses by size and experts, runs grouped by compute, compute-optimal sizes",
    roles: &[Role::Chart],
    signs: &[
        ("◇ ◆", "what is expected at the target, and at the recommended shape"),
        ("⠤", "line: what the law in use says of the runs; without one, from run to run"),
    ],
};

/// Rows from which on a chart has a place above the text.
const CHART_FROM: u16 = 14;
/// Places of a parabola.
const PLACES: usize = 48;

/// Rows where it is printed, at least.
const PRINTED: usize = 34;

/// The view.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    /// Which of the axes that there are, counted from the first.
    axis: usize,
}

/// What is drawn.
enum Drawn<'a> {
    /// Runs grouped by compute.
    IsoFlops(&'a IsoFlops),
    /// Losses against a size.
    Sizes(By),
}

impl Actions for Shape {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act(
            "shape.axis",
            &[k('x')],
            "x axis: isoFLOPs, active parameters, parameters, tokens, experts, granularity",
            |view: &mut Self, _| {
                view.axis = view.axis.wrapping_add(1);
            },
        )
        .hint("axis"),
        act("shape.next", &[k('m')], "next loss", |_: &mut Self, cx| turn(1, cx)).hint("metric"),
        act("shape.previous", &[k('M')], "previous loss", |_: &mut Self, cx| turn(-1, cx)),
        act("shape.open", &[k('N')], "losses by size, compute-optimal sizes", |_: &mut Self, cx| {
            cx.asks.push(Ask::Focus(ID));
        })
        .reach(Reach::Everywhere),
    ];
}

/// The loss that is drawn: the user's metric where it is one.
fn key(shared: &Shared) -> Option<&str> {
    let snapshot = shared.snapshot.as_ref()?;
    let all = losses(snapshot);
    let chosen = all.iter().find(|loss| Some(loss.key) == shared.metric.as_deref());
    Some(chosen.or(all.first())?.key)
}

fn turn(by: isize, cx: &mut Cx<'_>) {
    let Some(snapshot) = &cx.shared.snapshot else { return };
    let all: Vec<&str> = losses(snapshot).into_iter().map(|loss| loss.key).collect();
    let Some(now) = key(cx.shared).and_then(|key| all.iter().position(|other| *other == key)) else { return };
    let next = all[now.wrapping_add_signed(by + all.len() as isize) % all.len()].to_owned();
    cx.shared.metric = Some(next);
}

impl Shape {
    fn drawn<'a>(&self, shared: &'a Shared) -> Option<Drawn<'a>> {
        let groups = optima(shared).and_then(|optima| {
            let of_key = optima.isoflops.iter().find(|groups| Some(groups.metric.as_str()) == key(shared));
            of_key.or(optima.isoflops.first())
        });
        let mut all: Vec<Drawn<'a>> = groups.map(Drawn::IsoFlops).into_iter().collect();
        all.extend(sizes::axes(shared).into_iter().map(Drawn::Sizes));
        (!all.is_empty()).then(|| all.swap_remove(self.axis % all.len()))
    }
}

impl View for Shape {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn presence(&self, shared: &Shared) -> Presence {
        let some = optima(shared).is_some() || self.drawn(shared).is_some();
        if some { Presence::There } else { Presence::Quiet }
    }

    fn title(&self, shared: &Shared, _room: usize) -> String {
        let Some(snapshot) = &shared.snapshot else { return SPEC.name.to_owned() };
        match self.drawn(shared) {
            Some(Drawn::Sizes(by)) => {
                let name = label(snapshot, key(shared).unwrap_or_default());
                format!("{} by {}", crate::tui::fmt::head(&name, 24), by.name())
            }
            Some(Drawn::IsoFlops(_)) => "Shape: runs of equal compute".to_owned(),
            None => SPEC.name.to_owned(),
        }
    }

    fn height(&self, shared: &Shared, width: u16) -> usize {
        match self.drawn(shared) {
            Some(_) => 2 * self.lines(shared, width).len().clamp(PRINTED / 2, PRINTED),
            None => self.lines(shared, width).len(),
        }
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        let Some(snapshot) = &shared.snapshot else { return Vec::new() };
        let none = "Sizes say something once two or more are measured. Compute-optimal sizes need runs grouped by compute, or a \
                    budget; for any budget, type: mixlaw shape --flops 1e21";
        let mut out = Vec::new();
        if let Some(optima) = &snapshot.optima {
            out.extend(text(&shared.theme, snapshot, optima, width));
        }
        match (self.drawn(shared), key(shared)) {
            (Some(_), Some(key)) if !sizes::axes(shared).is_empty() => out.extend(sizes::table(shared, key, width)),
            (None, _) if out.is_empty() => out.extend(prose(none, shared.theme.dim, width)),
            _ => {}
        }
        out
    }

    fn asks(&self, shared: &Shared, _: Rect) -> Vec<Question> {
        let is_fitted =
            |key: &&str| shared.snapshot.iter().any(|s| s.fits.iter().any(|fit| fit.chosen && fit.metric == *key));
        key(shared).filter(is_fitted).map(fitted::question).into_iter().collect()
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let inner = pane.inner;
        let drawn = self.drawn(shared);
        let high = match drawn {
            // The chart says more than a few rows of the table.
            Some(_) if inner.height < CHART_FROM && inner.width >= 24 && inner.height >= 6 => inner.height,
            Some(_) if inner.height >= CHART_FROM => (inner.height / 2).max(10),
            _ => 0,
        };
        let area = Rect { height: high, ..inner };
        match drawn {
            Some(Drawn::IsoFlops(groups)) if high > 0 => chart(&shared.theme, groups, area, buf),
            Some(Drawn::Sizes(by)) if high > 0 => {
                sizes::chart(shared, by, key(shared).unwrap_or_default(), area, buf);
            }
            _ => {}
        }
        if high == inner.height {
            return;
        }
        let below = Rect { y: inner.y + high, height: inner.height - high, ..inner };
        let lines = self.lines(shared, text_area(below).width);
        scrolled(&shared.theme, &lines, pane.scroll, below, buf);
    }
}

fn optima(shared: &Shared) -> Option<&Optima> {
    shared.snapshot.as_ref()?.optima.as_deref()
}

/// Loss against N, on a logarithmic axis: the runs of each budget, and the parabola through them.
fn chart(theme: &Theme, groups: &IsoFlops, area: Rect, buf: &mut Buffer) {
    let mut curves = Vec::new();
    for group in &groups.groups {
        let runs = group.runs.iter().map(|run| (run.params, run.loss)).collect();
        curves.push(Curve { points: runs, style: theme.dim, sign: "●", dots: true, apart: true, ..Curve::default() });
        let (Some(parabola), Some(first), Some(last)) = (&group.parabola, group.runs.first(), group.runs.last()) else {
            continue;
        };
        let place = |i: usize| first.params * (last.params / first.params).powf(i as f64 / (PLACES - 1) as f64);
        let points = (0..PLACES).map(place).map(|n| (n, parabola.at(n))).collect();
        curves.push(Curve { points, style: theme.curve, ..Curve::default() });
    }
    Lines { log_x: true, ..Lines::of(&curves, theme) }.draw(area, buf);
    let metric = printable(&groups.metric);
    corner(&format!("{metric} against N, a curve a budget"), theme.dim, area, buf);
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
    out.extend(optima.upcycled.iter().flat_map(|found| upcycled::table(theme, found, width)));
    out.extend(optima.front.iter().flat_map(|front| pareto::table(theme, front)));
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
