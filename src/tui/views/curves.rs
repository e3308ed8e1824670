//! Any metric of many runs over steps, tokens or time: the runs of the list, as it is filtered and sorted, the selected one
//! on top with the forecast of its end.

mod axis;
mod choice;
mod grid;
mod groups;
mod legend;
mod reading;
mod typed;

use super::act;
use super::run::charts::ahead;
use super::{
    Actions, Cx, Input, Motion, Mouse, MouseKind, Pane, Presence, Prompt, Role, Spec, View, ViewAction, ViewId,
};
use crate::ipc::series::{Axis, Envelope, MOST_CURVES, SeriesQuery};
use crate::observe::training_loss;
use crate::tui::action::{Reach, k, key};
use crate::tui::lines::{Curve, Lines};
use crate::tui::shared::{Shared, label, losses};
use crate::tui::text::{prose, text_area};
use crate::tui::{fmt, signs};
use crate::vocab::RunView;
use crate::vocab::text::printable;
use choice::runs;
pub(in crate::tui) use choice::{keys, look};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use typed::Asked;

/// Its name, for whoever opens it.
pub const ID: ViewId = ViewId("curves");

static SPEC: Spec = Spec {
    id: ID,
    name: "Curves",
    about: "any metric of the listed runs",
    roles: &[Role::Chart],
    signs: &[
        ("◌", "end of the selected run's forecast, drawn with its 90 % band"),
        ("✗", "the metric is no number any more"),
        ("↻", "the selected run was started again"),
    ],
};

/// Weights of what came before, as the smoothing is turned up.
const SMOOTHING: [f64; 5] = [0.0, 0.6, 0.9, 0.97, 0.99];
/// Rows of the curves where they are printed.
const PRINTED: usize = 20;

/// The curves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Curves {
    /// `None`: steps, or what the runs say that the metric is drawn over.
    x: Option<Axis>,
    /// Whether the y axis is logarithmic; `None`: as suits the metric.
    log: Option<bool>,
    /// Whether the x axis is logarithmic.
    log_x: bool,
    /// Place in [`SMOOTHING`].
    pub smoothing: usize,
    /// Only the selected run.
    only: bool,
    /// The fact that runs are grouped by; a mean and the range of each group is drawn.
    group: Option<String>,
    /// Words that the names of the metrics must have.
    wanted: String,
    /// What is typed for one of these.
    #[serde(skip)]
    typed: Option<(Asked, String)>,
    /// Whether the metrics after the first have charts beside it.
    pub grid: bool,
    /// The cursor, on the x axis.
    #[serde(skip)]
    pub cursor: Option<f64>,
    /// The part of the x axis that is drawn; `None` for all of it.
    #[serde(skip)]
    pub range: Option<(f64, f64)>,
    /// The axis that both are on.
    #[serde(skip)]
    on: Axis,
}

