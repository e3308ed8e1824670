//! Everything about the selected run: what is known and where it was found, what disagrees, its metrics, its forecast,
//! its learning curves.

pub(in crate::tui) mod charts;
mod devices;

use super::{Actions, Cx, Pane, Presence, Role, Spec, View, ViewAction, ViewId, act};
use crate::ipc::series::SeriesQuery;
use crate::project::sidecar::FILE_NAME;
use crate::tui::action::{k, key};
use crate::tui::braille::Grid;
use crate::tui::shared::{Shared, label, losses};
use crate::tui::signs::state_word;
use crate::tui::text::{bullet, prose, scrolled, text_area};
use crate::tui::{fmt, signs};
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{FactName, FactValue, RunState, RunView, Snapshot};
use crossterm::event::KeyCode;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::collections::BTreeSet;

/// Its name, for whoever opens it.
pub const ID: ViewId = ViewId("run");

static SPEC: Spec =
    Spec { id: ID, name: "Run", about: "details of the selected run", roles: &[Role::Cover], signs: &[] };

/// The selected run.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// The run that was shown last: another is read from its start.
    shown: Option<u32>,
}

impl Actions for Run {
    const ACTIONS: &'static [ViewAction<Self>] = &[
        act("run.previous", &[key(KeyCode::Left), k('h')], "the previous run", |_: &mut Self, cx| {
            cx.shared.step_run(-1)
        })
        .hint("previous run"),
        act("run.next", &[key(KeyCode::Right), k('l')], "the next run", |_: &mut Self, cx| cx.shared.step_run(1))
            .hint("next run"),
        act("run.metric", &[k('m')], "next metric in the large chart", |_: &mut Self, cx| charts::turn(cx.shared, 1))
            .hint("metric"),
        act("run.metric-before", &[k('M')], "previous metric in the large chart", |_: &mut Self, cx| {
            charts::turn(cx.shared, -1);
        }),
    ];
}

impl View for Run {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn presence(&self, shared: &Shared) -> Presence {
        if shared.selected_run().is_some() { Presence::There } else { Presence::Gone }
    }

    fn title(&self, shared: &Shared, room: usize) -> String {
        let name = shared.selected_run().map_or("", |run| run.name.as_str());
        fmt::tail(name, room.saturating_sub(25))
    }

    fn state(&self, shared: &Shared) -> Option<(String, Style)> {
        let run = shared.selected_run()?;
        let (sign, style) = signs::state(&shared.theme, run.state);
        Some((format!("{sign} {}", state_word(run.state)), style))
    }

    fn lines(&self, shared: &Shared, width: u16) -> Vec<Line<'static>> {
        text(shared, width, true)
    }

    fn needs(&self, shared: &Shared, inner: Rect) -> Option<SeriesQuery> {
        let run = shared.selected_run()?;
        charts::query(shared, run, cut(inner)?.0)
    }

    /// Charts above, where there is room for them; the text below them.
    fn draw(&self, shared: &Shared, pane: &Pane, buf: &mut Buffer) {
        let mut inner = pane.inner;
        if let Some((above, run)) = cut(inner).map(|cut| cut.0).zip(shared.selected_run())
            && let Some(places) = charts::Places::of(above, charts::metrics(shared, run).len())
            && !charts::metrics(shared, run).is_empty()
        {
            charts::draw(shared, run, &places, buf);
            inner = Rect { y: above.bottom(), height: inner.height - above.height, ..inner };
        }
        let lines = text(shared, text_area(inner).width, inner == pane.inner);
        scrolled(&shared.theme, &lines, pane.scroll, inner, buf);
    }

    fn settle(&mut self, cx: &mut Cx<'_>) {
        if cx.shared.runs.selected != self.shown {
            *cx.scroll = 0;
        }
        self.shown = cx.shared.runs.selected;
        let lines = text(cx.shared, text_area(cx.inner).width, cut(cx.inner).is_none()).len();
        let rows = cut(cx.inner).map_or(cx.inner.height, |(_, rows)| rows);
        *cx.scroll = (*cx.scroll).min(lines.saturating_sub(rows.into()));
    }
}

