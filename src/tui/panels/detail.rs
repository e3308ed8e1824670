//! Everything about one run: what is known and where it was found, what disagrees, its metrics, its forecast, its curve.

use super::{frame, label, prose, scrolled};
use crate::tui::braille::Grid;
use crate::tui::fmt;
use crate::tui::model::{Model, losses};
use crate::tui::order::state_word;
use crate::tui::panels::runs::{state_glyph, state_style};
use crate::vocab::number::show_amount;
use crate::vocab::text::printable;
use crate::vocab::{FactName, FactValue, RunView, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::collections::BTreeSet;

/// Draws it over the body.
pub fn draw(model: &Model, body: Rect, buf: &mut Buffer) {
    let theme = &model.theme;
    let Some(run) = model.selected_run() else { return };
    let name = fmt::tail(&run.name, usize::from(body.width).saturating_sub(30));
    let title = Line::from(vec![
        Span::styled(format!("▸{name} "), theme.focus),
        Span::styled(format!("{} {} ", state_glyph(run.state), state_word(run.state)), state_style(theme, run.state)),
    ]);
    let inner = frame(body, theme.focus, title, buf);
    scrolled(model, &lines(model, run, super::text_area(inner).width), model.overlay_scroll, inner, buf);
}

/// The lines of the panel.
#[must_use]
pub fn lines(model: &Model, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let Some(snapshot) = &model.snapshot else { return Vec::new() };
    let mut out = progress(model, run);
    out.extend(signals(model, snapshot, run, width));
    out.extend(forecasts(model, snapshot, run, width));
    out.extend(curves(model, snapshot, run, width));
    out.extend(facts(model, run, width));
    out.extend(conflicts(model, run, width));
    out.extend(metrics(model, run, width));
    out
}

fn heading(model: &Model, text: &str) -> [Line<'static>; 2] {
    [Line::default(), Line::from(Span::styled(text.to_owned(), model.theme.title))]
}

fn progress(model: &Model, run: &RunView) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let (full, empty) = fmt::bar(run.progress.unwrap_or(0.0), 20);
    let mut spans = vec![
        Span::styled(full, state_style(theme, run.state)),
        Span::styled(empty, theme.faint),
        Span::styled(run.progress.map_or(" plan unknown".to_owned(), |p| format!(" {:.0}%", 100.0 * p)), theme.text),
    ];
    let mut add = |text: String| spans.push(Span::styled(text, theme.dim));
    if let Some(step) = run.last_step {
        add(format!("  step {}", fmt::count(step.max(0) as u64)));
    }
    if let Some(rate) = run.tokens_per_second {
        add(format!("  {} tokens/s", show_amount(rate)));
    }
    if let Some(silent) = model.snapshot.as_ref().and_then(|snapshot| run.silence(snapshot.at)) {
        add(format!("  last line {}", fmt::ago(silent + model.age)));
    }
    vec![Line::from(spans)]
}

fn signals(model: &Model, snapshot: &Snapshot, run: &RunView, width: u16) -> Vec<Line<'static>> {
    if run.signals.is_empty() {
        return Vec::new();
    }
    let waits = run.unacknowledged().next().is_some();
    let mut out = heading(model, if waits { "Signals (a takes them as seen)" } else { "Signals" }).to_vec();
    out.extend(run.signals.iter().flat_map(|event| super::signals::one(model, snapshot, event, false, width)));
    out
}

fn forecasts(model: &Model, snapshot: &Snapshot, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    if run.forecast.is_empty() {
        return Vec::new();
    }
    let mut out = heading(model, "Forecast of the end").to_vec();
    for (key, f) in &run.forecast {
        out.push(Line::from(vec![
            Span::styled(fmt::left(&fmt::head(&label(snapshot, key), 14), 16), theme.text),
            Span::styled(fmt::loss(f.value), theme.accent),
            Span::styled(format!("  {} – {}", fmt::loss(f.low), fmt::loss(f.high)), theme.text),
            Span::styled(format!("   {}, {:.0}% of the run seen", fmt::head(&f.law, 16), 100.0 * f.seen), theme.dim),
        ]));
    }
    let assumed: BTreeSet<&String> = run.forecast.values().filter_map(|f| f.assumed.as_ref()).collect();
    for what in assumed {
        let text = format!("Assumed: {what}, in {} in the run's directory.", crate::project::sidecar::FILE_NAME);
        out.extend(super::bullet("!", theme.warn, &text, theme.text, width));
    }
    out
}

/// Each validation loss over the run, side by side where they fit.
fn curves(model: &Model, snapshot: &Snapshot, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let courses: Vec<_> = losses(snapshot)
        .into_iter()
        .filter_map(|l| Some((l.label, run.sparklines.get(l.key).filter(|v| v.len() > 1)?)))
        .collect();
    if courses.is_empty() {
        return Vec::new();
    }
    let abreast = (usize::from(width) / 46).clamp(1, courses.len());
    let each = (usize::from(width) / abreast).saturating_sub(2);
    let mut out = heading(model, "Course of each validation loss").to_vec();
    for group in courses.chunks(abreast) {
        let blocks: Vec<Vec<Line<'static>>> =
            group.iter().map(|(label, values)| curve(model, label, values, each.min(64))).collect();
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
fn curve(model: &Model, label: &str, values: &[f64], width: usize) -> Vec<Line<'static>> {
    const ROWS: u16 = 6;
    let theme = &model.theme;
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
    }
}

fn facts(model: &Model, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let mut out = heading(model, "Facts, and where each was found").to_vec();
    if run.facts.is_empty() {
        out.extend(prose("None was found.", theme.warn, width));
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

fn conflicts(model: &Model, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    if run.conflicts.is_empty() {
        return Vec::new();
    }
    let mut out = heading(model, "Sources that disagree").to_vec();
    for c in &run.conflicts {
        let text = format!(
            "{}: {} from {} is used; {} says {}",
            c.name.as_str(),
            show(&c.kept.value),
            c.kept.source,
            c.other.source,
            show(&c.other.value)
        );
        out.extend(super::bullet("!", theme.warn, &text, theme.text, width));
    }
    out
}

fn metrics(model: &Model, run: &RunView, width: u16) -> Vec<Line<'static>> {
    let theme = &model.theme;
    let mut out = heading(model, "Metrics").to_vec();
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