impl Actions for Curves {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("curves.next", &[k('m')], "next metric", |view: &mut Self, cx| view.turn(1, cx)).hint("metric"),
        act("curves.previous", &[k('M')], "previous metric", |view: &mut Self, cx| view.turn(-1, cx)),
        act("curves.smoother", &[k('+'), k('=')], "smooth more", |view: &mut Self, _| {
            view.smoothing = (view.smoothing + 1).min(SMOOTHING.len() - 1);
        })
        .hint("smooth"),
        act("curves.rougher", &[k('-')], "smooth less", |view: &mut Self, _| {
            view.smoothing = view.smoothing.saturating_sub(1);
        }),
        act("curves.log", &[k('L')], "logarithmic or linear y axis", |view: &mut Self, cx| {
            let key = view.key(cx.shared).unwrap_or_default();
            view.log = Some(!view.is_log(cx.shared, key));
        })
        .hint("log"),
        act(
            "curves.axis",
            &[k('x')],
            "x axis: steps, tokens, compute, part of the plan, epochs of a corpus, time since the start, time",
            |view: &mut Self, cx| {
                let (next, why) = axis::next(&view.x(cx.shared), cx.shared);
                cx.asks.extend(why.map(|why| super::Ask::Say(why.to_owned())));
                let is_round = next == Axis::Step && view.x.is_some() && view.stated(cx.shared).is_some();
                view.over(Some(next).filter(|_| !is_round));
            },
        )
        .hint("axis"),
        act("curves.axis-by", &[k('a')], "x axis by its name: any metric can be one", |view: &mut Self, _| {
            view.typed = Some((Asked::Axis, String::new()));
        }),
        act("curves.log-x", &[k('X')], "logarithmic or linear x axis", |view: &mut Self, _| {
            view.log_x = !view.log_x;
            view.range = None;
        }),
        act("curves.closer", &[k('[')], "zoom in at the cursor, or at the end", |view: &mut Self, cx| {
            view.zoom(0.5, cx);
        })
        .hint("zoom in"),
        act("curves.wider", &[k(']')], "zoom out", |view: &mut Self, cx| view.zoom(2.0, cx)),
        act("curves.only", &[k('o')], "only the selected run, or all that are listed", |view: &mut Self, _| {
            view.only = !view.only;
        })
        .hint("one"),
        act("curves.grid", &[k('#')], "one metric, or a grid of several", |view: &mut Self, _| view.grid = !view.grid)
            .hint("grid"),
        act(
            "curves.group",
            &[k('b')],
            "group runs by a fact, or by all but the seed: mean and range",
            |view: &mut Self, cx| {
                let text = view.group.clone().unwrap_or_else(|| groups::likely(cx.shared));
                view.typed = Some((Asked::Group, text));
            },
        )
        .hint("group"),
        act("curves.metrics", &[k('&')], "only metrics whose names have these words", |view: &mut Self, _| {
            view.typed = Some((Asked::Metrics, view.wanted.clone()));
        }),
        act("curves.left", &[key(KeyCode::Left), k('h')], "move the cursor left", |view: &mut Self, cx| {
            view.read(-1.0, cx);
        })
        .hint("read"),
        act("curves.right", &[key(KeyCode::Right), k('l')], "move the cursor right", |view: &mut Self, cx| {
            view.read(1.0, cx);
        }),
        act("curves.log-here", &[k('v')], "log of the selected run, at the cursor", |view: &mut Self, cx| {
            view.open_log(cx);
        }),
        act("curves.open", &[k('C')], "curves of the listed runs", |_: &mut Self, cx| {
            cx.asks.push(super::Ask::Focus(ID));
        })
        .reach(Reach::Everywhere),
    ];
}

impl Curves {
    /// Draws over another axis; `None` for the one that suits the metric.
    fn over(&mut self, x: Option<Axis>) {
        self.x = x;
        (self.cursor, self.range) = (None, None);
    }

    /// The axis that is drawn over.
    fn x(&self, shared: &Shared) -> Axis {
        self.x.clone().or_else(|| self.stated(shared)).unwrap_or_default()
    }

    /// What all runs that are drawn say that the metric is drawn over, where that is no count of steps.
    fn stated(&self, shared: &Shared) -> Option<Axis> {
        axis::stated(&runs(shared, self.only, choice::MOST), self.key(shared)?)
    }