/// All that is said of the run, with its learning curves where no charts stand above.
fn text(shared: &Shared, width: u16, with_curves: bool) -> Vec<Line<'static>> {
    let (Some(snapshot), Some(run)) = (&shared.snapshot, shared.selected_run()) else { return Vec::new() };
    let mut out = progress(shared, run, width);
    if !run.tags.is_empty() {
        out.extend(bullet("tags", shared.theme.accent, &run.tags.join(" "), shared.theme.text, width));
    }
    if let Some(note) = &run.note {
        out.extend(bullet("note", shared.theme.accent, note, shared.theme.text, width));
    }
    out.extend(alerts(shared, snapshot, run, width));
    out.extend(forecasts(shared, snapshot, run, width));
    if with_curves {
        out.extend(curves(shared, snapshot, run, width));
    }
    out.extend(facts(shared, run, width));
    out.extend(conflicts(shared, run, width));
    out.extend(settings(shared, run, width));
    out.extend(metrics(shared, run, width));
    out
}

/// The cells of the charts, and the rows below them; `None` where there is room for text only.
fn cut(inner: Rect) -> Option<(Rect, u16)> {
    let rows = inner.height * 3 / 5;
    (rows >= charts::ROWS + 2).then(|| (Rect { height: rows, ..inner }, inner.height - rows))
}

fn heading(shared: &Shared, text: &str) -> [Line<'static>; 2] {
    [Line::default(), Line::from(Span::styled(text.to_owned(), shared.theme.title))]
}

/// How far the run is, how fast, how long it still takes; what does not fit is left out.
pub(super) fn progress(shared: &Shared, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    let bar = usize::from(width / 4).clamp(8, 24);
    let (full, empty) = fmt::bar(run.progress.unwrap_or(0.0), bar);
    let mut spans = vec![
        Span::styled(full, signs::state(theme, run.state).1),
        Span::styled(empty, theme.faint),
        Span::styled(run.progress.map_or(" plan unknown".to_owned(), |p| format!(" {:.0}%", 100.0 * p)), theme.text),
    ];
    let mut room = usize::from(width).saturating_sub(spans.iter().map(Span::width).sum());
    let mut add = |text: String| {
        let wide = fmt::width(&text);
        if wide <= room {
            room -= wide;
            spans.push(Span::styled(text, theme.dim));
        }
    };
    if let Some(step) = run.last_step {
        let planned = planned_steps(run).map_or_else(String::new, |steps| format!("/{}", fmt::count(steps)));
        add(format!("  step {}{planned}", fmt::count(step.max(0) as u64)));
    }
    if let Some(left) = seconds_left(run) {
        add(format!("  {} left", fmt::duration(left)));
    }
    if let Some(rate) = run.tokens_per_second {
        add(format!("  {} tokens/s", show_amount(rate)));
    }
    if let Some(silent) = shared.snapshot.as_ref().and_then(|snapshot| run.silence(snapshot.at)) {
        add(format!("  last line {}", fmt::ago(silent + shared.age)));
    }
    vec![Line::from(spans)]
}

/// Steps of the whole run, where a plan is known and not reached.
fn planned_steps(run: &RunView) -> Option<u64> {
    let part = run.progress.filter(|part| *part > 0.0 && *part < 1.0)?;
    Some((run.last_step? as f64 / part).round() as u64)
}

/// At the speed of now.
fn seconds_left(run: &RunView) -> Option<f64> {
    let left = planned_steps(run)? as f64 - run.last_step? as f64;
    let rate = run.tokens_per_second.filter(|rate| *rate > 0.0)?;
    Some(left * run.tokens_per_step()? / rate).filter(|left| left.is_finite() && run.state == RunState::Running)
}

