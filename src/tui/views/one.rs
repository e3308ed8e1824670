//! The only run of a project: how far it is, where its losses will end, and charts of what it logs.

use super::run::{charts, progress};
use super::{Actions, Ask, Cx, Motion, Mouse, Pane, Presence, Role, Spec, View, ViewAction, ViewId, act, run};
use crate::ipc::series::SeriesQuery;
use crate::tui::action::{Reach, k, key};
use crate::tui::fmt;
use crate::tui::shared::{Shared, label};
use crate::tui::text::prose;
use crate::vocab::text::printable;
use crate::vocab::{Abstention, Advice, RunView};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

static SPEC: Spec = Spec {
    id: ViewId("one"),
    name: "Run",
    about: "the only run: progress, forecasts, charts",
    roles: &[Role::Lead],
    signs: &[("░▒▓█", "quarters of the range of a metric that each device has; · is nothing")],
};

/// Rows where it is printed.
const PRINTED: usize = 34;

/// The only run. Has no state of its own.
#[derive(Debug, Clone, Default)]
pub struct One;

impl Actions for One {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("one.open", &[key(KeyCode::Enter)], "details: facts, alerts, all metrics", |_: &mut Self, cx| {
            cx.asks.push(Ask::Open(run::ID));
        })
        .hint("details")
        .reach(Reach::Instead),
        act("one.next", &[k('m')], "next metric in the large chart", |_: &mut Self, cx| charts::turn(cx.shared, 1))
            .hint("metric"),
        act("one.previous", &[k('M')], "previous metric in the large chart", |_: &mut Self, cx| {
            charts::turn(cx.shared, -1);
        }),
    ];
}

/// The run, where it is the only one.
fn only(shared: &Shared) -> Option<&RunView> {
    let snapshot = shared.snapshot.as_ref().filter(|snapshot| snapshot.runs.len() == 1)?;
    snapshot.runs.first().map(AsRef::as_ref)
}

/// Newest values and forecasts of the losses that have one, in one line.
fn ends(shared: &Shared, run: &RunView, width: u16) -> Option<Line<'static>> {
    let theme = &shared.theme;
    let snapshot = shared.snapshot.as_ref()?;
    let order = charts::metrics(shared, run);
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut room = usize::from(width);
    for key in order.into_iter().filter(|key| run.forecast.contains_key(*key)) {
        let forecast = &run.forecast[key];
        let now = run.metrics.get(key).map(|metric| metric.last);
        let name = fmt::head(&printable(&label(snapshot, key)), 20);
        let texts = [
            (format!("{name} "), theme.text),
            (fmt::loss_or_dash(now), theme.now),
            (format!(" → {}", fmt::loss(forecast.value)), theme.accent),
            (format!(" ({}–{})   ", fmt::loss(forecast.low), fmt::loss(forecast.high)), theme.dim),
        ];
        let wide: usize = texts.iter().map(|(text, _)| fmt::width(text)).sum();
        if wide > room {
            break;
        }
        room -= wide;
        spans.extend(texts.into_iter().map(|(text, style)| Span::styled(text, style)));
    }
    (!spans.is_empty()).then(|| Line::from(spans))
}

/// What is above the charts.
fn head(shared: &Shared, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let mut out = progress(shared, run, width);
    out.extend(ends(shared, run, width));
    out
}

/// What is missing for more than forecasts, as one grey sentence.
fn missing(shared: &Shared) -> Option<String> {
    match &shared.snapshot.as_ref()?.advice {
        Some(Advice::Abstained(Abstention { nothing_to_mix: Some(missing), .. })) => Some(printable(missing)),
        _ => None,
    }
}

/// The cells above the charts, of the charts, and below them.
fn cut(shared: &Shared, run: &RunView, inner: Rect) -> (Rect, Rect, Rect) {
    let above = (head(shared, run, inner.width.saturating_sub(2)).len() as u16).min(inner.height);
    let foot = missing(shared).map_or(0, |text| prose(&text, Style::new(), inner.width.saturating_sub(2)).len() as u16);
    let foot = if inner.height > above + charts::ROWS + foot { foot } else { 0 };
    let charts = Rect { y: inner.y + above, height: inner.height - above - foot, ..inner };
    (Rect { height: above, ..inner }, charts, Rect { y: charts.bottom(), height: foot, ..inner })
}

impl View for One {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn presence(&self, shared: &Shared) -> Presence {
        let some = only(shared).is_some_and(|run| !charts::metrics(shared, run).is_empty());
        if some { Presence::There } else { Presence::Gone }
    }

    fn title(&self, shared: &Shared, room: usize) -> String {
        only(shared).map_or_else(|| SPEC.name.to_owned(), |run| fmt::tail(&printable(&run.name), room))
    }

    fn height(&self, shared: &Shared, _width: u16) -> usize {
        if only(shared).is_some() { PRINTED } else { 0 }
    }

    fn needs(&self, shared: &Shared, inner: Rect) -> Option<SeriesQuery> {
        let run = only(shared)?;
        // One row, where only the width is known.
        let inner = Rect { height: inner.height.max(PRINTED as u16), ..inner };
        charts::query(shared, run, cut(shared, run, inner).1)
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let Some(run) = only(shared) else { return };
        let (above, area, below) = cut(shared, run, pane.inner);
        for (y, line) in (above.y..above.bottom()).zip(head(shared, run, above.width.saturating_sub(2))) {
            buf.set_line(above.x + u16::from(above.width > 20), y, &line, above.width.saturating_sub(2));
        }
        match charts::Places::of(area, charts::metrics(shared, run).len()) {
            Some(places) => charts::draw(shared, run, &places, buf),
            None => charts::sparks(shared, run, area, buf),
        }
        let text = missing(shared).unwrap_or_default();
        for (y, line) in (below.y..below.bottom()).zip(&prose(&text, shared.theme.dim, below.width.saturating_sub(2))) {
            buf.set_line(below.x + 1, y, line, below.width.saturating_sub(2));
        }
    }

    fn step(&mut self, motion: Motion, cx: &mut Cx<'_>) {
        let by = motion.lines(cx.inner.height).signum();
        charts::turn(cx.shared, by);
    }

    fn mouse(&mut self, _: Mouse, _: &mut Cx<'_>) -> bool {
        false
    }

    fn settle(&mut self, _: &mut Cx<'_>) {}
}