    /// The metric that is drawn.
    fn key<'a>(&self, shared: &'a Shared) -> Option<&'a str> {
        let all = self.keys(shared);
        let chosen = shared.metric.as_deref().filter(|key| all.contains(key));
        chosen.or_else(|| choice::first(shared, &all))
    }

    fn turn(&mut self, by: isize, cx: &mut Cx<'_>) {
        let all = self.keys(cx.shared);
        let Some(now) = self.key(cx.shared).and_then(|key| all.iter().position(|other| *other == key)) else { return };
        let next = Some(all[now.saturating_add_signed(by + all.len() as isize) % all.len()].to_owned());
        cx.shared.metric = next;
        self.log = None;
    }

    /// Losses are logarithmic unless the user says otherwise; accuracies and rates are not.
    fn is_log(&self, shared: &Shared, key: &str) -> bool {
        self.log.unwrap_or_else(|| {
            let measured = shared.snapshot.iter().any(|snapshot| losses(snapshot).iter().any(|loss| loss.key == key));
            let better_is_more = shared.unit(key).higher_is_better();
            (measured || training_loss(key).is_some()) && !better_is_more
        })
    }

    /// Times of day have no logarithm that says anything.
    fn is_log_x(&self) -> bool {
        self.log_x && self.x != Some(Axis::Time)
    }

    /// The curves that have come, where they are those that are wanted.
    fn arrived<'a>(&self, shared: &'a Shared) -> Option<&'a [Envelope]> {
        let set = shared.curves.as_deref()?;
        let asked = (set.query.from, set.query.to);
        let range = (self.range.map(|range| range.0), self.range.map(|range| range.1));
        let wanted = self.key(shared)?;
        let same = set.query.metrics.first().is_some_and(|key| key == wanted) && set.query.x == self.x(shared);
        (same && asked == range).then_some(set.curves.as_slice())
    }

    /// What is drawn of the first metric: each run with its curve, the selected one last.
    fn drawn(&self, shared: &Shared) -> Vec<Drawn> {
        self.key(shared).map_or_else(Vec::new, |key| self.drawn_of(shared, key))
    }

    fn drawn_of(&self, shared: &Shared, key: &str) -> Vec<Drawn> {
        let Some(arrived) = self.arrived(shared) else { return Vec::new() };
        if let Some(by) = &self.group {
            return groups::drawn(shared, arrived, key, by, self.only);
        }
        let theme = &shared.theme;
        let selected = shared.selected_run().map(|run| run.id);
        let mut out: Vec<Drawn> = Vec::new();
        for run in runs(shared, self.only, choice::MOST) {
            let Some(envelope) = arrived.iter().find(|envelope| envelope.run == run.id && envelope.metric == key)
            else {
                continue;
            };
            let (sign, style) = signs::series(theme, run.id);
            let chosen = Some(run.id) == selected;
            let line = if envelope.smooth.is_empty() { &envelope.last } else { &envelope.smooth };
            let mut points = envelope.points(line);
            // An average goes on where the metric has no number any more; the line says so.
            if let (Some(last), Some(point)) = (envelope.last.last(), points.last_mut())
                && !last.is_finite()
            {
                point.1 = *last;
            }
            let spread = if chosen { envelope.spread() } else { Vec::new() };
            let newest = points.last().map_or(f64::NAN, |point| point.0);
            let is_seen = chosen && self.range.is_none();
            let ahead = if is_seen { self.ahead(shared, run, key, newest) } else { Vec::new() };
            let style = if chosen { style.add_modifier(Modifier::BOLD) } else { style };
            let marks = if chosen { envelope.restarts.clone() } else { Vec::new() };
            let curve = Curve { points, spread, style, sign, ahead, marks, ..Curve::default() };
            out.push(Drawn { name: shared.runs.short(&run.name).to_owned(), is_selected: chosen, curve });
        }
        out.sort_by_cached_key(|drawn| drawn.is_selected);
        out
    }

    /// How a run will go on beyond its newest point: x, value, least and greatest value. On an axis of times at the speed of now.
    fn ahead(&self, shared: &Shared, run: &RunView, key: &str, newest: f64) -> Vec<(f64, f64, f64, f64)> {
        let x = self.x(shared);
        ahead(run, key, newest, |step| {
            if !x.is_time() {
                return self.place(run, step, shared);
            }
            let per_second = run.tokens_per_second.filter(|rate| *rate > 0.0)? / run.tokens_per_step()?;
            Some(newest + (step - run.last_step? as f64) / per_second)
        })
    }

    fn lines<'a>(&self, shared: &'a Shared, key: &str, curves: &'a [Curve]) -> Lines<'a> {
        let x = axis::numbers(&self.x(shared));
        let (log, log_x, cursor) = (self.is_log(shared, key), self.is_log_x(), self.cursor);
        Lines { log, x, log_x, cursor, part: self.range, ..Lines::of(curves, &shared.theme) }
    }

    /// The cells of the curves, above the legend.
    fn plot(inner: Rect, curves: usize) -> Rect {
        let legend = (inner.height / 4).min(curves as u16).max(u16::from(inner.height > 6));
        Rect { height: inner.height.saturating_sub(legend), ..inner }
    }
}