fn alerts(shared: &Shared, snapshot: &Snapshot, run: &RunView, width: u16) -> Vec<Line<'static>> {
    if run.signals.is_empty() {
        return Vec::new();
    }
    let waits = run.unacknowledged().next().is_some();
    let mut out = heading(shared, if waits { "Alerts (a dismisses them)" } else { "Alerts" }).to_vec();
    out.extend(run.signals.iter().flat_map(|event| super::alerts::one(shared, snapshot, event, false, width)));
    out
}

fn forecasts(shared: &Shared, snapshot: &Snapshot, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    if run.forecast.is_empty() {
        return Vec::new();
    }
    let mut out = heading(shared, "Forecast of the end").to_vec();
    for (key, f) in &run.forecast {
        out.push(Line::from(vec![
            Span::styled(fmt::left(&fmt::head(&label(snapshot, key), 14), 16), theme.text),
            Span::styled(fmt::loss(f.value), theme.accent),
            Span::styled(format!("  {} – {}", fmt::loss(f.low), fmt::loss(f.high)), theme.text),
            Span::styled(format!("   {}, at {:.0}% of the run", fmt::head(&f.law, 16), 100.0 * f.seen), theme.dim),
        ]));
    }
    let assumed: BTreeSet<&String> = run.forecast.values().filter_map(|f| f.assumed.as_ref()).collect();
    for what in assumed {
        let text = format!("Assumed: {what}, in {} in the run's directory.", FILE_NAME);
        out.extend(bullet("!", theme.warn, &text, theme.text, width));
    }
    out
}

/// Each validation loss over the run, side by side where they fit.
fn curves(shared: &Shared, snapshot: &Snapshot, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let curves: Vec<_> = losses(snapshot)
        .into_iter()
        .filter_map(|l| Some((l.label, run.sparklines.get(l.key).filter(|v| v.len() > 1)?)))
        .collect();
    if curves.is_empty() {
        return Vec::new();
    }
    let abreast = (usize::from(width) / 46).clamp(1, curves.len());
    let each = (usize::from(width) / abreast).saturating_sub(2);
    let mut out = heading(shared, "Learning curve of each validation loss").to_vec();
    for group in curves.chunks(abreast) {
        let blocks: Vec<Vec<Line<'static>>> =
            group.iter().map(|(label, values)| curve(shared, label, values, each.min(64))).collect();
        for row in 0..blocks.iter().map(Vec::len).max().unwrap_or(0) {
            let mut line = Line::default();
            for (place, block) in blocks.iter().enumerate() {
                let gap = (place * (each + 2)).saturating_sub(line.width());
                line.spans.push(Span::raw(" ".repeat(gap)));
                line.spans.extend(block.get(row).cloned().unwrap_or_default().spans);
            }
            out.push(line);
        }
    }
    out
}

/// A loss from the first value to the newest: six rows of dots between its largest and least value.
fn curve(shared: &Shared, label: &str, values: &[f64], width: usize) -> Vec<Line<'static>> {
    const ROWS: u16 = 6;
    let theme = &shared.theme;
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let mut grid = Grid::new((width.saturating_sub(9)).max(2) as u16, ROWS);
    let (w, h) = grid.size();
    let span = if high > low { high - low } else { 1.0 };
    let place = |i: usize| {
        let x = i as f64 / (values.len() - 1) as f64 * f64::from(w - 1);
        (x.round() as i32, ((high - values[i]) / span * f64::from(h - 1)).round() as i32)
    };
    for i in (1..values.len()).filter(|i| values[*i].is_finite() && values[*i - 1].is_finite()) {
        grid.line(place(i - 1), place(i), theme.curve);
    }
    let mut out = vec![Line::from(Span::styled(fmt::head(label, width), theme.text))];
    for (row, dots) in grid.rows().into_iter().enumerate() {
        let axis = match row {
            0 => format!("{:>7} ┤", fmt::loss(high)),
            r if r + 1 == usize::from(ROWS) => format!("{:>7} ┤", fmt::loss(low)),
            _ => format!("{:>7} │", ""),
        };
        out.push(Line::from(vec![Span::styled(axis, theme.dim), Span::styled(dots, theme.curve)]));
    }
    out
}

