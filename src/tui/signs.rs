//! Signs, words and styles that several views share: those of a run's state, of a severity, and of alerts that wait.

use super::theme::Theme;
use crate::vocab::signal::Alert;
use crate::vocab::{RunState, RunView, Severity, Snapshot};
use ratatui::style::Style;

/// The sign of a run's state, and how it looks.
#[must_use]
pub fn state(theme: &Theme, state: RunState) -> (&'static str, Style) {
    match state {
        RunState::Waiting => ("·", theme.dim),
        RunState::Running => ("▸", theme.accent),
        RunState::Stalled => ("!", theme.warn),
        RunState::Finished => ("✓", theme.good),
        RunState::Diverged | RunState::Failed => ("✗", theme.bad),
    }
}

/// The sign and the colour of a run among others, the same for as long as its store exists. Both, as colours alone do not
/// tell runs apart for everybody, and in some terminals there are none.
#[must_use]
pub fn series(theme: &Theme, run: u32) -> (&'static str, Style) {
    const SIGNS: [&str; 8] = ["●", "○", "◆", "◇", "■", "□", "▲", "△"];
    let at = run as usize;
    (SIGNS[at % SIGNS.len()], theme.series[at % theme.series.len()])
}

/// The word for a state, as shown and as filtered by.
#[must_use]
pub fn state_word(state: RunState) -> &'static str {
    match state {
        RunState::Waiting => "waiting",
        RunState::Running => "running",
        RunState::Stalled => "stalled",
        RunState::Finished => "finished",
        RunState::Diverged => "diverged",
        RunState::Failed => "failed",
    }
}

/// The sign of a severity, and how it looks.
#[must_use]
pub fn severity(theme: &Theme, severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Error => ("✗", theme.bad),
        Severity::Warning => ("!", theme.warn),
        Severity::Info => ("·", theme.dim),
    }
}

/// How many alerts wait to be dismissed that are more than good to know, and the loudest of them.
#[must_use]
pub fn alerts_waiting(snapshot: &Snapshot) -> (usize, Option<Severity>) {
    let loudest = snapshot.runs.iter().filter_map(|run| loudest_alert(run)).max();
    (snapshot.runs.iter().flat_map(|run| trouble(run)).count(), loudest)
}

/// The loudest alert of a run that waits and is more than good to know.
#[must_use]
pub fn loudest_alert(run: &RunView) -> Option<Severity> {
    trouble(run).map(|e| e.signal.severity).max()
}

fn trouble(run: &RunView) -> impl Iterator<Item = &Alert> {
    run.unacknowledged().filter(|e| e.signal.severity > Severity::Info)
}