impl View for Curves {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn presence(&self, shared: &Shared) -> Presence {
        if choice::is_any(shared) { Presence::There } else { Presence::Quiet }
    }

    fn title(&self, shared: &Shared, room: usize) -> String {
        let Some(key) = self.key(shared) else { return SPEC.name.to_owned() };
        let name = shared.snapshot.as_ref().map_or_else(|| key.to_owned(), |snapshot| label(snapshot, key));
        let x = axis::name(&self.x(shared), shared);
        let mut about = vec![format!("over {x}")];
        if self.smoothing > 0 {
            about.push(format!("smoothed {}", SMOOTHING[self.smoothing]));
        }
        if self.is_log(shared, key) {
            about.push("log".to_owned());
        }
        if self.is_log_x() {
            about.push("log x".to_owned());
        }
        if let Some(by) = &self.group {
            about.push(format!("grouped by {}", fmt::head(by, 20)));
        }
        if !self.wanted.is_empty() {
            about.push(format!("metrics with {}", fmt::head(&self.wanted, 20)));
        }
        if self.range.is_some() {
            about.push("zoomed".to_owned());
        }
        let about = about.join(", ");
        let name = fmt::tail(&printable(&name), room.saturating_sub(about.len() + 8).max(12));
        format!("{name} {about}")
    }

    fn tab(&self, shared: &Shared, shown: bool) -> String {
        let name = |key| shared.snapshot.as_ref().map(|snapshot| label(snapshot, key));
        match self.key(shared).filter(|_| shown).and_then(name) {
            Some(name) => format!("{} {}", SPEC.name, fmt::tail(&name, 20)),
            None => SPEC.name.to_owned(),
        }
    }

    fn height(&self, shared: &Shared, _width: u16) -> usize {
        if choice::is_any(shared) { PRINTED } else { 0 }
    }