fn show(value: &FactValue) -> String {
    match value {
        FactValue::Number(v) if v.abs() >= 1e4 => {
            let exact = if v.fract() == 0.0 && *v < 1e15 {
                format!(" ({})", fmt::count(v.abs() as u64))
            } else {
                String::new()
            };
            format!("{}{exact}", show_amount(*v))
        }
        FactValue::Number(v) => format!("{v}"),
        FactValue::Text(text) => printable(text),
        FactValue::Mixture(m) => {
            let parts = m.0.iter().map(|(d, w)| format!("{} {}", printable(d), fmt::percent(*w)));
            parts.collect::<Vec<_>>().join(", ")
        }
        FactValue::Phases(phases) => {
            phases.iter().map(|phase| printable(&phase.to_string())).collect::<Vec<_>>().join("; then ")
        }
    }
}

fn facts(shared: &Shared, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    let mut out = heading(shared, "Facts and their sources").to_vec();
    if run.facts.is_empty() {
        out.extend(prose("No facts found.", theme.warn, width));
    }
    for name in FactName::ALL {
        let Some(fact) = run.facts.get(&name) else { continue };
        let value = fmt::head(&show(&fact.value), usize::from(width).saturating_sub(30).max(12));
        out.push(Line::from(vec![
            Span::styled(fmt::left(name.as_str(), 20), theme.dim),
            Span::styled(fmt::left(&value, 30), theme.text),
            Span::styled(format!(" {}", printable(&fact.source)), theme.dim),
        ]));
    }
    out
}

/// The other settings of its configuration, by dotted key.
fn settings(shared: &Shared, run: &RunView, width: u16) -> Vec<Line<'static>> {
    if run.settings.is_empty() {
        return Vec::new();
    }
    let theme = &shared.theme;
    let longest = run.settings.keys().map(|key| fmt::width(key)).max().unwrap_or(0);
    let names = longest.min(usize::from(width) / 2);
    let mut out = heading(shared, "Other settings").to_vec();
    for (key, value) in run.settings.iter() {
        let value = fmt::head(&printable(value), usize::from(width).saturating_sub(names + 1));
        out.push(Line::from(vec![
            Span::styled(fmt::left(&fmt::tail(&printable(key), names), names + 1), theme.dim),
            Span::styled(value, theme.text),
        ]));
    }
    out
}

fn conflicts(shared: &Shared, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    if run.conflicts.is_empty() {
        return Vec::new();
    }
    let mut out = heading(shared, "Conflicts between sources").to_vec();
    for c in &run.conflicts {
        let text = format!(
            "{}: {} from {} is used; {} says {}",
            c.name.as_str(),
            show(&c.kept.value),
            c.kept.source,
            c.other.source,
            show(&c.other.value)
        );
        out.extend(bullet("!", theme.warn, &text, theme.text, width));
    }
    out
}

fn metrics(shared: &Shared, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    let mut out = heading(shared, "Metrics").to_vec();
    if run.metrics.is_empty() {
        out.extend(prose("Nothing logged yet.", theme.dim, width));
        return out;
    }
    let names = usize::from(width).saturating_sub(48).clamp(12, 40);
    out.push(Line::from(Span::styled(
        format!("{} {:>10} {:>10} {:>9}  {}", fmt::left("key", names), "last", "at step", "points", "starts"),
        theme.dim,
    )));
    for (key, m) in run.metrics.iter() {
        let style = if m.last.is_finite() { theme.text } else { theme.bad };
        let value = if m.last.is_finite() { fmt::significant(m.last, 5) } else { fmt::loss(m.last) };
        out.push(Line::from(vec![
            Span::styled(fmt::left(&fmt::tail(key, names), names), theme.text),
            Span::styled(format!(" {value:>10}"), style),
            Span::styled(format!(" {:>10}", m.last_step), theme.text),
            Span::styled(format!(" {:>9}", fmt::count(m.points)), theme.dim),
            Span::styled(format!("  {}", m.segments), theme.dim),
        ]));
    }
    out
}
