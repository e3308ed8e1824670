//! Loss against ratio at the target, one chart or as many as fit side by side.

use super::{Actions, Cx, Motion, Mouse, MouseKind, Pane, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::tui::action::{Reach, k, key};
use crate::tui::fmt;
use crate::tui::plot::Plot;
use crate::tui::scale::{Scale, read};
use crate::tui::shared::{Shared, label};
use crate::tui::text::{prose, text_area};
use crate::vocab::RatioChart;
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use serde_json::Value;

/// Its name, for whoever opens it.
pub const ID: ViewId = ViewId("chart");

static SPEC: Spec = Spec {
    id: ID,
    name: "Chart",
    about: "chart of loss against mixture weight",
    roles: &[Role::Chart],
    signs: &[("∘ ○ ◎ ●", "a run's newest loss, scaled to the target by the law; larger runs have fuller symbols")],
};

/// Columns that a chart wants beside another.
const ABREAST: u16 = 40;
/// Rows of the charts where they are printed.
const PRINTED: usize = 16;

/// The charts.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// The reading line, an index into the shares of the chart.
    pub reading: Option<usize>,
    /// Whether the loss axis spans the whole curve, or only the part worth reading.
    pub whole_range: bool,
}

impl Actions for Chart {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("chart.left", &[key(KeyCode::Left), k('h')], "move the cursor left", |chart: &mut Self, cx| {
            chart.read(-1, cx)
        })
        .hint("read"),
        act("chart.right", &[key(KeyCode::Right), k('l')], "move the cursor right", |chart: &mut Self, cx| {
            chart.read(1, cx)
        }),
        act("chart.next", &[k('c')], "chart and law of the next validation loss", Self::next)
            .hint("chart")
            .reach(Reach::Everywhere),
        act("chart.range", &[k('r')], "show the whole curve or the relevant part", |chart: &mut Self, _| {
            chart.whole_range = !chart.whole_range;
        })
        .reach(Reach::Everywhere),
    ];
}

impl Chart {
    /// Moves the reading line; the first time, shows it where the advice is.
    fn read(&mut self, by: isize, cx: &mut Cx<'_>) {
        let Some((_, chart)) = cx.shared.main_chart().filter(|(_, chart)| !chart.shares.is_empty()) else { return };
        let last = chart.shares.len() - 1;
        let start = chart.advised.or(chart.current).unwrap_or(0.5);
        let nearest = chart.shares.partition_point(|s| *s < start).min(last);
        self.reading = Some(self.reading.map_or(nearest, |i| i.min(last).saturating_add_signed(by).min(last)));
    }

    /// Goes from chart to chart; where several fit side by side, all of them together are one stop.
    fn next(&mut self, cx: &mut Cx<'_>) {
        let shared = &mut *cx.shared;
        let Some(count) = shared.snapshot.as_ref().map(|s| s.charts.len()).filter(|n| *n > 1) else { return };
        let together = together(count, cx.inner);
        let shown = shared.main_chart().map_or(0, |(i, _)| i);
        shared.chart = match shared.chart {
            None if together > 1 => Some(0),
            Some(i) if together > 1 && i + 1 == count => None,
            _ => Some((shown + 1) % count),
        };
        shared.fit = None;
    }

    /// The charts that are seen, by their index, and where.
    fn places(shared: &Shared, inner: Rect) -> Vec<(usize, Rect)> {
        let (Some(snapshot), Some((main, _))) = (&shared.snapshot, shared.main_chart()) else { return Vec::new() };
        let n = if shared.chart.is_some() { 1 } else { together(snapshot.charts.len(), inner) };
        let others = (0..snapshot.charts.len()).filter(|i| *i != main);
        let width = inner.width / n as u16;
        let place = |(place, index): (usize, usize)| {
            let x = inner.x + place as u16 * width;
            let width = if place + 1 == n { inner.right() - x } else { width };
            (index, Rect { x, width, ..inner })
        };
        std::iter::once(main).chain(others).take(n).enumerate().map(place).collect()
    }
}

impl View for Chart {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn keep(&self) -> Option<Value> {
        Some(Value::from(self.whole_range))
    }

    fn take_up(&mut self, kept: &Value) {
        self.whole_range = kept.as_bool().unwrap_or(self.whole_range);
    }

    /// Without a fit there is nothing to draw, and curves of the runs have its place.
    fn presence(&self, shared: &Shared) -> Presence {
        let some = shared.snapshot.as_ref().is_some_and(|snapshot| !snapshot.charts.is_empty());
        if some { Presence::There } else { Presence::Quiet }
    }

    fn title(&self, shared: &Shared, _room: usize) -> String {
        match shared.main_chart() {
            None => "Loss by ratio".to_owned(),
            Some((_, chart)) => format!("Loss at the target, by share of {}", chart.domain),
        }
    }

    fn height(&self, shared: &Shared, _width: u16) -> usize {
        shared.snapshot.as_ref().filter(|s| !s.charts.is_empty()).map_or(0, |_| PRINTED)
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let Some(snapshot) = &shared.snapshot else { return };
        for (index, area) in Self::places(shared, pane.inner) {
            self.one(shared, &snapshot.charts[index], area, buf);
        }
        if snapshot.charts.is_empty() {
            let text = text_area(pane.inner);
            let lines = prose("The chart appears after the first fit.", shared.theme.dim, text.width);
            for (y, line) in (text.y..text.bottom()).zip(&lines) {
                buf.set_line(text.x, y, line, text.width);
            }
        }
    }