    fn needs(&self, shared: &Shared, inner: Rect) -> Option<SeriesQuery> {
        let metrics = self.metrics(shared, inner);
        // A mean is of all that are listed.
        let most = if self.group.is_some() { MOST_CURVES / metrics.len().max(1) } else { choice::MOST };
        let mut ids: Vec<u32> = runs(shared, self.only, most).iter().map(|run| run.id).collect();
        // In one order, so that the question stays the same while the list moves.
        ids.sort_unstable();
        Some(SeriesQuery {
            runs: ids,
            metrics: Some(metrics).filter(|all| !all.is_empty())?.into_iter().map(str::to_owned).collect(),
            x: self.x(shared),
            from: self.range.map(|range| range.0),
            to: self.range.map(|range| range.1),
            // Two dots to a column; a few columns are the axis.
            // On a logarithmic axis the first are far apart.
            pixels: u32::from(inner.width.saturating_sub(8)).clamp(8, 500) * if self.is_log_x() { 8 } else { 2 },
            smoothing: SMOOTHING[self.smoothing],
        })
    }

    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let (inner, others) = self.cells(pane.inner, self.keys(shared).len());
        let drawn = self.drawn(shared);
        if drawn.is_empty() {
            let failed = shared.curves.as_ref().and_then(|set| set.failed.clone());
            let sentence = match (self.key(shared), failed) {
                (None, _) => "No run has logged two points of a metric yet.".to_owned(),
                (_, Some(why)) => format!("The daemon cannot draw this: {}.", printable(&why)),
                _ if shared.runs.order.is_empty() => "No run matches the filter; Esc clears it.".to_owned(),
                (Some(key), _) if self.arrived(shared).is_some() && self.x(shared) != Axis::Step => {
                    let what = axis::missing(&self.x(shared), shared);
                    format!("No {what} known for {}. Press x for another axis.", printable(key))
                }
                (Some(key), _) if self.arrived(shared).is_some() => {
                    format!("No listed run has logged {}.", printable(key))
                }
                (Some(_), _) => "Loading the curves …".to_owned(),
            };
            let text = text_area(inner);
            for (y, line) in (text.y..text.bottom()).zip(&prose(&sentence, shared.theme.dim, text.width)) {
                buf.set_line(text.x, y, line, text.width);
            }
            return;
        }
        let key = self.key(shared).unwrap_or_default();
        let named = if others.is_empty() { inner } else { Self::name(shared, key, inner, buf) };
        let curves: Vec<Curve> = drawn.iter().map(|drawn| drawn.curve.clone()).collect();
        let plot = Self::plot(named, curves.len());
        self.lines(shared, key, &curves).draw(plot, buf);
        let legend = Rect { y: plot.bottom(), height: inner.bottom() - plot.bottom(), ..inner };
        self.legend(shared, key, &drawn, legend, buf);
        let metrics = self.metrics(shared, pane.inner);
        for (key, cell) in metrics.into_iter().skip(1).zip(others) {
            let area = Self::name(shared, key, cell, buf);
            let curves: Vec<Curve> = self.drawn_of(shared, key).into_iter().map(|drawn| drawn.curve).collect();
            self.lines(shared, key, &curves).draw(area, buf);
        }
    }

    /// Up and down select a run, as in the list.
    fn step(&mut self, motion: Motion, cx: &mut Cx<'_>) {
        cx.shared.step_run(motion.lines(cx.inner.height));
    }

    fn back(&mut self, _: &mut Cx<'_>) -> bool {
        let zoomed = self.cursor.take().is_some() || self.range.take().is_some();
        zoomed
            || std::mem::take(&mut self.only)
            || self.group.take().is_some()
            || !std::mem::take(&mut self.wanted).is_empty()
    }

    fn mouse(&mut self, mouse: Mouse, cx: &mut Cx<'_>) -> bool {
        let first = self.first(cx);
        let (_, others) = self.cells(cx.inner, self.keys(cx.shared).len());
        let under = others.into_iter().find(|cell| cell.contains((mouse.column, mouse.row).into()));
        // All charts of a grid have the same axis: what is pointed at in one is read in all.
        let at = under.map_or(mouse.column, |cell| first.x + (mouse.column - cell.x) * first.width / cell.width.max(1));
        let x = {
            let key = self.key(cx.shared).unwrap_or_default();
            let curves: Vec<Curve> = self.drawn(cx.shared).into_iter().map(|drawn| drawn.curve).collect();
            let lines = self.lines(cx.shared, key, &curves);
            lines.x_at(lines.inside(Self::plot(first, curves.len())), at)
        };
        match mouse.kind {
            MouseKind::Wheel(by) => {
                let before = std::mem::replace(&mut self.cursor, x);
                self.zoom(if by < 0 { 0.8 } else { 1.25 }, cx);
                self.cursor = before;
            }
            MouseKind::Press | MouseKind::Drag => self.cursor = x,
        }
        true
    }

    fn keep(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }

    fn take_up(&mut self, kept: &Value) {
        let Ok(kept) = Self::deserialize(kept) else { return };
        let texts = [
            Some(&kept.wanted),
            kept.group.as_ref(),
            if let Some(Axis::Metric(key)) = &kept.x { Some(key) } else { None },
        ];
        if kept.smoothing < SMOOTHING.len() && texts.into_iter().flatten().all(|text| text.len() < 1_000) {
            *self = kept;
        }
    }

    fn prompt(&self, _: &Shared) -> Option<Prompt> {
        self.asking()
    }

    fn type_in(&mut self, input: Input<'_>, cx: &mut Cx<'_>) -> bool {
        self.take(input, cx)
    }

    /// What was pointed at, or zoomed to, is nowhere on another axis.
    fn settle(&mut self, cx: &mut Cx<'_>) {
        let x = self.x(cx.shared);
        if self.on != x {
            (self.cursor, self.range) = (None, None);
            self.on = x;
        }
    }
}

/// A curve with what it is called.
#[derive(Debug, Clone)]
struct Drawn {
    /// Its run, or its group.
    name: String,
    /// Whether it is the selected run's.
    is_selected: bool,
    curve: Curve,
}
