//! Forecasts in place of advice, for a project with nothing to mix: where the runs in progress end, and the target.

use super::{as_is, reach};
use crate::project::sidecar::FILE_NAME;
use crate::tui::fmt;
use crate::tui::shared::{Shared, label, losses};
use crate::tui::text::prose;
use crate::vocab::count::counted;
use crate::vocab::text::printable;
use crate::vocab::{RunForecast, RunState, RunView, Snapshot};
use ratatui::text::{Line, Span};

/// Runs whose forecasts are shown, the newest first; all of them stand in the table of runs.
const RUNS: usize = 3;
/// Losses of a run that are shown, those of the project first.
const LOSSES: usize = 8;

/// The first forecast in one line.
pub(super) fn headline(snapshot: &Snapshot) -> String {
    let run = snapshot.runs.iter().find_map(|run| Some((run, *sorted(snapshot, run).first()?)));
    if let Some((_, (key, forecast))) = run {
        let (value, low, high) = (fmt::loss(forecast.value), fmt::loss(forecast.low), fmt::loss(forecast.high));
        return format!("{} at the end: {value} ({low}–{high})", label(snapshot, key));
    }
    match snapshot.forecasts.iter().find(|forecast| forecast.chosen) {
        Some(f) => format!("{} at the target: {}", label(snapshot, &f.metric), fmt::loss(f.interval.value)),
        None => "No forecast yet".to_owned(),
    }
}

/// A run's forecasts, those of the project's metrics first, in its order.
fn sorted<'a>(snapshot: &Snapshot, run: &'a RunView) -> Vec<(&'a String, &'a RunForecast)> {
    let named = losses(snapshot);
    let place = |key: &str| named.iter().position(|loss| loss.key == key).unwrap_or(usize::MAX);
    let mut all: Vec<_> = run.forecast.iter().collect();
    all.sort_by_cached_key(|(key, _)| place(key));
    all
}

pub(super) fn lines(shared: &Shared, snapshot: &Snapshot, width: u16) -> Vec<Line<'static>> {
    let theme = &shared.theme;
    let mut out = Vec::new();
    let with_forecasts = || snapshot.runs.iter().filter(|run| !run.forecast.is_empty());
    for run in with_forecasts().take(RUNS) {
        let name = fmt::tail(shared.runs.short(&run.name), usize::from(width).saturating_sub(12));
        let done = run.progress.map_or_else(String::new, |part| format!(" at {:.0}%", 100.0 * part));
        out.push(Line::from(vec![Span::styled(name, theme.title), Span::styled(done, theme.dim)]));
        let shown = sorted(snapshot, run);
        let rest = shown.len().saturating_sub(LOSSES);
        let newest = |key: &str| fmt::loss_or_dash(run.metrics.get(key).map(|metric| metric.last));
        let range = |forecast: &RunForecast| format!("{}–{}", fmt::loss(forecast.low), fmt::loss(forecast.high));
        let first = || shown.iter().take(LOSSES);
        let now = fmt::widest(6, first().map(|(key, _)| newest(key)));
        let end = fmt::widest(6, first().map(|(_, forecast)| fmt::loss(forecast.value)));
        let ranges = fmt::widest(9, first().map(|(_, forecast)| range(forecast)));
        // What the numbers leave is the names'.
        let room = usize::from(width).saturating_sub(now + end + ranges + 5).clamp(4, 24);
        let name = |key: &str| fmt::head(&label(snapshot, key), room);
        let names = fmt::widest(4, first().map(|(key, _)| name(key)));
        let head = format!("{} {:>now$} → {:<end$} {}", fmt::left("loss", names), "now", "end", "90% range");
        out.push(Line::from(Span::styled(head, theme.dim)));
        for (key, forecast) in shown.into_iter().take(LOSSES) {
            out.push(Line::from(vec![
                Span::styled(fmt::left(&name(key), names), theme.text),
                Span::styled(format!(" {:>now$}", newest(key)), theme.now),
                Span::styled(" → ", theme.dim),
                Span::styled(format!("{:<end$}", fmt::loss(forecast.value)), theme.accent),
                Span::styled(format!(" {}", range(forecast)), theme.text),
            ]));
        }
        if rest > 0 {
            out.push(Line::from(Span::styled(format!("… and {} more", fmt::count(rest as u64)), theme.dim)));
        }
        out.push(Line::default());
    }
    let more = with_forecasts().count().saturating_sub(RUNS);
    if more > 0 {
        out.extend(prose(&format!("Forecasts of {more} more stand in the table of runs."), theme.dim, width));
    }
    if let Some(forecast) = snapshot.forecasts.iter().find(|forecast| forecast.chosen) {
        out.extend(as_is(theme, snapshot, forecast, width));
        out.extend(reach(theme, snapshot, width));
    }
    if out.is_empty() {
        out.extend(prose(&why_none(snapshot), theme.text, width));
    }
    while out.last().is_some_and(|line| line.width() == 0) {
        out.pop();
    }
    out
}

/// Why nothing is forecast, and what to write.
fn why_none(snapshot: &Snapshot) -> String {
    let goes_on = |run: &&std::sync::Arc<RunView>| matches!(run.state, RunState::Running | RunState::Stalled);
    let going = || snapshot.runs.iter().filter(goes_on);
    match going().find(|run| run.progress.is_none()) {
        _ if snapshot.runs.is_empty() => "No runs yet. Forecasts appear when one has logged a few losses.".to_owned(),
        _ if going().next().is_none() => {
            format!("No run is in progress: {} ended.", counted(snapshot.runs.len(), "run"))
        }
        Some(run) => {
            let name = printable(&run.name);
            format!(
                "The length of {name} is unknown. To forecast its end, write in its {FILE_NAME}: planned_steps: 10000"
            )
        }
        None => "Forecasts appear when a run has logged a few losses.".to_owned(),
    }
}