    fn step(&mut self, _: Motion, _: &mut Cx<'_>) {}

    fn back(&mut self, _: &mut Cx<'_>) -> bool {
        self.reading.take().is_some()
    }

    /// A press or a drag puts the reading line there; a reading is chosen on purpose, not by the wheel.
    fn mouse(&mut self, mouse: Mouse, cx: &mut Cx<'_>) -> bool {
        let Some(snapshot) = &cx.shared.snapshot else { return false };
        let places = Self::places(cx.shared, cx.inner);
        // A drag may have left the charts: the nearest one goes on reading.
        let under = places.iter().rev().find(|(_, area)| area.x <= mouse.column).or(places.first());
        let Some((index, area)) = under.filter(|_| !matches!(mouse.kind, MouseKind::Wheel(_))) else { return false };
        let chart = &snapshot.charts[*index];
        let Some(scale) = Scale::of(chart, self.whole_range) else { return false };
        let plot = Plot { chart, scale, reading: None, run: None, theme: &cx.shared.theme };
        let share = plot.share_of(plot.inside(*area), mouse.column);
        let distance = |i: &usize| (chart.shares[*i] - share).abs();
        self.reading = (0..chart.shares.len()).min_by(|a, b| distance(a).total_cmp(&distance(b)));
        true
    }
}

/// Charts that are side by side in that inside, of `count`.
fn together(count: usize, inner: Rect) -> usize {
    usize::from(inner.width / ABREAST).min(count).clamp(1, 3)
}

impl Chart {
    fn one(&self, shared: &Shared, chart: &RatioChart, area: Rect, buf: &mut Buffer) {
        let theme = &shared.theme;
        let Some(snapshot) = &shared.snapshot else { return };
        let label = label(snapshot, &chart.metric);
        let name = if label == chart.metric { label } else { format!("{label} loss") };
        let name = fmt::head(&name, usize::from(area.width).saturating_sub(12));
        let Some(scale) = Scale::of(chart, self.whole_range) else { return };
        let run = shared.selected_run().map(|r| r.name.as_str());
        let plot = Plot { chart, scale, reading: self.reading, run, theme };
        plot.draw(area, buf);
        let inside = plot.inside(area);
        let mut corner = vec![(name, theme.title)];
        if snapshot.fits.iter().any(|f| f.chosen && f.metric == chart.metric && f.skill.is_some_and(|s| s <= 0.0)) {
            corner.push((" NO SKILL ".to_owned(), theme.loud));
        }
        for (row, (text, style)) in corner.iter().enumerate() {
            let wide = fmt::width(text) as u16;
            if inside.width > wide + 2 && inside.height > row as u16 + 2 {
                // On the side that the curve leaves free.
                let rises = chart.loss.first() < chart.loss.last();
                let x = if rises { inside.x + 1 } else { inside.right() - wide - 1 };
                buf.set_string(x, inside.y + row as u16, text, *style);
            }
        }
        self.legend(shared, chart, area, buf);
    }

    /// In the lower border: what the two mixtures give, or what the reading line reads.
    fn legend(&self, shared: &Shared, chart: &RatioChart, area: Rect, buf: &mut Buffer) {
        let theme = &shared.theme;
        let mut items: Vec<Vec<Span<'static>>> = Vec::new();
        let mut item = |sign: &str, style: Style, text: String| {
            items.push(vec![Span::styled(format!(" {sign} "), style), Span::styled(format!("{text} "), theme.dim)]);
        };
        let reading = self.reading.and_then(|i| chart.shares.get(i.min(chart.shares.len().saturating_sub(1))));
        if let Some(share) = reading
            && let Some((loss, low, high)) = read(chart, *share)
        {
            let text = format!(
                "{}: {} ({} – {})",
                fmt::percent_short(*share),
                fmt::loss(loss),
                fmt::loss(low),
                fmt::loss(high)
            );
            item("▸", theme.accent, text);
        } else {
            for (share, sign, style) in [(chart.current, "◇", theme.now), (chart.advised, "◆", theme.advised)] {
                if let Some(share) = share
                    && let Some((loss, _, _)) = read(chart, share)
                {
                    item(sign, style, format!("{} {}", fmt::percent_short(share), fmt::loss(loss)));
                }
            }
            if let Some(limit) = chart.limit {
                item("╌", theme.bad, format!("{} {}", chart.measure.limit_sign(), fmt::loss(limit)));
            }
        }
        let y = area.bottom();
        if y >= buf.area.bottom() {
            return;
        }
        let mut x = area.x + 1;
        for item in items {
            let wide: usize = item.iter().map(Span::width).sum();
            if usize::from(x) + wide > usize::from(area.right()).saturating_sub(1) {
                break;
            }
            for span in item {
                (x, _) = buf.set_span(x, y, &span, area.right().saturating_sub(x));
            }
            x += 1;
        }
    }
}
