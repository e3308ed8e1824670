//! What a run's trainer says of its routers itself, where it logs no loads.

use crate::forecast::signals::{RouterNow, routers_now};
use crate::tui::fmt;
use crate::tui::theme::Theme;
use crate::vocab::RunView;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// A line for each layer, below a head.
pub(super) fn table(theme: &Theme, run: &RunView) -> Vec<Line<'static>> {
    let layers = routers_now(run.metrics.iter().map(|(key, metric)| (&**key, metric.last)));
    let name = |now: &RouterNow| fmt::tail(&now.layer, 24);
    let names = layers.iter().map(|now| fmt::width(&name(now))).max().unwrap_or(5).max(5);
    let head = format!("{}  busiest  idlest  dropped", fmt::left("layer", names));
    let mut out = vec![Line::from(Span::styled(head, theme.dim))];
    for now in &layers {
        let cell = |value: Option<f64>, bad: bool, width: usize, show: &dyn Fn(f64) -> String| {
            let text = value.map_or_else(|| "–".to_owned(), show);
            let style: Style = if bad { theme.bad } else { theme.text };
            Span::styled(format!("  {}", fmt::right(&text, width)), style)
        };
        let times = |value: f64| format!("{value:.2}×");
        out.push(Line::from(vec![
            Span::styled(fmt::left(&name(now), names), theme.text),
            cell(now.busiest, now.is_overloaded(), 7, &times),
            cell(now.idlest, now.has_dead(), 6, &times),
            cell(now.dropped, now.drops(), 7, &fmt::percent),
        ]));
    }
    out
}
